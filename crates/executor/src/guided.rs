//! Following an access list, and holding the block to it.

mod form;

use crate::{
    AccessListError, BlockError, Place,
    directory::{Directory, count_near},
    effects::{AccountEffect, Effects},
    memory_state::bytecode,
    mv_memory::{AccountEntry, AccountNumber, Life, MvMemory, Seen, SlotEntry, SlotNumber},
    share::Sharing,
    steps::Steps,
    versions::{BalanceVersion, Step},
};
use alloy_eip7928::{AccountChanges, StorageChange};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use core::{
    cmp::Ordering::{Equal, Greater, Less},
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use form::{Brief, Form, Indexed, OFTEN, indexed};
use heddle_types::{AccessList, AccountState, Fork};
use smallvec::SmallVec;

/// An access list that is followed.
///
/// Its values stay where they are, so that any number of threads reads hot locations without a lock;
/// the entries of multi-version memory know their places in it. Of most accounts and slots the list
/// says little: that is kept in short, in the list's order, so that it is found in one cache line.
/// Codes and marks of existence, which are few, are laid into the entry of their account.
#[derive(Debug)]
pub(crate) struct Listed<'l> {
    list: &'l AccessList,
    steps: Steps,
    /// Of the accounts' addresses.
    accounts: Directory,
    /// Of the changed slots of accounts that have many, by place of the account.
    directories: Vec<(u32, Directory)>,
    /// The accounts, in short.
    briefs: Vec<Brief>,
    /// Of each account first the slots that change, then those that are only read.
    slots: Vec<ListedSlot<'l>>,
    /// Hashes of the codes that the list holds: place of the account, index, hash.
    codes: Vec<(u32, u64, B256)>,
    /// How many changes the list holds.
    changes: usize,
    /// How many of them have happened. As each happens once at most, the block has made all when
    /// the numbers are equal.
    happened: AtomicUsize,
}

/// A slot that a list names.
#[derive(Debug)]
struct ListedSlot<'l> {
    /// The only value that it gets, ...
    value: U256,
    changes: &'l [StorageChange],
    /// ... and at which index; [`form::NEVER`], or [`OFTEN`] if there are more.
    value_at: u32,
    /// The place of its account.
    account: u32,
}

/// The places among all slots of one account's.
pub(crate) struct SlotPlaces {
    pub(crate) changed: Range<u32>,
    /// Of those that are only read.
    read: Range<u32>,
}

impl SlotPlaces {
    pub(crate) fn all(&self) -> Range<u32> {
        self.changed.start..self.read.end
    }
}

impl<'l> Listed<'l> {
    /// Checks that the list is in canonical form (EIP-7928, "ordering, uniqueness and
    /// determinism"), and gets ready to follow it. Its codes are added to `memory`.
    pub(crate) fn new(
        list: &'l AccessList,
        fork: Fork,
        steps: &Steps,
        memory: &MvMemory,
        sharing: Sharing<'_>,
    ) -> Result<Self, AccessListError> {
        let Form { briefs, heads, changes } = form::check(list, fork, steps, sharing)?;
        let slots = listed_slots(list, &briefs, sharing);
        let accounts = Directory::new(heads);
        let mut codes = Vec::new();
        let mut directories = Vec::new();
        let places = (0_u32..).zip(&briefs);
        for (at, brief) in places.filter(|(_, brief)| brief.has_codes || brief.has_many_slots()) {
            let listed = &list.accounts[at as usize];
            if brief.has_many_slots() {
                let heads = listed.storage_changes.iter().map(|slot| slot_head(&slot.slot));
                directories.push((at, Directory::new(heads.collect())));
            }
            for change in &listed.code_changes {
                let code = bytecode(change.new_code());
                let hash = code.hash_slow();
                if hash != KECCAK256_EMPTY {
                    memory.add_code(hash, code);
                }
                codes.push((at, change.index(), hash));
            }
        }
        let happened = AtomicUsize::new(0);
        let steps = *steps;
        let listed =
            Self { list, steps, accounts, directories, briefs, slots, codes, changes, happened };
        for marks in &list.marks {
            if listed.place(&marks.address).is_none() {
                let what = "a mark is for no listed account";
                return Err(AccessListError::Malformed(marks.address, what));
            }
        }
        Ok(listed)
    }

    /// The place of an account in the list.
    pub(crate) fn place(&self, address: &Address) -> Option<u32> {
        let mut places = self.accounts.places(head(address));
        places.find(|at| self.list.accounts[*at].address == *address).map(|at| at as u32)
    }

