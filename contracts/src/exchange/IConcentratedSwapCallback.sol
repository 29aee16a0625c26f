// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What whoever calls `ConcentratedPool.swap` has to be able to do
interface IConcentratedSwapCallback {
    /// @notice Pay for a swap, by a transfer to the caller. What the swap gives was sent before.
    /// @dev Anyone may call it: make sure that the caller is a pool that you called.
    /// @param amount0Delta Of token0: positive is owed to the pool, negative was paid by it.
    /// @param amount1Delta Of token1, likewise.
    /// @param data As it was given to `swap`.
    function concentratedSwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external;
}
