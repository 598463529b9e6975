//! Tests of `state backup`: it copies the state as of one moment, with and without a running
//! exporter, and an exporter can continue from the copy.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Burst, Fault};

use crate::support::api::Api;
use crate::support::fleet::Supervisor;
use crate::support::process::{DEADLINE, bare};
use crate::support::scrape;

fn back_up(fleet: &Supervisor, to: &Path) -> Output {
    let mut command = bare(Path::new("/"));
    command.args(["state", "backup", "--state.path"]).arg(fleet.state()).arg(to);
    command.output().unwrap()
}

/// Makes a copy, which must succeed.
fn copy(fleet: &Supervisor, name: &str) -> (PathBuf, String) {
    let to = fleet.state().with_file_name(name);
    let output = back_up(fleet, &to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    (to, String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_rows_are_committed_can_be_gone_on_with() {
    let now = Timestamp::now();
    let bursts: Vec<_> = (0..8)
        .map(|second| Burst { at: now + SignedDuration::from_secs(second), seconds: 1, rows: 150 })
        .collect();
    let api = Api::start(|options| {
        options.until = Some(now + SignedDuration::from_secs(8));
        options.bursts.extend(bursts);
    })
    .await;
    let fleet = Supervisor::of("busy", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("busy")).await;
    let (mut copies, mut seen) = (Vec::new(), 0.0);
    while seen < 1400.0 {
        let (path, said) = copy(&fleet, &format!("copy-{}.redb", copies.len()));
        assert!(said.contains("from the exporter that runs"), "{said}");
        copies.push(path);
        seen = exporter.scrape().await.rows("busy", "new");
        assert!(exporter.scrape().await.up("busy"));
    }
    let ended = now + SignedDuration::from_secs(9);
    let all = |scrape: &scrape::Scrape| {
        Timestamp::now() > ended && scrape.rows("busy", "new") >= api.truth().rows as f64
    };
    exporter.wait_for("all", all).await;
    let truth = api.truth();
    drop(exporter);

    // Every copy is whole. An exporter that starts from the first or the last counts the same in
    // the end.
    for path in &copies {
        let mut inspect = bare(Path::new("/"));
        inspect.args(["state", "inspect", "--state.path"]).arg(path);
        let output = inspect.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for path in [&copies[0], copies.last().unwrap()] {
        fs::copy(path, fleet.state()).unwrap();
        let restored = fleet.start().await;
        restored.wait_logged("continuing").await;
        let all = restored
            .wait_for("all", |s| s.up("busy") && s.rows("busy", "new") >= truth.rows as f64)
            .await;
        all.assert_truth("busy", &truth);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_exporter_the_file_is_read_and_nothing_is_ever_replaced() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("one", &api);
    let mut exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("one")).await;
    let socket = PathBuf::from(format!("{}.socket", fleet.state().display()));
    assert_eq!(
        fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600,
        "as the state file"
    );
    let (live, _) = copy(&fleet, "live.redb");
    let output = back_up(&fleet, &live);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("never replaces a file"));

    // After a kill the socket is still there, nobody answers on it, and the file was not closed.
    exporter.process.signal("KILL");
    exporter.process.exit(DEADLINE).await;
    let before = fs::read(fleet.state()).unwrap();
    let (killed, said) = copy(&fleet, "killed.redb");
    assert!(said.contains("no exporter runs on it"), "{said}");
    assert!(fs::read(fleet.state()).unwrap() == before, "the state was changed");

    fs::copy(killed, fleet.state()).unwrap();
    let api = api.always(Fault::Http503);
    let mut restored = fleet.start().await;
    restored.scrape().await.assert_truth("one", &api.truth());
    restored.process.signal("TERM");
    assert!(restored.process.exit(DEADLINE).await.success());
    assert!(!socket.exists(), "a clean end leaves no socket");
    copy(&fleet, "stopped.redb");

    let missing = fleet.state().with_file_name("missing.redb");
    let mut command = bare(Path::new("/"));
    command
        .args(["state", "backup", "--state.path"])
        .arg(&missing)
        .arg(fleet.state().with_file_name("x"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.redb"), "{output:?}");
    assert!(!fleet.state().with_file_name("x.partial").exists());

    let nowhere = fleet.state().with_file_name("weekly").join("monday.redb");
    let mut command = bare(Path::new("/"));
    command.args(["state", "backup", "--state.path"]).arg(fleet.state()).arg(&nowhere);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("there is no folder") && said.contains("weekly: make it first"),
        "{said}"
    );
}
