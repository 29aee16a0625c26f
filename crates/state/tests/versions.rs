//! Versions of the state against maps: roots, reads and proofs, with layers that are not stored,
//! versions taken back, and old ones forgotten.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

mod support;

use alloy_primitives::{B256, U256, keccak256};
use heddle_state::{
    Error, Layer, StateView, VerifyOptions, Version, forget, settle, unwind, verify, write_layer,
};
use heddle_storage::{Database, Options, Table};
use proptest::prelude::*;
use std::sync::Arc;
use support::{Model, Random, address, assert_reads_as, tables, write_run};

/// So many that the tries of accounts, and of some storage, have nodes that are stored.
const ACCOUNTS: u64 = 30;
const SLOTS: u64 = 40;

fn database() -> Database {
    Database::ephemeral(
        &std::env::temp_dir(),
        Options { cache_bytes: 1 << 20, ..Options::default() },
    )
    .unwrap()
}

fn view(database: &Database, version: u64) -> Result<StateView, Error> {
    StateView::new(database.reader().unwrap(), Version(version))
}

fn store(database: &Database, version: u64, layer: &Layer) {
    let mut writer = database.writer().unwrap();
    write_layer(&mut writer, Version(version), layer).unwrap();
    writer.commit().unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    /// This many layers on top of each other, stored one after the other.
    Layers(u64),
    /// This many layers on top of each other, stored at once: the nodes of the last only.
    Run(u64),
    /// A layer that is given up, beside one that is stored.
    Branch,
    /// Take back this many versions.
    Unwind(u64),
    /// Keep this many versions.
    Prune(u64),
    /// Read everything from the store anew.
    Forget,
    /// The same, and what is read stays in memory.
    WarmUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..5_u64).prop_map(Step::Layers),
        4 => (1..6_u64).prop_map(Step::Run),
        2 => Just(Step::Branch),
        2 => (1..6_u64).prop_map(Step::Unwind),
        2 => (1..6_u64).prop_map(Step::Prune),
        1 => Just(Step::Forget),
        2 => Just(Step::WarmUp),
    ]
}

/// The database, and what each version in it is to be.
struct Run {
    database: Database,
    random: Random,
    models: Vec<Model>,
    oldest: usize,
    /// The newest version, with what of its trie is in memory.
    view: StateView,
}

impl Run {
    fn new(seed: u64) -> Self {
        let database = database();
        let mut random = Random(seed);
        let mut genesis = Model::default();
        let changes = genesis.change(&mut random, 60, ACCOUNTS, SLOTS);
        let layer = view(&database, 0).unwrap().apply(&changes, 1).unwrap();
        store(&database, 0, &layer);
        // In some runs most is given up all the time, in some nothing.
        let node_memory = [0, 4 << 10, 16 << 10, 1 << 30][random.below(4) as usize];
        let view = view(&database, 0).unwrap().with_node_memory(node_memory);
        Self { database, random, models: vec![genesis], oldest: 0, view }
    }

    fn newest(&self) -> Model {
        self.models.last().unwrap().clone()
    }

    /// Layers on top of each other; the view reads them before they are stored.
    fn layers(&mut self, count: u64) {
        let (first, layers, on_top) = self.make(count);
        for (version, layer) in (first..).zip(&layers) {
            store(&self.database, version, layer);
        }
        self.publish(&on_top);
    }

    /// The same, stored at once.
    fn run(&mut self, count: u64) {
        let (first, layers, on_top) = self.make(count);
        let mut writer = self.database.writer().unwrap();
        write_run(&mut writer, Version(first), &layers).unwrap();
        writer.commit().unwrap();
        self.publish(&on_top);
    }

    fn forget(&mut self) {
        self.view = view(&self.database, self.models.len() as u64 - 1).unwrap();
    }

    fn publish(&mut self, on_top: &StateView) {
        let newest = Version(self.models.len() as u64 - 1);
        self.view = on_top.stored(self.database.reader().unwrap(), newest);
    }

