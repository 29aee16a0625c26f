//! Checking a store: that what lies in it fits together.

use crate::{
    Error, TransactionPlace,
    records::{self, Canonical},
    roots,
};
use alloy_primitives::{B256, keccak256};
use heddle_state::{VerifiedState, VerifyOptions};
use heddle_storage::{Database, Reader, Table};
use heddle_types::Header;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// A part of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyPart {
    /// The blocks; progress counts them.
    Blocks,
    /// The state after the head; progress counts equal parts.
    State,
}

/// What a check of a store went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedStore {
    /// Height of the first block.
    pub first: u64,
    /// Height of the last block.
    pub head: u64,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// The state after the last block.
    pub state: VerifiedState,
}

/// Checks what the store holds of a chain against itself, without executing a block: that each
/// header follows the one before it and is what its hash says, that transactions, receipts and
/// access lists are those that it commits to, that what is looked up by hash is found, and that the
/// state after the head has the root that was written with it. The states of earlier blocks are
/// not looked at.
///
/// `progress` is called from several threads with how much is done and how much there is. `None`
/// when the store holds no chain.
///
/// # Errors
///
/// What was found to be damaged first, for which [`Error::is_damage`] holds; the store may fail.
pub fn verify_store(
    db: &Database,
    threads: usize,
    progress: &(dyn Fn(VerifyPart, u64, u64) + Sync),
) -> Result<Option<VerifiedStore>, Error> {
    let reader = db.reader()?;
    let Some(head) = records::head(&reader)? else { return Ok(None) };
    let first = records::height(&reader, records::FIRST_BLOCK)?;
    let first = first.ok_or(Error::Record("the height of the first block"))?;
    if first > head.number {
        return Err(Error::Record("the record of the head"));
    }
    let forked = records::is_forked(&reader)?;
    let store = Store { reader, first, head: head.number, forked };
    let last = store.canonical(head.number)?;
    if last.version != heddle_state::latest(&store.reader)? {
        return Err(store.damaged(head.number, "the state version is not the newest"));
    }
    store.verify_counts()?;
    let transactions = store.verify_blocks(threads, progress)?;
    store.verify_side_blocks()?;
    let view = heddle_state::StateView::new(store.reader.clone(), last.version)?;
    if view.root() != head.state_root {
        let (number, expected, found) = (head.number, head.state_root, view.root());
        return Err(Error::HeadState { number, expected, found });
    }
    let options = VerifyOptions { threads, codes_elsewhere: forked };
    let state = heddle_state::verify(store.reader.clone(), last.version, options, &|done, of| {
        progress(VerifyPart::State, done, of);
    })?;
    Ok(Some(VerifiedStore { first, head: head.number, transactions, state }))
}

struct Store {
    reader: Reader,
    first: u64,
    head: u64,
    /// The first block is another chain's: its receipts and ommers lie there.
    forked: bool,
}

impl Store {
    fn damaged(&self, number: u64, what: &'static str) -> Error {
        Error::Inconsistent { number, what }
    }

    fn canonical(&self, number: u64) -> Result<Canonical, Error> {
        let record = records::canonical(&self.reader, number)?;
        record.ok_or_else(|| self.damaged(number, "the record of its hash is missing"))
    }

    fn header(&self, number: u64) -> Result<Header, Error> {
        let header = records::header(&self.reader, number)?;
        header.ok_or_else(|| self.damaged(number, "the header is missing"))
    }

    /// That nothing is there beyond the blocks from the first to the head.
    fn verify_counts(&self) -> Result<(), Error> {
        let blocks = self.head - self.first + 1;
        for (table, what) in [
            (Table::CanonicalBlocks, "the table of hashes"),
            (Table::Headers, "the table of headers"),
            (Table::Bodies, "the table of bodies"),
            (Table::Senders, "the table of senders"),
            (Table::Receipts, "the table of receipts"),
            (Table::NumbersByHash, "the table of heights by hash"),
        ] {
            let rows = self.reader.count(table)?;
            if rows != blocks {
                return Err(Error::Rows { what, rows, blocks });
            }
        }
        Ok(())
    }

