//! The forecast of one day from earlier weeks: expected hits of every option by slot, and the hits
//! of every routing point week by week.
//!
//! Owns a day's forecast and the data from which it was derived, so that it is derived again when
//! these have changed. It must not read the day itself: today's level is applied elsewhere.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    DAY, SLOT, SLOTS,
    day::Day,
    history::History,
    limits::{AROUND, AROUND_LEAST, LEVEL_PRIOR, WEEKS},
    moment::{Holidays, midnight},
};

/// Expected hits of one option by slot, and the number of weeks behind each. Nothing is expected in
/// a slot without a week.
pub(super) struct Expected {
    pub(super) hits: [f32; SLOTS],
    pub(super) weeks: [u8; SLOTS],
}

/// Hits of one routing point by slot, in each earlier week, counting the options of which something
/// is expected; `NAN` where unknown.
pub(super) type Weeks = [[f32; SLOTS]; WEEKS];

/// The forecast of one day.
pub(super) struct DayForecast {
    pub(super) day: i32,
    basis: Basis,
    /// By place of the option.
    pub(super) options: Vec<Option<Box<Expected>>>,
    /// By number of the routing point.
    pub(super) points: Vec<Box<Weeks>>,
    weeks: Vec<Option<Week>>,
    /// The slot, counted from 1970, of each option's first hit.
    first: Vec<Option<i64>>,
}

/// The data from which a forecast was derived.
#[derive(PartialEq)]
struct Basis {
    days: Vec<(i32, SameDay)>,
    covered: Vec<Range<i64>>,
    points: usize,
    generation: u64,
    holidays: Vec<bool>,
}

/// A day that is compared by its address.
struct SameDay(Arc<Day>);

impl PartialEq for SameDay {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Basis {
    fn of(history: &History, day: i32, points: usize, holidays: &Holidays) -> Self {
        let last = day - 5;
        Self {
            days: history.days(..last).map(|(day, known)| (day, SameDay(known.clone()))).collect(),
            covered: history.covered(i64::MIN / 2..midnight(last)).collect(),
            points,
            generation: history.generation(),
            holidays: (1..=WEEKS as i32).map(|week| holidays.has(day - 7 * week)).collect(),
        }
    }
}

/// Slots of a day with [`AROUND`] slots of the day before and of the day after.
const WIDE: usize = SLOTS + 2 * AROUND;

impl DayForecast {
    /// Returns true if deriving the forecast again would not change it.
    pub(super) fn is_current(&self, history: &History, points: usize, holidays: &Holidays) -> bool {
        self.basis == Basis::of(history, self.day, points, holidays)
    }

    /// Derives the forecast of a day. `point_of` has the number of each option's routing point, by
    /// place.
    pub(super) fn new(
        history: &History,
        day: i32,
        point_of: &[usize],
        points: usize,
        holidays: &Holidays,
    ) -> Self {
        let weeks: Vec<Option<Week>> = (1..=WEEKS as i32)
            .map(|week| {
                Some(day - 7 * week)
                    .filter(|day| !holidays.has(*day))
                    .map(|day| Week::new(history, day))
            })
            .collect();
        let mut forecast = Self {
            day,
            basis: Basis::of(history, day, points, holidays),
            options: std::iter::repeat_with(|| None).take(point_of.len()).collect(),
            points: weeks_of_points(points, &weeks),
            weeks,
            first: first_hits(history, day - 6, point_of.len()),
        };
        let mut options_of = vec![Vec::new(); points];
        for (option, point) in point_of.iter().enumerate() {
            options_of[*point].push(option);
        }
        for (point, options) in options_of.iter().enumerate() {
            forecast.expect(point, options);
        }
        forecast.sharpen(point_of);
        forecast
    }

