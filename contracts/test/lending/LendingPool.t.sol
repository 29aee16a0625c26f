// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Configurator} from "../../src/lending/Configurator.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {Liquidator} from "../../src/lending/Liquidator.sol";
import {Till} from "../../src/lending/Till.sol";
import {FlashBorrower} from "./support/FlashBorrower.sol";
import {HookToken} from "./support/HookToken.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestToken} from "./support/TestToken.sol";

contract LendingPoolTest is LendingTest {
    address private ann;
    address private bob;
    address private eve;

    function setUp() external {
        deploy(16);
        (ann, bob, eve) = (accountIn(3, 0), accountIn(7, 0), accountIn(12, 0));
    }

    // Supply and withdraw.

    function test_suppliedComesBackWhole(uint256 amount) external {
        amount = bound(amount, 1, 1e30);
        supply(usdc, ann, amount);
        vm.assertEq(usdc.balanceOf(pool.tillOf(3)), amount, "lies in the account's till");
        vm.assertEq(pool.supplyOf(ann, address(usdc)), amount, "claim");
        vm.prank(ann);
        vm.assertEq(pool.withdraw(address(usdc), ALL, bob), amount, "all");
        vm.assertEq(usdc.balanceOf(bob), amount, "to whom it was sent");
        vm.assertEq(pool.positionOf(ann, address(usdc)).scaledSupply, 0, "nothing left");
    }

    function test_nothingIsEverRoundedToTheCallersFavour(uint256 amount, uint256 time, uint256 part) external {
        supply(usdc, eve, 2e12);
        pledge(weth, bob, 1e24);
        borrow(usdc, bob, 1.9e12);
        pass(bound(time, 1, 1000 days));
        amount = bound(amount, 10, 1e12);
        supply(usdc, ann, amount);
        vm.assertLe(pool.supplyOf(ann, address(usdc)), amount, "no more than was given");
        vm.assertGe(pool.supplyOf(ann, address(usdc)) + 10, amount, "but about that");

        part = bound(part, 1, pool.supplyOf(ann, address(usdc)));
        uint256 before = pool.supplyOf(ann, address(usdc));
        vm.prank(ann);
        pool.withdraw(address(usdc), part, ann);
        vm.assertLe(pool.supplyOf(ann, address(usdc)) + part, before, "withdrawn is gone");

        before = pool.debtOf(bob, address(usdc));
        part = bound(part, 10, 1e8);
        borrow(usdc, bob, part);
        vm.assertGe(pool.debtOf(bob, address(usdc)), before + part, "borrowed is owed");
        before = pool.debtOf(bob, address(usdc));
        repay(usdc, bob, part);
        vm.assertGe(pool.debtOf(bob, address(usdc)) + part, before, "repaid is no more than repaid");
        vm.assertLe(pool.debtOf(bob, address(usdc)) + part, before + 10, "but about that");
        repay(usdc, bob, pool.debtOf(bob, address(usdc)));
        vm.assertEq(pool.positionOf(bob, address(usdc)).scaledDebt, 0, "all can be repaid");
        assertSolvent(usdc);
    }

    function test_supplyForAnotherIsHisButNotCollateral() external {
        fill(usdc, ann, 100e6);
        vm.prank(ann);
        vm.expectEmit(address(pool));
        emit Supplied(address(usdc), bob, ann, 100e6, 100e6);
        pool.supply(address(usdc), 100e6, bob);
        vm.assertEq(pool.supplyOf(bob, address(usdc)), 100e6, "his");
        vm.assertEq(pool.supplyOf(ann, address(usdc)), 0, "not the payer's");
        vm.assertEq(pool.accountOf(bob).collateral, 0, "nobody pledges for another");
        vm.assertEq(usdc.balanceOf(pool.tillOf(7)), 100e6, "in the till of his shard");
    }

    function test_refusesToSupplyNothing() external {
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, 0));
        pool.supply(address(usdc), 0, ann);
    }

    function test_refusesToSupplyForNobody() external {
        vm.expectRevert(NoAccount.selector);
        pool.supply(address(usdc), 1, address(0));
    }

    function test_refusesUnknownAssets() external {
        bytes memory reason = abi.encodeWithSelector(UnknownReserve.selector, address(this));
        vm.expectRevert(reason);
        pool.supply(address(this), 1, ann);
        vm.expectRevert(reason);
        pool.withdraw(address(this), 1, ann);
        vm.expectRevert(reason);
        pool.borrow(address(this), 1, ann, ann);
        vm.expectRevert(reason);
        pool.repay(address(this), 1, ann);
        vm.expectRevert(reason);
        pool.setCollateral(address(this), true);
        vm.expectRevert(reason);
        pool.accrue(address(this));
        vm.expectRevert(reason);
        pool.flashFee(address(this), 1);
    }

    function test_refusesToWithdrawMoreThanSupplied() external {
        supply(usdc, ann, 100e6);
        supply(usdc, bob, 100e6);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughSupplied.selector, usdc, 100e6 + 1, 100e6));
        pool.withdraw(address(usdc), 100e6 + 1, ann);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, 0));
        pool.withdraw(address(usdc), ALL, eve);
    }

    // Tills.

    function test_paysFromFollowingTillsWhereTheAccountsOwnLacks() external {
        supply(usdc, ann, 100e6);
        supply(usdc, eve, 50e6);
        pledge(weth, bob, 1e18);
        // The tills of shards 12 and, once round, 3.
        borrow(usdc, bob, 120e6);
        vm.assertEq(usdc.balanceOf(bob), 120e6, "whole");
        vm.assertEq(usdc.balanceOf(pool.tillOf(12)), 0, "the next first");
        vm.assertEq(usdc.balanceOf(pool.tillOf(3)), 30e6, "then the one after it");
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughCash.selector, usdc, 70e6));
        pool.withdraw(address(usdc), 100e6, ann);
        repay(usdc, bob, 120e6);
        vm.prank(ann);
        pool.withdraw(address(usdc), 100e6, ann);
        vm.assertEq(usdc.balanceOf(ann), 100e6, "from the borrower's till");
    }

    function test_tillPaysThePoolOnly() external {
        supply(usdc, ann, 100e6);
        address till = pool.tillOf(3);
        vm.assertEq(Till(till).POOL(), address(pool), "of this pool");
        vm.expectRevert(abi.encodeWithSelector(Till.NotPool.selector, address(this)));
        Till(till).pay(usdc, address(this), 1);
    }

    function test_shardFollowsFromTheAddress(address account) external view {
        vm.assertEq(pool.shardOf(account), uint256(keccak256(abi.encode(account))) % 16, "hash");
    }

    function test_rebalancingEvensTheTills(uint256[4] memory amounts) external {
        uint256 sum = 0;
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = bound(amounts[i], 1, 1e15);
            sum += amounts[i];
            supply(usdc, accountIn(i * 5, 0), amounts[i]);
        }
        configurator.rebalance(address(usdc));
        uint256 cash = 0;
        for (uint256 i = 0; i < 16; ++i) {
            uint256 balance = usdc.balanceOf(pool.tillOf(i));
            vm.assertGe(balance, sum / 16, "at least its part");
            cash += balance;
        }
        vm.assertEq(cash, sum, "nothing is lost");
    }

    /// Tokens that reach a till by mistake are nobody's.
    function test_donationToTillsChangesNothing(uint256 gift) external {
        gift = bound(gift, 1, 1e30);
        supply(usdc, ann, 1000e6);
        pledge(weth, bob, 1e18);
        borrow(usdc, bob, 500e6);
        usdc.mint(pool.tillOf(3), gift);
        weth.mint(pool.tillOf(7), gift);
        pass(100 days);
        // 0.02 * 100 / 365 = 0.00547945 compounds to 0.00549449.
        uint256 claim = pool.supplyOf(ann, address(usdc));
        vm.assertApproxEqAbs(claim, 1000e6 + 2_472_521, 2, "500 at 2 % for 100 days, 90 % of it");
        vm.assertEq(pool.supplyOf(bob, address(weth)), 1e18, "no interest");
        vm.prank(ann);
        pool.withdraw(address(usdc), 400e6, ann);
        vm.assertApproxEqAbs(pool.supplyOf(ann, address(usdc)), claim - 400e6, 1, "the rest of the claim");
    }

    // Borrow and repay.

    function test_borrowsUpToTheLoanToValueAndNoMore() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        // 10 at 2,000, 75 % of it.
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughCollateral.selector, bob, 15_000.000001e18, 15_000e18));
        pool.borrow(address(usdc), 15_000e6 + 1, bob, bob);
        vm.prank(bob);
        vm.expectEmit(address(pool));
        emit Borrowed(address(usdc), bob, bob, eve, 15_000e6, 15_000e6);
        pool.borrow(address(usdc), 15_000e6, bob, eve);
        vm.assertEq(usdc.balanceOf(eve), 15_000e6, "to whom it was sent");
        // 16,000 of threshold.
        vm.assertEq(pool.healthFactor(bob), uint256(16_000e18) / 15_000, "health");
    }

    function test_allCollateralCountsTogether() external {
        supply(usdc, ann, 1_000_000e6);
        pledge(weth, bob, 10e18);
        pledge(wbtc, bob, 1e8);
        supply(usdc, bob, 1000e6);
        // 15,000 and 35,000; what is not pledged counts nothing.
        vm.assertEq(pool.accountHealth(bob).borrowPower, 50_000e18, "power");
        vm.assertEq(pool.accountHealth(bob).threshold, 53_500e18, "threshold");
        vm.assertEq(pool.accountHealth(bob).collateral, 70_000e18, "collateral");
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 50_000e6, "all of it");
        borrow(usdc, bob, 50_000e6);
        vm.assertEq(pool.maxBorrow(bob, address(weth)), 0, "used up");
    }

    function test_maxBorrowIsExact(uint256 collateral, uint256 before, uint256 time, uint256 price) external {
        supply(usdc, ann, 1e15);
        pledge(weth, bob, bound(collateral, 1e18, 1e22));
        before = bound(before, 200e6, 1400e6);
        borrow(usdc, bob, before);
        wethFeed.set(int256(bound(price, 2000e18, 3000e18)));
        pass(bound(time, 1, 365 days));
        uint256 most = pool.maxBorrow(bob, address(usdc));
        vm.assume(most != 0);
        vm.prank(bob);
        vm.expectRevert();
        pool.borrow(address(usdc), most + 1, bob, bob);
        borrow(usdc, bob, most);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 0, "no more");
    }

    function test_maxBorrowKnowsCashCapAndPause() external {
        supply(usdc, ann, 1000e6);
        pledge(weth, bob, 10e18);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 1000e6, "cash");
        configurator.setCaps(address(usdc), uint128(NO_CAP), 16 * 300e6);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 300e6, "its part of the room");
        borrow(usdc, bob, 200e6);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 100e6, "what is left of it");
        repay(usdc, bob, 150e6);
        vm.assertApproxEqAbs(pool.maxBorrow(bob, address(usdc)), 250e6, 1, "repaid is room again");
        borrow(usdc, bob, 150e6);
        pass(1);
        // 4,800 - 200 over 16, less interest.
        vm.assertApproxEqAbs(pool.maxBorrow(bob, address(usdc)), 287.5e6, 10, "of the next second");
        configurator.setPaused(true);
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 0, "paused");
    }

    function test_borrowsForAnotherAsFarAsHeAllows() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(BorrowNotApproved.selector, bob, eve, 500e6, 0));
        pool.borrow(address(usdc), 500e6, bob, eve);
        vm.prank(bob);
        pool.approveBorrow(address(usdc), eve, 700e6);
        vm.prank(eve);
        pool.borrow(address(usdc), 500e6, bob, eve);
        vm.assertEq(pool.borrowAllowance(bob, eve, address(usdc)), 200e6, "less");
        vm.assertEq(pool.debtOf(bob, address(usdc)), 500e6, "he owes");
        vm.assertEq(usdc.balanceOf(eve), 500e6, "she has");
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(BorrowNotApproved.selector, bob, eve, 201e6, 200e6));
        pool.borrow(address(usdc), 201e6, bob, eve);
        vm.prank(bob);
        pool.approveBorrow(address(usdc), eve, ALL);
        vm.prank(eve);
        pool.borrow(address(usdc), 201e6, bob, eve);
        vm.assertEq(pool.borrowAllowance(bob, eve, address(usdc)), ALL, "no less");
    }

    function test_anybodyRepaysForAnother() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 500e6);
        fill(usdc, eve, 1000e6);
        vm.prank(eve);
        vm.expectEmit(address(pool));
        emit Repaid(address(usdc), bob, eve, 200e6, 300e6);
        pool.repay(address(usdc), 200e6, bob);
        vm.prank(eve);
        vm.assertEq(pool.repay(address(usdc), ALL, bob), 300e6, "no more than is owed");
        vm.assertEq(usdc.balanceOf(eve), 500e6, "takes no more");
        vm.assertEq(pool.accountOf(bob).debt, 0, "owes nothing");
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(NothingOwed.selector, bob, usdc));
        pool.repay(address(usdc), 1, bob);
    }

    function test_refusesToRepayWhatChangesNothing() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 500e6);
        pass(300 days);
        fill(usdc, bob, 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, 1));
        pool.repay(address(usdc), 1, bob);
    }

    function test_refusesDebtTooSmallToBeLiquidated() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(DebtTooSmall.selector, usdc, 99.999999e18, 100e18));
        pool.borrow(address(usdc), 100e6 - 1, bob, bob);
        borrow(usdc, bob, 100e6);
        borrow(usdc, bob, 1);
    }

    function test_pauseAndFreezeStopNewRiskOnly() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 500e6);
        configurator.setPaused(true);
        vm.prank(bob);
        vm.expectRevert(Paused.selector);
        pool.borrow(address(usdc), 500e6, bob, bob);
        vm.expectRevert(Paused.selector);
        pool.flashLoan(IERC3156FlashBorrower(address(this)), address(usdc), 1, "");
        vm.assertEq(pool.maxFlashLoan(address(usdc)), 0, "none");
        configurator.setPaused(false);
        configurator.setFrozen(address(usdc), true);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(Frozen.selector, usdc));
        pool.borrow(address(usdc), 500e6, bob, bob);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(Frozen.selector, usdc));
        pool.setCollateral(address(usdc), true);
        configurator.setPaused(true);
        supply(usdc, ann, 1e6);
        repay(usdc, bob, 100e6);
        vm.prank(ann);
        pool.withdraw(address(usdc), 50_000e6, ann);
        vm.prank(bob);
        pool.withdraw(address(weth), 1e18, bob);
        configurator.setPaused(false);
        configurator.setFrozen(address(usdc), false);
        configurator.setBorrowable(address(usdc), false);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotBorrowable.selector, usdc));
        pool.borrow(address(usdc), 500e6, bob, bob);
    }

    function test_refusesToBorrowNothing() external {
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, 0));
        pool.borrow(address(usdc), 0, address(this), address(this));
    }

    // Collateral.

    function test_pledgedComesBackOnlyWithinTheLoanToValue() external {
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        supply(wbtc, bob, 1e8);
        borrow(usdc, bob, 7500e6);
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(NotEnoughCollateral.selector, bob, 7500e18, (5e18 - 1) * 2000 * 75 / 100)
        );
        pool.withdraw(address(weth), 5e18 + 1, bob);
        vm.prank(bob);
        pool.withdraw(address(weth), 5e18, bob);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughCollateral.selector, bob, 7500e18, 0));
        pool.withdraw(address(weth), ALL, bob);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughCollateral.selector, bob, 7500e18, 0));
        pool.setCollateral(address(weth), false);
        // What is not pledged is free.
        vm.prank(bob);
        pool.withdraw(address(wbtc), 0.5e8, bob);
        vm.prank(bob);
        pool.setCollateral(address(wbtc), true);
        vm.prank(bob);
        pool.setCollateral(address(weth), false);
        vm.prank(bob);
        pool.withdraw(address(weth), ALL, bob);
        vm.assertEq(weth.balanceOf(bob), 10e18, "all");
    }

    function test_collateralEndsWithTheLastOfIt() external {
        pledge(weth, bob, 1e18);
        vm.assertEq(pool.accountOf(bob).collateral, 1 << 2, "pledged");
        vm.prank(bob);
        pool.withdraw(address(weth), ALL, bob);
        vm.assertEq(pool.accountOf(bob).collateral, 0, "not any more");
    }

    function test_refusesToPledgeWhatIsNotThereOrNotAccepted() external {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotEnoughSupplied.selector, weth, 0, 0));
        pool.setCollateral(address(weth), true);
        TestToken other = new TestToken("OTHER", 18);
        addReserve(other, wethFeed, 0, 0, false);
        configurator.setCaps(address(other), uint128(NO_CAP), 0);
        supply(other, bob, 1e18);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(NotCollateral.selector, bob, other));
        pool.setCollateral(address(other), true);
    }

    function test_pledgingTwiceChangesNothing() external {
        pledge(weth, bob, 1e18);
        vm.prank(bob);
        pool.setCollateral(address(weth), true);
        vm.assertEq(pool.accountOf(bob).collateral, 1 << 2, "still");
        vm.prank(bob);
        pool.setCollateral(address(wbtc), false);
        vm.assertEq(pool.accountOf(bob).collateral, 1 << 2, "still");
    }

    // Caps.

    function test_totalNeverExceedsTheCap(uint256 cap, uint256[6] memory amounts, uint256 seed) external {
        cap = bound(cap, 16, 1e15);
        configurator.setCaps(address(usdc), uint128(cap), uint128(NO_CAP));
        for (uint256 i = 0; i < 6; ++i) {
            if (i % 3 == 2) pass(1);
            address account = accountIn((seed >> i * 4) % 16, i);
            uint256 amount = bound(amounts[i], 1, cap);
            fill(usdc, account, amount);
            vm.prank(account);
            try pool.supply(address(usdc), amount, account) {} catch {}
            vm.assertLe(pool.reserveState(address(usdc)).supply, cap, "cap");
            // Some leave again, also with what they brought before.
            if (i % 2 == 0) continue;
            account = accountIn((seed >> (i - 1) * 4) % 16, i - 1);
            vm.prank(account);
            try pool.withdraw(address(usdc), bound(amounts[i], 1, 1 + cap / 20), account) {} catch {}
        }
    }

    function test_totalDebtNeverExceedsTheCap(uint256 cap, uint256[6] memory amounts) external {
        supply(usdc, ann, 1e16);
        cap = bound(cap, 16 * 100e6, 1e15);
        configurator.setCaps(address(usdc), uint128(NO_CAP), uint128(cap));
        for (uint256 i = 0; i < 6; ++i) {
            if (i % 3 == 2) pass(1);
            address account = accountIn(i, 1);
            pledge(weth, account, 1e24);
            uint256 amount = bound(amounts[i], 100e6, cap / 4);
            uint256 before = pool.reserveState(address(usdc)).debt;
            vm.prank(account);
            try pool.borrow(address(usdc), amount, account, account) {
                vm.assertLe(pool.reserveState(address(usdc)).debt, cap, "cap");
                if (i % 2 == 1) repay(usdc, account, bound(amounts[i], 1e3, amount));
            } catch {
                vm.assertEq(pool.reserveState(address(usdc)).debt, before, "refused");
            }
        }
    }

    function test_shardTakesItsPartOfTheRoomEachSecond() external {
        configurator.setCaps(address(usdc), 1600e6, uint128(NO_CAP));
        fill(usdc, ann, 1000e6);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 100e6 + 1, 100e6));
        pool.supply(address(usdc), 100e6 + 1, ann);
        supply(usdc, ann, 60e6);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 41e6, 40e6));
        pool.supply(address(usdc), 41e6, ann);
        supply(usdc, bob, 100e6);
        // What was withdrawn is room again, at once.
        vm.prank(ann);
        pool.withdraw(address(usdc), 50e6, ann);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 91e6, 90e6));
        pool.supply(address(usdc), 91e6, ann);
        supply(usdc, ann, 90e6);
        vm.prank(ann);
        pool.withdraw(address(usdc), ALL, ann);
        pass(1);
        // 1,600 - 100 over 16.
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 93.75e6 + 1, 93.75e6));
        pool.supply(address(usdc), 93.75e6 + 1, ann);
        supply(usdc, ann, 93.75e6);
    }

    function test_loweredCapHoldsInTheSameSecond() external {
        configurator.setCaps(address(usdc), 1600e6, uint128(NO_CAP));
        supply(usdc, ann, 100e6);
        configurator.setCaps(address(usdc), 100e6, uint128(NO_CAP));
        fill(usdc, bob, 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 1, 0));
        pool.supply(address(usdc), 1, bob);
    }

    // Isolation.

    function isolated() private returns (TestToken token) {
        (token,) = addIsolated(16 * 1000e6);
        supply(usdc, ann, 1e12);
        supply(weth, ann, 1e24);
    }

    function test_isolatedCollateralStandsAlone() external {
        TestToken token = isolated();
        pledge(token, bob, 1e21);
        supply(weth, bob, 1e18);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IsolationBroken.selector, bob, weth));
        pool.setCollateral(address(weth), true);
        pledge(weth, eve, 1e18);
        supply(token, eve, 1e21);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(IsolationBroken.selector, eve, token));
        pool.setCollateral(address(token), true);
        vm.prank(eve);
        pool.setCollateral(address(weth), false);
        vm.prank(eve);
        pool.setCollateral(address(token), true);
    }

    function test_isolatedCollateralBorrowsListedAssetsUpToItsCeiling() external {
        TestToken token = isolated();
        pledge(token, bob, 1e21);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(DebtCeilingReached.selector, token, weth, 1e18, 0));
        pool.borrow(address(weth), 1e18, bob, bob);
        vm.assertEq(pool.maxBorrow(bob, address(weth)), 0, "not listed");
        vm.assertEq(pool.maxBorrow(bob, address(usdc)), 1000e6, "its shard's part");
        borrow(usdc, bob, 600e6);
        address other = accountIn(7, 1);
        pledge(token, other, 1e21);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(DebtCeilingReached.selector, token, usdc, 1001e6, 1000e6));
        pool.borrow(address(usdc), 401e6, other, other);
        borrow(usdc, other, 400e6);
        repay(usdc, bob, 250e6);
        vm.assertEq(pool.maxBorrow(other, address(usdc)), 250e6, "repaid is free again");
        // Accounts of other shards, and debts against other collateral, do not count.
        pledge(weth, eve, 10e18);
        borrow(usdc, eve, 5000e6);
        (uint256 ceiling, uint256 counted) = pool.debtCeiling(address(token), address(usdc), 7);
        vm.assertEq(ceiling, 16_000e6, "ceiling");
        vm.assertEq(counted, 750e6, "of the shard");
    }

    function test_isolationEndsWithItsCollateral() external {
        TestToken token = isolated();
        pledge(token, bob, 1e21);
        borrow(usdc, bob, 600e6);
        repay(usdc, bob, 600e6);
        vm.prank(bob);
        pool.withdraw(address(token), ALL, bob);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 5000e6);
        (, uint256 counted) = pool.debtCeiling(address(token), address(usdc), 7);
        vm.assertEq(counted, 0, "counts no more");
    }

    // Flash loans.

    function test_flashLoanComesBackWithItsFeeToWhereItCameFrom(uint256 amount) external {
        supply(usdc, ann, 100e6);
        supply(usdc, bob, 200e6);
        amount = bound(amount, 1, 300e6);
        FlashBorrower borrower = new FlashBorrower(address(pool));
        uint256 fee = (amount * 5 + 9999) / 10_000;
        vm.assertEq(pool.flashFee(address(usdc), amount), fee, "rounded up");
        usdc.mint(address(borrower), fee);
        vm.prank(eve);
        vm.assertTrue(pool.flashLoan(borrower, address(usdc), amount, ""), "true");
        vm.assertEq(borrower.lastAmount(), amount, "amount");
        vm.assertEq(borrower.lastFee(), fee, "fee");
        vm.assertEq(borrower.lastInitiator(), eve, "who began");
        vm.assertEq(usdc.balanceOf(address(borrower)), 0, "paid");
        uint256 cash = usdc.balanceOf(pool.tillOf(3)) + usdc.balanceOf(pool.tillOf(7));
        address own = pool.tillOf(pool.shardOf(address(borrower)));
        if (own != pool.tillOf(3) && own != pool.tillOf(7)) {
            vm.assertEq(usdc.balanceOf(pool.tillOf(3)), 100e6, "as before");
            vm.assertEq(usdc.balanceOf(own), fee, "fee");
            cash += fee;
        }
        vm.assertEq(cash, 300e6 + fee, "all is back");
        vm.assertEq(pool.supplyOf(ann, address(usdc)), 100e6, "claims are as they were");
        pool.collectFees(address(usdc));
        vm.assertEq(usdc.balanceOf(address(fund)), fee, "the fee is the pool's");
    }

    function test_refusesFlashLoanThatDoesNotComeBack() external {
        supply(usdc, ann, 100e6);
        FlashBorrower borrower = new FlashBorrower(address(pool));
        vm.assertEq(pool.maxFlashLoan(address(usdc)), 100e6, "all");
        vm.assertEq(pool.maxFlashLoan(address(this)), 0, "unknown");
        vm.expectRevert(abi.encodeWithSelector(NotEnoughCash.selector, usdc, 1));
        pool.flashLoan(borrower, address(usdc), 100e6 + 1, "");
        // It has nothing for the fee.
        vm.expectRevert();
        pool.flashLoan(borrower, address(usdc), 100e6, "");
        usdc.mint(address(borrower), 1e6);
        borrower.setPaysBack(false);
        vm.expectRevert();
        pool.flashLoan(borrower, address(usdc), 100e6, "");
        borrower.setPaysBack(true);
        borrower.setAnswer(bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(NotFlashBorrower.selector, borrower));
        pool.flashLoan(borrower, address(usdc), 100e6, "");
        vm.expectRevert(abi.encodeWithSelector(UnknownReserve.selector, this));
        pool.flashLoan(borrower, address(this), 1, "");
    }

    /// Supplying what was lent does not pay the loan back.
    function test_flashLoanCannotBePaidWithASupplyOfItself() external {
        supply(usdc, ann, 100e6);
        FlashBorrower borrower = new FlashBorrower(address(pool));
        usdc.mint(address(borrower), 1e6);
        FlashBorrower.Call[] memory calls = new FlashBorrower.Call[](2);
        calls[0] = FlashBorrower.Call(address(usdc), abi.encodeCall(usdc.approve, (address(pool), 100e6)));
        calls[1] = FlashBorrower.Call(
            address(pool), abi.encodeCall(pool.supply, (address(usdc), 100e6, address(borrower)))
        );
        vm.expectRevert();
        pool.flashLoan(borrower, address(usdc), 100e6, abi.encode(calls));
    }

    /// Whoever has nothing liquidates with what the pool itself lends.
    function test_flashLoanPaysForALiquidation() external {
        supply(usdc, ann, 1_000_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 15_000e6);
        wethFeed.set(1850e18);
        pass(1);
        FlashBorrower borrower = new FlashBorrower(address(pool));
        usdc.mint(address(borrower), 10e6);
        FlashBorrower.Call[] memory calls = new FlashBorrower.Call[](2);
        calls[0] = FlashBorrower.Call(address(usdc), abi.encodeCall(usdc.approve, (address(pool), ALL)));
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        order.repayMax = 1000e6;
        calls[1] = FlashBorrower.Call(address(pool), abi.encodeCall(pool.liquidate, (order)));
        // What it repaid it sells elsewhere; here it is simply given.
        usdc.mint(address(borrower), 1000e6);
        pool.flashLoan(borrower, address(usdc), 1000e6, abi.encode(calls));
        vm.assertGt(weth.balanceOf(address(borrower)), 0.54e18, "1,000 worth and its discount");
    }

    // Reentrancy.

    function test_tokenThatCallsBackFindsThePoolLocked() external {
        HookToken hook = new HookToken();
        addReserve(hook, wethFeed, 0, 0, false);
        configurator.setCaps(address(hook), uint128(NO_CAP), uint128(NO_CAP));
        supply(hook, ann, 1e18);
        bytes[4] memory calls = [
            abi.encodeCall(pool.withdraw, (address(hook), 1, ann)),
            abi.encodeCall(pool.accrue, (address(usdc))),
            abi.encodeCall(pool.supplyOf, (ann, address(hook))),
            abi.encodeCall(pool.healthFactor, (ann))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            hook.setHook(address(pool), calls[i]);
            vm.prank(ann);
            pool.withdraw(address(hook), 0.1e18, ann);
            vm.assertTrue(!hook.hasSucceeded(), "locked");
            vm.assertEq(
                bytes32(hook.result()),
                bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
                "by the guard"
            );
        }
    }

    // Deployment.

    function test_refusesShardsThatAreNoPowerOfTwo(uint256 count) external {
        vm.assume(count == 0 || count > 64 || count & (count - 1) != 0);
        vm.expectRevert(abi.encodeWithSelector(BadShards.selector, count));
        new Liquidator(count);
    }

    function test_refusesModulesOfOtherShards() external {
        Liquidator liquidator = new Liquidator(8);
        Configurator other = new Configurator(16);
        vm.expectRevert(abi.encodeWithSelector(BadModule.selector, liquidator));
        new LendingPool(16, liquidator, other, address(this));
        liquidator = new Liquidator(16);
        other = new Configurator(8);
        vm.expectRevert(abi.encodeWithSelector(BadModule.selector, other));
        new LendingPool(16, liquidator, other, address(this));
    }

    function test_modulesKnowNothingByThemselves() external {
        Liquidator liquidator = Liquidator(pool.LIQUIDATOR());
        vm.expectRevert(abi.encodeWithSelector(UnknownReserve.selector, usdc));
        liquidator.coverDeficit(address(usdc), 1);
        Configurator alone = Configurator(pool.CONFIGURATOR());
        vm.expectRevert();
        alone.setPaused(true);
    }

    function test_onePlainShardWorks() external {
        deploy(1);
        supply(usdc, ann, 100_000e6);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 15_000e6);
        repay(usdc, bob, 15_000e6);
        vm.assertEq(usdc.balanceOf(pool.tillOf(0)), 100_000e6, "one till");
    }

    function test_reservesAreListed() external {
        vm.assertEq(pool.reserveCount(), 3, "three");
        LendingPool.ReserveConfig memory reserve = pool.reserveAt(1);
        vm.assertEq(reserve.asset, address(wbtc), "asset");
        vm.assertEq(reserve.decimals, 8, "decimals");
        vm.expectRevert(abi.encodeWithSelector(UnknownReserve.selector, address(0)));
        pool.reserveAt(3);
    }
}
