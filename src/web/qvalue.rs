//! Lists with quality values in headers such as `Accept`, `Accept-Encoding` and `Accept-Language`
//! (RFC 9110, 12.4.2 and 12.5). Pure and lenient: unreadable elements are ignored.

/// Splits a list header into its elements. A comma within a quoted parameter splits too; the halves
/// are no ranges and are ignored.
pub(crate) fn elements<'a>(
    headers: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = &'a str> {
    headers.into_iter().flat_map(|header| header.split(',')).map(str::trim)
}

/// Returns the value of a parameter of an element.
pub(crate) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Returns the quality in thousandths, 1000 without one, `None` for an invalid one.
pub(crate) fn quality(parameters: &str) -> Option<u16> {
    let Some(q) = parameter(parameters, "q") else { return Some(1000) };
    let q: f32 = q.parse().ok()?;
    (0.0..=1.0).contains(&q).then_some((q * 1000.0).round() as u16)
}
