//! The last day's hits of a target: a card for each routing point, with a small chart for each option.

use maud::{Markup, html};

use super::chart;
use crate::{
    baseline::HOURS,
    i18n::{Language, count, say},
    model::LocalSecond,
    status::{Day, PointDay, StatusText, TargetStatus, civil},
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
    let hourly = point.options.iter().map(|option| &option.hourly).chain(rest.map(|rest| &rest.hourly));
    let scale = hourly.flatten().copied().max().unwrap_or(0);
    let row = |name: &str, code: Option<&str>, hits: u64, hourly: &[u64; HOURS]| {
        html! {
            tr {
                td.name { (name) @if let Some(code) = code { " " small { (code) } } }
                td.chart { (chart::bars(hourly, scale, unknown_hours(day), &words(hourly, hits, day, language))) }
                td.number { (count(hits, language)) }
            }
        }
    };
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
            table {
                thead.hidden {
                    tr {
                        @for name in [StatusText::Option, StatusText::ByHour, StatusText::Hits] {
                            th scope="col" { (say(name, language, &[])) }
                        }
                    }
                }
                tbody {
                    @for option in &point.options {
                        // A name that equals the code adds nothing.
                        @let name = option.name.as_deref().filter(|name| *name != option.code);
                        (row(name.unwrap_or(&option.code), name.map(|_| &*option.code), option.hits, &option.hourly))
                    }
                    @if let Some(rest) = rest {
                        @let number = [("number", count(rest.number as u64, language))];
                        (row(&say(StatusText::MoreOptions, language, &number), None, rest.hits, &rest.hourly))
                    }
                }
                tfoot aria-hidden="true" {
                    tr {
                        th {}
                        th.chart {
                            div.axis {
                                @for hours in [0, 12, 24] { span { (clock(day.first + hours * 3600)) } }
                            }
                        }
                        th {}
                    }
                }
            }
        }
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
