//! Making blocks of what the pool has.

use crate::{
    BlockTime, Console, Error, Impersonation, Mining, pending::CachedPending, snapshots::Snapshots,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use heddle_chain::{
    Attributes, Chain, ChainReader, CommittedBlock, ExecutedBlock, Head, SkipReason, rules,
};
use heddle_executor::revm::{DatabaseRef as _, context::result::InvalidTransaction};
use heddle_pool::{
    BlockOutcome, BlockUpdate, Context, DropReason, Pool, PoolTransaction, SenderCode, SenderState,
};
use heddle_types::{Fork, Header, RecoveredTransaction};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    fmt, mem,
    panic::resume_unwind,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Most blocks that one order makes.
pub(crate) const BLOCKS_MAX: u64 = 100_000;

/// Gas of the smallest transaction (yellow paper, appendix G).
const TRANSACTION_GAS_MIN: u64 = 21_000;

/// Old states are dropped once in so many blocks: each time costs a commit.
const PRUNE_INTERVAL: u64 = 32;

/// The real UNIX time in seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Blocks with fewer transactions than this are committed before another thread has begun.
const COMMITTED_BESIDE_MIN: usize = 128;

/// How a [`Producer`] works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When blocks are made.
    pub mining: Mining,
    /// Most transactions in a block; `None` for as many as there is gas for.
    pub transactions_max: Option<usize>,
    /// Gas that a block may hold; `None` for as much as the last.
    pub gas_limit: Option<u64>,
    /// Whether the gas limit may jump. Verifiers elsewhere take only blocks whose limit is near
    /// the parent's, which is what is made otherwise.
    pub gas_limit_jumps: bool,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// At most 32 bytes in each block.
    pub extra_data: Bytes,
    /// Blocks whose states are kept; `None` for all.
    pub keep_states: Option<u64>,
    /// Where what contracts log is printed. The chain must watch the console's address then
    /// ([`heddle_chain::Settings::watched_account`]).
    pub console: Option<Console>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mining: Mining::AUTOMATIC,
            transactions_max: None,
            gas_limit: None,
            gas_limit_jumps: false,
            beneficiary: Address::ZERO,
            extra_data: Bytes::new(),
            keep_states: None,
            console: None,
        }
    }
}

/// Makes blocks.
pub struct Producer {
    pub(crate) chain: Arc<Chain>,
    pub(crate) pool: Arc<Mutex<Pool>>,
    clock: Clock,
    /// Held while a block is made or the chain is changed otherwise. The pool is locked only for
    /// moments, and only after this.
    orders: Mutex<Orders>,
    /// Rung when the way of mining changes, the chain failed or the producer is to stop.
    bell: Condvar,
    stopping: AtomicBool,
    /// Whether mining is automatic, as the orders say: known without waiting for them.
    automatic: AtomicBool,
    console: Option<Console>,
    promoted: OnceLock<Promoted>,
}

/// Is told of transactions that became pending otherwise than by being added to the pool.
pub type Promoted = Box<dyn Fn(&[Arc<PoolTransaction>]) + Send + Sync>;

/// What the next blocks will be like.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) settings: Settings,
    pub(crate) time: BlockTime,
    /// Of the next block only.
    pub(crate) next_base_fee: Option<u64>,
    /// Of the next block only.
    pub(crate) next_prevrandao: Option<B256>,
    pub(crate) impersonation: Impersonation,
    pub(crate) snapshots: Snapshots,
    /// What would be made of all this.
    pub(crate) pending: Option<CachedPending>,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

