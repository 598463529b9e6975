//! Repairs JSON that servers write almost correctly: half of a surrogate pair, and control
//! characters within a text.
//!
//! `serde_json` refuses both, and neither is a reason to lose a row. Every other mistake stays.

use std::borrow::Cow;

/// Returns the same JSON, with each lone surrogate as a replacement character and each bare control
/// character escaped.
pub(super) fn mended(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let suspicious = json.contains("\\u") || bytes.iter().any(|byte| *byte < b' ');
    if !suspicious {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    let mut at = 0;
    let mut copied = 0;
    let mut in_string = false;
    while let Some(&byte) = bytes.get(at) {
        let (length, instead) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => escape(&bytes[at..]),
            ..b' ' if in_string => (1, Some(format!("\\u{byte:04x}"))),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            out.push_str(&json[copied..at]);
            out.push_str(&instead);
            copied = at + length;
        }
        at += length;
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// Returns the length of the escape at the start of `bytes`, and its replacement, if it needs one.
fn escape(bytes: &[u8]) -> (usize, Option<String>) {
    match unit(bytes) {
        Some(0xD800..=0xDBFF) => match unit(&bytes[6..]) {
            Some(0xDC00..=0xDFFF) => (12, None),
            _ => (6, Some("\\ufffd".to_owned())),
        },
        Some(0xDC00..=0xDFFF) => (6, Some("\\ufffd".to_owned())),
        Some(_) => (6, None),
        // The byte after it may be the first of several: an escape of ASCII is all that JSON has.
        None if bytes.get(1).is_some_and(u8::is_ascii) => (2, None),
        None => (1, None),
    }
}

/// Returns the code unit of `\u1234`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let digits = str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn halves_and_bare_controls_are_mended_and_nothing_else() {
        for (json, text) in [
            (r#""a\ud83dz""#, "a\u{fffd}z"),
            (r#""\ude00""#, "\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\uD83D\uDE00 \\ud83d""#, "😀 \\ud83d"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            ("\"a\tb\u{1}\"", "a\tb\u{1}"),
            ("\n\t\"ñ\\u00f1\"", "ññ"),
        ] {
            assert_eq!(
                serde_json::from_str::<String>(&mended(json)).as_deref().ok(),
                Some(text),
                "{json}"
            );
        }
        for json in [r#""\u12""#, r#""\ud8""#, "\"a\\ñ\"", "\u{1}\"\"", "\"\\", r#""\uzzzz""#] {
            assert!(serde_json::from_str::<Value>(&mended(json)).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn good_json_stays_what_it_is(text in any::<String>()) {
            for json in [Value::from(text.clone()).to_string(), format!("[{:?}]", 1)] {
                prop_assert_eq!(
                    serde_json::from_str::<Value>(&mended(&json)).unwrap(),
                    serde_json::from_str::<Value>(&json).unwrap()
                );
            }
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in any::<String>(), tail in "[\"\\\\udD8c0-9ñ]{0,30}") {
            mended(&text);
            mended(&format!("\"{tail}"));
        }
    }
}
