//! Blocks, transactions and logs at the places that the index names.

use super::failure::Failure;
use crate::{IndexReader, Place};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Log, TxKind, U256};
use heddle_chain::{ChainReader, CommittedBlock};
use heddle_types::{Header, Receipt, Transaction};
use std::{cell::RefCell, sync::Arc};

/// Reads blocks, and keeps the last one: neighbours in a list often stand in one block.
pub(crate) struct Lookup {
    chain: ChainReader,
    index: IndexReader,
    last: RefCell<Option<(u64, Option<Arc<CommittedBlock>>)>>,
}

/// A transaction in its block.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) block: Arc<CommittedBlock>,
    pub(crate) index: usize,
    pub(crate) transaction: Transaction,
    pub(crate) sender: Address,
    pub(crate) receipt: Receipt,
}

/// A log in its block.
#[derive(Clone, Debug)]
pub(crate) struct FoundLog {
    /// Position among the logs of the block.
    pub(crate) index: u32,
    pub(crate) log: Log,
    pub(crate) mined: Mined,
}

impl Lookup {
    pub(crate) fn new(chain: ChainReader, index: IndexReader) -> Self {
        Self { chain, index, last: RefCell::new(None) }
    }

    /// A block that the index has too. Where the index is still on a branch that the chain has
    /// left, its places mean other transactions than the chain's, and there is no such block.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<CommittedBlock>>, Failure> {
        if let Some((at, block)) = &*self.last.borrow()
            && *at == number
        {
            return Ok(block.clone());
        }
        let indexed = self.index.block(number)?.map(|summary| summary.hash);
        let block = self.chain.committed(number)?.map(Arc::new);
        let block = block.filter(|block| indexed.is_none_or(|hash| hash == block.block.hash));
        *self.last.borrow_mut() = Some((number, block.clone()));
        Ok(block)
    }

    /// The transaction at a position in a block.
    pub(crate) fn transaction(&self, number: u64, index: u64) -> Result<Option<Mined>, Failure> {
        let Some(block) = self.block(number)? else { return Ok(None) };
        Ok(usize::try_from(index).ok().and_then(|index| Mined::of(&block, index)))
    }

    /// The transaction of a hash.
    pub(crate) fn by_hash(&self, hash: B256) -> Result<Option<Mined>, Failure> {
        match self.chain.transaction_place(hash)? {
            Some(place) => self.transaction(place.block_number, place.index.into()),
            None => Ok(None),
        }
    }

    /// The log at a place.
    pub(crate) fn log(&self, place: Place) -> Result<Option<FoundLog>, Failure> {
        let Some(block) = self.block(place.block)? else { return Ok(None) };
        let mut before = 0_usize;
        let wanted = place.index as usize;
        for (index, receipt) in block.receipts.iter().enumerate() {
            let after = before + receipt.logs.len();
            if wanted < after {
                let log = receipt.logs.get(wanted - before);
                let found = log.cloned().zip(Mined::of(&block, index));
                return Ok(found.map(|(log, mined)| FoundLog { index: place.index, log, mined }));
            }
            before = after;
        }
        Ok(None)
    }

    /// The height of the chain's last block.
    pub(crate) fn head(&self) -> u64 {
        self.chain.head().number
    }
}

impl Place {
    /// The place just after this one and all items in it, for lists that know no items.
    pub(crate) fn next_index(self) -> Option<Self> {
        Self { item: u32::MAX, ..self }.next()
    }

    /// The place just after this one; none after the last.
    pub(crate) fn next(self) -> Option<Self> {
        let Self { block, index, item } = self;
        if let Some(item) = item.checked_add(1) {
            return Some(Self { block, index, item });
        }
        if let Some(index) = index.checked_add(1) {
            return Some(Self { block, index, item: 0 });
        }
        block.checked_add(1).map(|block| Self { block, index: 0, item: 0 })
    }
}

impl Mined {
    pub(crate) fn of(block: &Arc<CommittedBlock>, index: usize) -> Option<Self> {
        Some(Self {
            index,
            transaction: block.block.block.body.transactions.get(index)?.clone(),
            sender: *block.block.senders.get(index)?,
            receipt: block.receipts.get(index)?.clone(),
            block: block.clone(),
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.block.block.block.header
    }

    pub(crate) fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }

    /// Wei for each gas that was paid.
    pub(crate) fn gas_price(&self) -> u128 {
        self.transaction.effective_gas_price(self.header().base_fee_per_gas)
    }

    /// Wei that the gas cost.
    pub(crate) fn fee(&self) -> U256 {
        U256::from(self.gas_price()) * U256::from(self.receipt.gas_used)
    }

    pub(crate) fn recipient(&self) -> Option<Address> {
        match self.transaction.kind() {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        }
    }

    /// The contract that it would have created, if it creates one.
    pub(crate) fn created(&self) -> Option<Address> {
        let creates = self.transaction.kind() == TxKind::Create;
        creates.then(|| self.sender.create(self.transaction.nonce()))
    }

    /// The first four bytes of the input of a call.
    pub(crate) fn selector(&self) -> Option<[u8; 4]> {
        self.recipient()?;
        self.transaction.input().first_chunk().copied()
    }

    /// Position among the logs of the block of its first one.
    pub(crate) fn first_log(&self) -> usize {
        self.block.receipts.iter().take(self.index).map(|receipt| receipt.logs.len()).sum()
    }
}
