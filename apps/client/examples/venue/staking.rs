//! A share of a vault of staked tokens: whoever leaves waits a week.

use crate::{Outcome, approve, ask, balance, pass, send, units, user};
use alloy_primitives::U256;
use heddle_client::Node;
use heddle_venue::{
    addresses::{LIQUID_STAKING, VENUE},
    contracts::liquid_staking_vault::LiquidStakingVault,
};

const WEEK: u64 = 7 * 86_400;

pub(crate) fn run(node: &Node) -> Outcome {
    let staker = user(node, 5)?;
    let me = staker.address();
    approve(&staker, VENUE, LIQUID_STAKING)?;
    let assets = units(1_000, 18);
    let deposit = LiquidStakingVault::depositCall { assets, receiver: me };
    send(&staker, LIQUID_STAKING, &deposit)?;
    // Rewards raise the price of a share second by second.
    pass(node, WEEK)?;
    let shares = ask(node, LIQUID_STAKING, &LiquidStakingVault::balanceOfCall { account: me })?;
    send(&staker, LIQUID_STAKING, &LiquidStakingVault::requestExitCall { shares, owner: me })?;
    // The number of an exit is its owner and a count of the owner's.
    let id = U256::from_be_slice(me.as_slice()) << 96;
    pass(node, WEEK)?;
    let before = balance(node, VENUE, me)?;
    send(&staker, LIQUID_STAKING, &LiquidStakingVault::claimCall { id })?;
    let paid = balance(node, VENUE, me)? - before;
    assert!(paid > assets && paid < assets + units(20, 18), "{paid}");
    Ok(())
}
