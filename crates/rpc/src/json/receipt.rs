//! Receipts and logs.

use super::{Place, quantity, quantity_wide, transaction::is_blob};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, B256, Log, TxKind};
use heddle_types::{Receipt, Transaction};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Where a receipt stands in the chain, and what only its neighbours tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptPlace {
    pub(crate) place: Place,
    /// Number of logs in the block before this transaction.
    pub(crate) logs_before: u64,
    /// Price of blob gas in the block, from Cancun on.
    pub(crate) blob_fee: Option<u128>,
}

/// A receipt, as `eth_getTransactionReceipt` gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptJson<'a> {
    pub(crate) transaction: &'a Transaction,
    pub(crate) sender: Address,
    pub(crate) receipt: &'a Receipt,
    pub(crate) place: ReceiptPlace,
}

impl ReceiptJson<'_> {
    fn logs(&self) -> Vec<LogJson<'_>> {
        let place = self.place.place;
        let write = |(index, log)| LogJson {
            log,
            place: LogPlace {
                block_hash: place.block_hash,
                block_number: place.block_number,
                block_timestamp: place.block_timestamp,
                transaction_hash: *self.transaction.tx_hash(),
                transaction_index: place.index,
                index: self.place.logs_before + index,
            },
            removed: false,
        };
        (0..).zip(&self.receipt.logs).map(write).collect()
    }

    /// What a creation created, whether it succeeded or not: so geth does it.
    fn created(&self) -> Option<Address> {
        match self.transaction.kind() {
            TxKind::Create => Some(self.sender.create(self.transaction.nonce())),
            TxKind::Call(_) => None,
        }
    }
}

impl ReceiptJson<'_> {
    /// Writes all fields.
    pub(crate) fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (transaction, receipt, place) = (self.transaction, self.receipt, self.place.place);
        if is_blob(transaction) {
            let gas = transaction.blob_gas_used().unwrap_or_default();
            map.serialize_entry("blobGasUsed", &quantity(gas))?;
            let price = self.place.blob_fee.unwrap_or_default();
            map.serialize_entry("blobGasPrice", &quantity_wide(price))?;
        }
        map.serialize_entry("blockHash", &place.block_hash)?;
        map.serialize_entry("blockNumber", &quantity(place.block_number))?;
        map.serialize_entry("contractAddress", &self.created())?;
        map.serialize_entry("cumulativeGasUsed", &quantity(receipt.cumulative_gas_used))?;
        let price = transaction.effective_gas_price(place.base_fee);
        map.serialize_entry("effectiveGasPrice", &quantity_wide(price))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("gasUsed", &quantity(receipt.gas_used))?;
        map.serialize_entry("logs", &self.logs())?;
        map.serialize_entry("logsBloom", &receipt.bloom)?;
        match receipt.state_root {
            Some(root) => map.serialize_entry("root", &root)?,
            None => map.serialize_entry("status", &quantity(receipt.success.into()))?,
        }
        map.serialize_entry("to", &transaction.to())?;
        map.serialize_entry("transactionHash", transaction.tx_hash())?;
        map.serialize_entry("transactionIndex", &quantity(place.index))?;
        map.serialize_entry("type", &quantity(transaction.ty().into()))
    }
}

impl Serialize for ReceiptJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        map.end()
    }
}

/// Where a log stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPlace {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_timestamp: u64,
    pub(crate) transaction_hash: B256,
    pub(crate) transaction_index: u64,
    /// In the block.
    pub(crate) index: u64,
}

/// A log, as `eth_getLogs` gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogJson<'a> {
    pub(crate) log: &'a Log,
    pub(crate) place: LogPlace,
    /// Its block left the chain.
    pub(crate) removed: bool,
}

impl Serialize for LogJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("address", &self.log.address)?;
        map.serialize_entry("topics", self.log.topics())?;
        map.serialize_entry("data", &self.log.data.data)?;
        map.serialize_entry("blockNumber", &quantity(self.place.block_number))?;
        map.serialize_entry("transactionHash", &self.place.transaction_hash)?;
        map.serialize_entry("transactionIndex", &quantity(self.place.transaction_index))?;
        map.serialize_entry("blockHash", &self.place.block_hash)?;
        map.serialize_entry("blockTimestamp", &quantity(self.place.block_timestamp))?;
        map.serialize_entry("logIndex", &quantity(self.place.index))?;
        map.serialize_entry("removed", &self.removed)?;
        map.end()
    }
}
