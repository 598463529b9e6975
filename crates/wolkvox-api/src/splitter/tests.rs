//! Every way of cutting an answer into pieces gives the same elements; damage is a failure.

use proptest::prelude::*;

use super::*;

fn split(body: &[u8], chunk: usize) -> Result<(Vec<String>, Envelope), SplitError> {
    let mut splitter = Splitter::default();
    let mut rows = Vec::new();
    for piece in body.chunks(chunk.max(1)) {
        splitter.push(piece, &mut |element| {
            rows.push(match element {
                Element::Value(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Element::TooLong => "too long".to_owned(),
            });
        })?;
    }
    splitter.finish().map(|envelope| (rows, envelope))
}

#[test]
fn every_shape_of_data_at_every_chunk_size() {
    let filler = "x".repeat(MAX_ROW_BYTES);
    let long = format!(r#"{{"data":[{{"a":"{filler}"}},"{filler}",{{"b":1}}],"code":0}}"#);
    let new_field =
        format!(r#"{{"data":[{{"rp_id":"10","new":"{filler}","date":"x"}}],"code":0}}"#);
    let single = format!(r#"{{"data":{{"new":"{filler}","rp_id":"10"}},"code":0}}"#);
    let cases: &[(&str, &[&str])] = &[
        (
            r#"{"code":"200","error":null,"msg":"2 records","data":[{"a":"1"}, {"b":"}],{\"\\"}]}"#,
            &[r#"{"a":"1"}"#, r#"{"b":"}],{\"\\"}"#],
        ),
        (r#"{"data":[],"code":200}"#, &[]),
        (r#"{"data":null,"code":200}"#, &[]),
        (r#"{"data": { } ,"code":200}"#, &[]),
        (
            r#"{"data":{"0":{"a":1}, "1" : {"b":"}"},"10":null },"code":200}"#,
            &[r#"{"a":1}"#, r#"{"b":"}"}"#, "null"],
        ),
        (r#"{"code":200}"#, &[]),
        (r#"{"code":200,"data":{"rp_id":{"b":[1,2]}},"msg":"1"}"#, &[r#"{"rp_id":{"b":[1,2]}}"#]),
        (r#"{"data":{ "1\"":1,"rp_id":"10"} }"#, &[r#"{"1\"":1,"rp_id":"10"}"#]),
        (r#"{"data":{"12a":1,"conn_id":"10"}}"#, &[r#"{"12a":1,"conn_id":"10"}"#]),
        (r#"{"data":[1,"two",[3],null , true]}"#, &["1", r#""two""#, "[3]", "null", "true"]),
        (r#"{"msg":"data","x":{"data":[1]},"data" : [ {} ] } "#, &["{}"]),
        (r#"{"x":["data",{"data":1}],"data":[{}]}"#, &["{}"]),
        ("\u{feff} {\"data\":[{}]}\r\n", &["{}"]),
        (&long, &["{}", "too long", r#"{"b":1}"#]),
        (&new_field, &[r#"{"rp_id":"10","date":"x"}"#]),
        (&single, &[r#"{"rp_id":"10"}"#]),
    ];
    for (body, expected) in cases {
        for chunk in [1, 2, 3, 7, 4096, 1 << 20] {
            let (rows, _) =
                split(body.as_bytes(), chunk).unwrap_or_else(|e| panic!("{body:.80}: {e}"));
            assert_eq!(rows, *expected, "{body:.80} in chunks of {chunk}");
        }
    }
}

#[test]
fn what_is_not_an_answer_is_named() {
    for (body, expected) in [
        ("", "NotJson"),
        ("  ", "NotJson"),
        ("<html>", "NotJson"),
        ("PHP Warning: x {", "NotJson"),
        ("<br />\n{\"data\":[]}", "NotJson"),
        ("[{}]", "Schema"),
        ("\"text\"", "Schema"),
        ("{\"data\":[{}]", "Incomplete"),
        ("{\"data\":[{}", "Incomplete"),
        ("{\"data\":[{\"a\":\"", "Incomplete"),
        ("{\"data\":[}", "NotJson"),
        ("{\"data\":5}", "Schema"),
        ("{\"data\":[],\"data\":[]}", "Schema"),
        ("{\"data\":\"\"}", "Schema"),
        ("{\"data\":\"[{}]\"}", "Schema"),
        ("{\"data\":true}", "Schema"),
        ("{\"data\":{\"rows\":[{\"rp_id\":1}]}}", "Schema"),
        ("{\"data\":{\"a\":1}}", "Schema"),
        ("{\"data\":{\"\":1}}", "Schema"),
        ("{\"data\":{\"0\":{},\"total\":{}}}", "Schema"),
        ("{\"data\":{\"0\":{},}}", "NotJson"),
        ("{\"data\":{\"0\" {}}}", "NotJson"),
        ("{\"data\":{\"0\":{} \"1\":{}}}", "NotJson"),
        ("{\"data\":{[]}}", "NotJson"),
        ("{\"data\":[{},]}", "NotJson"),
        ("{\"data\":[,{}]}", "NotJson"),
        ("{\"data\":[{} {}]}", "NotJson"),
        ("{\"data\":[{}:{}]}", "NotJson"),
        ("{\"data\":nul}", "NotJson"),
        ("\u{1f}\u{8b}", "NotJson"),
        ("{\"data\":[]} {}", "NotJson"),
        ("{\"data\":[],}", "NotJson"),
    ] {
        for chunk in [1, 5, 100] {
            let error = split(body.as_bytes(), chunk).expect_err(body);
            assert!(format!("{error:?}").starts_with(expected), "{body}: {error:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_rows_come_out_as_they_went_in(
        rows in prop::collection::vec(("[a-z]{0,4}", any::<String>()), 0..20),
        chunk in 1usize..64,
    ) {
        let rows: Vec<String> =
            rows.into_iter().map(|(k, v)| serde_json::json!({ k: v }).to_string()).collect();
        let body = format!(r#"{{"code":"200","msg":"{} records","data":[{}]}}"#, rows.len(), rows.join(","));
        let (out, envelope) = split(body.as_bytes(), chunk).unwrap();
        prop_assert_eq!(out, rows.clone());
        let count = rows.len() as u64;
        prop_assert_eq!(envelope.promised_rows(count), None);
        prop_assert_eq!(count.checked_sub(1).and_then(|less| envelope.promised_rows(less)), (count > 0).then_some(count));
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300), chunk in 1usize..40) {
        let _ = split(&body, chunk);
        let mut framed = b"{\"data\":[".to_vec();
        framed.extend(body);
        let _ = split(&framed, chunk);
    }
}
