//! Tests of everything below JSON in an answer: character sets, content codings, framing, heads.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use wolkvox_exporter::wolkvox::ApiError;

use crate::{
    answers::{Read, answer, ask, ask_at, row, told},
    support::process::own_address,
};

fn body(option: &str) -> String {
    format!(
        r#"{{"code":"200","error":null,"msg":"1 records were found","data":[{}]}}"#,
        row(option)
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Returns Windows-1252 text, which has one byte for each letter of Spanish.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a letter of Latin-1")).collect()
}

#[tokio::test]
async fn options_are_the_same_in_every_character_set() {
    let utf16: Vec<u8> = body("Mañana").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut keys = std::collections::BTreeMap::<&str, u64>::new();
    let marked = [vec![0xFF, 0xFE], utf16.clone()].concat();
    for (content_type, bytes, option) in [
        ("application/json", body("Mañana").into_bytes(), "Mañana"),
        ("application/json; charset=utf-8", body("Mañana").into_bytes(), "Mañana"),
        ("application/json", latin(&body("Mañana")), "Mañana"),
        ("application/json", latin(&body("Maóana")), "Maóana"),
        ("text/html; charset=ISO-8859-1", latin(&body("Mañana")), "Mañana"),
        ("application/json; charset=windows-1252", latin(&body("Mañana")), "Mañana"),
        ("application/json; charset=utf-8", latin(&body("Mañana")), "Mañana"),
        ("application/json; charset=utf-16le", utf16, "Mañana"),
        ("application/json", marked, "Mañana"),
        ("application/json; charset=klingon", latin(&body("Mañana")), "Mañana"),
    ] {
        let read =
            ask(answer("200 OK", &format!("Content-Type: {content_type}\r\n"), &bytes)).await;
        let Ok(Read { options, fingerprints, unread: 0 }) = &read else {
            panic!("{content_type}: {read:?}")
        };
        assert_eq!(options[..], [option], "{content_type}");
        // A server that changes its character set must not make the same rows count twice.
        assert_eq!(
            *keys.entry(option).or_insert(fingerprints[0]),
            fingerprints[0],
            "{content_type}"
        );
    }
    assert_eq!(keys.len(), 2, "Mañana and Maóana");
}

#[tokio::test]
async fn codings_are_undone_or_named() {
    let whole = body("A");
    let (first, second) = whole.as_bytes().split_at(100);
    let members = [gzip(first), gzip(second)].concat();
    let coded = |coding: &str, bytes: &[u8]| {
        answer("200 OK", &format!("Content-Encoding: {coding}\r\n"), bytes)
    };
    assert_eq!(told(&ask(coded("gzip", &gzip(whole.as_bytes()))).await), "ok A");
    assert_eq!(told(&ask(coded("gzip", &members)).await), "ok A");
    for nothing in ["identity", "none", "UTF-8"] {
        assert_eq!(told(&ask(coded(nothing, whole.as_bytes())).await), "ok A", "{nothing}");
    }
    let padded = [members.clone(), vec![0; 600]].concat();
    assert_eq!(told(&ask(coded("gzip", &padded)).await), "ok A");
    // The first gzip member alone is not a whole answer, and neither is a cut second one.
    for cut in [gzip(first).len(), members.len() - 12, members.len() - 1] {
        assert_eq!(told(&ask(coded("gzip", &members[..cut])).await), "truncated", "{cut}");
    }
    for (coding, bytes) in [("br", whole.as_bytes()), ("deflate", b"x"), ("gzip", whole.as_bytes())]
    {
        let fault = ask(coded(coding, bytes)).await.expect_err(coding);
        assert!(
            matches!(&fault, ApiError::ContentEncoding(named) if named.starts_with(coding)),
            "{fault:?}"
        );
    }
    assert_eq!(told(&ask(answer("200 OK", "", &gzip(whole.as_bytes()))).await), "not_json");
    // An empty window may be compressed, too.
    let empty = gzip(br#"{"code":"404","msg":"Validate dates entered"}"#);
    assert_eq!(
        told(&ask(answer("404 Not Found", "Content-Encoding: gzip\r\n", &empty)).await),
        "ok"
    );
}

#[tokio::test]
async fn framing_decides_what_is_whole() {
    let whole = body("A");
    let raw = |head: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}").into_bytes();
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let (one, two) = whole.split_at(60);
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (bytes, expected) in [
        (raw(chunked, &format!("{}{}0\r\n\r\n", chunk(one), chunk(two))), "ok A"),
        (raw(chunked, &format!("{}{}", chunk(one), chunk(two))), "truncated"),
        (raw(chunked, &chunk(one)), "truncated"),
        (raw("Connection: close\r\n", &whole), "ok A"),
        (raw("Connection: close\r\n", one), "truncated"),
        (raw(&format!("Content-Length: {}\r\n", whole.len() + 1), &whole), "truncated"),
        (raw(&format!("Content-Length: {}\r\n", whole.len() - 1), &whole), "truncated"),
        (raw("Content-Length: 0\r\n", ""), "not_json"),
    ] {
        let read = ask(bytes.clone()).await;
        assert_eq!(told(&read), expected, "{} {read:?}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn each_cause_has_words_of_its_own() {
    let cookies: String = (0..150).map(|n| format!("Set-Cookie: c{n}=x\r\n")).collect();
    let whole = body("A");
    for bytes in [
        answer("200 OK", &cookies, whole.as_bytes()),
        answer("200 OK", "Bad Header: x\r\n", whole.as_bytes()),
        answer("200 OK", &format!("X-Large: {}\r\n", "x".repeat(1 << 20)), whole.as_bytes()),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    ] {
        let fault = ask(bytes).await.expect_err("no head");
        assert!(matches!(fault, ApiError::BadHead(_)), "{fault:?}");
        assert!(!fault.to_string().contains("allow-list"), "{fault}");
    }
    let fault = ask_at("http://name.invalid").await.expect_err("no such name");
    assert!(matches!(fault, ApiError::NameNotFound(_)), "{fault:?}");
    let fault = ask_at(&format!("http://{}", own_address())).await.expect_err("nobody listens");
    assert!(matches!(fault, ApiError::ConnectionRefused(_)), "{fault:?}");
    assert!(fault.to_string().contains("allow-list"), "{fault}");
    let fault = ask(b"".to_vec()).await.expect_err("closed at once");
    assert!(matches!(fault, ApiError::Connect(_)), "{fault:?}");
}
