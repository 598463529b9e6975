//! The real binary as a child process: started, asked whether it is ready, killed.
//!
//! It must never do anything to the state file: what a killed process leaves behind is what the next one finds.

use std::{
    fs::{self, File, OpenOptions},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;

/// No scraper waits longer than this, and a scrape should wait for nothing.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the exporter is started, again and again on the same state.
pub struct Exporter {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Exporter {
    /// `config` is written for the address that this finds; the log of all lives is appended to `log`.
    pub fn new(binary: PathBuf, directory: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            binary.is_file(),
            "there is no exporter at {}: run scripts/soak, which builds it, or name one with --exporter",
            binary.display()
        );
        // Every life listens on the same port, as a real one does.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let client = reqwest::Client::builder().no_proxy().timeout(SCRAPE_TIMEOUT).build()?;
        let (config, log) = (directory.join("config.yml"), directory.join("exporter.log"));
        Ok(Self { binary, config, log, address, client })
    }

    /// Writes the configuration that the next lives read, and the next reload.
    pub fn configure(&self, config: &serde_json::Value) -> anyhow::Result<()> {
        let mut config = config.clone();
        config["web"] =
            serde_json::json!({ "listen_addresses": [self.address.to_string()], "enable_lifecycle": true });
        // JSON is YAML.
        fs::write(&self.config, config.to_string()).context("cannot write the configuration")
    }

    /// Begins a life. An `unheard` one writes much to a pipe that nobody reads.
    pub fn start(&self, unheard: bool) -> anyhow::Result<Life> {
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.arg("--config.file").arg(&self.config).env_clear().stdin(Stdio::null());
        if unheard {
            command.arg("--log.level=debug").stdout(log).stderr(Stdio::piped());
        } else {
            command.stdout(log.try_clone()?).stderr(log);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Life { child })
    }

    /// Has the configuration read anew.
    pub async fn reload(&self) -> reqwest::Result<()> {
        self.client
            .post(format!("http://{}/-/reload", self.address))
            .send()
            .await?
            .error_for_status()
            .map(drop)
    }

    /// The body of a page, if it is answered with success.
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
    /// How it ended, if it did so by itself.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The most memory that it has had at once, in bytes; `None` where the system has no /proc.
    pub fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// SIGKILL: nothing is tidied up.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the exporter")?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Neither can be done, nor is needed, if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
