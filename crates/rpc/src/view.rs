//! Looking up what a client names: the chain as it was when the call came.

use crate::{Error, context::Node};
use alloy_eips::{BlockId, BlockNumberOrTag, RpcBlockHash};
use alloy_primitives::B256;
use heddle_chain::{ChainReader, CommittedBlock, ExecutionState};
use heddle_producer::{Console, Pending};
use heddle_types::{Fork, Header, Receipt, RecoveredBlock};
use parking_lot::Mutex;
use std::{cell::OnceCell, collections::VecDeque, ops::Deref, sync::Arc};

/// The chain as it was when the call came. All answers of one call agree with each other.
#[derive(Debug)]
pub(crate) struct View<'a> {
    node: &'a Node,
    reader: ChainReader,
    /// Looked for when it is asked for first.
    pending: OnceCell<Option<Arc<Pending>>>,
}

/// A block of the chain, or one beside it.
#[derive(Clone, Debug)]
pub(crate) enum FoundBlock {
    /// It is in the chain.
    Canonical(Arc<CommittedBlock>),
    /// It was in the chain, or nearly so. What came of it is not kept.
    Beside(Arc<RecoveredBlock>),
    /// It would be made now.
    Pending(Arc<CommittedBlock>),
}

impl Deref for FoundBlock {
    type Target = RecoveredBlock;

    fn deref(&self) -> &RecoveredBlock {
        match self {
            Self::Canonical(block) | Self::Pending(block) => &block.block,
            Self::Beside(block) => block,
        }
    }
}

impl FoundBlock {
    /// What came of it; `None` for a block beside the chain.
    pub(crate) fn receipts(&self) -> Option<&[Receipt]> {
        match self {
            Self::Canonical(block) | Self::Pending(block) => Some(&block.receipts),
            Self::Beside(_) => None,
        }
    }

    /// Whether it is in the chain.
    pub(crate) fn is_canonical(&self) -> bool {
        matches!(self, Self::Canonical(_))
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(node: &'a Node, reader: ChainReader) -> Self {
        Self { node, reader, pending: OnceCell::new() }
    }

    /// The block that would be made now; `None` on a chain that makes none, where `pending` is
    /// `latest`.
    fn pending(&self) -> Result<Option<&Pending>, Error> {
        if let Some(pending) = self.pending.get() {
            return Ok(pending.as_deref());
        }
        let dev = self.node.context.dev.as_ref();
        let pending = dev.map(|dev| dev.pending()).transpose()?;
        Ok(self.pending.get_or_init(|| pending).as_deref())
    }

    /// The pending block, if `id` names it.
    fn pending_at(&self, id: BlockId) -> Result<Option<&Pending>, Error> {
        if id.is_pending() { self.pending() } else { Ok(None) }
    }

    /// Where what contracts log is printed.
    pub(crate) fn console(&self) -> Option<&Console> {
        self.node.context.dev.as_ref().and_then(|dev| dev.console())
    }

    /// The chain itself.
    pub(crate) fn reader(&self) -> &ChainReader {
        &self.reader
    }

    /// Header of the last block.
    pub(crate) fn head(&self) -> &Header {
        &self.reader.head().header
    }

    /// The height that a tag stands for. The first block is as safe as a block can be.
    pub(crate) fn tag(&self, tag: BlockNumberOrTag) -> u64 {
        let first = self.reader.first();
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => self.head().number,
            BlockNumberOrTag::Safe => match &self.node.context.dev {
                Some(dev) => self.before_head(dev.epoch()),
                None => self.reader.safe().unwrap_or(first),
            },
            BlockNumberOrTag::Finalized => match &self.node.context.dev {
                Some(dev) => self.before_head(dev.epoch().saturating_mul(2)),
                None => self.reader.finalized().unwrap_or(first),
            },
            BlockNumberOrTag::Earliest => first,
        }
    }

    /// The height so many blocks before the last, or the first.
    fn before_head(&self, blocks: u64) -> u64 {
        self.head().number.saturating_sub(blocks).max(self.reader.first())
    }

    /// The height of a block of the chain.
    pub(crate) fn number(&self, id: BlockId) -> Result<Option<u64>, Error> {
        match id {
            BlockId::Number(tag) => {
                let number = self.tag(tag);
                let (first, last) = (self.reader.first(), self.head().number);
                Ok(Some(number).filter(|number| (first..=last).contains(number)))
            }
            BlockId::Hash(RpcBlockHash { block_hash, require_canonical }) => {
                let number = self.reader.number_of(block_hash)?;
                if number.is_none() && require_canonical == Some(true) {
                    return Err(Error::Refused("hash is not currently canonical".to_owned()));
                }
                Ok(number)
            }
        }
    }

    /// The rules of a block that [`View::header`] has given.
    pub(crate) fn fork(&self, id: BlockId, header: &Header) -> Result<Fork, Error> {
        match self.pending_at(id)? {
            Some(pending) => Ok(pending.fork),
            None => Ok(self.reader.fork_of(header)?),
        }
    }

