//! From what is committed to what is exposed: the names, help texts and labels of `docs/metrics.md`.
//!
//! Pure but for the [`Publisher`]. It must show nothing that has not been committed, and no count whose 0 could not yet
//! be seen.

mod anomalies;
mod encoder;
mod info;
mod journeys;
mod publisher;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use self::{
    anomalies::Usual,
    publisher::{Publisher, Shown},
};
use crate::{
    exposition::{BucketBounds, Family, Histogram, MetricType, NativeHistogram, Sample, Value, label_block},
    ledger::{LATENESS_BOUNDS, TargetCounters, WindowCounts},
    model::{MenuLabels, NUMBER, Names, OptionKinds, PointLabels},
    schedule,
    telemetry::TargetTelemetry,
    wolkvox::Rejection,
};

/// Everything that one target exposes: its committed state, and what surrounds it. Cheap to make; nothing in it
/// changes but the live metrics.
#[derive(Debug, Clone)]
pub struct TargetSnapshot {
    /// The `server` label.
    pub server: String,
    /// The zone of the server's dates.
    pub zone: TimeZone,
    /// What has been counted.
    pub account: Arc<TargetCounters>,
    /// The last closed window; `None` when it could not be read.
    pub window: Option<Arc<WindowCounts>>,
    /// Whether the last poll was read and committed.
    pub up: bool,
    /// Buckets of `wolkvox_menu_time_to_option_seconds`.
    pub buckets: Arc<BucketBounds>,
    /// What routing points and options are called.
    pub names: Arc<Names>,
    /// What options mean.
    pub kinds: Arc<OptionKinds>,
    /// How many label sets there may be.
    pub series_limit: usize,
    /// What is known of the usual.
    pub usual: Usual,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
}

impl TargetSnapshot {
    /// The families of what is committed, always the same ones in the same order.
    pub fn committed(&self) -> Vec<Family> {
        let view = SnapshotInput {
            server: &self.server,
            zone: &self.zone,
            account: &self.account,
            window: self.window.as_deref(),
            up: self.up,
            buckets: &self.buckets,
            names: &self.names,
            kinds: &self.kinds,
            series_limit: self.series_limit,
            usual: &self.usual,
        };
        let mut families = menu_families(view);
        families.extend(journeys::families(view));
        families.extend(anomalies::families(view));
        families.extend(info::families(view));
        families.extend(target_families(view));
        families
    }

    /// The families of the live metrics, always the same ones in the same order.
    pub fn live(&self) -> Vec<Family> {
        self.telemetry.families()
    }
}

/// How many samples the classic formats have of these families.
fn samples(families: &[Family]) -> usize {
    let of = |sample: &Sample| match &sample.value {
        Value::Histogram(histogram) => histogram.counts().len() + 2,
        Value::Integer(_) | Value::Float(_) => 1,
    };
    families.iter().flat_map(|family| &family.points).map(of).sum()
}

#[derive(Debug, Clone, Copy)]
struct SnapshotInput<'a> {
    server: &'a str,
    zone: &'a TimeZone,
    account: &'a TargetCounters,
    window: Option<&'a WindowCounts>,
    up: bool,
    buckets: &'a Arc<BucketBounds>,
    names: &'a Names,
    kinds: &'a OptionKinds,
    series_limit: usize,
    usual: &'a Usual,
}

