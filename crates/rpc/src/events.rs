//! What happens, on its way to subscriptions and filters.

use crate::{
    Error,
    context::Node,
    eth::transactions::pooled_json,
    json::{Json, json},
    logs::LogSource,
};
use alloy_primitives::B256;
use heddle_chain::{ChainEvent, CommittedBlock, Notice};
use heddle_pool::PoolTransaction;
use parking_lot::{Condvar, Mutex};
use std::{io, sync::Arc, thread, time::Duration};
use tokio::sync::broadcast;

/// Where subscriptions listen.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) blocks: broadcast::Sender<BlockEvent>,
    pub(crate) pending: broadcast::Sender<Arc<PendingEvent>>,
    /// The head of the chain after what was told last.
    told: Mutex<B256>,
    /// Rung when `told` changes.
    moved: Condvar,
}

impl Events {
    pub(crate) fn new(waiting_max: usize) -> Self {
        let (blocks, _) = broadcast::channel(waiting_max);
        // Transactions come in greater numbers than blocks, and are smaller.
        let (pending, _) = broadcast::channel(waiting_max.saturating_mul(16));
        Self { blocks, pending, told: Mutex::default(), moved: Condvar::new() }
    }
}

impl Events {
    /// Waits until everything that led to `head` has been told, but not for long: a chain that
    /// goes on may be ahead for ever.
    pub(crate) fn catch_up(&self, head: B256) {
        let mut told = self.told.lock();
        if *told != head {
            self.moved.wait_for(&mut told, CATCH_UP_MAX);
        }
    }

    fn tell(&self, head: B256) {
        *self.told.lock() = head;
        self.moved.notify_all();
    }
}

/// Longest wait for events on their way from the chain, which takes microseconds.
const CATCH_UP_MAX: Duration = Duration::from_millis(50);

/// What happened to the chain.
#[derive(Clone, Debug)]
pub(crate) enum BlockEvent {
    /// It changed.
    Changed(Arc<ChainEvent>),
    /// It changed so often that the server lost sight of it.
    Lost,
}

/// A transaction that can be mined from now on.
#[derive(Debug)]
pub(crate) struct PendingEvent(Arc<PoolTransaction>);

impl PendingEvent {
    /// Its hash.
    pub(crate) fn hash(&self) -> Result<Json, Error> {
        json(&self.0.hash())
    }

    /// All of it.
    pub(crate) fn full(&self) -> Result<Json, Error> {
        json(&pooled_json(&self.0))
    }
}

/// A block, for those who look for logs.
pub(crate) fn log_source(block: &CommittedBlock) -> LogSource<'_> {
    LogSource {
        header: &block.block.block.header,
        hash: block.block.hash,
        transactions: &block.block.block.body.transactions,
        receipts: &block.receipts,
    }
}

/// How often the thread looks whether the server is still there.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the chain on a thread of its own as long as the server is there.
pub(crate) fn follow(node: &Arc<Node>) -> io::Result<()> {
    let chain = node.context.chain.subscribe();
    node.events.tell(node.context.chain.reader().head().hash);
    let node = Arc::downgrade(node);
    thread::Builder::new().name("rpc-events".to_owned()).spawn(move || {
        loop {
            let notice = chain.next_timeout(CHECK_INTERVAL);
            let Some(node) = node.upgrade() else { return };
            match notice {
                Some(notice) => node.publish(notice),
                None if chain.is_closed() => return,
                None => {}
            }
        }
    })?;
    Ok(())
}

impl Node {
    fn publish(&self, notice: Notice) {
        let event = match notice {
            Notice::Event(event) => event,
            Notice::Lagged(missed) => {
                tracing::warn!(missed, "the server is too slow for the chain");
                self.filters.lose();
                // An error says that nobody listens.
                let _ = self.events.blocks.send(BlockEvent::Lost);
                return;
            }
        };
        let gone = event.reverted.iter().map(|block| (block, true));
        let new = event.committed.iter().map(|block| (block, false));
        for (block, removed) in gone.chain(new) {
            if !removed {
                self.recent.put(block.clone());
            }
            if let Err(error) = self.filters.block(log_source(block), removed) {
                tracing::error!(%error, "a block cannot be written for the filters");
            }
        }
        let last = event.committed.last().map(|block| block.block.hash);
        let undone = event.reverted.first().map(|block| block.block.block.header.parent_hash);
        let _ = self.events.blocks.send(BlockEvent::Changed(event));
        if let Some(head) = last.or(undone) {
            self.events.tell(head);
        }
    }

    /// Tells whoever waits for transactions of the pool.
    pub(crate) fn publish_pending(&self, promoted: &[Arc<PoolTransaction>]) {
        let filtered = self.filters.wants_pending();
        if !filtered && self.events.pending.receiver_count() == 0 {
            return;
        }
        for transaction in promoted {
            let event = PendingEvent(transaction.clone());
            if filtered && let (Ok(hash), Ok(full)) = (event.hash(), event.full()) {
                self.filters.pending(&hash, &full);
            }
            let _ = self.events.pending.send(Arc::new(event));
        }
    }
}
