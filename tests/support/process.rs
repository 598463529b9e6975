//! Runs the real binary in a directory of its own, and reads what it exposes and logs.
//!
//! Nothing of the test's own environment reaches it. It is killed when its handle is dropped, and
//! its log is shown if the test fails.

use std::{
    io::Read,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::scrape::Scrape;

/// Generous, because a test machine may be busy; nothing here takes more than a few seconds by
/// itself.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// The binary with this working directory, an empty environment and a free port.
pub(crate) fn exporter(directory: &Path) -> Command {
    let mut command = bare(directory);
    command.arg("--web.listen-address=127.0.0.1:0");
    command
}

/// The binary with this working directory and an empty environment, for `demo` and `simulate`.
pub(crate) fn bare(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wolkvox-exporter"));
    command.env_clear().current_dir(directory);
    command
}

/// A process that was started and has not been waited for.
pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (log, output) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stderr.take().expect("it is piped"), &log),
            collect(child.stdout.take().expect("it is piped"), &output),
        ];
        Self { child, log, output, readers }
    }

    /// Returns the text on standard error.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&bytes(&self.log)).into_owned()
    }

    /// Returns the text on standard output.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&bytes(&self.output)).into_owned()
    }

    /// The address in its log, once it listens.
    pub(crate) async fn address(&mut self) -> SocketAddr {
        self.until("an address in the log", |process| listening(&process.log())).await
    }

    pub(crate) fn running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    async fn until<T>(&mut self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.child.try_wait().expect("a child can be waited for");
            if let Some(found) = found(self) {
                return found;
            }
            assert!(status.is_none(), "it ended ({status:?}) before there was {what}");
            assert!(Instant::now() < deadline, "no {what} within {DEADLINE:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a signal such as `TERM`. The shell has it built in; a `kill` program is not
    /// everywhere.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("/bin/sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &self.child.id().to_string()])
            .status()
            .expect("a shell can be started");
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Its exit status; all that it wrote has arrived when this returns.
    pub(crate) async fn exit(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(Instant::now() < deadline, "still running after {within:?}");
            tokio::time::sleep(PAUSE).await;
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("reading a pipe does not panic");
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, and then neither can be done nor is needed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the log belongs to the failed test's output")]
            {
                eprintln!("--- log of the exporter\n{}--- end of log", self.log());
            }
        }
    }
}

/// A running exporter that has said that it is ready.
pub(crate) struct Exporter {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
}

impl Exporter {
    pub(crate) async fn start(command: Command) -> Self {
        let mut process = Process::spawn(command);
        let address = process.address().await;
        let client = client();
        let mut exporter = Self { process, address, client };
        let deadline = Instant::now() + DEADLINE;
        while exporter.get("/-/ready").await.is_none() {
            let status = exporter.process.child.try_wait().expect("a child can be waited for");
            assert!(status.is_none(), "it ended before it was ready: {status:?}");
            assert!(Instant::now() < deadline, "not ready within {DEADLINE:?}");
            tokio::time::sleep(PAUSE).await;
        }
        exporter
    }

    /// A page that answers 200.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    /// A page that has to answer 200, in the format that is asked for.
    pub(crate) async fn page(&self, path: &str, accept: &str) -> String {
        let request =
            self.client.get(format!("http://{}{path}", self.address)).header("accept", accept);
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let text = match answer {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        text.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Waits until this text is in the log, which is written behind the work that it tells of.
    pub(crate) async fn wait_logged(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.logged(text) == 0 {
            assert!(Instant::now() < deadline, "no {text:?} in the log");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Counts the lines of its log with this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.process.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Ends it at once, as a crash does: nothing is tidied up.
    pub(crate) async fn sigkill(mut self) {
        self.process.signal("KILL");
        self.process.exit(DEADLINE).await;
    }

    /// Asks it to end, and says how it ended and after how long.
    pub(crate) async fn sigterm(mut self, within: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.process.signal("TERM");
        (self.process.exit(within).await, asked.elapsed())
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        Scrape::of(&self.client, self.address).await
    }

    /// Scrapes until it is as wanted, and gives that scrape.
    pub(crate) async fn wait_for(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        Scrape::until(&self.client, self.address, what, wanted).await
    }
}

/// A client of loopback, without a proxy.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("an HTTP client without special settings can be built")
}

fn collect(
    mut from: impl Read + Send + 'static,
    to: &Arc<Mutex<Vec<u8>>>,
) -> thread::JoinHandle<()> {
    let to = Arc::clone(to);
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        // A pipe that breaks has ended.
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..read]);
        }
    })
}

fn bytes(buffer: &Mutex<Vec<u8>>) -> Vec<u8> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// From a whole line in either format: `... address=127.0.0.1:4711 ...` or
/// `... "address":"127.0.0.1:4711" ...`.
fn listening(log: &str) -> Option<SocketAddr> {
    let line =
        log.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains("listen"))?;
    let (_, after) = line.split_once("address")?;
    after.trim_start_matches(['"', ':', '=']).split(['"', ' ', '\n']).next()?.parse().ok()
}
