//! Where a block attaches: its parent, on whatever branch, and the state after that.

use crate::{
    BlockError, Chain, ChainReader, Error, ExecutedBlock, ExecutionState,
    chain::Engine,
    hashes::BlockHashes,
    import::Verification,
    records,
    rules::{Ancestor, OMMER_DEPTH_MAX},
};
use alloy_primitives::{B256, U256};
use heddle_types::{Header, RecoveredBlock};
use std::sync::Arc;

/// A block that another one is to follow.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) total_difficulty: U256,
    /// The state after it.
    pub(crate) state: ExecutionState,
    /// The last canonical block of its branch.
    pub(crate) ancestor: u64,
    /// The blocks of its branch after that, itself last; empty if it is canonical.
    pub(crate) branch: Vec<Arc<ExecutedBlock>>,
}

impl Chain {
    /// The block of this hash, as a parent for another. Blocks of its branch are executed again
    /// where that was forgotten.
    pub(crate) fn parent(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        hash: B256,
    ) -> Result<Parent, Error> {
        let mut path = Vec::new();
        let mut at = hash;
        let ancestor = loop {
            if let Some(number) = reader.number_of(at)? {
                break number;
            }
            let entry = engine.side.get(at).ok_or(Error::NoBlockWithHash(at))?;
            path.push(at);
            at = entry.parent;
        };
        let lowest = self.lowest_ancestor(reader, reader.head().number);
        if ancestor < lowest {
            return Err(Error::ForkTooDeep { ancestor, lowest });
        }
        let mut parent = canonical_parent(reader, ancestor, at)?;
        for hash in path.into_iter().rev() {
            let executed = match engine.side.get(hash).and_then(|entry| entry.executed.clone()) {
                Some(executed) => executed,
                None => self.execute_again(engine, reader, &parent, hash)?,
            };
            parent = parent.followed_by(reader, executed);
        }
        Ok(parent)
    }

    fn execute_again(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        parent: &Parent,
        hash: B256,
    ) -> Result<Arc<ExecutedBlock>, Error> {
        let missing = Error::Record("a block beside the chain");
        let stored = records::side_block(reader.store(), hash)?.ok_or(missing)?;
        let list = stored.list()?;
        let block = stored.into_block(hash);
        let verification = Verification { parent, ancestors: None, list };
        let executed = Arc::new(self.verify_on(block, verification)?);
        engine.side.set_executed(hash, executed.clone());
        Ok(executed)
    }
}

fn canonical_parent(reader: &ChainReader, number: u64, hash: B256) -> Result<Parent, Error> {
    let missing = || Error::NoBlock(number);
    Ok(Parent {
        header: reader.header(number)?.ok_or_else(missing)?,
        hash,
        total_difficulty: reader.total_difficulty(number)?.ok_or_else(missing)?,
        state: reader.execution_state_at(number)?,
        ancestor: number,
        branch: Vec::new(),
    })
}

impl Parent {
    /// The next block of the branch, in place of this one.
    pub(crate) fn followed_by(self, reader: &ChainReader, executed: Arc<ExecutedBlock>) -> Self {
        let block = &executed.block;
        let view = self.state.view().with(executed.layer.clone());
        let mut branch = self.branch;
        let header = block.block.block.header.clone();
        let (hash, total_difficulty) = (block.block.hash, block.total_difficulty);
        branch.push(executed);
        let hashes = branch.iter().map(|executed| executed.block.block.hash).collect();
        let hashes = BlockHashes::branch(reader.store().clone(), self.ancestor, hashes);
        Self {
            header,
            hash,
            total_difficulty,
            state: reader.execution_state(view, hashes),
            ancestor: self.ancestor,
            branch,
        }
    }

    /// The nearest ancestors of a block that follows this one, as its ommers are checked against.
    pub(crate) fn ancestors(&self, reader: &ChainReader) -> Result<Vec<Ancestor>, Error> {
        let beside = self.branch.iter().rev().map(|executed| ancestor(&executed.block.block));
        let mut ancestors: Vec<Ancestor> = beside.take(OMMER_DEPTH_MAX).collect();
        let mut next = Some(self.ancestor);
        while let Some(number) = next.filter(|_| ancestors.len() < OMMER_DEPTH_MAX) {
            let block = reader.block(number)?.ok_or(Error::NoBlock(number))?;
            ancestors.push(ancestor(&block));
            next = number.checked_sub(1).filter(|_| number > reader.first());
        }
        Ok(ancestors)
    }
}

fn ancestor(block: &RecoveredBlock) -> Ancestor {
    Ancestor {
        hash: block.hash,
        header: block.block.header.clone(),
        ommers: block.block.body.ommers.iter().map(Header::hash_slow).collect(),
    }
}

/// For a block: an unknown parent is its own fault.
pub(crate) fn unknown_parent(error: Error, number: u64, hash: B256) -> Error {
    match error {
        Error::NoBlockWithHash(parent) => BlockError::UnknownParent(parent).of(number, hash),
        error => error,
    }
}