impl Producer {
    /// A producer on the end of a chain. The pool is told of the chain at once.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<Mutex<Pool>>,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let orders = Orders {
            settings,
            time: BlockTime::default(),
            next_base_fee: None,
            next_prevrandao: None,
            impersonation: Impersonation::default(),
            snapshots: Snapshots::default(),
            pending: None,
        };
        let producer = Self {
            chain,
            pool,
            clock,
            automatic: AtomicBool::new(orders.settings.mining.automatic),
            console: orders.settings.console.clone(),
            promoted: OnceLock::new(),
            orders: Mutex::new(orders),
            bell: Condvar::new(),
            stopping: AtomicBool::new(false),
        };
        producer.refresh_pool(&producer.orders(), &[])?;
        Ok(producer)
    }

    /// The chain.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Mutex<Pool>> {
        &self.pool
    }

    /// Where what contracts log is printed, if it is printed now.
    pub fn console(&self) -> Option<&Console> {
        self.console.as_ref().filter(|console| console.is_on())
    }

    /// Has what contracts log printed, or not any more. Without a console nothing is printed.
    pub fn set_logging(&self, is_on: bool) {
        if let Some(console) = &self.console {
            console.set_on(is_on);
        }
    }

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock()
    }

    /// The real UNIX time in seconds.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// To be called when the pool has got a transaction: mines all that can be mined if mining is
    /// automatic. Many may call at a time; whoever comes while a block is made waits, and finds
    /// its transaction mined with those of the others.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn transaction_arrived(&self) -> Result<(), Error> {
        if !self.automatic.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut orders = self.orders();
        if orders.settings.mining.automatic { self.mine_ready(&mut orders) } else { Ok(()) }
    }

    /// Mines until no transaction is left that can be mined.
    pub(crate) fn mine_ready(&self, orders: &mut Orders) -> Result<(), Error> {
        loop {
            let Context { base_fee, blob_base_fee, .. } =
                self.context(orders, &self.chain.reader());
            if self.pool.lock().best_at(base_fee, blob_base_fee).next().is_none() {
                return Ok(());
            }
            let block = self.make_block(orders)?;
            // Nothing of what is left fits even an empty block.
            if block.block.block.body.transactions.is_empty() {
                return Ok(());
            }
        }
    }

    /// Makes `count` blocks, the first of what the pool has. With `interval` they are so many
    /// seconds apart.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyBlocks`]; the chain may fail.
    pub fn mine(&self, count: u64, interval: Option<u64>) -> Result<Vec<B256>, Error> {
        if count > BLOCKS_MAX {
            return Err(Error::TooManyBlocks { asked: count, max: BLOCKS_MAX });
        }
        let mut orders = self.orders();
        let mut hashes = Vec::with_capacity(count as usize);
        for position in 0..count {
            if let Some(seconds) = interval.filter(|_| position > 0) {
                let parent = self.chain.reader().head().header.timestamp;
                orders.time.set_next(parent.saturating_add(seconds.max(1)), parent)?;
            }
            hashes.push(self.make_block(&mut orders)?.block.hash);
        }
        Ok(hashes)
    }

    /// Makes one block of what the pool has, be it nothing.
    pub(crate) fn make_block(&self, orders: &mut Orders) -> Result<Arc<CommittedBlock>, Error> {
        let context = self.context(orders, &self.chain.reader());
        let candidates = self.candidates(orders, &context);
        self.make_block_of(orders, candidates)
    }

    /// Makes one block of these transactions; those that are invalid are dropped from the pool.
    pub(crate) fn make_block_of(
        &self,
        orders: &mut Orders,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<Arc<CommittedBlock>, Error> {
        self.heeding_failure(self.try_make_block_of(orders, candidates))
    }

    /// Passes on what came of changing the chain. If that failed, [`Producer::run`] looks whether
    /// the chain can be changed at all any more.
    pub(crate) fn heeding_failure<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.bell.notify_all();
        }
        result
    }

    fn try_make_block_of(
        &self,
        orders: &mut Orders,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<Arc<CommittedBlock>, Error> {
        let reader = self.chain.reader();
        let head = reader.head();
        let now = self.now();
        // Only a block that was made uses up what was ordered for it.
        let mut time = orders.time;
        let attributes = orders.attributes(head, time.take(head.header.timestamp, now));
        let hashes: Vec<B256> = candidates.iter().map(|tx| *tx.transaction.tx_hash()).collect();
        let built = self.chain.build(head.hash, &attributes, candidates)?;
        for skipped in built.skipped.iter().filter(|skipped| !may_wait(&skipped.reason)) {
            let reason = DropReason::Refused(skipped.reason.to_string());
            self.pool.lock().remove(&hashes[skipped.index], reason, now);
        }
        let watched = built.executed.watched;
        let ordered =
            (mem::replace(&mut orders.time, time), orders.next_base_fee, orders.next_prevrandao);
        (orders.next_base_fee, orders.next_prevrandao) = (None, None);
        let block = self.commit(orders, &reader, built.executed).inspect_err(|_| {
            (orders.time, orders.next_base_fee, orders.next_prevrandao) = ordered;
        })?;
        let number = block.block.block.header.number;
        if let Some(keep) = orders.settings.keep_states
            && number.is_multiple_of(PRUNE_INTERVAL)
        {
            self.chain.prune(keep)?;
        }
        if let Some(console) = self.console().filter(|_| watched) {
            // The block is there, whether or not its lines can be printed.
            if let Err(error) = console.print_block(&self.chain.reader(), number) {
                tracing::error!(number, %error, "what contracts log cannot be printed");
            }
        }
        Ok(block)
    }

    /// Commits a block that was built on the head of `reader`, and tells the pool of it: of a large
    /// block both at once. Nobody sees the pool until the block is committed, as it would be ahead of
    /// the chain.
    fn commit(
        &self,
        orders: &Orders,
        reader: &ChainReader,
        executed: ExecutedBlock,
    ) -> Result<Arc<CommittedBlock>, Error> {
        let block = executed.block.clone();
        let changed: Vec<Address> = executed.changed_accounts().collect();
        let transactions = &block.block.block.body.transactions;
        let committed: Vec<B256> = transactions.iter().map(|tx| *tx.tx_hash()).collect();
        let context = self.context_after(orders, &block.block.block.header, block.total_difficulty);
        let state = executed.state_on(reader);
        let account = |address| sender_state(&state, address);
        let update = BlockUpdate { committed: &committed, reverted: &[], changed: &changed };
        let (committing, outcome) = thread::scope(|scope| {
            let commit = || self.chain.commit(executed);
            // Whoever measures stages wants one at a time.
            if transactions.len() < COMMITTED_BESIDE_MIN || self.chain.is_observed() {
                commit()?;
                let outcome = self.pool.lock().on_block(update, context, self.now(), account);
                return Ok::<_, heddle_chain::Error>((Ok(()), outcome));
            }
            let mut pool = self.pool.lock();
            let committing = scope.spawn(|| commit().map(drop));
            let outcome = pool.on_block(update, context, self.now(), account);
            let committing = committing.join().unwrap_or_else(|panic| resume_unwind(panic));
            if committing.is_err() {
                // The chain is as it was, and so is the pool.
                let senders = block.block.senders.iter().copied();
                let reverted: Vec<RecoveredTransaction> = (transactions.iter().cloned())
                    .zip(senders)
                    .map(|(transaction, sender)| RecoveredTransaction { transaction, sender })
                    .collect();
                let changed: Vec<Address> = pool.senders();
                let state = reader.execution_state_at(reader.head().number)?;
                let account = |address| sender_state(&state, address);
                let back = BlockUpdate { committed: &[], reverted: &reverted, changed: &changed };
                let context = self.context(orders, reader);
                // That the chain has failed says more.
                let _ = pool.on_block(back, context, self.now(), account);
            }
            Ok((committing, outcome))
        })?;
        committing?;
        self.tell_promoted(&outcome?);
        Ok(block)
    }

    /// Tells the pool that accounts have changed without a block, or that blocks are gone.
    pub(crate) fn refresh_pool(&self, orders: &Orders, changed: &[Address]) -> Result<(), Error> {
        self.tell_pool(orders, BlockUpdate { committed: &[], reverted: &[], changed })
    }

    fn tell_pool(&self, orders: &Orders, update: BlockUpdate<'_>) -> Result<(), Error> {
        let reader = self.chain.reader();
        let context = self.context(orders, &reader);
        let state = reader.execution_state_at(reader.head().number)?;
        let account = |address| sender_state(&state, address);
        let outcome = self.pool.lock().on_block(update, context, self.now(), account)?;
        self.tell_promoted(&outcome);
        Ok(())
    }

    fn tell_promoted(&self, outcome: &BlockOutcome) {
        if let Some(tell) = self.promoted.get().filter(|_| !outcome.promoted.is_empty()) {
            tell(&outcome.promoted);
        }
    }

    /// Has `tell` told of transactions that become pending because a block, or an order, changed
    /// the state: by more money, or another nonce. Only the first who asks for it is told.
    pub fn on_promotion(&self, tell: Promoted) {
        // An error says that somebody is told already.
        let _ = self.promoted.set(tell);
    }

    /// The rules and prices of the next block.
    pub(crate) fn context(&self, orders: &Orders, reader: &ChainReader) -> Context {
        let head = reader.head();
        self.context_after(orders, &head.header, head.total_difficulty)
    }

    /// The rules and prices of the block after one with this header.
    fn context_after(&self, orders: &Orders, header: &Header, total_difficulty: U256) -> Context {
        let spec = self.chain.spec();
        let timestamp = orders.time.peek(header.timestamp, self.now());
        let number = header.number.saturating_add(1);
        let fork = rules::fork_of(spec, number, timestamp, total_difficulty);
        let blobs = spec.blob_params_at(timestamp);
        let blob_base_fee = blobs
            .map_or(0, |params| params.calc_blob_fee(rules::next_excess_blob_gas(&params, header)));
        let follows = rules::next_base_fee(fork, header);
        Context {
            chain_id: spec.chain_id,
            fork,
            base_fee: follows.map_or(0, |follows| orders.next_base_fee.unwrap_or(follows)),
            blob_base_fee,
            block_gas_limit: orders.gas_limit(header),
            blobs,
        }
    }

    /// The best transactions of the pool for a block.
    pub(crate) fn candidates(
        &self,
        orders: &Orders,
        context: &Context,
    ) -> Vec<RecoveredTransaction> {
        let pool = self.pool.lock();
        let mut best = pool.best_at(context.base_fee, context.blob_base_fee);
        let count_max = orders.settings.transactions_max.unwrap_or(usize::MAX);
        let mut left = context.block_gas_limit;
        let mut candidates = Vec::new();
        while candidates.len() < count_max
            && let Some(transaction) = best.next()
        {
            let recovered = &transaction.recovered;
            match left.checked_sub(recovered.transaction.gas_limit()) {
                Some(rest) => {
                    left = rest;
                    candidates.push(recovered.clone());
                }
                // A smaller one of somebody else may still have room.
                None => best.skip_sender(),
            }
            if left < TRANSACTION_GAS_MIN {
                break;
            }
        }
        candidates
    }

    /// Makes blocks at intervals until [`Producer::stop`]. A thread of its own does nothing else.
    ///
    /// # Errors
    ///
    /// The chain may fail; no more blocks are made then. That is so also if it failed whoever else
    /// changed it: what its store holds is not known then, and it must be opened anew.
    pub fn run(&self) -> Result<(), Error> {
        let mut last = Instant::now();
        let mut orders = self.orders();
        while !self.stopping.load(Ordering::Acquire) {
            if let Some(failure) = self.chain.failure() {
                return Err(heddle_chain::Error::from(failure).into());
            }
            let Some(interval) = orders.settings.mining.interval else {
                self.bell.wait(&mut orders);
                last = Instant::now();
                continue;
            };
            let due = last + interval;
            if Instant::now() < due {
                self.bell.wait_until(&mut orders, due);
                continue;
            }
            self.make_block(&mut orders)?;
            // Blocks that take longer than the interval do not pile up.
            last = due.max(Instant::now().checked_sub(interval).unwrap_or(due));
        }
        Ok(())
    }

    /// Ends [`Producer::run`] after the block that is being made.
    pub fn stop(&self) {
        // Under the lock, so that the one who waits cannot miss the bell.
        let _orders = self.orders();
        self.stopping.store(true, Ordering::Release);
        self.bell.notify_all();
    }

    /// When blocks are made.
    pub fn mining(&self) -> Mining {
        self.orders().settings.mining
    }

    /// Has blocks made at other times from now on. What waits is mined at once if mining becomes
    /// automatic.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn set_mining(&self, mining: Mining) -> Result<(), Error> {
        let mut orders = self.orders();
        orders.settings.mining = mining;
        self.automatic.store(mining.automatic, Ordering::Release);
        self.bell.notify_all();
        if mining.automatic { self.mine_ready(&mut orders) } else { Ok(()) }
    }

    /// Makes mining automatic, or not any more.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn set_automatic(&self, automatic: bool) -> Result<(), Error> {
        let mining = self.mining();
        self.set_mining(Mining { automatic, ..mining })
    }

    /// Has a block made every so often, and none for each transaction; `None` for neither.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn set_interval(&self, interval: Option<Duration>) -> Result<(), Error> {
        self.set_mining(Mining { automatic: false, interval })
    }
}

