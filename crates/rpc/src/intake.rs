//! Taking up signed transactions, many at a time.
//!
//! Recovering the senders of many together takes a small part of the time that it takes one by one
//! (`heddle_ecrecover`), and one look at the pool serves them all. So whatever arrives while some are
//! taken up waits, whoever sent it, and is taken up together next. What arrives alone does not wait.
//! While a block has the pool, the senders of more are recovered.

#[cfg(test)]
mod tests;

use crate::{Error, context::Node};
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes};
use heddle_chain::ExecutionState;
use heddle_pool::{Candidate, Origin, Pool, PoolError, PoolTransaction, PooledTransaction};
use heddle_producer::sender_state;
use heddle_types::Fork;
use parking_lot::Mutex;
use std::{
    fmt, mem,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{sync::oneshot, task::spawn_blocking};

/// Transactions that are taken up together, at most: their senders are recovered before the first
/// answer.
const TOGETHER_MAX: usize = 2048;

/// Transactions whose senders are known, from which on all wait for the pool.
const READY_MAX: usize = 4 * TOGETHER_MAX;

/// Transactions that are added to the pool before others get a look at it.
const ADDED_AT_ONCE: usize = 256;

/// Bytes of transactions that wait at most, whatever their number.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Transactions that wait to be taken up.
#[derive(Default)]
pub(crate) struct Intake {
    queue: Mutex<Queue>,
    /// Of the next block, when the pool was last asked.
    fork: Mutex<Option<Fork>>,
}

#[derive(Default)]
struct Queue {
    groups: Vec<Group>,
    transactions: usize,
    bytes: usize,
    /// Whether a thread is at it.
    is_worked_on: bool,
}

/// What came of each transaction.
type Answers = Vec<Result<B256, Error>>;

/// Transactions of one request, in its order.
struct Group {
    transactions: Vec<PooledTransaction>,
    bytes: usize,
    answer: oneshot::Sender<Answers>,
}

/// Transactions whose senders are known, and who waits for the answers: how many each.
struct Ready {
    candidates: Vec<Result<Candidate, PoolError>>,
    askers: Vec<(usize, oneshot::Sender<Answers>)>,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Queue { transactions, bytes, .. } = &*self.queue.lock();
        f.debug_struct("Intake").field("transactions", transactions).field("bytes", bytes).finish()
    }
}

impl Intake {
    /// Lets transactions wait, unless too many do: the answers to come, and whether somebody is to
    /// be put to work.
    fn push(
        &self,
        transactions: Vec<PooledTransaction>,
        bytes: usize,
        waiting_max: usize,
    ) -> Option<(oneshot::Receiver<Answers>, bool)> {
        let mut queue = self.queue.lock();
        let transactions_after = queue.transactions + transactions.len();
        let bytes_after = queue.bytes + bytes;
        let is_room = transactions_after <= waiting_max && bytes_after <= WAITING_BYTES_MAX;
        // What comes to an empty queue is within the bounds of a request.
        if !is_room && queue.transactions > 0 {
            return None;
        }
        let (answer, answers) = oneshot::channel();
        queue.groups.push(Group { transactions, bytes, answer });
        (queue.transactions, queue.bytes) = (transactions_after, bytes_after);
        Some((answers, !mem::replace(&mut queue.is_worked_on, true)))
    }

    /// What is to be taken up next. When there is nothing, whoever asks is done, if it says so.
    fn next(&self, is_done: bool) -> Option<Vec<Group>> {
        let mut queue = self.queue.lock();
        let (mut taken, mut count) = (0, 0);
        while let Some(group) = queue.groups.get(taken).filter(|_| count < TOGETHER_MAX) {
            count += group.transactions.len();
            taken += 1;
        }
        let rest = queue.groups.split_off(taken);
        let groups = mem::replace(&mut queue.groups, rest);
        queue.transactions -= count;
        queue.bytes -= groups.iter().map(|group| group.bytes).sum::<usize>();
        queue.is_worked_on = !groups.is_empty() || !is_done;
        (!groups.is_empty()).then_some(groups)
    }

    /// Lets go of all that waits.
    fn give_up(&self) {
        *self.queue.lock() = Queue::default();
    }
}

/// The transaction that was sent.
pub(crate) fn decode(bytes: &Bytes) -> Result<PooledTransaction, Error> {
    if bytes.is_empty() {
        return Err(Error::Refused("empty transaction data".to_owned()));
    }
    PooledTransaction::decode_2718_exact(bytes)
        .map_err(|error| Error::Refused(format!("the transaction cannot be decoded: {error}")))
}

/// Takes up one transaction.
pub(crate) async fn take_up(node: &Arc<Node>, bytes: &Bytes) -> Result<B256, Error> {
    let answers = take_up_each(node, vec![decode(bytes)?], bytes.len()).await;
    answers.into_iter().next().unwrap_or(Err(Error::Stopping))
}

/// Takes up transactions in this order, and says of each what came of it. `bytes` are those of all
/// together.
pub(crate) async fn take_up_each(
    node: &Arc<Node>,
    transactions: Vec<PooledTransaction>,
    bytes: usize,
) -> Answers {
    let count = transactions.len();
    let all = |error: fn() -> Error| (0..count).map(|_| Err(error())).collect();
    let waiting_max = node.settings.limits.transactions_waiting_max;
    let Some((answers, is_first)) = node.intake.push(transactions, bytes, waiting_max) else {
        return all(|| Error::Busy);
    };
    if is_first {
        let node = node.clone();
        spawn_blocking(move || work(&node));
    }
    answers.await.unwrap_or_else(|_| all(|| Error::Panicked))
}

