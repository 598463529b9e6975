//! Findings in rows: the time zone, lateness, and shapes of fields.

use std::io;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::{
    i18n::span,
    schedule::instant,
    wolkvox::{FieldPattern, FieldSample},
};

/// Seconds in the future from which a row is dated in another zone.
const FUTURE: i64 = 300;
/// Age in seconds above which a row does not show lateness.
const RECENT: i64 = 1800;
/// Most patterns shown of one field.
const PATTERNS: usize = 3;

/// Names of zones by their hours from UTC, as suggestions.
const ZONES: [(i64, &str); 8] = [
    (-8, "America/Los_Angeles"),
    (-7, "America/Denver"),
    (-6, "America/Costa_Rica, America/Mexico_City"),
    (-5, "America/Bogota, America/Lima"),
    (-4, "America/La_Paz, America/Santo_Domingo"),
    (-3, "America/Argentina/Buenos_Aires, America/Sao_Paulo"),
    (0, "UTC"),
    (1, "Europe/Madrid"),
];

/// Checks the configured zone. Returns false if the rows contradict it.
pub(super) fn zone(
    sample: &FieldSample,
    zone: &TimeZone,
    now: Timestamp,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    let name = zone.iana_name().unwrap_or("?").to_owned();
    if let Some((offset, rows)) = sample.foreign_offset() {
        let offset = i64::from(offset);
        let values = [("zone", name), ("offset", utc(offset)), ("rows", rows.to_string())];
        report.line(Mark::Todo, Text::Zone, Text::ZoneOffset, &values)?;
        report
            .remedy(Text::ZoneOffsetRemedy, &[("offset", utc(offset)), ("zones", zones(offset))])?;
        return Ok(false);
    }
    let Some(shift) = sample.shift() else {
        let newest = sample.newest().and_then(|newest| instant(newest, zone));
        if newest.is_some_and(|newest| newest.as_second() - now.as_second() > FUTURE) {
            report.line(Mark::Todo, Text::Zone, Text::ZoneFuture, &[("zone", name)])?;
            report.remedy(Text::ZoneUnknownRemedy, &[])?;
            return Ok(false);
        }
        report.line(Mark::Note, Text::Zone, Text::ZoneUnknown, &[("zone", name)])?;
        return Ok(true);
    };
    let values =
        [("zone", name), ("calls", shift.calls.to_string()), ("shift", span(shift.seconds))];
    if !shift.is_wrong_zone() {
        report.line(Mark::Good, Text::Zone, Text::ZoneGood, &values)?;
        return Ok(true);
    }
    let text = if shift.seconds > 0 { Text::ZoneAhead } else { Text::ZoneBehind };
    report.line(Mark::Todo, Text::Zone, text, &values)?;
    let offset = i64::from(zone.to_offset(now).seconds()) + shift.seconds;
    report.remedy(Text::ZoneRemedy, &[("offset", utc(offset)), ("zones", zones(offset))])?;
    Ok(false)
}

/// Formats an offset as `UTC-05:00`.
fn utc(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() / 60 % 60)
}

fn zones(offset: i64) -> String {
    let hours = offset / 3600;
    if offset % 3600 != 0 {
        return "-".to_owned();
    }
    // The names of the zone database count westward.
    let named =
        ZONES.iter().find(|(known, _)| *known == hours).map(|(_, names)| (*names).to_owned());
    named.unwrap_or_else(|| format!("Etc/GMT{:+}", -hours))
}

/// Prints the age of the newest row.
pub(super) fn lateness(
    sample: &FieldSample,
    zone: &TimeZone,
    now: Timestamp,
    zone_is_right: bool,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let newest = sample.newest().and_then(|newest| instant(newest, zone));
    let Some(newest) = newest.filter(|_| zone_is_right) else {
        return report.line(Mark::Note, Text::Lateness, Text::LatenessUnknown, &[]);
    };
    let age = (now.as_second() - newest.as_second()).max(0);
    let text = if age > RECENT { Text::LatenessOld } else { Text::LatenessSeen };
    report.line(Mark::Note, Text::Lateness, text, &[("age", span(age))])
}

