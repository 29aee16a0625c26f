//! A state held in memory: for tests, benchmarks and recorded blocks.

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap, U256Map},
};
use heddle_types::ChangeSet;
use revm::{
    DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo,
};

/// A state held in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    /// The accounts that exist.
    pub accounts: AddressMap<MemoryAccount>,
    /// Analysed codes by hash. The empty code need not be in it.
    pub codes: B256Map<Bytecode>,
    /// Hashes of earlier blocks for `BLOCKHASH`, by height. One that is missing reads as zero.
    pub block_hashes: HashMap<u64, B256>,
}

/// One account of a [`MemoryState`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryAccount {
    /// Balance in wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Keccak-256 of the code.
    pub code_hash: B256,
    /// Slots that are not zero.
    pub storage: U256Map<U256>,
}

impl Default for MemoryAccount {
    fn default() -> Self {
        Self {
            balance: U256::ZERO,
            nonce: 0,
            code_hash: KECCAK256_EMPTY,
            storage: U256Map::default(),
        }
    }
}

/// The state refers to a code that it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no code with hash {0} in the state; load the code together with the accounts that use it")]
pub struct UnknownCode(pub B256);

impl DBErrorMarker for UnknownCode {}

impl MemoryState {
    /// Adds `code` and returns its hash, to be used as an account's `code_hash`.
    pub fn add_code(&mut self, code: Bytecode) -> B256 {
        let hash = code.hash_slow();
        self.codes.insert(hash, code);
        hash
    }

    /// Applies what a block did.
    pub fn apply(&mut self, changes: &ChangeSet) {
        for (hash, code) in &changes.codes {
            self.codes.entry(*hash).or_insert_with(|| bytecode(code));
        }
        for change in &changes.accounts {
            let Some(after) = change.after else {
                self.accounts.remove(&change.address);
                continue;
            };
            let account = self.accounts.entry(change.address).or_default();
            account.balance = after.balance;
            account.nonce = after.nonce;
            account.code_hash = after.code_hash;
            if change.storage_cleared {
                account.storage.clear();
            }
            for (key, value) in &change.storage {
                if value.is_zero() {
                    account.storage.remove(key);
                } else {
                    account.storage.insert(*key, *value);
                }
            }
        }
    }
}

/// Analyses a code that is in the state. Before EIP-3541 one could be deployed that looks like a
/// broken delegation (EIP-7702): it is plain code.
pub(crate) fn bytecode(code: &Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code.clone()))
}

impl DatabaseRef for MemoryState {
    type Error = UnknownCode;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.accounts.get(&address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        self.codes.get(&code_hash).cloned().ok_or(UnknownCode(code_hash))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        Ok(self
            .accounts
            .get(&address)
            .and_then(|account| account.storage.get(&index))
            .copied()
            .unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        Ok(self.block_hashes.get(&number).copied().unwrap_or_default())
    }
}
