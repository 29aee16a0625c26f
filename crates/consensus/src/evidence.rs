//! Proofs that a validator voted twice: two votes of one key that an honest node never signs both.

use crate::{block::Commitment, scheme::Votes};
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{
        Activity, Attributable as _, ConflictingFinalize, ConflictingNotarize, Nullify,
        NullifyFinalize,
    },
    types::{Epoch, View},
};
use commonware_cryptography::{certificate::Scheme as _, ed25519::PublicKey};
use commonware_parallel::Sequential;
use heddle_chain::{ChainReader, Error, Note};
use rand_core::CryptoRng;

/// Before the names of notes that hold proofs.
const NOTES: &str = "equivocation/";

/// What somebody did that no honest validator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Voted for two proposals in one view.
    Notarize(ConflictingNotarize<Votes, Commitment>),
    /// Voted for two proposals to be final in one view.
    Finalize(ConflictingFinalize<Votes, Commitment>),
    /// Voted for a proposal to be final, and for its view to be skipped.
    NullifyFinalize(NullifyFinalize<Votes, Commitment>),
    /// Nothing that can be shown: this accuses nobody.
    None,
}

/// A proof that a validator voted twice. Anyone can check it who knows the validators of the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// Epoch of both votes.
    pub epoch: Epoch,
    /// View of both votes.
    pub view: View,
    /// Who voted twice.
    pub validator: PublicKey,
    /// Both votes.
    pub conflict: Conflict,
}

impl Conflict {
    /// What was voted for twice.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Notarize(_) => "notarize",
            Self::Finalize(_) => "finalize",
            Self::NullifyFinalize(_) => "nullify-finalize",
            Self::None => "none",
        }
    }

    /// Both votes as they were signed, in commonware's encoding.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Notarize(conflict) => conflict.encode().to_vec(),
            Self::Finalize(conflict) => conflict.encode().to_vec(),
            Self::NullifyFinalize(conflict) => conflict.encode().to_vec(),
            Self::None => Vec::new(),
        }
    }

    fn decode(name: &str, bytes: &[u8]) -> Option<Self> {
        match name {
            "notarize" => ConflictingNotarize::decode(Copying(bytes)).ok().map(Self::Notarize),
            "finalize" => ConflictingFinalize::decode(Copying(bytes)).ok().map(Self::Finalize),
            "nullify-finalize" => {
                NullifyFinalize::decode(Copying(bytes)).ok().map(Self::NullifyFinalize)
            }
            "none" => Some(Self::None),
            _ => None,
        }
    }

    fn place(&self) -> (Epoch, View, u32) {
        match self {
            Self::Notarize(it) => (it.epoch(), it.view(), it.signer().get()),
            Self::Finalize(it) => (it.epoch(), it.view(), it.signer().get()),
            Self::NullifyFinalize(it) => (it.epoch(), it.view(), it.signer().get()),
            Self::None => (Epoch::zero(), View::zero(), u32::MAX),
        }
    }
}

impl Equivocation {
    /// The proof in what a validator's engine reports, if it is one, and both votes are signed.
    pub(crate) fn found(
        activity: &Activity<Votes, Commitment>,
        votes: &Votes,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let conflict = match activity {
            Activity::ConflictingNotarize(conflict) => Conflict::Notarize(conflict.clone()),
            Activity::ConflictingFinalize(conflict) => Conflict::Finalize(conflict.clone()),
            Activity::NullifyFinalize(conflict) => Conflict::NullifyFinalize(conflict.clone()),
            _ => return None,
        };
        Self::of(conflict, votes).filter(|proof| proof.check(votes, rng))
    }

    /// What a test has recorded: a proof that holds one vote twice, and so proves nothing.
    pub(crate) fn made_up(vote: &Nullify<Votes>, votes: &Votes) -> Option<Self> {
        let validator = votes.participants().get(usize::try_from(vote.signer().get()).ok()?)?;
        let validator = validator.clone();
        Some(Self { epoch: vote.epoch(), view: vote.view(), validator, conflict: Conflict::None })
    }

    fn of(conflict: Conflict, votes: &Votes) -> Option<Self> {
        let (epoch, view, signer) = conflict.place();
        let validator = votes.participants().get(usize::try_from(signer).ok()?)?.clone();
        Some(Self { epoch, view, validator, conflict })
    }

    /// Whether it proves what it says, with the validators of its epoch: both votes are signed by this
    /// validator, and differ.
    pub fn check(&self, votes: &Votes, rng: &mut impl CryptoRng) -> bool {
        let (epoch, view, signer) = self.conflict.place();
        let named = usize::try_from(signer).ok().and_then(|at| votes.participants().get(at));
        let is_theirs = named == Some(&self.validator) && (epoch, view) == (self.epoch, self.view);
        is_theirs
            && match &self.conflict {
                Conflict::Notarize(conflict) => conflict.verify(rng, votes, &Sequential),
                Conflict::Finalize(conflict) => conflict.verify(rng, votes, &Sequential),
                Conflict::NullifyFinalize(conflict) => conflict.verify(rng, votes, &Sequential),
                Conflict::None => false,
            }
    }

    /// How it is written down beside the chain.
    pub(crate) fn note(&self) -> Note {
        let Self { epoch, view, validator, conflict } = self;
        let name = format!("{NOTES}{epoch}/{view}/{validator}/{}", conflict.name());
        Note { name, bytes: conflict.bytes() }
    }
}

/// The proofs that were written down, each with the name of what was voted for twice.
///
/// # Errors
///
/// The store may fail.
pub fn recorded(reader: &ChainReader) -> Result<Vec<Equivocation>, Error> {
    let read = |(name, bytes): (String, Vec<u8>)| {
        let mut parts = name.split('/');
        let _epoch = parts.next()?;
        let _view = parts.next()?;
        let key = alloy_primitives::hex::decode(parts.next()?).ok()?;
        let validator = PublicKey::decode(Copying(&key)).ok()?;
        let conflict = Conflict::decode(parts.next()?, &bytes)?;
        let (epoch, view, _) = conflict.place();
        Some(Equivocation { epoch, view, validator, conflict })
    };
    Ok(reader.notes(NOTES)?.into_iter().filter_map(read).collect())
}
