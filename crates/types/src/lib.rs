//! Values that cross a crate border or the wire.
//!
//! No logic beyond encoding and look-up lives here; every other crate may depend on this one.
//!
//! - [`Receipt`]: the outcome of one transaction, with its bloom.
//! - [`ChangeSet`]: what a block did to the state.
//! - [`AccessList`]: which accounts and slots a block touched, and when (EIP-7928).
//! - [`Fork`], [`ForkSchedule`]: which rules are active at a block.
//! - [`ChainSpec`]: the rules of one chain, from its genesis file.
//! - [`Block`], [`Transaction`], [`Header`]: as a chain holds them; [`RecoveredBlock`] with senders.
//! - [`decode_transaction`], [`decode_block`], [`decode_header`]: from bytes of strangers, strictly.
//! - [`Ommer`], [`Withdrawal`]: balance increments that come with a block.

mod access_list;
mod block;
mod changes;
mod decode;
mod fork;
mod receipt;
mod spec;

pub use access_list::{AccessList, ExistenceMarks};
pub use alloy_eips::eip4895::Withdrawal;
pub use alloy_eips::eip7840::BlobParams;
pub use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
pub use block::{Block, Header, RecoveredBlock, RecoveredTransaction, Transaction};
pub use changes::{AccountChange, AccountState, ChangeSet};
pub use decode::{DecodeError, decode_block, decode_header, decode_transaction};
pub use fork::{Fork, ForkSchedule};
pub use receipt::Receipt;
pub use spec::{ChainSpec, SpecError, VALIDATOR_RULES_KEY, ValidatorRules};

use alloy_primitives::Address;

/// An uncle header's part in the block reward (yellow paper, section 11.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ommer {
    /// Height of the ommer.
    pub number: u64,
    /// Who is paid for it.
    pub beneficiary: Address,
}
