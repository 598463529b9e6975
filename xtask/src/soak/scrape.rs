//! Reads scrapes in text 0.0.4, and checks that no counter goes back from one to the next.
//!
//! It must never use the exporter's code, so that a mistake there cannot hide itself here.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, bail};

/// A name and labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Series {
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), labels }
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels: Vec<_> =
            self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        write!(f, "{}{{{}}}", self.name, labels.join(","))
    }
}

/// One whole answer.
#[derive(Debug, Default)]
pub struct Scrape {
    kinds: HashMap<String, String>,
    pub samples: HashMap<Series, f64>,
}

impl Scrape {
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut scrape = Self::default();
        anyhow::ensure!(text.ends_with('\n'), "the scrape breaks off within a line");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').context("a TYPE without a type")?;
                scrape.kinds.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (series, value) =
                    sample(line).with_context(|| format!("in the line {line:?}"))?;
                if scrape.samples.insert(series, value).is_some() {
                    bail!("a series stands there twice: {line:?}");
                }
            }
        }
        Ok(scrape)
    }

    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples.get(&Series::new(name, labels)).copied()
    }

    /// Returns true for samples that only grow: counters, and all parts of a histogram (no
    /// observation is negative).
    fn grows(&self, name: &str) -> bool {
        let kind = |name| self.kinds.get(name).map(String::as_str);
        let of_histogram = ["_bucket", "_sum", "_count"].iter().any(|end| {
            name.strip_suffix(end).is_some_and(|family| kind(family) == Some("histogram"))
        });
        of_histogram || kind(name) == Some("counter")
    }
}

fn sample(line: &str) -> anyhow::Result<(Series, f64)> {
    let (series, value) = line.rsplit_once(' ').context("no value")?;
    let Some((name, mut rest)) = series.split_once('{') else {
        return Ok((Series::new(series, &[]), value.parse()?));
    };
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, after) = rest.split_once("=\"").context("a label without a value")?;
        let (text, end) = unquote(after).context("a value without an end")?;
        labels.insert(label.trim_start_matches(',').to_owned(), text);
        rest = &after[end..];
    }
    Ok((Series { name: name.to_owned(), labels }, value.parse()?))
}

/// Returns the text up to the closing quote, and the index of what follows.
fn unquote(escaped: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = escaped.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((text, at + 1)),
            (_, '\\') => match characters.next()?.1 {
                'n' => text.push('\n'),
                other => text.push(other),
            },
            (_, other) => text.push(other),
        }
    }
}

/// Last values of everything that may only grow.
#[derive(Default)]
pub struct Watch {
    /// Committed values, which must survive the process.
    lasting: HashMap<Series, f64>,
    /// Values that begin at 0 with each process.
    fleeting: HashMap<Series, f64>,
    /// Descriptions of those that went back or vanished.
    pub gone_back: Vec<String>,
}

impl Watch {
    /// Begins a new process.
    pub fn new_life(&mut self) {
        self.fleeting.clear();
    }

    /// Checks a scrape. If the process was `ready` before it, every series that was ever shown must
    /// be there.
    pub fn see(&mut self, scrape: &Scrape, ready: bool) {
        for (series, &value) in &scrape.samples {
            // All other gauges come and go.
            if !scrape.grows(&series.name) && series.name != WATERMARK {
                continue;
            }
            let lasting = is_committed(&series.name);
            let seen = if lasting { &mut self.lasting } else { &mut self.fleeting };
            match seen.get_mut(series) {
                Some(before) if value < *before => {
                    self.gone_back.push(format!("{series} went from {before} to {value}"));
                    *before = value;
                }
                Some(before) => *before = value,
                None => {
                    seen.insert(series.clone(), value);
                }
            }
        }
        if ready {
            let gone: Vec<_> = self
                .lasting
                .keys()
                .filter(|series| !scrape.samples.contains_key(series))
                .cloned()
                .collect();
            for series in gone {
                self.gone_back.push(format!("{series} vanished"));
                self.lasting.remove(&series);
            }
        }
    }
}

/// The watermark: the only gauge that must never go back.
const WATERMARK: &str = "wolkvox_watermark_timestamp_seconds";

/// Returns true for committed families: counts of rows, and the watermark.
fn is_committed(name: &str) -> bool {
    const COMMITTED: [&str; 6] = [
        "wolkvox_rows_",
        "wolkvox_late_rows_total",
        "wolkvox_row_lateness_seconds_",
        "wolkvox_windows_incomplete_total",
        WATERMARK,
        "wolkvox_menu_",
    ];
    COMMITTED.iter().any(|committed| name.starts_with(committed))
}
