//! Proofs that a block is final, for whoever has no copy of the chain.

use crate::{
    block::{Commitment, ProposalHead},
    scheme::Votes,
    validator::{View, certified},
};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Finalization, Proposal as Voted},
    types::{Epoch, Epocher as _, FixedEpocher, Height},
};
use commonware_cryptography::{
    certificate::Scheme as _,
    ed25519::{PublicKey, Signature},
};
use commonware_utils::{Faults as _, N3f1, ordered::Set};
use heddle_types::Header;

/// A certificate is there for one block in a few: those before it are final with it.
const DESCENDANTS_MAX: u64 = 256;

/// A proof that a block is final: two thirds of the validators have signed a proposal that holds it, or a
/// later block that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalityProof {
    /// Number of the epoch whose validators have signed.
    pub epoch: u64,
    /// View in which they have.
    pub view: u64,
    /// What is signed with [`FinalityProof::namespace`]: round, parent's view and commitment, of which
    /// the first 32 bytes are the SHA-256 of `head`.
    pub message: Vec<u8>,
    /// What is set before the message, with its length as a varint before it.
    pub namespace: Vec<u8>,
    /// What the proposal's digest is made of: the hash of the block that it holds is in it.
    pub head: ProposalHead,
    /// Who has signed.
    pub signatures: Vec<SignedVote>,
    /// Headers in RLP from the block that is to be proved to the one that was signed, each the parent
    /// of the next.
    pub headers: Vec<Vec<u8>>,
}

/// A vote that a proposal is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVote {
    /// Whose.
    pub validator: PublicKey,
    /// The signature (ed25519).
    pub signature: Vec<u8>,
}

/// Why there is no proof, or why it proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum FinalityError {
    /// The block is not final yet.
    #[error("block {0} is not final yet")]
    NotFinal(u64),
    /// This node has no certificate.
    #[error("this node has no certificate for block {0}, as it took over the state after it")]
    NoCertificate(u64),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
    /// The proof is wrong.
    #[error("the proof proves nothing: {0}")]
    Wrong(&'static str),
}

impl View {
    /// A proof that the block of a number is final.
    ///
    /// # Errors
    ///
    /// [`FinalityError::NotFinal`], [`FinalityError::NoCertificate`]; the chain may fail.
    pub async fn finality_proof(&self, number: u64) -> Result<FinalityProof, FinalityError> {
        let reader = self.ledger.chain().reader();
        let last = reader.finalized().unwrap_or_default();
        if number > last || number == 0 {
            return Err(FinalityError::NotFinal(number));
        }
        let mut headers = Vec::new();
        for at in number..=last.min(number.saturating_add(DESCENDANTS_MAX)) {
            let header = reader.header(at)?.ok_or(heddle_chain::Error::NoBlock(at))?;
            headers.push(alloy_rlp::encode(&header));
            let Some((certificate, head)) = certified(&self.marshal, at).await else { continue };
            let Some(votes) = self.epochs.get(certificate.epoch()) else { continue };
            return Ok(proof(&certificate, &votes, &self.namespace, head, headers));
        }
        Err(FinalityError::NoCertificate(number))
    }

    /// The validators of an epoch, if they are known here.
    pub fn validators(&self, epoch: u64) -> Option<Vec<PublicKey>> {
        let votes = self.epochs.get(Epoch::new(epoch))?;
        Some(votes.participants().iter().cloned().collect())
    }

    /// The epoch of a block.
    pub fn epoch_of(&self, number: u64) -> u64 {
        self.epocher.containing(Height::new(number)).map_or(0, |info| info.epoch().get())
    }

    /// Whether this validator signs nothing yet, as it does not know what it has signed.
    pub fn is_silent(&self) -> bool {
        self.silence.is_complete()
    }

    /// The epoch and view up to which this validator signs nothing, once the others have told how far
    /// they are.
    pub fn silent_until(&self) -> Option<(u64, u64)> {
        let end = self.silence.end().filter(|_| !self.is_silent())?;
        Some((end.epoch().get(), end.view().get()))
    }
}

