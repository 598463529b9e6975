//! Values of families over some hours, kept as changes and written as OpenMetrics with timestamps.
//!
//! A change takes a few bytes, so a day with tens of thousands of samples a minute fits into memory
//! and can be written series by series, as builders of blocks need it. A new counter is 0 first.
//! Start timestamps (`_created`) are left out: the first sample has the same moment.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::Arc,
};

use super::{
    encode::{EOF, Format, encode_head},
    model::{BucketBounds, Family, MetricType, Sample, Value},
    number::{push_f64, push_u64},
};

/// Bytes after which the buffer is written.
const PIECE: usize = 1 << 20;

/// Values of all series, moment by moment.
#[derive(Debug, Default)]
pub struct Recording {
    /// The moments, in Unix seconds, ascending.
    moments: Vec<i64>,
    families: Vec<RecordedFamily>,
    /// Rendered labels that are added to every sample.
    labels: String,
    samples: u64,
}

#[derive(Debug)]
struct RecordedFamily {
    head: Family,
    series: Vec<Series>,
    by_labels: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Series {
    labels: Arc<str>,
    /// The bounds of a histogram.
    bounds: Option<Arc<BucketBounds>>,
    /// Ranges of moments, by index, in which the series was there.
    runs: Vec<(usize, usize)>,
    /// True if it was there at the last moment.
    present: bool,
    seen: bool,
    /// For each line of an exposition, its changes by the index of their moment.
    columns: Vec<Vec<(u32, Number)>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Integer(u64),
    Float(f64),
}

impl Recording {
    /// Makes an empty recording. `labels` are added to each series, as
    /// [`label_block`](super::label_block) renders them.
    pub fn new(labels: &str) -> Self {
        Self { labels: labels.to_owned(), ..Self::default() }
    }

    /// Sets the families as they were before the first moment.
    pub fn begin(&mut self, families: &[Family]) {
        self.look(families, 0, 0);
    }

    /// Records that nothing changed at the moments `carried` (Unix seconds, ascending, at least
    /// one), and `families` at `at`. The families are always the same, in the same order.
    pub fn advance(&mut self, carried: &[i64], at: i64, families: &[Family]) {
        let first = self.moments.len();
        self.moments.extend_from_slice(carried);
        let last = self.moments.len();
        self.moments.push(at);
        self.look(families, first, last);
    }

    /// Records the points of one family; `first` is the first moment since the last call, `last` is
    /// now.
    fn look(&mut self, families: &[Family], first: usize, last: usize) {
        let is_begin = self.moments.is_empty();
        for (at, family) in families.iter().enumerate() {
            if at == self.families.len() {
                let head = family.head();
                self.families.push(RecordedFamily {
                    head,
                    series: Vec::new(),
                    by_labels: HashMap::new(),
                });
            }
            self.families[at].look(family, first, last, is_begin);
        }
    }

    /// Samples written so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Writes everything: family by family, series by series, ascending in time.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        let ends: Vec<String> = self.moments.iter().map(|moment| format!(" {moment}\n")).collect();
        let mut buffer = Vec::with_capacity(PIECE + (64 << 10));
        for family in &self.families {
            let mut headed = false;
            for series in
                family.series.iter().filter(|series| series.runs.iter().any(|(from, to)| from < to))
            {
                if !std::mem::replace(&mut headed, true) {
                    encode_head(&family.head, 1, Format::OpenMetrics, &mut buffer);
                }
                let prefixes = series.prefixes(&family.head, &self.labels);
                self.samples += series.write(&prefixes, &ends, &mut buffer, out)?;
            }
        }
        buffer.extend_from_slice(EOF);
        out.write_all(&buffer)
    }
}

impl RecordedFamily {
    fn look(&mut self, family: &Family, first: usize, last: usize, is_begin: bool) {
        self.series.iter_mut().for_each(|series| series.seen = false);
        // Usually in the same order as before.
        let mut next = 0;
        for sample in &family.points {
            let at = match self.series.get(next) {
                Some(series)
                    if Arc::ptr_eq(&series.labels, &sample.labels)
                        || series.labels == sample.labels =>
                {
                    next
                }
                _ => self.place(sample),
            };
            next = at + 1;
            let is_counted = self.head.kind != MetricType::Gauge;
            self.series[at].look(sample, first, last, is_counted && !is_begin, is_begin);
        }
        for series in self.series.iter_mut().filter(|series| series.present && !series.seen) {
            series.end(last);
        }
    }

    fn place(&mut self, sample: &Sample) -> usize {
        let next = self.series.len();
        let at = *self.by_labels.entry(sample.labels.clone()).or_insert(next);
        if at == next {
            self.series.push(Series::new(sample));
        }
        at
    }
}

