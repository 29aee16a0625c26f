//! The schedule that is recorded of a block: that it is complete, and that recording changes nothing.

use crate::{
    scene::{Code, Scene, account, sender},
    support::{blueprint::Blueprint, compare::same},
};
use alloy_eip7928::AccountChanges;
use alloy_primitives::{Bytes, TxKind, U256};
use heddle_executor::{
    AccountField, Block, BlockOutput, Conflict, Executor, Invalid, Location, MemoryAccount,
    MemoryState, Schedule, Settings, Span, SpanKind, Way, revm::bytecode::opcode as op,
};
use heddle_types::{AccessList, Fork};
use proptest::{collection::vec, prelude::*};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

const THREADS: [usize; 3] = [1, 2, 8];

fn executor(threads: usize, record_schedule: bool) -> Executor {
    let settings =
        Settings { threads, parallel_gas_min: 0, sequential_access_list: true, record_schedule };
    Executor::new(settings).expect("threads can be started")
}

fn schedule(output: &BlockOutput) -> &Schedule {
    output.schedule.as_ref().expect("it was asked for")
}

/// Whether the spans hold what they promise of any block.
fn check(output: &BlockOutput, way: Way<'_>) -> Result<(), String> {
    let schedule = schedule(output);
    let ensure = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(format!("{what}: {:?}\n{schedule:#?}", output.statistics)) }
    };
    let mut finals = vec![0_u32; output.receipts.len()];
    let mut by_thread: BTreeMap<u16, Vec<&Span>> = BTreeMap::new();
    for span in &schedule.spans {
        by_thread.entry(span.thread).or_default().push(span);
        let kinds: &[SpanKind] = match (way, output.statistics.threads) {
            (Way::Sequential, _) => &[SpanKind::Sequential, SpanKind::LeftOut],
            (Way::Guided(_), _) => &[SpanKind::Guided, SpanKind::Direct],
            (Way::Optimistic, 1) => &[SpanKind::InTurn, SpanKind::Direct, SpanKind::LeftOut],
            (Way::Optimistic, _) => &[
                SpanKind::Speculative,
                SpanKind::Discarded,
                SpanKind::InTurn,
                SpanKind::Direct,
                SpanKind::LeftOut,
            ],
        };
        ensure(kinds.contains(&span.kind), "a kind that this way does not have")?;
        let many = matches!(span.kind, SpanKind::Direct | SpanKind::Sequential);
        ensure(span.count == 1 || many && span.count > 1, "transactions of a span")?;
        ensure(schedule.prepared <= span.start, "a span before everything")?;
        ensure(span.end() <= schedule.finished, "a span after everything")?;
        if span.kind.is_final() {
            for transaction in span.transaction..span.transaction + span.count {
                let seen = finals.get_mut(transaction as usize);
                *seen.ok_or("a span of no transaction")? += 1;
            }
        }
    }
    ensure(finals.iter().all(|count| *count == 1), "not one final span for each transaction")?;
    for spans in by_thread.values_mut() {
        spans.sort_by_key(|span| span.start);
        ensure(spans.windows(2).all(|s| s[0].end() <= s[1].start), "spans overlap")?;
    }
    let threads = usize::from(schedule.threads);
    ensure(threads == output.statistics.threads, "threads")?;
    ensure(by_thread.keys().all(|thread| usize::from(*thread) < threads), "a thread too many")?;
    ensure(schedule.finished <= schedule.wall, "the end")?;
    let sum = |is_final: bool| {
        let spans = schedule.spans.iter().filter(|span| span.kind.is_final() || !is_final);
        spans.map(|span| span.duration).sum::<u64>()
    };
    ensure(schedule.busy() == sum(false) && schedule.useful() == sum(true), "sums")?;
    ensure(schedule.busy() <= schedule.wall * threads as u64, "more time than there was")?;
    let direct: u64 = spans_of(schedule, SpanKind::Direct).map(|span| u64::from(span.count)).sum();
    ensure(direct <= output.statistics.direct_transfers, "direct transfers")?;
    ensure(schedule.retries() == output.statistics.reexecutions, "retries")?;
    let discarded: Vec<_> =
        spans_of(schedule, SpanKind::Discarded).map(|s| s.transaction).collect();
    let retried: Vec<_> = schedule.conflicts.iter().map(|conflict| conflict.transaction).collect();
    ensure(discarded == retried, "conflicts and spans that were thrown away")?;
    ensure(schedule.spans_left_out == 0 && schedule.conflicts_left_out == 0, "left out")
}

