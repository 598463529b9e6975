//! Tests of the simulator, driven over HTTP as a client in another process would.
//!
//! The clock is a parameter, so no test waits for a row to become visible.

mod answers;
mod control;
mod faults;
mod limits;
mod rows;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{
    Timestamp, ToSpan,
    civil::{DateTime, date},
};
use reqwest::Response;
use serde_json::Value;
use simulator_testing::{Fault, FaultRule, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

/// Midnight at the start of a working Monday.
const MONDAY: DateTime = date(2026, 1, 19).at(0, 0, 0, 0);

/// A simulator behind a socket, with a clock that tests set.
struct Server {
    simulator: Arc<Simulator>,
    url: String,
    client: reqwest::Client,
    now: Arc<AtomicI64>,
}

fn moment(local: DateTime) -> Timestamp {
    local.in_tz("America/Bogota").unwrap().timestamp()
}

fn digits(local: DateTime) -> String {
    local.strftime("%Y%m%d%H%M%S").to_string()
}

impl Server {
    /// Starts a simulator at the end of Monday; `change` changes the default options.
    async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let now = Arc::new(AtomicI64::new(moment(MONDAY + 1.day()).as_second()));
        let clock = Arc::clone(&now);
        let mut options = Options {
            clock: Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap()),
            token: "right".to_owned(),
            ..Options::default()
        };
        change(&mut options);
        let simulator = Simulator::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Arc::clone(&simulator), std::future::pending()));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_proxy()
            .build()
            .unwrap();
        Self { simulator, url, client, now }
    }

    fn set_clock(&self, now: Timestamp) {
        self.now.store(now.as_second(), Ordering::SeqCst);
    }

    async fn get(&self, token: Option<&str>, query: &str) -> reqwest::Result<Response> {
        let request = self.client.get(format!("{}/api/v2/reports_manager.php?{query}", self.url));
        match token {
            Some(token) => request.header("wolkvox-token", token).send().await,
            None => request.send().await,
        }
    }

    async fn report(&self, ini: DateTime, end: DateTime) -> reqwest::Result<Response> {
        let query = format!("api=diagram_13&date_ini={}&date_end={}", digits(ini), digits(end));
        self.get(Some("right"), &query).await
    }

    /// Requests the hour from ten to eleven.
    async fn hour(&self) -> reqwest::Result<Response> {
        self.report(MONDAY + 10.hours(), MONDAY + 10.hours() + 3_599.seconds()).await
    }

    /// Requests a window without rows.
    async fn nothing(&self) -> reqwest::Result<Response> {
        let later = MONDAY + 3.days();
        self.report(later, later + 5.minutes()).await
    }

    async fn post(&self, switch: &str, body: &str) -> Response {
        self.client
            .post(format!("{}/simulator/{switch}", self.url))
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn truth(&self, query: &str) -> Truth {
        let url = format!("{}/simulator/truth?{query}", self.url);
        parse(&self.client.get(url).send().await.unwrap().bytes().await.unwrap())
    }

    fn fault(&self, fault: Fault) {
        self.simulator.add_fault(FaultRule::times(fault, 1)).unwrap();
    }

    async fn faulty(&self, fault: Fault) -> reqwest::Result<Response> {
        self.fault(fault);
        self.hour().await
    }

    fn hour_truth(&self) -> Truth {
        self.simulator.truth(moment(MONDAY + 10.hours()), moment(MONDAY + 11.hours()), None)
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

async fn body(response: Response) -> Value {
    parse(&response.bytes().await.unwrap())
}

async fn rows(response: reqwest::Result<Response>) -> Vec<Value> {
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    body(response).await["data"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row}"))
}

/// Returns the fields that identify a row.
fn identity(row: &Value) -> Vec<String> {
    ["rp_id", "conn_id", "channel", "date", "second_event", "attempt", "cod_opc_menu"]
        .map(|field| text(row, field).to_owned())
        .to_vec()
}

fn seconds(text: &str) -> u64 {
    text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<f64>().unwrap() as u64)
}

async fn refused(response: reqwest::Result<Response>) -> (u16, String) {
    let response = response.unwrap();
    let status = response.status().as_u16();
    let body = body(response).await;
    assert_eq!(text(&body, "code"), status.to_string());
    (status, text(&body, "msg").to_owned())
}
