// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// Counts: how often each account called, and how often all did.
contract BenchCounter {
    uint256 public total;
    mapping(address caller => uint256 count) public counts;

    event Counted(address indexed caller, uint256 total);

    function increment() external {
        counts[msg.sender] += 1;
        total += 1;
        emit Counted(msg.sender, total);
    }
}
