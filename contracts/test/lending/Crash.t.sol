// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {Liquidator} from "../../src/lending/Liquidator.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {NaiveLiquidator} from "../../src/lending/NaiveLiquidator.sol";

/// Weth loses half in two hours while 240 accounts owe usdc on it. The same path for both ways of liquidating, and
/// the same liquidators: they have so much usdc for each five minutes, as they must sell what they take, and
/// take what pays at least two percent.
contract CrashTest is LendingTest {
    uint256 private constant POSITIONS = 240;
    uint256 private constant STEPS = 24;
    /// Of about three million that is owed.
    uint256 private constant CAPITAL = 100_000e6;

    address private whale;
    address private liquidator;
    address[] private accounts;

    struct Outcome {
        /// Debt that collateral did not pay.
        uint256 badDebt;
        /// Of that, what is left as deficit.
        uint256 deficit;
        /// What liquidators got beyond what they paid, and the pool kept: the borrowers' loss, in usdc.
        uint256 discount;
        uint256 repaid;
        uint256 liquidations;
    }

    function run(bool isNaive) private returns (Outcome memory outcome) {
        vm.warp(START);
        deployWith(16, isNaive ? Liquidator(address(new NaiveLiquidator(16))) : new Liquidator(16));
        list();
        usdc.mint(address(fund), isNaive ? 0 : 25_000e6);
        if (!isNaive) {
            configurator.setBackstop(address(usdc), backstop);
            usdc.mint(address(this), 50_000e6);
            usdc.approve(address(backstop), 50_000e6);
            backstop.deposit(50_000e6, address(this));
        }
        (whale, liquidator) = (accountIn(0, 1), accountIn(1, 1));
        supply(usdc, whale, 10_000_000e6);
        fill(usdc, liquidator, 1e15);
        delete accounts;
        for (uint256 i = 0; i < POSITIONS; ++i) {
            address account = address(uint160(0x10000 + i));
            accounts.push(account);
            // 3 to 14 weth, and 55 to 75 percent of their value is owed.
            uint256 collateral = (3 + i % 12) * 1e18;
            pledge(weth, account, collateral);
            borrow(usdc, account, collateral / 1e18 * 2000e6 * (550 + i * 37 % 200) / 1000);
        }
        uint256 spentBefore = usdc.balanceOf(liquidator);
        for (uint256 step = 1; step <= STEPS; ++step) {
            // From 2,000 to 1,000, faster at first.
            uint256 left = STEPS - step;
            wethFeed.set(int256(1000e18 + 1000e18 * left * left / STEPS / STEPS));
            pass(5 minutes);
            pool.accrueAll();
            liquidateAll(step, isNaive, outcome);
        }
        outcome.repaid = spentBefore - usdc.balanceOf(liquidator);
        outcome.deficit = pool.deficit(address(usdc));
        outcome.badDebt = outcome.deficit;
        if (!isNaive) outcome.badDebt += 75_000e6 - usdc.balanceOf(address(fund)) - backstop.totalAssets();
        // What could still become bad debt: debts over their collateral.
        for (uint256 i = 0; i < POSITIONS; ++i) {
            uint256 debt = pool.accountHealth(accounts[i]).debt;
            uint256 collateral = pool.accountHealth(accounts[i]).collateral;
            if (debt > collateral) outcome.badDebt += (debt - collateral) / 1e12;
        }
        assertSolvent(usdc);
        assertSolvent(weth);
    }

    /// With what capital this step has, whoever comes first; each step begins with another account.
    function liquidateAll(uint256 step, bool isNaive, Outcome memory outcome) private {
        uint256 capital = CAPITAL;
        uint256 price = uint256(wethFeed.latestAnswer());
        for (uint256 i = 0; i < POSITIONS && capital >= 100e6; ++i) {
            address account = accounts[(i + step * 97) % POSITIONS];
            if (pool.healthFactor(account) >= WAD) continue;
            if (!isNaive) {
                uint256 flaggedAt = pool.accountOf(account).flaggedAt;
                // From 1 % to 10 % in 30 minutes: 2 % after 200 seconds.
                if (flaggedAt == 0 || block.timestamp < flaggedAt + 200) {
                    pool.flag(account);
                    continue;
                }
            }
            Liquidator.Order memory order = orderOf(account, usdc, weth);
            order.repayMax = capital;
            vm.prank(liquidator);
            try pool.liquidate(order) returns (uint256 repaid, uint256 received) {
                capital -= repaid;
                ++outcome.liquidations;
                uint256 worth = received * price / 1e30;
                if (worth > repaid) outcome.discount += worth - repaid;
            } catch {}
        }
    }

    event Compared(string way, Outcome outcome);

    function test_waterfallLeavesLessBadDebtThanTheNaiveWay() external {
        Outcome memory naive = run(true);
        Outcome memory waterfall = run(false);
        emit Compared("naive", naive);
        emit Compared("waterfall", waterfall);
        vm.assertGt(naive.badDebt, 0, "the crash is one");
        vm.assertLt(waterfall.badDebt, naive.badDebt, "less bad debt");
        vm.assertLt(waterfall.deficit, naive.deficit, "less is left to suppliers");
        vm.assertLt(waterfall.discount, naive.discount, "borrowers lose less");
    }
}
