//! Following an access list, and holding the block to it.

use crate::memory_state::bytecode;
use crate::{
    AccessListError, Block, BlockError, Place,
    direct::DirectTransfers,
    effects::{AccountEffect, Effects},
    error::read_ahead,
    mv_memory::{AccountNumber, AccountVersions, Life, MvMemory, SlotNumber},
    share::Sharing,
    steps::Steps,
    versions::{BalanceVersion, Step},
    view::load_account,
};
use alloy_eip7928::AccountChanges;
use alloy_primitives::{Address, KECCAK256_EMPTY, TxKind, U256};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use heddle_types::{AccessList, ExistenceMarks, Fork};
use revm::{DatabaseRef, context::TxEnv};

/// An access list that has been laid into multi-version memory.
#[derive(Debug)]
pub(crate) struct Listed {
    /// How many changes the list holds.
    changes: usize,
    /// How many of them have happened. As each happens once at most, the block has made all when
    /// the numbers are equal.
    happened: AtomicUsize,
}

/// Why a list cannot be followed at all.
pub(crate) enum Unusable {
    Wrong(AccessListError),
    /// Something that the list names could not be read.
    Unread,
}

impl From<AccessListError> for Unusable {
    fn from(wrong: AccessListError) -> Self {
        Self::Wrong(wrong)
    }
}

impl Listed {
    /// Lays the list into `memory`, checking that it is in canonical form (EIP-7928, "ordering,
    /// uniqueness and determinism").
    pub(crate) fn lay<DB: DatabaseRef + Sync>(
        list: &AccessList,
        block: &Block<'_>,
        steps: &Steps,
        memory: &MvMemory,
        before: &DB,
        sharing: Sharing,
    ) -> Result<Self, Unusable> {
        let wrong = |address, what| Unusable::Wrong(AccessListError::Malformed(address, what));
        for pair in list.accounts.windows(2) {
            if pair[0].address >= pair[1].address {
                return Err(wrong(pair[1].address, "accounts are not in ascending order"));
            }
        }
        let layer = Layer { steps, memory, before };
        let mut changes = 0;
        for count in sharing.map(&list.accounts, 64, |account| layer.account(account)) {
            changes += count?;
        }
        if block.fork >= Fork::Cancun && !list.marks.is_empty() {
            let address = list.marks[0].address;
            return Err(wrong(address, "marks of existence have no meaning from Cancun on"));
        }
        for pair in list.marks.windows(2) {
            if pair[0].address >= pair[1].address {
                return Err(wrong(pair[1].address, "marks are not in ascending order"));
            }
        }
        for marks in &list.marks {
            if marks.destroyed_at.is_empty() && marks.emptied_at.is_empty() {
                return Err(wrong(marks.address, "a mark marks nothing"));
            }
            changes += layer.marks(marks)?;
        }
        Ok(Self { changes, happened: AtomicUsize::new(0) })
    }
}

struct Layer<'l, DB> {
    steps: &'l Steps,
    memory: &'l MvMemory,
    before: &'l DB,
}

