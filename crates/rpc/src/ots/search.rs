//! Looking through the chain for what concerns an account.
//!
//! Without an index this reads block after block, so it is bounded by time. What only an internal
//! call tells (a plain transfer by a contract) is not found.

use super::OtsReceipt;
use crate::{
    Error,
    args::Args,
    context::Node,
    eth::blocks::{receipts_json, transaction_json},
    json::{Json, TransactionJson, json},
    replay::Replay,
    view::{FoundBlock, View},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY};
use alloy_rpc_types_trace::parity::{Action, TraceOutput};
use heddle_executor::tracing::parity::transaction_traces;
use heddle_types::{Receipt, Transaction};
use serde::Serialize;
use std::time::Instant;

/// Transactions that one page may have.
const PAGE_MAX: usize = 1000;

/// A page of transactions, the newest first. `first_page` is the newest page, `last_page` the
/// oldest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    txs: Vec<Json>,
    receipts: Vec<Json>,
    first_page: bool,
    last_page: bool,
}

/// `ots_searchTransactionsBefore`; block 0 stands for the end of the chain.
pub(crate) fn search_before(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (address, before, size) = arguments(args)?;
    let view = node.view()?;
    let (first, head) = (view.reader().first(), view.head().number);
    let from_end = before == 0 || before > head;
    let last = if from_end { head + 1 } else { before };
    let mut page = collect(node, &view, address, size, (first..last).rev())?;
    let last_page = page.complete;
    page.reverse_blocks(true);
    json(&Page { txs: page.txs, receipts: page.receipts, first_page: from_end, last_page })
}

/// `ots_searchTransactionsAfter`; block 0 stands for the beginning of the chain.
pub(crate) fn search_after(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (address, after, size) = arguments(args)?;
    let view = node.view()?;
    let first = if after == 0 { view.reader().first() } else { after.saturating_add(1) };
    let mut page = collect(node, &view, address, size, first..=view.head().number)?;
    let first_page = page.complete;
    page.reverse_blocks(false);
    json(&Page { txs: page.txs, receipts: page.receipts, first_page, last_page: after == 0 })
}

fn arguments(args: &Args<'_>) -> Result<(Address, u64, usize), Error> {
    let (address, block, size) = (args.required(0)?, args.required(1)?, args.required(2)?);
    if size > PAGE_MAX {
        return Err(Error::Parameters(format!("a page has at most {PAGE_MAX} transactions")));
    }
    Ok((address, block, size))
}

/// What was found, block by block, each block whole.
struct Found {
    txs: Vec<Json>,
    receipts: Vec<Json>,
    /// Where each block begins.
    starts: Vec<usize>,
    /// All blocks were looked through.
    complete: bool,
}

impl Found {
    /// Puts the newest first. `descending`: the blocks came newest first already.
    fn reverse_blocks(&mut self, descending: bool) {
        if descending {
            let ends = self.starts.iter().copied().skip(1).chain([self.txs.len()]);
            for (start, end) in self.starts.iter().copied().zip(ends.collect::<Vec<_>>()) {
                self.txs[start..end].reverse();
                self.receipts[start..end].reverse();
            }
        } else {
            self.txs.reverse();
            self.receipts.reverse();
        }
    }
}

fn collect(
    node: &Node,
    view: &View<'_>,
    address: Address,
    size: usize,
    numbers: impl Iterator<Item = u64>,
) -> Result<Found, Error> {
    let time = node.settings.limits.trace_timeout;
    let deadline = Instant::now() + time;
    let mut found =
        Found { txs: Vec::new(), receipts: Vec::new(), starts: Vec::new(), complete: true };
    for number in numbers {
        if found.txs.len() >= size {
            found.complete = false;
            break;
        }
        if Instant::now() >= deadline {
            return Err(Error::Timeout(time));
        }
        let Some(block) = view.block(number.into())? else { continue };
        found.starts.push(found.txs.len());
        add_block(view, &block, address, &mut found)?;
    }
    Ok(found)
}

fn add_block(
    view: &View<'_>,
    block: &FoundBlock,
    address: Address,
    found: &mut Found,
) -> Result<(), Error> {
    let receipts = block.receipts().unwrap_or_default();
    for (index, receipt) in receipts_json(view, block, receipts).enumerate() {
        let concerned = receipt.sender == address
            || touches(receipt.transaction, receipt.sender, receipt.receipt, address);
        let transaction: Option<TransactionJson<'_>> = transaction_json(block, index);
        if let Some(transaction) = transaction.filter(|_| concerned) {
            found.txs.push(json(&transaction)?);
            found.receipts.push(json(&OtsReceipt(receipt))?);
        }
    }
    Ok(())
}

/// Whether an account is the target, the result, or in a log.
fn touches(
    transaction: &Transaction,
    sender: Address,
    receipt: &Receipt,
    address: Address,
) -> bool {
    let target = match transaction.to() {
        Some(to) => to,
        None => sender.create(transaction.nonce()),
    };
    let word: B256 = address.into_word();
    target == address
        || receipt.logs.iter().any(|log| log.address == address || log.topics().contains(&word))
}

#[derive(Serialize)]
struct Creator {
    hash: B256,
    creator: Address,
}

/// `ots_getContractCreator`: by halving the chain, then by executing one block again.
pub(crate) fn contract_creator(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let view = node.view()?;
    let has_code = |number: u64| {
        let account = view.state(number.into())?.account(address)?;
        Ok::<_, Error>(account.is_some_and(|account| account.code_hash != KECCAK256_EMPTY))
    };
    let (mut low, mut high) = (view.reader().oldest_state(), view.head().number);
    if !has_code(high)? || has_code(low)? {
        return json(&None::<Creator>);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if has_code(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    let block = view.block_required(high.into())?;
    let mut replay = Replay::new(&view, block, node.settings.limits.trace_timeout)?;
    let mut creator = None;
    while let Some(found) = replay.step(|step| {
        let (state, environment) = (&mut *step.state, step.environment);
        let (traces, outcome) =
            transaction_traces(state, environment, step.transaction, &step.place, step.interrupt)?;
        let made =
            traces.iter().find_map(|trace| match (&trace.trace.action, &trace.trace.result) {
                (Action::Create(create), Some(TraceOutput::Create(made)))
                    if made.address == address =>
                {
                    Some(create.from)
                }
                _ => None,
            });
        let hash = step.place.transaction_hash.unwrap_or_default();
        Ok((made.map(|creator| Creator { hash, creator }), outcome))
    })? {
        creator = found.or(creator);
    }
    json(&creator)
}
