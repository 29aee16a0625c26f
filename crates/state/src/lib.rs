//! Accounts and slots as of a block: reads, applying a change set, state root, proofs.
//!
//! Nothing here knows of blocks. The state has versions, which count its changes; whoever keeps
//! blocks keeps the version that each led to.
//!
//! In: a snapshot of the store, and [`ChangeSet`](heddle_types::ChangeSet)s. Out: accounts, slots,
//! roots and proofs of any version that is kept, and of versions that are not stored yet: a
//! [`StateView`] is a stored version with [`Layer`]s on top.
//!
//! How it lies in the store:
//!
//! | table | key | value |
//! |---|---|---|
//! | accounts | beginning of the hashed address, address, version | the account; empty if it is gone |
//! | slots | the same, beginning of the hashed slot, slot, version | the value; empty if it is zero |
//! | trie nodes | owner, path, version | RLP of the node and how many leaves are below each child; empty if there is none any more |
//! | codes | hash | the code |
//! | changes | version | the keys above that it wrote |
//! | marks | `root`, version | the root, and whether the trie nodes of the version are stored |
//!
//! A read as of a version takes the last entry that is not after it. So a change is written once,
//! every kept version can be read and proved, and undoing one is deleting what it wrote.
//!
//! A node with few leaves below is never stored: it is made from those, which lie side by side, when
//! it is needed. So there is about one record for each 200 accounts.
//!
//! Not every version has its trie nodes stored ([`write_bare_layer`]): those of a run of versions are
//! written with the last one only. Reads of accounts and slots do not need them; the trie of a version in between is made
//! from the last stored one and what changed since, when it is asked for.
//!
//! Invariants:
//!
//! 1. The root of a version is that of the Ethereum trie of its accounts (yellow paper, section
//!    4.1), whatever the way that led there.
//! 2. A node of the trie is used only if its hash is what its parent says.
//! 3. Forgetting versions changes nothing that a kept one reads.

mod account;
mod apply;
mod cache;
mod entries;
mod error;
mod history;
mod keys;
mod listing;
mod prefetch;
mod proof;
mod settle;
mod trie;
mod verify;
mod view;

pub use account::{Account, Entry, Version};
pub use apply::Layer;
pub use error::Error;
pub use history::{
    forget, latest, unwind, write_bare_layer, write_genesis, write_layer,
    write_layer_with_tries_since,
};
pub use listing::ShardPage;
pub use proof::{AccountProof, SlotProof};
pub use settle::settle;
pub use trie::root_after;
pub use verify::{VerifiedState, VerifyOptions, verify};
pub use view::StateView;
