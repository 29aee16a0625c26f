// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title Ether as an ERC-20 token
interface IWrappedEther {
    /// @notice Mints as many tokens to the caller as ether comes with the call.
    function deposit() external payable;

    /// @notice Burns tokens of the caller and sends as much ether.
    function withdraw(uint256 value) external;
}
