//! Compares the whole exposition of two invented targets byte by byte, in both formats.
//!
//! The real poller, ledger, store and publisher run on virtual time, so that everything except the
//! system's figures about the process is the same in every run. A difference is either a mistake or
//! a change for the CHANGELOG; then `UPDATE_GOLDEN=1 scripts/test --test prometheus golden::`
//! renews the files, and their diff must be reviewed like code.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::TokenVersion,
    exposition::{Encoding, Format, MetricType},
    ledger::TargetCounters,
    model::{LocalSecond, MenuLabels, Names},
    poller::{Clock, Poller, PollerConfig, PollerDeps, Source},
    schedule::local_second,
    snapshot::{Publisher, all_metrics},
    store::Store,
    telemetry::Telemetry,
    wolkvox::{Admission, Answer, ApiError, Element, Query, RowParser},
};

use crate::support::{polled, prometheus, promtool::check_metrics};

/// Nine o'clock on a Monday in Bogotá.
const START: &str = "2026-01-19T14:00:00Z";
/// Moment of the scrape, in seconds from the start: the second window has been read, and its new
/// counts are still held at 0.
const SCRAPED: u64 = 660;

/// One row of the report. Times are seconds from the start.
struct Event {
    visible: i64,
    date: i64,
    point: (&'static str, &'static str),
    conn_id: &'static str,
    attempt: &'static str,
    second: &'static str,
    option: &'static str,
}

const MAIN: (&str, &str) = ("10", "voice");
const ASSISTANT: (&str, &str) = ("conversations-voice-61083", "voice");
const CHAT: (&str, &str) = ("712", "chat-web");

#[rustfmt::skip]
const EVENTS: [Event; 10] = [
    Event { visible: 15, date: 10, point: MAIN, conn_id: "a", attempt: "1", second: "7", option: "1" },
    Event { visible: 40, date: 33, point: MAIN, conn_id: "a", attempt: "1", second: "30", option: "Pagos \\ PSE \"en línea\"" },
    // Pressed twice within a second: equal, and both real.
    Event { visible: 95, date: 90, point: MAIN, conn_id: "b", attempt: "2", second: "12.0", option: "1" },
    Event { visible: 96, date: 90, point: MAIN, conn_id: "b", attempt: "2", second: "12", option: "1" },
    Event { visible: 125, date: 120, point: ASSISTANT, conn_id: "c", attempt: "3", second: "00:11:05", option: "consulta_saldo" },
    Event { visible: 205, date: 200, point: CHAT, conn_id: "d", attempt: "-", second: "-", option: "Menú principal 🙂" },
    // A line of totals, which is not an interaction.
    Event { visible: 205, date: 200, point: ("", ""), conn_id: "", attempt: "9", second: "0", option: "TOTAL" },
    // Dated before counting begins.
    Event { visible: 15, date: -1, point: MAIN, conn_id: "e", attempt: "1", second: "3", option: "1" },
    // Late: it appears when the window of its date has been committed.
    Event { visible: 500, date: 250, point: MAIN, conn_id: "f", attempt: "1", second: "8", option: "1" },
    // A new label set in the last window.
    Event { visible: 595, date: 590, point: CHAT, conn_id: "g", attempt: "1", second: "4", option: "Preguntas\nfrecuentes" },
];

impl Event {
    fn json(&self, start: Timestamp, zone: &TimeZone) -> String {
        let date = zone.to_datetime(start + SignedDuration::from_secs(self.date));
        json!({
            "rp_id": self.point.0, "conn_id": self.conn_id, "channel": self.point.1,
            "customer_id": "9900000001", "telephone": "573005550001",
            "attempt": self.attempt, "second_event": self.second, "cod_opc_menu": self.option,
            "date": date.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        })
        .to_string()
    }
}

/// A vendor that shows these rows, and after a while only reports that it is making its backup.
struct Vendor {
    began: Instant,
    zone: TimeZone,
    /// Seconds from the start until the backup.
    well_until: i64,
}

