//! How votes are signed: with ed25519, each by one validator that can be held to it, and never for a
//! round that may have been voted in already.

use bytes::Bytes;
use commonware_codec::{Read, types::lazy::Lazy};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::{
        scheme::ed25519,
        types::{Proposal as Voted, Subject},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Digest,
    certificate::{
        AssemblyError, Attestation, Membership, Scheme, Scoped, Subject as _, Verification,
        Verifier, verify_then_assemble,
    },
    ed25519::{PrivateKey, PublicKey, Signature, certificate::Certificate},
};
use commonware_parallel::Strategy;
use commonware_utils::{
    N3f1, Participant,
    iter::NonEmpty,
    ordered::{Quorum as _, Set},
};
use parking_lot::{Mutex, RwLock};
use rand_core::CryptoRng;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Set before whatever validators sign as votes. It goes with the chain's id and genesis, so that a vote
/// counts on one chain only.
pub(crate) fn namespace(chain_id: u64, genesis: alloy_primitives::B256) -> Vec<u8> {
    let mut namespace = b"heddle".to_vec();
    namespace.extend_from_slice(&chain_id.to_be_bytes());
    namespace.extend_from_slice(genesis.as_slice());
    namespace
}

/// Nothing comes after it.
const LAST_ROUND: Round = Round::new(Epoch::new(u64::MAX), View::new(u64::MAX));

/// Rounds up to which a validator signs nothing.
///
/// A validator whose disk was brought back from a backup does not know what it has signed since: it
/// stays silent until the others have told it.
#[derive(Clone, Debug, Default)]
pub struct Silence(Arc<RwLock<Option<Round>>>);

impl Silence {
    /// Nothing is signed until [`Silence::until`] says from where on.
    pub fn complete() -> Self {
        Self::after(LAST_ROUND)
    }

    /// Nothing is signed for rounds up to this one.
    pub fn after(round: Round) -> Self {
        Self(Arc::new(RwLock::new(Some(round))))
    }

    /// Whether nothing is signed until [`Silence::until`] says from where on.
    pub fn is_complete(&self) -> bool {
        self.end() == Some(LAST_ROUND)
    }

    /// Signs for rounds after this one only, from now on.
    pub fn until(&self, round: Round) {
        *self.0.write() = Some(round);
    }

    /// The last round that nothing is signed for.
    pub fn end(&self) -> Option<Round> {
        *self.0.read()
    }

    fn forbids(&self, round: Round) -> bool {
        self.0.read().is_some_and(|end| round <= end)
    }
}

/// Votes that were found to be signed by whom they say, in one chain.
///
/// All validators of a simulation share one, as each of them would find out the same again. A node of
/// its own has none: it hardly ever verifies a vote a second time.
#[derive(Clone, Debug, Default)]
pub struct VerifiedVotes(Arc<Mutex<HashSet<CheckedVote>>>);

/// Kind, what is signed, by whom, and the signature.
type CheckedVote = (u8, Bytes, PublicKey, Signature);

/// With what a node signs votes, and knows those of others.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    pub(crate) namespace: Arc<[u8]>,
    pub(crate) key: PrivateKey,
    pub(crate) silence: Silence,
    pub(crate) verified: Option<VerifiedVotes>,
}

impl Signing {
    /// For an epoch with these validators. Who is none of them only watches.
    pub(crate) fn votes(&self, validators: Set<PublicKey>) -> Votes {
        let Self { namespace, key, silence, verified } = self;
        let signer = ed25519::Scheme::signer(namespace, validators.clone(), key.clone());
        let inner = signer.unwrap_or_else(|| ed25519::Scheme::verifier(namespace, validators));
        Votes { inner, silence: silence.clone(), verified: verified.clone() }
    }
}

/// The keys of the validators of one epoch, one of which may be ours.
#[derive(Clone, Debug)]
pub struct Votes {
    inner: ed25519::Scheme,
    silence: Silence,
    verified: Option<VerifiedVotes>,
}

impl Votes {
    /// For somebody who only watches.
    pub fn watching(namespace: &[u8], validators: Set<PublicKey>) -> Self {
        let inner = ed25519::Scheme::verifier(namespace, validators);
        Self { inner, silence: Silence::default(), verified: None }
    }

    /// Which vote of a validator an attestation is; `None` if it is of no form.
    fn vote<D: Digest>(
        &self,
        subject: &Subject<'_, D>,
        signer: Participant,
        signature: &Lazy<Signature>,
    ) -> Option<CheckedVote> {
        let kind = match subject {
            Subject::Notarize { .. } => 0,
            Subject::Nullify { .. } => 1,
            Subject::Finalize { .. } => 2,
        };
        let key = self.participants().key(signer)?.clone();
        Some((kind, subject.message(), key, signature.get()?.clone()))
    }

    /// The votes of a certificate that has enough of them.
    fn votes_of<D: Digest>(
        &self,
        subject: &Subject<'_, D>,
        certificate: &Certificate,
    ) -> Option<Vec<CheckedVote>> {
        let Certificate { signers, signatures } = certificate;
        let participants = self.participants();
        let is_whole = signers.len() == participants.len()
            && signers.count() == signatures.len()
            && signers.count() >= participants.quorum::<N3f1>() as usize;
        let votes = signers.iter().zip(signatures);
        is_whole.then(|| votes.map(|(signer, it)| self.vote(subject, signer, it)).collect())?
    }
}

fn to_inner(attestation: &Attestation<Votes>) -> Attestation<ed25519::Scheme> {
    Attestation { signer: attestation.signer, signature: attestation.signature.clone() }
}

fn to_outer(attestation: Attestation<ed25519::Scheme>) -> Attestation<Votes> {
    Attestation { signer: attestation.signer, signature: attestation.signature }
}

