//! The state of a target for people: the model behind the page at `/` and `/status.json`.
//!
//! Made at a publication and immutable from then on; values that depend on the time of day are
//! computed from it with the clock's `now`. Holds nothing uncommitted, nothing personal and no
//! token. Pure.

mod day;
mod document;
mod form;
mod notice;
mod outcomes;
mod texts;
mod usual;
mod usual_texts;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

pub(crate) use self::form::civil;
pub(crate) use self::outcomes::OutcomesText;
pub(crate) use self::texts::{StatusText, class_words, remedy, sentence, state_words};
pub(crate) use self::usual_texts::{
    UsualText, compared_with, deviation_figures, deviation_place, name_and_code,
};
pub use self::{
    day::{Day, OptionDay, PointDay, Remainder, day},
    document::json,
    notice::{Notice, Notices},
    outcomes::{HangUps, OutcomesStatus},
    usual::{
        Deviation, DeviationKind, Deviations, UsualStatus, WarmUpState, WarmUpStatus, deviations,
    },
};
use crate::{
    schedule::{Tier, quota},
    wolkvox::{ApiError, DateShift, ErrorClass},
};

/// Polls that are remembered.
pub const POLLS: usize = 24;

/// The state of a target at its last publication.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    /// The `server` label.
    pub name: String,
    /// The zone of the server's dates, in which times are shown.
    pub zone: TimeZone,
    /// Outcome of the last poll.
    pub outcome: PollOutcome,
    /// Age that the data may reach between two successful polls.
    pub usual_lag: Duration,
    /// The moment of the next request.
    pub next_poll: Timestamp,
    /// The moment before which every window is committed; `None` before the first commit.
    pub watermark: Option<Timestamp>,
    /// The newest row's date; `None` until a row has ever come.
    pub last_row: Option<Timestamp>,
    /// Requests sent on the server's day.
    pub quota: QuotaUse,
    /// Re-readings for late rows that are under way.
    pub deep_reads: Vec<DeepReadStatus>,
    /// The last polls of this process, oldest first, [`POLLS`] at most.
    pub polls: Vec<PollRecord>,
    /// Rows that the last poll received and could not read.
    pub unread: u64,
    /// The distance of dates that proves that `zone` is not the server's, if it is not.
    pub wrong_zone: Option<DateShift>,
    /// The last day's hits.
    pub day: Day,
    /// Outcomes of the calls; `None` where they are not read.
    pub outcomes: Option<OutcomesStatus>,
    /// Deviations from the usual.
    pub usual: UsualStatus,
}

/// Outcome of the last poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollOutcome {
    /// No poll has ended yet.
    Waiting,
    /// Everything that was due is committed.
    Committed,
    /// Something that was due is not committed.
    Failed {
        /// The error that ended it.
        fault: ApiError,
        /// The moment at which the first of the polls that failed in a row ended.
        since: Timestamp,
    },
    /// The poller panicked, which is a bug; another one starts at the next poll.
    BrokeOff {
        /// The moment of the panic.
        since: Timestamp,
    },
}

/// A deeper re-reading that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DeepReadStatus {
    /// The hourly or the nightly one.
    #[serde(serialize_with = "form::tier")]
    pub tier: Tier,
    /// Time before the watermark that it reads.
    #[serde(rename = "depth_seconds", serialize_with = "form::seconds")]
    pub depth: Duration,
    /// Share that is done, from 0 to 1.
    #[serde(serialize_with = "form::thousandths")]
    pub progress: f64,
    /// The error that stopped it, until it continues.
    #[serde(rename = "class", serialize_with = "form::class")]
    pub failure: Option<ErrorClass>,
}

/// One poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollRecord {
    /// Its start.
    pub at: Timestamp,
    /// Its duration.
    pub took: Duration,
    /// The error that stopped it, if any.
    pub failure: Option<ErrorClass>,
}

