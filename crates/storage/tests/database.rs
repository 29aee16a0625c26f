//! What the database promises, on a file and on a simulated disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use heddle_storage::{Database, Disk, Error, FileDisk, Options, SimulatedDisk, Superfluous, Table};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    ops::Bound,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const OPTIONS: Options = Options { cache_bytes: 1 << 20, unsettled_bytes_max: 1 << 20 };

fn on(disk: &SimulatedDisk) -> Result<Database, Error> {
    Database::simulated(disk, OPTIONS)
}

fn put(database: &Database, key: &[u8], value: &[u8]) -> Result<(), Error> {
    let mut writer = database.writer()?;
    writer.put(Table::ChainMeta, key, value)?;
    writer.commit()
}

fn get(database: &Database, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    database.reader()?.get(Table::ChainMeta, key)
}

/// Enough for many blocks of the disk.
fn fill(database: &Database) {
    let mut writer = database.writer().unwrap();
    for key in 0..2_000_u64 {
        writer.put(Table::Headers, &key.to_be_bytes(), &[key as u8; 200]).unwrap();
    }
    writer.commit().unwrap();
    database.settle().unwrap();
}

/// A copy of a disk with its log, and other bytes in its tables.
fn with_bytes(disk: &SimulatedDisk, bytes: Vec<u8>) -> SimulatedDisk {
    let copy = disk.copy(1);
    copy.set_len(0).unwrap();
    copy.write_at(0, &bytes).unwrap();
    copy
}

#[test]
fn a_second_opener_is_refused_and_told_which_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let database = Database::open(&path, OPTIONS).unwrap();
    let refused = Database::open(&path, OPTIONS).unwrap_err();
    assert!(matches!(&refused, Error::Locked { path: locked } if *locked == path), "{refused}");
    put(&database, b"key", b"value").unwrap();
    // A reader keeps it open.
    let reader = database.reader().unwrap();
    drop(database);
    assert!(matches!(Database::open(&path, OPTIONS), Err(Error::Locked { .. })));
    drop(reader);
    let database = Database::open(&path, OPTIONS).unwrap();
    assert_eq!(get(&database, b"key").unwrap().unwrap(), b"value");
}

#[test]
fn the_file_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    drop(Database::open(&path, OPTIONS).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_ephemeral_database_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::ephemeral(folder.path(), OPTIONS).unwrap();
    fill(&database);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let key = 7_u64.to_be_bytes();
    assert_eq!(database.reader().unwrap().get(Table::Headers, &key).unwrap().unwrap(), [7; 200]);
}

#[test]
fn without_a_log_what_was_settled_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let database = Database::without_log(&path, OPTIONS).unwrap();
    put(&database, b"settled", b"1").unwrap();
    database.settle().unwrap();
    put(&database, b"committed", b"2").unwrap();
    assert_eq!(get(&database, b"committed").unwrap().unwrap(), b"2");
    drop(database);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let database = Database::without_log(&path, OPTIONS).unwrap();
    assert_eq!(get(&database, b"settled").unwrap().unwrap(), b"1");
    assert_eq!(get(&database, b"committed").unwrap(), None);
}

