//! A JSON value as text, cleaned and cut like a label.
//!
//! Owns the ways in which servers write a scalar.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// A JSON value as text: the API writes numbers as strings, and sometimes does not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// There is no such field.
    #[default]
    Missing,
    /// It is null.
    Null,
    /// The text of a scalar.
    Is(Cow<'a, str>),
    /// The kind of a value that is a list or an object.
    Odd(&'static str),
}

impl<'a> Text<'a> {
    /// Reads a text in quotes, with escapes or without.
    pub(super) fn quoted(json: &'a str, escaped: bool) -> Result<Self, serde_json::Error> {
        Ok(Self::Is(match escaped {
            false => Cow::Borrowed(&json[1..json.len() - 1]),
            true => Cow::Owned(serde_json::from_str(json)?),
        }))
    }

    /// Reads a value in the one form in which it is compared: numbers of any length as they are
    /// written.
    pub(super) fn of(raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        let json = raw.get();
        Ok(match json.as_bytes().first() {
            Some(b'"') => Self::quoted(json, json.contains('\\'))?,
            Some(b'n') | None => Self::Null,
            Some(b'[') => Self::Odd("a list"),
            Some(b'{') => Self::Odd("an object"),
            Some(b't' | b'f') => Self::Is(Cow::Borrowed(json)),
            // 37.0 is 37, as long as no digit gets lost on the way.
            Some(_) => match json.parse::<f64>() {
                Ok(number) if json.len() <= 16 && json.contains(['.', 'e', 'E']) => {
                    Self::Is(Cow::Owned(number.to_string()))
                }
                _ => Self::Is(Cow::Borrowed(json)),
            },
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::of(<&'de RawValue>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Cuts a text to at most `length` characters, without a space at the end.
pub(super) fn cut(text: &str, length: usize) -> &str {
    if text.len() <= length {
        return text;
    }
    match text.char_indices().nth(length) {
        Some((at, _)) => text[..at].trim_end(),
        None => text,
    }
}

/// Returns a value in the form of labels and hashes: trimmed, composed, and without invisible
/// characters.
pub(super) fn clean<'a>(text: &Text<'a>) -> Cow<'a, str> {
    match text {
        Text::Is(Cow::Borrowed(text)) => cleaned(text),
        Text::Is(Cow::Owned(text)) => Cow::Owned(cleaned(text).into_owned()),
        Text::Missing | Text::Null | Text::Odd(_) => Cow::Borrowed(""),
    }
}

fn cleaned(text: &str) -> Cow<'_, str> {
    // Nearly all are ASCII. The loop has no early exit, which is faster for short texts.
    if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text.trim_ascii());
    }
    let text = text.trim();
    let composed = ComposingNormalizerBorrowed::new_nfc();
    if !text.contains(|c| is_invisible(c) || is_odd_space(c)) && composed.is_normalized(text) {
        return Cow::Borrowed(text);
    }
    let visible = text.chars().filter(|c| !is_invisible(*c));
    let visible: String = visible.map(|c| if is_odd_space(c) { ' ' } else { c }).collect();
    Cow::Owned(composed.normalize(visible.trim()).into_owned())
}

/// Returns true for a space that looks like the common one.
fn is_odd_space(c: char) -> bool {
    c != ' ' && c.is_whitespace() && !c.is_control()
}

/// Returns true for a character that leaves no mark, or that only changes the layout of others: two
/// texts that differ by it alone look alike. The categories Cc, Cf, Zl and Zp of Unicode 16, its
/// `Default_Ignorable_Code_Point`, and the empty Braille pattern.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

pub(super) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "--" | "0") || text.eq_ignore_ascii_case("null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_alike_are_one() {
        for (written, label) in [
            ("1\u{200b}", "1"),
            ("\u{feff}1", "1"),
            ("a\u{ad}b\u{2060}c", "abc"),
            ("\u{202e}ETNEGA\u{202c}", "ETNEGA"),
            ("\u{2066}1\u{2069}", "1"),
            ("1\u{fe0f}\u{e0101}\u{e007f}", "1"),
            ("a\u{2028}b", "ab"),
            ("\u{3164}\u{200d}\u{2800}", ""),
            ("VENTAS\u{a0}WEB", "VENTAS WEB"),
            ("VENTAS\u{202f}WEB\u{3000}", "VENTAS WEB"),
            ("Man\u{303}ana", "Mañana"),
            ("Mañana", "Mañana"),
            ("a\tb\u{7f}", "ab"),
            (" N/D ", "N/D"),
            ("☎ 😀", "☎ 😀"),
        ] {
            assert_eq!(cleaned(written), label, "{written:?}");
        }
    }
}
