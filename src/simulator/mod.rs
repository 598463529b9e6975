//! A Wolkvox server of our own: report diagram_13 of an invented contact centre, behind the same HTTP.
//!
//! It serves the demo, the tests and the benchmarks, and is as faithful as what is known of the real API allows:
//! its limits, its errors, its odd answers, rows that appear late and rows that are equal. It shares nothing with
//! the exporter's own client but the wire, so that a mistake in one cannot be hidden by the same mistake in the
//! other; it must never use a type of `wolkvox`.
//!
//! | file | owns |
//! | --- | --- |
//! | `random` | deterministic chance |
//! | `menus` | the contact centre: routing points, menus, steps |
//! | `names` | what its routing points and options are called |
//! | `load_curve` | how busy a day and a week are |
//! | `interaction` | one caller's walk, and its rows |
//! | `traffic` | which interactions begin when: a pure function of the seed and time |
//! | `window` | the rows that a server shows for a window at a moment |
//! | `truth`, `journeys` | the same rows, counted; the paths of their interactions |
//! | `json`, `answer` | the bytes of an answer |
//! | `body` | sending them, well or badly |
//! | `faults`, `refusal` | what goes wrong on demand, and the API's own errors |
//! | `quota` | the count of requests, and the day's limit |
//! | `form` | reading a query |
//! | `response` | heads of the answers |
//! | `server`, `report`, `information`, `control` | connections, the report, quota and names, and the switches under `/simulator` |
//! | `options`, `args` | settings of a simulator, and its command line |

mod answer;
mod args;
mod body;
mod control;
mod faults;
mod form;
mod information;
mod interaction;
mod journeys;
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
mod traffic;
mod truth;
mod window;

pub use args::{SimulateArgs, run};
pub use faults::{BadFault, Fault, FaultRule};
pub use interaction::{CUSTOMER_PREFIX, TELEPHONE_PREFIX};
pub use journeys::{Journeys, OptionJourneys, PointJourneys, TransitionTruth};
pub use options::{Clock, Options, OverLimit};
pub use quota::Requests;
pub use server::serve;
pub use traffic::{Burst, Stop};
pub use truth::{OptionTruth, PointTruth, Truth};

use answer::{Answer, DatedRows, Shape};
use faults::Faults;
use interaction::Late;
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use traffic::Traffic;
use window::Window;

/// A simulated Wolkvox server, without its socket; [`serve`] gives it one.
#[derive(Debug)]
pub struct Simulator {
    options: Options,
    /// Replaced when somebody ends the traffic.
    traffic: Mutex<Arc<Traffic>>,
    faults: Mutex<Faults>,
    requests: Mutex<quota::Counter>,
    in_flight: Arc<Semaphore>,
}

impl Simulator {
    /// A simulator that will behave as told.
    pub fn new(options: Options) -> Arc<Self> {
        let traffic = Traffic {
            seed: options.seed,
            zone: options.zone.clone(),
            scale: options.scale,
            even: options.even,
            late: Late {
                share: options.late_share,
                least: options.late_by.start().as_secs().cast_signed(),
                most: options.late_by.end().as_secs().cast_signed(),
            },
            inventive: options.inventive,
            bursts: options.bursts.clone(),
            stops: options.stops.clone(),
            poisoned: options.poisoned.map(Timestamp::as_second),
            from: options.from.map_or(i64::MIN, second_at_or_after),
            until: options.until.map_or(i64::MAX, second_at_or_after),
        };
        Arc::new(Self {
            traffic: Mutex::new(Arc::new(traffic)),
            faults: Mutex::new(Faults::new(options.seed)),
            requests: Mutex::default(),
            in_flight: Arc::new(Semaphore::new(options.concurrency_limit)),
            options,
        })
    }

    /// The truth of all rows dated in `from..until`, or of those among them that are visible at a moment.
    pub fn truth(&self, from: Timestamp, until: Timestamp, visible_at: Option<Timestamp>) -> Truth {
        let last = second_at_or_after(until) - 1;
        let shown = visible_at.map_or(i64::MAX, Timestamp::as_second);
        Truth::of(self.traffic().rows(second_at_or_after(from), last).filter(|row| row.visible <= shown))
    }

    /// The truth of the journeys of all rows dated in `from..until`, once each is over: after `idle` without a row.
    pub fn journeys(&self, from: Timestamp, until: Timestamp, idle: std::time::Duration) -> Journeys {
        let last = second_at_or_after(until) - 1;
        let idle = i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        Journeys::of(self.traffic().rows(second_at_or_after(from), last), idle)
    }

    /// The clock of the simulated server.
    pub fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// Lets no row be dated at or after `at`, so that a test can wait until all rows have been read.
    ///
    /// Interactions under way are cut off. `at` must not lie in the past, nor may an end that has passed be
    /// moved: rows that somebody may have read would vanish, or rows appear where all had been read.
    pub fn end_traffic(&self, at: Timestamp) -> Result<(), TrafficEnded> {
        let now = self.now();
        let mut traffic = lock(&self.traffic);
        if at < now || traffic.until <= now.as_second() {
            return Err(TrafficEnded);
        }
        *traffic = Arc::new(Traffic { until: second_at_or_after(at), ..Traffic::clone(&traffic) });
        Ok(())
    }

    /// Switches a fault on, after those already in force.
    pub fn add_fault(&self, rule: FaultRule) -> Result<(), BadFault> {
        lock(&self.faults).add(rule)
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        lock(&self.faults).clear();
    }

    /// The requests of the report that were answered, by kind.
    pub fn requests(&self) -> Requests {
        lock(&self.requests).snapshot()
    }

    /// The uncompressed bytes of a good answer for a closed window of local time, in pieces, as a benchmark
    /// wants them: without HTTP, quota or faults. None for a window that the server refuses.
    pub fn answer_bytes(&self, ini: DateTime, end: DateTime) -> Option<impl Iterator<Item = bytes::Bytes>> {
        let window = Window::new(ini, end)?;
        let now = self.now();
        let count = window.rows(&self.traffic(), now).count() as u64;
        let (sent, promised) = self.options.limit(count)?;
        let shape = Shape::of(None, sent, promised);
        let rows: DatedRows = Box::new(window.rows(&self.traffic(), now));
        Some(Answer::new(shape, rows, self.options.row_bytes))
    }

    fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&lock(&self.traffic))
    }
}

/// The end of the traffic cannot be moved: the new or the old one lies in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traffic can only be ended now or later, and only while it has not ended")]
pub struct TrafficEnded;

/// The first whole second that is not before a moment: rows are dated in whole seconds.
fn second_at_or_after(moment: Timestamp) -> i64 {
    moment.as_second() + i64::from(moment.subsec_nanosecond() > 0)
}

/// A lock whose data is whole after every statement, so that a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
