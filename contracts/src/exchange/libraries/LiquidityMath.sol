// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Liquidity
/// @notice Changes of it, and how much of it amounts of tokens give.
library LiquidityMath {
    using SafeCast for uint256;

    /// @notice More is to be taken than there is.
    error NotEnoughLiquidity(uint128 liquidity, uint128 taken);

    /// @notice `liquidity + delta`.
    /// @dev Reverts with NotEnoughLiquidity, or with a panic where the sum does not fit.
    function addDelta(uint128 liquidity, int128 delta) internal pure returns (uint128) {
        if (delta >= 0) return liquidity + uint128(delta);
        unchecked {
            // Right for the least number too, whose negative is 2^127 as a number without a sign.
            uint128 taken = uint128(-delta);
            require(taken <= liquidity, NotEnoughLiquidity(liquidity, taken));
            return liquidity - taken;
        }
    }

    /// @notice The most liquidity of a range that costs no more than two amounts, so it is rounded down.
    /// @dev Uniswap v3 whitepaper, 6.29 and 6.30, solved for the liquidity. Reverts where it does not fit.
    /// @param sqrtPriceX96 The price now.
    /// @param sqrtPriceAX96 The lower end of the range.
    /// @param sqrtPriceBX96 The upper end of the range, above the lower one.
    function getLiquidityForAmounts(
        uint160 sqrtPriceX96,
        uint160 sqrtPriceAX96,
        uint160 sqrtPriceBX96,
        uint256 amount0,
        uint256 amount1
    ) internal pure returns (uint128) {
        if (sqrtPriceX96 <= sqrtPriceAX96) {
            return getLiquidityForAmount0(sqrtPriceAX96, sqrtPriceBX96, amount0).toUint128();
        }
        if (sqrtPriceX96 >= sqrtPriceBX96) {
            return getLiquidityForAmount1(sqrtPriceAX96, sqrtPriceBX96, amount1).toUint128();
        }
        return FixedPointMathLib.min(
            getLiquidityForAmount0(sqrtPriceX96, sqrtPriceBX96, amount0),
            getLiquidityForAmount1(sqrtPriceAX96, sqrtPriceX96, amount1)
        ).toUint128();
    }

    /// @dev amount * lower * upper / (upper - lower). The multiplication overflows only where the result
    /// would be above 2^160.
    function getLiquidityForAmount0(uint160 lower, uint160 upper, uint256 amount)
        private
        pure
        returns (uint256)
    {
        return FixedPointMathLib.fullMulDiv(amount * lower, upper, uint256(upper - lower) << 96);
    }

    /// @dev amount / (upper - lower).
    function getLiquidityForAmount1(uint160 lower, uint160 upper, uint256 amount)
        private
        pure
        returns (uint256)
    {
        return FixedPointMathLib.fullMulDiv(amount, 1 << 96, upper - lower);
    }
}
