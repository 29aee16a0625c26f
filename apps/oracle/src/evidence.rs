//! Proofs that a reporter has signed two different observations for one round and attempt of a feed:
//! kept on the disk, and shown to the registry if that is wanted.

use crate::{
    book::Proof,
    journal::Disk,
    observation::{FeedId, Signed, Wire},
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use heddle_client::{At, Node, RpcError};
use heddle_venue::contracts::reporter_registry::ReporterRegistry;
use serde::{Deserialize, Serialize};
use std::io;

/// A proof in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    feed: Address,
    chain_id: u64,
    reporter: Address,
    first: Wire,
    second: Wire,
}

fn name(feed: Address, reporter: Address) -> String {
    format!("proof-{feed:#x}-{reporter:#x}.json")
}

/// Keeps a proof. There is one of each reporter of a feed: one costs the whole bond.
pub(crate) fn keep(disk: &mut impl Disk, proof: &Proof) -> io::Result<()> {
    let record = Record {
        feed: proof.id.feed,
        chain_id: proof.id.chain_id,
        reporter: proof.reporter,
        first: Wire::from(&proof.first),
        second: Wire::from(&proof.second),
    };
    let content = serde_json::to_vec_pretty(&record)?;
    disk.replace(&name(record.feed, record.reporter), &content)
}

/// The proof that was kept of a reporter, if there is one. It is checked as if it came from a stranger.
pub(crate) fn kept(disk: &impl Disk, id: FeedId, reporter: Address) -> io::Result<Option<Proof>> {
    let Some(content) = disk.read(&name(id.feed, reporter))? else { return Ok(None) };
    let Record { feed, chain_id, first, second, .. } = serde_json::from_slice(&content)?;
    let (first, second) = (Signed::try_from(first), Signed::try_from(second));
    let (first, second) = (first.map_err(io::Error::other)?, second.map_err(io::Error::other)?);
    let proof = Proof { id, reporter, first, second };
    let is_right = feed == id.feed && chain_id == id.chain_id && is_proof(&proof);
    Ok(is_right.then_some(proof))
}

/// Whether the registry would take it.
fn is_proof(proof: &Proof) -> bool {
    let (first, second) = (&proof.first.observation, &proof.second.observation);
    let is_conflict = (first.round, first.attempt) == (second.round, second.attempt)
        && (first.value, first.observed_at) != (second.value, second.observed_at);
    let is_signer = |signed| proof.id.signer(signed) == Ok(proof.reporter);
    is_conflict && is_signer(&proof.first) && is_signer(&proof.second)
}

/// The call that slashes, to be sent to the registry.
pub(crate) fn slash_call(proof: &Proof, recipient: Address) -> Bytes {
    let call = ReporterRegistry::slashCall {
        feed: proof.id.feed,
        first: proof.first.observation.to_contract(),
        firstSignature: proof.first.contract_signature(),
        second: proof.second.observation.to_contract(),
        secondSignature: proof.second.contract_signature(),
        recipient,
    };
    call.abi_encode().into()
}

/// Whether a reporter has a bond that can be taken: it has joined, or is leaving.
pub(crate) fn is_bonded(
    node: &Node,
    registry: Address,
    feed: Address,
    reporter: Address,
) -> Result<bool, RpcError> {
    let call = ReporterRegistry::reportersCall { feed, reporter };
    let found = node.read(registry, &call, At::Latest)?;
    // None, Joined, Leaving, Slashed.
    Ok(matches!(found.state, 1 | 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Folder, observation::Observation};
    use alloy_primitives::{B256, aliases::I192};
    use alloy_signer_local::PrivateKeySigner;

    #[test]
    fn a_proof_is_kept_and_checked_when_it_is_read() {
        let id = FeedId { feed: Address::repeat_byte(5), chain_id: 1 };
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
        let sign = |value: i64| {
            let value = I192::try_from(value).unwrap();
            id.sign(&key, Observation { round: 1, attempt: 2, value, observed_at: 9 }).unwrap()
        };
        let reporter = key.address();
        let proof = Proof { id, reporter, first: sign(1), second: sign(-2) };
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        assert_eq!(kept(&folder, id, reporter).unwrap(), None);
        keep(&mut folder, &proof).unwrap();
        assert_eq!(kept(&folder, id, reporter).unwrap(), Some(proof));
        keep(&mut folder, &Proof { second: sign(1), ..proof }).unwrap();
        assert_eq!(kept(&folder, id, reporter).unwrap(), None, "the same twice is no fault");
        keep(&mut folder, &Proof { reporter: Address::ZERO, ..proof }).unwrap();
        assert_eq!(kept(&folder, id, Address::ZERO).unwrap(), None, "it is another's");
    }
}
