//! The body of an answer as UTF-8, whatever its compression and its character set.
//!
//! Owns what `Content-Encoding` and the `charset` of `Content-Type` mean. Bytes go through as they arrive: it must
//! never hold more of a body than one piece of it, and it knows nothing of JSON.

use std::io::Write as _;

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};
use flate2::write::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::{classify::excerpt, error::ApiError};

/// So many compressed bytes are taken at once: the densest gzip makes a thousand times as many of them.
const PIECE: usize = 4096;

/// Where decoded text goes.
type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), ApiError> + 'a;

/// Decodes one body. Make a new one for each.
pub(super) struct BodyDecoder {
    gzip: Option<Gzip>,
    text: TextDecoder,
}

struct Gzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    /// Anything came in, and anything went out.
    fed: bool,
    read: bool,
}

impl BodyDecoder {
    /// For a body with these headers. Fails where it is in a coding that was not asked for.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, ApiError> {
        let codings = codings(headers);
        let gzip = match codings.as_slice() {
            [] => false,
            [one] if matches!(one.as_str(), "gzip" | "x-gzip") => true,
            _ => return Err(ApiError::ContentEncoding(excerpt(&codings.join(", "), ""))),
        };
        let gzip = gzip.then(|| Gzip { decoder: MultiGzDecoder::new(Vec::new()), fed: false, read: false });
        Ok(Self { gzip, text: TextDecoder::new(declared(headers)) })
    }

    /// Decodes the next bytes and hands them on.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ApiError> {
        let Some(gzip) = &mut self.gzip else { return self.text.push(bytes, sink) };
        for piece in bytes.chunks(PIECE) {
            gzip.fed = true;
            if gzip.decoder.write_all(piece).and_then(|()| gzip.decoder.flush()).is_err() {
                // What is no gzip from its first byte on is a wrong header, not damage.
                return Err(if gzip.read {
                    ApiError::CutOff
                } else {
                    ApiError::ContentEncoding("gzip, which it is not".to_owned())
                });
            }
            let mut plain = std::mem::take(gzip.decoder.get_mut());
            gzip.read |= !plain.is_empty();
            self.text.push(&plain, sink)?;
            plain.clear();
            *gzip.decoder.get_mut() = plain;
        }
        Ok(())
    }

    /// Ends the body. Fails where a gzip stream has not ended.
    pub(super) fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), ApiError> {
        if let Some(mut gzip) = self.gzip.take()
            && gzip.fed
        {
            gzip.decoder.try_finish().map_err(|_| ApiError::CutOff)?;
            let rest = std::mem::take(gzip.decoder.get_mut());
            self.text.push(&rest, sink)?;
        }
        self.text.finish(sink)
    }
}

/// The codings that the headers list, without those that change nothing.
fn codings(headers: &HeaderMap) -> Vec<String> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let listed = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        codings.extend(listed.split(',').map(|coding| coding.trim().to_owned()));
    }
    codings.retain(|coding| !coding.is_empty() && coding != "identity");
    codings
}

/// The character set that `Content-Type` names, if it names one that there is.
fn declared(headers: &HeaderMap) -> Option<&'static Encoding> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let label = value.split(';').skip(1).find_map(|parameter| {
        let (name, label) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| label.trim().trim_matches(['"', '\'']))
    })?;
    Encoding::for_label(label.as_bytes())
}

/// What becomes of bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    /// UTF-8 was declared, so they are damage: a replacement character.
    Replaced,
    /// Nothing was declared. Servers that do not say what they write, and do not write UTF-8, write Windows-1252:
    /// read as that, letters that differ stay different.
    Windows1252,
}

/// Makes UTF-8 of text.
enum TextDecoder {
    Utf8 {
        /// The beginning of a character, or of a byte-order mark, whose end has not come.
        carry: Vec<u8>,
        invalid: Invalid,
        begun: bool,
    },
    Other(Box<Decoder>),
}

