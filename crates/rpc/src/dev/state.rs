//! Changing accounts.

use super::{number::Number, producer};
use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use heddle_producer::{AccountAmendment, StateDump};
use serde::Deserialize;
use std::io::{Read as _, Write as _};

/// Largest dump that is unpacked: what a state of a few million slots takes.
const DUMP_BYTES_MAX: u64 = 2 << 30;

/// One address or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(Address),
    Many(Vec<Address>),
}

impl Addresses {
    fn into_vec(self) -> Vec<Address> {
        match self {
            Self::One(address) => vec![address],
            Self::Many(addresses) => addresses,
        }
    }
}

/// Nothing, as an answer.
pub(super) fn done() -> Result<Json, Error> {
    json(&())
}

fn amend(
    node: &Node,
    changes: impl IntoIterator<Item = (Address, AccountAmendment)>,
) -> Result<Json, Error> {
    producer(node)?.amend(changes.into_iter().collect())?;
    done()
}

pub(super) fn set_balance(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (addresses, Number(balance)): (Addresses, Number) = (args.required(0)?, args.required(1)?);
    let amendment = AccountAmendment { balance: Some(balance), ..AccountAmendment::default() };
    amend(node, addresses.into_vec().into_iter().map(|address| (address, amendment.clone())))
}

pub(super) fn add_balance(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (addresses, Number(more)): (Addresses, Number) = (args.required(0)?, args.required(1)?);
    let state = node.view()?.state(BlockId::latest())?;
    let mut changes = Vec::new();
    for address in addresses.into_vec() {
        let before = state.account(address)?.map_or(U256::ZERO, |account| account.balance);
        let balance = before
            .checked_add(more)
            .ok_or_else(|| Error::Parameters("the balance would not fit 256 bits".to_owned()))?;
        let amendment = AccountAmendment { balance: Some(balance), ..AccountAmendment::default() };
        changes.push((address, amendment));
    }
    amend(node, changes)
}

pub(super) fn set_code(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (address, code): (Address, Bytes) = (args.required(0)?, args.required(1)?);
    let amendment = AccountAmendment { code: Some(code), ..AccountAmendment::default() };
    amend(node, [(address, amendment)])
}

pub(super) fn set_nonce(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (address, nonce): (Address, Number) = (args.required(0)?, args.required(1)?);
    let nonce = Some(nonce.to_u64());
    amend(node, [(address, AccountAmendment { nonce, ..AccountAmendment::default() })])
}

pub(super) fn set_storage(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (address, Number(slot)): (Address, Number) = (args.required(0)?, args.required(1)?);
    let value: B256 = args.required(2)?;
    let storage = [(slot, value.into())].into();
    producer(node)?
        .amend([(address, AccountAmendment { storage, ..AccountAmendment::default() })].into())?;
    json(&true)
}

pub(super) fn impersonate(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address = args.required(0)?;
    producer(node)?.impersonate(|who| who.start(address));
    done()
}

pub(super) fn stop_impersonating(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address = args.required(0)?;
    producer(node)?.impersonate(|who| who.stop(address));
    done()
}

pub(super) fn auto_impersonate(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let everybody = args.required(0)?;
    producer(node)?.impersonate(|who| who.everybody = everybody);
    done()
}

/// `anvil_dumpState`: the JSON of `--dump-state`, compressed with gzip.
pub(super) fn dump(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let history: Option<bool> = args.optional(0)?;
    let dump = serde_json::to_vec(&producer(node)?.dump(history.unwrap_or(false))?)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packed.write_all(&dump).and_then(|()| packed.finish());
    let packed =
        packed.map_err(|error| Error::Refused(format!("the state cannot be packed: {error}")))?;
    json(&Bytes::from(packed))
}

/// `anvil_loadState`: what [`dump`] gave, packed or not.
pub(super) fn load(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let packed: Bytes = args.required(0)?;
    let mut text = Vec::new();
    let wrong = |error: &dyn std::fmt::Display| {
        Error::argument(0, format!("no state that anvil or heddle has dumped: {error}"))
    };
    if packed.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = GzDecoder::new(&packed[..]).take(DUMP_BYTES_MAX);
        unpacked.read_to_end(&mut text).map_err(|error| wrong(&error))?;
    } else {
        text.extend_from_slice(&packed);
    }
    let dump: StateDump = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    producer(node)?.load(dump)?;
    json(&true)
}
