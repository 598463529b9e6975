use serde_json::json;

use super::*;

fn parser() -> RowParser {
    RowParser::new(Fingerprints::new([7; 16]), 20)
}

fn parse(row: &serde_json::Value) -> Result<Row<'static>, Rejection> {
    read(&row.to_string()).map(Row::into_owned).map_err(|rejected| rejected.reason)
}

fn read(json: &str) -> Result<Row<'_>, Rejected> {
    parser().parse(Element::Value(json.as_bytes()))
}

/// The documented row with this JSON instead of a field's value.
fn raw(field: &str, json: &str) -> Result<Row<'static>, Rejected> {
    read(&with(field, json!("RAW")).to_string().replace("\"RAW\"", json)).map(Row::into_owned)
}

fn row() -> serde_json::Value {
    json!({
        "rp_id": "4628", "conn_id": "6736.4628.1040.1768782812.1814", "customer_id": "900123",
        "channel": "voice", "attempt": "2", "telephone": "3001234567",
        "date": "2026-01-18 19:34:31", "second_event": "37", "cod_opc_menu": "AGENTE",
    })
}

fn with(field: &str, value: serde_json::Value) -> serde_json::Value {
    let mut row = row();
    row[field] = value;
    row
}

#[test]
fn a_documented_row() {
    let parsed = parse(&row()).unwrap();
    assert_eq!(parsed.labels, RowLabels::new("4628", "voice", "AGENTE"));
    assert_eq!(
        (parsed.date, parsed.second, parsed.attempts, parsed.interaction.is_some()),
        (LocalSecond::new(1_768_764_871), Some(37), 2, true)
    );
}

#[test]
fn the_fields_of_identity_make_the_fingerprint_and_the_personal_ones_do_not() {
    let first = parse(&row()).unwrap();
    for field in ["rp_id", "conn_id", "channel", "attempt", "second_event", "cod_opc_menu"] {
        let other = parse(&with(field, json!("9"))).unwrap();
        assert_ne!(other.fingerprint, first.fingerprint, "{field}");
    }
    for field in ["customer_id", "telephone", "unknown_field"] {
        assert_eq!(parse(&with(field, json!("9"))).unwrap(), first, "{field}");
    }
    for (field, same) in [
        ("second_event", json!("37.0")),
        ("second_event", json!("00:00:37")),
        ("second_event", json!("037")),
        ("second_event", json!(37)),
        ("attempt", json!(2)),
        ("rp_id", json!(4628)),
        ("channel", json!(" voice\n")),
    ] {
        assert_eq!(parse(&with(field, same.clone())).unwrap(), first, "{field}={same}");
    }
}

#[test]
fn labels_are_cleaned_cut_and_never_empty() {
    for (text, label) in [
        (json!("  Facturación y\tpagos "), "Facturación ypagos"),
        (json!("ñ".repeat(30)), &"ñ".repeat(20)),
        (json!("a\"b\\c"), "a\"b\\c"),
        (json!("N/D"), "N/D"),
        (json!("0"), "0"),
        (json!(0), "0"),
        (json!(""), "unknown"),
        (json!(null), "unknown"),
        (json!("--"), "unknown"),
    ] {
        assert_eq!(
            &*parse(&with("cod_opc_menu", text.clone())).unwrap().labels.option,
            label,
            "{text}"
        );
    }
    // Cut to the same label, but still two rows.
    let (a, b) = ("x".repeat(25) + "a", "x".repeat(25) + "b");
    let (a, b) = (
        parse(&with("cod_opc_menu", json!(a))).unwrap(),
        parse(&with("cod_opc_menu", json!(b))).unwrap(),
    );
    assert_eq!(a.labels, b.labels);
    assert_ne!(a.fingerprint, b.fingerprint);
}

