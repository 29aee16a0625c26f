//! Crashes at random points: what was acknowledged is there afterwards.
//!
//! `HEDDLE_CRASH_POINTS` and `HEDDLE_SEED` make it a long run, or one point alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use heddle_storage::{Database, Error, Options, SimulatedDisk, Table};
use std::collections::BTreeMap;

const OPTIONS: Options = Options { cache_bytes: 1 << 20 };

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % end
    }
}

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

fn content(database: &Database) -> Result<Content, Error> {
    database.reader()?.all(Table::Bodies)?.collect()
}

/// Makes random commits until one fails: what was acknowledged, and what may be there besides.
fn commit_until_failure(
    database: &Database,
    mut committed: Content,
    random: &mut Random,
) -> (Content, Content) {
    loop {
        let mut next = committed.clone();
        let mut attempt = || {
            let mut writer = database.writer()?;
            for _ in 0..=random.below(30) {
                let key = random.below(200).to_be_bytes().to_vec();
                if random.below(4) == 0 {
                    writer.delete(Table::Bodies, &key)?;
                    next.remove(&key);
                } else {
                    let value = vec![random.below(256) as u8; random.below(3_000) as usize];
                    writer.put(Table::Bodies, &key, &value)?;
                    next.insert(key, value);
                }
            }
            writer.commit()
        };
        match attempt() {
            Ok(()) => committed = next,
            Err(_) => return (committed, next),
        }
    }
}

fn crash_point(seed: u64) {
    let random = &mut Random(seed);
    let mut disk = SimulatedDisk::new(seed);
    let database = Database::on_disk(Box::new(disk.clone()), OPTIONS).unwrap();
    let mut database = Some(database);
    let (mut sure, mut possible) = (Content::new(), Content::new());
    // Crashes follow each other, also in the midst of opening anew.
    for _ in 0..=random.below(4) {
        match random.below(8) {
            0 => disk.fail_sync_in(1 + random.below(12)),
            1 => disk.fail_write_in(1 + random.below(60)),
            _ => disk.stop_in(1 + random.below(120)),
        }
        let opened = match database.take() {
            Some(database) => Ok(database),
            None => Database::on_disk(Box::new(disk.clone()), OPTIONS),
        };
        if let Ok(database) = opened {
            let found = content(&database).unwrap_or_else(|_| sure.clone());
            assert!(found == sure || found == possible, "seed {seed}: another state was found");
            let begun = commit_until_failure(&database, found, random);
            (sure, possible) = begun;
            drop(database);
        }
        disk = disk.crash();
    }
    let database = Database::on_disk(Box::new(disk), OPTIONS)
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let found = content(&database).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert!(found == sure || found == possible, "seed {seed}: another state was found");
    database.verify(|_, _| {}).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

#[test]
fn what_was_acknowledged_survives_crashes() {
    let seed = number("HEDDLE_SEED", 1);
    for point in 0..number("HEDDLE_CRASH_POINTS", 300) {
        crash_point(seed + point);
    }
}
