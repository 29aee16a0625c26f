//! What programs beside a chain have in common: JSON-RPC over HTTP, sending, keys, files that survive a
//! crash, configuration, logs.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use heddle_client::{At, Node};
//!
//! let node = Node::new("http://127.0.0.1:8545");
//! let block = node.block(At::Latest)?;
//! println!("block {} is of {}", block.number, block.timestamp);
//! # Ok(())
//! # }
//! ```

pub mod files;
mod key;
pub mod logging;
pub mod program;
mod rpc;
mod sender;
mod text;

pub use key::{KeyError, read_key};
pub use rpc::{At, Block, BlockFees, Call, Log, LogFilter, Node, Receipt, RpcError};
pub use sender::{Fees, SendError, Sender, Sent, gas_limit, sign};
pub use text::visible;
