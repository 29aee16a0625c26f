//! Transactions.

use super::{Outcome, checksum, missing};
use crate::{
    Class, InternalCall, Page, Place, Transfer,
    api::{
        failure::Failure,
        lookup::{FoundLog, Mined},
        work::Ask,
    },
    transfers as transfers_in,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256, hex};
use heddle_executor::revm::bytecode::opcode::OpCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Logs and transfers of one transaction in an answer; more are in the receipt by JSON-RPC.
const ENTRIES_MAX: usize = 10_000;

fn hash(ask: &Ask) -> Result<B256, Failure> {
    ask.part("hash", "hash: 32 bytes in hex are")
}

fn mined(ask: &Ask) -> Result<Mined, Failure> {
    match ask.lookup.by_hash(hash(ask)?)? {
        Some(mined) => Ok(mined),
        None => missing("transaction in a block"),
    }
}

pub(super) fn transaction_json(mined: &Mined) -> Value {
    let (transaction, receipt) = (&mined.transaction, &mined.receipt);
    json!({
        "hash": mined.hash(),
        "block": mined.header().number,
        "index": mined.index,
        "timestamp": mined.header().timestamp,
        "type": u8::from(transaction.tx_type()),
        "from": checksum(mined.sender),
        "to": mined.recipient().map(checksum),
        "created": mined.created().filter(|_| receipt.success).map(checksum),
        "value": transaction.value().to_string(),
        "nonce": transaction.nonce(),
        "selector": mined.selector().map(hex::encode_prefixed),
        "gas_limit": transaction.gas_limit(),
        "gas_used": receipt.gas_used,
        "gas_price": mined.gas_price().to_string(),
        "fee": mined.fee().to_string(),
        "success": receipt.success,
    })
}

pub(super) fn one(ask: &Ask) -> Outcome {
    let hash = hash(ask)?;
    let Some(mined) = ask.lookup.by_hash(hash)? else { return pending(ask, hash) };
    let mut value = transaction_json(&mined);
    value["block_hash"] = json!(mined.block.block.hash);
    value["input"] = json!(mined.transaction.input());
    value["logs"] = json!(mined.receipt.logs.len());
    let before = ask.lookup.head().saturating_sub(mined.header().number);
    value["confirmations"] = json!(before + 1);
    Ok(value)
}

/// A transaction as JSON-RPC gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pending {
    #[serde(rename = "type")]
    kind: U64,
    from: Address,
    to: Option<Address>,
    value: U256,
    nonce: U64,
    gas: U64,
    gas_price: Option<U128>,
    max_fee_per_gas: Option<U128>,
    input: Bytes,
}

fn pending(ask: &Ask, hash: B256) -> Outcome {
    let found: Option<Pending> = ask.call("eth_getTransactionByHash", json!([hash]))?;
    let Some(pending) = found else { return missing("transaction") };
    let selector = pending.to.and_then(|_| pending.input.first_chunk::<4>().copied());
    let price = pending.max_fee_per_gas.or(pending.gas_price).unwrap_or_default();
    Ok(json!({
        "hash": hash,
        "block": null,
        "index": null,
        "timestamp": null,
        "type": pending.kind.to::<u64>(),
        "from": checksum(pending.from),
        "to": pending.to.map(checksum),
        "created": null,
        "value": pending.value.to_string(),
        "nonce": pending.nonce.to::<u64>(),
        "selector": selector.map(hex::encode_prefixed),
        "gas_limit": pending.gas.to::<u64>(),
        "gas_used": null,
        "gas_price": price.to_string(),
        "fee": null,
        "success": null,
        "block_hash": null,
        "input": pending.input,
        "logs": null,
        "confirmations": 0,
    }))
}

pub(super) fn log_json(found: &FoundLog) -> Value {
    json!({
        "block": found.mined.header().number,
        "transaction": found.mined.hash(),
        "index": found.index,
        "address": checksum(found.log.address),
        "topics": found.log.topics(),
        "data": found.log.data.data,
    })
}

pub(super) fn logs(ask: &Ask) -> Outcome {
    let mined = mined(ask)?;
    let first = mined.first_log();
    let logs = mined.receipt.logs.iter().take(ENTRIES_MAX).enumerate().map(|(index, log)| {
        let index = u32::try_from(first + index).unwrap_or(u32::MAX);
        log_json(&FoundLog { index, log: log.clone(), mined: mined.clone() })
    });
    Ok(json!({ "items": logs.collect::<Vec<_>>() }))
}

pub(super) fn call_json(mined: &Mined, place: Place, call: &InternalCall) -> Value {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "block": place.block,
        "transaction": mined.hash(),
        "frame": place.item,
        "opcode": OpCode::new(call.opcode).map_or("", |opcode| opcode.as_str()),
        "depth": call.depth,
        "from": checksum(call.from),
        "to": checksum(call.to),
        "value": call.value.to_string(),
        "gas": call.gas,
        "gas_used": call.gas_used,
        "selector": Some(&call.selector).filter(|bytes| !bytes.is_empty()),
        "reverted": call.reverted,
        "error": text(&call.error),
    })
}

