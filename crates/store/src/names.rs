//! The vendor's names of routing points and options, so that a restart while the vendor is away
//! keeps them.
//!
//! These records may be lost without harm; they must never hold a caller's data.

use std::{collections::BTreeMap, ops::Range};

use model::{NameKind, Names};

use super::{Store, StoreError, TargetId, failed, schema::NAMES};

/// The number of a list in the file.
fn number(kind: NameKind) -> u8 {
    match kind {
        NameKind::RoutingPoints => 0,
        NameKind::Options => 1,
    }
}

/// The keys of one list of a target.
fn keys(target: TargetId, kind: NameKind) -> Range<(u32, u8, &'static str)> {
    (target.0, number(kind), "")..(target.0, number(kind) + 1, "")
}

impl Store {
    /// Returns the saved names of a target.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn names(&self, target: TargetId) -> Result<Names, StoreError> {
        self.read(|view| {
            let mut names = Names::default();
            let table = view.table(NAMES)?;
            for kind in NameKind::ALL {
                for entry in table.range(keys(target, kind)).map_err(failed)? {
                    let (key, name) = entry.map_err(failed)?;
                    names.list_mut(kind).insert(key.value().2.to_owned(), name.value().to_owned());
                }
            }
            Ok(names)
        })
    }

    /// Replaces the saved names of this kind by `list`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep_names(
        &self,
        target: TargetId,
        kind: NameKind,
        list: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        self.write(|write| {
            let mut table = write.open_table(NAMES).map_err(failed)?;
            table.retain_in(keys(target, kind), |_, _| false).map_err(failed)?;
            for (code, name) in list {
                table
                    .insert((target.0, number(kind), code.as_str()), name.as_str())
                    .map_err(failed)?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::TargetCounters;

    fn list(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn names_outlive_the_process_and_are_each_targets_own() {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let path = dir.path().join("state.redb");
        let open = || Store::open(&path, [0; 16]).expect("a state");
        let target = |store: &Store, name: &str| {
            store
                .restore(name, || TargetCounters::new(jiff::Timestamp::UNIX_EPOCH))
                .expect("restored")
                .0
        };
        let store = open();
        let (one, two) = (target(&store, "one"), target(&store, "two"));
        assert_eq!(store.names(one).expect("read"), Names::default());
        let points = list(&[("10", "Principal")]);
        store.keep_names(one, NameKind::RoutingPoints, &points).expect("kept");
        store
            .keep_names(one, NameKind::Options, &list(&[("1", "Uno"), ("ñ", "Eñe")]))
            .expect("kept");
        store.keep_names(one, NameKind::Options, &list(&[("2", "Dos")])).expect("kept");
        store.keep_names(two, NameKind::RoutingPoints, &list(&[("10", "Otra")])).expect("kept");
        drop(store);
        let store = open();
        let (one, two) = (target(&store, "one"), target(&store, "two"));
        let names = store.names(one).expect("read");
        assert_eq!(
            names,
            Names { routing_points: points, options: list(&[("2", "Dos")]), ..Names::default() }
        );
        assert_eq!(store.names(two).expect("read").routing_point("10"), Some("Otra"));
    }
}
