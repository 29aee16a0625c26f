// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Token} from "./Token.sol";

/// Receives flash swaps of our pools and of Uniswap's and pays what it is told to. It may also call the
/// pool while it is called.
contract FlashBorrower {
    /// The last call, and whether anything that it ever called meanwhile succeeded.
    address public sender;
    uint256 public amount0;
    uint256 public amount1;
    bool public reentered;

    function constantProductCall(address sender_, uint256 out0, uint256 out1, bytes calldata data) external {
        repay(sender_, out0, out1, data);
    }

    function uniswapV2Call(address sender_, uint256 out0, uint256 out1, bytes calldata data) external {
        repay(sender_, out0, out1, data);
    }

    /// `data` holds two tokens, what to pay of them, and a call of the pool.
    function repay(address sender_, uint256 out0, uint256 out1, bytes calldata data) private {
        (sender, amount0, amount1) = (sender_, out0, out1);
        (Token[2] memory tokens, uint256[2] memory amounts, bytes memory call) =
            abi.decode(data, (Token[2], uint256[2], bytes));
        for (uint256 i = 0; i < 2; i++) {
            uint256 has = tokens[i].balanceOf(address(this));
            if (has < amounts[i]) tokens[i].mint(address(this), amounts[i] - has);
            tokens[i].transfer(msg.sender, amounts[i]);
        }
        if (call.length != 0) {
            (bool isDone,) = msg.sender.call(call);
            if (isDone) reentered = true;
        }
    }
}
