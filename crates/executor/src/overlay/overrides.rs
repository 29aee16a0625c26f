//! What a request sets in the state and in the block before anything runs.

use super::Overlay;
use crate::call::{Environment, Precompiles};
use alloy_primitives::{Address, U256};
use alloy_rpc_types_eth::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use revm::{DatabaseRef, context_interface::block::BlobExcessGasAndPrice};

/// Why overrides cannot be applied. The texts are geth's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError<E: std::error::Error + 'static> {
    /// `movePrecompileToAddress` of an account that is no precompile.
    #[error("account {0} is not a precompile")]
    NotAPrecompile(Address),
    /// A precompile would be moved to an account that is overridden itself.
    #[error("account {0} is already overridden")]
    AlreadyOverridden(Address),
    /// An account is overridden to which a precompile was moved.
    #[error("account {0} has already been overridden by a precompile")]
    OverriddenByPrecompile(Address),
    /// Both `state` and `stateDiff` are given.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    StateAndDiff(Address),
    /// A field of the block is out of the range that it can have.
    #[error("block override {0:?} is too large")]
    TooLarge(&'static str),
    /// The state could not be read.
    #[error("reading the state to override failed: {0}")]
    Database(#[source] E),
}

impl<DB: DatabaseRef<Error: 'static>> Overlay<DB> {
    /// Applies state overrides, as geth does: in the order of addresses.
    ///
    /// # Errors
    ///
    /// See [`OverrideError`]; the overlay is half changed then.
    pub fn override_state(
        &mut self,
        overrides: &StateOverride,
        precompiles: &mut Precompiles,
    ) -> Result<(), OverrideError<DB::Error>> {
        let mut ordered: Vec<(&Address, &AccountOverride)> = overrides.iter().collect();
        ordered.sort_unstable_by_key(|(address, _)| **address);
        let mut moved: Vec<Address> = Vec::new();
        for (address, account) in ordered {
            let address = *address;
            if moved.contains(&address) {
                return Err(OverrideError::OverriddenByPrecompile(address));
            }
            if let Some(to) = account.move_precompile_to {
                if !precompiles.answers_at(address) {
                    return Err(OverrideError::NotAPrecompile(address));
                }
                if overrides.contains_key(&to) {
                    return Err(OverrideError::AlreadyOverridden(to));
                }
                precompiles.copy(address, to);
                moved.push(to);
            }
            precompiles.remove(address);
            self.override_account(address, account)?;
        }
        Ok(())
    }

    fn override_account(
        &mut self,
        address: Address,
        account: &AccountOverride,
    ) -> Result<(), OverrideError<DB::Error>> {
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(OverrideError::StateAndDiff(address));
        }
        let failed = OverrideError::Database;
        if account.balance.is_some() || account.nonce.is_some() {
            self.change_account(address, |now| {
                now.nonce = account.nonce.unwrap_or(now.nonce);
                now.balance = account.balance.unwrap_or(now.balance);
            })
            .map_err(failed)?;
        }
        if let Some(code) = &account.code {
            self.set_code(address, code).map_err(failed)?;
        }
        if let Some(state) = &account.state {
            let slots = state.iter().map(|(key, value)| ((*key).into(), (*value).into()));
            self.replace_storage(address, slots).map_err(failed)?;
        }
        for (key, value) in account.state_diff.iter().flatten() {
            self.set_slot(address, (*key).into(), (*value).into()).map_err(failed)?;
        }
        Ok(())
    }

    /// Applies block overrides: fields to `environment`, hashes to the overlay.
    ///
    /// `beacon_root` is the caller's to use or to refuse: it is no part of the environment.
    ///
    /// # Errors
    ///
    /// [`OverrideError::TooLarge`].
    pub fn override_block(
        &mut self,
        overrides: &BlockOverrides,
        environment: &mut Environment,
    ) -> Result<(), OverrideError<DB::Error>> {
        let block = &mut environment.block;
        block.number = overrides.number.unwrap_or(block.number);
        block.difficulty = overrides.difficulty.unwrap_or(block.difficulty);
        block.timestamp = overrides.time.map_or(block.timestamp, U256::from);
        block.gas_limit = overrides.gas_limit.unwrap_or(block.gas_limit);
        block.beneficiary = overrides.coinbase.unwrap_or(block.beneficiary);
        block.prevrandao = overrides.random.or(block.prevrandao);
        if let Some(fee) = overrides.base_fee {
            block.basefee = fee.try_into().map_err(|_| OverrideError::TooLarge("baseFeePerGas"))?;
        }
        if let Some(fee) = overrides.blob_base_fee {
            let excess_blob_gas =
                block.blob_excess_gas_and_price.map_or(0, |blobs| blobs.excess_blob_gas);
            let blob_gasprice =
                fee.try_into().map_err(|_| OverrideError::TooLarge("blobBaseFee"))?;
            block.blob_excess_gas_and_price =
                Some(BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice });
        }
        for (number, hash) in overrides.block_hash.iter().flatten() {
            self.set_block_hash(*number, *hash);
        }
        Ok(())
    }
}
