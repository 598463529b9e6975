//! The content of a state file, for people: numbers and moments, no id and no hash.

use std::{
    fmt::{self, Display, Formatter},
    path::Path,
};

use jiff::Timestamp;
use ledger::Totals;
use redb::ReadableTableMetadata;
use wolkvox_api::ReportName;

use super::{
    StoreError, failed, interactions,
    schema::{INTERACTIONS, JOURNEYS, QUOTA, ROWS, StateReader, VERSION},
};

/// A summary of a state file.
#[derive(Debug)]
pub struct Inspection {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Records of rows that are remembered, over all targets.
    pub rows: u64,
    /// Interactions that are remembered, over all targets.
    pub interactions: u64,
    /// Journeys that are not over, over all targets.
    pub journeys: u64,
    /// Targets by name.
    pub targets: Vec<TargetInspection>,
}

/// A summary of one target.
#[derive(Debug)]
pub struct TargetInspection {
    /// The `server` label.
    pub name: String,
    /// Each report of it that has been read.
    pub reports: Vec<ReportInspection>,
    /// The server's day as 20260118, and the requests sent on it.
    pub quota: Option<(u32, u64)>,
}

/// A summary of one report of a target.
#[derive(Debug)]
pub struct ReportInspection {
    /// Its name.
    pub report: ReportName,
    /// Its totals.
    pub totals: Totals,
    /// Number of its label sets.
    pub menus: u64,
}

/// Reads a state file without changing it. It must not be in use.
///
/// # Errors
/// As for [`super::Store::open`]; also if the file is of an older version or was not closed
/// properly, which only a start of the exporter repairs.
pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let bytes = std::fs::metadata(path).map_err(StoreError::io(path))?.len();
    let StateReader { view, .. } = &StateReader::open(path)?;
    let blocks = view.table(INTERACTIONS)?;
    let quota = view.table(QUOTA)?;
    let mut inspection = Inspection {
        bytes,
        rows: view.table(ROWS)?.len().map_err(failed)?,
        interactions: 0,
        journeys: view.table(JOURNEYS)?.len().map_err(failed)?,
        targets: Vec::new(),
    };
    for (name, target) in view.targets()? {
        let mut reports = Vec::new();
        for report in ReportName::ALL {
            let id = target.of(report);
            let Some(counters) = view.begun(id)? else { continue };
            inspection.interactions += interactions::all(&blocks, id.0)?.len() as u64;
            let menus = counters.menus.len() as u64;
            reports.push(ReportInspection { report, totals: counters.totals, menus });
        }
        let quota = quota.get(target.0).map_err(failed)?.map(|quota| quota.value());
        inspection.targets.push(TargetInspection { name, reports, quota });
    }
    Ok(inspection)
}

fn moment(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| "-".to_owned(), |moment| moment.to_string())
}

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "layout version: {VERSION}")?;
        writeln!(f, "bytes: {}", self.bytes)?;
        writeln!(f, "rows remembered: {}", self.rows)?;
        writeln!(f, "interactions remembered: {}", self.interactions)?;
        writeln!(f, "journeys not over: {}", self.journeys)?;
        writeln!(f, "targets: {}", self.targets.len())?;
        self.targets.iter().try_for_each(|target| target.fmt(f))
    }
}

impl Display for TargetInspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "- {}", self.name)?;
        match self.quota {
            Some((day, used)) => writeln!(f, "  requests on the server's day {day}: {used}")?,
            None => writeln!(f, "  requests: none yet")?,
        }
        self.reports.iter().try_for_each(|report| report.fmt(f))
    }
}

impl Display for ReportInspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        writeln!(f, "  {}", self.report.as_str())?;
        writeln!(f, "    counting since: {}", moment(totals.origin))?;
        writeln!(f, "    read and committed up to: {}", moment(totals.watermark))?;
        writeln!(f, "    last hourly re-reading: {}", moment(totals.hourly_at))?;
        writeln!(f, "    last nightly re-reading: {}", moment(totals.nightly_at))?;
        writeln!(f, "    label sets: {}", self.menus)?;
        writeln!(f, "    rows under `other`, over the limits: {}", totals.overflow.rows())?;
        writeln!(f, "    rows counted: {}, of them late: {}", totals.new, totals.late)?;
        writeln!(f, "    rows repeated: {}", totals.repeated)?;
        writeln!(f, "    rows rejected: {}", totals.rejected.values().sum::<u64>())?;
        writeln!(f, "    rows out of range: {}", totals.out_of_range)?;
        writeln!(f, "    seconds known to be short: {}", totals.incomplete)
    }
}
