//! Transactions.

use super::{quantity, quantity_wide};
use alloy_consensus::{Transaction as _, TxEip7702, TxType, Typed2718};
use alloy_primitives::{Address, B256, U64, U256};
use heddle_types::Transaction;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Where a transaction stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_timestamp: u64,
    /// Of the block; decides what a transaction with a fee cap pays.
    pub(crate) base_fee: Option<u64>,
    pub(crate) index: u64,
}

/// A transaction, as `eth_getTransactionByHash` gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionJson<'a> {
    pub(crate) transaction: &'a Transaction,
    pub(crate) sender: Address,
    /// `None`: it is in no block yet.
    pub(crate) place: Option<Place>,
}

impl TransactionJson<'_> {
    fn fee_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let transaction = self.transaction;
        let base_fee = self.place.map(|place| place.base_fee);
        // Before it is in a block nobody knows what it will pay: geth then gives the most.
        let price = match base_fee {
            Some(base_fee) => transaction.effective_gas_price(base_fee),
            None => transaction.max_fee_per_gas(),
        };
        map.serialize_entry("gasPrice", &quantity_wide(price))?;
        if transaction.is_dynamic_fee() {
            map.serialize_entry("maxFeePerGas", &quantity_wide(transaction.max_fee_per_gas()))?;
            let tip = transaction.max_priority_fee_per_gas().unwrap_or_default();
            map.serialize_entry("maxPriorityFeePerGas", &quantity_wide(tip))?;
        }
        if let Some(fee) = transaction.max_fee_per_blob_gas() {
            map.serialize_entry("maxFeePerBlobGas", &quantity_wide(fee))?;
        }
        Ok(())
    }

    fn signature_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let signature = self.transaction.signature();
        let parity = U256::from(signature.v());
        let v = match self.transaction {
            Transaction::Legacy(transaction) => match transaction.tx().chain_id {
                // EIP-155.
                Some(id) => U256::from(id) * U256::from(2) + U256::from(35) + parity,
                None => U256::from(27) + parity,
            },
            _ => parity,
        };
        map.serialize_entry("v", &v)?;
        map.serialize_entry("r", &signature.r())?;
        map.serialize_entry("s", &signature.s())?;
        if !self.transaction.is_legacy() {
            map.serialize_entry("yParity", &parity)?;
        }
        Ok(())
    }
}

impl Serialize for TransactionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let transaction = self.transaction;
        let place = self.place;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("blockHash", &place.map(|place| place.block_hash))?;
        map.serialize_entry("blockNumber", &place.map(|place| quantity(place.block_number)))?;
        map.serialize_entry("blockTimestamp", &place.map(|place| quantity(place.block_timestamp)))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("gas", &quantity(transaction.gas_limit()))?;
        self.fee_fields(&mut map)?;
        map.serialize_entry("hash", transaction.tx_hash())?;
        map.serialize_entry("input", transaction.input())?;
        map.serialize_entry("nonce", &quantity(transaction.nonce()))?;
        map.serialize_entry("to", &transaction.to())?;
        map.serialize_entry("transactionIndex", &place.map(|place| quantity(place.index)))?;
        map.serialize_entry("value", &transaction.value())?;
        map.serialize_entry("type", &quantity(transaction.ty().into()))?;
        if let Some(list) = transaction.access_list() {
            map.serialize_entry("accessList", list)?;
        }
        if let Some(id) = transaction.chain_id() {
            map.serialize_entry("chainId", &quantity(id))?;
        }
        if let Some(hashes) = transaction.blob_versioned_hashes() {
            map.serialize_entry("blobVersionedHashes", hashes)?;
        }
        if let Transaction::Eip7702(transaction) = transaction {
            map.serialize_entry("authorizationList", &authorizations(transaction.tx()))?;
        }
        self.signature_fields(&mut map)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationJson {
    chain_id: U256,
    address: Address,
    nonce: U64,
    y_parity: U64,
    r: U256,
    s: U256,
}

fn authorizations(transaction: &TxEip7702) -> Vec<AuthorizationJson> {
    let write = |signed: &alloy_eips::eip7702::SignedAuthorization| AuthorizationJson {
        chain_id: signed.chain_id,
        address: signed.address,
        nonce: quantity(signed.nonce),
        y_parity: quantity(signed.y_parity().into()),
        r: signed.r(),
        s: signed.s(),
    };
    transaction.authorization_list.iter().map(write).collect()
}

/// The type of a transaction as a small number, for a receipt.
pub(super) fn is_blob(transaction: &Transaction) -> bool {
    transaction.tx_type() == TxType::Eip4844
}
