// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PairPool} from "./PairPool.sol";

/// @title A constant-product pool with a fee of 0.3 %
/// @notice The fee is taken of what goes in, stays in the pool and so belongs to its shares, pro rata.
/// Each token that goes in may be paid back in part or whole, in either token or both: a loan of a token
/// costs the fee on what is paid back.
/// @dev Reserves x, y, amounts in a, b, amounts out c, d: a swap is paid for if
/// (x - c + 0.997 a) (y - d + 0.997 b) >= x y. To the wei what Uniswap v2 asks for.
contract ConstantProductPool is PairPool {
    /// Of an amount that goes in, 997 parts in 1000 count.
    uint256 private constant FEE = 3;
    uint256 private constant FEE_BASE = 1000;

    /// @notice What was paid counts `paid`, as a product of reserves, and should count `due`.
    error NotPaid(uint256 paid, uint256 due);

    constructor(address token0_, address token1_) PairPool(token0_, token1_) {}

    function name() public pure override returns (string memory) {
        return "Heddle Constant Product Share";
    }

    function symbol() public pure override returns (string memory) {
        return "HCP";
    }

    function _constantNameHash() internal pure override returns (bytes32) {
        return keccak256("Heddle Constant Product Share");
    }

    function _requirePaid(Trade memory trade) internal pure override {
        uint256 paid =
            (trade.balance0 * FEE_BASE - trade.amount0In * FEE) * (trade.balance1 * FEE_BASE - trade.amount1In * FEE);
        uint256 due = trade.reserve0 * trade.reserve1 * FEE_BASE * FEE_BASE;
        require(paid >= due, NotPaid(paid, due));
    }

    function _amountOut(uint256 reserveIn, uint256 reserveOut, uint256 amountIn)
        internal
        pure
        override
        returns (uint256)
    {
        uint256 counted = amountIn * (FEE_BASE - FEE);
        return reserveOut * counted / (reserveIn * FEE_BASE + counted);
    }

    function _amountIn(uint256 reserveIn, uint256 reserveOut, uint256 amountOut)
        internal
        pure
        override
        returns (uint256)
    {
        return Math.ceilDiv(reserveIn * amountOut * FEE_BASE, (reserveOut - amountOut) * (FEE_BASE - FEE));
    }
}
