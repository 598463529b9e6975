//! Texts for people, in English and Spanish side by side.
//!
//! Owns the form of a table of texts, and the substitution of values. The tables are in the rooms
//! that use them, and this crate imports none. Words of the operating system and of the vendor are
//! not translated. A value is never parsed as a text.

mod bilingual;
mod language;
mod quantities;

pub use bilingual::Bilingual;
pub use language::Language;
pub use quantities::{count, duration, moment, span};

/// A text that exists in every language. `{name}` in it is replaced by a value.
pub trait Words: Copy {
    /// Its words.
    fn in_language(self, language: Language) -> &'static str;
}

/// An enum of texts, each with its English and its Spanish words.
#[macro_export]
macro_rules! texts {
    ($(#[$about:meta])* $visibility:vis $table:ident; $($name:ident: $english:literal, $spanish:literal;)+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $table {
            $($name,)+
        }

        impl $table {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];
        }

        impl $crate::Words for $table {
            fn in_language(self, language: $crate::Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, $crate::Language::En) => $english,
                    (Self::$name, $crate::Language::Es) => $spanish,)+
                }
            }
        }
    };
}

/// The values that replace `{name}` in a text.
pub type Values<'a> = &'a [(&'a str, String)];

/// A text with its values.
pub fn fill(text: &str, values: Values<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A text in a language, with its values.
pub fn say(text: impl Words, language: Language, values: Values<'_>) -> String {
    fill(text.in_language(language), values)
}

/// Asserts that both languages of each text are well formed and have the same values. Only the
/// texts `alike` may be the same in both.
#[doc(hidden)]
pub fn assert_good<T: Words + std::fmt::Debug>(all: &[T], alike: &[&str]) {
    use std::collections::BTreeSet;

    fn names(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }
    for text in all {
        let english = text.in_language(Language::En);
        let spanish = text.in_language(Language::Es);
        assert!(!english.trim().is_empty() && !spanish.trim().is_empty(), "{text:?}");
        assert_eq!(names(english), names(spanish), "{text:?}");
        assert_eq!(english == spanish, alike.contains(&format!("{text:?}").as_str()), "{text:?}");
        for words in [english, spanish] {
            assert!(!words.contains("  ") && words.trim() == words, "{text:?}: {words}");
            assert_eq!(words.matches('`').count() % 2, 0, "{text:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_read_as_a_text() {
        let values = [("a", "{b}".to_owned()), ("b", "2".to_owned())];
        assert_eq!(fill("x {a} {b} {c}.", &values), "x {b} 2 .");
    }
}
