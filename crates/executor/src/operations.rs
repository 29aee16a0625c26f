//! The protocol's own operations in the parallel engine.

use crate::{
    BlockError,
    effects::{AccountEffect, Effects, Reliance},
    mv_memory::Life,
    protocol::Operation,
    steps::Steps,
    versions::{BalanceVersion, Step},
    view::AccountRead,
    worker::{ParallelContext, Trouble, Worker},
};
use alloy_primitives::{Address, Bytes, U256};
use revm::{DatabaseRef, Inspector};

impl<'a, DB, I> Worker<'a, '_, DB, I>
where
    DB: DatabaseRef<Error: 'static>,
    I: Inspector<ParallelContext<'a, DB>>,
{
    /// Executes an operation as if all steps before `step` were done, fills `effects`, which must
    /// be clear, and returns the request that it made.
    pub(crate) fn operate(
        &mut self,
        operation: &'a Operation,
        step: Step,
        steps: &Steps,
        effects: &mut Effects,
    ) -> Result<Option<Bytes>, BlockError<DB::Error>> {
        let place = steps.place(step);
        let (from, to, amount) = match operation {
            Operation::Call(call) => return self.system_call(call, step, place, effects),
            Operation::Pay(to, amount) => (None, *to, *amount),
            Operation::Drain(from, to) => (Some(*from), *to, U256::ZERO),
        };
        let result = self.pay(from, to, amount, step, effects);
        result.map(|()| None).map_err(|trouble| trouble.at(place))
    }

    fn pay(
        &mut self,
        from: Option<Address>,
        to: Address,
        mut amount: U256,
        step: Step,
        effects: &mut Effects,
    ) -> Result<(), Trouble<DB::Error>> {
        if let Some(from) = from {
            let mut drained = self.read_exactly(from, step)?;
            amount += drained.seen.balance;
            drained.balance = (!amount.is_zero()).then_some(BalanceVersion::Set(U256::ZERO));
            effects.accounts.push(drained);
        }
        let mut paid = self.read_exactly(to, step)?;
        if !amount.is_zero() {
            paid.balance = Some(BalanceVersion::Set(paid.seen.balance + amount));
        } else if self.clears_empty() && paid.seen.exists && paid.seen.is_empty() {
            paid.life = Some(Life::Destroyed);
        } else if !self.clears_empty() && !paid.seen.exists {
            paid.life = Some(Life::Emptied);
        }
        effects.accounts.push(paid);
        Ok(())
    }

    fn read_exactly(
        &mut self,
        address: Address,
        step: Step,
    ) -> Result<AccountEffect, Trouble<DB::Error>> {
        let view = self.view();
        let number = view.account_number(address).map_err(Trouble::View)?;
        let account = view.memory().account(number);
        view.memory().contest(account);
        let seen = view.reads().entry(account, step);
        let read = AccountRead { number, address, seen };
        Ok(AccountEffect::read_only(&read, Reliance::Exact))
    }
}
