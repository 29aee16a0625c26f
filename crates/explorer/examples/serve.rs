//! Serves the explorer of a chain on which random things happen, to look at its pages.
//!
//! `cargo run -p heddle-explorer --example serve -- [PORT] [BLOCKS] [SECONDS]`: listens on the port,
//! makes so many blocks at once, and then one every so many seconds; with 0 no more.

#[path = "../tests/index/chain.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "made for tests of the index, which undo blocks, too"
)]
mod chain;
#[path = "support/verified.rs"]
mod verified;

use alloy_primitives::Address;
use chain::TestChain;
use heddle_explorer::{Explorer, Follower, Index, Parts, Server, Settings};
use heddle_solidity::store::Contracts;
use rand::{SeedableRng, rngs::StdRng};
use std::{error::Error, sync::Arc, time::Duration};

/// Memory for the index's store.
const CACHE_BYTES: usize = 16 << 20;

fn argument(position: usize, default: u64) -> u64 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Makes a block. What the last one had no room for is forgotten, as its nonces come again.
fn next(chain: &mut TestChain, random: &mut StdRng) {
    chain.producer.pool().lock().clear(0);
    chain.block(random);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (port, blocks, seconds) = (argument(1, 8550), argument(2, 120), argument(3, 2));
    let mut random = StdRng::seed_from_u64(1);
    let mut chain = TestChain::new(1, heddle_types::Fork::Osaka);
    for _ in 0..blocks {
        next(&mut chain, &mut random);
    }
    let index = Index::ephemeral(&std::env::temp_dir(), CACHE_BYTES)?;
    let follower = Arc::new(Follower::start(index, chain.chain.clone())?);
    let contracts = Arc::new(Contracts::in_memory());
    verified::keep(&contracts, &chain.chain.reader())?;
    let parts = Parts {
        chain: chain.chain.clone(),
        pool: chain.producer.pool().clone(),
        rpc: chain.rpc.clone(),
        follower,
        contracts,
        compilers: None,
    };
    let settings = Settings {
        address: ([127, 0, 0, 1], u16::try_from(port)?).into(),
        labels: [(Address::repeat_byte(0xfe), "The maker of blocks".to_owned())].into(),
        ..Settings::default()
    };
    let server = Server::start(Explorer::new(parts, settings)).await?;
    println!("http://{}", server.address());
    loop {
        tokio::time::sleep(Duration::from_secs(seconds.max(1))).await;
        if seconds > 0 {
            tokio::task::block_in_place(|| next(&mut chain, &mut random));
        }
    }
}
