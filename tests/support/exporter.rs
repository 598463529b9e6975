//! Runs the real exporter binary against what a test serves, kills it, and starts it again on the same state.
//!
//! It must never reach into the library: what it knows of the exporter, it knows from its log and its pages.

#![allow(dead_code, reason = "each test binary that includes this file uses another part of it")]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Generous, because a test machine may be busy; an exporter is usually ready within a tenth of a second.
const READY_WITHIN: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What stays of an exporter between two processes: its flags, its state file and its address.
pub(crate) struct Installation {
    directory: TempDir,
    flags: Vec<String>,
    token: String,
    /// A free port at the first start, the same one afterwards, as scrapers know it.
    address: SocketAddr,
    log: Log,
}

impl Installation {
    /// One that reads from `server` with `token`; its state does not exist yet.
    pub(crate) fn new(server: &str, token: &str, flags: &[&str]) -> Self {
        let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!("--wolkvox.server={server}"));
        Self {
            directory: tempfile::tempdir().expect("a temporary directory can be created"),
            flags,
            token: token.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: Log::default(),
        }
    }

    /// With a configuration file.
    pub(crate) fn configured(self, yaml: &str) -> Self {
        let path = self.directory.path().join("config.yaml");
        std::fs::write(&path, yaml).expect("a temporary directory can be written to");
        let flag = format!("--config.file={}", path.display());
        self.with(&flag)
    }

    /// With one flag more.
    pub(crate) fn with(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.directory.path().join("state.redb")
    }

    /// Starts a process, and waits until it is ready. The log of all processes is one.
    pub(crate) async fn start(&mut self) -> Exporter {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wolkvox-exporter"))
            .args(&self.flags)
            .arg(format!("--web.listen-address={}", self.address))
            .arg(format!("--state.path={}", self.state_path().display()))
            // Whatever is set on this machine is not meant for it.
            .env_clear()
            .env("WOLKVOX_TOKEN", &self.token)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the exporter's binary can be started");
        let seen = self.log.lines().len();
        let stderr = child.stderr.take().expect("its standard error is a pipe");
        let log = self.log.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.push(line);
            }
        });
        let client = reqwest::Client::builder()
            .no_proxy() // everything here is on the loopback interface
            .timeout(REQUEST_TIMEOUT)
            .build()
            .expect("an HTTP client without special settings can be built");
        let mut exporter =
            Exporter { child, address: self.address, client, log: self.log.clone(), reader: Some(reader) };
        exporter.become_ready(seen).await;
        self.address = exporter.address;
        exporter
    }
}

/// A running exporter. It is killed when this is dropped, and its log is shown if the test fails.
pub(crate) struct Exporter {
    child: Child,
    address: SocketAddr,
    client: reqwest::Client,
    log: Log,
    /// Ends with the process.
    reader: Option<JoinHandle<()>>,
}

impl Exporter {
    async fn become_ready(&mut self, lines_before: usize) {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("the exporter ended before it was ready: {status}");
            }
            if let Some(address) = self.log.lines()[lines_before..].iter().find_map(|line| listening(line)) {
                self.address = address;
                if self.get("/-/ready", None).await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "the exporter was not ready within {READY_WITHIN:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything logged by this process, and by those before it on the same installation.
    pub(crate) fn log(&self) -> String {
        self.log.lines().join("\n")
    }

    /// How many lines of that log have this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.log.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Any page, whatever its status.
    pub(crate) async fn get(&self, path: &str, accept: Option<&str>) -> reqwest::Result<reqwest::Response> {
        let request = self.client.get(format!("http://{}{path}", self.address));
        match accept {
            Some(accept) => request.header("accept", accept).send().await,
            None => request.send().await,
        }
    }

    /// The body of a page that answers 200.
    pub(crate) async fn scrape(&self, path: &str, accept: Option<&str>) -> String {
        let answer = self.get(path, accept).await.and_then(reqwest::Response::error_for_status);
        let text = match answer {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        text.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Ends it at once, as a crash does: nothing is tidied up.
    pub(crate) fn sigkill(mut self) {
        self.child.kill().expect("a running child can be killed");
        self.wait();
    }

    /// Asks it to end, and says how it ended and after how long.
    pub(crate) async fn sigterm(mut self, within: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        // The shell's own `kill`: the program of that name is in no package that every machine has.
        let sent =
            Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()]).status();
        assert!(sent.as_ref().is_ok_and(ExitStatus::success), "no signal was sent: {sent:?}");
        loop {
            if self.child.try_wait().expect("a child can be waited for").is_some() {
                return (self.wait(), asked.elapsed());
            }
            assert!(asked.elapsed() < within, "the exporter did not end within {within:?} of SIGTERM");
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a child can be waited for");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log's reader cannot panic");
        }
        status
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended, and then neither can be done nor is needed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the log belongs to the failed test's output")]
            {
                eprintln!("--- log of the exporter at {}\n{}\n--- end of log", self.address, self.log());
            }
        }
    }
}

/// The address in the line that tells it.
fn listening(line: &str) -> Option<SocketAddr> {
    line.contains("listening")
        .then(|| line.split_whitespace().find_map(|word| word.strip_prefix("address=")))
        .flatten()
        .and_then(|address| address.trim_matches('"').parse().ok())
}

/// Lines of several processes, one after the other.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
