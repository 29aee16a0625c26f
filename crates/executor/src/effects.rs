//! What one execution of a transaction read and would change.
//!
//! The effects of an execution are valid if everything that it read is what the transactions
//! before it leave. What was read is compared by value, so a value that is written anew but stays
//! the same invalidates nothing; and a balance that was only added to or taken from need not be
//! the same at all (see `observe`).

use crate::{
    AccountField, Location,
    mv_memory::{AccountNumber, Life, MvMemory, Seen, SlotNumber, UNLISTED},
    observe::Observed,
    receipts::Executed,
    versions::{BalanceVersion, Step},
    view::{AccountRead, SlotRead, View, ViewError},
};
use alloy_primitives::{Address, B256, Bloom, KECCAK256_EMPTY, U256};
use revm::{
    DatabaseRef,
    bytecode::Bytecode,
    context::result::InvalidTransaction,
    state::{Account, EvmState},
};
use std::collections::HashSet;

/// What one execution of a transaction read and would change.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) accounts: Vec<AccountEffect>,
    pub(crate) slots: Vec<SlotEffect>,
    /// Codes of contracts that were created, by hash.
    pub(crate) codes: Vec<(B256, Bytecode)>,
    /// The beneficiary destroyed itself: a fee paid to it is lost with it.
    pub(crate) beneficiary_destroyed: bool,
    /// It read a slot that the suspected step wrote (see [`View::begin`]).
    pub(crate) reads_suspect: bool,
    /// It was a plain transfer, done without a machine.
    pub(crate) direct: bool,
    /// The log bloom of the result.
    pub(crate) bloom: Bloom,
    /// The result, or why the transaction is invalid.
    pub(crate) result: Option<Result<Executed, InvalidTransaction>>,
}

/// An account that was read, and what changes in it.
#[derive(Debug)]
pub(crate) struct AccountEffect {
    pub(crate) number: AccountNumber,
    pub(crate) seen: Seen,
    pub(crate) reliance: Reliance,
    pub(crate) balance: Option<BalanceVersion>,
    pub(crate) nonce: Option<u64>,
    pub(crate) code: Option<B256>,
    pub(crate) life: Option<Life>,
}

/// A slot that was read, and its new value if it changes.
#[derive(Debug)]
pub(crate) struct SlotEffect {
    pub(crate) number: SlotNumber,
    pub(crate) seen: U256,
    pub(crate) new: Option<U256>,
}

/// What of an account an execution relied on.
///
/// Except for `Exact` it relied on no balance of the transaction being [`HUGE`] too: then nothing
/// that is paid in can overflow, however much was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliance {
    /// Every field.
    Exact,
    /// Every field but the balance, which need only be at least this, and zero only if it was.
    Enough(U256),
    /// The code alone.
    Code,
}

/// Balances below this, 2^128 wei, cannot sum up to an overflow in one transaction. All ether that
/// there is on mainnet is less than 2^87.
const HUGE: U256 = U256::from_limbs([0, 0, 1, 0]);

/// Whether a balance is so large that paying into it might overflow.
pub(crate) fn is_huge(balance: &U256) -> bool {
    *balance >= HUGE
}

impl Reliance {
    /// Whether an execution that saw `seen` would have gone the same way seeing `now`.
    fn holds(self, seen: &Seen, now: &Seen) -> bool {
        match self {
            Self::Exact => seen == now,
            Self::Enough(least) => {
                seen.nonce == now.nonce
                    && seen.code_hash == now.code_hash
                    && seen.exists == now.exists
                    && seen.is_empty() == now.is_empty()
                    && now.balance >= least
                    && !is_huge(&now.balance)
            }
            Self::Code => seen.code_hash == now.code_hash && !is_huge(&now.balance),
        }
    }
}

/// What to make effects from.
pub(crate) struct Execution<'j> {
    pub(crate) state: &'j mut EvmState,
    pub(crate) observed: &'j Observed,
    pub(crate) beneficiary: Address,
    /// Empty accounts that are touched cease to exist (EIP-161).
    pub(crate) clears_empty: bool,
    /// Rely on every balance as if it had been looked at.
    pub(crate) exact: bool,
}