fn spans_of(schedule: &Schedule, kind: SpanKind) -> impl Iterator<Item = &Span> {
    schedule.spans.iter().filter(move |span| span.kind == kind)
}

/// Whether the block's access list says that a conflict's writer was the last to change the
/// location before the transaction. What was destroyed changed without the list's naming fields.
fn check_conflict(
    conflict: &Conflict,
    list: &AccessList,
    state: &MemoryState,
) -> Result<(), String> {
    let Some(location) = conflict.location else { return Ok(()) };
    let (Location::Account { address, .. } | Location::Slot { address, .. }) = location;
    if list.marks.iter().any(|marks| marks.address == address) {
        return Ok(());
    }
    // An account that was there and empty is gone when it is touched (EIP-161): no field says so.
    let was_empty = state.accounts.get(&address) == Some(&MemoryAccount::default());
    if was_empty && matches!(location, Location::Account { field: AccountField::Existence, .. }) {
        return Ok(());
    }
    // One that only candidates touched which are not in the block is not in the list.
    let listed = list.accounts.iter().find(|account| account.address == address);
    let indices = listed.map(|listed| indices(listed, location)).unwrap_or_default();
    let last = indices.into_iter().rfind(|index| {
        // Index 0 is of what came before the first transaction.
        *index > 0 && *index <= u64::from(conflict.transaction)
    });
    let expected = last.map(|index| index as u32 - 1);
    if conflict.writer == expected {
        Ok(())
    } else {
        Err(format!("{conflict:?}, but the last to write was {expected:?}: {listed:#?}"))
    }
}

fn indices(listed: &AccountChanges, location: Location) -> BTreeSet<u64> {
    let balances = listed.balance_changes.iter().map(|change| change.block_access_index.get());
    let nonces = listed.nonce_changes.iter().map(|change| change.block_access_index.get());
    let codes = listed.code_changes.iter().map(|change| change.block_access_index.get());
    match location {
        Location::Slot { key, .. } => {
            let slots = listed.storage_changes.iter().filter(|slot| slot.slot == key);
            slots
                .flat_map(|slot| &slot.changes)
                .map(|change| change.block_access_index.get())
                .collect()
        }
        Location::Account { field: AccountField::Balance, .. } => balances.collect(),
        Location::Account { field: AccountField::Nonce, .. } => nonces.collect(),
        Location::Account { field: AccountField::Code, .. } => codes.collect(),
        Location::Account { field: AccountField::Existence, .. } => {
            balances.chain(nonces).chain(codes).collect()
        }
    }
}

/// Executes a block in every way with and without recording; gives the retries.
fn compare(
    executors: &mut [[Executor; 2]],
    block: &Block<'_>,
    state: &MemoryState,
) -> Result<u64, String> {
    let mut retries = 0;
    for [off, on] in executors {
        let mut both = |block: &Block<'_>, way: Way<'_>| -> Result<_, String> {
            let failed = |error| format!("{way:?}: {error}");
            let plain = off.execute(block, state, way).map_err(failed)?;
            let recorded = on.execute(block, state, way).map_err(failed)?;
            if plain.schedule.is_some() {
                return Err("nobody asked for a schedule".to_owned());
            }
            same("recorded", &plain, &recorded)?;
            check(&recorded, way)?;
            Ok((plain, recorded))
        };
        both(block, Way::Sequential)?;
        let (plain, recorded) = both(block, Way::Optimistic)?;
        let list = recorded.access_list.as_ref().ok_or("no list")?;
        if plain.access_list.as_ref() != Some(list) {
            return Err("lists differ".to_owned());
        }
        for conflict in &schedule(&recorded).conflicts {
            check_conflict(conflict, list, state)?;
        }
        retries += recorded.statistics.reexecutions;
        let left_out: BTreeSet<_> = recorded.skipped.iter().map(|skipped| skipped.index).collect();
        let all = block.transactions.iter().enumerate();
        let included: Vec<_> =
            all.filter(|(at, _)| !left_out.contains(at)).map(|(_, tx)| tx.clone()).collect();
        let verified = Block { transactions: &included, invalid: Invalid::Reject, ..block.clone() };
        both(&verified, Way::Guided(list))?;
    }
    Ok(retries)
}

fn executors() -> Vec<[Executor; 2]> {
    THREADS.map(|threads| [executor(threads, false), executor(threads, true)]).into()
}

