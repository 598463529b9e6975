//! Time zones by name.
//!
//! Owns the look-up in the zone database and the hint after a name that is not in it.

use jiff::tz::{self, TimeZone};

use crate::config::read::suggest;

/// At most so many suggestions: a list is no help.
const MOST_HINTS: usize = 3;

/// Reads an IANA name such as `America/Bogota`, whatever its case.
pub(crate) fn parse(text: &str) -> Result<TimeZone, String> {
    let name = text.trim();
    match TimeZone::get(name) {
        // jiff also knows a zone that means "unknown"; a server's clock is somewhere.
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err(format!("{name:?} is no time zone of the IANA database{}", suggestion(name))),
    }
}

fn suggestion(name: &str) -> String {
    if let Some(fixed) = fixed_offset(name) {
        return format!(
            "; for a clock that never changes write `{fixed}`: there the sign is the other way round"
        );
    }
    let zones: Vec<String> = tz::db().available().map(|zone| zone.to_string()).collect();
    let city = name.replace(' ', "_");
    let same_city =
        |zone: &&String| zone.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&city));
    let found: Vec<String> =
        zones.iter().filter(same_city).take(MOST_HINTS).map(|zone| format!("`{zone}`")).collect();
    if found.is_empty() {
        let meant = suggest::did_you_mean(&city, zones.iter().map(String::as_str));
        return if meant.is_empty() { "; a name looks like `America/Bogota`".to_owned() } else { meant };
    }
    format!("; did you mean {}?", found.join(" or "))
}

/// `UTC-5` is what people write for what the database calls `Etc/GMT+5`.
fn fixed_offset(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let offset = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper);
    let (sign, hours) = match offset.split_at_checked(1)? {
        ("-", hours) => ('+', hours),
        ("+", hours) => ('-', hours),
        _ => return None,
    };
    let hours: u8 = hours.strip_suffix(":00").unwrap_or(hours).parse().ok()?;
    let zone = format!("Etc/GMT{sign}{hours}");
    TimeZone::get(&zone).is_ok().then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        for (text, name) in
            [("America/Bogota", "America/Bogota"), (" america/lima ", "America/Lima"), ("UTC", "UTC")]
        {
            assert_eq!(parse(text).expect(text).iana_name(), Some(name));
        }
    }

    #[test]
    fn suggests_what_was_meant() {
        for (text, hint) in [
            ("America/Bogotá", "`America/Bogota`"),
            ("Bogota", "`America/Bogota`"),
            ("mexico city", "`America/Mexico_City`"),
            ("Amercia/Lima", "`America/Lima`"),
            ("UTC-5", "`Etc/GMT+5`"),
            ("-05:00", "`Etc/GMT+5`"),
            ("GMT+2", "`Etc/GMT-2`"),
            ("nowhere at all", "looks like"),
            ("", "looks like"),
            ("é", "looks like"),
            ("Etc/Unknown", "is no time zone"),
        ] {
            let refusal = parse(text).expect_err(text);
            assert!(refusal.contains(hint), "{text}: {refusal}");
        }
    }
}
