//! Tests of a Prometheus that has loaded the files, and then scrapes the exporter that was started
//! on the state.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, civil::Weekday};
use simulator_testing::{Journeys, Options, Truth};

use crate::alerts::rule_files;
use crate::backfill::{DEADLINE, IDLE, JOB, Past, UNTIL, days_or, files, run, truth::Rows, vendor};
use crate::end_to_end::calls::{CALLS, HANG_UPS, calls_of};
use crate::support::{
    api::noon,
    expected::{COUNTERS, expected},
    process::{Exporter, bare, own_address},
    prometheus::{Labels, Prometheus, binaries, promtools},
    promtool,
};

const BUCKETS: &str = "wolkvox_menu_time_to_option_seconds_bucket";
const WATERMARK: &str = "wolkvox_watermark_timestamp_seconds";
const OUTCOMES_WATERMARK: &str = "wolkvox_outcomes_watermark_timestamp_seconds";
/// Highest lateness of a row in the simulator (8 s), and a second more.
const VISIBLE_WITHIN: SignedDuration = SignedDuration::from_secs(9);

/// Days of the past in which a week is calm: surges are judged after two weeks.
const CALM_DAYS: i64 = 21;

type Series = (&'static str, Labels);

/// Returns every counter with a known truth, including the histogram's buckets.
fn counters(truth: &Truth, journeys: &Journeys) -> BTreeMap<Series, f64> {
    let own = |labels: &[(&str, &String)]| {
        labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).clone()))
            .collect::<Labels>()
    };
    let mut all: BTreeMap<Series, f64> = expected(truth, journeys)
        .into_iter()
        .map(|(name, labels, value)| {
            let labels: Vec<(&str, &String)> =
                labels.iter().map(|(name, value)| (*name, value)).collect();
            ((name, own(&labels)), value)
        })
        .collect();
    for option in &truth.options {
        for (le, bound) in
            [("10.0", 10), ("30.0", 30), ("60.0", 60), ("300.0", 300), ("+Inf", u32::MAX)]
        {
            let (point, le) = ((&option.rp_id, &option.channel), le.to_owned());
            let labels = own(&[
                ("rp_id", point.0),
                ("channel", point.1),
                ("cod_opc_menu", &option.cod_opc_menu),
                ("le", &le),
            ]);
            let below = option
                .seconds
                .iter()
                .filter(|(seconds, _)| **seconds <= bound)
                .map(|(_, rows)| rows)
                .sum::<u64>();
            all.insert((BUCKETS, labels), below as f64);
        }
    }
    all
}

fn names() -> impl Iterator<Item = &'static str> {
    COUNTERS.into_iter().chain([BUCKETS])
}

/// Evaluates an expression for each counter; `{}` stands for the counter.
async fn values(
    prometheus: &Prometheus,
    expression: &str,
    at: Option<Timestamp>,
) -> BTreeMap<Series, f64> {
    let mut values = BTreeMap::new();
    for name in names() {
        let promql = expression.replace("{}", &format!("{name}{{job={JOB:?}}}"));
        let answer = match at {
            Some(at) => prometheus.query_at(&promql, at.as_second() as f64).await,
            None => prometheus.query(&promql).await,
        };
        for (labels, value) in answer {
            let own = labels.into_iter().filter(|(name, _)| {
                !["__name__", "job", "instance", "server"].contains(&name.as_str())
            });
            assert!(
                values.insert((name, own.collect()), value).is_none(),
                "{name}: two series of one label set"
            );
        }
    }
    values
}

fn assert_same(what: &str, stored: &BTreeMap<Series, f64>, truth: &BTreeMap<Series, f64>) {
    let all: BTreeSet<_> = stored.keys().chain(truth.keys()).collect();
    let differ = |series: &&&Series| stored.get(**series) != truth.get(**series);
    let differing: Vec<_> = all
        .iter()
        .filter(differ)
        .map(|series| {
            format!("{series:?}: stored {:?}, truth {:?}", stored.get(*series), truth.get(*series))
        })
        .collect();
    let shown = &differing[..differing.len().min(20)];
    assert!(
        differing.is_empty(),
        "{what}: {} series differ:\n{}",
        differing.len(),
        shown.join("\n")
    );
    assert!(truth.len() > 100, "{what}: too little to show anything");
}