    /// Finds the expectations of the options of one routing point, and adds up its hits of the
    /// earlier weeks.
    fn expect(&mut self, point: usize, options: &[usize]) {
        let rates: Vec<WeekRates> = options
            .iter()
            .map(|option| {
                let mut rates = WeekRates::default();
                self.weeks(*option).for_each(|(week, of_week)| rates[week] = Some(of_week));
                rates
            })
            .collect();
        let around = around(&rates);
        for (option, rates) in options.iter().zip(&rates) {
            let Some(expected) = expected(rates, &around) else { continue };
            for (week, sum) in self.weeks.iter().zip(self.points[point].iter_mut()) {
                let Some(week) = week else { continue };
                let hits = week.hits(*option, &expected.weeks);
                sum.iter_mut().zip(hits).for_each(|(sum, hits)| *sum += hits);
            }
            self.options[*option] = Some(expected);
        }
    }

    /// Reduces the expectation next to an opening or closing, where the average around a slot is
    /// too high. This is done by routing point, then for the whole operation, because each routing
    /// point alone may have too few hits to show when all open.
    fn sharpen(&mut self, point_of: &[usize]) {
        let mut around = vec![[0.0_f64; SLOTS]; self.points.len()];
        for (expected, point) in self.options.iter().zip(point_of) {
            let Some(expected) = expected else { continue };
            around[*point]
                .iter_mut()
                .zip(expected.hits)
                .for_each(|(sum, hits)| *sum += f64::from(hits));
        }
        let mut edges: Vec<[f32; SLOTS]> = self
            .points
            .iter()
            .zip(&around)
            .map(|(weeks, around)| std::array::from_fn(|slot| edge_of(weeks, around[slot], slot)))
            .collect();
        let operation = self.weeks_of_operation();
        for slot in 0..SLOTS {
            let of_points = around.iter().zip(&edges);
            let left = of_points.map(|(around, edge)| around[slot] * f64::from(edge[slot])).sum();
            let of_all = edge_of(&operation, left, slot);
            edges.iter_mut().for_each(|edge| edge[slot] *= of_all);
        }
        for (expected, point) in self.options.iter_mut().zip(point_of) {
            let Some(expected) = expected else { continue };
            expected.hits.iter_mut().zip(edges[*point]).for_each(|(hits, edge)| *hits *= edge);
        }
    }

    /// Returns the hits of all routing points in each earlier week, by slot.
    fn weeks_of_operation(&self) -> Weeks {
        let mut sum = [[0.0; SLOTS]; WEEKS];
        for (sum, week) in sum.iter_mut().zip(0..) {
            for weeks in &self.points {
                sum.iter_mut().zip(weeks[week]).for_each(|(sum, hits)| *sum += hits);
            }
        }
        sum
    }

    /// Returns the hits of a routing point in an earlier week, without the options that are `gone`.
    pub(super) fn week_of_point(&self, point: usize, week: usize, gone: &[usize]) -> [f32; SLOTS] {
        let mut sum = self.points[point][week];
        for option in gone {
            let (Some(expected), Some(week)) = (&self.options[*option], &self.weeks[week]) else {
                continue;
            };
            let hits = week.hits(*option, &expected.weeks);
            sum.iter_mut().zip(hits).for_each(|(sum, hits)| *sum -= hits);
        }
        sum
    }

