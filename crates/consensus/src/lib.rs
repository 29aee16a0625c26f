//! Agrees with other validators on the next block.
//!
//! In: a chain and a pool ([`Ledger`]), a key, a runtime and a network. Out: blocks that are final in the
//! chain, and what proves it. The engine is commonware's `simplex`; what is here is what it decides over.
//!
//! - A [`Proposal`] is a block with its access list, bound to the round that it is proposed in. It is
//!   spread in pieces, any f+1 of which give it back.
//! - Whoever leads a round builds it on the last one; the others vote when they have their piece, execute
//!   it meanwhile by its access list, and vote for it to be final when they got the same header.
//! - Two thirds of the votes make a certificate. `safe` is the last block with one, `finalized` the last
//!   with one of the second kind. A header has the root of its own state, so what is final is the hash.
//! - The validators of an epoch are those that the system contract held at the end of the epoch before
//!   the one before ([`validators`](crate::add_validators)).
//!
//! Invariants:
//!
//! 1. A verdict on a proposal depends on the proposal and its ancestors alone. What fails for another
//!    reason gives no verdict: the node stops.
//! 2. Votes are written to the disk before they are sent. A validator that cannot know what it has
//!    signed signs nothing ([`Silence`]).
//! 3. A block is acknowledged when the chain has it for good.
//! 4. Whoever is accused has signed two votes that no honest validator signs both.
//!
//! Read in this order: `block`, `ledger`, `application`, `scheme`, `validator`, `deliveries`,
//! `validators`, `observer`, `evidence`, `recovery`, `sync`, `transactions`. Nothing here knows whether runtime
//! and network are real ([`Runtime`]).

mod application;
mod block;
mod contract;
mod deliveries;
mod evidence;
mod finality;
mod ledger;
mod observer;
mod recovery;
mod runtime;
mod scheme;
mod sync;
mod transactions;
mod validator;
mod validators;

pub use application::Pace;
pub use block::{Commitment, Context, Digest, Proposal, ProposalError, ProposalHead};
pub use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
pub use evidence::{Conflict, Equivocation, recorded as recorded_equivocations};
pub use finality::{FinalityError, FinalityProof, SignedVote};
pub use ledger::{BlockSettings, Error, Ledger, Mutants, NotesOf, Promoted, Refusal, Tamper};
pub use observer::Observations;
pub use runtime::Runtime;
pub use scheme::{Epochs, Silence, VerifiedVotes, Votes};
pub use transactions::Announcer;
pub use validator::{
    CHANNELS, Channels, Memory, PIECES_CHANNEL, Settings, Setup, StartError, Validator, View,
    message_bytes_max, namespace, start,
};
pub use validators::{
    FirstValidator, VALIDATORS_ADDRESS, VALIDATORS_MAX, VALIDATORS_MIN, ValidatorsError,
    add_validators,
};
