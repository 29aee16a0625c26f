// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {RainfallInsurance} from "../../src/oracle/RainfallInsurance.sol";
import {RainfallFixture} from "./RainfallFixture.sol";

contract RainfallInsuranceTest is RainfallFixture {
    address private constant ANN = address(0xa11);
    address private constant BEN = address(0xbe1);
    address private constant FARMER = address(0xfa1);
    address private constant OTHER_FARMER = address(0xfa2);

    uint256 private series;
    RainfallInsurance.Terms private terms;

    function setUp() external {
        deployInsurance();
        terms = usualTerms();
        series = open(terms);
    }

    // Outcomes

    /// By hand: capital 900 + 100, five policies of 100 at 7.
    function test_drought() external {
        sell();
        measure(terms.start, 120_000);
        measure(terms.end, 120_199);
        vm.assertTrue(insurance.settle(series) == RainfallInsurance.Outcome.Dry, "dry");
        vm.assertEq(insurance.claim(series, FARMER), 300e18, "three policies");
        vm.assertEq(insurance.claim(series, OTHER_FARMER), 200e18, "two policies");
        // 1000 + 35 - 500 = 535.
        vm.assertEq(insurance.redeem(series, ANN), 481.5e18, "nine tenths");
        vm.assertEq(insurance.redeem(series, BEN), 53.5e18, "one tenth");
        requirePaid(481.5e18, 53.5e18, 300e18, 200e18);
    }

    function test_rain() external {
        sell();
        measure(terms.start, 120_000);
        measure(terms.end, 120_200);
        vm.assertTrue(insurance.settle(series) == RainfallInsurance.Outcome.Wet, "wet");
        vm.assertEq(insurance.claim(series, FARMER), 0, "nothing");
        vm.assertEq(insurance.claim(series, OTHER_FARMER), 0, "nothing");
        // 1035.
        vm.assertEq(insurance.redeem(series, ANN), 931.5e18, "nine tenths");
        vm.assertEq(insurance.redeem(series, BEN), 103.5e18, "one tenth");
        requirePaid(931.5e18, 103.5e18, 0, 0);
    }

    function test_withoutReadingsEverybodyGetsTheirMoneyBack(uint256 missing, uint256 time) external {
        sell();
        missing = bound(missing, 0, 2);
        if (missing == 0) measure(terms.start, 120_000);
        if (missing == 1) measure(terms.end, 120_000);
        uint256 deadline = terms.end + SETTLEMENT_TIME;
        time = bound(time, terms.end, deadline + 30 days);
        vm.warp(time);
        if (time <= deadline) {
            vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NotMeasured.selector, series, deadline));
            insurance.settle(series);
            vm.warp(deadline + 1);
        }
        vm.expectEmit(address(insurance));
        emit RainfallInsurance.Settled(series, RainfallInsurance.Outcome.Void, 0);
        insurance.settle(series);
        payAll();
        requirePaid(900e18, 100e18, 21e18, 14e18);
    }

    /// A gauge that falls is broken.
    function test_lessThanNoRainIsNoMeasurement() external {
        sell();
        measure(terms.start, 120_000);
        measure(terms.end, 119_999);
        vm.assertTrue(insurance.settle(series) == RainfallInsurance.Outcome.Void, "void");
        payAll();
        requirePaid(900e18, 100e18, 21e18, 14e18);
    }

    /// What the readings say decides even after the deadline, as long as nobody has had the series declared void.
    function test_lateSettlementGoesByTheReadings() external {
        sell();
        measure(terms.start, 120_000);
        measure(terms.end, 120_000);
        vm.warp(terms.end + SETTLEMENT_TIME + 1);
        vm.assertTrue(insurance.settle(series) == RainfallInsurance.Outcome.Dry, "dry");
    }

    function test_nothingIsSettledBeforeTheEnd() external {
        sell();
        measure(terms.start, 120_000);
        vm.warp(terms.end - 1);
        bytes memory notOver = abi.encodeWithSelector(RainfallInsurance.NotOver.selector, series, uint256(terms.end));
        vm.expectRevert(notOver);
        insurance.settle(series);
        vm.expectRevert(notOver);
        insurance.claim(series, FARMER);
        vm.expectRevert(notOver);
        insurance.redeem(series, ANN);
    }

    /// Anybody may claim, and the first to do so settles the series.
    function test_claimsSettleTheSeries(address caller) external {
        vm.assume(caller != address(vm));
        sell();
        measure(terms.start, 0);
        measure(terms.end, 0);
        vm.expectEmit(address(insurance));
        emit RainfallInsurance.Settled(series, RainfallInsurance.Outcome.Dry, 0);
        vm.expectEmit(address(insurance));
        emit RainfallInsurance.PoliciesSettled(series, FARMER, 3, 300e18);
        vm.prank(caller);
        insurance.claim(series, FARMER);
        vm.assertEq(token.balanceOf(FARMER), 300e18, "to the holder");
    }

    function test_eachPolicyAndShareIsPaidOnce(uint256 rainfall) external {
        sell();
        measure(terms.start, 1000);
        measure(terms.end, int192(int256(1000 + bound(rainfall, 0, 400))));
        payAll();
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NoPolicies.selector, series, FARMER));
        insurance.claim(series, FARMER);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NoShare.selector, series, ANN));
        insurance.redeem(series, ANN);
    }

    /// For any capital, policies and rain: everybody gets what the formula says, in any order, and what stays
    /// is less than a unit for each provider.
    function test_allIsPaidOut(uint256[3] memory amounts, uint256[3] memory counts, uint256 rainfall, uint256 order)
        external
    {
        uint256 capital = 0;
        for (uint256 i = 0; i < 3; i++) {
            amounts[i] = bound(amounts[i], 1, 1e24);
            capital += amounts[i];
            deposit(series, address(uint160(0x1000 + i)), amounts[i]);
        }
        uint256 sold = 0;
        for (uint256 i = 0; i < 3; i++) {
            counts[i] = bound(counts[i], 0, capital / PAYOUT - sold);
            sold += counts[i];
            if (counts[i] != 0) buy(series, address(uint160(0x2000 + i)), counts[i]);
        }
        rainfall = bound(rainfall, 0, 400);
        measure(terms.start, 0);
        measure(terms.end, int192(int256(rainfall)));
        bool isDry = rainfall < 200;
        uint256 left = capital + sold * PREMIUM - (isDry ? sold * PAYOUT : 0);
        for (uint256 step = 0; step < 6; step++) {
            uint256 i = (step + order % 6) % 6;
            if (i < 3) {
                uint256 paid = insurance.redeem(series, address(uint160(0x1000 + i)));
                vm.assertEq(paid, amounts[i] * left / capital, "a part of what is left");
            } else if (counts[i - 3] != 0) {
                uint256 paid = insurance.claim(series, address(uint160(0x2000 + i - 3)));
                vm.assertEq(paid, isDry ? counts[i - 3] * PAYOUT : 0, "the fixed sum");
            }
        }
        vm.assertLe(token.balanceOf(address(insurance)), 2, "less than a unit each");
    }

    // Capital

    function test_policiesAreCoveredAtAnyTime(uint256 amount, uint256 count, uint256 taken) external {
        amount = bound(amount, 1, 1e22);
        count = bound(count, 1, 200);
        deposit(series, ANN, amount);
        vm.assertEq(insurance.available(series), amount / PAYOUT, "available");
        token.mint(address(this), count * PREMIUM);
        token.approve(address(insurance), count * PREMIUM);
        if (count * PAYOUT > amount) {
            vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NotCovered.selector, amount, count * PAYOUT));
            insurance.buy(series, count, FARMER);
            return;
        }
        insurance.buy(series, count, FARMER);
        taken = bound(taken, 1, amount);
        bool isFree = amount - taken >= count * PAYOUT;
        vm.prank(ANN);
        if (!isFree) {
            vm.expectRevert(
                abi.encodeWithSelector(RainfallInsurance.NotCovered.selector, amount - taken, count * PAYOUT)
            );
        }
        insurance.withdraw(series, taken);
        vm.assertEq(token.balanceOf(ANN), isFree ? taken : 0, "paid out");
    }

    /// Neither a donation nor a tiny first deposit changes what those who come later own.
    function test_sharesCannotBeInflated(uint256 first, uint256 donated, uint256 second) external {
        first = bound(first, 1, 1e24);
        second = bound(second, 1, 1e24);
        deposit(series, ANN, first);
        token.mint(address(insurance), bound(donated, 0, 1e30));
        deposit(series, BEN, second);
        vm.assertEq(insurance.shares(series, BEN), second, "a share is a unit");
        vm.prank(BEN);
        insurance.withdraw(series, second);
        vm.assertEq(token.balanceOf(BEN), second, "all of it");
        deposit(series, BEN, second);
        measure(terms.start, 0);
        measure(terms.end, 500);
        vm.assertEq(insurance.redeem(series, BEN), second, "after the end, too");
    }

    function test_oneCannotWithdrawWhatIsOfOthers() external {
        deposit(series, ANN, 10);
        deposit(series, BEN, 5);
        vm.prank(BEN);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.TooMuch.selector, 6, 5));
        insurance.withdraw(series, 6);
    }

    function test_nobodyComesOrGoesAfterSalesEnd() external {
        sell();
        vm.warp(terms.salesEnd);
        bytes memory ended =
            abi.encodeWithSelector(RainfallInsurance.SalesEnded.selector, series, uint256(terms.salesEnd));
        vm.expectRevert(ended);
        insurance.deposit(series, 1, ANN);
        vm.expectRevert(ended);
        insurance.buy(series, 1, FARMER);
        vm.prank(ANN);
        vm.expectRevert(ended);
        insurance.withdraw(series, 1);
    }

    function test_seriesAreApart() external {
        uint256 other = open(terms);
        sell();
        deposit(other, BEN, 50e18);
        token.mint(address(this), PREMIUM);
        token.approve(address(insurance), PREMIUM);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NotCovered.selector, 50e18, uint256(PAYOUT)));
        insurance.buy(other, 1, FARMER);
        measure(terms.start, 0);
        measure(terms.end, 0);
        payAll();
        vm.assertEq(insurance.redeem(other, BEN), 50e18, "untouched");
    }

    function test_nothingIsDoneWithNothing() external {
        vm.expectRevert(RainfallInsurance.NothingGiven.selector);
        insurance.deposit(series, 0, ANN);
        vm.expectRevert(RainfallInsurance.NoAccount.selector);
        insurance.deposit(series, 1, address(0));
        vm.expectRevert(RainfallInsurance.NothingGiven.selector);
        insurance.withdraw(series, 0);
        vm.expectRevert(RainfallInsurance.NothingGiven.selector);
        insurance.buy(series, 0, FARMER);
        vm.expectRevert(RainfallInsurance.NoAccount.selector);
        insurance.buy(series, 1, address(0));
        bytes memory unknown = abi.encodeWithSelector(RainfallInsurance.NoSuchSeries.selector, 1);
        vm.expectRevert(unknown);
        insurance.deposit(1, 1, ANN);
        vm.expectRevert(unknown);
        insurance.settle(1);
        vm.expectRevert(unknown);
        insurance.available(1);
    }

    function test_transfersCannotBeReentered() external {
        sell();
        measure(terms.start, 0);
        measure(terms.end, 0);
        token.callBack(address(insurance), abi.encodeCall(insurance.claim, (series, OTHER_FARMER)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        insurance.claim(series, FARMER);
    }

    // Readings

    /// The reading for a time is that of one round, whoever records it and whenever the gauge was read.
    function test_oneRoundIsTheReadingForATime(uint256 time, uint256[5] memory gaps, uint256 backdated) external {
        uint256[6] memory started;
        uint256[6] memory updated;
        for (uint256 i = 1; i <= 5; i++) {
            vm.warp(block.timestamp + (i == 1 ? 0 : bound(gaps[i - 1], 1 days, 40 hours)));
            Plan[] memory plans = agreed(3, int192(int256(100 * i)));
            uint256 age = bound(uint256(keccak256(abi.encode(backdated, i))), 0, 600);
            plans[i % 3].observedAt -= uint48(age);
            submit(gauge, plans);
            (started[i], updated[i]) = (block.timestamp - age, block.timestamp);
        }
        time = bound(time, started[1] - 1 hours, updated[5] + 1 hours);
        uint256 right = 0;
        for (uint256 i = 5; i >= 1; i--) {
            if (started[i] >= time) right = i;
        }
        if (right != 0 && updated[right] > time + LAG_MAX) right = 0;
        for (uint32 round = 1; round <= 5; round++) {
            if (round == right) continue;
            vm.expectRevert();
            insurance.record(time, round);
        }
        (, uint32 recorded) = insurance.readings(time);
        vm.assertEq(recorded, 0, "not recorded");
        if (right == 0) return;
        insurance.record(time, uint32(right));
        (int128 value, uint32 known) = insurance.readings(time);
        vm.assertEq(value, int256(100 * right), "value");
        vm.assertEq(known, right, "round");
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.KnownReading.selector, time));
        insurance.record(time, uint32(right));
    }

    function test_readingsAreNeitherEarlyNorLateNorSecond() external {
        uint256 time = block.timestamp + 1 days;
        submitAgreed(gauge, 1);
        uint256 first = block.timestamp;
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.TooEarly.selector, first, time));
        insurance.record(time, 1);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 2));
        insurance.record(time, 2);
        vm.warp(time + LAG_MAX + 1);
        submitAgreed(gauge, 2);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.TooLate.selector, time + LAG_MAX + 1, time + LAG_MAX));
        insurance.record(time, 2);
        insurance.record(time + 1, 2);
        vm.warp(block.timestamp + 1 days);
        submitAgreed(gauge, 3);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NotFirst.selector, 3, time + LAG_MAX + 1));
        insurance.record(time + LAG_MAX + 1, 3);
    }

    /// A round that tripped the breaker is no reading, and does not let another one be.
    function test_aRoundWithoutAnAnswerIsNoReading() external {
        submitAgreed(gauge, 1);
        vm.warp(block.timestamp + 1 days);
        uint256 time = block.timestamp;
        submitAgreed(gauge, 2e9);
        vm.warp(block.timestamp + 1 hours);
        submitAgreed(gauge, 2);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.BreakerTripped.selector, 2));
        insurance.record(time, 2);
        vm.expectRevert(abi.encodeWithSelector(RainfallInsurance.NotFirst.selector, 3, time));
        insurance.record(time, 3);
        insurance.record(time + 1, 3);
    }

    // Terms

    function test_onlyTheRoleOpensSeries(address stranger) external {
        vm.assume(stranger != APPOINTER && stranger != address(vm));
        bytes32 role = insurance.OPENER_ROLE();
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        insurance.open(terms);
    }

    function test_termsThatMakeNoSenseAreRejected() external {
        for (uint256 i = 0; i < 7; i++) {
            RainfallInsurance.Terms memory wrong = usualTerms();
            if (i == 0) wrong.salesEnd = uint40(block.timestamp);
            if (i == 1) wrong.salesEnd = wrong.start + 1;
            if (i == 2) wrong.end = wrong.start;
            if (i == 3) wrong.threshold = 0;
            if (i == 4) wrong.premium = 0;
            if (i == 5) wrong.premium = wrong.payout;
            if (i == 6) wrong.payout = 0;
            vm.prank(APPOINTER);
            vm.expectRevert(RainfallInsurance.WrongTerms.selector);
            insurance.open(wrong);
        }
        vm.expectEmit(address(insurance));
        emit RainfallInsurance.SeriesOpened(1, terms);
        vm.assertEq(open(terms), 1, "the next number");
    }

    function test_parametersThatMakeNoSenseAreRejected() external {
        vm.expectRevert(RainfallInsurance.NoAccount.selector);
        new RainfallInsurance(gauge, token, address(0), LAG_MAX, SETTLEMENT_TIME);
        vm.expectRevert(RainfallInsurance.WrongConfig.selector);
        new RainfallInsurance(gauge, IERC20(address(0)), ADMIN, LAG_MAX, SETTLEMENT_TIME);
        // The feed may need 26 hours and ten minutes.
        vm.expectRevert(RainfallInsurance.WrongConfig.selector);
        new RainfallInsurance(gauge, token, ADMIN, 26 hours + 599, SETTLEMENT_TIME);
        vm.expectRevert(RainfallInsurance.WrongConfig.selector);
        new RainfallInsurance(gauge, token, ADMIN, LAG_MAX, LAG_MAX);
        vm.expectRevert(RainfallInsurance.WrongConfig.selector);
        new RainfallInsurance(gauge, token, ADMIN, LAG_MAX, 2 ** 32);
    }

    // What the tests above use

    function sell() private {
        deposit(series, ANN, 900e18);
        deposit(series, BEN, 100e18);
        buy(series, FARMER, 2);
        buy(series, OTHER_FARMER, 2);
        buy(series, FARMER, 1);
    }

    function payAll() private {
        insurance.redeem(series, BEN);
        insurance.claim(series, FARMER);
        insurance.redeem(series, ANN);
        insurance.claim(series, OTHER_FARMER);
    }

    function requirePaid(uint256 ann, uint256 ben, uint256 farmer, uint256 otherFarmer) private view {
        vm.assertEq(token.balanceOf(ANN), ann, "first provider");
        vm.assertEq(token.balanceOf(BEN), ben, "second provider");
        vm.assertEq(token.balanceOf(FARMER), farmer, "first holder");
        vm.assertEq(token.balanceOf(OTHER_FARMER), otherFarmer, "second holder");
        vm.assertEq(token.balanceOf(address(insurance)), 0, "nothing stays");
    }
}
