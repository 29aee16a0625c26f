//! Looking on: results stream out in order and early, and inspectors see the same in every way.

use crate::{
    faults::optimistic_list,
    scene::{Code, Scene, THREADS, account, executor, sender},
};
use alloy_primitives::{Address, TxKind, U256};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use heddle_executor::{
    BlockError, Final, Invalid, MemoryState, Place, UnknownCode, Way,
    revm::{
        DatabaseRef, Inspector,
        bytecode::{Bytecode, opcode as op},
        inspector::{CountInspector, NoOpInspector},
        interpreter::{Interpreter, interpreter::EthInterpreter, interpreter_types::Jumps},
        state::AccountInfo,
    },
};
use heddle_types::{Fork, Receipt};
use std::collections::BTreeMap;

/// Transfers, calls of a counter that somebody looks at, creations and failures.
fn scene() -> Scene {
    let mut scene = Scene::new(Fork::Osaka);
    let counter = account("counter");
    let body = Code::new().increment(1).ops(&[op::COINBASE, op::BALANCE]).store(2);
    scene.deploy(counter, body.call(account("heir"), 1).store(3));
    scene.give(counter, U256::from(20));
    scene.deploy(account("trap"), Code::new().increment(1).ops(&[op::INVALID]));
    for index in 0..60 {
        match index % 6 {
            0 => scene.transfer(sender(index), account("somebody"), 1),
            1 | 2 => scene.call(sender(index), counter, 0),
            3 => scene.create(sender(index), Code::new().push(1).store(1).returning(&[op::STOP])),
            4 => scene.call(sender(index), account("trap"), 0),
            _ => scene.transfer(sender(index - 1), sender(index), 1),
        }
    }
    scene
}

/// All that a stream of results says, put together.
#[derive(Debug, Default, PartialEq)]
struct Story {
    indices: Vec<usize>,
    receipts: Vec<Receipt>,
    accounts: BTreeMap<Address, Option<heddle_types::AccountState>>,
    slots: BTreeMap<(Address, U256), U256>,
}

impl Story {
    fn hear<I>(&mut self, result: &Final<'_, I>) {
        self.indices.push(result.index);
        self.receipts.push(result.receipt.clone());
        self.accounts.extend(result.accounts.iter().copied());
        let slots = result.slots.iter();
        self.slots.extend(slots.map(|(address, key, value)| ((*address, *key), *value)));
    }
}

#[test]
fn results_come_in_block_order_and_make_up_the_output() {
    let mut scene = scene();
    scene.frame.invalid = Invalid::Skip;
    // Two that are left out.
    scene.transactions[7].nonce = 5;
    scene.transactions[30].value = U256::MAX;
    let mut stories = Vec::new();
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic] {
            let mut story = Story::default();
            let output = executor
                .execute_streaming(&scene.block(), &scene.state, way, &mut |result: Final<'_>| {
                    story.hear(&result);
                })
                .unwrap_or_else(|error| panic!("{error}"));
            let expected = Vec::from_iter((0..60).filter(|index| ![7, 30].contains(index)));
            assert_eq!(story.indices, expected);
            assert_eq!(story.receipts, output.receipts);
            for change in &output.changes.accounts {
                let told = story.accounts.get(&change.address);
                assert!(
                    told == Some(&change.after) || told.is_none() && !change.storage.is_empty()
                );
                for (key, value) in &change.storage {
                    assert_eq!(story.slots[&(change.address, *key)], *value);
                }
            }
            stories.push(story);
        }
    }
    assert!(stories.iter().all(|story| *story == stories[0]));
}

#[test]
fn the_guided_way_tells_the_same_story() {
    let scene = scene();
    let list = optimistic_list(&scene);
    let mut stories = Vec::new();
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
            let mut story = Story::default();
            let mut sink = |result: Final<'_>| story.hear(&result);
            let result = executor.execute_streaming(&scene.block(), &scene.state, way, &mut sink);
            assert!(result.is_ok());
            stories.push(story);
        }
    }
    assert_eq!(stories[0].indices, Vec::from_iter(0..60));
    assert!(stories.iter().all(|story| *story == stories[0]));
}

/// A state that opens one account only after something else has happened.
struct Gate<'s> {
    state: &'s MemoryState,
    guarded: Address,
    open: &'s AtomicBool,
}

impl DatabaseRef for Gate<'_> {
    type Error = UnknownCode;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, UnknownCode> {
        if address == self.guarded && !self.open.load(Relaxed) {
            return Err(UnknownCode(address.into_word()));
        }
        self.state.basic_ref(address)
    }

    fn code_by_hash_ref(&self, hash: alloy_primitives::B256) -> Result<Bytecode, UnknownCode> {
        self.state.code_by_hash_ref(hash)
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, UnknownCode> {
        self.state.storage_ref(address, key)
    }

    fn block_hash_ref(&self, number: u64) -> Result<alloy_primitives::B256, UnknownCode> {
        self.state.block_hash_ref(number)
    }
}

#[test]
fn a_result_is_handed_out_before_the_block_ends() {
    let mut scene = scene();
    let guarded = account("guarded");
    let reader = account("reader");
    scene.deploy(reader, Code::new().address(guarded).ops(&[op::BALANCE]).store(1));
    scene.give(guarded, U256::from(77));
    scene.call(sender(100), reader, 0);
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic] {
            // The last transaction can only be executed once the first results are out.
            let open = AtomicBool::new(false);
            let state = Gate { state: &scene.state, guarded, open: &open };
            let mut sink = |result: Final<'_>| open.store(result.index >= 20, Relaxed);
            let result = executor.execute_streaming(&scene.block(), &state, way, &mut sink);
            let output = result.unwrap_or_else(|error| panic!("{error}"));
            let change = output.changes.accounts.iter().find(|change| change.address == reader);
            let change = change.expect("the reader has stored something");
            assert_eq!(change.storage, [(U256::from(1), U256::from(77))]);
        }
    }
}

