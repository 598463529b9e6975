//! Decides whether an answer counts, and what follows a failure. Pure: it sends nothing and waits
//! for nothing; the moment is a parameter.
//!
//! Owns what the answers of one server have shown: the width of its answers, the seconds that it
//! cannot answer for, whether it keeps to the requested times, whether its announced number of rows
//! is right, and every doubt about its rows. Rows that contradict the known ones are doubted for an
//! hour at most; then they are taken over without being counted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::time::Instant;

use super::reader::Answer;
use crate::{
    ledger::Evidence,
    model::{LocalSecond, LocalStretch},
    schedule::{
        MIN_RANGE, TimeRange,
        bisect::Bisect,
        local_second,
        unanswerable::{NextRange, SecondFailed, Unanswerable},
        warm_up::Backwards,
    },
    telemetry::SplitCause,
    wolkvox::ApiError,
};

/// An answer whose number of rows is a multiple of this is requested again in halves, because an
/// undocumented limit of rows would be a round number. One complete answer in a thousand has such a
/// number, too.
const ROUND_ROWS: u64 = 1000;
/// Number of known rows from which an answer that lacks most of them is doubted.
const ENOUGH_KNOWN: u64 = 10;
/// Time after which a lasting problem is accepted: contradicting rows are taken over as known
/// without being counted, the readable rows of a mostly unreadable report count, and a failing
/// second may be given up.
const GIVES_WAY: Duration = Duration::from_secs(3600);
/// Longest range that is not halved because its answer lacks known rows: it cannot have been too
/// much for the server.
const CONTRADICTED_DOWN_TO: SignedDuration = SignedDuration::from_secs(60);
/// Longest unread range whose empty answer counts at once; an empty answer for more is requested
/// again in halves.
const CONFIRMED_FROM: SignedDuration = SignedDuration::from_hours(1);
/// Time for which one answer proves that the server is up.
const UP_FOR: Duration = Duration::from_secs(60);
/// Time for which one answer shows that the server ignores the requested times: a long weekend,
/// during which all its rows may be outside.
const IGNORES_TIMES_FOR: Duration = Duration::from_secs(4 * 24 * 3600);
/// Time between two log lines about a lasting condition.
const LOG_EVERY: Duration = Duration::from_secs(3600);

/// The readings of a report, which advance independently of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The newest windows with their lookback, or a day of the past.
    Live,
    /// The deeper re-readings.
    Reread,
}

/// The next step after an answer or a failure.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The answer counts, if it agrees with the known rows.
    Accept(Accepted),
    /// Request a narrower range.
    Narrow(SplitCause),
    /// Request the range again in halves, because an empty answer covers hours that were never
    /// read.
    Confirm,
    /// Find out first if the server answers this small range.
    AskIsUp {
        range: TimeRange,
        /// The failure of the larger range.
        error: ApiError,
    },
    /// Find out first if the server can send rows elsewhere, after this failure of a single second.
    AskForRows(ApiError),
    /// Give up the second: its received rows count, and the rest is lost.
    GiveUp {
        /// Seconds that are lost for now.
        lost: u64,
        error: ApiError,
    },
    /// Continue after the range: a re-reading requested in vain what was given up.
    PassOver,
    /// End the reading until the next poll: one second fails by itself.
    Stuck(ApiError),
    /// The reading failed, and the next request is narrower.
    FailAndNarrow(SplitCause, ApiError),
    /// The reading failed.
    Fail(ApiError),
}

/// The next step after an answer about the weeks before, or after a failure.
#[derive(Debug, PartialEq)]
pub(super) enum WeekVerdict {
    /// Add the rows to the history.
    Accept,
    /// Request a narrower part.
    Narrow,
    /// Skip the part, which stays unknown.
    PassOver,
    /// The step failed.
    Fail(ApiError),
}

/// The way in which an answer must be committed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Accepted {
    /// Seconds or answers that are known to lack rows.
    pub(super) lost: u64,
    /// Leave out rows dated outside the range, because the server does not keep to it.
    pub(super) only_inside: bool,
    /// Few enough rows came that twice the range would have fitted into an answer.
    pub(super) few: bool,
    /// The comparison with the known rows; `None` for an answer that does not claim to be complete.
    pub(super) check: Option<KnownRowsCheck>,
}

