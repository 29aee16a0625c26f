// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {SqrtPriceMath} from "../../src/exchange/libraries/SqrtPriceMath.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {ConcentratedHandler} from "./support/ConcentratedHandler.sol";
import {Test} from "../support/Test.sol";

contract ConcentratedInvariantsTest is Test {
    ConcentratedHandler private handler = new ConcentratedHandler();
    ConcentratedPool private pool = handler.pool();

    /// What all positions may ask for.
    uint256 private claims0;
    uint256 private claims1;
    uint256 private inRange;
    uint256 private gross;

    function setUp() external {
        bytes4[] memory functions = new bytes4[](12);
        functions[0] = bytes4(keccak256("mint(uint256,uint256,uint256)"));
        functions[1] = bytes4(keccak256("burn(uint256,uint256,uint256)"));
        functions[2] = bytes4(keccak256("collect(uint256,uint256,bool,uint256,uint256)"));
        functions[3] = bytes4(keccak256("swap(uint256,bool,bool,uint256,uint256)"));
        functions[4] = handler.flash.selector;
        functions[5] = handler.wait.selector;
        functions[6] = handler.mintToken.selector;
        functions[7] = handler.increaseToken.selector;
        functions[8] = handler.decreaseToken.selector;
        functions[9] = handler.collectToken.selector;
        functions[10] = handler.giveToken.selector;
        functions[11] = handler.endToken.selector;
        targetContract(address(handler));
        targetSelectors(address(handler), functions);
    }

    /// forge-config: default.invariant.fail-on-revert = true
    /// forge-config: long.invariant.fail-on-revert = true
    /// forge-config: long.invariant.runs = 200
    function invariant_everythingAddsUp() external {
        checkPositions();
        checkTicks();
        checkPrice();
        (uint256 held0, uint256 held1) = handler.tokenBalances(address(handler.positions()));
        vm.assertEq(held0 + held1, 0, "positions hold nothing");
    }

    /// Everyone can leave, with everything that is theirs, and nearly nothing is left.
    function afterInvariant() external {
        checkPositions();
        (uint256 before0, uint256 before1) = handler.tokenBalances(address(pool));
        handler.takeAllOut();
        vm.assertEq(pool.liquidity(), 0, "liquidity");
        for (int16 word = -58; word <= 57; word++) {
            vm.assertEq(pool.tickBitmap(word), 0, "ticks");
        }
        (uint256 left0, uint256 left1) = handler.tokenBalances(address(pool));
        vm.assertLe(left0 + claims0, before0, "claims 0");
        vm.assertLe(left1 + claims1, before1, "claims 1");
        // Each operation leaves few wei by rounding, each tick that a swap stops at one or two.
        vm.assertLe(left0, 100 * (handler.calls() + 1), "rest 0");
        vm.assertLe(left1, 100 * (handler.calls() + 1), "rest 1");
        uint256 all0 = left0;
        uint256 all1 = left1;
        for (uint256 a = 0; a < handler.ACTORS(); a++) {
            (uint256 own0, uint256 own1) = handler.tokenBalances(address(handler.actors(a)));
            (all0, all1) = (all0 + own0, all1 + own1);
        }
        vm.assertEq(all0, handler.supply(), "all of token 0");
        vm.assertEq(all1, handler.supply(), "all of token 1");
    }

    /// The pool has what it owes: for liquidity, as fees that were accounted for, and as fees that were not.
    function checkPositions() private {
        (claims0, claims1, inRange, gross) = (0, 0, 0, 0);
        (address[] memory owners, bytes32[] memory salts) = handler.holders();
        for (uint256 r = 0; r < handler.RANGES(); r++) {
            (int24 lower, int24 upper) = (handler.lowers(r), handler.uppers(r));
            for (uint256 i = 0; i < owners.length; i++) {
                claim(pool.position(owners[i], salts[i], lower, upper), lower, upper);
            }
        }
        (uint256 balance0, uint256 balance1) = handler.tokenBalances(address(pool));
        vm.assertLe(claims0, balance0, "claims 0");
        vm.assertLe(claims1, balance1, "claims 1");
        vm.assertEq(pool.liquidity(), inRange, "liquidity in range");
    }

    function claim(ConcentratedPool.Position memory position, int24 lower, int24 upper) private {
        (claims0, claims1) = (claims0 + position.tokensOwed0, claims1 + position.tokensOwed1);
        uint128 liquidity = position.liquidity;
        if (liquidity == 0) return;
        gross += liquidity;
        (uint160 price, int24 tick,,,) = pool.slot0();
        if (lower <= tick && tick < upper) inRange += liquidity;
        (uint160 a, uint160 b) =
            (TickMath.getSqrtPriceAtTick(lower), TickMath.getSqrtPriceAtTick(upper));
        uint160 inside = price < a ? a : price > b ? b : price;
        claims0 += SqrtPriceMath.getAmount0Delta(inside, b, liquidity, false);
        claims1 += SqrtPriceMath.getAmount1Delta(a, inside, liquidity, false);
        (uint256 inside0, uint256 inside1) = feeGrowthInside(lower, upper, tick);
        unchecked {
            // No fees here come near 2^128.
            claims0 += mulShift(inside0 - position.feeGrowthInside0LastX128, liquidity);
            claims1 += mulShift(inside1 - position.feeGrowthInside1LastX128, liquidity);
        }
    }

    /// As the whitepaper has it: all, less what is below, less what is above.
    function feeGrowthInside(int24 lower, int24 upper, int24 tick)
        private
        view
        returns (uint256 inside0, uint256 inside1)
    {
        uint256 global0 = pool.feeGrowthGlobal0X128();
        uint256 global1 = pool.feeGrowthGlobal1X128();
        (,, uint256 lower0, uint256 lower1,,,,) = pool.ticks(lower);
        (,, uint256 upper0, uint256 upper1,,,,) = pool.ticks(upper);
        unchecked {
            if (tick < lower) (lower0, lower1) = (global0 - lower0, global1 - lower1);
            if (tick >= upper) (upper0, upper1) = (global0 - upper0, global1 - upper1);
            return (global0 - lower0 - upper0, global1 - lower1 - upper1);
        }
    }

    /// What rises at ticks falls at others, and up to the price it sums to the liquidity in range. Each
    /// position counts at two ticks. Ticks are initialized, and in the bitmap, if liquidity ends there.
    function checkTicks() private view {
        int256 sum;
        int256 upToPrice;
        uint256 grossSum;
        (, int24 price,,,) = pool.slot0();
        for (uint256 i = 0; i < 2 * handler.RANGES(); i++) {
            int24 tick = i % 2 == 0 ? handler.lowers(i / 2) : handler.uppers(i / 2);
            bool isRepeated;
            for (uint256 j = 0; j < i; j++) {
                if (tick == (j % 2 == 0 ? handler.lowers(j / 2) : handler.uppers(j / 2))) {
                    isRepeated = true;
                }
            }
            if (isRepeated) continue;
            (uint128 liquidityGross, int128 liquidityNet,,,,,, bool initialized) = pool.ticks(tick);
            sum += liquidityNet;
            grossSum += liquidityGross;
            if (tick <= price) upToPrice += liquidityNet;
            vm.assertEq(initialized, liquidityGross != 0, "initialized");
            int24 place = tick / 60;
            bool isSet = pool.tickBitmap(int16(place >> 8)) >> uint8(uint24(place)) & 1 == 1;
            vm.assertEq(isSet, initialized, "bitmap");
        }
        vm.assertEq(sum, 0, "net liquidity of all ticks");
        vm.assertEq(upToPrice, int256(uint256(pool.liquidity())), "net liquidity up to the price");
        vm.assertEq(grossSum, 2 * gross, "gross liquidity");
    }

    function checkPrice() private view {
        (uint160 price, int24 tick,,,) = pool.slot0();
        vm.assertGe(price, TickMath.getSqrtPriceAtTick(tick), "tick is below");
        // Equal where it fell to a tick and crossed it.
        vm.assertLe(price, TickMath.getSqrtPriceAtTick(tick + 1), "next tick is above");
    }

    function mulShift(uint256 growth, uint128 liquidity) private pure returns (uint256) {
        return (growth >> 128) * liquidity + ((growth & type(uint128).max) * liquidity >> 128);
    }
}
