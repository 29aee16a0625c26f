//! Transactions of all types: from fields in JSON to what is signed, and to signed bytes.
//!
//! In: [`Fields`], named as in JSON-RPC. Nothing is guessed: what a type needs has to be there, and
//! what it has no place for is refused, so that nobody signs something else than he has written.

use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::{eip2718::Encodable2718, eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U64, U128, U256, Uint, ruint::UintTryTo,
};
use heddle_types::Transaction;
use serde::{Deserialize, Serialize};

/// Version of a blob's hash (EIP-4844).
const BLOB_HASH_VERSION: u8 = 1;
/// Bytes of code that a creation may have (EIP-3860).
const INIT_CODE_BYTES_MAX: usize = 2 * 24_576;

/// Why fields are no transaction.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// No JSON, or with fields that transactions do not have.
    #[error("this is no transaction in JSON")]
    Form(#[source] serde_json::Error),
    /// A field is missing.
    #[error("the field {0} is missing; nothing is guessed offline")]
    Missing(&'static str),
    /// A field has no place in the type.
    #[error("a transaction of type {kind} has no field {field}")]
    Superfluous {
        /// The type.
        kind: u8,
        /// The field.
        field: &'static str,
    },
    /// The type is none.
    #[error("there is no type {0}; there are 0 to 4")]
    Type(u64),
    /// A field has a value that no node takes.
    #[error("the field {0} has a value that no node takes: {1}")]
    Value(&'static str, &'static str),
}

/// A transaction that is not signed, with the names of JSON-RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// 0 to 4; what the other fields say if it is left out.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<U64>,
    /// EIP-155; left out in a legacy transaction, it can be sent on every chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<U64>,
    /// How many transactions the sender has sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<U64>,
    /// Gas limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas: Option<U64>,
    /// Wei for each gas; types 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_price: Option<U128>,
    /// Wei for each gas at most; from type 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee_per_gas: Option<U128>,
    /// Wei for each gas for the producer; from type 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_priority_fee_per_gas: Option<U128>,
    /// Who is called; left out, a contract is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Wei.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<U256>,
    /// Call data, or the code that creates a contract.
    #[serde(default, alias = "data", skip_serializing_if = "Option::is_none")]
    pub input: Option<Bytes>,
    /// EIP-2930; from type 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_list: Option<AccessList>,
    /// Wei for each gas of blobs at most; type 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee_per_blob_gas: Option<U128>,
    /// EIP-4844; type 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob_versioned_hashes: Option<Vec<B256>>,
    /// EIP-7702; type 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_list: Option<Vec<SignedAuthorization>>,
}

/// A transaction of a type, not signed.
#[derive(Clone, Debug)]
pub enum Unsigned {
    /// Type 0, with or without EIP-155.
    Legacy(TxLegacy),
    /// Type 1.
    Eip2930(TxEip2930),
    /// Type 2.
    Eip1559(TxEip1559),
    /// Type 3.
    Eip4844(TxEip4844),
    /// Type 4.
    Eip7702(TxEip7702),
}

impl Unsigned {
    /// What is signed.
    pub fn signature_hash(&self) -> B256 {
        match self {
            Self::Legacy(transaction) => transaction.signature_hash(),
            Self::Eip2930(transaction) => transaction.signature_hash(),
            Self::Eip1559(transaction) => transaction.signature_hash(),
            Self::Eip4844(transaction) => transaction.signature_hash(),
            Self::Eip7702(transaction) => transaction.signature_hash(),
        }
    }

    /// The transaction with its signature.
    pub fn into_signed(self, signature: Signature) -> Transaction {
        match self {
            Self::Legacy(one) => EthereumTxEnvelope::Legacy(one.into_signed(signature)),
            Self::Eip2930(one) => EthereumTxEnvelope::Eip2930(one.into_signed(signature)),
            Self::Eip1559(one) => EthereumTxEnvelope::Eip1559(one.into_signed(signature)),
            Self::Eip4844(one) => EthereumTxEnvelope::Eip4844(one.into_signed(signature)),
            Self::Eip7702(one) => EthereumTxEnvelope::Eip7702(one.into_signed(signature)),
        }
    }
}

