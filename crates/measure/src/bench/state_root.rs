//! `heddle bench state-root`: times making the state root of a block.

use super::{random::Random, statistics::Quartiles};
use crate::Error;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root::state_root_unhashed};
use heddle_state::{StateView, Version};
use heddle_storage::{Database, Options};
use heddle_types::{AccountChange, AccountState, ChangeSet};
use serde::Serialize;
use std::{
    env,
    io::{self, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Time making the state root of a block that touches many accounts.
///
/// The state has accounts with random addresses, which were put into it by the same code. A run
/// draws as many of them as the block touches, each once: half get another balance, as who receives
/// a transfer does, and half another balance and nonce, as who sends one. It times what a node does
/// with the changes of a block: from the change set to the new layer of the state with its root. All
/// nodes of the trie are in memory before. Each run is on the same state; one that is not timed
/// comes first, and its root is compared with that which alloy-trie makes of all accounts.
///
/// Exit status: 0 when the root is right, 1 when it is not, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchStateRoot {
    /// Accounts in the state.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    accounts: u32,
    /// Accounts that the block touches, at most all.
    #[arg(long, value_name = "N", default_value_t = 200_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    touched: u32,
    /// Threads [default: all processors]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Runs that are timed.
    #[arg(long, value_name = "R", default_value_t = 11,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Clone, Debug, Serialize)]
struct Line {
    accounts: usize,
    touched: usize,
    threads: usize,
    /// The median of the runs.
    seconds: f64,
    seconds_quartile_first: f64,
    seconds_quartile_third: f64,
}

impl BenchStateRoot {
    /// Does it, printing to the standard output. `false` when the root is not right.
    ///
    /// # Errors
    ///
    /// When the state cannot be made or the results not be written.
    pub fn run(self) -> Result<bool, Error> {
        self.run_to(&mut io::stdout().lock())
    }

    fn run_to(&self, out: &mut impl Write) -> Result<bool, Error> {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(processors, usize::from);
        let mut state = State::new(self.accounts as usize, threads)?;
        let touched = (self.touched as usize).min(state.accounts.len());

        let changes = state.touch(touched);
        let (_, root) = state.time(&changes, threads)?;
        let expected = state.root_after(&changes);
        if root != expected {
            writeln!(out, "the root is {root}, and not {expected}")?;
            return Ok(false);
        }
        let mut times = Vec::new();
        for _ in 0..self.runs {
            let changes = state.touch(touched);
            times.push(state.time(&changes, threads)?.0.as_secs_f64());
        }
        let Some(Quartiles { first, median, third }) = Quartiles::of(times) else {
            return Ok(true);
        };
        let line = Line {
            accounts: state.accounts.len(),
            touched,
            threads,
            seconds: median,
            seconds_quartile_first: first,
            seconds_quartile_third: third,
        };
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&line).map_err(io::Error::from)?)?;
        } else {
            writeln!(
                out,
                "{} of {} accounts touched, {threads} threads: {:.1} ms (median of {}; quartiles \
                 {:.1} and {:.1} ms)",
                touched,
                line.accounts,
                median * 1e3,
                self.runs,
                first * 1e3,
                third * 1e3,
            )?;
        }
        Ok(true)
    }
}

/// A state, all of it in memory, and what is in it.
struct State {
    view: StateView,
    /// By ascending address.
    accounts: Vec<(Address, AccountState)>,
    random: Random,
}

impl State {
    fn new(count: usize, threads: usize) -> Result<Self, Error> {
        let mut random = Random::new(1);
        let mut account = |_| {
            let (balance, nonce) = (U256::from(random.below(1 << 60)), random.below(1_000));
            (random.address(), AccountState { balance, nonce, code_hash: KECCAK256_EMPTY })
        };
        let mut accounts: Vec<_> = (0..count).map(&mut account).collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        let database = Database::ephemeral(&env::temp_dir(), Options::default())?;
        let empty = StateView::new(database.reader()?, Version(0))?;
        let all = accounts.iter().map(|(address, state)| change(*address, *state)).collect();
        let layer = empty.apply(&ChangeSet { accounts: all, codes: Vec::new() }, threads)?;
        Ok(Self { view: empty.with(Arc::new(layer)), accounts, random })
    }

    /// Changes of so many accounts, each once.
    fn touch(&mut self, count: usize) -> ChangeSet {
        let mut left = self.accounts.len();
        let mut needed = count;
        let mut changes = Vec::with_capacity(count);
        // Each account is taken with the chance that leaves enough of the others.
        for (address, state) in &self.accounts {
            if self.random.below(left as u64) < needed as u64 {
                let mut after = *state;
                after.balance += U256::from(1 + self.random.below(1 << 40));
                after.nonce += self.random.below(2);
                changes.push(change(*address, after));
                needed -= 1;
            }
            left -= 1;
        }
        ChangeSet { accounts: changes, codes: Vec::new() }
    }

    /// How long it takes, and the root. Forgetting the state after is not timed.
    fn time(&self, changes: &ChangeSet, threads: usize) -> Result<(Duration, B256), Error> {
        let start = Instant::now();
        let layer = self.view.apply(changes, threads)?;
        Ok((start.elapsed(), layer.root()))
    }

    /// The judge.
    fn root_after(&self, changes: &ChangeSet) -> B256 {
        let mut changes = changes.accounts.iter().peekable();
        state_root_unhashed(self.accounts.iter().map(|(address, state)| {
            let changed = changes.next_if(|change| change.address == *address);
            let AccountState { balance, nonce, code_hash } =
                changed.and_then(|change| change.after).unwrap_or(*state);
            let storage_root = EMPTY_ROOT_HASH;
            (*address, TrieAccount { nonce, balance, storage_root, code_hash })
        }))
    }
}

fn change(address: Address, after: AccountState) -> AccountChange {
    let (after, storage) = (Some(after), Vec::new());
    AccountChange { address, after, storage_cleared: false, storage }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(json: bool) -> BenchStateRoot {
        BenchStateRoot { accounts: 3_000, touched: 700, threads: Some(2), runs: 3, json }
    }

    #[test]
    fn prints_how_long_the_right_root_takes() {
        let mut out = Vec::new();
        assert!(bench(true).run_to(&mut out).unwrap());
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&line["accounts"], &line["touched"]), (&3_000.into(), &700.into()));
        assert_eq!(line["threads"], 2);
        assert!(line["seconds"].as_f64().unwrap() > 0.0);
    }

    #[test]
    fn touches_so_many_accounts_each_once() {
        let mut state = State::new(100, 1).unwrap();
        for count in [1, 40, 100] {
            let changes = state.touch(count);
            assert_eq!(changes.accounts.len(), count);
            assert!(changes.accounts.is_sorted_by(|a, b| a.address < b.address));
        }
    }
}
