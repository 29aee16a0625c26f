// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PairPool} from "./PairPool.sol";
import {SammMath} from "./SammMath.sol";

/// @title One shard of a sharded pool
/// @notice A pool of its own: its own tokens, reserves, prices and shares. It differs from other
/// constant-product pools by its fee (`SammMath`), which makes traders use one shard, the smallest, rather
/// than a bit of each. The fee stays in the shard and belongs to its shares, pro rata.
///
/// A swap takes one token out and is paid for in the other. With `data` it is a flash swap.
contract PoolShard is PairPool {
    /// @notice The pool that this is a shard of. It has no power over the shard.
    address public immutable shardedPool;

    error OneTokenOut();
    error NotPaid(uint256 amountIn, uint256 due);

    constructor(address token0_, address token1_) PairPool(token0_, token1_) {
        shardedPool = msg.sender;
    }

    function name() public pure override returns (string memory) {
        return "Heddle Pool Shard Share";
    }

    function symbol() public pure override returns (string memory) {
        return "HPS";
    }

    function _constantNameHash() internal pure override returns (bytes32) {
        return keccak256("Heddle Pool Shard Share");
    }

    /// @dev What comes back of the token that went out is a gift.
    function _requirePaid(Trade memory trade) internal pure override {
        require(trade.amount0Out == 0 || trade.amount1Out == 0, OneTokenOut());
        (uint256 amountIn, uint256 due) = trade.amount1Out == 0
            ? (trade.amount1In, SammMath.cost(trade.reserve1, trade.reserve0, trade.amount0Out))
            : (trade.amount0In, SammMath.cost(trade.reserve0, trade.reserve1, trade.amount1Out));
        require(amountIn >= due, NotPaid(amountIn, due));
    }

    /// @dev Reverts with `ReserveOverflow` if so much cannot go in.
    function _amountOut(uint256 reserveIn, uint256 reserveOut, uint256 amountIn)
        internal
        pure
        override
        returns (uint256)
    {
        require(amountIn <= type(uint112).max - reserveIn, ReserveOverflow(amountIn, reserveIn));
        return SammMath.greatestOut(reserveIn, reserveOut, amountIn);
    }

    function _amountIn(uint256 reserveIn, uint256 reserveOut, uint256 amountOut)
        internal
        pure
        override
        returns (uint256)
    {
        return SammMath.cost(reserveIn, reserveOut, amountOut);
    }
}
