//! What is in a state file, for people: numbers and moments, no id and no hash.

use std::{
    fmt::{self, Display, Formatter},
    path::Path,
};

use jiff::Timestamp;
use redb::{ReadableTableMetadata, TableError};

use super::{
    StoreError, decode, failed, interactions,
    schema::{INTERACTIONS, JOURNEYS, MENUS, QUOTA, ROWS, Reading, TARGETS, TOTALS, VERSION},
};
use crate::ledger::Totals;

/// A state file from outside.
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
    /// By name.
    pub targets: Vec<TargetInspection>,
}

/// One target in it.
#[derive(Debug)]
pub struct TargetInspection {
    /// The `server` label.
    pub name: String,
    /// What has been counted.
    pub totals: Totals,
    /// Label sets.
    pub menus: u64,
    /// The server's day as 20260118, and the requests sent on it.
    pub quota: Option<(u32, u64)>,
}

/// Reads a state file without changing it. It must not be in use.
///
/// # Errors
/// As [`super::Store::open`]; also when the file is of an older version or was not closed properly, which only a start of the
/// exporter mends.
pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let bytes = std::fs::metadata(path).map_err(StoreError::io(path))?.len();
    let Reading { read, .. } = &Reading::open(path)?;
    let mut targets = Vec::new();
    let mut inspection = Inspection { bytes, rows: 0, interactions: 0, journeys: 0, targets: Vec::new() };
    // A file on which no target was ever started has no tables yet.
    let names = match read.open_table(TARGETS) {
        Ok(names) => names,
        Err(TableError::TableDoesNotExist(_)) => return Ok(inspection),
        Err(error) => return Err(failed(error)),
    };
    inspection.rows = read.open_table(ROWS).map_err(failed)?.len().map_err(failed)?;
    let blocks = read.open_table(INTERACTIONS).map_err(failed)?;
    inspection.journeys = read.open_table(JOURNEYS).map_err(failed)?.len().map_err(failed)?;
    let totals = read.open_table(TOTALS).map_err(failed)?;
    let menus = read.open_table(MENUS).map_err(failed)?;
    let quota = read.open_table(QUOTA).map_err(failed)?;
    for entry in names.range::<&str>(..).map_err(failed)? {
        let (name, id) = entry.map_err(failed)?;
        let id = id.value();
        let Some(record) = totals.get(id).map_err(failed)? else { continue };
        inspection.interactions += interactions::all(&blocks, id)?.len() as u64;
        targets.push(TargetInspection {
            name: name.value().to_owned(),
            totals: decode(record.value())?,
            menus: menus.range((id, 0)..=(id, u32::MAX)).map_err(failed)?.count() as u64,
            quota: quota.get(id).map_err(failed)?.map(|quota| quota.value()),
        });
    }
    inspection.targets = targets;
    Ok(inspection)
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
        let totals = &self.totals;
        let moment =
            |second| Timestamp::from_second(second).map_or_else(|_| "-".to_owned(), |t| t.to_string());
        writeln!(f, "- {}", self.name)?;
        writeln!(f, "  counting since: {}", moment(totals.origin))?;
        writeln!(f, "  read and committed up to: {}", moment(totals.watermark))?;
        writeln!(f, "  last hourly re-reading: {}", moment(totals.hourly_at))?;
        writeln!(f, "  last nightly re-reading: {}", moment(totals.nightly_at))?;
        writeln!(f, "  label sets: {}", self.menus)?;
        writeln!(f, "  rows under `other`, over the limits: {}", totals.overflow.rows())?;
        writeln!(f, "  rows counted: {}, of them late: {}", totals.new, totals.late)?;
        writeln!(f, "  rows repeated: {}", totals.repeated)?;
        writeln!(f, "  rows rejected: {}", totals.rejected.values().sum::<u64>())?;
        writeln!(f, "  rows out of range: {}", totals.out_of_range)?;
        writeln!(f, "  seconds known to be short: {}", totals.incomplete)?;
        match self.quota {
            Some((day, used)) => writeln!(f, "  requests on the server's day {day}: {used}"),
            None => writeln!(f, "  requests: none yet"),
        }
    }
}
