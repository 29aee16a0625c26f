//! The genesis of a development chain.

use alloy_primitives::{Address, Bytes, U256, address, bytes, hex};
use heddle_chain::{add_system_contracts, config_with_forks};
use heddle_types::{Fork, Genesis, GenesisAccount};
use serde::Deserialize;

/// What can be set of a development chain's genesis.
#[derive(Clone, Debug)]
pub(super) struct GenesisSettings {
    pub(super) chain_id: u64,
    pub(super) fork: Fork,
    /// UNIX seconds.
    pub(super) timestamp: u64,
    pub(super) number: u64,
    pub(super) gas_limit: u64,
    /// Wei; used from London on.
    pub(super) base_fee: u64,
    pub(super) coinbase: Address,
    /// Accounts that have ether, and how much, in wei.
    pub(super) funded: Vec<(Address, U256)>,
    /// Whether the CREATE2 deployer, Multicall3 and WETH are there.
    pub(super) predeploys: bool,
    /// Whether, of those, the CREATE2 deployer is there.
    pub(super) create2_deployer: bool,
}

/// Deterministic deployment proxy: the address and code are the same on every chain.
const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
const CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// Where Multicall3 is on nearly every chain.
const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");
/// Runtime code, as the npm package viem 2.57.0 (MIT) carries it.
const MULTICALL3_CODE: &str = include_str!("../../predeploys/multicall3.hex");

/// Where wrapped ether is on mainnet.
const WETH: Address = address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
const WETH_ARTIFACT: &str = include_str!("../../../../contracts/artifacts/Weth.json");

/// The genesis with all forks up to `settings.fork` active from the start.
pub(super) fn genesis(settings: &GenesisSettings) -> Genesis {
    let mut genesis = Genesis {
        config: config_with_forks(settings.chain_id, settings.fork),
        timestamp: settings.timestamp,
        gas_limit: settings.gas_limit,
        coinbase: settings.coinbase,
        number: (settings.number > 0).then_some(settings.number),
        base_fee_per_gas: (settings.fork >= Fork::London).then_some(settings.base_fee.into()),
        ..Genesis::default()
    };
    for (address, balance) in &settings.funded {
        genesis.alloc.entry(*address).or_default().balance = *balance;
    }
    if settings.predeploys {
        if settings.create2_deployer {
            add(&mut genesis, CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE);
        }
        add(&mut genesis, MULTICALL3, multicall3_code());
        add(&mut genesis, WETH, weth_code());
    }
    add_system_contracts(&mut genesis);
    genesis
}

fn add(genesis: &mut Genesis, address: Address, code: Bytes) {
    let account = GenesisAccount { nonce: Some(1), code: Some(code), ..GenesisAccount::default() };
    genesis.alloc.entry(address).or_insert(account);
}

fn multicall3_code() -> Bytes {
    let code = hex::decode(MULTICALL3_CODE.trim());
    code.expect("the file that is built in holds hexadecimal digits, which a test reads").into()
}

fn weth_code() -> Bytes {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Artifact {
        deployed_bytecode: Bytes,
    }
    let artifact: Artifact = serde_json::from_str(WETH_ARTIFACT)
        .expect("the artifact that is built in is whole, which a test reads");
    artifact.deployed_bytecode
}

/// The names that `--hardfork` takes, anvil's among them.
pub(super) fn fork_by_name(name: &str) -> Result<Fork, String> {
    let fork = match name.to_ascii_lowercase().as_str() {
        "frontier" => Fork::Frontier,
        "homestead" => Fork::Homestead,
        "tangerine" => Fork::Tangerine,
        "spuriousdragon" | "spurious_dragon" => Fork::SpuriousDragon,
        "byzantium" => Fork::Byzantium,
        "constantinople" | "petersburg" => Fork::Petersburg,
        "istanbul" | "muirglacier" => Fork::Istanbul,
        "berlin" => Fork::Berlin,
        "london" | "arrowglacier" | "grayglacier" => Fork::London,
        "merge" | "paris" => Fork::Merge,
        "shanghai" => Fork::Shanghai,
        "cancun" => Fork::Cancun,
        "prague" => Fork::Prague,
        "osaka" | "latest" => Fork::Osaka,
        "amsterdam" => Fork::Amsterdam,
        _ => {
            return Err("give one of frontier, homestead, tangerine, spuriousdragon, byzantium, \
                 petersburg, istanbul, berlin, london, paris, shanghai, cancun, prague, osaka \
                 (the default) or amsterdam"
                .to_owned());
        }
    };
    Ok(fork)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip4788;
    use heddle_types::ChainSpec;

    fn settings(fork: Fork) -> GenesisSettings {
        GenesisSettings {
            chain_id: 31337,
            fork,
            timestamp: 0,
            number: 0,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            coinbase: Address::ZERO,
            funded: vec![(Address::repeat_byte(1), U256::ONE)],
            predeploys: true,
            create2_deployer: true,
        }
    }

    #[test]
    fn every_hardfork_makes_a_genesis_whose_rules_are_its_own() {
        for name in ["frontier", "byzantium", "berlin", "london", "paris", "cancun", "osaka"] {
            let fork = fork_by_name(name).unwrap();
            let spec = ChainSpec::from_genesis(&genesis(&settings(fork))).unwrap();
            assert_eq!(spec.fork_at(1, 1, fork >= Fork::Merge), fork);
        }
        assert!(fork_by_name("osakka").is_err());
    }

    #[test]
    fn the_contracts_that_are_built_in_have_code() {
        let genesis = genesis(&settings(Fork::Osaka));
        for address in [CREATE2_DEPLOYER, MULTICALL3, WETH, eip4788::BEACON_ROOTS_ADDRESS] {
            let account = &genesis.alloc[&address];
            assert!(account.code.as_ref().is_some_and(|code| code.len() > 60), "{address}");
        }
        assert_eq!(genesis.alloc.len(), 8);
    }
}
