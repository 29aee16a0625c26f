// SPDX-License-Identifier: MIT
// Derived from @uniswap/v4-core 1.0.2, src/libraries/TickBitmap.sol.
// Copyright 2023 Universal Navigation Inc. Its notice is in LICENSE-UNISWAP-V4-CORE of this folder.
pragma solidity ^0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";

/// @title Which ticks are initialized
/// @notice One bit for each tick that is a multiple of the spacing, 256 in a word. Uniswap v3 whitepaper, 6.2.
library TickBitmap {
    /// @notice The tick is not a multiple of the spacing.
    error TickMisaligned(int24 tick, int24 tickSpacing);

    /// @notice Turns the bit of a tick over.
    /// @dev Reverts with TickMisaligned.
    function flipTick(mapping(int16 => uint256) storage self, int24 tick, int24 tickSpacing) internal {
        require(tick % tickSpacing == 0, TickMisaligned(tick, tickSpacing));
        (int16 wordPos, uint8 bitPos) = position(tick / tickSpacing);
        self[wordPos] ^= 1 << bitPos;
    }

    /// @notice The next initialized tick, or the last one of the word where the word has none further on.
    /// @dev The result may lie outside of what ticks there are: the caller has to bound it.
    /// @param tick Where to start. It is looked at itself if the search goes down, and not if it goes up.
    /// @param lte Whether to search downwards.
    function nextInitializedTickWithinOneWord(
        mapping(int16 => uint256) storage self,
        int24 tick,
        int24 tickSpacing,
        bool lte
    ) internal view returns (int24 next, bool initialized) {
        unchecked {
            // Rounds towards negative infinity.
            int24 compressed = tick / tickSpacing;
            if (tick < 0 && tick % tickSpacing != 0) compressed--;

            if (lte) {
                (int16 wordPos, uint8 bitPos) = position(compressed);
                uint256 masked = self[wordPos] & (type(uint256).max >> (255 - bitPos));
                initialized = masked != 0;
                uint256 distance = initialized ? bitPos - LibBit.fls(masked) : bitPos;
                next = (compressed - int24(uint24(distance))) * tickSpacing;
            } else {
                compressed++;
                (int16 wordPos, uint8 bitPos) = position(compressed);
                uint256 masked = self[wordPos] & (type(uint256).max << bitPos);
                initialized = masked != 0;
                uint256 distance = (initialized ? LibBit.ffs(masked) : 255) - bitPos;
                next = (compressed + int24(uint24(distance))) * tickSpacing;
            }
        }
    }

    function position(int24 compressed) private pure returns (int16 wordPos, uint8 bitPos) {
        wordPos = int16(compressed >> 8);
        bitPos = uint8(uint24(compressed));
    }
}
