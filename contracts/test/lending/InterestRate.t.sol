// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {InterestRate} from "../../src/lending/libraries/InterestRate.sol";
import {Test} from "../support/Test.sol";
import {BigNumber} from "./support/BigNumber.sol";

contract InterestRateTest is Test {
    using BigNumber for uint256[];

    uint256 private constant WAD = 1e18;
    uint256 private constant RAY = 1e27;

    function test_rateHasItsKinkAtTheOptimalUtilisation() external pure {
        InterestRate.Model memory model = InterestRate.Model(0.02e18, 0.04e18, 0.6e18, 0.8e18);
        vm.assertEq(InterestRate.annual(model, 0), 0.02e18, "base");
        vm.assertEq(InterestRate.annual(model, 0.4e18), 0.04e18, "half way to the kink");
        vm.assertEq(InterestRate.annual(model, 0.8e18), 0.06e18, "at the kink");
        vm.assertEq(InterestRate.annual(model, 0.9e18), 0.36e18, "half way above it");
        vm.assertEq(InterestRate.annual(model, 1e18), 0.66e18, "all is lent");
        // 0.06 / 31,536,000 = 1.902587519025875190258e-9.
        vm.assertEq(InterestRate.perSecond(model, 0.8e18), 1_902_587_519_025_875_190, "for a second");
    }

    function test_rateIsTheExactOneRoundedDown(InterestRate.Model memory model, uint256 u) external pure {
        model = valid(model);
        u = bound(u, 0, WAD);
        uint256 rate = InterestRate.annual(model, u);
        // The exact rate is numerator / denominator.
        uint256 denominator = u <= model.optimal ? model.optimal : WAD - model.optimal;
        uint256 numerator = u <= model.optimal
            ? model.base * denominator + model.slope1 * u
            : (uint256(model.base) + model.slope1) * denominator + model.slope2 * (u - model.optimal);
        vm.assertTrue(rate * denominator <= numerator, "not over");
        vm.assertTrue(numerator < (rate + 1) * denominator, "not a unit under");
    }

    function test_rateNeverFallsWithUtilisation(InterestRate.Model memory model, uint256 u, uint256 more)
        external
        pure
    {
        model = valid(model);
        u = bound(u, 0, WAD);
        more = bound(more, u, WAD);
        vm.assertLe(InterestRate.annual(model, u), InterestRate.annual(model, more), "rises");
    }

    function test_utilisationIsDebtOverSupplyAndAtMostOne(uint256 debt, uint256 supply) external pure {
        (debt, supply) = (bound(debt, 0, 1e36), bound(supply, 0, 1e36));
        uint256 u = InterestRate.utilisation(debt, supply);
        if (debt == 0) vm.assertEq(u, 0, "nothing is lent");
        else if (debt >= supply) vm.assertEq(u, WAD, "all is lent");
        else vm.assertEq(u, debt * WAD / supply, "a part");
    }

    /// Three terms of the series exactly, as a fraction over 6 RAY^3.
    function test_growthIsThreeTermsOfTheSeriesRoundedDown(uint256 rate, uint256 elapsed) external pure {
        (rate, elapsed) = (bound(rate, 0, type(uint72).max), bound(elapsed, 0, 100 * 365 days));
        uint256[] memory x = BigNumber.from(rate * elapsed);
        uint256[] memory ray = BigNumber.from(RAY);
        uint256[] memory ray2 = ray.mul(ray);
        uint256[] memory numerator = x.mul(ray2).mul(6).add(x.mul(x).mul(ray).mul(3)).add(x.mul(x).mul(x));
        uint256[] memory denominator = ray2.mul(6);
        uint256 growth = InterestRate.growth(rate, elapsed);
        vm.assertTrue(BigNumber.from(growth).mul(denominator).isAtMost(numerator), "not over");
        // The square is rounded before it is multiplied with x, so an error of x / 6 units besides.
        uint256 slack = 3 + rate * elapsed / RAY;
        vm.assertTrue(numerator.isAtMost(BigNumber.from(growth + slack).mul(denominator)), "rounding only");
    }

    /// Sixty terms of e^x - 1, with 38 decimals.
    function test_growthIsNearCompoundInterestAndNeverOver(uint256 rate, uint256 elapsed) external pure {
        // From nothing to 100 % a year, for up to a week.
        (rate, elapsed) = (bound(rate, 0, RAY / 365 days), bound(elapsed, 0, 7 days));
        uint256 growth = InterestRate.growth(rate, elapsed);
        uint256[] memory term = BigNumber.from(1e38);
        uint256[] memory sum = BigNumber.from(0);
        for (uint256 i = 1; i <= 60; ++i) {
            term = term.mul(rate * elapsed).div(RAY).div(i);
            sum = sum.add(term);
        }
        uint256 exact = sum.div(1e11).toUint();
        vm.assertLe(growth, exact, "not over");
        // x is at most 0.0192: x^4 / 24 is under 6e-9, which is 3e-7 of x.
        vm.assertGe(growth + 3, exact - exact / 3_000_000, "three terms are near");
    }

    function valid(InterestRate.Model memory model) private pure returns (InterestRate.Model memory) {
        return InterestRate.Model(
            uint64(bound(model.base, 0, 4e18)),
            uint64(bound(model.slope1, 0, 4e18)),
            uint64(bound(model.slope2, 0, 4e18)),
            uint64(bound(model.optimal, 0.01e18, 0.99e18))
        );
    }
}