impl<DB: DatabaseRef> Layer<'_, DB> {
    /// Lays one account down and counts its changes.
    fn account(&self, listed: &AccountChanges) -> Result<usize, Unusable> {
        let address = listed.address;
        let load = || load_account(self.memory, self.before, address);
        let number =
            read_ahead(|| self.memory.account_number(address, load)).ok_or(Unusable::Unread)?;
        let fields = self.fields(listed, number)?;
        Ok(fields + self.storage(listed, number)?)
    }

    fn fields(
        &self,
        listed: &AccountChanges,
        number: AccountNumber,
    ) -> Result<usize, AccessListError> {
        let address = listed.address;
        let mut count = 0;
        let mut versions = self.memory.account(number).versions();
        let mut order = Ascending::new(address, self.steps);
        for change in &listed.balance_changes {
            let step = order.next(change.block_access_index.get())?;
            versions.balance.set(step, BalanceVersion::Set(change.post_balance));
            count += 1;
        }
        let mut order = Ascending::new(address, self.steps);
        for change in &listed.nonce_changes {
            let step = order.next(change.block_access_index.get())?;
            versions.nonce.set(step, change.new_nonce);
            count += 1;
        }
        let mut order = Ascending::new(address, self.steps);
        for change in &listed.code_changes {
            let step = order.next(change.block_access_index.get())?;
            let code = bytecode(change.new_code());
            let hash = code.hash_slow();
            if hash != KECCAK256_EMPTY {
                self.memory.add_code(hash, code);
            }
            versions.rare().code.set(step, hash);
            count += 1;
        }
        Ok(count)
    }

    fn storage(&self, listed: &AccountChanges, number: AccountNumber) -> Result<usize, Unusable> {
        let address = listed.address;
        let wrong = |what| Unusable::Wrong(AccessListError::Malformed(address, what));
        let ascending = listed.storage_changes.is_sorted_by(|a, b| a.slot < b.slot)
            && listed.storage_reads.is_sorted_by(|a, b| a < b);
        if !ascending {
            return Err(wrong("slots are not in ascending order"));
        }
        let mut count = 0;
        for changed in &listed.storage_changes {
            if changed.changes.is_empty() {
                return Err(wrong("a changed slot has no changes"));
            }
            let slot = self.slot(address, number, changed.slot)?;
            let mut versions = self.memory.slot(slot).versions();
            let mut order = Ascending::new(address, self.steps);
            for change in &changed.changes {
                let index = change.block_access_index.get();
                versions.set(order.next(index)?, change.new_value);
                count += 1;
            }
        }
        for key in &listed.storage_reads {
            let slot = self.slot(address, number, *key)?;
            if self.memory.slot(slot).versions().len() > 0 {
                return Err(wrong("a slot is listed both as read and as changed"));
            }
        }
        Ok(count)
    }

    fn slot(
        &self,
        address: Address,
        account: AccountNumber,
        key: U256,
    ) -> Result<SlotNumber, Unusable> {
        let load = || self.before.storage_ref(address, key);
        read_ahead(|| self.memory.slot_number(account, key, load)).ok_or(Unusable::Unread)
    }

    fn marks(&self, marks: &ExistenceMarks) -> Result<usize, AccessListError> {
        let address = marks.address;
        let number = self
            .memory
            .find_account(&address)
            .ok_or(AccessListError::Malformed(address, "a mark is for no listed account"))?;
        let account = self.memory.account(number);
        let mut versions = account.versions();
        let all = [(&marks.destroyed_at, Life::Destroyed), (&marks.emptied_at, Life::Emptied)];
        for (indices, life) in all {
            let mut order = Ascending::new(address, self.steps);
            for index in indices {
                let step = order.next(*index)?;
                account.set_life(&mut versions, step, life);
            }
        }
        Ok(marks.destroyed_at.len() + marks.emptied_at.len())
    }
}

/// Turns the indices of one location's changes into steps.
struct Ascending<'s> {
    address: Address,
    steps: &'s Steps,
    last: Option<u64>,
}

impl<'s> Ascending<'s> {
    fn new(address: Address, steps: &'s Steps) -> Self {
        Self { address, steps, last: None }
    }

    fn next(&mut self, index: u64) -> Result<Step, AccessListError> {
        let malformed = |what| AccessListError::Malformed(self.address, what);
        if self.last.is_some_and(|last| last >= index) {
            return Err(malformed("changes are not in ascending order"));
        }
        self.last = Some(index);
        self.steps.of_index(index).ok_or_else(|| malformed("an index is beyond the block"))
    }
}

