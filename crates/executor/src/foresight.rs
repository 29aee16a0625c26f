//! Transfers whose effects are known before anything is executed.
//!
//! A plain transfer from a sender that can afford it, to an account without code, will do what it
//! says as long as nothing else has to do with the two accounts. So account by account, all on
//! different threads, the transfers of a block are *foreseen*: their amounts are laid into
//! multi-version memory before the first transaction executes, and nobody ever executes them.
//!
//! When such a transfer's turn to become final comes, it stands if neither account was contested:
//! touched by anything but foreseen transfers. If one was, the transfer is looked at again on what
//! is final then; if it does not stand it is taken back and goes the way of all others.
//!
//! Guided by an access list there is nothing to lay down: the list holds every value already. Then
//! foreseeing a transfer is to find that the list says just what the transfer does.

use crate::{
    direct::DirectTransfers,
    effects::is_huge,
    guided::Listed,
    mv_memory::{AccountEntry, MvMemory},
    versions::{BalanceVersion, Step},
};
use alloy_primitives::{Address, KECCAK256_EMPTY, U256};
use heddle_types::{AccountState, Fork};
use revm::context::{Transaction, TxEnv};

/// What the transactions so far, in block order, have to do with one account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// Transactions that it sends.
    sent: u64,
    /// What they take from it at most, in wei.
    spent: u128,
    /// What foreseen transfers bring, in wei. A sender does not count on it.
    received: u128,
    /// The last transaction that it sends.
    last: u32,
}

impl Outlook {
    pub(crate) const NONE: Self = Self { sent: 0, spent: 0, received: 0, last: u32::MAX };

    /// Notes that the account sends the transaction at `index`; returns the one before.
    pub(crate) fn replace_last(&mut self, index: u32) -> u32 {
        core::mem::replace(&mut self.last, index)
    }
}

/// A side of a transaction: whose account is concerned, and how.
///
/// What there is to know is copied here, so that nobody goes back to the transaction for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Side {
    pub(crate) hash: u64,
    pub(crate) address: Address,
    /// Position of the transaction.
    pub(crate) index: u32,
    pub(crate) role: Role,
    /// Whether it is a plain transfer as far as one can tell without the state.
    pub(crate) foreseeable: bool,
    /// The transaction's nonce.
    pub(crate) nonce: u64,
    /// What the sender must have at least, or what the recipient gets, in wei.
    pub(crate) amount: u128,
    /// What the transfer takes from the sender, in wei.
    pub(crate) spent: u128,
}

/// Which side of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Sender,
    Recipient,
    /// The recipient, when that is the sender.
    Itself,
}

/// Foresees the sender's side of a transaction, if it can be.
pub(crate) fn sender(
    account: &AccountEntry,
    outlook: &mut Outlook,
    side: &Side,
    step: Step,
) -> bool {
    let nonce = outlook.sent;
    outlook.sent += 1;
    let can_pay = |before: &AccountState| {
        let balance = before.balance.saturating_to::<u128>();
        before.nonce.checked_add(nonce) == Some(side.nonce)
            && before.code_hash == KECCAK256_EMPTY
            && !is_huge(&before.balance)
            && balance.checked_sub(outlook.spent).is_some_and(|left| left >= side.amount)
    };
    if !side.foreseeable || !account.before.as_ref().is_some_and(can_pay) {
        outlook.spent = outlook.spent.saturating_add(side.amount);
        return false;
    }
    outlook.spent = outlook.spent.saturating_add(side.spent);
    account.foresee();
    let mut versions = account.versions_to_add();
    versions.nonce.set(step, side.nonce + 1);
    if side.spent != 0 {
        let spent = U256::from(side.spent);
        versions.balance.set(step, BalanceVersion::Add(spent.wrapping_neg()));
    }
    true
}

/// Foresees the recipient's side of a plain transfer from another account, if it can be.
pub(crate) fn recipient(
    account: &AccountEntry,
    outlook: &mut Outlook,
    side: &Side,
    step: Step,
) -> bool {
    let before = account.before.as_ref();
    let balance = before.map_or(U256::ZERO, |before| before.balance);
    let received = outlook.received.saturating_add(side.amount);
    // Then no sum on the way can overflow.
    if is_huge(&balance.saturating_add(U256::from(received))) {
        return false;
    }
    outlook.received = received;
    account.foresee();
    account.versions_to_add().balance.set(step, BalanceVersion::Add(U256::from(side.amount)));
    true
}

/// Whether an access list says of a plain transfer's sender, recipient and beneficiary just what
/// the transfer does. They are noted as touched.
pub(crate) fn is_listed(
    listed: &Listed<'_>,
    direct: &DirectTransfers,
    tx: &TxEnv,
    [sender, recipient, beneficiary]: [&AccountEntry; 3],
    step: Step,
    fork: Fork,
) -> bool {
    let (Ok(most), fee) = (tx.max_balance_spending(), direct.fee(tx)) else { return false };
    let seen = listed.read(sender, step);
    if fee.is_zero() || is_huge(&most) || !seen.can_send(tx.nonce, most) {
        return false;
    }
    let spent = direct.spent(tx);
    let balance = (!spent.is_zero()).then(|| seen.balance.wrapping_sub(spent));
    if !listed.says(sender, balance, Some(tx.nonce + 1), step, fork) {
        return false;
    }
    if sender.address != recipient.address {
        let seen = listed.read(recipient, step);
        let balance = Some(seen.balance.wrapping_add(tx.value));
        if seen.code_hash != KECCAK256_EMPTY
            || is_huge(&seen.balance)
            || !listed.says(recipient, balance, None, step, fork)
        {
            return false;
        }
    }
    if !listed.says_fee(beneficiary, fee, step, fork) {
        return false;
    }
    sender.mark_accessed();
    recipient.mark_accessed();
    true
}

/// Takes back what was laid down for one side of the transfer at `step`.
pub(crate) fn retract(memory: &MvMemory, number: u32, step: Step) {
    let account = memory.account(number);
    memory.contest(account);
    let mut versions = account.versions();
    versions.balance.remove(step);
    versions.nonce.remove(step);
}
