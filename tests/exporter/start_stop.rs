//! Tests of starting and stopping the real binary: refusals with a message that helps, files that
//! must stay untouched, and a clean end.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use redb::{Database, TableDefinition};
use simulator_testing::{Fault, Options, Simulator};
use tempfile::TempDir;

use crate::support::api::{Api, TOKEN};
use crate::support::fleet::Supervisor;
use crate::support::process::{self, Exporter, Process, bare, client, exporter};
use crate::support::scrape;

/// Longest time between a signal and the end, as documented.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be created")
}

/// Runs a command that must refuse to start. Returns its error.
async fn refused(command: Command) -> String {
    let mut process = Process::spawn(command);
    let status = process.exit(process::DEADLINE).await;
    assert_eq!(status.code(), Some(1), "{}", process.log());
    process.log()
}

fn with_state(directory: &Path, state: &Path) -> Command {
    let mut command = exporter(directory);
    command.args(["--wolkvox.server=http://127.0.0.1:9", "--state.path"]).arg(state);
    command.env("WOLKVOX_TOKEN", TOKEN);
    command
}

/// Returns a state file that a successful run left behind.
async fn good_state(directory: &Path) -> PathBuf {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("good", &api);
    let mut exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("good")).await;
    exporter.process.signal("TERM");
    assert!(exporter.process.exit(ENDS_WITHIN).await.success());
    let path = directory.join("good.redb");
    fs::copy(fleet.state(), &path).expect("there is a state file");
    path
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let directory = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound");
    let state = directory.path().join("state.redb");
    let mut command = bare(directory.path());
    command.args(["--wolkvox.server=0042", "--state.path"]).arg(&state).env("WOLKVOX_TOKEN", TOKEN);
    command.arg(format!("--web.listen-address={address}"));
    let said = refused(command).await;
    assert!(said.contains(&address.to_string()) && said.contains("--web.listen-address"), "{said}");
    assert!(said.contains("is another exporter running there?"), "{said}");
    assert!(!state.exists(), "nothing was done before that");

    let mut command = bare(directory.path());
    command.args(["demo", "--lang=es", &format!("--web.listen-address={address}")]);
    let said = refused(command).await;
    assert!(said.contains("¿hay otro exportador en marcha allí?"), "{said}");

    let mut command = bare(directory.path());
    command.args(["demo", &format!("--web.listen-address={address}")]);
    assert!(refused(command).await.contains("--web.listen-address"));
    let mut command = bare(directory.path());
    command.args(["simulate", &format!("--simulate.listen-address={address}")]);
    assert!(refused(command).await.contains(&format!("cannot listen on {address}")));
}

#[tokio::test]
async fn a_state_in_use_by_another_process_is_refused() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("first", &api);
    let first = fleet.start().await;
    first.wait_for("up", |scrape| scrape.up("first")).await;
    let said = refused(fleet.command()).await;
    assert!(said.contains("state.redb is in use by another process"), "{said}");
    assert!(said.contains("only one exporter may write"), "{said}");
    // The refused second process must not disturb the first.
    let before = first.scrape().await.watermark("first");
    let on = |scrape: &scrape::Scrape| scrape.up("first") && scrape.watermark("first") > before;
    first.wait_for("it goes on", on).await.assert_truth("first", &api.truth());
}

#[tokio::test]
async fn a_state_that_cannot_be_a_file_is_refused() {
    let directory = directory();
    let said = refused(with_state(directory.path(), directory.path())).await;
    assert!(
        said.contains("cannot use the state file") && said.contains("check the path"),
        "{said}"
    );

    let file = directory.path().join("file");
    fs::write(&file, "no directory").expect("the temporary directory can be written");
    let said = refused(with_state(directory.path(), &file.join("state.redb"))).await;
    assert!(
        said.contains("cannot use the state file") && said.contains("check the path"),
        "{said}"
    );

    let said = refused(with_state(directory.path(), Path::new("/dev/full"))).await;
    assert!(said.contains("not a regular file"), "{said}");
    let said = refused(with_state(directory.path(), Path::new("/proc/wolkvox/state.redb"))).await;
    assert!(said.contains("cannot use the state file /proc/wolkvox/state.redb"), "{said}");
}

