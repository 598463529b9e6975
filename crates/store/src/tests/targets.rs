//! What is done with one target of a file: copied, renamed, forgotten.

use super::*;

#[test]
fn a_target_is_copied_with_all_that_was_counted_and_its_rows_are_known_there() {
    let (folder, from) = scratch();
    let to = folder.path().join("other.redb");
    let store = Store::open(&from, [1; 16]).unwrap();
    let (_, _) = restore(&store, "first");
    let (b, mut counters) = restore(&store, "b");
    read(&store, b, &mut counters, vec![row(100, 1), row(7200, 2)]);
    let hash = store.fingerprints().of(&["x"]);
    assert!(
        matches!(copy_target("b", &from, &to), Err(TargetError::Store(StoreError::Locked(_)))),
        "it is in use"
    );
    drop(store);

    assert_eq!(copy_target("b", &from, &to).unwrap(), Copied { menus: 1, rows: 2 });
    let other = Store::open(&to, [9; 16]).unwrap();
    assert_eq!(other.fingerprints().of(&["x"]), hash);
    let (b, mut there) = restore(&other, "b");
    assert_eq!(there, counters);
    read(&other, b, &mut there, vec![row(100, 1), row(7200, 2), row(7201, 2)]);
    assert_eq!((there.totals.new, there.totals.repeated), (3, 2));
    assert_eq!(
        there.points[&PointLabels::new("10", "voice")].interactions,
        2,
        "they are known, too"
    );
    drop(other);

    // A second one goes to the same file; whom it has, and whom nobody knows, not.
    assert_eq!(copy_target("first", &from, &to).unwrap(), Copied { menus: 0, rows: 0 });
    assert!(matches!(copy_target("b", &from, &to), Err(TargetError::Exists { .. })));
    let error = copy_target("c", &from, &to).unwrap_err().to_string();
    assert!(error.ends_with("has no target \"c\"; it has: b, first"), "{error}");
    assert_eq!(restore(&Store::open(&to, [9; 16]).unwrap(), "b").1, there, "nothing was touched");
}

#[test]
fn a_file_begun_elsewhere_takes_a_target_only_while_it_has_none() {
    let (folder, from) = scratch();
    let to = folder.path().join("other.redb");
    let store = Store::open(&from, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1)]);
    let hash = store.fingerprints().of(&["x"]);
    drop(store);
    drop(Store::open(&to, [2; 16]).unwrap());
    copy_target("a", &from, &to).unwrap();
    assert_eq!(
        Store::open(&to, [3; 16]).unwrap().fingerprints().of(&["x"]),
        hash,
        "it took over the key"
    );

    let foreign = folder.path().join("foreign.redb");
    restore(&Store::open(&foreign, [2; 16]).unwrap(), "z");
    assert!(matches!(copy_target("a", &from, &foreign), Err(TargetError::OtherKey { .. })));
    assert!(matches!(
        copy_target("a", &folder.path().join("none"), &to),
        Err(TargetError::Store(StoreError::Io { .. }))
    ));
}

#[test]
fn a_renamed_target_goes_on_with_its_counters() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (id, mut counters) = restore(&store, "0042");
    read(&store, id, &mut counters, vec![row(100, 1), row(7200, 2)]);
    // Under its new name it has been started once, and has counted nothing.
    restore(&store, "ventas");
    let (other, mut counted) = restore(&store, "z");
    read(&store, other, &mut counted, vec![row(100, 3)]);
    drop(store);
    assert!(matches!(rename_target("none", "ventas", &path), Err(TargetError::NoTarget { .. })));
    assert!(matches!(
        rename_target("0042", "z", &path),
        Err(TargetError::HasCounted { rows: 1, .. })
    ));
    rename_target("0042", "ventas", &path).unwrap();
    rename_target("ventas", "ventas", &path).unwrap();
    let store = Store::open(&path, [1; 16]).unwrap();
    assert_eq!(store.target_names().unwrap(), ["ventas", "z"]);
    let (id, mut there) = restore(&store, "ventas");
    assert_eq!(there, counters);
    read(&store, id, &mut there, vec![row(100, 1), row(7200, 2), row(7201, 2)]);
    assert_eq!((there.totals.new, there.totals.repeated), (3, 2), "its rows are known");
    drop(store);
    let missing = path.with_extension("missing");
    assert!(matches!(
        rename_target("a", "b", &missing),
        Err(TargetError::Store(StoreError::Io { .. }))
    ));
    assert!(!missing.exists());
}

#[test]
fn a_forgotten_target_leaves_nothing_and_its_number_is_no_ones() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut gone) = restore(&store, "a");
    let (b, mut kept) = restore(&store, "b");
    let rows: Vec<_> = (0..20_000).map(|n| row(n, n as u64)).collect();
    for chunk in rows.chunks(1000) {
        read(&store, a, &mut gone, chunk.to_vec());
    }
    read(&store, b, &mut kept, vec![row(100, 1)]);
    let names = [("1".to_owned(), "Uno".to_owned())].into();
    store.keep_names(a, model::NameKind::Options, &names).unwrap();
    assert!(matches!(forget_target("a", &path), Err(TargetError::Store(StoreError::Locked(_)))));
    drop(store);
    assert_eq!(forget_target("a", &path).unwrap(), Copied { menus: 1, rows: 20_000 });
    assert!(matches!(forget_target("a", &path), Err(TargetError::NoTarget { .. })));

    let store = Store::open(&path, [1; 16]).unwrap();
    assert_eq!(restore(&store, "b").1, kept);
    let (again, new) = restore(&store, "a");
    assert_eq!((new.menus.len(), new.totals.new), (0, 0));
    let (third, _) = restore(&store, "c");
    assert!(again != b && third != again && third != b, "each has a number of its own");
    let stretch = (LocalSecond::MIN, LocalSecond::MAX);
    assert_eq!(store.read(|view| view.rows_in(again, stretch)).unwrap().len(), 0);
    assert_eq!(store.read(|view| view.interactions(again)).unwrap().len(), 0);
    assert_eq!(store.names(again).unwrap(), Default::default());
}

/// What was forgotten gives its place back at the next start.
#[test]
fn a_file_that_is_more_than_half_empty_is_compacted_at_a_start() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (large, mut counters) = restore(&store, "large");
    let rows: Vec<_> = (0..100_000).map(|n| row(n, n as u64)).collect();
    for chunk in rows.chunks(25_000) {
        read(&store, large, &mut counters, chunk.to_vec());
    }
    let (small, mut kept) = restore(&store, "small");
    read(&store, small, &mut kept, vec![row(100, 1)]);
    drop(store);
    let full = fs::metadata(&path).unwrap().len();
    drop(Store::open(&path, [1; 16]).unwrap());
    let untouched = fs::metadata(&path).unwrap().len();
    assert!(full > COMPACT_FROM && untouched > full / 2, "{untouched} of {full}");
    forget_target("large", &path).unwrap();
    let store = Store::open(&path, [1; 16]).unwrap();
    let compacted = fs::metadata(&path).unwrap().len();
    assert!(compacted < full / 2, "{compacted} of {full}");
    assert_eq!(restore(&store, "small").1, kept);
}
