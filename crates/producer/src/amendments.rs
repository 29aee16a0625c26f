//! Changing the state without a block, and what the next blocks will be like.

use crate::{Error, Impersonation, Producer, producer::Orders};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use heddle_types::{AccountChange, AccountState, ChangeSet};
use std::collections::BTreeMap;

/// What is to be different about an account; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountAmendment {
    /// In wei.
    pub balance: Option<U256>,
    /// The next nonce.
    pub nonce: Option<u64>,
    /// The code.
    pub code: Option<Bytes>,
    /// Slots with their new values.
    pub storage: BTreeMap<U256, U256>,
}

impl Producer {
    /// Changes accounts after the last block, at once. What has become possible is mined if mining
    /// is automatic.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn amend(&self, accounts: BTreeMap<Address, AccountAmendment>) -> Result<(), Error> {
        let mut orders = self.orders();
        let reader = self.chain().reader();
        let state = reader.execution_state_at(reader.head().number)?;
        let mut changes = ChangeSet::default();
        let addresses: Vec<Address> = accounts.keys().copied().collect();
        for (address, amendment) in accounts {
            let none = AccountState { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY };
            let before = state.account(address)?.unwrap_or(none);
            let code_hash = amendment.code.as_ref().map_or(before.code_hash, keccak256);
            if let Some(code) = amendment.code.filter(|code| !code.is_empty()) {
                changes.codes.push((code_hash, code));
            }
            changes.accounts.push(AccountChange {
                address,
                after: Some(AccountState {
                    balance: amendment.balance.unwrap_or(before.balance),
                    nonce: amendment.nonce.unwrap_or(before.nonce),
                    code_hash,
                }),
                storage_cleared: false,
                storage: amendment.storage.into_iter().collect(),
            });
        }
        changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
        changes.codes.dedup_by_key(|(hash, _)| *hash);
        self.heeding_failure(self.chain().amend(&changes))?;
        self.refresh_pool(&orders, &addresses)?;
        if orders.settings.mining.automatic { self.mine_ready(&mut orders) } else { Ok(()) }
    }

    /// Tells the pool to look at all its senders anew: the chain has gone back.
    pub(crate) fn reread_pool(&self, orders: &Orders) -> Result<(), Error> {
        let senders = self.pool().lock().senders();
        self.refresh_pool(orders, &senders)
    }

    /// Sets the base fee of the next block, in wei.
    ///
    /// # Errors
    ///
    /// The pool may not be able to follow.
    pub fn set_next_base_fee(&self, base_fee: u64) -> Result<(), Error> {
        let mut orders = self.orders();
        orders.next_base_fee = Some(base_fee);
        self.refresh_pool(&orders, &[])
    }

    /// Sets what contracts see as randomness in the next block.
    pub fn set_next_prevrandao(&self, prevrandao: B256) {
        self.orders().next_prevrandao = Some(prevrandao);
    }

    /// Sets the gas that blocks may hold from now on.
    ///
    /// # Errors
    ///
    /// The pool may not be able to follow.
    pub fn set_gas_limit(&self, gas_limit: u64) -> Result<(), Error> {
        let mut orders = self.orders();
        orders.settings.gas_limit = Some(gas_limit);
        self.refresh_pool(&orders, &[])
    }

    /// Sets who gets the fees from now on.
    pub fn set_beneficiary(&self, beneficiary: Address) {
        self.orders().settings.beneficiary = beneficiary;
    }

    /// Moves the clock by so many seconds, and returns by how much it is ahead of the real one.
    pub fn increase_time(&self, seconds: i128) -> i128 {
        self.orders().time.increase(seconds)
    }

    /// Sets the clock to a UNIX time in seconds, and returns by how much it moved.
    pub fn set_time(&self, time: u64) -> i128 {
        let now = self.now();
        self.orders().time.set(time, now)
    }

    /// Sets the UNIX time in seconds of the next block.
    ///
    /// # Errors
    ///
    /// [`Error::Time`] if it is not after that of the last block.
    pub fn set_next_timestamp(&self, time: u64) -> Result<(), Error> {
        let mut orders = self.orders();
        let parent = self.chain().reader().head().header.timestamp;
        Ok(orders.time.set_next(time, parent)?)
    }

    /// Sets the seconds from each block to the next, or has them follow the clock again. Says
    /// whether an interval was set before.
    pub fn set_timestamp_interval(&self, seconds: Option<u64>) -> bool {
        self.orders().time.set_interval(seconds)
    }

    /// The UNIX time in seconds that a block made now would have.
    pub fn next_timestamp(&self) -> u64 {
        let orders = self.orders();
        let parent = self.chain().reader().head().header.timestamp;
        orders.time.peek(parent, self.now())
    }

    /// Whose transactions are taken without a signature.
    pub fn impersonation(&self) -> Impersonation {
        self.orders().impersonation.clone()
    }

    /// Changes whose transactions are taken without a signature.
    pub fn impersonate<T>(&self, change: impl FnOnce(&mut Impersonation) -> T) -> T {
        change(&mut self.orders().impersonation)
    }
}