#[test]
fn a_reader_sees_what_was_committed_when_it_was_made() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    put(&database, b"key", b"old").unwrap();
    let reader = database.reader().unwrap();
    let mut writer = database.writer().unwrap();
    writer.put(Table::ChainMeta, b"key", b"new").unwrap();
    assert_eq!(writer.get(Table::ChainMeta, b"key").unwrap().unwrap(), b"new");
    assert_eq!(get(&database, b"key").unwrap().unwrap(), b"old");
    writer.commit().unwrap();
    assert_eq!(reader.get(Table::ChainMeta, b"key").unwrap().unwrap(), b"old");
    assert_eq!(get(&database, b"key").unwrap().unwrap(), b"new");
    // What a writer that is dropped did is gone.
    database.writer().unwrap().put(Table::ChainMeta, b"key", b"never").unwrap();
    assert_eq!(get(&database, b"key").unwrap().unwrap(), b"new");
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Look(u8, u8),
    Commit,
    Settle,
    Abandon,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<(u8, u8)>().prop_map(|(key, value)| Step::Put(key % 32, value)),
        2 => any::<u8>().prop_map(|key| Step::Delete(key % 32)),
        3 => any::<(u8, u8)>().prop_map(|(from, to)| Step::Look(from % 32, to % 32)),
        2 => Just(Step::Commit),
        2 => Just(Step::Settle),
        1 => Just(Step::Abandon),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tables_are_ordered_maps(
        // In pages that lie in order, and in runs of pages.
        table in prop_oneof![Just(Table::Codes), Just(Table::TransactionPlaces)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let disk = SimulatedDisk::new(1);
        let mut database = on(&disk).unwrap();
        let mut writer = database.writer().unwrap();
        let mut committed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut written = committed.clone();
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    // So long that there are many pages.
                    let value = vec![value; usize::from(value) * 8];
                    writer.put(table, &[key], &value).unwrap();
                    written.insert(vec![key], value);
                }
                Step::Delete(key) => {
                    writer.delete(table, &[key]).unwrap();
                    written.remove(&vec![key]);
                }
                Step::Look(from, to) => {
                    let reader = database.reader().unwrap();
                    let bounds = (Bound::Included(vec![from]), Bound::Included(vec![to]));
                    let part = |map: &BTreeMap<Vec<u8>, Vec<u8>>| {
                        let pairs = map.iter().map(|(key, value)| (key.clone(), value.clone()));
                        let all: Vec<_> = pairs.collect();
                        if from > to { vec![] } else {
                            let keys = map.range(bounds.clone()).count();
                            let skip = map.range(..vec![from]).count();
                            all[skip..skip + keys].to_vec()
                        }
                    };
                    let seen = reader.range(table, &[from], &[to]).unwrap();
                    prop_assert_eq!(seen.map(Result::unwrap).collect::<Vec<_>>(), part(&committed));
                    let seen = reader.range(table, &[from], &[to]).unwrap().rev();
                    let mut back = seen.map(Result::unwrap).collect::<Vec<_>>();
                    back.reverse();
                    prop_assert_eq!(back, part(&committed));
                    let last = reader.last_below_or_at(table, &[from], &[to]).unwrap();
                    prop_assert_eq!(last, part(&committed).last().cloned());
                    prop_assert_eq!(writer.range(table, &[from], &[to]).unwrap(), part(&written));
                    let last = writer.last_below_or_at(table, &[from], &[to]).unwrap();
                    prop_assert_eq!(last, part(&written).last().cloned());
                    prop_assert_eq!(writer.get(table, &[from]).unwrap(), written.get(&vec![from]).cloned());
                    prop_assert_eq!(reader.count(table).unwrap(), committed.len() as u64);
                }
                Step::Commit => {
                    writer.commit().unwrap();
                    writer = database.writer().unwrap();
                    committed = written.clone();
                }
                Step::Settle => database.settle().unwrap(),
                Step::Abandon => {
                    drop(writer);
                    writer = database.writer().unwrap();
                    written = committed.clone();
                }
                Step::Reopen => {
                    drop(writer);
                    drop(database);
                    database = on(&disk).unwrap();
                    writer = database.writer().unwrap();
                    written = committed.clone();
                }
            }
        }
        let all = database.reader().unwrap().all(table).unwrap();
        let all: BTreeMap<_, _> = all.map(Result::unwrap).collect();
        prop_assert_eq!(all, committed);
    }
}

