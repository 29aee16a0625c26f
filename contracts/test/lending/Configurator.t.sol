// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Backstop} from "../../src/lending/Backstop.sol";
import {Configurator} from "../../src/lending/Configurator.sol";
import {InsuranceFund} from "../../src/lending/InsuranceFund.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {Liquidator} from "../../src/lending/Liquidator.sol";
import {InterestRate} from "../../src/lending/libraries/InterestRate.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestFeed} from "./support/TestFeed.sol";
import {TestToken} from "./support/TestToken.sol";

contract ConfiguratorTest is LendingTest {
    address private eve = address(0xe4e);

    function setUp() external {
        deploy(2);
    }

    function test_onlyTheRiskRoleSetsWhatBearsRisk() external {
        bytes32 role = configurator.RISK_ROLE();
        bytes[16] memory calls = [
            abi.encodeCall(configurator.addReserve, (listing(usdc, usdcFeed, 0, 0, false))),
            abi.encodeCall(configurator.scheduleCollateralTerms, (address(usdc), 0, 0, 0, 0)),
            abi.encodeCall(configurator.scheduleFeed, (address(usdc), address(usdcFeed), 1)),
            abi.encodeCall(configurator.setCaps, (address(usdc), 0, 0)),
            abi.encodeCall(configurator.setRateModel, (address(usdc), InterestRate.Model(0, 0, 0, 0.5e18))),
            abi.encodeCall(configurator.setReserveFactor, (address(usdc), 0)),
            abi.encodeCall(configurator.setBorrowable, (address(usdc), false)),
            abi.encodeCall(configurator.setBreaker, (address(usdc), 100, 0)),
            abi.encodeCall(configurator.liftBreaker, (address(usdc))),
            abi.encodeCall(configurator.setDebtCeiling, (address(usdc), address(weth), 0)),
            abi.encodeCall(configurator.setBackstop, (address(usdc), backstop)),
            abi.encodeCall(configurator.setInsuranceFund, (fund)),
            abi.encodeCall(configurator.setTerms, (standardTerms())),
            abi.encodeCall(configurator.setPaused, (false)),
            abi.encodeCall(configurator.setFrozen, (address(usdc), false)),
            abi.encodeCall(configurator.scheduleFeed, (address(usdc), address(usdcFeed), 1))
        ];
        pool.grantRole(configurator.GUARDIAN_ROLE(), eve);
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(eve);
            (bool success, bytes memory result) = address(pool).call(calls[i]);
            vm.assertTrue(!success, "refused");
            vm.assertEq(
                result,
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, eve, role),
                "for want of the role"
            );
        }
    }

    function test_guardianStopsAndCannotStart() external {
        address guard = address(0x9a);
        pool.grantRole(configurator.GUARDIAN_ROLE(), guard);
        vm.startPrank(guard);
        configurator.setPaused(true);
        configurator.setFrozen(address(usdc), true);
        vm.expectRevert();
        configurator.setPaused(false);
        vm.expectRevert();
        configurator.setFrozen(address(usdc), false);
        vm.stopPrank();
        vm.assertTrue(pool.terms().paused, "paused");
        vm.assertTrue(pool.reserveAt(0).frozen, "frozen");
        pool.revokeRole(configurator.GUARDIAN_ROLE(), address(this));
        vm.expectRevert();
        configurator.setPaused(true);
        configurator.setPaused(false);
    }

    function test_onlyTheAdminLaunchesAndOnce() external {
        deployWith(2, new Liquidator(2));
        vm.prank(eve);
        vm.expectRevert();
        configurator.launch();
        configurator.launch();
        vm.expectRevert(AlreadyLaunched.selector);
        configurator.launch();
    }

    function test_nobodySuppliesBeforeTheLaunch() external {
        deployWith(2, new Liquidator(2));
        addReserve(usdc, usdcFeed, 8000, 8500, false);
        vm.expectRevert(NotLaunched.selector);
        configurator.setCaps(address(usdc), 1, 1);
        fill(usdc, eve, 1);
        vm.prank(eve);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector, usdc, 1, 0));
        pool.supply(address(usdc), 1, eve);
        // Until then all takes effect at once.
        configurator.scheduleCollateralTerms(address(usdc), 7000, 8000, 200, 300);
        vm.assertEq(pool.reserveAt(0).liquidationThreshold, 8000, "at once");
        configurator.scheduleFeed(address(usdc), address(wethFeed), 1 hours);
        vm.assertEq(pool.reserveAt(0).feed, address(wethFeed), "at once");
    }

    function test_collateralTermsWaitAWeek() external {
        vm.expectEmit(address(pool));
        emit CollateralTermsScheduled(address(weth), 1000, 2000, 200, 300, block.timestamp + 7 days);
        configurator.scheduleCollateralTerms(address(weth), 1000, 2000, 200, 300);
        vm.assertEq(pool.reserveAt(2).liquidationThreshold, 8000, "as before");
        uint256 from = block.timestamp + 7 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, weth, from));
        configurator.applyCollateralTerms(address(weth));
        (LendingStorage.ScheduledTerms memory terms,) = configurator.scheduledOf(address(weth));
        vm.assertEq(terms.from, from, "announced");
        vm.warp(from);
        vm.prank(eve);
        configurator.applyCollateralTerms(address(weth));
        LendingPool.ReserveConfig memory reserve = pool.reserveAt(2);
        vm.assertEq(reserve.ltv, 1000, "ltv");
        vm.assertEq(reserve.liquidationThreshold, 2000, "threshold");
        vm.assertEq(reserve.discountMin, 200, "least");
        vm.assertEq(reserve.discountMax, 300, "most");
        vm.expectRevert(abi.encodeWithSelector(NothingScheduled.selector, weth));
        configurator.applyCollateralTerms(address(weth));
    }

    function test_feedWaitsAWeek() external {
        TestFeed feed = new TestFeed(8, 3000e8);
        configurator.scheduleFeed(address(weth), address(feed), 2 hours);
        uint256 from = block.timestamp + 7 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, weth, from));
        configurator.applyFeed(address(weth));
        vm.warp(from);
        vm.prank(eve);
        configurator.applyFeed(address(weth));
        feed.set(3000e8);
        vm.warp(from + 1);
        vm.assertEq(pool.reserveState(address(weth)).price, 3000e18, "the new one");
        vm.assertEq(pool.reserveAt(2).heartbeat, 2 hours, "heartbeat");
        vm.expectRevert(abi.encodeWithSelector(NothingScheduled.selector, weth));
        configurator.applyFeed(address(weth));
    }

    function test_lateListingIsNoCollateralForAWeek() external {
        TestToken token = new TestToken("NEW", 18);
        TestFeed feed = new TestFeed(8, 1e8);
        addReserve(token, feed, 8000, 8500, false);
        vm.assertEq(pool.reserveAt(3).liquidationThreshold, 0, "none");
        vm.warp(block.timestamp + 7 days);
        configurator.applyCollateralTerms(address(token));
        vm.assertEq(pool.reserveAt(3).liquidationThreshold, 8500, "now");
    }

    function test_refusesListingTwiceOrWithoutAPrice() external {
        vm.expectRevert(abi.encodeWithSelector(KnownReserve.selector, usdc));
        addReserve(usdc, usdcFeed, 0, 0, false);
        TestToken token = new TestToken("NEW", 18);
        TestFeed feed = new TestFeed(8, 0);
        vm.expectRevert(abi.encodeWithSelector(PriceUnusable.selector, token, PriceStatus.OutOfRange));
        configurator.addReserve(listing(token, feed, 0, 0, false));
    }

    function test_refusesTooManyReserves() external {
        for (uint256 i = 3; i < 32; ++i) {
            addReserve(new TestToken("MANY", 18), usdcFeed, 0, 0, false);
        }
        Configurator.Listing memory last = listing(new TestToken("MANY", 18), usdcFeed, 0, 0, false);
        vm.expectRevert(TooManyReserves.selector);
        configurator.addReserve(last);
        vm.warp(block.timestamp + 1);
        pool.accrueAll();
    }

    function test_refusesWhatIsOutOfBounds() external {
        Configurator.Listing memory one = listing(new TestToken("NEW", 19), usdcFeed, 0, 0, false);
        refuses(one, "decimals", 19);
        one.asset = address(new TestToken("NEW", 18));
        one.heartbeat = 0;
        refuses(one, "heartbeat", 0);
        one.heartbeat = 7 days + 1;
        refuses(one, "heartbeat", 7 days + 1);
        one.heartbeat = 1 days;
        one.feed = address(new TestFeed(19, 1));
        refuses(one, "feedDecimals", 19);
        one.feed = address(usdcFeed);
        (one.ltv, one.liquidationThreshold) = (8001, 8000);
        refuses(one, "ltv", 8001);
        // 9,091 * 11,000 is more than 1.
        (one.ltv, one.liquidationThreshold) = (8000, 9091);
        refuses(one, "liquidationThreshold", 9091 * 11_000);
        one.liquidationThreshold = 9090;
        (one.discountMin, one.discountMax) = (101, 100);
        refuses(one, "discountMin", 101);
        (one.discountMin, one.discountMax, one.liquidationThreshold) = (0, 2001, 8000);
        refuses(one, "discountMax", 2001);
        one.discountMax = 1000;
        one.reserveFactor = 5001;
        refuses(one, "reserveFactor", 5001);
        one.reserveFactor = 1000;
        one.jumpMax = 99;
        refuses(one, "jumpMax", 99);
        one.jumpMax = 10_001;
        refuses(one, "jumpMax", 10_001);
        one.jumpMax = 100;
        one.jumpWindow = 1 days + 1;
        refuses(one, "jumpWindow", 1 days + 1);
        one.jumpWindow = 0;
        one.model.optimal = 0.01e18 - 1;
        refuses(one, "optimal", 0.01e18 - 1);
        one.model.optimal = 0.99e18 + 1;
        refuses(one, "optimal", 0.99e18 + 1);
        one.model = InterestRate.Model(1e18, 1e18, 2e18 + 1, 0.8e18);
        refuses(one, "rate", 4e18 + 1);
        one.model.slope2 = 2e18;
        configurator.addReserve(one);
    }

    function refuses(Configurator.Listing memory one, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(OutOfBounds.selector, name, value));
        configurator.addReserve(one);
    }

    function test_refusesTermsOutOfBounds() external {
        LendingStorage.Terms memory terms = standardTerms();
        terms.targetHealth = 1e18;
        refusesTerms(terms, "targetHealth", 1e18);
        terms.targetHealth = 1.6e18;
        refusesTerms(terms, "targetHealth", 1.6e18);
        terms = standardTerms();
        terms.valueMin = 10_001e18;
        refusesTerms(terms, "valueMin", 10_001e18);
        terms = standardTerms();
        terms.auctionDuration = 0;
        refusesTerms(terms, "auctionDuration", 0);
        terms = standardTerms();
        terms.grace = 1 days + 1;
        refusesTerms(terms, "grace", 1 days + 1);
        terms = standardTerms();
        terms.keptShare = 5001;
        refusesTerms(terms, "keptShare", 5001);
        terms = standardTerms();
        terms.flashFee = 101;
        refusesTerms(terms, "flashFee", 101);
        terms = standardTerms();
        terms.backstopShare = 10_001;
        refusesTerms(terms, "backstopShare", 10_001);
        terms = standardTerms();
        terms.syncGap = 1;
        refusesTerms(terms, "syncGap", 1);
        terms = standardTerms();
        (terms.insuranceFund, terms.paused, terms.launched) = (eve, true, false);
        configurator.setTerms(terms);
        vm.assertEq(pool.terms().insuranceFund, address(fund), "not set this way");
        vm.assertTrue(!pool.terms().paused && pool.terms().launched, "not set this way");
    }

    function refusesTerms(LendingStorage.Terms memory terms, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(OutOfBounds.selector, name, value));
        configurator.setTerms(terms);
    }

    function test_refusesFundAndBackstopOfOthers() external {
        InsuranceFund otherFund = new InsuranceFund(eve);
        vm.expectRevert(abi.encodeWithSelector(BadModule.selector, otherFund));
        configurator.setInsuranceFund(otherFund);
        vm.expectRevert(abi.encodeWithSelector(BadModule.selector, backstop));
        configurator.setBackstop(address(weth), backstop);
        Backstop other = new Backstop(weth, "B", "B", eve, 10 days, 2 days, 3000);
        vm.expectRevert(abi.encodeWithSelector(BadModule.selector, other));
        configurator.setBackstop(address(weth), other);
        configurator.setBackstop(address(usdc), backstop);
        configurator.setBackstop(address(usdc), Backstop(address(0)));
        vm.assertEq(pool.reserveAt(0).backstop, address(0), "nobody");
    }

    function test_ceilingsAreOfIsolatedReservesOnly() external {
        vm.expectRevert(abi.encodeWithSelector(OutOfBounds.selector, bytes32("isolated"), 0));
        configurator.setDebtCeiling(address(weth), address(usdc), 1);
    }

    function test_reserveFactorHoldsFromNowOn() external {
        supply(usdc, eve, 1_000_000e6);
        pledge(weth, address(this), 1000e18);
        borrow(usdc, address(this), 500_000e6);
        vm.warp(block.timestamp + 100 days);
        uint256 claim = pool.supplyOf(eve, address(usdc));
        configurator.setReserveFactor(address(usdc), 5000);
        vm.assertEq(pool.supplyOf(eve, address(usdc)), claim, "what was earned stays");
        configurator.setRateModel(address(usdc), InterestRate.Model(4e18, 0, 0, 0.5e18));
        vm.assertEq(pool.supplyOf(eve, address(usdc)), claim, "what was earned stays");
        vm.warp(block.timestamp + 1);
        pool.accrue(address(usdc));
        vm.assertApproxEqAbs(
            pool.reserveState(address(usdc)).ratePerSecond, uint256(4e27) / 365 days, 1, "the new rate"
        );
    }

    function test_unknownFunctionsAreRefused() external {
        (bool success,) = address(pool).call(hex"12345678");
        vm.assertTrue(!success, "unknown");
        vm.deal(address(this), 1);
        (success,) = address(pool).call{value: 1}("");
        vm.assertTrue(!success, "takes no ether");
    }
}
