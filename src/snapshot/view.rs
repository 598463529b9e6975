//! A target's committed state as the table of metrics reads it.
//!
//! Owns the label sets, each written once and shared by its families, and the rule that a count is
//! 0 until a scraper can have seen that 0. Pure.

use std::{cell::LazyCell, collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::TargetSnapshot;
use crate::{
    baseline::{Anomaly, OptionScores, PointAnomaly, Score, Scores},
    exposition::{BucketBounds, Histogram, NativeHistogram, Sample, Value, label_block},
    ledger::{LATENESS_BOUNDS, OptionCounts, RoutingPointCounts, SecondsHistogram, Totals},
    model::{MenuLabels, NUMBER, PointLabels},
    schedule,
    wolkvox::Rejection,
};

/// Upper bounds of `wolkvox_menu_journey_options`.
const JOURNEY_OPTIONS: [f64; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 50.0];
/// Lowest score at which the numbers that were compared are shown.
const COMPARED_FROM: f64 = 0.5;

/// A target, with its label sets.
pub(super) struct TargetView {
    pub(super) target: TargetSnapshot,
    server: Arc<str>,
    /// Label sets of the options that are counted, in their order.
    options: Vec<Arc<str>>,
    /// Label sets of the routing points that are counted, in their order.
    points: Vec<Arc<str>>,
}

impl TargetView {
    pub(super) fn new(target: TargetSnapshot) -> Self {
        let name = target.server.as_str();
        Self {
            server: label_block(&[("server", name)]),
            options: target
                .counters
                .menus
                .keys()
                .map(|labels| option_block(name, labels))
                .collect(),
            points: target.counters.points.keys().map(|labels| point_block(name, labels)).collect(),
            target,
        }
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.target.counters.totals
    }

    /// One series of the target.
    pub(super) fn one(&self, value: impl Into<Value>) -> Vec<Sample> {
        vec![Sample::new(self.server.clone(), value)]
    }

    /// One series of the target, if the moment is known.
    pub(super) fn moment(&self, moment: Option<Timestamp>) -> Vec<Sample> {
        moment.map_or_else(Vec::new, |moment| self.one(moment.as_second() as f64))
    }

    /// Series of the target that differ in one more label.
    pub(super) fn by<const N: usize>(&self, label: &str, counts: [(&str, u64); N]) -> Vec<Sample> {
        let labelled = counts.map(|(value, count)| {
            Sample::new(label_block(&[("server", &self.target.server), (label, value)]), count)
        });
        labelled.into()
    }

    /// A counter of every option.
    pub(super) fn options(&self, count: fn(&OptionCounts) -> u64) -> Vec<Sample> {
        let counts = self.target.counters.menus.values().map(|(_, counts)| counts);
        let labelled = self.options.iter().zip(counts);
        labelled.map(|(labels, counts)| counter(labels, count(counts), counts.released)).collect()
    }

    /// A counter of every routing point.
    pub(super) fn points(&self, count: fn(&RoutingPointCounts) -> u64) -> Vec<Sample> {
        let labelled = self.points.iter().zip(self.target.counters.points.values());
        labelled.map(|(labels, counts)| counter(labels, count(counts), counts.released)).collect()
    }

    pub(super) fn time_to_option(&self) -> Vec<Sample> {
        let bounds = &self.target.buckets;
        let labelled = self.options.iter().zip(self.target.counters.menus.values());
        labelled
            .map(|(labels, (_, counts))| {
                histogram(labels, &counts.seconds, bounds, counts.released)
            })
            .collect()
    }

    pub(super) fn journey_options(&self) -> Vec<Sample> {
        let bounds = fixed_bounds(&JOURNEY_OPTIONS);
        let labelled = self.points.iter().zip(self.target.counters.points.values());
        labelled
            .map(|(labels, counts)| histogram(labels, &counts.journeys, &bounds, counts.released))
            .collect()
    }

    pub(super) fn journeys_open(&self) -> Vec<Sample> {
        let counts = self.points.iter().zip(self.target.counters.points.values());
        counts.map(|(labels, counts)| Sample::new(labels.clone(), counts.open)).collect()
    }

    pub(super) fn window_hits(&self) -> Vec<Sample> {
        let hits = self.target.window.iter().flat_map(|window| &window.hits);
        hits.map(|(labels, count)| Sample::new(option_block(&self.target.server, labels), *count))
            .collect()
    }

    pub(super) fn window_interactions(&self) -> Vec<Sample> {
        let interactions = self.target.window.iter().flat_map(|window| &window.interactions);
        interactions
            .map(|(labels, count)| Sample::new(point_block(&self.target.server, labels), *count))
            .collect()
    }

    pub(super) fn transitions(&self) -> Vec<Sample> {
        let transitions = self.target.counters.transitions.iter().map(|(labels, counts)| {
            let block = label_block(&[
                ("server", &self.target.server),
                ("rp_id", &labels.point.rp_id),
                ("channel", &labels.point.channel),
                ("from_opc_menu", &labels.from),
                ("to_opc_menu", &labels.to),
            ]);
            counter(&block, counts.steps, counts.released)
        });
        transitions.collect()
    }

    fn scores(&self) -> Option<&Scores> {
        self.target.usual.scores.as_deref()
    }

    /// One value per option that may have an expectation.
    pub(super) fn scored_options<V: Into<Value>>(
        &self,
        value: fn(&OptionScores) -> Option<V>,
    ) -> Vec<Sample> {
        let options = self.scores().into_iter().flat_map(|scores| &scores.options);
        let samples = options.filter_map(|option| {
            Some(Sample::new(option_block(&self.target.server, &option.labels), value(option)?))
        });
        samples.collect()
    }

    /// Time by which the rows of the report are later than usual, while that is known.
    pub(super) fn report_lag(&self) -> Vec<Sample> {
        self.scores().map_or_else(Vec::new, |scores| self.one(u64::from(scores.report_lag)))
    }

    /// One number per score of an option.
    pub(super) fn option_scores(&self, number: impl Fn(Score) -> Option<f64>) -> Vec<Sample> {
        let mut samples = Vec::new();
        for option in self.scores().into_iter().flat_map(|scores| &scores.options) {
            let labels = LazyCell::new(|| option_block(&self.target.server, &option.labels));
            for anomaly in Anomaly::ALL {
                let Some(number) = option.of(anomaly).and_then(&number) else { continue };
                samples.push(Sample::new(with_anomaly(&labels, anomaly.as_str()), number));
            }
        }
        samples
    }

    /// One number per score of a routing point.
    pub(super) fn point_scores(&self, number: impl Fn(Score) -> Option<f64>) -> Vec<Sample> {
        let mut samples = Vec::new();
        for point in self.scores().into_iter().flat_map(|scores| &scores.points) {
            let labels = LazyCell::new(|| point_block(&self.target.server, &point.labels));
            for anomaly in PointAnomaly::ALL {
                let Some(number) = point.of(anomaly).and_then(&number) else { continue };
                samples.push(Sample::new(with_anomaly(&labels, anomaly.as_str()), number));
            }
        }
        samples
    }

    /// A number that was compared, for scores of at least [`COMPARED_FROM`].
    pub(super) fn compared(&self, number: fn(Score) -> f64) -> Vec<Sample> {
        let mut samples = self.option_scores(|score| compared_number(score, number));
        samples.extend(self.point_scores(|score| compared_number(score, number)));
        samples
    }

    /// Options that have series: the counted ones, and those that have a score although they were
    /// never entered since counting began.
    fn known_options(&self) -> impl Iterator<Item = &MenuLabels> {
        let scored = self.scores().into_iter().flat_map(|scores| &scores.options);
        self.target.counters.menus.keys().chain(scored.map(|option| &option.labels))
    }

    /// The name of every routing point that has series, or its `rp_id` if it has none, so that a
    /// join loses no series.
    pub(super) fn point_names(&self) -> Vec<Sample> {
        let counted = self.target.counters.points.keys();
        let known = self.known_options().map(|labels| &labels.point);
        let rp_ids: BTreeSet<&str> = counted.chain(known).map(|point| &*point.rp_id).collect();
        let names = rp_ids.into_iter().map(|rp_id| {
            let name = self.target.names.routing_point(rp_id).unwrap_or(rp_id);
            let labels = [("server", &*self.target.server), ("rp_id", rp_id), ("rp_name", name)];
            Sample::new(label_block(&labels), 1)
        });
        names.collect()
    }

    /// The name and kind of every option that has series.
    pub(super) fn option_names(&self) -> Vec<Sample> {
        let codes: BTreeSet<&str> = self.known_options().map(|labels| &*labels.option).collect();
        let names = codes.into_iter().map(|code| {
            let labels = label_block(&[
                ("server", &self.target.server),
                ("cod_opc_menu", code),
                ("description", self.target.names.option(code).unwrap_or(code)),
                ("kind", self.target.kinds.kind(code).as_str()),
            ]);
            Sample::new(labels, 1)
        });
        names.collect()
    }

    /// The name of every option at its routing point. Kinds, which are the same everywhere, are in
    /// another family, so that they can be joined by the code alone without a many-to-many match.
    pub(super) fn option_names_at_points(&self) -> Vec<Sample> {
        let pairs: BTreeSet<(&str, &str)> =
            self.known_options().map(|labels| (&*labels.point.rp_id, &*labels.option)).collect();
        let names = pairs.into_iter().map(|(rp_id, code)| {
            let labels = label_block(&[
                ("server", &self.target.server),
                ("rp_id", rp_id),
                ("cod_opc_menu", code),
                ("description", self.target.names.option_at(rp_id, code).unwrap_or(code)),
            ]);
            Sample::new(labels, 1)
        });
        names.collect()
    }

    pub(super) fn last_row(&self) -> Option<Timestamp> {
        self.totals().last_row.and_then(|local| schedule::instant(local, &self.target.zone))
    }

    /// Rows of a report that cannot be counted, by reason.
    pub(super) fn rejected(&self, totals: &Totals) -> Vec<Sample> {
        let rows = Rejection::ALL
            .map(|reason| (reason.reason(), totals.rejected.get(&reason).copied().unwrap_or(0)));
        self.by("reason", rows)
    }

    pub(super) fn lateness(&self) -> Vec<Sample> {
        let bounds = fixed_bounds(&LATENESS_BOUNDS);
        self.one(visible(&self.totals().lateness, &bounds))
    }

    pub(super) fn folded_rows(&self) -> u64 {
        let menus =
            self.target.counters.menus.iter().filter(|(labels, _)| &*labels.option == NUMBER);
        menus.map(|(_, (_, counts))| counts.hits).sum()
    }
}

fn compared_number(score: Score, number: fn(Score) -> f64) -> Option<f64> {
    (score.score >= COMPARED_FROM).then(|| number(score))
}

/// A counter that shows 0 until a scraper can have seen that 0.
pub(super) fn counter(labels: &Arc<str>, count: u64, released: Option<i64>) -> Sample {
    let created = released.map(|at| at as f64);
    Sample::new(labels.clone(), created.map_or(0, |_| count)).created(created)
}

/// A histogram that is empty until a scraper can have seen it empty.
pub(super) fn histogram(
    labels: &Arc<str>,
    counts: &SecondsHistogram,
    bounds: &Arc<BucketBounds>,
    released: Option<i64>,
) -> Sample {
    let shown = match released {
        Some(_) => visible(counts, bounds),
        // With native buckets, so that scrapers see their zero too.
        None => Histogram::new(bounds.clone(), &[], 0.0).with_native(NativeHistogram::default()),
    };
    Sample::new(labels.clone(), shown).created(released.map(|at| at as f64))
}

fn visible(counts: &SecondsHistogram, bounds: &Arc<BucketBounds>) -> Histogram {
    Histogram::new(bounds.clone(), &counts.buckets(bounds.values()), counts.sum() as f64)
        .with_native(counts.native())
}

fn fixed_bounds(bounds: &[f64]) -> Arc<BucketBounds> {
    Arc::new(BucketBounds::new(bounds).expect("they are fixed and increase"))
}

fn option_block(server: &str, labels: &MenuLabels) -> Arc<str> {
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

fn with_anomaly(block: &str, anomaly: &str) -> Arc<str> {
    format!("{block},{}", label_block(&[("anomaly", anomaly)])).into()
}