/// Takes up what waits until nothing does.
fn work(node: &Node) {
    struct Working<'a>(&'a Intake);
    impl Drop for Working<'_> {
        fn drop(&mut self) {
            // Whoever waits is told by the loss of what would have answered.
            if std::thread::panicking() {
                self.0.give_up();
            }
        }
    }
    let _working = Working(&node.intake);
    let mut ready: Vec<Ready> = Vec::new();
    loop {
        let groups = node.intake.next(ready.is_empty());
        let is_last = groups.is_none();
        if is_last && ready.is_empty() {
            return;
        }
        ready.extend(groups.map(|groups| recover(node, groups)));
        let count: usize = ready.iter().map(|ready| ready.candidates.len()).sum();
        if is_last || count >= READY_MAX || !node.context.pool.is_locked() {
            ready.drain(..).for_each(|ready| add(node, ready));
        }
    }
}

/// Finds out who sent transactions.
fn recover(node: &Node, groups: Vec<Group>) -> Ready {
    let mut transactions = Vec::with_capacity(TOGETHER_MAX);
    let mut askers = Vec::with_capacity(groups.len());
    for group in groups {
        askers.push((group.transactions.len(), group.answer));
        transactions.extend(group.transactions);
    }
    Ready { candidates: Candidate::recover_each(transactions, fork(node)), askers }
}

/// The fork of the next block, or of one before it while somebody has the pool: which signatures are
/// allowed has not changed since Homestead.
fn fork(node: &Node) -> Fork {
    let mut known = node.intake.fork.lock();
    let pool = match (node.context.pool.try_lock(), *known) {
        (Some(pool), _) => pool,
        (None, Some(fork)) => return fork,
        (None, None) => node.context.pool.lock(),
    };
    *known.insert(pool.context().fork)
}

/// Adds transactions to the pool, and answers.
fn add(node: &Node, ready: Ready) {
    // A development chain has no strangers.
    let origin = if node.context.dev.is_some() { Origin::Local } else { Origin::External };
    let mut candidates = ready.candidates.into_iter();
    let mut answers = Answers::with_capacity(candidates.len());
    let mut promoted = Vec::new();
    while candidates.len() > 0 {
        let mut pool = PoolInUse::new(node);
        for candidate in candidates.by_ref().take(ADDED_AT_ONCE) {
            let candidate = candidate.map_err(Error::from);
            answers.push(candidate.and_then(|it| pool.add(it, origin, &mut promoted)));
        }
    }
    tell(node, &promoted);
    let mut answers = answers.into_iter();
    for (count, asker) in ready.askers {
        // Whoever does not want to know any more has sent it all the same.
        let _ = asker.send(answers.by_ref().take(count).collect());
    }
}

/// Adds a transaction to the pool whose sender is known, and tells whoever waits for it.
pub(crate) fn accept(node: &Node, candidate: Candidate, origin: Origin) -> Result<B256, Error> {
    let mut promoted = Vec::new();
    let hash = PoolInUse::new(node).add(candidate, origin, &mut promoted)?;
    tell(node, &promoted);
    Ok(hash)
}

fn tell(node: &Node, promoted: &[Arc<PoolTransaction>]) {
    node.publish_pending(promoted);
    if !promoted.is_empty() {
        (node.context.wake)(promoted);
    }
}

/// The pool, locked.
struct PoolInUse<'a> {
    node: &'a Node,
    pool: parking_lot::MutexGuard<'a, Pool>,
    /// After the last block, if somebody asked for it.
    state: Option<ExecutionState>,
    now: u64,
}

impl<'a> PoolInUse<'a> {
    fn new(node: &'a Node) -> Self {
        let pool = node.context.pool.lock();
        Self { node, pool, state: None, now: unix_time() }
    }

    fn add(
        &mut self,
        candidate: Candidate,
        origin: Origin,
        promoted: &mut Vec<Arc<PoolTransaction>>,
    ) -> Result<B256, Error> {
        check_fee(self.node, &candidate)?;
        // Taken while the pool is locked, it is not older than what the pool was told: a nonce from
        // before the last block would have the transaction wait for one that was mined long ago.
        let state = match &mut self.state {
            Some(state) => state,
            empty => empty.insert(self.node.view()?.state(alloy_eips::BlockId::latest())?),
        };
        let added =
            self.pool.add(candidate, origin, self.now, |address| sender_state(state, address))?;
        promoted.extend(added.promoted);
        Ok(added.hash)
    }
}

/// Keeps a slip of the pen from burning a fortune, as geth does.
fn check_fee(node: &Node, candidate: &Candidate) -> Result<(), Error> {
    let fee_max = node.settings.limits.fee_max;
    let transaction = candidate.transaction();
    let fee = transaction.max_fee_per_gas().saturating_mul(transaction.gas_limit().into());
    if fee_max > 0 && fee > fee_max {
        let ether = |wei: u128| wei as f64 / 1e18;
        let (fee, cap) = (ether(fee), ether(fee_max));
        return Err(Error::Refused(format!(
            "tx fee ({fee:.2} ether) exceeds the configured cap ({cap:.2} ether)"
        )));
    }
    Ok(())
}

/// The time of the system. It decides only how long a transaction may wait in the pool.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
