//! What a reporter of a price feed signs: `contracts/src/oracle/Observations.sol`.

use alloy_primitives::{Address, B256, Signature};
use alloy_signer::SignerSync;
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};

use crate::contracts::price_feed::PriceFeed::SignedObservation;
pub use crate::contracts::reporter_registry::Observations::Observation;

/// The EIP-712 domain of a feed.
pub fn domain(feed: Address, chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "Heddle PriceFeed",
        version: "1",
        chain_id: chain_id,
        verifying_contract: feed,
    }
}

/// The hash that a reporter signs.
pub fn signing_hash(observation: &Observation, feed: Address, chain_id: u64) -> B256 {
    observation.eip712_signing_hash(&domain(feed, chain_id))
}

/// Signs an observation for the reporter of a seat. A reporter that signs two different ones for the
/// same round and attempt of a feed loses its bond: remember what was signed.
///
/// # Errors
///
/// Those of the signer.
pub fn sign<S: SignerSync>(
    signer: &S,
    seat: u8,
    observation: &Observation,
    feed: Address,
    chain_id: u64,
) -> Result<SignedObservation, alloy_signer::Error> {
    let signature = signer.sign_hash_sync(&signing_hash(observation, feed, chain_id))?;
    Ok(signed(seat, observation, signature))
}

/// An observation with the signature of the reporter of a seat, in the form of a report.
pub fn signed(seat: u8, observation: &Observation, signature: Signature) -> SignedObservation {
    // ERC-2098: the highest bit of `vs` is the parity of y.
    let bytes = signature.normalized_s().as_erc2098();
    let [r, vs] = [B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..])];
    let (value, observed_at) = (observation.value, observation.observedAt);
    SignedObservation { seat, value, observedAt: observed_at, r, vs }
}
