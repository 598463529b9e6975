//! Tests of the number of messages that a trouble causes: outages of a routing point and of an
//! option, for six hours and for three days, and an option at which callers hang up three times as
//! often.
//!
//! The exporter's `backfill` reads a simulated past and judges it poll by poll. A server then shows
//! these results, one poll at each scrape, to a real Prometheus with the shipped rules and a real
//! Alertmanager with the shipped configuration. Both use durations 1,500 times as short, so that a
//! poll's five minutes are a fifth of a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs::File,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{Response, body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use regex::{Captures, Regex};
use simulator_testing::{OptionIncident, Options, Simulator};

use crate::alerts_end_to_end::alertmanager::{self, Alert, Alertmanager, Webhook};
use crate::backfill::{self, Past};
use crate::support::{prometheus::binaries, stack};

/// Days that are read; the outages are in the last of them.
const DAYS: i64 = 18;
/// Factor of the traffic: 130 calls an hour end at the option at which callers hang up.
const SCALE: f64 = 0.5;
/// The part of the past that is shown to Prometheus.
const SHOWN: SignedDuration = SignedDuration::from_hours(84);
/// Time from the first outages to the end of the past; the hang-ups begin a day later.
const BEFORE_THE_END: SignedDuration = SignedDuration::from_hours(80);
/// Seconds between polls in the past; they pass [`TIMES_AS_FAST`] times as fast.
const POLL: i64 = 300;
const TIMES_AS_FAST: u64 = 1_500;
/// Prefixes of the metrics that the alerts about menus read.
const READ: [&str; 5] = [
    "wolkvox_menu_option_anomaly_score",
    "wolkvox_menu_routing_point_anomaly_score",
    "wolkvox_menu_anomaly_",
    "wolkvox_report_lag_seconds",
    "wolkvox_baseline_observations",
];
/// Longest time for all polls and their messages: a fifth of a second each, and more on a busy
/// machine.
const DEADLINE: Duration = Duration::from_secs(600);

/// A trouble and the alert about it.
struct Trouble {
    rp_id: &'static str,
    /// The option; `None` for a whole routing point.
    option: Option<&'static str>,
    /// Hours from the first trouble to this one.
    after: i64,
    hours: i64,
    /// The share of the option's rows that is left.
    left: f64,
    /// Factor of the number of callers that hang up.
    hang_ups: f64,
    alert: &'static str,
    /// Hours after which Alertmanager repeats a message.
    repeat_hours: i64,
}

const TROUBLES: [Trouble; 5] = [
    outage("4628", None, 6),
    outage("715", None, 72),
    outage("10", Some("2"), 6),
    outage("712", Some("1"), 72),
    Trouble {
        after: 24,
        left: 1.0,
        hang_ups: 3.0,
        alert: "WolkvoxMenuOptionHangUps",
        ..outage("4628", Some("AGENTE"), 6)
    },
];

const fn outage(rp_id: &'static str, option: Option<&'static str>, hours: i64) -> Trouble {
    let (alert, repeat_hours) = match option {
        None => ("WolkvoxRoutingPointCollapsed", 4),
        Some(_) => ("WolkvoxMenuOptionDropOff", 12),
    };
    Trouble { rp_id, option, after: 0, hours, left: 0.0, hang_ups: 1.0, alert, repeat_hours }
}

impl Trouble {
    fn is_told_by(&self, alert: &Alert) -> bool {
        let option = self.option.unwrap_or_default();
        (alert.name(), alert.label("rp_id"), alert.label("cod_opc_menu"))
            == (self.alert, self.rp_id, option)
    }

    /// Returns true if the alert is about this trouble or a consequence of it: callers who miss an
    /// option hang up more often behind other options of the routing point.
    fn explains(&self, alert: &Alert) -> bool {
        let is_beside = self.left == 0.0
            && self.option.is_some()
            && alert.name() == "WolkvoxMenuOptionHangUps"
            && alert.label("rp_id") == self.rp_id;
        is_beside || self.is_told_by(alert)
    }

    /// Fails unless the trouble raised one alert that was repeated at most as often as configured
    /// and resolved once. Returns a row of the table.
    fn counted(&self, received: &[Alert]) -> String {
        let own: Vec<&str> = received
            .iter()
            .filter(|alert| self.is_told_by(alert))
            .map(|alert| alert.status.as_str())
            .collect();
        let resolved = own.iter().filter(|status| **status == "resolved").count();
        assert!(
            own.first() == Some(&"firing") && resolved == 1 && own.last() == Some(&"resolved"),
            "{}: not one alert: {own:?}",
            self.alert
        );
        let repeats = own.len() - 2;
        let most = (self.hours / self.repeat_hours) as usize;
        assert!(repeats <= most, "{repeats} repeated messages within {} h: {own:?}", self.hours);
        format!(
            "| {} {} | {} | {} h | 1 | {repeats} | 1 |",
            self.rp_id,
            self.option.unwrap_or("all"),
            self.alert,
            self.hours
        )
    }
}

