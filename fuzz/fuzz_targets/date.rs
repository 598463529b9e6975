//! Fuzzes dates: the second that is read from a text must show the digits of that text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wolkvox_exporter::wolkvox::parse_date;

fuzz_target!(|text: &str| {
    let Some(second) = parse_date(text) else { return };
    let shown = second.civil().expect("a second that exists");
    // Without seconds, the digits after the minute may be an offset.
    let digits: String = text.chars().filter(char::is_ascii_digit).take(12).collect();
    assert_eq!(shown.strftime("%Y%m%d%H%M").to_string(), digits, "{text:?}");
});