    /// Layers that are not stored yet, what the first of them is to be, and a view of the last.
    fn make(&mut self, count: u64) -> (u64, Vec<Arc<Layer>>, StateView) {
        let mut on_top = self.view.clone();
        let mut layers = Vec::new();
        for _ in 0..count {
            let mut model = self.newest();
            let changes = model.change(&mut self.random, 6, ACCOUNTS, SLOTS);
            let layer = Arc::new(on_top.apply(&changes, 1).unwrap());
            assert_eq!(layer.root(), model.root());
            on_top = on_top.with(layer.clone());
            assert_reads_as(&on_top, &model, ACCOUNTS, SLOTS);
            layers.push(layer);
            self.models.push(model);
        }
        ((self.models.len() - layers.len()) as u64, layers, on_top)
    }

    fn branch(&mut self) {
        let mut other = self.newest();
        let changes = other.change(&mut self.random, 6, ACCOUNTS, SLOTS);
        let base = self.view.clone();
        let side = base.with(Arc::new(base.apply(&changes, 1).unwrap()));
        let mut longer = other.clone();
        let changes = longer.change(&mut self.random, 6, ACCOUNTS, SLOTS);
        let side_longer = side.with(Arc::new(side.apply(&changes, 1).unwrap()));
        self.layers(1);
        assert_reads_as(&side, &other, ACCOUNTS, SLOTS);
        assert_reads_as(&side_longer, &longer, ACCOUNTS, SLOTS);
    }

    fn unwind(&mut self, count: u64) {
        let to = (self.models.len() - 1).saturating_sub(count as usize).max(self.oldest);
        let mut writer = self.database.writer().unwrap();
        unwind(&mut writer, Version(to as u64)).unwrap();
        writer.commit().unwrap();
        self.models.truncate(to + 1);
        self.view = view(&self.database, to as u64).unwrap();
    }

    fn prune(&mut self, keep: u64) {
        let below = (self.models.len() - 1).saturating_sub(keep as usize - 1);
        let mut writer = self.database.writer().unwrap();
        forget(&mut writer, Version(below as u64)).unwrap();
        writer.commit().unwrap();
        if self.random.below(2) == 0 {
            settle(&self.database).unwrap();
        }
        // What the oldest version is made from is kept, too.
        let below = (0..=below).rev().find(|version| !self.is_bare(*version)).unwrap();
        self.oldest = self.oldest.max(below);
    }

    /// Whether the tries of a version are not stored.
    fn is_bare(&self, version: usize) -> bool {
        let key = [&b"root"[..], &(version as u64).to_be_bytes()].concat();
        let root = self.database.reader().unwrap().get(Table::StateMeta, &key).unwrap();
        root.is_some_and(|root| root.ends_with(&[0]))
    }

    fn verify_all(&self) {
        let options = VerifyOptions { threads: 2, codes_elsewhere: false };
        for version in self.oldest..self.models.len() {
            let reader = self.database.reader().unwrap();
            let verified = verify(reader, Version(version as u64), options, &|_, _| {}).unwrap();
            assert_eq!(verified.accounts, self.models[version].accounts.len() as u64);
        }
    }

