//! Converts the simulator's truth to the samples that an exporter must show.

use simulator_testing::{Journeys, Truth};

/// Name, labels without `server`, value.
pub(crate) type Sample = (&'static str, Vec<(&'static str, String)>, f64);

/// Every counter of the menus except histogram buckets.
pub(crate) const COUNTERS: [&str; 13] = [
    "wolkvox_menu_option_hits_total",
    "wolkvox_menu_option_attempts_total",
    "wolkvox_menu_option_retries_total",
    "wolkvox_menu_time_to_option_seconds_sum",
    "wolkvox_menu_time_to_option_seconds_count",
    "wolkvox_menu_interactions_total",
    "wolkvox_menu_option_entry_total",
    "wolkvox_menu_option_final_total",
    "wolkvox_menu_option_repeats_total",
    "wolkvox_menu_transitions_total",
    "wolkvox_menu_journey_options_count",
    "wolkvox_menu_journey_options_sum",
    "wolkvox_menu_journey_late_rows_total",
];

/// Returns all samples of [`COUNTERS`], those of journeys only if there are any.
pub(crate) fn expected(truth: &Truth, journeys: &Journeys) -> Vec<Sample> {
    let mut samples = Samples(Vec::new());
    for o in &truth.options {
        let values = [o.hits, o.attempts, o.retries, o.seconds_sum, o.seconds_count];
        samples.add(
            &COUNTERS[..5],
            &values,
            &[&o.rp_id, &o.channel],
            &[("cod_opc_menu", &o.cod_opc_menu)],
        );
    }
    for p in &truth.points {
        samples.add(&COUNTERS[5..6], &[p.interactions], &[&p.rp_id, &p.channel], &[]);
    }
    for o in &journeys.options {
        let values = [o.entries, o.finals, o.repeats];
        samples.add(
            &COUNTERS[6..9],
            &values,
            &[&o.rp_id, &o.channel],
            &[("cod_opc_menu", &o.cod_opc_menu)],
        );
    }
    for t in &journeys.transitions {
        let step = [("from_opc_menu", &t.from), ("to_opc_menu", &t.to)];
        samples.add(&COUNTERS[9..10], &[t.steps], &[&t.rp_id, &t.channel], &step);
    }
    for p in &journeys.points {
        let values = [p.journeys, p.options, p.late_rows];
        samples.add(&COUNTERS[10..], &values, &[&p.rp_id, &p.channel], &[]);
    }
    samples.0
}

struct Samples(Vec<Sample>);

impl Samples {
    fn add(
        &mut self,
        names: &[&'static str],
        values: &[u64],
        point: &[&String; 2],
        more: &[(&'static str, &String)],
    ) {
        let labels: Vec<_> = [("rp_id", point[0]), ("channel", point[1])]
            .iter()
            .chain(more)
            .map(|(name, value)| (*name, (*value).clone()))
            .collect();
        for (name, value) in names.iter().zip(values) {
            self.0.push((name, labels.clone(), *value as f64));
        }
    }
}
