//! What a running process cannot change.

use crate::config::{Config, ListenAddress, Problem};

/// What `wanted` says otherwise than `running`, of that which holds from start to end of a process.
///
/// Addresses are compared as they were written: a name that is looked up to something else is no change of the
/// configuration.
pub fn needs_restart(running: &Config, wanted: &Config) -> Vec<Problem> {
    let fixed = |config: &Config| {
        let listen: Vec<String> = config.web.listen.iter().map(ListenAddress::to_string).collect();
        let file = config.web.config_file.as_ref().map(|path| path.display().to_string());
        [
            ("poll.requests_in_flight", config.poll.requests_in_flight.to_string()),
            ("state.path", config.state_path.display().to_string()),
            ("web.listen_addresses", listen.join(", ")),
            ("web.telemetry_path", config.web.telemetry_path.clone()),
            ("web.config_file", file.unwrap_or_else(|| "none".to_owned())),
            ("web.enable_lifecycle", config.web.lifecycle.to_string()),
            ("web.runbooks_url", config.web.runbooks_url.clone().unwrap_or_else(|| "none".to_owned())),
        ]
    };
    fixed(running)
        .into_iter()
        .zip(fixed(wanted))
        .filter(|((_, now), (_, then))| now != then)
        .map(|((key, now), (_, then))| Problem {
            place: key.to_owned(),
            message: format!("changed from {now} to {then}: that takes a restart, or change it back"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BaselineConfig, JourneyConfig, MetricsConfig, PollConfig, WebConfig};

    fn config() -> Config {
        Config {
            targets: Vec::new(),
            poll: PollConfig::default(),
            menu: MetricsConfig::default(),
            journey: JourneyConfig::default(),
            baseline: BaselineConfig::default(),
            state_path: "a.redb".into(),
            web: WebConfig::default(),
        }
    }

    #[test]
    fn only_what_is_fixed_at_the_start_takes_a_restart() {
        let running = config();
        let mut wanted = config();
        wanted.poll.interval *= 2;
        wanted.menu.series_limit = 7;
        wanted.journey.idle *= 2;
        wanted.baseline.weeks = 6;
        // Follows its file by itself.
        wanted.web.https = true;
        assert_eq!(needs_restart(&running, &wanted), []);

        wanted.poll.requests_in_flight = 3;
        wanted.state_path = "b.redb".into();
        wanted.web.listen = vec![ListenAddress::any(1), ListenAddress::any(2)];
        wanted.web.telemetry_path = "/m".to_owned();
        wanted.web.config_file = Some("web.yml".into());
        wanted.web.lifecycle = true;
        let said: Vec<String> = needs_restart(&running, &wanted).iter().map(Problem::to_string).collect();
        let expected = [
            "poll.requests_in_flight: changed from 64 to 3",
            "state.path: changed from a.redb to b.redb",
            "web.listen_addresses: changed from :10013 to :1, :2",
            "web.telemetry_path: changed from /metrics to /m",
            "web.config_file: changed from none to web.yml",
            "web.enable_lifecycle: changed from false to true",
        ];
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
