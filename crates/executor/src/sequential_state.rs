//! The state while a block executes sequentially: what was read and what was changed.

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use heddle_types::{AccountChange, AccountState, ChangeSet};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account, AccountId, AccountInfo},
};

/// A cache over the state before the block, and the changes on top of it.
///
/// Accounts are numbered as they are first read. revm hands the number back with every slot that
/// it asks for, so a slot costs one look-up of a short key.
pub struct SequentialState<'a, DB> {
    before: &'a DB,
    numbers: HashMap<Address, u32, RandomState>,
    accounts: Vec<CachedAccount>,
    slots: HashMap<(u32, U256), CachedSlot, RandomState>,
    codes: HashMap<B256, Bytecode, RandomState>,
    /// Whether empty accounts that are touched cease to exist (EIP-161).
    clears_empty: bool,
}

impl<DB> core::fmt::Debug for SequentialState<'_, DB> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SequentialState")
            .field("accounts", &self.accounts.len())
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

struct CachedAccount {
    address: Address,
    before: Option<AccountState>,
    now: Option<AccountState>,
    /// How often the storage was wiped. Slots written in an earlier era are zero.
    era: u32,
}

struct CachedSlot {
    before: U256,
    now: U256,
    era: u32,
}

/// How a transaction changed the existence of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existence {
    Destroyed,
    Emptied,
}

impl<'a, DB: DatabaseRef> SequentialState<'a, DB> {
    pub(crate) fn new(before: &'a DB, clears_empty: bool) -> Self {
        Self {
            before,
            numbers: HashMap::default(),
            accounts: Vec::new(),
            slots: HashMap::default(),
            codes: HashMap::default(),
            clears_empty,
        }
    }

    fn number(&mut self, address: Address) -> Result<u32, DB::Error> {
        if let Some(number) = self.numbers.get(&address) {
            return Ok(*number);
        }
        let before = self.before.basic_ref(address)?.map(|info| {
            if let Some(code) = info.code.filter(|_| info.code_hash != KECCAK256_EMPTY) {
                self.codes.insert(info.code_hash, code);
            }
            AccountState { balance: info.balance, nonce: info.nonce, code_hash: info.code_hash }
        });
        let number = index(self.accounts.len());
        self.numbers.insert(address, number);
        self.accounts.push(CachedAccount { address, before, now: before, era: 0 });
        Ok(number)
    }

    fn slot(&mut self, address: Address, number: u32, key: U256) -> Result<U256, DB::Error> {
        let era = self.accounts[number as usize].era;
        if let Some(slot) = self.slots.get(&(number, key)) {
            return Ok(if slot.era == era { slot.now } else { U256::ZERO });
        }
        // After a wipe nothing of the state before the block is left.
        let before = if era == 0 { self.before.storage_ref(address, key)? } else { U256::ZERO };
        self.slots.insert((number, key), CachedSlot { before, now: before, era });
        Ok(before)
    }

    /// Takes over what a transaction did to one account.
    pub(crate) fn commit(
        &mut self,
        address: Address,
        account: &Account,
    ) -> Result<Option<Existence>, DB::Error> {
        if !account.is_touched() {
            return Ok(None);
        }
        let number = self.number(address)?;
        let cached = &mut self.accounts[number as usize];
        let existed = cached.now.is_some();
        let gone = account.is_selfdestructed() || (self.clears_empty && account.info.is_empty());
        if gone {
            cached.now = None;
            cached.era += u32::from(existed);
            return Ok(existed.then_some(Existence::Destroyed));
        }
        let info = &account.info;
        cached.now = Some(AccountState {
            balance: info.balance,
            nonce: info.nonce,
            code_hash: info.code_hash,
        });
        if account.is_created() {
            cached.era += u32::from(existed);
        }
        if let Some(code) = info.code.as_ref().filter(|code| !code.is_empty()) {
            self.codes.entry(info.code_hash).or_insert_with(|| code.clone());
        }
        let era = cached.era;
        for (key, slot) in account.changed_storage_slots() {
            let now = slot.present_value;
            self.slots
                .entry((number, *key))
                .and_modify(|cached| (cached.now, cached.era) = (now, era))
                .or_insert(CachedSlot { before: U256::ZERO, now, era });
        }
        Ok((!existed && info.is_empty()).then_some(Existence::Emptied))
    }

