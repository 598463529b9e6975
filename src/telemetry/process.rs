//! The metrics that the system reports of this process: memory, files, processor time.
//!
//! Reading them takes the system several files of `/proc`, longer than all the rest of a small
//! scrape. Scrapes that follow each other closely therefore share one reading.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{Registry, process_collector::ProcessCollector};

use crate::exposition::{Family, Value, from_prometheus};

/// Age up to which a reading is reused. Less than any usual scrape interval.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The process metrics as they were at most a second ago.
#[derive(Debug)]
pub(super) struct ProcessMetrics {
    registry: Registry,
    started: OnceLock<f64>,
    read: Mutex<Option<(Instant, Vec<Family>)>>,
}

impl ProcessMetrics {
    /// Reads nothing yet.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self { registry, started: OnceLock::new(), read: Mutex::default() })
    }

    /// Takes note of the start of the process, in Unix seconds, for systems where `/proc/stat` is
    /// hidden.
    pub(super) fn started(&self, at: f64) {
        // A process starts once.
        let _ = self.started.set(at);
    }

    /// Returns the families for one scrape at `now`.
    pub(super) fn families(&self, now: Instant) -> Vec<Family> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((at, families)) if now.saturating_duration_since(*at) < GOOD_FOR => families.clone(),
            _ => {
                let mut families = from_prometheus(&self.registry.gather());
                self.fill_in_start(&mut families);
                *read = Some((now, families.clone()));
                families
            }
        }
    }
}

/// Name of the family of the process's start.
const START: &str = "process_start_time_seconds";

impl ProcessMetrics {
    /// Fills in the start of the process where the system does not report it.
    fn fill_in_start(&self, families: &mut [Family]) {
        let Some(started) = self.started.get() else { return };
        for family in families.iter_mut().filter(|family| family.name == START) {
            for point in &mut family.points {
                match point.value {
                    Value::Integer(0) => point.value = (*started).into(),
                    Value::Float(at) if at <= 0.0 => point.value = (*started).into(),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{MetricType, Sample};

    /// As systemd hides it with `ProcSubset=pid`.
    #[test]
    fn a_start_that_the_system_hides_is_told_all_the_same() {
        let process = ProcessMetrics::new().unwrap();
        process.started(1_700_000_000.5);
        let family = |value: f64| {
            let mut family = Family::new(START, "Start.", MetricType::Gauge);
            family.points.push(Sample::new("".into(), value));
            [family]
        };
        for (system, told) in [(0.0, 1_700_000_000.5), (1_600_000_000.0, 1_600_000_000.0)] {
            let mut families = family(system);
            process.fill_in_start(&mut families);
            let found = &families[0].points[0].value;
            assert!(matches!(found, Value::Float(at) if *at == told), "{found:?}");
        }
    }

    #[test]
    fn is_read_anew_after_a_second_and_not_before() {
        let process = ProcessMetrics::new().unwrap();
        let first = Instant::now();
        for (after, read_at) in [(0, 0), (999, 0), (1_000, 1_000), (1_999, 1_000), (5_000, 5_000)] {
            let families = process.families(first + Duration::from_millis(after));
            assert!(families.iter().any(|family| family.name == "process_open_fds"));
            let (at, _) = process.read.lock().unwrap().clone().unwrap();
            assert_eq!(at, first + Duration::from_millis(read_at), "after {after} ms");
        }
    }
}
