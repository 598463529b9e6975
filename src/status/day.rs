//! The hits of the last day, ranked for people: the most entered options, and the sum of the
//! others.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use serde::Serialize;

use super::form;
use crate::{
    baseline::{HOURS, History},
    model::{LocalSecond, MenuLabels, Names, OptionKind, OptionKinds, PointLabels},
    schedule::local_second,
};

/// Most routing points, each with its channel, that are shown separately; the others are summed up.
const MOST_POINTS: usize = 12;
/// Most options of a routing point that are shown separately; the others are summed up.
const MOST_OPTIONS: usize = 6;

/// Hits of the 24 hours of the server's wall clock that end with the hour of the watermark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// First second of the first hour.
    #[serde(rename = "from", serialize_with = "form::local")]
    pub first: LocalSecond,
    /// The watermark.
    #[serde(serialize_with = "form::local")]
    pub until: LocalSecond,
    /// First second that is known, if it is later than the first hour's.
    #[serde(serialize_with = "form::local_if_known")]
    pub known_from: Option<LocalSecond>,
    /// Hits of all routing points.
    pub hits: u64,
    /// By routing point and channel, most hits first.
    #[serde(rename = "routing_points")]
    pub points: Vec<PointDay>,
    /// Sum of the routing points that are not among `points`.
    pub rest: Option<Remainder>,
}

/// One routing point and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointDay {
    /// Labels of the routing point.
    #[serde(flatten, serialize_with = "form::point")]
    pub labels: PointLabels,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Hits of all its options.
    pub hits: u64,
    /// By option, most hits first.
    pub options: Vec<OptionDay>,
    /// Sum of the options that are not among `options`.
    pub rest: Option<Remainder>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptionDay {
    /// Code of the option.
    #[serde(rename = "cod_opc_menu")]
    pub code: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its meaning to the operator.
    #[serde(serialize_with = "form::kind")]
    pub kind: OptionKind,
    /// Hits of all hours.
    pub hits: u64,
    /// By hour, oldest first.
    pub hourly: [u64; HOURS],
}

/// The sum of everything that is not shown separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remainder {
    /// Routing points or options in it.
    pub number: usize,
    /// Their hits.
    pub hits: u64,
    /// By hour, oldest first.
    pub hourly: [u64; HOURS],
}

/// Summarizes the day before `watermark`, from the history.
pub fn day(
    history: &History,
    watermark: Timestamp,
    zone: &TimeZone,
    names: &Names,
    kinds: &OptionKinds,
) -> Day {
    let until = local_second(watermark, zone);
    // The hour that ends at the watermark or contains it.
    let newest = (until - 1).hour();
    let mut points: BTreeMap<&PointLabels, Vec<OptionDay>> = BTreeMap::new();
    for (MenuLabels { point, option }, hourly) in history.last_day(newest) {
        points.entry(point).or_default().push(OptionDay {
            code: option.to_string(),
            name: names.option_at(&point.rp_id, option).map(str::to_owned),
            kind: kinds.kind(option),
            hits: hourly.iter().sum(),
            hourly,
        });
    }
    let points: Vec<PointDay> = points
        .into_iter()
        .map(|(labels, options)| PointDay {
            name: names.routing_point(&labels.rp_id).map(str::to_owned),
            labels: labels.clone(),
            hits: options.iter().map(|option| option.hits).sum(),
            rest: None,
            options,
        })
        .collect();
    let hits = points.iter().map(|point| point.hits).sum();
    let (mut points, rest) = fold(
        points,
        MOST_POINTS,
        |point| point.hits,
        |point| {
            std::array::from_fn(|hour| point.options.iter().map(|option| option.hourly[hour]).sum())
        },
    );
    for point in &mut points {
        let options = std::mem::take(&mut point.options);
        (point.options, point.rest) =
            fold(options, MOST_OPTIONS, |option| option.hits, |option| option.hourly);
    }
    let first = LocalSecond::new((newest - HOURS as i64 + 1) * 3600);
    let known_from =
        Some(history.known_since(until).unwrap_or(until)).filter(|known| *known > first);
    Day { first, until, known_from, hits, points, rest }
}

