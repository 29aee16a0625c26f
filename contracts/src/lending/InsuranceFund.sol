// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title What pays first for bad debt
/// @notice Holds tokens of any reserve. `LendingPool.collectFees` pays the fees in; anybody may give by a
/// transfer. Tokens leave only to cover bad debt of the same asset: there is no other way out, for anybody.
/// @dev Its balance of a token is a slot that all bad debt of that token writes.
contract InsuranceFund {
    using FixedPointMathLib for uint256;
    using SafeERC20 for IERC20;

    /// @notice The pool whose bad debt this pays.
    address public immutable POOL;

    event Covered(address indexed asset, address indexed to, uint256 asked, uint256 paid);

    error NotPool(address caller);

    constructor(address pool) {
        POOL = pool;
    }

    /// @notice Pays `amount` of an asset, or all there is if that is less. Only the pool.
    /// @return paid What was paid.
    function cover(address asset, uint256 amount, address to) external returns (uint256 paid) {
        require(msg.sender == POOL, NotPool(msg.sender));
        paid = amount.min(IERC20(asset).balanceOf(address(this)));
        if (paid == 0) return 0;
        emit Covered(asset, to, amount, paid);
        IERC20(asset).safeTransfer(to, paid);
    }
}
