//! A chain with accounts, its pool and its producer, and signed transactions for them.

use super::{
    BenchPipeline,
    load::{Load, signed_transactions},
    stages::{Meter, Stages},
};
use crate::{Error, bench::workload::WorkloadKind};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::Bytes;
use heddle_chain::{Chain, Notice, StageObserver, Subscription};
use heddle_pool::{Candidate, Context, Origin, Pool, PooledTransaction};
use heddle_producer::{Clock, Mining, Producer, sender_state};
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis};
use parking_lot::Mutex;
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Transactions that are taken up together: as many as a node does when many wait.
const BATCH: usize = 2_048;
/// Transactions with known senders that a client has before it waits for the pool.
const READY_MAX: usize = 4 * BATCH;
/// Transactions of a block in the first part, at most: about as many as come in an interval.
const BLOCK_MAX: usize = 16_384;
/// Transactions that wait in the pool before clients are told to wait.
const WAITING_MAX: usize = 100_000;
/// No block for so long: what is still missing will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chain in a folder, and what is sent to it.
pub(super) struct Network {
    pub(super) transactions: Vec<Bytes>,
    genesis: Genesis,
    folder: TempDir,
    clock: Clock,
    interval: Duration,
    threads: Option<usize>,
}

/// What came of running all stages together.
pub(super) struct Together {
    /// From the first transaction to the last durable block.
    pub(super) durable: Duration,
    /// Until the tables have all of it.
    pub(super) settled: Duration,
    pub(super) blocks: u64,
    pub(super) base_fee_max: u64,
}

/// The parts of a node.
struct Node {
    chain: Arc<Chain>,
    pool: Arc<Mutex<Pool>>,
    producer: Arc<Producer>,
    clock: Clock,
}

impl Network {
    pub(super) fn new(
        kind: WorkloadKind,
        count: usize,
        settings: &BenchPipeline,
    ) -> Result<Self, Error> {
        let Load { genesis, transactions, time } =
            signed_transactions(kind, count, settings.accounts, settings.gas_limit)?;
        let folder = match &settings.folder {
            Some(folder) => TempDir::new_in(folder),
            None => TempDir::new(),
        };
        let network = Self {
            transactions,
            genesis,
            folder: folder.map_err(Error::Temporary)?,
            clock: clock_from(time),
            interval: settings.interval(),
            threads: settings.threads.map(usize::from),
        };
        // Writes the accounts, which is no part of what is measured.
        drop(network.start(Mining::MANUAL, None)?);
        Ok(network)
    }

    fn start(&self, mining: Mining, observer: Option<StageObserver>) -> Result<Node, Error> {
        let db = Database::open(&self.folder.path().join("chain"), Options::default())
            .map_err(heddle_chain::Error::from)?;
        let mut settings = heddle_chain::Settings::default();
        settings.threads = self.threads.unwrap_or(settings.threads);
        if observer.is_some() {
            // One thing at a time.
            settings.settle_bytes = usize::MAX;
        }
        settings.observer = observer;
        let threads = settings.threads;
        let chain = Arc::new(Chain::open(db, &self.genesis, settings)?);
        // As a node does by itself once it has started.
        chain.warm_up(threads, &|| true)?;
        // The producer tells the pool of the chain.
        let pool = Pool::new(heddle_pool::Settings::default(), Context::default());
        let pool = Arc::new(Mutex::new(pool));
        let settings = heddle_producer::Settings { mining, ..Default::default() };
        let clock = self.clock.clone();
        let producer = Producer::new(chain.clone(), pool.clone(), settings, clock.clone())?;
        Ok(Node { chain, pool, producer: Arc::new(producer), clock })
    }

    /// Runs one stage at a time, block after block.
    pub(super) fn run_stages(&self, transactions: &[Bytes]) -> Result<(Stages, u64), Error> {
        let meter = Meter::new();
        let told = meter.clone();
        let observer = StageObserver::new(move |stage| told.ended_in_chain(stage));
        let node = self.start(Mining::MANUAL, Some(observer))?;
        let mut blocks = 0;
        for part in transactions.chunks((transactions.len() / 8).clamp(1, BLOCK_MAX)) {
            meter.skip();
            let decoded = decode(part)?;
            meter.ended("decode");
            let candidates = recover(decoded)?;
            meter.ended("recover");
            node.add(candidates)?;
            meter.ended("pool");
            while node.waiting() > 0 {
                node.producer.mine(1, None)?;
                meter.ended("follow");
                blocks += 1;
            }
        }
        meter.skip();
        node.chain.settle()?;
        meter.ended("settle");
        Ok((meter.stages(transactions.len()), blocks))
    }

