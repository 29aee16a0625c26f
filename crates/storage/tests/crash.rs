//! Crashes at random points: what was acknowledged is there afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

#[path = "support/crashes.rs"]
mod crashes;
#[path = "support/random.rs"]
mod random;

use crashes::{Tally, arm};
use heddle_storage::{Database, Error, Options, SimulatedDisk, Superfluous, Table};
use random::Random;
use std::collections::BTreeMap;

/// So little memory that now and then a commit waits for room.
const OPTIONS: Options = Options { cache_bytes: 1 << 20, unsettled_bytes_max: 200_000 };

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(disk: &SimulatedDisk) -> Result<Database, Error> {
    Database::simulated(disk, OPTIONS)
}

/// What the crashes of a history hit: a table in order, or one of runs.
fn table(seed: u64) -> Table {
    if seed.is_multiple_of(2) { Table::Bodies } else { Table::TransactionPlaces }
}

fn content(database: &Database, table: Table) -> Result<Content, Error> {
    database.reader()?.all(table)?.collect()
}

/// What was acknowledged, and what may be there in its place: the commit that failed.
#[derive(Clone, Default)]
struct Promise {
    sure: Content,
    possible: Content,
}

impl Promise {
    fn assert_holds(&self, found: &Content) {
        assert!(*found == self.sure || *found == self.possible, "another state was found");
    }
}

/// Makes random commits until one fails, and tells why.
fn commit_until_failure(
    database: &Database,
    table: Table,
    mut committed: Content,
    random: &mut Random,
) -> (Promise, Error) {
    loop {
        let mut next = committed.clone();
        let mut attempt = || {
            if random.below(6) == 0 {
                // What is committed meanwhile is not part of it.
                let settlement = database.settlement()?;
                // With more it would wait for room, which this thread has yet to make.
                let has_room = database.unsettled_bytes() < OPTIONS.unsettled_bytes_max;
                if random.below(2) == 0 && has_room {
                    let mut writer = database.writer()?;
                    writer.put(table, b"meanwhile", b"committed")?;
                    next.insert(b"meanwhile".to_vec(), b"committed".to_vec());
                    writer.commit()?;
                }
                return settlement.finish(Superfluous::NONE);
            }
            let mut writer = database.writer()?;
            for _ in 0..=random.below(30) {
                let key = random.below(200).to_be_bytes().to_vec();
                if random.below(4) == 0 {
                    writer.delete(table, &key)?;
                    next.remove(&key);
                } else {
                    let value = vec![random.below(256) as u8; random.below(3_000) as usize];
                    writer.put(table, &key, &value)?;
                    next.insert(key, value);
                }
            }
            writer.commit()
        };
        match attempt() {
            Ok(()) => committed = next,
            Err(error) => return (Promise { sure: committed, possible: next }, error),
        }
    }
}

/// Opens a copy of the disk, which has no faults, and verifies all of it.
fn verify(disk: &SimulatedDisk, table: Table, promise: &Promise) {
    let database = open(&disk.copy(1)).unwrap();
    promise.assert_holds(&content(&database, table).unwrap());
    database.verify(|_, _| {}).unwrap();
}

/// One wrong bit on a copy of the disk, in a read or for good: what is read is right, or the
/// damage is named.
fn damage(
    disk: &SimulatedDisk,
    table: Table,
    promise: &Promise,
    random: &mut Random,
    tally: &mut Tally,
) {
    let disk = disk.copy(random.below(u64::MAX));
    let kind = crashes::damage(&disk, random);
    let named = match open(&disk).and_then(|database| content(&database, table)) {
        Ok(found) => {
            promise.assert_holds(&found);
            false
        }
        Err(Error::Damaged { offset: Some(_), .. }) => true,
        Err(error) => panic!("{error}"),
    };
    tally.count_wrong_bit(kind, named);
}

/// Crashes that follow each other, also in the midst of opening anew.
fn history(seed: u64, tally: &mut Tally) {
    let table = table(seed);
    let random = &mut Random(seed);
    let mut disk = SimulatedDisk::new(seed);
    let mut database = Some(open(&disk).unwrap());
    let mut promise = Promise::default();
    for _ in 0..=random.below(4) {
        arm(&disk, random);
        let opened = database.take().map_or_else(|| open(&disk), Ok);
        let (error, is_opening) = match opened {
            Ok(database) => {
                // Reading changes nothing, and no fault that was armed is one of reads.
                let found = content(&database, table).unwrap();
                promise.assert_holds(&found);
                let (begun, error) = commit_until_failure(&database, table, found, random);
                promise = begun;
                (error, false)
            }
            Err(error) => (error, true),
        };
        disk = disk.crash();
        tally.count(&error, is_opening, disk.crash_effect());
        verify(&disk, table, &promise);
        damage(&disk, table, &promise, random, tally);
    }
}

#[test]
fn what_was_acknowledged_survives_crashes() {
    crashes::run(1_000, history);
}
