//! Tests of a reload while the disk fails: its targets are tried again until it works. On virtual
//! time, because that takes half a minute.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::sleep;
use wolkvox_exporter::{
    config::{
        Config, JourneyConfig, MenuConfig, PollConfig, Secret, TargetConfig, TokenSource, WebConfig,
    },
    i18n::Bilingual,
    snapshot::Publisher,
    status::PollOutcome,
    store::Store,
    supervisor::{Change, Deps, Supervisor},
    telemetry::Telemetry,
};

use crate::support::{
    api::{TOKEN, noon},
    disk::Disk,
};

fn config(names: &[&str]) -> Config {
    let token = TokenSource::fixed(&Secret::new(TOKEN), &Bilingual::verbatim("the test")).unwrap();
    // Nobody listens at this address, so a poll fails at once.
    let target = |name: &&str| {
        TargetConfig::new(name, "http://127.0.0.1:9/".parse().unwrap(), token.clone(), noon())
    };
    Config {
        targets: names.iter().map(target).collect(),
        poll: PollConfig::default(),
        menu: MenuConfig::default(),
        journey: JourneyConfig::default(),
        baseline: Default::default(),
        state: Default::default(),
        web: WebConfig::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_the_disk_kept_out_comes_when_the_disk_allows() {
    let disk = Disk::default();
    let backend = disk.clone();
    let store =
        Store::open_backend(move || Ok(backend.clone()), Path::new("disk"), [7; 16]).unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let mut fleet = Supervisor::new(Deps {
        store: Arc::new(store),
        publisher: publisher.clone(),
        telemetry,
        in_flight: Arc::new(tokio::sync::Semaphore::new(8)),
        workers: tokio::runtime::Handle::current(),
        clock: Arc::new(Timestamp::now),
    });
    let names =
        || publisher.statuses().iter().map(|status| status.name.clone()).collect::<Vec<_>>();
    let change = fleet.change_to(&config(&["a", "b"])).await.unwrap();
    assert_eq!(change, Change { added: 2, ..Change::default() });
    assert_eq!(names(), ["a", "b"]);

    disk.fill();
    let error = fleet.change_to(&config(&["b", "c"])).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("target c: the state file failed"), "{error:#}");
    assert_eq!(names(), ["b"], "nothing is shown of a target that is polled no more, or not yet");

    disk.empty();
    while names() != ["b", "c"] {
        sleep(Duration::from_secs(1)).await;
    }
    // To the fleet, this target is like any other.
    let change = fleet.change_to(&config(&["b", "c"])).await.unwrap();
    assert_eq!(change, Change { kept: 2, ..Change::default() });
    fleet.end_all(Duration::from_secs(60)).await;
}

/// A poller that panics must be started again after a wait, and must not keep a reload that ends it
/// from finishing.
#[tokio::test(start_paused = true)]
async fn a_poller_that_breaks_off_is_started_again_and_hangs_no_reload() {
    let store = Arc::new(Store::in_memory([7; 16]).unwrap());
    let telemetry = Arc::new(Telemetry::default());
    let broken = Arc::new(AtomicBool::new(false));
    let clock = {
        let broken = broken.clone();
        // The poller asks for the time all along, so this panic is like a bug in the poller.
        move || {
            if broken.swap(false, Ordering::SeqCst) { panic!("a bug") } else { Timestamp::now() }
        }
    };
    let publisher = Publisher::start(telemetry.clone());
    let deps = Deps {
        store,
        publisher,
        telemetry: telemetry.clone(),
        clock: Arc::new(clock),
        in_flight: Arc::new(tokio::sync::Semaphore::new(8)),
        workers: tokio::runtime::Handle::current(),
    };
    let shown = deps.publisher.clone();
    let mut fleet = Supervisor::new(deps);
    let restarts = |name: &str| -> u64 {
        let families = telemetry.target(name).families();
        let family =
            families.iter().find(|family| family.name == "wolkvox_poller_restarts_total").unwrap();
        format!("{:?}", family.points[0].value)
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap()
    };
    let polls = |name: &str| format!("{:?}", telemetry.target(name).families());
    fleet.change_to(&config(&["a"])).await.unwrap();

    broken.store(true, Ordering::SeqCst);
    while restarts("a") == 0 {
        sleep(Duration::from_secs(1)).await;
    }
    shown.settled().await;
    let status = shown.statuses()[0].clone();
    let now = Timestamp::now();
    assert!(
        matches!(status.outcome, PollOutcome::BrokeOff { .. }),
        "{:?}: shown as down at once",
        status.outcome
    );
    assert!(status.next_poll > now, "{} is past", status.next_poll);
    let before = polls("a");
    while polls("a") == before {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(restarts("a"), 1, "it is polled again");

    // Ends "a", whose poller has just panicked again.
    broken.store(true, Ordering::SeqCst);
    while restarts("a") == 1 {
        sleep(Duration::from_secs(1)).await;
    }
    let change = fleet.change_to(&config(&["b"])).await.unwrap();
    assert_eq!(change, Change { added: 1, removed: 1, ..Change::default() });
    let change = fleet.change_to(&config(&["a", "b"])).await.unwrap();
    assert_eq!(change, Change { added: 1, kept: 1, ..Change::default() });
    fleet.end_all(Duration::from_secs(60)).await;
}
