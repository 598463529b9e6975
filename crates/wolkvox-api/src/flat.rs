//! Reads the members of an object of plain values, such as nearly every row.
//!
//! Reads simple cases exactly as `serde_json` would, in half the time, and gives up on all others:
//! nested values, fractions, names with escapes, and text that is no JSON.

use std::borrow::Cow;

use super::text::Text;

/// Digits of the longest number that is read. A longer one may have more than 64 bits, and then its
/// digits must be kept.
const MOST_DIGITS: usize = 18;

/// Hands on each member until `each` returns false. Returns `None` if that happened, or if this is
/// no such object.
pub(super) fn members<'a>(
    json: &'a str,
    mut each: impl FnMut(&'a str, Text<'a>) -> bool,
) -> Option<()> {
    let mut rest = FlatReader { json, at: 0 };
    rest.token().filter(|byte| *byte == b'{')?;
    loop {
        rest.token().filter(|byte| *byte == b'"')?;
        let (name, escaped) = rest.text()?;
        rest.token().filter(|byte| *byte == b':' && !escaped)?;
        let value = rest.value()?;
        if !each(name, value) {
            return None;
        }
        match rest.token()? {
            b',' => {}
            b'}' => return rest.token().is_none().then_some(()),
            _ => return None,
        }
    }
}

/// Returns the place of the next quote, backslash or control character.
///
/// Reads eight bytes at a time: most names and values are so short that a search with wider
/// registers would take longer to begin than it lasts.
pub(super) fn stop(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = EACH << 7;
    let (eights, rest) = bytes.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        // The highest bit is set in each byte that was smaller than the subtrahend. A borrow from
        // the next bytes spoils only those after the first match.
        let quote = (eight ^ (EACH * u64::from(b'"'))).wrapping_sub(EACH);
        let backslash = (eight ^ (EACH * u64::from(b'\\'))).wrapping_sub(EACH);
        let control = eight.wrapping_sub(EACH * u64::from(b' '));
        let found = (quote | backslash | control) & !eight & HIGHEST;
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
    found.map(|at| eights.len() * 8 + at)
}

/// Reads a text from its beginning to its end.
struct FlatReader<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> FlatReader<'a> {
    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is no space.
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
        }
    }

    /// Returns the text before the next quote, and whether it has escapes.
    fn text(&mut self) -> Option<(&'a str, bool)> {
        let begin = self.at;
        let mut escaped = false;
        loop {
            let rest = self.json.as_bytes().get(self.at..)?;
            self.at += stop(rest)?;
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => return None,
            }
        }
        let text = &self.json[begin..self.at];
        self.at += 1;
        Some((text, escaped))
    }

    fn value(&mut self) -> Option<Text<'a>> {
        let first = self.token()?;
        let begin = self.at - 1;
        if first == b'"' {
            let (_, escaped) = self.text()?;
            return Text::quoted(&self.json[begin..self.at], escaped).ok();
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        match self.json.get(begin..self.at)? {
            "null" => Some(Text::Null),
            word @ ("true" | "false" | "0") => Some(Text::Is(Cow::Borrowed(word))),
            number => {
                let plain = first != b'0' && number.bytes().all(|byte| byte.is_ascii_digit());
                (plain && number.len() <= MOST_DIGITS).then_some(Text::Is(Cow::Borrowed(number)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    type Found<'a> = BTreeMap<String, Text<'a>>;

    fn quickly(json: &str) -> Option<Found<'_>> {
        let mut found = Found::new();
        members(json, |name, value| found.insert(name.to_owned(), value).is_none())?;
        Some(found)
    }

    fn closely(json: &str) -> Option<Found<'_>> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        raw.into_iter().map(|(name, value)| Some((name, Text::of(value).ok()?))).collect()
    }

    #[test]
    fn plain_objects_are_read_and_nothing_else() {
        for json in [
            r#"{"a":"x"}"#,
            " {\n\t\"a\" : \"x\" ,\r\n \"b\":null,\"\":true, \"c\":false,\"d\":0,\"e\":123456789012345678 } ",
            r#"{"a":"Facturaci\u00f3n \ud83d\ude00 \\\"","b":"ñ"}"#,
        ] {
            assert_eq!(quickly(json), closely(json), "{json}");
            assert!(quickly(json).is_some(), "{json}");
        }
        for json in [
            "",
            "{",
            "{}",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"x",
            "{\"a\":\"x\"",
            "{\"a\":\"x\"}}",
            "{\"a\":\"x\"}x",
            "{\"a\":\"x\",}",
            "{,\"a\":\"x\"}",
            "{\"a\":01}",
            "{\"a\":-1}",
            "{\"a\":1.5}",
            "{\"a\":1e5}",
            "{\"a\":1234567890123456789}",
            "{\"a\":{}}",
            "{\"a\":[]}",
            "{\"a\":nul}",
            "{\"a\":nullx}",
            "{a:1}",
            "{\"a\\n\":1}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":\"\\",
            "{\"a\":\"\\ñ\"}",
            "[\"a\"]",
            "\u{a0}{\"a\":1}",
            "{\"a\":\u{c}1}",
            "{\"a\":1\u{c}}",
        ] {
            assert_eq!(quickly(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn eight_at_once_stop_where_each_alone_would(
            bytes in prop::collection::vec(prop_oneof![9 => 32u8.., 1 => any::<u8>()], 0..40),
        ) {
            let alone = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
            prop_assert_eq!(stop(&bytes), alone);
        }

        #[test]
        fn what_is_read_is_what_serde_reads(
            members in prop::collection::btree_map(
                "[a-c\"\\\\ñ]{0,3}",
                prop_oneof![
                    any::<String>().prop_map(serde_json::Value::from),
                    any::<u64>().prop_map(serde_json::Value::from),
                    any::<i32>().prop_map(serde_json::Value::from),
                    Just(serde_json::Value::Null),
                    any::<bool>().prop_map(serde_json::Value::from),
                ],
                0..5,
            ),
            damage in prop::option::of((any::<prop::sample::Index>(), "[\"\\\\{},: 0n\n\u{c}é]{0,2}")),
        ) {
            let mut json = serde_json::to_string(&members).unwrap();
            if let Some((at, instead)) = damage {
                let at = at.index(json.len());
                if json.is_char_boundary(at) && json.is_char_boundary(at + 1) {
                    json.replace_range(at..=at, &instead);
                }
            }
            if let Some(found) = quickly(&json) {
                prop_assert_eq!(Some(found), closely(&json));
            }
        }
    }
}
