//! An account, and its entry in the store.

use crate::Error;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use heddle_types::AccountState;

/// Counts the changes of the state: one for each block, and for each amendment without a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one.
    pub fn next(self) -> Self {
        // One a nanosecond would take five centuries.
        Self(self.0.saturating_add(1))
    }
}

/// An account (yellow paper, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Balance in wei.
    pub balance: U256,
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// Keccak-256 of the code.
    pub code_hash: B256,
    /// Root of the trie of its storage.
    pub storage_root: B256,
    /// Whether its storage was cleared here. On a chain that was forked from another, what is not
    /// known of its slots is not the other chain's then, but zero.
    pub storage_cleared: bool,
}

/// What is known of an account or a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<T> {
    /// It was never written. On a chain that was forked from another, the other one knows.
    Unknown,
    /// It was there, and is gone.
    Deleted,
    /// It is there.
    Known(T),
}

impl<T> Entry<T> {
    /// What is there, if anything.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Deleted => None,
        }
    }

    /// The same of what `change` makes of that.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Entry<U> {
        match self {
            Self::Unknown => Entry::Unknown,
            Self::Deleted => Entry::Deleted,
            Self::Known(value) => Entry::Known(change(value)),
        }
    }

    pub(crate) fn as_ref(&self) -> Entry<&T> {
        match self {
            Self::Unknown => Entry::Unknown,
            Self::Deleted => Entry::Deleted,
            Self::Known(value) => Entry::Known(value),
        }
    }
}

/// Flags at the start of an account's entry: which of the two hashes it holds, ...
const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;
/// ... and whether its storage was cleared.
const STORAGE_CLEARED: u8 = 4;
/// Flags, nonce, both hashes and the balance.
const ENTRY_BYTES_MAX: usize = 1 + 8 + 3 * 32;

impl Account {
    pub(crate) fn new(state: AccountState, storage_root: B256, storage_cleared: bool) -> Self {
        let AccountState { balance, nonce, code_hash } = state;
        Self { balance, nonce, code_hash, storage_root, storage_cleared }
    }

    /// The value in the trie.
    pub(crate) fn leaf(&self) -> Box<[u8]> {
        let Self { balance, nonce, code_hash, storage_root, .. } = *self;
        let account = TrieAccount { nonce, balance, storage_root, code_hash };
        alloy_rlp::encode(account).into()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let has_code = self.code_hash != KECCAK256_EMPTY;
        let has_storage = self.storage_root != EMPTY_ROOT_HASH;
        let mut out = Vec::with_capacity(ENTRY_BYTES_MAX);
        out.push(
            (u8::from(has_code) * HAS_CODE)
                | (u8::from(has_storage) * HAS_STORAGE)
                | (u8::from(self.storage_cleared) * STORAGE_CLEARED),
        );
        out.extend_from_slice(&self.nonce.to_be_bytes());
        if has_code {
            out.extend_from_slice(self.code_hash.as_slice());
        }
        if has_storage {
            out.extend_from_slice(self.storage_root.as_slice());
        }
        let zeros = self.balance.leading_zeros() / 8;
        out.extend_from_slice(&self.balance.to_be_bytes::<32>()[zeros..]);
        out
    }

    pub(crate) fn decode(entry: &[u8]) -> Result<Self, Error> {
        Self::parse(entry).ok_or(Error::Entry("an account"))
    }

    fn parse(entry: &[u8]) -> Option<Self> {
        let (&[flags], rest) = entry.split_first_chunk::<1>()?;
        let (nonce, mut rest) = rest.split_first_chunk::<8>()?;
        let mut hash = |flag: u8, otherwise: B256| {
            if flags & flag == 0 {
                return Some(otherwise);
            }
            let (hash, after) = rest.split_first_chunk::<32>()?;
            rest = after;
            Some(B256::from(*hash))
        };
        let code_hash = hash(HAS_CODE, KECCAK256_EMPTY)?;
        let storage_root = hash(HAS_STORAGE, EMPTY_ROOT_HASH)?;
        if flags > (HAS_CODE | HAS_STORAGE | STORAGE_CLEARED) || rest.len() > 32 {
            return None;
        }
        let balance = U256::from_be_slice(rest);
        let storage_cleared = flags & STORAGE_CLEARED != 0;
        let nonce = u64::from_be_bytes(*nonce);
        Some(Self { balance, nonce, code_hash, storage_root, storage_cleared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_hold_the_account(
            balance: [u8; 32],
            nonce: u64,
            code: bool,
            storage: bool,
            storage_cleared: bool,
        ) {
            let account = Account {
                balance: U256::from_be_bytes(balance) >> (nonce % 257) as usize,
                nonce,
                code_hash: if code { B256::repeat_byte(1) } else { KECCAK256_EMPTY },
                storage_root: if storage { B256::repeat_byte(2) } else { EMPTY_ROOT_HASH },
                storage_cleared,
            };
            prop_assert_eq!(Account::decode(&account.encode()).unwrap(), account);
        }

        #[test]
        fn decoding_never_panics(entry in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Account::decode(&entry);
        }
    }
}
