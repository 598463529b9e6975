//! When an interaction's way through the menu is over, from what was written.

use std::{collections::BTreeMap, time::Duration};

use crate::cli::JourneyArgs;
use crate::config::{
    JourneyConfig,
    read::{diagnostics::Diagnostics, duration, file::ConfigFile, precedence::setting},
};

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// `label_length` is the longest label value.
pub(crate) fn resolve(
    args: &JourneyArgs,
    file: &ConfigFile,
    label_length: usize,
    findings: &mut Diagnostics,
) -> Option<JourneyConfig> {
    let section = &file.root.journey;
    let (written, default) = ((&args.idle, &section.idle), JourneyConfig::default().idle);
    let idle = setting("journey.idle", written, default, (file, findings), idle);
    let mut by_channel = BTreeMap::new();
    for (channel, text) in &section.idle_by_channel {
        let place = file.place(&text.referenced, "journey.idle_by_channel");
        let clean = channel.trim();
        if clean.is_empty() || clean.chars().any(char::is_control) || clean.chars().count() > label_length {
            findings.problem(
                place,
                format!("{channel:?} is no channel: write it as Wolkvox does, such as `chat-web`"),
            );
            continue;
        }
        if let Some(idle) = findings.keep(&place, self::idle(&text.value))
            && by_channel.insert(clean.to_owned(), idle).is_some()
        {
            findings.problem(place, format!("the channel {clean:?} stands here twice: keep one"));
        }
    }
    Some(JourneyConfig { idle: idle?.value, by_channel })
}

fn idle(text: &str) -> Result<Duration, String> {
    let idle = duration::parse_seconds(text)?;
    if !(SHORTEST..=LONGEST).contains(&idle) {
        return Err(format!("an idle time of {} must be from 1m to 24h", duration::show(idle)));
    }
    Ok(idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_times_have_bounds() {
        for (text, seconds) in [("1m", 60), ("30m", 1800), ("24h", 86400), ("1d", 86400)] {
            assert_eq!(idle(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["59s", "24h1s", "0s", "90.5s", "90"] {
            assert!(idle(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_channel_may_have_its_own() {
        let mut journey = JourneyConfig::default();
        journey.by_channel.insert("chat-whatsapp".to_owned(), Duration::from_secs(7200));
        assert_eq!(journey.idle("chat-whatsapp"), Duration::from_secs(7200));
        assert_eq!(journey.idle("voice"), Duration::from_secs(1800));
    }
}