impl Series {
    fn new(sample: &Sample) -> Self {
        let (bounds, columns) = match &sample.value {
            Value::Histogram(histogram) => {
                (Some(histogram.shared_bounds()), histogram.counts().len() + 2)
            }
            _ => (None, 1),
        };
        let labels = sample.labels.clone();
        Self {
            labels,
            bounds,
            runs: Vec::new(),
            present: false,
            seen: false,
            columns: vec![Vec::new(); columns],
        }
    }

    fn look(
        &mut self,
        sample: &Sample,
        first: usize,
        last: usize,
        zero_first: bool,
        is_begin: bool,
    ) {
        self.seen = true;
        if !self.present {
            self.present = true;
            let begin = if zero_first { first } else { last };
            self.runs.push((begin, begin));
            if zero_first {
                self.columns.iter_mut().for_each(|column| push(column, first, Number::Integer(0)));
            }
        }
        if !is_begin && let Some(run) = self.runs.last_mut() {
            run.1 = last + 1;
        }
        match &sample.value {
            Value::Integer(value) => push(&mut self.columns[0], last, Number::Integer(*value)),
            Value::Float(value) => push(&mut self.columns[0], last, Number::Float(*value)),
            Value::Histogram(histogram) => {
                let (buckets, ends) = self.columns.split_at_mut(histogram.counts().len());
                let mut total = 0;
                for (column, count) in buckets.iter_mut().zip(histogram.counts()) {
                    total += count;
                    push(column, last, Number::Integer(total));
                }
                push(&mut ends[0], last, Number::Float(histogram.sum()));
                push(&mut ends[1], last, Number::Integer(total));
            }
        }
    }

    /// Ends the series before the moment `last`.
    fn end(&mut self, last: usize) {
        self.present = false;
        if let Some(run) = self.runs.last_mut() {
            run.1 = last.max(run.0);
        }
    }

    /// Returns the text before the value of each of its lines, with the blank.
    fn prefixes(&self, head: &Family, more: &str) -> Vec<String> {
        let Some(bounds) = &self.bounds else {
            return vec![prefix(&head.name, [&self.labels, more, ""])];
        };
        let les = bounds.open_metrics.iter().map(|le| &**le).chain(["le=\"+Inf\""]);
        let bucket = format!("{}_bucket", head.name);
        let mut lines: Vec<String> =
            les.map(|le| prefix(&bucket, [&self.labels, more, le])).collect();
        for suffix in ["_sum", "_count"] {
            lines.push(prefix(&format!("{}{suffix}", head.name), [&self.labels, more, ""]));
        }
        lines
    }

    /// Writes the series. Returns its number of samples.
    fn write(
        &self,
        prefixes: &[String],
        ends: &[String],
        buffer: &mut Vec<u8>,
        out: &mut impl Write,
    ) -> io::Result<u64> {
        let mut samples = 0;
        let mut at = vec![0; self.columns.len()];
        for moment in self.runs.iter().flat_map(|(from, to)| *from..*to) {
            for ((column, next), prefix) in self.columns.iter().zip(&mut at).zip(prefixes) {
                while column.get(*next + 1).is_some_and(|(from, _)| *from as usize <= moment) {
                    *next += 1;
                }
                let Some((_, value)) = column.get(*next) else { continue };
                buffer.extend_from_slice(prefix.as_bytes());
                match value {
                    Number::Integer(value) => push_u64(buffer, *value),
                    Number::Float(value) => push_f64(buffer, *value),
                }
                buffer.extend_from_slice(ends[moment].as_bytes());
                samples += 1;
            }
            if buffer.len() >= PIECE {
                out.write_all(buffer)?;
                buffer.clear();
            }
        }
        Ok(samples)
    }
}

/// Returns the text before a value: the name, the labels of these parts that are not empty, and a
/// blank.
fn prefix(name: &str, labels: [&str; 3]) -> String {
    let labels: Vec<&str> = labels.into_iter().filter(|part| !part.is_empty()).collect();
    match labels.is_empty() {
        true => format!("{name} "),
        false => format!("{name}{{{}}} ", labels.join(",")),
    }
}

