//! The history of earlier weeks on the disk: the days of a target, and the progress of reading the
//! time before the first poll.
//!
//! Owns only the two tables; `baseline` writes and reads a day's bytes.

use schedule::warm_up::WarmUp;

use super::{
    StoreError, TargetId, Transaction, View, decode, encode, failed,
    schema::{HISTORY, WARM_UPS},
};

impl Transaction<'_> {
    /// Writes the days that have bytes, and removes those that have none.
    pub fn write_history(
        &mut self,
        target: TargetId,
        changes: &[(i32, Option<Vec<u8>>)],
    ) -> Result<(), StoreError> {
        for (day, bytes) in changes {
            match bytes {
                Some(bytes) => {
                    drop(self.history.insert((target.0, *day), bytes.as_slice()).map_err(failed)?);
                }
                None => drop(self.history.remove((target.0, *day)).map_err(failed)?),
            }
        }
        Ok(())
    }

    /// Writes the progress of reading the time before.
    pub fn write_warm_up(&mut self, target: TargetId, warm_up: &WarmUp) -> Result<(), StoreError> {
        self.warm_ups.insert(target.0, encode(warm_up)?.as_slice()).map_err(failed)?;
        Ok(())
    }
}

impl View {
    /// Returns the days of a target's history, ascending, as they were written.
    pub fn history(&self, target: TargetId) -> Result<Vec<(i32, Vec<u8>)>, StoreError> {
        let history = self.table(HISTORY)?;
        let days = history.range((target.0, i32::MIN)..=(target.0, i32::MAX)).map_err(failed)?;
        days.map(|entry| {
            let (key, bytes) = entry.map_err(failed)?;
            Ok((key.value().1, bytes.value().to_vec()))
        })
        .collect()
    }

    /// Returns the progress of reading the time before; `None` if it never began.
    pub fn warm_up(&self, target: TargetId) -> Result<Option<WarmUp>, StoreError> {
        self.table(WARM_UPS)?
            .get(target.0)
            .map_err(failed)?
            .map(|bytes| decode(bytes.value()))
            .transpose()
    }
}
