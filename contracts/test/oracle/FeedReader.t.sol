// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "../../src/oracle/AggregatorV3Interface.sol";
import {FeedReader} from "../../src/oracle/FeedReader.sol";
import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {TestFeed} from "./TestFeed.sol";
import {TestReader} from "./TestReader.sol";

contract FeedReaderTest is OracleFixture {
    TestFeed private source;
    AggregatorV3Interface private feed;
    TestReader private reader;

    function setUp() external {
        vm.warp(START);
        source = new TestFeed();
        feed = AggregatorV3Interface(address(source));
        reader = new TestReader();
    }

    /// A price is usable exactly when it is above zero, complete, from now or before, and young enough.
    function test_readsWhatMayBeReliedOnAndNothingElse(
        int256 answer,
        uint256 age,
        uint256 maxAge,
        uint80 round,
        uint80 answeredIn,
        uint256 way
    ) external {
        way = bound(way, 0, 3);
        if (way == 0) answer = int256(bound(uint256(answer), 1, type(uint128).max));
        age = bound(age, 0, 2 days);
        maxAge = bound(maxAge, 0, 2 days);
        if (way != 1) answeredIn = round;
        uint256 updatedAt = way == 2 ? 0 : way == 3 ? START + age : START - age;
        give(8, round, answer, updatedAt, answeredIn);
        bool isRight = answer > 0 && answeredIn >= round && updatedAt != 0 && updatedAt <= START
            && START - updatedAt <= maxAge && uint256(answer) <= type(uint256).max / 1e10;
        (bool isUsable, uint256 priceWad, uint256 time) = reader.read(feed, maxAge);
        vm.assertEq(isUsable, isRight, "usable");
        vm.assertEq(time, updatedAt, "time");
        unchecked {
            vm.assertEq(priceWad, isRight ? uint256(answer) * 1e10 : 0, "price");
        }
        if (!isRight) vm.expectRevert();
        reader.readOrRevert(feed, maxAge);
    }

    /// 1 in d decimals is 1e18; what does not divide is rounded down.
    function test_pricesHave18Decimals(uint256 decimals, uint256 answer) external {
        decimals = bound(decimals, 0, 36);
        answer = bound(answer, 1, 2 ** 128);
        give(decimals, 1, int256(answer), START, 1);
        (FeedReader.Problem problem, uint256 priceWad,) = reader.tryRead(feed, 0);
        uint256 expected = answer * 1e18 / 10 ** decimals;
        vm.assertEq(priceWad, expected, "price");
        vm.assertTrue(problem == (expected == 0 ? FeedReader.Problem.OutOfRange : FeedReader.Problem.None), "problem");
        (problem, priceWad,) = reader.tryReadWith(feed, decimals, 0);
        vm.assertEq(priceWad, expected, "the same with known decimals");
    }

    function test_reasons() external {
        give(8, 3, 2000e8, START, 3);
        requireProblem(FeedReader.Problem.None);
        give(8, 3, 0, START, 3);
        requireProblem(FeedReader.Problem.NotPositive);
        give(8, 3, -1, START, 3);
        requireProblem(FeedReader.Problem.NotPositive);
        give(8, 3, 2000e8, 0, 3);
        requireProblem(FeedReader.Problem.Incomplete);
        give(8, 3, 2000e8, START, 2);
        requireProblem(FeedReader.Problem.Incomplete);
        give(8, 3, 2000e8, START + 1, 3);
        requireProblem(FeedReader.Problem.FromFuture);
        give(8, 3, 2000e8, START - 1 hours, 3);
        requireProblem(FeedReader.Problem.None);
        give(8, 3, 2000e8, START - 1 hours - 1, 3);
        requireProblem(FeedReader.Problem.Stale);
        give(37, 3, 1e30, START, 3);
        requireProblem(FeedReader.Problem.OutOfRange);
        give(255, 3, 1e30, START, 3);
        requireProblem(FeedReader.Problem.OutOfRange);
        give(0, 3, type(int256).max, START, 3);
        requireProblem(FeedReader.Problem.OutOfRange);
        give(36, 3, 1e18 - 1, START, 3);
        requireProblem(FeedReader.Problem.OutOfRange);
    }

    /// No feed makes the reader revert.
    function test_brokenFeedsHaveNoAnswer() external {
        give(8, 3, 2000e8, START, 3);
        source.answer(abi.encode(256), abi.encode(3, 2000e8, START, START, 3));
        requireProblem(FeedReader.Problem.NoAnswer);
        source.answer(hex"08", abi.encode(3, 2000e8, START, START, 3));
        requireProblem(FeedReader.Problem.NoAnswer);
        source.answer(abi.encode(8), abi.encode(3, 2000e8, START, START));
        requireProblem(FeedReader.Problem.NoAnswer);
        source.answer(abi.encode(8), abi.encode(2 ** 80, 2000e8, START, START, 3));
        requireProblem(FeedReader.Problem.NoAnswer);
        source.answer(abi.encode(8), abi.encode(3, 2000e8, START, START, 2 ** 80));
        requireProblem(FeedReader.Problem.NoAnswer);
        source.answer(abi.encode(8), "");
        requireProblem(FeedReader.Problem.NoAnswer);
        give(8, 3, 2000e8, START, 3);
        source.break_();
        requireProblem(FeedReader.Problem.NoAnswer);
        feed = AggregatorV3Interface(address(0xdead));
        requireProblem(FeedReader.Problem.NoAnswer);
    }

    function test_whateverAFeedSendsTheReaderDoesNotRevert(bytes calldata decimals, bytes calldata round) external {
        source.answer(decimals, round);
        (FeedReader.Problem problem, uint256 priceWad,) = reader.tryRead(feed, 1 hours);
        vm.assertTrue((problem == FeedReader.Problem.None) == (priceWad != 0), "a price or a reason");
    }

    function test_revertsWithTheReason() external {
        give(8, 3, 2000e8, START - 2 hours, 3);
        vm.expectRevert(abi.encodeWithSelector(FeedReader.Unusable.selector, address(feed), FeedReader.Problem.Stale));
        reader.readOrRevert(feed, 1 hours);
    }

    /// Our own feed: before its first answer, fresh, stale, and with the breaker tripped.
    function test_readsOurFeed() external {
        deployRegistry();
        PriceFeed own = deployFeed(4, 1);
        feed = own;
        requireProblem(FeedReader.Problem.NoAnswer);
        submitAgreed(own, 2000e8);
        (bool isUsable, uint256 priceWad, uint256 updatedAt) = reader.read(own, own.staleAfter());
        vm.assertTrue(isUsable, "usable");
        vm.assertEq(priceWad, 2000e18, "price");
        vm.assertEq(updatedAt, block.timestamp, "time");
        vm.warp(block.timestamp + 1 hours + 1);
        requireProblem(FeedReader.Problem.Stale);
        submitAgreed(own, 2000e8);
        requireProblem(FeedReader.Problem.None);
        submitAgreed(own, 1);
        requireProblem(FeedReader.Problem.NoAnswer);
    }

    function test_aFeedIsSettledAfterTheGracePeriod() external {
        deployRegistry();
        PriceFeed own = deployFeed(4, 1);
        vm.assertTrue(!reader.isSettled(own, 0), "no answer yet");
        submitAgreed(own, 2000e8);
        vm.assertTrue(reader.isSettled(own, 0), "no grace");
        vm.warp(block.timestamp + 30 minutes - 1);
        vm.assertTrue(!reader.isSettled(own, 30 minutes), "a second too early");
        vm.warp(block.timestamp + 1);
        vm.assertTrue(reader.isSettled(own, 30 minutes), "settled");
        vm.warp(block.timestamp + 1 days);
        vm.assertTrue(!reader.isSettled(own, 0), "an outage");
        submitAgreed(own, 2000e8);
        vm.assertTrue(!reader.isSettled(own, 1), "just back");
        submitAgreed(own, 1);
        vm.assertTrue(!reader.isSettled(own, 0), "tripped");
    }

    function give(uint256 decimals, uint256 round, int256 answer, uint256 updatedAt, uint256 answeredIn) private {
        source.answer(abi.encode(decimals), abi.encode(round, answer, updatedAt, updatedAt, answeredIn));
    }

    function requireProblem(FeedReader.Problem expected) private view {
        (FeedReader.Problem problem, uint256 priceWad,) = reader.tryRead(feed, 1 hours);
        vm.assertEq(uint256(problem), uint256(expected), "problem");
        vm.assertEq(priceWad != 0, expected == FeedReader.Problem.None, "a price or a reason");
    }
}
