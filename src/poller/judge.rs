//! Decides what an answer, or a failure, is worth. Pure: it asks nothing and waits for nothing; the
//! moment is a parameter.
//!
//! Owns what has been learnt of one server: how wide its answers can be, which seconds it cannot
//! answer for, whether it keeps to the times asked for, whether its announced number of rows is
//! true, and every doubt about what it sends. No doubt lasts longer than an hour, and none ends by
//! counting what was doubted.

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

/// A limit of rows below the documented one would be a round number: an answer with a multiple of
/// this many rows is asked for again in halves. One honest answer in a thousand is, too.
const ROUND_ROWS: u64 = 1000;
/// Known rows from which on an answer that lacks most of them is doubted.
const ENOUGH_KNOWN: u64 = 10;
/// Time after which a doubt gives way: what is doubted is taken over as known, and not counted.
const GIVES_WAY: Duration = Duration::from_secs(3600);
/// An answer about less time than this was not too much for the server, if it lacks known rows.
const CONTRADICTED_DOWN_TO: SignedDuration = SignedDuration::from_secs(60);
/// An empty answer about more time than this that was never read is asked for again in halves.
const CONFIRMED_FROM: SignedDuration = SignedDuration::from_hours(1);
/// Time for which one answer proves that the server is up.
const UP_FOR: Duration = Duration::from_secs(60);

/// Time between two log lines about what lasts.
const LOG_EVERY: Duration = Duration::from_secs(3600);

/// The readings of a target that go on independently of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The newest windows, with their lookback; or a day of the past.
    Live,
    /// The deeper re-reading.
    Reread,
}

/// The next step after an answer or a failure.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The answer counts, if it agrees with the known rows.
    Accept(Accepted),
    /// Less is to be asked for.
    Narrow(SplitCause),
    /// The answer says that nothing happened in hours that were never read: to be asked for again
    /// in halves.
    Confirm,
    /// Find out first if the server answers this range.
    AskIsUp {
        range: TimeRange,
        /// The failure that it is about.
        error: ApiError,
    },
    /// Find out first, after this failure of a single second, if the server can send rows
    /// elsewhere.
    AskForRows(ApiError),
    /// The second cannot be answered for: what came of it counts.
    GiveUp {
        /// Seconds that are lost for now.
        lost: u64,
        error: ApiError,
    },
    /// A re-reading asked in vain for what was given up: go on behind it.
    PassOver,
    /// One second fails by itself: nothing to be done about it before the next poll.
    Stuck(ApiError),
    /// The reading failed, and less is to be asked for next.
    FailAndNarrow(SplitCause, ApiError),
    /// The reading failed.
    Fail(ApiError),
}

/// The next step after an answer about the weeks before, or after a failure.
#[derive(Debug, PartialEq)]
pub(super) enum WeekVerdict {
    /// The rows go to the history.
    Accept,
    /// Less is to be asked for.
    Narrow,
    /// The stretch cannot be read, and stays unknown.
    PassOver,
    /// The step failed.
    Fail(ApiError),
}

/// The way in which an answer must be committed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Accepted {
    /// Seconds, or answers, that are known to lack rows.
    pub(super) lost: u64,
    /// Rows dated outside the range are left out: the server does not keep to the times.
    pub(super) only_inside: bool,
    /// So few rows came that twice the range would have fitted.
    pub(super) few: bool,
    /// The comparison with the known rows; `None` for an answer that does not claim to be whole.
    pub(super) check: Option<KnownRowsCheck>,
}

/// The comparison of an answer with the rows that were known before. Contradiction: an answer that
/// lacks most of at least ten known rows is refused for an hour; then its rows are taken over
/// without being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownRowsCheck {
    /// Evidence of the answers before it in the same pass.
    so_far: Evidence,
    /// An answer contradicted: until one holds known rows, every known row counts as evidence, and
    /// none that nobody had seen counts without.
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
    /// The answer counts nowhere.
    Contradicts,
    /// It contradicts, and has done so for an hour: its rows are known from now on.
    GivesWay,
}

impl KnownRowsCheck {
    /// The seconds of a range that are compared: strictly inside, for a server may leave out the
    /// ends.
    pub(super) fn judged(&self, range: TimeRange, zone: &TimeZone) -> LocalStretch {
        let (first, last) = range.local(zone);
        let from = LocalSecond::from(first) + 1;
        let known_before =
            self.known_before.map_or(LocalSecond::MAX, |moment| local_second(moment, zone));
        (from, LocalSecond::from(last).min(known_before).max(from))
    }

    /// Compares; `evidence` is that of this answer.
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

/// Contradicting answers of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    since: Instant,
    known_before: Timestamp,
    /// Rows came that nobody had seen: another report, and not an answer that lacks some.
    foreign: bool,
}

