//! What programs beside a chain ask a node, and how they send: JSON-RPC over HTTP.
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
mod rpc;
mod sender;
mod text;

pub use key::{KeyError, read_key};
pub use rpc::{At, Block, BlockFees, Call, Log, LogFilter, Node, Receipt, RpcError};
pub use sender::{Fees, SendError, Sender, Sent};
pub use text::visible;