impl Effects {
    pub(crate) fn clear(&mut self) {
        self.accounts.clear();
        self.slots.clear();
        self.codes.clear();
        self.beneficiary_destroyed = false;
        self.reads_suspect = false;
        self.direct = false;
        self.bloom = Bloom::ZERO;
        self.result = None;
    }

    /// Takes what the view was asked for and what the journal holds, and empties the journal.
    ///
    /// Every account in the journal came from the view, so the view's log leads through it in a
    /// fixed order. Only slots of contracts created just now are not in the log.
    pub(crate) fn collect<DB: DatabaseRef>(
        &mut self,
        view: &mut View<'_, DB>,
        execution: Execution<'_>,
    ) -> Result<(), ViewError<DB::Error>> {
        let Execution { state, observed, beneficiary, clears_empty, exact } = execution;
        self.reads_suspect = view.reads_suspect;
        let accounts = core::mem::take(&mut view.accounts);
        let exact = exact || accounts.iter().any(|read| is_huge(&read.seen.balance));
        for read in &accounts {
            let Some(account) = state.get(&read.address) else { continue };
            let reliance = reliance(read, account, observed, exact);
            let mut effect = AccountEffect::read_only(read, reliance);
            // revm does not give back a payment that overflowed when the call is reverted. Where it
            // pays the fee it touches the account, and so keeps the loss.
            let lost = read.address == beneficiary && account.info.balance != read.seen.balance;
            if account.is_touched() || lost {
                effect.change(account, clears_empty);
                let destroyed = account.is_selfdestructed();
                self.beneficiary_destroyed |= destroyed && read.address == beneficiary;
                let info = &account.info;
                let new_code = info.code.as_ref().filter(|code| !code.is_empty());
                // A destroyed account still carries the code that it no longer has.
                if effect.code == Some(info.code_hash) {
                    self.codes.extend(new_code.map(|code| (info.code_hash, code.clone())));
                }
            }
            self.accounts.push(effect);
        }
        for read in &view.slots {
            let account = &view.memory().account(read.account).address;
            let Some(account) = state.get(account) else { continue };
            let present = account.storage.get(&read.key).map(|slot| slot.present_value);
            self.slots.push(SlotEffect::new(read, account, present));
        }
        let held: usize = state.values().map(|account| account.storage.len()).sum();
        if held != view.slots.len() {
            self.collect_created(view, &accounts, state)?;
        }
        view.accounts = accounts;
        state.clear();
        Ok(())
    }

    /// Slots of a contract that was created just now start at zero without being asked for, also
    /// when its creation failed in the end.
    fn collect_created<DB: DatabaseRef>(
        &mut self,
        view: &View<'_, DB>,
        accounts: &[AccountRead],
        state: &EvmState,
    ) -> Result<(), ViewError<DB::Error>> {
        let logged: HashSet<_> = view.slots.iter().map(|slot| (slot.account, slot.key)).collect();
        for read in accounts {
            let Some(account) = state.get(&read.address) else { continue };
            for (key, slot) in &account.storage {
                if logged.contains(&(read.number, *key)) {
                    continue;
                }
                let number = view.slot_number(read.address, read.number, *key)?;
                let changes = !account.is_selfdestructed() && slot.is_changed();
                self.slots.push(SlotEffect {
                    number,
                    // Of no account: what was there before is wiped by the creation.
                    seen: U256::ZERO,
                    new: changes.then_some(slot.present_value),
                });
            }
        }
        Ok(())
    }
}

fn reliance(read: &AccountRead, account: &Account, observed: &Observed, exact: bool) -> Reliance {
    let least = observed.outflow(&read.address);
    let looked_at = exact
        || account.is_created()
        || account.is_selfdestructed()
        || observed.is_exact(&read.address)
        || read.seen.balance < least;
    if looked_at { Reliance::Exact } else { Reliance::Enough(least) }
}

impl AccountEffect {
    pub(crate) fn read_only(read: &AccountRead, reliance: Reliance) -> Self {
        Self {
            number: read.number,
            seen: read.seen,
            reliance,
            balance: None,
            nonce: None,
            code: None,
            life: None,
        }
    }