impl Serialize for PollRecord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("PollRecord", 4)?;
        fields.serialize_field("at", &form::whole(self.at))?;
        fields.serialize_field("duration_seconds", &(self.took.as_millis() as f64 / 1e3))?;
        fields.serialize_field("committed", &self.failure.is_none())?;
        fields.serialize_field("class", &self.failure.map(ErrorClass::as_str))?;
        fields.end()
    }
}

/// Requests sent on one of the server's days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// The day.
    pub day: Date,
    /// Requests sent.
    pub used: u64,
    /// Requests allowed, if known.
    pub limit: Option<u64>,
}

/// The requests of one of the server's days, at one moment of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuotaNow {
    /// Requests sent today.
    pub used: u64,
    /// Requests allowed a day, if known.
    pub limit: Option<u64>,
    /// Requests left today, if known.
    pub left: Option<u64>,
    /// The server's next midnight.
    pub resets_at: Timestamp,
}

/// A target's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// The first poll has not ended.
    Waiting,
    /// Polls succeed and the data are current.
    Well,
    /// Polls succeed, and no row has ever come.
    NoRows,
    /// Polls succeed, and the dates of calls show that the configured time zone is wrong.
    WrongZone,
    /// Nothing has failed, but the data are old: the exporter is catching up.
    Behind,
    /// The last poll failed.
    Failing,
}

impl TargetState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Well, Self::NoRows, Self::WrongZone, Self::Behind, Self::Failing];

    /// The word in `/status.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Well => "well",
            Self::NoRows => "no_rows",
            Self::WrongZone => "wrong_zone",
            Self::Behind => "behind",
            Self::Failing => "failing",
        }
    }

    /// Returns true if somebody should look at the target.
    pub fn needs_attention(self) -> bool {
        matches!(self, Self::Failing | Self::NoRows | Self::WrongZone)
    }
}

