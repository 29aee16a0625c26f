//! The methods of `eth_`, and those of other namespaces that answer the same questions.

pub(crate) mod blocks;
pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod fees;
pub(crate) mod info;
pub(crate) mod logs;
pub(crate) mod sending;
pub(crate) mod simulate;
pub(crate) mod state;
pub(crate) mod transactions;
pub(crate) mod wallet;
