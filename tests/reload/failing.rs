//! A reload while the disk fails: the targets it concerns are tried again until it works. On virtual time, since that
//! takes half a minute.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;
use wolkvox_exporter::{
    config::{
        Config, JourneyConfig, MetricsConfig, NameSources, PollConfig, Secret, TargetConfig, TokenSource,
        WebConfig,
    },
    snapshot::Publisher,
    store::Store,
    supervisor::{Change, Deps, Supervisor},
    telemetry::Telemetry,
};

use crate::{
    api::{TOKEN, noon},
    disk::Disk,
};

fn config(names: &[&str]) -> Config {
    let target = |name: &&str| TargetConfig {
        name: (*name).to_owned(),
        // Nobody listens there: a poll fails at once.
        endpoint: "http://127.0.0.1:9/".parse().unwrap(),
        token: TokenSource::fixed(&Secret::new(TOKEN), "the test").unwrap(),
        timezone: noon(),
        licences: None,
        expected: Vec::new(),
        names: NameSources::default(),
    };
    Config {
        targets: names.iter().map(target).collect(),
        poll: PollConfig::default(),
        menu: MetricsConfig::default(),
        journey: JourneyConfig::default(),
        state_path: Default::default(),
        web: WebConfig::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_the_disk_kept_out_comes_when_the_disk_allows() {
    let disk = Disk::default();
    let backend = disk.clone();
    let store = Store::open_backend(move || Ok(backend.clone()), Path::new("disk"), [7; 16]).unwrap();
    let publisher = Arc::new(Publisher::default());
    let mut fleet = Supervisor::new(Deps {
        store: Arc::new(store),
        publisher: publisher.clone(),
        telemetry: Arc::new(Telemetry::new().unwrap()),
        clock: Arc::new(Timestamp::now),
    });
    let names = || publisher.statuses().iter().map(|status| status.name.clone()).collect::<Vec<_>>();
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
    // To the fleet it is a target like the others.
    let change = fleet.change_to(&config(&["b", "c"])).await.unwrap();
    assert_eq!(change, Change { kept: 2, ..Change::default() });
    fleet.end_all().await;
}
