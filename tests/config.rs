//! The configuration, through the real binary: each bad input has a fixture and a message to act on.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;

/// What the binary said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

/// The binary in the fixtures' directory, with nothing of our own environment.
fn exporter() -> Command {
    // A checkout leaves permissions to the umask, and a token that everybody reads is a warning.
    restrict(&fixtures().join("token"), 0o600);
    let mut command = assert_cmd::cargo_bin_cmd!("wolkvox-exporter");
    command.env_clear().current_dir(fixtures());
    command
}

fn checker() -> Command {
    let mut command = exporter();
    command.arg("--config.check");
    command
}

fn run(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

fn check_file(name: &str) -> Said {
    run(checker().arg("--config.file").arg(name))
}

/// The error of a configuration that is refused.
fn refused(said: Said) -> String {
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    said.err
}

/// The printed configuration of one that is accepted without a warning.
fn accepted(said: Said) -> String {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    said.out
}

fn restrict(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is our file");
}

#[test]
fn prints_what_a_whole_file_resolved_to() {
    insta::assert_snapshot!(accepted(check_file("full.yml")), @"");
}

#[test]
fn needs_no_file() {
    let said = run(checker().arg("--wolkvox.server=wv0042").env("WOLKVOX_TOKEN", "fixture-token-0001"));
    insta::assert_snapshot!(accepted(said), @"");
}

#[test]
fn refuses_each_mistake_with_place_and_remedy() {
    let mut names: Vec<String> = fs::read_dir(fixtures().join("refused"))
        .expect("the fixtures")
        .map(|entry| entry.expect("a fixture").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    names.push("no-such-file.yml".to_owned());
    let errors: String =
        names.iter().map(|name| refused(check_file(&format!("refused/{name}"))) + "\n").collect();
    insta::assert_snapshot!(errors, @"");
}

#[test]
fn nothing_at_all_is_refused_with_a_way_out() {
    insta::assert_snapshot!(refused(run(&mut checker())), @"");
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let interval = |command: &mut Command| {
        let out = accepted(run(command.arg("--config.file=one-target.yml")));
        out.lines().find_map(|line| line.strip_prefix("  interval: ")).expect("it is printed").to_owned()
    };
    assert_eq!(interval(&mut checker()), "10m");
    assert_eq!(interval(checker().env("WOLKVOX_POLL_INTERVAL", "7m")), "7m");
    assert_eq!(interval(checker().env("WOLKVOX_POLL_INTERVAL", "")), "10m");
    assert_eq!(interval(checker().env("WOLKVOX_POLL_INTERVAL", "7m").arg("--poll.interval=6m")), "6m");
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
        ("state.path", "WOLKVOX_STATE_PATH", "a/b.redb", "  path: a/b.redb"),
        ("menu.zero-hold", "WOLKVOX_MENU_ZERO_HOLD", "0s", "  zero_hold: 0s"),
        ("web.listen-address", "WOLKVOX_WEB_LISTEN_ADDRESS", ":1,[::1]:2", "[\":1\", \"[::1]:2\"]"),
        ("web.telemetry-path", "WOLKVOX_WEB_TELEMETRY_PATH", "/m", "  telemetry_path: /m"),
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
        .env("WOLKVOX_LOG_LEVEL", "debug");
    command.env("WOLKVOX_SERVER", "http://wolkvox.example:8080").env("WOLKVOX_TOKEN_FILE", "token");
    let out = accepted(run(&mut command));
    assert!(out.contains("- name: \"wolkvox.example:8080\"") && out.contains("<secret> in token"), "{out}");
    let out = accepted(run(checker().env("WOLKVOX_CONFIG_FILE", "one-target.yml")));
    assert!(out.contains("- name: \"0042\""), "{out}");
}

#[test]
fn flags_of_one_target_are_refused_beside_several() {
    insta::assert_snapshot!(refused(run(checker().args(["--config.file=one-target.yml", "--wolkvox.server=0108"]))), @"");
    let several = ["--config.file=full.yml", "--wolkvox.token-file=token", "--wolkvox.timezone=UTC"];
    insta::assert_snapshot!(refused(run(checker().args(several))), @"");
    let two_tokens = ["--wolkvox.server=0042", "--wolkvox.token-file=token"];
    insta::assert_snapshot!(refused(run(checker().args(two_tokens).env("WOLKVOX_TOKEN", "x"))), @"");
}

#[test]
fn flags_are_checked_as_the_file_is() {
    let args = [
        "--wolkvox.server=0042",
        "--poll.interval=5x",
        "--web.listen-address=nowhere",
        "--wolkvox.timezone=x",
    ];
    insta::assert_snapshot!(refused(run(checker().args(args).env("WOLKVOX_TOKEN", "two words"))), @"");
    let said = run(checker().args(["--wolkvox.server=http://192.0.2.1", "--wolkvox.token-file=token"]));
    assert!(refused(said).contains("--wolkvox.allow-http"));
}

#[test]
fn a_world_readable_token_file_is_a_warning() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let token = dir.path().join("token");
    fs::write(&token, "fixture-token-0001").expect("written");
    for (mode, warned) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
        restrict(&token, mode);
        let said = run(checker().arg("--wolkvox.server=0042").arg("--wolkvox.token-file").arg(&token));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(said.err.starts_with("warning: "), warned, "{mode:o}: {}", said.err);
        assert_eq!(said.err.contains(&format!("mode {mode:04o}): chmod o-r")), warned, "{}", said.err);
    }
}

