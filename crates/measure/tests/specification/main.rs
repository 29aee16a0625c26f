//! Random blocks, executed by Heddle's parallel engine and by Ethereum's executable specification.
//!
//! The blocks are those of the executor's own property test, here with signed transactions and
//! with everything that the protocol does by itself: rewards, ommers, withdrawals, system calls and
//! requests. Compared are the state's root, the receipts' root (before Byzantium with a root of the
//! state in each receipt), bloom, gas, blob gas, requests, and which candidates are invalid.
//!
//! `cargo xtask campaign spec` sets it up. `HEDDLE_SPEC_PYTHON` is a Python that has the package
//! ethereum-execution; without it nothing is compared. `HEDDLE_SPEC_BLOCKS` is the number of blocks,
//! `HEDDLE_SEED` what they are drawn from, `HEDDLE_SPEC_FIRST` the number of the first: the same
//! seed and number give the same block.

mod judge;
mod outcome;
mod signing;
#[allow(dead_code, reason = "the property test of the executor uses more of it")]
#[path = "../../../executor/tests/support/mod.rs"]
mod support;

use alloy_primitives::U256;
use heddle_executor::{Block, Executor, MemoryAccount, Settings};
use heddle_types::{BlobParams, Fork};
use judge::Judge;
use outcome::Outcome;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use std::{
    env,
    ffi::OsString,
    fmt::Debug,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use support::blueprint::Blueprint;

/// Transactions of a block at most: the specification is slow, and conflicts need few.
const TRANSACTIONS_MAX: usize = 40;
/// The largest balance: the specification does not say what happens when a payment overflows.
const BALANCE_MAX: u128 = 10_u128.pow(24);
/// Threads of the parallel engine.
const THREADS: usize = 4;

/// How much was compared, so that nobody takes it for more than it was.
#[derive(Debug, Default)]
struct Work {
    blocks: AtomicU64,
    transactions: AtomicU64,
    rejected: AtomicU64,
    requests: AtomicU64,
}

/// Compares blocks, one after the other.
struct Comparer {
    executor: Executor,
    judge: Judge,
}

impl Comparer {
    fn new(python: &OsString) -> Self {
        let settings = Settings { threads: THREADS, parallel_gas_min: 0, ..Settings::default() };
        Self {
            executor: Executor::new(settings).expect("threads can be started"),
            judge: Judge::new(python),
        }
    }

    fn compare(&mut self, bytes: &[u8], work: &Work) -> Result<(), String> {
        let blueprint = blueprint(bytes);
        let block = block(&blueprint);
        let candidates: Vec<_> = blueprint.transactions.iter().map(signing::signed).collect();
        let expected = self.judge.outcome(&blueprint.state, &block, &candidates);
        let found = Outcome::of(&mut self.executor, &blueprint.state, &block, &candidates);
        let (expected, found) = match (expected, found) {
            (Ok(expected), Ok(found)) => (expected, found),
            (Err(_), Err(_)) => return Ok(()),
            (Err(error), Ok(_)) => return Err(format!("must be invalid: {error}")),
            (Ok(_), Err(error)) => return Err(format!("must be valid, got: {error}")),
        };
        expected.same(&found).map_err(|difference| {
            let dump = self.judge.dump();
            format!("{difference}{}", judge::first_difference(&dump, &found.state))
        })?;
        work.blocks.fetch_add(1, Ordering::Relaxed);
        let rejected = found.rejected.len();
        work.rejected.fetch_add(rejected as u64, Ordering::Relaxed);
        work.transactions.fetch_add((candidates.len() - rejected) as u64, Ordering::Relaxed);
        work.requests.fetch_add(found.requests.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The block of these bytes, such as can be in a chain.
fn blueprint(bytes: &[u8]) -> Blueprint {
    let mut blueprint = Blueprint::new(bytes, TRANSACTIONS_MAX);
    if blueprint.fork >= Fork::Merge {
        // There were none any more.
        blueprint.state.accounts.retain(|_, account| *account != MemoryAccount::default());
    }
    for account in blueprint.state.accounts.values_mut() {
        account.balance = account.balance.min(U256::from(BALANCE_MAX));
    }
    blueprint.protocol_operations = true;
    blueprint
}

fn block(blueprint: &Blueprint) -> Block<'_> {
    let blobs = match blueprint.fork {
        Fork::Prague => BlobParams::prague(),
        Fork::Osaka => BlobParams::osaka(),
        _ => BlobParams::cancun(),
    };
    Block { blob_gas_limit: blobs.max_blob_gas_per_block(), ..blueprint.block() }
}

/// The first byte chooses the fork: mostly the newest, never the last of the list, which is not
/// final and not in the specification.
fn block_bytes() -> impl Strategy<Value = Vec<u8>> {
    let fork = prop_oneof![2 => Just(0), 2 => Just(2), 3 => 0..14_u8];
    (fork, vec(any::<u8>(), 64..1000)).prop_map(|(fork, mut bytes)| {
        bytes[0] = fork;
        bytes
    })
}

/// A number from the environment.
fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Draws block number `index` and compares it; makes it smaller when it differs.
fn check(comparer: &mut Comparer, seed: u64, index: u64, work: &Work) -> Result<(), String> {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let mut long_seed = [0; 32];
    long_seed[..8].copy_from_slice(&seed.to_le_bytes());
    long_seed[8..16].copy_from_slice(&index.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &long_seed);
    let mut runner = TestRunner::new_with_rng(config, random);
    let comparer = std::cell::RefCell::new(comparer);
    let tree = block_bytes().new_tree(&mut runner).map_err(|reason| reason.to_string())?;
    let result = runner.run_one(tree, |bytes| {
        let result = comparer.borrow_mut().compare(&bytes, work);
        result
            .map_err(|error| TestCaseError::fail(format!("{:?}: {error}", blueprint(&bytes).fork)))
    });
    result.map(drop).map_err(|error| error.to_string())
}

#[test]
fn agrees_with_the_executable_specification() {
    let Some(python) = env::var_os("HEDDLE_SPEC_PYTHON") else {
        println!(
            "nothing compared: HEDDLE_SPEC_PYTHON is not set; use `cargo xtask campaign spec`"
        );
        return;
    };
    let blocks: u64 = setting("HEDDLE_SPEC_BLOCKS", 50);
    let first: u64 = setting("HEDDLE_SPEC_FIRST", 0);
    let seed: u64 = setting("HEDDLE_SEED", 0);
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(first);
    let work = Work::default();
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut comparer = Comparer::new(&python);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= first + blocks || failure.lock().unwrap().is_some() {
                        return;
                    }
                    if index % 500 == 499 {
                        println!("{} of {blocks} blocks", index - first + 1);
                    }
                    if let Err(error) = check(&mut comparer, seed, index, &work) {
                        *failure.lock().unwrap() = Some((index, error));
                    }
                }
            });
        }
    });
    println!("{blocks} blocks from seed {seed}: {work:?}");
    if let Some((index, error)) = failure.into_inner().unwrap() {
        panic!("HEDDLE_SEED={seed} HEDDLE_SPEC_FIRST={index} HEDDLE_SPEC_BLOCKS=1: {error}");
    }
    let transactions = work.transactions.into_inner();
    assert!(transactions > 0, "nothing was compared");
    assert!(blocks < 50 || work.requests.into_inner() > 0, "no block made a request");
}
