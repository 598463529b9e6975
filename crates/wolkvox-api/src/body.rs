//! The body of an answer as UTF-8, whatever its compression and its character set.
//!
//! Owns the meaning of `Content-Encoding` and of the `charset` of `Content-Type`. Bytes go through
//! as they arrive: it must never hold more of a body than one piece of it, and it knows nothing of
//! JSON except its first byte.

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::{classify::excerpt, error::ApiError, gunzip::Gunzip};

/// Takes decoded text.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), ApiError> + 'a;

/// Names of compressions. Servers write other words into `Content-Encoding`, such as `none` or a
/// character set, and then send the body as it is.
const COMPRESSIONS: [&str; 10] = [
    "br",
    "compress",
    "x-compress",
    "deflate",
    "zstd",
    "lzma",
    "xz",
    "bzip2",
    "x-bzip2",
    "pack200-gzip",
];

/// Decodes one body. Make a new one for each.
pub(super) struct BodyDecoder {
    coding: Coding,
    text: TextDecoder,
}

/// The coding that must be undone before there is text.
enum Coding {
    None,
    Gzip(Box<Gunzip>),
    /// An unknown name; the first byte of the body shows whether it means anything.
    Named(String),
}

impl BodyDecoder {
    /// Makes a decoder for a body with these headers.
    ///
    /// # Errors
    /// If the body is in a compression that was not asked for.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut codings = codings(headers);
        let charset = declared(headers)
            .or_else(|| codings.iter().find_map(|name| Encoding::for_label(name.as_bytes())));
        codings.retain(|name| !changes_nothing(name));
        let coding = match codings.as_slice() {
            [] => Coding::None,
            [one] if matches!(one.as_str(), "gzip" | "x-gzip") => Coding::Gzip(Box::default()),
            [one] if !COMPRESSIONS.contains(&one.as_str()) => Coding::Named(one.clone()),
            _ => return Err(not_asked_for(&codings.join(", "))),
        };
        Ok(Self { coding, text: TextDecoder::new(charset) })
    }

    /// Decodes the next bytes and hands them on.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ApiError> {
        if let Coding::Named(name) = &self.coding
            && let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace())
        {
            // JSON, or the byte-order mark before it.
            if !matches!(first, b'{' | 0xEF) {
                return Err(not_asked_for(name));
            }
            self.coding = Coding::None;
        }
        match &mut self.coding {
            Coding::None | Coding::Named(_) => self.text.push(bytes, sink),
            Coding::Gzip(gunzip) => gunzip.push(bytes, &mut |plain| self.text.push(plain, sink)),
        }
    }

    /// Ends the body. Fails if a gzip stream has not ended.
    pub(super) fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), ApiError> {
        if let Coding::Gzip(gunzip) = self.coding {
            gunzip.finish(&mut |plain| self.text.push(plain, sink))?;
        }
        self.text.finish(sink)
    }
}

fn not_asked_for(coding: &str) -> ApiError {
    ApiError::ContentEncoding(excerpt(coding, ""))
}

/// The codings that the headers list.
fn codings(headers: &HeaderMap) -> Vec<String> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let listed = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        codings.extend(
            listed
                .split([',', ';'])
                .map(|coding| coding.trim().trim_matches(['"', '\'']).to_owned()),
        );
    }
    codings.retain(|coding| !coding.is_empty());
    codings
}

/// Returns true if a coding leaves the body as it is: the names for that, character sets and types
/// of content.
fn changes_nothing(coding: &str) -> bool {
    let plain = ["identity", "none", "null", "no", "off", "false", "plain", "text", "json", "raw"];
    let transfer = ["7bit", "8bit", "binary", "chunked"];
    plain.contains(&coding)
        || transfer.contains(&coding)
        || coding.contains('/')
        || coding.starts_with("charset=")
        || Encoding::for_label(coding.as_bytes()).is_some()
}

/// Returns the character set that `Content-Type` names, if it is a known one.
fn declared(headers: &HeaderMap) -> Option<&'static Encoding> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let label = value.split(';').skip(1).find_map(|parameter| {
        let (name, label) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| label.trim().trim_matches(['"', '\'']))
    })?;
    Encoding::for_label(label.as_bytes())
}

/// Converts text to UTF-8.
enum TextDecoder {
    /// Declared as UTF-8, or not declared.
    Utf8 {
        /// The beginning of a character, or of a byte-order mark, whose end has not come.
        carry: Vec<u8>,
        begun: bool,
    },
    Other(Box<Decoder>),
}

