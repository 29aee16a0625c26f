//! What selling through pools brings.

use crate::config::{Hop, HopKind};
use alloy_primitives::{Address, I256, U160, U256};
use heddle_client::{At, Node, RpcError};
use heddle_venue::contracts::{
    concentrated_quoter::ConcentratedQuoter, constant_product_pool::ConstantProductPool,
    router::Router, sharded_pool::ShardedPool,
};

/// What a sale brings, and the way that brings it.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Of the last token.
    pub amount_out: U256,
    /// With the best shard where a pool has several.
    pub path: Vec<Router::Hop>,
}

/// What selling an amount brings as of the last block, fees included. `None` if the pools cannot take it.
///
/// # Errors
///
/// If the node does not answer.
pub fn quote(
    node: &Node,
    quoter: Option<Address>,
    (token, amount): (Address, U256),
    path: &[Hop],
) -> Result<Option<Quote>, RpcError> {
    let mut quote = Quote { amount_out: amount, path: Vec::with_capacity(path.len()) };
    let mut token_in = token;
    for hop in path {
        let (pool, out) = match through(node, quoter, hop, (token_in, quote.amount_out)) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if crate::follow::is_revert(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = if hop.kind == HopKind::Concentrated { CONCENTRATED } else { PAIR };
        quote.path.push(Router::Hop { kind, pool, tokenOut: hop.token_out });
        (quote.amount_out, token_in) = (out, hop.token_out);
    }
    Ok((!quote.amount_out.is_zero()).then_some(quote))
}

/// `Router.Kind`.
const PAIR: u8 = 0;
const CONCENTRATED: u8 = 2;

/// The pool that is best, and what comes out of it.
fn through(
    node: &Node,
    quoter: Option<Address>,
    hop: &Hop,
    (token_in, amount): (Address, U256),
) -> Result<Option<(Address, U256)>, RpcError> {
    match hop.kind {
        HopKind::Pair => {
            let call =
                ConstantProductPool::quoteExactInCall { tokenIn: token_in, amountIn: amount };
            Ok(Some((hop.pool, node.read(hop.pool, &call, At::Latest)?)))
        }
        HopKind::Sharded => {
            let call = ShardedPool::bestExactInCall { tokenIn: token_in, amountIn: amount };
            let best = node.read(hop.pool, &call, At::Latest)?;
            Ok(Some((best.shard, best.amountOut)))
        }
        HopKind::Concentrated => {
            let (Some(quoter), Ok(specified)) = (quoter, I256::try_from(amount)) else {
                return Ok(None);
            };
            let is_zero_for_one = token_in < hop.token_out;
            let call = ConcentratedQuoter::quoteCall {
                pool: hop.pool,
                zeroForOne: is_zero_for_one,
                amountSpecified: specified,
                sqrtPriceLimitX96: U160::ZERO,
            };
            let found = node.read(quoter, &call, At::Latest)?;
            let (paid, got) = if is_zero_for_one {
                (found.amount0, found.amount1)
            } else {
                (found.amount1, found.amount0)
            };
            // What the liquidity does not suffice for is a refusal of the router.
            let out = (paid == specified && got.is_negative()).then(|| got.unsigned_abs());
            Ok(out.map(|out| (hop.pool, out)))
        }
    }
}
