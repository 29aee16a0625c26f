//! The deployment is executed, and what there is afterwards is what the documents say.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod chain;
mod roles;
mod systems;

use alloy_primitives::{
    Address, B256, U256,
    aliases::{I192, U48},
    keccak256,
};
use alloy_sol_types::SolStruct;
use chain::{CHAIN_ID, Chain, END, accounts, deployed, deployment};
use heddle_solidity::verify::BuildInfo;
use heddle_venue::{
    ACCOUNTS_MIN, Deployment, DeploymentError, Keys, SPAN, Settings,
    addresses::{ALL, DEPLOYER, INSTALLER, WETH, WETH_USD_SHARDED},
    build_info,
    contracts::sharded_pool::ShardedPool,
    observation::{self, Observation},
};
use std::collections::BTreeSet;

#[test]
fn all_contracts_are_where_the_constants_say() {
    let keys = Keys::development().unwrap();
    assert_eq!((keys.deployer.address(), keys.installer.address()), (DEPLOYER, INSTALLER));
    let mut chain = deployed();
    for place in ALL {
        assert!(!chain.code(place.address).is_empty(), "{place:?}");
    }
    let names: BTreeSet<_> = ALL.iter().map(|place| (place.system, place.name)).collect();
    let addresses: BTreeSet<Address> = ALL.iter().map(|place| place.address).collect();
    assert_eq!((names.len(), addresses.len()), (ALL.len(), ALL.len()));
}

#[test]
fn each_contract_has_the_source_that_the_build_info_says() {
    let sources = BuildInfo::of_json(&build_info().unwrap()).unwrap();
    let mut chain = deployed();
    for place in ALL {
        let found = sources.find(&chain.code(place.address));
        let found = found.unwrap_or_else(|| panic!("{place:?}"));
        assert_eq!(found.name, place.contract);
        assert!(found.sources[&found.path].contains(&format!("contract {}", found.name)));
        assert!(found.sources.len() < 80, "{}: {}", found.name, found.sources.len());
        // By their names alone, though other contracts have immutables of the same.
        let is_name = |name: &String| !name.contains('#') && !name.starts_with(char::is_numeric);
        assert!(found.immutables.keys().all(is_name), "{:?}", found.immutables);
    }
    // What contracts of the venue create, too.
    let shard = chain.ask(WETH_USD_SHARDED, &ShardedPool::shardAtCall { index: U256::from(7) });
    let shard = sources.find(&chain.code(shard)).unwrap();
    assert_eq!(shard.path, "exchange/PoolShard.sol");
    assert_eq!(shard.immutables["shardedPool"][12..], WETH_USD_SHARDED[..]);
    // Code that differs is of no contract.
    let mut code = chain.code(WETH).to_vec();
    *code.last_mut().unwrap() ^= 1;
    assert!(sources.find(&code).is_none());
    assert!(sources.find(&[]).is_none());
}

#[test]
fn each_transaction_succeeds_on_any_chain_and_with_few_accounts() {
    for (chain_id, count) in [(1, 5), (CHAIN_ID, 7), (u64::from(u32::MAX), 12)] {
        let deployment = deployment(chain_id, &accounts(count));
        let mut chain = Chain::new(&deployment, chain_id);
        for block in &deployment.blocks {
            chain.apply(block);
        }
        let times: Vec<u64> = deployment.blocks.iter().map(|block| block.timestamp).collect();
        assert!(times.is_sorted());
        assert!(times[0] > END - SPAN);
        assert_eq!(times.last(), Some(&END));
    }
}

#[test]
fn the_same_settings_give_the_same_transactions() {
    let hashes = || -> Vec<B256> {
        let steps = deployment(CHAIN_ID, &accounts(10)).blocks.into_iter().flat_map(|b| b.steps);
        steps.map(|step| *step.transaction.transaction.tx_hash()).collect()
    };
    assert_eq!(hashes(), hashes());
}

#[test]
fn refuses_too_few_accounts_and_too_early_an_end() {
    let four = accounts(4);
    let settings = Settings { chain_id: CHAIN_ID, end: END, accounts: &four };
    let refused = Deployment::new(&settings).unwrap_err();
    assert!(matches!(refused, DeploymentError::Accounts { there: 4 }));
    assert!(refused.to_string().contains(&ACCOUNTS_MIN.to_string()));
    let five = accounts(5);
    let settings = Settings { chain_id: CHAIN_ID, end: SPAN - 1, accounts: &five };
    assert!(matches!(Deployment::new(&settings), Err(DeploymentError::End { .. })));
}

#[test]
fn observations_have_the_type_that_contracts_hash() {
    let written = "Observation(uint32 round,uint32 attempt,int192 value,uint48 observedAt)";
    let observation =
        Observation { round: 1, attempt: 0, value: I192::ONE, observedAt: U48::from(END) };
    assert_eq!(observation.eip712_type_hash(), keccak256(written));
    // The domain is of one feed on one chain.
    let hash = |feed, chain| observation::signing_hash(&observation, feed, chain);
    let feed = Address::repeat_byte(1);
    assert_ne!(hash(feed, 1), hash(feed, 2));
    assert_ne!(hash(feed, 1), hash(Address::repeat_byte(2), 1));
}
