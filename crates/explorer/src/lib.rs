//! Indexes committed blocks; serves pages for people and APIs for programs.
//!
//! In: a chain, its pool and its JSON-RPC ([`Parts`]), and [`Settings`]. Out: a running [`Server`]
//! on a port of its own.
//!
//! | module | what it does |
//! |---|---|
//! | `index` | what is known of blocks, in a store of its own; the thread that follows the chain |
//! | `explorer` | what pages and APIs work with |
//! | `server` | the port, and its bounds |
//! | `facts` | what pages show, gathered |
//! | `web` | pages, rendered here |
//! | `api` | Etherscan's API, one of our own, and downloads |

mod api;
#[cfg(test)]
mod bench;
mod explorer;
mod facts;
mod index;
mod server;
mod web;

pub use explorer::{Explorer, Parts, Settings};
pub use index::*;
pub use server::{Server, StartError};
