//! The state as the EVM reads it.

use crate::{ahead::OnAhead, code_cache::CodeCache, hashes::BlockHashes};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use heddle_executor::revm::{
    DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo,
};
use heddle_state::{Entry, StateView};
use heddle_types::AccountState;
use std::{error::Error as StdError, fmt, sync::Arc};

/// Accounts, slots, codes and the hashes of earlier blocks, as revm's [`DatabaseRef`]. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct ExecutionState {
    view: StateView,
    hashes: BlockHashes,
    codes: Arc<CodeCache>,
    remote: Option<Arc<dyn Remote>>,
    /// A block on top of all that, whose hash is not known yet.
    ahead: Option<OnAhead>,
}

/// A chain elsewhere, which this one was forked from: what is not known here is asked of it, as
/// of the block that was forked from.
pub trait Remote: fmt::Debug + Send + Sync {
    /// An account, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer away.
    fn account(&self, address: Address) -> Result<Option<AccountState>, RemoteError>;

    /// A slot of an account.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer away.
    fn slot(&self, address: Address, key: U256) -> Result<U256, RemoteError>;

    /// The code of an account that [`Remote::account`] has told of.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer away.
    fn code(&self, code_hash: B256) -> Result<Bytes, RemoteError>;

    /// The hash of a block at or before the one that was forked from; zero when there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer away.
    fn block_hash(&self, number: u64) -> Result<B256, RemoteError>;
}

/// Why a [`Remote`] does not answer.
pub type RemoteError = Box<dyn StdError + Send + Sync>;

/// Why a part of the state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state in the store.
    #[error("the state in the store cannot be read")]
    State(#[from] heddle_state::Error),
    /// The hashes of blocks in the store.
    #[error("the store cannot be read")]
    Storage(#[from] heddle_storage::Error),
    /// A record of the store that is not whole.
    #[error("the store is damaged: {0} cannot be read")]
    Record(&'static str),
    /// An account has a code that is not in the store.
    #[error("the store is damaged: it lacks the code {0}")]
    Code(B256),
    /// A block ended without a hash: making it failed.
    #[error("block {0} was not made, so there is no hash of it")]
    NoHash(u64),
    /// The chain that this one was forked from.
    #[error("the chain that this one was forked from does not answer")]
    Remote(#[source] RemoteError),
}

impl DBErrorMarker for StateError {}

impl ExecutionState {
    pub(crate) fn new(
        view: StateView,
        hashes: BlockHashes,
        codes: Arc<CodeCache>,
        remote: Option<Arc<dyn Remote>>,
    ) -> Self {
        Self { view, hashes, codes, remote, ahead: None }
    }

    /// The state with a block on top.
    pub(crate) fn on(&self, ahead: OnAhead) -> Self {
        Self { ahead: Some(ahead), ..self.clone() }
    }

    /// The accounts and slots alone, without what a remote chain has, and as they are before a block
    /// that has no hash yet.
    pub fn view(&self) -> &StateView {
        &self.view
    }

    /// The same state with other accounts and slots, such as one with changes on top.
    pub fn with_view(&self, view: StateView) -> Self {
        Self { view, ..self.clone() }
    }

    /// An account.
    ///
    /// # Errors
    ///
    /// See [`StateError`].
    pub fn account(&self, address: Address) -> Result<Option<AccountState>, StateError> {
        if let Some(change) = self.ahead.as_ref().and_then(|ahead| ahead.changed(address)) {
            return Ok(change.after);
        }
        match (self.view.account_entry(address)?, &self.remote) {
            (Entry::Known(account), _) => Ok(Some(AccountState {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
            })),
            (Entry::Unknown, Some(remote)) => remote.account(address).map_err(StateError::Remote),
            _ => Ok(None),
        }
    }

    /// A slot of an account.
    ///
    /// # Errors
    ///
    /// See [`StateError`].
    pub fn slot(&self, address: Address, key: U256) -> Result<U256, StateError> {
        if let Some(ahead) = &self.ahead
            && let Some(value) = ahead.slot(address, key)?
        {
            return Ok(value);
        }
        let Some(remote) = &self.remote else { return Ok(self.view.slot(address, key)?) };
        match self.view.slot_entry(address, key)? {
            Entry::Known(value) => Ok(value),
            Entry::Deleted => Ok(U256::ZERO),
            Entry::Unknown => match self.view.account_entry(address)? {
                // The account is gone here, or was, and all that it had with it.
                Entry::Deleted => Ok(U256::ZERO),
                Entry::Known(account) if account.storage_cleared => Ok(U256::ZERO),
                _ => remote.slot(address, key).map_err(StateError::Remote),
            },
        }
    }

    /// A code.
    ///
    /// # Errors
    ///
    /// See [`StateError`].
    pub fn code(&self, code_hash: B256) -> Result<Bytes, StateError> {
        Ok(self.code_by_hash_ref(code_hash)?.original_bytes())
    }

    fn load_code(&self, code_hash: B256) -> Result<Bytes, StateError> {
        if let Some(code) = self.ahead.as_ref().and_then(|ahead| ahead.code(code_hash)) {
            return Ok(code.clone());
        }
        match (self.view.code(code_hash)?, &self.remote) {
            (Some(code), _) => Ok(code),
            (None, Some(remote)) => remote.code(code_hash).map_err(StateError::Remote),
            (None, None) => Err(StateError::Code(code_hash)),
        }
    }
}

impl DatabaseRef for ExecutionState {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address)?.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        self.codes.get_or_load(code_hash, || self.load_code(code_hash))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StateError> {
        self.slot(address, index)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        if let Some(ahead) = &self.ahead
            && let Some(hash) = ahead.block_hash(number)?
        {
            return Ok(hash);
        }
        match (self.hashes.hash(number)?, &self.remote) {
            (Some(hash), _) => Ok(hash),
            (None, Some(remote)) => remote.block_hash(number).map_err(StateError::Remote),
            (None, None) => Ok(B256::ZERO),
        }
    }
}
