//! The parts of an exporter that outlast its process: flags, state file and address.

use std::{net::SocketAddr, path::PathBuf};

use tempfile::TempDir;

use super::process::{Exporter, bare};

pub(crate) struct Installation {
    directory: TempDir,
    flags: Vec<String>,
    token: String,
    /// A free port at the first start, and the same one afterwards, because scrapers know it.
    address: SocketAddr,
}

impl Installation {
    /// Makes an installation that reads from `server` with `token`; its state does not exist yet.
    pub(crate) fn new(server: &str, token: &str, flags: &[&str]) -> Self {
        let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!("--wolkvox.server={server}"));
        Self {
            directory: tempfile::tempdir().expect("a temporary directory can be created"),
            flags,
            token: token.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// Adds a configuration file.
    pub(crate) fn configured(self, yaml: &str) -> Self {
        self.reconfigure(yaml);
        let flag = format!("--config.file={}", self.config_path().display());
        self.with(&flag)
    }

    /// Writes another configuration file for the next process.
    pub(crate) fn reconfigure(&self, yaml: &str) {
        std::fs::write(self.config_path(), yaml).expect("a temporary directory can be written to");
    }

    fn config_path(&self) -> PathBuf {
        self.directory.path().join("config.yaml")
    }

    /// Adds a flag.
    pub(crate) fn with(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.directory.path().join("state.redb")
    }

    /// Starts a process, and waits until it is ready.
    pub(crate) async fn start(&mut self) -> Exporter {
        let mut command = bare(self.directory.path());
        command
            .args(&self.flags)
            .arg(format!("--web.listen-address={}", self.address))
            .arg(format!("--state.path={}", self.state_path().display()))
            .env("WOLKVOX_TOKEN", &self.token);
        let exporter = Exporter::start(command).await;
        self.address = exporter.address;
        exporter
    }
}
