//! Runs an ordered list of Ethereum transactions on many cores; the result equals running them
//! one by one.
//!
//! In: a [`Block`] (rules, environment, transactions with known senders) and the state before it,
//! anything that implements revm's [`DatabaseRef`](revm::DatabaseRef). Out: a [`BlockOutput`]
//! (receipts, gas, change set, access list).
//!
//! There is one entry, [`Executor::execute`], and three [`Way`]s through it that give the same
//! result on any number of threads.
//!
//! Module by module, in the order of reading: `block` and `output` (what goes in and comes out),
//! `sequential` (the reference), and then the parallel engine:
//!
//! | module | what it does |
//! |---|---|
//! | `mv_memory`, `versions`, `steps` | every value that every location takes in the block |
//! | `view`, `observe`, `worker` | one transaction executed on it, and what it could see |
//! | `hashing`, `receipts` | hashes that are remembered; the receipt |
//! | `effects` | what an execution read and changes, and whether it stands |
//! | `plan`, `foresight`, `direct` | what is known beforehand: who depends on whom, plain transfers |
//! | `scheduler` | who executes what next, and who makes it final |
//! | `parallel` | the loop that all threads run |
//! | `crew`, `share` | who works on a block, and how work is shared |
//! | `guided`, `directory`, `premade`, `reads` | following an access list, and holding the block to it |
//! | `fold` | from memory to change set and access list |
//! | `schedule`, `recorder` | how it went: who executed what and when, and what twice |
//!
//! Beside blocks, for RPC, one transaction after the other on an [`Overlay`] over any state:
//!
//! | module | what it does |
//! |---|---|
//! | `overlay` | changes on top of a state: overrides, and what transactions did |
//! | [`call`] | one transaction with checks left out, somebody looking on, and a time limit |
//! | `gas_estimate`, `access_list_creation` | `eth_estimateGas`, `eth_createAccessList` |
//! | `failure` | why a transaction failed, in geth's words |
//! | [`tracing`] | geth's and OpenEthereum's traces |
//! | [`console`] | what contracts print |
//! | [`simulate`] | `eth_simulateV1` |

mod access_list_creation;
mod block;
pub mod call;
pub mod console;
mod crew;
mod dao;
mod direct;
mod directory;
mod effects;
mod error;
mod evm;
mod executor;
mod failure;
mod fees;
mod fold;
mod foresight;
mod gas_estimate;
mod guided;
mod hashing;
mod limits;
mod memory_state;
mod mv_memory;
mod observe;
mod operations;
mod output;
mod overlay;
mod parallel;
mod plan;
mod premade;
mod protocol;
mod reads;
mod receipts;
mod recorder;
mod schedule;
mod scheduler;
mod sequential;
mod sequential_state;
mod share;
pub mod simulate;
mod steps;
mod sync;
pub mod tracing;
mod versions;
mod view;
mod watch;
mod worker;

pub use access_list_creation::{CreatedAccessList, create_access_list};
pub use block::{Block, Invalid, Way, spec_id};
pub use error::{AccessListError, BlockError, Place};
pub use evm::BlockContext;
pub use executor::{Executor, Settings, ThreadsError};
pub use failure::{failure_message, halt_message, revert_message, revert_reason};
pub use gas_estimate::{ERROR_RATIO, EstimateError, EstimateOptions, estimate_gas};
pub use memory_state::{MemoryAccount, MemoryState, UnknownCode};
pub use observe::Observed;
pub use output::{BlockOutput, Skipped, Statistics};
pub use overlay::{Overlay, OverrideError};
pub use revm;
pub use schedule::{AccountField, Conflict, Location, Schedule, Span, SpanKind};
pub use sequential_state::SequentialState;
pub use view::{View, ViewError};
pub use watch::{BlockInspector, Final, ResultSink};
