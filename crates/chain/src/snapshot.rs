//! Beginning in the midst of a chain: at a block whose state others have given, in place of executing
//! all that led there.

use crate::{
    BlockError, Chain, Error, Note,
    chain::put_head,
    records::{self, BlockRecords, Canonical, Origin},
    roots, rules,
    tries::Tries,
};
use alloy_eip7928::BlockAccessList;
use alloy_primitives::B256;
use heddle_types::{ChangeSet, Header, Receipt, RecoveredBlock};
use std::sync::Arc;

/// A block to begin at, with the state after it.
#[derive(Clone, Debug)]
pub struct ChainSnapshot {
    /// The block.
    pub block: RecoveredBlock,
    /// One receipt for each of its transactions.
    pub receipts: Vec<Receipt>,
    /// Its access list, from Amsterdam on.
    pub access_list: Option<BlockAccessList>,
    /// The headers before it, the last one first: as many as there are, or the 255 that contracts can
    /// ask for (yellow paper, section 9.4, BLOCKHASH).
    pub ancestors: Vec<Header>,
    /// What the state after it is, relative to that of the chain's genesis.
    pub changes: ChangeSet,
}

/// How many blocks before one a contract can ask for the hash of, besides its parent.
pub const ANCESTORS: u64 = 255;

impl Chain {
    /// Puts a block with its state in the place of the genesis of a chain that has no other block yet,
    /// and writes down notes with it. It is final.
    ///
    /// Checked is all that follows from the hash of the block's header: whoever calls knows that it is
    /// that of a final block. Earlier blocks and states cannot be asked for; the hash of the genesis
    /// can ([`ChainReader::genesis_hash`](crate::ChainReader::genesis_hash)).
    ///
    /// # Errors
    ///
    /// [`Error::Adopt`] if the chain has blocks of its own; [`Error::Snapshot`] if what is given does
    /// not belong to the block; the store may fail. Nothing has changed then.
    pub fn begin_at(&self, snapshot: &ChainSnapshot, notes: &[Note]) -> Result<(), Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let head = reader.head();
        if head.number != reader.first() || records::origin(reader.store())?.is_some() {
            return Err(Error::Adopt("the chain has blocks of its own"));
        }
        if self.shared.remote.is_some() {
            return Err(Error::Adopt("the chain was forked from another"));
        }
        let genesis = reader.block(head.number)?.ok_or(Error::NoBlock(head.number))?;
        let block = &snapshot.block;
        self.check_parts(snapshot)?;
        let layer = Arc::new(reader.state().apply(&snapshot.changes, self.settings.threads)?);
        let header = &block.block.header;
        if layer.root() != header.state_root {
            return Err(Error::Snapshot("the state has another root"));
        }
        let (number, version) = (header.number, head.version.next());
        let mut writer = self.db.writer()?;
        records::delete_block(&mut writer, &genesis)?;
        heddle_state::write_layer(&mut writer, version, &layer)?;
        heddle_state::forget(&mut writer, version)?;
        let access_list = snapshot.access_list.as_ref();
        BlockRecords { block, receipts: &snapshot.receipts, access_list }.put(&mut writer)?;
        // Blocks that validators agree on have no difficulty of their own.
        let total_difficulty = head.total_difficulty.saturating_add(header.difficulty);
        let record = Canonical { hash: block.hash, total_difficulty, version };
        records::put_canonical(&mut writer, number, &record)?;
        put_head(&mut writer, number, layer.root())?;
        for name in [records::FIRST_BLOCK, records::OLDEST_STATE, records::SAFE, records::FINALIZED]
        {
            records::put_height(&mut writer, name, Some(number))?;
        }
        let ancestors: Vec<B256> = snapshot.ancestors.iter().map(Header::hash_slow).collect();
        let origin = Origin { genesis: head.header.clone(), first: number, ancestors };
        records::put_origin(&mut writer, &origin)?;
        for Note { name, bytes } in notes {
            records::put_note(&mut writer, name, bytes)?;
        }
        writer.commit()?;
        engine.tries = Tries::Stored;
        self.refresh(None)
    }

    /// That all belongs to the block.
    fn check_parts(&self, snapshot: &ChainSnapshot) -> Result<(), Error> {
        let wrong = |what| Err(Error::Snapshot(what));
        let block = &snapshot.block;
        let (header, threads) = (&block.block.header, self.settings.threads);
        if header.hash_slow() != block.hash
            || block.senders.len() != block.block.body.transactions.len()
        {
            return wrong("the hash or the senders are not those of the block");
        }
        let fork = self.spec().forks.fork_at(header.number, header.timestamp);
        let of_block = |error: BlockError| error.of(header.number, block.hash);
        rules::check_body(self.spec(), fork, &block.block, threads).map_err(of_block)?;
        if snapshot.receipts.len() != block.block.body.transactions.len()
            || roots::receipts_root(&snapshot.receipts, threads) != header.receipts_root
        {
            return wrong("the receipts are not those of the block");
        }
        let list = snapshot.access_list.as_ref().map(records::access_list_bytes);
        if list.map(alloy_primitives::keccak256) != header.block_access_list_hash {
            return wrong("the access list is not that of the block");
        }
        let expected = header.number.min(ANCESTORS);
        if snapshot.ancestors.len() as u64 != expected {
            return wrong("there are more or fewer headers before the block than there should be");
        }
        let mut next = (header.parent_hash, header.number);
        for ancestor in &snapshot.ancestors {
            let (hash, number) = (ancestor.hash_slow(), ancestor.number);
            if (hash, number.checked_add(1)) != (next.0, Some(next.1)) {
                return wrong("the headers before the block do not lead to it");
            }
            next = (ancestor.parent_hash, number);
        }
        Ok(())
    }
}
