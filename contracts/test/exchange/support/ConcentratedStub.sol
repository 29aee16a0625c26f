// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Router} from "../../../src/exchange/Router.sol";

/// Speaks as a pool of concentrated liquidity does, and trades along the constant product without a fee. It
/// can be told to misbehave.
contract ConcentratedStub {
    enum Fault {
        None,
        // Takes and gives half of what is asked for.
        Half,
        // Asks to be paid twice.
        Twice,
        // Asks for a hundred times too much.
        Greedy,
        // Passes other data back.
        OtherData,
        // Sends nothing.
        Keep,
        // Never asks to be paid.
        Silent
    }

    IERC20 private immutable token0;
    IERC20 private immutable token1;
    Fault private fault;

    constructor(IERC20 token0_, IERC20 token1_) {
        (token0, token1) = (token0_, token1_);
    }

    function misbehave(Fault fault_) external {
        fault = fault_;
    }

    function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1)
    {
        (IERC20 in_, IERC20 out) = zeroForOne ? (token0, token1) : (token1, token0);
        uint256 hasIn = in_.balanceOf(address(this));
        uint256 hasOut = out.balanceOf(address(this));
        if (fault == Fault.Half) amountSpecified /= 2;
        uint256 amountIn;
        uint256 amountOut;
        if (amountSpecified > 0) {
            amountIn = uint256(amountSpecified);
            amountOut = hasOut * amountIn / (hasIn + amountIn);
        } else {
            amountOut = uint256(-amountSpecified);
            amountIn = hasIn * amountOut / (hasOut - amountOut) + 1;
        }
        if (fault != Fault.Keep) out.transfer(recipient, amountOut);
        if (fault == Fault.Greedy) amountIn *= 100;
        (amount0, amount1) =
            zeroForOne ? (int256(amountIn), -int256(amountOut)) : (-int256(amountOut), int256(amountIn));
        if (fault == Fault.Silent) return (amount0, amount1);
        Router router = Router(payable(msg.sender));
        router.concentratedSwapCallback(amount0, amount1, fault == Fault.OtherData ? bytes("") : data);
        if (fault == Fault.Twice) router.concentratedSwapCallback(amount0, amount1, data);
        require(in_.balanceOf(address(this)) >= hasIn + amountIn, "not paid");
    }
}
