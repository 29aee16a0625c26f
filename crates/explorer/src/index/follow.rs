//! The thread that keeps the index at the end of the chain.

use super::{DRAFT_KEYS_MAX, Index, IndexError, IndexHead, courtesy::Courtesy};
use alloy_primitives::B256;
use heddle_chain::{Chain, ChainEvent, CommittedBlock, Notice};
use heddle_executor::Schedule;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How nice the thread is to others (`nice(2)`): where all processors are busy, blocks come first,
/// and the index falls behind.
const NICENESS: i32 = 19;

/// Transactions of committed blocks that are kept until they are indexed, so that they need not be
/// read again: some tens of megabytes.
const AT_HAND_TRANSACTIONS_MAX: usize = 50_000;

/// Blocks of which it is kept how they were executed: some minutes, a megabyte each at most.
const SCHEDULES_MAX: usize = 256;

/// When so much was committed, it is written to the disk.
const SETTLE_BYTES: usize = 32 << 20;
/// Longest time until what was committed is written to the disk.
const SETTLE_INTERVAL: Duration = Duration::from_secs(30);
/// How long the thread sleeps at most when nothing happens.
const PATIENCE: Duration = Duration::from_millis(500);

/// How far the index is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The last block that it has.
    pub head: Option<IndexHead>,
    /// Height of the chain's last block when that was indexed.
    pub chain: u64,
    /// Why it goes no further, if that is so.
    pub failure: Option<String>,
}

impl Status {
    /// Blocks that are missing.
    pub fn behind(&self) -> u64 {
        self.head.map_or(self.chain + 1, |head| self.chain.saturating_sub(head.number))
    }
}

/// Told how far making an index is: blocks that are there, and all.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64);

/// Keeps an index at the end of a chain, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    index: Index,
    chain: Arc<Chain>,
    stop: AtomicBool,
    status: RwLock<Status>,
    changed: watch::Sender<u64>,
    /// How the last blocks were executed, by hash, the oldest first.
    schedules: Mutex<VecDeque<(B256, Arc<Schedule>)>>,
    settling: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    /// Begins to follow.
    ///
    /// # Errors
    ///
    /// [`IndexError::Thread`].
    pub fn start(index: Index, chain: Arc<Chain>) -> Result<Self, IndexError> {
        let head = index.reader()?.head();
        let status = Status { head, chain: chain.reader().head().number, failure: None };
        let shared = Arc::new(Shared {
            index,
            chain,
            stop: AtomicBool::new(false),
            status: RwLock::new(status),
            changed: watch::Sender::new(0),
            schedules: Mutex::default(),
            settling: Mutex::new(None),
        });
        let work = shared.clone();
        let thread = thread::Builder::new().name("explorer-index".to_owned());
        let thread = thread.spawn(move || work.run()).map_err(IndexError::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.shared.index
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        self.shared.status.read().clone()
    }

    /// How this node executed a block, if it did so lately and recorded it.
    pub fn schedule(&self, hash: B256) -> Option<Arc<Schedule>> {
        let schedules = self.shared.schedules.lock();
        schedules.iter().find(|(of, _)| *of == hash).map(|(_, schedule)| schedule.clone())
    }

    /// Is told whenever the index has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has told of its failure, if there was one.
            let _ = thread.join();
        }
    }
}

impl Index {
    /// Brings the index to the end of the chain, and onto the disk.
    ///
    /// # Errors
    ///
    /// See [`IndexError`].
    pub fn catch_up(&self, chain: &Chain, progress: Progress<'_>) -> Result<(), IndexError> {
        let reader = chain.reader();
        loop {
            let done = self.advance(&reader, &|_| None)?;
            let there = self.reader()?.head().map_or(0, |head| head.number + 1 - reader.first());
            progress(there, reader.head().number + 1 - reader.first());
            if self.unsettled_bytes() > SETTLE_BYTES || done {
                self.settle()?;
            }
            if done {
                return Ok(());
            }
        }
    }
}

impl Shared {
    fn run(self: Arc<Self>) {
        be_nice();
        if let Err(error) = self.follow() {
            tracing::error!(%error, "the explorer's index stays where it is");
            self.status.write().failure = Some(error.to_string());
            self.changed.send_modify(|count| *count += 1);
        }
        if let Some(settling) = self.settling.lock().take() {
            let _ = settling.join();
        }
        if let Err(error) = self.index.settle() {
            tracing::warn!(%error, "the explorer's index is not all on the disk");
        }
    }