impl TextDecoder {
    fn new(declared: Option<&'static Encoding>) -> Self {
        match declared.filter(|encoding| *encoding != UTF_8) {
            None => Self::Utf8 { carry: Vec::new(), begun: false },
            Some(encoding) => Self::Other(Box::new(encoding.new_decoder())),
        }
    }

    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ApiError> {
        let carry = match self {
            Self::Other(decoder) => return transcode(decoder, bytes, false, sink),
            Self::Utf8 { carry, begun } => {
                if !*begun {
                    if carry.len() + bytes.len() < 2 {
                        carry.extend_from_slice(bytes);
                        return Ok(());
                    }
                    *begun = true;
                    let first: Vec<u8> = carry.iter().chain(bytes).copied().take(2).collect();
                    if let Some((encoding, _)) = Encoding::for_bom(&first) {
                        // A mark of UTF-16 overrides the declaration. That of UTF-8 has three
                        // bytes.
                        let head = std::mem::take(carry);
                        *self = Self::Other(Box::new(encoding.new_decoder()));
                        self.push(&head, sink)?;
                        return self.push(bytes, sink);
                    }
                }
                carry
            }
        };
        if carry.is_empty() {
            return utf8(bytes, carry, sink);
        }
        let mut joined = std::mem::take(carry);
        joined.extend_from_slice(bytes);
        utf8(&joined, carry, sink)
    }

    fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), ApiError> {
        match &mut self {
            Self::Other(decoder) => transcode(decoder, &[], true, sink),
            Self::Utf8 { carry, .. } if carry.is_empty() => Ok(()),
            Self::Utf8 { carry, .. } => sink(repaired(carry).as_bytes()),
        }
    }
}

/// Hands on text that should be UTF-8; the beginning of an incomplete last character is left in
/// `carry`.
fn utf8(bytes: &[u8], carry: &mut Vec<u8>, sink: &mut Sink<'_>) -> Result<(), ApiError> {
    let Err(error) = simdutf8::compat::from_utf8(bytes) else { return sink(bytes) };
    let whole = if error.error_len().is_none() {
        error.valid_up_to()
    } else {
        bytes.len() - unfinished(bytes)
    };
    carry.extend_from_slice(&bytes[whole..]);
    let whole = &bytes[..whole];
    if error.error_len().is_none() { sink(whole) } else { sink(repaired(whole).as_bytes()) }
}

/// Returns the number of bytes at the end that begin an incomplete character.
fn unfinished(bytes: &[u8]) -> usize {
    let lengths = (1..=bytes.len().min(3)).rev();
    lengths
        .into_iter()
        .find(|length| begins_a_character(&bytes[bytes.len() - length..]))
        .unwrap_or(0)
}

