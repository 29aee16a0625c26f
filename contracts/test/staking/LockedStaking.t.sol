// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LockedStaking} from "../../src/staking/LockedStaking.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

contract LockedStakingTest is Test {
    uint256 private constant WEEK = 7 days;
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    address private constant COFFER = address(0xc0ffe);

    TestToken private token = new TestToken("TOKEN");
    LockedStaking private staking;
    /// The beginning of a week.
    uint256 private start = 3000 * WEEK;

    function setUp() external {
        vm.warp(start);
        staking = deploy(address(0));
    }

    /// 700 a week for two weeks. Alice has weight 100, Bob 200 (100 with a boost of 2).
    function test_rewardsAreSplitByWeight() external {
        uint256 alice = lock(ALICE, 100, 0);
        uint256 bob = lock(BOB, 100, 1);
        staking.fund(1400, 2);
        vm.warp(start + WEEK);
        vm.assertEq(staking.earned(alice), 0, "rewards begin with the next week");
        vm.warp(start + WEEK + WEEK / 2);
        vm.assertEq(staking.earned(alice), 116, "a third of a half of 700, rounded down");
        vm.assertEq(staking.earned(bob), 233, "two thirds");
        vm.warp(start + 10 * WEEK);
        vm.assertEq(staking.earned(alice), 466, "a third of 1400");
        vm.assertEq(staking.earned(bob), 933, "two thirds");
    }

    /// Alice's lock ends after four weeks; from then on all rewards are Bob's, though nobody calls.
    function test_aPositionEarnsNothingFromItsEndOn() external {
        uint256 alice = lock(ALICE, 100, 0);
        uint256 bob = lock(BOB, 50, 1);
        staking.fund(52 * 1000, 52);
        vm.warp(start + 40 * WEEK);
        // Weeks 1, 2 and 3 are shared, one to one; of week 0 there is nothing. 36 weeks are Bob's.
        vm.assertApproxEqAbs(staking.earned(alice), 1500, 1, "half of three weeks");
        vm.assertApproxEqAbs(staking.earned(bob), 1500 + 36_000, 1, "and all after");
        vm.prank(ALICE);
        (uint256 amount, uint256 reward) = staking.withdraw(alice);
        vm.assertEq(amount, 100, "all of it");
        vm.assertApproxEqAbs(reward, 1500, 1, "and no more");
        vm.assertEq(staking.totalWeight(), 100, "Bob's weight");
    }

    /// The lock ends with the week in which the term is over.
    function test_locksEndWithAWeek(uint256 time) external {
        time = bound(time, 0, 2 * WEEK);
        vm.warp(start + time);
        uint256 id = lock(ALICE, 100, 0);
        (LockedStaking.Position memory position, address owner) = staking.positionOf(id);
        vm.assertEq(owner, ALICE, "owner");
        vm.assertEq(position.end % WEEK, 0, "end of a week");
        vm.assertGe(position.end, block.timestamp + 4 * WEEK, "not before the term is over");
        vm.assertLt(position.end, block.timestamp + 5 * WEEK, "and in that week");
        vm.warp(position.end - 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.StillLocked.selector, id, position.end));
        staking.withdraw(id);
        vm.warp(position.end);
        vm.prank(ALICE);
        staking.withdraw(id);
        vm.assertEq(token.balanceOf(ALICE), 1e27, "all is back");
    }

    /// 20 % of 1,000,000 for leaving at once, half of it after half of the time.
    function test_thePenaltyFallsToZero() external {
        uint256 id = lock(ALICE, 1_000_000, 0);
        vm.assertEq(staking.penaltyOf(id), 200_000, "at once");
        vm.warp(start + 2 * WEEK);
        vm.assertEq(staking.penaltyOf(id), 100_000, "after half");
        vm.warp(start + 4 * WEEK - 1);
        vm.assertEq(staking.penaltyOf(id), 1, "in the last second, rounded up");
        vm.warp(start + 4 * WEEK);
        vm.assertEq(staking.penaltyOf(id), 0, "at the end");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.LockEnded.selector, id, start + 4 * WEEK));
        staking.exitEarly(id, type(uint256).max);
    }

    function test_thePenaltyIsWhatTheFormulaSays(uint256 amount, uint256 before, uint256 after_) external {
        amount = bound(amount, 1, 1e26);
        before = bound(before, 0, WEEK - 1);
        vm.warp(start + before);
        uint256 id = lock(ALICE, amount, 1);
        uint256 end = before == 0 ? 52 * WEEK : 53 * WEEK;
        after_ = bound(after_, before, end - 1);
        vm.warp(start + after_);
        // amount * 0.5 * remaining / whole, up.
        uint256 exact = amount * (end - after_) * 1e9 / (2 * (end - before));
        uint256 penalty = staking.penaltyOf(id);
        vm.assertGe(penalty * 1e9, exact, "rounded up");
        vm.assertLe(penalty * 1e9, exact + 1e9 + 1, "by less than a unit");
        vm.prank(ALICE);
        (uint256 paid,,) = staking.exitEarly(id, penalty);
        vm.assertEq(paid, amount - penalty, "the rest is paid");
    }

    function test_penaltiesGoToThoseWhoRemain() external {
        uint256 alice = lock(ALICE, 1000, 0);
        uint256 bob = lock(BOB, 500, 1);
        vm.prank(ALICE);
        staking.exitEarly(alice, 200);
        vm.assertEq(token.balanceOf(ALICE), 1e27 - 200, "less the penalty");
        vm.warp(start + WEEK);
        vm.assertEq(staking.earned(bob), 0, "not yet");
        vm.warp(start + WEEK + WEEK / 4);
        vm.assertApproxEqAbs(staking.earned(bob), 50, 1, "a quarter in a quarter of the week");
        vm.warp(start + 2 * WEEK);
        vm.assertApproxEqAbs(staking.earned(bob), 200, 1, "all of it");
        vm.prank(BOB);
        vm.assertApproxEqAbs(staking.claim(bob), 200, 1, "claimed");
        vm.assertGe(token.balanceOf(address(staking)), 500, "Bob's stake is there");
    }

    function test_penaltiesGoToTheRecipientIfThereIsOne() external {
        staking = deploy(COFFER);
        uint256 alice = lock(ALICE, 1000, 0);
        lock(BOB, 500, 1);
        vm.prank(ALICE);
        staking.exitEarly(alice, 200);
        vm.assertEq(token.balanceOf(COFFER), 200, "the penalty");
        (uint256 rewards,) = staking.weekAt(3001);
        vm.assertEq(rewards, 0, "none for the others");
    }

    /// Rewards of a time when nobody is locked are for the week after somebody comes.
    function test_rewardsOfAnEmptyTimeAreKept(uint256 gap) external {
        gap = bound(gap, 1, 300 * WEEK);
        staking.fund(52_000, 52);
        vm.warp(start + gap);
        uint256 id = lock(ALICE, 1, 1);
        vm.warp(start + gap + 53 * WEEK);
        uint256 earned = staking.earned(id);
        vm.assertLe(earned, 52_000, "no more than was given");
        vm.assertGe(earned, 51_998, "and all of it");
        vm.prank(ALICE);
        staking.claim(id);
        staking.accrue();
        (uint256 later,) = staking.weekAt(block.timestamp / WEEK + 1);
        vm.assertGe(token.balanceOf(address(staking)), 1 + later, "what is left is there");
    }

    /// Nobody calls for years: one call catches up, within a block.
    function test_aCallCatchesUpWithYears() external {
        staking.addTerm(104, 50_000, 5000);
        uint256 id = lock(ALICE, 1e18, 2);
        for (uint256 i = 0; i < 10; i++) {
            lock(BOB, 1e18, 1);
        }
        staking.fund(52e18, 52);
        vm.warp(start + 1000 * WEEK);
        uint256 before = gasleft();
        staking.accrue();
        vm.assertLt(before - gasleft(), 5_000_000, "gas");
        vm.assertEq(staking.totalWeight(), 0, "all ended");
        vm.prank(ALICE);
        (, uint256 reward) = staking.withdraw(id);
        // Five of 25 until Bob's locks end after 52 weeks, and all in the week after.
        vm.assertApproxEqAbs(reward, 51e18 / uint256(5) + 1e18, 1, "a fifth of 51 weeks, and one week");
    }

    function test_extendLocksAnew() external {
        uint256 id = lock(ALICE, 1000, 0);
        staking.fund(10_000, 10);
        vm.warp(start + 2 * WEEK);
        vm.prank(ALICE);
        staking.extend(id, 1);
        (LockedStaking.Position memory position,) = staking.positionOf(id);
        vm.assertEq(position.end, start + 54 * WEEK, "from now on");
        vm.assertEq(position.boost, 20_000, "with the boost of the term");
        vm.assertEq(staking.totalWeight(), 2000, "weight");
        vm.assertApproxEqAbs(staking.earned(id), 1000, 1, "what it earned stays");
        (, uint256 oldEnding) = staking.weekAt(3004);
        vm.assertEq(oldEnding, 0, "nothing ends where it ended before");
        vm.warp(start + 6 * WEEK);
        vm.assertApproxEqAbs(staking.earned(id), 5000, 1, "and it earns on");
    }

    /// A lock that has ended earns again from the moment on when it is extended, and not for the gap.
    function test_extendAfterTheEndDoesNotPayTheGap() external {
        uint256 id = lock(ALICE, 1000, 0);
        uint256 bob = lock(BOB, 1000, 1);
        staking.fund(10_000, 10);
        vm.warp(start + 8 * WEEK);
        vm.prank(ALICE);
        staking.extend(id, 0);
        vm.warp(start + 11 * WEEK);
        // Alice has a third of three weeks, and of the last three of ten.
        vm.assertApproxEqAbs(staking.earned(id), 1000 + 1000, 1, "a third of six weeks");
        vm.assertApproxEqAbs(staking.earned(bob), 2000 + 4000 + 2000, 1, "the rest");
    }

    function test_extendNeitherShortensNorCheapens() external {
        uint256 id = lock(ALICE, 1000, 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.EndsEarlier.selector, start + 52 * WEEK, start + 4 * WEEK));
        staking.extend(id, 0);
        vm.warp(start + 48 * WEEK);
        staking.addTerm(10, 10_000, 100);
        vm.prank(ALICE);
        // 50 % of 4 of 52 weeks, or 1 %.
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.PenaltyBelow.selector, 10, 39));
        staking.extend(id, 2);
        vm.prank(ALICE);
        staking.extend(id, 0);
    }

    function test_closedTermsKeepTheirPositions() external {
        uint256 id = lock(ALICE, 1000, 0);
        staking.setTermOpen(0, false);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.TermClosed.selector, 0));
        staking.lock(1, 0);
        vm.warp(start + 4 * WEEK);
        vm.prank(ALICE);
        staking.withdraw(id);
        staking.setTermOpen(0, true);
        lock(ALICE, 1, 0);
        vm.assertEq(staking.listTerms().length, 2, "terms");
    }

    function test_numbersNameTheOwner() external {
        uint256 first = lock(ALICE, 1, 0);
        uint256 second = lock(ALICE, 1, 0);
        vm.assertEq(first, uint256(uint160(ALICE)) << 96, "first");
        vm.assertEq(second, first + 1, "second");
        vm.assertEq(staking.ownerOf(second), ALICE, "owner");
        vm.assertEq(staking.positionsMade(ALICE), 2, "count");
    }

    function test_refusesWhatIsNotAllowed() external {
        uint256 id = lock(ALICE, 1000, 0);
        vm.startPrank(BOB);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NotOwner.selector, id, BOB));
        staking.claim(id);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NotOwner.selector, id, BOB));
        staking.withdraw(id);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NotOwner.selector, id, BOB));
        staking.exitEarly(id, 1000);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NotOwner.selector, id, BOB));
        staking.extend(id, 1);
        vm.expectRevert(LockedStaking.NothingGiven.selector);
        staking.lock(0, 0);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.UnknownTerm.selector, 2));
        staking.lock(1, 2);
        bytes memory unauthorized =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, BOB, bytes32(0));
        vm.expectRevert(unauthorized);
        staking.addTerm(1, 10_000, 0);
        vm.expectRevert(unauthorized);
        staking.setTermOpen(0, false);
        vm.stopPrank();

        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.PenaltyAbove.selector, 200, 199));
        staking.exitEarly(id, 199);
        staking.exitEarly(id, 200);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NoPosition.selector, id));
        staking.claim(id);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NoPosition.selector, id));
        staking.positionOf(id);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NoPosition.selector, id));
        staking.earned(id);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NoPosition.selector, id));
        staking.penaltyOf(id);

        vm.expectRevert(LockedStaking.NothingGiven.selector);
        staking.fund(0, 1);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.BadWeekCount.selector, 0));
        staking.fund(1, 0);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.BadWeekCount.selector, 53));
        staking.fund(1, 53);
        uint16[3][5] memory bad = [
            [uint16(0), 10_000, 0],
            [uint16(105), 10_000, 0],
            [uint16(1), 9999, 0],
            [uint16(1), 50_001, 0],
            [uint16(1), 10_000, 5001]
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(LockedStaking.BadTerm.selector, bad[i][0], bad[i][1], bad[i][2]));
            staking.addTerm(bad[i][0], bad[i][1], bad[i][2]);
        }
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.UnknownTerm.selector, 2));
        staking.setTermOpen(2, true);
        for (uint256 i = 2; i < 32; i++) {
            staking.addTerm(1, 10_000, 0);
        }
        vm.expectRevert(LockedStaking.TooManyTerms.selector);
        staking.addTerm(1, 10_000, 0);
    }

    function test_aTokenWithAFeeIsRefused() external {
        token.setFee(1);
        vm.expectRevert(abi.encodeWithSelector(LockedStaking.NotReceived.selector, 100, 99));
        staking.fund(100, 1);
    }

    function test_tokensCannotReenter() external {
        uint256 id = lock(ALICE, 1000, 0);
        vm.warp(start + 4 * WEEK);
        token.setHook(address(staking), abi.encodeCall(LockedStaking.withdraw, (id)));
        vm.prank(ALICE);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        staking.withdraw(id);
    }

    function deploy(address recipient) private returns (LockedStaking made) {
        made = new LockedStaking(token, recipient, address(this));
        made.addTerm(4, 10_000, 2000);
        made.addTerm(52, 20_000, 5000);
        address[3] memory accounts = [ALICE, BOB, address(this)];
        for (uint256 i = 0; i < 3; i++) {
            if (token.balanceOf(accounts[i]) == 0) token.mint(accounts[i], 1e27);
            vm.prank(accounts[i]);
            token.approve(address(made), type(uint256).max);
        }
    }

    function lock(address account, uint256 amount, uint256 term) private returns (uint256) {
        vm.prank(account);
        return staking.lock(amount, term);
    }
}
