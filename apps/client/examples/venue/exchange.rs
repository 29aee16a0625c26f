//! Selling ether in the shard that gives most.

use crate::{Outcome, approve, ask, balance, send, units, user};
use alloy_primitives::U256;
use heddle_client::{At, Node};
use heddle_venue::{
    addresses::{ROUTER, USD, WETH, WETH_USD_SHARDED},
    contracts::{router::Router, sharded_pool::ShardedPool},
};

/// Of a pool, or a shard, that the order names.
const PAIR: u8 = 0;

pub(crate) fn run(node: &Node) -> Outcome {
    let trader = user(node, 1)?;
    let me = trader.address();
    approve(&trader, WETH, ROUTER)?;
    let amount = units(1, 18);
    let best = ShardedPool::bestExactInCall { tokenIn: WETH, amountIn: amount };
    let best = ask(node, WETH_USD_SHARDED, &best)?;
    let before = balance(node, USD, me)?;
    let order = Router::ExactIn {
        tokenIn: WETH,
        path: vec![Router::Hop { kind: PAIR, pool: best.shard, tokenOut: USD }],
        amountIn: amount,
        // The price of now, and not a unit less.
        amountOutMin: best.amountOut,
        recipient: me,
        deadline: U256::from(node.block(At::Latest)?.timestamp + 600),
        isUnwrapped: false,
    };
    send(&trader, ROUTER, &Router::swapExactInCall { order })?;
    assert_eq!(balance(node, USD, me)? - before, best.amountOut);
    // Ether costs 2,000.
    assert!(best.amountOut > units(1_970, 6) && best.amountOut < units(2_000, 6));
    Ok(())
}
