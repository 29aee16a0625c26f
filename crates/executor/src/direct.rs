//! Plain transfers, without an interpreter.
//!
//! A transaction that carries ether to an account without code runs no code. All that it does is
//! known beforehand: the sender's nonce goes up, value and fee leave the sender, the value arrives.
//! Doing just that takes a few dozen nanoseconds where a machine takes a microsecond.
//!
//! Only the plain case is taken here. Whatever is invalid or odd goes to the machine, which knows
//! the rules and the names of the errors.

use crate::{
    Block,
    block::spec_id,
    effects::{AccountEffect, Effects, Reliance, is_huge},
    mv_memory::AccountNumber,
    reads::Reads,
    receipts::Executed,
    versions::{BalanceVersion, Step},
    view::AccountRead,
};
use alloy_primitives::{Address, KECCAK256_EMPTY, TxKind, U256};
use heddle_types::Fork;
use revm::{
    context::{Cfg, CfgEnv, Transaction, TxEnv},
    precompile::{PrecompileSpecId, Precompiles},
};

/// Gas of a transaction that does nothing else (yellow paper, appendix G).
const TRANSFER_GAS: u64 = 21_000;

/// Tells which transactions can be done directly, as far as it does not depend on the state.
#[derive(Debug)]
pub(crate) struct DirectTransfers {
    enabled: bool,
    chain_id: u64,
    gas_limit_max: u64,
    basefee: u128,
    is_london: bool,
    is_berlin: bool,
    precompiles: &'static Precompiles,
}

impl DirectTransfers {
    pub(crate) fn new(block: &Block<'_>) -> Self {
        let spec = spec_id(block.fork);
        let cap = CfgEnv::new_with_spec(spec).tx_gas_limit_cap();
        Self {
            // Amsterdam charges for the recipient's account (EIP-2780) and logs (EIP-7708).
            enabled: block.fork < Fork::Amsterdam,
            chain_id: block.chain_id,
            gas_limit_max: cap.min(block.env.gas_limit),
            basefee: u128::from(block.env.basefee),
            is_london: block.fork >= Fork::London,
            is_berlin: block.fork >= Fork::Berlin,
            precompiles: Precompiles::new(PrecompileSpecId::from_spec_id(spec)),
        }
    }

    /// The recipient, if the transaction is a plain and valid transfer as far as one can tell
    /// without the state.
    pub(crate) fn recipient(&self, tx: &TxEnv) -> Option<Address> {
        let TxKind::Call(to) = tx.kind else { return None };
        let plain = self.enabled
            && !tx.value.is_zero()
            && tx.data.is_empty()
            && tx.access_list.is_empty()
            && tx.blob_hashes.is_empty()
            && tx.max_fee_per_blob_gas == 0
            && tx.authorization_list.is_empty()
            && (TRANSFER_GAS..=self.gas_limit_max).contains(&tx.gas_limit)
            && tx.nonce < u64::MAX
            && self.names_the_chain(tx)
            && self.pays_enough(tx)
            && !self.precompiles.contains(&to);
        plain.then_some(to)
    }

    fn names_the_chain(&self, tx: &TxEnv) -> bool {
        match tx.chain_id {
            Some(id) => id == self.chain_id,
            None => tx.tx_type == 0,
        }
    }

    fn pays_enough(&self, tx: &TxEnv) -> bool {
        match tx.tx_type {
            0 => tx.gas_price >= self.basefee,
            1 => self.is_berlin && tx.gas_price >= self.basefee,
            2 => {
                let priority = tx.gas_priority_fee.unwrap_or_default();
                self.is_london && priority <= tx.gas_price && tx.gas_price >= self.basefee
            }
            _ => false,
        }
    }

    /// What the transfer takes from its sender, in wei. The sender must be able to send it.
    pub(crate) fn spent(&self, tx: &TxEnv) -> U256 {
        let price = tx.effective_gas_price(self.basefee);
        let itself = tx.kind == TxKind::Call(tx.caller);
        let sent = if itself { U256::ZERO } else { tx.value };
        U256::from(price) * U256::from(TRANSFER_GAS) + sent
    }

    /// What the beneficiary gets for the transfer, in wei.
    pub(crate) fn fee(&self, tx: &TxEnv) -> U256 {
        let price = tx.effective_gas_price(self.basefee);
        let reward = if self.is_london { price - self.basefee } else { price };
        U256::from(reward) * U256::from(TRANSFER_GAS)
    }

    /// How many changes an access list holds of the transfer, one of the beneficiary's balance among
    /// them.
    pub(crate) fn changes(&self, tx: &TxEnv) -> usize {
        let nonce = 1;
        let spent = usize::from(!self.spent(tx).is_zero());
        let received = usize::from(tx.kind != TxKind::Call(tx.caller));
        let fee = 1;
        nonce + spent + received + fee
    }

    /// What remains of the transfer apart from its effect on the state.
    pub(crate) fn executed(&self, tx: &TxEnv) -> Executed {
        Executed { success: true, gas_used: TRANSFER_GAS, fee: self.fee(tx), ..Executed::default() }
    }

    /// Does the transfer, unless the state makes it more than plain: then `effects` is left as it
    /// was and the machine has to look at it.
    pub(crate) fn execute(
        &self,
        reads: Reads<'_>,
        tx: &TxEnv,
        to: AccountNumber,
        from: AccountNumber,
        step: Step,
        effects: &mut Effects,
    ) -> bool {
        let memory = reads.memory;
        let account = memory.account(from);
        memory.contest(account);
        let seen = reads.entry(account, step);
        let Ok(most) = tx.max_balance_spending() else { return false };
        if !seen.can_send(tx.nonce, most) {
            return false;
        }
        let recipient = memory.account(to);
        memory.contest(recipient);
        let seen_to = reads.entry(recipient, step);
        if seen_to.code_hash != KECCAK256_EMPTY || is_huge(&seen_to.balance) {
            return false;
        }
        let spent = self.spent(tx);
        let read = AccountRead { number: from, address: account.address, seen };
        let mut sender = AccountEffect::read_only(&read, Reliance::Enough(most));
        sender.nonce = Some(tx.nonce + 1);
        sender.balance = (!spent.is_zero()).then(|| BalanceVersion::Add(spent.wrapping_neg()));
        effects.accounts.push(sender);
        if from != to {
            let address = recipient.address;
            let read = AccountRead { number: to, address, seen: seen_to };
            let mut effect = AccountEffect::read_only(&read, Reliance::Code);
            effect.balance = Some(BalanceVersion::Add(tx.value));
            effects.accounts.push(effect);
        }
        effects.direct = true;
        effects.result = Some(Ok(self.executed(tx)));
        true
    }
}
