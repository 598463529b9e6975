//! Cuts the stream of one answer into rows, without ever holding more than one of them.
//!
//! An answer is `{"code":…,"error":…,"msg":…,"data":[row, row, …]}`, up to 256 MB, with `data` at
//! any place; some servers send the rows as an object keyed by number, or a single row without its
//! list. Bytes are pushed as they arrive; each element of `data` is handed on as soon as it is
//! whole, and everything else is kept for [`Splitter::finish`]. This finds where values begin and
//! end; `serde_json` reads them. It must never buffer in proportion to the answer.

use std::{borrow::Cow, collections::BTreeMap};

use serde::de::IgnoredAny;

use super::{envelope::Envelope, flat::stop, long_row::LongRow};

/// Length of the longest row that is held, in bytes; of a longer one only the known fields are
/// kept. Real ones have about 250 bytes.
const MAX_ROW_BYTES: usize = 64 * 1024;
/// Size of the largest envelope, in bytes: the vendor's has four short fields.
const MAX_ENVELOPE_BYTES: usize = 64 * 1024;
/// Length of the longest key that numbers a row.
const MAX_KEY_BYTES: usize = 22;
/// The fields of rows of the report, of routing points and of options. An object without any of
/// them is no row.
const ROW_FIELDS: [&str; 5] = ["rp_id", "conn_id", "cod_opc_menu", "cod_act", "code_act"];

/// One element of `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// The bytes of a JSON value, from its first to its last.
    Value(&'a [u8]),
    /// A value of more than 64 KiB that is no object, or whose known fields are too long
    /// themselves.
    TooLong,
}

/// The reason why the bytes are not an answer.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum SplitError {
    /// The body is not JSON but HTML, a PHP warning, or nothing.
    #[error("the body is not JSON ({0})")]
    NotJson(&'static str),
    /// JSON, but not the shape of an answer.
    #[error("the JSON is not a report ({0})")]
    Schema(&'static str),
    /// The body ended before the closing bracket.
    #[error("the body ended before its closing bracket")]
    Incomplete,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the opening brace; the number of bytes of a byte-order mark that were seen.
    Start(u8),
    /// In the outer object, outside `data`.
    Outer,
    /// After `"data":`, before its value.
    DataValue,
    /// `data` is an object: before its first key.
    ObjectStart,
    /// In the first key of `data`, which distinguishes rows by number from a single row.
    FirstKey,
    /// In a later key.
    Key,
    /// After a key.
    Colon,
    /// Before an element, a comma or the end of `data`.
    Between(Expect),
    /// In an element of `data`.
    InElement,
    /// `data` is a single object; this is it.
    InSingle,
    /// After the closing brace.
    End,
}

/// The bytes that may come between two elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// An element or the end.
    First,
    /// An element, because there was a comma.
    Next,
    /// A comma or the end.
    Comma,
}

/// State of a scan through one JSON value, which continues in the next chunk.
#[derive(Clone, Copy, Default, Debug)]
struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Advances to the end of the value that began before `bytes`. Returns the offset just after
    /// it, or `None` if the chunk ends first. A scalar ends before the delimiter that follows it.
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut i = 0;
        while i < bytes.len() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                    i += 1;
                    continue;
                }
                match stop(&bytes[i..]) {
                    None => return None,
                    Some(at) => {
                        i += at + 1;
                        match bytes[i - 1] {
                            b'\\' => self.escaped = true,
                            b'"' => {
                                self.in_string = false;
                                if self.depth == 0 {
                                    return Some(i);
                                }
                            }
                            // Not JSON; `serde_json` will report that.
                            _ => {}
                        }
                    }
                }
                continue;
            }
            match bytes[i] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Some(i),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(i + 1);
                    }
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return Some(i),
                _ => {}
            }
            i += 1;
        }
        None
    }
}

/// Splits one answer. Make a new one for each.
#[derive(Debug)]
pub struct Splitter {
    state: State,
    scan: Scan,
    /// An element that began in an earlier chunk.
    partial: Vec<u8>,
    /// The element, if it is too long to be held.
    long: Option<LongRow>,
    /// `data` is an object of rows by number.
    keyed: bool,
    /// A key of such an object and its colon have been read.
    key_read: bool,
    /// Everything but the rows, which an empty list replaces.
    envelope: Vec<u8>,
    /// In `State::Outer`: depth below the outer object, and the string being read or last read.
    outer: Scan,
    key: Vec<u8>,
    /// The next string at depth 1 is a key.
    expect_key: bool,
    seen_data: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            state: State::Start(0),
            scan: Scan::default(),
            partial: Vec::new(),
            long: None,
            keyed: false,
            key_read: false,
            envelope: Vec::with_capacity(256),
            outer: Scan::default(),
            key: Vec::new(),
            expect_key: true,
            seen_data: false,
        }
    }
}

