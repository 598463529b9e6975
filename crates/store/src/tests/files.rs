//! Files that cannot be used are refused and left as they are; older ones are brought up to date.

use redb::ReadableTable as _;

use super::*;

#[test]
fn what_cannot_be_used_is_refused_and_left_as_it_is() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, (0..5000).map(|n| row(n, n as u64)).collect());
    assert!(matches!(Store::open(&path, [1; 16]), Err(StoreError::Locked(_))));
    drop(store);
    let good = fs::read(&path).unwrap();

    let mut flipped = good.clone();
    let rows_at = good.len() / 2;
    flipped[rows_at..rows_at + 4096].iter_mut().for_each(|byte| *byte ^= 1);
    for (what, bytes) in [
        ("no state file", b"hello, this is no state file at all".to_vec()),
        ("zeros", vec![0; 8192]),
        ("cut short", good[..good.len() / 2].to_vec()),
        ("bits flipped", flipped),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error =
            Store::open(&path, [1; 16]).err().unwrap_or_else(|| panic!("{what} was accepted"));
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
        assert!(fs::read(&path).unwrap() == bytes, "{what}: the file was changed");
    }
}

#[test]
fn another_version_is_refused() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let newer = schema::VERSION + 1;
    write
        .open_table(schema::META)
        .unwrap()
        .insert("version", newer.to_le_bytes().as_slice())
        .unwrap();
    write.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path, [1; 16]).err().unwrap();
    assert!(matches!(error, StoreError::Newer { found, .. } if found == newer), "{error}");
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
}

/// A file of the layout before this one: without the tables that came later.
fn of_the_layout_before(path: &Path) -> TargetCounters {
    let store = Store::open(path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1), row(7200, 2)]);
    drop(store);
    let database = redb::Database::open(path).unwrap();
    let write = database.begin_write().unwrap();
    write.delete_table(schema::WARM_UPS).unwrap();
    write.delete_table(schema::UNANSWERABLE).unwrap();
    {
        let mut older = write.open_table(migration::ROWS_OF_5).unwrap();
        for entry in write.open_table(schema::ROWS).unwrap().iter().unwrap() {
            let (key, value) = entry.unwrap();
            let (count, counted, menu, interaction) = value.value();
            assert_eq!(count, counted);
            older.insert(key.value(), (count, menu, interaction)).unwrap();
        }
        let mut totals = write.open_table(schema::TOTALS).unwrap();
        let mut record = totals.get(a.0).unwrap().unwrap().value().to_vec();
        let added = record.split_off(record.len() - 2);
        assert_eq!(
            added,
            [0, 0],
            "totals end with the rows that changed and where counting went on"
        );
        totals.insert(a.0, record.as_slice()).unwrap();
    }
    write.delete_table(schema::ROWS).unwrap();
    let older = (schema::VERSION - 1).to_le_bytes();
    write.open_table(schema::META).unwrap().insert("version", older.as_slice()).unwrap();
    write.commit().unwrap();
    counters
}

#[test]
fn an_older_file_is_brought_up_to_date() {
    let (_folder, path) = scratch();
    let counters = of_the_layout_before(&path);
    let store = Store::open(&path, [9; 16]).unwrap();
    let (a, mut restored) = restore(&store, "a");
    assert_eq!(restored, counters);
    assert_eq!(store.names(a).unwrap(), Default::default());
    read(&store, a, &mut restored, vec![row(100, 1), row(7201, 2)]);
    assert_eq!((restored.totals.new, restored.totals.repeated), (3, 1));
    drop(store);
    inspect(&path).expect("it is of today's layout");
}

/// Whoever reads a file from outside does not mend it: the message says what does. A copy is made
/// all the same.
#[test]
fn an_older_file_is_not_read_from_outside_but_copied() {
    let (_folder, path) = scratch();
    of_the_layout_before(&path);
    let before = fs::read(&path).unwrap();
    let to = path.with_extension("to");
    let copied = copy_target("a", &path, &to).unwrap_err().to_string();
    for told in [inspect(&path).unwrap_err().to_string(), copied] {
        let words = ["layout version 5", "state backup", "start the exporter on it once"];
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    }
    let copy = path.with_extension("copy");
    let summary = backup(&path, &copy).unwrap();
    assert_eq!((summary.layout, summary.live), (schema::VERSION - 1, false));
    assert!(summary.to_string().contains("an older version"), "{summary}");
    let mut out = Vec::new();
    let written = backup_to(&path, &mut out).unwrap();
    assert_eq!((written.bytes, written.records), (out.len() as u64, summary.records));
    assert!(fs::read(&path).unwrap() == before && !to.exists());
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2,
        "nothing is left beside it"
    );
    let store = Store::open(&copy, [1; 16]).unwrap();
    assert_eq!(restore(&store, "a").1.totals.new, 2);
}

#[test]
fn a_layout_from_before_the_first_release_is_refused() {
    let (_folder, path) = scratch();
    drop(Store::open(&path, [1; 16]).unwrap());
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(schema::META)
        .unwrap()
        .insert("version", 4u32.to_le_bytes().as_slice())
        .unwrap();
    write.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    for error in [Store::open(&path, [1; 16]).err().unwrap(), inspect(&path).unwrap_err()] {
        assert!(matches!(error, StoreError::TooOld { found: 4, .. }), "{error}");
    }
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
}

/// Its writer was killed, so the database has to be closed before it can be looked into.
#[test]
fn a_file_that_was_not_closed_is_copied_and_not_read() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1)]);
    let killed = path.with_extension("killed");
    fs::copy(&path, &killed).unwrap();
    let before = fs::read(&killed).unwrap();
    let told = inspect(&killed).unwrap_err().to_string();
    assert!(told.contains("was not closed properly") && told.contains("state backup"), "{told}");
    let copy = path.with_extension("copy");
    backup(&killed, &copy).unwrap();
    assert!(fs::read(&killed).unwrap() == before, "the file was changed");
    assert_eq!(inspect(&copy).unwrap().rows, 1);
    // One that is in use and hands out no copies is not read amid a commit.
    let error = backup(&path, &path.with_extension("never")).unwrap_err().to_string();
    assert!(error.contains("hands out no copies"), "{error}");
}

/// Opening a pipe waits for its other end.
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let (folder, _) = scratch();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let to = folder.path().join("to");
    for error in [
        Store::open(&path, [1; 16]).err().unwrap(),
        Store::open(folder.path(), [1; 16]).err().unwrap(),
        inspect(&path).unwrap_err(),
        backup(&path, &to).unwrap_err(),
    ] {
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
    assert!(matches!(forget_target("a", &path), Err(TargetError::Store(StoreError::Io { .. }))));
    assert!(!to.exists());
}
