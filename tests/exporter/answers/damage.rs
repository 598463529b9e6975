//! Damages whole answers at random: each must be read exactly or fail, and never commit fewer rows.

use simulator::Random;

use crate::answers::{answer, ask_with, client, row, told};
use crate::support::front::Front;

/// Draws a number below `end` from a fixed sequence, so that every run is the same.
fn below(random: &mut Random, end: usize) -> usize {
    random.bits() as usize % end
}

/// Bytes with a meaning in JSON, and some without.
const BYTES: &[u8] = b"{}[]\",:\\ 0123nulltruefalse<\0\x1f\xff\xc3";

/// Damages a body at one place outside the rows: changes, removes, inserts or repeats bytes, or
/// cuts off the end.
fn damage(body: &[u8], rows: &[std::ops::Range<usize>], random: &mut Random) -> Option<Vec<u8>> {
    let at = below(random, body.len());
    let length = 1 + below(random, 6);
    let end = (at + length).min(body.len());
    let kind = below(random, 5);
    let touched = if kind == 4 { at..at } else { at..end };
    if rows.iter().any(|row| row.start < touched.end && touched.start < row.end) {
        return None;
    }
    let mut out = body[..at].to_vec();
    match kind {
        0 => {
            out.push(BYTES[below(random, BYTES.len())]);
            out.extend_from_slice(&body[at + 1..]);
        }
        1 => out.extend_from_slice(&body[end..]),
        2 => {
            out.push(BYTES[below(random, BYTES.len())]);
            out.extend_from_slice(&body[at..]);
        }
        3 => {
            out.extend_from_slice(&body[at..end]);
            out.extend_from_slice(&body[at..]);
        }
        _ => {}
    }
    Some(out)
}

#[tokio::test]
async fn damage_to_an_envelope_never_commits_less() {
    let options = ["A", "B", "C", "Ñ"];
    let rows: Vec<String> = options.iter().map(|option| row(option)).collect();
    let good = "ok A B C Ñ";
    // With the vendor's count of rows in `msg`, with `data` before the other fields, and with rows
    // by number.
    let bodies = [
        format!(
            r#"{{"code":"200","error":null,"msg":"4 records were found","data":[{}]}}"#,
            rows.join(", ")
        ),
        format!(r#"{{"data" : [{}], "msg":"OK","code":0}}"#, rows.join(",")),
        format!(
            r#"{{"code":200,"data":{{"0":{},"1":{},"2":{},"3":{}}}}}"#,
            rows[0], rows[1], rows[2], rows[3]
        ),
    ];
    let mut random = Random::from_state(13);
    let (mut exact, mut failed, mut less) = (0, 0, Vec::new());
    for body in &bodies {
        let places: Vec<_> = rows
            .iter()
            .map(|row| body.find(row.as_str()).map(|at| at..at + row.len()).expect("it is there"))
            .collect();
        let mut damaged = Vec::new();
        while damaged.len() < 700 {
            damaged.extend(damage(body.as_bytes(), &places, &mut random));
        }
        // One server that gives the answers in order, and one client.
        let answers = damaged.iter().map(|body| answer("200 OK", "", body)).collect();
        let front = Front::start(answers, None).await;
        let client = client(&front.url()).expect("a client");
        for damaged in &damaged {
            let read = ask_with(&client).await;
            match read {
                Ok(_) if told(&read) == good => exact += 1,
                Ok(_) => {
                    less.push(format!("{}: {}", told(&read), String::from_utf8_lossy(damaged)));
                }
                Err(_) => failed += 1,
            }
        }
    }
    println!("damaged answers: {exact} read exactly, {failed} failed, {} otherwise", less.len());
    assert!(exact > 100 && failed > 1000, "{exact} {failed}");
    assert!(less.is_empty(), "{}", less.join("\n"));
}
