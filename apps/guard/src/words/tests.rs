use super::*;
use alloy_primitives::{U64, address};
use alloy_sol_types::{SolCall, SolEvent};
use heddle_venue::contracts::{
    configurator::Configurator, lending_pool::LendingPool, venue_governor::VenueGovernor,
};

fn log(event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log {
        address: Address::ZERO,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
        block_number: U64::ZERO,
        block_hash: B256::ZERO,
        block_timestamp: None,
        transaction_hash: B256::ZERO,
        log_index: U64::ZERO,
    }
}

#[test]
fn roles_are_told_of_whatever_the_contract_is() {
    let event = Roles::RoleGranted {
        role: keccak256("RISK_ROLE"),
        account: addresses::TIMELOCK,
        sender: address!("0x0000000000000000000000000000000000000001"),
    };
    for kind in [Kind::Roles, Kind::LendingPool, Kind::Timelock] {
        let (severity, name, text) = words(kind, &log(&event)).unwrap();
        assert_eq!((severity, name), (Critical, "RoleGranted"));
        let expected = format!(
            "timelock ({}) got RISK_ROLE from 0x0000000000000000000000000000000000000001",
            addresses::TIMELOCK
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn a_scheduled_call_is_told_by_its_function() {
    let call = Configurator::scheduleFeedCall {
        asset: addresses::WETH,
        feed: addresses::ETH_USD,
        heartbeat: 60,
    };
    let event = Timelock::CallScheduled {
        id: B256::ZERO,
        index: U256::ZERO,
        target: addresses::LENDING_POOL,
        value: U256::ZERO,
        data: call.abi_encode().into(),
        predecessor: B256::ZERO,
        delay: U256::from(86_400),
    };
    let (severity, _, text) = words(Kind::Timelock, &log(&event)).unwrap();
    assert_eq!(severity, Critical);
    let begin = format!(
        "scheduleFeed(address,address,uint32) of lendingPool ({}) is scheduled in 86400 s",
        addresses::LENDING_POOL
    );
    assert!(text.starts_with(&begin), "{text}");
}

#[test]
fn a_stranger_cannot_make_an_alert_long_or_move_the_cursor() {
    let event = VenueGovernor::ProposalCreated {
        proposalId: U256::from(1),
        proposer: Address::ZERO,
        targets: vec![Address::ZERO; 1_000],
        values: vec![U256::ZERO; 1_000],
        signatures: vec![String::new(); 1_000],
        calldatas: vec![Bytes::from(vec![1; 8]); 1_000],
        voteStart: U256::ZERO,
        voteEnd: U256::from(9),
        description: format!("\u{1b}[2J\nall is well{}", "x".repeat(100_000)),
    };
    let (_, _, text) = words(Kind::Governor, &log(&event)).unwrap();
    assert!(text.len() < 2_000, "{}", text.len());
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
    assert!(text.contains("and 995 more") && text.contains("until 9"), "{text}");
}

#[test]
fn what_users_do_is_not_told() {
    let event = LendingPool::Supplied {
        asset: addresses::WETH,
        account: Address::ZERO,
        payer: Address::ZERO,
        amount: U256::from(1),
        scaledSupply: U256::from(1),
    };
    assert_eq!(words(Kind::LendingPool, &log(&event)), None);
    let mut torn = log(&event);
    torn.data = Bytes::new();
    assert_eq!(words(Kind::LendingPool, &torn), None);
}

#[test]
fn what_is_lost_and_what_stops_is_critical() {
    let lost = LendingPool::DeficitRecorded {
        account: Address::ZERO,
        asset: addresses::USD,
        added: U256::from(5),
        deficit: U256::from(7),
    };
    let stopped = LendingPool::PausedSet { paused: true };
    let told = [
        words(Kind::LendingPool, &log(&lost)).unwrap(),
        words(Kind::LendingPool, &log(&stopped)).unwrap(),
    ];
    assert!(told.iter().all(|(severity, ..)| *severity == Critical));
    assert!(told[0].2.contains("the deficit is 7"), "{}", told[0].2);
}