/// Sorts by hits, most first, keeps `most`, and sums up the others. A single other one is kept as
/// well.
fn fold<T>(
    mut all: Vec<T>,
    most: usize,
    hits: impl Fn(&T) -> u64,
    hourly: impl Fn(&T) -> [u64; HOURS],
) -> (Vec<T>, Option<Remainder>) {
    // Stable, so that of equals the first by name comes first.
    all.sort_by_key(|one| std::cmp::Reverse(hits(one)));
    if all.len() <= most + 1 {
        return (all, None);
    }
    let folded = all.split_off(most);
    let mut rest = Remainder { number: folded.len(), hits: 0, hourly: [0; HOURS] };
    for one in &folded {
        rest.hits += hits(one);
        for (sum, hits) in rest.hourly.iter_mut().zip(hourly(one)) {
            *sum += hits;
        }
    }
    (all, Some(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::HistoryDelta;

    /// 2026-01-18 12:35 in Bogotá, and the hour that begins at 12:00 there.
    const WATERMARK: &str = "2026-01-18T17:35:00Z";
    const NEWEST: i64 = 1_768_737_600 / 3600;
    /// Two days earlier.
    const BEFORE: LocalSecond = LocalSecond::new((NEWEST - 48) * 3600);

    fn of(hits: &[(&str, &str, i64, u32)], known_from: LocalSecond, watermark: &str) -> Day {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let watermark: Timestamp = watermark.parse().unwrap();
        let (mut history, mut delta) = (History::new(35), HistoryDelta::default());
        for (number, (_, _, hour, hits)) in hits.iter().enumerate() {
            delta.rows(number as u32, LocalSecond::new((NEWEST - hour) * 3600), 1, None, *hits);
        }
        let labels: Vec<_> = hits
            .iter()
            .map(|(point, option, ..)| MenuLabels::new(point, "voice", option))
            .collect();
        history.apply(&delta, |number| labels.get(number as usize));
        history.cover(known_from, local_second(watermark, &zone));
        let mut names = Names::default();
        names.routing_points.insert("10".to_owned(), "Principal".to_owned());
        names.options.insert("1".to_owned(), "Ventas".to_owned());
        names
            .options_at
            .entry("11".to_owned())
            .or_default()
            .insert("1".to_owned(), "Soporte".to_owned());
        day(&history, watermark, &zone, &names, &OptionKinds::default())
    }

    #[test]
    fn hours_are_those_of_the_servers_clock_and_the_last_one_has_the_watermark() {
        let day = of(
            &[("10", "1", 0, 5), ("10", "PULSE", 23, 2), ("10", "old", 24, 9)],
            BEFORE,
            WATERMARK,
        );
        assert_eq!((day.until - day.first, day.hits), (23 * 3600 + 35 * 60, 7));
        let options = &day.points[0].options;
        assert_eq!((options[0].hourly[23], options[1].hourly[0]), (5, 2));
        assert_eq!(
            (options[0].name.as_deref(), options[1].name.as_deref()),
            (Some("Ventas"), None)
        );
        assert_eq!(options[1].kind, OptionKind::NoInput);
        assert_eq!((options.len(), day.points[0].name.as_deref()), (2, Some("Principal")));
        // At one o'clock sharp, the hour from twelve is the last, and whole.
        let sharp = of(&[("10", "1", 0, 5)], BEFORE, "2026-01-18T18:00:00Z");
        assert_eq!(
            (sharp.until - sharp.first, sharp.points[0].options[0].hourly[23]),
            (24 * 3600, 5)
        );
    }

    #[test]
    fn an_option_has_the_name_of_its_routing_point() {
        let day = of(&[("10", "1", 0, 5), ("11", "1", 0, 4)], BEFORE, WATERMARK);
        let names: Vec<_> =
            day.points.iter().map(|point| point.options[0].name.as_deref()).collect();
        assert_eq!(names, [Some("Ventas"), Some("Soporte")]);
    }

    #[test]
    fn what_was_known_only_later_is_said() {
        let first = LocalSecond::new((NEWEST - 23) * 3600);
        assert_eq!(of(&[], first, WATERMARK).known_from, None);
        assert_eq!(of(&[], first + 1, WATERMARK).known_from, Some(first + 1));
    }

    #[test]
    fn the_rest_is_folded_and_nothing_is_lost() {
        let options: Vec<String> = (0..30).map(|n| format!("{n:02}")).collect();
        let hits: Vec<_> =
            options.iter().zip(1..).map(|(o, hits)| ("10", o.as_str(), 3, hits)).collect();
        let day = of(&hits, BEFORE, WATERMARK);
        let point = &day.points[0];
        assert_eq!((point.options[0].code.as_str(), point.options.len()), ("29", MOST_OPTIONS));
        let rest = point.rest.as_ref().unwrap();
        assert_eq!((rest.number, rest.hits, rest.hourly[20]), (24, 300, 300));
        assert_eq!((point.hits, day.hits, day.rest.is_none()), (465, 465, true));

        let all = of(&hits[..MOST_OPTIONS + 1], BEFORE, WATERMARK);
        assert_eq!(
            (all.points[0].options.len(), all.points[0].rest.is_none()),
            (MOST_OPTIONS + 1, true)
        );

        let points: Vec<String> = (0..20).map(|n| format!("{n}")).collect();
        let hits: Vec<_> = points.iter().map(|point| (point.as_str(), "1", 0, 2)).collect();
        let day = of(&hits, BEFORE, WATERMARK);
        assert_eq!((day.points.len(), day.hits), (MOST_POINTS, 40));
        assert_eq!(
            day.rest.as_ref().map(|rest| (rest.number, rest.hits, rest.hourly[23])),
            Some((8, 16, 16))
        );
    }
}