    fn follow(self: &Arc<Self>) -> Result<(), IndexError> {
        let subscription = self.chain.subscribe();
        let mut at_hand = AtHand::default();
        let mut settled = Instant::now();
        let mut courtesy = Courtesy::new();
        while !self.stop.load(Ordering::Relaxed) {
            let before = self.status.read().head;
            let mut keys_max = DRAFT_KEYS_MAX;
            if courtesy.is_due() {
                let gas = self.gas_of_the_next_block(before)?;
                courtesy.let_others_go_first(gas, || self.stop.load(Ordering::Relaxed));
                // A block at a time, so that it can stay away between them.
                keys_max = 1;
            }
            let reader = self.chain.reader();
            let done = self.index.advance_by(keys_max, &reader, &|number| at_hand.get(number))?;
            let head = self.index.reader()?.head();
            at_hand.forget_until(head.map_or(0, |head| head.number));
            *self.status.write() = Status { head, chain: reader.head().number, failure: None };
            drop(reader);
            if head != before {
                self.changed.send_modify(|count| *count += 1);
            }
            let bytes = self.index.unsettled_bytes();
            if bytes > SETTLE_BYTES || (bytes > 0 && settled.elapsed() > SETTLE_INTERVAL) {
                settled = Instant::now();
                self.settle_beside()?;
            }
            let mut notice =
                if done { subscription.next_timeout(PATIENCE) } else { subscription.try_next() };
            while let Some(next) = notice {
                if let Notice::Event(event) = next {
                    self.keep_schedules(&event);
                    at_hand.take(&event);
                }
                notice = subscription.try_next();
            }
            if done && subscription.is_closed() {
                break;
            }
        }
        Ok(())
    }

    /// Zero if there is none.
    fn gas_of_the_next_block(&self, head: Option<IndexHead>) -> Result<u64, IndexError> {
        let reader = self.chain.reader();
        let next = head.map_or(reader.first(), |head| head.number + 1);
        Ok(reader.header(next)?.map_or(0, |header| header.gas_used))
    }

    fn keep_schedules(&self, event: &ChainEvent) {
        let mut schedules = self.schedules.lock();
        for block in &event.committed {
            if let Some(schedule) = &block.schedule {
                schedules.push_back((block.block.hash, schedule.clone()));
            }
        }
        let superfluous = schedules.len().saturating_sub(SCHEDULES_MAX);
        schedules.drain(..superfluous);
    }

    /// Writes to the disk what was committed, while more is indexed.
    fn settle_beside(self: &Arc<Self>) -> Result<(), IndexError> {
        let mut place = self.settling.lock();
        if place.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        let shared = self.clone();
        let settle = move || {
            be_nice();
            if let Err(error) = shared.index.settle() {
                tracing::error!(%error, "the explorer's index cannot be written");
            }
        };
        let thread = thread::Builder::new().name("explorer-settle".to_owned());
        *place = Some(thread.spawn(settle).map_err(IndexError::Thread)?);
        Ok(())
    }
}

/// Lets other threads of the process go first. Where that is not allowed, all are equal.
fn be_nice() {
    let this = rustix::thread::gettid();
    let _ = rustix::process::setpriority_process(Some(this), NICENESS);
}

/// Committed blocks that wait to be indexed.
#[derive(Debug, Default)]
struct AtHand {
    blocks: BTreeMap<u64, Arc<CommittedBlock>>,
    transactions: usize,
}

impl AtHand {
    fn get(&self, number: u64) -> Option<Arc<CommittedBlock>> {
        self.blocks.get(&number).cloned()
    }

    fn take(&mut self, event: &ChainEvent) {
        for block in &event.committed {
            if self.transactions > AT_HAND_TRANSACTIONS_MAX {
                break;
            }
            self.transactions += block.receipts.len();
            let number = block.block.block.header.number;
            if let Some(before) = self.blocks.insert(number, block.clone()) {
                self.transactions -= before.receipts.len();
            }
        }
    }

    fn forget_until(&mut self, number: u64) {
        while let Some(first) = self.blocks.first_entry().filter(|first| *first.key() <= number) {
            self.transactions -= first.remove().receipts.len();
        }
    }
}
