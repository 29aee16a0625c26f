//! The state as tracers read it: while a transaction runs, before it and after it.

use crate::{Overlay, call::CallContext};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256};
use heddle_types::AccountState;
use revm::{Database, DatabaseRef, context_interface::context::ContextError, state::EvmState};

/// Reads the state as it is at this moment, without making anything warm.
///
/// What cannot be read is empty; the failure ends the transaction, or is found by the caller.
pub(crate) trait Current {
    /// The account, or an empty one.
    fn account(&mut self, address: Address) -> AccountState;
    /// The code of the account.
    fn code(&mut self, address: Address) -> Bytes;
    /// The value of a slot.
    fn slot(&mut self, address: Address, key: U256) -> U256;
    /// Whether touching the account costs what a cold one does (EIP-2929).
    fn is_cold(&mut self, address: Address, slot: Option<U256>) -> bool;
}

const EMPTY: AccountState =
    AccountState { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY };

/// The state in the middle of a transaction.
pub(crate) struct Running<'c, 'a, DB: DatabaseRef>(pub(crate) &'c mut CallContext<'a, DB>);

impl<DB: DatabaseRef> Running<'_, '_, DB> {
    fn read<T: Default>(&mut self, value: Result<T, DB::Error>) -> T {
        value.unwrap_or_else(|error| {
            if self.0.error.is_ok() {
                self.0.error = Err(ContextError::Db(error));
            }
            T::default()
        })
    }
}

impl<DB: DatabaseRef> Current for Running<'_, '_, DB> {
    fn account(&mut self, address: Address) -> AccountState {
        if let Some(account) = self.0.journaled_state.inner.state.get(&address) {
            let info = &account.info;
            return AccountState {
                balance: info.balance,
                nonce: info.nonce,
                code_hash: info.code_hash,
            };
        }
        let account = self.0.journaled_state.database.account(address);
        self.read(account).unwrap_or(EMPTY)
    }

    fn code(&mut self, address: Address) -> Bytes {
        let account = self.0.journaled_state.inner.state.get(&address);
        if let Some(code) = account.and_then(|account| account.info.code.as_ref()) {
            return code.original_bytes();
        }
        let hash = self.account(address).code_hash;
        let code = self.0.journaled_state.database.code_by_hash(hash);
        self.read(code).original_bytes()
    }

    fn slot(&mut self, address: Address, key: U256) -> U256 {
        if let Some(account) = self.0.journaled_state.inner.state.get(&address) {
            if let Some(slot) = account.storage.get(&key) {
                return slot.present_value;
            }
            if account.is_created() {
                return U256::ZERO;
            }
        }
        let value = self.0.journaled_state.database.storage(address, key);
        self.read(value)
    }

    fn is_cold(&mut self, address: Address, slot: Option<U256>) -> bool {
        let inner = &self.0.journaled_state.inner;
        let account = inner.state.get(&address);
        match slot {
            None => {
                inner.warm_addresses.is_cold(&address)
                    && account
                        .is_none_or(|account| account.is_cold_transaction_id(inner.transaction_id))
            }
            Some(key) => {
                !inner.warm_addresses.is_storage_warm(&address, &key)
                    && account
                        .and_then(|account| account.storage.get(&key))
                        .is_none_or(|slot| slot.is_cold_transaction_id(inner.transaction_id))
            }
        }
    }
}

/// The state between transactions.
pub(crate) struct Settled<'s, DB: DatabaseRef> {
    state: &'s mut Overlay<DB>,
    /// What a transaction did that is not committed.
    changes: Option<&'s EvmState>,
    pub(crate) error: Option<DB::Error>,
}

impl<'s, DB: DatabaseRef> Settled<'s, DB> {
    pub(crate) fn before(state: &'s mut Overlay<DB>) -> Self {
        Self { state, changes: None, error: None }
    }

    pub(crate) fn after(state: &'s mut Overlay<DB>, changes: &'s EvmState) -> Self {
        Self { state, changes: Some(changes), error: None }
    }

    fn read<T: Default>(&mut self, value: Result<T, DB::Error>) -> T {
        value.unwrap_or_else(|error| {
            self.error = Some(error);
            T::default()
        })
    }
}

impl<DB: DatabaseRef> Current for Settled<'_, DB> {
    fn account(&mut self, address: Address) -> AccountState {
        if let Some(account) = self.changes.and_then(|changes| changes.get(&address)) {
            let info = &account.info;
            return AccountState {
                balance: info.balance,
                nonce: info.nonce,
                code_hash: info.code_hash,
            };
        }
        let account = self.state.account(address);
        self.read(account).unwrap_or(EMPTY)
    }

    fn code(&mut self, address: Address) -> Bytes {
        let account = self.changes.and_then(|changes| changes.get(&address));
        if let Some(code) = account.and_then(|account| account.info.code.as_ref()) {
            return code.original_bytes();
        }
        let hash = self.account(address).code_hash;
        let code = self.state.code_by_hash(hash);
        self.read(code).original_bytes()
    }

    fn slot(&mut self, address: Address, key: U256) -> U256 {
        if let Some(account) = self.changes.and_then(|changes| changes.get(&address)) {
            if let Some(slot) = account.storage.get(&key) {
                return slot.present_value;
            }
            if account.is_created() {
                return U256::ZERO;
            }
        }
        let value = self.state.storage(address, key);
        self.read(value)
    }

    fn is_cold(&mut self, _: Address, _: Option<U256>) -> bool {
        true
    }
}
