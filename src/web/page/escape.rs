//! Text made safe for HTML.

use std::fmt::{self, Display};

/// Text made safe between tags and inside a quoted attribute.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: AsRef<str>> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_ref();
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (before, special) = rest.split_at(at);
            f.write_str(before)?;
            let mut characters = special.chars();
            f.write_str(match characters.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                _ => "&#39;",
            })?;
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn markup_becomes_text() {
        for (text, safe) in [
            ("", ""),
            ("Ventas ñ 📞", "Ventas ñ 📞"),
            ("<b>\"R&D\" it's</b>", "&lt;b&gt;&quot;R&amp;D&quot; it&#39;s&lt;/b&gt;"),
            ("&amp;", "&amp;amp;"),
            ("x'", "x&#39;"),
        ] {
            assert_eq!(Escaped(text).to_string(), safe);
        }
    }
}
