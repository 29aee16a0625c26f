// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// Borrows by flash loans, does what it is told meanwhile, and pays back unless told otherwise.
contract FlashBorrower is IERC3156FlashBorrower {
    struct Call {
        address target;
        bytes data;
    }

    bytes32 public answer = keccak256("ERC3156FlashBorrower.onFlashLoan");
    address private immutable POOL;
    uint256 public lastAmount;
    uint256 public lastFee;
    address public lastInitiator;
    bool public paysBack = true;

    constructor(address pool) {
        POOL = pool;
    }

    function setAnswer(bytes32 answer_) external {
        answer = answer_;
    }

    function setPaysBack(bool paysBack_) external {
        paysBack = paysBack_;
    }

    function onFlashLoan(address initiator, address token, uint256 amount, uint256 fee, bytes calldata data)
        external
        returns (bytes32)
    {
        require(msg.sender == POOL, "not the pool");
        (lastInitiator, lastAmount, lastFee) = (initiator, amount, fee);
        if (data.length != 0) {
            Call[] memory calls = abi.decode(data, (Call[]));
            for (uint256 i = 0; i < calls.length; ++i) {
                (bool success, bytes memory result) = calls[i].target.call(calls[i].data);
                if (!success) {
                    assembly {
                        revert(add(result, 32), mload(result))
                    }
                }
            }
        }
        IERC20(token).approve(POOL, paysBack ? amount + fee : 0);
        return answer;
    }
}