    pub(crate) fn accounts(&self) -> &'l [AccountChanges] {
        &self.list.accounts
    }

    pub(crate) fn slots_len(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The place of a slot's account, and its key.
    pub(crate) fn slot(&self, number: u32) -> (u32, U256) {
        let account = self.slots[number as usize].account;
        let at = (number - self.briefs[account as usize].start) as usize;
        let listed = &self.list.accounts[account as usize];
        let key = match listed.storage_changes.get(at) {
            Some(changed) => changed.slot,
            None => listed.storage_reads[at - listed.storage_changes.len()],
        };
        (account, key)
    }

    /// The places among all slots of those of the account at a place.
    pub(crate) fn slots_of(&self, account: u32) -> SlotPlaces {
        let brief = &self.briefs[account as usize];
        let middle = brief.start + brief.changed;
        SlotPlaces { changed: brief.start..middle, read: middle..middle + brief.read }
    }

    /// The place of a slot among all that the list names.
    pub(crate) fn slot_place(
        &self,
        memory: &MvMemory,
        account: &AccountEntry,
        key: U256,
    ) -> Option<u32> {
        let at = account.listed_at;
        let brief = self.briefs.get(at as usize)?;
        let SlotPlaces { mut changed, read } = self.slots_of(at);
        if brief.has_many_slots() {
            let of = self.directories.binary_search_by_key(&at, |(at, _)| *at).ok()?;
            let places = self.directories[of].1.places(slot_head(&key));
            changed = brief.start + places.start as u32..brief.start + places.end as u32;
        }
        self.search(memory, changed, key).or_else(|| self.search(memory, read, key))
    }

    /// The place of a slot with this key among some in ascending order.
    fn search(&self, memory: &MvMemory, mut places: Range<u32>, key: U256) -> Option<u32> {
        let premade = memory.premade();
        while !places.is_empty() {
            let middle = places.start.midpoint(places.end);
            let here = match premade {
                // Whoever finds it needs its entry next.
                Some(premade) => premade.slots[middle as usize].key,
                None => self.slot(middle).1,
            };
            match here.cmp(&key) {
                Less => places.start = middle + 1,
                Equal => return Some(middle),
                Greater => places.end = middle,
            }
        }
        None
    }

    /// The entry of an account at a place in the list.
    pub(crate) fn entry(&self, before: Option<AccountState>, place: u32) -> AccountEntry {
        let address = self.list.accounts[place as usize].address;
        let account = AccountEntry::new(address, before, place);
        let first = self.codes.partition_point(|code| code.0 < place);
        let marks = self.list.marks.binary_search_by_key(&address, |marks| marks.address);
        let codes = self.codes[first..].iter().take_while(|code| code.0 == place);
        let codes: SmallVec<[_; 2]> = codes.collect();
        if codes.is_empty() && marks.is_err() {
            return account;
        }
        let mut versions = account.versions_to_add();
        for (_, index, hash) in codes {
            account.set_code(&mut versions, self.steps.of_listed(*index), *hash);
        }
        if let Ok(at) = marks {
            let marks = &self.list.marks[at];
            let all = [(&marks.destroyed_at, Life::Destroyed), (&marks.emptied_at, Life::Emptied)];
            for (indices, life) in all {
                for index in indices {
                    account.set_life(&mut versions, self.steps.of_listed(*index), life);
                }
            }
        }
        drop(versions);
        account
    }
}

/// The first bytes of an address, in its order.
pub(crate) fn head(address: &Address) -> u64 {
    u64::from_be_bytes(*address.0.first_chunk().expect("an address has 20 bytes"))
}

/// The first bytes of a slot's key, in its order.
pub(crate) const fn slot_head(key: &U256) -> u64 {
    key.as_limbs()[3]
}

/// So many slots of one account are worth a directory.
const MANY_SLOTS: usize = 32;

fn listed_slots<'l>(
    list: &'l AccessList,
    briefs: &[Brief],
    sharing: Sharing<'_>,
) -> Vec<ListedSlot<'l>> {
    let mut places: Vec<(u32, u32)> = Vec::new();
    for (account, brief) in (0..).zip(briefs) {
        places.extend((0..brief.changed + brief.read).map(|at| (account, at)));
    }
    sharing.map(&places, 256, |(account, at)| {
        let changed = list.accounts[*account as usize].storage_changes.get(*at as usize);
        let changes: &[_] = changed.map_or(&[], |changed| &changed.changes);
        let (value_at, only) = form::only(changes);
        let value = only.map_or(U256::ZERO, |change| change.new_value);
        ListedSlot { value, changes, value_at, account: *account }
    })
}

