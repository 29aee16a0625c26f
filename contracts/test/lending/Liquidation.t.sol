// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Backstop} from "../../src/lending/Backstop.sol";
import {LendingCore} from "../../src/lending/LendingCore.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {Liquidator} from "../../src/lending/Liquidator.sol";
import {InterestRate} from "../../src/lending/libraries/InterestRate.sol";
import {LendingMath} from "../../src/lending/libraries/LendingMath.sol";
import {Vm} from "../support/Test.sol";
import {BigNumber} from "./support/BigNumber.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestFeed} from "./support/TestFeed.sol";
import {TestToken} from "./support/TestToken.sol";

contract LiquidationTest is LendingTest {
    using BigNumber for uint256[];

    address private ann;
    address private bob;
    address private eve;

    function setUp() external {
        deploy(4);
        (ann, bob, eve) = (accountIn(0, 0), accountIn(1, 0), accountIn(2, 0));
        supply(usdc, ann, 10_000_000e6);
        supply(weth, ann, 10_000e18);
        fill(usdc, eve, 1e14);
        fill(weth, eve, 1e24);
        fill(wbtc, eve, 1e14);
    }

    /// 10 weth at 2,000 secure 15,000; then weth costs something else.
    function position(uint256 wethPrice) private {
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 15_000e6);
        reprice(wethPrice);
    }

    function reprice(uint256 wethPrice) private {
        wethFeed.set(int256(wethPrice));
        pass(1);
    }

    function liquidate(Liquidator.Order memory order) private returns (uint256 repaid, uint256 received) {
        vm.prank(eve);
        return pool.liquidate(order);
    }

    /// The last liquidation that the logs recorded tell of.
    function lastLiquidation() private returns (Liquidation memory liquidation) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != Liquidated.selector) continue;
            (, liquidation) = abi.decode(logs[i].data, (address, Liquidation));
        }
    }

    // Step 1: only as much as is needed.

    /// 18,500 of collateral, threshold 14,800, debt 15,000, discount 1 %: (1.05 * 15,000 - 14,800) /
    /// (1.05 - 1.01 * 0.8) = 950 / 0.242 = 3,925.62.
    function test_partialLiquidationOfAnExample() external {
        position(1850e18);
        vm.recordLogs();
        (uint256 repaid, uint256 received) = liquidate(orderOf(bob, usdc, weth));
        vm.assertApproxEqRel(repaid, 3925.619835e6, 1e12, "repaid");
        // 3,925.62 * 1.01 / 1,850 = 2.14317, of which a tenth of the hundredth stays.
        Liquidation memory liquidation = lastLiquidation();
        vm.assertApproxEqRel(liquidation.seized, 2.143176234e18, 1e12, "seized");
        vm.assertApproxEqRel(liquidation.kept, 0.002121956668e18, 1e12, "kept");
        vm.assertEq(received, liquidation.seized - liquidation.kept, "received");
        vm.assertEq(weth.balanceOf(eve), 1e24 + received, "paid");
        vm.assertEq(liquidation.discount, 100, "discount");
        vm.assertTrue(liquidation.reason == Reason.TargetHealth, "reason");
        vm.assertApproxEqRel(liquidation.healthBefore, 0.986666666e18, 1e12, "before");
        vm.assertApproxEqRel(liquidation.healthAfter, 1.05e18, 1e12, "after");
        vm.assertEq(pool.healthFactor(bob), liquidation.healthAfter, "as the view");
        vm.assertEq(pool.positionOf(bob, address(usdc)).scaledDebt, liquidation.scaledDebt, "debt left");
        vm.assertEq(pool.positionOf(bob, address(weth)).scaledSupply, liquidation.scaledSupply, "collateral left");
        vm.assertEq(pool.accountOf(bob).flaggedAt, 0, "healthy again");
    }

    /// x = (target * D - T) / (target - (1 + d) * LT) in exact fractions, and what follows from it.
    function test_closedFormReachesTheTarget(uint256 threshold, uint256 debt, uint256 d, uint256 lt, uint256 target)
        external
        pure
    {
        debt = bound(debt, 1e18, 1e30);
        threshold = bound(threshold, 0, debt);
        (d, lt, target) = (bound(d, 0, 2000), bound(lt, 1, 9500), bound(target, 1.001e18, 1.5e18));
        uint256 x = LendingMath.repayToTarget(threshold, debt, d, lt, target);
        uint256 lost = (10_000 + d) * lt;
        if (lost * 1e10 >= target) {
            vm.assertEq(x, type(uint256).max, "does not get there");
            return;
        }
        // Exact x = (target * debt - threshold * 1e18) / (target - lost * 1e10); rounded up by 5 at most, as
        // one that is added before the division is worth 1e18 / denominator.
        uint256[] memory numerator = BigNumber.from(target).mul(debt).sub(BigNumber.from(threshold).mul(WAD));
        uint256[] memory denominator = BigNumber.from(target - lost * 1e10);
        vm.assertTrue(numerator.isAtMost(denominator.mul(x)), "not under");
        uint256 slack = 2 + WAD / (target - lost * 1e10);
        vm.assertTrue(denominator.mul(x - (x < slack ? x : slack)).isAtMost(numerator), "rounding only");
        if (x >= debt) return;
        // Health afterwards: (threshold - x * (1 + d) * lt) / (debt - x) is the target or a little over.
        if (threshold < x * lost / 1e8 + 1) return;
        uint256 left = threshold - x * lost / 1e8;
        vm.assertGe(left * WAD / (debt - x) + 10, target - target * 2e18 / (debt - x) / WAD, "target");
    }

    /// Whatever the position, a partial liquidation ends at the target, within rounding of tokens.
    function test_healthAfterPartialLiquidationIsTheTarget(uint256 price, uint256 age, uint256 kind) external {
        price = bound(price, 1500e18, 1870e18);
        pledge(weth, bob, 100e18);
        if (kind % 2 == 0) {
            borrow(usdc, bob, 150_000e6);
        } else {
            // Two collaterals and two debts, of which these are the larger.
            pledge(wbtc, bob, 0.1e8);
            borrow(usdc, bob, 150_000e6);
            supply(wbtc, ann, 1e8);
            borrow(wbtc, bob, 0.07e8);
        }
        reprice(price);
        vm.assertTrue(pool.flag(bob), "under 1");
        pass(bound(age, 0, 20 minutes));
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        Liquidation memory liquidation = lastLiquidation();
        if (liquidation.reason != Reason.TargetHealth) {
            // It could not get there: everything was repaid, or everything taken.
            vm.assertTrue(liquidation.scaledDebt == 0 || liquidation.scaledSupply == 0, "all");
            return;
        }
        // A unit of wbtc is a hundred millionth of the debt.
        vm.assertGe(liquidation.healthAfter + 1e10, 1.05e18, "not under");
        vm.assertLe(liquidation.healthAfter, 1.05e18 + 1e12, "not over");
    }

    /// At 1,560 health is 0.83, under 1.10 * 0.8 = 0.88: taking collateral at the full discount lowers health
    /// further, so the whole debt goes, as far as the collateral pays.
    function test_repaysAllWhereTheTargetCannotBeReached() external {
        position(1500e18);
        pool.flag(bob);
        pass(30 minutes);
        vm.recordLogs();
        (uint256 repaid,) = liquidate(orderOf(bob, usdc, weth));
        Liquidation memory liquidation = lastLiquidation();
        vm.assertTrue(liquidation.reason == Reason.WholeCollateral, "15,000 do not pay for 15,000 and 1 %");
        // 15,000 / 1.01: the least discount, as the account can pay none.
        vm.assertApproxEqRel(repaid, 14_851.485149e6, 1e12, "as far as it reaches");
        vm.assertEq(liquidation.seized, 10e18, "all");
    }

    function test_repaysAllWhereDustWouldBeLeft() external {
        pledge(weth, bob, 0.1e18);
        borrow(usdc, bob, 150e6);
        reprice(1850e18);
        vm.recordLogs();
        // 39.26 would do, but 110.74 would be left: over the minimum.
        liquidate(orderOf(bob, usdc, weth));
        vm.assertTrue(lastLiquidation().reason == Reason.TargetHealth, "110 may be left");
        reprice(1650e18);
        vm.recordLogs();
        (uint256 repaid,) = liquidate(orderOf(bob, usdc, weth));
        Liquidation memory liquidation = lastLiquidation();
        vm.assertTrue(liquidation.reason == Reason.WholeDebt, "less than 100 may not");
        vm.assertEq(liquidation.scaledDebt, 0, "all");
        vm.assertApproxEqRel(repaid, 110.743802e6, 1e12, "all");
    }

    /// The weth is worth 1,000 of 38,000 that are owed, less than may be left over.
    function test_takesAllCollateralWhereDustOfItWouldBeLeft() external {
        LendingStorage.Terms memory terms = standardTerms();
        terms.valueMin = 3000e18;
        configurator.setTerms(terms);
        supply(wbtc, ann, 100e8);
        pledge(weth, bob, 2e18);
        pledge(wbtc, bob, 1e8);
        borrow(usdc, bob, 38_000e6);
        // 0.75 * 49,000 + 0.8 * 2 * 500 = 37,550: 38,000 * 1.05 - 37,550 over 0.242 is more than 1,000.
        wbtcFeed.set(49_000e8);
        reprice(500e18);
        vm.recordLogs();
        (uint256 repaid,) = liquidate(orderOf(bob, usdc, weth));
        Liquidation memory liquidation = lastLiquidation();
        vm.assertTrue(liquidation.reason == Reason.WholeCollateral, "all of it");
        vm.assertApproxEqRel(repaid, 990.099010e6, 1e12, "1,000 / 1.01");
        vm.assertEq(liquidation.scaledSupply, 0, "nothing is left");
        vm.assertGt(liquidation.scaledDebt, 37_000e6, "much is owed");
    }

    function test_liquidatorBoundsWhatHePaysAndGets() external {
        position(1850e18);
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        order.repayMax = 1000e6;
        // 1,010 / 1,850, less a thousandth part of 1,000.
        uint256 expected = uint256(1009e18) / 1850;
        order.collateralMin = expected + 1;
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(TooLittleCollateral.selector, expected, expected + 1));
        pool.liquidate(order);
        order.collateralMin = expected;
        vm.recordLogs();
        (uint256 repaid, uint256 received) = liquidate(order);
        vm.assertEq(repaid, 1000e6, "no more than he wants");
        vm.assertEq(received, expected, "for that");
        Liquidation memory liquidation = lastLiquidation();
        vm.assertTrue(liquidation.reason == Reason.LiquidatorLimit, "reason");
        vm.assertGt(liquidation.healthAfter, liquidation.healthBefore, "better");
    }

    function test_refusesToLeaveDust() external {
        pledge(weth, bob, 0.1e18);
        borrow(usdc, bob, 150e6);
        reprice(1650e18);
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        order.repayMax = 60e6;
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(DustLeft.selector, 60e6, 150e6 + 1));
        pool.liquidate(order);
        order.repayMax = 50e6;
        vm.prank(eve);
        pool.liquidate(order);
    }

    function test_refusesToRepayNothing() external {
        position(1850e18);
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        order.repayMax = 0;
        vm.prank(eve);
        vm.expectRevert(NothingToRepay.selector);
        pool.liquidate(order);
    }

    function test_refusesHealthyAccounts(uint256 price) external {
        position(1876e18);
        uint256 health = pool.healthFactor(bob);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(Healthy.selector, bob, health));
        pool.liquidate(orderOf(bob, usdc, weth));
        price = bound(price, 1000e18, 3000e18);
        reprice(price);
        health = pool.healthFactor(bob);
        vm.prank(eve);
        if (health >= WAD) vm.expectRevert(abi.encodeWithSelector(Healthy.selector, bob, health));
        pool.liquidate(orderOf(bob, usdc, weth));
    }

    /// 10 * 1,875 * 0.8 is 15,000, what is owed; a unit of 10^-18 less per weth is under it.
    function test_healthOfExactlyOneIsHealthy() external {
        configurator.setRateModel(address(usdc), InterestRate.Model(0, 0, 0, 0.5e18));
        pass(1);
        pool.accrueAll();
        position(1875e18);
        vm.assertEq(pool.healthFactor(bob), WAD, "one");
        vm.assertTrue(!pool.flag(bob), "healthy");
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(Healthy.selector, bob, WAD));
        pool.liquidate(orderOf(bob, usdc, weth));
        reprice(1875e18 - 1);
        vm.assertTrue(pool.flag(bob), "not any more");
        liquidate(orderOf(bob, usdc, weth));
    }

    function test_refusesWhatIsNotOwedOrNotPledged() external {
        position(1850e18);
        supply(wbtc, bob, 1e8);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(NotCollateral.selector, bob, wbtc));
        pool.liquidate(orderOf(bob, usdc, wbtc));
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(NothingOwed.selector, bob, wbtc));
        pool.liquidate(orderOf(bob, wbtc, weth));
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(OwnAccount.selector, bob));
        pool.liquidate(orderOf(bob, usdc, weth));
    }

    function test_sameAssetOwedAndPledged() external {
        pledge(weth, bob, 10e18);
        pledge(usdc, bob, 1000e6);
        borrow(usdc, bob, 15_800e6);
        reprice(1850e18);
        uint256 before = usdc.balanceOf(eve);
        (uint256 repaid, uint256 received) = liquidate(orderOf(bob, usdc, usdc));
        vm.assertEq(usdc.balanceOf(eve), before - repaid + received, "paid");
        vm.assertEq(pool.supplyOf(bob, address(usdc)), 0, "all of it");
        vm.assertApproxEqRel(repaid, 990.099010e6, 1e12, "1,000 / 1.01");
        assertSolvent(usdc);
    }

    /// All weth is lent, so there are no tokens to pay out.
    function test_liquidatorTakesASupplyPositionWhereTokensLack() external {
        position(1850e18);
        address whale = accountIn(3, 0);
        pledge(usdc, whale, 1e14);
        borrow(weth, whale, 10_010e18);
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        vm.prank(eve);
        vm.expectRevert();
        pool.liquidate(order);
        order.asSupply = true;
        uint256 before = pool.reserveState(address(weth)).supply;
        vm.recordLogs();
        (, uint256 received) = liquidate(order);
        vm.assertTrue(lastLiquidation().asSupply, "said so");
        vm.assertApproxEqAbs(pool.supplyOf(eve, address(weth)), received, 1, "hers");
        vm.assertEq(pool.accountOf(eve).collateral, 0, "not pledged");
        vm.assertApproxEqAbs(
            pool.reserveState(address(weth)).supply, before - lastKept(received), 3, "moved, less the pool's part"
        );
        assertSolvent(weth);
    }

    /// Of a discount of 1 %, a tenth is kept: 1 of 1,009 parts of what is received.
    function lastKept(uint256 received) private pure returns (uint256) {
        return received / 1009;
    }

    // Step 2: the auction.

    function test_discountGrowsFromTheFlagOn(uint256 age) external {
        position(1850e18);
        vm.expectEmit(address(pool));
        emit Flagged(bob, address(this), pool.healthFactor(bob));
        vm.assertTrue(pool.flag(bob), "flagged");
        age = bound(age, 0, 60 minutes);
        pass(age);
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        uint256 expected = age >= 30 minutes ? 1000 : 100 + 900 * age / 30 minutes;
        vm.assertEq(lastLiquidation().discount, expected, "linear");
    }

    /// At the end of an auction the discount would be 10 %, which this account cannot pay.
    function test_discountIsNotMoreThanTheCollateralPaysFor(uint256 price) external {
        position(1850e18);
        pool.flag(bob);
        pass(30 minutes);
        wethFeed.set(int256(bound(price, 1000e18, 1700e18)));
        pool.accrueAll();
        vm.recordLogs();
        LendingCore.Health memory health = pool.accountHealth(bob);
        liquidate(orderOf(bob, usdc, weth));
        uint256 worth = health.collateral * 10_000 / health.debt;
        uint256 expected = worth > 11_000 ? 1000 : worth > 10_100 ? worth - 10_000 : 100;
        vm.assertEq(lastLiquidation().discount, expected, "bounded");
        // Nothing was lost that the collateral could pay, but for less than a basis point and rounding.
        if (worth >= 10_100) vm.assertLe(pool.deficit(address(usdc)), health.debt / 10_000 / 1e12 + 2, "no loss");
    }

    function test_secondFlagDoesNotBeginAnew() external {
        position(1850e18);
        pool.flag(bob);
        uint256 flagged = block.timestamp;
        pass(20 minutes);
        vm.assertTrue(pool.flag(bob), "still");
        vm.assertEq(pool.accountOf(bob).flaggedAt, flagged, "the first time counts");
    }

    function test_firstAttemptFlags() external {
        position(1850e18);
        Liquidator.Order memory order = orderOf(bob, usdc, weth);
        order.repayMax = 1000e6;
        liquidate(order);
        vm.assertEq(pool.accountOf(bob).flaggedAt, block.timestamp, "flagged, as health is still under 1");
        pass(15 minutes);
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(lastLiquidation().discount, 550, "half way");
    }

    /// Nobody knows what happened since a flag of long ago: the auction begins anew.
    function test_oldFlagLapses() external {
        position(1850e18);
        pool.flag(bob);
        pass(60 minutes + 1);
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(lastLiquidation().discount, 100, "from the start");
    }

    function test_flagEndsWhenHealthy(uint256 way) external {
        position(1850e18);
        pool.flag(bob);
        way = way % 4;
        if (way == 0) {
            repay(usdc, bob, 1000e6);
        } else if (way == 1) {
            supply(weth, bob, 1e18);
        } else if (way == 2) {
            supply(wbtc, bob, 0.1e8);
            vm.prank(bob);
            pool.setCollateral(address(wbtc), true);
            borrow(usdc, bob, 1e6);
        } else {
            reprice(2000e18);
            vm.assertTrue(!pool.flag(bob), "said so");
        }
        vm.assertEq(pool.accountOf(bob).flaggedAt, 0, "no flag");
        reprice(way == 2 ? 100e18 : 1600e18);
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(lastLiquidation().discount, 100, "from the start");
    }

    function test_healthyAccountCannotBeFlagged() external {
        position(2000e18);
        vm.assertTrue(!pool.flag(bob), "healthy");
        vm.assertTrue(!pool.flag(ann), "no debt");
        vm.assertEq(pool.accountOf(bob).flaggedAt, 0, "no flag");
    }

    // Steps 3 to 5: who pays.

    function stake(uint256 amount) private {
        configurator.setBackstop(address(usdc), backstop);
        usdc.mint(address(this), amount);
        usdc.approve(address(backstop), amount);
        backstop.deposit(amount, address(this));
    }

    /// Weth falls to 1,200: 12,000 / 1.01 = 11,881.19 are repaid, 3,118.81 are lost.
    function test_fundThenBackstopThenDeficit() external {
        usdc.mint(address(fund), 1000e6);
        stake(5000e6);
        position(1200e18);
        uint256 lost = pool.debtOf(bob, address(usdc)) - 11_881_188_119;
        vm.expectEmit(address(pool));
        emit CollateralExhausted(bob, address(usdc), lost);
        vm.expectEmit(address(pool));
        emit InsuranceFundPaid(bob, address(usdc), 1000e6, lost - 1000e6);
        // 30 % of 5,000.
        vm.expectEmit(address(pool));
        emit BackstopPaid(bob, address(usdc), 1500e6, lost - 2500e6);
        vm.expectEmit(address(pool));
        emit DeficitRecorded(bob, address(usdc), lost - 2500e6, lost - 2500e6);
        vm.expectEmit(address(pool));
        emit Unflagged(bob, type(uint256).max);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(pool.deficit(address(usdc)), lost - 2500e6, "the rest");
        vm.assertEq(usdc.balanceOf(address(fund)), 0, "all it had");
        vm.assertEq(backstop.totalAssets(), 3500e6, "its bound");
        vm.assertEq(pool.debtOf(bob, address(usdc)), 0, "gone");
        vm.assertEq(pool.accountOf(bob).debt, 0, "gone");
        assertSolvent(usdc);
    }

    function test_fundAloneWhereItSuffices() external {
        usdc.mint(address(fund), 10_000e6);
        stake(5000e6);
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(pool.deficit(address(usdc)), 0, "none");
        vm.assertEq(backstop.totalAssets(), 5000e6, "untouched");
        vm.assertApproxEqAbs(usdc.balanceOf(address(fund)), 10_000e6 - 3118.811881e6, 30, "paid");
        assertSolvent(usdc);
    }

    function test_allDebtsOfTheAccountAreWrittenOff() external {
        supply(wbtc, ann, 100e8);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 7000e6);
        borrow(wbtc, bob, 0.16e8);
        reprice(600e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(pool.accountOf(bob).debt, 0, "none");
        vm.assertApproxEqAbs(pool.deficit(address(usdc)), 7000e6 - 5940.594059e6, 30, "of one");
        vm.assertApproxEqAbs(pool.deficit(address(wbtc)), 0.16e8, 1, "and of the other");
        assertSolvent(usdc);
        assertSolvent(wbtc);
    }

    function test_nothingIsWrittenOffWhileThereIsCollateral() external {
        pledge(wbtc, bob, 0.01e8);
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertEq(pool.deficit(address(usdc)), 0, "not yet");
        vm.assertGt(pool.debtOf(bob, address(usdc)), 3000e6, "owed still");
        liquidate(orderOf(bob, usdc, wbtc));
        vm.assertGt(pool.deficit(address(usdc)), 2000e6, "now");
        vm.assertEq(pool.debtOf(bob, address(usdc)), 0, "now");
    }

    /// A grain of collateral cannot keep bad debt alive.
    function test_lastUnitOfCollateralCanBeTaken() external {
        pledge(wbtc, bob, 1);
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertGt(pool.debtOf(bob, address(usdc)), 3000e6, "owed still");
        // A hundred millionth of 50,000, at 1.01.
        (uint256 repaid, uint256 received) = liquidate(orderOf(bob, usdc, wbtc));
        vm.assertEq(repaid, 496, "rounded up");
        vm.assertEq(received, 1, "the last of it");
        vm.assertEq(pool.debtOf(bob, address(usdc)), 0, "written off");
    }

    function test_deficitsAddUp() external {
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        uint256 first = pool.deficit(address(usdc));
        bob = accountIn(3, 0);
        reprice(2000e18);
        pledge(weth, bob, 10e18);
        borrow(usdc, bob, 14_999e6);
        reprice(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertApproxEqAbs(pool.deficit(address(usdc)), 2 * first - 1e6, 100, "both");
    }

    function test_deficitEarnsNothingAndClaimsStay() external {
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        uint256 lost = pool.deficit(address(usdc));
        uint256 claim = pool.supplyOf(ann, address(usdc));
        vm.assertApproxEqAbs(claim, 10_000_000e6, 30, "whole");
        pass(1000 days);
        vm.assertEq(pool.deficit(address(usdc)), lost, "as it was");
        vm.assertEq(pool.supplyOf(ann, address(usdc)), claim, "nobody pays interest");
        assertSolvent(usdc);
    }

    function test_anybodyCoversADeficit() external {
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        uint256 lost = pool.deficit(address(usdc));
        uint256 before = usdc.balanceOf(eve);
        vm.prank(eve);
        vm.expectEmit(address(pool));
        emit DeficitCovered(address(usdc), eve, 1000e6, lost - 1000e6);
        vm.assertEq(pool.coverDeficit(address(usdc), 1000e6), 1000e6, "a part");
        vm.prank(eve);
        vm.assertEq(pool.coverDeficit(address(usdc), ALL), lost - 1000e6, "the rest and no more");
        vm.assertEq(usdc.balanceOf(eve), before - lost, "paid");
        vm.assertEq(pool.deficit(address(usdc)), 0, "none");
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(NoDeficit.selector, usdc));
        pool.coverDeficit(address(usdc), 1);
        vm.prank(ann);
        pool.withdraw(address(usdc), ALL, ann);
        assertSolvent(usdc);
    }

    function test_fundAndBackstopThatFailDoNotKeepBadDebtAlive() external {
        stake(5000e6);
        usdc.mint(address(fund), 10_000e6);
        vm.etch(address(fund), hex"fe");
        vm.etch(address(backstop), hex"fe");
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        vm.assertGt(pool.deficit(address(usdc)), 3000e6, "all of it");
        assertSolvent(usdc);
    }

    function test_writtenOffDebtNoLongerCountsAgainstACeiling() external {
        (TestToken token, TestFeed feed) = addIsolated(4 * 1000e6);
        pledge(token, bob, 200e18);
        borrow(usdc, bob, 1000e6);
        pass(1);
        feed.set(2e8);
        liquidate(orderOf(bob, usdc, token));
        vm.assertGt(pool.deficit(address(usdc)), 600e6, "lost");
        (, uint256 counted) = pool.debtCeiling(address(token), address(usdc), 1);
        vm.assertEq(counted, 0, "neither repaid nor lost debt counts");
    }

    // Fees.

    /// A year at 2 %: 800,000 * (0.02 + 0.0002 + ...) * 10 % = 1,616.11.
    function test_feesGoToFundAndBackstop() external {
        stake(5000e6);
        pledge(weth, bob, 1000e18);
        borrow(usdc, bob, 800_000e6);
        pass(365 days);
        (uint256 toFund, uint256 toBackstop) = pool.collectFees(address(usdc));
        vm.assertApproxEqRel(toFund + toBackstop, 1616.106667e6, 1e13, "a tenth of the interest");
        vm.assertApproxEqAbs(toFund, toBackstop, 1, "half each");
        vm.assertEq(usdc.balanceOf(address(fund)), toFund, "paid");
        vm.assertEq(backstop.unpaidRewards(), toBackstop, "paid out over time");
        assertSolvent(usdc);
        (toFund, toBackstop) = pool.collectFees(address(usdc));
        vm.assertEq(toFund + toBackstop, 0, "once");
    }

    function test_feesCoverADeficitFirst() external {
        position(1200e18);
        liquidate(orderOf(bob, usdc, weth));
        uint256 lost = pool.deficit(address(usdc));
        usdc.mint(pool.tillOf(0), 1000e6);
        (uint256 toFund,) = pool.collectFees(address(usdc));
        vm.assertEq(toFund, 0, "nothing");
        vm.assertApproxEqAbs(pool.deficit(address(usdc)), lost - 1000e6, 10, "less");
        usdc.mint(pool.tillOf(0), 5000e6);
        (toFund,) = pool.collectFees(address(usdc));
        vm.assertEq(pool.deficit(address(usdc)), 0, "none");
        vm.assertApproxEqAbs(toFund, 6000e6 - lost, 10, "the rest");
        assertSolvent(usdc);
    }

    function test_backstopWithoutStakersEarnsNothing() external {
        configurator.setBackstop(address(usdc), backstop);
        usdc.mint(pool.tillOf(0), 1000e6);
        (uint256 toFund, uint256 toBackstop) = pool.collectFees(address(usdc));
        vm.assertEq(toFund, 1000e6, "all");
        vm.assertEq(toBackstop, 0, "nobody is there");
    }

    function test_poolsPartOfTheDiscountReachesTheFund() external {
        position(1850e18);
        vm.recordLogs();
        liquidate(orderOf(bob, usdc, weth));
        uint256 kept = lastLiquidation().kept;
        (uint256 toFund,) = pool.collectFees(address(weth));
        vm.assertApproxEqAbs(toFund, kept, 3, "kept");
        vm.assertEq(weth.balanceOf(address(fund)), toFund, "paid");
        assertSolvent(weth);
    }

    /// An account with health of at least 1 loses nothing, whoever calls what.
    function test_healthyAccountLosesNothing(uint256 price, uint256 call) external {
        position(bound(price, 1876e18, 5000e18));
        pool.accrueAll();
        uint256 claim = pool.supplyOf(bob, address(weth));
        uint256 owed = pool.debtOf(bob, address(usdc));
        call = call % 6;
        vm.prank(eve);
        if (call == 0) try pool.liquidate(orderOf(bob, usdc, weth)) {} catch {}
        else if (call == 1) pool.flag(bob);
        else if (call == 2) pool.collectFees(address(weth));
        else if (call == 3) configurator.rebalance(address(weth));
        else if (call == 4) try pool.borrow(address(usdc), 1, bob, eve) {} catch {}
        else pool.supply(address(usdc), 1e6, bob);
        vm.assertEq(pool.supplyOf(bob, address(weth)), claim, "claim");
        vm.assertEq(pool.debtOf(bob, address(usdc)), owed, "debt");
    }
}
