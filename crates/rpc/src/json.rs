//! The JSON of blocks, transactions, receipts and logs, field for field as geth writes it.
//!
//! Which fields there are hangs on the fork and on the type: a field that the block does not have
//! is left out, and one that a pending transaction does not have yet is `null`.

mod block;
mod receipt;
mod transaction;

pub(crate) use block::{BlockJson, HeaderJson, Transactions};
pub(crate) use receipt::{LogJson, LogPlace, ReceiptJson, ReceiptPlace};
pub(crate) use transaction::{Place, TransactionJson};

use crate::Error;
use alloy_primitives::{U64, U256};
use serde::Serialize;
use serde_json::value::RawValue;

/// A result, ready to be sent.
pub(crate) type Json = Box<RawValue>;

/// Writes a result.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<Json, Error> {
    Ok(serde_json::value::to_raw_value(value)?)
}

/// A number as JSON-RPC writes it: `0x`, then hex without leading zeros.
pub(crate) fn quantity(number: u64) -> U64 {
    U64::from(number)
}

/// A large number as JSON-RPC writes it.
pub(crate) fn quantity_wide(number: u128) -> U256 {
    U256::from(number)
}
