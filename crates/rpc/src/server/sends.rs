//! Signed transactions that are sent in one batch of calls are taken up together.
//!
//! The transport answers the calls of a batch one after the other. That is kept, but calls of
//! `eth_sendRawTransaction` that follow each other are one piece of work.

use crate::{Error, Namespace, args::Args, context::Node, intake};
use alloy_primitives::Bytes;
use heddle_pool::PooledTransaction;
use jsonrpsee::{
    BatchResponseBuilder, MethodResponse,
    core::middleware::{Batch, BatchEntry, Notification, Request, RpcServiceT},
    server::ResponsePayload,
    types::Id,
};
use std::{mem, sync::Arc};
use tower::Layer;

/// Of which calls this is.
const SEND: &str = "eth_sendRawTransaction";

/// Puts [`TogetherService`] before a service.
#[derive(Clone)]
pub(crate) struct Together {
    node: Arc<Node>,
    is_enabled: bool,
}

impl Together {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { is_enabled: node.settings.namespaces.contains(&Namespace::Eth), node }
    }
}

impl<S> Layer<S> for Together {
    type Service = TogetherService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TogetherService { inner: Arc::new(inner), together: self.clone() }
    }
}

/// A service that takes up transactions together.
pub(crate) struct TogetherService<S> {
    inner: Arc<S>,
    together: Together,
}

impl<S> Clone for TogetherService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), together: self.together.clone() }
    }
}

/// What the transport puts a layer before.
pub(crate) trait Inner:
    RpcServiceT<
        MethodResponse = MethodResponse,
        BatchResponse = MethodResponse,
        NotificationResponse = MethodResponse,
    > + Send
    + Sync
    + 'static
{
}

impl<S> Inner for S where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync
        + 'static
{
}

impl<S: Inner> RpcServiceT for TogetherService<S> {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.call(request)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.clone();
        async move { service.answer(batch).await.unwrap_or_else(|too_large| too_large) }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

impl<S: Inner> TogetherService<S> {
    /// The answers to a batch, or the one that says that they are too large together.
    async fn answer(&self, batch: Batch<'_>) -> Result<MethodResponse, MethodResponse> {
        let bytes_max = self.together.node.settings.limits.response_bytes_max as usize;
        let mut answers = BatchResponseBuilder::new_with_limit(bytes_max);
        let mut sends = Sends::default();
        let mut was_notified = false;
        for entry in batch {
            match entry {
                Ok(BatchEntry::Call(request))
                    if self.together.is_enabled && request.method == SEND =>
                {
                    sends.push(request);
                    continue;
                }
                _ => sends.answer(&self.together.node, bytes_max, &mut answers).await?,
            }
            match entry {
                Ok(BatchEntry::Call(request)) => answers.append(self.inner.call(request).await)?,
                Ok(BatchEntry::Notification(notification)) => {
                    was_notified = true;
                    self.inner.notification(notification).await;
                }
                Err(error) => {
                    let (error, id) = error.into_parts();
                    answers.append(MethodResponse::error(id, error))?;
                }
            }
        }
        sends.answer(&self.together.node, bytes_max, &mut answers).await?;
        // Notifications are not answered, and a batch of nothing else neither.
        Ok(if answers.is_empty() && was_notified {
            MethodResponse::notification()
        } else {
            MethodResponse::from_batch(answers.finish())
        })
    }
}

/// Calls that follow each other.
#[derive(Default)]
struct Sends<'a> {
    /// Of those whose argument is no transaction, why.
    calls: Vec<(Id<'a>, Result<(), Error>)>,
    transactions: Vec<PooledTransaction>,
    bytes: usize,
}

impl<'a> Sends<'a> {
    fn push(&mut self, request: Request<'a>) {
        let params = request.params.as_ref().map(|params| params.get());
        let bytes = Args::new(params).and_then(|args| args.required::<Bytes>(0));
        let decoded = bytes.and_then(|bytes| Ok((intake::decode(&bytes)?, bytes.len())));
        let call = decoded.map(|(transaction, bytes)| {
            self.transactions.push(transaction);
            self.bytes += bytes;
        });
        self.calls.push((request.id, call));
    }

    /// Takes them up, and appends the answers.
    async fn answer(
        &mut self,
        node: &Arc<Node>,
        bytes_max: usize,
        answers: &mut BatchResponseBuilder,
    ) -> Result<(), MethodResponse> {
        let Self { calls, transactions, bytes } = mem::take(self);
        let mut taken_up = Vec::new().into_iter();
        if !transactions.is_empty() {
            taken_up = intake::take_up_each(node, transactions, bytes).await.into_iter();
        }
        for (id, call) in calls {
            let hash = call.and_then(|()| taken_up.next().unwrap_or(Err(Error::Stopping)));
            let payload = match hash {
                Ok(hash) => ResponsePayload::success(hash),
                Err(error) => ResponsePayload::error(super::refuse(SEND, error)),
            };
            answers.append(MethodResponse::response(id, payload, bytes_max))?;
        }
        Ok(())
    }
}
