//! Decides when to send requests, and for which time ranges: pure functions of the clock, the zone
//! and the committed state.
//!
//! Windows follow the committed watermark and the wall clock's grid, never the moment at which a
//! timer happened to fire, so a late tick leaves no gap.

pub mod backoff;
pub mod bisect;
pub mod quota;
pub mod server_clock;
pub mod unanswerable;
pub mod warm_up;

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use model::{Fingerprints, LocalSecond, LocalStretch};

/// The widest range of one request. The vendor answers for at most 31 days; one less leaves room
/// for a zone's change of offset.
pub const MAX_RANGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The narrowest range: dates have the resolution of a second.
pub const MIN_RANGE: SignedDuration = SignedDuration::from_secs(1);
/// Distance between the polls of two targets, where there are many.
const POLL_DISTANCE: Duration = Duration::from_millis(150);

/// The grid of windows of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Length of a window.
    pub interval: Duration,
    /// Wait after the end of a window before it is read, so that its rows have arrived.
    pub settle_delay: Duration,
    /// Additional wait, fixed for a target, so that targets do not all poll at the same moment.
    pub jitter: Duration,
}

impl Cadence {
    /// Derives the jitter from the target's name: under a tenth of the interval, and never over 20
    /// s.
    pub fn new(interval: Duration, settle_delay: Duration, target: &str) -> Self {
        let longest = (interval / 10).min(Duration::from_secs(20));
        Self { interval, settle_delay, jitter: longest.mul_f64(spread(target, 0)) }
    }

    /// Spreads the polls of many targets wider, so that some seven begin in a second, but over half
    /// the interval at most. One target more or less changes it only when it doubles their number.
    #[must_use]
    pub fn among(self, targets: usize, target: &str) -> Self {
        let all = u32::try_from(targets.next_power_of_two()).unwrap_or(u32::MAX);
        let wanted =
            POLL_DISTANCE.saturating_mul(all).min(self.interval / 2).mul_f64(spread(target, 0));
        Self { jitter: self.jitter.max(wanted), ..self }
    }

    /// The end of the newest window that may be read at `now`.
    pub fn last_closed(&self, now: Timestamp) -> Timestamp {
        let readable = now - self.settle_delay - self.jitter;
        let interval = i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let seconds = readable.as_second();
        Timestamp::from_second(seconds - seconds.rem_euclid(interval)).unwrap_or(readable)
    }

    /// The moment at which the window after the one that ends at `end` may be read.
    pub fn due_after(&self, end: Timestamp) -> Timestamp {
        end + self.interval + self.settle_delay + self.jitter
    }
}

/// Returns a number in 0..=1 that depends only on the target and the turn, and spreads the polls of
/// targets, and their retries, over time.
pub fn spread(target: &str, turn: u64) -> f64 {
    let hash = Fingerprints::new([0; 16]).of(&[target, &turn.to_string()]);
    (hash >> 32) as f64 / f64::from(u32::MAX)
}

/// A time range to request, including both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First second.
    pub from: Timestamp,
    /// Last second.
    pub to: Timestamp,
}

impl TimeRange {
    /// Its length. Both ends are included, so a range of one second holds two of them.
    pub fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// The whole second in its middle.
    pub fn middle(&self) -> Timestamp {
        Timestamp::from_second(self.from.as_second().midpoint(self.to.as_second()))
            .unwrap_or(self.to)
    }

    /// Returns true if it contains all of another range.
    pub fn contains(&self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// The same range on a wall clock: the earliest and the latest time that the clock shows within
    /// it. Where the clock is turned back within the range, that is wider than the two ends, and
    /// never inverted.
    pub fn local(&self, zone: &TimeZone) -> (DateTime, DateTime) {
        let mut first = zone.to_datetime(self.from);
        let mut last = zone.to_datetime(self.to);
        if last < first {
            (first, last) = (last, first);
        }
        for change in zone.following(self.from).take_while(|change| change.timestamp() <= self.to) {
            let before = zone.to_datetime(change.timestamp() - MIN_RANGE);
            let after = zone.to_datetime(change.timestamp());
            first = first.min(after);
            last = last.max(before);
        }
        (first, last)
    }
}

/// Depth and frequency of the re-readings that look for late rows, in addition to every poll's
/// lookback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Depth of the hourly re-reading; zero for none.
    pub hourly: Duration,
    /// Depth of the nightly re-reading; zero for none.
    pub nightly: Duration,
    /// Hour of the server's day at which the nightly re-reading begins, 0 to 23.
    pub nightly_hour: i8,
}

