use super::*;
use alloy_primitives::U256;
use serde_json::Value;
use std::{fs, path::PathBuf};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/blockchain");

fn conformance(path: PathBuf) -> BlockchainConformance {
    let selection = Selection { path, json: false, filter: None };
    BlockchainConformance { selection, network: None, threads: vec![1, 2], jobs: 2 }
}

/// The test of a file, its content changed.
fn unit(file: &str, change: impl FnOnce(&mut Value)) -> Unit {
    let text = fs::read_to_string(PathBuf::from(FIXTURES).join(file)).unwrap();
    let suite: Value = serde_json::from_str(&text).unwrap();
    let mut test = suite.as_object().unwrap().values().next().unwrap().clone();
    change(&mut test);
    serde_json::from_value(test).unwrap()
}

fn check(unit: &Unit) -> Result<(), String> {
    let config = networks::config(unit).unwrap();
    run::run(unit, &config, 1, &mut Work::default())
}

#[test]
fn passes_the_committed_tests() {
    let report = conformance(FIXTURES.into()).check().unwrap();
    assert!(report.tally.is_success(), "{report}");
    assert_eq!(report.tally.totals().passed, 5, "{report}");
    assert!(report.work.blocks > 0);
}

#[test]
fn fails_when_the_test_says_otherwise() {
    let told = |change: &dyn Fn(&mut Value)| check(&unit("log1_correct.json", change)).unwrap_err();
    let head = told(&|test| test["lastblockhash"] = test["genesisBlockHeader"]["hash"].clone());
    assert!(head.contains("the head must be"), "{head}");
    let invalid = told(&|test| test["blocks"][0]["expectException"] = "a reason".into());
    assert!(invalid.contains("it must be invalid"), "{invalid}");
    let state = told(&|test| {
        let accounts = test["postState"].as_object_mut().unwrap();
        accounts.values_mut().for_each(|account| account["balance"] = "0x07".into());
    });
    assert!(state.contains("the balance"), "{state}");
    let genesis = told(&|test| test["pre"] = serde_json::json!({}));
    assert!(genesis.contains("the first block must be"), "{genesis}");
    let valid = unit("wrongStateRoot.json", |test| {
        let block = &mut test["blocks"][0];
        block["blockHeader"] = block["rlp_decoded"]["blockHeader"].clone();
        block.as_object_mut().unwrap().retain(|name, _| !name.starts_with("expectException"));
    });
    let valid = check(&valid).unwrap_err();
    assert!(valid.contains("it must be valid"), "{valid}");
}

#[test]
fn knows_what_the_names_of_networks_mean() {
    let of = |network: &str| {
        networks::config(&unit("log1_correct.json", |test| test["network"] = network.into()))
    };
    let london = of("London").unwrap();
    assert_eq!((london.london_block, london.arrow_glacier_block), (Some(0), None));
    assert_eq!((london.dao_fork_block, london.terminal_total_difficulty), (None, None));
    let homestead = of("FrontierToHomesteadAt5").unwrap();
    assert_eq!((homestead.homestead_block, homestead.eip150_block), (Some(5), None));
    let dao = of("HomesteadToDaoAt5").unwrap();
    assert_eq!((dao.homestead_block, dao.dao_fork_block), (Some(0), Some(5)));
    assert!(dao.dao_fork_support);
    let merge = of("ArrowGlacierToParisAtDiffC0000").unwrap();
    assert_eq!(merge.terminal_total_difficulty, Some(U256::from(0xc0000)));
    assert_eq!((merge.arrow_glacier_block, merge.gray_glacier_block), (Some(0), None));
    let shanghai = of("ParisToShanghaiAtTime15k").unwrap();
    assert_eq!(shanghai.terminal_total_difficulty, Some(U256::ZERO));
    assert_eq!((shanghai.shanghai_time, shanghai.cancun_time), (Some(15_000), None));
    for unknown in ["Constantinople", "ByzantiumToConstantinopleAt5", "Amsterdam", "Nowhere"] {
        assert!(of(unknown).is_err(), "{unknown}");
    }
}