/// Fails unless the file is refused with all of `words` and left unchanged.
async fn assert_untouched(directory: &Path, name: &str, bytes: &[u8], words: &[&str]) {
    let path = directory.join(name);
    fs::write(&path, bytes).expect("the temporary directory can be written");
    let said = refused(with_state(directory, &path)).await;
    for word in words.iter().chain(&[name]) {
        assert!(said.contains(word), "{name}: no {word:?} in: {said}");
    }
    assert!(fs::read(&path).expect("it is still there") == bytes, "{name} was changed");
}

#[tokio::test]
async fn a_state_of_another_version_is_refused_and_left_untouched() {
    const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let directory = directory();
    let good = good_state(directory.path()).await;
    let made = |name: &str, version: Option<u32>| {
        let path = directory.path().join(name);
        fs::copy(&good, &path).expect("the temporary directory can be written");
        let database = Database::open(&path).expect("a good state");
        let write = database.begin_write().expect("a good state");
        {
            let mut meta = write.open_table(META).expect("a good state");
            match version {
                Some(version) => meta.insert("version", version.to_le_bytes().as_slice()),
                None => meta.remove("version"),
            }
            .expect("it can be written");
        }
        write.commit().expect("it can be written");
        drop(database);
        fs::read(&path).expect("it can be read")
    };
    let newer = made("newer", Some(4711));
    let words = ["layout version 4711", "run the version that wrote it", "--state.path"];
    assert_untouched(directory.path(), "newer.redb", &newer, &words).await;
    let none = made("none", None);
    assert_untouched(
        directory.path(),
        "none.redb",
        &none,
        &["damaged or is no state file", "no version"],
    )
    .await;

    // A database of another program.
    let foreign = directory.path().join("foreign");
    let database = Database::create(&foreign).expect("the temporary directory can be written");
    let write = database.begin_write().expect("a new database");
    write.open_table(TableDefinition::<u8, u8>::new("theirs")).expect("a new database");
    write.commit().expect("a new database");
    drop(database);
    let bytes = fs::read(&foreign).expect("it can be read");
    assert_untouched(directory.path(), "foreign.redb", &bytes, &["belongs to another program"])
        .await;
}

#[tokio::test]
async fn a_damaged_state_is_refused_and_left_untouched() {
    let directory = directory();
    let good = fs::read(good_state(directory.path()).await).expect("a good state");
    let words = ["damaged or is no state file", "left as it is", "restore a backup"];
    let flipped = |from: usize, to: usize| {
        let mut bytes = good.clone();
        bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0xff);
        bytes
    };
    for (name, bytes) in [
        ("text", b"counters: 5\n".repeat(400)),
        ("short", b"x".to_vec()),
        (
            "random",
            (0..2_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        ),
        ("half", good[..good.len() / 2].to_vec()),
        ("cut", good[..good.len() - 4096].to_vec()),
        ("head-only", good[..4096].to_vec()),
        ("flipped-magic", flipped(0, 8)),
        ("flipped-head", flipped(64, 320)),
        ("flipped-data", flipped(4096, good.len())),
    ] {
        assert_untouched(directory.path(), name, &bytes, &words).await;
    }
}

