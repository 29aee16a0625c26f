// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token that anybody may make. It can be set to refuse transfers to one account, or to call one before each
/// transfer.
contract TestToken is ERC20("Test", "TEST") {
    address public refused;
    address public called;
    bytes private data;

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function refuse(address account) external {
        refused = account;
    }

    function callBack(address account, bytes calldata data_) external {
        (called, data) = (account, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(to != refused || to == address(0), "refused");
        if (called != address(0)) {
            address target = called;
            called = address(0);
            (bool isDone, bytes memory returned) = target.call(data);
            if (!isDone) {
                assembly ("memory-safe") {
                    revert(add(returned, 32), mload(returned))
                }
            }
        }
        super._update(from, to, amount);
    }
}
