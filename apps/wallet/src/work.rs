//! What can be signed, and what a signature makes of it.
//!
//! The same [`Work`] is signed in this process and sent to a signer: whole, never as a hash, so
//! that whoever confirms sees what he confirms.

use crate::{
    amount::{ETHER_DECIMALS, format_units},
    key::PrivateKey,
    transaction::{Fields, TransactionError},
};
use alloy_dyn_abi::TypedData;
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, eip191_hash_message};
use heddle_client::visible;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;

/// Most bytes of a message or of typed data, and of call data shown.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of call data that are shown.
const SHOWN_BYTES_MAX: usize = 1024;

/// Why something cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The transaction is not right.
    #[error("the transaction cannot be signed")]
    Transaction(#[from] TransactionError),
    /// The typed data are not right.
    #[error("the typed data are not of EIP-712's form: {0}")]
    TypedData(String),
    /// The message is too long.
    #[error("the message has more than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    /// The curve has no signature for this hash.
    #[error("there is no signature for this; change it and try again")]
    Curve(#[source] k256::ecdsa::Error),
    /// A signature is by somebody else.
    #[error("the signature is not by {0}")]
    Signer(Address),
}

/// Something to be signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "content", rename_all = "kebab-case")]
pub enum Work {
    /// A transaction.
    Transaction(Box<Fields>),
    /// A message (EIP-191, version 0x45).
    Message(Bytes),
    /// Typed data (EIP-712).
    TypedData(Value),
    /// The leave to run a contract's code in the signer's name (EIP-7702).
    Authorization(Authorization),
}

impl Work {
    /// What is signed.
    ///
    /// # Errors
    ///
    /// See [`WorkError`].
    pub fn hash(&self) -> Result<B256, WorkError> {
        match self {
            Self::Transaction(fields) => Ok(fields.build()?.signature_hash()),
            Self::Message(message) if message.len() > MESSAGE_BYTES_MAX => Err(WorkError::TooLong),
            Self::Message(message) => Ok(eip191_hash_message(message)),
            Self::TypedData(value) => {
                typed_data(value)?.eip712_signing_hash().map_err(|error| typed_error(&error))
            }
            Self::Authorization(authorization) => Ok(authorization.signature_hash()),
        }
    }

    /// Signs with a key of this process.
    ///
    /// # Errors
    ///
    /// See [`WorkError`].
    pub fn sign(&self, key: &PrivateKey) -> Result<Signature, WorkError> {
        key.sign_hash(&self.hash()?).map_err(WorkError::Curve)
    }

    /// Whether a signature is this address's, and the only one of its form (the lower `s`).
    ///
    /// # Errors
    ///
    /// [`WorkError::Signer`] if it is not.
    pub fn verify(&self, signature: &Signature, address: Address) -> Result<(), WorkError> {
        let found = signature.recover_address_from_prehash(&self.hash()?).ok();
        let is_right = found == Some(address) && signature.normalize_s().is_none();
        if is_right { Ok(()) } else { Err(WorkError::Signer(address)) }
    }

    /// What a person has to read before it is signed. Nothing in it can move the cursor or hide
    /// letters: all that is not printable ASCII is written as an escape.
    pub fn describe(&self) -> String {
        let text = match self {
            Self::Transaction(fields) => describe_transaction(fields),
            Self::Message(message) => match std::str::from_utf8(message) {
                Ok(text) => format!("message (EIP-191):\n{text}"),
                Err(_) => format!("message (EIP-191), not text:\n{message}"),
            },
            Self::TypedData(value) => {
                let text = serde_json::to_string_pretty(value).unwrap_or_default();
                format!("typed data (EIP-712):\n{text}")
            }
            Self::Authorization(one) => format!(
                "authorization (EIP-7702): the code of {} runs in your name and may spend all you have\n\
                 chain id: {}\nnonce: {}",
                one.address,
                if one.chain_id.is_zero() {
                    "0, which is every chain".to_owned()
                } else {
                    one.chain_id.to_string()
                },
                one.nonce
            ),
        };
        visible(&text)
    }
}

/// Reads typed data.
fn typed_data(value: &Value) -> Result<TypedData, WorkError> {
    // A stranger's data: bounded, since its hash is made recursively.
    let is_long = value.to_string().len() > MESSAGE_BYTES_MAX;
    if is_long {
        return Err(WorkError::TooLong);
    }
    serde_json::from_value::<TypedData>(value.clone())
        .map_err(|error| WorkError::TypedData(visible(&error.to_string())))
}

/// The domain's contract and chain, which policies judge by.
///
/// # Errors
///
/// [`WorkError::TypedData`].
pub fn typed_domain(value: &Value) -> Result<(Option<Address>, Option<U256>), WorkError> {
    let data = typed_data(value)?;
    Ok((data.domain.verifying_contract, data.domain.chain_id))
}

fn typed_error(error: &alloy_dyn_abi::Error) -> WorkError {
    WorkError::TypedData(visible(&error.to_string()))
}

fn describe_transaction(fields: &Fields) -> String {
    let mut text = String::new();
    let ether = |wei| format_units(wei, ETHER_DECIMALS);
    let kind = fields.kind().map_or_else(|_| "unknown".to_owned(), |kind| kind.to_string());
    let chain = fields
        .chain_id
        .map_or_else(|| "none: it can be sent on every chain".to_owned(), |id| id.to_string());
    let to = fields.to.map_or_else(|| "a new contract".to_owned(), |to| to.to_string());
    let value = ether(fields.value.unwrap_or_default());
    let fee = ether(fields.fee_max());
    let nonce = fields.nonce.unwrap_or_default();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "transaction of type {kind}\nchain id: {chain}\nto: {to}\nvalue: {value} ether\n\
         fee at most: {fee} ether\nnonce: {nonce}"
    );
    if let Some(input) = fields.input.as_ref().filter(|input| !input.is_empty()) {
        let shown = Bytes::copy_from_slice(input.get(..SHOWN_BYTES_MAX).unwrap_or(input));
        let rest = input.len().saturating_sub(SHOWN_BYTES_MAX);
        let _ = write!(text, "\ndata, {} bytes: {shown}", input.len());
        if rest > 0 {
            let _ = write!(text, " and {rest} more");
        }
        if let Some(transfer) = crate::token::Transfer::decode(input) {
            let _ = write!(
                text,
                "\nthis is an ERC-20 transfer of {} units to {}",
                transfer.amount, transfer.to
            );
        }
    }
    for one in fields.authorization_list.iter().flatten() {
        let who =
            one.recover_authority().map_or_else(|_| "nobody".to_owned(), |who| who.to_string());
        let _ = write!(text, "\nauthorization: {who} runs the code of {}", one.address());
    }
    for hash in fields.blob_versioned_hashes.iter().flatten() {
        let _ = write!(text, "\nblob: {hash}");
    }
    text
}

#[cfg(test)]
mod tests;
