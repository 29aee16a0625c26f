//! Tokens: transfers, balances, holders.

use super::{
    Failure, Outcome,
    account::{confirmations, function, method},
    found, hex, invalid,
    list::list,
};
use crate::{
    Class, Page, Place, TransferEntry,
    api::{lookup::Mined, work::Ask},
    facts::View,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes, U256};
use serde_json::{Value, json};

const NO_TRANSACTIONS: &str = "No transactions found";
/// Entries of lists other than transfers that can be had: pages of them cannot be read directly.
const ENTRIES_MAX: u64 = 1000;

pub(super) fn erc20(ask: &Ask) -> Outcome {
    transfers(ask, Class::Erc20)
}

pub(super) fn erc721(ask: &Ask) -> Outcome {
    transfers(ask, Class::Erc721)
}

pub(super) fn erc1155(ask: &Ask) -> Outcome {
    transfers(ask, Class::Erc1155)
}

fn transfers(ask: &Ask, class: Class) -> Outcome {
    let (address, token) = (ask.address_in("address")?, ask.contract_address()?);
    let window = ask.window(("startblock", "endblock"))?;
    let place = (|entry: &TransferEntry| entry.place, Place::next as fn(_) -> _);
    let of_token = |entry: &TransferEntry| token.is_none_or(|token| token == entry.token);
    let entries = match (address, token) {
        (Some(address), _) => {
            let read = |page: Page| ask.index.transfers_of(address, class, page);
            ask.entries(window, read, place, of_token)?
        }
        (None, Some(token)) => {
            let read = |page: Page| ask.index.transfers(token, class, page);
            ask.entries(window, read, place, |_| true)?
        }
        (None, None) => return invalid("Error! Missing address or contract address"),
    };
    let view = View::new(&ask.explorer)?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        ask.check_time()?;
        let at = (entry.place.block, entry.transfer.transaction);
        if let Some(mined) = ask.lookup.transaction(at.0, at.1)? {
            found.push(transfer_json(ask, &view, &mined, &entry)?);
        }
    }
    list(found, NO_TRANSACTIONS)
}

fn transfer_json(
    ask: &Ask,
    view: &View<'_>,
    mined: &Mined,
    entry: &TransferEntry,
) -> Result<Value, Failure> {
    let token = ask.token(entry.token, entry.class)?;
    let (header, receipt, transfer) = (mined.header(), &mined.receipt, &entry.transfer);
    let mut value = json!({
        "blockNumber": header.number.to_string(),
        "timeStamp": header.timestamp.to_string(),
        "hash": mined.hash(),
        "nonce": mined.transaction.nonce().to_string(),
        "blockHash": mined.block.block.hash,
        "from": hex(transfer.from),
        "contractAddress": hex(entry.token),
        "to": hex(transfer.to),
        "tokenName": token.name,
        "tokenSymbol": token.symbol,
        "transactionIndex": mined.index.to_string(),
        "gas": mined.transaction.gas_limit().to_string(),
        "gasPrice": mined.gas_price().to_string(),
        "gasUsed": receipt.gas_used.to_string(),
        "cumulativeGasUsed": receipt.cumulative_gas_used.to_string(),
        "input": "deprecated",
        "confirmations": confirmations(ask, header.number),
    });
    match entry.class {
        Class::Erc20 => {
            value["value"] = json!(transfer.amount.to_string());
            value["tokenDecimal"] = json!(token.decimals.to_string());
            value["methodId"] = json!(method(mined));
            value["functionName"] = json!(function(view, mined));
        }
        Class::Erc721 => {
            value["tokenID"] = json!(transfer.id.to_string());
            value["tokenDecimal"] = json!("0");
        }
        Class::Erc1155 => {
            value["tokenID"] = json!(transfer.id.to_string());
            value["tokenValue"] = json!(transfer.amount.to_string());
        }
    }
    Ok(value)
}

/// What the index has, or what the contract says of one that never logged a transfer.
pub(super) fn balance(ask: &Ask) -> Outcome {
    let (token, holder) = (ask.contract()?, ask.address()?);
    match ask.index.token_of_any_class(token)? {
        Some((class, _)) => found(ask.index.balance(holder, token, class)?.to_string()),
        None => {
            let data = [&[0x70, 0xa0, 0x82, 0x31][..], holder.into_word().as_slice()].concat();
            found(question(ask, token, data.into())?.to_string())
        }
    }
}

pub(super) fn supply(ask: &Ask) -> Outcome {
    let token = ask.contract()?;
    found(question(ask, token, Bytes::from_static(&[0x18, 0x16, 0x0d, 0xdd]))?.to_string())
}

