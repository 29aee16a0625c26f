//! The critical path of a block: what no number of threads can shorten.
//!
//! A transaction waits for the last one before it that wrote a slot which it reads, and for the one
//! before it of the same sender. The longest chain of those, in gas or in time, is the critical path.
//! Balances of ether are left out: the executor adds to them in any order.

use super::{CHAIN_ID, FORK, Workload};
use crate::Error;
use alloy_primitives::{
    Address, U256,
    map::{AddressMap, HashMap},
};
use heddle_executor::{
    Executor, Overlay, Settings, Way,
    call::{Environment, Interrupt, commit},
    tracing::activity,
};
use heddle_types::Receipt;
use serde::Serialize;

/// Slots that are named.
const HOT_MAX: usize = 8;

/// Times that a block is executed to know what each transaction takes.
const TIMED_MAX: usize = 3;

/// What the transactions of a block wait for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CriticalPath {
    /// Gas of the longest chain, by that of the block.
    pub(super) gas_share: f64,
    /// Time of the longest chain, by that of all transactions one after the other.
    pub(super) time_share: f64,
    /// Transactions that wait for another one's slot.
    pub(super) waiting: usize,
    /// The slots that most wait for.
    pub(super) hot: Vec<HotSlot>,
}

/// A slot that transactions wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct HotSlot {
    pub(super) address: Address,
    pub(super) slot: U256,
    pub(super) waits: usize,
}

/// For each transaction those that it waits for, and how often slots were waited for.
struct Waits {
    before: Vec<Vec<usize>>,
    waiting: usize,
    slots: HashMap<(Address, U256), usize>,
}

impl CriticalPath {
    /// Of a block whose transactions gave these receipts.
    pub(super) fn of(workload: &Workload, receipts: &[Receipt]) -> Result<Self, Error> {
        let waits = Waits::of(workload)?;
        let gas: Vec<f64> = receipts.iter().map(|receipt| receipt.gas_used as f64).collect();
        let times = times(workload)?;
        let mut hot: Vec<HotSlot> = waits
            .slots
            .into_iter()
            .map(|((address, slot), waits)| HotSlot { address, slot, waits })
            .collect();
        hot.sort_unstable_by_key(|hot| (std::cmp::Reverse(hot.waits), hot.address, hot.slot));
        hot.truncate(HOT_MAX);
        Ok(Self {
            gas_share: longest(&waits.before, &gas) / gas.iter().sum::<f64>().max(1.0),
            time_share: longest(&waits.before, &times) / times.iter().sum::<f64>().max(1.0),
            waiting: waits.waiting,
            hot,
        })
    }
}

impl Waits {
    fn of(workload: &Workload) -> Result<Self, Error> {
        let failed = |index: usize, what: String| Error::Workload {
            name: workload.kind.name(),
            what: format!("transaction {index} cannot be looked at: {what}"),
        };
        let environment = Environment::new(FORK, CHAIN_ID, workload.env.clone());
        let mut state = Overlay::new(&workload.state);
        let mut writers: HashMap<(Address, U256), usize> = HashMap::default();
        let mut last_of: AddressMap<usize> = AddressMap::default();
        let mut waits = Self { before: Vec::new(), waiting: 0, slots: HashMap::default() };
        for (index, transaction) in workload.transactions.iter().enumerate() {
            let (seen, outcome) =
                activity(&mut state, &environment, transaction, &Interrupt::never())
                    .map_err(|error| failed(index, error.to_string()))?;
            commit(&mut state, &environment, &outcome)
                .map_err(|error| failed(index, error.to_string()))?;
            let mut before: Vec<usize> =
                last_of.insert(transaction.caller, index).into_iter().collect();
            let own = before.len();
            for access in &seen.slots {
                let key = (access.address, access.slot);
                if let Some(writer) = writers.get(&key) {
                    before.push(*writer);
                    *waits.slots.entry(key).or_default() += 1;
                }
                if access.written {
                    writers.insert(key, index);
                }
            }
            waits.waiting += usize::from(before.len() > own);
            waits.before.push(before);
        }
        Ok(waits)
    }
}

