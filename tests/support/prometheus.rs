//! Runs a real Prometheus that scrapes what a test serves, and queries what it stored.
//!
//! `scripts/test` sets the paths of the binaries in the environment:
//!
//! - `WOLKVOX_TEST_PROMETHEUS`: paths of Prometheus binaries, joined by `:`, oldest first
//! - `WOLKVOX_TEST_PROMTOOL`: the same for promtool
//!
//! Without them the tests fail instead of being skipped: a check that passes because its tool is
//! missing checks nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::process::own_address;

/// Longest wait for a Prometheus, so long because a test machine may be busy; it usually takes a
/// second.
const READY_WITHIN: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A series' labels, including `__name__` if the answer has one.
pub(crate) type Labels = BTreeMap<String, String>;
/// Unix time in seconds, and value.
pub(crate) type Sample = (f64, f64);

/// A Prometheus or promtool binary from the environment.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) path: PathBuf,
    /// The version that the binary prints, such as `3.16.0` or `2.42.0+ds`.
    pub(crate) version: String,
}

impl Tool {
    /// Returns the version's first number.
    pub(crate) fn major(&self) -> u32 {
        self.version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or_else(|| panic!("{self}: the version does not start with a number"))
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (version {})", self.path.display(), self.version)
    }
}

/// Returns the Prometheus versions to test with, at least one, oldest first.
pub(crate) fn binaries() -> Vec<Tool> {
    tools("WOLKVOX_TEST_PROMETHEUS")
}

/// Returns the promtool versions to test with, at least one, oldest first.
pub(crate) fn promtools() -> Vec<Tool> {
    tools("WOLKVOX_TEST_PROMTOOL")
}

fn tools(variable: &str) -> Vec<Tool> {
    let paths = std::env::var_os(variable).filter(|paths| !paths.is_empty()).unwrap_or_else(|| {
        panic!("{variable} is not set: run scripts/test, which installs what this test needs and sets it")
    });
    std::env::split_paths(&paths)
        .map(|path| {
            let output = Command::new(&path).arg("--version").output().unwrap_or_else(|error| {
                panic!("{variable}: cannot run {}: {error}", path.display())
            });
            // Debian's 2.42 prints the version to standard error, newer ones to standard output.
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            // "prometheus, version 3.16.0 (branch: ...)"
            let version = text
                .split_once(", version ")
                .and_then(|(_, rest)| rest.split_whitespace().next())
                .unwrap_or_else(|| panic!("{variable}: {} --version said: {text}", path.display()));
            Tool { version: version.to_owned(), path }
        })
        .collect()
}

/// One job with one static target, `http://ADDRESS/metrics`.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    job: String,
    /// The target; `None` for Prometheus itself, whose port is not known before it starts.
    address: Option<SocketAddr>,
    scrape_config: Map<String, Value>,
}

impl Target {
    pub(crate) fn new(job: &str, address: SocketAddr) -> Self {
        Self { job: job.to_owned(), address: Some(address), scrape_config: Map::new() }
    }

    /// Makes a job that scrapes Prometheus itself.
    pub(crate) fn itself(job: &str) -> Self {
        Self { job: job.to_owned(), address: None, scrape_config: Map::new() }
    }

    /// Sets a key of the job's `scrape_config`, such as `scrape_protocols` (2.49 and later).
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.scrape_config.insert(key.to_owned(), value);
        self
    }

    fn to_json(&self, own_address: SocketAddr) -> Value {
        let mut job = self.scrape_config.clone();
        let address = self.address.unwrap_or(own_address).to_string();
        job.insert("job_name".to_owned(), json!(self.job));
        job.insert("static_configs".to_owned(), json!([{ "targets": [address] }]));
        Value::Object(job)
    }
}

/// A running Prometheus with its own empty storage. When this is dropped, it is killed and its
/// files are removed. Its log is shown if the test fails.
pub(crate) struct Prometheus {
    tool: Tool,
    address: SocketAddr,
    client: reqwest::Client,
    process: Process,
    directory: TempDir,
}

impl Prometheus {
    /// Starts `tool` with a scrape interval of one second and these additional `flags` (such as
    /// `--enable-feature=native-histograms`), and waits until it is ready.
    pub(crate) async fn start(tool: &Tool, targets: &[Target], flags: &[&str]) -> Self {
        let config = |address| {
            let targets: Vec<Value> =
                targets.iter().map(|target| target.to_json(address)).collect();
            // JSON is YAML, so no value needs quoting by hand.
            json!({
                "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
                "scrape_configs": targets,
            })
            .to_string()
        };
        Self::begin(tool, config, &[], flags).await
    }