    fn check_all(&self) {
        for (version, model) in self.models.iter().enumerate() {
            let view = view(&self.database, version as u64);
            if version < self.oldest {
                let error = view.unwrap_err();
                let said = format!("the oldest that is kept is {}", self.oldest);
                assert!(matches!(error, Error::Pruned { .. }), "{error}");
                assert!(error.to_string().contains(&said), "{error}");
            } else {
                assert_reads_as(&view.unwrap(), model, ACCOUNTS, SLOTS);
            }
        }
        let after = view(&self.database, self.models.len() as u64).unwrap_err();
        assert!(matches!(after, Error::Future { .. }), "{after}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn versions_read_and_prove_what_they_were(
        seed: u64,
        steps in prop::collection::vec(step(), 1..10),
    ) {
        let mut run = Run::new(seed);
        for step in steps {
            match step {
                Step::Layers(count) => run.layers(count),
                Step::Run(count) => run.run(count),
                Step::Branch => run.branch(),
                Step::Unwind(count) => run.unwind(count),
                Step::Prune(keep) => run.prune(keep),
                Step::Forget => run.forget(),
                Step::WarmUp => {
                    run.forget();
                    run.view = run.view.with_cache(1 << 20);
                    run.view.warm_up(2, &|| true).unwrap();
                }
            }
        }
        run.check_all();
        run.verify_all();
    }

    #[test]
    fn what_is_taken_back_and_made_again_is_the_same_to_the_byte(
        seed: u64,
        count in 1..5_u64,
        more in 1..5_u64,
    ) {
        let mut run = Run::new(seed);
        run.layers(count);
        let before = tables(&run.database);
        let mut states = Vec::new();
        let mut on_top = run.view.clone();
        for _ in 0..more {
            let mut model = run.newest();
            let changes = model.change(&mut run.random, 6, ACCOUNTS, SLOTS);
            let layer = Arc::new(on_top.apply(&changes, 1).unwrap());
            store(&run.database, run.models.len() as u64, &layer);
            on_top = on_top.with(layer.clone());
            run.models.push(model);
            states.push(changes);
        }
        let after = tables(&run.database);
        run.unwind(more);
        prop_assert_eq!(&tables(&run.database), &before);
        for changes in states {
            let version = run.models.len() as u64;
            let layer = view(&run.database, version - 1).unwrap().apply(&changes, 8).unwrap();
            store(&run.database, version, &layer);
            run.models.push(Model::default());
        }
        prop_assert_eq!(&tables(&run.database), &after);
    }
}

#[test]
fn any_number_of_threads_writes_the_same_tables() {
    let run = |threads: usize| {
        let database = database();
        let mut random = Random(3);
        let mut model = Model::default();
        let mut roots = Vec::new();
        for version in 0..4 {
            let changes = model.change(&mut random, 1_500, 3_000, 50);
            // Version 0 is empty until it is written.
            let base = view(&database, u64::max(version, 1) - 1).unwrap();
            let layer = base.apply(&changes, threads).unwrap();
            store(&database, version, &layer);
            roots.push(layer.root());
        }
        assert_eq!(roots.last(), Some(&model.root()));
        (roots, tables(&database))
    };
    let one = run(1);
    for threads in [2, 8] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_large_storage_is_changed_by_many_threads_as_by_one() {
    let run = |threads: usize| {
        let database = database();
        let mut model = Model::default();
        let mut changes = model.change(&mut Random(5), 3, 3, 4);
        changes.accounts[0].storage =
            (0..3_000).map(|key| (U256::from(key), U256::from(key + 1))).collect();
        let layer = view(&database, 0).unwrap().apply(&changes, threads).unwrap();
        store(&database, 0, &layer);
        changes.accounts[0].storage =
            (0..3_000).map(|key| (U256::from(key), U256::from(key % 3))).collect();
        let layer = view(&database, 0).unwrap().apply(&changes, threads).unwrap();
        store(&database, 1, &layer);
        (layer.root(), tables(&database))
    };
    assert!(run(8) == run(1));
}

#[test]
fn a_version_out_of_order_is_refused() {
    let database = database();
    let layer = view(&database, 0).unwrap().apply(&Default::default(), 1).unwrap();
    let mut writer = database.writer().unwrap();
    let refused = write_layer(&mut writer, Version(1), &layer).unwrap_err();
    assert!(matches!(refused, Error::Order { next: Version(0), .. }), "{refused}");
    write_layer(&mut writer, Version(0), &layer).unwrap();
    write_layer(&mut writer, Version(1), &layer).unwrap();
    let refused = write_layer(&mut writer, Version(1), &layer).unwrap_err();
    assert!(matches!(refused, Error::Order { next: Version(2), .. }), "{refused}");
    assert!(matches!(unwind(&mut writer, Version(9)), Err(Error::Future { .. })));
}

#[test]
fn pages_of_shards_list_everything_once() {
    for (seed, limit) in [(12, 1), (13, 2), (14, 1_000)] {
        let mut run = Run::new(seed);
        run.layers(12);
        let model = run.newest();
        let view = view(&run.database, run.models.len() as u64 - 1).unwrap();
        let (mut accounts, mut slots) = (Vec::new(), Vec::new());
        for shard in 0..=u8::MAX {
            let mut after = None;
            loop {
                let page = view.shard_accounts(shard, after, limit).unwrap();
                assert!(page.items.len() <= limit);
                after = page.items.last().map(|(address, _)| *address);
                accounts.extend(page.items);
                if !page.has_more {
                    break;
                }
            }
            let mut after = None;
            loop {
                let page = view.shard_slots(shard, after, limit).unwrap();
                assert!(page.items.len() <= limit);
                after = page.items.last().map(|(address, key, _)| (*address, *key));
                slots.extend(page.items);
                if !page.has_more {
                    break;
                }
            }
        }
        for (address, account) in &accounts {
            assert_eq!(Some(*account), view.account(*address).unwrap());
        }
        let mut listed: Vec<_> = accounts.iter().map(|(address, _)| *address).collect();
        listed.sort_unstable();
        assert_eq!(listed, model.accounts.keys().copied().collect::<Vec<_>>());
        slots.sort_unstable();
        let expected: Vec<_> = model
            .accounts
            .iter()
            .flat_map(|(address, account)| {
                account.slots.iter().map(|(key, value)| (*address, *key, *value))
            })
            .collect();
        assert_eq!(slots, expected);
    }
}

#[test]
fn pages_by_hash_list_everything_once() {
    let mut run = Run::new(11);
    run.layers(3);
    let mut model = run.newest();
    let changes = model.change(&mut run.random, 6, ACCOUNTS, SLOTS);
    let view = run.view.with(Arc::new(run.view.apply(&changes, 1).unwrap()));
    let mut listed = Vec::new();
    let mut start = B256::ZERO;
    loop {
        let page = view.accounts_from(start, 3).unwrap();
        assert!(page.is_sorted_by(|a, b| a.0 < b.0));
        let Some((last, ..)) = page.last().copied() else { break };
        listed.extend(page.into_iter().map(|(hash, address, account)| {
            assert_eq!(hash, keccak256(address));
            assert_eq!(Some(account), view.account(address).unwrap());
            address
        }));
        start = B256::from(
            U256::from_be_bytes(last.0).saturating_add(U256::from(1)).to_be_bytes::<32>(),
        );
    }
    listed.sort_unstable();
    assert_eq!(listed, model.accounts.keys().copied().collect::<Vec<_>>());
    for (address, account) in &model.accounts {
        let page = view.slots_from(*address, B256::ZERO, 100).unwrap();
        assert!(page.is_sorted_by(|a, b| a.0 < b.0));
        let slots: std::collections::BTreeMap<U256, U256> =
            page.into_iter().map(|(_, key, value)| (key, value)).collect();
        assert_eq!(slots, account.slots);
    }
}

#[test]
fn prefetching_changes_no_result() {
    let mut run = Run::new(17);
    run.layers(4);
    let newest = run.models.len() as u64 - 1;
    let mut model = run.newest();
    let changes = model.change(&mut run.random, 10, ACCOUNTS, SLOTS);
    let fetched = view(&run.database, newest).unwrap();
    let addresses: Vec<_> = (0..ACCOUNTS + 3).map(address).collect();
    let slots: Vec<_> =
        addresses.iter().flat_map(|at| (0..SLOTS).map(|key| (*at, U256::from(key)))).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| fetched.prefetch(addresses.into_iter(), slots.into_iter()));
        assert_eq!(fetched.apply(&changes, 2).unwrap().root(), model.root());
    });
}

