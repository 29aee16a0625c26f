//! The blocks that are executed: which there are, and what is in them.

mod builder;
pub(crate) mod contracts;
mod market;
pub(crate) mod venue;

use super::random::Zipf;
use crate::{Error, load::account::Account};
use alloy_primitives::map::AddressMap;
use builder::Builder;
use heddle_executor::{
    Block, MemoryState,
    revm::context::{BlockEnv, TxEnv},
};
use heddle_types::Fork;
use market::Pool;
use venue::Design;

/// The rules of every workload.
pub const FORK: Fork = Fork::Osaka;
/// The chain of every workload.
pub const CHAIN_ID: u64 = 1;

/// Pools that traders choose from, and how unevenly they do.
const ZIPF_POOLS: usize = 64;
const ZIPF_EXPONENT: f64 = 1.2;

/// Which transactions a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkloadKind {
    /// Plain transfers; each has its own sender and recipient.
    Transfers,
    /// Plain transfers from many senders to one recipient.
    HotRecipient,
    /// Plain transfers of one sender, its nonces in order, each to another recipient.
    NonceChain,
    /// Transfers of one ERC-20 token; each has its own sender and recipient.
    Erc20,
    /// Transfers of one ERC-20 token from many senders to one recipient.
    Erc20Hot,
    /// Swaps; each has its own sender, its own constant-product pool and that pool's own tokens.
    Amm,
    /// Swaps of many senders in one pool.
    AmmHot,
    /// Swaps of many senders in 64 pools, chosen by a Zipf distribution of exponent 1.2.
    Zipf,
    /// 45 % plain transfers, 15 % transfers of one token, 30 % swaps as in `zipf`, 4 % contract
    /// creations, 3 % token approvals, 3 % calls of one counter; each has its own sender.
    Mixed,
    /// The venue (contracts/src) on an ordinary day: a report of each of its 3 price feeds, interest
    /// accrued, then 12 % swaps in 16 constant-product pools chosen by a Zipf distribution of exponent
    /// 1.2 (a third of them goes on in the sharded pool), 12 % in one pool of 16 shards, 8 % in 4 pools
    /// of concentrated liquidity; 8 % supplies, 6 % withdrawals, 7 % loans, 7 % repayments in a lending
    /// pool of 16 shards; 5 % stakes, 3 % unstakes, 4 % claims in 4 farms; 2 % votes; 20 % transfers of
    /// 2 tokens; 6 % plain transfers. Each has its own sender.
    Venue,
    /// The venue in a crash: the same reports, interest accrued, then 60 % on one pair and one market:
    /// 25 % sales in the pool of 16 shards, 20 % liquidations of as many accounts, 8 % repayments and
    /// 7 % withdrawals in the lending pool of 16 shards; 16 % swaps in 16 constant-product pools as
    /// in `venue`, 12 % token transfers, 4 % stakes, 2 % votes, 6 % plain transfers.
    VenueCrash,
    /// The same crash in contracts as they usually are: one constant-product pool for the pair, a
    /// lending pool of one shard, and nobody accrues interest first.
    VenueCrashPlain,
}

impl WorkloadKind {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 12] = [
        Self::Transfers,
        Self::HotRecipient,
        Self::NonceChain,
        Self::Erc20,
        Self::Erc20Hot,
        Self::Amm,
        Self::AmmHot,
        Self::Zipf,
        Self::Mixed,
        Self::Venue,
        Self::VenueCrash,
        Self::VenueCrashPlain,
    ];

    /// Its name on the command line and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::HotRecipient => "hot-recipient",
            Self::NonceChain => "nonce-chain",
            Self::Erc20 => "erc20",
            Self::Erc20Hot => "erc20-hot",
            Self::Amm => "amm",
            Self::AmmHot => "amm-hot",
            Self::Zipf => "zipf",
            Self::Mixed => "mixed",
            Self::Venue => "venue",
            Self::VenueCrash => "venue-crash",
            Self::VenueCrashPlain => "venue-crash-plain",
        }
    }

    /// As many as run some 20 to 60 ms sequentially.
    pub const fn transactions_default(self) -> usize {
        match self {
            Self::Transfers | Self::HotRecipient | Self::NonceChain => 20_000,
            Self::Erc20 | Self::Erc20Hot => 10_000,
            Self::Amm => 2_000,
            Self::AmmHot | Self::Zipf => 3_000,
            Self::Mixed => 6_000,
            Self::Venue | Self::VenueCrash | Self::VenueCrashPlain => 1_000,
        }
    }
}

/// A block, and the state before it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// What contracts see of the block.
    pub env: BlockEnv,
    /// The state before the block.
    pub state: MemoryState,
    /// The transactions, in order.
    pub transactions: Vec<TxEnv>,
}

