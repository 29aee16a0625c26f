// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title Who receives a flash swap
interface IPairCallee {
    /// @notice A pool calls it after it has sent what a swap asks for and before it looks at what was paid.
    /// @dev Trust it only if the caller is a pool that you know: anybody can call it.
    /// @param sender Who called `swap` of the pool.
    /// @param amount0Out What the pool has sent of its first token, in the token's smallest unit.
    /// @param amount1Out The same of its second token.
    /// @param data What the caller of `swap` has passed on.
    function constantProductCall(address sender, uint256 amount0Out, uint256 amount1Out, bytes calldata data) external;
}
