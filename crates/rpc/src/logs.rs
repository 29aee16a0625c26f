//! Which logs a filter takes.

use crate::{
    Error,
    json::{LogJson, LogPlace},
};
use alloy_primitives::{B256, Log};
use alloy_rpc_types_eth::Filter;
use heddle_types::{Header, Receipt, Transaction};

/// What is needed of a block to find logs in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSource<'a> {
    pub(crate) header: &'a Header,
    pub(crate) hash: B256,
    pub(crate) transactions: &'a [Transaction],
    pub(crate) receipts: &'a [Receipt],
}

impl<'a> LogSource<'a> {
    /// The logs that `filter` takes, in order.
    pub(crate) fn matching(
        self,
        filter: &'a Filter,
        removed: bool,
    ) -> impl Iterator<Item = LogJson<'a>> {
        let may = filter.matches_bloom(self.header.logs_bloom);
        self.all(removed).filter(move |log| may && takes(filter, log.log))
    }

    fn all(self, removed: bool) -> impl Iterator<Item = LogJson<'a>> {
        let mut index = 0;
        (0..).zip(self.transactions.iter().zip(self.receipts)).flat_map(
            move |(transaction_index, (transaction, receipt))| {
                let first = index;
                index += receipt.logs.len() as u64;
                (first..).zip(&receipt.logs).map(move |(index, log)| LogJson {
                    log,
                    place: LogPlace {
                        block_hash: self.hash,
                        block_number: self.header.number,
                        block_timestamp: self.header.timestamp,
                        transaction_hash: *transaction.tx_hash(),
                        transaction_index,
                        index,
                    },
                    removed,
                })
            },
        )
    }
}

/// Whether a filter takes a log, its block aside.
pub(crate) fn takes(filter: &Filter, log: &Log) -> bool {
    filter.matches_address(log.address) && filter.matches_topics(log.topics())
}

/// More topics than a log can have match nothing; geth calls it an error.
pub(crate) fn check(filter: &Filter, addresses_max: usize) -> Result<(), Error> {
    let sets = filter.topics.iter().map(|topics| topics.len());
    if filter.address.len() > addresses_max || sets.max().unwrap_or(0) > addresses_max {
        return Err(Error::Parameters(format!(
            "more than {addresses_max} addresses, or alternatives of a topic"
        )));
    }
    Ok(())
}