#[test]
fn pruning_leaves_no_node_that_nothing_needs() {
    let mut run = Run::new(23);
    for _ in 0..6 {
        run.layers(3);
        run.prune(2);
    }
    run.prune(1);
    settle(&run.database).unwrap();
    let model = run.newest();
    let changes = model.as_genesis();
    let fresh = database();
    let layer = view(&fresh, 0).unwrap().apply(&changes, 1).unwrap();
    store(&fresh, 0, &layer);
    let of = |database: &Database, table: Table| {
        let reader = database.reader().unwrap();
        let entries: Vec<(Vec<u8>, Vec<u8>)> = reader
            .all(table)
            .unwrap()
            .map(Result::unwrap)
            // Accounts and slots that are gone are remembered.
            .filter(|(_, entry)| !entry.is_empty())
            .map(|(key, mut entry)| {
                if table == Table::AccountVersions {
                    // And so is that a storage was cleared, in the third bit.
                    entry[0] &= 3;
                }
                (key[..key.len() - 8].to_vec(), entry)
            })
            .collect();
        entries
    };
    for table in [Table::AccountVersions, Table::SlotVersions, Table::TrieNodes] {
        assert_eq!(of(&run.database, table), of(&fresh, table), "{table:?}");
    }
}

#[test]
fn a_run_of_layers_stores_the_nodes_of_the_last_only() {
    let count = |database: &Database| {
        let reader = database.reader().unwrap();
        let nodes = reader.all(Table::TrieNodes).unwrap().map(Result::unwrap);
        nodes.fold(std::collections::BTreeMap::new(), |mut counts, (key, _)| {
            let (_, version) = key.split_last_chunk::<8>().unwrap();
            *counts.entry(u64::from_be_bytes(*version)).or_insert(0) += 1;
            counts
        })
    };
    let mut run = Run::new(29);
    run.run(5);
    let versions: Vec<u64> = count(&run.database).into_keys().collect();
    assert_eq!(versions, [0, 5]);
    run.check_all();
    // Gone back to, the version in between stays without; the next one has all that differs.
    run.unwind(2);
    assert!(run.is_bare(3));
    run.check_all();
    run.verify_all();
    run.layers(1);
    let versions: Vec<u64> = count(&run.database).into_keys().collect();
    assert_eq!(versions, [0, 4]);
    run.view = view(&run.database, 4).unwrap();
    run.check_all();
    run.verify_all();
}

