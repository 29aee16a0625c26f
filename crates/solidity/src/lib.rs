//! Contracts of Solidity: what an explorer needs to know of them.
//!
//! Functions on values; nothing here knows of chains, HTTP or pages.
//!
//! Module by module: [`abi`] (calls, logs and errors with names, and calls from a form),
//! [`signatures`] (common signatures).

pub mod abi;
pub mod compiler;
pub mod layout;
pub mod requests;
pub mod signatures;
pub mod store;
pub mod verify;
