//! Fuzzes the splitter: the result must not depend on how the bytes are cut into pieces, and for
//! valid JSON the rows must be those that serde_json finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wolkvox_exporter::wolkvox::{Element, SplitError, Splitter};

/// The elements of `data`, and whether the answer was whole.
type Outcome = (Vec<Vec<u8>>, Result<(), SplitError>);

fn split<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut splitter = Splitter::default();
    let mut rows = Vec::new();
    for piece in pieces {
        let pushed = splitter.push(piece, &mut |element| {
            let Element::Value(bytes) = element else { panic!("no input is as long as that") };
            rows.push(bytes.to_vec());
        });
        if let Err(error) = pushed {
            return (rows, Err(error));
        }
    }
    (rows, splitter.finish().map(drop))
}

/// Returns true if the fields beside the rows are readable: scalars, each key once.
fn plain_envelope(body: &[u8], fields: &serde_json::Map<String, Value>) -> bool {
    let occurs =
        |key: &str| body.windows(key.len()).filter(|window| *window == key.as_bytes()).count();
    ["code", "error", "msg"].iter().all(|key| {
        let scalar = fields.get(*key).is_none_or(|value| !value.is_array() && !value.is_object());
        scalar && occurs(key) <= 1
    })
}

fn compare(body: &[u8], (rows, whole): &Outcome) {
    // Skips keys with escapes, which the splitter does not decode, and repeated keys, which have
    // two readings.
    let data = body.windows(6).filter(|window| *window == b"\"data\"").count();
    if data > 1 || body.windows(2).any(|window| window == b"\\u") {
        return;
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    let Value::Object(fields) = value else {
        assert!(whole.is_err(), "no object, and taken for an answer");
        return;
    };
    let by_number = |keyed: &serde_json::Map<String, Value>| {
        keyed.keys().all(|key| {
            !key.is_empty() && key.len() < 20 && key.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let expected = match fields.get("data") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(elements)) => elements.clone(),
        // Two rows may have the same number; the splitter passes on both.
        Some(Value::Object(keyed)) if by_number(keyed) => return,
        Some(single @ Value::Object(row))
            if ["rp_id", "conn_id"].iter().any(|name| row.contains_key(*name)) =>
        {
            vec![single.clone()]
        }
        Some(Value::Object(_)) => return,
        Some(Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
            assert!(whole.is_err(), "data is a scalar, and taken for rows");
            return;
        }
    };
    let read = |row: &Vec<u8>| {
        serde_json::from_slice::<Value>(row).expect("a row of valid JSON is valid JSON")
    };
    assert_eq!(rows.iter().map(read).collect::<Vec<_>>(), expected);
    if plain_envelope(body, &fields) {
        assert_eq!(*whole, Ok(()));
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, body)) = input.split_first() else { return };
    let outcome = split(std::iter::once(body));
    assert_eq!(split(body.chunks(1)), outcome);
    assert_eq!(split(body.chunks(usize::from(size).max(1))), outcome);
    compare(body, &outcome);
});
