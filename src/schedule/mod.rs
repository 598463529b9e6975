//! When to ask, and for which span: pure functions of the clock, the zone and what is committed.
//!
//! Windows follow the committed watermark and the wall clock's grid, never the moment at which a timer
//! happened to fire: a late tick leaves no gap.

pub mod bisect;
pub mod quota;
pub mod truncation;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset, tz::TimeZone};

use crate::model::Fingerprints;

/// The vendor answers for at most 31 days; one less leaves room for a zone's change of offset.
pub const MAX_SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Dates have this resolution, so no span can be narrower.
pub const MIN_SPAN: SignedDuration = SignedDuration::from_secs(1);

/// The grid of windows of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Length of a window.
    pub interval: Duration,
    /// A window is read this long after its end, plus
    pub settle_delay: Duration,
    /// this much, so that targets do not all ask at once. Fixed for a target.
    pub jitter: Duration,
}

impl Cadence {
    /// Derives the jitter from the target's name: under a tenth of the interval, and never over 20 s.
    pub fn new(interval: Duration, settle_delay: Duration, target: &str) -> Self {
        let most = (interval / 10).min(Duration::from_secs(20));
        Self { interval, settle_delay, jitter: most.mul_f64(spread(target, 0)) }
    }

    /// The end of the newest window that may be read at `now`.
    pub fn last_closed(&self, now: Timestamp) -> Timestamp {
        let readable = now - self.settle_delay - self.jitter;
        let interval = i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let seconds = readable.as_second();
        Timestamp::from_second(seconds - seconds.rem_euclid(interval)).unwrap_or(readable)
    }

    /// When the window after the one that ends at `end` may be read.
    pub fn due_after(&self, end: Timestamp) -> Timestamp {
        end + self.interval + self.settle_delay + self.jitter
    }
}

/// A number in 0..=1 that is always the same for a target and a turn, and another for others: what keeps several
/// targets, and several tries, from coming at the same moment.
pub fn spread(target: &str, turn: u64) -> f64 {
    let hash = Fingerprints::new([0; 16]).of(&[target, &turn.to_string()]);
    (hash >> 32) as f64 / f64::from(u32::MAX)
}

/// A stretch of time to ask for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First second.
    pub from: Timestamp,
    /// Last second.
    pub to: Timestamp,
}

impl Span {
    /// Its length; the ends are both included, so a span of one second holds two of them.
    pub fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// The same stretch on a wall clock: the earliest and the latest time that it shows in between. Where the
    /// clock is turned back within the span, that is wider than the two ends, and never inverted.
    pub fn local(&self, zone: &TimeZone) -> (DateTime, DateTime) {
        let (mut first, mut last) = (zone.to_datetime(self.from), zone.to_datetime(self.to));
        if last < first {
            (first, last) = (last, first);
        }
        for change in zone.following(self.from).take_while(|change| change.timestamp() <= self.to) {
            let (before, after) =
                (zone.to_datetime(change.timestamp() - MIN_SPAN), zone.to_datetime(change.timestamp()));
            first = first.min(after);
            last = last.max(before);
        }
        (first, last)
    }
}

/// How far back, beside every poll's lookback, and how often: rows may come late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Once an hour; zero for never.
    pub hourly: Duration,
    /// Once a day; zero for never.
    pub nightly: Duration,
    /// At this hour of the server's day, 0 to 23.
    pub nightly_hour: i8,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// [`Tiers::hourly`].
    Hourly,
    /// [`Tiers::nightly`]; does the hourly one's work too.
    Nightly,
}

