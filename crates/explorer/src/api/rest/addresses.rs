//! Addresses and what they have to do with things.

use super::{
    Outcome, checksum,
    transactions::{call_json, class_name, log_json, transaction_json, transfer_json},
};
use crate::{
    Class, LogFilter,
    api::{failure::Failure, work::Ask},
};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use serde_json::json;

impl Ask {
    /// The class that was asked for.
    pub(crate) fn class(&self) -> Result<Option<Class>, Failure> {
        let Some(text) = self.params.text("class") else { return Ok(None) };
        let class = Class::ALL.into_iter().find(|class| class_name(*class) == text);
        let wrong = "class must be erc20, erc721 or erc1155";
        class.map(Some).ok_or_else(|| Failure::Invalid(wrong.to_owned()))
    }
}

pub(super) fn one(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let account = ask.state()?.account(address)?;
    let code_hash = account.as_ref().map_or(KECCAK256_EMPTY, |account| account.code_hash);
    let figures = ask.index.address(address)?;
    let has_code = code_hash != KECCAK256_EMPTY && code_hash != B256::ZERO;
    Ok(json!({
        "address": checksum(address),
        "label": ask.explorer.settings.labels.get(&address),
        "balance": account.as_ref().map_or(U256::ZERO, |account| account.balance).to_string(),
        "nonce": account.as_ref().map_or(0, |account| account.nonce),
        "is_contract": has_code,
        "code_hash": Some(code_hash).filter(|_| has_code),
        "transactions": figures.transactions,
        "sent": figures.sent,
        "internal_calls": figures.internal,
        "logs": figures.logs,
        "erc20_transfers": figures.erc20,
        "erc721_transfers": figures.erc721,
        "erc1155_transfers": figures.erc1155,
        "gas": figures.gas,
        "fees": figures.fees.to_string(),
    }))
}

pub(super) fn transactions(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    ask.places(
        |page| ask.index.transactions_of(address, page),
        |(place, _)| *place,
        |(place, _)| {
            let mined = ask.lookup.transaction(place.block, place.index.into())?;
            Ok(mined.map(|mined| transaction_json(&mined)))
        },
    )
}

pub(super) fn internal(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    ask.places(
        |page| ask.index.internal_of(address, page),
        |(place, _)| *place,
        |(place, call)| {
            let mined = ask.lookup.transaction(place.block, place.index.into())?;
            Ok(mined.map(|mined| call_json(&mined, *place, call)))
        },
    )
}

pub(super) fn transfers(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let class = ask.class()?.unwrap_or(Class::Erc20);
    ask.places(
        |page| ask.index.transfers_of(address, class, page),
        |entry| entry.place,
        |entry| {
            let at = (entry.place.block, entry.transfer.transaction);
            let Some(mined) = ask.lookup.transaction(at.0, at.1)? else { return Ok(None) };
            let of = (entry.token, entry.class);
            transfer_json(ask, (entry.place, mined.hash()), of, &entry.transfer).map(Some)
        },
    )
}

pub(super) fn tokens(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let only = ask.class()?;
    let mut after = ask.cursor::<(Class, Address)>()?;
    let limit = ask.limit()? + 1;
    let mut found: Vec<(Class, Address, U256)> = Vec::new();
    for class in Class::ALL.into_iter().filter(|class| only.is_none_or(|only| only == *class)) {
        let from = match after {
            Some((at, _)) if class < at => continue,
            Some((at, token)) if class == at => after.take().map(|_| token),
            _ => None,
        };
        let left = limit - found.len();
        let balances = ask.index.balances_of(address, class, from, left)?;
        found.extend(balances.into_iter().map(|(token, balance)| (class, token, balance)));
    }
    ask.paged(
        found,
        |(class, token, _)| (*class, *token),
        |(class, token, balance)| {
            let known = ask.token(*token, *class)?;
            Ok(json!({
                "class": class_name(*class),
                "token": checksum(*token),
                "name": known.name,
                "symbol": known.symbol,
                "decimals": known.decimals,
                "balance": balance.to_string(),
            }))
        },
    )
}

pub(super) fn items(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let class = match ask.class()?.unwrap_or(Class::Erc721) {
        Class::Erc20 => {
            let wrong = "class must be erc721 or erc1155: others have no items";
            return Err(Failure::Invalid(wrong.to_owned()));
        }
        class => class,
    };
    let after = ask.cursor::<(Address, U256)>()?;
    let items = ask.index.inventory_of(address, class, after, ask.limit()? + 1)?;
    ask.paged(
        items,
        |(token, id, _)| (*token, *id),
        |(token, id, amount)| {
            Ok(json!({
                "class": class_name(class),
                "token": checksum(*token),
                "id": id.to_string(),
                "amount": amount.to_string(),
            }))
        },
    )
}

pub(super) fn logs(ask: &Ask) -> Outcome {
    let filter = LogFilter { address: Some(ask.path_address()?), topic: None };
    ask.places(
        |page| ask.index.logs(&filter, page),
        |place| *place,
        |place| Ok(ask.lookup.log(*place)?.map(|found| log_json(&found))),
    )
}

pub(super) fn hot_slots(ask: &Ask) -> Outcome {
    let slots = ask.index.slots_of(ask.path_address()?, ask.limit()?)?;
    let items = slots.into_iter().map(|(slot, figures)| {
        json!({
            "slot": B256::from(slot),
            "waits": figures.waits,
            "gas": figures.gas,
            "blocks": figures.blocks,
            "last_block": figures.last_block,
            "preimages": figures.preimages,
        })
    });
    Ok(json!({ "items": items.collect::<Vec<_>>() }))
}
