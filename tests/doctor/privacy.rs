//! Nothing of a row and no token is in what it prints.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use wolkvox_exporter::simulator::{CUSTOMER_PREFIX, Fault, TELEPHONE_PREFIX};

use crate::{
    api::{Api, TOKEN, noon},
    doctor,
    front::{Front, http},
    process::client,
};

/// A personal number that only an error's text holds.
const QUOTED: &str = "573005559876";

/// Every value that belongs to somebody or to one moment, of all rows that a simulator shows.
async fn values(api: &Api) -> Vec<String> {
    let digits = |hours| {
        let moment = noon().to_datetime(Timestamp::now() - SignedDuration::from_hours(hours));
        moment.strftime("%Y%m%d%H%M%S").to_string()
    };
    let url = format!(
        "{}/api/v2/reports_manager.php?api=diagram_13&date_ini={}&date_end={}",
        api.url(),
        digits(2),
        digits(0)
    );
    let answer = client().get(url).header("wolkvox-token", TOKEN).send().await.expect("an answer");
    let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    let rows = body["data"].as_array().expect("rows");
    assert!(rows.len() > 300, "{}", rows.len());
    let fields = ["telephone", "customer_id", "conn_id", "date"];
    let mut values: Vec<String> = Vec::new();
    for row in rows {
        values.extend(fields.iter().map(|field| row[field].as_str().expect("text").to_owned()));
    }
    values
}

#[tokio::test]
async fn no_value_and_no_token_is_printed() {
    let mut printed = String::new();
    let api = Api::start(|options| options.bursts[0].rows = 3000).await;
    let secrets = values(&api).await;
    for args in [["--lang=en", "--wolkvox.timezone=UTC"], ["--lang=es", "--wolkvox.timezone=Asia/Tokyo"]] {
        printed += &doctor(&api.url(), &args, &[]).await.out;
    }
    printed += &doctor(&api.url(), &["--log.level=trace"], &[]).await.out;
    for fault in [Fault::CutJson, Fault::RowBadDate, Fault::RowNotObject, Fault::TotalRow, Fault::WrongSchema]
    {
        api.simulator.clear_faults();
        let rule = wolkvox_exporter::simulator::FaultRule::always(fault);
        api.simulator.add_fault(rule).expect("a good rule");
        printed += &doctor(&api.url(), &[], &[]).await.out;
    }
    for status in ["200 OK", "400 Bad Request", "403 Forbidden", "418 I'm a teapot", "500 Oops"] {
        let body = format!(r#"{{"code":"x","msg":"no {TOKEN} for {QUOTED}, +{QUOTED}. token={TOKEN}"}}"#);
        let front = Front::start(vec![http(status, &body)], None).await;
        printed += &doctor(&front.url(), &[], &[]).await.out;
    }
    assert!(printed.matches("`9999-99-99 99:99:99`").count() >= 3, "rows were looked at: {printed}");
    for secret in secrets.iter().map(String::as_str).chain([TOKEN, QUOTED, TELEPHONE_PREFIX]) {
        assert!(!printed.contains(secret), "{secret} is in\n{printed}");
    }
    // The prefix is short: it may stand in a port.
    let customers = secrets.iter().filter(|value| value.starts_with(CUSTOMER_PREFIX)).count();
    assert!(customers > 300, "there was something to find");
}
