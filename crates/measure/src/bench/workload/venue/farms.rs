//! Farms in which the governance token is staked, and earns the same.

use super::{
    site::{Site, creation},
    tokens::{Tokens, approve},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use heddle_venue::contracts::reward_farm::RewardFarm;

/// How many there are.
pub(crate) const FARMS: usize = 4;

/// What each gives, and for how long.
const REWARD: u128 = 1_000_000 * 10_u128.pow(18);
const DURATION: u64 = 30 * 86_400;

/// Has them created, with rewards.
pub(crate) fn deploy<S: Site>(site: &mut S, tokens: &Tokens) -> Result<Vec<Address>, S::Error> {
    let arguments = (tokens.venue, tokens.venue, site.deployer());
    let farms: Vec<Address> =
        (0..FARMS).map(|_| site.create(creation(&RewardFarm::BYTECODE, &arguments))).collect();
    site.settle()?;
    let role = site.ask(farms[0], &RewardFarm::REWARDER_ROLECall {})?;
    for farm in &farms {
        let grant = RewardFarm::grantRoleCall { role, account: site.deployer() };
        site.administer(*farm, grant.abi_encode().into());
        site.administer(tokens.venue, approve(*farm));
        let schedule = RewardFarm::addScheduleCall {
            amount: U256::from(REWARD),
            duration: U256::from(DURATION),
        };
        site.administer(*farm, schedule.abi_encode().into());
    }
    site.settle()?;
    Ok(farms)
}

/// Stakes tokens of the sender.
pub(crate) fn stake(amount: U256) -> Bytes {
    RewardFarm::stakeCall { amount }.abi_encode().into()
}

/// Gives back a part of the sender's stake.
pub(crate) fn unstake(amount: U256) -> Bytes {
    RewardFarm::withdrawCall { amount }.abi_encode().into()
}

/// Pays what the sender has earned.
pub(crate) fn claim() -> Bytes {
    RewardFarm::claimCall {}.abi_encode().into()
}
