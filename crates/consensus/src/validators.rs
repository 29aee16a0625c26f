//! Who the validators of an epoch are: what the system contract holds at the end of the epoch before the
//! one before.

use crate::sync;
use alloy_primitives::{Address, B256, U256, address, keccak256};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher, Height};
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;
use heddle_chain::{Chain, ChainReader, Error, ExecutionState, Note, StateError};
use heddle_types::{Genesis, GenesisAccount, VALIDATOR_RULES_KEY};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    num::NonZeroU64,
};

/// Where the contract of the validators lies.
pub const VALIDATORS_ADDRESS: Address = address!("0x00000000000000000000000000000000000edd1e");

/// Fewer than these bear no fault.
pub const VALIDATORS_MIN: usize = 4;
/// A certificate names each signer, and everybody talks with everybody.
pub const VALIDATORS_MAX: usize = 128;

/// The slot of the contract with whoever may change the set.
const AUTHORITY_SLOT: u64 = 0;
/// The slot with the number of validators; they lie from its hash on, two slots each.
pub(crate) const LENGTH_SLOT: u64 = 1;

/// Before the names of notes that hold the validators of an epoch.
const NOTES: &str = "validators/";

/// A validator as a genesis file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstValidator {
    /// What its votes are signed with.
    pub key: PublicKey,
    /// Who may change the key, or have it leave.
    pub operator: Address,
}

/// Puts the rules of agreement and the contract of the validators into a genesis. `authority` may let
/// validators join and have them leave; an epoch has so many blocks.
pub fn add_validators(
    genesis: &mut Genesis,
    epoch_length: NonZeroU64,
    authority: Address,
    validators: &[FirstValidator],
) {
    let rules = serde_json::json!({ "epochLength": epoch_length });
    genesis.config.extra_fields.insert(VALIDATOR_RULES_KEY.to_owned(), rules);
    let word = |address: Address| B256::left_padding_from(address.as_slice());
    let mut storage = BTreeMap::from([
        (slot(U256::from(AUTHORITY_SLOT)), word(authority)),
        (slot(U256::from(LENGTH_SLOT)), B256::from(U256::from(validators.len()))),
    ]);
    for (index, validator) in (0_u64..).zip(validators) {
        let at = place(index);
        storage.insert(slot(at), B256::from_slice(validator.key.as_ref()));
        storage.insert(slot(at + U256::ONE), word(validator.operator));
    }
    let account = GenesisAccount {
        nonce: Some(1),
        code: Some(crate::contract::CODE.clone()),
        storage: Some(storage),
        ..GenesisAccount::default()
    };
    genesis.alloc.insert(VALIDATORS_ADDRESS, account);
}

fn slot(at: U256) -> B256 {
    B256::from(at)
}

/// The slot where a validator's record begins.
fn place(index: u64) -> U256 {
    let first = U256::from_be_bytes(keccak256(slot(U256::from(LENGTH_SLOT))).0);
    first.wrapping_add(U256::from(index) * U256::from(2))
}

/// The validators that the contract holds, in its order. Keys that are none are left out.
///
/// # Errors
///
/// The state may not be readable.
fn validators_in(state: &ExecutionState) -> Result<Vec<PublicKey>, StateError> {
    let length = state.slot(VALIDATORS_ADDRESS, U256::from(LENGTH_SLOT))?;
    let slots = slots_of_keys(length).into_iter().skip(1);
    let slots = slots.map(|slot| state.slot(VALIDATORS_ADDRESS, slot));
    Ok(keys_in(slots.collect::<Result<Vec<_>, _>>()?))
}

/// The slots to look at when the contract holds so many validators: that of the number, and that of
/// each key.
pub(crate) fn slots_of_keys(length: U256) -> Vec<U256> {
    let length = length.saturating_to::<u64>().min(VALIDATORS_MAX as u64);
    [U256::from(LENGTH_SLOT)].into_iter().chain((0..length).map(place)).collect()
}

/// The keys that slots hold. Those that are none are left out.
pub(crate) fn keys_in(slots: impl IntoIterator<Item = U256>) -> Vec<PublicKey> {
    let key = |slot: U256| PublicKey::decode(Copying(&slot.to_be_bytes::<32>())).ok();
    slots.into_iter().filter_map(key).collect()
}

