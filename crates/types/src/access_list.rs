//! The block access list (EIP-7928), with what it cannot say before Cancun.

use alloy_eip7928::BlockAccessList;
use alloy_primitives::Address;

/// Which accounts and slots a block touched, and the value each got at which index.
///
/// Index 0 is what runs before the first transaction, `i + 1` the transaction `i`, and
/// `transactions + 1` what runs after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList {
    /// The wire form: accounts by ascending address, slots by ascending key, changes by ascending
    /// index.
    pub accounts: BlockAccessList,
    /// What the wire form cannot express, by ascending address. Empty from Cancun on, and never
    /// sent.
    pub marks: Vec<ExistenceMarks>,
}

/// Changes of existence of one account, which only rules before Cancun can make visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistenceMarks {
    /// Whose account.
    pub address: Address,
    /// Indices after which the account does not exist and its storage is gone (`SELFDESTRUCT`, or
    /// the clearing of EIP-161), ascending.
    pub destroyed_at: Vec<u64>,
    /// Indices after which the account exists with no balance, nonce or code though it did not
    /// exist before (a touch before EIP-161), ascending.
    pub emptied_at: Vec<u64>,
}
