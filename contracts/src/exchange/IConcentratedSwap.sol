// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What the router asks of a pool of concentrated liquidity
/// @dev While it runs, the pool calls `concentratedSwapCallback(int256 amount0Delta, int256 amount1Delta,
/// bytes data)` of its caller, which then pays what is owed.
interface IConcentratedSwap {
    /// @notice Swaps one token for the other. It ends when the amount is used up or the price has reached
    /// the limit, whichever is first. The caller pays in its `concentratedSwapCallback`.
    /// @param recipient Who gets what comes out.
    /// @param zeroForOne Whether token0 comes in and token1 goes out, so the price falls, or the reverse.
    /// @param amountSpecified How much comes in, fee included, or if negative how much goes out.
    /// @param sqrtPriceLimitX96 On the side of the price that it moves to, and within the least and the
    /// greatest price that a pool can have, neither included.
    /// @param data Handed on to the callback.
    /// @return amount0 Of token0, positive into the pool, negative out of it.
    /// @return amount1 Of token1, likewise.
    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external returns (int256 amount0, int256 amount1);
}