    /// Returns the earlier weeks of an option, the newest first, without holidays. They are
    /// computed on each call, because few callers need them.
    pub(super) fn weeks(&self, option: usize) -> impl Iterator<Item = (usize, Rates)> {
        let first = self.first.get(option).copied().flatten();
        let weeks = self.weeks.iter().enumerate();
        weeks.filter_map(move |(number, week)| Some((number, week.as_ref()?.rates(option, first?))))
    }
}

/// Returns the share of the expectation `around` a slot that remains in the slot itself.
fn edge_of(weeks: &Weeks, around: f64, slot: usize) -> f32 {
    let mut slots = [0.0; WEEKS];
    let mut known = 0;
    for hits in weeks.iter().map(|week| week[slot]).filter(|hits| !hits.is_nan()) {
        slots[known] = hits;
        known += 1;
    }
    edge(around as f32, &mut slots[..known])
}

/// Returns the share of the hits `around` a slot that remains in the slot itself, next to an
/// opening or closing. It is 1 unless the median of the slot's hits in each week is lower than
/// chance allows: a deviance above 8, with a relative variance of 0.04.
pub(super) fn edge(around: f32, slots: &mut [f32]) -> f32 {
    let usual = around * slots.len() as f32;
    let Some(seen) = median(slots).map(|middle| middle * slots.len() as f32) else { return 1.0 };
    if super::deviance::below(seen.into(), usual.into(), 0.04) > 8.0 {
        (seen / usual).min(1.0)
    } else {
        1.0
    }
}

/// Returns the sums of each routing point before any option is added: 0 in each covered slot, `NAN`
/// elsewhere.
fn weeks_of_points(points: usize, weeks: &[Option<Week>]) -> Vec<Box<Weeks>> {
    let mut empty = [[f32::NAN; SLOTS]; WEEKS];
    for (sums, week) in empty.iter_mut().zip(weeks) {
        for (slot, sum) in sums.iter_mut().enumerate() {
            if week.as_ref().is_some_and(|week| week.covered[slot + AROUND]) {
                *sum = 0.0;
            }
        }
    }
    vec![Box::new(empty); points]
}

/// Returns the slot, counted from 1970, of each option's first hit before a day.
fn first_hits(history: &History, before: i32, options: usize) -> Vec<Option<i64>> {
    let mut first = vec![None; options];
    for (day, known) in history.days(..before) {
        for option in known.options().filter(|option| *option < options) {
            if first[option].is_none() {
                let slots = known.hits(option);
                let at = slots.iter().position(|hits| *hits > 0);
                first[option] = at.map(|at| midnight(day) / SLOT + at as i64);
            }
        }
    }
    first
}

/// The same weekday of an earlier week, with the slots around it.
struct Week {
    days: [Option<Arc<Day>>; 3],
    /// The first slot of the wide day, counted from 1970.
    base: i64,
    covered: [bool; WIDE],
    /// Number of covered slots around each slot.
    known: [u32; SLOTS],
}

impl Week {
    fn new(history: &History, day: i32) -> Self {
        let base = midnight(day) / SLOT - AROUND as i64;
        let covered = std::array::from_fn(|at| history.has_slot(base + at as i64));
        let known = std::array::from_fn(|at| {
            covered[at..=at + 2 * AROUND].iter().map(|covered| u32::from(*covered)).sum()
        });
        let days = [day - 1, day, day + 1]
            .map(|day| history.days(day..=day).next().map(|(_, known)| known.clone()));
        Self { days, base, covered, known }
    }

    /// Returns the hits of an option in the wide day; 0 where it is not covered.
    fn wide(&self, option: usize) -> [u32; WIDE] {
        let [before, hits, after] = [0, 1, 2].map(|day| self.hits_of_day(day, option));
        let mut wide = [0; WIDE];
        wide[..AROUND].copy_from_slice(&before[SLOTS - AROUND..]);
        wide[AROUND..AROUND + SLOTS].copy_from_slice(&hits);
        wide[AROUND + SLOTS..].copy_from_slice(&after[..AROUND]);
        wide.iter_mut().zip(self.covered).for_each(|(hits, covered)| *hits *= u32::from(covered));
        wide
    }

    /// Returns the hits per slot around each slot; `NAN` where too little is covered or the option
    /// had not been entered before.
    fn rates(&self, option: usize, first: i64) -> Rates {
        let mut rates = Rates { around: [f32::NAN; SLOTS], near: [0.0; SLOTS] };
        if first >= self.base + SLOTS as i64 {
            return rates;
        }
        let wide = self.wide(option);
        let mut sum: u32 = wide[..2 * AROUND].iter().sum();
        for at in 0..SLOTS {
            sum += wide[at + 2 * AROUND];
            if self.known[at] >= AROUND_LEAST && first < self.base + at as i64 {
                rates.around[at] = sum as f32 / self.known[at] as f32;
                rates.near[at] = wide[at + AROUND] as f32;
            }
            sum -= wide[at];
        }
        rates
    }

    /// Returns the hits of an option in the slots of the day in which something is expected of it.
    fn hits(&self, option: usize, weeks: &[u8; SLOTS]) -> [f32; SLOTS] {
        let hits = self.hits_of_day(1, option);
        std::array::from_fn(|slot| if weeks[slot] > 0 { hits[slot] as f32 } else { 0.0 })
    }

