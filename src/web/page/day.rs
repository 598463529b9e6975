//! The last day's hits of a target: a card for each routing point, with a small chart for each option.

use std::fmt::{self, Write as _};

use super::{Escaped, chart};
use crate::{
    i18n::{Language, count, say},
    ledger::HOURS,
    status::{Day, PointDay, StatusText, TargetStatus, local},
};

pub(super) fn section(target: &TargetStatus, language: Language, page: &mut String) -> fmt::Result {
    let day = &target.day;
    writeln!(page, "<h3>{}</h3>", say(StatusText::LastDay, language, &[]))?;
    let values = [
        ("hits", count(day.hits, language)),
        ("zone", target.zone.iana_name().unwrap_or("UTC").replace('_', " ")),
        ("from", clock(day.first)),
        ("until", clock(day.until)),
        ("time", day.known_from.map(clock).unwrap_or_default()),
    ];
    let mut words = say(StatusText::DayRange, language, &values);
    if day.known_from.is_some() {
        write!(words, " {}", say(StatusText::KnownFrom, language, &values))?;
    }
    if day.points.is_empty() {
        write!(words, " {}", say(StatusText::NoHits, language, &[]))?;
        return writeln!(page, "<p class=\"quiet\">{}</p>", Escaped(words));
    }
    write!(words, " {}", say(StatusText::OneScale, language, &[]))?;
    writeln!(page, "<p class=\"quiet\">{}</p>\n<div class=\"points\">", Escaped(words))?;
    for point in &day.points {
        card(point, day, language, page)?;
    }
    writeln!(page, "</div>")?;
    if let Some(rest) = &day.rest {
        let number = count(rest.number as u64, language);
        let values = [("number", number), ("hits", count(rest.hits, language))];
        writeln!(page, "<p class=\"quiet\">{}</p>", Escaped(say(StatusText::MorePoints, language, &values)))?;
    }
    Ok(())
}

fn card(point: &PointDay, day: &Day, language: Language, page: &mut String) -> fmt::Result {
    let labels = &point.labels;
    let name = point.name.as_deref().unwrap_or(&labels.rp_id);
    let code = if point.name.is_some() { format!("{} · ", labels.rp_id) } else { String::new() };
    writeln!(
        page,
        "<div><h4>{} <small>{}{} · {}</small></h4>\n<table><thead class=\"hidden\"><tr><th scope=\"col\">{}</th><th \
         scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        Escaped(name),
        Escaped(code),
        Escaped(&*labels.channel),
        say(StatusText::PointHits, language, &[("hits", count(point.hits, language))]),
        say(StatusText::Option, language, &[]),
        say(StatusText::ByHour, language, &[]),
        say(StatusText::Hits, language, &[]),
    )?;
    let rest = point.rest.as_ref();
    let scale = point.options.iter().map(|option| &option.hourly).chain(rest.map(|rest| &rest.hourly));
    let scale = scale.flatten().copied().max().unwrap_or(0);
    let mut row = |name: &str, code: &str, hits: u64, hourly: &[u64; HOURS]| {
        write!(page, "<tr><td class=\"name\">{}", Escaped(name))?;
        if !code.is_empty() {
            write!(page, " <small>{}</small>", Escaped(code))?;
        }
        page.push_str("</td><td class=\"chart\">");
        chart::bars(page, hourly, scale, unknown_hours(day), &words(hourly, hits, day, language))?;
        writeln!(page, "</td><td class=\"number\">{}</td></tr>", count(hits, language))
    };
    for option in &point.options {
        // A name that is the code says nothing more.
        let name = option.name.as_deref().filter(|name| *name != option.code);
        let code = name.map_or("", |_| &option.code);
        row(name.unwrap_or(&option.code), code, option.hits, &option.hourly)?;
    }
    if let Some(rest) = rest {
        let number = count(rest.number as u64, language);
        row(&say(StatusText::MoreOptions, language, &[("number", number)]), "", rest.hits, &rest.hourly)?;
    }
    writeln!(
        page,
        "</tbody><tfoot aria-hidden=\"true\"><tr><th></th><th class=\"chart\"><div class=\"axis\"><span>{}</span><span>{}\
         </span><span>{}</span></div></th><th></th></tr></tfoot></table></div>",
        clock(day.first),
        clock(day.first + 12 * 3600),
        clock(day.first + 24 * 3600)
    )
}

/// What a chart shows, in words.
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

/// Whole hours, and the begun one, of which not all is known.
fn unknown_hours(day: &Day) -> usize {
    let unknown = day.known_from.map_or(0, |known| (known - day.first).div_euclid(3600));
    usize::try_from(unknown).unwrap_or(0).min(HOURS)
}

/// What the server's clock shows.
fn clock(seconds: i64) -> String {
    let time = local(seconds);
    format!("{:02}:{:02}", time.hour(), time.minute())
}
