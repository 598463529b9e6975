//! The outcomes of calls, as the table of metrics reads them.
//!
//! In these counters the channel of a label set is the outcome. Pure.

use std::collections::BTreeMap;

use super::view::{TargetView, counter, histogram};
use crate::{
    exposition::{Sample, label_block},
    ledger::OptionCounts,
    model::CallOutcome,
};

impl TargetView {
    /// The calls of every option, by outcome. Each option has every outcome, so that all shares can
    /// be computed.
    pub(super) fn outcomes(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        let mut options: BTreeMap<(&str, &str), BTreeMap<&str, &OptionCounts>> = BTreeMap::new();
        for (labels, (_, counts)) in &outcomes.counters.menus {
            let option = options.entry((&labels.point.rp_id, &labels.option)).or_default();
            option.insert(&labels.point.channel, counts);
        }
        let mut samples = Vec::with_capacity(options.len() * CallOutcome::ALL.len());
        for ((rp_id, option), counts) in options {
            for outcome in CallOutcome::ALL.map(CallOutcome::as_str) {
                let labels = label_block(&[
                    ("server", &self.target.server),
                    ("rp_id", rp_id),
                    ("cod_opc_menu", option),
                    ("outcome", outcome),
                ]);
                let counts = counts.get(outcome);
                let released = counts.and_then(|counts| counts.released);
                samples.push(counter(&labels, counts.map_or(0, |counts| counts.hits), released));
            }
        }
        samples
    }

    /// The seconds after which callers of each routing point hung up.
    pub(super) fn time_to_hang_up(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        let points = outcomes.counters.points.iter();
        points
            .filter(|(point, _)| &*point.channel == CallOutcome::HungUp.as_str())
            .map(|(point, counts)| {
                let labels = [("server", &*self.target.server), ("rp_id", &point.rp_id)];
                let labels = label_block(&labels);
                histogram(&labels, &counts.journeys, &self.target.buckets, counts.released)
            })
            .collect()
    }

    /// 1 while the outcomes of calls can be read.
    pub(super) fn outcomes_up(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        self.one(u64::from(self.target.up && outcomes.has_read && outcomes.failure.is_none()))
    }

    /// The moment up to which the outcomes of calls have been read.
    pub(super) fn outcomes_watermark(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        self.one(outcomes.counters.totals.watermark as f64)
    }

    /// Rows of diagram_1 that cannot be counted, by reason.
    pub(super) fn outcomes_rejected(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        self.rejected(&outcomes.counters.totals)
    }

    /// Times for which rows of diagram_1 are missing.
    pub(super) fn outcomes_incomplete(&self) -> Vec<Sample> {
        let Some(outcomes) = &self.target.outcomes else { return Vec::new() };
        self.one(outcomes.counters.totals.incomplete)
    }
}
