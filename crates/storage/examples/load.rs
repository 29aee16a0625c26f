//! Measures the database under a load like ours: accounts by address and version, in batches of
//! 1,000, each committed; then reads of the newest version of random accounts.
//!
//! `cargo run --release --package heddle-storage --example load -- FOLDER [BATCHES]`

#![allow(clippy::expect_used)] // it is run by hand

use heddle_storage::{Database, Options, Table};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const BATCH: u64 = 1_000;
const ACCOUNTS: u64 = 100_000;
const VALUE_BYTES: usize = 70;
const READS: u64 = 100_000;
const OPTIONS: Options = Options { cache_bytes: 256 << 20, unsettled_bytes_max: 512 << 20 };

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Address and version, as `state` has them.
fn key(account: u64, version: u64) -> Vec<u8> {
    let mut state = account;
    let words = [random(&mut state), random(&mut state), random(&mut state)];
    let mut key: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).take(20).collect();
    key.extend_from_slice(&version.to_be_bytes());
    key
}

fn write(database: &Database, batches: u64, state: &mut u64) -> Vec<Duration> {
    let mut times = Vec::new();
    for version in 0..batches {
        let start = Instant::now();
        let mut writer = database.writer().expect("the folder can be written to");
        for _ in 0..BATCH {
            let key = key(random(state) % ACCOUNTS, version);
            writer.put(Table::AccountVersions, &key, &[7; VALUE_BYTES]).expect("it can be written");
        }
        writer.commit().expect("it can be committed");
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn read(database: &Database, state: &mut u64) -> (Duration, u64) {
    let reader = database.reader().expect("it can be read");
    let start = Instant::now();
    let mut found = 0;
    for _ in 0..READS {
        let account = random(state) % ACCOUNTS;
        let (from, to) = (key(account, 0), key(account, u64::MAX));
        let last = reader.last_below_or_at(Table::AccountVersions, &from, &to);
        found += u64::from(last.expect("it can be read").is_some());
    }
    (start.elapsed(), found)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the first argument is a folder");
    let batches: u64 = arguments.next().map_or(100, |text| text.parse().expect("a number"));
    let path = Path::new(&folder).join("load.redb");
    let copy = Path::new(&folder).join("stopped.redb");
    for path in [&path, &copy] {
        // Left by a run before.
        let _ = std::fs::remove_file(path);
    }
    let mut state = 1;
    let database = Database::open(&path, OPTIONS).expect("the folder can be written to");
    let start = Instant::now();
    let times = write(&database, batches, &mut state);
    let whole = start.elapsed();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{batches} commits of {BATCH} puts: {whole:?}, half below {:?}, 99 % below {:?}",
        at(50),
        at(99)
    );
    let (time, found) = read(&database, &mut state);
    println!("{READS} reads, {found} found, from memory: {:?} each", time / READS as u32);
    // As it is found after the process was killed.
    std::fs::copy(&path, &copy).expect("there is room for a copy");
    let bytes = std::fs::metadata(&path).expect("it is there").len();
    let start = Instant::now();
    drop(database);
    println!("closed: {:?}, {} MB", start.elapsed(), bytes >> 20);
    for (path, how) in [(&path, "closed"), (&copy, "killed")] {
        let start = Instant::now();
        let database = Database::open(path, OPTIONS).expect("it can be opened");
        println!("opened after it was {how}: {:?}", start.elapsed());
        let (time, found) = read(&database, &mut state);
        println!(
            "{READS} reads, {found} found, from the system's cache: {:?} each",
            time / READS as u32
        );
        let start = Instant::now();
        drop(database);
        let database = Database::open(path, OPTIONS).expect("it can be opened");
        database.verify(|_, _| {}).expect("it is sound");
        println!("checked: {:?}", start.elapsed());
    }
    for path in [&path, &copy] {
        std::fs::remove_file(path).expect("it is there");
    }
}
