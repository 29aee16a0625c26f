//! Handlers on a chain made here, through the router as the server has it.

mod bench;
mod etherscan;
mod hostile;
mod rest;
mod served;
mod verification;

use bench::{Bench, FAILING, FORWARDER, NFT, SENDER_START, TARGET};