#[test]
fn what_works_and_should_be_looked_at_is_a_warning() {
    let warning = |command: &mut Command| {
        let said = run(command);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.err
    };
    insta::assert_snapshot!(warning(checker().arg("--config.file=warned/quota.yml")), @"");
    let token = ("WOLKVOX_TOKEN", "fixture-token-0002");
    insta::assert_snapshot!(warning(checker().arg("--config.file=full.yml").env(token.0, token.1)), @"");
    insta::assert_snapshot!(warning(checker().arg("--config.file=one-target.yml").env(token.0, token.1)), @"");
}

#[test]
fn nothing_prints_a_token() {
    for name in [
        "full.yml",
        "one-target.yml",
        "refused/token-in-file.yml",
        "refused/malformed-token-file.yml",
        "refused/many-problems.yml",
    ] {
        let said = run(checker().arg("--config.file").arg(name).env("WOLKVOX_TOKEN", "fixture-token-0002"));
        let all = said.out + &said.err;
        assert!(!all.contains("fixture-token") && !all.contains("two words"), "{name}: {all}");
    }
    let url = run(checker().arg("--wolkvox.server=https://me:hunter2@wv0042.wolkvox.com"));
    assert!(!refused(url).contains("hunter2"));
}

#[test]
fn bad_usage_is_another_exit_code() {
    for args in [&["--no.such-flag"][..], &["--log.level=loud"], &["--poll.interval"], &["--wolkvox.token=x"]]
    {
        let said = run(checker().args(args));
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
    }
    assert!(run(checker().arg("--log.level=loud")).err.contains("error, warn, info, debug, trace"));
}

#[test]
fn help_names_the_defaults_that_hold() {
    let help = run(checker().arg("--help")).out;
    let defaults = accepted(run(checker().arg("--wolkvox.server=0042").env("WOLKVOX_TOKEN", "x")));
    for (flag, line) in [
        ("America/Bogota", "timezone: America/Bogota"),
        ("5m", "interval: 5m"),
        ("30s", "settle_delay: 30s"),
        ("30m", "lookback: 30m"),
        ("now", "start_from: now"),
        ("data/wolkvox-exporter.redb", "path: data/wolkvox-exporter.redb"),
        ("75s", "zero_hold: 1m 15s"),
        (":10013", "listen_addresses: [\":10013\"]"),
        ("/metrics", "telemetry_path: /metrics"),
    ] {
        assert!(help.contains(&format!("[default: {flag}]")), "{flag} in {help}");
        assert!(defaults.contains(line), "{line} in {defaults}");
    }
    let version = run(checker().arg("--version")).out;
    assert_eq!(version, concat!("wolkvox-exporter ", env!("CARGO_PKG_VERSION"), "\n"));
}
