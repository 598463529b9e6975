//! The metrics that Linux reports of this process: memory, files, processor time, under the names
//! of Prometheus' client libraries.
//!
//! Owns the reading of `/proc/self`; elsewhere than on Linux there is nothing to read and no
//! family. Reading takes longer than all the rest of a small scrape, so scrapes that follow each
//! other closely share one reading.

use std::{
    fs,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use crate::exposition::{Family, Metric, Sample, families};

/// Age up to which a reading is reused. Less than any usual scrape interval.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Ticks of a second in the times of `/proc` (`USER_HZ`): Linux has given 100 to programs on every
/// processor that is supported.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process metrics as they were at most a second ago.
#[derive(Debug, Default)]
pub(super) struct ProcessMetrics {
    started: OnceLock<f64>,
    read: Mutex<Option<(Instant, Vec<Family>)>>,
}

impl ProcessMetrics {
    /// Records the start of the process, in Unix seconds, for systems where `/proc/stat` is hidden.
    pub(super) fn started(&self, at: f64) {
        // A process starts once.
        let _ = self.started.set(at);
    }

    /// Returns the families for one scrape at `now`.
    pub(super) fn families(&self, now: Instant) -> Vec<Family> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((at, families)) if now.saturating_duration_since(*at) < GOOD_FOR => {
                families.clone()
            }
            _ => {
                let families = ProcFiles::read(self.started.get().copied()).families();
                *read = Some((now, families.clone()));
                families
            }
        }
    }
}

/// Contents of the files that the metrics come from; empty where the system has none.
#[derive(Debug, Default)]
struct ProcFiles {
    /// `/proc/self/stat`: processor time and start.
    stat: String,
    /// `/proc/self/status`: memory and threads.
    status: String,
    /// `/proc/self/limits`: the limit of open files.
    limits: String,
    /// `/proc/stat`: the boot, from which starts are counted. Hidden by systemd's `ProcSubset=pid`.
    system: String,
    /// The number of entries of `/proc/self/fd`.
    open_files: Option<usize>,
    /// Start of the process in Unix seconds, for systems that hide the boot.
    started: Option<f64>,
}

/// Every family, sorted by name. One whose value cannot be read has no series.
const PROCESS: &[Metric<ProcFiles>] = &[
    Metric::counter(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        &[],
        |files| series(files.cpu_seconds()),
    ),
    Metric::gauge("process_max_fds", "Maximum number of open file descriptors.", &[], |files| {
        series(files.max_files())
    }),
    Metric::gauge("process_open_fds", "Number of open file descriptors.", &[], |files| {
        series(files.open_files.map(|number| number as f64))
    }),
    Metric::gauge(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        &[],
        |files| series(files.status_bytes("VmRSS:")),
    ),
    Metric::gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        &[],
        |files| series(files.start_seconds().or(files.started)),
    ),
    Metric::gauge("process_threads", "Number of OS threads in the process.", &[], |files| {
        series(files.status_number("Threads:"))
    }),
    Metric::gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", &[], |files| {
        series(files.status_bytes("VmSize:"))
    }),
];

fn series(value: Option<f64>) -> Vec<Sample> {
    value.map(|value| Sample::new("".into(), value)).into_iter().collect()
}

/// Reads a file; empty if that fails.
fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

impl ProcFiles {
    fn read(started: Option<f64>) -> Self {
        Self {
            stat: text_of("/proc/self/stat"),
            status: text_of("/proc/self/status"),
            limits: text_of("/proc/self/limits"),
            system: text_of("/proc/stat"),
            // Without the descriptor of the reading itself.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|entries| entries.count().saturating_sub(1)),
            started,
        }
    }

    /// Returns the families of everything that could be read.
    fn families(&self) -> Vec<Family> {
        let mut families = families(PROCESS, self);
        families.retain(|family| !family.points.is_empty());
        families
    }

    /// Returns a field of `/proc/self/stat` by its number in proc(5). The second one, the name, may
    /// hold blanks and brackets.
    fn stat_field(&self, number: usize) -> Option<f64> {
        let (_, after_name) = self.stat.rsplit_once(')')?;
        after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
    }

