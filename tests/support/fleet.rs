//! The real binary with a configuration file of several targets.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    api::{Api, TOKEN, noon_name},
    process::{Exporter, exporter},
};

/// The content of a configuration file, and its directory.
pub(crate) struct Supervisor {
    directory: TempDir,
    targets: Vec<Value>,
    /// The file's `poll` section: a poll every second, each of which reads everything again.
    pub(crate) poll: Value,
    /// The file's `baseline` section: no warm-up, because tests count requests.
    pub(crate) baseline: Value,
}

impl Supervisor {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory can be created"),
            targets: Vec::new(),
            poll: json!({ "interval": "1s", "settle_delay": "0s", "lookback": "2h", "start_from": "1h" }),
            baseline: json!({ "warm_up": "0s" }),
        }
    }

    /// Makes a configuration with one simulator.
    pub(crate) fn of(name: &str, api: &Api) -> Self {
        let mut fleet = Self::new();
        fleet.add(name, &api.url());
        fleet
    }

    /// Configures reading of the weeks before, as by default, and counting from now on.
    pub(crate) fn know_the_usual(&mut self) {
        self.poll = json!({
            "interval": "5s",
            "settle_delay": "0s",
            "lookback": "10s",
            "hourly_lookback": "0s",
            "nightly_lookback": "0s",
            "start_from": "now",
        });
        self.baseline = json!({});
    }

    pub(crate) fn add(&mut self, name: &str, url: &str) {
        self.set_token(name, TOKEN);
        self.targets.push(json!({
            "name": name,
            "server": url,
            "token_file": self.token(name),
            "timezone": noon_name(),
        }));
    }

    /// Configures reading of the calls' outcomes for all targets so far.
    pub(crate) fn read_outcomes(&mut self) {
        for target in &mut self.targets {
            target["outcomes"] = json!(true);
        }
    }

    /// Writes a target's token file.
    pub(crate) fn set_token(&self, name: &str, token: &str) {
        let path = self.token(name);
        // Renames the new file into place, as a user should, so that a token is there at every
        // moment.
        let fresh = path.with_extension("new");
        fs::write(&fresh, token).expect("the temporary directory can be written");
        fs::set_permissions(&fresh, Permissions::from_mode(0o600)).expect("it is ours");
        fs::rename(&fresh, &path).expect("the temporary directory can be written");
    }

    pub(crate) fn token(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.token"))
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state.redb")
    }

    /// Removes a target from the list; its token file stays.
    pub(crate) fn remove(&mut self, name: &str) {
        self.targets.retain(|target| target["name"] != name);
    }

    /// Writes the configuration file.
    pub(crate) fn write(&self) {
        self.write_text(&self.config().to_string()); // JSON is YAML, and no value needs quoting by hand
    }

    /// Writes this text as the configuration file.
    pub(crate) fn write_text(&self, text: &str) {
        fs::write(self.path(), text).expect("the temporary directory can be written");
    }

    /// Returns the content of the file.
    pub(crate) fn config(&self) -> Value {
        json!({
            "targets": self.targets,
            "poll": self.poll,
            "baseline": self.baseline,
            "menu": { "zero_hold": "0s" },
            "state": { "path": "state.redb" },
        })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("exporter.yml")
    }

    /// Makes the command that starts the exporter.
    pub(crate) fn command(&self) -> Command {
        self.write();
        let mut command = exporter(self.directory.path());
        command.arg("--config.file").arg(self.path());
        command
    }

    pub(crate) async fn start(&self) -> Exporter {
        Exporter::start(self.command()).await
    }
}
