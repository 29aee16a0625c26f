//! Making blocks, undoing them, and what the next ones are like.

use super::{number::Number, producer, state::done};
use crate::{
    Error,
    args::Args,
    context::Node,
    eth::blocks::block_json,
    json::{Json, json},
};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_pool::DropReason;
use heddle_types::{RecoveredTransaction, Transaction};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// What `evm_mine` may be given: the time of the block, or both of these.
#[derive(Deserialize)]
#[serde(untagged)]
enum MineOptions {
    Timestamp(Number),
    Options { timestamp: Option<Number>, blocks: Option<Number> },
}

/// Makes the blocks that `evm_mine` asks for.
fn mine_as_asked(node: &Node, args: &Args<'_>) -> Result<Vec<B256>, Error> {
    let (time, blocks) = match args.optional(0)? {
        None => (None, 1),
        Some(MineOptions::Timestamp(time)) => (Some(time), 1),
        Some(MineOptions::Options { timestamp, blocks }) => {
            (timestamp, blocks.map_or(1, Number::to_u64))
        }
    };
    if let Some(time) = time {
        producer(node)?.set_next_timestamp(time.to_u64())?;
    }
    Ok(producer(node)?.mine(blocks, None)?)
}

/// `evm_mine`: always `0x0`, as ganache began it.
pub(super) fn evm_mine(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    mine_as_asked(node, args)?;
    json("0x0")
}

pub(super) fn mine_detailed(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hashes = mine_as_asked(node, args)?;
    let reader = node.context.chain.reader();
    let mut blocks = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let block = reader.block_by_hash(hash)?.ok_or(Error::HeaderNotFound)?;
        blocks.push(json(&block_json(&block, true))?);
    }
    json(&blocks)
}

pub(super) fn mine(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let blocks: Option<Number> = args.optional(0)?;
    let interval: Option<Number> = args.optional(1)?;
    // Clients send 0 when nothing was said.
    let interval = interval.map(Number::to_u64).filter(|seconds| *seconds > 0);
    producer(node)?.mine(blocks.map_or(1, Number::to_u64), interval)?;
    done()
}

pub(super) fn automine(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&producer(node)?.mining().automatic)
}

pub(super) fn set_automine(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    producer(node)?.set_automatic(args.required(0)?)?;
    done()
}

pub(super) fn interval(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&producer(node)?.mining().interval.map(|interval| interval.as_secs()))
}

pub(super) fn set_interval(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let seconds: Number = args.required(0)?;
    every(node, Duration::from_secs(seconds.to_u64()))
}

pub(super) fn set_interval_ms(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let milliseconds: Number = args.required(0)?;
    every(node, Duration::from_millis(milliseconds.to_u64()))
}

fn every(node: &Node, interval: Duration) -> Result<Json, Error> {
    producer(node)?.set_interval((!interval.is_zero()).then_some(interval))?;
    done()
}

pub(super) fn drop_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    let now = producer(node)?.now();
    let dropped = node.context.pool.lock().remove(&hash, DropReason::Removed, now);
    json(&dropped.map(|_| hash))
}

pub(super) fn drop_all(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let now = producer(node)?.now();
    node.context.pool.lock().clear(now);
    done()
}

pub(super) fn drop_sender(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let sender: Address = args.required(0)?;
    let now = producer(node)?.now();
    node.context.pool.lock().remove_sender(&sender, now);
    done()
}

/// `evm_increaseTime`: by how much the clock is ahead of the real one then.
pub(super) fn increase_time(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let seconds: Number = args.required(0)?;
    let ahead = producer(node)?.increase_time(i128::from(seconds.to_u64()));
    json(&i64::try_from(ahead).unwrap_or(i64::MAX))
}

/// `evm_setTime`. A time that is too large for one in seconds is in milliseconds, as JavaScript
/// has it.
pub(super) fn set_time(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    const MILLISECONDS_FROM: u64 = 1_000_000_000_000;
    let time: Number = args.required(0)?;
    let time = time.to_u64();
    let seconds = if time >= MILLISECONDS_FROM { time / 1_000 } else { time };
    let moved = producer(node)?.set_time(seconds);
    json(&i64::try_from(moved).unwrap_or(i64::MAX))
}

pub(super) fn set_next_timestamp(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let time: Number = args.required(0)?;
    producer(node)?.set_next_timestamp(time.to_u64())?;
    done()
}

pub(super) fn set_timestamp_interval(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let seconds: Number = args.required(0)?;
    producer(node)?.set_timestamp_interval(Some(seconds.to_u64()));
    done()
}

pub(super) fn remove_timestamp_interval(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&producer(node)?.set_timestamp_interval(None))
}

pub(super) fn set_gas_limit(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let gas: Number = args.required(0)?;
    producer(node)?.set_gas_limit(gas.to_u64())?;
    json(&true)
}

pub(super) fn set_base_fee(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let fee: Number = args.required(0)?;
    producer(node)?.set_next_base_fee(fee.to_u64())?;
    done()
}

pub(super) fn set_prevrandao(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    producer(node)?.set_next_prevrandao(args.required(0)?);
    done()
}

pub(super) fn set_coinbase(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    producer(node)?.set_beneficiary(args.required(0)?);
    done()
}

pub(super) fn snapshot(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&U256::from(producer(node)?.snapshot()))
}

pub(super) fn revert(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let snapshot: Number = args.required(0)?;
    json(&producer(node)?.revert(snapshot.to_u64())?)
}

pub(super) fn rollback(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let blocks: Option<Number> = args.optional(0)?;
    producer(node)?.rollback(blocks.map_or(1, Number::to_u64))?;
    done()
}

/// `anvil_reorg`: raw transactions, each with the number of the new block that holds it.
pub(super) fn reorganise(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let depth: Number = args.required(0)?;
    let raw: Option<Vec<(Bytes, Number)>> = args.optional(1)?;
    let fork = node.context.pool.lock().context().fork;
    let mut transactions: BTreeMap<u64, Vec<RecoveredTransaction>> = BTreeMap::new();
    for (bytes, block) in raw.unwrap_or_default() {
        let transaction = Transaction::decode_2718_exact(&bytes)
            .map_err(|error| Error::argument(1, format!("a raw transaction: {error}")))?;
        let sender = heddle_ecrecover::recover_sender(&transaction, fork)
            .map_err(|error| Error::argument(1, error))?;
        let recovered = RecoveredTransaction { transaction, sender };
        transactions.entry(block.to_u64()).or_default().push(recovered);
    }
    producer(node)?.reorganise(depth.to_u64(), transactions)?;
    done()
}

/// `anvil_reset`: to the first block of this chain.
pub(super) fn reset(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let reader = node.context.chain.reader();
    let depth = reader.head().number - reader.first();
    drop(reader);
    producer(node)?.rollback(depth)?;
    let now = producer(node)?.now();
    node.context.pool.lock().clear(now);
    done()
}