/// Prints the shape of every field.
pub(super) fn shapes(sample: &FieldSample, report: &mut Report<'_>) -> io::Result<()> {
    let values = [("rows", sample.rows().to_string()), ("undated", sample.undated().to_string())];
    if sample.undated() > 0 {
        report.line(Mark::Todo, Text::Fields, Text::Undated, &values)?;
        report.remedy(Text::UndatedRemedy, &[])?;
    } else {
        report.line(Mark::Good, Text::Fields, Text::FieldShapes, &values)?;
    }
    for field in sample.fields() {
        let text = shape(&field, sample.rows(), report);
        report.item(field.name, &text)?;
    }
    let others: Vec<&str> = sample.others().collect();
    if !others.is_empty() {
        report.line(
            Mark::Note,
            Text::Fields,
            Text::OtherFields,
            &[("names", others.join(", "))],
        )?;
    }
    if sample.unreadable() > 0 {
        let values = [("number", sample.unreadable().to_string())];
        report.line(Mark::Note, Text::Fields, Text::Unreadable, &values)?;
    }
    Ok(())
}

fn shape(field: &FieldPattern, rows: u64, report: &Report<'_>) -> String {
    let share = (field.present * 100 / rows.max(1)).to_string();
    let mut values = vec![("share", share)];
    if field.present == 0 {
        return report.say(Text::FieldAbsent, &values);
    }
    let Some((least, most)) = field.lengths else {
        return report.say(Text::FieldPersonal, &values);
    };
    values.push((
        "length",
        if least == most { least.to_string() } else { format!("{least}-{most}") },
    ));
    let patterns = field.patterns.iter().take(PATTERNS).map(|pattern| format!("`{pattern}`"));
    let mut patterns: Vec<String> = patterns.collect();
    if field.patterns.len() > PATTERNS {
        patterns.push("...".to_owned());
    }
    values.push(("patterns", patterns.join(", ")));
    report.say(Text::FieldPattern, &values)
}

#[cfg(test)]
mod tests {
    use super::{super::Language, *};
    use crate::wolkvox::Element;

    #[test]
    fn offsets_have_names() {
        for (offset, written, names) in [
            (-5 * 3600, "UTC-05:00", "America/Bogota, America/Lima"),
            (0, "UTC+00:00", "UTC"),
            (9 * 3600, "UTC+09:00", "Etc/GMT-9"),
            (-9 * 3600, "UTC-09:00", "Etc/GMT+9"),
            (19_800, "UTC+05:30", "-"),
        ] {
            assert_eq!((utc(offset).as_str(), zones(offset).as_str()), (written, names));
        }
        for (hours, names) in ZONES {
            for name in names.split(", ") {
                let winter = "2026-01-18T12:00:00Z".parse().unwrap();
                let zone = TimeZone::get(name).unwrap();
                assert_eq!(i64::from(zone.to_offset(winter).seconds()), hours * 3600, "{name}");
            }
        }
    }

    #[test]
    fn an_offset_in_the_dates_speaks_against_another_zone() {
        let now: Timestamp = "2026-01-19T00:40:00Z".parse().unwrap();
        for (name, right) in [("America/Bogota", true), ("UTC", false)] {
            let configured = TimeZone::get(name).unwrap();
            let mut sample = FieldSample::new(configured.clone());
            let row = r#"{"rp_id":"10","conn_id":"x","date":"2026-01-18T19:34:31-05:00"}"#;
            sample.take(Element::Value(row.as_bytes()));
            let mut out = Vec::new();
            let mut report = Report::new(&mut out, Language::En);
            assert_eq!(zone(&sample, &configured, now, &mut report).unwrap(), right, "{name}");
            let out = String::from_utf8(out).unwrap();
            assert_eq!(
                out.contains("UTC-05:00") && out.contains("America/Bogota"),
                !right,
                "{name}: {out}"
            );
        }
    }

    /// Identifiers of chats have no readable second.
    #[test]
    fn without_calls_only_the_future_tells() {
        let now: Timestamp = "2026-01-19T00:40:00Z".parse().unwrap();
        for (name, right, text) in [
            // 19:34 there, which is 00:34Z.
            ("America/Bogota", true, "[--] zone"),
            ("America/Costa_Rica", false, "rows are dated in the future"),
        ] {
            let configured = TimeZone::get(name).unwrap();
            let mut sample = FieldSample::new(configured.clone());
            let row = r#"{"rp_id":"10","conn_id":"65f1a2b3c4d5e6f708192a3b","date":"2026-01-18 19:34:31"}"#;
            sample.take(Element::Value(row.as_bytes()));
            let mut out = Vec::new();
            let mut report = Report::new(&mut out, Language::En);
            assert_eq!(zone(&sample, &configured, now, &mut report).unwrap(), right, "{name}");
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(text), "{name}: {out}");
        }
    }
}
