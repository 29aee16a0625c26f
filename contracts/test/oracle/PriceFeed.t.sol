// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {ReporterRegistry} from "../../src/oracle/ReporterRegistry.sol";
import {OracleFixture} from "./OracleFixture.sol";

contract PriceFeedTest is OracleFixture {
    PriceFeed private feed;

    function setUp() external {
        deployRegistry();
        feed = deployFeed(7, 1);
    }

    // Liars

    /// The answer lies between the honest observations of the report, whatever up to f of n reporters sign,
    /// whichever of them are in the report, for any size that is enough.
    function test_liarsCannotMoveTheAnswerOutOfTheHonestRange(
        uint256 count,
        uint256 size,
        uint256 liars,
        uint256 spread,
        uint256 seed
    ) external {
        count = bound(count, 4, 31);
        uint256 faulty = (count - 1) / 3;
        size = bound(size, 2 * faulty + 1, count);
        liars = bound(liars, 0, faulty);
        feed = wideFeed(count, seed);
        (Plan[] memory plans, int256 least, int256 most) = debate(count, size, liars, bound(spread, 0, 1e30), seed);
        submit(feed, plans);
        (, int256 answer,,,) = feed.latestRoundData();
        vm.assertGe(uint256(answer + 2 ** 127), uint256(least + 2 ** 127), "not below the honest");
        vm.assertLe(uint256(answer + 2 ** 127), uint256(most + 2 ** 127), "not above the honest");
    }

    /// For each n, with all f liars as low or as high as they can, or on both sides, and the smallest and the
    /// largest report.
    function test_noNumberOfReportersIsWeak() external {
        for (uint256 count = 4; count <= 31; count++) {
            feed = wideFeed(count, count);
            uint256 faulty = (count - 1) / 3;
            for (uint256 way = 0; way < 6; way++) {
                uint256 size = way < 3 ? 2 * faulty + 1 : count;
                uint256 low = way % 3 == 0 ? faulty : way % 3 == 1 ? 0 : faulty / 2;
                Plan[] memory plans = agreed(size, 0);
                for (uint256 i = 0; i < size; i++) {
                    plans[i].value = int192(int256(1000 + way * 100 + i));
                    if (i < faulty) plans[i].value = i < low ? type(int192).min : type(int192).max;
                }
                submit(feed, plans);
                (, int256 answer,,,) = feed.latestRoundData();
                vm.assertGe(uint256(answer), 1000 + way * 100 + faulty, "not below the honest");
                vm.assertLe(uint256(answer), 1000 + way * 100 + size - 1, "not above the honest");
            }
        }
    }

    /// The bound is as good as it can be: one liar more may have it out of the range.
    function test_oneLiarMoreThanFCanMoveTheAnswer() external {
        Plan[] memory plans = agreed(5, 2000e8);
        for (uint256 i = 0; i < 3; i++) {
            plans[i].value = 5000e8;
        }
        submit(feed, plans);
        (, int256 answer,,,) = feed.latestRoundData();
        vm.assertEq(answer, 5000e8, "three of five");
    }

    /// Times that liars claim cannot make an answer younger than the oldest honest observation, nor hold up
    /// the next report.
    function test_liarsCannotDateAnAnswerForward(uint256 early) external {
        early = bound(early, 0, 60);
        Plan[] memory plans = agreed(5, 2000e8);
        plans[0].observedAt = uint48(block.timestamp - early);
        plans[1].observedAt = uint48(block.timestamp + 5);
        plans[2].observedAt = uint48(block.timestamp + 5);
        submit(feed, plans);
        (,, uint256 startedAt, uint256 updatedAt,) = feed.latestRoundData();
        vm.assertEq(startedAt, block.timestamp - early, "as the oldest");
        vm.assertEq(updatedAt, block.timestamp, "as the block");
        submitAgreed(feed, 2100e8);
        vm.assertEq(feed.latestRound(), 2, "in the same second");
    }

    function test_aTimeInTheFutureCountsAsNow() external {
        Plan[] memory plans = agreed(5, 2000e8);
        for (uint256 i = 0; i < 5; i++) {
            plans[i].observedAt = uint48(block.timestamp + 5);
        }
        submit(feed, plans);
        (,, uint256 startedAt,,) = feed.latestRoundData();
        vm.assertEq(startedAt, block.timestamp, "not later than now");
    }

    // What a report gives

    function test_theMedianIsByPosition() external {
        // Hand-sorted: 1990, 1995, 2000, 2010, 9000; of six the upper of the two in the middle.
        Plan[] memory plans = agreed(5, 0);
        (plans[0].value, plans[1].value, plans[2].value) = (2010e8, 1990e8, 9000e8);
        (plans[3].value, plans[4].value) = (1995e8, 2000e8);
        submit(feed, plans);
        requireAnswer(1, 2000e8);
        plans = agreed(6, 0);
        (plans[0].value, plans[1].value, plans[2].value) = (2110e8, 2090e8, 9000e8);
        (plans[3].value, plans[4].value, plans[5].value) = (2095e8, 2100e8, 1e8);
        submit(feed, plans);
        requireAnswer(2, 2100e8);
    }

    function test_anybodyMaySubmitWhatReportersSigned(address submitter) external {
        vm.assume(submitter != address(vm));
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        vm.expectEmit(address(feed));
        emit PriceFeed.ReportAccepted(1, 0, 2000e8, 0x1f, block.timestamp, submitter);
        vm.expectEmit(address(feed));
        emit PriceFeed.Resumed(1);
        vm.expectEmit(address(feed));
        emit PriceFeed.AnswerUpdated(2000e8, 1, block.timestamp);
        vm.prank(submitter);
        feed.submit(1, 0, signed);
        requireAnswer(1, 2000e8);
    }

    function test_tellsWhatItIs() external view {
        vm.assertEq(feed.decimals(), 8, "decimals");
        vm.assertEq(bytes(feed.description()), "ETH / USD", "description");
        vm.assertEq(feed.version(), 1, "version");
        vm.assertEq(feed.heartbeat(), 1 hours, "heartbeat");
        (, string memory name, string memory version, uint256 chain, address contract_,,) = feed.eip712Domain();
        vm.assertEq(bytes(name), "Heddle PriceFeed", "name");
        vm.assertEq(bytes(version), "1", "version of the domain");
        vm.assertEq(chain, block.chainid, "chain");
        vm.assertEq(contract_, address(feed), "contract");
    }

    /// Readers never wait for each other, and a report writes two slots.
    function test_readersReadOneSlotAndReportsWriteTwo() external {
        submitAgreed(feed, 2000e8);
        vm.record();
        feed.latestRoundData();
        (bytes32[] memory reads, bytes32[] memory writes) = vm.accesses(address(feed));
        vm.assertEq(distinct(reads), 1, "slots read");
        vm.assertEq(writes.length, 0, "slots written by a reader");
        vm.record();
        feed.isStale();
        (bytes32[] memory again,) = vm.accesses(address(feed));
        vm.assertEq(distinct(again), 1, "slots read for the age");
        vm.assertEq(again[0], reads[0], "the same one");
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(5, 2100e8));
        vm.record();
        feed.submit(2, 0, signed);
        (, writes) = vm.accesses(address(feed));
        vm.assertEq(distinct(writes), 2, "slots written by a report");
        (reads, writes) = vm.accesses(address(registry));
        vm.assertEq(writes.length, 0, "slots of the registry written");
        vm.assertEq(distinct(reads), 1, "slots of the registry read");
    }

    // Rounds

    function test_nothingIsReadBeforeTheFirstRound() external {
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 0));
        feed.latestRoundData();
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 0));
        feed.getRoundData(0);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 1));
        feed.getRoundData(1);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 0));
        feed.observedAt(0);
        vm.assertTrue(feed.isStale(), "stale");
    }

    /// The last 1024 rounds are known as they were, others are not.
    function test_keepsTheLastRounds() external {
        feed = deployFeed(4, 3);
        uint256 start = block.timestamp;
        for (uint256 i = 1; i <= 1026; i++) {
            vm.warp(start + i);
            submitAgreed(feed, i % 2 == 0 ? int192(3000e8) + int192(int256(i)) : int192(2000e8));
        }
        for (uint256 id = 1; id <= 2; id++) {
            vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, id));
            feed.getRoundData(uint80(id));
        }
        (uint80 round, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound) =
            feed.getRoundData(4);
        vm.assertEq(round, 4, "round");
        vm.assertEq(answer, 3000e8 + 4, "answer");
        vm.assertEq(startedAt, start + 4, "started");
        vm.assertEq(updatedAt, start + 4, "updated");
        vm.assertEq(answeredInRound, 4, "answered in");
        feed.getRoundData(3);
        feed.getRoundData(1026);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 1027));
        feed.getRoundData(1027);
        // 2^32 + 4 has the place and, cut off, the number of round 4.
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoData.selector, 2 ** 32 + 4));
        feed.getRoundData(2 ** 32 + 4);
    }

    function test_onlyTheNextRoundIsAccepted(uint32 round) external {
        submitAgreed(feed, 2000e8);
        vm.assume(round != 2);
        PriceFeed.SignedObservation[] memory signed = report(feed, round, 0, agreed(5, 3000e8));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.WrongRound.selector, round, 2));
        feed.submit(round, 0, signed);
    }

    /// A round that came to nothing does not stop the feed.
    function test_aRoundIsTriedAgainUnderAnotherAttempt() external {
        submitAgreed(feed, 2000e8);
        PriceFeed.SignedObservation[] memory late = report(feed, 2, 0, agreed(5, 2100e8));
        vm.warp(block.timestamp + 61);
        expectRejected(late, 2, 0);
        feed.submit(2, 1, report(feed, 2, 1, agreed(5, 2100e8)));
        requireAnswer(2, 2100e8);
    }

    function test_observationsOfAnotherAttemptDoNotCount() external {
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        signed[3] = report(feed, 1, 1, agreed(5, 2000e8))[3];
        expectRejected(signed, 1, 0);
    }

    function test_observationsOfAnotherRoundDoNotCount() external {
        submitAgreed(feed, 2000e8);
        expectRejected(report(feed, 1, 0, agreed(5, 3000e8)), 2, 0);
        expectRejected(report(feed, 3, 0, agreed(5, 3000e8)), 2, 0);
    }

    // When a report is accepted

    /// The threshold is exact, up and down: |new - old| * 1e4 >= 50 * old.
    function test_acceptsAReportForDeviationOnly(int192 value) external {
        submitAgreed(feed, 2000e8);
        value = int192(int256(bound(uint192(value), 1900e8, 2100e8)));
        // Half a percent of 2000e8 is 10e8.
        bool isFar = value >= 2010e8 || value <= 1990e8;
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(5, value));
        if (!isFar) vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, value, int128(2000e8)));
        feed.submit(2, 0, signed);
    }

    function test_theThresholdItselfIsEnough() external {
        submitAgreed(feed, 2000e8);
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(5, 2010e8 - 1));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, int192(2010e8 - 1), int128(2000e8)));
        feed.submit(2, 0, signed);
        feed.submit(2, 1, report(feed, 2, 1, agreed(5, 2010e8)));
        requireAnswer(2, 2010e8);
    }

    function test_acceptsAReportForTheHeartbeat() external {
        submitAgreed(feed, 2000e8);
        vm.warp(block.timestamp + 1 hours - 1);
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(5, 2000e8));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, int192(2000e8), int128(2000e8)));
        feed.submit(2, 0, signed);
        vm.warp(block.timestamp + 1);
        feed.submit(2, 0, signed);
        requireAnswer(2, 2000e8);
    }

    /// An answer of zero has no percentage: each change counts, and no change does not.
    function test_eachChangeFromZeroIsNews() external {
        feed = wideFeed(4, 5);
        submitAgreed(feed, 0);
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(3, 0));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, int192(0), int128(0)));
        feed.submit(2, 0, signed);
        feed.submit(2, 1, report(feed, 2, 1, agreed(3, -1)));
        requireAnswer(2, -1);
    }

    function test_deviationOfNegativeAnswersIsOfTheirSize() external {
        feed = wideFeed(4, 5);
        submitAgreed(feed, -10_000);
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(3, -10_049));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, int192(-10_049), int128(-10_000)));
        feed.submit(2, 0, signed);
        feed.submit(2, 1, report(feed, 2, 1, agreed(3, -9950)));
        requireAnswer(2, -9950);
    }

    /// With bounds, answers and a threshold as far apart as their types let them be, nothing overflows.
    function test_extremeValuesDoNotOverflow() external {
        PriceFeed.Config memory config = feedConfig();
        (config.minAnswer, config.maxAnswer) = (type(int128).min, type(int128).max);
        config.deviationThreshold = type(uint16).max;
        feed = new PriceFeed(config);
        makeKeys(4, 9);
        appointAll(address(feed));
        submitAgreed(feed, type(int128).min);
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(3, type(int128).max));
        // Twice the last answer is 20,000 in 1e-4.
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoNews.selector, int192(type(int128).max), type(int128).min));
        feed.submit(2, 0, signed);
        vm.warp(block.timestamp + 1 hours);
        submitAgreed(feed, type(int128).max);
        requireAnswer(2, type(int128).max);
        submitAgreed(feed, type(int192).min);
        vm.assertTrue(feed.isStale(), "tripped");
    }

    // Time

    /// An observation is from the last minute, and not from before those of the last round.
    function test_observationsAreYoungButNotFromTheFuture(uint256 position, uint48 time) external {
        submitAgreed(feed, 2000e8);
        uint256 last = block.timestamp;
        vm.warp(last + 30);
        Plan[] memory plans = agreed(5, 2100e8);
        position = bound(position, 0, 4);
        time = uint48(bound(time, last - 100, last + 200));
        plans[position].observedAt = time;
        bool isRight = time >= last && time <= block.timestamp + 5;
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, plans);
        if (!isRight) {
            vm.expectRevert(
                abi.encodeWithSelector(PriceFeed.WrongTime.selector, position, time, last, block.timestamp + 5)
            );
        }
        feed.submit(2, 0, signed);
    }

    function test_oldObservationsDoNotCount() external {
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        uint256 observed = block.timestamp;
        vm.warp(observed + 61);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.WrongTime.selector, 0, observed, observed + 1, observed + 66));
        feed.submit(1, 0, signed);
        vm.warp(observed + 60);
        feed.submit(1, 0, signed);
    }

    function test_aConsumerSeesThatAnAnswerIsStale() external {
        submitAgreed(feed, 2000e8);
        uint256 updatedAt = block.timestamp;
        vm.warp(updatedAt + 70 minutes);
        vm.assertTrue(!feed.isStale(), "as old as allowed");
        vm.assertEq(feed.upSince(), updatedAt, "still up");
        vm.warp(updatedAt + 70 minutes + 1);
        vm.assertTrue(feed.isStale(), "older");
        vm.assertEq(feed.upSince(), 0, "down");
        vm.expectEmit(address(feed));
        emit PriceFeed.Resumed(2);
        submitAgreed(feed, 2000e8);
        vm.assertEq(feed.upSince(), block.timestamp, "up again");
        vm.warp(block.timestamp + 1 hours);
        uint256 since = feed.upSince();
        submitAgreed(feed, 2000e8);
        vm.assertEq(feed.upSince(), since, "since it was up again");
    }

    // The breaker

    function test_theBreakerStopsTheFeedUntilAnAnswerIsWithinBounds(bool isHigh, int192 beyond) external {
        submitAgreed(feed, 2000e8);
        uint256 distance = bound(uint192(beyond), 1, 2 ** 190);
        int192 median = isHigh ? int192(100_000e8 + int256(distance)) : int192(1e8 - int256(distance));
        PriceFeed.SignedObservation[] memory signed = report(feed, 2, 0, agreed(5, median));
        vm.expectEmit(address(feed));
        emit PriceFeed.Tripped(2, median);
        feed.submit(2, 0, signed);

        vm.expectRevert(abi.encodeWithSelector(PriceFeed.BreakerTripped.selector, 2));
        feed.latestRoundData();
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.BreakerTripped.selector, 2));
        feed.getRoundData(2);
        vm.assertTrue(feed.isStale(), "stale");
        vm.assertEq(feed.observedAt(2), block.timestamp, "the round has its time");
        feed.getRoundData(1);

        vm.warp(block.timestamp + 2 hours);
        signed = report(feed, 3, 0, agreed(5, median));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.OutOfBounds.selector, median));
        feed.submit(3, 0, signed);
        // The answer from before is news now.
        feed.submit(3, 1, report(feed, 3, 1, agreed(5, 2000e8)));
        requireAnswer(3, 2000e8);
        vm.assertEq(feed.upSince(), block.timestamp, "up again");
    }

    function test_boundsAreAnswers() external {
        submitAgreed(feed, 1e8);
        requireAnswer(1, 1e8);
        submitAgreed(feed, 100_000e8);
        requireAnswer(2, 100_000e8);
    }

    function test_theFirstAnswerIsWithinBounds() external {
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 1e8 - 1));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.OutOfBounds.selector, int192(1e8 - 1)));
        feed.submit(1, 0, signed);
    }

    /// f liars cannot trip the breaker.
    function test_liarsCannotTripTheBreaker() external {
        Plan[] memory plans = agreed(5, 2000e8);
        (plans[1].value, plans[2].value) = (type(int192).max, type(int192).max);
        submit(feed, plans);
        requireAnswer(1, 2000e8);
    }

    // Signatures

    function test_tooFewObservationsAreRejected(uint256 count) external {
        count = bound(count, 0, 4);
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(count, 2000e8));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.TooFewObservations.selector, count, 5));
        feed.submit(1, 0, signed);
    }

    function test_nobodyCountsTwice(uint256 first, uint256 second) external {
        first = bound(first, 0, 4);
        second = bound(second, first + 1, 5);
        Plan[] memory plans = agreed(6, 2000e8);
        plans[second].seat = first;
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, plans);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.RepeatedReporter.selector, second, first));
        feed.submit(1, 0, signed);
    }

    function test_valuesAreSorted(uint256 position) external {
        Plan[] memory plans = agreed(5, 0);
        for (uint256 i = 0; i < 5; i++) {
            plans[i].value = int192(int256(2000e8 + i));
        }
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, plans);
        position = bound(position, 0, 3);
        (signed[position], signed[position + 1]) = (signed[position + 1], signed[position]);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NotSorted.selector, position + 1));
        feed.submit(1, 0, signed);
    }

    function test_seatsThatDoNotExistAreRejected(uint8 seat) external {
        seat = uint8(bound(seat, 7, 255));
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        signed[2].seat = seat;
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoReporter.selector, 2, seat));
        feed.submit(1, 0, signed);
    }

    /// Whatever is changed of one observation or its signature, the report is rejected.
    function test_noPartOfAnObservationCanBeForged(uint256 position, uint256 part, uint256 bits) external {
        Plan[] memory plans = agreed(5, 0);
        for (uint256 i = 0; i < 5; i++) {
            plans[i].value = int192(int256(2000e8 + i * 1e8));
        }
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, plans);
        PriceFeed.SignedObservation memory forged = signed[bound(position, 0, 4)];
        part = bound(part, 0, 4);
        // At least one bit changes. Values stay in order, times and seats within bounds.
        if (part == 0) forged.seat = uint8((forged.seat + 5 + bits % 2) % 7);
        if (part == 1) forged.value += int192(int256(bound(bits, 1, 1e8)));
        if (part == 2) forged.observedAt -= uint48(bound(bits, 1, 60));
        if (part == 3) forged.r ^= bytes32(bound(bits, 1, type(uint256).max));
        if (part == 4) forged.vs ^= bytes32(bound(bits, 1, type(uint256).max));
        vm.expectRevert();
        feed.submit(1, 0, signed);
    }

    /// The same signature in its other form, with s in the upper half, does not count.
    function test_highSIsRejected() external {
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        uint256 s = ORDER - (uint256(signed[0].vs) & (2 ** 255 - 1));
        // Only where it has 255 bits can it be written at all.
        bytes32 parity = bytes32(uint256(2 ** 255)) & ~signed[0].vs;
        signed[0].vs = bytes32(s) | parity;
        vm.expectRevert();
        feed.submit(1, 0, signed);
    }

    /// A signature that nobody can have made recovers to zero, which is nobody.
    function test_theZeroAddressSignsNothing() external {
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        (signed[0].r, signed[0].vs) = (0, 0);
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.WrongSigner.selector, 0, accounts[0], address(0)));
        feed.submit(1, 0, signed);
    }

    function test_observationsForAnotherFeedDoNotCount() external {
        PriceFeed other = new PriceFeed(feedConfig());
        expectRejected(report(other, 1, 0, agreed(5, 2000e8)), 1, 0);
    }

    function test_observationsForAnotherChainDoNotCount() external {
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        vm.chainId(chain);
        expectRejected(signed, 1, 0);
        // After a fork of the chain the feed goes with the new number.
        vm.chainId(chain + 1);
        feed.submit(1, 0, signed);
    }

    // The set

    function test_whoLeftDoesNotCount() external {
        vm.prank(accounts[2]);
        registry.exit(address(feed), accounts[2]);
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        vm.expectRevert(abi.encodeWithSelector(PriceFeed.NoReporter.selector, 2, 2));
        feed.submit(1, 0, signed);
        Plan[] memory plans = agreed(5, 2000e8);
        plans[2].seat = 6;
        submit(feed, plans);
        requireAnswer(1, 2000e8);
    }

    /// The quorum stays when reporters leave, and a feed that has too few of them says so and stops.
    function test_stopsWhenTooFewAreLeftUntilTheSetIsWhole() external {
        for (uint256 i = 0; i < 3; i++) {
            vm.assertTrue(feed.isWhole(), "whole");
            vm.prank(OWNER);
            registry.exit(address(feed), accounts[i]);
        }
        vm.assertTrue(!feed.isWhole(), "four of seven are less than the quorum of five");
        Plan[] memory plans = agreed(4, 2000e8);
        for (uint256 i = 0; i < 4; i++) {
            plans[i].seat = 3 + i;
        }
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, plans);
        vm.expectRevert(PriceFeed.NotWhole.selector);
        feed.submit(1, 0, signed);

        address[] memory chosen = new address[](4);
        for (uint256 i = 0; i < 4; i++) {
            chosen[i] = accounts[3 + i];
        }
        announceAndAppoint(address(feed), chosen);
        vm.assertTrue(feed.isWhole(), "whole again");
        plans = agreed(3, 2000e8);
        for (uint256 i = 0; i < 3; i++) {
            signed[i] = signPlan(feed, 1, 1, Plan(3 + i, 2000e8, uint48(block.timestamp)));
            signed[i].seat = uint8(i);
        }
        PriceFeed.SignedObservation[] memory three = new PriceFeed.SignedObservation[](3);
        (three[0], three[1], three[2]) = (signed[0], signed[1], signed[2]);
        feed.submit(1, 1, three);
        requireAnswer(1, 2000e8);
    }

    function test_aFeedWithoutASetAcceptsNothing() external {
        feed = new PriceFeed(feedConfig());
        PriceFeed.SignedObservation[] memory signed = report(feed, 1, 0, agreed(5, 2000e8));
        vm.expectRevert(PriceFeed.NotWhole.selector);
        feed.submit(1, 0, signed);
        vm.assertTrue(!feed.isWhole(), "not whole");
    }

    // Parameters

    function test_parametersThatContradictEachOtherAreRejected() external {
        for (uint256 i = 0; i < 7; i++) {
            PriceFeed.Config memory config = feedConfig();
            if (i == 0) config.registry = ReporterRegistry(address(0));
            if (i == 1) config.heartbeat = 0;
            if (i == 2) config.staleAfter = config.heartbeat;
            if (i == 3) config.observationAgeMax = 0;
            if (i == 4) config.futureTolerance = 61;
            if (i == 5) config.minAnswer = config.maxAnswer;
            if (i == 6) config.minAnswer = config.maxAnswer + 1;
            vm.expectRevert(PriceFeed.WrongConfig.selector);
            new PriceFeed(config);
        }
    }

    // What the tests above use

    /// A feed without bounds of its own.
    function wideFeed(uint256 count, uint256 seed) private returns (PriceFeed wide) {
        PriceFeed.Config memory config = feedConfig();
        (config.minAnswer, config.maxAnswer) = (type(int128).min, type(int128).max);
        wide = new PriceFeed(config);
        makeKeys(count, seed);
        appointAll(address(wide));
    }

    /// Who takes part, who lies and what they say, all by the seed; and between what the honest ones are.
    function debate(uint256 count, uint256 size, uint256 liars, uint256 spread, uint256 seed)
        private
        view
        returns (Plan[] memory plans, int256 least, int256 most)
    {
        Plan[] memory all = agreed(count, 0);
        shuffle(all, seed);
        plans = new Plan[](size);
        (least, most) = (type(int256).max, type(int256).min);
        int256 center = int256(bound(uint256(keccak256(abi.encode(seed))), 0, 2e33)) - 1e33;
        for (uint256 i = 0; i < size; i++) {
            plans[i] = all[i];
            uint256 draw = uint256(keccak256(abi.encode(seed, "value", i)));
            plans[i].observedAt -= uint48(draw % 61);
            if (i < liars) {
                plans[i].value = lie(center, spread, draw >> 8);
                continue;
            }
            int256 value = center + int256(bound(draw >> 8, 0, spread));
            plans[i].value = int192(value);
            if (value < least) least = value;
            if (value > most) most = value;
        }
    }

    /// Far off, as far as can be, or just beside the honest.
    function lie(int256 center, uint256 spread, uint256 draw) private pure returns (int192) {
        uint256 kind = draw % 6;
        if (kind == 0) return type(int192).min;
        if (kind == 1) return type(int192).max;
        if (kind == 2) return int192(center - 1);
        if (kind == 3) return int192(center + int256(spread) + 1);
        if (kind == 4) return int192(uint192(draw >> 8));
        return int192(center + int256(bound(draw >> 8, 0, 3 * spread)) - int256(spread));
    }

    function expectRejected(PriceFeed.SignedObservation[] memory signed, uint32 round, uint32 attempt) private {
        vm.expectRevert();
        feed.submit(round, attempt, signed);
    }

    function requireAnswer(uint256 round, int256 expected) private view {
        (uint80 id, int256 answer,, uint256 updatedAt, uint80 answeredInRound) = feed.latestRoundData();
        vm.assertEq(id, round, "round");
        vm.assertEq(answer, expected, "answer");
        vm.assertEq(updatedAt, block.timestamp, "updated now");
        vm.assertEq(answeredInRound, round, "answered in");
        (id, answer,,,) = feed.getRoundData(uint80(round));
        vm.assertEq(answer, expected, "answer in the history");
    }

    function distinct(bytes32[] memory slots) private pure returns (uint256 count) {
        for (uint256 i = 0; i < slots.length; i++) {
            bool isNew = true;
            for (uint256 j = 0; j < i; j++) {
                if (slots[j] == slots[i]) isNew = false;
            }
            if (isNew) count++;
        }
    }
}
