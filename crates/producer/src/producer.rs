//! Making blocks of what the pool has.

use crate::{
    BlockTime, Console, Error, Impersonation, Mining, pending::CachedPending, snapshots::Snapshots,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use heddle_chain::{Ahead, Attributes, Chain, ChainReader, CommittedBlock, rules};
use heddle_executor::revm::DatabaseRef as _;
use heddle_pool::{
    Best, BlockOutcome, BlockUpdate, Context, Pool, PoolTransaction, SenderCode, SenderState,
};
use heddle_types::{ChainSpec, Fork, Header, RecoveredTransaction};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Most blocks that one order makes.
pub(crate) const BLOCKS_MAX: u64 = 100_000;

/// Gas of the smallest transaction (yellow paper, appendix G).
const TRANSACTION_GAS_MIN: u64 = 21_000;

/// The real UNIX time in seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

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
    /// How many wait for that.
    pub(crate) wanted: AtomicUsize,
    /// Rung when the way of mining changes, the chain failed or the producer is to stop.
    pub(crate) bell: Condvar,
    pub(crate) stopping: AtomicBool,
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
            wanted: AtomicUsize::new(0),
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
        self.wanted.fetch_add(1, Ordering::Relaxed);
        let orders = self.orders.lock();
        self.wanted.fetch_sub(1, Ordering::Relaxed);
        orders
    }

    /// The orders for [`Producer::run`], which lets others have them when they want them.
    pub(crate) fn orders_now(&self) -> MutexGuard<'_, Orders> {
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
        let candidates = self.candidates(orders, &context, None);
        self.make_block_of(orders, candidates)
    }

    /// Passes on what came of changing the chain. If that failed, [`Producer::run`] looks whether
    /// the chain can be changed at all any more.
    pub(crate) fn heeding_failure<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.bell.notify_all();
        }
        result
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

    pub(crate) fn tell_promoted(&self, outcome: &BlockOutcome) {
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
        self.context_after(orders, &head.header, head.total_difficulty, self.now())
    }

    /// The rules and prices of the block after one with this header, made at a moment.
    pub(crate) fn context_after(
        &self,
        orders: &Orders,
        header: &Header,
        total_difficulty: U256,
        now: u64,
    ) -> Context {
        let timestamp = orders.time.peek(header.timestamp, now);
        let mut context = next_context(self.chain.spec(), header, total_difficulty, timestamp);
        context.block_gas_limit = orders.gas_limit(header);
        if let Some(base_fee) = orders.next_base_fee.filter(|_| context.fork >= Fork::London) {
            context.base_fee = base_fee;
        }
        context
    }

    /// The best transactions of the pool for a block, without those of a block that the pool is told
    /// of later.
    pub(crate) fn candidates(
        &self,
        orders: &Orders,
        context: &Context,
        ahead: Option<&Ahead>,
    ) -> Vec<RecoveredTransaction> {
        let nonce = |address| ahead.and_then(|ahead| ahead.nonce(address));
        let pool = self.pool.lock();
        let mut best = pool.best_at(context.base_fee, context.blob_base_fee);
        if ahead.is_some() {
            best = best.after(&nonce);
        }
        let count_max = orders.settings.transactions_max.unwrap_or(usize::MAX);
        candidates(best, context.block_gas_limit, count_max)
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
    /// What is ordered of the block after one with this header, whose roots need not be known.
    pub(crate) fn attributes(&self, parent: &Header, timestamp: u64) -> Attributes {
        Attributes {
            timestamp,
            beneficiary: self.settings.beneficiary,
            prevrandao: self.next_prevrandao.unwrap_or_else(|| next_prevrandao(parent)),
            gas_limit: self.gas_limit(parent),
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

/// The best transactions for a block that has so much gas, and no more than `count_max`.
pub fn candidates(
    mut best: Best<'_>,
    block_gas_limit: u64,
    count_max: usize,
) -> Vec<RecoveredTransaction> {
    let mut left = block_gas_limit;
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

/// The rules and prices of a block at a time, after one with this header and total difficulty; it
/// has as much room for gas.
pub fn next_context(
    spec: &ChainSpec,
    header: &Header,
    total_difficulty: U256,
    timestamp: u64,
) -> Context {
    let number = header.number.saturating_add(1);
    let fork = rules::fork_of(spec, number, timestamp, total_difficulty);
    let blobs = spec.blob_params_at(timestamp);
    let blob_base_fee = blobs
        .map_or(0, |params| params.calc_blob_fee(rules::next_excess_blob_gas(&params, header)));
    Context {
        chain_id: spec.chain_id,
        fork,
        base_fee: rules::next_base_fee(fork, header).unwrap_or_default(),
        blob_base_fee,
        block_gas_limit: header.gas_limit,
        blobs,
    }
}

/// What contracts see as randomness in the block after one with this header (EIP-4399): who makes
/// blocks can foresee it.
pub fn next_prevrandao(parent: &Header) -> B256 {
    let (number, time) = (parent.number.to_be_bytes(), parent.timestamp.to_be_bytes());
    keccak256([parent.mix_hash.as_slice(), &number, &time].concat())
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
