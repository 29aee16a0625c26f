//! The base fee (EIP-1559).

use alloy_eips::{
    calc_next_block_base_fee,
    eip1559::{BaseFeeParams, INITIAL_BASE_FEE},
};
use heddle_types::{Fork, Header};

/// How many times its target of gas a block may use.
const ELASTICITY: u64 = 2;

/// The base fee of the block after `parent`, under the rules of `fork`; `None` before London.
pub fn next_base_fee(fork: Fork, parent: &Header) -> Option<u64> {
    if fork < Fork::London {
        return None;
    }
    let Some(base_fee) = parent.base_fee_per_gas else { return Some(INITIAL_BASE_FEE) };
    // The parameters are Ethereum mainnet's on every chain.
    let parameters = BaseFeeParams::ethereum();
    // An increase is at most an eighth, and a fee so near the end of its range is no real one.
    let base_fee = base_fee.min(u64::MAX / 2);
    Some(calc_next_block_base_fee(parent.gas_used, parent.gas_limit, base_fee, parameters))
}

/// The parent's gas limit as the one of the block after it is measured by: what was the limit is
/// the target from London on.
pub(crate) fn parent_gas_limit(fork: Fork, parent: &Header) -> u64 {
    if fork >= Fork::London && parent.base_fee_per_gas.is_none() {
        parent.gas_limit.saturating_mul(ELASTICITY)
    } else {
        parent.gas_limit
    }
}