pub(super) fn calls(ask: &Ask) -> Outcome {
    let mined = mined(ask)?;
    let index = u32::try_from(mined.index).unwrap_or(u32::MAX);
    let at = |item| Place { block: mined.header().number, index, item };
    let from = ask.cursor::<u64>()?.map_or(0, |last| last.saturating_add(1));
    let from = u32::try_from(from).unwrap_or(u32::MAX);
    let limit = ask.limit()? + 1;
    let page = Page { from: at(from), to: at(u32::MAX), ascending: true, limit };
    let calls = ask.index.internal_calls(page)?;
    let cursor = |(place, _): &(Place, InternalCall)| u64::from(place.item);
    ask.paged(calls, cursor, |(place, call)| Ok(call_json(&mined, *place, call)))
}

/// How a class is called in parameters and answers.
pub(crate) const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Erc20 => "erc20",
        Class::Erc721 => "erc721",
        Class::Erc1155 => "erc1155",
    }
}

pub(super) fn transfer_json(
    ask: &Ask,
    (place, transaction): (Place, B256),
    (token, class): (Address, Class),
    transfer: &Transfer,
) -> Result<Value, Failure> {
    let known = ask.token(token, class)?;
    let id = Some(transfer.id.to_string()).filter(|_| class != Class::Erc20);
    Ok(json!({
        "block": place.block,
        "transaction": transaction,
        "log": place.index,
        "item": place.item,
        "class": class_name(class),
        "token": checksum(token),
        "symbol": known.symbol,
        "decimals": known.decimals,
        "from": checksum(transfer.from),
        "to": checksum(transfer.to),
        "id": id,
        "amount": transfer.amount.to_string(),
    }))
}

pub(super) fn transfers(ask: &Ask) -> Outcome {
    let mined = mined(ask)?;
    let first = mined.first_log();
    let mut items = Vec::new();
    for (index, log) in mined.receipt.logs.iter().enumerate() {
        ask.check_time()?;
        let (class, moved) = transfers_in(log, mined.index as u64);
        let index = u32::try_from(first + index).unwrap_or(u32::MAX);
        for (item, transfer) in moved.iter().enumerate().take(ENTRIES_MAX - items.len()) {
            let item = u32::try_from(item).unwrap_or(u32::MAX);
            let place = Place { block: mined.header().number, index, item };
            items.push(transfer_json(ask, (place, mined.hash()), (log.address, class), transfer)?);
        }
    }
    Ok(json!({ "items": items }))
}

/// An account as the tracer of states gives it: what is left out did not change.
#[derive(Clone, Debug, Default, Deserialize)]
struct Account {
    balance: Option<U256>,
    nonce: Option<u64>,
    code: Option<Bytes>,
    #[serde(default)]
    storage: BTreeMap<B256, B256>,
}

#[derive(Deserialize)]
struct Difference {
    pre: BTreeMap<Address, Account>,
    post: BTreeMap<Address, Account>,
}

pub(super) fn state_changes(ask: &Ask) -> Outcome {
    let hash = mined(ask)?.hash();
    let tracer = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let Difference { pre, post } = ask.call("debug_traceTransaction", json!([hash, tracer]))?;
    let addresses: BTreeSet<Address> = pre.keys().chain(post.keys()).copied().collect();
    let none = Account::default();
    let items = addresses.into_iter().map(|address| {
        let before = pre.get(&address).unwrap_or(&none);
        // One that is gone is not among those after.
        let (after, gone) = post.get(&address).map_or((&none, true), |after| (after, false));
        let change = |before: Option<U256>, after: Option<U256>| {
            let after = if gone { Some(U256::ZERO) } else { after };
            let (before, after) = (before.unwrap_or_default(), after?);
            let changed = before != after;
            changed.then(|| json!({ "before": before.to_string(), "after": after.to_string() }))
        };
        let slots: BTreeSet<B256> =
            before.storage.keys().chain(after.storage.keys()).copied().collect();
        let slots = slots.into_iter().map(|slot| {
            let value = |account: &Account| account.storage.get(&slot).copied().unwrap_or_default();
            json!({ "slot": slot, "before": value(before), "after": value(after) })
        });
        let code = |account: &Account| account.code.clone().unwrap_or_default();
        json!({
            "address": checksum(address),
            "balance": change(before.balance, after.balance),
            "nonce": change(before.nonce.map(U256::from), after.nonce.map(U256::from)),
            "code_changed": if gone { !code(before).is_empty() } else { after.code.is_some() },
            "slots": slots.collect::<Vec<_>>(),
        })
    });
    Ok(json!({ "items": items.collect::<Vec<_>>() }))
}
