//! Ethereum JSON-RPC over HTTP and WebSocket.
//!
//! In: a [`Context`], the parts of the node that the server speaks for, and [`Settings`]. Out: a
//! running [`Server`]. Everything that a client can ask for is a line in one table
//! (`methods/table.rs`), from which the reference ([`reference()`]) is made, too.
//!
//! - HTTP and WebSocket share one port; the `gate` before it keeps foreign web pages out and
//!   answers `/livez`, `/readyz` and `/health`.
//! - What executes or reads much runs on threads of its own, of which there are only so many, and
//!   within a time. A handler returns an error; one that panics ends its own call and nothing else.
//! - Every size, number and wait has a bound: [`Limits`].
//!
//! ```no_run
//! # use heddle_rpc::{Context, Server, Settings};
//! # async fn f(context: Context) -> Result<(), heddle_rpc::StartError> {
//! let server = Server::start(context, Settings::default()).await?;
//! println!("JSON-RPC on http://{}", server.address());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `server`, `gate`, `settings` | the port, and its bounds |
//! | `local` | the server without a port |
//! | `caller` | calls from within the process |
//! | `methods` | the table of methods |
//! | `args`, `json`, `error` | what goes in and out |
//! | `context`, `view`, `replay`, `call_environment` | what methods work with |
//! | `events`, `subscriptions`, `filters`, `logs` | telling clients what happens |
//! | `eth`, `debug`, `trace`, `ots`, `txpool`, `testing` | the methods |
//! | `dev` | the methods of a development chain |
//! | `agreement` | what validators agree on |
//! | `signers` | keys that the node signs with |

mod agreement;
mod args;
mod call_environment;
mod caller;
mod context;
mod debug;
mod dev;
mod error;
mod eth;
mod events;
mod filters;
mod gate;
mod intake;
mod json;
mod local;
mod logs;
mod methods;
mod ots;
mod replay;
mod server;
mod settings;
mod signers;
mod subscriptions;
mod testing;
mod trace;
mod txpool;
mod view;

pub use agreement::Agreement;
pub use caller::{CallFailure, Caller};
pub use context::{Context, Wake};
pub use dev::DevControl;
pub use error::Error;
pub use gate::{Readiness, allows_host};
pub use local::LocalServer;
pub use methods::{Method, methods, reference};
pub use server::{Handle, Server, StartError};
pub use settings::{Limits, Namespace, Settings, UnknownNamespace};
pub use signers::Signers;