/// The difference between a list and what a block does at one location.
struct Differs(&'static str);

/// What a transaction makes of an account's fields; `None` leaves one as it is.
struct Fields {
    balance: Option<U256>,
    nonce: Option<u64>,
    code: Option<alloy_primitives::B256>,
    life: Option<Life>,
}

impl Listed {
    /// Whether the list says that just this happens to an account at `step`.
    pub(crate) fn says(
        &self,
        versions: &AccountVersions,
        balance: Option<U256>,
        nonce: Option<u64>,
        step: Step,
        fork: Fork,
    ) -> bool {
        let fields = Fields { balance, nonce, code: None, life: None };
        compare(versions, &fields, step, fork < Fork::Cancun).is_ok()
    }

    /// Holds a transfer that is foreseen to what the list says of the fee, and counts what happens.
    pub(crate) fn check_foreseen(
        &self,
        memory: &MvMemory,
        tx: &TxEnv,
        step: Step,
        beneficiary: AccountNumber,
        direct: &DirectTransfers,
        fork: Fork,
    ) -> Result<(), AccessListError> {
        let received = tx.kind != TxKind::Call(tx.caller);
        let spent = !direct.spent(tx).is_zero();
        let nonce = 1;
        let fee = self.check_beneficiary(memory, beneficiary, direct.fee(tx), step, fork)?;
        let happened = nonce + usize::from(spent) + usize::from(received) + fee;
        self.happened.fetch_add(happened, Relaxed);
        Ok(())
    }

    /// Holds a transaction to what the list says of its step.
    pub(crate) fn check(
        &self,
        memory: &MvMemory,
        effects: &Effects,
        step: Step,
        beneficiary: AccountNumber,
        fee: U256,
        fork: Fork,
    ) -> Result<(), AccessListError> {
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
            if slot.versions().at(step) != effect.new.as_ref() {
                return Err(AccessListError::Change {
                    address: memory.account(slot.account).address,
                    field: format!("slot {}", slot.key),
                });
            }
            happened += usize::from(effect.new.is_some());
        }
        self.happened.fetch_add(happened, Relaxed);
        Ok(())
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
        let mut versions = account.versions();
        let listed_life = fork < Fork::Cancun && fields.life != Some(Life::Created);
        compare(&versions, fields, step, listed_life).map_err(|Differs(field)| {
            AccessListError::Change { address: account.address, field: field.to_owned() }
        })?;
        let mut happened = usize::from(fields.balance.is_some())
            + usize::from(fields.nonce.is_some())
            + usize::from(fields.code.is_some());
        match fields.life {
            Some(_) if listed_life => happened += 1,
            // What no list says is noted for the change set; no transaction can see it.
            Some(life) => account.set_life(&mut versions, step, life),
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
        let (seen, _) = memory.account(beneficiary).read(step);
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
            let (was, _) = account.read(*start);
            let (now, _) = account.read(end);
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
            let was = memory.read_slot(number, *start).0;
            let now = memory.read_slot(number, end).0;
            let new = (now != was).then_some(now);
            if slot.versions().at(end) != new.as_ref() {
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
        self.happened.fetch_add(happened, Relaxed);
        Ok(())
    }

    /// The error to report for one that was met on the way. If everything that is listed of the
    /// steps before has happened, then what was seen is right, and so is the error. Else the list
    /// holds a change too many, which may be what led to the error.
    pub(crate) fn blame<E: std::error::Error + 'static>(
        &self,
        memory: &MvMemory,
        steps: &Steps,
        fork: Fork,
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
            Place::Transaction(index) => steps.transaction(index),
            Place::After => steps.after(0),
            // Nothing of the list was seen.
            Place::Before | Place::Block => return error,
        };
        let happened = self.happened.load(Relaxed);
        // A sink or an inspector may fail when the transaction itself has been checked already.
        if [step, step + 1].iter().any(|step| listed_before(memory, *step, fork) == happened) {
            return error;
        }
        BlockError::AccessList { place, source: AccessListError::SuperfluousChange }
    }

    /// Whether all that is listed has happened.
    pub(crate) fn check_complete(&self, memory: &MvMemory) -> Result<(), AccessListError> {
        for (_, account) in memory.accounts() {
            if !account.is_accessed() {
                return Err(AccessListError::SuperfluousAccount(account.address));
            }
        }
        for (_, slot) in memory.slots() {
            if !slot.is_accessed() {
                let address = memory.account(slot.account).address;
                return Err(AccessListError::SuperfluousSlot(address, slot.key));
            }
        }
        if self.happened.load(Relaxed) != self.changes {
            return Err(AccessListError::SuperfluousChange);
        }
        Ok(())
    }
}

/// How many changes a list that was laid into `memory` holds of the steps before `step`.
fn listed_before(memory: &MvMemory, step: Step, fork: Fork) -> usize {
    let accounts = memory.accounts().map(|(_, account)| {
        let versions = account.versions();
        let rare = versions.rare.as_ref().map_or(0, |rare| {
            let is_listed = |life: &&(Step, Life)| fork < Fork::Cancun && life.1 != Life::Created;
            let lives = rare.life.all_before(step).iter().filter(is_listed).count();
            rare.code.all_before(step).len() + lives
        });
        versions.balance.all_before(step).len() + versions.nonce.all_before(step).len() + rare
    });
    let slots = memory.slots().map(|(_, slot)| slot.versions().all_before(step).len());
    accounts.sum::<usize>() + slots.sum::<usize>()
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

fn compare(
    versions: &AccountVersions,
    fields: &Fields,
    step: Step,
    life: bool,
) -> Result<(), Differs> {
    let balance = fields.balance.map(BalanceVersion::Set);
    if versions.balance.at(step) != balance.as_ref() {
        return Err(Differs("balance"));
    }
    if versions.nonce.at(step) != fields.nonce.as_ref() {
        return Err(Differs("nonce"));
    }
    let rare = versions.rare.as_ref();
    if rare.and_then(|rare| rare.code.at(step)) != fields.code.as_ref() {
        return Err(Differs("code"));
    }
    if life && rare.and_then(|rare| rare.life.at(step)) != fields.life.as_ref() {
        return Err(Differs("existence"));
    }
    Ok(())
}