#[tokio::test]
async fn a_trouble_is_one_alert_for_as_long_as_it_lasts() {
    let Some(binary) = alertmanager::binary() else { return };
    let past = Past::of_vendor(DAYS, |until| vendor(until - BEFORE_THE_END)).await;
    let mut command = past.command("out", &[]);
    command.arg("--every=4m58s");
    backfill::run(command).await;
    let polls = polls(&past);
    assert!(polls.len() as i64 >= SHOWN.as_secs() / POLL - 1, "only {} polls", polls.len());

    let webhook = Webhook::open().await;
    let alertmanager =
        Alertmanager::start_with(&binary, webhook.address(), |config| faster(&config)).await;
    let shown = Shown::open(polls).await;
    let tool = binaries().pop().expect("one at least");
    let (from, to) = (shown.address.to_string(), alertmanager.address().to_string());
    let _prometheus =
        stack::prometheus_every("200ms", &tool, &from, &to, &[], |_, rules| faster(&rules)).await;
    let told = |trouble: &Trouble| {
        webhook
            .received()
            .iter()
            .any(|alert| trouble.is_told_by(alert) && alert.status == "resolved")
    };
    let begun = Instant::now();
    while !shown.is_over() || !TROUBLES.iter().all(told) {
        assert!(begun.elapsed() < DEADLINE, "{:#?}", webhook.received());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let received = webhook.received();
    let other =
        received.iter().find(|alert| !TROUBLES.iter().any(|trouble| trouble.explains(alert)));
    assert!(other.is_none(), "nothing of this has happened: {other:?}");
    let table: Vec<String> = TROUBLES.iter().map(|trouble| trouble.counted(&received)).collect();
    // Visible with --nocapture.
    println!(
        "| trouble | alert | lasts | told | repeated | resolved |\n| --- | --- | --- | --- | --- | --- |\n{}",
        table.join("\n")
    );
}

/// Makes a vendor that is equally busy all day, with the troubles from this moment on.
fn vendor(from: jiff::Timestamp) -> Options {
    let usual = Options { least_load: 1.0, scale: SCALE, ..backfill::vendor() };
    let a_day =
        Simulator::new(usual.clone()).truth(from - SignedDuration::from_hours(24), from, None);
    let codes = |trouble: &Trouble| -> BTreeSet<String> {
        let of_point = a_day.options.iter().filter(|option| option.rp_id == trouble.rp_id);
        let all = of_point.map(|option| option.cod_opc_menu.clone());
        trouble.option.map_or_else(|| all.collect(), |option| BTreeSet::from([option.to_owned()]))
    };
    let incidents = TROUBLES.iter().flat_map(|trouble| {
        let from = from + SignedDuration::from_hours(trouble.after);
        codes(trouble).into_iter().map(move |code| OptionIncident {
            left: trouble.left,
            hang_ups: trouble.hang_ups,
            from,
            until: from + SignedDuration::from_hours(trouble.hours),
            ..OptionIncident::of(trouble.rp_id, &code)
        })
    });
    Options { incidents: incidents.collect(), ..usual }
}

/// Returns the metrics of each poll that the alerts read, in the text format, from the files of the
/// last days.
fn polls(past: &Past) -> Vec<String> {
    let first = (past.until - SHOWN).as_second() / POLL;
    let mut polls: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
    let files = backfill::files(&past.output("out"));
    for path in files.iter().rev().take(5) {
        for line in BufReader::new(File::open(path).expect("a file")).lines() {
            let line = line.expect("a line of text");
            if !READ.iter().any(|name| line.starts_with(name)) {
                continue;
            }
            let (sample, time) = line.rsplit_once(' ').expect("a sample has a time");
            let (series, value) = sample.rsplit_once(' ').expect("a sample has a value");
            let poll = time.parse::<f64>().expect("a time is a number") as i64 / POLL;
            if poll >= first {
                // The last sample in a poll's window is the poll's result.
                polls.entry(poll).or_default().insert(series.to_owned(), value.to_owned());
            }
        }
    }
    let text = |series: BTreeMap<String, String>| {
        series.into_iter().map(|(series, value)| format!("{series} {value}\n")).collect()
    };
    polls.into_values().map(text).collect()
}

/// A server that shows the next poll at each scrape, and the last one for ever.
struct Shown {
    address: SocketAddr,
    polls: usize,
    next: Arc<AtomicUsize>,
}

impl Shown {
    async fn open(polls: Vec<String>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let next = Arc::new(AtomicUsize::new(0));
        let shown = Self { address, polls: polls.len(), next: Arc::clone(&next) };
        let polls: Arc<[Bytes]> = polls.into_iter().map(Bytes::from).collect();
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                let (polls, next) = (Arc::clone(&polls), Arc::clone(&next));
                let service = service_fn(move |_| {
                    let poll = next.fetch_add(1, Ordering::Relaxed).min(polls.len() - 1);
                    let mut answer = Response::new(Full::new(polls[poll].clone()));
                    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
                    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(peer), service),
                );
            }
        });
        shown
    }

    fn is_over(&self) -> bool {
        self.next.load(Ordering::Relaxed) > self.polls
    }
}

/// Returns the text with shorter durations.
fn faster(text: &str) -> String {
    let setting = Regex::new(
        r"(?m)^(\s*(?:for|keep_firing_for|interval|group_wait|group_interval|repeat_interval): )(\d+)([smh])$",
    )
    .expect("a pattern");
    let shorter = |setting: &Captures<'_>| {
        let seconds = match &setting[3] {
            "s" => 1,
            "m" => 60,
            _ => 3_600,
        };
        let number: u64 = setting[2].parse().expect("digits");
        format!("{}{}ms", &setting[1], number * seconds * 1_000 / TIMES_AS_FAST)
    };
    setting.replace_all(text, shorter).into_owned()
}
