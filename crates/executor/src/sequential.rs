//! The reference: one transaction after the other, by revm alone.
//!
//! Nothing of the parallel engine is used here, so that each judges the other. It is also the
//! baseline of every speed-up, so it is as fast as we can make a plain revm loop: one hash look-up
//! for an account and one for a slot, the journal's map reused, no copy of a transaction.

use crate::{
    Block, BlockError, BlockOutput, Invalid, Place, Skipped, Statistics,
    error::{block_error, caught},
    evm::{self, BlockContext, BlockEvm, TransactionError},
    limits::BlockGas,
    protocol::{self, SystemCall},
    receipts::{BloomMaker, Executed},
    recorder::{Clock, Recorder},
    sequential_state::{Existence, SequentialState},
    watch::{Final, Watch},
};
use alloy_primitives::{Address, U256};
use heddle_types::{AccessList, AccountState, ExistenceMarks, Fork};
use revm::{
    DatabaseRef, Inspector,
    context::{
        TxEnv,
        result::{EVMError, ExecutionResult, HaltReason},
    },
    handler::{Handler, MainnetHandler},
    state::{
        Account,
        bal::{AccountBal, Bal, BlockAccessIndex},
    },
};
use std::collections::BTreeMap;

/// A transaction of no more gas, which is hardly more than that of a plain transfer, takes so short
/// that looking at a clock for each would show.
const BRIEF_GAS_MAX: u64 = 30_000;

type Context<'a, DB> = BlockContext<'a, SequentialState<'a, DB>>;
type Machine<'a, DB, I> = BlockEvm<'a, SequentialState<'a, DB>, I>;
type Outcome<'a, DB> = Result<ExecutionResult<HaltReason>, Failure<'a, DB>>;
type Failure<'a, DB> = TransactionError<SequentialState<'a, DB>>;

/// Executes `block` one transaction after the other.
pub(crate) fn execute<DB, I>(
    block: &Block<'_>,
    state: &DB,
    watch: Watch<'_, I>,
    inspector: I,
    record_list: bool,
    clock: Clock,
) -> Result<BlockOutput, BlockError<DB::Error>>
where
    DB: DatabaseRef<Error: 'static>,
    I: for<'a> Inspector<Context<'a, DB>>,
{
    let before = protocol::calls_before(block);
    let after = protocol::calls_after(block);
    let no_transaction = TxEnv::default();
    let clears_empty = block.fork >= Fork::SpuriousDragon;
    let database = SequentialState::new(state, clears_empty);
    let machine = evm::build(block, database, &no_transaction, inspector);
    let mut run = Run {
        block,
        machine,
        watch,
        list: record_list.then(ListRecorder::default),
        blooms: BloomMaker::new(),
        gas: BlockGas::new(block),
        output: BlockOutput::default(),
        recorder: clock.recorder(),
    };
    run.output.statistics = Statistics { threads: 1, ..Statistics::default() };
    // What a panic leaves half done is dropped with the machine.
    caught(Place::Before, || run.before(&before))?;
    run.output.receipts.reserve_exact(block.transactions.len());
    run.record(Recorder::prepared);
    for (index, transaction) in block.transactions.iter().enumerate() {
        caught(Place::Transaction(index), || run.transaction(index, transaction))?;
    }
    run.record(|recorder| {
        recorder.end();
        recorder.finished();
    });
    caught(Place::After, || run.after(&after))?;
    Ok(run.finish())
}

struct Run<'a, 'w, DB: DatabaseRef, I> {
    block: &'a Block<'a>,
    machine: Machine<'a, DB, I>,
    watch: Watch<'w, I>,
    list: Option<ListRecorder>,
    blooms: BloomMaker,
    gas: BlockGas,
    output: BlockOutput,
    recorder: Option<Box<Recorder>>,
}

