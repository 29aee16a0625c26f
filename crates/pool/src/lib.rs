//! Admits, bounds, orders and evicts pending transactions.
//!
//! In: signed transactions ([`Candidate`]), and what each new block changed ([`BlockUpdate`]).
//! Out: the transactions that may stand in the next block, in order ([`Best`]), and a report
//! ([`Dropped`]) on each that left otherwise than in a block.
//!
//! Nothing here knows a clock, a disk, a network or a thread: the time and the state of accounts
//! are arguments. What the pool does depends on what it was given, and on its order, alone.
//!
//! Invariants:
//!
//! 1. Each accepted transaction is in the pool, was mined, or was reported as dropped.
//! 2. The pending transactions of a sender have nonces without a gap from the account's on, and
//!    the account can pay for all of them. All others are queued.
//! 3. The pool holds no more bytes than [`Settings`] allow. Queued transactions leave before
//!    pending ones, cheap ones before dear ones, and of one sender the last before the first.
//! 4. A transaction that is refused changes nothing.
//!
//! ```
//! # use heddle_pool::{Context, Pool, Settings};
//! # use heddle_types::Fork;
//! let context = Context { chain_id: 1, fork: Fork::Osaka, base_fee: 7, ..Context::default() };
//! let pool = Pool::new(Settings::default(), context);
//! assert_eq!(pool.best().count(), 0);
//! ```
//!
//! Read in this order: `settings`, `context`, `transaction` (what is stored), `validate`, `gas` and
//! `admission` (what is refused), `account` (what is pending), `index` (what leaves first), `pool` (how they
//! work together), `block` (what a block changes), `best`.

mod account;
mod admission;
mod best;
mod blobs;
mod block;
mod content;
mod context;
mod drops;
mod error;
mod gas;
mod index;
mod pool;
mod settings;
mod transaction;
mod validate;

pub use best::Best;
pub use block::{BlockOutcome, BlockUpdate};
pub use content::{BySender, Content, Status};
pub use context::{Context, SenderCode, SenderState};
pub use drops::{DropReason, Dropped};
pub use error::PoolError;
pub use gas::{floor_gas, intrinsic_gas};
pub use pool::{Added, Placement, Pool};
pub use settings::{Ordering, Settings};
pub use transaction::{Candidate, Origin, PoolTransaction, PooledTransaction};