#[test]
fn each_damaged_byte_is_found_and_named() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    fill(&database);
    drop(database);
    let bytes = disk.bytes();
    let database = on(&disk.copy(1)).unwrap();
    database.verify(|_, _| {}).unwrap();
    drop(database);
    let (mut found, mut unused) = (0, 0);
    for offset in (0..bytes.len() as u64).step_by(1_361) {
        let damaged = disk.copy(offset);
        damaged.damage(offset);
        // Opening reads a part; the check reads all that is in use.
        match on(&damaged).and_then(|database| database.verify(|_, _| {})) {
            Err(Error::Damaged { offset: Some(at), .. }) => {
                assert!(at <= offset && offset < at + 4_104, "{at} is not the block of {offset}");
                found += 1;
            }
            Err(other) => panic!("{offset}: {other}"),
            // A block that nothing names; the rest of the first sector.
            Ok(()) => unused += 1,
        }
    }
    assert!(found > 2 * unused, "{found} found, {unused} in blocks that are not in use");
}

#[test]
fn damage_is_never_served() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    fill(&database);
    drop(database);
    for read in 1..60 {
        let disk = disk.copy(read);
        disk.flip_read_in(read);
        let database = match on(&disk) {
            Ok(database) => database,
            Err(Error::Damaged { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let Ok(reader) = database.reader() else { continue };
        for key in 0..2_000_u64 {
            match reader.get(Table::Headers, &key.to_be_bytes()) {
                Ok(value) => assert_eq!(value, Some(vec![key as u8; 200])),
                Err(Error::Damaged { offset: Some(_), .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_block_in_the_place_of_another_is_damage() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    fill(&database);
    drop(database);
    let mut bytes = disk.bytes();
    let (first, second) = (4_096 + 30 * 4_104, 4_096 + 31 * 4_104);
    let copy = bytes[first..second].to_vec();
    bytes[second..second + copy.len()].copy_from_slice(&copy);
    let opened = on(&with_bytes(&disk, bytes));
    let error = opened.and_then(|database| database.verify(|_, _| {})).unwrap_err();
    assert!(
        matches!(error, Error::Damaged { offset: Some(at), .. } if at == second as u64),
        "{error}"
    );
}

#[test]
fn a_block_that_is_an_old_version_of_itself_is_damage() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    fill(&database);
    let old = disk.bytes();
    // Twice, so that redb writes to where the first version was.
    for round in 0..4_u8 {
        let mut writer = database.writer().unwrap();
        for key in 0..2_000_u64 {
            writer.put(Table::Headers, &key.to_be_bytes(), &[key as u8 ^ round; 200]).unwrap();
        }
        writer.commit().unwrap();
        database.settle().unwrap();
    }
    drop(database);
    let new = disk.bytes();
    let start = |block: usize| 4_096 + block * 4_104;
    let mut found = 0;
    for block in 1..old.len().min(new.len()) / 4_104 - 1 {
        let range = start(block)..start(block + 1);
        if old[range.clone()] == new[range.clone()] || old[start(block)..start(block) + 8] == [0; 8]
        {
            continue;
        }
        let mut bytes = new.clone();
        bytes[range.clone()].copy_from_slice(&old[range]);
        let checked = on(&with_bytes(&disk, bytes)).and_then(|database| database.verify(|_, _| {}));
        match checked {
            Ok(()) => {}
            Err(Error::Damaged { .. }) => found += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(found > 20, "{found} of the lost writes were found");
}

#[test]
fn verify_tells_how_far_it_is_and_needs_the_database_alone() {
    let database = on(&SimulatedDisk::new(1)).unwrap();
    for round in 0..8_u8 {
        let mut writer = database.writer().unwrap();
        for key in 0..2_000_u64 {
            let key = [&[round][..], &key.to_be_bytes()].concat();
            writer.put(Table::Bodies, &key, &[round; 400]).unwrap();
        }
        writer.commit().unwrap();
        database.settle().unwrap();
    }
    let reader = database.reader().unwrap();
    reader.count(Table::Bodies).unwrap();
    assert!(matches!(database.verify(|_, _| {}), Err(Error::Busy)));
    drop(reader);
    let reports = Arc::new(AtomicU64::new(0));
    let counted = reports.clone();
    database
        .verify(move |done, of| {
            assert!(done > 0 && of > 0);
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    assert!(reports.load(Ordering::Relaxed) > 0);
    // It is as usable as before.
    put(&database, b"key", b"value").unwrap();
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    for failing in 1..12 {
        let disk = SimulatedDisk::new(failing);
        let database = on(&disk).unwrap();
        put(&database, b"key", b"old").unwrap();
        disk.fail_write_in(failing);
        let mut committed = b"old".to_vec();
        let error = (0..20_u8).find_map(|round| match put(&database, b"key", &[round]) {
            Ok(()) => {
                committed = vec![round];
                None
            }
            Err(error) => Some((round, error)),
        });
        let (round, error) = error.unwrap();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(matches!(put(&database, b"key", b"later"), Err(Error::Io { .. })));
        assert!(matches!(database.writer(), Err(Error::Io { .. })));
        drop(database);
        let found = get(&on(&disk.crash()).unwrap(), b"key").unwrap().unwrap();
        assert!(found == committed || found == [round], "{found:?}");
    }
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    for failing in 1..8 {
        let disk = SimulatedDisk::new(failing);
        let database = on(&disk).unwrap();
        put(&database, b"key", b"old").unwrap();
        disk.fail_sync_in(failing);
        let error = (0..20_u8).find_map(|round| put(&database, b"key", &[round]).err()).unwrap();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(matches!(database.writer(), Err(Error::Io { .. })));
        let syncs = disk.syncs();
        drop(database);
        assert_eq!(disk.syncs(), syncs, "closing does not claim what is not certain");
    }
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    put(&database, b"key", b"value").unwrap();
    disk.set_capacity(disk.total_len() + 100_000);
    let mut full = None;
    for round in 0..1_000_u64 {
        let mut writer = database.writer().unwrap();
        writer.put(Table::Bodies, &round.to_be_bytes(), &[1; 20_000]).unwrap();
        if let Err(error) = writer.commit() {
            full = Some((round, error));
            break;
        }
    }
    let (round, error) = full.unwrap();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    assert!(matches!(database.writer(), Err(Error::Full { .. })));
    drop(database);
    disk.set_capacity(u64::MAX);
    let database = on(&disk).unwrap();
    assert_eq!(get(&database, b"key").unwrap().unwrap(), b"value");
    let reader = database.reader().unwrap();
    for earlier in 0..round {
        assert!(reader.get(Table::Bodies, &earlier.to_be_bytes()).unwrap().is_some());
    }
    fill(&database);
}

#[test]
fn a_database_of_another_format_is_refused() {
    let disk = SimulatedDisk::new(1);
    drop(on(&disk).unwrap());
    let mut bytes = disk.bytes();
    bytes[8..12].copy_from_slice(&3_u32.to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..16]);
    bytes[16..24].copy_from_slice(&checksum.to_le_bytes());
    let error = on(&with_bytes(&disk, bytes)).unwrap_err();
    assert!(matches!(error, Error::Format { found: 3, known: 4 }), "{error}");
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    for bytes in [vec![0; 100_000], b"something else".to_vec(), vec![7; 9_000]] {
        let disk = SimulatedDisk::with_bytes(1, bytes.clone());
        let error = on(&disk).unwrap_err();
        assert!(matches!(error, Error::Damaged { offset: Some(0), .. }), "{error}");
        assert_eq!(disk.bytes(), bytes);
    }
}

#[test]
fn a_creation_that_was_cut_off_begins_anew() {
    let whole = SimulatedDisk::new(1);
    drop(on(&whole).unwrap());
    for stop in 1..=whole.changes() {
        for seed in 0..8 {
            let disk = SimulatedDisk::new(seed);
            disk.stop_in(stop);
            // At the end the database is closed, and that may fail where opening did not.
            drop(on(&disk));
            let database = on(&disk.crash()).unwrap();
            put(&database, b"key", b"value").unwrap();
            drop(database);
        }
    }
}

#[test]
fn a_simulated_disk_does_the_same_for_the_same_seed() {
    let run = || {
        let disk = SimulatedDisk::new(9);
        let database = on(&disk).unwrap();
        disk.stop_in(30);
        for round in 0..100_u8 {
            if put(&database, &[round], &[round; 3_000]).is_err() {
                break;
            }
        }
        disk.crash().bytes()
    };
    assert!(run() == run());
}

#[test]
fn unsynced_writes_survive_in_part() {
    let (mut all, mut none, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        disk.set_len(8_192).unwrap();
        disk.sync().unwrap();
        disk.write_at(100, &[1; 2_000]).unwrap();
        let bytes = disk.crash().bytes();
        match bytes.iter().filter(|byte| **byte == 1).count() {
            0 => none += 1,
            2_000 => all += 1,
            _ => torn += 1,
        }
    }
    assert!(all > 20 && none > 20 && torn > 5, "{all} {none} {torn}");
    let unnamed = FileDisk::unnamed(&std::env::temp_dir()).unwrap();
    assert!(unnamed.is_empty().unwrap());
}

#[test]
fn a_log_that_went_astray_is_missed() {
    for place in [1, 2] {
        let disk = SimulatedDisk::new(1);
        put(&on(&disk).unwrap(), b"key", b"value").unwrap();
        disk.sibling(place).set_len(0).unwrap();
        let error = on(&disk).unwrap_err();
        assert!(error.to_string().contains("its log is missing"), "{error}");
    }
}

#[test]
fn each_damaged_byte_of_the_log_is_found_and_named() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    for round in 0..20_u8 {
        put(&database, &[round], &[round; 700]).unwrap();
    }
    drop(database);
    let len = disk.sibling(1).bytes().len() as u64;
    for offset in (0..len).step_by(97) {
        let damaged = disk.copy(offset);
        damaged.sibling(1).damage(offset);
        match on(&damaged) {
            Err(Error::Damaged { offset: Some(at), .. }) => assert_eq!(at, offset / 512 * 512),
            other => panic!("{offset}: {other:?}"),
        }
    }
}

#[test]
fn a_commit_that_is_too_large_for_the_log_goes_to_the_tables() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    put(&database, b"before", b"1").unwrap();
    let log = |disk: &SimulatedDisk| disk.sibling(1).bytes().len() + disk.sibling(2).bytes().len();
    let before = log(&disk);
    let mut writer = database.writer().unwrap();
    let key = |number: u64| number.to_be_bytes();
    let mut expected = std::collections::BTreeSet::new();
    for number in 0..4_000 {
        writer.put(Table::Headers, &key(number), &[number as u8; 200]).unwrap();
        expected.insert(number);
        if number % 3 == 1 {
            writer.delete(Table::Headers, &key(number / 2)).unwrap();
            expected.remove(&(number / 2));
        }
        assert!(writer.get(Table::Headers, &key(number)).unwrap().is_some());
    }
    let last = writer.last_below_or_at(Table::Headers, &key(0), &key(9_999)).unwrap();
    assert_eq!(last.unwrap().0, key(3_999));
    assert_eq!(writer.get(Table::ChainMeta, b"before").unwrap().unwrap(), b"1");
    writer.commit().unwrap();
    assert_eq!((log(&disk), database.unsettled_bytes()), (before, 0));
    put(&database, b"after", b"2").unwrap();
    drop(database);
    let database = on(&disk.crash()).unwrap();
    let reader = database.reader().unwrap();
    let keys = reader.all(Table::Headers).unwrap().map(|pair| pair.unwrap().0);
    assert!(keys.eq(expected.iter().map(|number| key(*number).to_vec())));
    assert_eq!(get(&database, b"before").unwrap().unwrap(), b"1");
    assert_eq!(get(&database, b"after").unwrap().unwrap(), b"2");
}

#[test]
fn readers_see_the_same_before_while_and_after_it_is_settled() {
    let disk = SimulatedDisk::new(1);
    let database = on(&disk).unwrap();
    fill(&database);
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> =
        database.reader().unwrap().all(Table::Headers).unwrap().map(Result::unwrap).collect();
    // Many small commits, which are merged.
    for round in 0..300_u64 {
        let mut writer = database.writer().unwrap();
        for part in 0..4 {
            let key = (round * 37 % 500 + part * 400).to_be_bytes();
            if (round + part) % 3 == 0 {
                writer.delete(Table::Headers, &key).unwrap();
                model.remove(key.as_slice());
            } else {
                writer.put(Table::Headers, &key, &round.to_be_bytes()).unwrap();
                model.insert(key.to_vec(), round.to_be_bytes().to_vec());
            }
        }
        writer.commit().unwrap();
    }
    let check = |reader: &heddle_storage::Reader| {
        let forth: Vec<_> = reader.all(Table::Headers).unwrap().map(Result::unwrap).collect();
        assert!(forth.iter().map(|(key, value)| (key, value)).eq(model.iter()));
        let mut back: Vec<_> =
            reader.all(Table::Headers).unwrap().rev().map(Result::unwrap).collect();
        back.reverse();
        assert_eq!(back, forth);
        assert_eq!(reader.count(Table::Headers).unwrap(), model.len() as u64);
        // From both ends at once.
        let mut ends = reader.all(Table::Headers).unwrap();
        let mut met = 0;
        while ends.next().is_some() {
            met += 1 + usize::from(ends.next_back().is_some());
        }
        assert_eq!(met, model.len());
    };
    let before = database.reader().unwrap();
    check(&before);
    let settlement = database.settlement().unwrap();
    put(&database, b"meanwhile", b"1").unwrap();
    check(settlement.reader());
    settlement.finish(Superfluous::NONE).unwrap();
    check(&before);
    check(&database.reader().unwrap());
    assert_eq!(get(&database, b"meanwhile").unwrap().unwrap(), b"1");
}

#[test]
fn what_is_superfluous_is_not_written() {
    let database = Database::ephemeral(&std::env::temp_dir(), Options::default()).unwrap();
    let commit = |changes: &[(&[u8], Option<&[u8]>)]| {
        let mut writer = database.writer().unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => writer.put(Table::Codes, key, value).unwrap(),
                None => writer.delete(Table::Codes, key).unwrap(),
            }
        }
        writer.commit().unwrap();
    };
    commit(&[(b"c", Some(b"old"))]);
    database.settle().unwrap();
    // In two commits: what comes next counts, wherever it was put.
    commit(&[(b"a1", Some(b"1")), (b"a3", Some(b"3")), (b"b", Some(b"4"))]);
    commit(&[(b"a2", Some(b"2")), (b"c", None)]);
    let seen = std::sync::Mutex::new(Vec::new());
    let is_superfluous = |key: &[u8], next: &[u8]| {
        seen.lock().unwrap().push((key.to_vec(), next.to_vec()));
        key[0] == next[0]
    };
    let settlement = database.settlement().unwrap();
    settlement
        .finish(Superfluous { tables: &[Table::Codes], is_superfluous: &is_superfluous })
        .unwrap();
    let left: Vec<Vec<u8>> =
        database.reader().unwrap().all(Table::Codes).unwrap().map(|pair| pair.unwrap().0).collect();
    assert_eq!(left, [b"a3".to_vec(), b"b".to_vec()]);
    // A key that is taken away makes nothing superfluous. What is left is looked through once more.
    let pairs: [(&[u8], &[u8]); 4] = [(b"a1", b"a2"), (b"a2", b"a3"), (b"a3", b"b"), (b"a3", b"b")];
    let pairs = pairs.map(|(key, next)| (key.to_vec(), next.to_vec()));
    assert_eq!(*seen.lock().unwrap(), pairs);
}
