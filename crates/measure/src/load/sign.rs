//! Signing on all processors: everything beforehand, or, of a load that would fill the memory, a
//! little ahead of the sending.

use super::{
    plan::{Batch, Plan},
    progress,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Requests of one connection that are signed ahead of the sending, in a load that is not signed
/// beforehand.
const AHEAD: usize = 64;

/// Requests that each thread signs at a time then.
const SHARE: u64 = 4;

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Signs everything, in order.
pub(super) fn all(plan: &Plan) -> Vec<Arc<Batch>> {
    let bar = progress::bar("signing", plan.transactions);
    let next = AtomicU64::new(0);
    let work = || {
        let mut signed = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= plan.batches() {
                return signed;
            }
            let batch = plan.sign(number);
            bar.inc(batch.hashes.len() as u64);
            signed.push(Arc::new(batch));
        }
    };
    let mut signed: Vec<Arc<Batch>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
    });
    signed.sort_unstable_by_key(|batch| batch.first);
    bar.finish_and_clear();
    signed
}

/// The two ends of each connection's queue.
type Queues = (Vec<SyncSender<Arc<Batch>>>, Vec<Receiver<Arc<Batch>>>);

/// The requests of each connection, which [`ahead`] signs.
pub(super) fn queues(plan: &Plan) -> Queues {
    (0..plan.connections).map(|_| sync_channel(AHEAD)).unzip()
}

/// Signs everything, in order, no further ahead than the queues are long. It ends early when
/// nobody takes any more.
pub(super) fn ahead(plan: &Plan, queues: &[SyncSender<Arc<Batch>>]) {
    let mut first = 0;
    while first < plan.batches() {
        let end = plan.batches().min(first + threads() as u64 * SHARE);
        let numbers: Vec<u64> = (first..end).collect();
        let signed: Vec<Batch> = thread::scope(|scope| {
            let share = numbers.chunks(SHARE as usize);
            let threads: Vec<_> = share
                .map(|share| {
                    scope
                        .spawn(|| share.iter().map(|number| plan.sign(*number)).collect::<Vec<_>>())
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("it does not panic"))
                .collect()
        });
        for (number, batch) in numbers.iter().zip(signed) {
            let queue = &queues[(number % plan.connections) as usize];
            if queue.send(Arc::new(batch)).is_err() {
                return;
            }
        }
        first = end;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::plan::{LoadKind, tests::plan},
        *,
    };

    #[test]
    fn ahead_and_beforehand_give_the_same() {
        let plan = plan(LoadKind::Mixed, 103, 5, 3, 7);
        let all = all(&plan);
        assert_eq!(all.len(), 21);
        let (senders, receivers) = queues(&plan);
        let found: Vec<Vec<Arc<Batch>>> = thread::scope(|scope| {
            let plan = &plan;
            scope.spawn(move || ahead(plan, &senders));
            receivers.into_iter().map(|queue| queue.into_iter().collect()).collect()
        });
        for (connection, found) in found.into_iter().enumerate() {
            let expected: Vec<_> = all.iter().skip(connection).step_by(3).cloned().collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn signing_ends_when_nobody_sends_any_more() {
        let (senders, receivers) = queues(&plan(LoadKind::Transfers, 1, 1, 1, 1));
        drop(receivers);
        ahead(&plan(LoadKind::Transfers, 1_000_000, 10, 1, 1), &senders);
    }
}
