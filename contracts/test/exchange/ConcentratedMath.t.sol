// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LiquidityMath} from "../../src/exchange/libraries/LiquidityMath.sol";
import {SqrtPriceMath} from "../../src/exchange/libraries/SqrtPriceMath.sol";
import {SwapMath} from "../../src/exchange/libraries/SwapMath.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {Test} from "../support/Test.sol";

/// The formulas, each computed here in another way: as one fraction, from numbers that are small enough for
/// it to fit into 256 bits.
contract ConcentratedMathTest is Test {
    /// ln(1.0001) / 2 * 1e36.
    int256 private constant HALF_LOG = 49997500166654167666583340475566;
    uint256 private constant Q96 = 1 << 96;

    function test_sqrtPriceOfTickIsThePowerOfTheBase(uint256 seed) external pure {
        int24 tick = int24(int256(bound(seed, 0, 887272)));
        uint256 price = TickMath.getSqrtPriceAtTick(tick);
        uint256 expected = uint256(FixedPointMathLib.expWad(HALF_LOG * tick / 1e18));
        vm.assertApproxEqRel(FixedPointMathLib.fullMulDiv(price, 1e18, Q96), expected, 1e7, "price");
        // The negative tick has the inverse price.
        uint256 inverse = TickMath.getSqrtPriceAtTick(-tick);
        vm.assertApproxEqRel(FixedPointMathLib.fullMulDiv(price, inverse, Q96), Q96, 1e9, "inverse");
    }

    /// 2^96 * sqrt(1.0001^tick), rounded down, was computed with 60 decimal digits. The function rounds up.
    function test_sqrtPricesOfSomeTicks() external pure {
        vm.assertEq(TickMath.getSqrtPriceAtTick(0), Q96, "0");
        vm.assertEq(TickMath.getSqrtPriceAtTick(1), 79232123823359799118286999568, "1");
        vm.assertEq(TickMath.getSqrtPriceAtTick(60), 79466191966197645195421774833, "60");
        vm.assertEq(TickMath.getSqrtPriceAtTick(-60), 78990846045029531151608375686, "-60");
        vm.assertEq(TickMath.getSqrtPriceAtTick(-100000), 533968626430936354154228408, "-100000");
        vm.assertEq(TickMath.getSqrtPriceAtTick(-887272), TickMath.MIN_SQRT_PRICE, "least");
        vm.assertEq(TickMath.getSqrtPriceAtTick(887272), TickMath.MAX_SQRT_PRICE, "most");
    }

    function test_tickOfPriceIsTheLastThatIsNotAbove(uint256 seed) external pure {
        // As likely of any length.
        uint160 price = uint160(
            bound(seed >> (seed % 128), TickMath.MIN_SQRT_PRICE, TickMath.MAX_SQRT_PRICE - 1)
        );
        int24 tick = TickMath.getTickAtSqrtPrice(price);
        vm.assertLe(TickMath.getSqrtPriceAtTick(tick), price, "not above");
        vm.assertGt(TickMath.getSqrtPriceAtTick(tick + 1), price, "the last");
    }

    function test_tickOfPriceIsRightAroundEachTick(uint256 seed) external pure {
        int24 tick = int24(int256(bound(seed, 0, 2 * 887272 - 2)) - 887271);
        uint160 price = TickMath.getSqrtPriceAtTick(tick);
        vm.assertEq(int256(TickMath.getTickAtSqrtPrice(price)), tick, "at");
        vm.assertEq(int256(TickMath.getTickAtSqrtPrice(price - 1)), tick - 1, "below");
    }

    function test_ticksAndPricesThatAreNotThereAreRefused(int24 tick, uint160 price) external {
        if (tick < -887272 || tick > 887272) {
            vm.expectRevert(abi.encodeWithSelector(TickMath.InvalidTick.selector, tick));
            this.getSqrtPriceAtTick(tick);
        }
        if (price < TickMath.MIN_SQRT_PRICE || price >= TickMath.MAX_SQRT_PRICE) {
            vm.expectRevert(abi.encodeWithSelector(TickMath.InvalidSqrtPrice.selector, price));
            this.getTickAtSqrtPrice(price);
        }
        vm.expectRevert(abi.encodeWithSelector(TickMath.InvalidSqrtPrice.selector, 4295128738));
        this.getTickAtSqrtPrice(4295128738);
        vm.expectRevert(
            abi.encodeWithSelector(TickMath.InvalidSqrtPrice.selector, TickMath.MAX_SQRT_PRICE)
        );
        this.getTickAtSqrtPrice(TickMath.MAX_SQRT_PRICE);
    }

    function test_amountsAreTheFractionsRounded(uint256 a, uint256 b, uint256 liquidity) external pure {
        a = bound(a, 1 << 32, (1 << 96) - 1);
        b = bound(b, 1 << 32, (1 << 96) - 1);
        liquidity = bound(liquidity, 0, (1 << 64) - 1);
        uint256 difference = a > b ? a - b : b - a;
        uint256 product = (liquidity << 96) * difference;
        vm.assertEq(amount0(a, b, liquidity, false), product / (a * b), "amount 0 down");
        vm.assertEq(amount0(a, b, liquidity, true), divideUp(product, a * b), "amount 0 up");
        vm.assertEq(amount1(a, b, liquidity, false), liquidity * difference / Q96, "amount 1 down");
        vm.assertEq(amount1(a, b, liquidity, true), divideUp(liquidity * difference, Q96), "amount 1 up");
    }

    function test_pricesAfterInputsAreTheFractionsRoundedForThePool(
        uint256 price,
        uint256 liquidity,
        uint256 amount
    ) external pure {
        price = bound(price, 1 << 32, (1 << 96) - 1);
        liquidity = bound(liquidity, 1, (1 << 63) - 1);
        amount = bound(amount, 0, (1 << 63) - 1);
        uint256 scaled = liquidity << 96;
        vm.assertEq(
            SqrtPriceMath.getNextSqrtPriceFromInput(uint160(price), uint128(liquidity), amount, true),
            divideUp(scaled * price, scaled + amount * price),
            "token0 in"
        );
        vm.assertEq(
            SqrtPriceMath.getNextSqrtPriceFromInput(uint160(price), uint128(liquidity), amount, false),
            price + (amount << 96) / liquidity,
            "token1 in"
        );
    }

    function test_pricesAfterOutputsAreTheFractionsRoundedForThePool(
        uint256 price,
        uint256 liquidity,
        uint256 amount
    ) external {
        price = bound(price, 1 << 32, (1 << 96) - 1);
        liquidity = bound(liquidity, 1, (1 << 63) - 1);
        amount = bound(amount, 0, (1 << 63) - 1);
        uint256 scaled = liquidity << 96;
        if (scaled <= amount * price) {
            vm.expectRevert(SqrtPriceMath.NotEnoughLiquidity.selector);
            this.getNextSqrtPriceFromOutput(uint160(price), uint128(liquidity), amount, false);
        } else if (scaled * price / (scaled - amount * price) < type(uint160).max) {
            vm.assertEq(
                SqrtPriceMath.getNextSqrtPriceFromOutput(
                    uint160(price), uint128(liquidity), amount, false
                ),
                divideUp(scaled * price, scaled - amount * price),
                "token0 out"
            );
        }
        uint256 fall = divideUp(amount << 96, liquidity);
        if (fall >= price) {
            vm.expectRevert(SqrtPriceMath.NotEnoughLiquidity.selector);
            this.getNextSqrtPriceFromOutput(uint160(price), uint128(liquidity), amount, true);
        } else {
            vm.assertEq(
                SqrtPriceMath.getNextSqrtPriceFromOutput(uint160(price), uint128(liquidity), amount, true),
                price - fall,
                "token1 out"
            );
        }
    }

    /// Where L + amount * P does not fit into 256 bits, the other formula is used: L / (L / P + amount).
    function test_hugeInputsMoveThePriceToTheOtherFormula() external pure {
        uint256 amount = 1 << 200;
        uint160 price = 1 << 96;
        uint128 liquidity = 1 << 120;
        uint160 next = SqrtPriceMath.getNextSqrtPriceFromInput(price, liquidity, amount, true);
        vm.assertEq(next, divideUp(uint256(liquidity) << 96, liquidity + amount), "price");
    }

    function test_priceAndLiquidityHaveToBeThere() external {
        vm.expectRevert(SqrtPriceMath.InvalidPriceOrLiquidity.selector);
        this.getNextSqrtPriceFromInput(0, 1);
        vm.expectRevert(SqrtPriceMath.InvalidPriceOrLiquidity.selector);
        this.getNextSqrtPriceFromInput(1, 0);
        vm.expectRevert(SqrtPriceMath.InvalidPriceOrLiquidity.selector);
        this.getNextSqrtPriceFromOutput(0, 1, 1, true);
        vm.expectRevert(SqrtPriceMath.InvalidPriceOrLiquidity.selector);
        this.getNextSqrtPriceFromOutput(1, 0, 1, true);
        vm.expectRevert(SqrtPriceMath.InvalidPriceOrLiquidity.selector);
        this.getAmount0Delta(0, 1);
    }

    /// Of a step with exact input: never takes more than there is, all of it unless the target is reached,
    /// the fee at least, and gives no more than without rounding.
    function test_stepWithExactInputFavoursThePool(
        uint256 current,
        uint256 target,
        uint256 liquidity,
        uint256 amount,
        uint256 fee
    ) external pure {
        current = bound(current, 1 << 40, (1 << 96) - 1);
        target = bound(target, 1 << 40, (1 << 96) - 1);
        liquidity = bound(liquidity, 1, (1 << 64) - 1);
        amount = bound(amount, 1, (1 << 64) - 1);
        fee = bound(fee, 0, 999999);
        (uint256 next, uint256 amountIn, uint256 amountOut, uint256 feeAmount) =
            step(current, target, liquidity, int256(amount), fee);
        bool zeroForOne = current >= target;
        vm.assertLe(amountIn + feeAmount, amount, "in");
        checkStep(zeroForOne, current, target, next, liquidity, amountIn, amountOut);
        vm.assertGe(feeAmount, divideUp(amountIn * fee, 1e6 - fee), "fee");
        if (next != target) vm.assertEq(amountIn + feeAmount, amount, "all is used");
        else vm.assertEq(feeAmount, divideUp(amountIn * fee, 1e6 - fee), "no more fee than due");
    }

    /// Of a step with exact output: never gives more than was asked for, all of it unless the target is
    /// reached, and takes the fee exactly.
    function test_stepWithExactOutputFavoursThePool(
        uint256 current,
        uint256 target,
        uint256 liquidity,
        uint256 amount,
        uint256 fee
    ) external pure {
        current = bound(current, 1 << 40, (1 << 96) - 1);
        target = bound(target, 1 << 40, (1 << 96) - 1);
        liquidity = bound(liquidity, 1, (1 << 64) - 1);
        amount = bound(amount, 1, (1 << 64) - 1);
        fee = bound(fee, 0, 999999);
        (uint256 next, uint256 amountIn, uint256 amountOut, uint256 feeAmount) =
            step(current, target, liquidity, -int256(amount), fee);
        bool zeroForOne = current >= target;
        vm.assertLe(amountOut, amount, "out");
        checkStep(zeroForOne, current, target, next, liquidity, amountIn, amountOut);
        vm.assertEq(feeAmount, divideUp(amountIn * fee, 1e6 - fee), "fee");
        if (next != target) vm.assertEq(amountOut, amount, "all is given");
    }

    /// Liquidity is what the amounts pay for, and one more would cost more.
    function test_liquidityOfAmountsIsTheMostThatTheyPayFor(
        uint256 price,
        uint256 a,
        uint256 b,
        uint256 most0,
        uint256 most1
    ) external pure {
        a = bound(a, 1 << 32, (1 << 100) - 2);
        b = bound(b, a + 1, (1 << 100) - 1);
        price = bound(price, 1 << 32, (1 << 100) - 1);
        most0 = bound(most0 >> (most0 % 64), 0, (1 << 64) - 1);
        most1 = bound(most1 >> (most1 % 64), 0, (1 << 64) - 1);
        // It has to fit.
        vm.assume(most0 == 0 || (b - a) > (1 << 64) || most0 * a / (b - a) < 1 << 60);
        vm.assume(most1 / (b - a) < 1 << 31);
        uint256 liquidity = LiquidityMath.getLiquidityForAmounts(
            uint160(price), uint160(a), uint160(b), most0, most1
        );
        (uint256 cost0, uint256 cost1) = cost(price, a, b, liquidity);
        vm.assertLe(cost0, most0, "cost 0");
        vm.assertLe(cost1, most1, "cost 1");
        if (liquidity == type(uint128).max) return;
        (cost0, cost1) = cost(price, a, b, liquidity + 1);
        vm.assertTrue(cost0 > most0 || cost1 > most1, "most");
    }

    /// At prices near 2^-128 too, where the product of two of them is below one.
    function test_liquidityOfAmountsIsExactAtTheLowestPrices() external pure {
        uint160 a = TickMath.getSqrtPriceAtTick(-887272);
        uint160 b = TickMath.getSqrtPriceAtTick(-887271);
        uint128 liquidity = LiquidityMath.getLiquidityForAmounts(a, a, b, 1e24, 0);
        vm.assertEq(liquidity, uint256(1e24) * a * b / (uint256(b - a) << 96), "liquidity");
        vm.assertGt(liquidity, 0, "some");
    }

    function test_liquidityChangesByWhatIsAddedOrTaken(uint128 liquidity, int128 delta) external {
        int256 sum = int256(uint256(liquidity)) + delta;
        if (sum < 0) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    LiquidityMath.NotEnoughLiquidity.selector, liquidity, uint128(uint256(-int256(delta)))
                )
            );
            this.addDelta(liquidity, delta);
        } else if (sum > int256(uint256(type(uint128).max))) {
            vm.expectRevert();
            this.addDelta(liquidity, delta);
        } else {
            vm.assertEq(LiquidityMath.addDelta(liquidity, delta), uint256(sum), "sum");
        }
    }

    function getSqrtPriceAtTick(int24 tick) external pure returns (uint160) {
        return TickMath.getSqrtPriceAtTick(tick);
    }

    function getTickAtSqrtPrice(uint160 price) external pure returns (int24) {
        return TickMath.getTickAtSqrtPrice(price);
    }

    function getNextSqrtPriceFromInput(uint160 price, uint128 liquidity) external pure returns (uint160) {
        return SqrtPriceMath.getNextSqrtPriceFromInput(price, liquidity, 1, true);
    }

    function getNextSqrtPriceFromOutput(uint160 price, uint128 liquidity, uint256 amount, bool zeroForOne)
        external
        pure
        returns (uint160)
    {
        return SqrtPriceMath.getNextSqrtPriceFromOutput(price, liquidity, amount, zeroForOne);
    }

    function getAmount0Delta(uint160 a, uint160 b) external pure returns (uint256) {
        return SqrtPriceMath.getAmount0Delta(a, b, 1, true);
    }

    function addDelta(uint128 liquidity, int128 delta) external pure returns (uint128) {
        return LiquidityMath.addDelta(liquidity, delta);
    }

    /// Where a step has to end, and what it takes at least and gives at most.
    function checkStep(
        bool zeroForOne,
        uint256 current,
        uint256 target,
        uint256 next,
        uint256 liquidity,
        uint256 amountIn,
        uint256 amountOut
    ) private pure {
        if (zeroForOne) {
            vm.assertTrue(target <= next && next <= current, "price falls");
            vm.assertEq(amountIn, amount0(next, current, liquidity, true), "token0 in");
            vm.assertLe(amountOut, amount1(next, current, liquidity, false), "token1 out");
        } else {
            vm.assertTrue(current <= next && next <= target, "price rises");
            vm.assertEq(amountIn, amount1(current, next, liquidity, true), "token1 in");
            vm.assertLe(amountOut, amount0(current, next, liquidity, false), "token0 out");
        }
    }

    function step(uint256 current, uint256 target, uint256 liquidity, int256 amount, uint256 fee)
        private
        pure
        returns (uint256, uint256, uint256, uint256)
    {
        return SwapMath.computeSwapStep(
            uint160(current), uint160(target), uint128(liquidity), amount, uint24(fee)
        );
    }

    /// What liquidity of a range costs.
    function cost(uint256 price, uint256 a, uint256 b, uint256 liquidity)
        private
        pure
        returns (uint256 cost0, uint256 cost1)
    {
        if (price < b) cost0 = amount0(price > a ? price : a, b, liquidity, true);
        if (price > a) cost1 = amount1(a, price < b ? price : b, liquidity, true);
    }

    function amount0(uint256 a, uint256 b, uint256 liquidity, bool roundUp) private pure returns (uint256) {
        return SqrtPriceMath.getAmount0Delta(uint160(a), uint160(b), uint128(liquidity), roundUp);
    }

    function amount1(uint256 a, uint256 b, uint256 liquidity, bool roundUp) private pure returns (uint256) {
        return SqrtPriceMath.getAmount1Delta(uint160(a), uint160(b), uint128(liquidity), roundUp);
    }

    function divideUp(uint256 a, uint256 b) private pure returns (uint256) {
        return a / b + (a % b == 0 ? 0 : 1);
    }
}
