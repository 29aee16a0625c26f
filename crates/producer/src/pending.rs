//! The block that would be made now.

use crate::{Error, Producer};
use heddle_chain::{Attributes, CommittedBlock, ExecutionState, Mark};
use heddle_types::Fork;
use std::sync::Arc;

/// The block that would be made now: of what the pool has, on the last block. It is no part of the
/// chain.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The block and its receipts.
    pub block: Arc<CommittedBlock>,
    /// Its rules.
    pub fork: Fork,
    /// The state after it.
    pub state: ExecutionState,
}

/// The pending block that was built last, and what it was built of.
#[derive(Debug)]
pub(crate) struct CachedPending {
    parent: Mark,
    attributes: Attributes,
    pool_revision: u64,
    pending: Arc<Pending>,
}

impl Producer {
    /// The block that would be made now. It is built when something has changed since it was
    /// built last, be it the time by a second.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn pending(&self) -> Result<Arc<Pending>, Error> {
        let mut orders = self.orders();
        let reader = self.chain().reader();
        let parent = self.chain().mark();
        let timestamp = orders.time.peek(reader.head().header.timestamp, self.now());
        let attributes = orders.attributes(&reader.head().header, timestamp);
        let pool_revision = self.pool().lock().revision();
        if let Some(cached) = &orders.pending
            && (cached.parent, cached.pool_revision) == (parent, pool_revision)
            && cached.attributes == attributes
        {
            return Ok(cached.pending.clone());
        }
        let context = self.context(&orders, &reader);
        let candidates = self.candidates(&orders, &context, None);
        let built = self.chain().build(parent.hash, &attributes, candidates)?;
        let pending = Arc::new(Pending {
            block: built.executed.block.clone(),
            fork: context.fork,
            state: built.executed.state_on(&reader),
        });
        let cached = CachedPending { parent, attributes, pool_revision, pending: pending.clone() };
        orders.pending = Some(cached);
        Ok(pending)
    }
}
