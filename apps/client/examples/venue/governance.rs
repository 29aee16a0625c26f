//! Deciding by votes: a proposal, its voting, and what it does.

use crate::{Outcome, ask, pass, send, user};
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::SolCall as _;
use heddle_client::Node;
use heddle_venue::{
    addresses::{GOVERNOR, LENDING_POOL, USD},
    contracts::{
        configurator::Configurator, lending_pool::LendingPool, venue_governor::VenueGovernor,
    },
};

const DAY: u64 = 86_400;

/// What `castVote` counts for a proposal.
const FOR: u8 = 1;

/// The number of vUSD among the reserves.
const RESERVE: u64 = 2;

pub(crate) fn run(node: &Node) -> Outcome {
    let proposer = user(node, 0)?;
    let description = "Keep 15 % of the interest on vUSD";
    let set = Configurator::setReserveFactorCall { asset: USD, reserveFactor: 1_500 };
    let (targets, values) = (vec![LENDING_POOL], vec![U256::ZERO]);
    let calldatas = vec![set.abi_encode().into()];
    let hash = keccak256(description);
    let propose = VenueGovernor::proposeCall {
        targets: targets.clone(),
        values: values.clone(),
        calldatas: calldatas.clone(),
        description: description.to_owned(),
    };
    send(&proposer, GOVERNOR, &propose)?;
    let id = VenueGovernor::getProposalIdCall {
        targets: targets.clone(),
        values: values.clone(),
        calldatas: calldatas.clone(),
        descriptionHash: hash,
    };
    let id = ask(node, GOVERNOR, &id)?;
    pass(node, 3_601)?;
    for voter in 0..2 {
        let vote = VenueGovernor::castVoteCall { proposalId: id, support: FOR };
        send(&user(node, voter)?, GOVERNOR, &vote)?;
    }
    pass(node, DAY + 1)?;
    // Anybody may have it queued, and done after the timelock's delay.
    let anybody = user(node, 6)?;
    let queue = VenueGovernor::queueCall {
        targets: targets.clone(),
        values: values.clone(),
        calldatas: calldatas.clone(),
        descriptionHash: hash,
    };
    send(&anybody, GOVERNOR, &queue)?;
    pass(node, DAY + 1)?;
    let execute = VenueGovernor::executeCall { targets, values, calldatas, descriptionHash: hash };
    send(&anybody, GOVERNOR, &execute)?;
    let config = LendingPool::reserveAtCall { id: U256::from(RESERVE) };
    let config = ask(node, LENDING_POOL, &config)?;
    assert_eq!((config.asset, config.reserveFactor), (USD, 1_500));
    Ok(())
}
