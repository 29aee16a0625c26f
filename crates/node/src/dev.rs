//! `heddle dev`: a chain for development, in the place of anvil.

pub(crate) mod accounts;
mod anvil_flags;
mod banner;
mod flags;
mod genesis;
mod remote;
mod start;
mod state_file;
mod venue;

pub(crate) use flags::Dev;
pub(crate) use start::unix_seconds;
