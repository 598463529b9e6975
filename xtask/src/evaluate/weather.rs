//! The traffic that the options of a routing point or of an operation have in common.
//!
//! Owns the shapes of day and week, noise, growth, holidays, outages and campaigns. The only
//! property of a single option here is when it is used.

use std::ops::Range;

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, HOUR, OPTIONS, POINTS, WEEK, date, hour_of_day},
};

/// A kind of simulated traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Growth of 1 % a week. Noise of 8 % a day and 4 % an hour for a routing point, and 4 % a day
    /// for an option and for each share. Poisson counts. Unannounced holidays: one in the history,
    /// and in a calm operation one a week before its last day.
    Usual,
    /// Growth of 5 % a week. Noise of 12 % a day and 20 % an hour for a routing point, 8 % a day
    /// for an option and for each share, and 8 % an hour for each share. Counts with a dispersion
    /// of 1.3. The holidays of the usual world, a week of school holidays, and 1.5 times the
    /// traffic on paydays. On one day in five, a routing point opens or closes up to an hour early
    /// or late. An option is used only at night. In a calm operation, a menu is renumbered at
    /// midnight.
    Harder,
}

/// The variation beyond chance. Noise is the standard deviation of the logarithm of a factor.
pub(crate) struct Variation {
    /// Noise of a routing point from day to day.
    day: f64,
    /// Noise of a routing point from hour to hour.
    hour: f64,
    /// Noise of an option from day to day.
    pub(crate) own: f64,
    /// Noise of each share from day to day.
    pub(crate) share: f64,
    /// Noise of each share from hour to hour.
    pub(crate) share_hour: f64,
    /// Dispersion of a count: variance over mean.
    pub(crate) dispersion: f64,
    /// Growth in a week, as a share of the traffic of the first one.
    growth: f64,
}

impl World {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Harder => "harder",
        }
    }

    pub(crate) fn variation(self) -> Variation {
        match self {
            Self::Usual => Variation {
                day: 0.08,
                hour: 0.04,
                own: 0.04,
                share: 0.04,
                share_hour: 0.0,
                dispersion: 1.0,
                growth: 0.01,
            },
            Self::Harder => Variation {
                day: 0.12,
                hour: 0.2,
                own: 0.08,
                share: 0.08,
                share_hour: 0.08,
                dispersion: 1.3,
                growth: 0.05,
            },
        }
    }
}

/// The common traffic of one operation.
pub(crate) struct Weather {
    /// True for each routing point that never closes.
    around_the_clock: Vec<bool>,
    /// Traffic by routing point and step, as a multiple of that of the busiest hour.
    factors: Vec<Vec<f64>>,
    /// The option that is used only at night.
    night: Option<usize>,
}

/// Traffic of each weekday as a share of Monday's, which comes first.
pub(crate) const WEEKDAYS: [f64; 7] = [1.0, 0.95, 0.95, 0.9, 1.0, 0.5, 0.25];

/// Usual opening hours.
pub(crate) const OPEN: Range<f64> = 7.0..19.0;

/// Returns the traffic at an hour as a share of that of Monday's busiest hour. Around the clock, it
/// never falls below a tenth of the day's highest.
fn shape(hour: f64, weekday: usize, around_the_clock: bool, open: &Range<f64>) -> f64 {
    let day = if around_the_clock {
        0.1 + 0.9 * bell(hour, 14.0, 4.0)
    } else if open.contains(&hour) {
        office_hours(hour)
    } else {
        0.0
    };
    day * WEEKDAYS[weekday]
}

/// Returns the traffic of an office while it is open: highest at 10:00, and again at 15:30.
pub(crate) fn office_hours(hour: f64) -> f64 {
    0.15 + 0.85 * (bell(hour, 10.0, 1.8) + 0.8 * bell(hour, 15.5, 1.8)).min(1.0)
}

/// Returns a bell curve that is 1 at `middle`.
pub(crate) fn bell(hour: f64, middle: f64, width: f64) -> f64 {
    (-((hour - middle) / width).powi(2) / 2.0).exp()
}

/// Returns true if a day, counted from the first, is the 15th or the last of its month.
fn is_payday(day: usize) -> bool {
    let date = date(day);
    date.day() == 15 || date.day() == date.days_in_month()
}

impl Weather {
    /// Draws the common traffic. `calm` is true for an operation without incidents, in which false
    /// alarms are counted.
    pub(crate) fn new(world: World, steps: usize, calm: bool, chance: &mut Chance) -> Self {
        let variation = world.variation();
        let harder = world == World::Harder;
        let vacation = HISTORY / DAY - 21 + 7 * chance.below(5);
        let mut weather = Self { around_the_clock: Vec::new(), factors: Vec::new(), night: None };
        for _ in 0..POINTS {
            let around = chance.unit() < 0.3;
            weather.around_the_clock.push(around);
            let mut of_day = 1.0;
            let mut of_hour = 1.0;
            let mut open = OPEN;
            let factor = (0..steps).map(|step| {
                let day = step / DAY;
                if step % DAY == 0 {
                    of_day = chance.factor(variation.day);
                    open = OPEN;
                    for hour in [&mut open.start, &mut open.end] {
                        if harder && chance.unit() < 0.1 {
                            *hour += chance.between(-1.0, 1.0);
                        }
                    }
                }
                if step % HOUR == 0 {
                    of_hour = chance.factor(variation.hour);
                }
                // One in the history. The other is a Monday; the next Monday is judged too, with
                // this one among its earlier weeks.
                let holiday = day == 8 || (calm && day == HISTORY / DAY + 6);
                shape(hour_of_day(step), day % 7, around, &open)
                    * of_day
                    * of_hour
                    * (1.0 + variation.growth * step as f64 / WEEK as f64)
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

    /// Adds an outage of an hour to every second routing point, and a campaign of three hours to
    /// the others. Returns the routing point of each outage, its first step and the step after it.
    pub(crate) fn outages_and_campaigns(
        &mut self,
        weeks: usize,
        chance: &mut Chance,
    ) -> Vec<(usize, usize, usize)> {
        let mut outages = Vec::new();
        for (point, factors) in self.factors.iter_mut().enumerate() {
            let start = HISTORY + (point % (7 * weeks)) * DAY + 100 + chance.below(60);
            if point % 2 == 0 {
                factors[start..start + HOUR].fill(0.0);
                outages.push((point, start, start + HOUR));
            } else {
                factors[start..start + 3 * HOUR].iter_mut().for_each(|factor| *factor *= 2.5);
            }
        }
        outages
    }

    /// Adds an outage of the whole operation, of half an hour. Returns its first step and the step
    /// after it.
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

    /// Returns the factor of an option's own hours: 1, or for the option that is used only at
    /// night, 8 from 22:00 to 5:00 and 0 otherwise.
    fn at_night(&self, option: usize, step: usize) -> f64 {
        if self.night != Some(option) {
            return 1.0;
        }
        let hour = hour_of_day(step);
        if (5.0..22.0).contains(&hour) { 0.0 } else { 8.0 }
    }

    /// Returns the traffic of an option in a step, as a multiple of that of its busiest hour.
    pub(crate) fn factor(&self, option: usize, step: usize) -> f64 {
        self.factors[option / OPTIONS][step] * self.at_night(option, step)
    }

    /// Returns the same without noise, growth, holidays, outages and campaigns.
    pub(crate) fn usual(&self, option: usize, step: usize) -> f64 {
        let around = self.around_the_clock[option / OPTIONS];
        shape(hour_of_day(step), step / DAY % 7, around, &OPEN) * self.at_night(option, step)
    }
}
