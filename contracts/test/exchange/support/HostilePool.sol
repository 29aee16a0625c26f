// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// Pretends to be a pool: promises any amount, costs any amount, and gives nothing.
contract HostilePool {
    uint256 private immutable out;
    uint256 private immutable in_;

    constructor(uint256 out_, uint256 in__) {
        (out, in_) = (out_, in__);
    }

    function quoteExactIn(address, uint256) external view returns (uint256) {
        return out;
    }

    function quoteExactOut(address, uint256) external view returns (uint256) {
        return in_;
    }

    function swap(uint256, uint256, address, bytes calldata) external {}
}