fn menu_families(view: SnapshotInput<'_>) -> Vec<Family> {
    let counter = |name, help| Family::new(name, help, MetricType::Counter);
    let gauge = |name, help| Family::new(name, help, MetricType::Gauge);
    let mut hits =
        counter("wolkvox_menu_option_hits_total", "Times the menu option was entered (rows of the report).");
    let mut attempts = counter(
        "wolkvox_menu_option_attempts_total",
        "Sum of the attempts that those rows report for the routing point.",
    );
    let mut retries = counter(
        "wolkvox_menu_option_retries_total",
        "Times the option was entered after more than one attempt.",
    );
    let mut seconds = Family::new(
        "wolkvox_menu_time_to_option_seconds",
        "Seconds from the start of the interaction to the option.",
        MetricType::Histogram,
    );
    let mut interactions =
        counter("wolkvox_menu_interactions_total", "Distinct interactions that entered an option.");
    let mut window_hits = gauge(
        "wolkvox_menu_window_option_hits",
        "Times the option was entered in the last closed window; absent when that could not be read.",
    );
    let mut window_interactions = gauge(
        "wolkvox_menu_window_interactions",
        "Distinct interactions in the last closed window; absent when that could not be read.",
    );

    for (labels, (_, menu)) in &view.account.menus {
        let block = menu_block(view.server, labels);
        let created = menu.released.map(|at| at as f64);
        let visible = |count: u64| if menu.released.is_some() { count } else { 0 };
        let bounds = view.buckets;
        let histogram = if menu.released.is_some() {
            let counts = menu.seconds.buckets(bounds.values());
            Histogram::new(bounds.clone(), &counts, menu.seconds.sum() as f64)
                .with_native(menu.seconds.native())
        } else {
            // Native as well, so that its zero is seen too.
            Histogram::new(bounds.clone(), &[], 0.0).with_native(NativeHistogram::default())
        };
        let point = |value| Sample::new(block.clone(), value).created(created);
        hits.points.push(point(visible(menu.hits)));
        attempts.points.push(point(visible(menu.attempts)));
        retries.points.push(point(visible(menu.retries)));
        seconds.points.push(Sample::new(block.clone(), histogram).created(created));
    }
    for (labels, point) in &view.account.points {
        let created = point.released.map(|at| at as f64);
        let visible = created.map_or(0, |_| point.interactions);
        interactions.points.push(Sample::new(point_block(view.server, labels), visible).created(created));
    }
    let server = label_block(&[("server", view.server)]);
    let edge = |name, help, moment: Option<jiff::Timestamp>| {
        let mut family = Family::new(name, help, MetricType::Gauge);
        family.points.extend(moment.map(|at| Sample::new(server.clone(), at.as_second() as f64)));
        family
    };
    if let Some(window) = view.window {
        for (labels, count) in &window.hits {
            window_hits.points.push(Sample::new(menu_block(view.server, labels), *count));
        }
        for (labels, count) in &window.interactions {
            window_interactions.points.push(Sample::new(point_block(view.server, labels), *count));
        }
    }
    vec![
        hits,
        attempts,
        retries,
        seconds,
        interactions,
        window_hits,
        window_interactions,
        edge(
            "wolkvox_menu_window_start_timestamp_seconds",
            "First moment of the last closed window.",
            view.window.map(|window| window.start),
        ),
        edge(
            "wolkvox_menu_window_end_timestamp_seconds",
            "First moment after the last closed window.",
            view.window.map(|window| window.end),
        ),
    ]
}

