//! Tests of a state file that another program removes, replaces, cuts or overwrites while the
//! exporter runs: the exporter notices, reports it, and saves the counters. Also tests a renamed
//! target.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use simulator_testing::Fault;

use crate::support::api::Api;
use crate::support::fleet::Supervisor;
use crate::support::process::{Exporter, bare};
use crate::support::schema::Schema;

const RESCUES: &str = "wolkvox_state_file_rescues_total";

fn aside(state: &Path) -> PathBuf {
    PathBuf::from(format!("{}.displaced", state.display()))
}

/// Starts an exporter on the current file, with a vendor that never answers, and fails unless every
/// counted row is restored.
async fn assert_restores_all(fleet: &mut Supervisor, api: &Api) {
    let truth = api.truth();
    let silent = Api::start(|_| {}).await.always(Fault::Http503);
    fleet.remove("one");
    fleet.add("one", &silent.url());
    let restored = fleet.start().await;
    restored.scrape().await.assert_truth("one", &truth);
    restored.sigkill().await;
}

async fn assert_said(exporter: &Exporter, english: &str, spanish: &str) {
    let schema = Schema::read("docs/status.schema.json");
    for (language, words) in [("en", english), ("es", spanish)] {
        let page = exporter.page(&format!("/?lang={language}"), "").await;
        assert!(page.contains(words), "{page}");
        let json = exporter.get(&format!("/status.json?lang={language}")).await.expect("a status");
        let json = serde_json::from_str(&json).expect("JSON");
        assert_eq!(schema.faults(&json), Vec::<String>::new());
        assert!(
            json["notices"][0]["sentence"].as_str().expect("a sentence").contains(words),
            "{json:#}"
        );
    }
    assert_eq!(exporter.logged("another program changed the state file"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_is_removed_is_written_again() {
    let api = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("one", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("one")).await;
    assert_eq!(exporter.scrape().await.get("wolkvox_state_file_intact", &[]), 1.0);
    fs::remove_file(fleet.state()).unwrap();
    exporter.wait_for("saved", |scrape| scrape.get(RESCUES, &[("cause", "removed")]) == 1.0).await;
    assert_said(&exporter, "nothing is lost", "no se perdió nada").await;
    // Polls continue and count no row again.
    let polls = exporter.scrape().await.get("wolkvox_polls_total", &[("server", "one")]);
    let later = |scrape: &crate::support::scrape::Scrape| {
        scrape.up("one") && scrape.get("wolkvox_polls_total", &[("server", "one")]) > polls + 1.0
    };
    exporter.wait_for("polled again", later).await.assert_truth("one", &api.truth());
    exporter.sigkill().await;
    assert_restores_all(&mut fleet, &api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_is_replaced_is_written_again_and_the_other_kept() {
    let api = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("one", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("one")).await;
    let other = fleet.state().with_extension("other");
    fs::write(&other, "of somebody else").unwrap();
    fs::rename(&other, fleet.state()).unwrap();
    exporter.wait_for("saved", |scrape| scrape.get(RESCUES, &[("cause", "replaced")]) == 1.0).await;
    assert_eq!(fs::read_to_string(aside(&fleet.state())).unwrap(), "of somebody else");
    assert_said(&exporter, "nothing is lost", "no se perdió nada").await;
    exporter.sigkill().await;
    assert_restores_all(&mut fleet, &api).await;
}

fn cut(state: &Path, _: &[u8]) {
    OpenOptions::new().write(true).open(state).unwrap().set_len(0).unwrap();
}

/// Replaces the content with an older one, padded to more than the present length so that the file
/// does not look cut.
fn overwrite(state: &Path, older: &[u8]) {
    let mut older = older.to_vec();
    older.resize(16 * 1024 * 1024, 0);
    fs::write(state, older).unwrap();
}

/// A state file that is cut or overwritten must be made anew from the counters. The known rows are
/// lost with it, yet none may count again.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_is_cut_or_overwritten_is_made_anew_from_the_counters() {
    for (cause, spoil) in [("cut", cut as fn(&Path, &[u8])), ("overwritten", overwrite)] {
        let api = Api::start(|_| {}).await;
        let mut fleet = Supervisor::of("one", &api);
        let exporter = fleet.start().await;
        let older = fs::read(fleet.state()).unwrap();
        exporter.wait_for("up", |scrape| scrape.up("one")).await;
        exporter
            .wait_for("all", |scrape| scrape.rows("one", "new") == api.truth().rows as f64)
            .await;
        spoil(&fleet.state(), &older);
        // A commit may find the damage first; it fails and reports it.
        exporter
            .wait_for("saved", |scrape| scrape.sum(RESCUES, &[("cause", cause)]) == Some(1.0))
            .await;
        assert_said(
            &exporter,
            "The counters continue in a new",
            "Los contadores siguen en un archivo nuevo",
        )
        .await;
        let again = exporter.wait_for("polled again", |scrape| scrape.up("one")).await;
        again.assert_truth("one", &api.truth());
        assert_eq!(again.get("wolkvox_windows_incomplete_total", &[("server", "one")]), 1.0);
        assert!(aside(&fleet.state()).exists());
        exporter.sigkill().await;
        assert_restores_all(&mut fleet, &api).await;
    }
}

/// A renamed target would start from zero silently, because its name is its key: the exporter must
/// report it, and `state rename` must restore the counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_target_is_noticed_and_goes_on_with_state_rename() {
    let api = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("0042", &api);
    let mut exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("0042")).await;
    exporter.process.signal("TERM");
    assert!(exporter.process.exit(crate::support::process::DEADLINE).await.success());

    let silent = Api::start(|_| {}).await.always(Fault::Http503);
    fleet.remove("0042");
    fleet.add("ventas", &silent.url());
    let mut exporter = fleet.start().await;
    exporter.wait_logged("state rename OLD NEW").await;
    for (language, words) in
        [("en", "ventas starts from zero"), ("es", "ventas empieza desde cero")]
    {
        let page = exporter.page(&format!("/?lang={language}"), "").await;
        assert!(page.contains(words), "{page}");
    }
    let rename = |names: [&str; 2]| {
        let mut command = bare(Path::new("/"));
        command.args(["state", "rename", "--state.path"]).arg(fleet.state()).args(names);
        command.output().unwrap()
    };
    let running = rename(["0042", "ventas"]);
    assert!(String::from_utf8_lossy(&running.stderr).contains("is in use"), "{running:?}");
    exporter.process.signal("TERM");
    assert!(exporter.process.exit(crate::support::process::DEADLINE).await.success());
    let renamed = rename(["0042", "ventas"]);
    assert!(renamed.status.success(), "{renamed:?}");

    let exporter = fleet.start().await;
    exporter.scrape().await.assert_truth("ventas", &api.truth());
    assert_eq!(exporter.logged("state rename OLD NEW"), 0);
}