    /// Takes over what happened to a touched account.
    fn change(&mut self, account: &Account, clears_empty: bool) {
        let seen = &self.seen;
        let empty = account.info.is_empty();
        let gone = account.is_selfdestructed() || (clears_empty && empty);
        let (balance, nonce, code) = if gone {
            (U256::ZERO, 0, KECCAK256_EMPTY)
        } else {
            (account.info.balance, account.info.nonce, account.info.code_hash)
        };
        self.life = match (seen.exists, gone) {
            (true, true) => Some(Life::Destroyed),
            (true, false) if account.is_created() => Some(Life::Created),
            (false, false) if empty => Some(Life::Emptied),
            _ => None,
        };
        if balance != seen.balance {
            self.balance = Some(match self.reliance {
                Reliance::Exact => BalanceVersion::Set(balance),
                _ => BalanceVersion::Add(balance.wrapping_sub(seen.balance)),
            });
        }
        self.nonce = (nonce != seen.nonce).then_some(nonce);
        self.code = (code != seen.code_hash).then_some(code);
    }

    pub(crate) fn changes(&self) -> bool {
        self.balance.is_some() || self.nonce.is_some() || self.code.is_some() || self.life.is_some()
    }
}

impl SlotEffect {
    /// `present` is the value at the end; a slot that is gone with its account becomes zero.
    fn new(read: &SlotRead, account: &Account, present: Option<U256>) -> Self {
        let end = if account.is_selfdestructed() { Some(U256::ZERO) } else { present };
        let new = end.filter(|value| *value != read.seen);
        Self { number: read.number, seen: read.seen, new }
    }
}

/// How an execution's effects stand to the transactions before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid {
        /// It read something that the given step wrote.
        depends: bool,
    },
    Stale {
        /// As above.
        depends: bool,
        /// What it had read otherwise.
        place: StalePlace,
    },
}

/// What was read and is different now: a place among the accounts, or among the slots, of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StalePlace {
    Account(usize),
    Slot(usize),
}

impl Effects {
    /// Whether everything that was read is what the steps before `step` leave, and whether any of
    /// it was written by `suspect`. All earlier steps have to be final. What is valid is settled on
    /// the way; what is stale must be taken back.
    pub(crate) fn validate_and_settle(
        &self,
        memory: &MvMemory,
        step: Step,
        suspect: Option<Step>,
    ) -> Validity {
        let mut depends = false;
        let suspected = |writer: Option<Step>| suspect.is_some() && writer == suspect;
        for (at, effect) in self.accounts.iter().enumerate() {
            let (valid, writer) = effect.settle(memory, step);
            depends |= suspected(writer) && (effect.reliance == Reliance::Exact || !valid);
            if !valid {
                return Validity::Stale { depends, place: StalePlace::Account(at) };
            }
        }
        for (at, effect) in self.slots.iter().enumerate() {
            let (now, writer) = memory.read_slot(effect.number, step);
            depends |= suspected(writer);
            if now != effect.seen {
                return Validity::Stale { depends, place: StalePlace::Slot(at) };
            }
        }
        self.mark_accessed(memory);
        Validity::Valid { depends }
    }

    /// The location at a place that is stale, and the step before `step` that wrote what is there
    /// now.
    pub(crate) fn stale_location(
        &self,
        memory: &MvMemory,
        place: StalePlace,
        step: Step,
    ) -> Option<(Location, Option<Step>)> {
        Some(match place {
            StalePlace::Account(at) => {
                let effect = self.accounts.get(at)?;
                let account = memory.account(effect.number);
                let field = effect.stale_field(&account.read(step).0);
                let location = Location::Account { address: account.address, field };
                (location, account.versions().writer(field, step))
            }
            StalePlace::Slot(at) => {
                let number = self.slots.get(at)?.number;
                let slot = memory.slot(number);
                let address = memory.account(slot.account).address;
                let writer = memory.read_slot(number, step).1;
                (Location::Slot { address, key: slot.key }, writer)
            }
        })
    }

