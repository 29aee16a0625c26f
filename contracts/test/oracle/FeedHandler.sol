// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {OracleFixture} from "./OracleFixture.sol";

/// Seven reporters, two of whom lie, send good and bad reports for a feed. Keeps what the feed must answer.
contract FeedHandler is OracleFixture {
    struct Answer {
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        bool isTripped;
        /// What the honest observations of the report lay between.
        int256 least;
        int256 most;
    }

    PriceFeed public feed;
    Answer[] private answers;
    int256 private price = 2000e8;
    uint32 private attempt;
    uint256 public wronglyAccepted;

    constructor() {
        deployRegistry();
        feed = deployFeed(7, 1);
    }

    function count() external view returns (uint256) {
        return answers.length;
    }

    function answerOf(uint256 round) external view returns (Answer memory) {
        return answers[round - 1];
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 hours));
    }

    /// The price moves, seldom out of the bounds of the breaker.
    function move(uint256 change) external {
        if (change % 8 == 0) price = change % 16 == 0 ? int256(5e7) : int256(200_000e8);
        else price = int256(bound(change, 1500e8, 2500e8));
    }

    /// A report of any size from any of the seven. The reporters of seats 1 and 4 lie.
    function send(uint256 seed, uint256 size) external {
        attempt++;
        uint32 round = uint32(answers.length + 1);
        Plan[] memory plans = agreed(7, 0);
        shuffle(plans, seed);
        assembly ("memory-safe") {
            // Five to seven.
            mstore(plans, add(5, mod(size, 3)))
        }
        Answer memory expected = Answer(0, block.timestamp, block.timestamp, false, price + 1e8, price);
        for (uint256 i = 0; i < plans.length; i++) {
            plan(plans[i], uint256(keccak256(abi.encode(seed, i))), expected);
        }
        PriceFeed.SignedObservation[] memory signed = report(feed, round, attempt, plans);
        // Sorted now.
        expected.answer = plans[plans.length / 2].value;
        expected.isTripped = expected.answer < 1e8 || expected.answer > 100_000e8;
        // Where it is no news it is refused.
        feed.submit(round, attempt, signed);
        answers.push(expected);
    }

    /// A report that lacks something is never accepted.
    function sendWrong(uint256 seed) external {
        attempt++;
        uint32 round = uint32(answers.length + 1);
        Plan[] memory plans = agreed(5, int192(price));
        uint256 way = seed % 5;
        if (way == 0) plans[2].seat = 1;
        if (way == 1) plans[2].observedAt -= 61;
        if (way == 2) plans[2].observedAt += 6;
        PriceFeed.SignedObservation[] memory signed = report(feed, round, attempt, plans);
        if (way == 3) signed[2].value = signed[2].value == 2000e8 ? int192(2001e8) : int192(2000e8);
        if (way == 4) round++;
        try feed.submit(round, attempt, signed) {
            wronglyAccepted++;
        } catch {}
    }

    function plan(Plan memory plan_, uint256 draw, Answer memory expected) private view {
        plan_.observedAt -= uint48(draw % 61);
        if (plan_.observedAt < expected.startedAt) expected.startedAt = plan_.observedAt;
        if (plan_.seat == 1 || plan_.seat == 4) {
            plan_.value = int192(uint192(draw >> 8));
            return;
        }
        int256 value = price + int256(bound(draw >> 8, 0, 1e8));
        plan_.value = int192(value);
        if (value < expected.least) expected.least = value;
        if (value > expected.most) expected.most = value;
    }
}
