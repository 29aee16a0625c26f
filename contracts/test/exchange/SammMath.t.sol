// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {SammMath} from "../../src/exchange/SammMath.sol";
import {Test} from "../support/Test.sol";

/// Costs of swaps in a shard, judged by the formula as a fraction of whole numbers, which fits as long as
/// reserves have at most 60 bits.
contract SammMathTest is Test {
    uint256 private constant SMALL = 2 ** 60;
    uint256 private constant BIG = type(uint112).max;

    /// Costs are those of the formula, at most one unit above.
    function test_costIsTheFormulaRoundedUp(uint256 reserveIn, uint256 reserveOut, uint256 out) external pure {
        reserveIn = bound(reserveIn, 1, SMALL);
        reserveOut = bound(reserveOut, 2, SMALL);
        out = bound(out, 0, out % 2 == 0 ? reserveOut - 1 : reserveOut / 80);
        uint256 exact = formula(reserveIn, reserveOut, out);
        uint256 cost = SammMath.cost(reserveIn, reserveOut, out);
        vm.assertGe(cost, exact, "never less");
        vm.assertLe(cost, exact + 1, "never much more");
    }

    /// Of a million of each: computed by hand.
    function test_examples() external pure {
        uint256 million = 1e24;
        // x = 1 %: 10000 / 0.99 and a fee of 0.012 - 1.05 * 0.01 = 0.15 % of 10000.
        vm.assertEq(SammMath.cost(million, million, 10_000e18), 10116_010101010101010102, "one percent");
        // x = 0.01 %: 100 / 0.9999 and a fee of 1.1895 %.
        vm.assertEq(SammMath.cost(million, million, 100e18), 101_199501000100010002, "a hundredth of a percent");
        // x = 50 %: a million and 0.1 % of half a million.
        vm.assertEq(SammMath.cost(million, million, 500_000e18), 1_000_500e18, "half");
        // The price is 3: 3 * 10116.0...
        vm.assertEq(SammMath.cost(3 * million, million, 10_000e18), 30348_030303030303030304, "another price");
        vm.assertEq(SammMath.cost(million, million, 0), 0, "nothing");
        vm.assertEq(SammMath.cost(million, million, 1), 2, "one and a fee, rounded up");
    }

    /// The product of reserves never falls, at any size.
    function test_costKeepsTheProduct(uint256 reserveIn, uint256 reserveOut, uint256 out) external pure {
        reserveIn = bound(reserveIn, 1, BIG);
        reserveOut = bound(reserveOut, 2, BIG);
        // What can be paid.
        out = bound(out, 0, reserveOut * BIG / (reserveIn + BIG));
        if (out == reserveOut) out--;
        uint256 cost = SammMath.cost(reserveIn, reserveOut, out);
        vm.assertGe((reserveIn + cost) * (reserveOut - out), reserveIn * reserveOut, "product");
    }

    /// What is given for an amount is the most that it pays for: to the wei, at any size and price.
    function test_greatestOutIsTheGreatest(uint256 reserveIn, uint256 reserveOut, uint256 amountIn, uint256 shift)
        external
        pure
    {
        reserveIn = sized(reserveIn, shift, BIG);
        reserveOut = sized(reserveOut, shift >> 8, BIG - 1) + 1;
        amountIn = bound(amountIn, 0, BIG - reserveIn);
        if (shift >> 16 & 3 != 0) amountIn = bound(amountIn, 0, amountIn >> (shift >> 18) % 100);
        uint256 out = SammMath.greatestOut(reserveIn, reserveOut, amountIn);
        vm.assertLt(out, reserveOut, "never all");
        vm.assertLe(SammMath.cost(reserveIn, reserveOut, out), amountIn, "is paid for");
        // Beyond it nothing can be asked for if that is all there is, or more than anybody can pay.
        if (out + 1 < reserveOut) {
            vm.assertGt(SammMath.cost(reserveIn, reserveOut, out + 1), amountIn, "one more is not");
        }
    }

    /// Where trades mostly are.
    function test_greatestOutOfUsualTrades(uint256 reserveIn, uint256 reserveOut, uint256 amountIn) external pure {
        reserveIn = bound(reserveIn, 1e12, 1e28);
        reserveOut = bound(reserveOut, 1e12, 1e28);
        amountIn = bound(amountIn, 1, reserveIn / 40);
        uint256 out = SammMath.greatestOut(reserveIn, reserveOut, amountIn);
        vm.assertLe(SammMath.cost(reserveIn, reserveOut, out), amountIn, "is paid for");
        vm.assertGt(SammMath.cost(reserveIn, reserveOut, out + 1), amountIn, "one more is not");
    }

    /// Splitting over one shard: two parts cost at least as much as the whole, to the wei, at any size.
    function test_nobodyGainsBySplittingOverOneShard(uint256 reserveIn, uint256 reserveOut, uint256 u, uint256 v)
        external
        pure
    {
        reserveIn = bound(reserveIn, 1, BIG / 4);
        reserveOut = bound(reserveOut, 3, BIG);
        // Half of the time around what the fee depends on.
        uint256 most = u % 2 == 0 ? reserveOut / 2 : reserveOut / 60 + 1;
        u = bound(u / 2, 0, most);
        v = bound(v, 0, most - u);
        uint256 whole = SammMath.cost(reserveIn, reserveOut, u + v);
        uint256 first = SammMath.cost(reserveIn, reserveOut, u);
        uint256 second = SammMath.cost(reserveIn + first, reserveOut - u, v);
        vm.assertGe(first + second, whole, "parts cost as much");
    }

    /// Splitting over shards that are alike: what is up to c costs less whole, but for rounding.
    function test_nobodyGainsBySplittingOverShards(uint256 reserveIn, uint256 reserveOut, uint256 u, uint256 v)
        external
        pure
    {
        reserveIn = bound(reserveIn, 1, BIG / 4);
        reserveOut = bound(reserveOut, 1000, BIG);
        uint256 most = reserveOut * SammMath.TRADE_MAX / SammMath.FEE_BASE;
        u = bound(u, 0, most);
        v = bound(v, 0, most - u);
        uint256 whole = SammMath.cost(reserveIn, reserveOut, u + v);
        uint256 parts = SammMath.cost(reserveIn, reserveOut, u) + SammMath.cost(reserveIn, reserveOut, v);
        vm.assertLe(whole, parts + 1, "the whole costs no more");
    }

    /// Of two shards with one price, the smaller one is cheaper, for what is up to c of it.
    function test_theSmallerShardIsCheaper(uint256 reserveIn, uint256 reserveOut, uint256 factor, uint256 out)
        external
        pure
    {
        factor = bound(factor, 1, 1000);
        reserveIn = bound(reserveIn, 1, BIG / factor / 4);
        reserveOut = bound(reserveOut, 1000, BIG / factor);
        out = bound(out, 0, reserveOut * SammMath.TRADE_MAX / SammMath.FEE_BASE);
        uint256 small = SammMath.cost(reserveIn, reserveOut, out);
        uint256 large = SammMath.cost(reserveIn * factor, reserveOut * factor, out);
        vm.assertLe(small, large + 1, "smaller is cheaper");
    }

    /// And it is so by a good deal, so that it is no rounding that decides.
    function test_differencesBetweenShardsAreReal() external pure {
        uint256 small = SammMath.cost(1e24, 1e24, 5_000e18);
        vm.assertGt(SammMath.cost(2e24, 2e24, 5_000e18), small + 0.5e18, "twice the size");
        vm.assertGt(2 * SammMath.cost(1e24, 1e24, 2_500e18), small + 0.5e18, "half in each of two");
    }

    /// The formula's ceiling, in whole numbers: S q / (R - q) + S q r / (10^6 R^2).
    function formula(uint256 reserveIn, uint256 reserveOut, uint256 out) private pure returns (uint256) {
        // Parts in a million, times the reserve.
        uint256 rate = 12_000 * reserveOut > 1_050_000 * out ? 12_000 * reserveOut - 1_050_000 * out : 0;
        if (rate < 1_000 * reserveOut) rate = 1_000 * reserveOut;
        // Whole parts and rests of both summands, of which rests are compared as 2^80ths.
        uint256 first = reserveIn * out / (reserveOut - out);
        uint256 firstRest = (reserveIn * out % (reserveOut - out)) << 80;
        uint256 value = reserveIn * out;
        // value * rate / (10^6 R^2) by two divisions: q1 = value / R with rest, then the rest.
        uint256 denominator = 1_000_000 * reserveOut;
        uint256 q1 = value / reserveOut;
        uint256 r1 = value % reserveOut;
        // (q1 + r1 / R) * rate / (10^6 R)
        uint256 second = q1 * rate / denominator;
        uint256 secondRest =
            ((q1 * rate % denominator) << 80) / denominator + ((r1 * rate) << 80) / (reserveOut * denominator);
        uint256 rests = firstRest / (reserveOut - out) + secondRest;
        return first + second + (rests >> 80) + (rests & (2 ** 80 - 1) == 0 ? 0 : 1);
    }

    function sized(uint256 value, uint256 shift, uint256 most) private pure returns (uint256) {
        return bound(value, 1, most >> shift % 108);
    }
}