impl Orders {
    /// What is ordered of the block after `head`.
    pub(crate) fn attributes(&self, head: &Head, timestamp: u64) -> Attributes {
        let random = || keccak256([head.hash.as_slice(), b"prevrandao"].concat());
        Attributes {
            timestamp,
            beneficiary: self.settings.beneficiary,
            prevrandao: self.next_prevrandao.unwrap_or_else(random),
            gas_limit: self.gas_limit(&head.header),
            base_fee: self.next_base_fee,
            extra_data: self.settings.extra_data.clone(),
            senders_may_have_code: self.impersonation.is_used(),
            ..Attributes::default()
        }
    }

    /// The gas limit of the block after `parent`.
    fn gas_limit(&self, parent: &Header) -> u64 {
        match self.settings.gas_limit {
            Some(limit) if self.settings.gas_limit_jumps => limit,
            // The limit doubles with London, which a chain of one's own starts with.
            Some(limit) => rules::gas_limit_towards(Fork::Osaka, parent, limit),
            None => parent.gas_limit,
        }
    }
}

/// What the pool has to know of a sender.
///
/// # Errors
///
/// The state may not be readable.
pub fn sender_state(
    state: &heddle_chain::ExecutionState,
    address: Address,
) -> Result<SenderState, heddle_chain::StateError> {
    let Some(account) = state.account(address)? else { return Ok(SenderState::default()) };
    let code = if account.code_hash == alloy_primitives::KECCAK256_EMPTY {
        SenderCode::None
    } else if state.code_by_hash_ref(account.code_hash)?.is_eip7702() {
        SenderCode::Delegation
    } else {
        SenderCode::Contract
    };
    Ok(SenderState { nonce: account.nonce, balance: account.balance, code })
}

/// Whether a transaction that found no place in a block may find one in a later one.
fn may_wait(reason: &SkipReason) -> bool {
    match reason {
        SkipReason::NoRoom => true,
        SkipReason::Rule(_) => false,
        SkipReason::Invalid(reason) => matches!(
            reason,
            InvalidTransaction::CallerGasLimitMoreThanBlock
                | InvalidTransaction::TooManyBlobs { .. }
                | InvalidTransaction::NonceTooHigh { .. }
        ),
    }
}
