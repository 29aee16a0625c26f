//! All ways of executing a block, compared.

use alloy_primitives::U256;
use heddle_executor::{Block, BlockOutput, Executor, Invalid, MemoryState, Settings, Way};
use heddle_types::{AccessList, Fork};
use std::{fmt, ops::AddAssign};

/// Executors on several numbers of threads, with every size threshold off.
pub(crate) struct Executors(Vec<Executor>);

/// How much was compared, so that nobody takes it for more than it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Transactions in blocks, those left out aside; each counted once.
    pub(crate) included: u64,
    /// In the optimistic way, on all numbers of threads together.
    pub(crate) speculative_executions: u64,
    pub(crate) reexecutions: u64,
    pub(crate) direct_transfers: u64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.included += other.included;
        self.speculative_executions += other.speculative_executions;
        self.reexecutions += other.reexecutions;
        self.direct_transfers += other.direct_transfers;
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transactions included, {} speculative executions, {} re-executions, {} direct \
             transfers",
            self.included, self.speculative_executions, self.reexecutions, self.direct_transfers
        )
    }
}

impl Executors {
    pub(crate) fn new(threads: &[usize]) -> Self {
        let executor = |threads: &usize| {
            Executor::new(Settings {
                threads: *threads,
                parallel_gas_min: 0,
                sequential_access_list: true,
                ..Settings::default()
            })
            .expect("threads can be started")
        };
        Self(threads.iter().map(executor).collect())
    }

    /// Executes `block` in every way on every number of threads. Gives what the sequential way
    /// gives and how much was compared; the first difference is the error.
    pub(crate) fn compare_block(
        &mut self,
        block: &Block<'_>,
        state: &MemoryState,
    ) -> Result<(BlockOutput, Work), String> {
        let reference = self.0[0]
            .execute(block, state, Way::Sequential)
            .map_err(|error| format!("sequential: {error}"))?;
        let judge = reference.access_list.as_ref().ok_or("the sequential way made no list")?;
        let included = included(block, &reference);
        let verified = Block { transactions: &included, invalid: Invalid::Reject, ..block.clone() };
        let mut work = Work { included: included.len() as u64, ..Work::default() };
        let comparable = comparable(block.fork, state, judge);
        for executor in &mut self.0 {
            let optimistic = executor
                .execute(block, state, Way::Optimistic)
                .map_err(|error| format!("optimistic: {error}"))?;
            let name = format!("optimistic on {} threads", optimistic.statistics.threads);
            same(&name, &reference, &optimistic)?;
            work.speculative_executions += optimistic.statistics.speculative_executions;
            work.reexecutions += optimistic.statistics.reexecutions;
            work.direct_transfers += optimistic.statistics.direct_transfers;
            let list = optimistic.access_list.as_ref().ok_or("the optimistic way made no list")?;
            if block.fork >= Fork::Cancun && !list.marks.is_empty() {
                return Err(format!("{name}: marks after Cancun"));
            }
            if comparable && list != judge {
                return Err(format!("{name}: {}", list_difference(judge, list)));
            }
            if list.marks != judge.marks {
                return Err(format!("{name}: marks {:?}, not {:?}", list.marks, judge.marks));
            }
            let lists = [(list, name.as_str()), (judge, "the sequential way")];
            for (list, from) in lists.into_iter().take(1 + usize::from(comparable)) {
                let mut guided = executor
                    .execute(&verified, state, Way::Guided(list))
                    .map_err(|error| format!("guided, list of {from}: {error}\n{list:#?}"))?;
                guided.skipped.clone_from(&reference.skipped);
                same(&format!("guided by the list of {from}"), &reference, &guided)?;
            }
        }
        Ok((reference, work))
    }
}

/// Whether revm's builder makes the same list. Before Cancun a slot that is written again to what
/// it was before its account was destroyed is a change to us and none to revm; and where a payment
/// overflows, revm notes a change of a balance that does not happen.
fn comparable(fork: Fork, state: &MemoryState, judge: &AccessList) -> bool {
    let overflows = state.accounts.values().any(|account| account.balance >> 128 != U256::ZERO);
    let destroys = judge.marks.iter().any(|marks| !marks.destroyed_at.is_empty());
    !overflows && (fork >= Fork::Cancun || !destroys)
}

/// The first account of which two lists say different things.
fn list_difference(expected: &AccessList, found: &AccessList) -> String {
    let pairs = expected.accounts.iter().zip(&found.accounts);
    match pairs.into_iter().find(|(expected, found)| expected != found) {
        Some((expected, found)) => {
            format!("lists differ\nexpected {expected:#?}\nfound {found:#?}")
        }
        None => format!(
            "lists are of {} and {} accounts, marks {:?} and {:?}",
            expected.accounts.len(),
            found.accounts.len(),
            expected.marks,
            found.marks
        ),
    }
}

/// The transactions of a block that were not left out.
fn included(block: &Block<'_>, output: &BlockOutput) -> Vec<heddle_executor::revm::context::TxEnv> {
    let skipped: Vec<_> = output.skipped.iter().map(|skipped| skipped.index).collect();
    let all = block.transactions.iter().enumerate();
    all.filter(|(index, _)| !skipped.contains(index)).map(|(_, tx)| tx.clone()).collect()
}

/// Whether two outputs agree in what does not depend on timing.
pub(crate) fn same(name: &str, reference: &BlockOutput, other: &BlockOutput) -> Result<(), String> {
    fn equal<T: PartialEq + core::fmt::Debug>(
        name: &str,
        what: &str,
        expected: &T,
        found: &T,
    ) -> Result<(), String> {
        if expected == found {
            return Ok(());
        }
        Err(format!("{name}: {what} differ\nexpected {expected:#?}\nfound {found:#?}"))
    }
    equal(name, "skipped", &reference.skipped, &other.skipped)?;
    equal(name, "receipts", &reference.receipts, &other.receipts)?;
    equal(name, "gas", &reference.gas_used, &other.gas_used)?;
    equal(name, "blob gas", &reference.blob_gas_used, &other.blob_gas_used)?;
    equal(name, "requests", &reference.requests, &other.requests)?;
    equal(name, "changes", &reference.changes, &other.changes)
}
