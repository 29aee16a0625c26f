// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What creates a ConcentratedPool
/// @notice A pool asks its creator what it is for. So its init code, and with it the hash that its address
/// follows from, is the same for all pools.
interface IConcentratedPoolDeployer {
    /// @notice What the pool that is being created is for.
    function parameters()
        external
        view
        returns (address token0, address token1, uint24 fee, int24 tickSpacing);
}