/// The comparison of an answer with the rows that were known before. An answer that lacks most of
/// at least [`ENOUGH_KNOWN`] known rows contradicts. It is refused for an hour; then its rows are
/// taken over without being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownRowsCheck {
    /// The evidence of the earlier answers of the same pass.
    so_far: Evidence,
    /// An earlier answer contradicted. Until an answer holds known rows, lacking a single known row
    /// is a contradiction, and so are new rows unless the pass has held known ones.
    in_doubt: bool,
    gives_way: bool,
    /// The end of what had been read when the doubt began: rows dated after it are no evidence.
    pub(super) known_before: Option<Timestamp>,
}

/// The result of a [`KnownRowsCheck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// The answer counts.
    Agrees,
    /// The answer contradicts the known rows and does not count.
    Contradicts,
    /// The answer contradicts the known rows, and answers have done so for an hour: its rows are
    /// known from now on.
    GivesWay,
}

impl KnownRowsCheck {
    /// Returns the seconds of a range that are compared. Both ends are excluded, because a server
    /// may leave them out.
    pub(super) fn judged(&self, range: TimeRange, zone: &TimeZone) -> LocalStretch {
        let (first, last) = range.local(zone);
        let from = LocalSecond::from(first) + 1;
        let known_before =
            self.known_before.map_or(LocalSecond::MAX, |moment| local_second(moment, zone));
        (from, LocalSecond::from(last).min(known_before).max(from))
    }

    /// Compares an answer, whose own evidence is `evidence`.
    pub(super) fn compare(&self, evidence: Evidence) -> Agreement {
        let enough = if self.in_doubt { 1 } else { ENOUGH_KNOWN };
        let mut all = self.so_far;
        all += evidence;
        let without_proof = self.in_doubt && all.held == 0 && evidence.unseen > 0;
        match evidence.lacks_most(enough) || all.lacks_most(ENOUGH_KNOWN) || without_proof {
            false => Agreement::Agrees,
            true if self.gives_way => Agreement::GivesWay,
            true => Agreement::Contradicts,
        }
    }
}

/// A series of contradicting answers of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    since: Instant,
    known_before: Timestamp,
    /// New rows came: another report, and not one that lacks some rows.
    foreign: bool,
}

/// The progress of one reading.
#[derive(Debug)]
struct Progress {
    bisect: Bisect,
    /// Consecutive failures, counted over polls.
    failures: u32,
    /// The range that failed last. Answers to ranges that end before it do not end the failure.
    last_failed: Option<TimeRange>,
    /// Number of consecutive failures at which the server is next asked whether it is up.
    ask_is_up_at: u32,
    /// The range of an empty answer that is being confirmed.
    confirming: Option<TimeRange>,
    doubt: Option<Doubt>,
    /// The evidence of the current pass.
    evidence: Evidence,
}

impl Progress {
    fn new(bisect: Bisect) -> Self {
        Self {
            bisect,
            failures: 0,
            last_failed: None,
            ask_is_up_at: 2,
            confirming: None,
            doubt: None,
            evidence: Evidence::default(),
        }
    }

    fn failed(&mut self, range: TimeRange) {
        self.failures += 1;
        self.last_failed = Some(range);
    }

    /// Records an answered range. It ends the failures, unless the failed range ends later.
    fn answered(&mut self, range: TimeRange) {
        if self.last_failed.is_none_or(|failed| failed.to <= range.to) {
            self.failures = 0;
            self.last_failed = None;
            self.ask_is_up_at = 2;
        }
    }
}

/// A single second that fails while nothing shows that the server can send rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FailingSecond {
    range: TimeRange,
    since: Instant,
}

/// The ability of the server to send rows elsewhere while a single second fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// It answers, with rows if rows are known there.
    Answers,
    /// It does not send known rows.
    Fails,
    /// No row is known, and the time after the second is not answered either: another failing
    /// second may be in it.
    NothingKnown,
}

