//! Taking over the blocks of another chain, whose states are given, without executing them.

use crate::{
    Chain, Error,
    chain::put_head,
    records::{self, BlockRecords, Canonical},
    tries::Tries,
};
use heddle_types::{ChangeSet, Receipt, RecoveredBlock};
use std::sync::Arc;

/// A block that is taken over as it is.
#[derive(Clone, Debug)]
pub struct AdoptedBlock {
    /// The block.
    pub block: RecoveredBlock,
    /// One receipt for each transaction.
    pub receipts: Vec<Receipt>,
    /// What the state after it is, relative to the last one before it that is known; `None` if it
    /// is not known.
    pub changes: Option<ChangeSet>,
}

impl Chain {
    /// Puts `blocks`, in their order, in the place of the first block of a chain that has no other
    /// yet. Nothing is executed or checked but that each follows the one before it: development
    /// goes on so from where another node stopped.
    ///
    /// States before the last one that is not known cannot be asked for. Changes are relative to
    /// the state that the chain has now.
    ///
    /// # Errors
    ///
    /// [`Error::Adopt`]; the store may fail, and then nothing has changed.
    pub fn adopt(&self, blocks: &[AdoptedBlock]) -> Result<(), Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let head = reader.head();
        let refuse = |reason| Err(Error::Adopt(reason));
        if head.number != reader.first() || self.shared.remote.is_some() {
            return refuse("the chain has blocks of its own, or was forked from another");
        }
        let [first, ..] = blocks else { return refuse("there are none") };
        for (before, block) in blocks.iter().zip(&blocks[1..]) {
            let (parent, header) = (&before.block, &block.block.block.header);
            let number = parent.block.header.number.checked_add(1);
            if header.parent_hash != parent.hash || Some(header.number) != number {
                return refuse("they do not follow each other");
            }
        }
        let complete = |block: &AdoptedBlock| {
            let transactions = block.block.block.body.transactions.len();
            block.receipts.len() == transactions && block.block.senders.len() == transactions
        };
        if !blocks.iter().all(complete) {
            return refuse("they lack receipts or senders");
        }
        let unknown = blocks.iter().rposition(|block| block.changes.is_none());
        let Some(oldest) = blocks.get(unknown.map_or(0, |last| last + 1)) else {
            return refuse("the state after the last one is not known");
        };
        let mut writer = self.db.writer()?;
        if let Some(own) = reader.block(head.number)? {
            records::delete_block(&mut writer, &own)?;
        }
        let (mut view, mut version) = (reader.state().clone(), head.version);
        let mut total_difficulty = alloy_primitives::U256::ZERO;
        for AdoptedBlock { block, receipts, changes } in blocks {
            if let Some(changes) = changes {
                let layer = Arc::new(view.apply(changes, self.settings.threads)?);
                version = version.next();
                heddle_state::write_layer(&mut writer, version, &layer)?;
                view = view.with(layer);
            }
            let header = &block.block.header;
            total_difficulty = total_difficulty.saturating_add(header.difficulty);
            BlockRecords { block, receipts, access_list: None }.put(&mut writer)?;
            let record = Canonical { hash: block.hash, total_difficulty, version };
            records::put_canonical(&mut writer, header.number, &record)?;
            put_head(&mut writer, header.number, view.root())?;
        }
        let number = |block: &AdoptedBlock| Some(block.block.block.header.number);
        records::put_height(&mut writer, records::FIRST_BLOCK, number(first))?;
        records::put_height(&mut writer, records::OLDEST_STATE, number(oldest))?;
        records::put_height(&mut writer, records::ADOPTED, number(first))?;
        writer.commit()?;
        engine.tries = Tries::Unknown;
        self.refresh(None)
    }
}
