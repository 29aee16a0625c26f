//! Control of a development chain: `anvil_`, `hardhat_`, `evm_` and `tenderly_`.

use crate::methods::Method;
use alloy_primitives::Address;

/// The producer of a development chain.
#[derive(Clone, Debug)]
pub struct DevControl;

impl DevControl {
    /// Whether transactions of this account are taken without a signature.
    pub(crate) fn impersonates(&self, _: Address) -> bool {
        false
    }
}

/// The methods.
pub(crate) const METHODS: &[Method] = &[];
