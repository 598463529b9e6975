//! Owns the real Prometheus: blocks made by promtool from samples and from the rules, and range queries over them.
//! Must not know what is simulated.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

/// A rule of a rule file.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Rule {
    pub record: Option<String>,
    pub alert: Option<String>,
    pub expr: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default, rename = "for")]
    pub hold: Option<String>,
    #[serde(default)]
    pub keep_firing_for: Option<String>,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "name")]
    _name: String,
    rules: Vec<Rule>,
}

/// All rules of a file, in its order.
pub fn rules(path: &Path) -> anyhow::Result<Vec<Rule>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File =
        serde_saphyr::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))?;
    Ok(file.groups.into_iter().flat_map(|group| group.rules).collect())
}

pub struct Prometheus {
    binary: PathBuf,
    promtool: PathBuf,
    directory: PathBuf,
    address: String,
    child: Option<Child>,
}

impl Prometheus {
    pub fn new(binary: PathBuf, promtool: PathBuf, directory: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory.join("data"))?;
        // It is started in a directory of its own. A bare name is looked for in PATH.
        let binary = if binary.components().count() > 1 { std::path::absolute(&binary)? } else { binary };
        std::fs::write(directory.join("prometheus.yml"), "{}")?;
        Ok(Self { binary, promtool, directory, address: String::new(), child: None })
    }

    /// Makes blocks of samples in OpenMetrics.
    pub fn load(&self, samples: &Path) -> anyhow::Result<()> {
        self.promtool(
            &["tsdb", "create-blocks-from", "--max-block-duration=1440h", "openmetrics"],
            |command| command.arg(samples).arg(self.directory.join("data")),
        )
    }

    /// Evaluates recording rules over all samples, each after those that it reads.
    pub fn record(&mut self, rules: &[Rule], start: i64, end: i64) -> anyhow::Result<()> {
        let mut left: Vec<&Rule> = rules.iter().collect();
        while !left.is_empty() {
            let waiting: Vec<&str> = left.iter().filter_map(|rule| rule.record.as_deref()).collect();
            let (ready, rest): (Vec<&Rule>, Vec<&Rule>) =
                left.iter().partition(|rule| !waiting.iter().any(|name| mentions(&rule.expr, name)));
            if ready.is_empty() {
                bail!("these rules read each other: {waiting:?}");
            }
            self.start()?;
            let rules: Vec<Value> = ready
                .iter()
                .map(|rule| json!({"record": rule.record, "expr": rule.expr, "labels": rule.labels}))
                .collect();
            // Always the same names: the moments of evaluation depend on them.
            let file = self.directory.join("pass.yaml");
            std::fs::write(&file, json!({"groups": [{"name": "pass", "rules": rules}]}).to_string())?;
            let (url, start, end) = (
                format!("--url=http://{}", self.address),
                format!("--start={start}"),
                format!("--end={end}"),
            );
            let begun = Instant::now();
            self.promtool(
                &[
                    "tsdb",
                    "create-blocks-from",
                    "--max-block-duration=1440h",
                    "rules",
                    "--eval-interval=300s",
                ],
                |command| {
                    command
                        .args([&url, &start, &end])
                        .arg("--output-dir")
                        .arg(self.directory.join("data"))
                        .arg(&file)
                },
            )?;
            tracing_line(&format!("{} rules in {:?}", ready.len(), begun.elapsed()));
            left = rest;
        }
        self.start()
    }

    /// Starts it anew, so that it reads the blocks that were made.
    fn start(&mut self) -> anyhow::Result<()> {
        self.stop();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = std::fs::File::create(self.directory.join("prometheus.log"))?;
        let child = Command::new(&self.binary)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .args([
                "--storage.tsdb.retention.time=50y",
                "--query.max-samples=400000000",
                "--query.timeout=30m",
            ])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        self.child = Some(child);
        self.address = address;
        let deadline = Instant::now() + Duration::from_secs(300);
        while self.query("vector(1)", 1, 2, 1).is_err() {
            if Instant::now() > deadline {
                bail!("Prometheus is not ready: see prometheus.log in {}", self.directory.display());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself, and then neither can be done nor is needed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// When an expression had a value, looked at just before the next step: whatever was recorded in between, at a moment
    /// that Prometheus chooses, is seen. Times are those at which the steps begin.
    pub fn steps(&self, promql: &str, start: i64, end: i64, step: i64) -> anyhow::Result<Vec<Series>> {
        let mut series = self.query(promql, start + step - 1, end + step - 1, step)?;
        series.iter_mut().flat_map(|one| &mut one.times).for_each(|time| *time -= step - 1);
        Ok(series)
    }

    /// A range query: labels and samples of each series.
    fn query(&self, promql: &str, start: i64, end: i64, step: i64) -> anyhow::Result<Vec<Series>> {
        let output = Command::new(&self.promtool)
            .args(["query", "range", "-o", "json"])
            .args([format!("--start={start}"), format!("--end={end}"), format!("--step={step}s")])
            .arg(format!("http://{}", self.address))
            .arg(promql)
            .output()?;
        if !output.status.success() {
            bail!("{promql}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let answer: Vec<Answer> = serde_json::from_slice(&output.stdout)?;
        Ok(answer
            .into_iter()
            .map(|one| Series {
                labels: one.metric,
                times: one.values.iter().map(|value| value.0 as i64).collect(),
            })
            .collect())
    }

    fn promtool(&self, args: &[&str], more: impl FnOnce(&mut Command) -> &mut Command) -> anyhow::Result<()> {
        let mut command = Command::new(&self.promtool);
        more(command.args(args));
        let output = command.output().with_context(|| format!("cannot start {}", self.promtool.display()))?;
        if !output.status.success() {
            bail!("promtool {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Deserialize)]
struct Answer {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// When an expression had a value, per label set.
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub times: Vec<i64>,
}

/// Whether an expression reads this name, and not only a longer one that begins with it.
fn mentions(expr: &str, name: &str) -> bool {
    expr.match_indices(name).any(|(at, _)| {
        !expr[at + name.len()..]
            .starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == ':')
    })
}

/// Progress goes to standard error, so that standard output is the report alone.
#[expect(clippy::print_stderr, reason = "a command of the terminal")]
pub fn tracing_line(text: &str) {
    eprintln!("{text}");
}