    /// Returns the hits of an option by slot on the day before (0), the day itself (1) or the day
    /// after (2).
    fn hits_of_day(&self, day: usize, option: usize) -> [u32; SLOTS] {
        self.days[day].as_ref().map_or([0; SLOTS], |known| known.hits(option))
    }
}

/// Hits of one option in one week, by slot.
pub(super) struct Rates {
    /// Hits per slot, averaged around each slot; `NAN` where unknown.
    pub(super) around: [f32; SLOTS],
    /// Hits of each slot.
    pub(super) near: [f32; SLOTS],
}

/// The rates of one option in each earlier week; `None` where the week or the option is not known.
type WeekRates = [Option<Rates>; WEEKS];

/// Returns the hits per slot of a routing point, averaged around each slot of each earlier week, of
/// those of its options that were known then; `NAN` where none was.
fn around(options: &[WeekRates]) -> Weeks {
    let mut sums = [[f32::NAN; SLOTS]; WEEKS];
    for rates in options {
        for (sums, rates) in sums.iter_mut().zip(rates) {
            let Some(rates) = rates else { continue };
            let known = sums.iter_mut().zip(rates.around).filter(|(_, rate)| !rate.is_nan());
            known.for_each(|(sum, rate)| *sum = if sum.is_nan() { rate } else { *sum + rate });
        }
    }
    sums
}

/// Returns the expected hits, from the weeks that are known; an option that is used only at certain
/// hours is expected only then.
///
/// All options of a routing point use the same weeks. Whether these disagree is decided for the
/// routing point and for the option's share of it. The hits of a new option in few weeks count for
/// less where the others had more hits than usual in them.
fn expected(rates: &WeekRates, of_point: &Weeks) -> Option<Box<Expected>> {
    let mut expected = Expected { hits: [0.0; SLOTS], weeks: [0; SLOTS] };
    for slot in 0..SLOTS {
        let (mut around, mut near) = ([0.0; WEEKS], [0.0; WEEKS]);
        let (mut point, mut alike) = ([0.0; WEEKS], [0.0; WEEKS]);
        let (mut others, mut others_ever) = ([0.0; WEEKS], [0.0; WEEKS]);
        let mut weeks = 0;
        let mut ever = 0;
        for (rates, of_point) in rates.iter().zip(of_point) {
            let of_point = of_point[slot];
            let own = rates.as_ref().filter(|rates| !rates.around[slot].is_nan());
            if of_point.is_nan() {
                continue;
            }
            others_ever[ever] = of_point - own.map_or(0.0, |own| own.around[slot]);
            if let Some(own) = own {
                (around[weeks], near[weeks]) = (own.around[slot], own.near[slot]);
                others[weeks] = others_ever[ever];
                point[weeks] = of_point;
                alike[weeks] = around[weeks] / of_point.max(f32::MIN_POSITIVE);
                weeks += 1;
            }
            ever += 1;
        }
        let level = median(&mut point[..weeks]).unwrap_or(0.0);
        alike.iter_mut().for_each(|hits| *hits *= level);
        let disagree = disagree(&mut point[..weeks], AROUND_SLOTS)
            || disagree(&mut alike[..weeks], AROUND_SLOTS);
        let mut hits = middle(&mut around[..weeks], disagree).unwrap_or(0.0);
        hits *= edge(hits, &mut near[..weeks]);
        if weeks < ever {
            let known = median(&mut others[..weeks]).unwrap_or(0.0);
            let usual = median(&mut others_ever[..ever]).unwrap_or(0.0);
            hits *= ((usual + AROUND_PRIOR) / (known + AROUND_PRIOR)).min(1.0);
        }
        expected.hits[slot] = hits;
        expected.weeks[slot] = weeks as u8;
    }
    expected.weeks.iter().any(|weeks| *weeks > 0).then(|| Box::new(expected))
}

/// Returns the median; of an even number of values the mean of the two in the middle.
pub(super) fn median(values: &mut [f32]) -> Option<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Returns the usual hits of some weeks: their median, or the lower of the two in the middle if
/// these disagree. `slots` is the number of slots that each value averages.
pub(super) fn usual(weeks: &mut [f32], slots: f32) -> Option<f32> {
    let disagree = disagree(weeks, slots);
    middle(weeks, disagree)
}

/// Returns true if two of the weeks were unlike the other two: of an even number, the two in the
/// middle differ by more than chance and noise.
fn disagree(weeks: &mut [f32], slots: f32) -> bool {
    weeks.sort_unstable_by(f32::total_cmp);
    let middle = weeks.len() / 2;
    if middle == 0 || !weeks.len().is_multiple_of(2) {
        return false;
    }
    let low = f64::from(weeks[middle - 1] * slots);
    let high = f64::from(weeks[middle] * slots);
    super::deviance::below(low, high, 0.04) > 8.0
}

/// Returns the median. Of an even number of values that `disagree`, it is the lower of the two in
/// the middle, because a false fall wakes somebody up.
fn middle(weeks: &mut [f32], disagree: bool) -> Option<f32> {
    let median = median(weeks)?;
    Some(if disagree { weeks[(weeks.len() - 1) / 2] } else { median })
}

/// Number of slots around a moment, itself included.
pub(super) const AROUND_SLOTS: f32 = (2 * AROUND + 1) as f32;
/// Weight, in hits per slot, of the usual level as a prior of the level of a routing point's other
/// options.
const AROUND_PRIOR: f32 = LEVEL_PRIOR as f32 / AROUND_SLOTS;

/// Returns the number of each option's routing point, by place, and the routing points' labels by
/// number.
pub(super) fn routing_points(history: &History) -> (Vec<usize>, Vec<model::PointLabels>) {
    let mut numbers = BTreeMap::new();
    let mut labels = Vec::new();
    let point_of = history
        .labels()
        .iter()
        .map(|option| {
            *numbers.entry(&option.point).or_insert_with(|| {
                labels.push(option.point.clone());
                labels.len() - 1
            })
        })
        .collect();
    (point_of, labels)
}

const _: () = assert!(SLOTS as i64 * SLOT == DAY);

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the weeks of an option with the given hits per slot in each.
    fn weeks(hits: [f32; WEEKS]) -> WeekRates {
        hits.map(|hits| Some(Rates { around: [hits; SLOTS], near: [hits; SLOTS] }))
    }

