//! Transactions in lists.

use super::View;
use crate::{Place, web::PageError};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use heddle_types::{Receipt, RecoveredBlock, Transaction};

/// A transaction with what came of it, in a line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) timestamp: u64,
    pub(crate) hash: B256,
    pub(crate) from: Address,
    /// Whom it was sent to, or what it created.
    pub(crate) to: Address,
    pub(crate) creates: bool,
    pub(crate) value: U256,
    /// The first four bytes of its input, if it is a call with as many.
    pub(crate) selector: Option<[u8; 4]>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    /// Wei for each gas that it paid.
    pub(crate) price: u128,
}

impl Line {
    /// What it paid for gas, in wei.
    pub(crate) fn fee(&self) -> U256 {
        U256::from(self.gas_used).saturating_mul(U256::from(self.price))
    }

    fn new(block: &RecoveredBlock, index: usize, receipt: &Receipt) -> Option<Self> {
        let header = &block.block.header;
        let transaction = block.block.body.transactions.get(index)?;
        let from = *block.senders.get(index)?;
        let (to, creates) = recipient(transaction, from);
        Some(Self {
            place: Place { block: header.number, index: u32::try_from(index).ok()?, item: 0 },
            timestamp: header.timestamp,
            hash: *transaction.tx_hash(),
            from,
            to,
            creates,
            value: transaction.value(),
            selector: selector(transaction),
            success: receipt.success,
            gas_used: receipt.gas_used,
            price: transaction.effective_gas_price(header.base_fee_per_gas),
        })
    }
}

/// Whom a transaction is sent to, or what it creates.
pub(crate) fn recipient(transaction: &Transaction, from: Address) -> (Address, bool) {
    match transaction.kind() {
        TxKind::Call(to) => (to, false),
        TxKind::Create => (from.create(transaction.nonce()), true),
    }
}

/// The first four bytes of a call's input.
pub(crate) fn selector(transaction: &Transaction) -> Option<[u8; 4]> {
    let input: &Bytes = transaction.input();
    input.first_chunk().copied().filter(|_| transaction.kind().is_call())
}

/// Reads transactions by their place. Keeps the last block, as neighbours in a list often share it.
#[derive(Debug)]
pub(crate) struct Lines<'v> {
    view: &'v View<'v>,
    last: Option<(RecoveredBlock, Vec<Receipt>)>,
}

impl<'v> Lines<'v> {
    pub(crate) const fn new(view: &'v View<'v>) -> Self {
        Self { view, last: None }
    }

    fn load(&mut self, number: u64) -> Result<Option<&(RecoveredBlock, Vec<Receipt>)>, PageError> {
        if self.last.as_ref().is_none_or(|(block, _)| block.block.header.number != number) {
            self.last = self.view.chain.block(number)?.zip(self.view.chain.receipts(number)?);
        }
        Ok(self.last.as_ref())
    }

    /// The transaction at a place; `None` if the chain has no such any more.
    pub(crate) fn at(&mut self, place: Place) -> Result<Option<Line>, PageError> {
        let Some((block, receipts)) = self.load(place.block)? else { return Ok(None) };
        let index = place.index as usize;
        Ok(receipts.get(index).and_then(|receipt| Line::new(block, index, receipt)))
    }

    /// The hash of the transaction at a place.
    pub(crate) fn hash(&mut self, block: u64, index: u64) -> Result<Option<B256>, PageError> {
        let Some((block, _)) = self.load(block)? else { return Ok(None) };
        let transaction = usize::try_from(index).ok();
        let transaction = transaction.and_then(|index| block.block.body.transactions.get(index));
        Ok(transaction.map(|transaction| *transaction.tx_hash()))
    }

    /// The position of the transaction that made a log of a block.
    pub(crate) fn log(
        &mut self,
        block: u64,
        log: u32,
    ) -> Result<Option<(u64, &alloy_primitives::Log)>, PageError> {
        let Some((_, receipts)) = self.load(block)? else { return Ok(None) };
        let mut at = log as usize;
        for (index, receipt) in (0..).zip(receipts) {
            match receipt.logs.get(at) {
                Some(log) => return Ok(Some((index, log))),
                None => at -= receipt.logs.len(),
            }
        }
        Ok(None)
    }

    /// The newest transactions up to a place, over blocks.
    pub(crate) fn until(&mut self, to: Place, limit: usize) -> Result<Vec<Line>, PageError> {
        let mut found = Vec::new();
        let mut number = to.block.min(self.view.head());
        let mut blocks = 0;
        while found.len() < limit && blocks < BLOCKS_READ_MAX {
            let end = if number == to.block { to.index as usize } else { usize::MAX };
            // The figures of the index spare reading blocks that are empty.
            let is_empty =
                self.view.index.block(number)?.is_some_and(|block| block.transactions == 0);
            if !is_empty && let Some((block, receipts)) = self.load(number)? {
                let lines = receipts.iter().enumerate().take(end.saturating_add(1)).rev();
                let lines = lines.filter_map(|(index, receipt)| Line::new(block, index, receipt));
                found.extend(lines.take(limit - found.len()));
            }
            blocks += 1;
            match number.checked_sub(1).filter(|before| *before >= self.view.chain.first()) {
                Some(before) => number = before,
                None => break,
            }
        }
        Ok(found)
    }
}

/// Blocks that are looked through for transactions at most: hours of a chain where nothing happens.
const BLOCKS_READ_MAX: u64 = 20_000;