    /// A header and its hash, of the chain or beside it, or of the pending block.
    pub(crate) fn header(&self, id: BlockId) -> Result<Option<(Header, B256)>, Error> {
        if let Some(pending) = self.pending_at(id)? {
            let block = &pending.block.block;
            return Ok(Some((block.block.header.clone(), block.hash)));
        }
        let Some(number) = self.number(id)? else {
            let BlockId::Hash(RpcBlockHash { block_hash, .. }) = id else { return Ok(None) };
            let header = self.reader.header_by_hash(block_hash)?;
            return Ok(header.map(|header| (header, block_hash)));
        };
        let (header, hash) = (self.reader.header(number)?, self.reader.hash_of(number)?);
        Ok(header.zip(hash))
    }

    /// A block, of the chain or beside it, or the pending one.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<FoundBlock>, Error> {
        if let Some(pending) = self.pending_at(id)? {
            return Ok(Some(FoundBlock::Pending(pending.block.clone())));
        }
        let Some(number) = self.number(id)? else {
            let BlockId::Hash(RpcBlockHash { block_hash, .. }) = id else { return Ok(None) };
            let block = self.reader.block_by_hash(block_hash)?;
            return Ok(block.map(|block| FoundBlock::Beside(Arc::new(block))));
        };
        let Some(hash) = self.reader.hash_of(number)? else { return Ok(None) };
        if let Some(block) = self.node.recent.get(hash) {
            return Ok(Some(FoundBlock::Canonical(block)));
        }
        let Some(block) = self.reader.committed(number)?.map(Arc::new) else { return Ok(None) };
        self.node.recent.put(block.clone());
        Ok(Some(FoundBlock::Canonical(block)))
    }

    /// A block that must be there.
    pub(crate) fn block_required(&self, id: BlockId) -> Result<FoundBlock, Error> {
        self.block(id)?.ok_or_else(|| match id {
            BlockId::Hash(hash) => Error::BlockNotFound(hash.block_hash.to_string()),
            BlockId::Number(number) => Error::BlockNotFound(number.to_string()),
        })
    }

    /// The block and position of a transaction of the chain.
    pub(crate) fn transaction(&self, hash: B256) -> Result<Option<(FoundBlock, usize)>, Error> {
        let Some(place) = self.reader.transaction_place(hash)? else { return Ok(None) };
        let block = self.block(place.block_number.into())?;
        Ok(block.map(|block| (block, place.index as usize)))
    }

    /// The state after a block.
    pub(crate) fn state(&self, id: BlockId) -> Result<ExecutionState, Error> {
        if let Some(pending) = self.pending_at(id)? {
            return Ok(pending.state.clone());
        }
        let number = self.number(id)?.ok_or(Error::HeaderNotFound)?;
        Ok(self.reader.execution_state_at(number)?)
    }

    /// The price of blob gas in a block; `None` before Cancun.
    pub(crate) fn blob_fee(&self, header: &Header) -> Option<u128> {
        let params = self.reader.spec().blob_params_at(header.timestamp)?;
        header.excess_blob_gas.map(|excess| params.calc_blob_fee(excess))
    }
}

/// Blocks that were committed or asked for lately, so that asking for each transaction of a large
/// block does not read the block as often.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks(Mutex<VecDeque<Arc<CommittedBlock>>>);

impl RecentBlocks {
    /// More blocks than this take long to look through.
    const BLOCKS_MAX: usize = 256;
    /// About a kilobyte each, with its receipt.
    const TRANSACTIONS_MAX: usize = 100_000;

    fn get(&self, hash: B256) -> Option<Arc<CommittedBlock>> {
        self.0.lock().iter().find(|block| block.block.hash == hash).cloned()
    }

    /// Adds a block. At least the last one is kept, however large it is.
    pub(crate) fn put(&self, block: Arc<CommittedBlock>) {
        let mut blocks = self.0.lock();
        if blocks.iter().any(|known| known.block.hash == block.block.hash) {
            return;
        }
        blocks.push_front(block);
        let mut transactions = 0;
        let within = |block: &Arc<CommittedBlock>| {
            transactions += block.receipts.len();
            transactions <= Self::TRANSACTIONS_MAX
        };
        let kept = blocks.iter().map(within).take_while(|within| *within).count();
        blocks.truncate(kept.clamp(1, Self::BLOCKS_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use heddle_types::Block;

    fn block(number: u64, transactions: usize) -> Arc<CommittedBlock> {
        let receipt = Receipt {
            tx_type: 0,
            state_root: None,
            success: true,
            gas_used: 0,
            cumulative_gas_used: 0,
            logs: Vec::new(),
            bloom: alloy_primitives::Bloom::ZERO,
        };
        let hash = B256::from(U256::from(number));
        let block = RecoveredBlock { block: Block::default(), hash, senders: Vec::new() };
        let receipts = vec![receipt; transactions];
        let total_difficulty = U256::ZERO;
        Arc::new(CommittedBlock { block, receipts, total_difficulty, schedule: None })
    }

    #[test]
    fn keeps_the_last_blocks_within_bounds() {
        let recent = RecentBlocks::default();
        let hash = |number: u64| B256::from(U256::from(number));
        for number in 0..300 {
            recent.put(block(number, 1));
        }
        assert!(recent.get(hash(299)).is_some() && recent.get(hash(44)).is_some());
        assert!(recent.get(hash(43)).is_none());
        recent.put(block(300, RecentBlocks::TRANSACTIONS_MAX + 1));
        assert!(recent.get(hash(300)).is_some() && recent.get(hash(299)).is_none());
        recent.put(block(301, 1));
        assert!(recent.get(hash(301)).is_some() && recent.get(hash(300)).is_none());
    }
}