/// The progress of one reading.
#[derive(Debug)]
struct Progress {
    bisect: Bisect,
    /// Failures in a row, over polls.
    failures: u32,
    /// The range that failed last. What is answered before its end says nothing of it.
    last_failed: Option<TimeRange>,
    /// Failures in a row at which the server is next asked whether it answers anything.
    ask_is_up_at: u32,
    /// The range of an empty answer that is being confirmed.
    confirming: Option<TimeRange>,
    doubt: Option<Doubt>,
    /// Evidence of this pass.
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

    /// A range was answered: what failed is over, unless it lies behind.
    fn answered(&mut self, range: TimeRange) {
        if self.last_failed.is_none_or(|failed| failed.to <= range.to) {
            self.failures = 0;
            self.last_failed = None;
            self.ask_is_up_at = 2;
        }
    }
}

/// A single second that fails, and nothing shows that it is not the server that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FailingSecond {
    range: TimeRange,
    since: Instant,
}

/// The server's ability to send rows beside a single second that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// It answers, with rows where rows are known.
    Answers,
    /// It does not tell rows that are known.
    Fails,
    /// No row is known yet, and the time behind is not answered: another such second may lie there.
    NothingKnown,
}

/// The judge of one target's server.
#[derive(Debug)]
pub(super) struct Judge {
    /// Rows in one answer above which the vendor cuts.
    row_cap: u64,
    live: Progress,
    reread: Progress,
    weeks: Backwards,
    /// The stretch of the weeks before in which nothing happened, as far as one answer says.
    weeks_confirming: Option<LocalStretch>,
    unanswerable: Unanswerable,
    /// Moment until which an answer proves that the server is up, and that it can send rows.
    up_until: Option<Instant>,
    rows_until: Option<Instant>,
    /// A single second whose answer was short, since the last whole answer with rows.
    short_second: Option<TimeRange>,
    /// The single second that failed last without a proof that the server does not.
    failing_second: Option<FailingSecond>,
    /// Two such seconds were short: the announced number is not believed until an answer with rows
    /// is whole.
    disbelieves_number: bool,
    /// The server has sent rows inside and outside of the times asked for.
    ignores_times: bool,
    /// Moment of the first in a row of answers of which a large share cannot be read.
    unreadable_since: Option<Instant>,
    /// Moment of the last log line about a server that ignores the requested times.
    logged_at: Option<Instant>,
}

/// The circumstances of a judgement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) reading: Reading,
    pub(super) range: TimeRange,
    /// Everything before it has been read.
    pub(super) read_to: Timestamp,
    /// Moment of the request.
    pub(super) asked: Instant,
    pub(super) now: Instant,
    /// Our clock.
    pub(super) clock: Timestamp,
}

impl Context {
    fn is_single(&self) -> bool {
        self.range.length() <= MIN_RANGE
    }
}

/// Returns true if an answer of `received` elements, `rows` of which are rows, holds as many as
/// some limit allows.
///
/// The vendor may add a line of totals to the rows within its limit, so the real rows alone may be
/// the round number.
pub(super) fn may_be_cut(received: u64, rows: u64, cap: u64) -> bool {
    let round = |count: u64| count > 0 && count.is_multiple_of(ROUND_ROWS);
    received >= cap || round(received) || round(rows)
}

impl Judge {
    /// `unanswerable` is the table that the state has.
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
            ignores_times: false,
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

    /// A pass of a reading begins: a poll, or a step of a re-reading.
    pub(super) fn begin(&mut self, reading: Reading) {
        self.progress(reading).evidence = Evidence::default();
    }

    /// A pass of a reading came to its end: all of it agreed with the known rows, so that nothing
    /// is doubted any more.
    pub(super) fn end(&mut self, reading: Reading) {
        self.progress(reading).doubt = None;
    }

    /// The seconds that the server cannot answer for.
    pub(super) fn unanswerable(&self) -> &Unanswerable {
        &self.unanswerable
    }

    /// The table of unanswerable seconds, if it has changed since it was last kept. What ended
    /// before `oldest`, which nobody asks for again, is forgotten.
    pub(super) fn changed_unanswerable(&mut self, oldest: Timestamp) -> Option<Unanswerable> {
        self.unanswerable.forget(oldest);
        self.unanswerable.has_changed().then(|| self.unanswerable.clone())
    }

    /// Takes note that the table of unanswerable seconds was committed.
    pub(super) fn kept_unanswerable(&mut self) {
        self.unanswerable.kept();
    }

    /// The next request of a reading that has come to `from` and ends at `end`.
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

    /// The next stretch of the weeks before, which are read backwards from `next` to `from`; `None`
    /// when all has been read.
    pub(super) fn next_week(&self, from: LocalSecond, next: LocalSecond) -> Option<LocalStretch> {
        let (first, last) = self.weeks.next(from, next)?;
        let confirming = self.weeks_confirming.filter(|(from, to)| *from < next && next <= *to);
        let half = confirming.map_or(first, |(from, to)| {
            let middle = from + (to - from) / 2;
            if next > middle { middle } else { from }
        });
        Some((first.max(half), last))
    }