impl Splitter {
    /// Takes the next bytes of the body and hands each element of `data` that they complete to
    /// `each`.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(Element<'_>),
    ) -> Result<(), SplitError> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Start(seen) => self.start(seen, bytes[0])?,
                State::Outer => self.outer(bytes)?,
                State::DataValue => self.data_value(bytes[0])?,
                State::ObjectStart => self.object_start(bytes[0])?,
                State::FirstKey => self.first_key(bytes[0]),
                State::Key => self.later_key(bytes[0])?,
                State::Colon => self.colon(bytes[0])?,
                State::Between(expect) => self.between(expect, bytes[0])?,
                State::InElement | State::InSingle => self.element(bytes, each)?,
                State::End if bytes[0].is_ascii_whitespace() => 1,
                State::End => {
                    return Err(SplitError::NotJson("something follows the closing brace"));
                }
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// Ends the answer. Only now is it known to be whole.
    pub fn finish(self) -> Result<Envelope, SplitError> {
        match self.state {
            State::End => Envelope::parse(&self.envelope)
                .map_err(|_| SplitError::NotJson("what stands beside the data cannot be read")),
            State::Start(_) => Err(SplitError::NotJson("it is empty")),
            _ => Err(SplitError::Incomplete),
        }
    }

    fn start(&mut self, seen: u8, byte: u8) -> Result<usize, SplitError> {
        const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
        self.state = match byte {
            b'{' => {
                self.envelope.push(b'{');
                State::Outer
            }
            b'[' | b'"' | b'0'..=b'9' => return Err(SplitError::Schema("it is not an object")),
            mark if MARK.get(usize::from(seen)) == Some(&mark) => State::Start(seen + 1),
            space if space.is_ascii_whitespace() => State::Start(seen),
            b'<' => return Err(SplitError::NotJson("it begins like a web page")),
            0x1F => {
                return Err(SplitError::NotJson(
                    "it is compressed, and its header does not say so",
                ));
            }
            _ => return Err(SplitError::NotJson("it does not begin with a brace")),
        };
        Ok(1)
    }

    /// Copies the envelope until the colon after the key `data`, or until the end.
    fn outer(&mut self, bytes: &[u8]) -> Result<usize, SplitError> {
        for (i, &byte) in bytes.iter().enumerate() {
            if self.envelope.len() == MAX_ENVELOPE_BYTES {
                return Err(SplitError::Schema("too much stands beside the data"));
            }
            self.envelope.push(byte);
            if self.outer.in_string {
                if self.outer.escaped {
                    self.outer.escaped = false;
                } else if byte == b'\\' {
                    self.outer.escaped = true;
                } else if byte == b'"' {
                    self.outer.in_string = false;
                    continue;
                }
                if self.outer.depth == 0 && self.expect_key {
                    self.key.push(byte);
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.outer.in_string = true;
                    if self.outer.depth == 0 && self.expect_key {
                        self.key.clear();
                    }
                }
                b':' if self.outer.depth == 0 => {
                    self.expect_key = false;
                    if self.key == b"data" {
                        if self.seen_data {
                            return Err(SplitError::Schema("it has two fields named data"));
                        }
                        self.seen_data = true;
                        self.state = State::DataValue;
                        return Ok(i + 1);
                    }
                }
                b',' if self.outer.depth == 0 => self.expect_key = true,
                b'{' | b'[' => self.outer.depth += 1,
                b'}' if self.outer.depth == 0 => {
                    self.state = State::End;
                    return Ok(i + 1);
                }
                b'}' | b']' => self.outer.depth = self.outer.depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    fn data_value(&mut self, byte: u8) -> Result<usize, SplitError> {
        match byte {
            b'[' => self.state = State::Between(Expect::First),
            b'{' => self.state = State::ObjectStart,
            // `null` is left to the envelope.
            b'n' => {
                self.state = State::Outer;
                return Ok(0);
            }
            space if space.is_ascii_whitespace() => return Ok(1),
            b'"' => return Err(SplitError::Schema("data is a text")),
            _ => return Err(SplitError::Schema("data is neither a list nor an object")),
        }
        // Only the rows are taken out; the list stays.
        self.envelope.extend_from_slice(b"[]");
        Ok(1)
    }

    fn object_start(&mut self, byte: u8) -> Result<usize, SplitError> {
        match byte {
            // An empty list, as some languages write it.
            b'}' => self.state = State::Outer,
            b'"' => {
                self.begin(State::FirstKey);
                self.partial.extend_from_slice(b"{\"");
            }
            space if space.is_ascii_whitespace() => {}
            _ => return Err(SplitError::NotJson("a brace is followed by no key")),
        }
        Ok(1)
    }

    fn first_key(&mut self, byte: u8) -> usize {
        match byte {
            b'"' if self.partial.len() > 2 => {
                self.keyed = true;
                self.state = State::Colon;
            }
            b'0'..=b'9' if self.partial.len() < MAX_KEY_BYTES => self.partial.push(byte),
            _ => {
                // A name: all of this is one row.
                self.state = State::InSingle;
                self.scan = Scan { depth: 1, in_string: true, escaped: false };
                return 0;
            }
        }
        1
    }

    fn later_key(&mut self, byte: u8) -> Result<usize, SplitError> {
        match byte {
            b'0'..=b'9' => {}
            b'"' => self.state = State::Colon,
            _ => return Err(SplitError::Schema("data is an object of numbers and names")),
        }
        Ok(1)
    }

    fn colon(&mut self, byte: u8) -> Result<usize, SplitError> {
        match byte {
            b':' => self.state = State::Between(Expect::Next),
            space if space.is_ascii_whitespace() => {}
            _ => return Err(SplitError::NotJson("a key is followed by no colon")),
        }
        // The key has been read: what comes next is its value.
        self.key_read = byte == b':';
        Ok(1)
    }

    fn between(&mut self, expect: Expect, byte: u8) -> Result<usize, SplitError> {
        let end = if self.keyed { b'}' } else { b']' };
        match (expect, byte) {
            (_, space) if space.is_ascii_whitespace() => {}
            (Expect::Comma, b',') => self.state = State::Between(Expect::Next),
            (Expect::First | Expect::Comma, byte) if byte == end => self.state = State::Outer,
            (Expect::First | Expect::Next, b'"') if self.keyed && !self.key_read => {
                self.state = State::Key;
            }
            (
                Expect::First | Expect::Next,
                b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n',
            ) if !self.keyed || self.key_read => {
                self.key_read = false;
                self.begin(State::InElement);
                return Ok(0);
            }
            (Expect::Comma, _) => return Err(SplitError::NotJson("no comma between two rows")),
            _ => return Err(SplitError::NotJson("no row follows where one should")),
        }
        Ok(1)
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.scan = Scan::default();
        self.partial.clear();
        self.long = None;
    }

    fn element(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(Element<'_>),
    ) -> Result<usize, SplitError> {
        let end = self.scan.advance(bytes);
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        if self.long.is_none() && self.partial.len() + piece.len() > MAX_ROW_BYTES {
            let mut long = LongRow::new();
            long.push(&self.partial);
            self.partial.clear();
            self.long = Some(long);
        }
        let whole = end.is_some();
        match &mut self.long {
            Some(long) => long.push(piece),
            None if !whole || !self.partial.is_empty() => self.partial.extend_from_slice(piece),
            None => {}
        }
        if whole {
            let shortened = self.long.take().map(LongRow::finish);
            let element = match &shortened {
                Some(Some(kept)) => Element::Value(kept),
                Some(None) => Element::TooLong,
                None if self.partial.is_empty() => Element::Value(piece),
                None => Element::Value(&self.partial),
            };
            if self.state == State::InSingle {
                if !is_row(element) {
                    return Err(SplitError::Schema("data is an object, and no row"));
                }
                self.state = State::Outer;
            } else {
                self.state = State::Between(Expect::Comma);
            }
            each(element);
        }
        Ok(piece.len())
    }
}

/// Returns true if an object in place of a list is a row, and not a wrapper around something else.
fn is_row(element: Element<'_>) -> bool {
    let Element::Value(bytes) = element else { return false };
    let fields = serde_json::from_slice::<BTreeMap<Cow<'_, str>, IgnoredAny>>(bytes);
    fields.is_ok_and(|fields| ROW_FIELDS.iter().any(|name| fields.contains_key(*name)))
}

#[cfg(test)]
mod tests;
