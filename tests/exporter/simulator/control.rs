//! Tests of the simulator's switches and flags, and of its end.

use jiff::ToSpan;
use simulator_testing::{SimulateArgs, Truth, run};
use tokio::net::TcpListener;

use crate::simulator::{MONDAY, Server, body, moment, rows, text};

#[tokio::test]
async fn faults_are_switched_over_http() {
    let server = Server::start(|_| {}).await;
    assert_eq!(server.post("faults", r#"{"fault":"maintenance","times":1}"#).await.status(), 200);
    assert_eq!(server.hour().await.unwrap().status(), 403);
    assert_eq!(server.hour().await.unwrap().status(), 200);
    server.post("faults", r#"{"fault":{"throttled":{"retry_after":7}}}"#).await;
    for _ in 0..3 {
        assert_eq!(server.hour().await.unwrap().status(), 429);
    }
    let url = format!("{}/simulator/faults", server.url);
    assert_eq!(server.client.delete(&url).send().await.unwrap().status(), 200);
    assert_eq!(server.hour().await.unwrap().status(), 200);

    for bad in ["", "{}", r#"{"fault":"maintenence"}"#, r#"{"fault":"drip","times":0}"#] {
        let response = server.post("faults", bad).await;
        assert_eq!(response.status(), 400, "{bad}");
        assert!(!text(&body(response).await, "error").is_empty());
    }
    assert_eq!(server.post("nothing", "{}").await.status(), 404);
    assert_eq!(server.post("truth", "{}").await.status(), 405);
    assert_eq!(server.client.get(&server.url).send().await.unwrap().status(), 404);
    let truth = format!("{}/simulator/truth?from=yesterday", server.url);
    assert_eq!(server.client.get(truth).send().await.unwrap().status(), 400);
    let truth = format!("{}/simulator/truth?from=0001-01-01T00:00:00Z", server.url);
    assert_eq!(server.client.get(truth).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn traffic_can_be_ended_so_that_everything_settles() {
    let server = Server::start(|_| {}).await;
    let half_past = moment(MONDAY + 10.hours() + 30.minutes());
    server.set_clock(half_past);
    assert_eq!(server.post("traffic", r#"{"until":"2026-01-19T15:29:59Z"}"#).await.status(), 400);
    assert_eq!(server.post("traffic", "{}").await.status(), 200);
    server.set_clock(moment(MONDAY + 1.day()));
    let last = rows(server.hour().await).await.iter().map(|row| text(row, "date").to_owned()).max();
    assert_eq!(last.as_deref(), Some("2026-01-19 10:29:59"));
    // Ended traffic cannot be resumed, because new rows would appear in windows that had been read.
    assert_eq!(server.post("traffic", r#"{"until":"2027-01-01T00:00:00Z"}"#).await.status(), 400);
    assert_eq!(server.truth("from=2026-01-19T15:30:00Z").await, Truth::default());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let parse = |flags: &[&str]| {
        <Command as clap::Parser>::try_parse_from([&["simulate"], flags].concat())
            .map(|command| command.args)
    };
    let args = parse(&["--simulate.listen-address", &address]).unwrap();
    let error = run(args, std::future::pending()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    run(parse(&["--simulate.listen-address", "127.0.0.1:0"]).unwrap(), async {}).await.unwrap();
    for (flag, good, bad) in [
        ("--simulate.timezone", "America/Lima", "Bogota"),
        ("--simulate.scale", "0", "-1"),
        ("--simulate.scale", "2.5", "NaN"),
        ("--simulate.late-share", "1", "2"),
    ] {
        // One argument, so that a value with a leading dash does not look like a flag.
        assert!(parse(&[&format!("{flag}={good}")]).is_ok(), "{flag} {good}");
        assert!(parse(&[&format!("{flag}={bad}")]).is_err(), "{flag} {bad}");
    }
}
