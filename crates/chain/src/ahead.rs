//! Executing a block before the one that it follows has its roots, and so its hash.
//!
//! What executing a block needs of its parent is there as soon as that is executed itself: accounts,
//! slots, and most of the header. Only its hash is late, and only whoever asks for it waits:
//! `BLOCKHASH`, and who reads it from the contract of EIP-2935, where the protocol stores it at the
//! beginning of each block. That call is left out then, and what it writes is added at the end.

use crate::{ExecutionState, StateError};
use alloy_eips::eip2935::{HISTORY_SERVE_WINDOW, HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use heddle_types::{AccountChange, ChangeSet, Fork, Header};
use std::sync::{Arc, OnceLock};

/// A block that is executed and has no hash yet, as a parent of the next one: see
/// [`Chain::execute_after`](crate::Chain::execute_after).
#[derive(Debug)]
pub struct Ahead {
    header: Header,
    /// The difficulties up to it.
    total_difficulty: U256,
    changes: Changes,
    /// The state before it.
    before: ExecutionState,
    /// `None` if it will never have one.
    hash: OnceLock<Option<B256>>,
}

/// What a block changed, to be looked up.
#[derive(Debug)]
struct Changes {
    changes: Arc<ChangeSet>,
    /// Which of the accounts in `changes` each is.
    places: AddressMap<u32>,
}

/// A state on top of a block that has no hash yet.
#[derive(Clone, Debug)]
pub(crate) struct OnAhead {
    ahead: Arc<Ahead>,
    /// The slot of the contract of EIP-2935 that the hash belongs into, where there is that.
    slot: Option<U256>,
}

/// Makes a hash known, or that it will never be there.
#[derive(Debug)]
pub(crate) struct Announcement(Arc<Ahead>);

impl Ahead {
    pub(crate) fn new(
        header: Header,
        total_difficulty: U256,
        changes: Arc<ChangeSet>,
        before: ExecutionState,
    ) -> (Arc<Self>, Announcement) {
        let accounts = changes.accounts.iter().zip(0_u32..);
        let places = accounts.map(|(change, place)| (change.address, place)).collect();
        let changes = Changes { changes, places };
        let ahead = Self { header, total_difficulty, changes, before, hash: OnceLock::new() };
        let ahead = Arc::new(ahead);
        (ahead.clone(), Announcement(ahead))
    }

    /// Its header, but for its roots, and for its parent's hash.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Sum of the difficulties up to it.
    pub fn total_difficulty(&self) -> U256 {
        self.total_difficulty
    }

    /// The next nonce of an account, if the block changed the account.
    pub fn nonce(&self, address: Address) -> Option<u64> {
        Some(self.changed(address)?.after.map_or(0, |after| after.nonce))
    }

    /// Whether a block of `fork` can be executed after it already. From Amsterdam on the call of
    /// EIP-2935 is part of the access list, and before Byzantium there are roots in the receipts;
    /// and where another contract is in the place of EIP-2935's, nobody knows what the call does.
    ///
    /// # Errors
    ///
    /// The state may not be readable.
    pub fn admits(&self, fork: Fork) -> Result<bool, StateError> {
        if !(Fork::Byzantium..Fork::Amsterdam).contains(&fork) {
            return Ok(false);
        }
        if fork < Fork::Prague {
            return Ok(true);
        }
        let history = match self.changed(HISTORY_STORAGE_ADDRESS) {
            Some(change) => change.after,
            None => self.before.account(HISTORY_STORAGE_ADDRESS)?,
        };
        Ok(history.is_some_and(|account| account.code_hash == keccak256(&HISTORY_STORAGE_CODE)))
    }

    /// The state after it, for a block of `fork`, which it admits.
    pub(crate) fn state(self: &Arc<Self>, fork: Fork) -> ExecutionState {
        let slot = (fork >= Fork::Prague).then(|| history_slot(self.header.number));
        self.before.on(OnAhead { ahead: self.clone(), slot })
    }

    /// Waits for its hash.
    pub(crate) fn wait(&self) -> Result<B256, StateError> {
        self.hash.wait().ok_or(StateError::NoHash(self.header.number))
    }

    fn changed(&self, address: Address) -> Option<&AccountChange> {
        let place = *self.changes.places.get(&address)?;
        self.changes.changes.accounts.get(place as usize)
    }
}

impl OnAhead {
    /// What the block changed of an account.
    pub(crate) fn changed(&self, address: Address) -> Option<&AccountChange> {
        self.ahead.changed(address)
    }

    /// A slot, if the block changed it, or the next one does before its first transaction.
    pub(crate) fn slot(&self, address: Address, key: U256) -> Result<Option<U256>, StateError> {
        if address == HISTORY_STORAGE_ADDRESS && Some(key) == self.slot {
            return Ok(Some(self.ahead.wait()?.into()));
        }
        let Some(change) = self.changed(address) else { return Ok(None) };
        let place = change.storage.binary_search_by_key(&key, |(key, _)| *key);
        let is_gone = change.storage_cleared || change.after.is_none();
        Ok(match place {
            Ok(place) => Some(change.storage[place].1),
            Err(_) => is_gone.then_some(U256::ZERO),
        })
    }

    /// A code, if the block brought it.
    pub(crate) fn code(&self, hash: B256) -> Option<&Bytes> {
        let codes = &self.ahead.changes.changes.codes;
        let place = codes.binary_search_by_key(&hash, |(hash, _)| *hash).ok()?;
        Some(&codes[place].1)
    }

    /// The hash of the block, if that is its height.
    pub(crate) fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        let is_late = number == self.ahead.header.number;
        is_late.then(|| self.ahead.wait()).transpose()
    }
}