#[test]
fn what_cannot_be_counted_says_why() {
    let mut nobodys = with("rp_id", json!(""));
    nobodys["conn_id"] = json!("-");
    assert_eq!(parse(&nobodys), Err(Rejection::NoIdentity));
    assert_eq!(parse(&json!("TOTAL")), Err(Rejection::Malformed));
    for (json, field, shape) in [
        (with("rp_id", json!({"a": 1})), "rp_id", "an object"),
        (with("cod_opc_menu", json!(["AGENTE"])), "cod_opc_menu", "a list"),
        (with("date", json!("18/01/2026 19:34:31")), "date", "99/99/9999 99:99:99"),
        (with("date", json!(1_768_764_871)), "date", "9999999999"),
        (with("date", json!(null)), "date", "empty"),
        (json!({"rpId": "10", "connId": "1.2"}), "rp_id", "missing"),
        (json!([["10"]]), "row", "a list"),
    ] {
        let rejected = read(&json.to_string()).expect_err("no row");
        assert_eq!((rejected.field, rejected.pattern.as_str()), (field, shape), "{json}");
        assert!(!rejected.damaged);
    }
    let list = json!(["4628", "6736.1", "voice", "2", "2026-01-18 19:34:31", "37", "AGENTE"]);
    assert_eq!(parse(&list), Err(Rejection::Malformed));
    assert_eq!(parse(&with("date", json!("yesterday"))), Err(Rejection::BadDate));
    assert_eq!(parser().parse(Element::TooLong), Err(Rejection::TooLong.into()));
    for json in ["{\"rp_id\":", "{\"rp_id\":1]", "nul", "[1}", "{\"rp_id\":\"\\x\"}"] {
        let rejected = read(json).expect_err(json);
        assert!(
            rejected.damaged && rejected.reason == Rejection::Malformed,
            "{json}: {rejected:?}"
        );
    }
}

#[test]
fn a_line_of_totals_is_known_by_any_of_its_marks() {
    for field in ["rp_id", "conn_id", "channel", "date"] {
        for mark in ["TOTAL", "Totales", "GRAND TOTAL", "Total:"] {
            assert_eq!(parse(&with(field, json!(mark))), Err(Rejection::Total), "{field} {mark}");
        }
    }
    for total in [
        json!({"rp_id": "", "conn_id": "", "channel": "TOTAL", "attempt": "--", "cod_opc_menu": "-"}),
        json!({"rp_id": "10", "conn_id": "", "date": "2026-01-18 19:34:31", "cod_opc_menu": "TOTAL"}),
        json!({"rp_id": "", "conn_id": "", "name": "Total"}),
        json!({"channel": "TOTAL"}),
        json!({"total": 25}),
    ] {
        assert_eq!(parse(&total), Err(Rejection::Total), "{total}");
    }
    // An option, a routing point or a message may have the word in it, and an option may be called
    // so.
    assert_eq!(parse(&with("cod_opc_menu", json!("TOTAL"))).unwrap().labels.option, "TOTAL");
    assert_eq!(parse(&with("rp_id", json!("SALDO TOTAL"))).unwrap().labels.rp_id, "SALDO TOTAL");
    assert_eq!(parse(&json!({"message": "a TOTAL failure"})), Err(Rejection::Malformed));
}

#[test]
fn values_beyond_any_interaction_are_taken_for_absent() {
    for (field, value, read) in [
        ("attempt", json!("4294967295"), (0, Some(37))),
        ("attempt", json!(101), (0, Some(37))),
        ("attempt", json!("3001234567"), (0, Some(37))),
        ("attempt", json!("100"), (100, Some(37))),
        ("second_event", json!("1768764871"), (2, None)),
        ("second_event", json!("99:59:59"), (2, None)),
        ("second_event", json!(172_801), (2, None)),
        ("second_event", json!("48:00:00"), (2, Some(172_800))),
    ] {
        let row = parse(&with(field, value.clone())).unwrap();
        assert_eq!((row.attempts, row.second), read, "{field} {value}");
        // It is still part of what tells two rows apart.
        assert_ne!(
            row.fingerprint,
            parse(&with(field, json!("9"))).unwrap().fingerprint,
            "{field} {value}"
        );
    }
}

