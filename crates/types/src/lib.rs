//! Values that cross a crate border or the wire.
//!
//! No logic beyond encoding and look-up lives here; every other crate may depend on this one.
//!
//! - [`Receipt`]: the outcome of one transaction, with its bloom.
//! - [`ChangeSet`]: what a block did to the state.
//! - [`AccessList`]: which accounts and slots a block touched, and when (EIP-7928).
//! - [`Fork`], [`ForkSchedule`]: which rules are active at a block.
//! - [`Ommer`], [`Withdrawal`]: balance increments that come with a block.

mod access_list;
mod changes;
mod fork;
mod receipt;

pub use access_list::{AccessList, ExistenceMarks};
pub use alloy_eips::eip4895::Withdrawal;
pub use changes::{AccountChange, AccountState, ChangeSet};
pub use fork::{Fork, ForkSchedule};
pub use receipt::Receipt;

use alloy_primitives::Address;

/// An uncle header's part in the block reward (yellow paper, section 11.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ommer {
    /// Height of the ommer.
    pub number: u64,
    /// Who is paid for it.
    pub beneficiary: Address,
}