#[test]
fn recording_changes_nothing_and_leaves_nothing_out() {
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    let executors = RefCell::new(executors());
    let retries = RefCell::new(0);
    proptest!(config, |(bytes in vec(any::<u8>(), 64..2200))| {
        let blueprint = Blueprint::new(&bytes, 160);
        let found = compare(&mut executors.borrow_mut(), &blueprint.block(), &blueprint.state);
        *retries.borrow_mut() += found.map_err(TestCaseError::fail)?;
    });
    println!("{} retries", retries.into_inner());
}

/// A counter whose calls with different selectors nobody expects to depend on each other; the first
/// takes so long that others are executed ahead of it.
fn counter() -> Scene {
    let mut scene = Scene::new(Fork::Osaka);
    let counter = account("counter");
    // Counts down from the first word of the data, then increments slot 7.
    let turn = Code::new().ops(&[op::JUMPDEST]).push(1).ops(&[op::SWAP1, op::SUB, op::DUP1]);
    let code = Code::new().push(4).ops(&[op::CALLDATALOAD]).ops(&turn.bytes());
    let code = code.push(3).ops(&[op::JUMPI, op::POP]).increment(7);
    scene.deploy(counter, code);
    for number in 0..40_u64 {
        let turns = if number == 0 { 30_000 } else { 1 };
        scene.send(sender(number as usize), |tx| {
            tx.kind = TxKind::Call(counter);
            let selector = (number as u32).to_be_bytes();
            let data = [&selector[..], &U256::from(turns).to_be_bytes::<32>()].concat();
            tx.data = Bytes::from(data);
            tx.gas_limit = 2_000_000;
        });
    }
    scene
}

#[test]
fn a_counter_s_slot_is_what_its_increments_conflict_in() {
    let scene = counter();
    let mut executors =
        [[executor(2, false), executor(2, true)], [executor(8, false), executor(8, true)]];
    let conflict = |output: &BlockOutput| schedule(output).conflicts.clone();
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let on = &mut executors[1][1];
        let output = on.execute(&scene.block(), &scene.state, Way::Optimistic).unwrap();
        assert!(output.receipts.iter().all(|receipt| receipt.success));
        found = conflict(&output);
        if !found.is_empty() {
            break;
        }
    }
    assert!(!found.is_empty(), "nothing was ever executed ahead of the first transaction");
    let slot = Location::Slot { address: account("counter"), key: U256::from(7) };
    for Conflict { transaction, location, writer } in found {
        assert_eq!(location, Some(slot));
        assert_eq!(writer, Some(transaction - 1));
    }
    compare(&mut executors, &scene.block(), &scene.state).unwrap();
}

#[test]
fn a_block_of_transfers_is_a_few_spans() {
    let mut scene = Scene::new(Fork::Osaka);
    for number in 0..2_000 {
        scene.transfer(sender(number), account("shop"), 1);
    }
    let mut executors = executors();
    compare(&mut executors, &scene.block(), &scene.state).unwrap();
    for [_, on] in &mut executors {
        for way in [Way::Sequential, Way::Optimistic] {
            let output = on.execute(&scene.block(), &scene.state, way).unwrap();
            let spans = &schedule(&output).spans;
            assert!(spans.len() < 20, "{way:?}: {spans:?}");
        }
    }
}

#[test]
fn there_is_no_more_of_a_schedule_than_its_bounds() {
    let mut scene = Scene::new(Fork::Osaka);
    let nothing = account("nothing");
    scene.deploy(nothing, Code::new().ops(&[op::STOP]));
    // The nonces in order: looking each up among all before would take long.
    let from = sender(0);
    scene.fund(from);
    let count = Schedule::SPANS_MAX + 100;
    for nonce in 0..count as u64 {
        let mut tx = scene.blank(from);
        (tx.kind, tx.nonce) = (TxKind::Call(nothing), nonce);
        scene.transactions.push(tx);
    }
    scene.give(from, U256::from(u64::MAX));
    for threads in THREADS {
        let mut executor = executor(threads, true);
        for way in [Way::Sequential, Way::Optimistic] {
            let output = executor.execute(&scene.block(), &scene.state, way).unwrap();
            let schedule = schedule(&output);
            assert_eq!(schedule.spans.len(), Schedule::SPANS_MAX, "{way:?}");
            let all = schedule.spans.len() as u64 + schedule.spans_left_out;
            assert_eq!(all, count as u64 + output.statistics.reexecutions, "{way:?}");
            let shown: u64 = schedule.spans.iter().map(|span| span.duration).sum();
            assert!(schedule.busy() > shown, "{way:?}");
        }
    }
}
