//! Tests that doctor prints no personal value of a row and no token.

use simulator_testing::{CUSTOMER_PREFIX, Fault, TELEPHONE_PREFIX};

use crate::doctor::doctor;
use crate::support::{
    api::{Api, TOKEN},
    front::{Front, http},
    personal::{QUOTED, quoting, rows, text},
};

/// Returns every value of a simulator's rows that belongs to one person or one moment.
async fn values(api: &Api) -> Vec<String> {
    let rows = rows(api).await;
    assert!(rows.len() > 300, "{}", rows.len());
    let fields = ["telephone", "customer_id", "conn_id", "date"];
    rows.iter().flat_map(|row| fields.map(|field| text(row, field))).collect()
}

#[tokio::test]
async fn no_value_and_no_token_is_printed() {
    let mut printed = String::new();
    let api = Api::start(|options| options.bursts[0].rows = 3000).await;
    let secrets = values(&api).await;
    for args in
        [["--lang=en", "--wolkvox.timezone=UTC"], ["--lang=es", "--wolkvox.timezone=Asia/Tokyo"]]
    {
        printed += &doctor(&api.url(), &args, &[]).await.out;
    }
    printed += &doctor(&api.url(), &["--log.level=trace"], &[]).await.out;
    for fault in [
        Fault::CutJson,
        Fault::RowBadDate,
        Fault::RowNotObject,
        Fault::TotalRow,
        Fault::WrongSchema,
    ] {
        api.simulator.clear_faults();
        let rule = simulator_testing::FaultRule::always(fault);
        api.simulator.add_fault(rule).expect("a good rule");
        printed += &doctor(&api.url(), &[], &[]).await.out;
    }
    for status in ["200 OK", "400 Bad Request", "403 Forbidden", "418 I'm a teapot", "500 Oops"] {
        let front = Front::start(vec![http(status, &quoting())], None).await;
        printed += &doctor(&front.url(), &[], &[]).await.out;
    }
    assert!(
        printed.matches("`9999-99-99 99:99:99`").count() >= 3,
        "rows were looked at: {printed}"
    );
    for secret in secrets.iter().map(String::as_str).chain([TOKEN, QUOTED, TELEPHONE_PREFIX]) {
        assert!(!printed.contains(secret), "{secret} is in\n{printed}");
    }
    // The prefix of a customer number is short, so it may occur in a port.
    let customers = secrets.iter().filter(|value| value.starts_with(CUSTOMER_PREFIX)).count();
    assert!(customers > 300, "there was something to find");
}