/// A flipped bit in the state file must be detected or lie in unused space: it must never give a
/// wrong number nor change the file.
#[tokio::test]
async fn a_flipped_bit_is_found_or_harmless() {
    let directory = directory();
    let good = fs::read(good_state(directory.path()).await).expect("a good state");
    let pages: Vec<usize> = (0..good.len()).step_by(4096).collect();
    let used: Vec<usize> =
        pages.into_iter().filter(|&at| good[at..].iter().take(4096).any(|b| *b != 0)).collect();
    assert!(used.len() > 8, "{} pages are in use", used.len());
    let mut found = 0;
    for (turn, page) in used.iter().step_by((used.len() / 12).max(1)).enumerate() {
        let mut bytes = good.clone();
        bytes[page + 8 + turn % 32] ^= 1 << (turn % 8);
        let path = directory.path().join(format!("bit-{turn}.redb"));
        fs::write(&path, &bytes).expect("the temporary directory can be written");
        let mut process = Process::spawn(with_state(directory.path(), &path));
        let deadline = Instant::now() + process::DEADLINE;
        while !process.log().contains("message=ready") && process.running() {
            assert!(Instant::now() < deadline, "neither ready nor refused");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !process.running() {
            assert!(process.exit(ENDS_WITHIN).await.code() == Some(1), "bit {turn}");
            assert!(process.log().contains("left as it is"), "bit {turn}");
            assert!(
                fs::read(&path).expect("it is still there") == bytes,
                "bit {turn}: the file was changed"
            );
            found += 1;
        }
    }
    assert!(found > 3, "only {found} were found");
}

#[tokio::test]
async fn a_token_is_looked_for_at_the_start() {
    let directory = directory();
    let run = |token: &Path| {
        let mut command = exporter(directory.path());
        command.args(["--wolkvox.server=http://127.0.0.1:9", "--wolkvox.token-file"]).arg(token);
        command
    };
    let missing = directory.path().join("missing");
    let said = refused(run(&missing)).await;
    assert!(
        said.contains("--wolkvox.token-file") && said.contains("cannot read the token file"),
        "{said}"
    );
    assert!(said.contains(&*missing.to_string_lossy()), "{said}");

    let token = directory.path().join("token");
    fs::write(&token, " \n").expect("the temporary directory can be written");
    let said = refused(run(&token)).await;
    assert!(said.contains("is empty: put the wolkvox-token into it"), "{said}");

    fs::write(&token, TOKEN).expect("the temporary directory can be written");
    fs::set_permissions(&token, Permissions::from_mode(0o644)).expect("it is ours");
    let exporter = Exporter::start(run(&token)).await;
    let log = exporter.process.log();
    let warning = log.lines().find(|line| line.contains("every user of this machine can read"));
    let warning = warning.unwrap_or_else(|| panic!("no warning in {log}"));
    assert!(warning.contains("level=warn") && warning.contains("chmod o-r"), "{warning}");
    assert!(!log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn a_signal_ends_it_cleanly_and_the_state_opens_again() {
    for signal in ["TERM", "INT"] {
        let api = Api::start(|_| {}).await;
        let truth = api.truth();
        let fleet = Supervisor::of("ends", &api);
        let mut exporter = fleet.start().await;
        exporter.wait_for("up", |scrape| scrape.up("ends")).await;
        exporter.process.signal(signal);
        assert_eq!(exporter.process.exit(ENDS_WITHIN).await.code(), Some(0), "{signal}");
        assert!(exporter.process.log().contains("stopping"), "{signal}");

        // The restored counts are shown before the first poll.
        let api = api.always(Fault::Http503);
        let again = fleet.start().await;
        again.scrape().await.assert_truth("ends", &truth);
        assert!(again.process.log().contains("continuing"), "{signal}");
        api.simulator.clear_faults();
        again.wait_for("up again", |s| s.up("ends")).await.assert_truth("ends", &truth);
    }
}

#[tokio::test]
async fn a_signal_ends_it_amid_a_slow_request() {
    for fault in [Fault::Hang, Fault::Drip, Fault::Slow { seconds: 60 }] {
        let api = Api::start(|_| {}).await.always(fault.clone());
        let fleet = Supervisor::of("slow", &api);
        let mut exporter = fleet.start().await;
        let deadline = Instant::now() + process::DEADLINE;
        while api.requests() == 0 {
            assert!(Instant::now() < deadline, "no request");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        exporter.process.signal("TERM");
        assert_eq!(exporter.process.exit(ENDS_WITHIN).await.code(), Some(0), "{fault:?}");
        api.simulator.clear_faults();
        let again = fleet.start().await;
        again.wait_for("up", |scrape| scrape.up("slow")).await.assert_truth("slow", &api.truth());
    }
}

/// A signal must end the exporter even while it starts hundreds of targets, which takes a while.
#[tokio::test]
async fn a_signal_is_heard_while_targets_are_started() {
    let mut fleet = Supervisor::new();
    // Nobody listens there, which does not matter here.
    (0..300).for_each(|number| {
        fleet.add(&format!("t{number}"), &format!("http://127.0.0.1:{}", 1 + number));
    });
    let mut process = Process::spawn(fleet.command());
    process.address().await;
    process.signal("TERM");
    assert_eq!(process.exit(ENDS_WITHIN).await.code(), Some(0));
    let log = process.log();
    let (_, after) =
        log.split_once("message=stopping").unwrap_or_else(|| panic!("it did not hear it: {log}"));
    assert!(!after.contains("message=ready"), "it went on starting: {after}");
    // A later start can continue from the unfinished one.
    let again = fleet.start().await;
    assert_eq!(again.scrape().await.servers().len(), 300);
}

#[tokio::test]
async fn demo_shows_a_working_day_and_leaves_nothing_behind() {
    let directory = directory();
    let mut command = bare(directory.path());
    command.args(["demo", "--web.listen-address=127.0.0.1:0"]);
    for variable in
        ["HOME", "TMPDIR", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"]
    {
        command.env(variable, directory.path());
    }
    let mut demo = Exporter::start(command).await;
    let scrape = demo.wait_for("up", |scrape| scrape.up("demo")).await;
    // A day has hundreds of calls on a Sunday and thousands on other days, over several menus and
    // channels.
    assert!(scrape.get("wolkvox_menu_option_hits_total", &[]) > 500.0);
    assert!(scrape.all("wolkvox_menu_option_hits_total", &[]).len() > 10);
    assert!(scrape.get("wolkvox_menu_interactions_total", &[("channel", "voice")]) > 100.0);
    demo.wait_page("All is well").await;

    demo.process.signal("TERM");
    assert_eq!(demo.process.exit(ENDS_WITHIN).await.code(), Some(0));
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn demo_with_a_past_goes_on_after_a_restart() {
    let directory = directory();
    let past = directory.path().join("past");
    let start = async || {
        let mut command = bare(directory.path());
        command.args(["demo", "--days=1", "--output=past", "--label=job=wolkvox"]);
        command.arg("--web.listen-address=127.0.0.1:0");
        let demo = Exporter::start(command).await;
        let scrape = demo.wait_for("up", |scrape| scrape.up("demo")).await;
        (demo, scrape.get("wolkvox_menu_option_hits_total", &[]))
    };
    let files = || -> Vec<PathBuf> {
        let entries =
            fs::read_dir(&past).expect("it is there").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "om")).collect()
    };
    let (demo, counted) = start().await;
    assert!(counted > 500.0, "{counted}");
    assert!(!files().is_empty(), "{past:?}");
    assert!(demo.sigterm(ENDS_WITHIN).await.0.success());

    // Removes the files, as a user who has loaded them would.
    files().iter().for_each(|file| fs::remove_file(file).expect("a file"));
    let (demo, again) = start().await;
    assert!((counted..counted * 1.5).contains(&again), "{counted}, then {again}");
    assert!(files().is_empty(), "the past was made anew");
    assert!(demo.sigterm(ENDS_WITHIN).await.0.success());
}

#[tokio::test]
async fn simulate_answers_by_itself() {
    let directory = directory();
    let mut command = bare(directory.path());
    command.args(["simulate", "--simulate.listen-address=127.0.0.1:0", "--simulate.token", TOKEN]);
    let mut process = Process::spawn(command);
    let address = process.address().await;
    let get = async |path: &str, token: &str| {
        let answer = client()
            .get(format!("http://{address}{path}"))
            .header("wolkvox-token", token)
            .send()
            .await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.bytes().await.expect("a body"))
    };
    let report = "/api/v2/reports_manager.php?api=diagram_13&date_ini=20260119100000&date_end=20260119103000";
    let (status, body) = get(report, TOKEN).await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let rows = body["data"].as_array().expect("rows").len() as u64;
    assert_eq!(get(report, "wrong").await.0, 403);

    // The same seed gives the same rows.
    let moment = |text: &str| text.parse().expect("a moment");
    let until = moment("2026-01-19T15:30:01Z");
    let truth =
        Simulator::new(Options::default()).truth(moment("2026-01-19T15:00:00Z"), until, None);
    assert_eq!(truth.rows, rows);
    assert!(rows > 100, "{rows}");
    // The released program lacks the switches for tests.
    assert_eq!(get("/simulator/truth", "").await.0, 404);

    process.signal("TERM");
    assert_eq!(process.exit(ENDS_WITHIN).await.code(), Some(0));
}
