//! Tests of flags and their environment variables, with and without a configuration file.

use super::*;

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let interval = |command: &mut Command| {
        let out = accepted(run(command.arg("--config.file=one-target.yml")));
        out.lines()
            .find_map(|line| line.strip_prefix("  interval: "))
            .expect("it is printed")
            .to_owned()
    };
    assert_eq!(interval(&mut checker()), "10m");
    assert_eq!(interval(checker().env("WOLKVOX_POLL_INTERVAL", "7m")), "7m");
    assert_eq!(interval(checker().env("WOLKVOX_POLL_INTERVAL", "")), "10m");
    assert_eq!(
        interval(checker().env("WOLKVOX_POLL_INTERVAL", "7m").arg("--poll.interval=6m")),
        "6m"
    );
    assert!(accepted(check_file("one-target.yml")).contains("lookback: 30m"));
}

#[test]
fn every_setting_has_a_flag_and_a_twin() {
    let twins = [
        ("wolkvox.server", "WOLKVOX_SERVER", "0108", "- name: \"0108\""),
        ("wolkvox.timezone", "WOLKVOX_TIMEZONE", "America/Lima", "timezone: America/Lima"),
        ("poll.interval", "WOLKVOX_POLL_INTERVAL", "6m", "  interval: 6m"),
        ("poll.settle-delay", "WOLKVOX_POLL_SETTLE_DELAY", "10s", "  settle_delay: 10s"),
        ("poll.lookback", "WOLKVOX_POLL_LOOKBACK", "1h", "  lookback: 1h"),
        ("poll.start-from", "WOLKVOX_POLL_START_FROM", "24h", "  start_from: 24h"),
        ("poll.max-clock-skew", "WOLKVOX_POLL_MAX_CLOCK_SKEW", "1h", "  max_clock_skew: 1h"),
        (
            "poll.requests-in-flight",
            "WOLKVOX_POLL_REQUESTS_IN_FLIGHT",
            "8",
            "  requests_in_flight: 8",
        ),
        ("state.path", "WOLKVOX_STATE_PATH", "a/b.redb", "  path: a/b.redb"),
        ("menu.zero-hold", "WOLKVOX_MENU_ZERO_HOLD", "0s", "  zero_hold: 0s"),
        ("menu.series-limit", "WOLKVOX_MENU_SERIES_LIMIT", "5", "  series_limit: 5"),
        ("menu.expire-after", "WOLKVOX_MENU_EXPIRE_AFTER", "0s", "  expire_after: 0s"),
        ("menu.fold-digits", "WOLKVOX_MENU_FOLD_DIGITS", "0", "  fold_digits: 0"),
        ("journey.idle", "WOLKVOX_JOURNEY_IDLE", "1h", "  idle: 1h"),
        ("baseline.warm-up", "WOLKVOX_BASELINE_WARM_UP", "0s", "  warm_up: 0s"),
        (
            "baseline.warm-up-requests",
            "WOLKVOX_BASELINE_WARM_UP_REQUESTS",
            "9",
            "  warm_up_requests: 9",
        ),
        ("baseline.weeks", "WOLKVOX_BASELINE_WEEKS", "8", "  weeks: 8"),
        (
            "baseline.holidays-file",
            "WOLKVOX_BASELINE_HOLIDAYS_FILE",
            "holidays.txt",
            "holidays: [2026-04-03]",
        ),
        ("names.from", "WOLKVOX_NAMES_FROM", "off", "  names: off"),
        (
            "names.file",
            "WOLKVOX_NAMES_FILE",
            "names.yml",
            "  names: vendor, and over them names.yml",
        ),
        ("web.listen-address", "WOLKVOX_WEB_LISTEN_ADDRESS", ":1,[::1]:2", "[\":1\", \"[::1]:2\"]"),
        ("web.telemetry-path", "WOLKVOX_WEB_TELEMETRY_PATH", "/m", "  telemetry_path: /m"),
        (
            "web.runbooks-url",
            "WOLKVOX_WEB_RUNBOOKS_URL",
            "https://w.example/r/",
            "  runbooks_url: https://w.example/r",
        ),
    ];
    for (flag, twin, value, line) in twins {
        let base = || {
            let mut command = checker();
            command.env("WOLKVOX_TOKEN", "fixture-token-0001");
            if flag != "wolkvox.server" {
                command.arg("--wolkvox.server=0042");
            }
            command
        };
        let by_flag = accepted(run(base().arg(format!("--{flag}={value}"))));
        let by_twin = accepted(run(base().env(twin, value)));
        assert!(by_flag.contains(line), "{line} in {by_flag}");
        assert_eq!(by_flag, by_twin, "{flag}");
    }
}