/// One of the two re-readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// [`Tiers::hourly`].
    Hourly,
    /// [`Tiers::nightly`]; it does the hourly one's work too.
    Nightly,
}

impl Tier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hourly, Self::Nightly];

    /// The value of the label `tier`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Nightly => "nightly",
        }
    }
}

impl Tiers {
    /// Returns true if a re-reading is due, the last one of its kind having ended at `last`.
    pub fn is_due(&self, tier: Tier, now: Timestamp, zone: &TimeZone, last: Timestamp) -> bool {
        match tier {
            // Compared in whole hours of the clock, so that a late one does not put off all that
            // follow.
            Tier::Hourly => !self.hourly.is_zero() && !same_hour(last, now),
            // A re-reading in the future was made before the clock was set back, and proves
            // nothing.
            Tier::Nightly => {
                let night = self.last_night(now, zone);
                !self.nightly.is_zero() && night.is_some_and(|night| last < night || last > now)
            }
        }
    }

    /// Depth of the reading before the watermark after a gap of this length. Rows that came during
    /// the gap may be older than a tier would reach afterwards, so a gap of more than a third of a
    /// tier's depth is followed by a reading as deep as that tier.
    pub fn depth_after(&self, gap: Duration) -> Duration {
        let reached = [self.hourly, self.nightly]
            .into_iter()
            .filter(|depth| !depth.is_zero() && gap > *depth / 3);
        reached.max().unwrap_or_default()
    }

    fn last_night(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(now).date();
        self.nights([Some(today), today.yesterday().ok()], zone).find(|night| *night <= now)
    }

    fn nights(&self, days: [Option<Date>; 2], zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        days.into_iter()
            .flatten()
            .filter_map(|day| day.at(self.nightly_hour, 0, 0, 0).to_zoned(zone.clone()).ok())
            .map(|night| night.timestamp())
    }

    /// Returns true if a re-reading that has yet to begin will reach back to `moment`, assuming
    /// that everything up to `now` has been read.
    pub fn will_reach(&self, moment: Timestamp, now: Timestamp, zone: &TimeZone) -> bool {
        let hour = SignedDuration::from_hours(1);
        let today = zone.to_datetime(now).date();
        let night =
            self.nights([Some(today), today.tomorrow().ok()], zone).find(|night| *night > now);
        let begins = [(self.hourly, Some(now)), (self.nightly, night)];
        begins.into_iter().filter(|(depth, _)| !depth.is_zero()).any(|(depth, begin)| {
            // Each target begins within the hour, and the hourly re-reading in the next one.
            let latest = begin.and_then(|begin| begin.checked_add(hour).ok());
            latest
                .and_then(|latest| latest.checked_sub(depth).ok())
                .is_some_and(|from| from <= moment)
        })
    }

    /// Depth of one of the re-readings.
    pub fn depth(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Hourly => self.hourly,
            Tier::Nightly => self.nightly.max(self.hourly),
        }
    }

    /// Depth of the deepest re-reading.
    pub fn deepest(&self) -> Duration {
        self.hourly.max(self.nightly)
    }
}

/// Returns true if two moments are in the same hour of the clock.
pub fn same_hour(a: Timestamp, b: Timestamp) -> bool {
    a.as_second().div_euclid(3600) == b.as_second().div_euclid(3600)
}

/// Splits what a wall clock shows from `start` to `end` into ascending parts, without their ends:
/// one, or more where the clock is set in between. Both passes of a repeated hour have the same
/// dates.
pub fn local_stretches(start: Timestamp, end: Timestamp, zone: &TimeZone) -> Vec<LocalStretch> {
    let changes =
        zone.following(start).map(|change| change.timestamp()).take_while(|change| *change < end);
    let mut from = start;
    let mut stretches = Vec::new();
    for until in changes.chain([end]) {
        if from < until {
            // The clock shows the old offset up to the last second before the change.
            let last = until.saturating_sub(MIN_RANGE).unwrap_or(from);
            stretches.push((local_second(from, zone), local_second(last, zone) + 1));
        }
        from = until;
    }
    stretches
}

/// The second that a server's wall clock shows at a moment.
pub fn local_second(moment: Timestamp, zone: &TimeZone) -> LocalSecond {
    zone.to_datetime(moment).into()
}

