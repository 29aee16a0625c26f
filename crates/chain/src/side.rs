//! Which blocks there are beside the canonical chain.
//!
//! Their bytes are in the store. Here is how they hang together, and of the last few what came of
//! executing them, so that a branch that grows is not executed anew with each block.

use crate::{Error, ExecutedBlock, records};
use alloy_primitives::B256;
use heddle_storage::Reader;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// The blocks beside the canonical chain, in bounded number.
#[derive(Debug)]
pub(crate) struct SideBlocks {
    blocks: BTreeMap<B256, SideEntry>,
    by_height: BTreeSet<(u64, B256)>,
    /// Those with an execution, the oldest first.
    executed: VecDeque<B256>,
    blocks_max: usize,
    executed_max: usize,
}

/// One block beside the canonical chain.
#[derive(Clone, Debug)]
pub(crate) struct SideEntry {
    pub(crate) number: u64,
    pub(crate) parent: B256,
    pub(crate) executed: Option<Arc<ExecutedBlock>>,
}

impl SideBlocks {
    /// The blocks that the store has.
    pub(crate) fn load(
        reader: &Reader,
        blocks_max: usize,
        executed_max: usize,
    ) -> Result<Self, Error> {
        let mut side = Self {
            blocks: BTreeMap::new(),
            by_height: BTreeSet::new(),
            executed: VecDeque::new(),
            blocks_max,
            executed_max,
        };
        for (hash, block) in records::side_blocks(reader)? {
            let entry = SideEntry {
                number: block.header.number,
                parent: block.header.parent_hash,
                executed: None,
            };
            side.insert(hash, entry);
        }
        Ok(side)
    }

    pub(crate) fn get(&self, hash: B256) -> Option<&SideEntry> {
        self.blocks.get(&hash)
    }

    pub(crate) fn insert(&mut self, hash: B256, entry: SideEntry) {
        let executed = entry.executed.is_some();
        self.by_height.insert((entry.number, hash));
        self.blocks.insert(hash, entry);
        if executed {
            self.note_execution(hash);
        }
    }

    /// Keeps an execution until newer ones take its place.
    pub(crate) fn set_executed(&mut self, hash: B256, executed: Arc<ExecutedBlock>) {
        if let Some(entry) = self.blocks.get_mut(&hash) {
            entry.executed = Some(executed);
            self.note_execution(hash);
        }
    }

    pub(crate) fn remove(&mut self, hash: B256) {
        if let Some(entry) = self.blocks.remove(&hash) {
            self.by_height.remove(&(entry.number, hash));
            self.executed.retain(|executed| *executed != hash);
        }
    }

    /// What is to be dropped so that no more than allowed remain, and none that could not become
    /// canonical any more because its branch begins below `lowest`. The lowest go first, and with
    /// a block what follows it.
    pub(crate) fn superfluous(&self, lowest: u64) -> Vec<B256> {
        let mut dropped = BTreeSet::new();
        let mut excess = self.blocks.len().saturating_sub(self.blocks_max);
        for (number, hash) in &self.by_height {
            let follows = self.blocks.get(hash).is_some_and(|b| dropped.contains(&b.parent));
            if excess > 0 || *number <= lowest || follows {
                dropped.insert(*hash);
                excess = excess.saturating_sub(1);
            }
        }
        dropped.into_iter().collect()
    }

    fn note_execution(&mut self, hash: B256) {
        self.executed.retain(|executed| *executed != hash);
        self.executed.push_back(hash);
        while self.executed.len() > self.executed_max {
            let oldest = self.executed.pop_front();
            if let Some(entry) = oldest.and_then(|oldest| self.blocks.get_mut(&oldest)) {
                entry.executed = None;
            }
        }
    }
}
