//! A state with changes on top that are not part of any block: overrides, and what transactions
//! did that ran outside one.

mod overrides;
#[cfg(test)]
mod tests;

pub use overrides::OverrideError;

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, U256Map},
};
use heddle_types::{AccountChange, AccountState, ChangeSet};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account, AccountInfo, EvmState},
};
use std::collections::BTreeMap;

/// A state, and changes on top of it.
///
/// What is read of the state below is kept, so running the same transaction many times reads it
/// once. Transactions run on it through [`call`](crate::call::call); what they do takes effect only by
/// [`commit`](Self::commit).
#[derive(Clone, Debug)]
pub struct Overlay<DB> {
    base: DB,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    /// Hashes that `BLOCKHASH` gives in place of those of the state below.
    block_hashes: BTreeMap<u64, B256>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The account when changes were last taken.
    start: Option<AccountState>,
    now: Option<AccountState>,
    /// Slots that are not in `slots` are zero, and not what the state below has.
    detached: bool,
    /// All slots were wiped since changes were last taken.
    cleared: bool,
    slots: U256Map<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    start: U256,
    now: U256,
}

const EMPTY: AccountState =
    AccountState { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY };

impl Entry {
    fn new(account: Option<AccountState>) -> Self {
        Self {
            start: account,
            now: account,
            detached: false,
            cleared: false,
            slots: U256Map::default(),
        }
    }

    fn wipe(&mut self) {
        self.detached = true;
        self.cleared = true;
        self.slots.clear();
    }

    fn set_slot(&mut self, key: U256, start: U256, now: U256) {
        self.slots.entry(key).or_insert(Slot { start, now }).now = now;
    }
}

impl<DB: DatabaseRef> Overlay<DB> {
    /// `base` without changes.
    pub fn new(base: DB) -> Self {
        Self {
            base,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            block_hashes: BTreeMap::new(),
        }
    }

    /// The state below.
    pub const fn base(&self) -> &DB {
        &self.base
    }

    /// Whether somebody looked at an account, be there one or not.
    pub fn has_read(&self, address: Address) -> bool {
        self.accounts.contains_key(&address)
    }

