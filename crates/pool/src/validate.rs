//! What is wrong with a transaction, whatever else is in the pool.

use crate::{
    Candidate, Context, Origin, PoolError, Settings,
    gas::{floor_gas, intrinsic_gas},
};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_eips::{
    eip2718::Encodable2718, eip4844::VERSIONED_HASH_VERSION_KZG, eip7825::MAX_TX_GAS_LIMIT_OSAKA,
};
use heddle_ecrecover::{HALF_ORDER, SignatureError};
use heddle_types::{Fork, Transaction};

/// Bytes of the largest transaction that is accepted, blobs aside; geth's `txMaxSize`.
const SIZE_MAX: u64 = 128 << 10;
/// EIP-3860, and EIP-7954 from Amsterdam on.
const INIT_CODE_MAX: u64 = 48 << 10;
const INIT_CODE_MAX_AMSTERDAM: u64 = 128 << 10;

/// Checks a transaction by itself.
pub(crate) fn check(
    candidate: &Candidate,
    origin: Origin,
    settings: &Settings,
    context: &Context,
) -> Result<(), PoolError> {
    let transaction = &candidate.transaction;
    check_form(transaction, settings, context)?;
    check_rules(transaction, context)?;
    if origin == Origin::Local || origin.is_unbounded() {
        check_signature(transaction, context)?;
    }
    if origin != Origin::Reverted {
        check_price(transaction, settings, context)?;
    }
    if transaction.is_eip4844() {
        check_blob_hashes(transaction, context)?;
    }
    if transaction.is_eip7702() && transaction.authorization_count().unwrap_or(0) == 0 {
        return Err(PoolError::NoAuthorization);
    }
    Ok(())
}

/// What the rules of a block can make wrong with a transaction that was accepted under others.
pub(crate) fn check_rules(transaction: &Transaction, context: &Context) -> Result<(), PoolError> {
    let gas_limit = transaction.gas_limit();
    // From Amsterdam on the gas of state growth does not count against the cap (EIP-8037).
    if context.fork == Fork::Osaka && gas_limit > MAX_TX_GAS_LIMIT_OSAKA {
        return Err(PoolError::GasLimitTooHigh { cap: MAX_TX_GAS_LIMIT_OSAKA, gas_limit });
    }
    if gas_limit > context.block_gas_limit {
        let block_gas_limit = context.block_gas_limit;
        return Err(PoolError::ExceedsBlockGasLimit { gas_limit, block_gas_limit });
    }
    let need = intrinsic_gas(transaction, context.fork);
    if gas_limit < need {
        return Err(PoolError::IntrinsicGas { have: gas_limit, need });
    }
    let need = floor_gas(transaction, context.fork);
    if gas_limit < need {
        return Err(PoolError::FloorGas { have: gas_limit, need });
    }
    Ok(())
}

fn check_form(
    transaction: &Transaction,
    settings: &Settings,
    context: &Context,
) -> Result<(), PoolError> {
    if context.fork < Fork::of_transaction_type(transaction.ty()) {
        return Err(PoolError::TypeNotSupported(transaction.ty()));
    }
    let size = transaction.encode_2718_len() as u64;
    // Longer code than usual has to fit, too.
    let limit = SIZE_MAX.saturating_add(settings.init_code_max.unwrap_or_default());
    if size > limit {
        return Err(PoolError::Oversized { size, limit });
    }
    let size = transaction.input().len() as u64;
    let by_fork =
        if context.fork >= Fork::Amsterdam { INIT_CODE_MAX_AMSTERDAM } else { INIT_CODE_MAX };
    let limit = settings.init_code_max.unwrap_or(by_fork);
    if context.fork >= Fork::Shanghai && transaction.is_create() && size > limit {
        return Err(PoolError::InitCode { size, limit });
    }
    if transaction.nonce() == u64::MAX {
        return Err(PoolError::NonceMax);
    }
    Ok(())
}

fn check_signature(transaction: &Transaction, context: &Context) -> Result<(), PoolError> {
    let want = context.chain_id;
    if let Some(have) = transaction.chain_id().filter(|have| *have != want) {
        return Err(PoolError::ChainId { have, want });
    }
    if context.fork >= Fork::Homestead && transaction.signature().s() > HALF_ORDER {
        return Err(SignatureError::HighS.into());
    }
    Ok(())
}

fn check_price(
    transaction: &Transaction,
    settings: &Settings,
    context: &Context,
) -> Result<(), PoolError> {
    let (fee, tip) = (transaction.max_fee_per_gas(), transaction.priority_fee_or_price());
    if tip > fee {
        return Err(PoolError::TipAboveFee { tip, fee });
    }
    if tip < settings.tip_min {
        let need = settings.tip_min;
        return Err(PoolError::BelowMinimum { what: "gas tip cap", have: tip, need });
    }
    if fee < settings.fee_min {
        let need = settings.fee_min;
        return Err(PoolError::BelowMinimum { what: "gas fee cap", have: fee, need });
    }
    let refuse = settings.refuse_below_base_fee;
    if refuse && fee < u128::from(context.base_fee) {
        return Err(PoolError::BelowBaseFee { have: fee, need: context.base_fee });
    }
    let Some(have) = transaction.max_fee_per_blob_gas() else { return Ok(()) };
    let need = context.blobs.map_or(1, |blobs| blobs.min_blob_fee);
    if have < need {
        return Err(PoolError::BelowMinimum { what: "blob fee cap", have, need });
    }
    if refuse && have < context.blob_base_fee {
        return Err(PoolError::BelowBlobBaseFee { have, need: context.blob_base_fee });
    }
    Ok(())
}

fn check_blob_hashes(transaction: &Transaction, context: &Context) -> Result<(), PoolError> {
    let hashes = transaction.blob_versioned_hashes().unwrap_or(&[]);
    if hashes.is_empty() {
        return Err(PoolError::NoBlobs);
    }
    let have = hashes.len() as u64;
    let limit = context.blobs.map_or(0, |blobs| blobs.max_blobs_per_tx.min(blobs.max_blob_count));
    if have > limit {
        return Err(PoolError::TooManyBlobs { have, limit });
    }
    match hashes.iter().position(|hash| hash[0] != VERSIONED_HASH_VERSION_KZG) {
        Some(index) => Err(PoolError::BlobVersion { index }),
        None => Ok(()),
    }
}
