//! The families about journeys: where they begin, step and end.

use std::sync::Arc;

use super::{SnapshotInput, menu_block, point_block};
use crate::{
    exposition::{BucketBounds, Family, Histogram, MetricType, NativeHistogram, Sample, label_block},
    model::TransitionLabels,
};

/// Upper bounds of `wolkvox_menu_journey_options`.
const OPTIONS: [f64; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 50.0];

/// Always the same ones in the same order.
pub(super) fn families(view: SnapshotInput<'_>) -> Vec<Family> {
    let counter = |name, help| Family::new(name, help, MetricType::Counter);
    let mut entries = counter("wolkvox_menu_option_entry_total", "Interactions whose first option this was.");
    let mut finals = counter(
        "wolkvox_menu_option_final_total",
        "Interactions whose last option this was: where they leave the menu.",
    );
    let mut repeats = counter(
        "wolkvox_menu_option_repeats_total",
        "Times the option was entered again in the same interaction.",
    );
    for (labels, (_, menu)) in &view.account.menus {
        let block = menu_block(view.server, labels);
        let created = menu.released.map(|at| at as f64);
        let point = |count: u64| Sample::new(block.clone(), created.map_or(0, |_| count)).created(created);
        entries.points.push(point(menu.entries));
        finals.points.push(point(menu.finals));
        repeats.points.push(point(menu.repeats));
    }

    let mut transitions = counter(
        "wolkvox_menu_transitions_total",
        "Steps from one option to the next within an interaction; `other` to `other` are those over the limit.",
    );
    for (labels, transition) in &view.account.transitions {
        let created = transition.released.map(|at| at as f64);
        let steps = created.map_or(0, |_| transition.steps);
        let point = Sample::new(transition_block(view.server, labels), steps).created(created);
        transitions.points.push(point);
    }

    let mut options = Family::new(
        "wolkvox_menu_journey_options",
        "Options entered in an interaction, counted when it is over.",
        MetricType::Histogram,
    );
    let mut open = Family::new(
        "wolkvox_menu_journeys_open",
        "Interactions that may still go on, so that their path is not counted yet.",
        MetricType::Gauge,
    );
    let mut late = counter(
        "wolkvox_menu_journey_late_rows_total",
        "Rows of an interaction that was over already: counted as hits, not in its path.",
    );
    // Fixed and increasing, so there are always bounds.
    let bounds = BucketBounds::new(&OPTIONS).map(Arc::new);
    for (labels, point) in &view.account.points {
        let block = point_block(view.server, labels);
        let created = point.released.map(|at| at as f64);
        if let Some(bounds) = &bounds {
            let histogram = match created {
                Some(_) => Histogram::new(
                    bounds.clone(),
                    &point.journeys.buckets(bounds.values()),
                    point.journeys.sum() as f64,
                )
                .with_native(point.journeys.native()),
                None => Histogram::new(bounds.clone(), &[], 0.0).with_native(NativeHistogram::default()),
            };
            options.points.push(Sample::new(block.clone(), histogram).created(created));
        }
        open.points.push(Sample::new(block.clone(), point.open));
        let rows = created.map_or(0, |_| point.late_rows);
        late.points.push(Sample::new(block, rows).created(created));
    }
    vec![entries, finals, repeats, transitions, options, open, late]
}

fn transition_block(server: &str, labels: &TransitionLabels) -> Arc<str> {
    label_block(&[
        ("server", server),
        ("rp_id", &labels.point.rp_id),
        ("channel", &labels.point.channel),
        ("from_opc_menu", &labels.from),
        ("to_opc_menu", &labels.to),
    ])
}
