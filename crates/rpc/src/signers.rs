//! Keys that the node signs with for its clients: those of a development chain.

use crate::Error;
use alloy_consensus::{SignableTransaction, TypedTransaction};
use alloy_dyn_abi::TypedData;
use alloy_primitives::{Address, B256, Signature};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use heddle_pool::PooledTransaction;
use std::fmt;

/// A list of local keys, in the order in which `eth_accounts` gives them.
#[derive(Clone, Default)]
pub struct Signers {
    keys: Vec<PrivateKeySigner>,
    addresses: Vec<Address>,
}

impl Signers {
    /// Of these keys.
    pub fn new(keys: Vec<PrivateKeySigner>) -> Self {
        let addresses = keys.iter().map(PrivateKeySigner::address).collect();
        Self { keys, addresses }
    }

    /// Whose keys these are.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    fn key(&self, address: Address) -> Result<&PrivateKeySigner, Error> {
        let position = self.addresses.iter().position(|known| *known == address);
        position.and_then(|position| self.keys.get(position)).ok_or_else(|| {
            Error::Refused(format!("unknown account: the node has no key of {address}"))
        })
    }

    /// Whether the node has the key of an account.
    pub(crate) fn has(&self, address: Address) -> bool {
        self.addresses.contains(&address)
    }

    /// Signs a text or bytes, marked as such (EIP-191).
    pub(crate) fn sign_message(&self, address: Address, text: &[u8]) -> Result<Signature, Error> {
        self.key(address)?.sign_message_sync(text).map_err(failed)
    }

    /// Signs a structure (EIP-712).
    pub(crate) fn sign_typed(
        &self,
        address: Address,
        data: &TypedData,
    ) -> Result<Signature, Error> {
        let hash = data.eip712_signing_hash();
        let hash = hash.map_err(|error| Error::argument(1, error))?;
        self.sign_hash(address, hash)
    }

    fn sign_hash(&self, address: Address, hash: B256) -> Result<Signature, Error> {
        self.key(address)?.sign_hash_sync(&hash).map_err(failed)
    }

    /// Signs a transaction.
    pub(crate) fn sign_transaction(
        &self,
        address: Address,
        transaction: TypedTransaction,
    ) -> Result<PooledTransaction, Error> {
        let signature = self.sign_hash(address, transaction.signature_hash())?;
        with_signature(transaction, signature)
    }
}

impl fmt::Debug for Signers {
    /// The addresses only: a key must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.addresses).finish()
    }
}

/// A transaction with its signature. One with blobs needs them.
pub(crate) fn with_signature(
    transaction: TypedTransaction,
    signature: Signature,
) -> Result<PooledTransaction, Error> {
    let envelope: alloy_consensus::TxEnvelope = transaction.into_envelope(signature);
    envelope
        .try_into_pooled()
        .map_err(|_| Error::Refused("missing sidecar in blob transaction".to_owned()))
}

fn failed(error: alloy_signer::Error) -> Error {
    Error::Refused(format!("the key does not sign: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxLegacy;
    use alloy_primitives::TxKind;
    use heddle_types::Fork;

    #[test]
    fn signs_for_its_own_accounts_only() {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
        let own = key.address();
        let signers = Signers::new(vec![key]);
        let tx = TxLegacy {
            chain_id: Some(31_337),
            to: TxKind::Call(Address::ZERO),
            ..TxLegacy::default()
        };
        let signed = signers.sign_transaction(own, tx.clone().into()).unwrap();
        let candidate =
            heddle_pool::Candidate::recover_each(vec![signed], Fork::Osaka).remove(0).unwrap();
        assert_eq!(candidate.sender(), own);
        assert!(signers.sign_transaction(Address::ZERO, tx.into()).is_err());
        let message = signers.sign_message(own, b"hello").unwrap();
        assert_eq!(message.recover_address_from_msg("hello").unwrap(), own);
        assert_eq!(format!("{signers:?}"), format!("[{own:?}]"));
    }
}