    /// Runs all stages at once, as a node does.
    pub(super) fn run_together(&self, transactions: &[Bytes]) -> Result<Together, Error> {
        let node = self.start(Mining::every(self.interval), None)?;
        let events = node.chain.subscribe();
        let begin = Instant::now();
        let next = AtomicUsize::new(0);
        let together = thread::scope(|scope| {
            let producing = scope.spawn(|| node.producer.run());
            let clients = thread::available_parallelism().map_or(1, usize::from);
            let clients: Vec<_> =
                (0..clients).map(|_| scope.spawn(|| node.send(transactions, &next))).collect();
            let followed = follow(&events, transactions.len(), begin);
            node.producer.stop();
            for client in clients {
                client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            producing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok::<_, Error>(followed)
        })?;
        // What the tables do not have yet is work that is still to be done.
        node.chain.settle()?;
        Ok(Together { settled: begin.elapsed(), ..together })
    }

    /// Transactions in blocks, and how many of them have failed.
    pub(super) fn mined(&self) -> Result<(u64, u64), Error> {
        let reader = self.start(Mining::MANUAL, None)?.chain.reader();
        let (mut count, mut failed) = (0, 0);
        for number in 1..=reader.head().number {
            let receipts = reader.receipts(number)?.unwrap_or_default();
            count += receipts.len() as u64;
            failed += receipts.iter().filter(|receipt| !receipt.success).count() as u64;
        }
        Ok((count, failed))
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        for entry in self.folder.path().read_dir().map_err(Error::Temporary)? {
            let metadata = entry.and_then(|entry| entry.metadata());
            bytes += metadata.map_err(Error::Temporary)?.len();
        }
        Ok(bytes)
    }
}

impl Node {
    fn waiting(&self) -> usize {
        let status = self.pool.lock().status();
        status.pending + status.queued
    }

    /// Adds transactions to the pool.
    fn add(&self, candidates: Vec<Candidate>) -> Result<(), Error> {
        let now = (self.clock)();
        let mut pool = self.pool.lock();
        // The pool may not be told of a later block in between.
        let reader = self.chain.reader();
        let state = reader.execution_state_at(reader.head().number)?;
        for candidate in candidates {
            let account = |address| sender_state(&state, address);
            pool.add(candidate, Origin::External, now, account).map_err(Error::Refused)?;
        }
        Ok(())
    }

    /// Sends what nobody else sends, in pieces. While a block has the pool, more are made ready.
    fn send(&self, transactions: &[Bytes], next: &AtomicUsize) -> Result<(), Error> {
        let mut ready = Vec::new();
        loop {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            let rest = transactions.get(from..).unwrap_or_default();
            let part = &rest[..rest.len().min(BATCH)];
            ready.extend(recover(decode(part)?)?);
            if part.is_empty() || ready.len() >= READY_MAX || !self.pool.is_locked() {
                self.add(mem::take(&mut ready))?;
            }
            if part.is_empty() {
                return Ok(());
            }
            while ready.is_empty() && self.waiting() > WAITING_MAX {
                thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
}

fn decode(transactions: &[Bytes]) -> Result<Vec<PooledTransaction>, Error> {
    let decode = |bytes: &Bytes| PooledTransaction::decode_2718_exact(bytes);
    transactions.iter().map(decode).collect::<Result<_, _>>().map_err(Error::Decode)
}

fn recover(transactions: Vec<PooledTransaction>) -> Result<Vec<Candidate>, Error> {
    let candidates = Candidate::recover_each(transactions, Fork::Osaka);
    candidates.into_iter().collect::<Result<_, _>>().map_err(Error::Refused)
}

/// Waits until so many transactions are in blocks.
fn follow(events: &Subscription, count: usize, begin: Instant) -> Together {
    let [durable, settled] = [Duration::ZERO; 2];
    let mut found = Together { durable, settled, blocks: 0, base_fee_max: 0 };
    let mut mined = 0;
    while mined < count {
        // Who is behind has lost some: the count at the end finds them all the same.
        let Some(notice) = events.next_timeout(PATIENCE) else { break };
        let Notice::Event(event) = notice else { continue };
        for block in &event.committed {
            let block = &block.block.block;
            mined += block.body.transactions.len();
            found.blocks += 1;
            let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
            found.base_fee_max = found.base_fee_max.max(base_fee);
        }
        found.durable = begin.elapsed();
    }
    found
}

/// A clock that begins at `time`, in seconds of Unix time: contracts of a workload may know when its
/// transactions are to be sent.
fn clock_from(time: u64) -> Clock {
    let begin = Instant::now();
    Arc::new(move || time + begin.elapsed().as_secs())
}
