//! The accounts of a development chain.

use alloy_primitives::Address;
use alloy_signer_local::{
    LocalSignerError, MnemonicBuilder, PrivateKeySigner,
    coins_bip39::{English, Mnemonic, MnemonicError},
};
use rand::{
    SeedableRng,
    rngs::{OsRng, StdRng},
};

/// What everybody uses. Its keys are known to all: never send anything of value to them.
pub(crate) const DEFAULT_MNEMONIC: &str =
    "test test test test test test test test test test test junk";

/// BIP-44's path for Ethereum; the number of the account follows.
pub(crate) const DEFAULT_PATH: &str = "m/44'/60'/0'/0/";

/// Most accounts that are made: deriving one takes about a millisecond.
pub(super) const ACCOUNTS_MAX: u32 = 10_000;

/// Keys from a phrase, in order.
pub(crate) fn derive(
    phrase: &str,
    path: &str,
    count: u32,
) -> Result<Vec<PrivateKeySigner>, LocalSignerError> {
    let path = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
    (0..count)
        .map(|index| {
            MnemonicBuilder::<English>::default()
                .phrase(phrase)
                .derivation_path(format!("{path}{index}"))?
                .build()
        })
        .collect()
}

/// A new phrase of `words` words from the system's randomness: 12, 15, 18, 21 or 24.
pub(super) fn new_phrase(words: usize) -> Result<String, MnemonicError> {
    Ok(Mnemonic::<English>::new_with_count(&mut OsRng, words)?.to_phrase())
}

/// A phrase that anybody who knows `seed` can make, as anvil makes it: for tests only.
pub(super) fn phrase_from_seed(seed: u64) -> String {
    Mnemonic::<English>::new(&mut StdRng::seed_from_u64(seed)).to_phrase()
}

/// The addresses of keys.
pub(crate) fn addresses(keys: &[PrivateKeySigner]) -> Vec<Address> {
    keys.iter().map(PrivateKeySigner::address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[test]
    fn the_first_accounts_are_those_that_everybody_knows() {
        let keys = derive(DEFAULT_MNEMONIC, DEFAULT_PATH, 2).unwrap();
        let known = [
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ];
        assert_eq!(addresses(&keys), known);
    }

    #[test]
    fn phrases_have_the_words_asked_for() {
        for words in [12, 15, 18, 21, 24] {
            let phrase = new_phrase(words).unwrap();
            assert_eq!(phrase.split(' ').count(), words);
            assert_eq!(derive(&phrase, DEFAULT_PATH, 1).unwrap().len(), 1);
        }
        assert!(new_phrase(13).is_err());
        assert_eq!(phrase_from_seed(7), phrase_from_seed(7));
        assert_ne!(phrase_from_seed(7), phrase_from_seed(8));
    }
}