/// Fails unless every counter grew on each day by the rows of that day.
async fn assert_days(prometheus: &Prometheus, past: &Past, rows: &Rows) {
    let mut before = BTreeMap::new();
    let mut truth_before = BTreeMap::new();
    for (_, end) in past.days() {
        let stored = values(prometheus, "{}", Some(end)).await;
        let (truth, journeys) = rows.at(end);
        let truth = counters(&truth, &journeys);
        assert_same(&format!("{} at {end}", prometheus.tool()), &stored, &truth);
        let growth = |now: &BTreeMap<Series, f64>, then: &BTreeMap<Series, f64>| {
            now.iter()
                .map(|(series, value)| (series.clone(), value - then.get(series).unwrap_or(&0.0)))
                .collect()
        };
        let (grown, should): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (growth(&stored, &before), growth(&truth, &truth_before));
        assert_same(&format!("{}: the day up to {end}", prometheus.tool()), &grown, &should);
        (before, truth_before) = (stored, truth);
    }
}

/// Fails unless the outcomes of the calls are right at the end of each day and now.
async fn assert_calls(prometheus: &Prometheus, past: &Past, until: Option<Timestamp>) {
    let ends: Vec<Timestamp> = match until {
        Some(until) => vec![until],
        None => past.days().into_iter().map(|(_, end)| end).collect(),
    };
    for end in ends {
        let truth = calls_of(&past.simulator.call_end_truth(past.from, end));
        let mut stored = BTreeMap::new();
        for name in [CALLS, HANG_UPS] {
            let promql = format!("{name}{{job={JOB:?}}} > 0");
            let answer = match until {
                None => prometheus.query_at(&promql, end.as_second() as f64).await,
                Some(_) => prometheus.query(&promql).await,
            };
            for (mut labels, value) in answer {
                for added in ["__name__", "job", "instance", "server"] {
                    labels.remove(added);
                }
                stored.insert((name, labels), value);
            }
        }
        // A call is over, and its time counted, only a while after its last row.
        let is_counted = |(name, _): &Series| until.is_some() || *name == CALLS;
        stored.retain(|series, _| is_counted(series));
        let truth: BTreeMap<Series, f64> =
            truth.into_iter().filter(|(series, _)| is_counted(series)).collect();
        assert!(truth.len() > 20, "too few calls to show anything: {truth:?}");
        assert!(stored == truth, "{} at {end}: {stored:?} where {truth:?}", prometheus.tool());
    }
}

/// Fails unless `increase()` between two lines of the grid finds the truth. It may extrapolate by
/// two seconds: a five-hundredth of a series of 1,000 s, and a fiftieth of one that has just begun.
async fn assert_increase(prometheus: &Prometheus, past: &Past, rows: &Rows) {
    let [.., (start, end), _] = past.days()[..] else { panic!("no whole day") };
    for (from, until, range) in [
        (start, end, "1d"),
        (end - SignedDuration::from_hours(5), end - SignedDuration::from_hours(4), "1h"),
    ] {
        let increase = values(prometheus, &format!("increase({{}}[{range}])"), Some(until)).await;
        let at = |moment| {
            let (truth, journeys) = rows.at(moment);
            counters(&truth, &journeys)
        };
        let (before, after) = (at(from), at(until));
        let settled = at(until - SignedDuration::from_secs(1000));
        for (series, value) in after {
            let extrapolated = if settled.contains_key(&series) { 0.002 } else { 0.02 };
            let grown = value - before.get(&series).unwrap_or(&0.0);
            let found = increase.get(&series).copied().unwrap_or(0.0);
            assert!(
                (found - grown).abs() <= grown * extrapolated + 1e-6,
                "{}: {series:?} in {range}: {found}, truth {grown}",
                prometheus.tool()
            );
        }
    }
}

/// Fails unless each series that has begun is present at any moment.
async fn assert_dense(prometheus: &Prometheus, past: &Past) {
    let [.., (_, end), _] = past.days()[..] else { panic!("no whole day") };
    let there = values(prometheus, "{}", Some(end)).await.len();
    for seconds in [1, 60, 149, 150, 151, 240, 298, 299] {
        let at = end + SignedDuration::from_secs(seconds);
        let now = values(prometheus, "{}", Some(at)).await.len();
        assert!(now >= there, "{}: {now} series at {at}, {there} before", prometheus.tool());
    }
}