/// The judge of the answers to one report.
#[derive(Debug)]
pub(super) struct Judge {
    /// Rows in one answer above which the vendor cuts it.
    row_cap: u64,
    live: Progress,
    reread: Progress,
    weeks: Backwards,
    /// The part of the weeks before whose empty answer is being confirmed.
    weeks_confirming: Option<LocalStretch>,
    unanswerable: Unanswerable,
    /// Moment until which an answer proves that the server is up.
    up_until: Option<Instant>,
    /// Moment until which an answer proves that the server can send rows.
    rows_until: Option<Instant>,
    /// A single second whose answer was short, since the last complete answer with rows.
    short_second: Option<TimeRange>,
    /// The single second that failed last without a proof that the server can send rows.
    failing_second: Option<FailingSecond>,
    /// Two single seconds were short: the announced number of rows is not believed until an answer
    /// with rows is complete.
    disbelieves_number: bool,
    /// Moment until which the server is taken as one that ignores the requested times, because an
    /// answer had at least half of its rows, but not all, outside of them.
    ignores_times_until: Option<Instant>,
    /// Moment of the first of the consecutive answers of which a large share cannot be read.
    unreadable_since: Option<Instant>,
    /// Moment of the last log line about a server that ignores the requested times.
    logged_at: Option<Instant>,
}

/// The circumstances of a judgement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) reading: Reading,
    pub(super) range: TimeRange,
    /// Everything before this moment has been read.
    pub(super) read_to: Timestamp,
    /// Moment of the request.
    pub(super) asked: Instant,
    pub(super) now: Instant,
    /// The time of our clock.
    pub(super) clock: Timestamp,
}

impl Context {
    fn is_single(&self) -> bool {
        self.range.length() <= MIN_RANGE
    }
}

/// Returns true if an answer of `received` elements, `rows` of which are rows, may have been cut:
/// it has as many as the documented limit `cap`, or a round number.
///
/// The vendor may add a line of totals to the rows within its limit, so either number may be the
/// round one.
pub(super) fn may_be_cut(received: u64, rows: u64, cap: u64) -> bool {
    received >= cap || is_round(received) || is_round(rows)
}

fn is_round(count: u64) -> bool {
    count > 0 && count.is_multiple_of(ROUND_ROWS)
}

impl Judge {
    /// Makes a judge with the stored table of unanswerable seconds.
    pub(super) fn new(row_cap: u64, unanswerable: Unanswerable) -> Self {
        Self {
            row_cap,
            live: Progress::new(Bisect::default()),
            reread: Progress::new(Bisect::default()),
            weeks: Backwards::default(),
            weeks_confirming: None,
            unanswerable,
            up_until: None,
            rows_until: None,
            short_second: None,
            failing_second: None,
            disbelieves_number: false,
            ignores_times_until: None,
            unreadable_since: None,
            logged_at: None,
        }
    }

    fn progress(&mut self, reading: Reading) -> &mut Progress {
        match reading {
            Reading::Live => &mut self.live,
            Reading::Reread => &mut self.reread,
        }
    }

    /// Records the beginning of a pass: a poll, or a step of a re-reading.
    pub(super) fn begin(&mut self, reading: Reading) {
        self.progress(reading).evidence = Evidence::default();
    }

    /// Records the complete pass of a reading. All of it agreed with the known rows, so any doubt
    /// ends.
    pub(super) fn end(&mut self, reading: Reading) {
        self.progress(reading).doubt = None;
    }

    /// Returns the table of seconds that the server cannot answer for.
    pub(super) fn unanswerable(&self) -> &Unanswerable {
        &self.unanswerable
    }

    /// Returns the table of unanswerable seconds, if it has changed since it was last committed.
    /// Regions that ended before `oldest`, which are never requested again, are removed.
    pub(super) fn changed_unanswerable(&mut self, oldest: Timestamp) -> Option<Unanswerable> {
        self.unanswerable.forget(oldest);
        self.unanswerable.has_changed().then(|| self.unanswerable.clone())
    }

