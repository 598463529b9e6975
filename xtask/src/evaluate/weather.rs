//! Owns what all options of a routing point or of an operation have in common: shapes of day and
//! week, noise, growth, holidays, outages, campaigns. Must not know a single option but for when it
//! is used.

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, OPTIONS, POINTS, WEEK, hour_of_day},
};

/// Which kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Growth of 1 % a week, noise of 8 % a day and 4 % an hour for a routing point, 4 % a day for
    /// an option and for each share; counts by chance; a holiday that no calendar knew, and the
    /// same weekday after it.
    Usual,
    /// Noise of 12 % a day and 20 % an hour for a routing point, 8 % a day for an option and for
    /// each share, and 8 % an hour for each share; counts with 1.3 times the variance of chance;
    /// growth of 5 % a week; one day in five a routing point opens or closes up to an hour late or
    /// early; 1.5 times the traffic on paydays; a week of school holidays; a menu renumbered at
    /// midnight; an option that is used only at night.
    Harder,
}

/// Relative noise beside chance.
pub(crate) struct Noise {
    day: f64,
    hour: f64,
    /// Of an option, by the day.
    pub(crate) own: f64,
    /// Of each share, by the day.
    pub(crate) share: f64,
    /// The same, by the hour.
    pub(crate) share_hour: f64,
    /// Variance of a count, of its mean.
    pub(crate) spread: f64,
    growth: f64,
}

impl World {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Harder => "harder",
        }
    }

    pub(crate) fn noise(self) -> Noise {
        match self {
            Self::Usual => Noise {
                day: 0.08,
                hour: 0.04,
                own: 0.04,
                share: 0.04,
                share_hour: 0.0,
                spread: 1.0,
                growth: 0.01,
            },
            Self::Harder => Noise {
                day: 0.12,
                hour: 0.2,
                own: 0.08,
                share: 0.08,
                share_hour: 0.08,
                spread: 1.3,
                growth: 0.05,
            },
        }
    }
}

/// Of one operation.
pub(crate) struct Weather {
    around_the_clock: Vec<bool>,
    /// By routing point and step.
    factors: Vec<Vec<f64>>,
    /// The option that is used only at night.
    night: Option<usize>,
}

/// Share of a day's busiest rate, at an hour of a weekday that begins on Monday; `around_the_clock`
/// never falls below a tenth.
fn shape(hour: f64, weekday: usize, around_the_clock: bool, (opens, closes): (f64, f64)) -> f64 {
    let bump = |at: f64, wide: f64| (-((hour - at) / wide).powi(2) / 2.0).exp();
    let day = if around_the_clock {
        0.1 + 0.9 * bump(14.0, 4.0)
    } else if (opens..closes).contains(&hour) {
        0.15 + 0.85 * (bump(10.0, 1.8) + 0.8 * bump(15.5, 1.8)).min(1.0)
    } else {
        0.0
    };
    day * [1.0, 0.95, 0.95, 0.9, 1.0, 0.5, 0.25][weekday]
}

const OPEN: (f64, f64) = (7.0, 19.0);

/// Whether a day, counted from 5 January 2026, is the 15th or the last of its month.
fn is_payday(day: usize) -> bool {
    let date = jiff::civil::date(2026, 1, 5).saturating_add(jiff::Span::new().days(day as i64));
    date.day() == 15 || date.day() == date.days_in_month()
}

impl Weather {
    pub(crate) fn new(world: World, steps: usize, hurt: bool, chance: &mut Chance) -> Self {
        let noise = world.noise();
        let harder = world == World::Harder;
        let vacation = HISTORY / DAY - 21 + 7 * chance.below(5);
        let mut weather = Self { around_the_clock: Vec::new(), factors: Vec::new(), night: None };
        for _ in 0..POINTS {
            let around = chance.unit() < 0.3;
            weather.around_the_clock.push(around);
            let (mut of_day, mut of_hour, mut open) = (1.0, 1.0, OPEN);
            let factor = (0..steps).map(|step| {
                let day = step / DAY;
                if step % DAY == 0 {
                    of_day = chance.factor(noise.day);
                    let shift = |chance: &mut Chance| {
                        if harder && chance.unit() < 0.1 { chance.between(-1.0, 1.0) } else { 0.0 }
                    };
                    open = (OPEN.0 + shift(chance), OPEN.1 + shift(chance));
                }
                if step % 12 == 0 {
                    of_hour = chance.factor(noise.hour);
                }
                // One in the history; and, where false alarms are counted, a Monday, so that a
                // Monday follows on it.
                let holiday = day == 8 || (!hurt && day == HISTORY / DAY + 6);
                shape(hour_of_day(step), day % 7, around, open)
                    * of_day
                    * of_hour
                    * (1.0 + noise.growth * step as f64 / WEEK as f64)
                    * if holiday { 0.25 } else { 1.0 }
                    * if harder && is_payday(day) { 1.5 } else { 1.0 }
                    * if harder && (vacation..vacation + 7).contains(&day) { 0.7 } else { 1.0 }
            });
            let factor = factor.collect();
            weather.factors.push(factor);
        }
        // The second option of a routing point that never closes.
        let never = weather.around_the_clock.iter().position(|around| *around);
        weather.night = never.filter(|_| harder).map(|point| point * OPTIONS + 1);
        weather
    }

    /// An outage of an hour in every second routing point, a campaign of three hours in the others.
    /// Gives back the outages.
    pub(crate) fn outages_and_campaigns(
        &mut self,
        weeks: usize,
        chance: &mut Chance,
    ) -> Vec<(usize, usize, usize)> {
        let mut outages = Vec::new();
        for (point, factors) in self.factors.iter_mut().enumerate() {
            let start = HISTORY + (point % (7 * weeks)) * DAY + 100 + chance.below(60);
            let (lasts, left) = if point % 2 == 0 { (12, 0.0) } else { (36, 2.5) };
            factors[start..start + lasts].iter_mut().for_each(|factor| *factor *= left);
            if point % 2 == 0 {
                outages.push((point, start, start + lasts));
            }
        }
        outages
    }

    /// An outage of all of the operation for half an hour; gives it back.
    pub(crate) fn silence(&mut self) -> (usize, usize) {
        let start = HISTORY + 3 * DAY + 130;
        for factors in &mut self.factors {
            factors[start..start + 6].fill(0.0);
        }
        (start, start + 6)
    }

    pub(crate) fn steps(&self) -> usize {
        self.factors[0].len()
    }

    /// Whether an option is used at this step at all, as a factor.
    fn at_night(&self, option: usize, step: usize) -> f64 {
        let night = hour_of_day(step) < 5.0 || hour_of_day(step) >= 22.0;
        match self.night {
            Some(only) if only == option => {
                if night {
                    8.0
                } else {
                    0.0
                }
            }
            _ => 1.0,
        }
    }

    /// What is left of an option's busiest rate.
    pub(crate) fn factor(&self, option: usize, step: usize) -> f64 {
        self.factors[option / OPTIONS][step] * self.at_night(option, step)
    }

    /// The same without noise, growth and the like.
    pub(crate) fn usual(&self, option: usize, step: usize) -> f64 {
        let around = self.around_the_clock[option / OPTIONS];
        shape(hour_of_day(step), step / DAY % 7, around, OPEN) * self.at_night(option, step)
    }
}