/// The validators as a set; `None` if there are too few to bear a fault.
pub(crate) fn enough(keys: Vec<PublicKey>) -> Option<Set<PublicKey>> {
    let set = Set::from_iter_dedup(keys);
    (set.len() >= VALIDATORS_MIN).then_some(set)
}

/// Why it cannot be said who the validators are.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorsError {
    /// The genesis names too few.
    #[error("the genesis names fewer than {VALIDATORS_MIN} validators; make it with `heddle init`")]
    TooFew,
    /// The chain has no rules for validators.
    #[error("the genesis file says nothing of validators: config.heddle is missing")]
    NoRules,
    /// Epochs of one block would leave no room for the first.
    #[error("config.heddle.epochLength must be at least 2")]
    EpochLength,
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] Error),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// How long epochs are.
///
/// # Errors
///
/// [`ValidatorsError::NoRules`], [`ValidatorsError::EpochLength`].
pub(crate) fn epocher(chain: &Chain) -> Result<FixedEpocher, ValidatorsError> {
    let rules = chain.spec().validators.ok_or(ValidatorsError::NoRules)?;
    if rules.epoch_length.get() < 2 {
        return Err(ValidatorsError::EpochLength);
    }
    Ok(FixedEpocher::new(rules.epoch_length))
}

fn note_name(epoch: u64) -> String {
    format!("{NOTES}{epoch:020}")
}

fn keys_of(note: &[u8]) -> Vec<PublicKey> {
    note.chunks(32).filter_map(|key| PublicKey::decode(Copying(key)).ok()).collect()
}

/// The validators of an epoch, which were noted when the epoch before the one before it ended.
pub(crate) fn noted(reader: &ChainReader, epoch: Epoch) -> Result<Set<PublicKey>, Error> {
    let note = reader.note(&note_name(epoch.get()))?;
    let set = note.and_then(|note| enough(keys_of(&note)));
    set.ok_or(Error::Record("the validators of an epoch"))
}

/// The validators of all epochs that are known: those that were noted, and those of the genesis.
///
/// # Errors
///
/// See [`ValidatorsError`].
pub(crate) fn known_epochs(
    reader: &ChainReader,
) -> Result<BTreeMap<Epoch, Set<PublicKey>>, ValidatorsError> {
    let mut known = BTreeMap::new();
    for (name, bytes) in reader.notes(NOTES)? {
        if let (Ok(epoch), Some(set)) = (name.parse(), enough(keys_of(&bytes))) {
            known.insert(Epoch::new(epoch), set);
        }
    }
    for epoch in [0, 1] {
        if let Entry::Vacant(entry) = known.entry(Epoch::new(epoch)) {
            let keys = validators_in(&reader.execution_state_at(0)?)?;
            entry.insert(enough(keys).ok_or(ValidatorsError::TooFew)?);
        }
    }
    Ok(known)
}

/// What is to be noted when a block is final: at the end of an epoch who validates in the next but
/// one, and in the beginning who does in the first two.
pub(crate) fn notes(
    chain: &Chain,
    epocher: &FixedEpocher,
    number: u64,
) -> Result<Vec<Note>, Error> {
    let Some(info) = epocher.containing(Height::new(number)) else { return Ok(Vec::new()) };
    let reader = chain.reader();
    let mut notes = Vec::new();
    if number == 1 {
        // The state after the first block may be forgotten later.
        let keys = validators_in(&reader.execution_state_at(0)?)?;
        notes.extend([0, 1].map(|epoch| note(epoch, keys.clone())));
    }
    if info.last() == Height::new(number) {
        notes.push(sync::note_of_border(&reader, info.epoch(), number)?);
        let epoch = info.epoch().get().saturating_add(2);
        let keys = validators_in(&reader.execution_state_at(number)?)?;
        match enough(keys) {
            Some(set) => notes.push(note(epoch, set)),
            None => {
                tracing::warn!(epoch, "the contract holds too few validators; they stay as before");
                let bytes = reader.note(&note_name(epoch - 1))?.unwrap_or_default();
                notes.push(Note { name: note_name(epoch), bytes });
            }
        }
    }
    Ok(notes)
}

/// What is to be noted of who validates in an epoch.
pub(crate) fn note(epoch: u64, keys: impl IntoIterator<Item = PublicKey>) -> Note {
    let bytes = keys.into_iter().flat_map(|key| key.as_ref().to_vec()).collect();
    Note { name: note_name(epoch), bytes }
}
