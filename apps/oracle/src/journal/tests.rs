use super::*;
use proptest::prelude::*;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

const REPORTER: Address = Address::repeat_byte(1);
const FEED: FeedId = FeedId { feed: Address::repeat_byte(2), chain_id: 31_337 };

fn observation(attempt: u32, value: i64) -> Observation {
    let value = I192::try_from(value).unwrap();
    Observation { round: attempt / 3, attempt, value, observed_at: u64::from(attempt) * 10 }
}

/// What a disk has to write and sync for a file, in small steps. A crash comes between two of them.
#[derive(Clone, Debug, Default)]
struct Machine {
    /// What a crash leaves.
    kept: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    /// Steps until the next crash, and until the next error.
    until_crash: Rc<Cell<u32>>,
    until_error: Rc<Cell<u32>>,
}

/// The machine is off.
const CRASH: &str = "crash";

impl Machine {
    fn step(&self) -> io::Result<()> {
        for (until, words) in [(&self.until_crash, CRASH), (&self.until_error, "no space")] {
            match until.get() {
                0 => return Err(io::Error::other(words)),
                left => until.set(left - 1),
            }
        }
        Ok(())
    }
}

impl Disk for Machine {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.kept.borrow().get(name).cloned())
    }

    fn replace(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        // The new file is made, written in pieces, and synced; then it is renamed. Whether a renamed
        // file is there after a crash before the folder is synced is up to the disk.
        for _ in 0..4 {
            self.step()?;
        }
        let is_early = content.len().is_multiple_of(2);
        if is_early {
            self.kept.borrow_mut().insert(name.to_owned(), content.to_vec());
        }
        self.step()?;
        self.kept.borrow_mut().insert(name.to_owned(), content.to_vec());
        self.step()
    }
}

fn is_crash(error: &JournalError) -> bool {
    matches!(error, JournalError::Disk { source, .. } if source.to_string() == CRASH)
}

/// One life of a reporter: it starts, signs for attempts as they come, and is killed. What leaves it is
/// in `sent`. `clock` goes on, or back a little.
fn live(
    machine: &Machine,
    clock: &mut u32,
    steps: &[i8],
    sent: &mut BTreeSet<Observation>,
    value: &mut i64,
) {
    let mut journal = Journal::new(machine.clone(), REPORTER);
    journal.open(FEED, *clock).unwrap();
    // What was recorded is signed again, with another clock and another price.
    sent.extend(journal.last(FEED.feed));
    for step in steps {
        *clock = clock.saturating_add_signed(i32::from(*step));
        *value += 1;
        let wanted = observation(*clock, *value);
        match journal.record(FEED, wanted) {
            Ok(()) => drop(sent.insert(wanted)),
            Err(JournalError::Signed { .. }) => {}
            Err(error) if is_crash(&error) => return,
            Err(JournalError::Disk { .. }) => machine.until_error.set(30),
            Err(error) => panic!("{error}"),
        }
    }
}

fn one_for_each_attempt(sent: &BTreeSet<Observation>) -> bool {
    let keys: BTreeSet<(u32, u32)> = sent.iter().map(|one| (one.round, one.attempt)).collect();
    keys.len() == sent.len()
}

proptest! {
    #[test]
    fn no_crash_and_no_error_leads_to_a_second_signature(
        lives in prop::collection::vec((0..40_u32, 0..40_u32, prop::collection::vec(-2..3_i8, 0..12)), 1..30),
    ) {
        let machine = Machine::default();
        let (mut clock, mut value, mut sent) = (1000, 0, BTreeSet::new());
        for (until_crash, until_error, steps) in lives {
            machine.until_crash.set(until_crash);
            machine.until_error.set(until_error);
            live(&machine, &mut clock, &steps, &mut sent, &mut value);
        }
        prop_assert!(one_for_each_attempt(&sent), "{sent:?}");
    }

    #[test]
    fn a_lost_disk_leads_to_none_while_the_clock_goes_on(
        lives in prop::collection::vec((0..40_u32, prop::collection::vec(0..3_i8, 0..12)), 1..30),
    ) {
        let machine = Machine::default();
        machine.until_error.set(u32::MAX);
        let (mut clock, mut value, mut sent) = (1000, 0, BTreeSet::new());
        for (until_crash, steps) in lives {
            machine.until_crash.set(until_crash);
            live(&machine, &mut clock, &steps, &mut sent, &mut value);
            machine.kept.borrow_mut().clear();
        }
        prop_assert!(one_for_each_attempt(&sent), "{sent:?}");
    }
}

#[test]
fn every_point_of_a_crash_is_survived() {
    for until_crash in 0..24 {
        let machine = Machine::default();
        machine.until_error.set(u32::MAX);
        machine.until_crash.set(until_crash);
        let (mut clock, mut value, mut sent) = (1000, 0, BTreeSet::new());
        live(&machine, &mut clock, &[1, 1, 1], &mut sent, &mut value);
        machine.until_crash.set(u32::MAX);
        // The clock stands where it stood, so that the same attempt comes again.
        live(&machine, &mut clock, &[0, 0, 1], &mut sent, &mut value);
        assert!(one_for_each_attempt(&sent), "{until_crash}: {sent:?}");
        assert!(sent.iter().any(|one| one.attempt == clock), "{until_crash}: it goes on");
    }
}

#[test]
fn a_folder_keeps_what_it_replaced_and_is_one_process_s() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state");
    let mut folder = Folder::open(&path).unwrap();
    assert!(matches!(Folder::open(&path), Err(JournalError::InUse(_))));
    assert_eq!(folder.read("a").unwrap(), None);
    folder.replace("a", b"one").unwrap();
    folder.replace("a", b"two").unwrap();
    drop(folder);
    let folder = Folder::open(&path).unwrap();
    assert_eq!(folder.read("a").unwrap().unwrap(), b"two");
    std::fs::write(path.join("a"), vec![b' '; 1 << 20]).unwrap();
    assert!(folder.read("a").is_err());
}

#[test]
fn a_file_of_others_or_of_nobody_is_refused() {
    let machine = Machine::default();
    machine.until_crash.set(u32::MAX);
    machine.until_error.set(u32::MAX);
    let mut journal = Journal::new(machine.clone(), REPORTER);
    assert!(matches!(journal.record(FEED, observation(9, 1)), Err(JournalError::Signed { .. })));
    journal.open(FEED, 5).unwrap();
    assert!(matches!(journal.record(FEED, observation(5, 1)), Err(JournalError::Signed { .. })));
    journal.record(FEED, observation(6, 1)).unwrap();

    let mut other = Journal::new(machine.clone(), Address::repeat_byte(9));
    assert!(matches!(other.open(FEED, 5), Err(JournalError::Other { .. })));
    let mut other = Journal::new(machine.clone(), REPORTER);
    let elsewhere = FeedId { chain_id: 1, ..FEED };
    assert!(matches!(other.open(elsewhere, 5), Err(JournalError::Other { .. })));
    other.open(FEED, 1).unwrap();
    assert_eq!(other.last(FEED.feed), Some(observation(6, 1)));

    for content in ["", "{}", "{\"attempt\":1}"] {
        machine.kept.borrow_mut().insert(name(FEED.feed), content.as_bytes().to_vec());
        assert!(matches!(other.open(FEED, 5), Err(JournalError::Shape { .. })), "{content}");
    }
}