    /// Makes the changes visible to later steps.
    pub(crate) fn publish(&self, memory: &MvMemory, step: Step) {
        for (hash, code) in &self.codes {
            memory.add_code(*hash, code.clone());
        }
        for effect in self.accounts.iter().filter(|effect| effect.changes()) {
            let account = memory.account(effect.number);
            if account.listed_at != UNLISTED {
                account.note();
            }
            let mut versions = account.versions_to_add();
            if let Some(balance) = effect.balance {
                versions.balance.set(step, balance);
            }
            if let Some(nonce) = effect.nonce {
                versions.nonce.set(step, nonce);
            }
            if let Some(code) = effect.code {
                account.set_code(&mut versions, step, code);
            }
            if let Some(life) = effect.life {
                account.set_life(&mut versions, step, life);
            }
        }
        for effect in &self.slots {
            if let Some(new) = effect.new {
                memory.slot(effect.number).set(step, new);
            }
        }
    }

    /// Takes back what [`Effects::publish`] did.
    pub(crate) fn retract(&self, memory: &MvMemory, step: Step) {
        for effect in self.accounts.iter().filter(|effect| effect.changes()) {
            let mut versions = memory.account(effect.number).versions();
            versions.balance.remove(step);
            versions.nonce.remove(step);
            if let Some(rare) = &mut versions.rare {
                rare.code.remove(step);
                rare.life.remove(step);
            }
        }
        for effect in self.slots.iter().filter(|effect| effect.new.is_some()) {
            memory.slot(effect.number).versions().remove(step);
        }
    }

    /// Once all earlier steps are final: turns amounts into balances and notes what was touched.
    /// Returns whether anything that was read was written by `suspect`, for an execution that knew
    /// of that suspicion.
    pub(crate) fn settle(&self, memory: &MvMemory, step: Step, suspect: Option<Step>) -> bool {
        let mut depends = self.reads_suspect;
        for effect in &self.accounts {
            let (_, writer) = effect.settle(memory, step);
            let exact = effect.reliance == Reliance::Exact;
            depends |= exact && suspect.is_some() && writer == suspect;
        }
        self.mark_accessed(memory);
        depends
    }

    /// Notes what a transaction that is in the block touched. An invalid one is not in it.
    fn mark_accessed(&self, memory: &MvMemory) {
        if matches!(self.result, Some(Err(_))) {
            return;
        }
        for effect in &self.accounts {
            memory.account(effect.number).mark_accessed();
        }
        for effect in &self.slots {
            memory.slot(effect.number).mark_accessed();
        }
    }
}

impl AccountEffect {
    /// Which field makes the difference, where the account is as `now` and that does not hold.
    fn stale_field(&self, now: &Seen) -> AccountField {
        let seen = &self.seen;
        if self.reliance == Reliance::Code {
            let differs = seen.code_hash != now.code_hash;
            return if differs { AccountField::Code } else { AccountField::Balance };
        }
        if seen.exists != now.exists {
            AccountField::Existence
        } else if seen.code_hash != now.code_hash {
            AccountField::Code
        } else if seen.nonce != now.nonce {
            AccountField::Nonce
        } else {
            AccountField::Balance
        }
    }

    /// Turns an amount into a balance. Returns whether the account is what the execution relied on,
    /// and who changed it last.
    fn settle(&self, memory: &MvMemory, step: Step) -> (bool, Option<Step>) {
        let account = memory.account(self.number);
        if !account.has_changed() {
            return (self.reliance.holds(&self.seen, &Seen::new(account.before.as_ref())), None);
        }
        let mut versions = account.versions();
        let (now, writer) = versions.read(account.before.as_ref(), step);
        if let Some((at, BalanceVersion::Add(_))) = versions.balance.before(step).copied() {
            // All before is final, so the sum is. Nobody has to add up those amounts again.
            versions.balance.set(at, BalanceVersion::Set(now.balance));
        }
        if !self.reliance.holds(&self.seen, &now) {
            return (false, writer);
        }
        if let Some(BalanceVersion::Add(amount)) = self.balance {
            let balance = now.balance.wrapping_add(amount);
            versions.balance.set(step, BalanceVersion::Set(balance));
        }
        (true, writer)
    }
}