    /// Records that the table of unanswerable seconds was committed.
    pub(super) fn kept_unanswerable(&mut self) {
        self.unanswerable.kept();
    }

    /// Returns the next request of a reading that has reached `from` and ends at `end`.
    pub(super) fn next(
        &mut self,
        reading: Reading,
        from: Timestamp,
        end: Timestamp,
        now: Instant,
        clock: Timestamp,
    ) -> NextRange {
        let progress = self.progress(reading);
        let mut range = progress.bisect.next(from, end, now);
        if let Some(whole) =
            progress.confirming.filter(|whole| whole.from <= from && from < whole.to)
        {
            let middle = whole.middle();
            range.to = range.to.min(if from < middle { middle } else { whole.to });
        }
        self.unanswerable.next(range, reading != Reading::Live, clock)
    }

    /// Returns the next part of the weeks before, which are read backwards from `next` to `from`;
    /// `None` when all has been read.
    pub(super) fn next_week(&self, from: LocalSecond, next: LocalSecond) -> Option<LocalStretch> {
        let (first, last) = self.weeks.next(from, next)?;
        let confirming = self.weeks_confirming.filter(|(from, to)| *from < next && next <= *to);
        let half = confirming.map_or(first, |(from, to)| {
            let middle = from + (to - from) / 2;
            if next > middle { middle } else { from }
        });
        Some((first.max(half), last))
    }

    /// Judges an answer about a part of the weeks before. `has_time` is true if an answer of twice
    /// the size would have come in time.
    pub(super) fn week_answered(
        &mut self,
        stretch: LocalStretch,
        answer: &mut Answer,
        has_time: bool,
        now: Instant,
    ) -> WeekVerdict {
        let rows = answer.batch.rows();
        // A number that is always wrong has been detected by the other readings.
        let is_short = answer.short.is_some() && !self.disbelieves_number;
        if is_short || may_be_cut(answer.received, rows, self.row_cap) {
            return self.week_too_wide(stretch);
        }
        if let Some(error) = answer.unreadable.take() {
            return WeekVerdict::Fail(error);
        }
        if rows > 0 && answer.outside == rows && !self.ignores_times(now) {
            return WeekVerdict::Fail(ApiError::OutsideRange { rows });
        }
        let (from, to) = stretch;
        let was_asked =
            self.weeks_confirming.is_some_and(|(first, last)| first <= from && to <= last);
        if rows == 0 && to - from > CONFIRMED_FROM.as_secs() && !was_asked {
            self.weeks_confirming = Some(stretch);
            return WeekVerdict::Narrow;
        }
        self.weeks_confirming =
            self.weeks_confirming.filter(|(first, _)| rows == 0 && *first < from);
        self.weeks.done(answer.received < self.row_cap.div_ceil(4) && has_time);
        WeekVerdict::Accept
    }

    /// Judges a failure of a part of the weeks before, after `failures` consecutive ones.
    pub(super) fn week_failed(
        &mut self,
        stretch: LocalStretch,
        error: ApiError,
        failures: u32,
    ) -> WeekVerdict {
        if !error.may_be_the_range() {
            return WeekVerdict::Fail(error);
        }
        let is_too_much = too_much(&error).is_some() || matches!(error, ApiError::Timeout(_));
        if !is_too_much && failures == 0 {
            return WeekVerdict::Fail(error);
        }
        match self.week_too_wide(stretch) {
            WeekVerdict::Narrow if !is_too_much => WeekVerdict::Fail(error),
            verdict => verdict,
        }
    }

    /// Narrows the next part; skips a part of the least width that has failed often enough.
    fn week_too_wide(&mut self, stretch: LocalStretch) -> WeekVerdict {
        self.weeks.narrow(stretch);
        if self.weeks.gives_up() {
            self.weeks.passed_over();
            return WeekVerdict::PassOver;
        }
        WeekVerdict::Narrow
    }

