//! Tokens.

use super::{
    Outcome, checksum, missing,
    transactions::{class_name, transfer_json},
};
use crate::{
    Class, Token, TransferEntry,
    api::{failure::Failure, work::Ask},
};
use alloy_primitives::{Address, U256};
use serde_json::{Value, json};

fn token_json(address: Address, class: Class, token: &Token) -> Value {
    json!({
        "address": checksum(address),
        "class": class_name(class),
        "name": token.name,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "first_block": token.first_block,
        "transfers": token.transfers,
        "holders": token.holders,
    })
}

/// The token of the path, of the class that was asked for or of the first that it has.
fn token(ask: &Ask) -> Result<(Address, Class, Token), Failure> {
    let address = ask.path_address()?;
    let found = match ask.class()? {
        Some(class) => ask.index.token(address, class)?.map(|token| (class, token)),
        None => ask.index.token_of_any_class(address)?,
    };
    let Some((class, token)) = found else { return missing("token") };
    Ok((address, class, token))
}

pub(super) fn list(ask: &Ask) -> Outcome {
    let tokens = ask.index.tokens(ask.cursor()?, ask.limit()? + 1)?;
    ask.paged(
        tokens,
        |(address, class, _)| (*address, *class),
        |(address, class, token)| Ok(token_json(*address, *class, token)),
    )
}

pub(super) fn one(ask: &Ask) -> Outcome {
    let (address, class, token) = token(ask)?;
    Ok(token_json(address, class, &token))
}

fn entry_json(ask: &Ask, entry: &TransferEntry) -> Result<Option<Value>, Failure> {
    let at = (entry.place.block, entry.transfer.transaction);
    let Some(mined) = ask.lookup.transaction(at.0, at.1)? else { return Ok(None) };
    let of = (entry.token, entry.class);
    transfer_json(ask, (entry.place, mined.hash()), of, &entry.transfer).map(Some)
}

pub(super) fn transfers(ask: &Ask) -> Outcome {
    let (address, class, _) = token(ask)?;
    ask.places(
        |page| ask.index.transfers(address, class, page),
        |entry| entry.place,
        |entry| entry_json(ask, entry),
    )
}

pub(super) fn holders(ask: &Ask) -> Outcome {
    let (address, class, _) = token(ask)?;
    let after = ask.cursor::<(U256, Address)>()?;
    let holders = ask.index.holders(address, class, after, ask.limit()? + 1)?;
    ask.paged(
        holders,
        |(holder, balance)| (*balance, *holder),
        |(holder, balance)| {
            Ok(json!({ "address": checksum(*holder), "balance": balance.to_string() }))
        },
    )
}

pub(super) fn items(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let items = ask.index.items(address, ask.cursor()?, ask.limit()? + 1)?;
    ask.paged(
        items,
        |(id, _)| *id,
        |(id, owner)| Ok(json!({ "id": id.to_string(), "owner": checksum(*owner) })),
    )
}

pub(super) fn item(ask: &Ask) -> Outcome {
    let address = ask.path_address()?;
    let id: U256 = ask.part("id", "id: a number in decimal is")?;
    ask.places(
        |page| ask.index.transfers_of_id(address, id, page),
        |entry| entry.place,
        |entry| entry_json(ask, entry),
    )
}
