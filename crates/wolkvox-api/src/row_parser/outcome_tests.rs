//! Rows of diagram_1: what became of a call.

use serde_json::json;

use super::*;

fn parser() -> RowParser {
    RowParser::new(Fingerprints::new([7; 16]), 20).reading(ReportName::Diagram1)
}

fn row() -> serde_json::Value {
    json!({
        "rp_id": "4628", "rp_name": "Ventas 3009998877", "cod_opc_menu": "AGENTE", "dn_transfer": "3005550001",
        "date": "2026-01-18 19:34:31", "result": "hung up", "ani": "3001234567", "time": "00:01:37",
        "customer_id": "900123", "conn_id": "6736.4628.1040.1768782812.1814",
    })
}

fn with(field: &str, value: serde_json::Value) -> serde_json::Value {
    let mut row = row();
    row[field] = value;
    row
}

fn parse(row: &serde_json::Value) -> Result<Row<'static>, Rejected> {
    parser().parse(Element::Value(row.to_string().as_bytes())).map(Row::into_owned)
}

#[test]
fn a_documented_row() {
    let parsed = parse(&row()).unwrap();
    assert_eq!(parsed.labels, RowLabels::new("4628", "hung_up", "AGENTE"));
    assert_eq!(
        (parsed.date, parsed.second, parsed.attempts, parsed.interaction.is_some()),
        (LocalSecond::new(1_768_764_871), Some(97), 0, true)
    );
}

#[test]
fn two_words_are_known_and_no_other_is_guessed() {
    for (result, outcome) in [
        (json!("ok"), "reached_queue"),
        (json!(" OK "), "reached_queue"),
        (json!("hung up"), "hung_up"),
        (json!("Hung Up"), "hung_up"),
        (json!("hung"), "other"),
        (json!("hangup"), "other"),
        (json!("okay"), "other"),
        (json!("3001234567"), "other"),
        (json!(""), "other"),
        (json!("-"), "other"),
        (json!(null), "other"),
        (json!(1), "other"),
    ] {
        assert_eq!(
            parse(&with("result", result.clone())).unwrap().labels.channel,
            outcome,
            "{result}"
        );
    }
    let mut missing = row();
    missing.as_object_mut().unwrap().remove("result");
    assert_eq!(parse(&missing).unwrap().labels.channel, "other");
    let rejected = parse(&with("result", json!({"a": 1}))).expect_err("no row");
    assert_eq!((rejected.reason, rejected.field), (Rejection::Malformed, "result"));
}

#[test]
fn what_is_personal_changes_nothing_and_is_nowhere_in_the_row() {
    let first = parse(&row()).unwrap();
    for field in
        ["ani", "customer_id", "dn_transfer", "rp_name", "channel", "attempt", "second_event"]
    {
        assert_eq!(parse(&with(field, json!("3007654321"))).unwrap(), first, "{field}");
    }
    // Byte by byte: neither as text nor as a number, in whichever order of bytes.
    let shown = format!("{first:?}");
    for personal in
        ["3001234567", "900123", "3005550001", "6736.4628.1040.1768782812.1814", "3009998877"]
    {
        assert!(!shown.contains(personal), "{personal}");
    }
    for number in [first.fingerprint, first.interaction.unwrap()] {
        for personal in [3_001_234_567u64, 900_123, 3_005_550_001] {
            assert!(!holds(&number.to_le_bytes(), personal), "{personal}");
        }
    }
}

/// Whether the bytes that a number needs stand in these, in either order.
fn holds(bytes: &[u8], number: u64) -> bool {
    let little: Vec<u8> = number.to_le_bytes().into_iter().take_while(|byte| *byte != 0).collect();
    let big: Vec<u8> = little.iter().rev().copied().collect();
    bytes.windows(little.len()).any(|window| window == little || window == big)
}

#[test]
fn a_call_stays_the_same_interaction_whatever_became_of_it() {
    let (hung_up, reached) = (parse(&row()).unwrap(), parse(&with("result", json!("ok"))).unwrap());
    assert_eq!(hung_up.interaction, reached.interaction);
    assert_ne!(hung_up.fingerprint, reached.fingerprint);
    for field in ["rp_id", "conn_id", "time", "cod_opc_menu"] {
        assert_ne!(
            parse(&with(field, json!("9"))).unwrap().fingerprint,
            hung_up.fingerprint,
            "{field}"
        );
    }
}

#[test]
fn the_quick_and_the_close_way_read_the_same() {
    let quick = row().to_string();
    let close = quick.replacen('{', r#"{"more":[1,{"ani":"3001234567"}],"#, 1);
    let read = |text: &str| parser().parse(Element::Value(text.as_bytes())).map(Row::into_owned);
    assert_eq!(read(&quick), read(&close));
}
