//! Tests of backfills that must not begin or continue, and of the files of several targets.

use std::process::Command;

use simulator_testing::{Fault, FaultRule};

use crate::backfill::{DEADLINE, Past, files, listen, run, vendor};
use crate::support::api::noon_name;
use crate::support::process::{Process, bare, exporter};

/// Runs a command that must fail. Returns its error.
async fn refused(command: Command) -> String {
    let mut process = Process::spawn(command);
    let status = process.exit(DEADLINE).await;
    assert_eq!(status.code(), Some(1), "{}", process.log());
    process.log()
}

#[tokio::test]
async fn a_state_has_one_past_and_one_way_to_get_it() {
    let past = Past::of(0).await;
    // Nothing can be read yet.
    past.simulator.add_fault(FaultRule::always(Fault::TokenInvalid)).expect("a fault");
    let said = refused(past.command("out", &[])).await;
    assert!(said.contains("target centre") && said.contains("token"), "{said}");
    past.simulator.clear_faults();

    // The state is marked as a backfill's: one with other flags must not continue it, and no
    // exporter may start on it.
    let mut other = past.command("out", &[]);
    other.arg("--every=60s");
    let said = refused(other).await;
    assert!(said.contains("begun in another way") && said.contains("every 150 s"), "{said}");
    let said = refused(past.command("out", &["job=x"])).await;
    assert!(said.contains("begun in another way"), "{said}");
    let mut early = exporter(&past.folder);
    early.args(past.flags(&past.url, "out"));
    let said = refused(early).await;
    assert!(said.contains("has not come to its end"), "{said}");

    run(past.command("out", &[])).await;
    assert_eq!(files(&past.output("out")).len(), past.days().len());
}

#[tokio::test]
async fn an_exporter_that_has_counted_gets_no_past() {
    let past = Past::of(0).await;
    let mut live = exporter(&past.folder);
    live.args(past.flags(&past.url, "used"));
    let mut process = Process::spawn(live);
    process.address().await;
    while !process.log().contains("counting from here") {
        assert!(process.running(), "{}", process.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let said = refused(past.command("used", &[])).await;
    assert!(said.contains("in use by another process"), "{said}");
    process.signal("TERM");
    process.exit(DEADLINE).await;
    let said = refused(past.command("used", &[])).await;
    assert!(said.contains("has counted already"), "{said}");
}

#[tokio::test]
async fn what_makes_no_sense_is_said_at_once() {
    let past = Past::of(0).await;
    let mut command = bare(&past.folder);
    command.args(["backfill", "--from=28", "--output=x", "--label=server=1", "--every=5m"]);
    let said = refused(command).await;
    for problem in ["--from", "--label", "--every"] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
    assert!(files(&past.output("x")).is_empty());
}

#[tokio::test]
async fn each_target_has_its_files() {
    let past = Past::of(0).await;
    let other = listen(&simulator_testing::Simulator::new(vendor())).await;
    let command = past.command("two", &[]);
    let zone = noon_name();
    let target = |name: &str, server: &str| {
        format!("{{name: {name}, server: {server:?}, token_file: token, timezone: {zone:?}}}")
    };
    let config = format!("targets: [{}, {}]\n", target("a/b", &past.url), target("c", &other));
    std::fs::write(past.folder.join("two.yaml"), config).expect("a file");
    run(command).await;
    let names: Vec<_> = files(&past.output("two"))
        .iter()
        .map(|path| path.file_name().expect("a file").to_owned())
        .collect();
    let of = |prefix: &str| {
        names.iter().filter(|name| name.to_string_lossy().starts_with(prefix)).count()
    };
    assert_eq!(
        (of("a%2Fb-"), of("c-"), names.len()),
        (past.days().len(), past.days().len(), 2 * past.days().len())
    );
}
