//! The real binary as a child process: started, asked whether it is ready, killed.
//!
//! It must never touch the state file: the next process finds it as the killed one left it.

use std::{
    fs::{self, File, OpenOptions},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;

/// Longest wait for a scrape, which should wait for nothing.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the exporter, again and again, on the same state.
pub struct Exporter {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Exporter {
    /// Finds an address, and writes `config` for it; the log of all lives is appended to `log`.
    pub fn new(binary: PathBuf, directory: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            binary.is_file(),
            "there is no exporter at {}: run scripts/soak, which builds it, or name one with --exporter",
            binary.display()
        );
        // Every life listens on the same port.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let client = reqwest::Client::builder().no_proxy().timeout(SCRAPE_TIMEOUT).build()?;
        let (config, log) = (directory.join("config.yml"), directory.join("exporter.log"));
        Ok(Self { binary, config, log, address, client })
    }

    /// Writes the configuration for the next lives and the next reload.
    pub fn configure(&self, config: &serde_json::Value) -> anyhow::Result<()> {
        let mut config = config.clone();
        config["web"] = serde_json::json!({ "listen_addresses": [self.address.to_string()], "enable_lifecycle": true });
        // JSON is YAML.
        fs::write(&self.config, config.to_string()).context("cannot write the configuration")
    }

    /// Starts a life. An `unheard` one writes much to a pipe that nobody reads.
    pub fn start(&self, unheard: bool) -> anyhow::Result<Life> {
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.arg("--config.file").arg(&self.config).env_clear().stdin(Stdio::null());
        if unheard {
            command.arg("--log.level=debug").stdout(log).stderr(Stdio::piped());
        } else {
            command.stdout(log.try_clone()?).stderr(log);
        }
        let child =
            command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Life { child })
    }

    /// Reloads the configuration.
    pub async fn reload(&self) -> reqwest::Result<()> {
        self.client
            .post(format!("http://{}/-/reload", self.address))
            .send()
            .await?
            .error_for_status()
            .map(drop)
    }

    /// Returns the body of a page if it is answered with success.
    pub async fn get(&self, path: &str) -> reqwest::Result<String> {
        let url = format!("http://{}{path}", self.address);
        self.client.get(url).send().await?.error_for_status()?.text().await
    }
}

/// One life of the exporter. Killed when dropped, however the soak ends.
pub struct Life {
    child: Child,
}

impl Life {
    /// Returns its exit status, if it ended by itself.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Returns its peak memory in bytes; `None` without /proc.
    pub fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Sends SIGKILL.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the exporter")?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