    /// Returns true once per hour, for log lines about lasting conditions.
    pub(super) fn may_log(&mut self, now: Instant) -> bool {
        let may = self.logged_at.is_none_or(|at| now.duration_since(at) >= LOG_EVERY);
        if may {
            self.logged_at = Some(now);
        }
        may
    }

    /// Judges an answer.
    pub(super) fn answered(&mut self, context: &Context, answer: &mut Answer) -> Verdict {
        if let Some(error) = answer.short.take() {
            if let Some(verdict) = self.short(context, answer, error) {
                return verdict;
            }
        } else if answer.batch.rows() > 0 {
            self.short_second = None;
            self.disbelieves_number = false;
        }
        let rows = answer.batch.rows();
        if self.up_until.is_some() {
            self.up_until = context.now.checked_add(UP_FOR);
        }
        let mostly_outside = answer.outside > 0 && answer.outside * 2 >= rows;
        if rows > 0 && answer.outside == rows && !self.ignores_times(context.now) {
            // If the server ignores the requested times, a narrow range may hold none of its rows;
            // a wide one shows that some are inside.
            self.progress(context.reading).bisect.reset();
            return Verdict::Fail(ApiError::OutsideRange { rows });
        }
        if mostly_outside && answer.outside < rows {
            self.ignores_times_until = context.now.checked_add(IGNORES_TIMES_FOR);
        }
        let cut = may_be_cut(answer.received, rows, self.row_cap);
        if cut && !mostly_outside && self.narrow(context) {
            return Verdict::Narrow(SplitCause::Cap);
        }
        if rows == 0 && self.needs_confirmation(context) {
            return Verdict::Confirm;
        }
        let over_cap = answer.received >= self.row_cap && !mostly_outside;
        let unreadable = match answer.unreadable.take() {
            Some(error) => match self.is_unreadable_for_long(context.now) {
                true => true,
                false => return Verdict::Fail(error),
            },
            None => {
                self.unreadable_since = self.unreadable_since.filter(|_| rows == 0);
                false
            }
        };
        let lost = u64::from(over_cap || (mostly_outside && cut)) + u64::from(unreadable);
        Verdict::Accept(Accepted {
            lost,
            only_inside: mostly_outside,
            few: answer.received < self.row_cap.div_ceil(4),
            check: (lost == 0).then(|| self.check(context)),
        })
    }

    /// Judges an answer with fewer rows than it announces; `None` if it is taken as complete.
    fn short(&mut self, context: &Context, answer: &Answer, error: ApiError) -> Option<Verdict> {
        if answer.received == 0 {
            return Some(self.failed(context, error));
        }
        if self.disbelieves_number {
            return None;
        }
        if self.narrow(context) {
            return Some(Verdict::Narrow(SplitCause::Truncated));
        }
        if answer.received >= self.row_cap {
            return None;
        }
        if self.short_second.is_some_and(|other| other != context.range) {
            // Two different seconds were short without a complete answer in between: the announced
            // number is wrong.
            self.disbelieves_number = true;
            self.progress(context.reading).bisect.reset();
            return None;
        }
        self.short_second.get_or_insert(context.range);
        Some(self.failed(context, error))
    }

    fn ignores_times(&self, now: Instant) -> bool {
        self.ignores_times_until.is_some_and(|until| now < until)
    }

    fn is_unreadable_for_long(&mut self, now: Instant) -> bool {
        let since = *self.unreadable_since.get_or_insert(now);
        now.duration_since(since) >= GIVES_WAY
    }

    /// Returns true if an empty answer must be confirmed: once, if it covers more than an hour that
    /// was never read.
    fn needs_confirmation(&mut self, context: &Context) -> bool {
        let from = match context.reading {
            Reading::Live => context.range.from.max(context.read_to),
            Reading::Reread => return false,
        };
        let progress = self.progress(context.reading);
        let asked_before = progress.confirming.is_some_and(|whole| whole.contains(context.range));
        if context.range.to.duration_since(from) <= CONFIRMED_FROM || asked_before {
            return false;
        }
        progress.confirming = Some(context.range);
        true
    }

