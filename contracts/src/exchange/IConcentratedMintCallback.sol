// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What whoever calls `ConcentratedPool.mint` has to be able to do
interface IConcentratedMintCallback {
    /// @notice Pay for liquidity, by transfers to the caller.
    /// @dev Anyone may call it: make sure that the caller is a pool that you called.
    /// @param amount0Owed Of token0.
    /// @param amount1Owed Of token1.
    /// @param data As it was given to `mint`.
    function concentratedMintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data) external;
}