/// The bytes that are sent (EIP-2718).
pub fn encode(transaction: &Transaction) -> Bytes {
    transaction.encoded_2718().into()
}

impl Fields {
    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Form`].
    pub fn from_json(json: &[u8]) -> Result<Self, TransactionError> {
        serde_json::from_slice(json).map_err(TransactionError::Form)
    }

    /// The type that is named, or the only one that has all fields.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Type`].
    pub fn kind(&self) -> Result<u8, TransactionError> {
        if let Some(kind) = self.kind {
            let kind = kind.to::<u64>();
            return u8::try_from(kind)
                .ok()
                .filter(|kind| *kind <= 4)
                .ok_or(TransactionError::Type(kind));
        }
        Ok(if self.authorization_list.is_some() {
            4
        } else if self.blob_versioned_hashes.is_some() || self.max_fee_per_blob_gas.is_some() {
            3
        } else if self.gas_price.is_none() {
            2
        } else {
            u8::from(self.access_list.is_some())
        })
    }

    /// Wei that the transaction can cost at most, its value aside.
    pub fn fee_max(&self) -> U256 {
        /// Gas of one blob (EIP-4844).
        const BLOB_GAS: u64 = 1 << 17;
        let number = |wei: Option<U128>| U256::from(wei.unwrap_or_default());
        let gas = U256::from(self.gas.unwrap_or_default());
        let blobs = self.blob_versioned_hashes.as_ref().map_or(0, Vec::len);
        let price = number(self.max_fee_per_gas.or(self.gas_price));
        let blob_gas = U256::from(blobs).saturating_mul(U256::from(BLOB_GAS));
        gas.saturating_mul(price)
            .saturating_add(blob_gas.saturating_mul(number(self.max_fee_per_blob_gas)))
    }

    /// The transaction of its type.
    ///
    /// # Errors
    ///
    /// A field is missing, has no place in the type, or a value that no node takes.
    pub fn build(&self) -> Result<Unsigned, TransactionError> {
        let kind = self.kind()?;
        self.check_places(kind)?;
        match kind {
            0 => self.legacy().map(Unsigned::Legacy),
            1 => self.with_list().map(Unsigned::Eip2930),
            2 => self.with_caps().map(Unsigned::Eip1559),
            3 => self.with_blobs().map(Unsigned::Eip4844),
            _ => self.with_authorizations().map(Unsigned::Eip7702),
        }
    }

    fn legacy(&self) -> Result<TxLegacy, TransactionError> {
        Ok(TxLegacy {
            chain_id: self.chain_id.map(|id| id.to()),
            nonce: number(self.nonce, "nonce")?,
            gas_price: number(self.gas_price, "gasPrice")?,
            gas_limit: number(self.gas, "gas")?,
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            input: self.input.clone().unwrap_or_default(),
        })
    }

    fn with_list(&self) -> Result<TxEip2930, TransactionError> {
        let TxLegacy { nonce, gas_price, gas_limit, to, value, input, .. } = self.legacy()?;
        let chain_id = number(self.chain_id, "chainId")?;
        let access_list = self.access_list.clone().unwrap_or_default();
        Ok(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input })
    }

    fn with_caps(&self) -> Result<TxEip1559, TransactionError> {
        let (max_fee_per_gas, max_priority_fee_per_gas) = self.fees()?;
        Ok(TxEip1559 {
            chain_id: number(self.chain_id, "chainId")?,
            nonce: number(self.nonce, "nonce")?,
            gas_limit: number(self.gas, "gas")?,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            access_list: self.access_list.clone().unwrap_or_default(),
            input: self.input.clone().unwrap_or_default(),
        })
    }

    fn with_blobs(&self) -> Result<TxEip4844, TransactionError> {
        let base = self.with_caps()?;
        Ok(TxEip4844 {
            chain_id: base.chain_id,
            nonce: base.nonce,
            gas_limit: base.gas_limit,
            max_fee_per_gas: base.max_fee_per_gas,
            max_priority_fee_per_gas: base.max_priority_fee_per_gas,
            to: self.to.ok_or(TransactionError::Missing("to"))?,
            value: base.value,
            access_list: base.access_list,
            input: base.input,
            blob_versioned_hashes: self.blob_hashes()?,
            max_fee_per_blob_gas: number(self.max_fee_per_blob_gas, "maxFeePerBlobGas")?,
        })
    }

    fn with_authorizations(&self) -> Result<TxEip7702, TransactionError> {
        let base = self.with_caps()?;
        Ok(TxEip7702 {
            chain_id: base.chain_id,
            nonce: base.nonce,
            gas_limit: base.gas_limit,
            max_fee_per_gas: base.max_fee_per_gas,
            max_priority_fee_per_gas: base.max_priority_fee_per_gas,
            to: self.to.ok_or(TransactionError::Missing("to"))?,
            value: base.value,
            access_list: base.access_list,
            input: base.input,
            authorization_list: self.authorizations()?,
        })
    }

    fn fees(&self) -> Result<(u128, u128), TransactionError> {
        let most = number(self.max_fee_per_gas, "maxFeePerGas")?;
        let tip = number(self.max_priority_fee_per_gas, "maxPriorityFeePerGas")?;
        if tip > most {
            let reason = "it is above maxFeePerGas";
            return Err(TransactionError::Value("maxPriorityFeePerGas", reason));
        }
        Ok((most, tip))
    }

    fn blob_hashes(&self) -> Result<Vec<B256>, TransactionError> {
        const NAME: &str = "blobVersionedHashes";
        let hashes = self.blob_versioned_hashes.clone().ok_or(TransactionError::Missing(NAME))?;
        if hashes.is_empty() {
            return Err(TransactionError::Value(NAME, "there are none"));
        }
        if hashes.iter().any(|hash| hash.first() != Some(&BLOB_HASH_VERSION)) {
            return Err(TransactionError::Value(NAME, "a hash does not begin with 01"));
        }
        Ok(hashes)
    }

    fn authorizations(&self) -> Result<Vec<SignedAuthorization>, TransactionError> {
        const NAME: &str = "authorizationList";
        let list = self.authorization_list.clone().ok_or(TransactionError::Missing(NAME))?;
        if list.is_empty() {
            Err(TransactionError::Value(NAME, "there are none"))
        } else {
            Ok(list)
        }
    }

    fn check_places(&self, kind: u8) -> Result<(), TransactionError> {
        let places = [
            ("gasPrice", self.gas_price.is_some(), kind <= 1),
            ("maxFeePerGas", self.max_fee_per_gas.is_some(), kind >= 2),
            ("maxPriorityFeePerGas", self.max_priority_fee_per_gas.is_some(), kind >= 2),
            ("accessList", self.access_list.is_some(), kind >= 1),
            ("maxFeePerBlobGas", self.max_fee_per_blob_gas.is_some(), kind == 3),
            ("blobVersionedHashes", self.blob_versioned_hashes.is_some(), kind == 3),
            ("authorizationList", self.authorization_list.is_some(), kind == 4),
        ];
        if let Some((field, ..)) =
            places.iter().find(|(_, is_there, has_place)| *is_there && !has_place)
        {
            return Err(TransactionError::Superfluous { kind, field });
        }
        let input = self.input.as_ref().map_or(0, |input| input.len());
        if self.to.is_none() && input == 0 {
            return Err(TransactionError::Value(
                "to",
                "without it, input has to create a contract",
            ));
        }
        if self.to.is_none() && input > INIT_CODE_BYTES_MAX {
            return Err(TransactionError::Value("input", "code to create is too long (EIP-3860)"));
        }
        if self.nonce == Some(U64::MAX) {
            return Err(TransactionError::Value("nonce", "it is 2^64-1 (EIP-2681)"));
        }
        Ok(())
    }
}

/// A field that has to be there.
fn number<const BITS: usize, const LIMBS: usize, T>(
    field: Option<Uint<BITS, LIMBS>>,
    name: &'static str,
) -> Result<T, TransactionError>
where
    Uint<BITS, LIMBS>: UintTryTo<T>,
{
    let field = field.ok_or(TransactionError::Missing(name))?;
    field.uint_try_to().map_err(|_| TransactionError::Value(name, "it is too large"))
}

#[cfg(test)]
mod tests;
