//! Paying the beneficiary, after the fact.

use crate::{
    mv_memory::{AccountNumber, Life, MvMemory},
    versions::{BalanceVersion, Step},
};
use alloy_primitives::U256;
use heddle_types::Fork;

/// Pays the fee of the transaction at `step` to the beneficiary, all earlier steps and the
/// transaction's own changes being final. It has the effect of revm's paying it as the
/// transaction's last act.
pub(crate) fn pay_fee(
    memory: &MvMemory,
    beneficiary: AccountNumber,
    step: Step,
    fee: U256,
    destroyed: bool,
    fork: Fork,
) {
    let account = memory.account(beneficiary);
    account.mark_accessed();
    // From EIP-8246 on a destroyed account keeps what it is paid; before, it is lost.
    if destroyed && (fork < Fork::Amsterdam || fee.is_zero()) {
        return;
    }
    let mut versions = account.versions_to_add();
    let (before, _) = versions.read(account.before.as_ref(), step);
    let now = match versions.has_at(step) {
        true => versions.read(account.before.as_ref(), step + 1).0,
        false => before,
    };
    if fee.is_zero() {
        // Paying nothing still touches (EIP-161).
        let life = match (now.exists, now.is_empty(), fork >= Fork::SpuriousDragon) {
            (true, true, true) => Life::Destroyed,
            (false, _, false) => Life::Emptied,
            _ => return,
        };
        account.set_life(&mut versions, step, life);
        return;
    }
    if destroyed && before.exists {
        account.set_life(&mut versions, step, Life::Created);
    } else if let Some(rare) = &mut versions.rare {
        // What is paid is not empty, whatever the touch before had made of it.
        if rare.life.at(step).is_some_and(|life| *life != Life::Created) {
            rare.life.remove(step);
        }
    }
    // As revm does: what would overflow is not paid.
    let balance = now.balance.checked_add(fee).unwrap_or(now.balance);
    if balance == before.balance {
        versions.balance.remove(step);
    } else {
        versions.balance.set(step, BalanceVersion::Set(balance));
    }
}
