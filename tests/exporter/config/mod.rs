//! Tests of the configuration through the real binary: each kind of bad input has a fixture, and a
//! message that says how to correct it.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | files |
//! | `flags` | flags and their twins |

mod flags;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;

/// The exit code and the output of the binary.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

/// Makes a command of the binary in the fixtures' directory, with an empty environment.
fn exporter() -> Command {
    // A checkout sets permissions by the umask, and a token that others can read causes a warning.
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

/// Returns the error of a configuration, which must be refused.
fn refused(said: Said) -> String {
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    said.err
}

/// Returns the printed configuration, which must be accepted without a warning.
fn accepted(said: Said) -> String {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    said.out
}

fn restrict(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is our file");
}

#[test]
fn prints_what_a_whole_file_resolved_to() {
    insta::assert_snapshot!(accepted(check_file("full.yml")), @r#"
    targets:
    - name: "0042"
      server: https://wv0042.wolkvox.com/
      connection: direct
      authorities: the system's
      token: <secret> in token
      timezone: America/Bogota
      licences: 5
      outcomes: false
      names: vendor
      expected: rp_id "conversations-voice-61083", channel "voice", options ["PULSE"]
    - name: "sales"
      server: https://wv0108.wolkvox.com/
      connection: direct
      authorities: the system's
      token: <secret> in token
      timezone: America/Lima
      licences: unknown
      outcomes: false
      names: names.yml
      expected: rp_id "4628", channel "voice", options ["1", "2", "0042", "NO", "N/D", "NO_PASA_AGENTE"]
    poll:
      interval: 1m
      settle_delay: 20s
      lookback: 1h
      hourly_lookback: 3h
      nightly_lookback: 48h
      nightly_hour: 3
      start_from: 48h
      max_clock_skew: 5m
      requests_in_flight: 64
    menu:
      buckets: [2.5, 5, 10, 60]
      label_length: 64
      zero_hold: 1m 30s
      no_input_codes: ["0", "PULSE"]
      opt_out_codes: ["NO_PASA_AGENTE"]
      terminal_codes: ["BUZON"]
      options:
        allow: ["[0-9]*", "[A-Z_/]+"]
        deny: ["CV_.*"]
        rename: [{match: "(?i)no.?pasa.?agente", to: "NO_PASA_AGENTE"}]
      series_limit: 1000
      options_limit: 100
      transitions_limit: 250
      expire_after: 720h
      fold_digits: 10
    journey:
      idle: 45m
      idle_by_channel: {"chat-whatsapp": 2h}
    baseline:
      warm_up: 336h
      warm_up_requests: 50
      weeks: 4
      holidays: [2026-01-01, 2026-04-03, 2026-12-25]
      holidays_file: holidays.txt
    state:
      path: state/exporter.redb
    web:
      listen_addresses: ["127.0.0.1:10013", "[::1]:10013"]
      telemetry_path: /wolkvox
      enable_lifecycle: true
    "#);
}

#[test]
fn needs_no_file() {
    let said =
        run(checker().arg("--wolkvox.server=wv0042").env("WOLKVOX_TOKEN", "fixture-token-0001"));
    insta::assert_snapshot!(accepted(said), @r#"
    targets:
    - name: "0042"
      server: https://wv0042.wolkvox.com/
      connection: direct
      authorities: the system's
      token: <secret> from the environment
      timezone: America/Bogota
      licences: unknown
      outcomes: false
      names: vendor
    poll:
      interval: 5m
      settle_delay: 30s
      lookback: 30m
      hourly_lookback: 3h
      nightly_lookback: 48h
      nightly_hour: 3
      start_from: now
      max_clock_skew: 5m
      requests_in_flight: 64
    menu:
      buckets: [5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600]
      label_length: 128
      zero_hold: 1m 15s
      no_input_codes: ["PULSE"]
      opt_out_codes: []
      terminal_codes: []
      options:
        allow: []
        deny: []
        rename: []
      series_limit: 2000
      options_limit: 200
      transitions_limit: 500
      expire_after: 2160h
      fold_digits: 7
    journey:
      idle: 30m
      idle_by_channel: {}
    baseline:
      warm_up: 672h
      warm_up_requests: 200
      weeks: 5
      holidays: []
    state:
      path: data/wolkvox-exporter.redb
    web:
      listen_addresses: [":10013"]
      telemetry_path: /metrics
      enable_lifecycle: false
    "#);
}

/// Returns the names of all files with a mistake, and of one that does not exist.
fn mistakes() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(fixtures().join("refused"))
        .expect("the fixtures")
        .map(|entry| entry.expect("a fixture").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    names.push("no-such-file.yml".to_owned());
    names.iter().map(|name| format!("refused/{name}")).collect()
}

/// Each problem of a configuration must be reported in Spanish at the same place and in the same
/// order, in Spanish words only.
#[test]
fn every_mistake_is_told_in_spanish_too() {
    let mut seen = 0;
    for name in mistakes() {
        let english = refused(check_file(&name));
        let spanish = refused(run(checker().args(["--lang=es", "--config.file", &name])));
        let english: Vec<&str> = english.lines().collect();
        let spanish: Vec<&str> = spanish.lines().collect();
        assert_eq!(english.len(), spanish.len(), "{name}: {spanish:#?}");
        for (english, spanish) in english.iter().zip(spanish) {
            let place = |line: &str| line.split(": ").take(3).collect::<Vec<_>>().join(": ");
            let at = place(english);
            let file = at.split(": ").nth(1).unwrap_or_default();
            assert!(
                spanish.starts_with("error: ") && spanish.contains(file),
                "{english}: {spanish}"
            );
            assert_ne!(*english, spanish, "{name} has English words only");
            let words: Vec<&str> = spanish.split_whitespace().collect();
            for word in ["the", "and", "keep", "write", "cannot"] {
                assert!(!words.contains(&word), "{word:?} in {spanish}");
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen} mistakes");
}

/// A newcomer's first mistakes must be reported in the language of the locale before anything
/// starts, by the check as well as by a start; so must a warning.
#[test]
fn the_first_mistakes_of_a_newcomer_are_told_in_spanish() {
    let spanish = |command: &mut Command| run(command.env("LANG", "es_CO.UTF-8")).err;
    for (args, answer) in [
        (&[][..], "error: --wolkvox.server (WOLKVOX_SERVER): no se indicó ningún servidor"),
        (&["--wolkvox.server=42", "--wolkvox.token-file=token"], "¿quiso decir \"0042\"?"),
        (&["--wolkvox.server=0042"], "no hay token: nombre un archivo que lo tenga"),
        (
            &["--wolkvox.server=0042", "--wolkvox.token-file=none"],
            "no se puede leer el archivo del token none: ",
        ),
        (
            &["--config.file=none.yml"],
            "error: none.yml: no se puede leer el archivo de configuración: ",
        ),
    ] {
        for said in [spanish(checker().args(args)), spanish(exporter().args(args))] {
            assert!(said.contains(answer), "{args:?}: {said}");
        }
    }
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let token = directory.path().join("token");
    fs::write(&token, "fixture-token-0001").expect("it is ours");
    restrict(&token, 0o644);
    let said =
        spanish(checker().args(["--wolkvox.server=0042", "--wolkvox.token-file"]).arg(token));
    assert!(said.starts_with("advertencia: --wolkvox.token-file"), "{said}");
}

#[test]
fn refuses_each_mistake_with_place_and_remedy() {
    let errors: String = mistakes().iter().map(|name| refused(check_file(name)) + "\n").collect();
    insta::assert_snapshot!(errors, @r#"
    error: refused/bad-listen-address.yml:5:22: web.listen_addresses[0]: "localhost" has no colon: write `:10013` for every interface, or `host:10013`
    error: refused/bad-listen-address.yml:5:35: web.listen_addresses[1]: "::1:9" is ambiguous: put the IPv6 address in brackets, as in `[::1]:10013`
    error: refused/bad-listen-address.yml:5:44: web.listen_addresses[2]: "127.0.0.1:99999" does not end in a port from 0 to 65535, as in `:10013` or `127.0.0.1:10013`

    error: refused/duplicate-targets.yml:4:3: targets[1]: this is the target "0042" again, the same server with the same token: keep one
    error: refused/duplicate-targets.yml:6:3: targets[2]: this is the target "0042" again, the same server with the same token: keep one
    error: refused/duplicate-targets.yml:9:3: targets[3]: another target is called "0042" already: give this one a `name` of its own

    error: refused/empty-token-file.yml:3:15: targets[0].token_file: the token file refused/empty-token is empty: put the wolkvox-token into it

    error: refused/expected-beyond-limits.yml:8:5: menu.expected[0]: 3 options are more than menu.options_limit (2): list fewer, or raise it
    error: refused/expected-beyond-limits.yml:14:5: menu.expected[2]: with this menu 4 label sets are listed for its target, more than menu.series_limit (3): list fewer, or raise it

    error: refused/expected.yml:8:13: menu.expected[0].target: no target is called "0109"; did you mean `0108`?
    error: refused/expected.yml:14:18: menu.expected[1].options[1]: "1" is listed twice: keep one
    error: refused/expected.yml:14:21: menu.expected[1].options[2]: put it in quotes, "01": without them YAML reads a number or a boolean
    error: refused/expected.yml:14:25: menu.expected[1].options[3]: put it in quotes, "true": without them YAML reads a number or a boolean
    error: refused/expected.yml:14:31: menu.expected[1].options[4]: it is empty
    error: refused/expected.yml:12:5: menu.expected[1]: there are several targets: say in `target` whose menu this is
    error: refused/expected.yml:19:5: menu.expected[3]: rp_id "1" with the channel "voice" is listed already: put its options there
    error: refused/expected.yml:23:5: menu.expected[4]: an expected menu needs `rp_id`, `channel` and `options`

    error: refused/expiry-too-short.yml:5:17: menu.expire_after: 48h is less than 7d: a series that is away at weekends would begin anew each week; write 0s to keep series for ever

    error: refused/interval-not-above-settle-delay.yml:5:13: poll.interval: the interval (30s) must be longer than the settle delay (30s by default): make the one longer or the other shorter

    error: refused/limits.yml:7:17: menu.series_limit: "0" must be a whole number from 1 to 100000
    error: refused/limits.yml:8:18: menu.options_limit: "200000" must be a whole number from 1 to 100000
    error: refused/limits.yml:9:22: menu.transitions_limit: "many" must be a whole number from 1 to 100000
    error: refused/limits.yml:10:17: menu.expire_after: 720h must be longer than rows are read again (720h 5m), or a row would bring its series back: make it longer, or poll.nightly_lookback shorter
    error: refused/limits.yml:12:9: journey.idle: a duration needs a unit: `30s` for seconds, `30m` for minutes
    error: refused/limits.yml:16:9: journey.idle_by_channel: "" is no channel: write it as Wolkvox does, such as `chat-web`
    error: refused/limits.yml:15:15: journey.idle_by_channel: 48h must be from 1m to 24h
    error: refused/limits.yml:14:12: journey.idle_by_channel: 10s must be from 1m to 24h

    error: refused/lookback-below-settle-delay.yml:6:13: poll.lookback: the lookback (30s) must be at least the settle delay (1m, from refused/lookback-below-settle-delay.yml:5:17: poll.settle_delay): a row later than that is found only by reading again

    error: refused/malformed-token-file.yml:3:15: targets[0].token_file: the token file refused/malformed-token holds a space, a line break or another character that no token has: it must be one word

    error: refused/many-problems.yml:2:11: targets[0].server: a server has four digits: did you mean "0042"?
    error: refused/many-problems.yml:4:13: targets[0].licences: "0" must be a whole number above 0
    error: refused/many-problems.yml:5:3: targets[1]: a target needs a `server`, as in `server: "0042"`
    error: refused/many-problems.yml:5:13: targets[1].timezone: "Bogota" is no time zone of the IANA database; did you mean `America/Bogota`?
    error: refused/many-problems.yml:5:3: targets[1]: no token: name a file that holds it (--wolkvox.token-file, or `token_file` in the file), or set the variable WOLKVOX_TOKEN
    error: refused/many-problems.yml:7:13: poll.interval: a duration needs a unit: `5s` for seconds, `5m` for minutes
    error: refused/many-problems.yml:8:17: poll.settle_delay: "2 fortnights" is not a duration: write it like 30s, 5m, 1h30m or 2d
    error: refused/many-problems.yml:10:15: poll.start_from: "2026-02-30" is not a local date-time like 2026-01-18T00:00:00 (parsed date is not valid: parameter 'day' for `2026-02` is invalid, must be in range `1..=28`)
    error: refused/many-problems.yml:20:9: state.path: this names no file: write a path such as data/wolkvox-exporter.redb
    error: refused/many-problems.yml:13:17: menu.label_length: "0" must be a whole number from 1 to 1024
    error: refused/many-problems.yml:14:14: menu.zero_hold: 2h must be at most 1h: make it a little more than two scrapes
    error: refused/many-problems.yml:12:20: menu.buckets: "10" must be a number of seconds above 10; the last bucket, +Inf, is not listed
    error: refused/many-problems.yml:22:22: web.listen_addresses[0]: "10013" has no colon: write `:10013` for every interface, or `host:10013`
    error: refused/many-problems.yml:22:41: web.listen_addresses[2]: :10013 is listed twice: keep one
    error: refused/many-problems.yml:23:19: web.telemetry_path: "/-/ready" is one of the exporter's own pages: choose another, such as `/metrics`
    error: refused/many-problems.yml:16:12: menu.expected[0].rp_id: put it in quotes, "007": without them YAML reads a number or a boolean
    error: refused/many-problems.yml:16:5: menu.expected[0]: an expected menu needs at least one of `options`

    error: refused/missing-token-file.yml:3:15: targets[0].token_file: cannot read the token file refused/no-such-token: No such file or directory (os error 2)

    error: refused/not-names.yaml:3:1: unknown key `opciones`: did you mean `options`?

    error: refused/bad-names.yaml:3:9: routing_points.10: put it in quotes, "007": without them YAML reads a number or a boolean
    error: refused/bad-names.yaml:2:11: routing_points.4628: it is empty
    error: refused/bad-names.yaml:7:7: options: "" is no code: it must be one line of at most 128 characters
    error: refused/bad-names.yaml:5:8: options: "1" is named twice: keep one
    error: refused/bad-names.yaml:10:10: options_at: " " is no code: it must be one line of at most 128 characters
    error: refused/bad-names.yaml:12:10: options_at.4628.1: it is empty
    error: refused/bad-names.yaml:13:11: options_at.4628: "2" is named twice: keep one
    error: refused/bad-names.yaml:12:10: options_at: "4628" is there twice: keep one
    error: refused/no-such-names.yaml: cannot read the file of names: No such file or directory (os error 2)

    error: refused/names.yml:4:17: targets[0].names.from: `from: file` needs a file: name it in `names.file` (or --names.file)
    error: refused/names.yml:7:17: targets[1].names.from: `from: off` has no use for a file: take one of the two away
    error: refused/names.yml:10:17: targets[2].names.from: "wolkvox" must be `vendor`, `file` or `off`

    error: refused/no-token.yml:2:3: targets[0]: no token: name a file that holds it (--wolkvox.token-file, or `token_file` in the file), or set the variable WOLKVOX_TOKEN

    error: refused/not-yaml.yml:2:1: this is not the YAML that belongs here: "-" is only valid inside a block

    error: refused/option-rules.yml:13:23: menu.options.allow[1]: no regular expression: unclosed group
    error: refused/option-rules.yml:14:19: menu.options.deny[1]: an empty pattern matches no option: write one, or take it away
    error: refused/option-rules.yml:18:7: menu.options.rename[1]: "lower" is itself folded into "other" by `allow` or `deny`: let them keep it, or write `to: other`
    error: refused/option-rules.yml:20:7: menu.options.rename[2]: a renaming needs `match`, a pattern, and `to`, the new name
    error: refused/option-rules.yml:21:14: menu.options.rename[3].match: no regular expression: unclosed character class
    error: refused/option-rules.yml:9:27: menu.no_input_codes[1]: "agente" is renamed by `menu.options.rename`: write "AGENTE" here instead
    error: refused/option-rules.yml:10:19: menu.opt_out_codes[0]: "PULSE" is listed already at refused/option-rules.yml:9:20: menu.no_input_codes[0]: an option has one kind, so keep one
    error: refused/option-rules.yml:11:20: menu.terminal_codes[0]: "BUZON" is folded into "other" by `menu.options`: take it away here, or let the rules keep it
    error: refused/option-rules.yml:8:15: menu.expected[0].options[0]: "agente" is renamed by `menu.options.rename`: write "AGENTE" here instead
    error: refused/option-rules.yml:8:31: menu.expected[0].options[2]: "BUZON" is folded into "other" by `menu.options`: take it away here, or let the rules keep it

    error: refused/out-of-proportion.yml:7:13: poll.lookback: the lookback (720h) and the interval (48h, from refused/out-of-proportion.yml:5:13: poll.interval) together are longer than the 31 days that Wolkvox answers at once
    error: refused/out-of-proportion.yml:8:15: poll.start_from: 9999-01-01T00:00:00 lies in the future of a server's clock, for the target 0042
    error: refused/out-of-proportion.yml:10:12: menu.buckets: 0 buckets: there must be 1 to 100

    error: refused/plain-http.yml:2:11: targets[0].server: plain http to wv0042.wolkvox.com would send the token in the clear: write https, or allow it with --wolkvox.allow-http

    error: refused/repeated-key.yml:7:3: the key `interval` stands here for the second time: keep one

    error: refused/token-in-file.yml:3:3: unknown key `token`: the token itself does not stand in this file, a `token_file` does

    error: refused/unknown-key.yml:5:3: unknown key `intervall`: did you mean `interval`?

    error: refused/unknown-zone.yml:4:13: targets[0].timezone: "America/Bogotta" is no time zone of the IANA database; did you mean `America/Bogota`?

    error: refused/unquoted-server.yml:2:11: targets[0].server: put the server in quotes, `server: "0042"`: without them YAML reads a number, and a number has no leading zeros
    error: refused/unquoted-server.yml:4:11: targets[1].server: put the server in quotes, `server: "1234"`: without them YAML reads a number, and a number has no leading zeros

    error: refused/no-such-file.yml: cannot read the configuration file: No such file or directory (os error 2)
    "#);
}

#[test]
fn nothing_at_all_is_refused_with_a_way_out() {
    insta::assert_snapshot!(refused(run(&mut checker())), @"error: --wolkvox.server (WOLKVOX_SERVER): no server to ask: give this flag, or list targets in --config.file (or try `wolkvox-exporter demo`)");
}

#[test]
fn a_world_readable_token_file_is_a_warning() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let token = dir.path().join("token");
    fs::write(&token, "fixture-token-0001").expect("written");
    for (mode, warned) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
        restrict(&token, mode);
        let said =
            run(checker().arg("--wolkvox.server=0042").arg("--wolkvox.token-file").arg(&token));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(said.err.starts_with("warning: "), warned, "{mode:o}: {}", said.err);
        assert_eq!(
            said.err.contains(&format!("mode {mode:04o}): chmod o-r")),
            warned,
            "{}",
            said.err
        );
    }
}

#[test]
fn what_works_and_should_be_looked_at_is_a_warning() {
    let warning = |command: &mut Command| {
        let said = run(command);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.err
    };
    insta::assert_snapshot!(warning(checker().arg("--config.file=warned/quota.yml")), @"warning: warned/quota.yml:6:13: poll.interval: polling every 1m takes 1440 requests a day, and the 1 licence(s) of the target 0042 pay for 1000: poll less often");
    let names = warning(checker().arg("--config.file=warned/names.yml"));
    insta::assert_snapshot!(names, @r#"
    warning: warned/../names.yml:5:10: options.PULSE: "PULSE" is renamed by `menu.options.rename`: write "SIN_ENTRADA" here instead
    warning: warned/../names.yml:8:12: options_at.4628.PULSE: "PULSE" is renamed by `menu.options.rename`: write "SIN_ENTRADA" here instead
    "#);
    let token = ("WOLKVOX_TOKEN", "fixture-token-0002");
    insta::assert_snapshot!(warning(checker().arg("--config.file=full.yml").env(token.0, token.1)), @"warning: WOLKVOX_TOKEN: not used, because the file has several targets");
    insta::assert_snapshot!(warning(checker().arg("--config.file=one-target.yml").env(token.0, token.1)), @"warning: one-target.yml:3:15: targets[0].token_file: not used, because WOLKVOX_TOKEN is set");
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
        let said = run(checker()
            .arg("--config.file")
            .arg(name)
            .env("WOLKVOX_TOKEN", "fixture-token-0002"));
        let all = said.out + &said.err;
        assert!(!all.contains("fixture-token") && !all.contains("two words"), "{name}: {all}");
    }
    let url = run(checker().arg("--wolkvox.server=https://me:hunter2@wv0042.wolkvox.com"));
    assert!(!refused(url).contains("hunter2"));
}

#[test]
fn bad_usage_is_another_exit_code() {
    for args in [
        &["--no.such-flag"][..],
        &["--log.level=loud"],
        &["--poll.interval"],
        &["--wolkvox.token=x"],
    ] {
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
        ("2000", "series_limit: 2000"),
        ("90d", "expire_after: 2160h"),
        ("30m", "  idle: 30m"),
        ("vendor", "names: vendor"),
        (":10013", "listen_addresses: [\":10013\"]"),
        ("/metrics", "telemetry_path: /metrics"),
    ] {
        assert!(help.contains(&format!("[default: {flag}]")), "{flag} in {help}");
        assert!(defaults.contains(line), "{line} in {defaults}");
    }
    let version = run(checker().arg("--version")).out;
    let first = concat!("wolkvox-exporter ", env!("CARGO_PKG_VERSION"), "\nrevision ");
    assert!(version.starts_with(first) && version.contains("\nrustc 1."), "{version}");
}

#[test]
fn what_users_copy_is_accepted_as_it_stands() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let dir = tempfile::tempdir().expect("a directory for the test");
    for name in ["wolkvox.yaml", "names.yaml", "web-config.yaml"] {
        fs::copy(examples.join(name), dir.path().join(name)).expect("the example");
    }
    for name in ["ventas.token", "soporte.token"] {
        fs::write(dir.path().join(name), "0123456789abcdef").expect("a token");
        restrict(&dir.path().join(name), 0o600);
    }
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(dir.path().join("server.crt"), key.cert.pem()).expect("a certificate");
    fs::write(dir.path().join("server.key"), key.signing_key.serialize_pem()).expect("a key");
    restrict(&dir.path().join("server.key"), 0o600);
    let check = |more: &[&str]| {
        let arguments = ["--config.check", "--config.file", "wolkvox.yaml"];
        run(exporter().current_dir(dir.path()).args(arguments).args(more))
    };
    let out = accepted(check(&[]));
    assert!(out.contains("name: \"ventas\"") && out.contains("name: \"soporte\""), "{out}");
    let out = accepted(check(&["--web.config.file", "web-config.yaml"]));
    assert!(out.contains("web-config.yaml"), "{out}");
}
