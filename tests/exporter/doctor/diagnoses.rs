//! Diagnoses that a simulated Wolkvox can cause: good rows, faults, a wrong clock, a wrong time
//! zone.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use simulator_testing::{Burst, Fault};

use crate::doctor::{Said, doctor};
use crate::support::api::Api;

async fn english(api: &Api) -> Said {
    doctor(&api.url(), &[], &[]).await
}

async fn spanish(api: &Api) -> Said {
    doctor(&api.url(), &["--lang=es"], &[]).await
}

#[tokio::test]
async fn all_is_well() {
    let api = Api::start(|_| {}).await;
    let said = english(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    for text in [
        "[--] TLS none: plain http",
        "[ok] token accepted",
        "[ok] quota 999999 of 1000000 requests are left today",
        "[ok] clock this machine and the server agree",
        "[ok] report diagram_13 exists and gave",
        "fits: the dates of",
        "[--] lateness the newest row is",
        "[ok] end of span the server includes the last second",
        "date in 100 % of the rows; length 19: `9999-99-99 99:99:99`",
        "telephone in 100 % of the rows; personal",
        "[--] requests 4 of at most 10 were spent",
        "All is well.",
    ] {
        assert!(said.has(text), "{text:?} is not in\n{}", said.out);
    }
    // The number of requests that it reports is true.
    assert_eq!(api.simulator.requests().used_today, 4);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);

    let said = spanish(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("[ok] token aceptado") && said.has("Todo está bien."), "{}", said.out);
}

/// Returns faults, each with parts of its finding and remedy in English and in Spanish.
fn faults() -> Vec<(Fault, [&'static str; 2], [&'static str; 2])> {
    vec![
        (Fault::TokenMissing, ["saw no token", "removed it"], ["no vio ningún token", "la quitó"]),
        (
            Fault::TokenInvalid,
            ["wrong or has expired", "put it into WOLKVOX_TOKEN"],
            ["incorrecto o venció", "póngalo en WOLKVOX_TOKEN"],
        ),
        (
            Fault::QuotaExhausted,
            ["the day's requests are spent", "server's midnight"],
            ["se agotaron", "medianoche del servidor"],
        ),
        (
            Fault::Concurrency,
            ["somebody else", "token of its own"],
            ["alguien más", "token propio"],
        ),
        (
            Fault::Maintenance,
            ["in maintenance; it says \"THE SERVER IS", "Nothing is wrong on this side"],
            ["en mantenimiento", "El problema no es de este lado"],
        ),
        (
            Fault::UnknownApi,
            ["does not know diagram_13", "Ask Wolkvox whether"],
            ["no conoce diagram_13", "Pregunte a Wolkvox"],
        ),
        (
            Fault::NotJson,
            ["not JSON, but a web page", "sign-in page"],
            ["no es JSON", "página de ingreso"],
        ),
        (
            Fault::WrongSchema,
            ["JSON, but not a report", "proxy"],
            ["JSON, pero no un reporte", "proxy"],
        ),
        (
            Fault::Http503,
            ["its own error, HTTP 503", "again by itself"],
            ["un error suyo, HTTP 503", "de nuevo solo"],
        ),
        (
            Fault::Throttled { retry_after: None },
            ["fewer requests (HTTP 429)", "again by itself"],
            ["menos peticiones (HTTP 429)", "de nuevo solo"],
        ),
        (
            Fault::Redirect { to: "http://127.0.0.1:9/".to_owned() },
            ["redirects the request (HTTP 302)", "sign-in page"],
            ["redirige la petición (HTTP 302)", "página de ingreso"],
        ),
        (
            Fault::Reset,
            ["and then it broke", "does a firewall of your own"],
            ["y luego se cortó", "su propio firewall"],
        ),
        (
            Fault::RowBadDate,
            ["that they cannot be counted: 1 of", "Report the shape"],
            ["filas sin fecha legible", "Reporte la forma"],
        ),
    ]
}

#[tokio::test]
async fn every_fault_is_told_with_its_remedy_in_both_languages() {
    for (fault, in_english, in_spanish) in faults() {
        let name = fault.name();
        let api = Api::start(|_| {}).await.always(fault);
        english(&api).await.assert_to_do(&name, &in_english);
        spanish(&api).await.assert_to_do(&name, &in_spanish);
        assert!(api.simulator.requests().used_today <= 20, "{name}: ten at most, each time");
    }
}

