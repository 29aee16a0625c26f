// SPDX-License-Identifier: MIT
// Derived from @uniswap/v4-core 1.0.2, src/libraries/SqrtPriceMath.sol.
// Copyright 2023 Universal Navigation Inc. Its notice is in LICENSE-UNISWAP-V4-CORE of this folder.
pragma solidity ^0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Amounts and prices within a stretch of constant liquidity
/// @notice With virtual reserves x and y, liquidity is L = sqrt(x * y), and the square root of the price is
/// sqrt(y / x). So x = L / sqrtPrice and y = L * sqrtPrice. Uniswap v3 whitepaper, 6.2 and 6.4.
library SqrtPriceMath {
    using SafeCast for uint256;

    uint8 private constant RESOLUTION = 96;
    uint256 private constant Q96 = 1 << 96;

    /// @notice The price or the liquidity is zero.
    error InvalidPriceOrLiquidity();
    /// @notice There is not as much of the token within this stretch.
    error NotEnoughLiquidity();

    /// @notice The price after `amountIn` of a token came in, rounded so that the price moves less, that is
    /// in favour of the pool.
    /// @param zeroForOne Whether it is token0 that comes in.
    function getNextSqrtPriceFromInput(
        uint160 sqrtPriceX96,
        uint128 liquidity,
        uint256 amountIn,
        bool zeroForOne
    ) internal pure returns (uint160) {
        require(sqrtPriceX96 != 0 && liquidity != 0, InvalidPriceOrLiquidity());
        return zeroForOne
            ? fromAmount0RoundingUp(sqrtPriceX96, liquidity, amountIn, true)
            : fromAmount1RoundingDown(sqrtPriceX96, liquidity, amountIn, true);
    }

    /// @notice The price after `amountOut` of a token went out, rounded so that the price moves more, that
    /// is in favour of the pool.
    /// @param zeroForOne Whether it is token1 that goes out.
    function getNextSqrtPriceFromOutput(
        uint160 sqrtPriceX96,
        uint128 liquidity,
        uint256 amountOut,
        bool zeroForOne
    ) internal pure returns (uint160) {
        require(sqrtPriceX96 != 0 && liquidity != 0, InvalidPriceOrLiquidity());
        return zeroForOne
            ? fromAmount1RoundingDown(sqrtPriceX96, liquidity, amountOut, false)
            : fromAmount0RoundingUp(sqrtPriceX96, liquidity, amountOut, false);
    }

    /// @notice Token0 between two prices, in either order: L * (1 / lower - 1 / upper).
    function getAmount0Delta(uint160 sqrtPriceAX96, uint160 sqrtPriceBX96, uint128 liquidity, bool roundUp)
        internal
        pure
        returns (uint256)
    {
        if (sqrtPriceAX96 > sqrtPriceBX96) (sqrtPriceAX96, sqrtPriceBX96) = (sqrtPriceBX96, sqrtPriceAX96);
        require(sqrtPriceAX96 != 0, InvalidPriceOrLiquidity());
        unchecked {
            uint256 numerator = uint256(liquidity) << RESOLUTION;
            uint256 difference = sqrtPriceBX96 - sqrtPriceAX96;
            // Rounding twice in one direction gives what rounding the quotient by the product would give.
            return roundUp
                ? FixedPointMathLib.divUp(
                    FixedPointMathLib.fullMulDivUp(numerator, difference, sqrtPriceBX96), sqrtPriceAX96
                )
                : FixedPointMathLib.fullMulDiv(numerator, difference, sqrtPriceBX96) / sqrtPriceAX96;
        }
    }

    /// @notice Token1 between two prices, in either order: L * (upper - lower).
    function getAmount1Delta(uint160 sqrtPriceAX96, uint160 sqrtPriceBX96, uint128 liquidity, bool roundUp)
        internal
        pure
        returns (uint256 amount1)
    {
        unchecked {
            uint256 difference =
                sqrtPriceAX96 > sqrtPriceBX96 ? sqrtPriceAX96 - sqrtPriceBX96 : sqrtPriceBX96 - sqrtPriceAX96;
            // Below 2^(128 + 160 - 96).
            amount1 = FixedPointMathLib.fullMulDivN(liquidity, difference, RESOLUTION);
            if (roundUp && mulmod(liquidity, difference, Q96) != 0) amount1++;
        }
    }

    /// @dev L * P / (L +- amount * P), or where that would overflow L / (L / P + amount). It is rounded up:
    /// where token0 comes in, the price falls and shall fall less; where it goes out, the price rises and
    /// shall rise more.
    function fromAmount0RoundingUp(uint160 sqrtPriceX96, uint128 liquidity, uint256 amount, bool isAdded)
        private
        pure
        returns (uint160)
    {
        // The formulas would not give the same price again.
        if (amount == 0) return sqrtPriceX96;
        uint256 numerator = uint256(liquidity) << RESOLUTION;
        uint256 product;
        bool fits;
        unchecked {
            product = amount * sqrtPriceX96;
            fits = product / amount == sqrtPriceX96;
        }
        if (isAdded) {
            unchecked {
                uint256 denominator = numerator + product;
                if (fits && denominator >= numerator) {
                    // At most the price that it was.
                    return uint160(FixedPointMathLib.fullMulDivUp(numerator, sqrtPriceX96, denominator));
                }
            }
            return uint160(FixedPointMathLib.divUp(numerator, numerator / sqrtPriceX96 + amount));
        }
        require(fits && numerator > product, NotEnoughLiquidity());
        unchecked {
            return FixedPointMathLib.fullMulDivUp(numerator, sqrtPriceX96, numerator - product).toUint160();
        }
    }

    /// @dev P +- amount / L, rounded down: where token1 comes in, the price rises and shall rise less; where
    /// it goes out, the price falls and shall fall more.
    function fromAmount1RoundingDown(uint160 sqrtPriceX96, uint128 liquidity, uint256 amount, bool isAdded)
        private
        pure
        returns (uint160)
    {
        if (isAdded) {
            uint256 rise = amount <= type(uint160).max
                ? (amount << RESOLUTION) / liquidity
                : FixedPointMathLib.fullMulDiv(amount, Q96, liquidity);
            return (sqrtPriceX96 + rise).toUint160();
        }
        uint256 fall = amount <= type(uint160).max
            ? FixedPointMathLib.divUp(amount << RESOLUTION, liquidity)
            : FixedPointMathLib.fullMulDivUp(amount, Q96, liquidity);
        require(sqrtPriceX96 > fall, NotEnoughLiquidity());
        unchecked {
            return uint160(sqrtPriceX96 - fall);
        }
    }
}
