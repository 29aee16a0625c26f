//! Who validates in an epoch, proved to somebody who knows who did in the one before the one before:
//! the last block of that epoch is signed by them, and the state after it holds the new ones.

use super::Certificate;
use crate::{
    block::ProposalHead,
    scheme::Votes,
    validators::{LENGTH_SLOT, VALIDATORS_ADDRESS, keys_in, slots_of_keys},
};
use alloy_primitives::{Bytes, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use commonware_codec::{Copying, Decode as _, DecodeExt as _};
use commonware_consensus::{Epochable as _, types::Epoch};
use commonware_cryptography::{certificate::Verifier as _, ed25519::PublicKey};
use commonware_parallel::Sequential;
use heddle_chain::{ChainReader, Error, Note};
use heddle_types::Header;
use rand_core::CryptoRng;
use std::collections::BTreeMap;

/// Before the names of notes with what proves the validators in the state after the last block of an
/// epoch.
const NOTES: &str = "border/";

/// The last block of an epoch, and the validators in the state after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Border {
    /// What makes it final, and the head of its proposal; empty in notes of nodes that have both
    /// elsewhere.
    pub(super) certificate: Bytes,
    pub(super) head: Bytes,
    /// Its header.
    pub(super) header: Header,
    /// Nodes of tries in RLP, each once.
    nodes: Vec<Bytes>,
    /// The contract's account, and which nodes lead there, from the root on.
    account: TrieAccount,
    account_path: Vec<u64>,
    /// The contract's slots: that with the number of validators, and the one of each key.
    slots: Vec<ProvedSlot>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct ProvedSlot {
    value: U256,
    path: Vec<u64>,
}

fn name(epoch: Epoch) -> String {
    format!("{NOTES}{:020}", epoch.get())
}

/// What is to be noted of the last block of an epoch, whose state is there still.
pub(crate) fn note(reader: &ChainReader, epoch: Epoch, number: u64) -> Result<Note, Error> {
    let header = reader.header(number)?.ok_or(Error::NoBlock(number))?;
    let state = reader.state_at(number)?;
    let length = state.slot(VALIDATORS_ADDRESS, U256::from(LENGTH_SLOT))?;
    let proved = state.proof(VALIDATORS_ADDRESS, &slots_of_keys(length))?;
    let mut nodes = Nodes::default();
    let account = TrieAccount {
        nonce: proved.account.nonce,
        balance: proved.account.balance,
        storage_root: proved.account.storage_root,
        code_hash: proved.account.code_hash,
    };
    let account_path = nodes.path(proved.proof);
    let slots = proved.slots.into_iter();
    let slots =
        slots.map(|slot| ProvedSlot { value: slot.value, path: nodes.path(slot.proof) }).collect();
    let border =
        Border { header, nodes: nodes.all, account, account_path, slots, ..Border::default() };
    Ok(noted(epoch, &border))
}

/// The note with a border.
pub(super) fn noted(epoch: Epoch, border: &Border) -> Note {
    Note { name: name(epoch), bytes: alloy_rlp::encode(border) }
}

/// What was noted of the last block of an epoch.
pub(super) fn stored(reader: &ChainReader, epoch: Epoch) -> Result<Option<Border>, Error> {
    let Some(bytes) = reader.note(&name(epoch))? else { return Ok(None) };
    let border = alloy_rlp::decode_exact(&bytes);
    border.map(Some).map_err(|_| Error::Record("the last block of an epoch"))
}

/// Nodes, each once.
#[derive(Default)]
struct Nodes {
    all: Vec<Bytes>,
    places: BTreeMap<Bytes, u64>,
}

impl Nodes {
    fn path(&mut self, proof: Vec<Bytes>) -> Vec<u64> {
        let place = |node: Bytes| {
            *self.places.entry(node.clone()).or_insert_with(|| {
                self.all.push(node);
                self.all.len() as u64 - 1
            })
        };
        proof.into_iter().map(place).collect()
    }
}

impl Border {
    /// The validators that the contract names after the last block of an epoch, whose number is
    /// `last`. `votes` are those of the epoch.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub(super) fn check(
        &self,
        rng: &mut impl CryptoRng,
        votes: &Votes,
        epoch: Epoch,
        last: u64,
    ) -> Result<Vec<PublicKey>, &'static str> {
        let (_, head) = check_certificate(rng, votes, epoch, &self.certificate, &self.head)?;
        if head.height != last || head.hash != self.header.hash_slow() {
            return Err("another block than the last one of an epoch was signed");
        }
        let account = self.account;
        // An account of which nothing is set is none.
        let value = (account != TrieAccount::default()).then(|| alloy_rlp::encode(account));
        let key = Nibbles::unpack(keccak256(VALIDATORS_ADDRESS));
        verify_proof(self.header.state_root, key, value, self.nodes(&self.account_path)?)
            .map_err(|_| "the account of the validators' contract is not proved")?;
        let first = self.slots.first().ok_or("there is no number of validators")?;
        let keys = slots_of_keys(first.value);
        if keys.len() != self.slots.len() {
            return Err("there are more or fewer slots than validators");
        }
        for (key, slot) in keys.iter().zip(&self.slots) {
            let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
            let key = Nibbles::unpack(keccak256(key.to_be_bytes::<32>()));
            verify_proof(account.storage_root, key, value, self.nodes(&slot.path)?)
                .map_err(|_| "a slot of the validators' contract is not proved")?;
        }
        Ok(keys_in(self.slots.iter().skip(1).map(|slot| slot.value)))
    }

    fn nodes(&self, path: &[u64]) -> Result<Vec<&Bytes>, &'static str> {
        let node = |place: &u64| self.nodes.get(usize::try_from(*place).ok()?);
        path.iter().map(node).collect::<Option<_>>().ok_or("a node is missing")
    }
}

/// A certificate and the head of the proposal that it makes final, if validators of the epoch have
/// signed it.
pub(super) fn check_certificate(
    rng: &mut impl CryptoRng,
    votes: &Votes,
    epoch: Epoch,
    certificate: &[u8],
    head: &[u8],
) -> Result<(Certificate, ProposalHead), &'static str> {
    let certificate =
        Certificate::decode_cfg(Copying(certificate), &votes.certificate_codec_config())
            .map_err(|_| "there is no certificate")?;
    let head = ProposalHead::decode(Copying(head)).map_err(|_| "there is no head")?;
    if certificate.epoch() != epoch {
        return Err("the certificate is of another epoch");
    }
    if certificate.proposal.payload.block() != head.digest() {
        return Err("the certificate is for another proposal");
    }
    if !certificate.verify(rng, votes, &Sequential) {
        return Err("the certificate is not signed by the validators");
    }
    Ok((certificate, head))
}
