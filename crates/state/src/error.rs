//! Why the state cannot be read or changed.

use crate::Version;
use alloy_primitives::{Address, B256};
use alloy_trie::Nibbles;

/// Why the state cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the state cannot be read or written")]
    Storage(#[from] heddle_storage::Error),
    /// A node of the trie is missing, or is not what its parent says.
    #[error(
        "the database is damaged: the trie of {} has a wrong node at {path:?}; restore a backup, \
         or import the chain anew",
        owner.map_or_else(|| "accounts".to_owned(), |owner| format!("the storage of {owner}"))
    )]
    Node {
        /// The hashed address whose storage it is; none for accounts.
        owner: Option<B256>,
        /// Where in the trie.
        path: Nibbles,
    },
    /// An entry that is no account, slot or list of changes.
    #[error(
        "the database is damaged: {0} cannot be read; restore a backup, or import the chain anew"
    )]
    Entry(&'static str),
    /// The account's entry and the trie do not agree.
    #[error(
        "the database is damaged: account {0} and the trie do not agree; restore a backup, or import the chain anew"
    )]
    Disagreement(Address),
    /// The slots of an account are not those that its storage root names.
    #[error(
        "the database is damaged: the slots of account {0} are not those of its storage root; restore a backup, or import the chain anew"
    )]
    Slots(Address),
    /// The code of an account is missing, or another.
    #[error(
        "the database is damaged: the code {hash} of account {address} is missing, or not what its hash says; restore a backup, or import the chain anew"
    )]
    Code {
        /// The account.
        address: Address,
        /// Keccak-256 of its code.
        hash: B256,
    },
    /// The version is not kept any more.
    #[error("state version {} is not kept; the oldest that is kept is {}", .asked.0, .oldest.0)]
    Pruned {
        /// What was asked for.
        asked: Version,
        /// The oldest that is there.
        oldest: Version,
    },
    /// There is no such version yet.
    #[error("state version {} is not there yet; the newest is {}", .asked.0, .latest.0)]
    Future {
        /// What was asked for.
        asked: Version,
        /// The newest that is there.
        latest: Version,
    },
    /// A version was to be written that does not follow the newest.
    #[error("state version {} cannot be written: the next one is {}", .asked.0, .next.0)]
    Order {
        /// What was to be written.
        asked: Version,
        /// The one after the newest.
        next: Version,
    },
    /// A state that lies in the store only was asked for, and this one does not yet.
    #[error("the state is not stored yet")]
    NotStored,
}

impl Error {
    /// Whether it says that what is stored is not what was written, rather than that it could not
    /// be read.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(error, heddle_storage::Error::Damaged { .. }),
            Self::Node { .. }
            | Self::Entry(_)
            | Self::Disagreement(_)
            | Self::Slots(_)
            | Self::Code { .. } => true,
            Self::Pruned { .. } | Self::Future { .. } | Self::Order { .. } | Self::NotStored => {
                false
            }
        }
    }
}
