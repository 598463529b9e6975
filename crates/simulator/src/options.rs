//! The settings of a simulator.

use super::incident::OptionIncident;
use super::tamper::AnswerFault;
use super::traffic::{Burst, SimulatedReport};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The clock of the simulated server.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The answer to a window of more rows than the limit. It is not known what the real server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TooManyRows {
    /// Send the first rows, and a `msg` that counts only those.
    #[default]
    CutSilently,
    /// Send the first rows, and a `msg` that counts all.
    CutAndPromise,
    /// Send an error of a text that no table knows.
    Refuse,
}

/// Everything that determines a simulator's behaviour. Start from [`Options::default`].
#[derive(Clone)]
pub struct Options {
    /// The same seed gives the same traffic.
    pub seed: u64,
    /// Origin of the minutes that seed the random numbers; the Unix epoch by default. A test that
    /// runs by the real clock sets it to its start, and so has the same traffic at every run.
    pub chance_from: Option<Timestamp>,
    /// The zone of the server's local time.
    pub zone: TimeZone,
    /// The server's clock.
    pub clock: Clock,
    /// Added to the clock in the `Date` header alone.
    pub date_skew: SignedDuration,
    /// Leave out the last second of a window. It is not known whether the real server does.
    pub exclusive_end: bool,
    /// The only token that is accepted.
    pub token: String,
    /// Most rows in one answer.
    pub rows_limit: u64,
    /// Most bytes in one answer; enforced through [`Options::row_bytes`], as usual rows cannot
    /// reach it.
    pub bytes_limit: u64,
    /// The answer to a window over either limit.
    pub over_limit: TooManyRows,
    /// The answer to a window over either limit instead, in a test.
    pub over_limit_fault: Option<Arc<dyn AnswerFault>>,
    /// A second that the server can never answer for: it fails with the fault of a window over
    /// the limit, or else with an error of the server. No row is dated in it.
    pub unanswerable: Option<Timestamp>,
    /// The server looks only at the days of the requested times.
    pub whole_days: bool,
    /// Longest time of an answer, which is then broken off.
    pub time_limit: Duration,
    /// Most requests in flight at once.
    pub concurrency_limit: usize,
    /// Most requests in one local day; `None` for no limit.
    pub daily_limit: Option<u64>,
    /// Amount of traffic; 1.0 gives about one row a second in the busiest hour.
    pub scale: f64,
    /// The least load at any hour of any day, as a share of the busiest hour; 1 for the same load
    /// always.
    pub least_load: f64,
    /// The share of rows that appear late.
    pub late_share: f64,
    /// The delay between their date and their appearance, at least and at most.
    pub late_by: RangeInclusive<Duration>,
    /// No row is dated before this.
    pub from: Option<Timestamp>,
    /// No row is dated at or after this.
    pub until: Option<Timestamp>,
    /// Give every row its own option, like a server that writes free text there.
    pub unique_options: bool,
    /// Rows on top of the ordinary traffic.
    pub bursts: Vec<Burst>,
    /// Options that are chosen less for some time.
    pub incidents: Vec<OptionIncident>,
    /// Reports that the operation does not have.
    pub withheld: Vec<SimulatedReport>,
    /// Size in bytes to which an unknown field fills up every row; 0 adds no field.
    pub row_bytes: usize,
}

impl Default for Options {
    /// The limits of the real API, the machine's clock, Bogotá, and two rows in a hundred late by
    /// minutes to hours.
    fn default() -> Self {
        Self {
            seed: 1,
            chance_from: None,
            zone: TimeZone::get("America/Bogota").unwrap_or(TimeZone::UTC),
            clock: Arc::new(Timestamp::now),
            date_skew: SignedDuration::ZERO,
            exclusive_end: false,
            token: "simulator-token".to_owned(),
            rows_limit: 60_000,
            bytes_limit: 256 << 20,
            over_limit: TooManyRows::default(),
            over_limit_fault: None,
            unanswerable: None,
            whole_days: false,
            time_limit: Duration::from_secs(60),
            concurrency_limit: 2,
            daily_limit: None,
            scale: 1.0,
            least_load: 0.0,
            late_share: 0.02,
            late_by: Duration::from_secs(120)..=Duration::from_secs(6 * 3600),
            from: None,
            until: None,
            unique_options: false,
            bursts: Vec::new(),
            incidents: Vec::new(),
            withheld: Vec::new(),
            row_bytes: 0,
        }
    }
}

/// Numbers of rows in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowLimit {
    /// Rows that are sent.
    pub(super) sent: u64,
    /// Rows that `msg` announces.
    pub(super) promised: u64,
}

impl Options {
    /// Limits the answer to a window of `count` rows. Returns `None` if the window is refused.
    pub(super) fn limit(&self, count: u64) -> Option<RowLimit> {
        let sent = count.min(self.most_rows());
        let limit = RowLimit { sent, promised: sent };
        match self.over_limit {
            _ if self.over_limit_fault.is_some() => (count == sent).then_some(limit),
            TooManyRows::CutAndPromise => Some(RowLimit { sent, promised: count }),
            TooManyRows::CutSilently => Some(limit),
            TooManyRows::Refuse => (count == sent).then_some(limit),
        }
    }

    /// Most rows in one answer, by both limits.
    fn most_rows(&self) -> u64 {
        match self.row_bytes as u64 {
            0 => self.rows_limit,
            // A row takes its bytes and a comma.
            bytes => self.rows_limit.min(self.bytes_limit / (bytes + 1)),
        }
    }
}

impl fmt::Debug for Options {
    /// Shows only the fields that distinguish simulators: a clock cannot be shown, and a token
    /// should not be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("seed", &self.seed)
            .field("zone", &self.zone.iana_name())
            .field("scale", &self.scale)
            .field("from", &self.from)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