    #[test]
    fn the_options_of_a_routing_point_stand_on_the_same_weeks() {
        let point = [30.0, 80.0, 90.0, 35.0].map(|hits| [hits; SLOTS]);
        let usual = |hits| expected(&weeks(hits), &point).expect("four weeks").hits[0];
        // The large option shows by itself that two weeks differ from the others; a small one, and
        // one that had an incident, follow the routing point.
        assert_eq!(usual([20.0, 60.0, 70.0, 25.0]), 25.0);
        assert_eq!(usual([0.3, 0.8, 0.9, 0.4]), 0.4);
        assert_eq!(usual([2.0, 8.0, 0.0, 3.0]), 2.0);
        let calm = [100.0, 102.0, 98.0, 101.0].map(|hits| [hits; SLOTS]);
        // The weeks of one option alone disagree.
        assert_eq!(
            expected(&weeks([3.0, 9.0, 10.0, 2.0]), &calm).expect("four weeks").hits[0],
            3.0
        );
        assert_eq!(
            expected(&weeks([8.0, 9.0, 10.0, 7.0]), &calm).expect("four weeks").hits[0],
            8.5
        );
    }

    #[test]
    fn a_new_option_s_only_week_counts_for_less_if_it_was_a_busy_one() {
        let point = [60.0, 30.0, 32.0, 28.0].map(|hits| [hits; SLOTS]);
        let new = |hits| expected(&weeks([hits, f32::NAN, f32::NAN, f32::NAN]), &point);
        let hits = new(20.0).expect("one week").hits[0];
        assert!((15.0..16.0).contains(&hits), "{hits}");
        // An option that replaces the others is no evidence about their level.
        assert_eq!(new(60.0).expect("one week").hits[0], 60.0);
    }
}