#[test]
fn the_rest_of_the_twins() {
    let mut command = exporter();
    command
        .env("WOLKVOX_CONFIG_CHECK", "true")
        .env("WOLKVOX_ALLOW_HTTP", "yes")
        .env("WOLKVOX_WEB_ENABLE_LIFECYCLE", "1")
        .env("WOLKVOX_LOG_LEVEL", "debug");
    command.env("WOLKVOX_SERVER", "http://wolkvox.example:8080").env("WOLKVOX_TOKEN_FILE", "token");
    let out = accepted(run(&mut command));
    assert!(
        out.contains("- name: \"wolkvox.example:8080\"") && out.contains("<secret> in token"),
        "{out}"
    );
    assert!(out.contains("  enable_lifecycle: true"), "{out}");
    let out = accepted(run(checker().env("WOLKVOX_CONFIG_FILE", "one-target.yml")));
    assert!(out.contains("- name: \"0042\""), "{out}");
}

#[test]
fn flags_of_one_target_are_refused_beside_several() {
    insta::assert_snapshot!(refused(run(checker().args(["--config.file=one-target.yml", "--wolkvox.server=0108"]))), @"error: --wolkvox.server (WOLKVOX_SERVER): the file has targets too: keep the flag or the targets, not both");
    let several = [
        "--config.file=full.yml",
        "--wolkvox.token-file=token",
        "--wolkvox.timezone=UTC",
        "--names.from=off",
        "--names.file=names.yml",
    ];
    insta::assert_snapshot!(refused(run(checker().args(several))), @r#"
    error: --wolkvox.token-file (WOLKVOX_TOKEN_FILE): the file has several targets: give each its own `token_file`
    error: --wolkvox.timezone (WOLKVOX_TIMEZONE): the file has several targets: give each its own `timezone`
    error: --names.from (WOLKVOX_NAMES_FROM): the file has several targets: give each its own `names.from`
    error: --names.file (WOLKVOX_NAMES_FILE): the file has several targets: give each its own `names.file`
    "#);
    let two_tokens = ["--wolkvox.server=0042", "--wolkvox.token-file=token"];
    insta::assert_snapshot!(refused(run(checker().args(two_tokens).env("WOLKVOX_TOKEN", "x"))), @"error: --wolkvox.token-file (WOLKVOX_TOKEN_FILE): WOLKVOX_TOKEN is set too: keep one of them");
}

#[test]
fn flags_are_checked_as_the_file_is() {
    let args = [
        "--wolkvox.server=0042",
        "--poll.interval=5x",
        "--web.listen-address=nowhere",
        "--wolkvox.timezone=x",
    ];
    insta::assert_snapshot!(refused(run(checker().args(args).env("WOLKVOX_TOKEN", "two words"))), @r#"
    error: --wolkvox.timezone (WOLKVOX_TIMEZONE): "x" is no time zone of the IANA database; a name looks like `America/Bogota`
    error: WOLKVOX_TOKEN: the variable holds a space, a line break or another character that no token has: it must be one word
    error: --poll.interval (WOLKVOX_POLL_INTERVAL): "5x" is not a duration: write it like 30s, 5m, 1h30m or 2d
    error: --web.listen-address (WOLKVOX_WEB_LISTEN_ADDRESS): "nowhere" has no colon: write `:10013` for every interface, or `host:10013`
    "#);
    let said =
        run(checker().args(["--wolkvox.server=http://192.0.2.1", "--wolkvox.token-file=token"]));
    assert!(refused(said).contains("--wolkvox.allow-http"));
}
