// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What a contract that can be paused asks
interface IPauseGuardian {
    /// @notice Whether `target` is to refuse what increases risk, now.
    function isPaused(address target) external view returns (bool);
}