/// Returns true if these bytes are the beginning of one character.
fn begins_a_character(bytes: &[u8]) -> bool {
    str::from_utf8(bytes)
        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

/// Reads each letter that is no UTF-8 as Windows-1252, whatever was declared, because servers that
/// do not write UTF-8 write that, and different letters stay different.
fn repaired(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    out
}

fn transcode(
    decoder: &mut Decoder,
    bytes: &[u8],
    last: bool,
    sink: &mut Sink<'_>,
) -> Result<(), ApiError> {
    let most = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
    let mut out = vec![0; most];
    let mut rest = bytes;
    loop {
        let (result, read, written, _) = decoder.decode_to_utf8(rest, &mut out, last);
        sink(&out[..written])?;
        rest = &rest[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn decode(
        headers: &[(&'static str, &str)],
        body: &[u8],
        chunk: usize,
    ) -> Result<String, ApiError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let mut out = Vec::new();
        let mut sink = |text: &[u8]| {
            out.extend_from_slice(text);
            Ok(())
        };
        let mut decoder = BodyDecoder::new(&map)?;
        for piece in body.chunks(chunk.max(1)) {
            decoder.push(piece, &mut sink)?;
        }
        decoder.finish(&mut sink)?;
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn text_is_read_as_declared_and_otherwise_as_utf_8_or_windows_1252() {
        let utf16 = |little: bool, mark: bool| -> Vec<u8> {
            let units = mark.then_some(0xFEFF).into_iter().chain("Mañana ☎".encode_utf16());
            units
                .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                .collect()
        };
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("application/json", "Mañana".into(), "Mañana"),
            ("application/json", b"Ma\xf1ana".to_vec(), "Mañana"),
            ("application/json", b"Ma\xf3ana \x93x\x94".to_vec(), "Maóana “x”"),
            // Both in one body: each is read as what it is.
            ("application/json", b"Ma\xf1ana Ma\xc3\xb1ana \xc3".to_vec(), "Mañana Mañana Ã"),
            ("text/html; charset=iso-8859-1", b"Ma\xf1ana \xc3\xb1".to_vec(), "Mañana Ã±"),
            ("text/html; Charset=\"Latin1\"; q=1", b"Ma\xf1ana".to_vec(), "Mañana"),
            ("application/json;charset=windows-1252", b"\x80".to_vec(), "€"),
            (
                "application/json; charset=utf-8",
                b"Ma\xf1ana Ma\xc3\xb1ana \xc3".to_vec(),
                "Mañana Mañana Ã",
            ),
            ("application/json; charset=UTF8", "Mañana".into(), "Mañana"),
            ("application/json; charset=utf-8", b"Ma\xf1ana Ma\xf3ana".to_vec(), "Mañana Maóana"),
            ("application/json; charset=klingon", b"Ma\xf1ana".to_vec(), "Mañana"),
            ("application/json; charset=utf-16le", utf16(true, false), "Mañana ☎"),
            ("application/json", utf16(true, true), "Mañana ☎"),
            ("application/json; charset=utf-8", utf16(false, true), "Mañana ☎"),
            ("application/json; charset=ibm866", vec![0x80], "А"),
            ("", b"Ma\xf1ana".to_vec(), "Mañana"),
            ("", Vec::new(), ""),
            ("", b"a".to_vec(), "a"),
        ];
        for (content_type, body, text) in cases {
            for chunk in [1, 2, 3, 5, 1000] {
                let headers = [("content-type", content_type)];
                assert_eq!(
                    decode(&headers, &body, chunk).as_deref(),
                    Ok(text),
                    "{content_type} {chunk}"
                );
            }
        }
    }

    #[test]
    fn gzip_is_read_to_the_end_of_its_last_member() {
        let (one, two) = (gzip(br#"{"data":[1,"#), gzip("\"ñ\"]}".as_bytes()));
        let joined = [one.clone(), two.clone()].concat();
        let headers = [("content-encoding", "gzip")];
        for chunk in [1, 7, one.len(), one.len() + 1, 1000] {
            assert_eq!(
                decode(&headers, &joined, chunk).as_deref(),
                Ok("{\"data\":[1,\"ñ\"]}"),
                "{chunk}"
            );
            for cut in
                [&joined[..joined.len() - 1], &joined[..one.len() + 3], &one[..one.len() - 9]]
            {
                assert_eq!(
                    decode(&headers, cut, chunk),
                    Err(ApiError::CutOff),
                    "{} in {chunk}",
                    cut.len()
                );
            }
        }
        assert_eq!(
            decode(&[("content-encoding", "Identity, X-GZIP")], &joined, 9).unwrap().len(),
            17
        );
        // Padding, and what a script adds behind its compressed output. JSON says by itself whether
        // it is whole.
        for padding in [&[0; 3][..], &[0; 5000], b"\r\n", b"\x1f", b"<!-- cached -->"] {
            let padded = [&joined, padding].concat();
            for chunk in [1, 7, joined.len(), 1000] {
                assert_eq!(decode(&headers, &padded, chunk).as_deref(), Ok("{\"data\":[1,\"ñ\"]}"));
            }
        }
        assert_eq!(decode(&headers, b"", 1).as_deref(), Ok(""));
    }

    #[test]
    fn a_coding_that_was_not_asked_for_is_named() {
        let (many, plain) = (gzip(&[b' '; 100_000]), b"{\"data\":[]}");
        for (coding, body, named) in [
            ("br", &plain[..], "br"),
            ("gzip, gzip", &many, "gzip, gzip"),
            ("deflate", plain, "deflate"),
            ("zstd", plain, "zstd"),
            ("none, br", plain, "br"),
            ("snappy", &b"\xff\x06\x00\x00sNaPpY"[..], "snappy"),
            ("gzip", plain, "gzip, which it is not"),
        ] {
            let error = decode(&[("content-encoding", coding)], body, 100);
            assert_eq!(error, Err(ApiError::ContentEncoding(named.to_owned())), "{coding}");
        }
        assert_eq!(decode(&[("content-encoding", "gzip")], &many, 100).unwrap().len(), 100_000);
    }

    #[test]
    fn a_coding_that_changes_nothing_is_passed_over() {
        for coding in [
            "none",
            "None",
            "identity",
            "UTF-8",
            "utf8",
            "iso-8859-1",
            "8bit",
            "application/json",
            "plain",
            "x-odd",
        ] {
            let headers = [("content-encoding", coding)];
            assert_eq!(
                decode(&headers, b" {\"data\":[]}", 3).as_deref(),
                Ok(" {\"data\":[]}"),
                "{coding}"
            );
        }
        let latin = [("content-encoding", "ISO-8859-1")];
        assert_eq!(decode(&latin, b"{\xc3\xb1}", 9).as_deref(), Ok("{Ã±}"));
        let both = [("content-encoding", "gzip"), ("content-encoding", "utf-8")];
        assert_eq!(decode(&both, &gzip(b"{}"), 9).as_deref(), Ok("{}"));
    }

    proptest! {
        #[test]
        fn any_text_comes_through_in_any_pieces(text in any::<String>(), chunk in 1usize..20) {
            prop_assume!(!text.starts_with('\u{feff}'));
            for headers in [&[][..], &[("content-type", "a/b; charset=utf-8")]] {
                prop_assert_eq!(decode(headers, text.as_bytes(), chunk).unwrap(), text.as_str());
            }
        }

        #[test]
        fn pieces_make_no_difference(bytes in prop::collection::vec(any::<u8>(), 0..60), chunk in 1usize..9) {
            for content_type in ["a/b", "a/b; charset=utf-8", "a/b; charset=shift_jis", "a/b; charset=utf-16"] {
                let headers = [("content-type", content_type)];
                prop_assert_eq!(decode(&headers, &bytes, chunk), decode(&headers, &bytes, 1000));
            }
        }
    }
}
