//! The query of a request, decoded.
//!
//! Owns nothing but text; it must never fail: what cannot be decoded stays as it is.

/// The first value of this name.
pub(super) fn value(query: Option<&str>, name: &str) -> Option<String> {
    query?
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value))
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        out.push(match (byte, after) {
            (b'%', [high, low, beyond @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = beyond;
                digit(*high) << 4 | digit(*low)
            }
            (b'+', _) => b' ',
            _ => *byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_decoded() {
        let query = Some("api=diagram_13&from=2026-01-18T00%3a00%3A00%2B00:00&empty=&x=a+b&bare");
        assert_eq!(value(query, "api").as_deref(), Some("diagram_13"));
        assert_eq!(value(query, "from").as_deref(), Some("2026-01-18T00:00:00+00:00"));
        assert_eq!(value(query, "empty").as_deref(), Some(""));
        assert_eq!(value(query, "x").as_deref(), Some("a b"));
        assert_eq!(value(query, "bare").as_deref(), Some(""));
        assert_eq!(value(query, "none"), None);
        assert_eq!(value(None, "api"), None);
    }

    #[test]
    fn broken_escapes_stay() {
        for text in ["%", "%4", "%zz", "a%"] {
            assert_eq!(decode(text), text);
        }
        assert_eq!(decode("%ff"), "\u{fffd}");
    }
}
