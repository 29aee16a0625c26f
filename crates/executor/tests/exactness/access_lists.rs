//! Wrong access lists are rejected for being wrong, and right ones never hide an invalid block.

use crate::{
    faults::{Fault, Faulty, Manner, every_way, optimistic_list},
    scene::{Code, Scene, THREADS, account, executor, sender},
    support::blueprint::Blueprint,
};
use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges,
    StorageChange,
};
use alloy_primitives::{Address, Bytes, U256};
use heddle_executor::{
    Block, BlockError, Executor, Invalid, MemoryState, Way,
    revm::{DatabaseRef, bytecode::opcode as op, context::result::InvalidTransaction},
};
use heddle_types::{AccessList, ExistenceMarks, Fork};
use proptest::prelude::*;
use std::cell::RefCell;

/// Chooses from a string of bytes; past its end every choice is the first.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*byte) % limit.max(1)
    }

    fn value(&mut self) -> U256 {
        match self.below(5) {
            0 => U256::ZERO,
            1 => U256::from(1),
            2 => U256::MAX,
            3 => U256::from(10_u128.pow(18)),
            _ => U256::from(self.below(256)),
        }
    }

    fn address(&mut self, list: &AccessList) -> Address {
        match self.below(4) {
            0 => Address::ZERO,
            1 => Address::repeat_byte(self.below(256) as u8),
            _ => list
                .accounts
                .get(self.below(list.accounts.len()))
                .map_or(Address::ZERO, |a| a.address),
        }
    }
}