impl Announcement {
    pub(crate) fn tell(self, hash: B256) {
        // Nobody else tells it.
        let _ = self.0.hash.set(Some(hash));
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Whoever waits does so no longer. If it was told, this changes nothing.
        let _ = self.0.hash.set(None);
    }
}

/// The slot of the contract of EIP-2935 where the hash of the block at `number` is stored.
fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_SERVE_WINDOW as u64)
}

/// Adds to what a block changed, beginning with `before`, that the hash of its parent was stored at
/// its beginning (EIP-2935).
pub(crate) fn store_parent_hash(
    changes: &mut ChangeSet,
    before: &ExecutionState,
    (number, hash): (u64, B256),
) -> Result<(), StateError> {
    let (address, key, value) = (HISTORY_STORAGE_ADDRESS, history_slot(number), hash.into());
    // What ended as it began is in no change set.
    if before.slot(address, key)? == value {
        return Ok(());
    }
    match changes.accounts.binary_search_by_key(&address, |change| change.address) {
        Ok(place) => {
            let storage = &mut changes.accounts[place].storage;
            let place = storage.partition_point(|(other, _)| *other < key);
            storage.insert(place, (key, value));
        }
        Err(place) => {
            let after = before.account(address)?;
            let storage = vec![(key, value)];
            let change = AccountChange { address, after, storage_cleared: false, storage };
            changes.accounts.insert(place, change);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Settings, config_with_forks};
    use heddle_executor::revm::DatabaseRef as _;
    use heddle_storage::{Database, Options};
    use heddle_types::{AccountState, Genesis, GenesisAccount};

    const GONE: Address = Address::with_last_byte(1);
    const MADE_ANEW: Address = Address::with_last_byte(2);
    const CHANGED: Address = Address::with_last_byte(3);
    const OTHER: Address = Address::with_last_byte(4);

    fn number(number: u64) -> U256 {
        U256::from(number)
    }

    /// A chain on which four accounts have 5 and 6 in their slots 1 and 2.
    fn chain() -> Chain {
        let word = |number: u64| B256::from(U256::from(number));
        let storage = [(word(1), word(5)), (word(2), word(6))];
        let account =
            GenesisAccount::default().with_nonce(Some(1)).with_storage(Some(storage.into()));
        let alloc = [GONE, MADE_ANEW, CHANGED, OTHER].map(|address| (address, account.clone()));
        let config = config_with_forks(7, Fork::Osaka);
        let genesis = Genesis { config, alloc: alloc.into(), ..Genesis::default() };
        let db = Database::ephemeral(&std::env::temp_dir(), Options::default()).unwrap();
        Chain::open(db, &genesis, Settings::default()).unwrap()
    }

    fn ahead(chain: &Chain) -> (Arc<Ahead>, Announcement) {
        let code = Bytes::from_static(&[0x5b]);
        let code_hash = keccak256(&code);
        let after = Some(AccountState { balance: U256::ZERO, nonce: 9, code_hash });
        let change = |address, after, storage_cleared, storage| AccountChange {
            address,
            after,
            storage_cleared,
            storage,
        };
        let accounts = vec![
            change(GONE, None, true, vec![]),
            change(MADE_ANEW, after, true, vec![(number(2), number(7))]),
            change(CHANGED, after, false, vec![(number(2), U256::ZERO)]),
        ];
        let changes = Arc::new(ChangeSet { accounts, codes: vec![(code_hash, code)] });
        let header = Header { number: 1, ..Header::default() };
        let before = chain.reader().execution_state_at(0).unwrap();
        Ahead::new(header, U256::ZERO, changes, before)
    }

    #[test]
    fn the_state_on_it_is_the_one_before_with_what_it_changed() {
        let chain = chain();
        let (ahead, announcement) = ahead(&chain);
        let state = ahead.state(Fork::Osaka);
        let slots = |address| [1, 2].map(|key| state.slot(address, number(key)).unwrap());
        assert_eq!(slots(GONE), [0, 0].map(number));
        assert_eq!(slots(MADE_ANEW), [0, 7].map(number));
        assert_eq!(slots(CHANGED), [5, 0].map(number));
        assert_eq!(slots(OTHER), [5, 6].map(number));
        let nonce = |address| state.account(address).unwrap().map(|account| account.nonce);
        assert_eq!([GONE, MADE_ANEW, OTHER].map(nonce), [None, Some(9), Some(1)]);
        assert_eq!([GONE, CHANGED, OTHER].map(|it| ahead.nonce(it)), [Some(0), Some(9), None]);
        let code_hash = state.account(CHANGED).unwrap().unwrap().code_hash;
        assert_eq!(state.code(code_hash).unwrap().as_ref(), [0x5b]);

        let hash = B256::repeat_byte(0xab);
        announcement.tell(hash);
        assert_eq!(state.block_hash_ref(1).unwrap(), hash);
        assert_eq!(state.block_hash_ref(0).unwrap(), chain.reader().head().hash);
        let stored = |fork| ahead.state(fork).slot(HISTORY_STORAGE_ADDRESS, number(1)).unwrap();
        assert_eq!(stored(Fork::Osaka), U256::from_be_bytes(hash.0));
        assert_eq!(stored(Fork::Cancun), U256::ZERO);
    }

    #[test]
    fn without_a_hash_whoever_asks_is_told_so() {
        let chain = chain();
        let (ahead, announcement) = ahead(&chain);
        let state = ahead.state(Fork::Osaka);
        drop(announcement);
        assert!(matches!(state.block_hash_ref(1), Err(StateError::NoHash(1))));
        let stored = state.slot(HISTORY_STORAGE_ADDRESS, number(1));
        assert!(matches!(stored, Err(StateError::NoHash(1))));
    }
}