    /// Checks all blocks and gives the number of their transactions. No block's check needs
    /// another's, so that each thread takes the next one.
    fn verify_blocks(
        &self,
        threads: usize,
        progress: &(dyn Fn(VerifyPart, u64, u64) + Sync),
    ) -> Result<u64, Error> {
        let (next, done) = (AtomicU64::new(self.first), AtomicU64::new(0));
        let total = self.head - self.first + 1;
        let work = || -> Result<u64, Error> {
            let mut transactions = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > self.head {
                    return Ok(transactions);
                }
                transactions += self.verify_block(number).inspect_err(|_| {
                    // Nobody needs to begin another one.
                    next.store(self.head + 1, Ordering::Relaxed);
                })?;
                progress(VerifyPart::Blocks, done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut transactions = work()?;
            for thread in others {
                transactions +=
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            Ok(transactions)
        })
    }

    fn verify_block(&self, number: u64) -> Result<u64, Error> {
        let damaged = |what| Err(self.damaged(number, what));
        let header = self.header(number)?;
        let record = self.canonical(number)?;
        if header.number != number {
            return damaged("the header has another height");
        }
        if header.hash_slow() != record.hash {
            return damaged("the header is not what its hash says");
        }
        if records::number_of(&self.reader, record.hash)? != Some(number) {
            return damaged("its hash leads elsewhere");
        }
        if number > self.first {
            let before = self.canonical(number - 1)?;
            if header.parent_hash != before.hash {
                return damaged("the header does not follow that of the block before it");
            }
            if record.total_difficulty != before.total_difficulty.saturating_add(header.difficulty)
            {
                return damaged("the total difficulty is not that of its header and of its parent");
            }
            if record.version <= before.version {
                return damaged("the state version does not come after that of its parent");
            }
        }
        self.verify_body(number, &header)
    }

    fn verify_body(&self, number: u64, header: &Header) -> Result<u64, Error> {
        let damaged = |what| Err(self.damaged(number, what));
        let elsewhere = self.forked && number == self.first;
        let Some(body) = records::body(&self.reader, number)? else {
            return damaged("the body is missing");
        };
        if header.transactions_root != roots::transactions_root(&body.transactions, 1) {
            return damaged("the transactions are not those of its header");
        }
        if !elsewhere && header.ommers_hash != roots::ommers_hash(&body.ommers) {
            return damaged("the ommers are not those of its header");
        }
        let withdrawals = body.withdrawals.as_ref().map(|list| roots::withdrawals_root(list));
        if header.withdrawals_root != withdrawals {
            return damaged("the withdrawals are not those of its header");
        }
        let senders = records::senders(&self.reader, number)?;
        if senders.is_none_or(|senders| senders.len() != body.transactions.len()) {
            return damaged("there are more or fewer senders than transactions");
        }
        for (index, transaction) in (0..).zip(&body.transactions) {
            let place = records::transaction(&self.reader, *transaction.tx_hash())?;
            if place != Some(TransactionPlace { block_number: number, index }) {
                return damaged("the hash of a transaction leads elsewhere");
            }
        }
        if !elsewhere {
            self.verify_results(number, header, body.transactions.len())?;
        }
        Ok(body.transactions.len() as u64)
    }

    /// Checks what came of executing a block.
    fn verify_results(&self, number: u64, header: &Header, count: usize) -> Result<(), Error> {
        let damaged = |what| Err(self.damaged(number, what));
        let Some(receipts) = records::receipts(&self.reader, number)? else {
            return damaged("the receipts are missing");
        };
        if receipts.len() != count {
            return damaged("there are more or fewer receipts than transactions");
        }
        if header.receipts_root != roots::receipts_root(&receipts, 1) {
            return damaged("the receipts are not those of its header");
        }
        if header.logs_bloom != roots::logs_bloom(&receipts) {
            return damaged("the logs are not those of its header");
        }
        // The first block has none, and its header the hash of an empty one.
        let list = records::access_list(&self.reader, number)?;
        let hash = list.map(keccak256).filter(|_| number > self.first);
        let expected = header.block_access_list_hash.filter(|_| number > self.first);
        if hash != expected {
            return damaged("the access list is not that of its header");
        }
        Ok(())
    }

    fn verify_side_blocks(&self) -> Result<(), Error> {
        for (hash, block) in records::side_blocks(&self.reader)? {
            let transactions: B256 = roots::transactions_root(&block.body.transactions, 1);
            if block.header.hash_slow() != hash || block.header.transactions_root != transactions {
                return Err(Error::SideBlock(hash));
            }
        }
        Ok(())
    }
}