impl Workload {
    /// The block to execute.
    pub fn block(&self) -> Block<'_> {
        Block::new(FORK, CHAIN_ID, self.env.clone(), &self.transactions)
    }
}

/// Makes a block of `transactions` transactions; always the same one.
///
/// Contracts are in the state because they were deployed there: a block that is executed before
/// creates, funds and approves all that this one needs.
///
/// # Errors
///
/// When a transaction of the block before does not succeed.
pub fn workload(kind: WorkloadKind, transactions: usize) -> Result<Workload, Error> {
    let mut builder = Builder::new(kind);
    draw(&mut builder, transactions)?;
    Ok(builder.finish()?.workload)
}

/// As [`workload`], with accounts that can sign.
///
/// # Errors
///
/// As for [`workload`].
pub(super) fn signable_workload(
    kind: WorkloadKind,
    transactions: usize,
) -> Result<Signable, Error> {
    let mut builder = Builder::with_keys(kind);
    draw(&mut builder, transactions)?;
    builder.finish()
}

/// A block, the state before it, and the keys of those who send its transactions.
#[derive(Debug)]
pub(super) struct Signable {
    /// The block.
    pub(super) workload: Workload,
    /// The keys.
    pub(super) keys: AddressMap<Account>,
}

fn draw(builder: &mut Builder, transactions: usize) -> Result<(), Error> {
    match builder.kind() {
        WorkloadKind::Transfers | WorkloadKind::HotRecipient | WorkloadKind::NonceChain => {
            plain_transfers(builder, transactions);
        }
        WorkloadKind::Erc20 | WorkloadKind::Erc20Hot => token_transfers(builder, transactions),
        WorkloadKind::Amm | WorkloadKind::AmmHot => swaps(builder, transactions),
        WorkloadKind::Zipf => {
            let market = Market::new(builder);
            (0..transactions).for_each(|_| market.swap(builder));
        }
        WorkloadKind::Mixed => mixed(builder, transactions),
        WorkloadKind::Venue => venue::usual(builder, transactions)?,
        WorkloadKind::VenueCrash => venue::crash(builder, Design::Parallel, transactions)?,
        WorkloadKind::VenueCrashPlain => venue::crash(builder, Design::Plain, transactions)?,
    }
    Ok(())
}

fn plain_transfers(builder: &mut Builder, transactions: usize) {
    let kind = builder.kind();
    let (sender, recipient) = (builder.rich_account(), builder.account());
    for _ in 0..transactions {
        let is_chain = kind == WorkloadKind::NonceChain;
        let from = if is_chain { sender } else { builder.account() };
        let is_hot = kind == WorkloadKind::HotRecipient;
        let to = if is_hot { recipient } else { builder.account() };
        builder.transfer(from, to);
    }
}

fn token_transfers(builder: &mut Builder, transactions: usize) {
    let is_hot = builder.kind() == WorkloadKind::Erc20Hot;
    let token = builder.token();
    let recipient = builder.holder(token);
    for _ in 0..transactions {
        let from = builder.holder(token);
        let to = if is_hot { recipient } else { builder.holder(token) };
        builder.transfer_token(token, from, to);
    }
}

fn swaps(builder: &mut Builder, transactions: usize) {
    let hot = (builder.kind() == WorkloadKind::AmmHot).then(|| builder.pool());
    for _ in 0..transactions {
        let pool = hot.unwrap_or_else(|| builder.pool());
        builder.swap(pool);
    }
}

fn mixed(builder: &mut Builder, transactions: usize) {
    let market = Market::new(builder);
    let token = builder.token();
    let counter = builder.counter();
    for _ in 0..transactions {
        match builder.random.below(100) {
            0..45 => {
                let (from, to) = (builder.account(), builder.account());
                builder.transfer(from, to);
            }
            45..60 => {
                let (from, to) = (builder.holder(token), builder.holder(token));
                builder.transfer_token(token, from, to);
            }
            60..90 => market.swap(builder),
            90..94 => builder.create_counter(),
            94..97 => builder.approve_token(token),
            _ => builder.count(counter),
        }
    }
}

/// The pools of which some are used more than others.
struct Market {
    pools: Vec<Pool>,
    zipf: Zipf,
}

impl Market {
    fn new(builder: &mut Builder) -> Self {
        let pools = (0..ZIPF_POOLS).map(|_| builder.pool()).collect();
        Self { pools, zipf: Zipf::new(ZIPF_POOLS, ZIPF_EXPONENT) }
    }

    fn swap(&self, builder: &mut Builder) {
        let pool = self.pools[self.zipf.draw(&mut builder.random)];
        builder.swap(pool);
    }
}