#[test]
fn odd_values_keep_the_hit() {
    assert_eq!(parse(&with("attempt", json!("many"))).unwrap().attempts, 0);
    assert_eq!(parse(&with("second_event", json!("-"))).unwrap().second, None);
    assert_eq!(parse(&with("second_event", json!("-5"))).unwrap().second, None);
    assert_eq!(parse(&with("second_event", json!("99999999999"))).unwrap().second, None);
    assert_eq!(parse(&with("second_event", json!("01:01:01"))).unwrap().second, Some(3661));
    assert_eq!(parse(&with("conn_id", json!(null))).unwrap().interaction, None);
}

#[test]
fn a_single_odd_field_does_not_cost_the_row() {
    let absent = |row: Result<Row<'_>, Rejected>| row.map(|row| (row.attempts, row.second));
    for (field, json, read) in [
        ("attempt", "[]", (0, Some(37))),
        ("attempt", "{\"a\":1}", (0, Some(37))),
        ("attempt", "null", (0, Some(37))),
        ("attempt", "2.0", (2, Some(37))),
        ("second_event", "[37]", (2, None)),
        ("second_event", "true", (2, None)),
        ("second_event", "37.5", (2, Some(37))),
        ("second_event", "1e999", (2, None)),
        ("second_event", "123456789012345678901234567890", (2, None)),
        ("customer_id", "{\"a\":[\"\\ud800\"]}", (2, Some(37))),
        ("telephone", "\"\\udfff\"", (2, Some(37))),
        ("telephone", "\"a\tb\"", (2, Some(37))),
        ("telephone", "\"3\",\"telephone\":4", (2, Some(37))),
    ] {
        assert_eq!(absent(raw(field, json)), Ok(read), "{field} {json}");
    }
    let option = |json: &str| raw("cod_opc_menu", json).map(|row| row.labels.option.to_string());
    for (json, label) in [
        (r#""Ma\ud800ana""#, "Ma\u{fffd}ana"),
        (r#""\ud83d\ude00""#, "😀"),
        ("\"a\tb\"", "ab"),
        ("\"X\",\"cod_opc_menu\":\"Y\"", "Y"),
    ] {
        assert_eq!(option(json).as_deref(), Ok(label), "{json}");
    }
    // What is escaped and what is not are one.
    assert_eq!(raw("cod_opc_menu", "\"a\tb\""), raw("cod_opc_menu", r#""a\tb""#));
    assert_eq!(raw("attempt", "[]"), raw("attempt", "\"\""));
}

#[test]
fn numbers_of_more_than_64_bits_stay_apart() {
    let ids = [
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        "1234567890123456.25",
        "1234567890123456.5",
    ];
    for field in ["rp_id", "conn_id"] {
        for (index, id) in ids.iter().enumerate() {
            let row = raw(field, id).expect(id);
            assert_eq!(row, raw(field, &format!("\"{id}\"")).expect(id), "{field} {id}");
            for other in &ids[..index] {
                assert_ne!(
                    row.fingerprint,
                    raw(field, other).expect(other).fingerprint,
                    "{id} {other}"
                );
            }
        }
    }
}

#[test]
fn what_a_caller_typed_is_no_label() {
    let option = |text: &str, least: usize| {
        let parser = parser().folding(DigitFold::of(least));
        let row = with("cod_opc_menu", json!(text)).to_string();
        parser.parse(Element::Value(row.as_bytes())).expect(text).labels.option.to_string()
    };
    for (text, least, label) in [
        ("1234567", 7, NUMBER),
        ("123456", 7, "123456"),
        ("CC 1032456789", 7, NUMBER),
        // Cut after the eighth digit, and folded before.
        ("aaaaaaaaaaaaaaaa 1032456789", 7, NUMBER),
        ("aaaaaaaaaaaaaaaaaaaa 1032456789", 7, NUMBER),
        ("1234567", 8, "1234567"),
        ("1234", 4, NUMBER),
        ("1234567890123", 0, "1234567890123"),
    ] {
        assert_eq!(option(text, least), label, "{text}");
    }
    // They stay rows of their own all the same.
    let prints = |text: &str| parse(&with("cod_opc_menu", json!(text))).expect("a row").fingerprint;
    assert_ne!(prints("1032456789"), prints("1032456780"));
}