    /// Adds to a balance, as the protocol does outside transactions.
    pub(crate) fn pay(&mut self, address: Address, amount: U256) -> Result<Payment, DB::Error> {
        let number = self.number(address)?;
        let cached = &mut self.accounts[number as usize];
        let before = cached.now;
        let mut after = before.unwrap_or(EMPTY);
        after.balance += amount;
        let empty = after == EMPTY;
        cached.now = if empty && self.clears_empty { None } else { Some(after) };
        let existence = match (before.is_some(), cached.now.is_some()) {
            (true, false) => {
                cached.era += 1;
                Some(Existence::Destroyed)
            }
            (false, true) if empty => Some(Existence::Emptied),
            _ => None,
        };
        let before = before.map_or(U256::ZERO, |account| account.balance);
        Ok(Payment { before, after: after.balance, existence })
    }

    /// Takes the whole balance of an account (EIP-779).
    pub(crate) fn drain(&mut self, address: Address) -> Result<U256, DB::Error> {
        let number = self.number(address)?;
        let now = &mut self.accounts[number as usize].now;
        Ok(now.as_mut().map_or(U256::ZERO, |account| core::mem::take(&mut account.balance)))
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<Option<AccountState>, DB::Error> {
        let number = self.number(address)?;
        Ok(self.accounts[number as usize].now)
    }

    /// What is different from the state before the block.
    pub(crate) fn into_changes(mut self) -> ChangeSet {
        let mut slots: Vec<(u32, U256, U256)> = Vec::new();
        for ((number, key), slot) in &self.slots {
            let account = &self.accounts[*number as usize];
            let changed = slot.era == account.era
                && slot.now != if account.era == 0 { slot.before } else { U256::ZERO };
            if changed && account.now.is_some() {
                slots.push((*number, *key, slot.now));
            }
        }
        slots.sort_unstable();
        let mut order: Vec<u32> = (0..index(self.accounts.len())).collect();
        order.sort_unstable_by_key(|number| self.accounts[*number as usize].address);
        let mut changes = ChangeSet::default();
        for number in order {
            let account = &self.accounts[number as usize];
            let first = slots.partition_point(|slot| slot.0 < number);
            let storage: Vec<_> = slots[first..]
                .iter()
                .take_while(|slot| slot.0 == number)
                .map(|(_, key, value)| (*key, *value))
                .collect();
            let storage_cleared = account.before.is_some() && account.era > 0;
            if account.now == account.before && storage.is_empty() && !storage_cleared {
                continue;
            }
            let hash = account.now.map_or(KECCAK256_EMPTY, |now| now.code_hash);
            let had = account.before.map_or(KECCAK256_EMPTY, |before| before.code_hash);
            if hash != had
                && hash != KECCAK256_EMPTY
                && let Some(code) = self.codes.remove(&hash)
            {
                changes.codes.push((hash, code.original_bytes()));
            }
            let address = account.address;
            changes.accounts.push(AccountChange {
                address,
                after: account.now,
                storage_cleared,
                storage,
            });
        }
        changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
        changes
    }
}

/// The effect of [`SequentialState::pay`].
pub(crate) struct Payment {
    pub(crate) before: U256,
    pub(crate) after: U256,
    pub(crate) existence: Option<Existence>,
}

const EMPTY: AccountState =
    AccountState { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY };

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a block's gas cannot touch four billion accounts")
}

impl<DB: DatabaseRef> Database for SequentialState<'_, DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let number = self.number(address)?;
        Ok(self.accounts[number as usize].now.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: AccountId::new(number as usize),
            code: None,
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = self.before.code_by_hash_ref(code_hash)?;
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let number = self.number(address)?;
        self.slot(address, number, key)
    }

    fn storage_by_account_id(
        &mut self,
        address: Address,
        account_id: AccountId,
        key: U256,
    ) -> Result<U256, Self::Error> {
        self.slot(address, index(account_id.get()), key)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.before.block_hash_ref(number)
    }
}