    /// Sets what `BLOCKHASH` gives for a block.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// The account as it is now.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn account(&mut self, address: Address) -> Result<Option<AccountState>, DB::Error> {
        Ok(self.entry(address)?.now)
    }

    /// The code of an account; empty for one without code or that does not exist.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn code(&mut self, address: Address) -> Result<Bytecode, DB::Error> {
        let hash = self.account(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        self.code_by_hash(hash)
    }

    /// Changes an account; one that does not exist is made. One that is empty afterwards does not
    /// exist.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn change_account(
        &mut self,
        address: Address,
        change: impl FnOnce(&mut AccountState),
    ) -> Result<(), DB::Error> {
        let entry = self.entry(address)?;
        let mut account = entry.now.unwrap_or(EMPTY);
        change(&mut account);
        entry.now = Some(account).filter(|account| *account != EMPTY);
        Ok(())
    }

    /// Sets the code of an account.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn set_code(&mut self, address: Address, code: &Bytes) -> Result<(), DB::Error> {
        let code = crate::memory_state::bytecode(code);
        let hash = code.hash_slow();
        self.codes.insert(hash, code);
        self.change_account(address, |account| account.code_hash = hash)
    }

    /// Sets a slot.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn set_slot(&mut self, address: Address, key: U256, value: U256) -> Result<(), DB::Error> {
        let start = self.storage(address, key)?;
        self.entry(address)?.set_slot(key, start, value);
        Ok(())
    }

    /// Sets all slots of an account; those not given are zero.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn replace_storage(
        &mut self,
        address: Address,
        slots: impl IntoIterator<Item = (U256, U256)>,
    ) -> Result<(), DB::Error> {
        let entry = self.entry(address)?;
        entry.wipe();
        for (key, value) in slots {
            entry.set_slot(key, U256::ZERO, value);
        }
        Ok(())
    }

    /// Takes over what a transaction did.
    ///
    /// With `clears_empty` empty accounts that it touched cease to exist (EIP-161, from Spurious
    /// Dragon on).
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn commit(&mut self, changes: &EvmState, clears_empty: bool) -> Result<(), DB::Error> {
        for (address, account) in changes {
            if account.is_touched() {
                self.commit_account(*address, account, clears_empty)?;
            }
        }
        Ok(())
    }

    fn commit_account(
        &mut self,
        address: Address,
        account: &Account,
        clears_empty: bool,
    ) -> Result<(), DB::Error> {
        let info = &account.info;
        if let Some(code) = info.code.as_ref().filter(|code| !code.is_empty()) {
            self.codes.entry(info.code_hash).or_insert_with(|| code.clone());
        }
        let entry = self.entry(address)?;
        if account.is_selfdestructed() || (clears_empty && info.is_empty()) {
            entry.now = None;
            entry.wipe();
            return Ok(());
        }
        if account.is_created() {
            entry.wipe();
        }
        entry.now = Some(AccountState {
            balance: info.balance,
            nonce: info.nonce,
            code_hash: info.code_hash,
        });
        for (key, slot) in account.changed_storage_slots() {
            entry.set_slot(*key, slot.original_value, slot.present_value);
        }
        Ok(())
    }

    /// Adds to a balance, as the protocol does outside transactions.
    ///
    /// # Errors
    ///
    /// Those of the state below.
    pub fn pay(&mut self, address: Address, amount: U256) -> Result<(), DB::Error> {
        self.change_account(address, |account| {
            account.balance = account.balance.saturating_add(amount);
        })
    }

    /// What is different from when changes were last taken (or from the state below, if they never
    /// were). The overlay stays as it is; the next changes count from here.
    pub fn take_changes(&mut self) -> ChangeSet {
        let mut changes = ChangeSet::default();
        for (address, entry) in &mut self.accounts {
            let storage_cleared = entry.cleared && entry.start.is_some();
            let mut storage: Vec<(U256, U256)> = entry
                .slots
                .iter()
                .filter(|(_, slot)| slot.now != if entry.cleared { U256::ZERO } else { slot.start })
                .map(|(key, slot)| (*key, slot.now))
                .collect();
            if entry.now.is_none() {
                // What does not exist has no slots, should it come to be again.
                storage.clear();
                entry.wipe();
            }
            storage.sort_unstable();
            let before = core::mem::replace(&mut entry.start, entry.now);
            entry.cleared = false;
            for slot in entry.slots.values_mut() {
                slot.start = slot.now;
            }
            if entry.now == before && storage.is_empty() && !storage_cleared {
                continue;
            }
            if let Some(now) = entry.now
                && now.code_hash != KECCAK256_EMPTY
                && before.is_none_or(|before| before.code_hash != now.code_hash)
                && let Some(code) = self.codes.get(&now.code_hash)
            {
                changes.codes.push((now.code_hash, code.original_bytes()));
            }
            let (address, after) = (*address, entry.now);
            changes.accounts.push(AccountChange { address, after, storage_cleared, storage });
        }
        changes.accounts.sort_unstable_by_key(|change| change.address);
        changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
        changes.codes.dedup_by_key(|(hash, _)| *hash);
        changes
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, DB::Error> {
        if !self.accounts.contains_key(&address) {
            let account = self.base.basic_ref(address)?.map(|info| {
                if let Some(code) = info.code.filter(|code| !code.is_empty()) {
                    self.codes.insert(info.code_hash, code);
                }
                AccountState { balance: info.balance, nonce: info.nonce, code_hash: info.code_hash }
            });
            self.accounts.insert(address, Entry::new(account));
        }
        Ok(self.accounts.get_mut(&address).expect("it was just put there"))
    }
}

fn info(account: AccountState) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

impl<DB: DatabaseRef> Database for Overlay<DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.account(address)?.map(info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = self.code_by_hash_ref(code_hash)?;
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let entry = self.entry(address)?;
        if let Some(slot) = entry.slots.get(&key) {
            return Ok(slot.now);
        }
        let detached = entry.detached;
        let value = if detached { U256::ZERO } else { self.base.storage_ref(address, key)? };
        self.entry(address)?.set_slot(key, value, value);
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.block_hash_ref(number)
    }
}

impl<DB: DatabaseRef> DatabaseRef for Overlay<DB> {
    type Error = DB::Error;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        match self.accounts.get(&address) {
            Some(entry) => Ok(entry.now.map(info)),
            None => self.base.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        match self.codes.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code_by_hash_ref(code_hash),
        }
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let Some(entry) = self.accounts.get(&address) else {
            return self.base.storage_ref(address, key);
        };
        match entry.slots.get(&key) {
            Some(slot) => Ok(slot.now),
            None if entry.detached => Ok(U256::ZERO),
            None => self.base.storage_ref(address, key),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        match self.block_hashes.get(&number) {
            Some(hash) => Ok(*hash),
            None => self.base.block_hash_ref(number),
        }
    }
}