    /// Starts `tool` with this configuration, with the files that it names (path and content), and
    /// with these additional `flags`.
    pub(crate) async fn start_configured(
        tool: &Tool,
        config: &str,
        files: &[(String, String)],
        flags: &[&str],
    ) -> Self {
        Self::begin(tool, |_| config.to_owned(), files, flags).await
    }

    async fn begin(
        tool: &Tool,
        config: impl Fn(SocketAddr) -> String,
        files: &[(String, String)],
        flags: &[&str],
    ) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy() // everything here is on the loopback interface
            .timeout(REQUEST_TIMEOUT)
            .build()
            .expect("an HTTP client without special settings can be built");
        let mut prometheus = Self::spawn(tool, config, files, flags, client);
        if let Err(why) = prometheus.become_ready().await {
            panic!("{}", prometheus.explain(&why));
        }
        prometheus
    }

    fn spawn(
        tool: &Tool,
        config: impl Fn(SocketAddr) -> String,
        files: &[(String, String)],
        flags: &[&str],
        client: reqwest::Client,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        // Prometheus does not report which port it got for ":0".
        let address = own_address();
        for (path, content) in files.iter().chain([&("prometheus.yml".to_owned(), config(address))])
        {
            let path = directory.path().join(path);
            let folder = path.parent().expect("a file lies in a folder");
            fs::create_dir_all(folder).expect("the temporary directory can be written");
            fs::write(path, content).expect("the temporary directory can be written");
        }
        let log =
            File::create(log_path(&directory)).expect("the temporary directory can be written");
        // Prometheus refuses a flag that is given twice.
        let storage = Some("--storage.tsdb.path=storage")
            .filter(|_| !flags.iter().any(|flag| flag.starts_with("--storage.tsdb.path=")));
        let child = Command::new(&tool.path)
            .arg("--config.file=prometheus.yml")
            .args(storage)
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be duplicated"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {tool}: {error}"));
        Self { tool: tool.clone(), address, client, process: Process(child), directory }
    }

    async fn become_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.process.exited() {
                return Err(format!("ended before it was ready: {status}"));
            }
            if self.get_text("/-/ready").await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("not ready after {READY_WITHIN:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn tool(&self) -> &Tool {
        &self.tool
    }

    /// Returns `http://ADDRESS` of its web interface, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(log_path(&self.directory))
            .unwrap_or_else(|error| format!("(no log: {error})"))
    }

    /// Evaluates an instant query now. Series are in the order of their labels; a scalar has none.
    pub(crate) async fn query(&self, promql: &str) -> Vec<(Labels, f64)> {
        self.instant(&[("query", promql)], promql).await
    }

    /// Evaluates an instant query at a Unix time in seconds.
    pub(crate) async fn query_at(&self, promql: &str, time: f64) -> Vec<(Labels, f64)> {
        self.instant(&[("query", promql), ("time", &time.to_string())], promql).await
    }

    /// Evaluates an instant query, and keeps the order of the answer, which matters for `sort` and
    /// `topk`.
    pub(crate) async fn query_in_order(&self, promql: &str, time: f64) -> Vec<(Labels, f64)> {
        self.vector(&[("query", promql), ("time", &time.to_string())], promql).await
    }

    async fn instant(&self, parameters: &[(&str, &str)], promql: &str) -> Vec<(Labels, f64)> {
        let mut vector = self.vector(parameters, promql).await;
        vector.sort_by(|a, b| a.0.cmp(&b.0));
        vector
    }

    async fn vector(&self, parameters: &[(&str, &str)], promql: &str) -> Vec<(Labels, f64)> {
        let data = self.api("/api/v1/query", parameters).await;
        match data["resultType"].as_str() {
            Some("scalar") => vec![(Labels::new(), self.sample(&data["result"], promql).1)],
            Some("vector") => {
                self.series(&data, promql, |one| self.sample(&one["value"], promql).1)
            }
            _ => {
                panic!("{}", self.explain(&format!("{promql}: neither vector nor scalar: {data}")))
            }
        }
    }

    /// Evaluates a range query; times and step are in seconds.
    pub(crate) async fn query_range(
        &self,
        promql: &str,
        start: f64,
        end: f64,
        step: f64,
    ) -> Vec<(Labels, Vec<Sample>)> {
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let parameters = [("query", promql), ("start", &start), ("end", &end), ("step", &step)];
        let data = self.api("/api/v1/query_range", &parameters).await;
        self.matrix(&data, promql)
    }

    /// Returns the stored samples of a range selector such as `up[10m]`.
    pub(crate) async fn samples(&self, range_selector: &str) -> Vec<(Labels, Vec<Sample>)> {
        let data = self.api("/api/v1/query", &[("query", range_selector)]).await;
        self.matrix(&data, range_selector)
    }

    /// Repeats a query until the answer is as wanted, and returns it.
    pub(crate) async fn wait_for(
        &self,
        promql: &str,
        within: Duration,
        wanted: impl Fn(&[(Labels, f64)]) -> bool,
    ) -> Vec<(Labels, f64)> {
        let deadline = Instant::now() + within;
        loop {
            let answer = self.query(promql).await;
            if wanted(&answer) {
                return answer;
            }
            if Instant::now() > deadline {
                let why = format!("{promql}: not as wanted within {within:?}, at last: {answer:?}");
                panic!("{}", self.explain(&why));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Returns the `data` of an endpoint of the HTTP API.
    pub(crate) async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let mut url = reqwest::Url::parse(&self.url()).expect("an address makes a URL");
        url.set_path(path);
        url.query_pairs_mut().extend_pairs(parameters);
        let answer = async {
            // An error has the status 4xx or 5xx, and its reason in the body.
            let body = self.client.get(url).send().await?.bytes().await?;
            Ok::<_, reqwest::Error>(body)
        };
        let request = format!("GET {path} {parameters:?}");
        let body = answer
            .await
            .unwrap_or_else(|error| panic!("{}", self.explain(&fault(&request, &error))));
        let mut json: Value = serde_json::from_slice(&body).unwrap_or_else(|error| {
            let body = String::from_utf8_lossy(&body);
            panic!("{}", self.explain(&format!("{request}: not JSON ({error}): {body}")))
        });
        if json["status"] != "success" {
            panic!("{}", self.explain(&format!("{request}: {json}")));
        }
        json["data"].take()
    }

    /// Returns the processor time that it has used so far, in seconds.
    pub(crate) async fn processor_seconds(&self) -> f64 {
        let metrics = self.get_text("/metrics").await.unwrap_or_default();
        let line = metrics.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
        let seconds = line.and_then(|value| value.trim().parse().ok());
        seconds.unwrap_or_else(|| {
            panic!("{}", self.explain("no process_cpu_seconds_total of its own"))
        })
    }

    async fn get_text(&self, path: &str) -> Result<String, reqwest::Error> {
        let url = format!("{}{path}", self.url());
        self.client.get(url).send().await?.error_for_status()?.text().await
    }

    fn matrix(&self, data: &Value, promql: &str) -> Vec<(Labels, Vec<Sample>)> {
        if data["resultType"] != "matrix" {
            panic!("{}", self.explain(&format!("{promql}: not a range: {data}")));
        }
        let mut matrix = self.series(data, promql, |one| {
            let values = one["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            values.iter().map(|value| self.sample(value, promql)).collect::<Vec<_>>()
        });
        matrix.sort_by(|a, b| a.0.cmp(&b.0));
        matrix
    }

    fn series<T>(
        &self,
        data: &Value,
        promql: &str,
        value: impl Fn(&Value) -> T,
    ) -> Vec<(Labels, T)> {
        let result = data["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        let labels = |one: &Value| {
            serde_json::from_value(one["metric"].clone()).unwrap_or_else(|error| {
                panic!("{}", self.explain(&format!("{promql}: {error}: {one}")))
            })
        };
        result.iter().map(|one| (labels(one), value(one))).collect()
    }

    /// Reads a sample such as `[1700000000.123, "42"]`; values are strings because JSON has no NaN
    /// and no infinity.
    fn sample(&self, value: &Value, promql: &str) -> Sample {
        let number = value[1].as_str().and_then(|number| number.parse().ok());
        match (value[0].as_f64(), number) {
            (Some(time), Some(number)) => (time, number),
            // Native histograms, for example, must be read with `api`.
            _ => panic!("{}", self.explain(&format!("{promql}: not a number at a time: {value}"))),
        }
    }

    /// Adds the endpoint to a reason. [`Drop`] prints the log.
    fn explain(&self, why: &str) -> String {
        format!("{} at {}: {why}", self.tool, self.url())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the log belongs to the failed test's output")]
            {
                eprintln!("--- log of {}\n{}--- end of log", self.tool, self.log());
            }
        }
    }
}

/// A child process that is killed when the test ends in any way. Nobody reads its storage any more,
/// so it need not stop cleanly.
struct Process(Child);

impl Process {
    fn exited(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If the process has ended by itself, both fail, and neither is needed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log_path(directory: &TempDir) -> PathBuf {
    directory.path().join("prometheus.log")
}

fn fault(request: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{request}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