/// Fails if a series decreased or did not begin at 0.
async fn assert_one_history(prometheus: &Prometheus, range: &str) {
    let resets = values(prometheus, &format!("resets({{}}[{range}])"), None).await;
    let back: Vec<_> = resets.iter().filter(|(_, resets)| **resets > 0.0).collect();
    assert!(!resets.is_empty() && back.is_empty(), "{}: went back: {back:?}", prometheus.tool());
    let least = values(prometheus, &format!("min_over_time({{}}[{range}])"), None).await;
    let lost: Vec<_> = least.iter().filter(|(_, value)| **value > 0.0).collect();
    assert!(lost.is_empty(), "{}: not 0 at first: {lost:?}", prometheus.tool());
}

/// Fails if an alert about a menu would have fired in the last week, apart from its `for`, or if
/// one had no score of each day to judge.
async fn assert_calm(prometheus: &Prometheus, past: &Past) {
    let tool = prometheus.tool();
    let at = past.until.as_second() as f64;
    let mut rules = rule_files::of("wolkvox-alerts.yaml");
    rules.retain(|rule| rule.expr.contains("_anomaly_score"));
    assert!(rules.len() >= 8, "only {} alerts stand on scores", rules.len());
    for rule in &rules {
        let (scores, limit) = rule.expr.rsplit_once(" > ").expect("a score and its limit");
        assert_eq!(limit, "1", "{}", rule.alert);
        for day in 0..7 {
            let end = at - f64::from(day) * 86_400.0;
            let judged =
                prometheus.query_at(&format!("count_over_time(({scores})[1d:5m])"), end).await;
            let alert = &rule.alert;
            assert!(!judged.is_empty(), "{tool}: {alert} had nothing to judge {day} days before");
        }
        let fired = format!("count_over_time(({})[7d:5m])", rule.expr);
        let fired = prometheus.query_at(&fired, at).await;
        assert!(fired.is_empty(), "{tool}: {} in a calm week: {fired:?}", rule.alert);
    }
    let highest = "max(max_over_time(wolkvox_menu_option_anomaly_score[7d]))";
    let highest = prometheus.query_at(highest, at).await;
    #[expect(clippy::print_stdout, reason = "with --nocapture one sees how calm it was")]
    {
        println!("{tool}: {} alerts silent for a week; highest score {highest:?}", rules.len());
    }
}

/// Starts a Prometheus of each generation that scrapes `address`, with blocks that its own promtool
/// made of the files.
async fn loaded(past: &Past, name: &str, address: SocketAddr) -> Vec<Prometheus> {
    let mut all = Vec::new();
    for (number, (tool, promtool)) in binaries().iter().zip(promtools()).enumerate() {
        let storage = past.folder.join(format!("storage-{number}"));
        let begun = Instant::now();
        for file in files(&past.output(name)) {
            load(&promtool.path, &file, &storage);
        }
        #[expect(clippy::print_stdout, reason = "with --nocapture one sees how long it takes")]
        {
            println!("{promtool}: loaded in {:.1} s", begun.elapsed().as_secs_f64());
        }
        let config = format!(
            r#"{{"global": {{"scrape_interval": "1s", "scrape_timeout": "1s"}},
                "scrape_configs": [{{"job_name": {JOB:?}, "static_configs": [{{"targets": ["{address}"]}}]}}]}}"#
        );
        let path = format!("--storage.tsdb.path={}", storage.display());
        let flags = [path.as_str(), "--storage.tsdb.retention.time=90d"];
        all.push(Prometheus::start_configured(tool, &config, &[], &flags).await);
    }
    all
}

fn load(promtool: &Path, file: &Path, storage: &Path) {
    let path = |path: &Path| path.to_str().expect("a path of text").to_owned();
    let (file, storage) = (path(file), path(storage));
    let arguments =
        ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=6h", &file, &storage];
    promtool::run(promtool, &arguments)
        .unwrap_or_else(|said| panic!("{}: {said}", promtool.display()));
}

