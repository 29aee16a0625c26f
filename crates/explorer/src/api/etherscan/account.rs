//! Accounts: balances, transactions, internal calls, blocks made.

use super::{Answer, Failure, Outcome, found, hex, invalid, list::list};
use crate::{
    InternalCall, Page, Place,
    api::{lookup::Mined, work::Ask},
    facts::View,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U256};
use heddle_executor::revm::bytecode::opcode;
use heddle_solidity::abi::Function;
use serde_json::{Value, json};

const NO_TRANSACTIONS: &str = "No transactions found";
/// Accounts of one `balancemulti`.
const ACCOUNTS_MAX: usize = 20;
/// Blocks that are looked through at a time for those of one maker.
const BLOCKS_CHUNK: usize = if cfg!(test) { 2 } else { 1000 };

fn balance_of(ask: &Ask, address: Address) -> Result<U256, Failure> {
    let account = ask.state()?.account(address)?;
    Ok(account.map_or(U256::ZERO, |account| account.balance))
}

pub(super) fn balance(ask: &Ask) -> Outcome {
    found(balance_of(ask, ask.address()?)?.to_string())
}

pub(super) fn balances(ask: &Ask) -> Outcome {
    let Some(text) = ask.params.text("address") else { return invalid("Error! Missing address") };
    let addresses: Vec<&str> = text.split(',').map(str::trim).collect();
    if addresses.len() > ACCOUNTS_MAX {
        return invalid("Error! Maximum of 20 addresses allowed");
    }
    let one = |text: &str| {
        let Ok(address) = text.parse() else { return invalid("Error! Invalid address format") };
        Ok(json!({ "account": text, "balance": balance_of(ask, address)?.to_string() }))
    };
    let found: Result<Vec<Value>, Failure> = addresses.into_iter().map(one).collect();
    Ok(Answer::Found(found?.into()))
}

pub(super) fn balance_history(ask: &Ask) -> Outcome {
    let (address, number) = (ask.address()?, ask.required_block("blockno")?);
    let account = ask.chain.execution_state_at(number)?.account(address)?;
    found(account.map_or(U256::ZERO, |account| account.balance).to_string())
}

pub(super) fn transactions(ask: &Ask) -> Outcome {
    let address = ask.address()?;
    let window = ask.window(("startblock", "endblock"))?;
    let read = |page: Page| ask.index.transactions_of(address, page);
    let places = ask.entries(window, read, (|(place, _)| *place, Place::next_index), |_| true)?;
    let view = View::new(&ask.explorer)?;
    let mut entries = Vec::with_capacity(places.len());
    for (place, _) in places {
        ask.check_time()?;
        if let Some(mined) = ask.lookup.transaction(place.block, place.index.into())? {
            entries.push(transaction_json(ask, &view, &mined));
        }
    }
    list(entries, NO_TRANSACTIONS)
}

fn transaction_json(ask: &Ask, view: &View<'_>, mined: &Mined) -> Value {
    let (header, receipt) = (mined.header(), &mined.receipt);
    let created = mined.created().filter(|_| receipt.success);
    let text = |address: Option<Address>| address.map(hex).unwrap_or_default();
    json!({
        "blockNumber": header.number.to_string(),
        "timeStamp": header.timestamp.to_string(),
        "hash": mined.hash(),
        "nonce": mined.transaction.nonce().to_string(),
        "blockHash": mined.block.block.hash,
        "transactionIndex": mined.index.to_string(),
        "from": hex(mined.sender),
        "to": text(mined.recipient()),
        "value": mined.transaction.value().to_string(),
        "gas": mined.transaction.gas_limit().to_string(),
        "gasPrice": mined.gas_price().to_string(),
        "isError": if receipt.success { "0" } else { "1" },
        // Before Byzantium a receipt does not tell.
        "txreceipt_status": match (receipt.state_root, receipt.success) {
            (Some(_), _) => "",
            (None, true) => "1",
            (None, false) => "0",
        },
        "input": mined.transaction.input(),
        "contractAddress": text(created),
        "cumulativeGasUsed": receipt.cumulative_gas_used.to_string(),
        "gasUsed": receipt.gas_used.to_string(),
        "confirmations": confirmations(ask, header.number),
        "methodId": method(mined),
        "functionName": function(view, mined),
    })
}

/// The declaration of the function that a transaction calls; empty if it is not known.
pub(super) fn function(view: &View<'_>, mined: &Mined) -> String {
    let called = mined.recipient().zip(mined.selector());
    let found =
        called.and_then(|(to, selector)| view.function(to, selector, Function::declaration));
    found.unwrap_or_default()
}