/// The moment at which a server's wall clock showed `local`; the first one if there were two.
pub fn instant(local: LocalSecond, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local.civil()?).compatible().ok()
}

/// Unix second at which a server's wall clock showed `local`; the later one if there were two.
pub fn last_instant(local: LocalSecond, zone: &TimeZone) -> i64 {
    let moment = local.civil().and_then(|time| zone.to_ambiguous_timestamp(time).later().ok());
    // Moments that are out of range have no zone.
    moment.map_or(local.get(), Timestamp::as_second)
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
        let of = |name: &str| {
            Cadence::new(Duration::from_secs(300), Duration::from_secs(30), name).jitter
        };
        assert_eq!(of("0042"), of("0042"));
        assert_ne!(of("0042"), of("0043"));
        assert!((0..100).all(|n| of(&format!("{n:04}")) <= Duration::from_secs(20)));
    }

    #[test]
    fn the_polls_of_many_are_spread_over_half_the_interval() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let of = |n: usize, all| {
            let name = format!("{n:04}");
            Cadence::new(minutes(5), Duration::from_secs(30), &name).among(all, &name).jitter
        };
        assert_eq!(
            of(7, 1),
            Cadence::new(minutes(5), Duration::ZERO, "0007").jitter,
            "one is read as ever"
        );
        assert_eq!(of(7, 600), of(7, 1_000), "a few more change nothing");
        let mut all: Vec<_> = (0..1_000).map(|n| of(n, 1_000)).collect();
        all.sort();
        assert!(all[999] <= minutes(5) / 2, "{:?}", all[999]);
        let crowd = all.windows(50).filter(|few| few[49] - few[0] < Duration::from_secs(1)).count();
        assert_eq!(crowd, 0, "no fifty begin within a second");
    }

    #[test]
    fn a_span_on_the_wall_clock() {
        let bogota = TimeZone::get("America/Bogota").unwrap();
        let santiago = TimeZone::get("America/Santiago").unwrap();
        for (zone, from, to, local) in [
            (&bogota, "2026-01-18T12:00:00Z", "2026-01-18T12:05:00Z", ("07:00:00", "07:05:00")),
            // 2026-04-05T03:00Z: Santiago's 24:00 becomes 23:00. The hour that repeats is read
            // whole.
            (&santiago, "2026-04-05T02:50:00Z", "2026-04-05T03:10:00Z", ("23:00:00", "23:59:59")),
            (&santiago, "2026-04-05T02:30:00Z", "2026-04-05T04:30:00Z", ("23:00:00", "00:30:00")),
            // 2026-09-06T04:00Z: midnight becomes 01:00.
            (&santiago, "2026-09-06T03:50:00Z", "2026-09-06T04:10:00Z", ("23:50:00", "01:10:00")),
        ] {
            let (first, last) = TimeRange { from: at(from), to: at(to) }.local(zone);
            assert!(first <= last, "{from}");
            assert_eq!(
                (first.time().to_string(), last.time().to_string()),
                (local.0.into(), local.1.into())
            );
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
        let due_of = |tiers: &Tiers, now: &str, hourly: &str, nightly: &str| {
            let nightly =
                tiers.is_due(Tier::Nightly, at(now), &zone, at(nightly)).then_some(Tier::Nightly);
            nightly
                .or(tiers.is_due(Tier::Hourly, at(now), &zone, at(hourly)).then_some(Tier::Hourly))
        };
        for (now, hourly, nightly, due) in [
            ("2026-01-18T12:00:30Z", "2026-01-18T12:00:00Z", "2026-01-18T08:00:00Z", None),
            (
                "2026-01-18T13:00:30Z",
                "2026-01-18T12:59:00Z",
                "2026-01-18T08:00:00Z",
                Some(Tier::Hourly),
            ),
            ("2026-01-19T07:59:59Z", "2026-01-19T07:00:00Z", "2026-01-18T08:00:00Z", None),
            (
                "2026-01-19T08:00:00Z",
                "2026-01-19T08:00:00Z",
                "2026-01-18T08:00:00Z",
                Some(Tier::Nightly),
            ),
            (
                "2026-01-21T07:00:00Z",
                "2026-01-21T07:00:00Z",
                "2026-01-18T08:00:00Z",
                Some(Tier::Nightly),
            ),
            // Done by a clock that has been set back since.
            (
                "2026-01-18T12:00:00Z",
                "2026-01-18T23:00:00Z",
                "2026-01-18T08:00:00Z",
                Some(Tier::Hourly),
            ),
            (
                "2026-01-18T12:00:00Z",
                "2026-01-18T12:00:00Z",
                "2026-01-19T09:00:00Z",
                Some(Tier::Nightly),
            ),
        ] {
            assert_eq!(due_of(&tiers, now, hourly, nightly), due, "{now}");
            assert_eq!(due_of(&off, now, hourly, nightly), None, "{now}");
        }
        assert_eq!((tiers.depth(Tier::Hourly), tiers.deepest()), (tiers.hourly, tiers.nightly));
    }

    #[test]
    fn what_is_too_old_for_the_deeper_reads_is_known() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let tiers = Tiers { hourly: hours(3), nightly: hours(48), nightly_hour: 3 };
        let (off, by_the_hour) = (
            Tiers { hourly: Duration::ZERO, nightly: Duration::ZERO, ..tiers },
            Tiers { nightly: Duration::ZERO, ..tiers },
        );
        // The next night's begins at 08:00Z of the 19th, or up to an hour later.
        let now = at("2026-01-18T12:00:00Z");
        for (moment, reached) in [
            ("2026-01-18T11:00:00Z", [true, true, false]),
            ("2026-01-18T10:00:00Z", [true, true, false]),
            ("2026-01-18T09:59:59Z", [true, false, false]),
            ("2026-01-17T09:00:00Z", [true, false, false]),
            ("2026-01-17T08:59:59Z", [false, false, false]),
            ("2026-01-11T12:00:00Z", [false, false, false]),
        ] {
            let of = |tiers: Tiers| tiers.will_reach(at(moment), now, &zone);
            assert_eq!([tiers, by_the_hour, off].map(of), reached, "{moment}");
        }
    }

    #[test]
    fn a_gap_begins_where_the_tiers_would_have_looked() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let tiers = Tiers { hourly: hours(3), nightly: hours(48), nightly_hour: 3 };
        for (gap, depth) in [(0, 0), (1, 0), (2, 3), (16, 3), (17, 48), (72, 48), (9999, 48)] {
            assert_eq!(tiers.depth_after(hours(gap)), hours(depth), "{gap}");
        }
        let off = Tiers { hourly: Duration::ZERO, nightly: Duration::ZERO, nightly_hour: 3 };
        assert_eq!(off.depth_after(hours(999)), Duration::ZERO);
    }

    #[test]
    fn a_wall_clock_that_is_set_shows_other_stretches() {
        let zone = TimeZone::get("America/Santiago").unwrap();
        let local = |text: &str| LocalSecond::from(text.parse::<DateTime>().unwrap());
        // At midnight of 2026-04-05 it is 23:00 again: 03:00Z.
        for (start, end, stretches) in [
            (
                "2026-04-05T02:00:00Z",
                "2026-04-05T02:05:00Z",
                vec![("2026-04-04T23:00", "2026-04-04T23:05")],
            ),
            (
                "2026-04-05T02:55:00Z",
                "2026-04-05T03:00:00Z",
                vec![("2026-04-04T23:55", "2026-04-05T00:00")],
            ),
            (
                "2026-04-05T02:58:00Z",
                "2026-04-05T03:03:00Z",
                vec![
                    ("2026-04-04T23:58", "2026-04-05T00:00"),
                    ("2026-04-04T23:00", "2026-04-04T23:03"),
                ],
            ),
            (
                "2026-04-05T03:00:00Z",
                "2026-04-05T03:05:00Z",
                vec![("2026-04-04T23:00", "2026-04-04T23:05")],
            ),
            ("2026-04-05T03:00:00Z", "2026-04-05T03:00:00Z", vec![]),
        ] {
            let expected: Vec<_> =
                stretches.iter().map(|(from, to)| (local(from), local(to))).collect();
            assert_eq!(local_stretches(at(start), at(end), &zone), expected, "{start}");
        }
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
            let span = TimeRange { from: second(start), to: second(start + length) };
            let (first, last) = span.local(&zone);
            let inside = zone.to_datetime(second(start + (length as f64 * part) as i64));
            prop_assert!(first <= inside && inside <= last);
        }

        #[test]
        fn local_second_and_instant_are_inverse_away_from_folds(second in 1_700_000_000i64..1_900_000_000) {
            let zone = TimeZone::get("America/Bogota").unwrap();
            let moment = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(instant(local_second(moment, &zone), &zone), Some(moment));
        }
    }
}
