// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {FlashBorrower} from "./support/FlashBorrower.sol";
import {LendingTest} from "./support/LendingTest.sol";

/// Gas of operations of a pool with 16 shards and 3 reserves, when accounts, shards and tills hold something already.
contract GasTest is LendingTest {
    address private ann;
    address private bob;
    address private cat;
    address private eve;

    function setUp() external {
        deploy(16);
        (ann, bob, cat, eve) = (accountIn(3, 0), accountIn(3, 1), accountIn(9, 0), accountIn(12, 0));
        for (uint256 i = 0; i < 16; ++i) {
            supply(usdc, accountIn(i, 9), 1_000_000e6);
            supply(weth, accountIn(i, 9), 1000e18);
        }
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 10_000e6);
        pledge(weth, cat, 10e18);
        borrow(usdc, cat, 15_000e6);
        fill(usdc, ann, 1e12);
        fill(usdc, bob, 1e12);
        fill(usdc, eve, 1e12);
        weth.mint(eve, 1e18);
        pass(12);
        // All tills have something, and the fund and the backstop.
        usdc.mint(address(fund), 100_000e6);
        configurator.setBackstop(address(usdc), backstop);
        usdc.mint(address(this), 100_000e6);
        usdc.approve(address(backstop), 100_000e6);
        backstop.deposit(100_000e6, address(this));
    }

    /// The first operation of a block pays for the reserve; all others find it done. Each call is a transaction of
    /// its own, with its 21,000 and all slots cold.
    /// forge-config: default.isolate = true
    function test_gas() external {
        pool.accrue(address(usdc));
        vm.snapshotGasLastCall("lending", "accrue, first of a block");
        pool.accrue(address(usdc));
        vm.snapshotGasLastCall("lending", "accrue, later");
        pass(12);
        pool.accrueAll();
        vm.snapshotGasLastCall("lending", "accrueAll, three reserves");

        vm.prank(ann);
        pool.supply(address(usdc), 100e6, ann);
        vm.snapshotGasLastCall("lending", "supply");
        vm.prank(ann);
        pool.withdraw(address(usdc), 50e6, ann);
        vm.snapshotGasLastCall("lending", "withdraw");
        vm.prank(bob);
        pool.borrow(address(usdc), 100e6, bob, bob);
        vm.snapshotGasLastCall("lending", "borrow");
        vm.prank(bob);
        pool.repay(address(usdc), 50e6, bob);
        vm.snapshotGasLastCall("lending", "repay");
        vm.prank(bob);
        pool.withdraw(address(weth), 0.1e18, bob);
        vm.snapshotGasLastCall("lending", "withdraw collateral");
        vm.prank(ann);
        pool.setCollateral(address(usdc), true);
        vm.snapshotGasLastCall("lending", "setCollateral");
        FlashBorrower borrower = new FlashBorrower(address(pool));
        usdc.mint(address(borrower), 100e6);
        pool.flashLoan(borrower, address(usdc), 10_000e6, "");
        vm.snapshotGasLastCall("lending", "flashLoan");

        configurator.setCaps(address(usdc), 1e18, 1e18);
        vm.prank(ann);
        pool.supply(address(usdc), 100e6, ann);
        vm.snapshotGasLastCall("lending", "supply, capped");

        wethFeed.set(1850e18);
        pass(12);
        pool.accrueAll();
        pool.flag(cat);
        vm.snapshotGasLastCall("lending", "flag");
        pass(600);
        pool.accrueAll();
        vm.prank(eve);
        pool.liquidate(orderOf(cat, usdc, weth));
        vm.snapshotGasLastCall("lending", "liquidate, partial");
        wethFeed.set(1000e18);
        pass(12);
        pool.accrueAll();
        vm.prank(eve);
        pool.liquidate(orderOf(cat, usdc, weth));
        vm.snapshotGasLastCall("lending", "liquidate, bad debt paid by the fund");
        pool.collectFees(address(usdc));
        vm.snapshotGasLastCall("lending", "collectFees");
        configurator.rebalance(address(usdc));
        vm.snapshotGasLastCall("lending", "rebalance");
        usdc.mint(address(this), 1000e6);
        usdc.approve(address(backstop), 1000e6);
        backstop.deposit(1000e6, address(this));
        vm.snapshotGasLastCall("lending", "backstop: deposit");
        backstop.requestExit(1e12);
        vm.snapshotGasLastCall("lending", "backstop: requestExit");
    }
}
