//! Staking: a farm, locks, a vault, and delegated stake.

use super::{
    DAY, DeploymentError, HOUR, Script,
    governance::{grant, hand_over as hand_over_roles},
    tokens::{approve, whole},
};
use crate::{
    addresses::{
        FARM, LIQUID_STAKING, LOCKED_STAKING, PAUSE_GUARDIAN, TIMELOCK, VALIDATOR_STAKING,
        VALIDATORS, VENUE, WETH_USD_PAIR,
    },
    contracts::{
        liquid_staking_vault::LiquidStakingVault, locked_staking::LockedStaking,
        reward_farm::RewardFarm, validator_staking::ValidatorStaking, validators::Validators,
    },
};
use alloy_primitives::{
    Address, B256, U256,
    aliases::{U48, U96},
    keccak256,
};

/// Weeks, boost and penalty of each term of locked stakes; the latter two in 1e-4.
const TERMS: [[u16; 3]; 4] =
    [[4, 10_000, 500], [26, 15_000, 1_500], [52, 20_000, 2_500], [104, 30_000, 5_000]];

pub(super) fn create(script: &mut Script) -> Result<(), DeploymentError> {
    let admin = script.keys.installer.address();
    let arguments =
        RewardFarm::constructorCall { stakedToken_: WETH_USD_PAIR, rewardToken_: VENUE, admin };
    script.create("RewardFarm", &RewardFarm::BYTECODE, &arguments)?;
    let arguments =
        LockedStaking::constructorCall { token_: VENUE, penaltyRecipient_: Address::ZERO, admin };
    script.create("LockedStaking", &LockedStaking::BYTECODE, &arguments)?;
    let arguments = LiquidStakingVault::constructorCall {
        asset_: VENUE,
        name_: "Staked Venue Token".to_owned(),
        symbol_: "stVENUE".to_owned(),
        settings: LiquidStakingVault::Settings {
            exitDelay: U48::from(7 * DAY),
            dripPeriod: U48::from(7 * DAY),
            slashPeriod: U48::from(30 * DAY),
            slashMax: 100_000_000_000_000_000,
        },
        slashRecipient_: TIMELOCK,
        pauseGuardian_: PAUSE_GUARDIAN,
        admin,
    };
    script.create("LiquidStakingVault", &LiquidStakingVault::BYTECODE, &arguments)?;
    script.create_of("Validators", validators_code(VALIDATOR_STAKING))?;
    let arguments = ValidatorStaking::constructorCall {
        validators_: VALIDATORS,
        token_: VENUE,
        settings: ValidatorStaking::Settings {
            epochDuration: U48::from(HOUR),
            unbondingDelay: U48::from(DAY),
            slashRecipient: TIMELOCK,
            seats: 4,
            selfStakeMin: whole(10_000).to::<U96>(),
        },
        admin,
    };
    script.create("ValidatorStaking", &ValidatorStaking::BYTECODE, &arguments)
}

/// Code that leaves `Validators` with an authority. The contract has no constructor, as networks have
/// it in their first block, with its storage.
fn validators_code(authority: Address) -> Vec<u8> {
    let runtime = &Validators::DEPLOYED_BYTECODE;
    // The length of what there is below is a number of two bytes.
    let [high, low] = (runtime.len() as u16).to_be_bytes();
    let mut code = vec![0x73]; // PUSH20
    code.extend(authority);
    code.extend([0x5f, 0x55]); // PUSH0 SSTORE: slot 0 is the authority
    code.extend([0x61, high, low, 0x80, 0x60, 33, 0x5f, 0x39]); // PUSH2 DUP1 PUSH1 PUSH0 CODECOPY
    code.extend([0x5f, 0xf3]); // PUSH0 RETURN
    code.extend(runtime.as_ref());
    code
}

/// Gives rewards, so that whoever stakes earns.
pub(super) fn launch(script: &mut Script) -> Result<(), DeploymentError> {
    let installer = script.keys.installer.address();
    for contract in [FARM, LOCKED_STAKING, LIQUID_STAKING, VALIDATOR_STAKING] {
        approve(script, VENUE, contract)?;
    }
    grant(script, FARM, rewarder(), installer)?;
    let schedule =
        RewardFarm::addScheduleCall { amount: whole(2_000_000), duration: U256::from(90 * DAY) };
    script.call(FARM, &schedule)?;
    for [duration, boost, penalty] in TERMS {
        script.call(LOCKED_STAKING, &LockedStaking::addTermCall { duration, boost, penalty })?;
    }
    let fund = LockedStaking::fundCall { amount: whole(1_040_000), count: U256::from(52) };
    script.call_with_gas(LOCKED_STAKING, &fund, 3_000_000)?;
    grant(script, LIQUID_STAKING, rewarder(), installer)?;
    let deposit = LiquidStakingVault::depositCall { assets: whole(1_000_000), receiver: TIMELOCK };
    script.call(LIQUID_STAKING, &deposit)?;
    script.call(LIQUID_STAKING, &LiquidStakingVault::rewardCall { amount: whole(10_000) })?;
    let reward = ValidatorStaking::giveRewardCall { amount: whole(100_000) };
    script.call(VALIDATOR_STAKING, &reward)
}

pub(super) fn hand_over(script: &mut Script) -> Result<(), DeploymentError> {
    let slasher = keccak256("SLASHER_ROLE");
    hand_over_roles(script, FARM, &[rewarder()], &[rewarder()], &[])?;
    hand_over_roles(script, LOCKED_STAKING, &[], &[], &[])?;
    hand_over_roles(script, LIQUID_STAKING, &[rewarder()], &[rewarder()], &[slasher])?;
    hand_over_roles(script, VALIDATOR_STAKING, &[], &[], &[slasher])
}

fn rewarder() -> B256 {
    keccak256("REWARDER_ROLE")
}
