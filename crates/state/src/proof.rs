//! Proofs of accounts and slots (EIP-1186).

use crate::{Account, Error, StateView};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;

/// An account with the proof that it is so, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose account.
    pub address: Address,
    /// The account; an empty one if there is none.
    pub account: Account,
    /// RLP of the nodes from the state's root on.
    pub proof: Vec<Bytes>,
    /// The slots that were asked for, in that order.
    pub slots: Vec<SlotProof>,
}

/// A slot with the proof that it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// Which slot.
    pub key: U256,
    /// Its value.
    pub value: U256,
    /// RLP of the nodes from the account's storage root on; empty if it has no storage.
    pub proof: Vec<Bytes>,
}

impl StateView {
    /// An account and some of its slots, with proofs.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn proof(&self, address: Address, keys: &[U256]) -> Result<AccountProof, Error> {
        let proof = self.trie()?.proof(keccak256(address), self.base())?;
        let none = Account {
            balance: U256::ZERO,
            nonce: 0,
            code_hash: KECCAK256_EMPTY,
            storage_root: EMPTY_ROOT_HASH,
            storage_cleared: false,
        };
        let account = self.account(address)?;
        let storage = self.storage_trie(address)?;
        let slot = |key: &U256| {
            let hashed: B256 = keccak256(key.to_be_bytes::<32>());
            let proof = match &storage {
                Some(storage) => storage.proof(hashed, self.base())?,
                None => Vec::new(),
            };
            Ok(SlotProof { key: *key, value: self.slot(address, *key)?, proof })
        };
        let slots = keys.iter().map(slot).collect::<Result<_, Error>>()?;
        Ok(AccountProof { address, account: account.unwrap_or(none), proof, slots })
    }
}