    fn check(&mut self, context: &Context) -> KnownRowsCheck {
        let progress = self.progress(context.reading);
        let doubt = progress.doubt;
        let waited = doubt.map(|doubt| context.now.duration_since(doubt.since));
        KnownRowsCheck {
            so_far: progress.evidence,
            in_doubt: doubt.is_some(),
            gives_way: waited.is_some_and(|waited| waited >= GIVES_WAY),
            known_before: doubt.map(|doubt| doubt.known_before),
        }
    }

    /// Records that an answer was committed.
    pub(super) fn committed(
        &mut self,
        context: &Context,
        accepted: &Accepted,
        evidence: Evidence,
        agreement: Agreement,
    ) {
        let progress = self.progress(context.reading);
        progress.answered(context.range);
        progress.bisect.committed(context.range, accepted.few);
        progress.evidence += evidence;
        if agreement == Agreement::Agrees && evidence.held > 0 {
            progress.doubt = None;
        }
        let has_rows = evidence.known + evidence.unseen > 0;
        progress.confirming =
            progress.confirming.filter(|whole| !has_rows && context.range.to < whole.to);
    }

    /// Returns true if the number of rows that the server announces is not believed.
    pub(super) fn disbelieves_number(&self) -> bool {
        self.disbelieves_number
    }

    /// Records that a range was answered. Returns true if it had been given up.
    pub(super) fn range_answered(&mut self, range: TimeRange) -> bool {
        self.unanswerable.answered(range)
    }

    /// Records an answer that contradicts the known rows and does not count. If it lacks rows and
    /// brings no new ones, the range may have been too much for the server, so the next one is
    /// narrower; the rows of another report would be the same in halves. Returns the cause of the
    /// split, or the failure.
    pub(super) fn contradicted(
        &mut self,
        context: &Context,
        evidence: Evidence,
        known_before: Timestamp,
    ) -> Result<SplitCause, ApiError> {
        let foreign = evidence.unseen * 4 > evidence.known;
        let progress = self.progress(context.reading);
        let doubt = Doubt { since: context.now, known_before, foreign };
        let doubt = progress.doubt.get_or_insert(doubt);
        doubt.foreign |= foreign;
        let foreign = doubt.foreign;
        progress.failed(context.range);
        let bisect = &mut progress.bisect;
        let may_be_too_much = !foreign && progress.failures >= 2;
        if may_be_too_much
            && bisect.narrow_in_hope_down_to(CONTRADICTED_DOWN_TO, context.range, context.now)
        {
            return Ok(SplitCause::Failure);
        }
        Err(ApiError::Contradicts { known: evidence.known, held: evidence.held })
    }

    /// Judges a failure.
    pub(super) fn failed(&mut self, context: &Context, error: ApiError) -> Verdict {
        if !error.may_be_the_range() {
            return Verdict::Fail(error);
        }
        let range = context.range;
        let now = context.now;
        let is_suspected = self.unanswerable.is_suspected(range);
        if context.reading != Reading::Live && self.unanswerable.is_given_up(range) {
            self.unanswerable.failed_again(range, context.clock);
            return Verdict::PassOver;
        }
        let is_proven = self.unanswerable.is_proven(context.clock);
        let up_until = self.up_until;
        let progress = self.progress(context.reading);
        progress.failed(range);
        let again = progress.failures >= 2 || is_proven;
        if context.is_single() {
            return match again || is_suspected {
                true => self.single_second_failed(context, error),
                false => Verdict::Fail(error),
            };
        }
        if let Some(cause) = too_much(&error) {
            return match progress.bisect.narrow_in_hope(range, now) {
                true => Verdict::Narrow(cause),
                false => Verdict::Fail(error),
            };
        }
        if matches!(error, ApiError::Timeout(_)) && progress.failures == 1 {
            // An outage is just as likely, so the failure also ends the try.
            return match progress.bisect.narrow(range) {
                true => Verdict::FailAndNarrow(SplitCause::Timeout, error),
                false => Verdict::Fail(error),
            };
        }
        if up_until.is_some_and(|until| context.asked < until) {
            progress.bisect.narrow_for_failure(range, now);
            return Verdict::Narrow(SplitCause::Failure);
        }
        // The server is probed again while ranges are narrowed, since each failure may take longer
        // than the proof lasts.
        let due = progress.failures >= progress.ask_is_up_at || up_until.is_some();
        if again && due {
            // In a long outage it is probed ever more rarely.
            progress.ask_is_up_at = progress.failures.saturating_mul(2).max(2);
            return Verdict::AskIsUp { range: self.small_range_before(range), error };
        }
        Verdict::Fail(error)
    }

