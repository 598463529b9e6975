//! Families as tables: a row has name, help, type, labels and the function that reads the values.
//!
//! Owns the form of a row and the way from a table to families. It must know no metric by name.

use super::model::{Family, MetricType, Sample};

/// One family that a subject of type `S` exposes.
#[derive(Debug)]
pub struct Metric<S> {
    /// Full name; it ends with the unit, and for counters with `_total`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: MetricType,
    /// Names of its labels, in order.
    pub labels: &'static [&'static str],
    /// Reads its series.
    pub read: fn(&S) -> Vec<Sample>,
}

/// A row without its function, as in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Full name.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: MetricType,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

impl<S> Metric<S> {
    /// Declares a family that only goes up.
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: fn(&S) -> Vec<Sample>,
    ) -> Self {
        Self { name, help, kind: MetricType::Counter, labels, read }
    }

    /// Declares a family that goes up and down.
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: fn(&S) -> Vec<Sample>,
    ) -> Self {
        Self { name, help, kind: MetricType::Gauge, labels, read }
    }

    /// Declares a family of histograms.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: fn(&S) -> Vec<Sample>,
    ) -> Self {
        Self { name, help, kind: MetricType::Histogram, labels, read }
    }

    fn family(&self, subject: &S) -> Family {
        let points = (self.read)(subject);
        Family { points, ..Family::new(self.name, self.help, self.kind) }
    }

    fn described(&self) -> Described {
        Described { name: self.name, help: self.help, kind: self.kind, labels: self.labels }
    }
}

/// Reads every family of a table, always the same ones in the same order.
pub fn families<S>(table: &[Metric<S>], subject: &S) -> Vec<Family> {
    table.iter().map(|metric| metric.family(subject)).collect()
}

/// Returns the rows of a table without their functions.
pub fn described<S>(table: &[Metric<S>]) -> Vec<Described> {
    table.iter().map(Metric::described).collect()
}
