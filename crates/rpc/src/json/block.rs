//! Headers and blocks.

use super::{TransactionJson, quantity, quantity_wide};
use alloy_consensus::Header;
use alloy_primitives::B256;
use heddle_types::Withdrawal;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// A header, as `newHeads` and `eth_getHeaderBy*` give it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderJson<'a> {
    pub(crate) header: &'a Header,
    pub(crate) hash: B256,
}

impl Serialize for HeaderJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        header_fields(&mut map, self.header, self.hash)?;
        map.end()
    }
}

/// Writes the fields of a header.
fn header_fields<M: SerializeMap>(
    map: &mut M,
    header: &Header,
    hash: B256,
) -> Result<(), M::Error> {
    if let Some(fee) = header.base_fee_per_gas {
        map.serialize_entry("baseFeePerGas", &quantity(fee))?;
    }
    if let Some(gas) = header.blob_gas_used {
        map.serialize_entry("blobGasUsed", &quantity(gas))?;
    }
    map.serialize_entry("difficulty", &header.difficulty)?;
    if let Some(gas) = header.excess_blob_gas {
        map.serialize_entry("excessBlobGas", &quantity(gas))?;
    }
    map.serialize_entry("extraData", &header.extra_data)?;
    map.serialize_entry("gasLimit", &quantity(header.gas_limit))?;
    map.serialize_entry("gasUsed", &quantity(header.gas_used))?;
    map.serialize_entry("hash", &hash)?;
    map.serialize_entry("logsBloom", &header.logs_bloom)?;
    map.serialize_entry("miner", &header.beneficiary)?;
    map.serialize_entry("mixHash", &header.mix_hash)?;
    map.serialize_entry("nonce", &header.nonce)?;
    map.serialize_entry("number", &quantity(header.number))?;
    if let Some(root) = header.parent_beacon_block_root {
        map.serialize_entry("parentBeaconBlockRoot", &root)?;
    }
    map.serialize_entry("parentHash", &header.parent_hash)?;
    map.serialize_entry("receiptsRoot", &header.receipts_root)?;
    if let Some(hash) = header.requests_hash {
        map.serialize_entry("requestsHash", &hash)?;
    }
    map.serialize_entry("sha3Uncles", &header.ommers_hash)?;
    map.serialize_entry("stateRoot", &header.state_root)?;
    map.serialize_entry("timestamp", &quantity(header.timestamp))?;
    map.serialize_entry("transactionsRoot", &header.transactions_root)?;
    if let Some(root) = header.withdrawals_root {
        map.serialize_entry("withdrawalsRoot", &root)?;
    }
    Ok(())
}

/// The transactions of a block, in the form that was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Transactions<'a> {
    /// Hashes only.
    Hashes(Vec<B256>),
    /// All of each.
    Full(Vec<TransactionJson<'a>>),
    /// An uncle, of which only the header is known.
    Unknown,
}

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct BlockJson<'a> {
    pub(crate) header: HeaderJson<'a>,
    /// Length of the block's RLP.
    pub(crate) size: usize,
    pub(crate) transactions: Transactions<'a>,
    /// Hashes of the ommers.
    pub(crate) uncles: Vec<B256>,
    pub(crate) withdrawals: Option<&'a [Withdrawal]>,
}

impl BlockJson<'_> {
    /// Writes all fields.
    pub(crate) fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        header_fields(map, self.header.header, self.header.hash)?;
        map.serialize_entry("size", &quantity_wide(self.size as u128))?;
        match &self.transactions {
            Transactions::Hashes(hashes) => map.serialize_entry("transactions", hashes)?,
            Transactions::Full(transactions) => {
                map.serialize_entry("transactions", transactions)?;
            }
            Transactions::Unknown => {}
        }
        map.serialize_entry("uncles", &self.uncles)?;
        if let Some(withdrawals) = self.withdrawals {
            map.serialize_entry("withdrawals", &Withdrawals(withdrawals))?;
        }
        Ok(())
    }
}

impl Serialize for BlockJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        map.end()
    }
}

/// Withdrawals, with the field names of the execution APIs.
struct Withdrawals<'a>(&'a [Withdrawal]);

impl Serialize for Withdrawals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for withdrawal in self.0 {
            list.serialize_element(&WithdrawalJson {
                index: quantity(withdrawal.index),
                validator_index: quantity(withdrawal.validator_index),
                address: withdrawal.address,
                amount: quantity(withdrawal.amount),
            })?;
        }
        list.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithdrawalJson {
    index: alloy_primitives::U64,
    validator_index: alloy_primitives::U64,
    address: alloy_primitives::Address,
    amount: alloy_primitives::U64,
}