/// The round that a vote is for.
fn round_of<D: Digest>(subject: &Subject<'_, D>) -> Round {
    let of = |proposal: &Voted<D>| Round::new(proposal.epoch(), proposal.view());
    match subject {
        Subject::Notarize { proposal } | Subject::Finalize { proposal } => of(proposal),
        Subject::Nullify { round } => *round,
    }
}

impl Verifier for Votes {
    type Subject<'a, D: Digest> = Subject<'a, D>;
    type Faults = N3f1;
    type PublicKey = PublicKey;
    type Certificate = Certificate;

    fn verify_certificate<R: CryptoRng, D: Digest>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        certificate: &Certificate,
        strategy: &impl Strategy,
    ) -> bool {
        let Some(verified) = &self.verified else {
            return self.inner.verify_certificate(rng, subject, certificate, strategy);
        };
        let Some(votes) = self.votes_of(&subject, certificate) else { return false };
        if votes.iter().all(|vote| verified.0.lock().contains(vote)) {
            return true;
        }
        let is_valid = self.inner.verify_certificate(rng, subject, certificate, strategy);
        if is_valid {
            verified.0.lock().extend(votes);
        }
        is_valid
    }

    fn verify_certificates<'a, R, D, I>(
        &self,
        rng: &mut R,
        certificates: NonEmpty<I>,
        strategy: &impl Strategy,
    ) -> bool
    where
        R: CryptoRng,
        D: Digest,
        I: Iterator<Item = (Subject<'a, D>, &'a Certificate)>,
    {
        self.inner.verify_certificates(rng, certificates, strategy)
    }

    fn is_batchable() -> bool {
        ed25519::Scheme::is_batchable()
    }

    fn max_certificate_size(participants: u32) -> usize {
        ed25519::Scheme::max_certificate_size(participants)
    }

    fn certificate_codec_config(&self) -> <Certificate as Read>::Cfg {
        self.inner.certificate_codec_config()
    }

    fn certificate_codec_config_unbounded() -> <Certificate as Read>::Cfg {
        ed25519::Scheme::certificate_codec_config_unbounded()
    }
}

impl Scheme for Votes {
    type Signature = Signature;

    fn me(&self) -> Option<Membership> {
        self.inner.me()
    }

    fn participants(&self) -> &Set<PublicKey> {
        self.inner.participants()
    }

    fn sign<D: Digest>(&self, subject: Subject<'_, D>) -> Option<Attestation<Self>> {
        if self.silence.forbids(round_of(&subject)) {
            return None;
        }
        self.inner.sign(subject).map(to_outer)
    }

    fn verify_attestation<R: CryptoRng, D: Digest>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        attestation: &Attestation<Self>,
        strategy: &impl Strategy,
    ) -> bool {
        self.inner.verify_attestation(rng, subject, &to_inner(attestation), strategy)
    }

    fn verify_attestations<R, D, I>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        attestations: I,
        strategy: &impl Strategy,
    ) -> Verification<Self>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: Send,
    {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for attestation in attestations {
            let is_known = self.verified.as_ref().is_some_and(|verified| {
                let vote = self.vote(&subject, attestation.signer, &attestation.signature);
                vote.is_some_and(|vote| verified.0.lock().contains(&vote))
            });
            if is_known { &mut known } else { &mut unknown }.push(attestation);
        }
        if unknown.is_empty() {
            return Verification::new(known, Vec::new());
        }
        let unknown = unknown.iter().map(to_inner);
        let found = self.inner.verify_attestations(rng, subject, unknown, strategy);
        let found_valid: Vec<_> = found.verified.into_iter().map(to_outer).collect();
        if let Some(verified) = &self.verified {
            let votes = found_valid.iter();
            let votes = votes.filter_map(|it| self.vote(&subject, it.signer, &it.signature));
            verified.0.lock().extend(votes);
        }
        known.extend(found_valid);
        Verification::new(known, found.invalid)
    }

    fn optimistic_assemble<'a, R, D, I, J>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        pending: I,
        verified: J,
        strategy: &impl Strategy,
    ) -> Result<Certificate, Verification<Self>>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: ExactSizeIterator + Send,
        J: IntoIterator<Item = &'a Attestation<Self>>,
        J::IntoIter: Send,
    {
        verify_then_assemble::<Self, _, D, _, _>(self, rng, subject, pending, verified, strategy)
    }

    fn assemble<I>(
        &self,
        attestations: NonEmpty<I>,
        strategy: &impl Strategy,
    ) -> Result<Certificate, AssemblyError>
    where
        I: Iterator<Item = Attestation<Self>> + Send,
    {
        let (first, rest) = attestations.into_parts();
        let rest = rest.map(|attestation| to_inner(&attestation));
        self.inner.assemble(NonEmpty::new(to_inner(&first), rest), strategy)
    }

    fn is_attributable() -> bool {
        ed25519::Scheme::is_attributable()
    }
}

/// Whose votes count in which epoch.
#[derive(Clone, Debug, Default)]
pub struct Epochs(Arc<RwLock<BTreeMap<Epoch, Arc<Votes>>>>);

impl Epochs {
    /// Says whose votes count in an epoch.
    pub fn insert(&self, epoch: Epoch, votes: Votes) {
        self.0.write().insert(epoch, Arc::new(votes));
    }

    /// Whose votes count in an epoch, if that is known already.
    pub fn get(&self, epoch: Epoch) -> Option<Arc<Votes>> {
        self.0.read().get(&epoch).cloned()
    }
}

impl commonware_cryptography::certificate::Provider for Epochs {
    type Scope = Epoch;
    type Scheme = Votes;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Votes>> {
        self.get(epoch).map(Scoped::scheme)
    }
}