impl Tiers {
    /// Which re-reading is due, the last ones having been committed at these moments.
    pub fn due(
        &self,
        now: Timestamp,
        zone: &TimeZone,
        last_hourly: Timestamp,
        last_nightly: Timestamp,
    ) -> Option<Tier> {
        // What was done in the future was done by a clock that has been set back since: it says nothing.
        let night = self.last_night(now, zone);
        if !self.nightly.is_zero() && night.is_some_and(|night| last_nightly < night || last_nightly > now) {
            return Some(Tier::Nightly);
        }
        // In whole hours of the clock, so that a late one does not put off all that follow.
        let hour = |moment: Timestamp| moment.as_second().div_euclid(3600);
        (!self.hourly.is_zero() && hour(last_hourly) != hour(now)).then_some(Tier::Hourly)
    }

    fn last_night(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(now).date();
        [Some(today), today.yesterday().ok()]
            .into_iter()
            .flatten()
            .filter_map(|day| day.at(self.nightly_hour, 0, 0, 0).to_zoned(zone.clone()).ok())
            .map(|night| night.timestamp())
            .find(|night| *night <= now)
    }

    /// How far back one of them reads.
    pub fn depth(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Hourly => self.hourly,
            Tier::Nightly => self.nightly.max(self.hourly),
        }
    }

    /// How far back any of them reads.
    pub fn deepest(&self) -> Duration {
        self.hourly.max(self.nightly)
    }
}

/// Seconds since 1970 on a wall clock, as if no zone existed: the form in which dates of rows are compared.
pub fn local_seconds(time: DateTime) -> i64 {
    // Fails only beyond the years that the span's own timestamps can hold.
    Offset::UTC.to_timestamp(time).map_or(i64::MAX, Timestamp::as_second)
}

/// The moment at which a server's wall clock showed `local` (see [`local_seconds`]); of two, the first.
pub fn instant(local: i64, zone: &TimeZone) -> Option<Timestamp> {
    let time = Offset::UTC.to_datetime(Timestamp::from_second(local).ok()?);
    zone.to_ambiguous_timestamp(time).compatible().ok()
}

