//! Runs the real binary in a directory of its own, and reads its exposition and its log.
//!
//! The process gets nothing of the test's environment. It is killed when its handle is dropped, and
//! its log is shown if the test fails.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::scrape::Scrape;

/// Longest wait for a process, so long because a test machine may be busy; everything here usually
/// takes a few seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Makes a command of the binary with this working directory, an empty environment and a free port.
pub(crate) fn exporter(directory: &Path) -> Command {
    let mut command = bare(directory);
    command.arg("--web.listen-address=127.0.0.1:0");
    command
}

/// Makes a command of the binary with this working directory and an empty environment, for `demo`
/// and `simulate`.
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

    /// Returns the address in its log, once it listens.
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

    /// Sends a signal such as `TERM` by the shell's builtin, because not every machine has a `kill`
    /// program.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("/bin/sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &self.child.id().to_string()])
            .status()
            .expect("a shell can be started");
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Waits for the end, with all output. Returns the exit status.
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
        // If the process has ended by itself, both fail, and neither is needed.
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

/// A running exporter that has reported that it is ready.
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

    /// Returns a page, if the status is 200.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    /// Returns a page in the requested format; the status must be 200.
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

    /// Waits until this text is on the status page, which is published after a poll's own metrics.
    pub(crate) async fn wait_page(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let page = self.page("/", "").await;
            if page.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "no {text:?} on the page: {page}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until this text is in the log, which may be written after the work that it describes.
    pub(crate) async fn wait_logged(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.logged(text) == 0 {
            assert!(Instant::now() < deadline, "no {text:?} in the log");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the number of log lines with this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.process.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Kills it at once, as in a crash, without tidying up.
    pub(crate) async fn sigkill(mut self) {
        self.process.signal("KILL");
        self.process.exit(DEADLINE).await;
    }

    /// Ends it with SIGTERM. Returns the exit status and the time that it took.
    pub(crate) async fn sigterm(mut self, within: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.process.signal("TERM");
        (self.process.exit(within).await, asked.elapsed())
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        Scrape::of(&self.client, self.address).await
    }

    /// Scrapes until the scrape is as wanted, and returns it.
    pub(crate) async fn wait_for(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        Scrape::until(&self.client, self.address, what, wanted).await
    }
}

/// Returns an address of this machine on which nobody listens. No other test gets it, in this or in
/// another process, so that none takes its port.
pub(crate) fn own_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0x0100);
    let [.., process] = std::process::id().to_be_bytes();
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    TcpListener::bind((Ipv4Addr::new(127, process, high, low), 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port of an own address is free")
}

/// Makes a client for loopback, without a proxy.
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

/// Returns the address in a complete log line in either format: `... address=127.0.0.1:4711 ...` or
/// `... "address":"127.0.0.1:4711" ...`.
fn listening(log: &str) -> Option<SocketAddr> {
    let line =
        log.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains("listen"))?;
    let (_, after) = line.split_once("address")?;
    after.trim_start_matches(['"', ':', '=']).split(['"', ' ', '\n']).next()?.parse().ok()
}
