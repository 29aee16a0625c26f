//! The blocks that are executed: which there are, and how they are made.

mod builder;

use crate::Error;
use builder::Builder;
use heddle_executor::{
    Block, MemoryState,
    revm::context::{BlockEnv, TxEnv},
};
use heddle_types::Fork;

/// The rules of every workload.
pub const FORK: Fork = Fork::Osaka;
/// The chain of every workload.
pub const CHAIN_ID: u64 = 1;

/// Which transactions a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkloadKind {
    /// Plain transfers; each has its own sender and recipient.
    Transfers,
    /// Plain transfers from many senders to one recipient.
    HotRecipient,
    /// Plain transfers of one sender, its nonces in order, each to another recipient.
    NonceChain,
}

impl WorkloadKind {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 3] = [Self::Transfers, Self::HotRecipient, Self::NonceChain];

    /// Its name on the command line and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::HotRecipient => "hot-recipient",
            Self::NonceChain => "nonce-chain",
        }
    }

    /// As many as run some 20 to 60 ms sequentially.
    pub const fn transactions_default(self) -> usize {
        match self {
            Self::Transfers | Self::HotRecipient | Self::NonceChain => 20_000,
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
/// # Errors
///
/// When a transaction that prepares the state does not succeed.
pub fn workload(kind: WorkloadKind, transactions: usize) -> Result<Workload, Error> {
    let mut builder = Builder::new(kind);
    match kind {
        WorkloadKind::Transfers => {
            for _ in 0..transactions {
                let (from, to) = (builder.account(), builder.account());
                builder.transfer(from, to);
            }
        }
        WorkloadKind::HotRecipient => {
            let to = builder.account();
            for _ in 0..transactions {
                let from = builder.account();
                builder.transfer(from, to);
            }
        }
        WorkloadKind::NonceChain => {
            let from = builder.rich_account();
            for _ in 0..transactions {
                let to = builder.account();
                builder.transfer(from, to);
            }
        }
    }
    builder.finish()
}