/// As [`instant`]; of two moments, the later. Seconds since 1970.
pub fn last_instant(local: i64, zone: &TimeZone) -> i64 {
    let time = Timestamp::from_second(local).map(|utc| Offset::UTC.to_datetime(utc));
    let moment = time.and_then(|time| zone.to_ambiguous_timestamp(time).later());
    moment.map_or(local, Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cadence(jitter: u64) -> Cadence {
        Cadence {
            interval: Duration::from_secs(300),
            settle_delay: Duration::from_secs(30),
            jitter: Duration::from_secs(jitter),
        }
    }

    #[test]
    fn windows_end_on_the_grid_and_are_read_when_settled() {
        for (now, jitter, end) in [
            ("2026-01-18T12:05:29.9Z", 0, "2026-01-18T12:00:00Z"),
            ("2026-01-18T12:05:30Z", 0, "2026-01-18T12:05:00Z"),
            ("2026-01-18T12:05:36Z", 7, "2026-01-18T12:00:00Z"),
            ("2026-01-18T12:05:37Z", 7, "2026-01-18T12:05:00Z"),
            ("1969-12-31T23:59:00Z", 0, "1969-12-31T23:55:00Z"),
        ] {
            assert_eq!(cadence(jitter).last_closed(at(now)), at(end), "{now}");
        }
        let due = cadence(7).due_after(at("2026-01-18T12:00:00Z"));
        assert_eq!(due, at("2026-01-18T12:05:37Z"));
        assert_eq!(cadence(7).last_closed(due), at("2026-01-18T12:05:00Z"));
    }

    #[test]
    fn jitter_is_fixed_and_bounded() {
        let of = |name: &str| Cadence::new(Duration::from_secs(300), Duration::from_secs(30), name).jitter;
        assert_eq!(of("0042"), of("0042"));
        assert_ne!(of("0042"), of("0043"));
        assert!((0..100).all(|n| of(&format!("{n:04}")) <= Duration::from_secs(20)));
    }

    #[test]
    fn a_span_on_the_wall_clock() {
        let bogota = TimeZone::get("America/Bogota").unwrap();
        let santiago = TimeZone::get("America/Santiago").unwrap();
        for (zone, from, to, local) in [
            (&bogota, "2026-01-18T12:00:00Z", "2026-01-18T12:05:00Z", ("07:00:00", "07:05:00")),
            // 2026-04-05T03:00Z: Santiago's 24:00 becomes 23:00. The hour that repeats is read whole.
            (&santiago, "2026-04-05T02:50:00Z", "2026-04-05T03:10:00Z", ("23:00:00", "23:59:59")),
            (&santiago, "2026-04-05T02:30:00Z", "2026-04-05T04:30:00Z", ("23:00:00", "00:30:00")),
            // 2026-09-06T04:00Z: midnight becomes 01:00.
            (&santiago, "2026-09-06T03:50:00Z", "2026-09-06T04:10:00Z", ("23:50:00", "01:10:00")),
        ] {
            let (first, last) = Span { from: at(from), to: at(to) }.local(zone);
            assert!(first <= last, "{from}");
            assert_eq!((first.time().to_string(), last.time().to_string()), (local.0.into(), local.1.into()));
        }
    }

    #[test]
    fn deeper_reads_are_due_once_an_hour_and_once_a_night() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let tiers = Tiers {
            hourly: Duration::from_secs(3 * 3600),
            nightly: Duration::from_secs(48 * 3600),
            nightly_hour: 3,
        };
        let off = Tiers { hourly: Duration::ZERO, nightly: Duration::ZERO, nightly_hour: 3 };
        // 03:00 in Bogotá is 08:00Z.
        for (now, hourly, nightly, due) in [
            ("2026-01-18T12:00:30Z", "2026-01-18T12:00:00Z", "2026-01-18T08:00:00Z", None),
            ("2026-01-18T13:00:30Z", "2026-01-18T12:59:00Z", "2026-01-18T08:00:00Z", Some(Tier::Hourly)),
            ("2026-01-19T07:59:59Z", "2026-01-19T07:00:00Z", "2026-01-18T08:00:00Z", None),
            ("2026-01-19T08:00:00Z", "2026-01-19T08:00:00Z", "2026-01-18T08:00:00Z", Some(Tier::Nightly)),
            ("2026-01-21T07:00:00Z", "2026-01-21T07:00:00Z", "2026-01-18T08:00:00Z", Some(Tier::Nightly)),
            // Done by a clock that has been set back since.
            ("2026-01-18T12:00:00Z", "2026-01-18T23:00:00Z", "2026-01-18T08:00:00Z", Some(Tier::Hourly)),
            ("2026-01-18T12:00:00Z", "2026-01-18T12:00:00Z", "2026-01-19T09:00:00Z", Some(Tier::Nightly)),
        ] {
            assert_eq!(tiers.due(at(now), &zone, at(hourly), at(nightly)), due, "{now}");
            assert_eq!(off.due(at(now), &zone, at(hourly), at(nightly)), None, "{now}");
        }
        assert_eq!((tiers.depth(Tier::Hourly), tiers.deepest()), (tiers.hourly, tiers.nightly));
    }

    proptest! {
        #[test]
        fn every_instant_of_a_span_lies_within_its_local_ends(
            start in 1_700_000_000i64..1_900_000_000,
            length in 1i64..200_000,
            part in 0f64..1.0,
            zone in prop::sample::select(vec!["America/Bogota", "America/Santiago", "America/New_York", "Australia/Lord_Howe"]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let second = |s| Timestamp::from_second(s).unwrap();
            let span = Span { from: second(start), to: second(start + length) };
            let (first, last) = span.local(&zone);
            let inside = zone.to_datetime(second(start + (length as f64 * part) as i64));
            prop_assert!(first <= inside && inside <= last);
        }

        #[test]
        fn local_seconds_and_instant_are_inverse_away_from_folds(second in 1_700_000_000i64..1_900_000_000) {
            let zone = TimeZone::get("America/Bogota").unwrap();
            let moment = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(instant(local_seconds(zone.to_datetime(moment)), &zone), Some(moment));
        }
    }
}