impl<'a, DB, I> Run<'a, '_, DB, I>
where
    DB: DatabaseRef<Error: 'static>,
    I: Inspector<Context<'a, DB>>,
{
    fn before(&mut self, calls: &'a [SystemCall]) -> Result<(), BlockError<DB::Error>> {
        for call in calls {
            self.system_call(call, 0, Place::Before)?;
        }
        for address in protocol::drained(self.block) {
            let database = &mut self.machine.ctx.journaled_state.database;
            let amount = database.drain(*address).map_err(|e| database_error(Place::Before, e))?;
            if let Some(list) = &mut self.list {
                list.balance(*address, 0, amount, U256::ZERO);
            }
            self.pay(crate::dao::BENEFICIARY, amount, 0, Place::Before)?;
        }
        Ok(())
    }

    fn record(&mut self, record: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            record(recorder);
        }
    }

    fn transaction(
        &mut self,
        index: usize,
        transaction: &'a TxEnv,
    ) -> Result<(), BlockError<DB::Error>> {
        let rank = self.output.receipts.len();
        let list_index = rank as u64 + 1;
        let brief = transaction.gas_limit <= BRIEF_GAS_MAX;
        self.record(|recorder| recorder.begin_next(rank as u32, brief));
        let result = match self.gas.check(transaction) {
            Err(reason) => Err(EVMError::Transaction(reason)),
            Ok(()) => self.run(index, transaction),
        };
        let result = match result {
            Ok(result) => result,
            Err(EVMError::Transaction(reason)) => {
                self.machine.ctx.journaled_state.inner.state.clear();
                if self.block.invalid == Invalid::Reject {
                    return Err(BlockError::InvalidTransaction { index, reason });
                }
                self.output.skipped.push(Skipped { index, reason });
                self.record(Recorder::leave_out);
                return Ok(());
            }
            Err(error) => return Err(block_error(Place::Transaction(index), error)),
        };
        let changed = self.commit(list_index, Place::Transaction(index))?;
        let executed = Executed::new(result, U256::ZERO);
        let bloom = self.blooms.bloom(&executed.logs);
        self.gas.add(transaction, executed.gas_used);
        let before = self.gas.used - executed.gas_used;
        self.output.receipts.push(executed.receipt(transaction.tx_type, before, bloom));
        self.publish(index, changed);
        Ok(())
    }

    fn run(&mut self, index: usize, transaction: &'a TxEnv) -> Outcome<'a, DB> {
        let machine = &mut self.machine;
        machine.ctx.tx = transaction;
        let inspect = self.watch.inspectors.is_some();
        if let Some(inspectors) = self.watch.inspectors {
            machine.inspector = inspectors(index);
        }
        evm::run(&mut MainnetHandler::default(), machine, inspect)
    }

    /// Takes over what the journal holds, and empties it. Returns the changes if anybody looks on.
    fn commit(&mut self, list_index: u64, place: Place) -> Result<Changed, BlockError<DB::Error>> {
        let journal = &mut self.machine.ctx.journaled_state;
        let mut changed = Changed::default();
        let watched = self.watch.results.is_some();
        let failed = |error| database_error(place, error);
        for (address, account) in &journal.inner.state {
            let database = &mut journal.database;
            let was = if watched { database.account(*address).map_err(failed)? } else { None };
            let existence = database.commit(*address, account).map_err(failed)?;
            if let Some(list) = &mut self.list {
                list.account(*address, list_index, account, existence);
            }
            if watched && account.is_touched() {
                let now = database.account(*address).map_err(failed)?;
                changed.add(*address, account, was, now);
            }
        }
        journal.inner.state.clear();
        Ok(changed)
    }

    fn publish(&mut self, index: usize, changed: Changed) {
        let Some(results) = &mut self.watch.results else { return };
        let Some(receipt) = self.output.receipts.last() else { return };
        // The next transaction's inspector takes the place of the one that is handed out here.
        let inspector = self
            .watch
            .inspectors
            .map(|make| core::mem::replace(&mut self.machine.inspector, make(index)));
        results(Final {
            index,
            receipt,
            accounts: &changed.accounts,
            slots: &changed.slots,
            inspector,
        });
    }

    fn after(&mut self, calls: &'a [SystemCall]) -> Result<(), BlockError<DB::Error>> {
        let list_index = self.output.receipts.len() as u64 + 1;
        for (address, amount) in protocol::payments_after(self.block) {
            self.pay(address, amount, list_index, Place::After)?;
        }
        self.output.requests.extend(protocol::deposit_requests(self.block, &self.output.receipts)?);
        for call in calls {
            let request = self.system_call(call, list_index, Place::After)?;
            self.output.requests.extend(request);
        }
        Ok(())
    }

    fn pay(
        &mut self,
        address: Address,
        amount: U256,
        list_index: u64,
        place: Place,
    ) -> Result<(), BlockError<DB::Error>> {
        let database = &mut self.machine.ctx.journaled_state.database;
        let payment =
            database.pay(address, amount).map_err(|error| database_error(place, error))?;
        if let Some(list) = &mut self.list {
            list.balance(address, list_index, payment.before, payment.after);
            list.mark(address, list_index, payment.existence);
        }
        Ok(())
    }

    fn system_call(
        &mut self,
        call: &'a SystemCall,
        list_index: u64,
        place: Place,
    ) -> Result<Option<alloy_primitives::Bytes>, BlockError<DB::Error>> {
        if call.request_type.is_some() {
            let database = &mut self.machine.ctx.journaled_state.database;
            let account =
                database.account(call.contract).map_err(|error| database_error(place, error))?;
            if account.is_none_or(|account| account.code_hash == alloy_primitives::KECCAK256_EMPTY)
            {
                return Err(call.no_code());
            }
        }
        self.machine.ctx.tx = &call.transaction;
        let mut handler = MainnetHandler::default();
        let machine = &mut self.machine;
        let result: Outcome<'a, DB> = handler.run_system_call(machine);
        let result = result.map_err(|error| block_error(place, error))?;
        self.commit(list_index, place)?;
        call.request(&result)
    }

    fn finish(self) -> BlockOutput {
        let mut output = self.output;
        output.gas_used = self.gas.used;
        output.blob_gas_used = self.gas.blob_used;
        output.access_list = self.list.map(|list| list.finish(self.block.fork));
        output.changes = self.machine.ctx.journaled_state.database.into_changes();
        output.schedule = self.recorder.map(|recorder| recorder.finish(1));
        output
    }
}