/// A change of one location at one index.
trait Change: Clone {
    fn index(&mut self) -> &mut BlockAccessIndex;
    fn spoil(&mut self, choices: &mut Choices<'_>);
    fn fresh(choices: &mut Choices<'_>) -> Self;
}

impl Change for BalanceChange {
    fn index(&mut self) -> &mut BlockAccessIndex {
        &mut self.block_access_index
    }
    fn spoil(&mut self, choices: &mut Choices<'_>) {
        self.post_balance = match choices.below(3) {
            0 => self.post_balance.wrapping_add(U256::from(1)),
            _ => choices.value(),
        };
    }
    fn fresh(choices: &mut Choices<'_>) -> Self {
        Self::new(BlockAccessIndex::new(0), choices.value())
    }
}

impl Change for NonceChange {
    fn index(&mut self) -> &mut BlockAccessIndex {
        &mut self.block_access_index
    }
    fn spoil(&mut self, choices: &mut Choices<'_>) {
        self.new_nonce = [self.new_nonce.wrapping_add(1), 0, u64::MAX][choices.below(3)];
    }
    fn fresh(choices: &mut Choices<'_>) -> Self {
        Self::new(BlockAccessIndex::new(0), [0, 1, 2, u64::MAX][choices.below(4)])
    }
}

impl Change for StorageChange {
    fn index(&mut self) -> &mut BlockAccessIndex {
        &mut self.block_access_index
    }
    fn spoil(&mut self, choices: &mut Choices<'_>) {
        self.new_value = choices.value();
    }
    fn fresh(choices: &mut Choices<'_>) -> Self {
        Self::new(BlockAccessIndex::new(0), choices.value())
    }
}

impl Change for CodeChange {
    fn index(&mut self) -> &mut BlockAccessIndex {
        &mut self.block_access_index
    }
    fn spoil(&mut self, choices: &mut Choices<'_>) {
        let codes: [&[u8]; 5] =
            [&[], &[op::INVALID], &[op::CALLER, op::SELFDESTRUCT], &[0xef, 1, 0, 9], &[op::STOP]];
        self.new_code = Bytes::from_static(codes[choices.below(5)]);
    }
    fn fresh(choices: &mut Choices<'_>) -> Self {
        let mut change = Self::new(BlockAccessIndex::new(0), Bytes::new());
        change.spoil(choices);
        change
    }
}

/// Takes away, adds, alters or moves one change of one location.
fn mutate<C: Change>(changes: &mut Vec<C>, choices: &mut Choices<'_>, last: u64) {
    let at = choices.below(changes.len());
    let index = match choices.below(5) {
        0 => 0,
        1 => last,
        2 => last + 1,
        _ => choices.below(last as usize + 1) as u64,
    };
    match choices.below(7) {
        0 if !changes.is_empty() => drop(changes.remove(at)),
        1 if !changes.is_empty() => changes[at].spoil(choices),
        2 if !changes.is_empty() => changes[at].index().0 = index,
        3 if changes.len() > 1 => changes.swap(0, at),
        4 if !changes.is_empty() => changes.insert(at, changes[at].clone()),
        5 if !changes.is_empty() => {
            // The value stays what it was: no change at all.
            let mut again = changes[at].clone();
            again.index().0 += 1;
            changes.insert(at + 1, again);
        }
        _ => {
            let mut fresh = C::fresh(choices);
            fresh.index().0 = index;
            let earlier = changes.iter_mut().map(|change| change.index().0 < index);
            let at = earlier.filter(|earlier| *earlier).count();
            changes.insert(at, fresh);
        }
    }
}

fn mutate_slots(account: &mut AccountChanges, choices: &mut Choices<'_>, last: u64) {
    let AccountChanges { storage_changes: changed, storage_reads: reads, .. } = account;
    let (at, read_at) = (choices.below(changed.len()), choices.below(reads.len()));
    match choices.below(7) {
        0 if !changed.is_empty() => {
            reads.push(changed.remove(at).slot);
            reads.sort_unstable();
        }
        1 if !reads.is_empty() => {
            let slot = reads.remove(read_at);
            let mut changes = Vec::new();
            mutate::<StorageChange>(&mut changes, choices, last);
            changed.push(SlotChanges::new(slot, changes));
            changed.sort_unstable_by_key(|changed| changed.slot);
        }
        2 if !reads.is_empty() => drop(reads.remove(read_at)),
        3 if !changed.is_empty() => drop(changed.remove(at)),
        4 if reads.len() > 1 => reads.swap(0, read_at),
        5 if !changed.is_empty() => changed[at].slot += U256::from(1),
        _ => {
            reads.push(choices.value());
            reads.sort_unstable();
        }
    }
}

fn mutate_marks(list: &mut AccessList, choices: &mut Choices<'_>, last: u64) {
    let at = choices.below(list.marks.len());
    let index = choices.below(last as usize + 2) as u64;
    match choices.below(6) {
        0 if !list.marks.is_empty() => drop(list.marks.remove(at)),
        1 if list.marks.len() > 1 => list.marks.swap(0, at),
        2 if !list.marks.is_empty() => list.marks.insert(at, list.marks[at].clone()),
        3 if !list.marks.is_empty() => {
            let ExistenceMarks { destroyed_at, emptied_at, .. } = &mut list.marks[at];
            core::mem::swap(destroyed_at, emptied_at);
        }
        4 if !list.marks.is_empty() => list.marks[at].destroyed_at.push(index),
        _ => {
            let address = choices.address(list);
            let destroyed_at = if choices.below(3) == 0 { vec![] } else { vec![index] };
            list.marks.push(ExistenceMarks { address, destroyed_at, emptied_at: vec![] });
            list.marks.sort_by_key(|marks| marks.address);
        }
    }
}

/// Changes one thing in a list for a block whose last index is `last`.
fn mutated(list: &AccessList, choices: &mut Choices<'_>, last: u64) -> AccessList {
    let mut list = list.clone();
    let what = choices.below(14);
    if what == 0 {
        mutate_marks(&mut list, choices, last);
        return list;
    }
    let at = choices.below(list.accounts.len());
    if what == 1 || list.accounts.is_empty() {
        let address = choices.address(&list);
        let place = list.accounts.partition_point(|account| account.address < address);
        list.accounts.insert(place, AccountChanges::new(address));
        return list;
    }
    match what {
        2 => drop(list.accounts.remove(at)),
        3 => list.accounts.swap(0, at),
        4..7 => mutate(&mut list.accounts[at].balance_changes, choices, last),
        7 | 8 => mutate(&mut list.accounts[at].nonce_changes, choices, last),
        9 => mutate(&mut list.accounts[at].code_changes, choices, last),
        10 | 11 => mutate_slots(&mut list.accounts[at], choices, last),
        _ => {
            let slots = &mut list.accounts[at].storage_changes;
            let slot = choices.below(slots.len());
            if let Some(slot) = slots.get_mut(slot) {
                mutate(&mut slot.changes, choices, last);
            } else {
                mutate_slots(&mut list.accounts[at], choices, last);
            }
        }
    }
    list
}

/// Mutates the list of a random block several times; each time the block must be rejected for it.
fn every_mutation_is_rejected(
    executors: &mut [Executor],
    bytes: &[u8],
    mutations: &[Vec<u8>],
) -> Result<(), String> {
    let blueprint = Blueprint::new(bytes, 40);
    let candidates = blueprint.block();
    let output = executors[0].execute(&candidates, &blueprint.state, Way::Optimistic);
    let output = output.map_err(|error| error.to_string())?;
    let skipped: Vec<_> = output.skipped.iter().map(|skipped| skipped.index).collect();
    let all = blueprint.transactions.iter().enumerate();
    let included: Vec<_> =
        all.filter(|(index, _)| !skipped.contains(index)).map(|(_, tx)| tx.clone()).collect();
    let block = Block { transactions: &included, invalid: Invalid::Reject, ..candidates.clone() };
    let right = output.access_list.expect("the optimistic way makes a list");
    for bytes in mutations {
        let wrong = mutated(&right, &mut Choices(bytes), included.len() as u64 + 1);
        if wrong == right {
            continue;
        }
        for executor in &mut *executors {
            match executor.execute(&block, &blueprint.state, Way::Guided(&wrong)) {
                Err(BlockError::AccessList { .. }) => {}
                Err(other) => return Err(format!("{other}\nright {right:#?}\nwrong {wrong:#?}")),
                Ok(_) => return Err(format!("accepted\nright {right:#?}\nwrong {wrong:#?}")),
            }
        }
    }
    for executor in executors {
        let result = executor.execute(&block, &blueprint.state, Way::Guided(&right));
        result.map_err(|error| format!("with the right list: {error}"))?;
    }
    Ok(())
}

thread_local! {
    static EXECUTORS: RefCell<Vec<Executor>> = RefCell::new([1, 3].map(executor).into());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("HEDDLE_RANDOM_BLOCKS")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(300),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_list_with_any_mistake_is_rejected(
        bytes in prop::collection::vec(any::<u8>(), 64..700),
        mutations in prop::collection::vec(prop::collection::vec(any::<u8>(), 12), 20),
    ) {
        let result = EXECUTORS
            .with_borrow_mut(|all| every_mutation_is_rejected(all, &bytes, &mutations));
        prop_assert!(result.is_ok(), "{}", result.err().unwrap_or_default());
    }
}

/// Following `list` must end with an error of the list, and the executor must go on.
fn rejects<DB: DatabaseRef<Error: 'static> + Sync>(
    block: &Block<'_>,
    state: &DB,
    list: &AccessList,
    healthy: (&Block<'_>, &MemoryState),
) {
    for threads in THREADS {
        let mut executor = executor(threads);
        for _ in 0..5 {
            match executor.execute(block, state, Way::Guided(list)) {
                Err(BlockError::AccessList { .. }) => {}
                Err(other) => panic!("on {threads} threads: {other}"),
                Ok(_) => panic!("accepted on {threads} threads"),
            }
        }
        assert!(executor.execute(healthy.0, healthy.1, Way::Optimistic).is_ok());
    }
}

fn entry(list: &mut AccessList, address: Address) -> &mut AccountChanges {
    let account = list.accounts.iter_mut().find(|account| account.address == address);
    account.expect("the account is listed")
}

/// Senders that call a contract each, which looks at slot 5 and does what it says.
fn led_by_a_slot() -> Scene {
    let mut scene = Scene::new(Fork::Osaka);
    let contract = account("contract");
    let asks = |code: Code| code.push(990).ops(&[op::BLOCKHASH, op::POP]);
    // With 1 in slot 5, which it never has, it asks for a block hash.
    let led = Code::new().load(5).push(1).ops(&[op::SUB]).unless(asks).increment(1);
    scene.deploy(contract, led);
    for index in 0..12 {
        scene.call(sender(index), contract, 0);
        scene.transfer(sender(index), account("somebody"), 1);
    }
    scene
}

#[test]
fn a_list_that_makes_a_transaction_look_invalid_is_to_blame() {
    let scene = led_by_a_slot();
    let right = optimistic_list(&scene);
    for index in 0..8 {
        // The sender's own transactions are the 17th and the 18th.
        let index = BlockAccessIndex::new(index);
        let mut poor = right.clone();
        let poor_entry = entry(&mut poor, sender(8));
        poor_entry.balance_changes.insert(0, BalanceChange::new(index, U256::from(3)));
        rejects(&scene.block(), &scene.state, &poor, (&scene.block(), &scene.state));
        let mut late = right.clone();
        entry(&mut late, sender(8)).nonce_changes.insert(0, NonceChange::new(index, 7));
        rejects(&scene.block(), &scene.state, &late, (&scene.block(), &scene.state));
        let mut coded = right.clone();
        let code = Bytes::from_static(&[op::STOP]);
        entry(&mut coded, sender(8)).code_changes.insert(0, CodeChange::new(index, code));
        rejects(&scene.block(), &scene.state, &coded, (&scene.block(), &scene.state));
    }
}

#[test]
fn a_list_that_leads_to_a_read_that_fails_is_to_blame() {
    let scene = led_by_a_slot();
    let mut wrong = optimistic_list(&scene);
    // At index 2 no transaction touches the contract.
    let account = entry(&mut wrong, account("contract"));
    account.storage_reads.retain(|slot| *slot != U256::from(5));
    let change = StorageChange::new(BlockAccessIndex::new(2), U256::from(1));
    account.storage_changes.push(SlotChanges::new(U256::from(5), vec![change]));
    for manner in [Manner::Error, Manner::Panic] {
        let state = Faulty::new(&scene.state, Fault::BlockHash(990), manner);
        rejects(&scene.block(), &state, &wrong, (&scene.block(), &scene.state));
        assert!(state.failures() > 0);
    }
}

#[test]
fn a_list_that_uses_up_the_block_s_gas_is_to_blame() {
    let mut scene = Scene::new(Fork::Osaka);
    let contract = account("contract");
    let burns = |code: Code| code.ops(&[op::INVALID]);
    scene.deploy(contract, Code::new().load(5).push(1).ops(&[op::SUB]).unless(burns));
    for index in 0..10 {
        scene.call(sender(index), contract, 0);
    }
    scene.frame.env.gas_limit = 1_500_000;
    let mut wrong = optimistic_list(&scene);
    let account = entry(&mut wrong, contract);
    account.storage_reads.clear();
    let change = StorageChange::new(BlockAccessIndex::new(0), U256::from(1));
    account.storage_changes.push(SlotChanges::new(U256::from(5), vec![change]));
    rejects(&scene.block(), &scene.state, &wrong, (&scene.block(), &scene.state));
}

#[test]
fn changes_at_the_edges_of_the_block_that_do_not_happen_are_found() {
    for changes in [1, 3, 20] {
        let mut scene = Scene::new(Fork::Osaka);
        scene.deploy(account("counter"), Code::new().increment(1));
        (0..changes).for_each(|index| scene.call(sender(index), account("counter"), 0));
        let right = optimistic_list(&scene);
        for index in [0, changes as u64 + 1, changes as u64 + 2] {
            for value in [0, 1, changes as u64] {
                let mut wrong = right.clone();
                let slot = &mut entry(&mut wrong, account("counter")).storage_changes[0].changes;
                let change = StorageChange::new(BlockAccessIndex::new(index), U256::from(value));
                slot.insert(if index == 0 { 0 } else { changes }, change);
                rejects(&scene.block(), &scene.state, &wrong, (&scene.block(), &scene.state));
            }
        }
    }
}

#[test]
fn marks_of_existence_must_be_in_canonical_form() {
    let mut scene = Scene::new(Fork::Shanghai);
    for name in ["one", "two"] {
        scene.deploy(account(name), Code::new().ops(&[op::CALLER, op::SELFDESTRUCT]));
        scene.call(sender(0), account(name), 0);
    }
    let right = optimistic_list(&scene);
    assert_eq!(right.marks.len(), 2);
    let healthy = (&scene.block(), &scene.state);
    let mut reversed = right.clone();
    reversed.marks.reverse();
    rejects(&scene.block(), &scene.state, &reversed, healthy);
    let mut superfluous = right.clone();
    let address = right.accounts[0].address;
    let empty = ExistenceMarks { address, destroyed_at: vec![], emptied_at: vec![] };
    superfluous.marks.insert(0, empty);
    superfluous.marks.sort_by_key(|marks| marks.address);
    rejects(&scene.block(), &scene.state, &superfluous, healthy);
}

#[test]
fn a_fee_recipient_that_is_not_listed_is_named() {
    let scene = led_by_a_slot();
    let mut wrong = optimistic_list(&scene);
    let recipient = scene.frame.env.beneficiary;
    wrong.accounts.retain(|account| account.address != recipient);
    for threads in THREADS {
        let result = executor(threads).execute(&scene.block(), &scene.state, Way::Guided(&wrong));
        let error = result.expect_err("an account is missing").to_string();
        assert!(error.contains(&recipient.to_string()), "{error}");
    }
}

#[test]
fn a_block_that_is_invalid_is_so_with_its_best_list_too() {
    type Spoil = fn(&mut Scene);
    let spoils: [Spoil; 4] = [
        |scene| scene.transactions[14].nonce += 1,
        |scene| scene.transactions[14].value = U256::MAX,
        |scene| scene.transactions[14].gas_price = 1,
        |scene| scene.frame.env.gas_limit = 1_000_000,
    ];
    for spoil in spoils {
        let mut scene = led_by_a_slot();
        spoil(&mut scene);
        // The list of all that can be executed of it.
        scene.frame.invalid = Invalid::Skip;
        let list = optimistic_list(&scene);
        scene.frame.invalid = Invalid::Reject;
        let mut found: Option<(usize, InvalidTransaction)> = None;
        for (way, result) in every_way(&scene.block(), &scene.state, Some(&list)) {
            match result {
                Err(BlockError::InvalidTransaction { index, reason }) => {
                    let first = found.get_or_insert_with(|| (index, reason.clone()));
                    assert_eq!(*first, (index, reason), "{way}");
                }
                other => panic!("{way}: {other:?}"),
            }
        }
        assert!(found.is_some());
    }
}
