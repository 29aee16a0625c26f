//! Making transactions final, one after the other.

use super::{Engine, Finality, Record};
use crate::{
    AccessListError, BlockError, Invalid, Place, Skipped, SpanKind,
    effects::{Effects, StalePlace, Validity},
    fees::pay_fee,
    foresight,
    mv_memory::AccountNumber,
    receipts::Executed,
    recorder::{Recorder, Timed},
    versions::Step,
    view::load_account,
    watch::Final,
    worker::{ParallelContext, Trouble, Worker},
};
use alloy_primitives::{Bloom, U256};
use revm::{DatabaseRef, Inspector, context::result::InvalidTransaction};

impl<'a, 'w, DB, I> Engine<'a, 'w, DB, I>
where
    DB: DatabaseRef<Error: 'static> + Sync,
    I: Inspector<ParallelContext<'a, DB>> + Send,
{
    /// Makes the first transaction that is not final so. If it was `attempted` there is a record of
    /// that; else it is executed now.
    pub(super) fn make_final(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        mut attempted: bool,
    ) -> Result<(), BlockError<DB::Error>> {
        let fits = chain.gas.check(&self.block.transactions[index]);
        if self.plan.is_foreseen(index) {
            let (rank, thread) = (chain.rank(), worker.member);
            chain.record(|recorder| recorder.begin_transfer(rank, thread));
            if fits.is_ok() && self.make_foreseen_final(chain, index)? {
                chain.record(Recorder::end_transfer);
                return Ok(());
            }
            self.retract_foreseen(index);
            attempted = false;
        }
        chain.record(Recorder::end);
        let record = &mut *self.record_of(index);
        let deferred = attempted && core::mem::take(&mut record.deferred);
        let result = self.settle_record(worker, chain, index, record, fits, attempted && !deferred);
        if deferred {
            // In the block or not, those that waited for it can go on.
            self.scheduler.published_by_leader(index);
        }
        result
    }

    /// As [`Engine::make_final`], with the transaction's record and whether it `fits` the block.
    fn settle_record(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
        fits: Result<(), InvalidTransaction>,
        attempted: bool,
    ) -> Result<(), BlockError<DB::Error>> {
        let step = self.steps.transaction(index);
        if let Err(reason) = fits {
            if attempted && self.listed.is_none() {
                record.effects.retract(self.memory, step);
                chain.record_span(record, SpanKind::LeftOut);
            }
            return self.skip(chain, index, reason);
        }
        let mut kind = SpanKind::Speculative;
        if self.listed.is_some() {
            kind = SpanKind::Guided;
            if let Some(trouble) = record.trouble.take() {
                return Err(self.without_effects(worker, index, record, trouble));
            }
        } else if !(attempted && self.stands(chain, index, record)) {
            chain.output.statistics.reexecutions += u64::from(attempted);
            self.execute_now(worker, index, record)?;
            kind = SpanKind::InTurn;
        }
        if attempted && self.listed.is_none() {
            chain.output.statistics.speculative_executions += 1;
        }
        chain.output.statistics.direct_transfers += u64::from(record.effects.direct);
        let executed = match record.effects.result.take() {
            Some(Ok(executed)) => executed,
            Some(Err(reason)) => {
                chain.record_span(record, SpanKind::LeftOut);
                return self.skip(chain, index, reason);
            }
            None => unreachable!("every execution without trouble leaves a result"),
        };
        chain.record_span(record, kind);
        self.settle(record, executed.fee, index)?;
        self.add_receipt(chain, index, executed, record.effects.bloom);
        if chain.results.is_some() {
            self.stream(chain, index, &record.effects, record.inspector.take());
        }
        Ok(())
    }

    /// Makes a transfer final whose effects were foreseen. Returns `false` if it does not stand.
    fn make_foreseen_final(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
    ) -> Result<bool, BlockError<DB::Error>> {
        let transaction = &self.block.transactions[index];
        let planned = self.plan.get(index);
        let step = self.steps.transaction(index);
        let executed = self.direct.executed(transaction);
        let contested = |number| self.memory.account(number).is_contested();
        let is_contested = self.listed.is_none()
            && self.memory.has_contested()
            && (contested(planned.sender()) || contested(planned.recipient()));
        if is_contested || chain.results.is_some() {
            let record = &mut *self.record_of(index);
            record.effects.clear();
            let (from, to) = (planned.sender(), planned.recipient());
            if !self.direct.execute(self.reads(), transaction, to, from, step, &mut record.effects)
            {
                return Ok(false);
            }
            if self.listed.is_none() {
                record.effects.settle(self.memory, step, None);
            }
        }
        match self.listed {
            None => {
                let fork = self.block.fork;
                pay_fee(self.memory, self.beneficiary, step, executed.fee, false, fork);
            }
            Some(listed) => listed.count(self.direct.changes(transaction)),
        }
        chain.output.statistics.direct_transfers += 1;
        self.add_receipt(chain, index, executed, Bloom::ZERO);
        if chain.results.is_some() {
            self.stream(chain, index, &self.record_of(index).effects, None);
        }
        Ok(true)
    }

    fn retract_foreseen(&self, index: usize) {
        if self.listed.is_none() {
            let planned = self.plan.get(index);
            let step = self.steps.transaction(index);
            foresight::retract(self.memory, planned.sender(), step);
            foresight::retract(self.memory, planned.recipient(), step);
        }
    }

    fn add_receipt(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        executed: Executed,
        bloom: Bloom,
    ) {
        let transaction = &self.block.transactions[index];
        let before = chain.gas.used;
        chain.gas.add(transaction, executed.gas_used);
        chain.ranks.push(chain.output.receipts.len() as u32);
        chain.output.receipts.push(executed.receipt(transaction.tx_type, before, bloom));
    }

    /// The error of a transaction that the guided way could not execute. One that is invalid is so
    /// whatever the list lacks: what it touches is in no block's list.
    fn without_effects(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
        trouble: Trouble<DB::Error>,
    ) -> BlockError<DB::Error> {
        if trouble.is_unlisted() {
            worker.leave_list();
            let result = self.execute_one(worker, index, &mut record.effects);
            if let (Ok(()), Some(Err(reason))) = (result, record.effects.result.take()) {
                return BlockError::InvalidTransaction { index, reason };
            }
        }
        trouble.at(Place::Transaction(index))
    }

    /// Whether the effects of an attempt are what an execution now would give. If so they are
    /// settled, if not they are taken back.
    fn stands(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
    ) -> bool {
        if record.trouble.take().is_some() {
            self.record_conflict(chain, index, record, None);
            return false;
        }
        let step = self.steps.transaction(index);
        let suspect = self.suspect(index);
        let validity = record.effects.validate_and_settle(self.memory, step, suspect);
        let (Validity::Valid { depends } | Validity::Stale { depends, .. }) = validity;
        self.plan.learn(index, depends);
        let Validity::Stale { place, .. } = validity else { return true };
        self.record_conflict(chain, index, record, Some(place));
        self.plan.suspect_before(index, self.scheduler.claimed_end());
        record.effects.retract(self.memory, step);
        false
    }

    /// Records that an attempt does not stand, and why: what it had read at a `place` is different.
    fn record_conflict(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        record: &Record<DB::Error, I>,
        place: Option<StalePlace>,
    ) {
        if chain.recorder.is_none() {
            return;
        }
        chain.record_span(record, SpanKind::Discarded);
        let step = self.steps.transaction(index);
        let found = place.and_then(|place| record.effects.stale_location(self.memory, place, step));
        let rank_of = |step| match self.steps.place(step) {
            Place::Transaction(index) => chain.ranks.get(index).copied(),
            _ => None,
        };
        let location = found.map(|(location, _)| location);
        let writer = found.and_then(|(_, writer)| writer).and_then(rank_of);
        let rank = chain.rank();
        chain.record(|recorder| recorder.conflict(rank, location, writer));
    }

    /// The step of the transaction that `index` is suspected to depend on.
    pub(super) fn suspect(&self, index: usize) -> Option<Step> {
        self.plan.suspect(index).map(|before| self.steps.transaction(before))
    }

    /// Executes a transaction on what is final, so that the result is too.
    fn execute_now(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
    ) -> Result<(), BlockError<DB::Error>> {
        let start = self.clock.now();
        let result = self.execute_one(worker, index, &mut record.effects);
        result.map_err(|trouble| trouble.at(Place::Transaction(index)))?;
        let step = self.steps.transaction(index);
        record.effects.publish(self.memory, step);
        record.timed = Timed { thread: worker.member, start, end: self.clock.now() };
        let depends = record.effects.settle(self.memory, step, self.suspect(index));
        self.plan.learn(index, depends);
        worker.bloom(&mut record.effects);
        record.inspector = worker.take_inspector(index);
        Ok(())
    }

    /// Leaves an invalid transaction out, or rejects the block for it.
    fn skip(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        reason: InvalidTransaction,
    ) -> Result<(), BlockError<DB::Error>> {
        if self.block.invalid == Invalid::Reject || self.listed.is_some() {
            return Err(BlockError::InvalidTransaction { index, reason });
        }
        // Foreseen transfers took it for granted.
        let planned = self.plan.get(index);
        for number in [planned.sender(), planned.recipient()] {
            if number != AccountNumber::MAX {
                self.memory.contest(self.memory.account(number));
            }
        }
        chain.output.skipped.push(Skipped { index, reason });
        chain.ranks.push(u32::MAX);
        Ok(())
    }

    /// Pays the fee of a transaction, or takes over how it stands to the list that is followed.
    fn settle(
        &self,
        record: &mut Record<DB::Error, I>,
        fee: U256,
        index: usize,
    ) -> Result<(), BlockError<DB::Error>> {
        let step = self.steps.transaction(index);
        let fork = self.block.fork;
        let beneficiary = self.beneficiary(index)?;
        match self.listed {
            None => {
                let destroyed = record.effects.beneficiary_destroyed;
                pay_fee(self.memory, beneficiary, step, fee, destroyed, fork);
                Ok(())
            }
            Some(listed) => {
                let checked = if self.beneficiary == AccountNumber::MAX {
                    let effects = &record.effects;
                    listed.check(self.memory, effects, step, beneficiary, fee, fork)
                } else {
                    core::mem::replace(&mut record.checked, Ok(0))
                };
                let place = Place::Transaction(index);
                let count = checked.map_err(|source| BlockError::AccessList { place, source })?;
                listed.count(count);
                Ok(())
            }
        }
    }

    /// Holds effects to the list that is followed, if one is: nothing before has to be final for
    /// that, and whoever has just executed has everything at hand.
    pub(super) fn check_listed(
        &self,
        effects: &Effects,
        index: usize,
    ) -> Result<usize, AccessListError> {
        let (Some(listed), Some(Ok(executed))) = (self.listed, &effects.result) else {
            return Ok(0);
        };
        if self.beneficiary == AccountNumber::MAX {
            // There will be an error when the fee is to be paid.
            return Ok(0);
        }
        let step = self.steps.transaction(index);
        let fork = self.block.fork;
        listed.check(self.memory, effects, step, self.beneficiary, executed.fee, fork)
    }

    /// The beneficiary's account; one that could not be read before is read again now.
    fn beneficiary(&self, index: usize) -> Result<AccountNumber, BlockError<DB::Error>> {
        if self.beneficiary != AccountNumber::MAX {
            return Ok(self.beneficiary);
        }
        let address = self.block.env.beneficiary;
        let place = Place::Transaction(index);
        let at = match self.listed.map(|listed| listed.place(&address)) {
            Some(None) => {
                let source = AccessListError::MissingAccount(address);
                return Err(BlockError::AccessList { place, source });
            }
            Some(at) => at,
            None => None,
        };
        self.memory
            .account_number(address, 0, || load_account(self.reads(), self.before, address, at))
            .map_err(|source| BlockError::Database { place, source })
    }

    /// Hands the newest result to who looks on.
    fn stream(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        effects: &Effects,
        inspector: Option<I>,
    ) {
        let after = self.steps.transaction(index) + 1;
        let mut accounts = Vec::with_capacity(effects.accounts.len() + 1);
        let mut add = |number: AccountNumber| {
            let now = self.reads().account(number, after);
            let was = self.reads().account(number, after - 1);
            if now != was {
                accounts.push((self.memory.account(number).address, now.state()));
            }
        };
        let changed = effects.accounts.iter().map(|effect| effect.number);
        changed.filter(|number| *number != self.beneficiary).for_each(&mut add);
        add(self.beneficiary);
        let mut slots = Vec::with_capacity(effects.slots.len());
        for effect in &effects.slots {
            let Some(new) = effect.new else { continue };
            let slot = self.memory.slot(effect.number);
            let account = self.memory.account(slot.account);
            if self.reads().entry(account, after).exists {
                slots.push((account.address, slot.key, new));
            }
        }
        let (Some(results), Some(receipt)) = (&mut chain.results, chain.output.receipts.last())
        else {
            return;
        };
        results(Final { index, receipt, accounts: &accounts, slots: &slots, inspector });
    }
}

impl<E: std::error::Error + 'static, I> Finality<'_, E, I> {
    /// Records the execution that `record` is of, of the next transaction.
    fn record_span(&mut self, record: &Record<E, I>, kind: SpanKind) {
        let rank = self.rank();
        self.record(|recorder| recorder.span(rank, kind, record.timed));
    }
}
