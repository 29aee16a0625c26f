//! What the names of networks mean.
//!
//! A name is that of a fork, which is then active from the first block on with all before it; or
//! `FromToNextAtPoint`, where the next one becomes active at a height (`5`), a time (`Time15k`) or
//! a total difficulty (`DiffC0000`, in hexadecimal).

use super::fixture::Unit;
use alloy_primitives::U256;
use heddle_types::ChainConfig;

/// The forks by the names that tests use, in order. The later of two names for the same counts.
const FORKS: [&str; 25] = [
    "Frontier",
    "Homestead",
    "Dao",
    "EIP150",
    "EIP158",
    "Byzantium",
    "Constantinople",
    "ConstantinopleFix",
    "Istanbul",
    "MuirGlacier",
    "Berlin",
    "London",
    "ArrowGlacier",
    "GrayGlacier",
    "Merge",
    "Paris",
    "Shanghai",
    "Cancun",
    "Prague",
    "Osaka",
    "BPO1",
    "BPO2",
    "BPO3",
    "BPO4",
    "Amsterdam",
];

const CONSTANTINOPLE: &str =
    "Constantinople: mainnet never ran EIP-1283, and revm has no rules for it";
const AMSTERDAM: &str = "Amsterdam: its rules are not final";

/// When a fork becomes active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Start,
    Block(u64),
    Time(u64),
    TotalDifficulty(U256),
}

/// The rules of a test's chain, or why it is not run.
pub(super) fn config(unit: &Unit) -> Result<ChainConfig, &'static str> {
    let mut config = rules(&unit.network)?;
    config.chain_id = match unit.config.chain_id {
        Some(id) => u64::try_from(id).map_err(|_| "the chain id is wider than 64 bits")?,
        None => 1,
    };
    for (name, blobs) in &unit.config.blob_schedule {
        config.blob_schedule.insert(name.to_lowercase(), blobs.params());
    }
    Ok(config)
}

fn rules(network: &str) -> Result<ChainConfig, &'static str> {
    let unknown = "the network is none that is known";
    let (first, next) = match network.split_once("To") {
        None => (network, None),
        Some((first, rest)) => {
            let (next, at) = rest.split_once("At").ok_or(unknown)?;
            (first, Some((next, point(at).ok_or(unknown)?)))
        }
    };
    let position = |name: &str| FORKS.iter().position(|known| *known == name).ok_or(unknown);
    let last = position(first)?;
    let mut config = ChainConfig::default();
    for fork in &FORKS[..=last] {
        // A network has the DAO fork only if it is named.
        if *fork != "Dao" || first == "Dao" {
            activate(&mut config, fork, Point::Start);
        }
    }
    if let Some((next, at)) = next {
        let next_position = position(next)?;
        // Nothing happens at the forks that are jumped over, or they happen together.
        for fork in FORKS[..=next_position].iter().skip(last + 1) {
            if *fork == next || !matches!(*fork, "Dao" | "ArrowGlacier" | "GrayGlacier") {
                activate(&mut config, fork, at);
            }
        }
    }
    for (name, reason) in [("Constantinople", CONSTANTINOPLE), ("Amsterdam", AMSTERDAM)] {
        if first == name || next.is_some_and(|(next, _)| next == name) {
            return Err(reason);
        }
    }
    Ok(config)
}

fn point(text: &str) -> Option<Point> {
    if let Some(time) = text.strip_prefix("Time") {
        let thousands = time.strip_suffix('k')?.parse::<u64>().ok()?;
        return Some(Point::Time(thousands * 1000));
    }
    if let Some(difficulty) = text.strip_prefix("Diff") {
        return U256::from_str_radix(difficulty, 16).ok().map(Point::TotalDifficulty);
    }
    text.parse().ok().map(Point::Block)
}

fn activate(config: &mut ChainConfig, fork: &str, at: Point) {
    let block = Some(match at {
        Point::Block(block) => block,
        _ => 0,
    });
    let time = Some(match at {
        Point::Time(time) => time,
        _ => 0,
    });
    match fork {
        "Homestead" => config.homestead_block = block,
        "Dao" => {
            config.dao_fork_block = block;
            config.dao_fork_support = true;
        }
        "EIP150" => config.eip150_block = block,
        "EIP158" => {
            config.eip155_block = block;
            config.eip158_block = block;
        }
        "Byzantium" => config.byzantium_block = block,
        "Constantinople" => config.constantinople_block = block,
        "ConstantinopleFix" => {
            config.constantinople_block = block;
            config.petersburg_block = block;
        }
        "Istanbul" => config.istanbul_block = block,
        "MuirGlacier" => config.muir_glacier_block = block,
        "Berlin" => config.berlin_block = block,
        "London" => config.london_block = block,
        "ArrowGlacier" => config.arrow_glacier_block = block,
        "GrayGlacier" => config.gray_glacier_block = block,
        "Merge" | "Paris" => {
            config.terminal_total_difficulty = Some(match at {
                Point::TotalDifficulty(difficulty) => difficulty,
                _ => U256::ZERO,
            });
        }
        "Shanghai" => config.shanghai_time = time,
        "Cancun" => config.cancun_time = time,
        "Prague" => config.prague_time = time,
        "Osaka" => config.osaka_time = time,
        "BPO1" => config.bpo1_time = time,
        "BPO2" => config.bpo2_time = time,
        "BPO3" => config.bpo3_time = time,
        "BPO4" => config.bpo4_time = time,
        "Amsterdam" => config.amsterdam_time = time,
        _ => {}
    }
}
