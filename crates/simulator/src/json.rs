//! JSON text as PHP's `json_encode` writes it: `\u00f3` for ó, and `\/` for a slash.
//!
//! The server behind the real API is written in PHP. A reader that only ever met plain UTF-8 would
//! break on it.

use serde_json::ser::Formatter;
use std::io::{self, Write};

/// Escapes what PHP escapes by default.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhpFormatter;

impl Formatter for PhpFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut units = [0; 2];
        let mut plain = 0;
        for (at, symbol) in fragment.char_indices().filter(|(_, c)| !c.is_ascii() || *c == '/') {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            plain = at + symbol.len_utf8();
            if symbol == '/' {
                writer.write_all(b"\\/")?;
                continue;
            }
            for unit in symbol.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[test]
    fn text_is_escaped_as_php_does_and_reads_back_the_same() {
        let text = "Facturación / \"N\\D\" 🙂\n";
        let mut out = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut out, PhpFormatter))
            .unwrap();
        let json = String::from_utf8(out).unwrap();
        assert_eq!(json, r#""Facturaci\u00f3n \/ \"N\\D\" \ud83d\ude42\n""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
