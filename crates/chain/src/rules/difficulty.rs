//! The difficulty of proof of work (yellow paper, section 4.4.4; EIP-2, EIP-100).

use alloy_consensus::constants::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::U256;
use heddle_types::{ChainSpec, Fork, Header};

/// No block is easier.
const DIFFICULTY_MIN: u64 = 131_072;
/// The difficulty changes by multiples of this part of the parent's.
const STEP_DIVISOR: u64 = 2048;
/// The most steps down.
const STEPS_DOWN_MAX: u64 = 99;
/// The bomb doubles once in so many blocks.
const BOMB_PERIOD: u64 = 100_000;

/// The difficulty of the block after `parent` at `timestamp`, under the rules of `fork`.
pub fn next_difficulty(spec: &ChainSpec, fork: Fork, timestamp: u64, parent: &Header) -> U256 {
    let step = parent.difficulty / U256::from(STEP_DIVISOR);
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    let (up, down) = match fork {
        Fork::Frontier if elapsed < 13 => (1, 0),
        Fork::Frontier => (0, 1),
        fork if fork < Fork::Byzantium => steps(1, elapsed / 10),
        _ => steps(1 + u64::from(parent.ommers_hash != EMPTY_OMMER_ROOT_HASH), elapsed / 9),
    };
    let raised = parent.difficulty.saturating_add(step * U256::from(up));
    let base = raised.saturating_sub(step * U256::from(down)).max(U256::from(DIFFICULTY_MIN));
    base.saturating_add(bomb(spec, parent.number.saturating_add(1)))
}

/// `max(up - down, -99)` as steps up and steps down.
fn steps(up: u64, down: u64) -> (u64, u64) {
    (up.saturating_sub(down), down.saturating_sub(up).min(STEPS_DOWN_MAX))
}

/// What the bomb adds at a height.
fn bomb(spec: &ChainSpec, number: u64) -> U256 {
    let period = number.saturating_sub(bomb_delay(spec, number)) / BOMB_PERIOD;
    match period.checked_sub(2) {
        None => U256::ZERO,
        Some(power) if power < 256 => U256::ONE << power,
        Some(_) => U256::MAX,
    }
}

/// By how many blocks the bomb is put off at a height: the newest fork that says so counts.
fn bomb_delay(spec: &ChainSpec, number: u64) -> u64 {
    let config = &spec.config;
    let delays = [
        (config.gray_glacier_block, 11_400_000),  // EIP-5133
        (config.arrow_glacier_block, 10_700_000), // EIP-4345
        (config.london_block, 9_700_000),         // EIP-3554
        (config.muir_glacier_block, 9_000_000),   // EIP-2384
        (config.constantinople_block, 5_000_000), // EIP-1234
        (config.byzantium_block, 3_000_000),      // EIP-649
    ];
    let active = |from: Option<u64>| from.is_some_and(|from| number >= from);
    delays.into_iter().find(|(from, _)| active(*from)).map_or(0, |(_, delay)| delay)
}
