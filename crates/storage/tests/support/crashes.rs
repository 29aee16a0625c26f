//! What can go wrong with a disk, drawn at random, and a count of what did.
//!
//! `HEDDLE_CRASH_POINTS` makes it a long run, and with `HEDDLE_SEED` one history alone.

use crate::Random;
use heddle_storage::{CrashEffect, Error, SimulatedDisk};
use std::{collections::BTreeMap, fmt, panic::catch_unwind};

/// Makes one bit wrong, in a read or for good, and tells which.
pub(crate) fn damage(disk: &SimulatedDisk, random: &mut Random) -> &'static str {
    if random.below(2) == 0 {
        disk.flip_read_in(1 + random.below(80));
        "corrupt read"
    } else {
        // Most is in the tables, so chance alone would seldom hit the log.
        let disk = disk.sibling(random.below(3) as usize);
        let len = disk.bytes().len() as u64;
        if len > 0 {
            disk.damage(random.below(len));
        }
        "corrupt byte"
    }
}

/// Has the disk fail in one of the ways that end with a crash, soon.
pub(crate) fn arm(disk: &SimulatedDisk, random: &mut Random) {
    match random.below(8) {
        0 => disk.fail_sync_in(1 + random.below(12)),
        1 => disk.fail_write_in(1 + random.below(80)),
        2 => disk.set_capacity(disk.total_len() + random.below(100_000)),
        _ => {}
    }
    // Always, since what is written may never come to the end of the disk; now and then so soon
    // that it is in the midst of opening.
    let changes = if random.below(4) == 0 { 12 } else { 150 };
    disk.stop_in(1 + random.below(changes));
}

/// Crash points that were checked, by kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<&'static str, u64>,
    opening: u64,
    unsynced: u64,
    lost: u64,
    torn: u64,
    reordered: u64,
    named: u64,
}

impl Tally {
    /// Counts what ended the use of the disk, and what the crash did then.
    pub(crate) fn count(&mut self, error: &Error, is_opening: bool, effect: CrashEffect) {
        let text = error.to_string();
        let kind = match error {
            Error::Full { .. } => "full disk",
            Error::Io { .. } if text.contains("failed to sync") => "failed sync",
            Error::Io { .. } if text.contains("failed to write") => "failed write",
            Error::Io { .. } if text.contains("has stopped") => "machine stopped",
            _ => panic!("no fault of the disk leads to this: {error}"),
        };
        *self.kinds.entry(kind).or_default() += 1;
        self.opening += u64::from(is_opening);
        self.unsynced += u64::from(effect.unsynced > 0);
        self.lost += u64::from(effect.lost > 0);
        self.torn += u64::from(effect.torn > 0);
        self.reordered += u64::from(effect.reordered);
    }

    /// Counts a wrong bit, and whether the damage was named; if not, all that was read was right.
    pub(crate) fn count_wrong_bit(&mut self, kind: &'static str, named: bool) {
        *self.kinds.entry(kind).or_default() += 1;
        self.named += u64::from(named);
    }

    fn add(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.opening += other.opening;
        self.unsynced += other.unsynced;
        self.lost += other.lost;
        self.torn += other.torn;
        self.reordered += other.reordered;
        self.named += other.named;
    }

    fn points(&self) -> u64 {
        self.kinds.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> =
            self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let Self { opening, unsynced, lost, torn, reordered, named, .. } = self;
        write!(
            f,
            "{} crash points: {}; {opening} while opening, {unsynced} with unsynced changes: some \
             lost in {lost}, torn in {torn}, reordered in {reordered}; wrong bits named: {named}",
            self.points(),
            kinds.join(", ")
        )
    }
}

/// Runs histories with crashes, each from a seed of its own, until so many points were checked.
pub(crate) fn run(points: u64, history: fn(u64, &mut Tally)) {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (first, points) = (number("HEDDLE_SEED", 1), number("HEDDLE_CRASH_POINTS", points));
    let mut tally = Tally::default();
    let mut seed = first;
    while tally.points() < points {
        let counted = catch_unwind(|| {
            let mut tally = Tally::default();
            history(seed, &mut tally);
            tally
        });
        let Ok(counted) = counted else {
            panic!("HEDDLE_SEED={seed} HEDDLE_CRASH_POINTS=1 does it again");
        };
        tally.add(&counted);
        seed += 1;
    }
    println!("seeds {first} to {}: {tally}", seed - 1);
    // So that nobody takes it for more than it was.
    let rare = [tally.lost, tally.torn, tally.reordered, tally.opening, tally.named];
    assert!(points < 1_000 || rare.iter().all(|count| *count > 0), "{tally}");
}
