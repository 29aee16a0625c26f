//! How a block was executed: which thread executed what and when, and why something was executed
//! again.
//!
//! It depends on timing, so it is never part of a block. It is recorded if
//! [`Settings::record_schedule`](crate::Settings) says so.

use alloy_primitives::{Address, U256};

/// How a block was executed.
///
/// Transactions are named by their positions among those in the block, as receipts are. All times
/// are in nanoseconds since the executor was given the block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When the result was there: how long it all took.
    pub wall: u64,
    /// When the first transaction could be executed. Before that the transactions are looked
    /// through, plain transfers are laid down (or compared with the access list), what an access
    /// list names is read, and the protocol's own operations are done.
    pub prepared: u64,
    /// When the last transaction was final. After that come more operations of the protocol, and the
    /// change set and the access list are put together.
    pub finished: u64,
    /// Threads that could take part; numbers of threads are below this.
    pub threads: u16,
    /// What the threads did, in the order in which the transactions became final; what was executed
    /// twice comes twice. Those of one thread do not overlap.
    pub spans: Vec<Span>,
    /// How many more there were, beyond [`Schedule::SPANS_MAX`].
    pub spans_left_out: u64,
    /// Why transactions were executed again, one for each time, by ascending position.
    pub conflicts: Vec<Conflict>,
    /// How many more there were, beyond [`Schedule::CONFLICTS_MAX`].
    pub conflicts_left_out: u64,
    /// The duration of all spans, those left out too.
    pub(crate) busy: u64,
    /// The same of those of which the result is.
    pub(crate) useful: u64,
}

impl Schedule {
    /// Spans that are kept of a block: one megabyte of them. A block of 60 million gas holds 2,857
    /// transactions at most, and each has two spans at most.
    pub const SPANS_MAX: usize = 1 << 15;
    /// Conflicts that are kept of a block.
    pub const CONFLICTS_MAX: usize = 1 << 13;

    /// Nanoseconds that all threads together spent in spans. The rest is what a schedule does not
    /// show: preparing, checking what was executed ahead, waiting, and putting the result together.
    pub fn busy(&self) -> u64 {
        self.busy
    }

    /// Nanoseconds in spans whose results are those of the block.
    pub fn useful(&self) -> u64 {
        self.useful
    }

    /// How many times longer the executions that count took than the whole block, which is how much
    /// faster it was than the same executions one after the other would have been.
    ///
    /// Plain transfers that are foreseen cost next to nothing in their turn: what they cost was done
    /// before, by all threads, and is no execution. A block of little else shows no speed-up.
    pub fn speedup(&self) -> f64 {
        self.useful as f64 / self.wall.max(1) as f64
    }

    /// How many times a transaction was executed again because something that it had read was
    /// different: [`Statistics::reexecutions`](crate::Statistics).
    pub fn retries(&self) -> u64 {
        self.conflicts.len() as u64 + self.conflicts_left_out
    }
}

/// What one thread did without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first transaction, ...
    pub transaction: u32,
    /// ... and how many from there on. More than one only if each is done in less time than it takes
    /// to look at a clock; then the duration is that of all.
    pub count: u32,
    /// The number of the thread; the caller's is 0.
    pub thread: u16,
    /// What it did.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since the executor was given the block.
    pub start: u64,
    /// Nanoseconds that it took.
    pub duration: u64,
}

impl Span {
    /// When it ended.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration)
    }
}

/// What a thread did with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// It was executed ahead of its turn, and that stood.
    Speculative,
    /// It was executed ahead of its turn, and what it had read turned out different: there is a
    /// conflict, and another span of it.
    Discarded,
    /// It was executed when all before it were final, for the first time or again.
    InTurn,
    /// Plain transfers that had been foreseen became final.
    Direct,
    /// It was executed from the values that the block's access list says.
    Guided,
    /// It was executed one after the other: [`Way::Sequential`](crate::Way).
    Sequential,
    /// A candidate was executed that is not in the block. It has no position; it would have had
    /// this one.
    LeftOut,
}

impl SpanKind {
    /// Whether what came of it is in the block.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Discarded | Self::LeftOut)
    }
}

/// Why a transaction had to be executed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The transaction.
    pub transaction: u32,
    /// The first location found that did not have the value which the transaction had read:
    /// accounts before slots, and each in the order of being read. `None` if it could not be
    /// executed at all on what it saw.
    pub location: Option<Location>,
    /// The transaction that wrote what it should have read. `None` if that was there before the
    /// first one, or the location is unknown.
    pub writer: Option<u32>,
}

/// What can be read and written of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// A field of an account.
    Account {
        /// The account.
        address: Address,
        /// The field.
        field: AccountField,
    },
    /// A slot of a contract's storage.
    Slot {
        /// The contract.
        address: Address,
        /// The slot.
        key: U256,
    },
}

/// A field of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountField {
    /// The balance.
    Balance,
    /// The nonce.
    Nonce,
    /// The code.
    Code,
    /// Whether there is such an account.
    Existence,
}
