//! A JSON value as the text that it stands for, cleaned and cut as a label is.
//!
//! Owns the ways in which servers write a scalar.

use std::borrow::Cow;

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
    /// What a scalar says.
    Is(Cow<'a, str>),
    /// It is a list or an object: which of them.
    Odd(&'static str),
}

impl<'a> Text<'a> {
    /// What a text says that stands in quotes, with escapes or without.
    pub(super) fn quoted(json: &'a str, escaped: bool) -> Result<Self, serde_json::Error> {
        Ok(Self::Is(match escaped {
            false => Cow::Borrowed(&json[1..json.len() - 1]),
            true => Cow::Owned(serde_json::from_str(json)?),
        }))
    }

    /// What a value says, in the one way in which it is compared: numbers of any length as they are written.
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

/// At most `length` characters of a text, without a space at the end.
pub(super) fn cut(text: &str, length: usize) -> &str {
    if text.len() <= length {
        return text;
    }
    match text.char_indices().nth(length) {
        Some((at, _)) => text[..at].trim_end(),
        None => text,
    }
}

/// Without surrounding space and control characters.
pub(super) fn clean<'a>(text: &Text<'a>) -> Cow<'a, str> {
    match text {
        Text::Is(Cow::Borrowed(text)) => cleaned(text),
        Text::Is(Cow::Owned(text)) => Cow::Owned(cleaned(text).into_owned()),
        Text::Missing | Text::Null | Text::Odd(_) => Cow::Borrowed(""),
    }
}

fn cleaned(text: &str) -> Cow<'_, str> {
    // Nearly all are ASCII; looked at without a way out in between, which is faster for short texts.
    if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text.trim_ascii());
    }
    let text = text.trim();
    if text.contains(char::is_control) {
        Cow::Owned(text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
    } else {
        Cow::Borrowed(text)
    }
}

pub(super) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "--" | "0") || text.eq_ignore_ascii_case("null")
}
