//! Accounts with their keys, and what they sign.

use super::LoadError;
use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaEncodableTx as _};
use alloy_primitives::{Address, B256, Signature, keccak256};
use alloy_signer_local::{MnemonicBuilder, coins_bip39::English};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// The phrase that all development chains share. Its keys are known to all.
pub(super) const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Accounts that are taken of a phrase: as many as development chains fund.
const MNEMONIC_ACCOUNTS: u32 = 10;

/// An account with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    key: SecretKey,
    pub(crate) address: Address,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) bytes: Vec<u8>,
}

impl Account {
    fn new(key: SecretKey) -> Self {
        let public = PublicKey::from_secret_key(SECP256K1, &key).serialize_uncompressed();
        Self { key, address: Address::from_raw_public_key(&public[1..]) }
    }

    /// Of a secret key in hexadecimal.
    pub(super) fn from_hex(text: &str) -> Result<Self, LoadError> {
        let wrong = || LoadError::Key(text.to_owned());
        let secret: B256 = text.parse().map_err(|_| wrong())?;
        SecretKey::from_byte_array(secret.0).map(Self::new).map_err(|_| wrong())
    }

    /// Of a phrase, on the path that wallets use.
    pub(super) fn of_phrase(phrase: &str) -> Result<Vec<Self>, LoadError> {
        (0..MNEMONIC_ACCOUNTS)
            .map(|index| {
                let signer = MnemonicBuilder::<English>::default()
                    .phrase(phrase)
                    .derivation_path(format!("m/44'/60'/0'/0/{index}"))?
                    .build()?;
                Self::from_hex(&signer.to_bytes().to_string())
            })
            .collect()
    }

    /// The account with this number of those that belong to a seed.
    pub(crate) fn of_seed(seed: u64, number: u64) -> Self {
        let mut secret = keccak256([seed.to_be_bytes(), number.to_be_bytes()].concat());
        loop {
            // All but one in 2^128 hashes are keys.
            if let Ok(key) = SecretKey::from_byte_array(secret.0) {
                return Self::new(key);
            }
            secret = keccak256(secret);
        }
    }

    /// Signs a transaction.
    pub(crate) fn sign(&self, transaction: &TxEip1559) -> Signed {
        let signature = self.sign_hash(transaction.signature_hash());
        let mut bytes = Vec::with_capacity(128 + transaction.input.len());
        transaction.eip2718_encode(&signature, &mut bytes);
        Signed { hash: keccak256(&bytes), bytes }
    }

    /// Signs a hash; `s` is in the lower half of the order.
    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.key);
        let (recovery, compact) = signature.serialize_compact();
        Signature::from_bytes_and_parity(&compact, i32::from(recovery) == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;
    use alloy_primitives::{address, bytes};

    #[test]
    fn the_phrase_gives_the_accounts_that_everybody_knows() {
        let accounts = Account::of_phrase(MNEMONIC).unwrap();
        assert_eq!(accounts.len(), 10);
        assert_eq!(accounts[0].address, address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
        let key = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
        assert_eq!(Account::from_hex(key).unwrap(), accounts[1]);
        for wrong in ["", "0x12", &"f".repeat(64), &"0".repeat(64)] {
            assert!(Account::from_hex(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_signed_decodes_to_the_signer_and_the_hash() {
        let account = Account::of_seed(1, 2);
        assert_ne!(account, Account::of_seed(2, 1));
        let transaction = TxEip1559 { nonce: 7, input: bytes!("0102"), ..TxEip1559::default() };
        let signed = account.sign(&transaction);
        let decoded = TxEnvelope::decode_2718_exact(&signed.bytes).unwrap();
        assert_eq!(*decoded.tx_hash(), signed.hash);
        assert_eq!(decoded.recover_signer().unwrap(), account.address);
        assert_eq!(account.sign(&transaction), signed, "signing draws nothing");
    }
}
