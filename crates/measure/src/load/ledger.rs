//! What became of each transaction: a few bytes each, for as many as the load has.
//!
//! A transaction is known by the first eight bytes of its hash. That two of ten million share them
//! has a chance of one in 370,000, and it would be reported, as a transaction sent twice.

/// Hash of a transaction, cut short.
pub(super) type Prefix = u64;

/// The first eight bytes of a hash.
pub(super) fn prefix(hash: &[u8; 32]) -> Prefix {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Time since the start, in units of [`TICK_MICROSECONDS`]: a soak of five days fits 32 bits.
pub(super) type Ticks = u32;

/// The unit of times, in microseconds.
pub(super) const TICK_MICROSECONDS: u64 = 100;

// What is known of a transaction.
const ACCEPTED: u8 = 1;
const REJECTED: u8 = 2;
const UNANSWERED: u8 = 4;
const MINED: u8 = 8;

/// A key that says that a place is free.
const FREE: Prefix = 0;

/// All transactions that were sent: a table with open addressing, whose size is fixed before the
/// clock starts.
#[derive(Debug)]
pub(super) struct Ledger {
    keys: Vec<Prefix>,
    due: Vec<Ticks>,
    states: Vec<u8>,
    counts: Counts,
}

/// How many transactions are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Were written to a connection.
    pub(super) sent: u64,
    /// Were acknowledged with their hash.
    pub(super) accepted: u64,
    /// Were answered otherwise.
    pub(super) rejected: u64,
    /// Got no answer before their connection broke.
    pub(super) unanswered: u64,
    /// Were seen in a block, each counted once.
    pub(super) mined: u64,
    /// Were seen in a block again.
    pub(super) mined_again: u64,
    /// Were sent although another one with their hash had been.
    pub(super) sent_again: u64,
    /// Accepted ones that were not seen in a block yet.
    pub(super) pending: u64,
    /// In blocks, but not sent by us.
    pub(super) foreign: u64,
    /// Mined although they were rejected.
    pub(super) rejected_mined: u64,
}

impl Counts {
    /// Sent, and neither mined nor known to be lost.
    pub(super) const fn waiting(&self) -> u64 {
        let answered = self.accepted + self.rejected + self.unanswered;
        self.sent.saturating_sub(answered) + self.pending
    }
}

/// What the node said of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It took the transaction up.
    Accepted,
    /// It did not.
    Rejected,
    /// Nothing: the connection broke.
    Unanswered,
}

impl Ledger {
    /// For so many transactions.
    pub(super) fn new(transactions: u64) -> Self {
        // At most three quarters are used, so that the way to a free place stays short.
        let places = usize::try_from(transactions).unwrap_or(usize::MAX / 4);
        let places = (places.saturating_add(places / 3) + 1).next_power_of_two();
        Self {
            keys: vec![FREE; places],
            due: vec![0; places],
            states: vec![0; places],
            counts: Counts::default(),
        }
    }

    /// How many are what.
    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    /// The place of a transaction, or the free one where it belongs.
    fn place(&self, key: Prefix) -> usize {
        let mask = self.keys.len() - 1;
        // Hashes are spread well as they are.
        let mut place = (key as usize) & mask;
        while self.keys[place] != key && self.keys[place] != FREE {
            place = (place + 1) & mask;
        }
        place
    }

    /// Where the transaction is, if it was sent.
    fn find(&self, prefix: Prefix) -> Option<usize> {
        let place = self.place(key(prefix));
        (self.keys[place] != FREE).then_some(place)
    }

    /// Writes down that a transaction, which was due at this time, is sent.
    pub(super) fn send(&mut self, prefix: Prefix, due: Ticks) {
        let key = key(prefix);
        let place = self.place(key);
        self.counts.sent += 1;
        if self.keys[place] == FREE {
            self.keys[place] = key;
            self.due[place] = due;
        } else {
            self.counts.sent_again += 1;
        }
    }

    /// Writes down what the node said of a transaction.
    pub(super) fn answer(&mut self, prefix: Prefix, fate: Fate) {
        let (bit, count) = match fate {
            Fate::Accepted => (ACCEPTED, &mut self.counts.accepted),
            Fate::Rejected => (REJECTED, &mut self.counts.rejected),
            Fate::Unanswered => (UNANSWERED, &mut self.counts.unanswered),
        };
        *count += 1;
        let Some(place) = self.find(prefix) else { return };
        let is_mined = self.states[place] & MINED != 0;
        self.states[place] |= bit;
        if fate == Fate::Accepted && !is_mined {
            self.counts.pending += 1;
        }
        if fate == Fate::Rejected && is_mined {
            self.counts.rejected_mined += 1;
        }
    }

    /// Writes down that a transaction is in a block; gives when it was due, if it is one of ours
    /// and was in none before.
    pub(super) fn mine(&mut self, prefix: Prefix) -> Option<Ticks> {
        let Some(place) = self.find(prefix) else {
            self.counts.foreign += 1;
            return None;
        };
        let state = self.states[place];
        if state & MINED != 0 {
            self.counts.mined_again += 1;
            return None;
        }
        self.states[place] = state | MINED;
        self.counts.mined += 1;
        self.counts.pending -= u64::from(state & ACCEPTED != 0);
        self.counts.rejected_mined += u64::from(state & REJECTED != 0);
        Some(self.due[place])
    }