/// Notes every instruction with the stack before it.
#[derive(Debug, Default, PartialEq)]
struct Tracer(Vec<(usize, u8, u64, Vec<U256>)>);

impl<CTX> Inspector<CTX> for Tracer {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        let code = &interpreter.bytecode;
        let stack = interpreter.stack.data().to_vec();
        self.0.push((code.pc(), code.opcode(), interpreter.gas.remaining(), stack));
    }
}

#[test]
fn inspectors_see_the_same_steps_in_every_way() {
    let scene = scene();
    let list = optimistic_list(&scene);
    let mut expected: Option<Vec<Tracer>> = None;
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
            let mut traces = Vec::new();
            let result = executor.execute_inspected(
                &scene.block(),
                &scene.state,
                way,
                &|_| Tracer::default(),
                &mut |result: Final<'_, Tracer>| traces.extend(result.inspector),
            );
            let output = result.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(traces.len(), output.receipts.len());
            match &expected {
                Some(expected) => assert_eq!(traces, *expected),
                None => expected = Some(traces),
            }
        }
    }
    let expected = expected.expect("the sequential way came first");
    assert!(expected[0].0.iter().all(|step| step.1 == op::STOP), "a transfer runs no code");
    // PUSH1, SLOAD, PUSH1, ADD, PUSH1, SSTORE and INVALID.
    assert_eq!(expected[4].0.len(), 7);
}

#[test]
fn a_count_inspector_counts_the_same_in_every_way() {
    let scene = scene();
    let list = optimistic_list(&scene);
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
            let (mut loads, mut calls, mut creations) = (0, 0, 0);
            let mut sink = |result: Final<'_, CountInspector>| {
                let inspector = result.inspector.expect("one was asked for");
                loads += inspector.get_count(op::SLOAD);
                calls += inspector.call_count();
                creations += inspector.create_count();
            };
            let (block, make) = (scene.block(), |_| CountInspector::new());
            let result = executor.execute_inspected(&block, &scene.state, way, &make, &mut sink);
            assert!(result.is_ok());
            // 20 calls of the counter with one call inside each, 10 of the trap, 20 transfers.
            assert_eq!((loads, calls, creations), (30, 70, 10));
        }
    }
}

#[test]
fn a_call_without_a_recipient_s_code_is_watched_too() {
    let mut scene = Scene::new(Fork::Osaka);
    for index in 0..10 {
        scene.send(sender(index), |tx| {
            tx.kind = TxKind::Call(account("somebody"));
            tx.value = U256::from(1);
        });
    }
    for threads in THREADS {
        let mut seen = 0;
        let result = executor(threads).execute_inspected(
            &scene.block(),
            &scene.state,
            Way::Optimistic,
            &|_| CountInspector::new(),
            &mut |result: Final<'_, CountInspector>| {
                seen += result.inspector.map_or(0, |inspector| inspector.call_count());
            },
        );
        assert_eq!(result.map(|output| output.receipts.len()).ok(), Some(10));
        assert_eq!(seen, 10);
    }
}

/// A transaction that runs code.
const BROKEN: usize = 13;

/// Panics at the first step.
struct Bomb {
    armed: bool,
}

impl<CTX> Inspector<CTX> for Bomb {
    fn step(&mut self, _: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        assert!(!self.armed, "the inspector gave up");
    }
}

#[test]
fn an_inspector_that_panics_ends_the_block_with_its_transaction() {
    let scene = scene();
    let list = optimistic_list(&scene);
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
            let mut seen = Vec::new();
            let result = executor.execute_inspected(
                &scene.block(),
                &scene.state,
                way,
                &|index| Bomb { armed: index >= BROKEN },
                &mut |result: Final<'_, Bomb>| seen.push(result.index),
            );
            let Err(BlockError::Panic { place, message }) = result else {
                panic!("on {threads} threads: {result:?}");
            };
            assert_eq!(place, Place::Transaction(BROKEN));
            assert_eq!(message, "the inspector gave up");
            assert_eq!(seen, Vec::from_iter(0..BROKEN));
            // So does one that panics while it is made.
            let make = |index: usize| {
                assert!(index != BROKEN, "no inspector to be had");
                NoOpInspector
            };
            let result = executor.execute_inspected(
                &scene.block(),
                &scene.state,
                way,
                &make,
                &mut |_: Final<'_, NoOpInspector>| {},
            );
            let place = match result {
                Err(BlockError::Panic { place, .. }) => place,
                other => panic!("on {threads} threads: {other:?}"),
            };
            assert_eq!(place, Place::Transaction(BROKEN), "on {threads} threads");
            assert!(executor.execute(&scene.block(), &scene.state, way).is_ok());
        }
    }
}

#[test]
fn a_sink_that_panics_ends_the_block_with_its_transaction() {
    let scene = scene();
    let list = optimistic_list(&scene);
    for threads in THREADS {
        let mut executor = executor(threads);
        for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
            let mut seen = Vec::new();
            let mut sink = |result: Final<'_>| {
                assert!(result.index < 7, "nobody takes this");
                seen.push(result.index);
            };
            let result = executor.execute_streaming(&scene.block(), &scene.state, way, &mut sink);
            let Err(BlockError::Panic { place, message }) = result else {
                panic!("on {threads} threads: {result:?}");
            };
            assert_eq!(place, Place::Transaction(7));
            assert_eq!(message, "nobody takes this");
            assert_eq!(seen, Vec::from_iter(0..7));
            assert!(executor.execute(&scene.block(), &scene.state, way).is_ok());
        }
    }
}