/// Records a value if it differs from the previous one.
fn push(column: &mut Vec<(u32, Number)>, moment: usize, value: Number) {
    if column.last().is_none_or(|(_, before)| *before != value) {
        column.push((u32::try_from(moment).unwrap_or(u32::MAX), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Histogram, label_block};

    fn families(counter: &[(&str, u64)], gauge: &[(&str, f64)], histogram: &[u64]) -> Vec<Family> {
        let mut families = vec![
            Family::new("c_total", "Counts.", MetricType::Counter),
            Family::new("g", "Goes.", MetricType::Gauge),
            Family::new("h", "Seconds.", MetricType::Histogram),
        ];
        let block = |label: &str| label_block(&[("o", label)]);
        families[0].points =
            counter.iter().map(|(label, value)| Sample::new(block(label), *value)).collect();
        families[1].points =
            gauge.iter().map(|(label, value)| Sample::new(block(label), *value)).collect();
        if !histogram.is_empty() {
            let bounds = Arc::new(BucketBounds::new(&[5.0]).unwrap());
            families[2].points =
                vec![Sample::new("".into(), Histogram::new(bounds, histogram, 7.5))];
        }
        families
    }

    fn written(recording: &mut Recording) -> String {
        let mut out = Vec::new();
        recording.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_changed_and_what_did_not_is_written_series_by_series() {
        let mut recording = Recording::new("job=\"x\"");
        recording.begin(&families(&[("a", 3)], &[("a", 0.5)], &[]));
        recording.advance(&[10, 20], 30, &families(&[("a", 4), ("b", 2)], &[], &[1, 2]));
        recording.advance(&[40], 50, &families(&[("a", 4)], &[("a", 1.0)], &[1, 2]));
        recording.advance(&[60], 70, &families(&[("a", 4), ("b", 1)], &[("a", 1.0)], &[1, 3]));
        assert_eq!(
            written(&mut recording),
            "# HELP c Counts.\n# TYPE c counter\n\
             c_total{o=\"a\",job=\"x\"} 3 10\nc_total{o=\"a\",job=\"x\"} 3 20\nc_total{o=\"a\",job=\"x\"} 4 30\n\
             c_total{o=\"a\",job=\"x\"} 4 40\nc_total{o=\"a\",job=\"x\"} 4 50\nc_total{o=\"a\",job=\"x\"} 4 60\n\
             c_total{o=\"a\",job=\"x\"} 4 70\n\
             c_total{o=\"b\",job=\"x\"} 0 10\nc_total{o=\"b\",job=\"x\"} 0 20\nc_total{o=\"b\",job=\"x\"} 2 30\n\
             c_total{o=\"b\",job=\"x\"} 2 40\nc_total{o=\"b\",job=\"x\"} 0 60\nc_total{o=\"b\",job=\"x\"} 1 70\n\
             # HELP g Goes.\n# TYPE g gauge\n\
             g{o=\"a\",job=\"x\"} 0.5 10\ng{o=\"a\",job=\"x\"} 0.5 20\ng{o=\"a\",job=\"x\"} 1 50\n\
             g{o=\"a\",job=\"x\"} 1 60\ng{o=\"a\",job=\"x\"} 1 70\n\
             # HELP h Seconds.\n# TYPE h histogram\n\
             h_bucket{job=\"x\",le=\"5.0\"} 0 10\nh_bucket{job=\"x\",le=\"+Inf\"} 0 10\nh_sum{job=\"x\"} 0 10\nh_count{job=\"x\"} 0 10\n\
             h_bucket{job=\"x\",le=\"5.0\"} 0 20\nh_bucket{job=\"x\",le=\"+Inf\"} 0 20\nh_sum{job=\"x\"} 0 20\nh_count{job=\"x\"} 0 20\n\
             h_bucket{job=\"x\",le=\"5.0\"} 1 30\nh_bucket{job=\"x\",le=\"+Inf\"} 3 30\nh_sum{job=\"x\"} 7.5 30\nh_count{job=\"x\"} 3 30\n\
             h_bucket{job=\"x\",le=\"5.0\"} 1 40\nh_bucket{job=\"x\",le=\"+Inf\"} 3 40\nh_sum{job=\"x\"} 7.5 40\nh_count{job=\"x\"} 3 40\n\
             h_bucket{job=\"x\",le=\"5.0\"} 1 50\nh_bucket{job=\"x\",le=\"+Inf\"} 3 50\nh_sum{job=\"x\"} 7.5 50\nh_count{job=\"x\"} 3 50\n\
             h_bucket{job=\"x\",le=\"5.0\"} 1 60\nh_bucket{job=\"x\",le=\"+Inf\"} 3 60\nh_sum{job=\"x\"} 7.5 60\nh_count{job=\"x\"} 3 60\n\
             h_bucket{job=\"x\",le=\"5.0\"} 1 70\nh_bucket{job=\"x\",le=\"+Inf\"} 4 70\nh_sum{job=\"x\"} 7.5 70\nh_count{job=\"x\"} 4 70\n\
             # EOF\n"
        );
    }

    #[test]
    fn nothing_is_an_exposition_too() {
        let mut recording = Recording::new("");
        recording.begin(&families(&[("a", 3)], &[], &[]));
        assert_eq!(written(&mut recording), "# EOF\n");
    }
}
