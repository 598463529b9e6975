//! The schedule of polls: the settings of `poll`.
//!
//! Owns their declarations, and the checks of one against another. The clock is a parameter.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    config::{
        Flags, StartFrom, TargetConfig,
        read::{diagnostics::Diagnostics, duration::show, file::ConfigFile},
        setting::{Bounds, Kind, SectionRead, duration, number, read_section, seconds, section},
        start,
    },
    i18n::bilingual,
    schedule::{Tiers, quota::REQUESTS_PER_LICENCE},
};

const SECOND: Duration = Duration::from_secs(1);
/// Longest range that Wolkvox answers in one query.
const LONGEST_QUERY: Duration = Duration::from_secs(31 * 86_400);
/// Depth of the deepest re-reading. Rows are remembered for as long, and more than a month is not
/// worth that.
const DEEPEST: Duration = Duration::from_secs(30 * 86_400);

section! {
    /// The schedule of polls.
    pub struct PollConfig: "poll", "Polling", PollKeys {
        /// Time between two polls, aligned to the wall clock
        interval: Duration = seconds("5m", Bounds::at_least(SECOND));
        /// Wait after the end of a window before it is read
        settle_delay: Duration = duration("30s", Bounds::NONE);
        /// Time before the watermark that every poll reads again, for late rows
        lookback: Duration = seconds("30m", Bounds::NONE);
        /// Time to read again once an hour; 0s for none
        hourly_lookback: Duration = seconds("3h", Bounds::at_most(DEEPEST, ["", ""]));
        /// Time to read again once a day; 0s for none
        nightly_lookback: Duration = seconds("48h", Bounds::at_most(DEEPEST, ["", ""]));
        /// Hour of the server's day for that daily reading, 0 to 23
        nightly_hour: i8 = number("3", 0, 23).value_name("HOUR");
        /// Where counting begins on the very first start: now, a duration back, or a local
        /// date-time such as 2026-01-18T00:00:00
        start_from: StartFrom = Kind::new("WHEN", "now", start::parse, |value| Some(value.to_string()));
        /// Largest difference between this machine's clock and a server's when counting begins
        max_clock_skew: Duration = seconds("5m", Bounds::NONE);
        /// Most requests that wait for an answer at a time, over all targets
        requests_in_flight: usize = number("64", 1, 10_000).until_restart();
    }
}

impl PollConfig {
    /// Returns the depth of the re-readings.
    pub fn tiers(&self) -> Tiers {
        Tiers {
            hourly: self.hourly_lookback,
            nightly: self.nightly_lookback,
            nightly_hour: self.nightly_hour,
        }
    }

    /// Returns the time before the watermark up to which rows are read again.
    pub fn deepest(&self) -> Duration {
        self.interval.max(self.lookback).max(self.tiers().deepest())
    }
}

/// Reads the section; returns nothing if a setting cannot be read.
pub(crate) fn resolve(
    flags: &Flags<PollConfig>,
    file: &ConfigFile,
    targets: &[TargetConfig],
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Option<PollConfig> {
    let poll = read_section(flags, file, &file.root.poll, diagnostics);
    if !poll.sound {
        return None;
    }
    check_together(&poll, diagnostics);
    for target in targets {
        if let Err(reason) = poll.config.start_from.instant(now, &target.timezone) {
            let place = poll.place("start_from");
            let message = bilingual!(in reason:
                "{reason}, for the target {}",
                "{reason}, para el destino {}"; target.name
            );
            diagnostics.problem(place, message);
        }
        check_quota(target, &poll, diagnostics);
    }
    Some(poll.config)
}

fn check_together(poll: &SectionRead<PollConfig>, diagnostics: &mut Diagnostics) {
    let PollConfig { interval, settle_delay, lookback, .. } = poll.config;
    if interval <= settle_delay {
        let origin = poll.origin("settle_delay");
        diagnostics.problem(
            poll.place("interval"),
            bilingual!(in origin:
                "the interval ({}) must be longer than the settle delay ({}{origin}): \
                 make the one longer or the other shorter",
                "el intervalo ({}) debe ser más largo que la espera antes de leer ({}{origin}): \
                 alargue el uno o acorte la otra";
                show(interval),
                show(settle_delay)
            ),
        );
    }
    if lookback < settle_delay {
        let origin = poll.origin("settle_delay");
        diagnostics.problem(
            poll.place("lookback"),
            bilingual!(in origin:
                "the lookback ({}) must be at least the settle delay ({}{origin}): \
                 a row later than that is found only by reading again",
                "lo que se relee ({}) debe ser al menos la espera antes de leer ({}{origin}): \
                 una fila más tardía solo se encuentra al releer";
                show(lookback),
                show(settle_delay)
            ),
        );
    }
    if interval.saturating_add(lookback) > LONGEST_QUERY {
        let origin = poll.origin("interval");
        diagnostics.problem(
            poll.place("lookback"),
            bilingual!(in origin:
                "the lookback ({}) and the interval ({}{origin}) together are longer than the 31 days \
                 that Wolkvox answers at once",
                "lo que se relee ({}) y el intervalo ({}{origin}) pasan juntos de los 31 días \
                 que Wolkvox responde de una vez";
                show(lookback),
                show(interval)
            ),
        );
    }
}

/// Warns of an interval that takes more requests than the licences pay for: polling would stop at
/// some hour of every day.
fn check_quota(
    target: &TargetConfig,
    poll: &SectionRead<PollConfig>,
    diagnostics: &mut Diagnostics,
) {
    let Some(licences) = target.licences else { return };
    let needed = 86_400 / poll.config.interval.as_secs().max(1);
    let quota = u64::from(licences) * REQUESTS_PER_LICENCE;
    if needed > quota {
        diagnostics.warn(
            poll.place("interval"),
            bilingual!(
                "polling every {} takes {needed} requests a day, and the {licences} licence(s) of the target {} \
                 pay for {quota}: poll less often",
                "leer cada {} gasta {needed} peticiones al día, y {licences} licencia(s) del destino {} \
                 alcanzan para {quota}: lea con menos frecuencia";
                show(poll.config.interval),
                target.name
            ),
        );
    }
}
