//! Who may do what in the end.

use crate::chain::{accounts, deployed};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::sol;
use heddle_venue::{
    Keys,
    addresses::{
        COUNCIL, FARM, GOVERNOR, LENDING_POOL, LIQUID_STAKING, LOCKED_STAKING, PAUSE_GUARDIAN,
        RAINFALL_INSURANCE, REGISTRY, TIMELOCK, VALIDATOR_STAKING, VALIDATORS,
    },
    contracts::{
        pause_guardian::PauseGuardian, security_council::SecurityCouncil, validators::Validators,
        venue_governor::VenueGovernor,
    },
};

sol! {
    interface AccessControl {
        function hasRole(bytes32 role, address account) external view returns (bool);
        function grantRole(bytes32 role, address account) external;
    }
}

/// Each contract with roles, and who has which of them, besides the highest, which the timelock has.
fn roles() -> Vec<(Address, Vec<(&'static str, Address)>)> {
    vec![
        (REGISTRY, vec![("APPOINTER_ROLE", TIMELOCK), ("CANCELLER_ROLE", COUNCIL)]),
        (RAINFALL_INSURANCE, vec![("OPENER_ROLE", COUNCIL)]),
        (LENDING_POOL, vec![("RISK_ROLE", TIMELOCK), ("GUARDIAN_ROLE", COUNCIL)]),
        (FARM, vec![("REWARDER_ROLE", TIMELOCK)]),
        (LOCKED_STAKING, vec![]),
        (LIQUID_STAKING, vec![("REWARDER_ROLE", TIMELOCK), ("SLASHER_ROLE", COUNCIL)]),
        (VALIDATOR_STAKING, vec![("SLASHER_ROLE", COUNCIL)]),
        (PAUSE_GUARDIAN, vec![("GUARDIAN_ROLE", COUNCIL)]),
        (TIMELOCK, vec![("PROPOSER_ROLE", GOVERNOR), ("CANCELLER_ROLE", GOVERNOR)]),
    ]
}

#[test]
fn governance_has_all_roles_and_whoever_deployed_has_none() {
    let mut chain = deployed();
    let keys = Keys::development().unwrap();
    let mut others = vec![keys.deployer.address(), keys.installer.address()];
    others.extend(keys.reporter_addresses());
    others.extend(accounts(10));
    let names: Vec<&str> = roles().iter().flat_map(|(_, held)| held).map(|held| held.0).collect();
    for (contract, held) in roles() {
        let mut has =
            |role, account| chain.ask(contract, &AccessControl::hasRoleCall { role, account });
        assert!(has(B256::ZERO, TIMELOCK), "{contract}");
        for (name, holder) in &held {
            assert!(has(keccak256(name), *holder), "{name} of {contract}");
        }
        for account in &others {
            assert!(!has(B256::ZERO, *account), "{account} at {contract}");
            assert!(!names.iter().any(|name| has(keccak256(name), *account)), "{account}");
        }
        let grant = AccessControl::grantRoleCall { role: B256::ZERO, account: others[0] };
        assert!(chain.may(TIMELOCK, contract, &grant));
        assert!(!chain.may(others[1], contract, &grant));
    }
}

#[test]
fn the_council_are_the_first_five_accounts_and_guard_what_they_should() {
    let mut chain = deployed();
    let mut members = accounts(5);
    members.sort_unstable();
    assert_eq!(chain.ask(COUNCIL, &SecurityCouncil::listMembersCall {}), members);
    assert_eq!(chain.ask(COUNCIL, &SecurityCouncil::thresholdCall {}), 3);
    assert_eq!(chain.ask(COUNCIL, &SecurityCouncil::governanceCall {}), TIMELOCK);
    let targets = chain.ask(PAUSE_GUARDIAN, &PauseGuardian::listTargetsCall {});
    assert_eq!(targets, [LIQUID_STAKING]);
    let guardian = chain.ask(GOVERNOR, &VenueGovernor::proposalGuardianCall {});
    assert_eq!(guardian, COUNCIL);
    assert_eq!(chain.ask(GOVERNOR, &VenueGovernor::timelockCall {}), TIMELOCK);
    assert_eq!(chain.ask(VALIDATORS, &Validators::authorityCall {}), VALIDATOR_STAKING);
}
