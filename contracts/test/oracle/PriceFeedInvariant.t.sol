// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {Test} from "../support/Test.sol";
import {FeedHandler} from "./FeedHandler.sol";

contract PriceFeedInvariantTest is Test {
    FeedHandler private handler;
    PriceFeed private feed;

    function setUp() external {
        handler = new FeedHandler();
        feed = handler.feed();
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](5);
        (functions[0], functions[1]) = (handler.wait.selector, handler.move.selector);
        (functions[2], functions[3]) = (handler.send.selector, handler.sendWrong.selector);
        // Twice as often.
        functions[4] = handler.send.selector;
        targetSelectors(address(handler), functions);
    }

    /// One campaign checks all of them: making the calls is what takes the time.
    function invariant_theFeedAnswersWhatWasReported() external {
        theLastRoundIsTheMedianOfItsReport();
        historyStays();
        upSinceTheLastBreak();
    }

    /// The last round is as it must be, in all views, and between honest observations.
    function theLastRoundIsTheMedianOfItsReport() private {
        vm.assertEq(handler.wronglyAccepted(), 0, "bad reports accepted");
        uint256 count = handler.count();
        vm.assertEq(feed.latestRound(), count, "rounds");
        if (count == 0) return;
        FeedHandler.Answer memory expected = handler.answerOf(count);
        if (expected.isTripped) {
            vm.assertTrue(feed.isStale(), "tripped");
            vm.expectRevert(abi.encodeWithSelector(PriceFeed.BreakerTripped.selector, count));
            feed.latestRoundData();
            return;
        }
        (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt,) = feed.latestRoundData();
        vm.assertEq(id, count, "round");
        vm.assertEq(answer, expected.answer, "median");
        vm.assertEq(startedAt, expected.startedAt, "started");
        vm.assertEq(updatedAt, expected.updatedAt, "updated");
        vm.assertTrue(answer >= expected.least && answer <= expected.most, "between the honest");
        vm.assertEq(feed.isStale(), block.timestamp > updatedAt + 70 minutes, "stale");
    }

    /// A round never changes, and times do not fall.
    function historyStays() private {
        uint256 lastStartedAt = 0;
        for (uint256 round = 1; round <= handler.count(); round++) {
            FeedHandler.Answer memory expected = handler.answerOf(round);
            vm.assertEq(feed.observedAt(uint80(round)), expected.startedAt, "observed");
            vm.assertGe(expected.startedAt, lastStartedAt, "times do not fall");
            lastStartedAt = expected.startedAt;
            if (expected.isTripped) {
                vm.expectRevert(abi.encodeWithSelector(PriceFeed.BreakerTripped.selector, round));
                feed.getRoundData(uint80(round));
                continue;
            }
            (, int256 answer,, uint256 updatedAt,) = feed.getRoundData(uint80(round));
            vm.assertEq(answer, expected.answer, "answer");
            vm.assertEq(updatedAt, expected.updatedAt, "updated");
        }
    }

    /// Up only while the last answer counts, and since a round that ended a break.
    function upSinceTheLastBreak() private view {
        uint256 since = 0;
        uint256 last = 0;
        for (uint256 round = 1; round <= handler.count(); round++) {
            FeedHandler.Answer memory expected = handler.answerOf(round);
            bool isBack = since == 0 || expected.updatedAt > last + 70 minutes;
            if (expected.isTripped) since = 0;
            else if (isBack) since = expected.updatedAt;
            last = expected.updatedAt;
        }
        if (block.timestamp > last + 70 minutes) since = 0;
        vm.assertEq(feed.upSince(), since, "up since");
    }
}
