//! Reporting a price as the reporters do.

use crate::{Outcome, ask, send, user};
use alloy_primitives::{
    Address,
    aliases::{I192, U48},
};
use heddle_client::{At, Node};
use heddle_venue::{
    Keys,
    addresses::ETH_USD,
    contracts::price_feed::PriceFeed,
    observation::{self, Observation},
};
use std::error::Error;

pub(crate) fn run(node: &Node) -> Outcome {
    // One of four lies: the answer is what an honest one saw.
    report(node, ETH_USD, [202_000_000_000, 999_900_000_000, 202_100_000_000, 202_200_000_000])?;
    let answer = ask(node, ETH_USD, &PriceFeed::latestRoundDataCall {})?;
    assert_eq!(answer._1.to_string(), "202200000000");
    Ok(())
}

/// Reports for the next round of a feed: what the reporter of each seat saw.
pub(crate) fn report(node: &Node, feed: Address, values: [i64; 4]) -> Result<u32, Box<dyn Error>> {
    let keys = Keys::development()?;
    let chain_id = node.chain_id()?;
    let round = ask(node, feed, &PriceFeed::latestRoundCall {})?.to::<u32>() + 1;
    let now = U48::from(node.block(At::Latest)?.timestamp);
    let mut observations = Vec::new();
    for ((seat, key), value) in (0_u8..).zip(&keys.reporters).zip(values) {
        let value = I192::try_from(value)?;
        let observation = Observation { round, attempt: 0, value, observedAt: now };
        observations.push(observation::sign(key, seat, &observation, feed, chain_id)?);
    }
    // The contract asks for ascending values; anybody may send the report.
    observations.sort_by_key(|observation| observation.value);
    send(&user(node, 9)?, feed, &PriceFeed::submitCall { round, attempt: 0, observations })?;
    Ok(round)
}
