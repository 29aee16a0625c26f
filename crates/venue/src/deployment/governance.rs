//! Governance: created with all its rights, so there is nothing to hand over but votes.

use super::{
    DAY, DeploymentError, HOUR, Script,
    tokens::{transfer, whole},
};
use crate::{
    addresses::{COUNCIL, LIQUID_STAKING, TIMELOCK, VENUE},
    contracts::{
        governance_deployment::{GovernanceDeployment, VenueGovernor},
        venue_token::VenueToken,
    },
};
use alloy_primitives::{Address, B256, U256, aliases::U48};
use alloy_signer::SignerSync;
use alloy_sol_types::{SolStruct, eip712_domain, sol};

/// Governance tokens of each holder.
const HELD: u64 = 8_000_000;

/// How many of the council must agree.
const THRESHOLD: u8 = 3;

sol! {
    /// What a holder signs who delegates (ERC-5805).
    struct Delegation {
        address delegatee;
        uint256 nonce;
        uint256 expiry;
    }

    /// OpenZeppelin's `AccessControl`.
    interface AccessControl {
        function grantRole(bytes32 role, address account) external;
        function renounceRole(bytes32 role, address callerConfirmation) external;
    }
}

pub(super) fn create(script: &mut Script, council: &[Address]) -> Result<(), DeploymentError> {
    let mut members = council.to_vec();
    members.sort_unstable();
    let settings = GovernanceDeployment::Settings {
        token: VENUE,
        timelockDelay: U256::from(DAY),
        governor: VenueGovernor::Settings {
            votingDelay: U48::from(HOUR),
            votingPeriod: DAY as u32,
            proposalThreshold: whole(100_000),
            quorumPercent: U256::from(4),
            voteExtension: U48::from(6 * HOUR),
        },
        members,
        threshold: THRESHOLD,
        councilDelay: U48::from(DAY),
        pauseDuration: U48::from(3 * DAY),
        pauseCooldown: U48::from(7 * DAY),
        pauseTargets: vec![LIQUID_STAKING],
    };
    let arguments = GovernanceDeployment::constructorCall { settings };
    script.create("GovernanceDeployment", &GovernanceDeployment::BYTECODE, &arguments)
}

/// Gives tokens to holders, whose votes the council's members have. A vote counts as of a second that
/// is over, so this is done long before the end.
pub(super) fn delegate(
    script: &mut Script,
    council: &[Address],
    end: u64,
) -> Result<(), DeploymentError> {
    let domain = eip712_domain! {
        name: "Venue Token",
        version: "1",
        chain_id: script.chain_id,
        verifying_contract: VENUE,
    };
    let expiry = U256::from(end);
    for (holder, delegatee) in script.keys.holders.clone().iter().zip(council) {
        transfer(script, VENUE, holder.address(), whole(HELD))?;
        let delegation = Delegation { delegatee: *delegatee, nonce: U256::ZERO, expiry };
        let signature = holder.sign_hash_sync(&delegation.eip712_signing_hash(&domain))?;
        let call = VenueToken::delegateBySigCall {
            delegatee: *delegatee,
            nonce: U256::ZERO,
            expiry,
            v: 27 + u8::from(signature.v()),
            r: B256::from(signature.r()),
            s: B256::from(signature.s()),
        };
        script.call(VENUE, &call)?;
    }
    Ok(())
}

/// The installer grants a role.
pub(super) fn grant(
    script: &mut Script,
    contract: Address,
    role: B256,
    account: Address,
) -> Result<(), DeploymentError> {
    script.call(contract, &AccessControl::grantRoleCall { role, account })
}

/// The timelock becomes the admin of a contract, the council gets one role of it, and the installer
/// gives up all that it had.
pub(super) fn hand_over(
    script: &mut Script,
    contract: Address,
    kept: &[B256],
    to_timelock: &[B256],
    to_council: &[B256],
) -> Result<(), DeploymentError> {
    let admin = B256::ZERO;
    let installer = script.keys.installer.address();
    for role in to_timelock {
        grant(script, contract, *role, TIMELOCK)?;
    }
    for role in to_council {
        grant(script, contract, *role, COUNCIL)?;
    }
    grant(script, contract, admin, TIMELOCK)?;
    // That of the admin last.
    for role in kept.iter().chain([&admin]) {
        let call = AccessControl::renounceRoleCall { role: *role, callerConfirmation: installer };
        script.call(contract, &call)?;
    }
    Ok(())
}