    /// Judges an answer about a stretch of the weeks before. `has_time` says that an answer of
    /// twice the size would have come in time.
    pub(super) fn week_answered(
        &mut self,
        stretch: LocalStretch,
        answer: &mut Answer,
        has_time: bool,
    ) -> WeekVerdict {
        let rows = answer.batch.rows();
        // A number that is never right has been found out by the live polls.
        let is_short = answer.short.is_some() && !self.disbelieves_number;
        if is_short || may_be_cut(answer.received, rows, self.row_cap) {
            return self.week_too_wide(stretch);
        }
        if let Some(error) = answer.unreadable.take() {
            return WeekVerdict::Fail(error);
        }
        if rows > 0 && answer.outside == rows && !self.ignores_times {
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

    /// Judges a failure of a stretch of the weeks before, after `failures` in a row.
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

    /// Less is asked for next time; what cannot be less, and has failed often enough, is passed
    /// over.
    fn week_too_wide(&mut self, stretch: LocalStretch) -> WeekVerdict {
        self.weeks.narrow(stretch);
        if self.weeks.gives_up() {
            self.weeks.passed_over();
            return WeekVerdict::PassOver;
        }
        WeekVerdict::Narrow
    }

    /// Returns true once an hour, for log lines about lasting conditions.
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
        if rows > 0 && answer.outside == rows && !self.ignores_times {
            // A narrow range may hold no row of a server that does not keep to the times: a wide
            // one shows that it does not.
            self.progress(context.reading).bisect.reset();
            return Verdict::Fail(ApiError::OutsideRange { rows });
        }
        self.ignores_times |= mostly_outside;
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

    /// Judges an answer with fewer rows than it announces; `None` if it is taken for whole.
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
            // Short down to single seconds, here and elsewhere, and never whole in between: the
            // number is wrong.
            self.disbelieves_number = true;
            self.progress(context.reading).bisect.reset();
            return None;
        }
        self.short_second.get_or_insert(context.range);
        Some(self.failed(context, error))
    }

    fn is_unreadable_for_long(&mut self, now: Instant) -> bool {
        let since = *self.unreadable_since.get_or_insert(now);
        now.duration_since(since) >= GIVES_WAY
    }

    /// Returns true if an empty answer must be confirmed: once, if more than an hour was never
    /// read.
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

    /// After an answer was committed.
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

    /// Takes note that a range was answered. Returns whether it had been given up.
    pub(super) fn range_answered(&mut self, range: TimeRange) -> bool {
        self.unanswerable.answered(range)
    }

    /// After an answer that contradicts the known rows: nothing of it counts. An answer that lacks
    /// rows and brings none may have been too much for the server, so less is asked for; another
    /// report's rows are the same in halves. Returns the cause of asking for less, or the failure.
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
            // May just as well be an outage, so it costs a wait too.
            return match progress.bisect.narrow(range) {
                true => Verdict::FailAndNarrow(SplitCause::Timeout, error),
                false => Verdict::Fail(error),
            };
        }
        if up_until.is_some_and(|until| context.asked < until) {
            progress.bisect.narrow_for_failure(range, now);
            return Verdict::Narrow(SplitCause::Failure);
        }
        // While ranges are narrowed it is asked again, since each failure may take longer than the
        // proof lasts.
        let due = progress.failures >= progress.ask_is_up_at || up_until.is_some();
        if again && due {
            // In a long outage ever more rarely.
            progress.ask_is_up_at = progress.failures.saturating_mul(2).max(2);
            return Verdict::AskIsUp { range: self.small_range_before(range), error };
        }
        Verdict::Fail(error)
    }

    /// One second of the past.
    fn small_range_before(&self, range: TimeRange) -> TimeRange {
        let start = self.unanswerable.clear_before(range);
        let before =
            |seconds| start.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(start);
        TimeRange { from: before(3), to: before(2) }
    }

    /// After the server was asked whether it answers anything, because a range failed with `error`.
    pub(super) fn is_up(&mut self, context: &Context, up: bool, error: ApiError) -> Verdict {
        self.up_until = if up { context.now.checked_add(UP_FOR) } else { None };
        let progress = self.progress(context.reading);
        if up && progress.bisect.narrow_for_failure(context.range, context.now) {
            return Verdict::Narrow(SplitCause::Failure);
        }
        Verdict::Fail(error)
    }

    /// A single second fails. Where others that have rows are answered, it is this second's fault;
    /// otherwise it is the server's.
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

    /// After the server was asked for rows elsewhere, because a single second failed with `error`.
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
            // Where nothing is known, nothing else could show whether it is this second alone.
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

/// The cause of a split after an error that says that less would have been answered.
fn too_much(error: &ApiError) -> Option<SplitCause> {
    match error {
        ApiError::TooLarge(_) => Some(SplitCause::Size),
        ApiError::Refused { .. } => Some(SplitCause::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
