//! Accounts, slots, codes and proofs.

use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json, quantity},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeMap;

/// The block argument at `position`; `latest` when it is left out.
pub(crate) fn block_id(args: &Args<'_>, position: usize) -> Result<BlockId, Error> {
    Ok(args.optional(position)?.unwrap_or_else(BlockId::latest))
}

/// `eth_getBalance`.
pub(crate) fn balance(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let account = node.view()?.state(block_id(args, 1)?)?.account(address)?;
    json(&account.map_or(U256::ZERO, |account| account.balance))
}

/// `eth_getCode`.
pub(crate) fn code(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let state = node.view()?.state(block_id(args, 1)?)?;
    let code = match state.account(address)? {
        Some(account) if account.code_hash != KECCAK256_EMPTY => state.code(account.code_hash)?,
        _ => Bytes::new(),
    };
    json(&code)
}

/// `eth_getStorageAt`.
pub(crate) fn storage_at(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let Slot(key) = args.required(1)?;
    let value = node.view()?.state(block_id(args, 2)?)?.slot(address, key)?;
    json(&B256::from(value))
}

/// `eth_getStorageValues`.
pub(crate) fn storage_values(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let asked: BTreeMap<Address, Vec<Slot>> = args.required(0)?;
    let count: usize = asked.values().map(Vec::len).sum();
    check_slots(node, count)?;
    if count == 0 {
        return Err(Error::Parameters("empty request".to_owned()));
    }
    let state = node.view()?.state(block_id(args, 1)?)?;
    let mut values = BTreeMap::new();
    for (address, keys) in asked {
        let read = |Slot(key)| Ok(B256::from(state.slot(address, key)?));
        values.insert(address, keys.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?);
    }
    json(&values)
}

fn check_slots(node: &Node, count: usize) -> Result<(), Error> {
    let slots_max = node.settings.limits.slots_max;
    if count > slots_max {
        return Err(Error::Parameters(format!("too many slots: {count}, the most is {slots_max}")));
    }
    Ok(())
}

/// `eth_getTransactionCount`. With `pending` the pool counts, too.
pub(crate) fn transaction_count(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let id = block_id(args, 1)?;
    if id.is_pending()
        && let Some(nonce) = node.context.pool.lock().next_nonce(&address)
    {
        return json(&quantity(nonce));
    }
    let account = node.view()?.state(id)?.account(address)?;
    json(&quantity(account.map_or(0, |account| account.nonce)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_root: B256,
}

/// `eth_getAccount`.
pub(crate) fn account(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let state = node.view()?.state(block_id(args, 1)?)?;
    let account = state.view().account(address).map_err(Error::state)?;
    json(&account.map(|account| AccountJson {
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: quantity(account.nonce),
        storage_root: account.storage_root,
    }))
}

#[derive(Serialize)]
struct AccountInfoJson {
    balance: U256,
    nonce: U64,
    code: Bytes,
}

/// `eth_getAccountInfo`.
pub(crate) fn account_info(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let state = node.view()?.state(block_id(args, 1)?)?;
    let account = state.account(address)?;
    let code = match account {
        Some(account) if account.code_hash != KECCAK256_EMPTY => state.code(account.code_hash)?,
        _ => Bytes::new(),
    };
    json(&AccountInfoJson {
        balance: account.map_or(U256::ZERO, |account| account.balance),
        nonce: quantity(account.map_or(0, |account| account.nonce)),
        code,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<SlotProofJson>,
}

#[derive(Serialize)]
struct SlotProofJson {
    key: Key,
    value: U256,
    proof: Vec<Bytes>,
}

/// A slot's key as it was asked for: geth gives back a full word or a short number.
#[derive(Serialize)]
#[serde(untagged)]
enum Key {
    Word(B256),
    Number(U256),
}

/// `eth_getProof` (EIP-1186).
pub(crate) fn proof(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let slots: Vec<Slot> = args.required(1)?;
    let texts: Vec<String> = args.required(1)?;
    check_slots(node, slots.len())?;
    let keys: Vec<U256> = slots.into_iter().map(|Slot(key)| key).collect();
    let state = node.view()?.state(block_id(args, 2)?)?;
    let proof = state.view().proof(address, &keys).map_err(Error::state)?;
    let slot = |(slot, text): (heddle_state::SlotProof, String)| SlotProofJson {
        key: if text.len() == WORD_TEXT {
            Key::Word(slot.key.into())
        } else {
            Key::Number(slot.key)
        },
        value: slot.value,
        proof: slot.proof,
    };
    json(&ProofJson {
        address,
        account_proof: proof.proof,
        balance: proof.account.balance,
        code_hash: proof.account.code_hash,
        nonce: quantity(proof.account.nonce),
        storage_hash: proof.account.storage_root,
        storage_proof: proof.slots.into_iter().zip(texts).map(slot).collect(),
    })
}

/// Length of `0x` and 64 digits.
const WORD_TEXT: usize = 66;

/// The key of a slot: hex of at most 32 bytes, with or without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) U256);

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .ok_or_else(|| de::Error::custom("hex string without 0x prefix"))?;
        if digits.len() > WORD_TEXT - 2 {
            return Err(de::Error::custom("storage key too long (want at most 32 bytes)"));
        }
        if digits.is_empty() {
            return Ok(Self(U256::ZERO));
        }
        U256::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| de::Error::custom("invalid hex in storage key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_of_any_length_up_to_a_word() {
        let read = |text: &str| serde_json::from_str::<Slot>(&format!("\"{text}\""));
        assert_eq!(read("0x").unwrap(), Slot(U256::ZERO));
        assert_eq!(read("0x0").unwrap(), Slot(U256::ZERO));
        assert_eq!(read("0x000a").unwrap(), Slot(U256::from(10)));
        assert_eq!(read(&format!("0x{}", "f".repeat(64))).unwrap(), Slot(U256::MAX));
        for wrong in ["", "5", "0xg", &format!("0x{}", "0".repeat(65))] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
