//! What a reporter signs (EIP-712), and how it is sent: `contracts/src/oracle/Observations.sol`.

use alloy_primitives::{
    Address, B256, Signature,
    aliases::{I192, U48},
    hex,
};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use heddle_venue::{
    contracts::{price_feed::PriceFeed::SignedObservation, reporter_registry::Observations},
    observation::signing_hash,
};
use serde::{Deserialize, Serialize};

/// What a reporter claims to have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// Round of the feed.
    pub round: u32,
    /// Try at the round.
    pub attempt: u32,
    /// With the decimals of the feed.
    pub value: I192,
    /// Seconds since 1970; 48 bits.
    pub observed_at: u64,
}

/// A feed on a chain: what is signed counts there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedId {
    /// The contract.
    pub feed: Address,
    /// The chain.
    pub chain_id: u64,
}

/// Why what somebody sent is no observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongObservation {
    /// The value is no integer of 192 bits.
    #[error("the value is no integer of 192 bits")]
    Value,
    /// The time is none.
    #[error("the time has more than 48 bits")]
    Time,
    /// The signature is none.
    #[error("the signature is not of the form that contracts take, or nobody's")]
    Signature,
}

/// A signed observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What.
    pub observation: Observation,
    /// r, and s with the parity in its highest bit (ERC-2098).
    pub signature: [u8; 64],
}

impl FeedId {
    /// The hash that is signed.
    pub fn digest(&self, observation: &Observation) -> B256 {
        signing_hash(&observation.to_contract(), self.feed, self.chain_id)
    }

    /// Signs. Who signs two different ones for a round and attempt loses its bond: [`crate::journal`]
    /// comes first.
    ///
    /// # Errors
    ///
    /// Those of the key.
    pub fn sign(
        &self,
        key: &PrivateKeySigner,
        observation: Observation,
    ) -> Result<Signed, alloy_signer::Error> {
        let signature = key.sign_hash_sync(&self.digest(&observation))?.normalized_s();
        Ok(Signed { observation, signature: signature.as_erc2098() })
    }

    /// Who has signed.
    ///
    /// # Errors
    ///
    /// [`WrongObservation::Signature`].
    pub fn signer(&self, signed: &Signed) -> Result<Address, WrongObservation> {
        let signature = Signature::from_erc2098(&signed.signature);
        // Of both forms that a signature has the contracts take the one with the lower s.
        if signature.normalize_s().is_some() {
            return Err(WrongObservation::Signature);
        }
        let digest = self.digest(&signed.observation);
        let signer = signature.recover_address_from_prehash(&digest);
        signer.map_err(|_| WrongObservation::Signature)
    }
}

impl Observation {
    /// In the form of the contracts.
    pub fn to_contract(&self) -> Observations::Observation {
        Observations::Observation {
            round: self.round,
            attempt: self.attempt,
            value: self.value,
            observedAt: U48::from(self.observed_at),
        }
    }
}

impl Signed {
    /// In the form of a report, for the reporter of a seat.
    pub fn to_contract(&self, seat: u8) -> SignedObservation {
        let Observations::Signature { r, vs } = self.contract_signature();
        let Observation { value, observed_at, .. } = self.observation;
        SignedObservation { seat, value, observedAt: U48::from(observed_at), r, vs }
    }

    /// The signature in the form of the registry.
    pub fn contract_signature(&self) -> Observations::Signature {
        let (r, vs) = self.signature.split_at(32);
        Observations::Signature { r: B256::from_slice(r), vs: B256::from_slice(vs) }
    }
}

/// A signed observation as it is sent and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wire {
    round: u32,
    attempt: u32,
    /// In decimal digits: numbers of JSON are too small.
    value: String,
    observed_at: u64,
    /// 128 hexadecimal digits.
    signature: String,
}

/// Letters of a value of 192 bits, with its sign.
const VALUE_LETTERS_MAX: usize = 59;

impl From<&Signed> for Wire {
    fn from(signed: &Signed) -> Self {
        let Observation { round, attempt, value, observed_at } = signed.observation;
        let signature = hex::encode_prefixed(signed.signature);
        Self { round, attempt, value: value.to_string(), observed_at, signature }
    }
}

impl TryFrom<Wire> for Signed {
    type Error = WrongObservation;

