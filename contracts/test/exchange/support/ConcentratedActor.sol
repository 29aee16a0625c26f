// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IConcentratedFlashCallback} from "../../../src/exchange/IConcentratedFlashCallback.sol";
import {IConcentratedMintCallback} from "../../../src/exchange/IConcentratedMintCallback.sol";
import {IConcentratedSwapCallback} from "../../../src/exchange/IConcentratedSwapCallback.sol";

/// Somebody who has tokens and pays whatever pool asks for them: ours, or the one that it is compared with.
contract ConcentratedActor is
    IConcentratedMintCallback,
    IConcentratedSwapCallback,
    IConcentratedFlashCallback
{
    IERC20 private immutable token0;
    IERC20 private immutable token1;

    /// By how much each payment falls short.
    uint256 private withheld;
    /// What it does before it pays, if anything, and with what result.
    address private target;
    bytes private action;
    bool public hasSucceeded;
    bytes public result;

    constructor(IERC20 token0_, IERC20 token1_) {
        token0 = token0_;
        token1 = token1_;
    }

    function call(address to, bytes calldata data) external returns (bool, bytes memory) {
        return to.call(data);
    }

    function withhold(uint256 amount) external {
        withheld = amount;
    }

    function beforePaying(address target_, bytes calldata action_) external {
        (target, action) = (target_, action_);
    }

    function approve(address spender) external {
        token0.approve(spender, type(uint256).max);
        token1.approve(spender, type(uint256).max);
    }

    function concentratedMintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        pay(amount0, amount1);
    }

    function concentratedSwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        paySwap(amount0, amount1);
    }

    function concentratedFlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        payFlash(fee0, fee1, data);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        pay(amount0, amount1);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        paySwap(amount0, amount1);
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        payFlash(fee0, fee1, data);
    }

    function paySwap(int256 amount0, int256 amount1) private {
        pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0);
    }

    /// The data are what was lent, and what is paid on top of the fee.
    function payFlash(uint256 fee0, uint256 fee1, bytes calldata data) private {
        (uint256 lent0, uint256 lent1, uint256 extra0, uint256 extra1) =
            abi.decode(data, (uint256, uint256, uint256, uint256));
        pay(lent0 + fee0 + extra0, lent1 + fee1 + extra1);
    }

    function pay(uint256 amount0, uint256 amount1) private {
        if (target != address(0)) (hasSucceeded, result) = target.call(action);
        if (amount0 > withheld) token0.transfer(msg.sender, amount0 - withheld);
        if (amount1 > withheld) token1.transfer(msg.sender, amount1 - withheld);
    }
}