impl TargetStatus {
    /// Makes the status of a target that waits for its first poll.
    pub fn waiting(name: &str, zone: TimeZone, next_poll: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            outcome: PollOutcome::Waiting,
            usual_lag: Duration::ZERO,
            next_poll,
            watermark: None,
            last_row: None,
            quota: QuotaUse { day: quota::day(next_poll, &zone), used: 0, limit: None },
            deep_reads: Vec::new(),
            polls: Vec::new(),
            unread: 0,
            wrong_zone: None,
            day: Day::default(),
            outcomes: None,
            usual: UsualStatus::default(),
            zone,
        }
    }

    /// Returns the state at `now`.
    pub fn state(&self, now: Timestamp) -> TargetState {
        // Two windows may be missed before the page shows a problem.
        let old = self.lag(now).is_some_and(|lag| {
            lag.unsigned_abs() > (self.usual_lag * 3).max(Duration::from_secs(60))
        });
        match &self.outcome {
            PollOutcome::Failed { .. } | PollOutcome::BrokeOff { .. } => TargetState::Failing,
            _ if old => TargetState::Behind,
            PollOutcome::Waiting => TargetState::Waiting,
            PollOutcome::Committed if self.last_row.is_none() => TargetState::NoRows,
            PollOutcome::Committed if self.wrong_zone.is_some() => TargetState::WrongZone,
            PollOutcome::Committed => TargetState::Well,
        }
    }

    /// Returns the age of the data; zero after our clock was set back.
    pub fn lag(&self, now: Timestamp) -> Option<SignedDuration> {
        self.watermark.map(|watermark| now.duration_since(watermark).max(SignedDuration::ZERO))
    }

    /// Returns the requests of the server's day of `now`.
    pub fn quota(&self, now: Timestamp) -> QuotaNow {
        let today = quota::day(now, &self.zone);
        let QuotaUse { day, used, limit } = self.quota;
        // A clock that is set back grants no new requests.
        let used = if today > day { 0 } else { used };
        let resets_at = quota::next_day(now, &self.zone).unwrap_or(now);
        QuotaNow { used, limit, left: limit.map(|limit| limit.saturating_sub(used)), resets_at }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{baseline::History, model::LocalSecond};

    /// A target whose last poll was committed, in Bogotá, at [`now`].
    pub(crate) fn target() -> TargetStatus {
        let zone = TimeZone::get("America/Bogota").expect("the zone database has it");
        let watermark = at("2026-01-18T17:35:00Z");
        let mut history = History::new(35);
        history.cover(LocalSecond::new(0), LocalSecond::new(2_000_000_000));
        TargetStatus {
            day: day(&history, watermark, &zone, &Default::default(), &Default::default()),
            outcome: PollOutcome::Committed,
            usual_lag: Duration::from_secs(640),
            watermark: Some(watermark),
            last_row: Some(at("2026-01-18T17:34:59Z")),
            quota: QuotaUse {
                day: jiff::civil::date(2026, 1, 18),
                used: 1234,
                limit: Some(20_000),
            },
            polls: vec![PollRecord {
                at: at("2026-01-18T17:35:30Z"),
                took: Duration::from_millis(840),
                failure: None,
            }],
            ..TargetStatus::waiting("ventas", zone, at("2026-01-18T17:40:30Z"))
        }
    }

    pub(crate) fn now() -> Timestamp {
        at("2026-01-18T17:36:00Z")
    }

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn the_state_follows_the_last_poll_and_the_age_of_the_data() {
        let well = target();
        let failed = TargetStatus {
            outcome: PollOutcome::Failed { fault: ApiError::TokenInvalid, since: now() },
            ..target()
        };
        let broke_off =
            TargetStatus { outcome: PollOutcome::BrokeOff { since: now() }, ..target() };
        let waiting = TargetStatus { outcome: PollOutcome::Waiting, ..target() };
        let new = TargetStatus { watermark: None, last_row: None, ..waiting.clone() };
        let silent = TargetStatus { last_row: None, ..target() };
        let shifted =
            TargetStatus { wrong_zone: Some(DateShift { seconds: 3600, calls: 20 }), ..target() };
        let later = at("2026-01-18T18:10:00Z");
        for (status, now, state) in [
            (&well, now(), TargetState::Well),
            (&well, at("2026-01-18T18:07:00Z"), TargetState::Well),
            (&well, later, TargetState::Behind),
            (&well, at("2026-01-18T17:00:00Z"), TargetState::Well),
            (&failed, now(), TargetState::Failing),
            (&failed, later, TargetState::Failing),
            (&broke_off, now(), TargetState::Failing),
            (&waiting, now(), TargetState::Waiting),
            (&waiting, later, TargetState::Behind),
            (&new, later, TargetState::Waiting),
            (&silent, now(), TargetState::NoRows),
            (&shifted, now(), TargetState::WrongZone),
        ] {
            assert_eq!(status.state(now), state, "{status:?} {now}");
        }
        // A demonstration's polls are seconds apart: a hiccup of these is none of the page's.
        let quick = TargetStatus { usual_lag: Duration::from_secs(6), ..target() };
        assert_eq!(quick.state(at("2026-01-18T17:35:59Z")), TargetState::Well);
        assert_eq!(quick.state(at("2026-01-18T17:36:01Z")), TargetState::Behind);
    }

    #[test]
    fn the_lag_is_never_negative() {
        assert_eq!(target().lag(now()), Some(SignedDuration::from_secs(60)));
        assert_eq!(target().lag(at("2026-01-18T17:00:00Z")), Some(SignedDuration::ZERO));
    }

    #[test]
    fn the_quota_is_that_of_the_servers_day() {
        let midnight = at("2026-01-19T05:00:00Z");
        let today =
            QuotaNow { used: 1234, limit: Some(20_000), left: Some(18_766), resets_at: midnight };
        assert_eq!(target().quota(now()), today);
        let tomorrow = target().quota(midnight);
        assert_eq!((tomorrow.used, tomorrow.left), (0, Some(20_000)));
        assert_eq!(tomorrow.resets_at, at("2026-01-20T05:00:00Z"));
        assert_eq!(target().quota(at("2026-01-17T17:00:00Z")).used, 1234);
        let mut spent = target();
        spent.quota.limit = Some(1000);
        assert_eq!(spent.quota(now()).left, Some(0));
    }
}
