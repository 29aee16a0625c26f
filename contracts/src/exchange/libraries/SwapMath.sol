// SPDX-License-Identifier: MIT
// Derived from @uniswap/v4-core 1.0.2, src/libraries/SwapMath.sol.
// Copyright 2023 Universal Navigation Inc. Its notice is in LICENSE-UNISWAP-V4-CORE of this folder.
pragma solidity ^0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SqrtPriceMath} from "./SqrtPriceMath.sol";

/// @title One step of a swap
/// @notice A swap goes from tick to tick, and liquidity is the same all the way of a step. Uniswap v3
/// whitepaper, 6.2.3.
/// @dev Other than v4, and like v3: amounts that are positive come in, and where the amount in runs out,
/// what the price did not move by is all fee.
library SwapMath {
    /// @dev Fees are in millionths of the amount in.
    uint256 internal constant FEE_BASE = 1e6;

    /// @notice How far a swap gets at most within a stretch of constant liquidity.
    /// @param sqrtPriceTargetX96 Where the stretch ends. It also gives the direction.
    /// @param amountRemaining What is still to come in, or negative what is still to go out.
    /// @param fee In millionths of the amount in, below 1e6.
    /// @return sqrtPriceNextX96 The price then, the target at most.
    /// @return amountIn What comes in without the fee, rounded up.
    /// @return amountOut What goes out, rounded down, and never more than was asked for.
    /// @return feeAmount What comes in as fee, rounded up.
    function computeSwapStep(
        uint160 sqrtPriceCurrentX96,
        uint160 sqrtPriceTargetX96,
        uint128 liquidity,
        int256 amountRemaining,
        uint24 fee
    )
        internal
        pure
        returns (uint160 sqrtPriceNextX96, uint256 amountIn, uint256 amountOut, uint256 feeAmount)
    {
        bool zeroForOne = sqrtPriceCurrentX96 >= sqrtPriceTargetX96;
        if (amountRemaining >= 0) {
            uint256 amountLessFee =
                FixedPointMathLib.fullMulDiv(uint256(amountRemaining), FEE_BASE - fee, FEE_BASE);
            amountIn = getAmountIn(sqrtPriceCurrentX96, sqrtPriceTargetX96, liquidity, zeroForOne);
            if (amountLessFee >= amountIn) {
                sqrtPriceNextX96 = sqrtPriceTargetX96;
                feeAmount = FixedPointMathLib.fullMulDivUp(amountIn, fee, FEE_BASE - fee);
            } else {
                sqrtPriceNextX96 = SqrtPriceMath.getNextSqrtPriceFromInput(
                    sqrtPriceCurrentX96, liquidity, amountLessFee, zeroForOne
                );
                amountIn = getAmountIn(sqrtPriceCurrentX96, sqrtPriceNextX96, liquidity, zeroForOne);
                feeAmount = uint256(amountRemaining) - amountIn;
            }
            amountOut = getAmountOut(sqrtPriceCurrentX96, sqrtPriceNextX96, liquidity, zeroForOne);
        } else {
            uint256 amountAsked;
            unchecked {
                amountAsked = uint256(-amountRemaining);
            }
            amountOut = getAmountOut(sqrtPriceCurrentX96, sqrtPriceTargetX96, liquidity, zeroForOne);
            if (amountAsked >= amountOut) {
                sqrtPriceNextX96 = sqrtPriceTargetX96;
            } else {
                amountOut = amountAsked;
                sqrtPriceNextX96 = SqrtPriceMath.getNextSqrtPriceFromOutput(
                    sqrtPriceCurrentX96, liquidity, amountOut, zeroForOne
                );
            }
            amountIn = getAmountIn(sqrtPriceCurrentX96, sqrtPriceNextX96, liquidity, zeroForOne);
            feeAmount = FixedPointMathLib.fullMulDivUp(amountIn, fee, FEE_BASE - fee);
        }
    }

    function getAmountIn(uint160 from, uint160 to, uint128 liquidity, bool zeroForOne)
        private
        pure
        returns (uint256)
    {
        return zeroForOne
            ? SqrtPriceMath.getAmount0Delta(to, from, liquidity, true)
            : SqrtPriceMath.getAmount1Delta(from, to, liquidity, true);
    }

    function getAmountOut(uint160 from, uint160 to, uint128 liquidity, bool zeroForOne)
        private
        pure
        returns (uint256)
    {
        return zeroForOne
            ? SqrtPriceMath.getAmount1Delta(to, from, liquidity, false)
            : SqrtPriceMath.getAmount0Delta(from, to, liquidity, false);
    }
}
