// SPDX-License-Identifier: MIT
// Derived from @uniswap/v4-core 1.0.2, src/libraries/TickMath.sol.
// Copyright 2023 Universal Navigation Inc. Its notice is in LICENSE-UNISWAP-V4-CORE of this folder.
pragma solidity ^0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";

/// @title Ticks and square roots of prices
/// @notice Tick `i` is the price 1.0001^i of token0 in token1. Prices are held as square roots with 96
/// binary digits after the point (Q64.96), for prices from 2^-128 to 2^128. Uniswap v3 whitepaper, 6.1.
library TickMath {
    /// @notice The tick is not from MIN_TICK to MAX_TICK.
    error InvalidTick(int24 tick);
    /// @notice The price is below MIN_SQRT_PRICE, or not below MAX_SQRT_PRICE.
    error InvalidSqrtPrice(uint160 sqrtPriceX96);

    /// @dev Log of 2^-128 to the base 1.0001, rounded towards zero.
    int24 internal constant MIN_TICK = -887272;
    /// @dev The code below relies on that the two are symmetric.
    int24 internal constant MAX_TICK = -MIN_TICK;

    /// @dev `getSqrtPriceAtTick(MIN_TICK)`.
    uint160 internal constant MIN_SQRT_PRICE = 4295128739;
    /// @dev `getSqrtPriceAtTick(MAX_TICK)`.
    uint160 internal constant MAX_SQRT_PRICE = 1461446703485210103287273052203988822378723970342;

    /// @notice 2^96 * sqrt(1.0001^tick), within a few units of the last place of 128 bits, then rounded up.
    /// @dev Reverts with InvalidTick. Rounding up makes `getTickAtSqrtPrice` its inverse.
    function getSqrtPriceAtTick(int24 tick) internal pure returns (uint160 sqrtPriceX96) {
        unchecked {
            uint256 absTick = tick < 0 ? uint256(-int256(tick)) : uint256(int256(tick));
            if (absTick > uint256(int256(MAX_TICK))) revert InvalidTick(tick);

            // One factor for each bit of |tick|: 2^128 / sqrt(1.0001^(2^i)), rounded to the nearest.
            uint256 price = absTick & 0x1 != 0 ? 0xfffcb933bd6fad37aa2d162d1a594001 : 1 << 128;
            if (absTick & 0x2 != 0) price = (price * 0xfff97272373d413259a46990580e213a) >> 128;
            if (absTick & 0x4 != 0) price = (price * 0xfff2e50f5f656932ef12357cf3c7fdcc) >> 128;
            if (absTick & 0x8 != 0) price = (price * 0xffe5caca7e10e4e61c3624eaa0941cd0) >> 128;
            if (absTick & 0x10 != 0) price = (price * 0xffcb9843d60f6159c9db58835c926644) >> 128;
            if (absTick & 0x20 != 0) price = (price * 0xff973b41fa98c081472e6896dfb254c0) >> 128;
            if (absTick & 0x40 != 0) price = (price * 0xff2ea16466c96a3843ec78b326b52861) >> 128;
            if (absTick & 0x80 != 0) price = (price * 0xfe5dee046a99a2a811c461f1969c3053) >> 128;
            if (absTick & 0x100 != 0) price = (price * 0xfcbe86c7900a88aedcffc83b479aa3a4) >> 128;
            if (absTick & 0x200 != 0) price = (price * 0xf987a7253ac413176f2b074cf7815e54) >> 128;
            if (absTick & 0x400 != 0) price = (price * 0xf3392b0822b70005940c7a398e4b70f3) >> 128;
            if (absTick & 0x800 != 0) price = (price * 0xe7159475a2c29b7443b29c7fa6e889d9) >> 128;
            if (absTick & 0x1000 != 0) price = (price * 0xd097f3bdfd2022b8845ad8f792aa5825) >> 128;
            if (absTick & 0x2000 != 0) price = (price * 0xa9f746462d870fdf8a65dc1f90e061e5) >> 128;
            if (absTick & 0x4000 != 0) price = (price * 0x70d869a156d2a1b890bb3df62baf32f7) >> 128;
            if (absTick & 0x8000 != 0) price = (price * 0x31be135f97d08fd981231505542fcfa6) >> 128;
            if (absTick & 0x10000 != 0) price = (price * 0x9aa508b5b7a84e1c677de54f3e99bc9) >> 128;
            if (absTick & 0x20000 != 0) price = (price * 0x5d6af8dedb81196699c329225ee604) >> 128;
            if (absTick & 0x40000 != 0) price = (price * 0x2216e584f5fa1ea926041bedfe98) >> 128;
            if (absTick & 0x80000 != 0) price = (price * 0x48a170391f7dc42444e8fa2) >> 128;
            if (tick > 0) price = type(uint256).max / price;

            // From 128 digits after the point to 96. It fits: the greatest price has 160 bits.
            sqrtPriceX96 = uint160((price + type(uint32).max) >> 32);
        }
    }

    /// @notice The greatest tick whose square root of the price is not above `sqrtPriceX96`.
    /// @dev Reverts with InvalidSqrtPrice.
    function getTickAtSqrtPrice(uint160 sqrtPriceX96) internal pure returns (int24 tick) {
        unchecked {
            if (sqrtPriceX96 < MIN_SQRT_PRICE || sqrtPriceX96 >= MAX_SQRT_PRICE) {
                revert InvalidSqrtPrice(sqrtPriceX96);
            }
            uint256 price = uint256(sqrtPriceX96) << 32;
            uint256 msb = LibBit.fls(price);
            uint256 r = msb >= 128 ? price >> (msb - 127) : price << (127 - msb);

            // Log of the square root to the base 2, with 64 digits after the point of which 14 are found
            // by squaring the mantissa over and over.
            int256 log = (int256(msb) - 128) << 64;
            assembly ("memory-safe") {
                let f
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(63, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(62, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(61, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(60, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(59, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(58, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(57, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(56, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(55, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(54, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(53, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(52, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                f := shr(128, r)
                log := or(log, shl(51, f))
                r := shr(f, r)
                r := shr(127, mul(r, r))
                log := or(log, shl(50, shr(128, r)))
            }

            // To the base sqrt(1.0001): times 2^64 / log2(sqrt(1.0001)), so 128 digits after the point.
            log *= 255738958999603826347141;
            // The error of `log` is known to be between these two bounds, so one of two ticks it is.
            int24 low = int24((log - 3402992956809132418596140100660247210) >> 128);
            int24 high = int24((log + 291339464771989622907027621153398088495) >> 128);
            tick = low == high ? low : getSqrtPriceAtTick(high) <= sqrtPriceX96 ? high : low;
        }
    }
}
