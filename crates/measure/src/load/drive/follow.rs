//! Follows the chain block by block, by number: a question every few milliseconds that the node
//! answers with nothing until there is the block.

use super::Shared;
use crate::load::{
    LoadError,
    client::{Client, Refusal, shown},
    ledger::{Ledger, Prefix, Ticks},
};
use alloy_primitives::{U256, hex};
use serde::Deserialize;
use serde_json::json;
use std::{sync::atomic::Ordering, thread};

/// How often the node may fail to answer, one time after the other, before it is taken to be gone.
const FAILURES_MAX: u32 = 5;

/// A block that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSeen {
    pub(crate) number: u64,
    /// When it was there.
    pub(crate) seen: Ticks,
    /// Transactions of ours in it.
    pub(crate) ours: u32,
    pub(crate) base_fee: u64,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<Block<'a>>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    hash: &'a str,
    parent_hash: &'a str,
    base_fee_per_gas: Option<U256>,
    #[serde(borrow)]
    transactions: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Numbered {
    number: U256,
}

/// Number of the last block.
pub(super) fn head(client: &mut Client) -> Result<u64, LoadError> {
    let number: U256 = client.call("eth_blockNumber", json!([]))?;
    Ok(number.saturating_to())
}

/// Follows until all is over and no further block is there.
pub(super) fn follow(shared: &Shared<'_>, client: &mut Client, first: u64) -> Vec<BlockSeen> {
    let finalized = if shared.manner.finalized { 0 } else { u64::MAX };
    let mut follower = Follower { blocks: Vec::new(), parent: None, next: first, finalized };
    let mut failures = 0;
    loop {
        let is_over = shared.is_over.load(Ordering::Relaxed);
        match follower.look(shared, client) {
            Ok(true) => failures = 0,
            Ok(false) if is_over => return follower.blocks,
            Ok(false) => {
                failures = 0;
                thread::sleep(shared.manner.poll);
            }
            Err(error) => {
                shared.trouble(&error);
                failures += 1;
                if failures == FAILURES_MAX || is_over {
                    shared.is_stopped.store(true, Ordering::Relaxed);
                    return follower.blocks;
                }
                thread::sleep(shared.manner.poll);
            }
        }
    }
}

struct Follower {
    blocks: Vec<BlockSeen>,
    /// Hash of the last block.
    parent: Option<String>,
    next: u64,
    /// The last final block, if that is of interest; else the highest number there is.
    finalized: u64,
}

impl Follower {
    /// Takes the next block down; `false` when there is none yet.
    fn look(&mut self, shared: &Shared<'_>, client: &mut Client) -> Result<bool, LoadError> {
        let method = "eth_getBlockByNumber";
        if self.finalized < self.next {
            let last: Option<Numbered> = client.call(method, json!(["finalized", false]))?;
            self.finalized = last.map_or(0, |block| block.number.saturating_to());
            if self.finalized < self.next {
                return Ok(false);
            }
        }
        let body = client.exchange(&request(self.next))?;
        let seen = shared.now();
        let form = || LoadError::Form { method, answer: shown(body) };
        let Response { result, error } = serde_json::from_slice(body).map_err(|_| form())?;
        if let Some(Refusal { message }) = error {
            return Err(LoadError::Refused { method, message });
        }
        let Some(block) = result else { return Ok(false) };
        let prefixes: Option<Vec<Prefix>> =
            block.transactions.iter().map(|hash| parse_prefix(hash)).collect();
        let prefixes = prefixes.ok_or_else(form)?;
        if self.parent.as_deref().is_some_and(|parent| parent != block.parent_hash) {
            let what =
                format!("block {} does not follow the one before: a reorganisation", self.next);
            shared.trouble(&LoadError::Http(what));
        }
        let latencies = mine(&mut shared.ledger.lock(), &prefixes, seen);
        shared.book.lock().mined(seen, &latencies);
        self.blocks.push(BlockSeen {
            number: self.next,
            seen,
            ours: latencies.len() as u32,
            base_fee: block.base_fee_per_gas.unwrap_or_default().saturating_to(),
        });
        self.parent = Some(block.hash.to_owned());
        self.next += 1;
        Ok(true)
    }
}

/// Marks the transactions of a block as mined; how long each of ours took.
fn mine(ledger: &mut Ledger, prefixes: &[Prefix], seen: Ticks) -> Vec<Ticks> {
    let due = prefixes.iter().filter_map(|prefix| ledger.mine(*prefix));
    due.map(|due| seen.saturating_sub(due)).collect()
}

fn request(number: u64) -> Vec<u8> {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"eth_getBlockByNumber","params":["{number:#x}",false]}}"#
    )
    .into_bytes()
}

/// The first bytes of a hash in hexadecimal.
pub(crate) fn parse_prefix(hash: &str) -> Option<Prefix> {
    let digits = hash.strip_prefix("0x").filter(|digits| digits.len() == 64)?;
    let mut bytes = [0; 8];
    hex::decode_to_slice(&digits[..16], &mut bytes).ok()?;
    Some(Prefix::from_be_bytes(bytes))
}