/// The newest of a location's changes with an index below `bound`.
fn newest<C: Indexed>(changes: &[C], bound: u64) -> Option<&C> {
    let last = changes.last()?;
    // What changes often does so at every so many transactions.
    let guess = bound * changes.len() as u64 / (last.index() + 1);
    let count = count_near(changes.len(), guess as usize, |at| changes[at].index() < bound);
    changes[..count].last()
}

/// The newest value of a location at an index below `bound`, and that index: the `only` one that
/// it gets, or if it gets several, that of the newest of its `changes`.
fn newest_value<'c, C: Indexed + 'c, V>(
    only: (u32, V),
    changes: impl FnOnce() -> Option<&'c [C]>,
    bound: u64,
    value: impl FnOnce(&C) -> V,
) -> Option<(u64, V)> {
    let (at, only) = only;
    if at == OFTEN {
        let change = newest(changes()?, bound)?;
        return Some((change.index(), value(change)));
    }
    (u64::from(at) < bound).then_some((at.into(), only))
}

/// The value that a location gets at an index, if `before` gives the newest with an index below a
/// bound.
fn exactly<V>(index: Option<u64>, before: impl FnOnce(u64) -> Option<(u64, V)>) -> Option<V> {
    let index = index?;
    before(index + 1).filter(|(at, _)| *at == index).map(|(_, value)| value)
}

impl Listed<'_> {
    /// What the list says of an account; nothing of one that it does not name.
    fn of(&self, account: &AccountEntry) -> Option<&AccountChanges> {
        self.list.accounts.get(account.listed_at as usize)
    }

    /// The account before `step`.
    pub(crate) fn read(&self, account: &AccountEntry, step: Step) -> Seen {
        let Some(brief) = self.briefs.get(account.listed_at as usize) else {
            return account.read(step).0;
        };
        let bound = self.steps.list_bound(step);
        let mut seen = Seen::new(account.before.as_ref());
        let mut changed = None;
        if let Some((at, balance)) = self.balance_before(account, brief, bound) {
            seen.balance = balance;
            changed = Some(at);
        }
        if let Some((at, nonce)) = self.nonce_before(account, brief, bound) {
            seen.nonce = nonce;
            changed = changed.max(Some(at));
        }
        seen.exists |= changed.is_some();
        if !account.is_noted() {
            return seen;
        }
        let changed = changed.map(|index| self.steps.of_listed(index));
        account.versions().read_on(seen, changed, step).0
    }

    /// The newest balance of an account at an index below `bound`, and that index.
    fn balance_before(
        &self,
        account: &AccountEntry,
        brief: &Brief,
        bound: u64,
    ) -> Option<(u64, U256)> {
        let changes = || self.of(account).map(|listed| &*listed.balance_changes);
        newest_value((brief.balance_at, brief.balance), changes, bound, |change| {
            change.post_balance
        })
    }

    /// The same of the nonce.
    fn nonce_before(
        &self,
        account: &AccountEntry,
        brief: &Brief,
        bound: u64,
    ) -> Option<(u64, u64)> {
        let changes = || self.of(account).map(|listed| &*listed.nonce_changes);
        newest_value((brief.nonce_at, brief.nonce), changes, bound, |change| change.new_nonce)
    }

    /// A slot's value before `step`, and the step that wrote it.
    pub(crate) fn read_slot(
        &self,
        memory: &MvMemory,
        number: SlotNumber,
        step: Step,
    ) -> (U256, Option<Step>) {
        let slot = memory.slot(number);
        memory.unless_wiped(slot, step, self.written(slot, step))
    }

    /// The newest change of a slot before `step`.
    pub(crate) fn written(&self, slot: &SlotEntry, step: Step) -> Option<(Step, U256)> {
        let listed = self.value_before(slot, self.steps.list_bound(step));
        let listed = listed.map(|(index, value)| (self.steps.of_listed(index), value));
        slot.written(step).or(listed)
    }

    /// The newest value of a slot at an index below `bound`, and that index.
    fn value_before(&self, slot: &SlotEntry, bound: u64) -> Option<(u64, U256)> {
        let listed = self.slots.get(slot.listed_at as usize)?;
        let only = (listed.value_at, listed.value);
        newest_value(only, || Some(listed.changes), bound, |change| change.new_value)
    }
}