#[test]
fn the_first_version_of_all_has_its_nodes() {
    let database = database();
    let (mut random, mut model) = (Random(31), Model::default());
    let mut on_top = view(&database, 0).unwrap();
    let mut layers = Vec::new();
    let mut models = Vec::new();
    for _ in 0..3 {
        let changes = model.change(&mut random, 6, ACCOUNTS, SLOTS);
        let layer = Arc::new(on_top.apply(&changes, 1).unwrap());
        on_top = on_top.with(layer.clone());
        layers.push(layer);
        models.push(model.clone());
    }
    let mut writer = database.writer().unwrap();
    write_run(&mut writer, Version(0), &layers).unwrap();
    writer.commit().unwrap();
    for (version, model) in models.iter().enumerate() {
        assert_reads_as(&view(&database, version as u64).unwrap(), model, ACCOUNTS, SLOTS);
    }
}

/// Random changes with deletes, cleared storages and accounts made again, large enough that they
/// are shared out among threads. `HEDDLE_STATE_CHANGES` sets how many.
#[test]
fn roots_are_those_of_a_trie_from_nothing_on_any_number_of_threads() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = variable("HEDDLE_SEED").unwrap_or(37);
    let count = variable("HEDDLE_STATE_CHANGES").unwrap_or(12);
    println!("HEDDLE_SEED={seed} HEDDLE_STATE_CHANGES={count}");
    let (mut random, mut model) = (Random(seed), Model::default());
    let databases = [1, 2, 8].map(|threads| (threads, database()));
    let mut views: Vec<StateView> = databases
        .iter()
        .map(|(threads, database)| {
            view(database, 0).unwrap().with_node_memory(*threads * (64 << 10))
        })
        .collect();
    for version in 0..count {
        let (most, accounts) = [(3_000, 2_000), (40, 2_000), (900, 300)][random.below(3) as usize];
        let number = 1 + random.below(most);
        let changes = model.change(&mut random, number, accounts, 12);
        let root = model.root();
        for ((threads, database), view) in databases.iter().zip(&mut views) {
            let layer = Arc::new(view.apply(&changes, *threads).unwrap());
            assert_eq!(layer.root(), root, "version {version}, {threads} threads");
            store(database, version, &layer);
            *view = view.with(layer).stored(database.reader().unwrap(), Version(version));
        }
    }
    let options = VerifyOptions { threads: 2, codes_elsewhere: false };
    for (_, database) in &databases {
        assert_eq!(tables(database), tables(&databases[0].1));
        let reader = database.reader().unwrap();
        verify(reader, Version(count - 1), options, &|_, _| {}).unwrap();
    }
}
