// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token that anybody can mint, and that misbehaves when it is told to.
contract TestToken is ERC20 {
    bool public isFailing;
    uint256 public fee;
    address private hooked;
    bytes private hookData;

    error Failing();

    constructor(string memory name_) ERC20(name_, name_) {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// Each transfer reverts.
    function setFailing(bool isFailing_) external {
        isFailing = isFailing_;
    }

    /// So much of each transfer is lost.
    function setFee(uint256 fee_) external {
        fee = fee_;
    }

    /// Each transfer makes this call first, and fails as it does.
    function setHook(address hooked_, bytes calldata data) external {
        (hooked, hookData) = (hooked_, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0) && to != address(0)) {
            require(!isFailing, Failing());
            if (hooked != address(0)) {
                (bool isGood, bytes memory result) = hooked.call(hookData);
                if (!isGood) {
                    assembly ("memory-safe") {
                        revert(add(result, 32), mload(result))
                    }
                }
            }
            if (fee != 0) {
                super._update(from, address(0xdead), fee);
                value -= fee;
            }
        }
        super._update(from, to, value);
    }
}
