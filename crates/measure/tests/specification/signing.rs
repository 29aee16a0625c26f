//! From the transactions of a blueprint to signed ones.

use crate::support::blueprint::{SENDERS, sender, sender_key};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Signature};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use heddle_executor::revm::context::{
    TxEnv,
    either::Either,
    transaction::{RecoveredAuthorization, SignedAuthorization as RevmSigned},
};
use heddle_types::Transaction;

/// What a typed transaction names. The specification does not look at it, so that another chain's
/// would be valid there.
const CHAIN_ID: u64 = 1;

/// The encoding of the transaction, signed by its sender.
pub(crate) fn signed(tx: &TxEnv) -> Vec<u8> {
    let transaction: Transaction = match tx.tx_type {
        0 => sign(legacy(tx), tx.caller).into(),
        1 => sign(access_list(tx), tx.caller).into(),
        2 => sign(fee_market(tx), tx.caller).into(),
        3 => Transaction::Eip4844(sign(blob(tx), tx.caller)),
        _ => sign(set_code(tx), tx.caller).into(),
    };
    transaction.encoded_2718()
}

fn sign<T: SignableTransaction<Signature>>(tx: T, by: Address) -> alloy_consensus::Signed<T> {
    let signature = sign_hash(tx.signature_hash(), by);
    tx.into_signed(signature)
}

fn sign_hash(hash: B256, by: Address) -> Signature {
    let number = (0..SENDERS).find(|number| sender(*number) == by).expect("only senders sign");
    let key = PrivateKeySigner::from_bytes(&sender_key(number)).expect("a hash is a key");
    assert_eq!(key.address(), by, "the blueprint has the address of another key");
    key.sign_hash_sync(&hash).expect("a key at hand signs")
}

fn legacy(tx: &TxEnv) -> TxLegacy {
    TxLegacy {
        chain_id: tx.chain_id,
        nonce: tx.nonce,
        gas_price: tx.gas_price,
        gas_limit: tx.gas_limit,
        to: tx.kind,
        value: tx.value,
        input: tx.data.clone(),
    }
}

fn access_list(tx: &TxEnv) -> TxEip2930 {
    TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: tx.nonce,
        gas_price: tx.gas_price,
        gas_limit: tx.gas_limit,
        to: tx.kind,
        value: tx.value,
        access_list: tx.access_list.clone(),
        input: tx.data.clone(),
    }
}

fn fee_market(tx: &TxEnv) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        max_fee_per_gas: tx.gas_price,
        max_priority_fee_per_gas: tx.gas_priority_fee.unwrap_or_default(),
        to: tx.kind,
        value: tx.value,
        access_list: tx.access_list.clone(),
        input: tx.data.clone(),
    }
}

fn blob(tx: &TxEnv) -> TxEip4844 {
    TxEip4844 {
        chain_id: CHAIN_ID,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        max_fee_per_gas: tx.gas_price,
        max_priority_fee_per_gas: tx.gas_priority_fee.unwrap_or_default(),
        to: *tx.kind.to().expect("a blob transaction creates nothing"),
        value: tx.value,
        access_list: tx.access_list.clone(),
        blob_versioned_hashes: tx.blob_hashes.clone(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas,
        input: tx.data.clone(),
    }
}

fn set_code(tx: &TxEnv) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        max_fee_per_gas: tx.gas_price,
        max_priority_fee_per_gas: tx.gas_priority_fee.unwrap_or_default(),
        to: *tx.kind.to().expect("a set-code transaction creates nothing"),
        value: tx.value,
        access_list: tx.access_list.clone(),
        authorization_list: tx.authorization_list.iter().map(authorization).collect(),
        input: tx.data.clone(),
    }
}

fn authorization(item: &Either<RevmSigned, RecoveredAuthorization>) -> SignedAuthorization {
    match item {
        Either::Left(signed) => signed.clone(),
        Either::Right(recovered) => {
            let by = recovered.authority().expect("a blueprint's authorizations are valid");
            let signature = sign_hash(recovered.signature_hash(), by);
            Authorization::clone(recovered).into_signed(signature)
        }
    }
}