fn proof(
    certificate: &Finalization<Votes, Commitment>,
    votes: &Votes,
    namespace: &[u8],
    head: ProposalHead,
    headers: Vec<Vec<u8>>,
) -> FinalityProof {
    let signers = certificate.certificate.signers.iter();
    let signatures = signers.zip(&certificate.certificate.signatures);
    let signatures = signatures.filter_map(|(signer, signature)| {
        let at = usize::try_from(signer.get()).ok()?;
        let validator = votes.participants().get(at)?.clone();
        Some(SignedVote { validator, signature: signature.get()?.encode().to_vec() })
    });
    FinalityProof {
        epoch: certificate.epoch().get(),
        view: certificate.view().get(),
        message: certificate.proposal.encode().to_vec(),
        namespace: finalize(namespace),
        head,
        signatures: signatures.collect(),
        headers,
    }
}

/// What is set before votes for a block to be final.
fn finalize(namespace: &[u8]) -> Vec<u8> {
    [namespace, b"_FINALIZE"].concat()
}

impl FinalityProof {
    /// The bytes of `head`, of which the proposal's digest is the SHA-256.
    pub fn head_bytes(&self) -> Vec<u8> {
        self.head.encode().to_vec()
    }

    /// Checks the proof with the [`namespace`](crate::namespace) of a chain, the length of its epochs
    /// and the validators of the proof's epoch, and gives the hash of the block that it proves to be
    /// final.
    ///
    /// # Errors
    ///
    /// [`FinalityError::Wrong`].
    pub fn check(
        &self,
        namespace: &[u8],
        epocher: &FixedEpocher,
        validators: &Set<PublicKey>,
    ) -> Result<B256, FinalityError> {
        use commonware_cryptography::Verifier as _;
        let wrong = FinalityError::Wrong;
        if self.namespace != finalize(namespace) {
            return Err(wrong("what is signed are no votes for a block of this chain to be final"));
        }
        let signed = Voted::<Commitment>::decode_cfg(Copying(&self.message), &());
        let signed = signed.map_err(|_| wrong("the message is no vote"))?;
        if signed.epoch().get() != self.epoch {
            return Err(wrong("the vote is of another epoch"));
        }
        // Else those who validated long ago could sign what comes later.
        let epoch = epocher.containing(Height::new(self.head.height)).map(|info| info.epoch());
        if epoch != Some(signed.epoch()) {
            return Err(wrong("the block that was signed is of another epoch"));
        }
        if signed.payload.block() != self.head.digest() {
            return Err(wrong("another proposal was signed"));
        }
        let mut signers = Vec::new();
        for SignedVote { validator, signature } in &self.signatures {
            let signature = Signature::decode_cfg(Copying(signature), &());
            let signature = signature.map_err(|_| wrong("a signature is none"))?;
            if validators.position(validator).is_none()
                || !validator.verify(&self.namespace, &self.message, &signature)
            {
                return Err(wrong("a signature is not that of a validator"));
            }
            signers.push(validator.clone());
        }
        let signers = Set::from_iter_dedup(signers);
        if signers.len() < N3f1::quorum(validators.len() as u32) as usize {
            return Err(wrong("fewer than two thirds of the validators have signed"));
        }
        let mut proved = None;
        let mut parent: Option<B256> = None;
        for bytes in &self.headers {
            let header =
                heddle_types::decode_header(bytes).map_err(|_| wrong("a header is none"))?;
            if parent.is_some_and(|parent| header.parent_hash != parent) {
                return Err(wrong("the headers do not follow each other"));
            }
            let hash = Header::hash_slow(&header);
            proved.get_or_insert(hash);
            parent = Some(hash);
        }
        if parent != Some(self.head.hash) {
            return Err(wrong("the headers do not lead to the block that was signed"));
        }
        proved.ok_or(wrong("there is no header"))
    }
}
