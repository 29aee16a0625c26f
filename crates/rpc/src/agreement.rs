//! What validators agree on, and what proves it.

use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U64;
use futures_util::future::BoxFuture;
use jsonrpsee::types::Params;
use serde_json::Value;
use std::sync::Arc;

/// What a validator, or a node that follows validators, can be asked beyond its chain.
pub trait Agreement: Send + Sync {
    /// Where it stands.
    fn status(&self) -> Value;
    /// The validators of an epoch, or of that of the next block; `None` if they are not known.
    fn validators(&self, epoch: Option<u64>) -> Option<Value>;
    /// A proof that a block is final, or why there is none.
    fn finality_proof(&self, number: u64) -> BoxFuture<'static, Result<Value, String>>;
    /// The proofs that somebody voted twice.
    fn equivocations(&self) -> Result<Value, String>;
}

fn agreement(node: &Node) -> Result<&Arc<dyn Agreement>, Error> {
    let alone = || Error::Refused("this node makes its blocks alone: nobody agrees on them".into());
    node.context.agreement.as_ref().ok_or_else(alone)
}

/// `heddle_status`.
pub(crate) fn status(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&agreement(node)?.status())
}

/// `heddle_validators`.
pub(crate) fn validators(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let epoch: Option<U64> = args.optional(0)?;
    json(&agreement(node)?.validators(epoch.map(|epoch| epoch.to())))
}

/// `heddle_equivocations`.
pub(crate) fn equivocations(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&agreement(node)?.equivocations().map_err(Error::Refused)?)
}

/// `heddle_finalityProof`.
pub(crate) fn finality_proof(
    node: Arc<Node>,
    params: Params<'static>,
) -> BoxFuture<'static, Result<Json, Error>> {
    Box::pin(async move {
        let block: BlockNumberOrTag = Args::new(params.as_str())?.required(0)?;
        let reader = node.context.chain.reader();
        let number = match block {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Finalized => reader.finalized().unwrap_or_default(),
            BlockNumberOrTag::Safe => reader.safe().unwrap_or_default(),
            BlockNumberOrTag::Earliest => reader.first(),
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => reader.head().number,
        };
        let proof = agreement(&node)?.finality_proof(number);
        json(&proof.await.map_err(Error::Refused)?)
    })
}
