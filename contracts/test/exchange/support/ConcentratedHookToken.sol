// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token that calls somebody before each transfer that is done for another.
contract ConcentratedHookToken is ERC20 {
    address private target;
    bytes private action;
    bool public hasSucceeded;
    bytes public result;

    constructor() ERC20("Hook", "HOOK") {}

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function beforeTransfer(address target_, bytes calldata action_) external {
        (target, action) = (target_, action_);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (target != address(0)) (hasSucceeded, result) = target.call(action);
        return super.transferFrom(from, to, amount);
    }
}