impl Source for Vendor {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        sleep(Duration::from_millis(750)).await;
        let now = self.began.elapsed().as_secs() as i64;
        if now > self.well_until {
            return Err(ApiError::Maintenance("backup in progress".to_owned()));
        }
        let start: Timestamp = START.parse().unwrap();
        let (from, to) = (LocalSecond::from(query.from), LocalSecond::from(query.to));
        // Rows must not come before the requested window, except from the last second before it.
        let inside = |event: &&Event| {
            let moment = start + SignedDuration::from_secs(event.date);
            event.visible <= now && (from - 1..=to).contains(&local_second(moment, &self.zone))
        };
        let rows: Vec<String> =
            EVENTS.iter().filter(inside).map(|event| event.json(start, &self.zone)).collect();
        rows.iter().for_each(|row| each(Element::Value(row.as_bytes())));
        let theirs =
            start + SignedDuration::from_millis(self.began.elapsed().as_millis() as i64 - 250);
        Ok(Answer { rows: rows.len() as u64, server_time: Some(theirs) })
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// Returns the operator's own names.
fn names() -> Names {
    let list = |code: &str, name: &str| [(code.to_owned(), name.to_owned())];
    let options_at = [(MAIN.0.to_owned(), list("9", "Operadora").into())].into();
    Names {
        routing_points: list(MAIN.0, "Línea \"norte\"").into(),
        options: list("1", "Ventas").into(),
        options_at,
    }
}

/// Returns both formats, as a scrape at [`SCRAPED`] gets them.
async fn scrape() -> [String; 2] {
    let began = Instant::now();
    let start: Timestamp = START.parse().unwrap();
    let clock: Clock = Arc::new(move || start + SignedDuration::try_from(began.elapsed()).unwrap());
    let store = Arc::new(Store::in_memory([3; 16]).unwrap());
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    telemetry.configured(true, start.as_second() as f64);
    let shutdown = CancellationToken::new();
    // The second target fails at its second poll: it has no window and is not up.
    for (name, zone, licences, well_until) in
        [("0042", "America/Bogota", Some(3), i64::MAX), ("Cali \"norte\"", "UTC", None, 600)]
    {
        let zone = TimeZone::get(zone).unwrap();
        let (id, mut counters) = store.restore(name, || TargetCounters::new(start)).unwrap();
        counters.expect(MenuLabels::new(MAIN.0, MAIN.1, "9"));
        let mut shared = polled::only_live_polls(&[5.0, 10.0, 30.0, 600.0]);
        shared.journey.idle = Duration::from_secs(150);
        let mut target = polled::target(name, zone.clone());
        target.licences = licences;
        target.names.own = names();
        let config = PollerConfig::new(target, shared.into()).unwrap();
        let around = PollerDeps {
            store: store.clone(),
            publisher: publisher.clone(),
            telemetry: telemetry.target(name),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
            probe: Default::default(),
        };
        let vendor = Vendor { began, zone, well_until };
        let parser = RowParser::new(store.fingerprints(), 128);
        let poller = Poller::start(config, vendor, parser, (id, counters), around).await.unwrap();
        tokio::spawn(poller.run());
    }
    sleep_until(began + Duration::from_secs(SCRAPED)).await;
    let mut expositions = Vec::new();
    for format in [Format::Text, Format::OpenMetrics] {
        let encoding = Encoding { format, gzip: false };
        let published = publisher.publication().in_encoding(encoding).await;
        let live = telemetry.gather(std::time::Instant::now());
        let bytes = published.render(&live, encoding).expect("asked for").concat();
        expositions.push(mask(&String::from_utf8(bytes).unwrap()));
    }
    expositions.try_into().expect("two")
}

/// Replaces the system's figures about this process by 0, and removes the version.
fn mask(exposition: &str) -> String {
    let line = |line: &str| {
        let name = line.split([' ', '{']).next().unwrap_or_default();
        match line.rsplit_once(' ') {
            Some((series, _)) if name.starts_with("process_") => format!("{series} 0\n"),
            _ => format!("{line}\n"),
        }
    };
    let masked: String = exposition.lines().map(line).collect();
    masked.replace(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), "version=\"0.0.0\"")
}

fn scraped() -> [String; 2] {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(scrape())
}

#[test]
fn the_whole_exposition_is_as_before() {
    let renew = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut different = Vec::new();
    for (file, exposition) in ["metrics.txt", "metrics.openmetrics.txt"].into_iter().zip(scraped())
    {
        let path = directory.join(file);
        if renew {
            std::fs::write(&path, &exposition).unwrap();
            continue;
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if golden != exposition {
            different.push(format!("tests/golden/{file}:\n{}", difference(&golden, &exposition)));
        }
    }
    assert!(
        different.is_empty(),
        "{}\nIf that is meant: UPDATE_GOLDEN=1 scripts/test --test prometheus golden::",
        different.join("\n")
    );
}

/// Returns the lines that only one of the texts has.
fn difference(golden: &str, now: &str) -> String {
    let only = |sign: &str, of: &str, other: &str| -> String {
        let other: Vec<&str> = other.lines().collect();
        of.lines()
            .filter(|line| !other.contains(line))
            .map(|line| format!("{sign}{line}\n"))
            .collect()
    };
    let lines = only("-", golden, now) + &only("+", now, golden);
    if lines.is_empty() {
        "the same lines in another order, or another end\n".to_owned()
    } else {
        lines
    }
}

#[test]
fn every_promtool_finds_nothing_to_say_of_it() {
    let [text, _] = scraped();
    for tool in prometheus::promtools() {
        check_metrics(&tool.path, &text).unwrap_or_else(|said| panic!("{tool}: {said}"));
    }
}

/// Returns an exposition with one series of every declared metric, whether or not these two targets
/// show it.
fn every_declared_metric() -> String {
    let mut text = String::new();
    for metric in all_metrics() {
        let name = metric.name;
        let labels: Vec<String> =
            metric.labels.iter().map(|label| format!("{label}=\"x\"")).collect();
        let labels = labels.join(",");
        let (kind, series) = match metric.kind {
            MetricType::Counter => ("counter", format!("{name}{{{labels}}} 1\n")),
            MetricType::Gauge => ("gauge", format!("{name}{{{labels}}} 1\n")),
            MetricType::Histogram => (
                "histogram",
                format!(
                    "{name}_bucket{{{labels},le=\"+Inf\"}} 1\n{name}_sum{{{labels}}} 1\n\
                     {name}_count{{{labels}}} 1\n"
                ),
            ),
        };
        text += &format!("# HELP {name} {}\n# TYPE {name} {kind}\n{series}", metric.help);
    }
    text
}

#[test]
fn every_promtool_accepts_the_name_of_every_metric() {
    let text = every_declared_metric();
    assert!(text.lines().filter(|line| line.starts_with("# TYPE")).count() > 50, "{text}");
    for tool in prometheus::promtools() {
        check_metrics(&tool.path, &text).unwrap_or_else(|said| panic!("{tool}: {said}"));
    }
}
