//! Files that cannot be used are refused and left as they are; older ones are brought up to date.

use std::io::Read;

use super::*;

#[test]
fn what_cannot_be_used_is_refused_and_left_as_it_is() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut account) = restore(&store, "a");
    read(&store, a, &mut account, (0..5000).map(|n| row(n, n as u64)).collect());
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
        let error = Store::open(&path, [1; 16]).err().unwrap_or_else(|| panic!("{what} was accepted"));
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
    write.open_table(schema::META).unwrap().insert("version", newer.to_le_bytes().as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path, [1; 16]).err().unwrap();
    assert!(matches!(error, StoreError::Newer { found, .. } if found == newer), "{error}");
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
}

/// The process that wrote it was killed, so redb has to repair it, which writes.
#[test]
fn another_version_or_program_that_was_killed_is_refused_and_left_as_it_is() {
    let (_folder, path) = scratch();
    let killed = path.with_extension("killed");
    drop(Store::open(&path, [1; 16]).unwrap());
    let theirs = redb::TableDefinition::<u8, &[u8]>::new("theirs");
    for (what, word) in [("newer", "layout version NEWER"), ("foreign", "another program")] {
        let database = if what == "newer" {
            redb::Database::open(&path).unwrap()
        } else {
            redb::Database::create(path.with_extension("foreign")).unwrap()
        };
        let write = database.begin_write().unwrap();
        if what == "newer" {
            let newer = schema::VERSION + 1;
            write
                .open_table(schema::META)
                .unwrap()
                .insert("version", newer.to_le_bytes().as_slice())
                .unwrap();
        }
        write.open_table(theirs).unwrap().insert(1, vec![7; 100_000].as_slice()).unwrap();
        write.commit().unwrap();
        // As it lies there while it is open, and after a kill.
        let file = if what == "newer" { path.clone() } else { path.with_extension("foreign") };
        fs::copy(file, &killed).unwrap();
        drop(database);
        let before = fs::read(&killed).unwrap();
        assert!(
            matches!(redb::Database::builder().open_read_only(&killed), Err(DatabaseError::RepairAborted)),
            "{what}: it was closed cleanly after all"
        );
        let error = Store::open(&killed, [1; 16]).err().unwrap().to_string();
        assert!(error.contains(&word.replace("NEWER", &(schema::VERSION + 1).to_string())), "{error}");
        assert!(fs::read(&killed).unwrap() == before, "{what}: the file was changed");
    }
}

/// A file that an older version wrote.
pub(super) fn unpack(packed: &[u8], path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Whoever reads a file from outside does not mend it: the message says what does.
#[test]
fn a_killed_or_older_file_is_not_read_from_outside() {
    let (_folder, path) = scratch();
    unpack(include_bytes!("../../../tests/fixtures/state/version-4.redb.gz"), &path);
    let to = path.with_extension("to");
    let refused = |word: &str| {
        let before = fs::read(&path).unwrap();
        let copied = copy_target("127.0.0.1:8013", &path, &to).unwrap_err().to_string();
        for told in [inspect(&path).unwrap_err().to_string(), copied] {
            assert!(told.contains(word) && told.contains("start the exporter on it once"), "{told}");
        }
        assert!(fs::read(&path).unwrap() == before && !to.exists());
    };
    refused("was not closed properly");
    drop(redb::Database::open(&path).unwrap());
    refused("has layout version 4");
    drop(Store::open(&path, [1; 16]).unwrap());
    assert_eq!(inspect(&path).unwrap().targets.len(), 1);
    assert!(copy_target("127.0.0.1:8013", &path, &to).is_ok());
}

/// Files that older versions wrote, killed in the middle: 20 minutes of the simulator, five hours of a night for the third and
/// three of an afternoon for the fourth.
#[test]
fn an_older_file_is_brought_up_to_date() {
    for (version, packed, rows) in [
        (1, &include_bytes!("../../../tests/fixtures/state/version-1.redb.gz")[..], 31),
        (2, &include_bytes!("../../../tests/fixtures/state/version-2.redb.gz")[..], 924),
        (3, &include_bytes!("../../../tests/fixtures/state/version-3.redb.gz")[..], 1085),
        (4, &include_bytes!("../../../tests/fixtures/state/version-4.redb.gz")[..], 776),
    ] {
        let (_folder, path) = scratch();
        unpack(packed, &path);
        let store = Store::open(&path, [1; 16]).unwrap();
        let new = || panic!("the target is in the file");
        let (target, mut account) = store.restore("127.0.0.1:8013", new).unwrap();
        let hits: u64 = account.menus.values().map(|(_, menu)| menu.hits).sum();
        assert_eq!((account.totals.new, hits), (rows, rows), "version {version}");
        // The first two did not know it, so it is the watermark.
        let seen = account.menus.values().map(|(_, menu)| menu.last_row).min().unwrap();
        assert_eq!(seen.get() == account.totals.watermark, version < 3, "version {version}");
        let late = row(account.totals.watermark + 3600, 1);
        read(&store, target, &mut account, vec![late]);
        drop(store);
        let store = Store::open(&path, [1; 16]).unwrap();
        assert_eq!(store.reload(target).unwrap(), account, "a migrated file is an ordinary one");
        drop(store);
        inspect(&path).expect("it is of today's layout");
    }
}
