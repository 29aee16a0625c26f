// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TestToken} from "./TestToken.sol";

/// A token that calls somebody in the midst of each transfer, as those of ERC-777 do.
contract HookToken is TestToken {
    address private target;
    bytes private data;
    bool public hasSucceeded;
    bytes public result;

    constructor() TestToken("HOOK", 18) {}

    function setHook(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target != address(0)) (hasSucceeded, result) = target.call(data);
    }
}
