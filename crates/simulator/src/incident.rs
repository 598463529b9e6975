//! An incident of the invented contact centre: for some time an option is chosen less, or not at
//! all.
//!
//! Owns the choice of the rows that an incident removes, and its form on the command line. The
//! choice is a pure function of the row, so that repeated requests get the same rows.

use super::interaction::Row;
use super::menus::ROUTING_POINTS;
use super::random::Random;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An option that is chosen less for some time, as when its key was removed from the diagram.
/// Callers who would have chosen it go on to the next option.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionIncident {
    /// The routing point, as in the rows.
    pub rp_id: String,
    /// The option, as in the rows.
    pub cod_opc_menu: String,
    /// Share of its rows that remains, 0 to 1.
    pub left: f64,
    /// Factor on the share of callers who hang up behind it.
    pub hang_ups: f64,
    /// First second of the incident.
    pub from: Timestamp,
    /// First second after the incident.
    pub until: Timestamp,
}

impl OptionIncident {
    /// Makes an incident that removes all rows of an option, at all times.
    pub fn of(rp_id: &str, cod_opc_menu: &str) -> Self {
        Self {
            rp_id: rp_id.to_owned(),
            cod_opc_menu: cod_opc_menu.to_owned(),
            left: 0.0,
            hang_ups: 1.0,
            from: Timestamp::MIN,
            until: Timestamp::MAX,
        }
    }

    /// Returns true if the incident removes a row.
    pub(super) fn takes(&self, row: &Row) -> bool {
        self.is_of(row)
            && !Random::of(row.interaction.key, &[4, row.second.into()]).chance(self.left)
    }

    /// Returns true if a row is of the option and dated within the incident.
    pub(super) fn is_of(&self, row: &Row) -> bool {
        (self.from.as_second()..self.until.as_second()).contains(&row.date)
            && row.interaction.point.id == self.rp_id
            && row.code == self.cod_opc_menu
    }
}

/// An incident as written on the command line, such as
/// `from=-2h,until=30m,left=0.2,rp_id=4628,cod_opc_menu=VENTAS_HOGAR`.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenIncident {
    option: OptionIncident,
    from: WrittenMoment,
    until: Option<WrittenMoment>,
}

/// A moment as written on the command line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum WrittenMoment {
    /// Time since the start of the simulator; negative for before it.
    FromStart(SignedDuration),
    /// Time on the server's wall clock.
    Local(DateTime),
}

impl WrittenIncident {
    /// Parses an incident. The error is a message for the user.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // The code comes last, because it may hold anything.
        let (settings, code) = text.split_once("cod_opc_menu=").ok_or(
            "write it as from=-2h,until=30m,left=0.2,rp_id=4628,cod_opc_menu=VENTAS_HOGAR",
        )?;
        let mut incident = Self {
            option: OptionIncident::of("", code),
            from: WrittenMoment::FromStart(SignedDuration::ZERO),
            until: None,
        };
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let (name, value) =
                setting.split_once('=').ok_or_else(|| format!("{setting:?} has no ="))?;
            match name {
                "from" => incident.from = WrittenMoment::parse(value)?,
                "until" => incident.until = Some(WrittenMoment::parse(value)?),
                "left" => incident.option.left = share(value)?,
                "rp_id" => value.clone_into(&mut incident.option.rp_id),
                _ => {
                    return Err(format!(
                        "{name:?} is none of from, until, left, rp_id, cod_opc_menu"
                    ));
                }
            }
        }
        let OptionIncident { rp_id, cod_opc_menu, .. } = &incident.option;
        let point = ROUTING_POINTS.iter().find(|point| point.id == rp_id).ok_or_else(|| {
            let known: Vec<&str> = ROUTING_POINTS.iter().map(|point| point.id).collect();
            format!("rp_id is none of {}", known.join(", "))
        })?;
        if point.option(cod_opc_menu).is_none() {
            let known: Vec<&str> = point.options.iter().map(|option| option.code).collect();
            return Err(format!("cod_opc_menu is none of {}", known.join(", ")));
        }
        Ok(incident)
    }

    /// Resolves its moments for a server in this zone that starts at `start`.
    pub(super) fn resolve(self, start: Timestamp, zone: &TimeZone) -> OptionIncident {
        let from = self.from.resolve(start, zone).unwrap_or(Timestamp::MIN);
        let until =
            self.until.and_then(|until| until.resolve(start, zone)).unwrap_or(Timestamp::MAX);
        OptionIncident { from, until, ..self.option }
    }
}

impl WrittenMoment {
    fn parse(text: &str) -> Result<Self, String> {
        let from_start = text.parse().map(Self::FromStart);
        from_start.or_else(|_| text.parse().map(Self::Local)).map_err(|_| {
            format!(
                "{text:?} is neither a time from the start, such as -2h or 10m, nor a moment, such \
                 as 2026-11-30T10:50"
            )
        })
    }

    /// Returns the instant, unless it is out of range.
    fn resolve(self, start: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::FromStart(time) => start.checked_add(time).ok(),
            Self::Local(local) => zone.to_timestamp(local).ok(),
        }
    }
}

/// Parses a share.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OptionIncident, String> {
        let start = "2026-01-19T15:00:00Z".parse().unwrap();
        let zone = TimeZone::get("America/Bogota").unwrap();
        WrittenIncident::parse(text).map(|written| written.resolve(start, &zone))
    }

    #[test]
    fn an_incident_is_written_with_times_from_the_start_or_of_the_servers_clock() {
        let dead = OptionIncident::of("4628", "VENTAS_HOGAR");
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        for (text, expected) in [
            (
                "rp_id=4628,cod_opc_menu=VENTAS_HOGAR",
                OptionIncident { from: at("2026-01-19T15:00:00Z"), ..dead.clone() },
            ),
            (
                "from=-2h,until=10m,left=0.25,rp_id=4628,cod_opc_menu=VENTAS_HOGAR",
                OptionIncident {
                    from: at("2026-01-19T13:00:00Z"),
                    until: at("2026-01-19T15:10:00Z"),
                    left: 0.25,
                    ..dead.clone()
                },
            ),
            (
                "rp_id=4628,from=2026-01-19T09:30,cod_opc_menu=VENTAS_HOGAR",
                OptionIncident { from: at("2026-01-19T14:30:00Z"), ..dead },
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        // A code may hold anything.
        let odd = "rp_id=10,cod_opc_menu=Pagos \\ PSE \"en línea\"";
        assert_eq!(
            read(odd).map(|incident| incident.cod_opc_menu),
            Ok("Pagos \\ PSE \"en línea\"".to_owned())
        );
    }

    #[test]
    fn what_is_wrong_with_an_incident_is_said() {
        for (text, reason) in [
            ("VENTAS_HOGAR", "write it as from="),
            ("rp_id=9,cod_opc_menu=1", "rp_id is none of 10, 4628,"),
            ("rp_id=10,cod_opc_menu=VENTAS_HOGAR", "cod_opc_menu is none of 1, 2, 3,"),
            ("rp_id=10,left=2,cod_opc_menu=1", "\"2\" is not a number from 0 to 1"),
            ("rp_id=10,from=soon,cod_opc_menu=1", "\"soon\" is neither a time from the start"),
            ("rp_id=10,to=5m,cod_opc_menu=1", "\"to\" is none of from, until,"),
            ("rp_id,cod_opc_menu=1", "\"rp_id\" has no ="),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