/// The difference between a list and what a block does at one location.
struct Differs(&'static str);

/// What a transaction makes of an account's fields; `None` leaves one as it is.
struct Fields {
    balance: Option<U256>,
    nonce: Option<u64>,
    code: Option<B256>,
    life: Option<Life>,
}

impl Listed<'_> {
    /// Whether the list says that just this happens to an account at `step`.
    pub(crate) fn says(
        &self,
        account: &AccountEntry,
        balance: Option<U256>,
        nonce: Option<u64>,
        step: Step,
        fork: Fork,
    ) -> bool {
        let fields = Fields { balance, nonce, code: None, life: None };
        self.compare(account, &fields, step, fork < Fork::Cancun).is_ok()
    }

    /// Counts changes that have happened.
    pub(crate) fn count(&self, happened: usize) {
        self.happened.fetch_add(happened, Relaxed);
    }

    /// Whether the list says of the beneficiary that it gets `fee`, which is not nothing, at `step`.
    pub(crate) fn says_fee(
        &self,
        beneficiary: &AccountEntry,
        fee: U256,
        step: Step,
        fork: Fork,
    ) -> bool {
        let seen = self.read(beneficiary, step);
        beneficiary.mark_accessed();
        let balance = seen.balance.checked_add(fee);
        balance.is_some() && self.says(beneficiary, balance, None, step, fork)
    }

    /// Holds a transaction to what the list says of its step; returns how many changes it makes.
    pub(crate) fn check(
        &self,
        memory: &MvMemory,
        effects: &Effects,
        step: Step,
        beneficiary: AccountNumber,
        fee: U256,
        fork: Fork,
    ) -> Result<usize, AccessListError> {
        let mut happened = 0;
        let mut paid = false;
        for effect in &effects.accounts {
            let mut fields = fields(effect);
            if effect.number == beneficiary {
                paid = true;
                pay(effect, &mut fields, fee, effects.beneficiary_destroyed, fork);
            }
            happened += self.check_account(memory, effect.number, &fields, step, fork)?;
        }
        if !paid {
            happened += self.check_beneficiary(memory, beneficiary, fee, step, fork)?;
        }
        for effect in &effects.slots {
            let slot = memory.slot(effect.number);
            slot.mark_accessed();
            if self.slot_at(slot, step) != effect.new {
                return Err(AccessListError::Change {
                    address: memory.account(slot.account).address,
                    field: format!("slot {}", slot.key),
                });
            }
            happened += usize::from(effect.new.is_some());
        }
        Ok(happened)
    }

    fn check_account(
        &self,
        memory: &MvMemory,
        number: AccountNumber,
        fields: &Fields,
        step: Step,
        fork: Fork,
    ) -> Result<usize, AccessListError> {
        let account = memory.account(number);
        account.mark_accessed();
        let listed_life = fork < Fork::Cancun && fields.life != Some(Life::Created);
        self.compare(account, fields, step, listed_life).map_err(|Differs(field)| {
            AccessListError::Change { address: account.address, field: field.to_owned() }
        })?;
        let mut happened = usize::from(fields.balance.is_some())
            + usize::from(fields.nonce.is_some())
            + usize::from(fields.code.is_some());
        match fields.life {
            Some(_) if listed_life => happened += 1,
            // What no list says is noted for the change set; no transaction can see it.
            Some(life) => account.set_life(&mut account.versions_to_add(), step, life),
            None => {}
        }
        Ok(happened)
    }

    /// The beneficiary of a transaction that did not touch it otherwise.
    fn check_beneficiary(
        &self,
        memory: &MvMemory,
        beneficiary: AccountNumber,
        fee: U256,
        step: Step,
        fork: Fork,
    ) -> Result<usize, AccessListError> {
        let seen = self.read(memory.account(beneficiary), step);
        let mut fields = Fields { balance: None, nonce: None, code: None, life: None };
        if !fee.is_zero() {
            // As revm does: what would overflow is not paid.
            fields.balance = seen.balance.checked_add(fee);
        } else {
            fields.life = touched(seen.exists, seen.is_empty(), fork);
        }
        self.check_account(memory, beneficiary, &fields, step, fork)
    }

    /// Holds the protocol's own operations to what the list says of them together, at `end`; their
    /// own steps are cleared.
    pub(crate) fn check_operations(
        &self,
        memory: &MvMemory,
        all: &[(Step, Effects)],
        end: Step,
        fork: Fork,
    ) -> Result<(), AccessListError> {
        let Some((start, _)) = all.first() else { return Ok(()) };
        let mut accounts: Vec<AccountNumber> = Vec::new();
        let mut slots: Vec<SlotNumber> = Vec::new();
        for (_, effects) in all {
            accounts.extend(effects.accounts.iter().map(|effect| effect.number));
            slots.extend(effects.slots.iter().map(|effect| effect.number));
        }
        accounts.sort_unstable();
        accounts.dedup();
        slots.sort_unstable();
        slots.dedup();
        let mut happened = 0;
        for number in accounts {
            let account = memory.account(number);
            let was = self.read(account, *start);
            let now = self.read(account, end);
            let life = all.iter().rev().find_map(|(_, effects)| {
                effects.accounts.iter().find(|e| e.number == number).and_then(|e| e.life)
            });
            let fields = Fields {
                balance: (now.balance != was.balance).then_some(now.balance),
                nonce: (now.nonce != was.nonce).then_some(now.nonce),
                code: (now.code_hash != was.code_hash).then_some(now.code_hash),
                life,
            };
            happened += self.check_account(memory, number, &fields, end, fork)?;
        }
        for number in slots {
            let slot = memory.slot(number);
            let was = self.read_slot(memory, number, *start).0;
            let now = self.read_slot(memory, number, end).0;
            let new = (now != was).then_some(now);
            if self.slot_at(slot, end) != new {
                return Err(AccessListError::Change {
                    address: memory.account(slot.account).address,
                    field: format!("slot {}", slot.key),
                });
            }
            happened += usize::from(new.is_some());
        }
        for (step, effects) in all {
            effects.retract(memory, *step);
        }
        self.count(happened);
        Ok(())
    }

    /// The error to report for one that was met on the way. If everything that is listed of the
    /// steps before has happened, then what was seen is right, and so is the error. Else the list
    /// holds a change too many, which may be what led to the error.
    pub(crate) fn blame<E: std::error::Error + 'static>(
        &self,
        error: BlockError<E>,
    ) -> BlockError<E> {
        let place = match &error {
            BlockError::InvalidTransaction { index, .. } => Place::Transaction(*index),
            BlockError::Database { place, .. }
            | BlockError::Evm { place, .. }
            | BlockError::Panic { place, .. } => *place,
            BlockError::SystemCall { .. } => Place::After,
            BlockError::AccessList { .. } => return error,
        };
        let step = match place {
            Place::Transaction(index) => self.steps.transaction(index),
            Place::After => self.steps.after(0),
            // Nothing of the list was seen.
            Place::Before | Place::Block => return error,
        };
        let happened = self.happened.load(Relaxed);
        // A sink or an inspector may fail when the transaction itself has been checked already.
        if [step, step + 1].iter().any(|step| self.changes_before(*step) == happened) {
            return error;
        }
        BlockError::AccessList { place, source: AccessListError::SuperfluousChange }
    }

    /// What the list says of a slot at `step`.
    fn slot_at(&self, slot: &SlotEntry, step: Step) -> Option<U256> {
        exactly(self.steps.list_index(step), |bound| self.value_before(slot, bound))
    }

    /// Holds `fields` to what the list says of an account at `step`; `life` tells whether it says
    /// anything of existence.
    fn compare(
        &self,
        account: &AccountEntry,
        fields: &Fields,
        step: Step,
        life: bool,
    ) -> Result<(), Differs> {
        let listed_at = account.listed_at as usize;
        let brief = self.briefs.get(listed_at).ok_or(Differs("something"))?;
        let index = self.steps.list_index(step);
        if exactly(index, |bound| self.balance_before(account, brief, bound)) != fields.balance {
            return Err(Differs("balance"));
        }
        if exactly(index, |bound| self.nonce_before(account, brief, bound)) != fields.nonce {
            return Err(Differs("nonce"));
        }
        if !account.is_noted() && fields.code.is_none() && fields.life.is_none() {
            return Ok(());
        }
        let versions = account.versions();
        let rare = versions.rare.as_ref();
        if rare.and_then(|rare| rare.code.at(step)) != fields.code.as_ref() {
            return Err(Differs("code"));
        }
        if life && rare.and_then(|rare| rare.life.at(step)) != fields.life.as_ref() {
            return Err(Differs("existence"));
        }
        Ok(())
    }

    /// How many changes the list holds of the steps before `step`.
    fn changes_before(&self, step: Step) -> usize {
        let bound = self.steps.list_bound(step);
        let below = |index: &u64| *index < bound;
        let of_account = |listed: &AccountChanges| {
            let slots = listed.storage_changes.iter().flat_map(|slot| &slot.changes).map(indexed);
            slots.filter(below).count()
                + listed.balance_changes.iter().map(indexed).filter(below).count()
                + listed.nonce_changes.iter().map(indexed).filter(below).count()
                + listed.code_changes.iter().map(indexed).filter(below).count()
        };
        let marks = self.list.marks.iter();
        let marks = marks.flat_map(|marks| marks.destroyed_at.iter().chain(&marks.emptied_at));
        self.list.accounts.iter().map(of_account).sum::<usize>()
            + marks.filter(|index| below(index)).count()
    }

    /// Whether all changes that are listed have happened.
    pub(crate) fn check_happened(&self) -> Result<(), AccessListError> {
        if self.happened.load(Relaxed) != self.changes {
            return Err(AccessListError::SuperfluousChange);
        }
        Ok(())
    }

    /// Whether all that is listed was touched, where entries were made as execution asked for them.
    pub(crate) fn check_touched(&self, memory: &MvMemory) -> Result<(), AccessListError> {
        let accessed = memory.accounts().filter(|(_, account)| account.is_accessed()).count();
        if accessed != self.list.accounts.len() {
            let unmet = |listed: &&AccountChanges| {
                let number = memory.find_account(&listed.address);
                !number.is_some_and(|number| memory.account(number).is_accessed())
            };
            if let Some(listed) = self.list.accounts.iter().find(unmet) {
                return Err(AccessListError::SuperfluousAccount(listed.address));
            }
        }
        let accessed = memory.slots().filter(|(_, slot)| slot.is_accessed()).count();
        let slots =
            |listed: &AccountChanges| listed.storage_changes.len() + listed.storage_reads.len();
        if accessed != self.list.accounts.iter().map(slots).sum::<usize>() {
            for listed in &self.list.accounts {
                self.check_slots(memory, listed)?;
            }
        }
        Ok(())
    }

    /// Whether all listed slots of an account were accessed.
    fn check_slots(
        &self,
        memory: &MvMemory,
        listed: &AccountChanges,
    ) -> Result<(), AccessListError> {
        let number = memory.find_account(&listed.address);
        let is_met = |key: U256| {
            let slot = number.and_then(|number| memory.find_slot(number, key));
            slot.is_some_and(|number| memory.slot(number).is_accessed())
        };
        let changed = listed.storage_changes.iter().map(|changed| changed.slot);
        let unmet = changed.chain(listed.storage_reads.iter().copied()).find(|key| !is_met(*key));
        match unmet {
            Some(key) => Err(AccessListError::SuperfluousSlot(listed.address, key)),
            None => Ok(()),
        }
    }
}