#[derive(Default)]
struct Changed {
    accounts: Vec<(Address, Option<AccountState>)>,
    slots: Vec<(Address, U256, U256)>,
}

impl Changed {
    fn add(
        &mut self,
        address: Address,
        account: &Account,
        was: Option<AccountState>,
        now: Option<AccountState>,
    ) {
        if now != was {
            self.accounts.push((address, now));
        }
        if now.is_some() {
            let slots = account.changed_storage_slots();
            self.slots.extend(slots.map(|(key, slot)| (address, *key, slot.present_value)));
        }
    }
}

/// Records the access list by revm's own builder.
#[derive(Default)]
struct ListRecorder {
    list: Bal,
    marks: BTreeMap<Address, ExistenceMarks>,
}

impl ListRecorder {
    fn account(
        &mut self,
        address: Address,
        index: u64,
        account: &Account,
        existence: Option<Existence>,
    ) {
        let listed: &mut AccountBal = self.list.accounts.entry(address).or_default();
        listed.update(BlockAccessIndex::new(index), account);
        self.mark(address, index, existence);
    }

    fn balance(&mut self, address: Address, index: u64, before: U256, after: U256) {
        let listed: &mut AccountBal = self.list.accounts.entry(address).or_default();
        // revm takes `before` for the value at the start of the index, and a change back to it for
        // none; a second payment of nothing is not one.
        if before != after {
            let index = BlockAccessIndex::new(index);
            listed.account_info.balance_update(index, &before, after);
        }
    }

    fn mark(&mut self, address: Address, index: u64, existence: Option<Existence>) {
        let Some(existence) = existence else { return };
        let marks = self.marks.entry(address).or_insert_with(|| ExistenceMarks {
            address,
            destroyed_at: Vec::new(),
            emptied_at: Vec::new(),
        });
        match existence {
            Existence::Destroyed => marks.destroyed_at.push(index),
            Existence::Emptied => marks.emptied_at.push(index),
        }
    }

    fn finish(self, fork: Fork) -> AccessList {
        let marks = if fork < Fork::Cancun { self.marks.into_values().collect() } else { vec![] };
        AccessList { accounts: self.list.into_alloy_bal(), marks }
    }
}

fn database_error<E: std::error::Error + 'static>(place: Place, source: E) -> BlockError<E> {
    BlockError::Database { place, source }
}