fn target_families(view: SnapshotInput<'_>) -> Vec<Family> {
    let server = label_block(&[("server", view.server)]);
    let totals = &view.account.totals;
    let one = |name, help, kind, value: Option<Sample>| {
        let mut family = Family::new(name, help, kind);
        family.points.extend(value);
        family
    };
    let single = |value: f64| Some(Sample::new(server.clone(), value));
    let whole = |value: u64| Some(Sample::new(server.clone(), value));
    let last_row = totals.last_row.and_then(|local| schedule::instant(local, view.zone));

    let mut outcomes = Family::new(
        "wolkvox_rows_total",
        "Rows received, by outcome: every row received is in exactly one.",
        MetricType::Counter,
    );
    for (outcome, count) in [
        ("new", totals.new),
        ("repeated", totals.repeated),
        ("changed", totals.changed),
        ("rejected", totals.rejected.values().sum()),
        ("out_of_range", totals.out_of_range),
    ] {
        let labels = label_block(&[("server", view.server), ("outcome", outcome)]);
        outcomes.points.push(Sample::new(labels, count));
    }
    let mut rejected = Family::new(
        "wolkvox_rows_rejected_total",
        "Rows received that cannot be counted, by reason.",
        MetricType::Counter,
    );
    for reason in Rejection::ALL {
        let labels = label_block(&[("server", view.server), ("reason", reason.reason())]);
        let count = totals.rejected.get(&reason).copied().unwrap_or(0);
        rejected.points.push(Sample::new(labels, count));
    }
    let mut overflow = Family::new(
        "wolkvox_series_overflow_total",
        "Rows counted under `other` because a limit of series was reached, by the label that had no room.",
        MetricType::Counter,
    );
    for (label, rows) in [("cod_opc_menu", totals.overflow.options), ("rp_id", totals.overflow.points)] {
        let labels = label_block(&[("server", view.server), ("label", label)]);
        overflow.points.push(Sample::new(labels, rows));
    }
    let typed = view.account.menus.iter().filter(|(labels, _)| &*labels.option == NUMBER);
    let typed: u64 = typed.map(|(_, (_, menu))| menu.hits).sum();
    // Fixed and increasing, so there are always bounds.
    let lateness = BucketBounds::new(&LATENESS_BOUNDS).map(|bounds| {
        let counts = totals.lateness.buckets(bounds.values());
        let histogram = Histogram::new(Arc::new(bounds), &counts, totals.lateness.sum() as f64);
        Sample::new(server.clone(), histogram.with_native(totals.lateness.native()))
    });
    vec![
        one(
            "wolkvox_up",
            "1 when the last poll was read and committed.",
            MetricType::Gauge,
            whole(view.up.into()),
        ),
        one(
            "wolkvox_watermark_timestamp_seconds",
            "Every window before this moment has been read and committed.",
            MetricType::Gauge,
            single(totals.watermark as f64),
        ),
        one(
            "wolkvox_last_row_timestamp_seconds",
            "Date of the newest row; absent until a row has ever been seen.",
            MetricType::Gauge,
            last_row.and_then(|at| single(at.as_second() as f64)),
        ),
        outcomes,
        rejected,
        one(
            "wolkvox_row_lateness_seconds",
            "From a row's date to its first sight.",
            MetricType::Histogram,
            lateness,
        ),
        one(
            "wolkvox_late_rows_total",
            "Rows counted although the window of their date had been committed before.",
            MetricType::Counter,
            whole(totals.late),
        ),
        one(
            "wolkvox_rows_changed_total",
            "Rows remembered without being counted: they replaced other rows of their second.",
            MetricType::Counter,
            whole(totals.changed),
        ),
        one(
            "wolkvox_windows_incomplete_total",
            "Spans of one second that still had more rows than one answer holds: known to be short.",
            MetricType::Counter,
            whole(totals.incomplete),
        ),
        one(
            "wolkvox_series",
            "Label sets of routing point, channel and option; each has about twenty series.",
            MetricType::Gauge,
            whole(view.account.menus.len() as u64),
        ),
        one(
            "wolkvox_series_limit",
            "Label sets above which new ones are counted under `other`.",
            MetricType::Gauge,
            whole(view.series_limit as u64),
        ),
        overflow,
        one(
            "wolkvox_rows_folded_total",
            "Rows counted under the option `number`, because somebody typed a number that may be personal.",
            MetricType::Counter,
            whole(typed),
        ),
    ]
}

fn menu_block(server: &str, labels: &MenuLabels) -> Arc<str> {
    label_block(&[
        ("server", server),
        ("rp_id", &labels.point.rp_id),
        ("channel", &labels.point.channel),
        ("cod_opc_menu", &labels.option),
    ])
}

fn point_block(server: &str, labels: &PointLabels) -> Arc<str> {
    label_block(&[("server", server), ("rp_id", &labels.rp_id), ("channel", &labels.channel)])
}