fn fields(effect: &AccountEffect) -> Fields {
    let balance = effect.balance.map(|version| match version {
        BalanceVersion::Set(balance) => balance,
        BalanceVersion::Add(amount) => effect.seen.balance.wrapping_add(amount),
    });
    Fields { balance, nonce: effect.nonce, code: effect.code, life: effect.life }
}

/// Adds the fee to what a transaction made of the beneficiary, as `fees::pay_fee` does.
fn pay(effect: &AccountEffect, fields: &mut Fields, fee: U256, destroyed: bool, fork: Fork) {
    if destroyed && (fork < Fork::Amsterdam || fee.is_zero()) {
        return;
    }
    let seen = &effect.seen;
    let now = fields.balance.unwrap_or(seen.balance);
    if fee.is_zero() {
        let gone = fields.life == Some(Life::Destroyed);
        let exists = !gone && (seen.exists || effect.changes());
        let nonce = fields.nonce.unwrap_or(seen.nonce);
        let code = fields.code.unwrap_or(seen.code_hash);
        let empty = now.is_zero() && nonce == 0 && code == KECCAK256_EMPTY;
        fields.life = touched(exists, empty, fork).or(fields.life);
        return;
    }
    if destroyed && seen.exists {
        fields.life = Some(Life::Created);
    } else if fields.life != Some(Life::Created) {
        fields.life = None;
    }
    // As revm does: what would overflow is not paid.
    let balance = now.checked_add(fee).unwrap_or(now);
    fields.balance = (balance != seen.balance).then_some(balance);
}

/// What touching without changing does to an account's existence (EIP-161).
fn touched(exists: bool, empty: bool, fork: Fork) -> Option<Life> {
    match (exists, empty, fork >= Fork::SpuriousDragon) {
        (true, true, true) => Some(Life::Destroyed),
        (false, _, false) => Some(Life::Emptied),
        _ => None,
    }
}
