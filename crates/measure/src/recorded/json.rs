//! The files of a recorded block as they are written: the JSON of `eth_getBlockByNumber`.

use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U64, U128, U256};
use heddle_executor::revm::{
    context::{
        TxEnv,
        either::Either,
        transaction::{AccessList, AccessListItem, Authorization, SignedAuthorization},
    },
    primitives::HashMap,
};
use heddle_types::Withdrawal;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Visitor},
};
use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

/// A value written as a hexadecimal string, or a number written as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Hex<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HexVisitor(PhantomData)).map(Self)
    }
}

struct HexVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for HexVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hexadecimal string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error| E::custom(format_args!("`{text}`: {error}")))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

/// `block.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockJson {
    pub(super) number: Hex<U64>,
    pub(super) parent_hash: Hex<B256>,
    pub(super) miner: Hex<Address>,
    pub(super) timestamp: Hex<U64>,
    pub(super) gas_limit: Hex<U64>,
    pub(super) gas_used: Hex<U64>,
    pub(super) base_fee_per_gas: Option<Hex<U64>>,
    pub(super) difficulty: Hex<U256>,
    pub(super) mix_hash: Hex<B256>,
    pub(super) receipts_root: Hex<B256>,
    pub(super) logs_bloom: Hex<Bloom>,
    pub(super) blob_gas_used: Option<Hex<U64>>,
    pub(super) excess_blob_gas: Option<Hex<U64>>,
    pub(super) parent_beacon_block_root: Option<Hex<B256>>,
    #[serde(default)]
    pub(super) uncles: Vec<IgnoredAny>,
    pub(super) transactions: Vec<TransactionJson>,
    pub(super) withdrawals: Option<Vec<WithdrawalJson>>,
}

/// One entry of `withdrawals`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithdrawalJson {
    index: Hex<U64>,
    validator_index: Hex<U64>,
    address: Hex<Address>,
    amount: Hex<U64>,
}

impl WithdrawalJson {
    pub(super) fn into_withdrawal(self) -> Withdrawal {
        Withdrawal {
            index: self.index.0.to(),
            validator_index: self.validator_index.0.to(),
            address: self.address.0,
            amount: self.amount.0.to(),
        }
    }
}

/// One entry of `transactions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionJson {
    // Absent in recordings made before typed transactions.
    r#type: Option<Hex<U64>>,
    from: Hex<Address>,
    to: Option<Hex<Address>>,
    nonce: Hex<U64>,
    gas: Hex<U64>,
    gas_price: Option<Hex<U128>>,
    max_fee_per_gas: Option<Hex<U128>>,
    max_priority_fee_per_gas: Option<Hex<U128>>,
    max_fee_per_blob_gas: Option<Hex<U128>>,
    value: Hex<U256>,
    input: Hex<Bytes>,
    chain_id: Option<Hex<U64>>,
    v: Option<Hex<U64>>,
    access_list: Option<Vec<AccessListItemJson>>,
    blob_versioned_hashes: Option<Vec<Hex<B256>>>,
    authorization_list: Option<Vec<AuthorizationJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessListItemJson {
    address: Hex<Address>,
    storage_keys: Vec<Hex<B256>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationJson {
    chain_id: Hex<U256>,
    address: Hex<Address>,
    nonce: Hex<U64>,
    #[serde(alias = "v")]
    y_parity: Hex<U64>,
    r: Hex<U256>,
    s: Hex<U256>,
}

impl TransactionJson {
    /// What revm executes, or what the transaction lacks.
    pub(super) fn into_tx_env(self) -> Result<TxEnv, &'static str> {
        let tx_type = match self.r#type.map_or(0, |tx_type| tx_type.0.to::<u64>()) {
            known @ 0..=4 => known as u8,
            _ => return Err("has a type other than 0 to 4"),
        };
        let has_priority_fee = tx_type >= 2;
        // `gasPrice` of a transaction with a priority fee is what it paid in the end.
        let gas_price = match has_priority_fee {
            true => self.max_fee_per_gas.ok_or("lacks maxFeePerGas")?,
            false => self.gas_price.ok_or("lacks gasPrice")?,
        };
        let gas_priority_fee = match has_priority_fee {
            true => Some(self.max_priority_fee_per_gas.ok_or("lacks maxPriorityFeePerGas")?),
            false => None,
        };
        if tx_type == 3 && self.max_fee_per_blob_gas.is_none() {
            return Err("lacks maxFeePerBlobGas");
        }
        Ok(TxEnv {
            tx_type,
            caller: self.from.0,
            gas_limit: self.gas.0.to(),
            gas_price: gas_price.0.to(),
            kind: self.to.map_or(TxKind::Create, |to| TxKind::Call(to.0)),
            value: self.value.0,
            data: self.input.0,
            nonce: self.nonce.0.to(),
            chain_id: chain_id(self.chain_id, self.v),
            access_list: access_list(self.access_list.unwrap_or_default()),
            gas_priority_fee: gas_priority_fee.map(|fee| fee.0.to()),
            blob_hashes: self
                .blob_versioned_hashes
                .unwrap_or_default()
                .into_iter()
                .map(|hash| hash.0)
                .collect(),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.map_or(0, |fee| fee.0.to()),
            authorization_list: self
                .authorization_list
                .unwrap_or_default()
                .into_iter()
                .map(AuthorizationJson::into_signed)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The chain that a transaction names; a legacy one does so in `v`, if at all (EIP-155).
pub(super) fn chain_id(named: Option<Hex<U64>>, v: Option<Hex<U64>>) -> Option<u64> {
    let from_v = || v.and_then(|v| v.0.to::<u64>().checked_sub(35)).map(|doubled| doubled / 2);
    named.map(|id| id.0.to()).or_else(from_v)
}

fn access_list(items: Vec<AccessListItemJson>) -> AccessList {
    let item = |item: AccessListItemJson| AccessListItem {
        address: item.address.0,
        storage_keys: item.storage_keys.into_iter().map(|key| key.0).collect(),
    };
    AccessList(items.into_iter().map(item).collect())
}

impl AuthorizationJson {
    fn into_signed<R>(self) -> Result<Either<SignedAuthorization, R>, &'static str> {
        let y_parity = u8::try_from(self.y_parity.0.to::<u64>())
            .map_err(|_| "has an authorization with a y parity above 255")?;
        let authorization = Authorization {
            chain_id: self.chain_id.0,
            address: self.address.0,
            nonce: self.nonce.0.to(),
        };
        let signed =
            SignedAuthorization::new_unchecked(authorization, y_parity, self.r.0, self.s.0);
        Ok(Either::Left(signed))
    }
}

/// `pre_state.json`.
pub(super) type PreStateJson = HashMap<Hex<Address>, AccountJson>;

/// One account of `pre_state.json`.
#[derive(Deserialize)]
pub(super) struct AccountJson {
    pub(super) balance: Hex<U256>,
    pub(super) nonce: Hex<U64>,
    // Not in camel case, unlike the rest.
    pub(super) code_hash: Option<Hex<B256>>,
    #[serde(default)]
    pub(super) storage: HashMap<Hex<U256>, Hex<U256>>,
}

/// `codes.json`.
pub(super) type CodesJson = HashMap<Hex<B256>, Hex<Bytes>>;

/// `block_hashes.json`.
pub(super) type BlockHashesJson = HashMap<u64, Hex<B256>>;