    fn cpu_seconds(&self) -> Option<f64> {
        let user = self.stat_field(14)?;
        let system = self.stat_field(15)?;
        Some((user + system) / TICKS_PER_SECOND)
    }

    fn start_seconds(&self) -> Option<f64> {
        let boot: f64 = number_after(&self.system, "btime")?;
        Some(boot + self.stat_field(22)? / TICKS_PER_SECOND)
    }

    fn max_files(&self) -> Option<f64> {
        let (_, limits) = self.limits.split_once("Max open files")?;
        match limits.split_ascii_whitespace().next()? {
            "unlimited" => Some(f64::INFINITY),
            limit => limit.parse().ok(),
        }
    }

    fn status_number(&self, name: &str) -> Option<f64> {
        number_after(&self.status, name)
    }

    /// Returns a size of `/proc/self/status`, which is in KiB there.
    fn status_bytes(&self, name: &str) -> Option<f64> {
        Some(self.status_number(name)? * 1024.0)
    }
}

/// Returns the number that follows a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<f64> {
    let after = text.lines().find_map(|line| line.strip_prefix(name))?;
    after.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Value;

    fn value(families: &[Family], name: &str) -> Option<f64> {
        let family = families.iter().find(|family| family.name == name)?;
        match family.points[0].value {
            Value::Float(value) => Some(value),
            Value::Integer(value) => Some(value as f64),
            Value::Histogram(_) => None,
        }
    }

    /// As Linux 6.1 writes them, for a process whose name is made to mislead.
    fn files() -> ProcFiles {
        ProcFiles {
            stat: "4711 (a) 1 2 (b) S 1 4711 4711 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 7 0 12345 99 88".to_owned(),
            status: "Name:\ta\nVmSize:\t    2048 kB\nVmRSS:\t     512 kB\nThreads:\t7\n".to_owned(),
            limits: "Limit Soft Hard Units\nMax open files            1024                 1048576              files\n".to_owned(),
            system: "cpu 1 2 3\nbtime 1700000000\n".to_owned(),
            open_files: Some(9),
            started: None,
        }
    }

    #[test]
    fn reads_the_files_as_proc_5_describes_them() {
        let families = files().families();
        for (name, expected) in [
            ("process_cpu_seconds_total", 3.0),
            ("process_max_fds", 1024.0),
            ("process_open_fds", 9.0),
            ("process_resident_memory_bytes", 524_288.0),
            ("process_start_time_seconds", 1_700_000_123.45),
            ("process_threads", 7.0),
            ("process_virtual_memory_bytes", 2_097_152.0),
        ] {
            assert_eq!(value(&families, name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_limit_may_be_unlimited() {
        let limits = files().limits.replace("1024", "unlimited");
        let families = ProcFiles { limits, ..files() }.families();
        assert_eq!(value(&families, "process_max_fds"), Some(f64::INFINITY));
    }

    /// As systemd hides it with `ProcSubset=pid`.
    #[test]
    fn a_start_that_the_system_hides_is_reported_all_the_same() {
        for (system, started, expected) in [
            ("", Some(1_700_000_000.5), Some(1_700_000_000.5)),
            ("btime 1700000000\n", Some(1_700_000_000.5), Some(1_700_000_123.45)),
            ("", None, None),
        ] {
            let files = ProcFiles { system: system.to_owned(), started, ..files() };
            assert_eq!(value(&files.families(), "process_start_time_seconds"), expected);
        }
    }

    /// As on other systems than Linux.
    #[test]
    fn what_cannot_be_read_has_no_family() {
        assert!(ProcFiles::default().families().is_empty());
    }

    #[test]
    fn is_read_anew_after_a_second_and_not_before() {
        let process = ProcessMetrics::default();
        let first = Instant::now();
        for (after, read_at) in [(0, 0), (999, 0), (1_000, 1_000), (1_999, 1_000), (5_000, 5_000)] {
            let families = process.families(first + Duration::from_millis(after));
            assert!(value(&families, "process_open_fds").is_some_and(|files| files > 2.0));
            assert!(
                value(&families, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6)
            );
            let (at, _) = process.read.lock().unwrap().clone().unwrap();
            assert_eq!(at, first + Duration::from_millis(read_at), "after {after} ms");
        }
    }
}