    /// Whether a transaction is one of ours.
    pub(super) fn contains(&self, prefix: Prefix) -> bool {
        self.find(prefix).is_some()
    }

    /// Transactions that got no answer and are in no block.
    pub(super) fn lost(&self) -> u64 {
        let lost = self.states.iter().filter(|state| **state & (UNANSWERED | MINED) == UNANSWERED);
        lost.count() as u64
    }
}

/// A prefix that is no key of a free place.
const fn key(prefix: Prefix) -> Prefix {
    if prefix == FREE { 1 } else { prefix }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_mined_transaction_is_neither_pending_nor_waiting() {
        let mut ledger = Ledger::new(4);
        ledger.send(5, 70);
        assert_eq!((ledger.counts().waiting(), ledger.counts().pending), (1, 0));
        ledger.answer(5, Fate::Accepted);
        assert_eq!((ledger.counts().waiting(), ledger.counts().pending), (1, 1));
        assert_eq!(ledger.mine(5), Some(70));
        assert_eq!((ledger.counts().waiting(), ledger.counts().pending), (0, 0));
    }

    #[test]
    fn a_block_may_be_seen_before_the_answer() {
        let mut ledger = Ledger::new(1);
        ledger.send(0, 1);
        assert_eq!(ledger.mine(0), Some(1));
        ledger.answer(0, Fate::Accepted);
        let counts = ledger.counts();
        assert_eq!((counts.mined, counts.pending, counts.waiting()), (1, 0, 0));
    }

    #[test]
    fn one_in_two_blocks_is_told() {
        let mut ledger = Ledger::new(1);
        ledger.send(9, 1);
        ledger.answer(9, Fate::Accepted);
        assert!(ledger.mine(9).is_some() && ledger.mine(9).is_none());
        assert_eq!((ledger.counts().mined, ledger.counts().mined_again), (1, 1));
    }

    #[test]
    fn one_that_was_refused_and_mined_is_told() {
        for is_mined_first in [false, true] {
            let mut ledger = Ledger::new(1);
            ledger.send(9, 1);
            if is_mined_first {
                ledger.mine(9);
            }
            ledger.answer(9, Fate::Rejected);
            ledger.mine(9);
            assert_eq!(ledger.counts().rejected_mined, 1);
        }
    }

    #[test]
    fn one_without_an_answer_is_lost_unless_it_is_mined() {
        let mut ledger = Ledger::new(2);
        for prefix in [1, 2] {
            ledger.send(prefix, 0);
            ledger.answer(prefix, Fate::Unanswered);
        }
        assert_eq!((ledger.lost(), ledger.counts().waiting()), (2, 0));
        ledger.mine(2);
        assert_eq!(ledger.lost(), 1);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Send,
        Answer(bool),
        Mine,
    }

    proptest! {
        /// Against a map that holds the whole story of each transaction. Prefixes differ in few
        /// places, so that they collide in the table.
        #[test]
        fn counts_as_a_map_does(steps in prop::collection::vec(
            (0_u64..40, prop_oneof![Just(Step::Send), any::<bool>().prop_map(Step::Answer), Just(Step::Mine)]),
            0..300,
        )) {
            #[derive(Default)]
            struct Story { accepted: bool, answered: bool, mined: u32 }
            let mut ledger = Ledger::new(40);
            let mut stories: HashMap<u64, Story> = HashMap::new();
            let mut foreign = 0;
            for (number, step) in steps {
                let prefix = (number % 5) << 40 | number;
                match (step, stories.get_mut(&number)) {
                    (Step::Send, None) => {
                        ledger.send(prefix, number as Ticks);
                        stories.insert(number, Story::default());
                    }
                    (Step::Answer(accepted), Some(story)) if !story.answered => {
                        ledger.answer(prefix, if accepted { Fate::Accepted } else { Fate::Rejected });
                        (story.answered, story.accepted) = (true, accepted);
                    }
                    (Step::Mine, story) => {
                        let due = ledger.mine(prefix);
                        let first = story.as_ref().is_some_and(|story| story.mined == 0);
                        prop_assert_eq!(due, first.then_some(number as Ticks));
                        foreign += u64::from(story.is_none());
                        if let Some(story) = story { story.mined += 1; }
                    }
                    _ => {}
                }
            }
            let count = |is: fn(&Story) -> bool| stories.values().filter(|story| is(story)).count() as u64;
            let counts = ledger.counts();
            prop_assert_eq!(counts.sent, stories.len() as u64);
            prop_assert_eq!(counts.accepted, count(|story| story.accepted));
            prop_assert_eq!(counts.rejected, count(|story| story.answered && !story.accepted));
            prop_assert_eq!(counts.mined, count(|story| story.mined > 0));
            prop_assert_eq!(counts.mined_again, stories.values().map(|story| u64::from(story.mined.saturating_sub(1))).sum::<u64>());
            prop_assert_eq!(counts.pending, count(|story| story.accepted && story.mined == 0));
            prop_assert_eq!(counts.foreign, foreign);
            prop_assert_eq!(counts.waiting(), count(|story| !story.answered || (story.accepted && story.mined == 0)));
        }
    }
}