#[tokio::test]
async fn what_was_loaded_is_the_truth_of_every_day_and_the_exporter_goes_on() {
    let past = Past::of(2).await;
    let address = own_address();
    let instance = format!("instance={address}");
    let printed = run(past.command("out", &[&format!("job={JOB}"), &instance])).await;
    assert!(
        printed.contains("promtool tsdb create-blocks-from openmetrics")
            && printed.contains("/api/v1/import/prometheus")
    );
    assert_eq!(files(&past.output("out")).len(), past.days().len(), "a file a day");

    let servers = loaded(&past, "out", address).await;
    let rows = Rows::of(&past.simulator, (past.from, past.until), IDLE);
    for prometheus in &servers {
        assert_days(prometheus, &past, &rows).await;
        assert_calls(prometheus, &past, None).await;
        assert_increase(prometheus, &past, &rows).await;
        assert_dense(prometheus, &past).await;
    }

    // A Prometheus that has just started takes seconds to its first scrape, and might miss the
    // zeros of new series.
    for prometheus in &servers {
        let scraped = format!("up{{job={JOB:?}}}");
        prometheus.wait_for(&scraped, DEADLINE, |up| !up.is_empty()).await;
    }
    let mut command = bare(&past.folder);
    command.args(past.flags(&past.url, "out")).arg(format!("--web.listen-address={address}")).args(
        [
            "--poll.interval=2s",
            "--poll.settle-delay=1s",
            "--menu.zero-hold=4s",
            "--poll.lookback=60s",
        ],
    );
    let _exporter = Exporter::start(command).await;
    let end = Timestamp::now() + SignedDuration::from_secs(5);
    past.simulator.end_traffic(end).expect("the traffic has not ended yet");
    let over = (end + VISIBLE_WITHIN + IDLE).as_second() as f64;
    for prometheus in &servers {
        for watermark in [WATERMARK, OUTCOMES_WATERMARK] {
            let all_over = format!("{watermark}{{job={JOB:?}}} > {over}");
            prometheus.wait_for(&all_over, DEADLINE, |at| !at.is_empty()).await;
        }
    }
    assert_seam(&past, &servers, end).await;
}

/// The alerts must be silent over a past without incidents, from the day on which every score is
/// judged.
#[tokio::test]
async fn a_calm_week_raises_no_alert_about_a_menu() {
    // Chance raises an alert in one week of many. A past that always ends on a Thursday is always
    // the same.
    let days_ago = noon().to_datetime(*UNTIL).weekday().since(Weekday::Thursday);
    let until = *UNTIL - SignedDuration::from_hours(24 * i64::from(days_ago));
    let past = Past::until(until, days_or(CALM_DAYS), |until| Options {
        chance_from: Some(until),
        ..vendor()
    })
    .await;
    let mut command = past.command("out", &[&format!("job={JOB}")]);
    command.arg("--every=4m58s");
    run(command).await;
    keep_scores(&past, "out", "scores");
    // Nothing listens there.
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    for prometheus in loaded(&past, "scores", address).await {
        assert_calm(&prometheus, &past).await;
    }
}

/// Writes the scores of the last days to another folder, because loading everything takes minutes.
fn keep_scores(past: &Past, from: &str, to: &str) {
    std::fs::create_dir(past.output(to)).expect("a folder");
    for path in files(&past.output(from)).iter().rev().take(9) {
        let text = std::fs::read_to_string(path).expect("a file of text");
        let is_kept = |line: &&str| line.contains("_anomaly_score") || *line == "# EOF";
        let kept: Vec<&str> = text.lines().filter(is_kept).collect();
        let name = path.file_name().expect("a file has a name");
        std::fs::write(past.output(to).join(name), kept.join("\n") + "\n").expect("a file");
    }
}

/// Fails unless the last values are the truth, and no series decreased between files and scrapes.
async fn assert_seam(past: &Past, servers: &[Prometheus], end: Timestamp) {
    let range = format!("{}h", Timestamp::now().duration_since(past.from).as_hours() + 2);
    let truth = past.simulator.truth(past.from, end, None);
    let idle = Duration::from_secs(IDLE.as_secs().unsigned_abs());
    let truth = counters(&truth, &past.simulator.journeys(past.from, end, idle));
    for prometheus in servers {
        let shown = Timestamp::now().as_second() + 8;
        prometheus
            .wait_for(&format!("timestamp(wolkvox_up{{job={JOB:?}}}) > {shown}"), DEADLINE, |up| {
                !up.is_empty()
            })
            .await;
        let stored = values(prometheus, "{}", None).await;
        assert_same(&format!("{}: over the seam", prometheus.tool()), &stored, &truth);
        assert_calls(prometheus, past, Some(end)).await;
        assert_one_history(prometheus, &range).await;
    }
}