impl TextDecoder {
    fn new(declared: Option<&'static Encoding>) -> Self {
        let utf8 = |invalid| Self::Utf8 { carry: Vec::new(), invalid, begun: false };
        match declared {
            None => utf8(Invalid::Windows1252),
            Some(encoding) if encoding == UTF_8 => utf8(Invalid::Replaced),
            Some(encoding) => Self::Other(Box::new(encoding.new_decoder())),
        }
    }

    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ApiError> {
        let (carry, invalid) = match self {
            Self::Other(decoder) => return transcode(decoder, bytes, false, sink),
            Self::Utf8 { carry, invalid, begun } => {
                if !*begun {
                    if carry.len() + bytes.len() < 2 {
                        carry.extend_from_slice(bytes);
                        return Ok(());
                    }
                    *begun = true;
                    let first: Vec<u8> = carry.iter().chain(bytes).copied().take(2).collect();
                    if let Some((encoding, _)) = Encoding::for_bom(&first) {
                        // A mark of UTF-16, stronger than what was declared. That of UTF-8 has three bytes.
                        let head = std::mem::take(carry);
                        *self = Self::Other(Box::new(encoding.new_decoder()));
                        self.push(&head, sink)?;
                        return self.push(bytes, sink);
                    }
                }
                (carry, *invalid)
            }
        };
        if carry.is_empty() {
            return utf8(bytes, invalid, carry, sink);
        }
        let mut joined = std::mem::take(carry);
        joined.extend_from_slice(bytes);
        utf8(&joined, invalid, carry, sink)
    }

    fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), ApiError> {
        match &mut self {
            Self::Other(decoder) => transcode(decoder, &[], true, sink),
            Self::Utf8 { carry, .. } if carry.is_empty() => Ok(()),
            Self::Utf8 { carry, invalid, .. } => sink(repaired(carry, *invalid).as_bytes()),
        }
    }
}

/// Hands on text that should be UTF-8; the beginning of a last character that is not whole is left in `carry`.
fn utf8(bytes: &[u8], invalid: Invalid, carry: &mut Vec<u8>, sink: &mut Sink<'_>) -> Result<(), ApiError> {
    let Err(error) = simdutf8::compat::from_utf8(bytes) else { return sink(bytes) };
    let whole =
        if error.error_len().is_none() { error.valid_up_to() } else { bytes.len() - unfinished(bytes) };
    carry.extend_from_slice(&bytes[whole..]);
    let whole = &bytes[..whole];
    if error.error_len().is_none() { sink(whole) } else { sink(repaired(whole, invalid).as_bytes()) }
}

/// How many bytes at the end begin a character that is not whole.
fn unfinished(bytes: &[u8]) -> usize {
    let begins = |length: &usize| {
        let tail = &bytes[bytes.len() - length..];
        str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).rev().find(begins).unwrap_or(0)
}

fn repaired(bytes: &[u8], invalid: Invalid) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        match invalid {
            _ if chunk.invalid().is_empty() => {}
            Invalid::Replaced => out.push(char::REPLACEMENT_CHARACTER),
            Invalid::Windows1252 => {
                out.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
            }
        }
    }
    out
}

fn transcode(decoder: &mut Decoder, bytes: &[u8], last: bool, sink: &mut Sink<'_>) -> Result<(), ApiError> {
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
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn decode(headers: &[(&'static str, &str)], body: &[u8], chunk: usize) -> Result<String, ApiError> {
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
            units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
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
                "Ma\u{fffd}ana Mañana \u{fffd}",
            ),
            ("application/json; charset=UTF8", "Mañana".into(), "Mañana"),
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
                assert_eq!(decode(&headers, &body, chunk).as_deref(), Ok(text), "{content_type} {chunk}");
            }
        }
    }

    #[test]
    fn gzip_is_read_to_the_end_of_its_last_member() {
        let (one, two) = (gzip(br#"{"data":[1,"#), gzip("\"ñ\"]}".as_bytes()));
        let joined = [one.clone(), two.clone()].concat();
        let headers = [("content-encoding", "gzip")];
        for chunk in [1, 7, one.len(), one.len() + 1, 1000] {
            assert_eq!(decode(&headers, &joined, chunk).as_deref(), Ok("{\"data\":[1,\"ñ\"]}"), "{chunk}");
            for cut in [&joined[..joined.len() - 1], &joined[..one.len() + 3], &one[..one.len() - 9]] {
                assert_eq!(decode(&headers, cut, chunk), Err(ApiError::CutOff), "{} in {chunk}", cut.len());
            }
        }
        assert_eq!(decode(&[("content-encoding", "Identity, X-GZIP")], &joined, 9).unwrap().len(), 17);
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
            ("gzip", plain, "gzip, which it is not"),
        ] {
            let error = decode(&[("content-encoding", coding)], body, 100);
            assert_eq!(error, Err(ApiError::ContentEncoding(named.to_owned())), "{coding}");
        }
        assert_eq!(decode(&[("content-encoding", "gzip")], &many, 100).unwrap().len(), 100_000);
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
