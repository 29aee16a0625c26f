// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestFeed} from "./support/TestFeed.sol";

/// Step 0 of the waterfall: nobody loses collateral on a price that cannot be relied on.
contract PricesTest is LendingTest {
    address private ann;
    address private bob;
    address private eve;

    function setUp() external {
        deploy(4);
        (ann, bob, eve) = (accountIn(0, 0), accountIn(1, 0), accountIn(2, 0));
        supply(usdc, ann, 1_000_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 14_000e6);
        fill(usdc, eve, 1e12);
    }

    /// What depends on prices refuses, what does not works.
    function assertUnusable(PriceStatus status) private {
        bytes memory reason = abi.encodeWithSelector(PriceUnusable.selector, weth, status);
        vm.prank(bob);
        vm.expectRevert(reason);
        pool.borrow(address(usdc), 1, bob, bob);
        vm.prank(bob);
        vm.expectRevert(reason);
        pool.withdraw(address(weth), 1, bob);
        // Without it there is nothing else, whatever the price.
        vm.prank(bob);
        vm.expectRevert();
        pool.setCollateral(address(weth), false);
        vm.prank(eve);
        vm.expectRevert(reason);
        pool.liquidate(orderOf(bob, usdc, weth));
        vm.expectRevert(reason);
        pool.flag(bob);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 0, "none");
        vm.assertEq(pool.accountHealth(bob).unusable, address(weth), "which");

        supply(weth, bob, 1e18);
        supply(weth, ann, 1e18);
        vm.prank(eve);
        pool.repay(address(usdc), 100e6, bob);
        vm.prank(ann);
        pool.withdraw(address(weth), 1e18, ann);
        vm.prank(ann);
        pool.withdraw(address(usdc), 1e6, ann);
        vm.assertTrue(pool.reserveState(address(weth)).priceStatus == status, "status");
    }

    function test_stalePriceStopsWhatDependsOnIt() external {
        vm.warp(block.timestamp + 1 days);
        usdcFeed.set(1e8);
        vm.prank(bob);
        pool.withdraw(address(weth), 1, bob);
        vm.warp(block.timestamp + 1);
        assertUnusable(PriceStatus.Stale);
    }

    function test_priceOfZeroStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.set(0);
        assertUnusable(PriceStatus.OutOfRange);
    }

    function test_negativePriceStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.set(-1);
        assertUnusable(PriceStatus.OutOfRange);
    }

    function test_priceBeyondAllMeasureStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.set(type(int256).max);
        assertUnusable(PriceStatus.OutOfRange);
        pass(1);
        wethFeed.set(int256(uint256(type(uint96).max)) + 1);
        assertUnusable(PriceStatus.OutOfRange);
    }

    function test_roundThatHasNotEndedStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.setAt(2000e18, 0);
        assertUnusable(PriceStatus.Incomplete);
    }

    function test_roundOfTheFutureStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.setAt(2000e18, block.timestamp + 1);
        assertUnusable(PriceStatus.Incomplete);
    }

    function test_roundCarriedOverStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.setWay(TestFeed.Way.CarriedOver);
        assertUnusable(PriceStatus.Incomplete);
    }

    function test_feedThatRevertsStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.setWay(TestFeed.Way.Reverting);
        assertUnusable(PriceStatus.NoAnswer);
    }

    function test_feedThatAnswersTooLittleStopsWhatDependsOnIt() external {
        pass(1);
        wethFeed.setWay(TestFeed.Way.Short);
        assertUnusable(PriceStatus.NoAnswer);
    }

    function test_priceOfAnotherReserveDoesNotMatter() external {
        pass(1);
        wbtcFeed.set(0);
        borrow(usdc, bob, 100e6);
        vm.prank(bob);
        pool.withdraw(address(weth), 1, bob);
    }

    function test_answersAreScaledToWad(uint256 answer, uint256 decimals) external {
        decimals = bound(decimals, 0, 18);
        // Up to the largest price of 96 bits.
        answer = bound(answer, 1, type(uint96).max / 10 ** (18 - decimals));
        configurator.setBreaker(address(weth), 2000, 0);
        configurator.scheduleFeed(address(weth), address(new TestFeed(uint8(decimals), int256(answer))), 1 days);
        vm.warp(block.timestamp + 7 days);
        configurator.applyFeed(address(weth));
        TestFeed(pool.reserveAt(2).feed).set(int256(answer));
        vm.assertEq(pool.reserveState(address(weth)).price, answer * 10 ** (18 - decimals), "WAD");
    }

    // The breaker for jumps.

    function test_jumpIsRefusedWithinTheWindow(uint256 price) external {
        configurator.setBreaker(address(weth), 2000, 1 hours);
        pass(1);
        pool.accrue(address(weth));
        price = bound(price, 1e18, 4000e18);
        pass(1 hours);
        wethFeed.set(int256(price));
        bool isJump = price < 1600e18 || price > 2400e18;
        LendingPool.ReserveState memory state = pool.reserveState(address(weth));
        vm.assertEq(state.priceStatus == PriceStatus.Jumped, isJump, "a fifth");
        vm.assertEq(state.price, isJump ? 2000e18 : price, "the last accepted one");
        if (isJump) assertUnusable(PriceStatus.Jumped);
        // Nothing was accepted for more than the window.
        vm.warp(block.timestamp + 1);
        state = pool.reserveState(address(weth));
        vm.assertTrue(state.priceStatus == PriceStatus.Usable, "the window has passed");
        vm.assertEq(state.price, price, "the new one");
    }

    function test_priceThatComesBackIsAccepted() external {
        configurator.setBreaker(address(weth), 2000, 1 hours);
        pass(1);
        pool.accrue(address(weth));
        pass(1);
        wethFeed.set(1000e18);
        vm.expectEmit(address(pool));
        emit PriceRefused(address(weth), PriceStatus.Jumped, 2000e18);
        pool.accrue(address(weth));
        pass(1);
        wethFeed.set(1900e18);
        vm.expectEmit(address(pool));
        emit PriceResumed(address(weth), 1900e18, block.timestamp + 10 minutes);
        pool.accrue(address(weth));
    }

    function test_roleLiftsTheBreaker() external {
        configurator.setBreaker(address(weth), 2000, 1 hours);
        pass(1);
        pool.accrue(address(weth));
        pass(1);
        wethFeed.set(1000e18);
        assertUnusable(PriceStatus.Jumped);
        vm.prank(eve);
        vm.expectRevert();
        configurator.liftBreaker(address(weth));
        vm.expectEmit(address(pool));
        emit BreakerLifted(address(weth), 1000e18);
        configurator.liftBreaker(address(weth));
        LendingPool.ReserveState memory state = pool.reserveState(address(weth));
        vm.assertEq(state.price, 1000e18, "accepted");
        vm.assertEq(state.resumedAt, block.timestamp, "the grace period begins");
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(GracePeriod.selector, bob, block.timestamp + 10 minutes));
        pool.liquidate(orderOf(bob, usdc, weth));
    }

    function test_roleCannotLiftWhatIsNotAJump() external {
        pass(1);
        wethFeed.set(-1);
        vm.expectRevert(abi.encodeWithSelector(PriceUnusable.selector, weth, PriceStatus.OutOfRange));
        configurator.liftBreaker(address(weth));
    }

    // The grace period.

    function test_liquidationsWaitAfterAnOutage() external {
        pass(1);
        wethFeed.set(0);
        vm.expectEmit(address(pool));
        emit PriceRefused(address(weth), PriceStatus.OutOfRange, 2000e18);
        pool.accrueAll();
        pass(1 hours);
        wethFeed.set(1700e18);
        // Nobody has looked yet: the grace period would begin now.
        vm.expectRevert(abi.encodeWithSelector(GracePeriod.selector, bob, block.timestamp + 10 minutes));
        pool.flag(bob);
        pool.accrueAll();
        uint256 resumed = block.timestamp;
        // Borrowers can answer meanwhile.
        repay(usdc, bob, 100e6);
        vm.warp(resumed + 10 minutes - 1);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(GracePeriod.selector, bob, resumed + 10 minutes));
        pool.liquidate(orderOf(bob, usdc, weth));
        vm.warp(resumed + 10 minutes);
        vm.prank(eve);
        pool.liquidate(orderOf(bob, usdc, weth));
    }

    function test_graceOfTheDebtReserveCountsToo() external {
        pass(1);
        usdcFeed.set(0);
        pool.accrueAll();
        pass(1);
        usdcFeed.set(1e8);
        wethFeed.set(1700e18);
        pool.accrueAll();
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(GracePeriod.selector, bob, block.timestamp + 10 minutes));
        pool.liquidate(orderOf(bob, usdc, weth));
    }

    /// If nobody could bring a transaction in for long, the chain was out.
    function test_longSilenceCountsAsAnOutage() external {
        LendingStorage.Terms memory terms = standardTerms();
        terms.syncGap = 1 hours;
        configurator.setTerms(terms);
        pass(1);
        pool.accrueAll();
        uint256 first = pool.reserveState(address(weth)).resumedAt;
        pass(1 hours);
        pool.accrueAll();
        vm.assertEq(pool.reserveState(address(weth)).resumedAt, first, "not too long");
        pass(1 hours + 1);
        wethFeed.set(1700e18);
        pool.accrueAll();
        vm.expectRevert(abi.encodeWithSelector(GracePeriod.selector, bob, block.timestamp + 10 minutes));
        pool.flag(bob);
        pass(10 minutes);
        vm.assertTrue(pool.flag(bob), "after it");
    }

    /// A healthy account's flag can be cleared in the grace period, too.
    function test_flagEndsInTheGracePeriod() external {
        pass(1);
        wethFeed.set(1700e18);
        vm.assertTrue(pool.flag(bob), "flagged");
        pass(1);
        wethFeed.set(0);
        pool.accrueAll();
        pass(1);
        wethFeed.set(2000e18);
        pool.accrueAll();
        vm.assertTrue(!pool.flag(bob), "not any more");
        vm.assertEq(pool.accountOf(bob).flaggedAt, 0, "not any more");
    }
}