#[tokio::test]
async fn a_wrong_token_costs_one_request() {
    let api = Api::start(|options| options.token = "another".to_owned()).await;
    let said = english(&api).await;
    said.assert_to_do(
        "wrong token",
        &["[!!] token the token was refused", "[--] requests 1 of at most 10"],
    );
    spanish(&api).await.assert_to_do("wrong token", &["[!!] token el token fue rechazado"]);
}

#[tokio::test]
async fn a_spent_quota_is_not_asked_on() {
    let api = Api::start(|options| options.daily_limit = Some(1)).await;
    let texts =
        ["[!!] quota all 1 requests of the day are spent (1 used)", "requests 1 of at most 10"];
    english(&api).await.assert_to_do("spent", &texts);
    // After this even the request for the quota is refused.
    spanish(&api).await.assert_to_do("spent", &["[!!] cuota las peticiones del día se agotaron"]);
}

#[tokio::test]
async fn a_small_quota_is_told() {
    let api = Api::start(|options| options.daily_limit = Some(100)).await;
    english(&api)
        .await
        .assert_to_do("small", &["100 requests a day are fewer than the 339", "--poll.interval"]);
}

#[tokio::test]
async fn an_empty_hour_is_looked_behind() {
    let at = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    let api = Api::start(|options| {
        (options.from, options.until) = (Some(at(4)), Some(at(3)));
        options.bursts = vec![Burst { at: at(4), seconds: 600, rows: 300 }];
    })
    .await;
    let said = english(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("rows in the last 24 h, none in the last hour"), "{}", said.out);
    assert!(said.has("either nobody used a menu since, or rows come that late"), "{}", said.out);
}

#[tokio::test]
async fn no_row_at_all_may_be_no_report() {
    let api = Api::empty().await;
    let said = english(&api).await;
    said.assert_to_do("empty", &["no row in the last 30 d, or no such report", "4 of at most 10"]);
    spanish(&api)
        .await
        .assert_to_do("empty", &["ninguna fila desde hace 30 d, o el reporte no existe"]);
}

#[tokio::test]
async fn a_wrong_zone_is_seen_by_the_calls() {
    let api = Api::start(|options| {
        options.zone = TimeZone::get("America/Bogota").expect("the zone database has it");
        options.least_load = 1.0;
        options.from = None;
        options.until = None;
    })
    .await;
    let at = async |zone: &str, more: &str| {
        doctor(&api.url(), &[&format!("--wolkvox.timezone={zone}"), more], &[]).await
    };
    // In this zone both the hour and the day differ.
    let said = at("UTC", "--lang=en").await;
    said.assert_to_do(
        "UTC",
        &["UTC is wrong: the server's dates are 5 h behind it", "UTC-05:00", "America/Bogota"],
    );
    let said = at("America/Costa_Rica", "--lang=es").await;
    said.assert_to_do("Costa Rica", &["no es correcta", "van 1 h por delante", "America/Bogota"]);
    let said = at("America/Lima", "--lang=en").await;
    assert_eq!(said.code, Some(0), "{}", said.out);
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    // A difference of 10 min 15 s: dates have no fractions of a second, so the measured one varies
    // a little, and stays above 10 min.
    for (skew, english, spanish) in [
        (-615, "this machine's clock is 10 min ahead", "va 10 min adelantado"),
        (615, "this machine's clock is 10 min behind", "va 10 min atrasado"),
    ] {
        let api = Api::start(|options| options.date_skew = SignedDuration::from_secs(skew)).await;
        self::english(&api).await.assert_to_do(english, &[english, "timedatectl"]);
        self::spanish(&api).await.assert_to_do(spanish, &[spanish, "timedatectl"]);
    }
}

#[tokio::test]
async fn a_server_that_leaves_the_end_out_is_told() {
    let api = Api::start(|options| options.exclusive_end = true).await;
    let said = english(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("[ok] end of span the server leaves out the last second"), "{}", said.out);
}

#[tokio::test]
async fn an_answer_in_part_is_looked_at() {
    let api = Api::start(|_| {}).await.times(Fault::Truncated, 1);
    let said = english(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("was incomplete, so what follows is from its first"), "{}", said.out);
}

#[tokio::test]
async fn lines_of_totals_are_told() {
    let api = Api::start(|_| {}).await.always(Fault::TotalRow);
    let said = english(&api).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("entries that are no rows: 1 "), "{}", said.out);
}