/// The selector of a call; `0x` where there is none.
pub(super) fn method(mined: &Mined) -> String {
    mined.selector().map_or_else(|| "0x".to_owned(), hex)
}

/// Blocks from this one to the last one, both counted.
pub(super) fn confirmations(ask: &Ask, number: u64) -> String {
    (ask.lookup.head().saturating_sub(number) + 1).to_string()
}

pub(super) fn internal(ask: &Ask) -> Outcome {
    if let Some(hash) = ask.transaction_hash()? {
        return internal_of_transaction(ask, hash);
    }
    let window = ask.window(("startblock", "endblock"))?;
    let place = (|(place, _): &(Place, InternalCall)| *place, Place::next as fn(_) -> _);
    let keep = |(_, call): &(Place, InternalCall)| is_listed(call);
    let calls = match ask.address_in("address")? {
        Some(address) => {
            ask.entries(window, |page| ask.index.internal_of(address, page), place, keep)?
        }
        None => ask.entries(window, |page| ask.index.internal_calls(page), place, keep)?,
    };
    let mut entries = Vec::with_capacity(calls.len());
    for (place, call) in calls {
        ask.check_time()?;
        let Some(mined) = ask.lookup.transaction(place.block, place.index.into())? else {
            continue;
        };
        let mut entry = internal_json(&mined, &call);
        entry["hash"] = json!(mined.hash());
        entry["traceId"] = json!(place.item.to_string());
        entries.push(entry);
    }
    list(entries, NO_TRANSACTIONS)
}

fn internal_of_transaction(ask: &Ask, hash: alloy_primitives::B256) -> Outcome {
    let Some(mined) = ask.lookup.by_hash(hash)? else { return list(Vec::new(), NO_TRANSACTIONS) };
    let index = u32::try_from(mined.index).unwrap_or(u32::MAX);
    let at = |item| Place { block: mined.header().number, index, item };
    let (size, _) = ask.size(10_000)?;
    let page = Page { from: at(0), to: at(u32::MAX), ascending: true, limit: size };
    let calls = ask.index.internal_calls(page)?;
    let calls = calls.iter().map(|(_, call)| call).filter(|call| is_listed(call));
    list(calls.map(|call| internal_json(&mined, call)).collect(), NO_TRANSACTIONS)
}

/// Etherscan lists what moves value, creates or destroys.
fn is_listed(call: &InternalCall) -> bool {
    match call.opcode {
        opcode::CREATE | opcode::CREATE2 | opcode::SELFDESTRUCT => true,
        opcode::CALL => !call.value.is_zero(),
        // These move nothing, whatever value they show.
        _ => false,
    }
}

fn internal_json(mined: &Mined, call: &InternalCall) -> Value {
    let header = mined.header();
    let (kind, creates) = match call.opcode {
        opcode::CREATE => ("create", true),
        opcode::CREATE2 => ("create2", true),
        opcode::SELFDESTRUCT => ("suicide", false),
        _ => ("call", false),
    };
    let to = hex(call.to);
    let (to, created) = if creates { (String::new(), to) } else { (to, String::new()) };
    json!({
        "blockNumber": header.number.to_string(),
        "timeStamp": header.timestamp.to_string(),
        "from": hex(call.from),
        "to": to,
        "value": call.value.to_string(),
        "contractAddress": created,
        "input": "",
        "type": kind,
        "gas": call.gas.to_string(),
        "gasUsed": call.gas_used.to_string(),
        "isError": if call.reverted { "1" } else { "0" },
        "errCode": if call.error.is_empty() && call.reverted { "reverted" } else { &call.error },
    })
}

/// Blocks are not listed by their makers: they are looked through, the newest first.
pub(super) fn mined(ask: &Ask) -> Outcome {
    let address = ask.address()?;
    if ask.params.text("blocktype").is_some_and(|kind| kind == "uncles") {
        return list(Vec::new(), NO_TRANSACTIONS);
    }
    let (size, mut skip) = ask.size(10_000)?;
    let mut entries = Vec::new();
    let mut to = ask.index.head().map(|head| head.number);
    while let Some(last) = to.filter(|_| entries.len() < size) {
        ask.check_time()?;
        let blocks = ask.index.blocks(last, BLOCKS_CHUNK)?;
        to = blocks.last().and_then(|(number, _)| number.checked_sub(1));
        for (number, block) in blocks {
            if block.beneficiary != address || entries.len() >= size {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            entries.push(json!({
                "blockNumber": number.to_string(),
                "timeStamp": block.timestamp.to_string(),
                "blockReward": block.tips.to_string(),
            }));
        }
    }
    list(entries, NO_TRANSACTIONS)
}
