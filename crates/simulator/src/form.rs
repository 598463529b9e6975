//! Decodes the query of a request. It must never fail: text that cannot be decoded stays as it is.

/// Returns the first value of this name.
pub fn value(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
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
            assert_eq!(value(Some(&format!("a={text}")), "a").as_deref(), Some(text));
        }
        assert_eq!(value(Some("a=%ff"), "a").as_deref(), Some("\u{fffd}"));
    }
}
