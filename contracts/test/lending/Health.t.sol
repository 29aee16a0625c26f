// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LendingCore} from "../../src/lending/LendingCore.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {LendingMath} from "../../src/lending/libraries/LendingMath.sol";
import {BigNumber} from "./support/BigNumber.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestToken} from "./support/TestToken.sol";

/// Health against exact fractions.
contract HealthTest is LendingTest {
    using BigNumber for uint256[];

    address private ann;
    address private bob;

    function setUp() external {
        deploy(2);
        (ann, bob) = (accountIn(0, 0), accountIn(1, 0));
        supply(usdc, ann, 1e9 * 1e6);
        supply(wbtc, ann, 1e6 * 1e8);
        supply(weth, ann, 1e6 * 1e18);
    }

    function test_healthIsTheExactOneRoundedDown(
        uint256[3] memory collateral,
        uint256[3] memory debt,
        uint256[3] memory prices,
        uint256 time
    ) external {
        // Collateral worth up to 10 million each, debts up to a third of a million, at least 100 each.
        pledge(usdc, bob, bound(collateral[0], 1e12, 1e13));
        pledge(wbtc, bob, bound(collateral[1], 20e8, 200e8));
        pledge(weth, bob, bound(collateral[2], 500e18, 5000e18));
        borrow(usdc, bob, bound(debt[0], 100e6, 300_000e6));
        borrow(wbtc, bob, bound(debt[1], 0.002e8, 6e8));
        borrow(weth, bob, bound(debt[2], 0.05e18, 150e18));
        usdcFeed.set(int256(bound(prices[0], 0.5e8, 2e8)));
        wbtcFeed.set(int256(bound(prices[1], 5000e8, 500_000e8)));
        wethFeed.set(int256(bound(prices[2], 200e18, 20_000e18)));
        pass(bound(time, 1, 1000 days));

        uint256[] memory threshold = BigNumber.from(0);
        uint256[] memory owed = BigNumber.from(0);
        uint256[] memory power = BigNumber.from(0);
        for (uint256 id = 0; id < 3; ++id) {
            LendingPool.ReserveConfig memory reserve = pool.reserveAt(id);
            LendingPool.ReserveState memory state = pool.reserveState(reserve.asset);
            LendingStorage.Position memory position = pool.positionOf(bob, reserve.asset);
            // Price in units of 1e-18 / 10^decimals, so of the same for all.
            uint256 price = state.price * 10 ** (18 - reserve.decimals);
            uint256[] memory supplied = BigNumber.from(position.scaledSupply).mul(state.supplyIndex).mul(price);
            threshold = threshold.add(supplied.mul(reserve.liquidationThreshold));
            power = power.add(supplied.mul(reserve.ltv));
            owed = owed.add(BigNumber.from(position.scaledDebt).mul(state.debtIndex).mul(price).mul(10_000));
        }
        // Sums are in RAY * 1e18 * 1e4 of a WAD, and a cent is more than what all tokens round by: the largest
        // unit is a hundred millionth of 500,000.
        uint256[] memory scale = BigNumber.from(RAY * WAD * 10_000);
        uint256[] memory cent = scale.mul(0.01e18);
        uint256 health = pool.healthFactor(bob);
        vm.assertTrue(owed.mul(health).isAtMost(threshold.mul(WAD)), "not over");
        vm.assertTrue(
            threshold.sub(cent).mul(WAD).isAtMost(owed.add(cent).mul(health + 1)), "rounding only"
        );
        LendingCore.Health memory values = pool.accountHealth(bob);
        vm.assertTrue(scale.mul(values.borrowPower).isAtMost(power), "power is not over");
        vm.assertTrue(power.isAtMost(scale.mul(values.borrowPower).add(cent)), "rounding only");
        vm.assertTrue(owed.isAtMost(scale.mul(values.debt)), "debt is not under");
        vm.assertTrue(scale.mul(values.debt).isAtMost(owed.add(cent)), "rounding only");
    }

    /// 10 weth, 1 wbtc; 30,000 usdc and 2 weth owed; weth falls to 1,500.
    function test_healthOfAnExample() external {
        pledge(weth, bob, 10e18);
        pledge(wbtc, bob, 1e8);
        borrow(usdc, bob, 30_000e6);
        borrow(weth, bob, 2e18);
        // (20,000 * 0.8 + 50,000 * 0.75) / (30,000 + 4,000) = 53,500 / 34,000.
        vm.assertEq(pool.healthFactor(bob), 1_573_529_411_764_705_882, "before");
        wethFeed.set(1500e18);
        pass(1);
        // (15,000 * 0.8 + 37,500) / (30,000 + 3,000) = 1.5, less interest.
        vm.assertApproxEqRel(pool.healthFactor(bob), 1.5e18, 1e10, "after");
    }

    function test_healthWithoutDebtIsTheLargestNumber() external {
        vm.assertEq(pool.healthFactor(bob), type(uint256).max, "nothing at all");
        pledge(weth, bob, 10e18);
        vm.assertEq(pool.healthFactor(bob), type(uint256).max, "no debt");
    }

    function test_healthIsUnderOneJustWhenThresholdIsUnderDebt(uint256 threshold, uint256 debt) external pure {
        (threshold, debt) = (bound(threshold, 0, 1e60), bound(debt, 1, 1e60));
        vm.assertEq(LendingMath.health(threshold, debt) < WAD, threshold < debt, "alike");
        vm.assertTrue(LendingMath.health(debt, debt) == WAD, "one");
        vm.assertTrue(LendingMath.health(debt - 1, debt) < WAD, "a unit under");
        vm.assertEq(LendingMath.health(type(uint256).max, 1), type(uint256).max, "does not fit");
    }

    /// What an operation of this second finds is what the view says.
    function test_viewsAreOfThisSecond(uint256 time) external {
        pledge(weth, bob, 100e18);
        borrow(usdc, bob, 100_000e6);
        pass(bound(time, 1, 1000 days));
        uint256 health = pool.healthFactor(bob);
        uint256 owed = pool.debtOf(bob, address(usdc));
        uint256 claim = pool.supplyOf(ann, address(usdc));
        pool.accrueAll();
        vm.assertEq(pool.healthFactor(bob), health, "health");
        vm.assertEq(pool.debtOf(bob, address(usdc)), owed, "debt");
        vm.assertEq(pool.supplyOf(ann, address(usdc)), claim, "claim");
    }
}