    /// Returns a range of one second before `range` that is not known to fail.
    fn small_range_before(&self, range: TimeRange) -> TimeRange {
        let start = self.unanswerable.clear_before(range);
        let from = start.saturating_sub(SignedDuration::from_secs(3)).unwrap_or(start);
        let to = start.saturating_sub(SignedDuration::from_secs(2)).unwrap_or(start);
        TimeRange { from, to }
    }

    /// Judges the failure `error` of a range after the server was probed; `up` is true if it
    /// answered.
    pub(super) fn is_up(&mut self, context: &Context, up: bool, error: ApiError) -> Verdict {
        self.up_until = if up { context.now.checked_add(UP_FOR) } else { None };
        let progress = self.progress(context.reading);
        if up && progress.bisect.narrow_for_failure(context.range, context.now) {
            return Verdict::Narrow(SplitCause::Failure);
        }
        Verdict::Fail(error)
    }

    /// Judges the failure of a single second. If the server sends rows elsewhere, the second itself
    /// fails; otherwise the server does.
    fn single_second_failed(&mut self, context: &Context, error: ApiError) -> Verdict {
        if self.rows_until.is_none_or(|until| context.now >= until) {
            return Verdict::AskForRows(error);
        }
        self.progress(context.reading).bisect.reset();
        match self.unanswerable.failed(context.range, context.clock) {
            SecondFailed::Wait => Verdict::Stuck(error),
            SecondFailed::GivenUp { lost } => {
                self.progress(context.reading).failures = 0;
                Verdict::GiveUp { lost, error }
            }
        }
    }

    /// Judges the failure `error` of a single second after the server was asked for rows elsewhere.
    pub(super) fn rows_elsewhere(
        &mut self,
        context: &Context,
        elsewhere: Elsewhere,
        error: ApiError,
    ) -> Verdict {
        let answers = elsewhere == Elsewhere::Answers;
        self.rows_until = answers.then(|| context.now.checked_add(UP_FOR)).flatten();
        if answers {
            return self.single_second_failed(context, error);
        }
        let first = FailingSecond { range: context.range, since: context.now };
        let failing = self.failing_second.filter(|of| of.range == context.range).unwrap_or(first);
        self.failing_second = Some(failing);
        let lasts = context.now.duration_since(failing.since) >= GIVES_WAY;
        let is_short = matches!(error, ApiError::TooFewRows { .. });
        let nothing_known = elsewhere == Elsewhere::NothingKnown;
        let is_proven = self.unanswerable.is_proven(context.clock);
        if (lasts && (is_short || nothing_known)) || (is_proven && nothing_known) {
            // If no row is known, nothing else can show whether only this second fails.
            let lost = self.unanswerable.give_up(context.range, context.clock);
            self.progress(context.reading).failures = 0;
            return Verdict::GiveUp { lost, error };
        }
        let progress = self.progress(context.reading);
        match too_much(&error) {
            Some(_) => drop(progress.bisect.narrow_in_hope(context.range, context.now)),
            None => progress.bisect.reset(),
        }
        self.up_until = None;
        Verdict::Fail(error)
    }

    fn narrow(&mut self, context: &Context) -> bool {
        self.progress(context.reading).bisect.narrow(context.range)
    }
}

/// Returns the cause of a split after an error that means that less would have been answered.
fn too_much(error: &ApiError) -> Option<SplitCause> {
    match error {
        ApiError::TooLarge(_) => Some(SplitCause::Size),
        ApiError::Refused { .. } => Some(SplitCause::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
