//! A row that is too long to be held: its short, known fields are kept while it passes, and the
//! rest is skipped.
//!
//! Takes the bytes of one JSON value in any pieces; the caller finds its end. Its memory is bounded
//! by the known fields, whatever a server adds to them. It must never make a row of something that
//! was none.

/// Fields that are read from rows, routing points and options.
const KEPT: [&[u8]; 11] = [
    b"rp_id",
    b"conn_id",
    b"channel",
    b"attempt",
    b"date",
    b"second_event",
    b"cod_opc_menu",
    b"rp_name",
    b"cod_act",
    b"code_act",
    b"description_cod_act",
];
/// Length of the longest name that is compared, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Most bytes of one row that are kept.
const MAX_KEPT_BYTES: usize = 32 * 1024;

/// The part of the object to which the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowPlace {
    /// Before the opening brace.
    Before,
    /// Before a name, or the end.
    Name,
    InName,
    Colon,
    /// In a value, or before it.
    Value,
    /// After the object, or in something that is not an object.
    Over,
}

/// Keeps the needed fields of one long object.
#[derive(Debug)]
pub(super) struct LongRow {
    place: RowPlace,
    /// Depth within a value.
    depth: u32,
    in_text: bool,
    escaped: bool,
    name: Vec<u8>,
    keeps: bool,
    kept: Vec<u8>,
    /// It is no object, or its kept fields are too long themselves.
    given_up: bool,
}

impl LongRow {
    pub(super) fn new() -> Self {
        Self {
            place: RowPlace::Before,
            depth: 0,
            in_text: false,
            escaped: false,
            name: Vec::new(),
            keeps: false,
            kept: Vec::new(),
            given_up: false,
        }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.given_up {
                return;
            }
            self.take(byte);
        }
    }

    /// Returns the object with its known fields alone; `None` if that is impossible.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.place == RowPlace::Over && !self.given_up).then_some(self.kept)
    }

    fn take(&mut self, byte: u8) {
        match self.place {
            RowPlace::Before if byte == b'{' => {
                self.kept.push(b'{');
                self.place = RowPlace::Name;
            }
            RowPlace::Name => match byte {
                b'"' => self.begin_name(),
                b'}' => {
                    self.kept.push(b'}');
                    self.place = RowPlace::Over;
                }
                b',' => {}
                space if space.is_ascii_whitespace() => {}
                _ => self.given_up = true,
            },
            RowPlace::InName => self.name_byte(byte),
            RowPlace::Colon => match byte {
                b':' => self.begin_value(),
                space if space.is_ascii_whitespace() => {}
                _ => self.given_up = true,
            },
            RowPlace::Value => self.value_byte(byte),
            RowPlace::Before => self.given_up = true,
            RowPlace::Over => {}
        }
    }

    fn begin_name(&mut self) {
        self.name.clear();
        self.place = RowPlace::InName;
    }

    fn name_byte(&mut self, byte: u8) {
        if byte == b'"' && !self.escaped {
            self.place = RowPlace::Colon;
            return;
        }
        self.escaped = byte == b'\\' && !self.escaped;
        if self.name.len() <= MAX_NAME_BYTES {
            self.name.push(byte);
        }
    }

    fn begin_value(&mut self) {
        self.place = RowPlace::Value;
        // A name with escapes is kept, because it may be a known one.
        let is_escaped = self.name.contains(&b'\\') && self.name.len() <= MAX_NAME_BYTES;
        self.keeps = is_escaped || KEPT.contains(&self.name.as_slice());
        if self.keeps {
            if self.kept.len() > 1 {
                self.kept.push(b',');
            }
            self.kept.push(b'"');
            self.kept.extend_from_slice(&self.name);
            self.kept.extend_from_slice(b"\":");
        }
    }

    fn value_byte(&mut self, byte: u8) {
        let is_end = !self.in_text && self.depth == 0 && matches!(byte, b',' | b'}');
        if is_end {
            self.place = RowPlace::Name;
            return self.take(byte);
        }
        if self.in_text {
            let closes = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_text = !closes;
        } else {
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        if self.keeps {
            self.kept.push(byte);
            self.given_up |= self.kept.len() > MAX_KEPT_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(json: &str, chunk: usize) -> Option<String> {
        let mut row = LongRow::new();
        json.as_bytes().chunks(chunk).for_each(|bytes| row.push(bytes));
        row.finish().map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn the_known_fields_are_kept() {
        let long = "x".repeat(MAX_KEPT_BYTES);
        for (json, expected) in [
            (
                r#"{"rp_id":"10","new":"LONG","date":"2026"}"#,
                Some(r#"{"rp_id":"10","date":"2026"}"#),
            ),
            (
                r#" { "new" : ["LONG", {"rp_id":"no"}] , "rp_id" : "1\"0" } "#.trim(),
                Some(r#"{"rp_id": "1\"0" }"#),
            ),
            (
                r#"{"new":"}{\",LONG","conn_id":7,"cod_opc_menu":null}"#,
                Some(r#"{"conn_id":7,"cod_opc_menu":null}"#),
            ),
            (r#"{"rp\u005fid":"10","LONG":1}"#, Some(r#"{"rp\u005fid":"10"}"#)),
            (r#"{"new":"LONG"}"#, Some("{}")),
            // A known field that is long itself; and what is no object.
            (r#"{"rp_id":"10","cod_opc_menu":"LONG"}"#, None),
            (r#"["LONG"]"#, None),
            (r#"{"rp_id":"LONG"#, None),
            (r#"{LONG}"#, None),
        ] {
            let json = json.replace("LONG", &long);
            for chunk in [1, 7, 1 << 20] {
                assert_eq!(kept(&json, chunk).as_deref(), expected, "{json:.60} in {chunk}");
            }
        }
    }
}
