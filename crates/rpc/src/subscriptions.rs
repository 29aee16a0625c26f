//! `eth_subscribe`.
//!
//! Each subscription is a task that follows the events of the chain or of the pool. A client that
//! does not read holds its own subscriptions up and nothing else: after a while, or when it is too
//! far behind, a subscription is closed with a notice, so that nothing is lost without a word.

use crate::{
    Error,
    args::Args,
    context::Node,
    events::{BlockEvent, PendingEvent, log_source},
    json::{HeaderJson, Json, json},
    server::StartError,
};
use alloy_rpc_types_eth::Filter;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::SubscriptionError,
    types::{ErrorObjectOwned, Params},
};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// What a client subscribes to.
enum Kind {
    Heads,
    Logs(Box<Filter>),
    Pending { full: bool },
    Syncing,
}

pub(crate) fn register(module: &mut RpcModule<Node>) -> Result<(), StartError> {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, node, _| serve(params, pending, node),
    )?;
    Ok(())
}

fn kind(params: &Params<'_>) -> Result<Kind, Error> {
    let args = Args::new(params.as_str())?;
    let name: String = args.required(0)?;
    Ok(match name.as_str() {
        "newHeads" => Kind::Heads,
        "logs" => {
            let filter = args.optional::<Filter>(1)?.unwrap_or_default();
            Kind::Logs(Box::new(filter))
        }
        "newPendingTransactions" => Kind::Pending { full: full_transactions(&args)? },
        "syncing" => Kind::Syncing,
        _ => return Err(Error::argument(0, format!("no {name:?} subscription"))),
    })
}

/// geth takes a boolean, others an object.
pub(crate) fn full_transactions(args: &Args<'_>) -> Result<bool, Error> {
    #[derive(Deserialize)]
    #[serde(untagged, rename_all = "camelCase")]
    enum Form {
        Flag(bool),
        #[serde(rename_all = "camelCase")]
        Object {
            include_transactions: bool,
        },
    }
    let position = usize::from(args.text(0).is_some_and(|text| text.starts_with('"')));
    Ok(match args.optional(position)? {
        None => false,
        Some(Form::Flag(full) | Form::Object { include_transactions: full }) => full,
    })
}

async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    node: Arc<Node>,
) -> Result<(), SubscriptionError> {
    let kind = match kind(&params) {
        Ok(kind) => kind,
        Err(error) => {
            pending.reject(ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    // Before the client knows that it is subscribed, so that it misses nothing from then on.
    let blocks = node.events.blocks.subscribe();
    let transactions = node.events.pending.subscribe();
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    let subscriber = Subscriber { sink, timeout: node.settings.limits.send_timeout };
    // What follows needs the node no longer, and must not keep it alive.
    drop(node);
    match kind {
        Kind::Heads => follow(blocks, subscriber, heads).await,
        Kind::Logs(filter) => follow(blocks, subscriber, |event| logs(event, &filter)).await,
        Kind::Pending { full } => {
            follow(transactions, subscriber, |event| transaction(event, full)).await
        }
        Kind::Syncing => {
            // This node never lags behind a network: the one thing to tell is told at once.
            subscriber.send(json(&false)?).await?;
            subscriber.sink.closed().await;
            Ok(())
        }
    }
}

struct Subscriber {
    sink: SubscriptionSink,
    timeout: std::time::Duration,
}

impl Subscriber {
    async fn send(&self, message: Json) -> Result<(), SubscriptionError> {
        self.sink.send_timeout(message, self.timeout).await.map_err(|_| {
            SubscriptionError::from("the subscription is closed: the client does not read")
        })
    }
}

async fn follow<T: Clone>(
    mut events: broadcast::Receiver<T>,
    subscriber: Subscriber,
    messages: impl Fn(&T) -> Result<Vec<Json>, Error>,
) -> Result<(), SubscriptionError> {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = subscriber.sink.closed() => return Ok(()),
        };
        match event {
            Ok(event) => {
                for message in messages(&event)? {
                    subscriber.send(message).await?;
                }
            }
            Err(RecvError::Lagged(missed)) => {
                return Err(SubscriptionError::from(format!(
                    "the subscription is closed: the client is {missed} events too far behind"
                )));
            }
            Err(RecvError::Closed) => {
                return Err(SubscriptionError::from("the subscription is closed: the node stops"));
            }
        }
    }
}

fn heads(event: &BlockEvent) -> Result<Vec<Json>, Error> {
    let BlockEvent::Changed(event) = event else { return Err(lost()) };
    let head = |block: &Arc<heddle_chain::CommittedBlock>| {
        json(&HeaderJson { header: &block.block.block.header, hash: block.block.hash })
    };
    event.committed.iter().map(head).collect()
}

fn logs(event: &BlockEvent, filter: &Filter) -> Result<Vec<Json>, Error> {
    let BlockEvent::Changed(event) = event else { return Err(lost()) };
    let mut messages = Vec::new();
    let gone = event.reverted.iter().map(|block| (block, true));
    let new = event.committed.iter().map(|block| (block, false));
    for (block, removed) in gone.chain(new) {
        for log in log_source(block).matching(filter, removed) {
            messages.push(json(&log)?);
        }
    }
    Ok(messages)
}

fn lost() -> Error {
    Error::Refused("the subscription is closed: the server is too slow for the chain".to_owned())
}

fn transaction(event: &Arc<PendingEvent>, full: bool) -> Result<Vec<Json>, Error> {
    Ok(vec![if full { event.full()? } else { event.hash()? }])
}
