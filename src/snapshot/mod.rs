//! From what is committed to what is exposed: the names, help texts and labels of `docs/metrics.md`.
//!
//! Pure but for [`Publisher`], which gathers the targets' parts and swaps the whole in one step. It must show
//! nothing that has not been committed, and no count whose 0 could not yet be seen.

mod info;
mod journeys;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;

use crate::{
    exposition::{
        BucketBounds, Family, Histogram, MetricType, NativeHistogram, Publication, Published, Sample,
        label_block,
    },
    ledger::{LATENESS_BOUNDS, TargetCounters, WindowCounts},
    model::{MenuLabels, Names, OptionKinds, PointLabels},
    schedule,
    status::TargetStatus,
    wolkvox::Rejection,
};

/// Everything that one target exposes from its committed state.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotInput<'a> {
    /// The `server` label.
    pub server: &'a str,
    /// The zone of the server's dates.
    pub zone: &'a TimeZone,
    /// What has been counted.
    pub account: &'a TargetCounters,
    /// The last closed window; `None` when it could not be read.
    pub window: Option<&'a WindowCounts>,
    /// Whether the last poll was read and committed.
    pub up: bool,
    /// Buckets of `wolkvox_menu_time_to_option_seconds`.
    pub buckets: &'a Arc<BucketBounds>,
    /// What routing points and options are called.
    pub names: &'a Names,
    /// What options mean.
    pub kinds: &'a OptionKinds,
    /// How many label sets there may be.
    pub series_limit: usize,
}

/// The families of one target, always the same ones in the same order.
pub fn families(view: SnapshotInput<'_>) -> Vec<Family> {
    let mut families = menu_families(view);
    families.extend(journeys::families(view));
    families.extend(info::families(view));
    families.extend(target_families(view));
    families
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

/// What each target has published last, by name.
type Parts = BTreeMap<String, (Arc<TargetStatus>, Vec<Family>)>;

/// Joins the targets' families and publishes the whole.
#[derive(Debug, Default)]
pub struct Publisher {
    parts: Mutex<Parts>,
    statuses: ArcSwap<Vec<Arc<TargetStatus>>>,
    publication: Arc<Publication>,
}

impl Publisher {
    /// What a scrape reads.
    pub fn publication(&self) -> Arc<Publication> {
        self.publication.clone()
    }

    /// Replaces one target's part, encodes all of them and swaps the result in. Takes tens of milliseconds for
    /// large models: for a blocking thread. A scrape never waits for it.
    pub fn publish(&self, families: Vec<Family>, status: TargetStatus) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(status.name.clone(), (Arc::new(status), families));
        // Encoded under the lock, so that of two publications the later one stays.
        self.swap(&parts);
    }

    /// Takes every target but these out of what is published.
    pub fn keep(&self, names: &BTreeSet<String>) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = parts.len();
        parts.retain(|name, _| names.contains(name));
        if parts.len() < before {
            self.swap(&parts);
        }
    }

    fn swap(&self, parts: &Parts) {
        self.publication.publish(Published::new(&join(parts.values().map(|(_, families)| families))));
        self.statuses.store(Arc::new(parts.values().map(|(status, _)| status.clone()).collect()));
    }

    /// How the targets are, by name.
    pub fn statuses(&self) -> Arc<Vec<Arc<TargetStatus>>> {
        self.statuses.load_full()
    }
}

/// One family of each name, in the order of the first part: every part has the same names in the same order.
fn join<'a>(parts: impl Iterator<Item = &'a Vec<Family>>) -> Vec<Family> {
    let mut joined: Vec<Family> = Vec::new();
    for part in parts {
        if joined.is_empty() {
            joined.clone_from(part);
            continue;
        }
        for (family, more) in joined.iter_mut().zip(part.iter()) {
            family.points.extend_from_slice(&more.points);
        }
    }
    joined
}
