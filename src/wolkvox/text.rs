//! A JSON value as the text that it stands for, cleaned and cut as a label is.
//!
//! Owns the ways in which servers write a scalar. There are two ways to read one: a quick one for what servers usually
//! write, and a close one for everything else.

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

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Missing | Self::Null | Self::Odd(_) => "",
        }
    }
}

impl<'a> Text<'a> {
    /// What a value says, in the one way in which it is compared: numbers of any length as they are written.
    pub(super) fn of(raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        let json = raw.get();
        Ok(match json.as_bytes().first() {
            Some(b'"') => Self::Is(serde_json::from_str::<Plain<'a>>(json)?.0.unwrap_or_default()),
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

/// A text, a whole number of 64 bits, a boolean or null; anything else is an error, to be looked at more closely.
#[derive(Debug)]
struct Plain<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Plain<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, a number or null")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Plain(Some(Cow::Borrowed(v))))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Plain(Some(Cow::Owned(v.to_owned()))))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Plain(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Plain(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
                Ok(Plain(Some(Cow::Borrowed(if v { "true" } else { "false" }))))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Plain(None))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A [`Text`] by the quick way: what is no [`Plain`] is an error.
pub(super) fn plain<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
    Ok(Plain::deserialize(deserializer)?.0.map_or(Text::Null, Text::Is))
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
pub(super) fn clean<'a>(text: &'a Text<'_>) -> Cow<'a, str> {
    let text = text.as_str();
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
