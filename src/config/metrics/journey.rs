//! The end of an interaction in the menu: the settings of `journey`.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use crate::config::{
    Flags,
    read::{
        diagnostics::Diagnostics,
        duration::show,
        file::{ConfigFile, Scalar},
    },
    setting::{Bounds, Kind, bounded_seconds, listed, read_section, seconds, section},
};
use crate::{i18n::bilingual, ledger::IdleTimes};

const BOUNDS: Bounds<Duration> = Bounds::between(Duration::from_mins(1), Duration::from_hours(24));

section! {
    /// The end of an interaction's way through the menu.
    pub struct JourneyConfig: "journey", "Journeys", JourneyKeys {
        /// Time without a row after which an interaction has left the menu
        idle: Duration = seconds("30m", BOUNDS);
        /// The same time for single channels, by the value of the label `channel`
        idle_by_channel: BTreeMap<String, Duration> as BTreeMap<String, Scalar> =
            Kind::apart("", BTreeMap::new, shown, json!({"type": "object", "additionalProperties": {"type": "string"}}));
    }
}

impl JourneyConfig {
    /// Returns the idle times as the ledger takes them.
    pub fn idle_times(&self) -> IdleTimes {
        IdleTimes { idle: self.idle, by_channel: self.idle_by_channel.clone() }
    }
}

fn shown(by_channel: &BTreeMap<String, Duration>) -> Option<String> {
    let channels = by_channel.iter().map(|(channel, idle)| format!("{channel:?}: {}", show(*idle)));
    Some(format!("{{{}}}", listed(channels)))
}

/// Reads the section; returns nothing if a setting cannot be read. `label_length` is the longest
/// label value.
pub(crate) fn resolve(
    flags: &Flags<JourneyConfig>,
    file: &ConfigFile,
    label_length: usize,
    diagnostics: &mut Diagnostics,
) -> Option<JourneyConfig> {
    let mut journey = read_section(flags, file, &file.root.journey, diagnostics);
    for (channel, text) in &file.root.journey.idle_by_channel {
        let place = file.place(&text.referenced, "journey.idle_by_channel");
        let clean = channel.trim();
        if clean.is_empty()
            || clean.chars().any(char::is_control)
            || clean.chars().count() > label_length
        {
            let reason = bilingual!(
                "{channel:?} is no channel: write it as Wolkvox does, such as `chat-web`",
                "{channel:?} no es un canal: escríbalo como Wolkvox, por ejemplo `chat-web`"
            );
            diagnostics.problem(place, reason);
            continue;
        }
        let Some(idle) = diagnostics.keep(&place, bounded_seconds(&text.value, &BOUNDS)) else {
            continue;
        };
        if journey.config.idle_by_channel.insert(clean.to_owned(), idle).is_some() {
            let reason = bilingual!(
                "the channel {clean:?} stands here twice: keep one",
                "el canal {clean:?} está aquí dos veces: deje uno"
            );
            diagnostics.problem(place, reason);
        }
    }
    journey.sound.then_some(journey.config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_times_have_bounds() {
        for (text, seconds) in [("1m", 60), ("30m", 1800), ("24h", 86400), ("1d", 86400)] {
            assert_eq!(bounded_seconds(text, &BOUNDS), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["59s", "24h1s", "0s", "90.5s", "90"] {
            assert!(bounded_seconds(text, &BOUNDS).is_err(), "{text}");
        }
    }
}
