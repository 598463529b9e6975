//! Tests of `backfill`: its files, loaded into real Prometheus servers of two generations, hold the
//! simulator's truth of every day; the exporter continues from its state without a gap; and neither
//! SIGKILL nor a vendor with trouble changes a byte of them.
//!
//! `BACKFILL_DAYS=28 cargo test --test prometheus backfill:: -- --nocapture` reads four weeks,
//! which takes a while.

mod interrupted;
mod loaded;
mod refused;
mod truth;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Options, Simulator, serve};
use tokio::net::TcpListener;

use crate::support::{
    api::{noon, noon_name},
    process::{Process, bare},
};

const TOKEN: &str = "backfill-token";
const JOB: &str = "backfill";
/// Much more than a day of the past takes, which is seconds.
const DEADLINE: Duration = Duration::from_secs(600);
/// More than the 90 s within which the simulator's callers choose.
const IDLE: SignedDuration = SignedDuration::from_secs(100);

/// The full hour at which every past ends, an hour or two before the tests begin.
static UNTIL: LazyLock<Timestamp> = LazyLock::new(|| {
    let hour = Timestamp::now().as_second() / 3600 * 3600;
    Timestamp::from_second(hour - 3600).expect("an hour ago")
});

/// A simulated vendor on a socket, and the range that is read: lines of the five-minute grid.
pub(crate) struct Past {
    simulator: Arc<Simulator>,
    url: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    _folder: tempfile::TempDir,
    folder: PathBuf,
}

impl Past {
    /// Makes a past of this many days and some hours.
    async fn of(days: i64) -> Self {
        Self::of_vendor(days_or(days), |_| vendor()).await
    }

    /// Makes the past of a vendor, which is given the moment at which the past ends.
    pub(crate) async fn of_vendor(days: i64, vendor: impl FnOnce(Timestamp) -> Options) -> Self {
        Self::until(*UNTIL, days, vendor).await
    }

    /// Makes the past of a vendor that ends at this moment, a full hour.
    async fn until(until: Timestamp, days: i64, vendor: impl FnOnce(Timestamp) -> Options) -> Self {
        let from = until - SignedDuration::from_hours(days * 24 + 2);
        let simulator = Simulator::new(vendor(until));
        let url = listen(&simulator).await;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().to_owned();
        Self { simulator, url, from, until, _folder: folder, folder: path }
    }

    /// Returns the begin and the end of each file, and so of each day (UTC).
    fn days(&self) -> Vec<(Timestamp, Timestamp)> {
        let mut days = Vec::new();
        let mut start = self.from;
        while start < self.until {
            let midnight = (start.as_second().div_euclid(86_400) + 1) * 86_400;
            let end = Timestamp::from_second(midnight).expect("a midnight").min(self.until);
            days.push((start, end));
            start = end;
        }
        days
    }

    /// Makes the command of a backfill with a directory and a state of this name, which may already
    /// exist.
    pub(crate) fn command(&self, name: &str, labels: &[&str]) -> Command {
        self.command_from(&self.url, name, labels)
    }

    /// Makes the same command for another vendor under the same name.
    fn command_from(&self, url: &str, name: &str, labels: &[&str]) -> Command {
        let local = |moment| noon().to_datetime(moment);
        let mut command = bare(&self.folder);
        command
            .arg("backfill")
            .arg(format!("--from={}", local(self.from)))
            .arg(format!("--until={}", local(self.until)))
            .arg(format!("--output={name}"))
            .args(labels.iter().map(|label| format!("--label={label}")))
            .args(self.flags(url, name));
        command
    }

    /// Returns the flags that the exporter gets, too.
    fn flags(&self, url: &str, name: &str) -> Vec<String> {
        let zone = noon_name();
        let config = format!(
            "targets: [{{name: centre, server: {url:?}, token_file: token, timezone: {zone:?}, outcomes: true}}]\nmenu: {{buckets: [10, 30, 60, 300]}}\n"
        );
        std::fs::write(self.folder.join(format!("{name}.yaml")), config).expect("a file");
        std::fs::write(self.folder.join("token"), TOKEN).expect("a file");
        vec![
            format!("--state.path={name}.redb"),
            format!("--journey.idle={}s", IDLE.as_secs()),
            format!("--config.file={name}.yaml"),
        ]
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.redb"))
    }

    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Makes a vendor whose past does not depend on when the tests begin; all its rows are visible.
pub(crate) fn vendor() -> Options {
    Options {
        zone: noon(),
        token: TOKEN.to_owned(),
        late_share: 0.0,
        scale: 0.2,
        chance_from: Some(*UNTIL),
        ..Options::default()
    }
}

/// Returns the days of `BACKFILL_DAYS`, otherwise these.
fn days_or(days: i64) -> i64 {
    std::env::var("BACKFILL_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(days)
}

async fn listen(simulator: &Arc<Simulator>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port of 127.0.0.1");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(serve(listener, simulator.clone(), std::future::pending()));
    format!("http://{address}")
}

/// Runs a command, which must succeed. Returns its output.
pub(crate) async fn run(command: Command) -> String {
    let mut process = Process::spawn(command);
    let status = process.exit(DEADLINE).await;
    assert!(status.success(), "{status}\n{}", process.log());
    process.output()
}

/// Returns the files of a directory by name; none if it does not exist yet.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}