/// The longest chain, where transactions take so long. Each waits for earlier ones only.
fn longest(before: &[Vec<usize>], weights: &[f64]) -> f64 {
    let mut ends: Vec<f64> = Vec::with_capacity(weights.len());
    for (before, weight) in before.iter().zip(weights) {
        let start = before.iter().map(|index| ends[*index]).fold(0.0, f64::max);
        ends.push(start + weight);
    }
    ends.into_iter().fold(0.0, f64::max)
}

/// Nanoseconds that each transaction takes, executed one after the other: the least of some times.
/// Those that are too brief to be timed alone have each a part of what they take together.
fn times(workload: &Workload) -> Result<Vec<f64>, Error> {
    let settings = Settings { threads: 1, record_schedule: true, ..Settings::default() };
    let mut executor = Executor::new(settings)?;
    let mut times = vec![f64::MAX; workload.transactions.len()];
    for _ in 0..TIMED_MAX {
        let output =
            executor.execute(&workload.block(), &workload.state, Way::Sequential).map_err(
                |error| Error::Workload { name: workload.kind.name(), what: error.to_string() },
            )?;
        for span in output.schedule.iter().flat_map(|schedule| &schedule.spans) {
            let each = span.duration as f64 / f64::from(span.count.max(1));
            let first = span.transaction as usize;
            for time in times.iter_mut().skip(first).take(span.count as usize) {
                *time = time.min(each);
            }
        }
    }
    // Beyond what a schedule keeps.
    times.iter_mut().filter(|time| **time == f64::MAX).for_each(|time| *time = 0.0);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{WorkloadKind, workload};

    fn path(kind: WorkloadKind, transactions: usize) -> CriticalPath {
        let workload = workload(kind, transactions).unwrap();
        let settings = Settings { threads: 1, ..Settings::default() };
        let output = Executor::new(settings)
            .unwrap()
            .execute(&workload.block(), &workload.state, Way::Sequential)
            .unwrap();
        CriticalPath::of(&workload, &output.receipts).unwrap()
    }

    #[test]
    fn the_longest_chain_is_that_of_the_heaviest() {
        // 0 <- 1 <- 3, 0 <- 2 <- 3, and 4 alone.
        let before = [vec![], vec![0], vec![0], vec![1, 2], vec![]];
        assert_eq!(longest(&before, &[1.0, 2.0, 5.0, 1.0, 3.0]), 7.0);
        assert_eq!(longest(&before, &[1.0, 2.0, 5.0, 1.0, 9.0]), 9.0);
        assert_eq!(longest(&[], &[]), 0.0);
    }

    #[test]
    fn what_meets_nowhere_has_a_path_of_one_and_what_all_write_one_of_all() {
        let apart = path(WorkloadKind::Amm, 40);
        assert_eq!((apart.waiting, apart.hot.len()), (0, 0));
        assert!(apart.gas_share < 1.5 / 40.0, "{apart:?}");
        let hot = path(WorkloadKind::AmmHot, 40);
        assert_eq!((hot.waiting, hot.hot[0].waits), (39, 39));
        assert!((hot.gas_share - 1.0).abs() < 1e-9 && (hot.time_share - 1.0).abs() < 1e-9);
        // One sender, whose transfers touch no slot.
        let chain = path(WorkloadKind::NonceChain, 40);
        assert_eq!(chain.waiting, 0);
        assert!((chain.gas_share - 1.0).abs() < 1e-9, "{chain:?}");
    }

    #[test]
    fn shards_shorten_the_path_of_a_crash_by_half_at_least() {
        let [parallel, plain] =
            [WorkloadKind::VenueCrash, WorkloadKind::VenueCrashPlain].map(|kind| path(kind, 400));
        assert!(2.0 * parallel.gas_share < plain.gas_share, "{parallel:#?} {plain:#?}");
    }
}
