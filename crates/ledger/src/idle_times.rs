//! The time without a row after which an interaction has left the menu, as [`IdleTimes`].

use std::{collections::BTreeMap, time::Duration};

/// The time without a row after which an interaction has left the menu, by channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleTimes {
    /// The time of channels that have none of their own.
    pub idle: Duration,
    /// Times of single channels, by the value of the label `channel`.
    pub by_channel: BTreeMap<String, Duration>,
}

impl IdleTimes {
    /// Returns the idle time of a channel.
    pub fn of(&self, channel: &str) -> Duration {
        self.by_channel.get(channel).copied().unwrap_or(self.idle)
    }

    /// Returns the idle time of a channel, in whole seconds.
    pub fn seconds(&self, channel: &str) -> i64 {
        i64::try_from(self.of(channel).as_secs()).unwrap_or(i64::MAX)
    }

    /// Returns the longest idle time of all channels.
    pub fn longest(&self) -> Duration {
        self.by_channel.values().copied().fold(self.idle, Duration::max)
    }
}

impl From<Duration> for IdleTimes {
    /// Uses the same time for every channel.
    fn from(idle: Duration) -> Self {
        Self { idle, by_channel: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_may_have_its_own() {
        let mut idle = IdleTimes::from(Duration::from_secs(1800));
        idle.by_channel.insert("chat-whatsapp".to_owned(), Duration::from_secs(7200));
        assert_eq!(idle.seconds("chat-whatsapp"), 7200);
        assert_eq!(idle.seconds("voice"), 1800);
        assert_eq!(idle.longest(), Duration::from_secs(7200));
    }
}
