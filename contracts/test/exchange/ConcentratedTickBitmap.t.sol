// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TickBitmap} from "../../src/exchange/libraries/TickBitmap.sol";
import {Test} from "../support/Test.sol";

contract ConcentratedTickBitmapTest is Test {
    using TickBitmap for mapping(int16 => uint256);

    int24 private constant SPACING = 10;

    mapping(int16 => uint256) private bitmap;
    mapping(int24 => bool) private isSet;

    /// The judge looks at one tick after the other.
    function test_searchFindsTheNextTickOrTheEndOfTheWord(uint256 seed, uint256 from) external {
        for (uint256 i = 0; i < 8; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            flip((int24(int256(random % 1200)) - 600) * SPACING);
        }
        int24 start = int24(int256(bound(from, 0, 12000)) - 6000);

        (int24 next, bool initialized) = bitmap.nextInitializedTickWithinOneWord(start, SPACING, true);
        int24 tick = floor(start);
        while (!isSet[tick] && mod256(tick) != 0) tick -= SPACING;
        vm.assertEq(int256(next), tick, "down");
        vm.assertEq(initialized, isSet[tick], "down: initialized");

        (next, initialized) = bitmap.nextInitializedTickWithinOneWord(start, SPACING, false);
        tick = floor(start) + SPACING;
        while (!isSet[tick] && mod256(tick) != 255) tick += SPACING;
        vm.assertEq(int256(next), tick, "up");
        vm.assertEq(initialized, isSet[tick], "up: initialized");
    }

    function test_searchWorksAtTheEndsOfAllTicks() external {
        flip(-887270);
        flip(887270);
        (int24 next, bool initialized) = bitmap.nextInitializedTickWithinOneWord(-887270, SPACING, true);
        vm.assertTrue(next == -887270 && initialized, "lowest");
        (next, initialized) = bitmap.nextInitializedTickWithinOneWord(887260, SPACING, false);
        vm.assertTrue(next == 887270 && initialized, "highest");
    }

    function test_flippingTwiceChangesNothing(uint256 seed) external {
        int24 tick = (int24(int256(bound(seed, 0, 2 * 88727))) - 88727) * SPACING;
        flip(tick);
        flip(tick);
        vm.assertEq(bitmap[int16((tick / SPACING) >> 8)], 0, "word");
    }

    function test_ticksBetweenMultiplesOfTheSpacingAreRefused(int24 tick) external {
        vm.assume(tick % SPACING != 0);
        vm.expectRevert(abi.encodeWithSelector(TickBitmap.TickMisaligned.selector, tick, SPACING));
        this.flip(tick);
    }

    function flip(int24 tick) public {
        bitmap.flipTick(tick, SPACING);
        isSet[tick] = !isSet[tick];
    }

    function floor(int24 tick) private pure returns (int24) {
        int24 rest = tick % SPACING;
        return tick - (rest < 0 ? rest + SPACING : rest);
    }

    /// Place of a tick in its word.
    function mod256(int24 tick) private pure returns (int24) {
        return ((tick / SPACING) % 256 + 256) % 256;
    }
}