/// Asks a contract for a number; zero if it has no answer.
fn question(ask: &Ask, contract: Address, data: Bytes) -> Result<U256, Failure> {
    let call = json!([{ "to": contract, "data": data }, "latest"]);
    match ask.call::<Bytes>("eth_call", call) {
        Ok(output) => {
            let word = output.first_chunk::<32>().copied();
            Ok(word.map_or(U256::ZERO, U256::from_be_bytes))
        }
        // 3: it reverted.
        Err(Failure::Call(failure)) if failure.code == 3 => Ok(U256::ZERO),
        Err(failure) => Err(failure),
    }
}

pub(super) fn balances(ask: &Ask) -> Outcome {
    owned(ask, &[Class::Erc20])
}

pub(super) fn collections(ask: &Ask) -> Outcome {
    owned(ask, &[Class::Erc721, Class::Erc1155])
}

fn owned(ask: &Ask, classes: &[Class]) -> Outcome {
    let address = ask.address()?;
    let (size, skip) = ask.size(ENTRIES_MAX)?;
    let mut entries = Vec::new();
    for class in classes {
        let left = (size + skip).saturating_sub(entries.len());
        for (token, amount) in ask.index.balances_of(address, *class, None, left)? {
            let known = ask.token(token, *class)?;
            let mut entry = json!({
                "TokenAddress": hex(token),
                "TokenName": known.name,
                "TokenSymbol": known.symbol,
                "TokenQuantity": amount.to_string(),
            });
            if *class == Class::Erc20 {
                entry["TokenDivisor"] = json!(known.decimals.to_string());
            }
            entries.push(entry);
        }
    }
    list(entries.into_iter().skip(skip).take(size).collect(), "No tokens found")
}

pub(super) fn inventory(ask: &Ask) -> Outcome {
    let (address, token) = (ask.address()?, ask.contract()?);
    let (size, skip) = ask.size(ENTRIES_MAX)?;
    let mut entries = Vec::new();
    for class in [Class::Erc721, Class::Erc1155] {
        // Just before the first item of the token, as 0 is an id too.
        let mut after = Some((before(token), U256::MAX));
        while let Some(from) = after.take() {
            ask.check_time()?;
            let items = ask.index.inventory_of(address, class, Some(from), 1000)?;
            let last = items.last().map(|(token, id, _)| (*token, *id));
            after = last.filter(|(at, _)| *at == token && entries.len() < size + skip);
            let items = items.into_iter().filter(|(of, ..)| *of == token);
            entries.extend(items.map(
                |(_, id, _)| json!({ "TokenAddress": hex(token), "TokenId": id.to_string() }),
            ));
        }
    }
    list(entries.into_iter().skip(skip).take(size).collect(), "No tokens found")
}

/// The address before one; that of zeros has none, and nobody deploys there.
fn before(address: Address) -> Address {
    let number = U256::from_be_slice(address.as_slice()).saturating_sub(U256::ONE);
    Address::from_word(number.into())
}

fn class_of(ask: &Ask, token: Address) -> Result<(Class, crate::Token), Failure> {
    let known = ask.index.token_of_any_class(token)?;
    known.map_or_else(|| invalid("Error! No transfer of this token is known"), Ok)
}

pub(super) fn holders(ask: &Ask) -> Outcome {
    let token = ask.contract()?;
    let (class, _) = class_of(ask, token)?;
    let (size, skip) = ask.size(10)?;
    let holders = ask.index.holders(token, class, None, size + skip)?;
    let entries = holders.into_iter().skip(skip).map(|(holder, amount)| {
        json!({
            "TokenHolderAddress": hex(holder),
            "TokenHolderQuantity": amount.to_string(),
        })
    });
    list(entries.collect(), "No token holder found")
}

pub(super) fn top_holders(ask: &Ask) -> Outcome {
    let token = ask.contract()?;
    let (class, _) = class_of(ask, token)?;
    let (size, _) = ask.size(10)?;
    let mut entries = Vec::new();
    for (holder, amount) in ask.index.holders(token, class, None, size.min(1000))? {
        entries.push(json!({
            "TokenHolderAddress": hex(holder),
            "TokenHolderQuantity": amount.to_string(),
            "TokenHolderAddressType": if ask.code(holder)?.is_empty() { "E" } else { "C" },
        }));
    }
    list(entries, "No token holder found")
}

pub(super) fn holder_count(ask: &Ask) -> Outcome {
    found(class_of(ask, ask.contract()?)?.1.holders.to_string())
}

pub(super) fn info(ask: &Ask) -> Outcome {
    let token = ask.contract()?;
    let (class, known) = class_of(ask, token)?;
    let supply = question(ask, token, Bytes::from_static(&[0x18, 0x16, 0x0d, 0xdd]))?;
    found(json!([{
        "contractAddress": hex(token),
        "tokenName": known.name,
        "symbol": known.symbol,
        "divisor": known.decimals.to_string(),
        "tokenType": class.name().replace('-', ""),
        "totalSupply": supply.to_string(),
    }]))
}
