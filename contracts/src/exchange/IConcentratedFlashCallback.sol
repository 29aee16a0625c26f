// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What whoever calls `ConcentratedPool.flash` has to be able to do
interface IConcentratedFlashCallback {
    /// @notice Use what was lent, and give it back with the fees, by transfers to the caller.
    /// @dev Anyone may call it: make sure that the caller is a pool that you called.
    /// @param fee0 Of token0, on top of what was lent.
    /// @param fee1 Of token1, on top of what was lent.
    /// @param data As it was given to `flash`.
    function concentratedFlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external;
}
