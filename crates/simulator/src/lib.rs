//! A Wolkvox server of our own: the reports diagram_13 and diagram_1 of an invented contact centre,
//! behind the same HTTP.
//!
//! It serves the demo and a user's experiments, and imitates everything that is known of the real
//! API: its limits, its errors, late rows and equal rows. It shares no code with the exporter's
//! client, so that a mistake in one cannot be hidden by the same mistake in the other. The crate
//! `simulator-testing`, which the program does not contain, adds what tests need: faults, switches
//! over HTTP, and the truth about the rows.

mod answer;
mod args;
mod body;
mod call_end;
mod form;
mod incident;
mod information;
mod interaction;
mod json;
mod load_curve;
mod menus;
mod names;
mod options;
mod quota;
mod random;
mod refusal;
mod report;
mod response;
mod server;
pub mod tamper;
mod traffic;
mod window;

pub use args::{SimulateArgs, run};
pub use call_end::{HUNG_UP, REACHED, UNDOCUMENTED};
pub use incident::OptionIncident;
pub use interaction::{CUSTOMER_PREFIX, TELEPHONE_PREFIX};
pub use options::{Clock, Options, TooManyRows};
pub use quota::Requests;
pub use random::Random;
pub use server::serve;
pub use traffic::{Burst, SimulatedReport};

use answer::{Answer, AnswerForm, DatedRows};
use interaction::{Late, Row};
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tamper::Tamper;
use tokio::sync::Semaphore;
use traffic::Traffic;
use window::Window;

/// A simulated Wolkvox server, without its socket; [`serve`] gives it one.
#[derive(Debug)]
pub struct SimulatedServer {
    options: Options,
    /// Replaced when somebody ends the traffic.
    traffic: Mutex<Arc<Traffic>>,
    tamper: Option<Arc<dyn Tamper>>,
    requests: Mutex<quota::Counter>,
    in_flight: Arc<Semaphore>,
}

impl SimulatedServer {
    /// Makes a simulator without faults.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self::of(options, None))
    }

    /// Makes a simulator whose answers `tamper` may change.
    pub fn tampered(options: Options, tamper: Arc<dyn Tamper>) -> Arc<Self> {
        Arc::new(Self::of(options, Some(tamper)))
    }

    fn of(options: Options, tamper: Option<Arc<dyn Tamper>>) -> Self {
        let traffic = Traffic {
            seed: options.seed,
            chance_from: options.chance_from.map_or(0, |from| from.as_second().div_euclid(60)),
            zone: options.zone.clone(),
            scale: options.scale,
            least_load: options.least_load,
            late: Late {
                share: options.late_share,
                least: options.late_by.start().as_secs().cast_signed(),
                most: options.late_by.end().as_secs().cast_signed(),
            },
            unique_options: options.unique_options,
            bursts: options.bursts.clone(),
            incidents: options.incidents.clone(),
            unanswerable: options.unanswerable.map(Timestamp::as_second),
            from: options.from.map_or(i64::MIN, second_at_or_after),
            until: options.until.map_or(i64::MAX, second_at_or_after),
        };
        Self {
            traffic: Mutex::new(Arc::new(traffic)),
            tamper,
            requests: Mutex::default(),
            in_flight: Arc::new(Semaphore::new(options.concurrency_limit)),
            options,
        }
    }

    /// Returns the rows dated in `from..until`, including those that the server does not show yet.
    pub fn rows(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Row> + use<> {
        self.traffic().rows(second_at_or_after(from), second_at_or_after(until) - 1)
    }

    /// Returns the rows of diagram_1 dated in `from..until`, including those that the server does
    /// not show yet.
    pub fn call_ends(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Row> + use<> {
        let first = second_at_or_after(from);
        let last = second_at_or_after(until) - 1;
        self.traffic().rows_of(SimulatedReport::Diagram1, first, last)
    }

    /// Returns the options that it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the time on the simulated server.
    pub fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// Lets no row be dated at or after `at`, so that a test can wait until all rows have been
    /// read.
    ///
    /// Interactions under way are cut off. `at` must not be in the past, and an end that has passed
    /// cannot be moved. Otherwise rows that were read could vanish, and rows could appear in
    /// windows that were read to the end.
    pub fn end_traffic(&self, at: Timestamp) -> Result<(), TrafficEnded> {
        let now = self.now();
        let mut traffic = lock(&self.traffic);
        if at < now || traffic.until <= now.as_second() {
            return Err(TrafficEnded);
        }
        *traffic = Arc::new(Traffic { until: second_at_or_after(at), ..Traffic::clone(&traffic) });
        Ok(())
    }

    /// Returns the requests for reports that were answered, by kind.
    pub fn requests(&self) -> Requests {
        lock(&self.requests).snapshot()
    }

    /// Returns the uncompressed bytes of a good answer for a closed window of local time, in
    /// pieces. For benchmarks: without HTTP, quota or faults. `None` if the server would refuse the
    /// window.
    pub fn answer_bytes(
        &self,
        ini: DateTime,
        end: DateTime,
    ) -> Option<impl Iterator<Item = bytes::Bytes>> {
        let window = Window::new(ini, end)?;
        let now = self.now();
        let count = window.rows(SimulatedReport::Diagram13, &self.traffic(), now).count() as u64;
        let form = AnswerForm::good(self.options.limit(count)?);
        let rows: DatedRows =
            Box::new(window.rows(SimulatedReport::Diagram13, &self.traffic(), now));
        Some(Answer::new(form, rows, self.options.row_bytes))
    }

    fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&lock(&self.traffic))
    }
}

/// The end of the traffic cannot be moved: the new or the old one lies in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traffic can only be ended now or later, and only while it has not ended")]
pub struct TrafficEnded;

/// Rounds up to whole seconds, because rows are dated in whole seconds.
fn second_at_or_after(moment: Timestamp) -> i64 {
    moment.as_second() + i64::from(moment.subsec_nanosecond() > 0)
}

/// Locks a mutex, poisoned or not: its data is consistent after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
