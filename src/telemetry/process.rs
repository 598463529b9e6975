//! What the system says of this process: memory, files, processor time.
//!
//! Reading it takes the system several files of `/proc`, longer than all the rest of a small scrape. So it is not read
//! anew for scrapes that follow each other closely.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{Registry, process_collector::ProcessCollector};

use crate::exposition::{Family, from_prometheus};

/// For how long a reading is good enough. Less than any usual scrape interval.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The process metrics as they were at most a second ago.
#[derive(Debug)]
pub(super) struct Process {
    registry: Registry,
    read: Mutex<Option<(Instant, Vec<Family>)>>,
}

impl Process {
    /// Reads nothing yet.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self { registry, read: Mutex::default() })
    }

    /// For one scrape at `now`.
    pub(super) fn families(&self, now: Instant) -> Vec<Family> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((at, families)) if now.saturating_duration_since(*at) < GOOD_FOR => families.clone(),
            _ => {
                let families = from_prometheus(&self.registry.gather());
                *read = Some((now, families.clone()));
                families
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_anew_after_a_second_and_not_before() {
        let process = Process::new().unwrap();
        let first = Instant::now();
        for (after, read_at) in [(0, 0), (999, 0), (1_000, 1_000), (1_999, 1_000), (5_000, 5_000)] {
            let families = process.families(first + Duration::from_millis(after));
            assert!(families.iter().any(|family| family.name == "process_open_fds"));
            let (at, _) = process.read.lock().unwrap().clone().unwrap();
            assert_eq!(at, first + Duration::from_millis(read_at), "after {after} ms");
        }
    }
}
