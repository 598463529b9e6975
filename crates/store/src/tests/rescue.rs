//! A state file that another program takes away under the running exporter.

use super::*;

fn opened() -> (tempfile::TempDir, PathBuf, Store, TargetId, TargetCounters) {
    let (folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (target, mut counters) = restore(&store, "a");
    read(&store, target, &mut counters, vec![row(100, 1), row(7200, 2)]);
    (folder, path, store, target, counters)
}

/// Opens what is at the path as the next process would, and expects all that was counted.
fn assert_goes_on(path: &Path, counters: &TargetCounters) {
    let store = Store::open(path, [9; 16]).unwrap();
    let (target, mut restored) = restore(&store, "a");
    assert_eq!(&restored, counters);
    let before = restored.totals.new;
    read(&store, target, &mut restored, vec![row(100, 1), row(7200, 2)]);
    assert_eq!(restored.totals.new, before, "its rows are known");
}

#[test]
fn a_file_that_nobody_touches_is_where_it_was() {
    let (_folder, path, store, target, mut counters) = opened();
    assert_eq!(store.displacement().unwrap(), None);
    read(&store, target, &mut counters, (0..30_000).map(|n| row(n, 7)).collect());
    assert_eq!(store.displacement().unwrap(), None);
    store.put_back().unwrap();
    assert_eq!(store.displacement().unwrap(), None);
    drop(store);
    assert_goes_on(&path, &counters);
    assert_eq!(Store::in_memory([1; 16]).unwrap().displacement().unwrap(), None);
}

#[test]
fn a_file_that_lost_its_name_is_put_back_with_all_it_has() {
    type Displace = fn(&Path, &Path);
    let remove: Displace = |path, _| fs::remove_file(path).unwrap();
    let remove_folder: Displace = |path, _| fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let replace: Displace = |path, other| fs::rename(other, path).unwrap();
    let cases = [
        (remove, Displacement::Removed),
        (remove_folder, Displacement::Removed),
        (replace, Displacement::Replaced),
    ];
    for (displace, what) in cases {
        let (folder, path, store, target, mut counters) = opened();
        let other = folder.path().join("other");
        fs::write(&other, "nothing of ours").unwrap();
        displace(&path, &other);
        assert_eq!(store.displacement().unwrap(), Some(what));
        read(&store, target, &mut counters, vec![row(100, 1), row(7200, 2), row(7300, 3)]);
        store.put_back().unwrap();
        assert_eq!(store.displacement().unwrap(), None, "{what:?}");
        read(&store, target, &mut counters, vec![row(7400, 4)]);
        assert_eq!(store.reload(target).unwrap(), counters);
        drop(store);
        assert_goes_on(&path, &counters);
        if what == Displacement::Replaced {
            let aside = super::super::rescue::beside(&path, "displaced");
            assert_eq!(fs::read_to_string(aside).unwrap(), "nothing of ours", "it is kept");
        }
    }
}

/// Whoever waits for the commit before writes into the new file, never into the one that has no
/// name.
#[test]
fn a_commit_that_waits_goes_to_the_new_file() {
    let (_folder, path, store, target, counters) = opened();
    fs::remove_file(&path).unwrap();
    let day = jiff::civil::date(2026, 1, 18);
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| {
            for _ in 0..30 {
                store.transact(|tx| tx.spend_request(target, day)).unwrap();
            }
        });
        while !commits.is_finished() {
            store.put_back().unwrap();
        }
    });
    drop(store);
    let store = Store::open(&path, [9; 16]).unwrap();
    assert_eq!(store.read(|view| view.requests(target, day)).unwrap(), 30);
    assert_eq!(restore(&store, "a").1, counters);
}

/// Two exporters must not push each other's files aside.
#[test]
fn a_file_that_another_exporter_has_open_is_left_alone() {
    let (folder, path, store, ..) = opened();
    let other = folder.path().join("other.redb");
    let second = Store::open(&other, [2; 16]).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(store.displacement().unwrap(), Some(Displacement::Replaced));
    assert!(matches!(store.put_back(), Err(StoreError::Locked(_))));
    assert!(second.target_names().unwrap().is_empty());
    assert!(path.exists() && !super::super::rescue::beside(&path, "displaced").exists());
    assert!(!super::super::rescue::beside(&path, "partial").exists());
}

#[test]
fn a_file_that_lost_its_contents_is_made_anew_from_the_counters() {
    let cut: fn(&Path, &[u8]) =
        |path, _| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
    let shorten: fn(&Path, &[u8]) = |path, _| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    };
    let overwrite: fn(&Path, &[u8]) = |path, older| {
        let mut older = older.to_vec();
        older.resize(older.len() * 2, 0);
        fs::write(path, older).unwrap();
    };
    for (spoil, what) in [
        (cut, Displacement::Cut),
        (shorten, Displacement::Cut),
        (overwrite, Displacement::Overwritten),
    ] {
        let (folder, path, store, target, mut counters) = opened();
        let older = fs::read(&path).unwrap();
        read(&store, target, &mut counters, vec![row(100, 1), row(7200, 2), row(7300, 3)]);
        spoil(&path, &older);
        assert_eq!(store.displacement().unwrap(), Some(what));
        // Nothing is read from it or written to it as if it were ours.
        let day = jiff::civil::date(2026, 1, 18);
        for _ in 0..3 {
            assert!(store.transact(|tx| tx.spend_request(target, day)).is_err(), "{what:?}");
        }
        let before = fs::read(&path).unwrap();
        let mut counters = counters.clone();
        counters.totals.horizon = LocalSecond::new(8000);
        store
            .make_anew(&[RescuedTarget {
                name: "a".to_owned(),
                counters: counters.clone(),
                outcomes: None,
            }])
            .unwrap();
        assert!(
            fs::read(super::super::rescue::beside(&path, "displaced")).unwrap() == before,
            "it is kept"
        );
        assert_eq!(store.displacement().unwrap(), None);
        drop(store);
        let store = Store::open(&path, [9; 16]).unwrap();
        let (_, restored) = restore(&store, "a");
        assert_eq!((&restored.totals, &restored.menus), (&counters.totals, &counters.menus));
        let point = &PointLabels::new("10", "voice");
        assert_eq!((restored.points[point].interactions, restored.points[point].open), (3, 0));
        drop((store, folder));
    }
}
