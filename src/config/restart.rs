//! Settings that a running process cannot change.

use crate::config::{Config, Problem, setting::changed_until_restart};

/// Returns the settings that hold from start to end of a process and that `wanted` changes.
///
/// Addresses are compared as written, because a name that resolves to another address is not a
/// change of the configuration.
pub fn needs_restart(running: &Config, wanted: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    changed_until_restart(&running.poll, &wanted.poll, &mut problems);
    changed_until_restart(&running.menu, &wanted.menu, &mut problems);
    changed_until_restart(&running.journey, &wanted.journey, &mut problems);
    changed_until_restart(&running.baseline, &wanted.baseline, &mut problems);
    changed_until_restart(&running.state, &wanted.state, &mut problems);
    changed_until_restart(&running.web, &wanted.web, &mut problems);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        BaselineConfig, JourneyConfig, ListenAddress, MenuConfig, PollConfig, StateConfig,
        WebConfig,
    };

    fn config() -> Config {
        Config {
            targets: Vec::new(),
            poll: PollConfig::default(),
            menu: MenuConfig::default(),
            journey: JourneyConfig::default(),
            baseline: BaselineConfig::default(),
            state: StateConfig { path: "a.redb".into() },
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
        assert_eq!(needs_restart(&running, &wanted), []);

        wanted.poll.requests_in_flight = 3;
        wanted.state.path = "b.redb".into();
        wanted.web.listen_addresses = vec![ListenAddress::any(1), ListenAddress::any(2)];
        wanted.web.telemetry_path = "/m".to_owned();
        wanted.web.config_file = Some("web.yml".into());
        wanted.web.enable_lifecycle = true;
        let said: Vec<String> =
            needs_restart(&running, &wanted).iter().map(Problem::to_string).collect();
        let expected = [
            "poll.requests_in_flight: changed from 64 to 3",
            "state.path: changed from a.redb to b.redb",
            r#"web.listen_addresses: changed from [":10013"] to [":1", ":2"]"#,
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
