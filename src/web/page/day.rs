//! The last day's hits of a target: a card for each routing point, with a small chart for each
//! option.

use maud::{Markup, html};

use super::chart;
use crate::{
    baseline::HOURS,
    i18n::{Language, count, say},
    model::LocalSecond,
    status::{Day, OptionDay, PointDay, Remainder, StatusText, TargetStatus, civil},
};

pub(super) fn section(target: &TargetStatus, language: Language) -> Markup {
    let day = &target.day;
    html! {
        h3 { (say(StatusText::LastDay, language, &[])) }
        p.quiet { (in_words(target, language)) }
        @if !day.points.is_empty() {
            div.points { @for point in &day.points { (card(point, day, language)) } }
            @if let Some(rest) = &day.rest {
                @let number = count(rest.number as u64, language);
                @let values = [("number", number), ("hits", count(rest.hits, language))];
                p.quiet { (say(StatusText::MorePoints, language, &values)) }
            }
        }
    }
}

/// Writes the charts' caption and how to read them.
fn in_words(target: &TargetStatus, language: Language) -> String {
    let day = &target.day;
    let values = [
        ("hits", count(day.hits, language)),
        ("zone", target.zone.iana_name().unwrap_or("UTC").replace('_', " ")),
        ("from", clock(day.first)),
        ("until", clock(day.until)),
        ("time", day.known_from.map(clock).unwrap_or_default()),
    ];
    let known = day.known_from.map(|_| StatusText::KnownFrom);
    let scale = if day.points.is_empty() { StatusText::NoHits } else { StatusText::OneScale };
    let sentences = [Some(StatusText::DayRange), known, Some(scale)].into_iter().flatten();
    sentences.map(|sentence| say(sentence, language, &values)).collect::<Vec<_>>().join(" ")
}

fn card(point: &PointDay, day: &Day, language: Language) -> Markup {
    let labels = &point.labels;
    let rest = point.rest.as_ref();
    let hourly =
        point.options.iter().map(|option| &option.hourly).chain(rest.map(|rest| &rest.hourly));
    let scale = hourly.flatten().copied().max().unwrap_or(0);
    let point_hits = say(StatusText::PointHits, language, &[("hits", count(point.hits, language))]);
    html! {
        div {
            h4 {
                (point.name.as_deref().unwrap_or(&labels.rp_id)) " "
                small {
                    @if point.name.is_some() { (labels.rp_id) " · " }
                    (labels.channel) " · " (point_hits)
                }
            }
            div.scroll {
                table {
                    thead.hidden {
                        tr {
                            @for name in [StatusText::Option, StatusText::ByHour, StatusText::Hits] {
                                th scope="col" { (say(name, language, &[])) }
                            }
                        }
                    }
                    tbody {
                        @for option in &point.options { (option_row(option, scale, day, language)) }
                        @if let Some(rest) = rest { (rest_row(rest, scale, day, language)) }
                    }
                    tfoot aria-hidden="true" {
                        tr {
                            th {}
                            th.chart {
                                div.axis {
                                    @for hours in [0, 12, 24] {
                                        span { (clock(day.first + hours * 3600)) }
                                    }
                                }
                            }
                            th {}
                        }
                    }
                }
            }
        }
    }
}

fn option_row(option: &OptionDay, scale: u64, day: &Day, language: Language) -> Markup {
    let OptionDay { code, hits, hourly, .. } = option;
    html! {
        tr {
            td.name {
                @match option.name.as_deref() {
                    // A name that equals the code adds nothing.
                    Some(name) if name != code => { (name) " " small { (code) } }
                    _ => { (code) }
                }
            }
            (chart_cells(hourly, *hits, scale, day, language))
        }
    }
}

fn rest_row(rest: &Remainder, scale: u64, day: &Day, language: Language) -> Markup {
    let number = [("number", count(rest.number as u64, language))];
    html! {
        tr {
            td.name { (say(StatusText::MoreOptions, language, &number)) }
            (chart_cells(&rest.hourly, rest.hits, scale, day, language))
        }
    }
}

/// Writes the chart of a row, in which a full bar is `scale` hits, and its sum.
fn chart_cells(
    hourly: &[u64; HOURS],
    hits: u64,
    scale: u64,
    day: &Day,
    language: Language,
) -> Markup {
    let words = words(hourly, hits, day, language);
    html! {
        td.chart { (chart::bars(hourly, scale, unknown_hours(day), &words)) }
        td.number { (count(hits, language)) }
    }
}

/// Describes a chart in words.
fn words(hourly: &[u64; HOURS], hits: u64, day: &Day, language: Language) -> String {
    let peak = hourly.iter().copied().max().unwrap_or(0);
    let hour = hourly.iter().position(|hits| *hits == peak).unwrap_or(0);
    let begin = day.first + hour as i64 * 3600;
    let values = [
        ("hits", count(hits, language)),
        ("from", clock(begin)),
        ("to", clock(begin + 3600)),
        ("peak", count(peak, language)),
    ];
    say(StatusText::Chart, language, &values)
}

/// Counts whole hours, and the current one.
fn unknown_hours(day: &Day) -> usize {
    let unknown = day.known_from.map_or(0, |known| (known - day.first).div_euclid(3600));
    usize::try_from(unknown).unwrap_or(0).min(HOURS)
}

/// Formats a moment of the server's clock.
fn clock(second: LocalSecond) -> String {
    let time = civil(second);
    format!("{:02}:{:02}", time.hour(), time.minute())
}
