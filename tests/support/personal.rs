//! Personal data that must not appear anywhere: the rows that a simulator serves, and an error that
//! quotes them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    api::{Api, TOKEN, noon},
    process::client,
};

/// A telephone that only the text of an error contains.
pub(crate) const QUOTED: &str = "573005559876";

/// Returns all rows that a simulator serves of the last two hours, requested as the exporter does.
pub(crate) async fn rows(api: &Api) -> Vec<Value> {
    let digits = |hours| {
        let moment = noon().to_datetime(Timestamp::now() - SignedDuration::from_hours(hours));
        moment.strftime("%Y%m%d%H%M%S").to_string()
    };
    let (from, until) = (digits(2), digits(0));
    let query = format!("api=diagram_13&date_ini={from}&date_end={until}");
    let url = format!("{}/api/v2/reports_manager.php?{query}", api.url());
    let answer = client().get(url).header("wolkvox-token", TOKEN).send().await.expect("an answer");
    let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    body["data"].as_array().expect("rows").clone()
}

/// Returns the text of one field of a row.
pub(crate) fn text(row: &Value, field: &str) -> String {
    row[field].as_str().expect("text").to_owned()
}

/// Returns the body of an error that quotes the token and a telephone.
pub(crate) fn quoting() -> String {
    format!(r#"{{"code":"x","msg":"no {TOKEN} for {QUOTED}, +{QUOTED}. token={TOKEN}"}}"#)
}