    fn try_from(wire: Wire) -> Result<Self, WrongObservation> {
        let digits = wire.value.strip_prefix('-').unwrap_or(&wire.value);
        // The parser takes other bases and marks besides.
        if digits.is_empty()
            || wire.value.len() > VALUE_LETTERS_MAX
            || !digits.bytes().all(|digit| digit.is_ascii_digit())
        {
            return Err(WrongObservation::Value);
        }
        let value = I192::from_dec_str(&wire.value).map_err(|_| WrongObservation::Value)?;
        if wire.observed_at >> 48 != 0 {
            return Err(WrongObservation::Time);
        }
        let mut signature = [0; 64];
        hex::decode_to_slice(&wire.signature, &mut signature)
            .map_err(|_| WrongObservation::Signature)?;
        let (round, attempt, observed_at) = (wire.round, wire.attempt, wire.observed_at);
        Ok(Self { observation: Observation { round, attempt, value, observed_at }, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};
    use proptest::prelude::*;

    const FEED: FeedId =
        FeedId { feed: address!("00000000000000000000000000000000000000fe"), chain_id: 31_337 };

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
    }

    /// contracts/test/oracle/ObservationVector.t.sol has the same numbers.
    #[test]
    fn the_contracts_read_what_is_signed() {
        let observation = Observation {
            round: 7,
            attempt: 170_000_000,
            value: I192::try_from(-123_456_789_012_i64).unwrap(),
            observed_at: 1_700_000_001,
        };
        let signed = FEED.sign(&key(), observation).unwrap();
        let digest = b256!("ed4ecc15a4f504a9a73f2d7372cbe07044ef63aa24cf4b9fbe093a28e3729c59");
        assert_eq!(FEED.digest(&observation), digest);
        let expected = Observations::Signature {
            r: b256!("e18fa9d73d02e4ae55d1619c78c867232979eef9f617617e94aabcb3bf67ae3d"),
            vs: b256!("be293099a074cc6fada67009d3b7dcd9a165a8d78d1c9839d2e47e2a222e2d91"),
        };
        assert_eq!(signed.contract_signature(), expected);
        assert_eq!(FEED.signer(&signed).unwrap(), key().address());
    }

    #[test]
    fn the_second_form_of_a_signature_is_refused() {
        let value = I192::ZERO;
        let observation = Observation { round: 1, attempt: 1, value, observed_at: 1 };
        let mut signed = FEED.sign(&key(), observation).unwrap();
        // 2^255 - 1, a little more than half of the order.
        signed.signature[32..].fill(0xff);
        signed.signature[32] = 0x7f;
        assert_eq!(FEED.signer(&signed), Err(WrongObservation::Signature));
        assert_eq!(
            FEED.signer(&Signed { signature: [0; 64], ..signed }),
            Err(WrongObservation::Signature)
        );
    }

    fn observation() -> impl Strategy<Value = Observation> {
        (any::<u32>(), any::<u32>(), any::<[u64; 3]>(), 0..1_u64 << 48).prop_map(
            |(round, attempt, limbs, observed_at)| {
                let value = I192::from_limbs(limbs);
                Observation { round, attempt, value, observed_at }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_signed_arrives(observation in observation()) {
            let signed = FEED.sign(&key(), observation).unwrap();
            let json = serde_json::to_string(&Wire::from(&signed)).unwrap();
            let wire: Wire = serde_json::from_str(&json).unwrap();
            let found = Signed::try_from(wire).unwrap();
            prop_assert_eq!(found, signed);
            prop_assert_eq!(FEED.signer(&found).unwrap(), key().address());
        }

        #[test]
        fn a_signature_counts_for_its_content_feed_and_chain_alone(
            observation in observation(),
            other in observation(),
        ) {
            prop_assume!(observation != other);
            let signed = FEED.sign(&key(), observation).unwrap();
            let signer = Ok(key().address());
            prop_assert_ne!(FEED.signer(&Signed { observation: other, ..signed }), signer);
            prop_assert_ne!(FeedId { chain_id: 1, ..FEED }.signer(&signed), signer);
            prop_assert_ne!(FeedId { feed: Address::ZERO, ..FEED }.signer(&signed), signer);
        }

        #[test]
        fn any_json_is_an_observation_or_an_error(
            value in "[-0-9_xob]{0,70}",
            observed_at in any::<u64>(),
            signature in "(0x)?[0-9a-fg]{120,130}",
        ) {
            let wire = Wire { round: 1, attempt: 1, value, observed_at, signature };
            let _ = Signed::try_from(wire).map(|signed| FEED.signer(&signed));
        }
    }
}
