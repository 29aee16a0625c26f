//! What the pool holds.

use crate::{
    Error,
    args::Args,
    context::Node,
    eth::transactions::pooled_json,
    json::{Json, TransactionJson, json, quantity},
};
use alloy_primitives::{Address, U64};
use heddle_pool::{BySender, PoolTransaction};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{collections::BTreeMap, sync::Arc};

/// The transactions of one sender by nonce, each written by a function.
struct ByNonce<'a, T>(&'a BTreeMap<u64, Arc<PoolTransaction>>, fn(&'a PoolTransaction) -> T);

impl<'a, T: Serialize> Serialize for ByNonce<'a, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (nonce, transaction) in self.0 {
            map.serialize_entry(&nonce.to_string(), &(self.1)(transaction))?;
        }
        map.end()
    }
}

/// All transactions by sender.
struct Senders<'a, T>(&'a BySender, fn(&'a PoolTransaction) -> T);

impl<'a, T: Serialize> Serialize for Senders<'a, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (sender, transactions) in self.0 {
            // With its checksum, as geth writes it.
            map.serialize_entry(&sender.to_string(), &ByNonce(transactions, self.1))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Both<T> {
    pending: T,
    queued: T,
}

/// `txpool_content`.
pub(crate) fn content(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let content = node.context.pool.lock().content();
    let write = pooled_json as fn(&PoolTransaction) -> TransactionJson<'_>;
    json(&Both {
        pending: Senders(&content.pending, write),
        queued: Senders(&content.queued, write),
    })
}

/// `txpool_contentFrom`.
pub(crate) fn content_from(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let sender: Address = args.required(0)?;
    let content = node.context.pool.lock().content_from(&sender);
    let (pending, queued) = (content.pending.get(&sender), content.queued.get(&sender));
    let none = BTreeMap::new();
    let write = pooled_json as fn(&PoolTransaction) -> TransactionJson<'_>;
    json(&Both {
        pending: ByNonce(pending.unwrap_or(&none), write),
        queued: ByNonce(queued.unwrap_or(&none), write),
    })
}

/// `txpool_inspect`.
pub(crate) fn inspect(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let content = node.context.pool.lock().content();
    json(&Both {
        pending: Senders(&content.pending, PoolTransaction::summary),
        queued: Senders(&content.queued, PoolTransaction::summary),
    })
}

/// `txpool_status`.
pub(crate) fn status(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let status = node.context.pool.lock().status();
    let count = |number: usize| -> U64 { quantity(number as u64) };
    json(&Both { pending: count(status.pending), queued: count(status.queued) })
}
