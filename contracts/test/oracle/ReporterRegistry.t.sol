// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Observations} from "../../src/oracle/Observations.sol";
import {ReporterRegistry} from "../../src/oracle/ReporterRegistry.sol";
import {OracleFixture} from "./OracleFixture.sol";

contract ReporterRegistryTest is OracleFixture {
    /// To the registry a feed is an address.
    address private constant FEED = address(0xfeed);
    address private constant OTHER_FEED = address(0xfeed2);
    address private constant FINDER = address(0xf1);

    /// An observation and who signed it.
    struct Signed {
        Observations.Observation observation;
        Observations.Signature signature;
    }

    function setUp() external {
        deployRegistry();
        makeKeys(7, 1);
        appointAll(FEED);
    }

    // Slashing

    /// Whoever signs two different observations for one round and attempt loses all of it.
    function test_equivocationCostsTheBondAndTheSeat(
        uint256 seat,
        uint32 round,
        uint32 attempt,
        int192 value,
        int192 otherValue,
        uint48 time,
        uint48 otherTime
    ) external {
        vm.assume(value != otherValue || time != otherTime);
        seat = bound(seat, 0, 6);
        Signed memory first = sign(seat, Observations.Observation(round, attempt, value, time));
        Signed memory second = sign(seat, Observations.Observation(round, attempt, otherValue, otherTime));
        vm.expectEmit(address(registry));
        emit ReporterRegistry.Slashed(FEED, accounts[seat], round, attempt, FINDER, 100e18, 900e18);
        vm.expectEmit(address(registry));
        emit ReporterRegistry.SeatVacated(FEED, accounts[seat], seat, 6);
        vm.assertEq(slash(first, second), accounts[seat], "who");
        // A tenth of 1000 to the finder, the rest to the fund.
        vm.assertEq(registry.owed(FINDER), 100e18, "reward");
        vm.assertEq(registry.owed(FUND), 900e18, "fund");
        requireReporter(accounts[seat], ReporterRegistry.State.Slashed, 0);
        requireVacated(seat);
        // Once.
        expectWrongState(accounts[seat], ReporterRegistry.State.Slashed);
        slash(first, second);
        // For good.
        vm.prank(accounts[seat]);
        expectWrongState(accounts[seat], ReporterRegistry.State.Slashed);
        registry.join(FEED, OWNER);
        registry.claim(FINDER);
        registry.claim(FUND);
        vm.assertEq(token.balanceOf(FINDER), 100e18, "paid to the finder");
        vm.assertEq(token.balanceOf(FUND), 900e18, "paid to the fund");
    }

    /// An adversary has all that the honest sign: one observation for each round and attempt, for several feeds
    /// and chains; and keys of its own, one of them with a seat. It puts together any two observations with any
    /// two signatures, changed in any way. No honest reporter loses anything.
    function test_theHonestCannotBeSlashed(uint256 seed) external {
        Signed[] memory pool = poolOf(seed);
        for (uint256 i = 0; i < 16; i++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, "try", i)));
            Signed memory first = forge_(pool, draw, draw);
            // Often of the same reporter, or the same observation.
            uint256 taken = draw >> 64;
            if (taken % 3 != 0) taken = draw - draw % 8 + (taken % 3 == 1 ? draw % 8 : taken >> 8 & 7);
            Signed memory second = forge_(pool, taken, draw >> 64);
            if (draw >> 255 == 0) {
                // Otherwise nearly all would fail for another round already.
                second.observation.round = first.observation.round;
                second.observation.attempt = first.observation.attempt;
            }
            address feed = (draw >> 250) % 4 == 0 ? OTHER_FEED : FEED;
            try registry.slash(
                feed, first.observation, first.signature, second.observation, second.signature, FINDER
            ) returns (
                address account
            ) {
                vm.assertEq(account, accounts[6], "the adversary's own reporter");
            } catch {}
        }
        for (uint256 seat = 0; seat < 6; seat++) {
            requireReporter(accounts[seat], ReporterRegistry.State.Joined, BOND);
        }
        (, uint256 active,,) = registry.committee(FEED);
        vm.assertEq(active & 0x3f, 0x3f, "all honest seats");
    }

    function test_theSameObservationTwiceIsNoFault() external {
        Signed memory signed = sign(0, Observations.Observation(1, 0, 5, 6));
        vm.expectRevert(ReporterRegistry.NoConflict.selector);
        slash(signed, signed);
        // In the other form of the signature neither.
        Signed memory other = Signed(signed.observation, malleated(signed.signature));
        vm.expectRevert(ReporterRegistry.NoConflict.selector);
        slash(signed, other);
    }

    function test_otherRoundsAndAttemptsAreNoFault() external {
        Signed memory signed = sign(0, Observations.Observation(1, 0, 5, 6));
        vm.expectRevert(ReporterRegistry.NoConflict.selector);
        slash(signed, sign(0, Observations.Observation(2, 0, 7, 8)));
        vm.expectRevert(ReporterRegistry.NoConflict.selector);
        slash(signed, sign(0, Observations.Observation(1, 1, 7, 8)));
    }

    function test_twoReportersAreNoFault() external {
        Signed memory first = sign(0, Observations.Observation(1, 0, 5, 6));
        Signed memory second = sign(1, Observations.Observation(1, 0, 7, 8));
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.DifferentSigners.selector, accounts[0], accounts[1]));
        slash(first, second);
    }

    function test_otherFeedsChainsAndContractsAreNoFault() external {
        Observations.Observation memory first = Observations.Observation(1, 0, 5, 6);
        Observations.Observation memory second = Observations.Observation(1, 0, 7, 8);
        bytes32[3] memory digests = [
            digestOf(OTHER_FEED, block.chainid, second),
            digestOf(FEED, block.chainid + 1, second),
            digestOf(address(registry), block.chainid, second)
        ];
        Observations.Signature memory right = signFor(FEED, keys[0], first);
        for (uint256 i = 0; i < 3; i++) {
            Observations.Signature memory signature = signDigest(keys[0], digests[i]);
            // It recovers to somebody else, or to nobody.
            vm.expectRevert();
            registry.slash(FEED, first, right, second, signature, FINDER);
        }
        requireReporter(accounts[0], ReporterRegistry.State.Joined, BOND);
    }

    /// The signature of zeros and signatures with a high s are nobody's.
    function test_badSignaturesAreNoFault() external {
        Signed memory first = sign(0, Observations.Observation(1, 0, 5, 6));
        Signed memory second = sign(0, Observations.Observation(1, 0, 7, 8));
        second.signature = Observations.Signature(0, 0);
        vm.expectRevert(ReporterRegistry.WrongSignature.selector);
        slash(first, second);
        vm.expectRevert(ReporterRegistry.WrongSignature.selector);
        slash(second, first);
        second.signature = Observations.Signature(0, 0);
        first.signature = Observations.Signature(0, 0);
        vm.expectRevert(ReporterRegistry.WrongSignature.selector);
        slash(first, second);
        // The least s of the upper half.
        second.signature = Observations.Signature(bytes32(uint256(1)), bytes32(ORDER / 2 + 1));
        vm.expectRevert(ReporterRegistry.WrongSignature.selector);
        slash(sign(0, first.observation), second);
    }

    /// A bond on its way out can still be taken, until it is paid out; then nothing is left.
    function test_leavingDoesNotSaveABond() external {
        Signed memory first = sign(0, Observations.Observation(1, 0, 5, 6));
        Signed memory second = sign(0, Observations.Observation(1, 0, 7, 8));
        vm.prank(accounts[0]);
        registry.exit(FEED, accounts[0]);
        vm.warp(block.timestamp + 14 days);
        slash(first, second);
        vm.assertEq(registry.owed(FUND), 900e18, "fund");
        expectWrongState(accounts[0], ReporterRegistry.State.Slashed);
        registry.withdraw(FEED, accounts[0]);

        vm.prank(OWNER);
        registry.exit(FEED, accounts[1]);
        vm.warp(block.timestamp + 14 days);
        registry.withdraw(FEED, accounts[1]);
        first = sign(1, first.observation);
        second = sign(1, second.observation);
        expectWrongState(accounts[1], ReporterRegistry.State.None);
        slash(first, second);
        // What a key signed follows it.
        bondFor(FEED, accounts[1]);
        slash(first, second);
        requireReporter(accounts[1], ReporterRegistry.State.Slashed, 0);
    }

    /// On one feed a fault costs nothing on another.
    function test_bondsOfFeedsAreApart() external {
        bondFor(OTHER_FEED, accounts[0]);
        slash(sign(0, Observations.Observation(1, 0, 5, 6)), sign(0, Observations.Observation(1, 0, 7, 8)));
        (,, ReporterRegistry.State state, uint128 bond) = registry.reporters(OTHER_FEED, accounts[0]);
        vm.assertTrue(state == ReporterRegistry.State.Joined, "joined there");
        vm.assertEq(bond, BOND, "bond there");
    }

    /// No transfer can stand in the way of the removal.
    function test_aRefusedTransferDoesNotStopSlashing() external {
        token.refuse(FUND);
        slash(sign(0, Observations.Observation(1, 0, 5, 6)), sign(0, Observations.Observation(1, 0, 7, 8)));
        vm.expectRevert(bytes("refused"));
        registry.claim(FUND);
        token.refuse(address(0));
        registry.claim(FUND);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NothingOwed.selector, FUND));
        registry.claim(FUND);
    }

    function test_rewardsAreRoundedDown() external {
        token.mint(address(this), 9);
        token.approve(address(registry), 9);
        registry.addBond(FEED, accounts[0], 9);
        slash(sign(0, Observations.Observation(1, 0, 5, 6)), sign(0, Observations.Observation(1, 0, 7, 8)));
        vm.assertEq(registry.owed(FINDER), 100e18, "nine tenths of a unit are none");
        vm.assertEq(registry.owed(FUND), 900e18 + 9, "to the fund");
    }

    function test_aRewardNeedsARecipient() external {
        Signed memory first = sign(0, Observations.Observation(1, 0, 5, 6));
        Signed memory second = sign(0, Observations.Observation(1, 0, 7, 8));
        vm.expectRevert(ReporterRegistry.NoAccount.selector);
        registry.slash(FEED, first.observation, first.signature, second.observation, second.signature, address(0));
    }

    /// Four are the least, and below that the feed is told to stop.
    function test_slashingBelowFourStopsTheFeed() external {
        address[] memory chosen = new address[](4);
        for (uint256 i = 0; i < 4; i++) {
            chosen[i] = accounts[i];
        }
        announceAndAppoint(FEED, chosen);
        vm.assertTrue(registry.isSetWhole(FEED), "whole");
        Signed memory first = sign(0, Observations.Observation(1, 0, 5, 6));
        Signed memory second = sign(0, Observations.Observation(1, 0, 7, 8));
        vm.expectEmit(address(registry));
        emit ReporterRegistry.SeatVacated(FEED, accounts[0], 0, 3);
        vm.expectEmit(address(registry));
        emit ReporterRegistry.SetNotWhole(FEED, 3, 4);
        slash(first, second);
        vm.assertTrue(!registry.isSetWhole(FEED), "not whole");
        (,, uint256 quorum, bool isWhole) = registry.committee(FEED);
        vm.assertTrue(!isWhole, "not whole");
        vm.assertEq(quorum, 3, "the quorum of four");
        chosen[0] = accounts[4];
        sortAddresses(chosen);
        announceAndAppoint(FEED, chosen);
        vm.assertTrue(registry.isSetWhole(FEED), "whole again");
    }

    // Joining and leaving

    function test_aBondComesBackToTheOwnerAfterTheDelay(uint256 time) external {
        uint256 withdrawableAt = block.timestamp + 14 days;
        vm.prank(accounts[3]);
        vm.expectEmit(address(registry));
        emit ReporterRegistry.LeaveBegan(FEED, accounts[3], withdrawableAt);
        registry.exit(FEED, accounts[3]);
        vm.assertEq(registry.activeReporters(FEED).length, 6, "the seat is given up at once");
        time = bound(time, block.timestamp, withdrawableAt + 365 days);
        vm.warp(time);
        if (time < withdrawableAt) {
            vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotWithdrawableYet.selector, withdrawableAt));
            registry.withdraw(FEED, accounts[3]);
            return;
        }
        registry.withdraw(FEED, accounts[3]);
        vm.assertEq(token.balanceOf(OWNER), BOND, "to the owner");
        requireReporter(accounts[3], ReporterRegistry.State.None, 0);
        expectWrongState(accounts[3], ReporterRegistry.State.None);
        registry.withdraw(FEED, accounts[3]);
    }

    function test_onlyTheReporterAndItsOwnerMakeItLeave(address caller) external {
        vm.assume(caller != accounts[0] && caller != OWNER && caller != address(vm));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAllowed.selector, caller));
        registry.exit(FEED, accounts[0]);
        vm.prank(OWNER);
        registry.exit(FEED, accounts[0]);
        vm.prank(OWNER);
        expectWrongState(accounts[0], ReporterRegistry.State.Leaving);
        registry.exit(FEED, accounts[0]);
    }

    function test_whoHasNotLeftCannotWithdraw() external {
        expectWrongState(accounts[0], ReporterRegistry.State.Joined);
        registry.withdraw(FEED, accounts[0]);
    }

    function test_whoReturnsHasNoSeat() external {
        vm.prank(OWNER);
        registry.exit(FEED, accounts[0]);
        vm.warp(block.timestamp + 14 days);
        registry.withdraw(FEED, accounts[0]);
        bondFor(FEED, accounts[0]);
        vm.assertEq(registry.activeReporters(FEED).length, 6, "not before it is appointed");
        announceAndAppoint(FEED, accounts);
        vm.assertEq(registry.activeReporters(FEED).length, 7, "appointed");
    }

    function test_joiningIsDoneOnceAndWithAnOwner() external {
        vm.prank(accounts[0]);
        expectWrongState(accounts[0], ReporterRegistry.State.Joined);
        registry.join(FEED, OWNER);
        vm.expectRevert(ReporterRegistry.NoAccount.selector);
        registry.join(FEED, address(0));
    }

    function test_bondsAreForWhoHasJoined() external {
        expectWrongState(FINDER, ReporterRegistry.State.None);
        registry.addBond(FEED, FINDER, 1);
        vm.expectRevert(ReporterRegistry.NothingGiven.selector);
        registry.addBond(FEED, accounts[0], 0);
        vm.prank(OWNER);
        registry.exit(FEED, accounts[0]);
        expectWrongState(accounts[0], ReporterRegistry.State.Leaving);
        registry.addBond(FEED, accounts[0], 1);
    }

    /// A token that calls back gets no second payment.
    function test_transfersCannotBeReentered() external {
        slash(sign(0, Observations.Observation(1, 0, 5, 6)), sign(0, Observations.Observation(1, 0, 7, 8)));
        token.callBack(address(registry), abi.encodeCall(registry.claim, (FUND)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        registry.claim(FINDER);
    }

    // Sets

    function test_aSetIsAppointedAfterTheDelayAndWithinTheWindow(uint256 time) external {
        uint256 readyAt = block.timestamp + 2 days;
        vm.prank(APPOINTER);
        vm.expectEmit(address(registry));
        emit ReporterRegistry.SetAnnounced(FEED, accounts, readyAt);
        registry.announce(FEED, accounts);
        time = bound(time, block.timestamp, readyAt + 20 days);
        vm.warp(time);
        if (time < readyAt || time > readyAt + 14 days) {
            vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotInWindow.selector, readyAt, readyAt + 14 days));
            registry.appoint(FEED, accounts);
            return;
        }
        vm.expectEmit(address(registry));
        emit ReporterRegistry.SetAppointed(FEED, accounts, 0x7f, 5);
        registry.appoint(FEED, accounts);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAnnounced.selector, FEED));
        registry.appoint(FEED, accounts);
    }

    function test_onlyWhatWasAnnouncedIsAppointed() external {
        vm.prank(APPOINTER);
        registry.announce(FEED, accounts);
        vm.warp(block.timestamp + 2 days);
        address[] memory others = new address[](6);
        for (uint256 i = 0; i < 6; i++) {
            others[i] = accounts[i];
        }
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAnnounced.selector, FEED));
        registry.appoint(FEED, others);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAnnounced.selector, OTHER_FEED));
        registry.appoint(OTHER_FEED, accounts);
    }

    function test_rolesAnnounceAndCallOff(address stranger) external {
        vm.assume(stranger != APPOINTER && stranger != CANCELLER && stranger != address(vm));
        bytes32 role = registry.APPOINTER_ROLE();
        bytes memory unauthorized =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role);
        vm.prank(stranger);
        vm.expectRevert(unauthorized);
        registry.announce(FEED, accounts);
        for (uint256 i = 0; i < 2; i++) {
            vm.prank(APPOINTER);
            registry.announce(FEED, accounts);
            vm.prank(stranger);
            vm.expectRevert(unauthorized);
            registry.callOff(FEED);
            vm.prank(i == 0 ? APPOINTER : CANCELLER);
            registry.callOff(FEED);
            vm.warp(block.timestamp + 2 days);
            vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAnnounced.selector, FEED));
            registry.appoint(FEED, accounts);
        }
        vm.prank(CANCELLER);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAnnounced.selector, FEED));
        registry.callOff(FEED);
    }

    function test_setsHaveFourTo31DistinctReporters() external {
        for (uint256 count = 0; count <= 33; count++) {
            bool isRight = count >= 4 && count <= 31;
            address[] memory chosen = new address[](count);
            for (uint256 i = 0; i < count; i++) {
                chosen[i] = address(uint160(i + 1));
            }
            vm.prank(APPOINTER);
            if (!isRight) vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.WrongCount.selector, count));
            registry.announce(FEED, chosen);
        }
        address[] memory four = new address[](4);
        (four[1], four[2], four[3]) = (address(1), address(2), address(3));
        vm.prank(APPOINTER);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAscending.selector, 0));
        registry.announce(FEED, four);
        (four[0], four[3]) = (address(1), address(4));
        vm.prank(APPOINTER);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.NotAscending.selector, 1));
        registry.announce(FEED, four);
    }

    /// Who has too little bond gets no seat, and does not stop the others.
    function test_whoHasNoBondGetsNoSeat() external {
        makeKeys(7, 2);
        for (uint256 i = 0; i < 6; i++) {
            bondFor(FEED, accounts[i]);
        }
        // One of the seven has a unit too little.
        vm.prank(accounts[6]);
        registry.join(FEED, OWNER);
        token.mint(address(this), BOND);
        token.approve(address(registry), BOND);
        registry.addBond(FEED, accounts[6], BOND - 1);
        vm.prank(OWNER);
        registry.exit(FEED, accounts[2]);
        announceAndAppoint(FEED, accounts);
        (bytes memory list, uint256 active, uint256 quorum, bool isWhole) = registry.committee(FEED);
        vm.assertEq(list.length, 140, "all in the list");
        vm.assertEq(active, 0x3b, "five seats taken");
        vm.assertEq(quorum, 5, "the quorum of seven");
        vm.assertTrue(isWhole, "whole");
        // Nobody takes a seat afterwards.
        registry.addBond(FEED, accounts[6], 1);
        vm.assertEq(registry.activeReporters(FEED).length, 5, "still five");
    }

    function test_aSetWithTooFewBondsIsNotAppointed() external {
        vm.prank(APPOINTER);
        registry.announce(FEED, accounts);
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(OWNER);
            registry.exit(FEED, accounts[i]);
        }
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.TooFewBonded.selector, 4, 5));
        registry.appoint(FEED, accounts);
    }

    /// n = 3f + 1 .. 3f + 3, computed apart.
    function test_theQuorumIsTwoThirds() external {
        makeKeys(31, 3);
        for (uint256 i = 0; i < 31; i++) {
            bondFor(OTHER_FEED, accounts[i]);
        }
        for (uint256 count = 4; count <= 31; count++) {
            address[] memory chosen = new address[](count);
            for (uint256 i = 0; i < count; i++) {
                chosen[i] = accounts[i];
            }
            announceAndAppoint(OTHER_FEED, chosen);
            (bytes memory list, uint256 active, uint256 quorum, bool isWhole) = registry.committee(OTHER_FEED);
            uint256 faulty = 0;
            while (3 * (faulty + 1) + 1 <= count) faulty++;
            vm.assertEq(quorum, 2 * faulty + 1, "2f + 1");
            vm.assertEq(active, 2 ** count - 1, "all seats");
            vm.assertEq(list.length, 20 * count, "list");
            vm.assertTrue(isWhole, "whole");
        }
    }

    function test_aFeedWithoutASetHasNone() external view {
        (bytes memory list, uint256 active, uint256 quorum, bool isWhole) = registry.committee(OTHER_FEED);
        vm.assertEq(list.length + active + quorum, 0, "nothing");
        vm.assertTrue(!isWhole && !registry.isSetWhole(OTHER_FEED), "not whole");
        vm.assertEq(registry.activeReporters(OTHER_FEED).length, 0, "nobody");
    }

    function test_parametersOutOfBoundsAreRejected() external {
        for (uint256 i = 0; i < 7; i++) {
            ReporterRegistry.Config memory config = registryConfig();
            if (i == 0) config.admin = address(0);
            if (i == 1) config.fund = address(0);
            if (i == 2) config.token = IERC20(address(0));
            if (i == 3) config.bondMin = 0;
            if (i == 4) config.rewardShare = 5001;
            if (i == 5) config.appointmentDelay = 1 days - 1;
            if (i == 6) config.unbondingDelay = 7 days - 1;
            vm.expectRevert(i < 2 ? ReporterRegistry.NoAccount.selector : ReporterRegistry.WrongConfig.selector);
            new ReporterRegistry(config);
        }
    }

    // What the tests above use

    function sign(uint256 seat, Observations.Observation memory observation) private view returns (Signed memory) {
        return Signed(observation, signFor(FEED, keys[seat], observation));
    }

    function slash(Signed memory first, Signed memory second) private returns (address) {
        return registry.slash(FEED, first.observation, first.signature, second.observation, second.signature, FINDER);
    }

    /// What three of the honest reporters of seats 0 to 5 sign, and some of what that of seat 6 does.
    function poolOf(uint256 seed) private view returns (Signed[] memory pool) {
        pool = new Signed[](4 * 8);
        for (uint256 i = 0; i < pool.length; i++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 place = i % 8;
            // Two rounds with two attempts on this feed, and the same round on other feeds and chains.
            Observations.Observation memory observation = Observations.Observation(
                place < 4 ? uint32(1 + place / 2) : 1,
                place < 4 ? uint32(place % 2) : 0,
                int192(uint192(draw % 1000)),
                uint48(START + (draw >> 16) % 100)
            );
            address feed = place == 4 || place == 6 ? OTHER_FEED : place == 7 ? address(registry) : FEED;
            uint256 chain = place == 5 || place == 6 ? block.chainid + 1 : block.chainid;
            pool[i] = Signed(observation, signDigest(keys[i / 8 * 2], digestOf(feed, chain, observation)));
        }
    }

    /// Anything that an adversary may make of the pool.
    function forge_(Signed[] memory pool, uint256 place, uint256 draw) private view returns (Signed memory forged) {
        Signed memory taken = pool[place % pool.length];
        forged = Signed(
            Observations.Observation(
                taken.observation.round,
                taken.observation.attempt,
                taken.observation.value,
                taken.observation.observedAt
            ),
            Observations.Signature(taken.signature.r, taken.signature.vs)
        );
        // Nearly half of them stay as they are.
        uint256 way = (draw >> 8) % 20;
        if (way == 0) forged.observation.value += 1;
        if (way == 1) forged.observation.observedAt += 1;
        if (way == 2) forged.observation.round = uint32(1 + (draw >> 16) % 3);
        if (way == 3) forged.observation.attempt = uint32((draw >> 16) % 3);
        if (way == 4) forged.signature = malleated(forged.signature);
        if (way == 5) forged.signature.vs ^= bytes32(uint256(2 ** 255));
        if (way == 6) forged.signature = Observations.Signature(0, 0);
        if (way == 7) forged.signature = pool[(draw >> 16) % pool.length].signature;
        if (way == 8) forged = sign(6, forged.observation);
        if (way == 9) forged.signature = signFor(FEED, (draw >> 16) % 1000 + 1, forged.observation);
        if (way == 10) forged.observation = pool[(draw >> 16) % pool.length].observation;
    }

    /// The other form of a signature, as far as 64 bytes can hold it.
    function malleated(Observations.Signature memory signature) private pure returns (Observations.Signature memory) {
        uint256 s = ORDER - (uint256(signature.vs) & (2 ** 255 - 1));
        uint256 parity = (uint256(signature.vs) >> 255) ^ 1;
        return Observations.Signature(signature.r, bytes32((s & (2 ** 255 - 1)) | (parity << 255)));
    }

    function sortAddresses(address[] memory list) private pure {
        for (uint256 i = 1; i < list.length; i++) {
            for (uint256 j = i; j > 0 && list[j - 1] > list[j]; j--) {
                (list[j - 1], list[j]) = (list[j], list[j - 1]);
            }
        }
    }

    /// Of seven seats all but one are taken.
    function requireVacated(uint256 seat) private view {
        (, uint256 active, uint256 quorum, bool isWhole) = registry.committee(FEED);
        vm.assertEq(active, 0x7f ^ (1 << seat), "seats");
        vm.assertEq(quorum, 5, "the quorum stays");
        vm.assertTrue(isWhole, "six of seven are enough");
        address[] memory left = registry.activeReporters(FEED);
        vm.assertEq(left.length, 6, "left");
        for (uint256 i = 0; i < 6; i++) {
            vm.assertEq(left[i], accounts[i < seat ? i : i + 1], "in order");
        }
    }

    function requireReporter(address account, ReporterRegistry.State state, uint256 bond) private view {
        (,, ReporterRegistry.State actual, uint128 actualBond) = registry.reporters(FEED, account);
        vm.assertEq(uint256(actual), uint256(state), "state");
        vm.assertEq(actualBond, bond, "bond");
    }

    function expectWrongState(address account, ReporterRegistry.State state) private {
        vm.expectRevert(abi.encodeWithSelector(ReporterRegistry.WrongState.selector, account, state));
    }
}
