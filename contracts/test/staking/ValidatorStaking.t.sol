// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Validators} from "../../src/Validators.sol";
import {Ed25519Key} from "../../src/staking/Ed25519Key.sol";
import {ValidatorStaking} from "../../src/staking/ValidatorStaking.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

contract ValidatorStakingTest is Test {
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    address private constant COFFER = address(0xc0ffe);
    /// Operates the validators of the genesis.
    address private constant FOUNDER = address(0xf0);

    TestToken private token = new TestToken("TOKEN");
    Validators private validators = new Validators();
    ValidatorStaking private staking;
    bytes32 private lastKey;
    bytes32[] private genesis;
    uint256 private start = 1_800_000_000;

    function setUp() external {
        vm.warp(start);
        vm.store(address(validators), 0, bytes32(uint256(uint160(address(this)))));
        for (uint256 i = 0; i < 4; i++) {
            genesis.push(newKey());
            validators.add(genesis[i], FOUNDER);
        }
        staking = deploy(settings());
        validators.setAuthority(address(staking));
        fund(ALICE);
        fund(BOB);
        fund(address(this));
    }

    function test_thoseWithTheMostStakeAreElected(uint256 seed) external {
        uint256 count = bound(seed, 1, 12);
        uint256[] memory stakes = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            register(candidate(i), 100);
            uint256 more = seed % 4 == 0 ? 1 : bound(seed, 1, 1e6);
            vm.prank(ALICE);
            staking.delegate(candidate(i), more);
            stakes[i] = 100 + more;
        }
        staking.elect();
        address[] memory elected = staking.listElected();
        uint256 most = count < 5 ? count : 5;
        vm.assertEq(elected.length, most, "seats");
        for (uint256 i = 0; i < most; i++) {
            // The one with the most stake that is left, of the same stake the first.
            uint256 best = 0;
            for (uint256 j = 1; j < count; j++) {
                if (stakes[j] > stakes[best]) best = j;
            }
            vm.assertEq(elected[i], candidate(best), "the next one");
            vm.assertEq(operatorOf(keyOf(candidate(best))), address(staking), "validates");
            stakes[best] = 0;
        }
        vm.assertEq(validators.count(), most < 4 ? 4 : most, "and nobody else, but to have four");
    }

    function test_foundersStayAsLongAsThereAreTooFewCandidates() external {
        register(candidate(0), 100);
        staking.elect();
        vm.assertEq(validators.count(), 4, "four");
        vm.assertEq(foundersLeft(), 3, "three founders stay");
        register(candidate(1), 100);
        register(candidate(2), 100);
        register(candidate(3), 100);
        register(candidate(4), 100);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.TooEarly.selector, start + 1 days));
        staking.elect();
        vm.warp(start + 1 days);
        staking.elect();
        vm.assertEq(validators.count(), 5, "five");
        vm.assertEq(foundersLeft(), 0, "no founder");
    }

    /// A founder who is a candidate with its key is taken over, as soon as there are more than four.
    function test_entriesOfOthersAreTakenOver() external {
        fund(FOUNDER);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.KeyTaken.selector, genesis[0], FOUNDER));
        staking.register(genesis[0], 0, 100, address(0));
        vm.prank(FOUNDER);
        staking.register(genesis[0], 0, 100, address(0));
        staking.elect();
        vm.assertEq(operatorOf(genesis[0]), FOUNDER, "there are four only");
        for (uint256 i = 0; i < 4; i++) {
            register(candidate(i), 200);
        }
        vm.warp(start + 1 days);
        staking.elect();
        vm.assertEq(operatorOf(genesis[0]), address(staking), "taken over");
        vm.assertEq(validators.count(), 5, "five");
    }

    /// A founder takes the key of a candidate: the election is not stopped.
    function test_aKeyThatIsTakenInTheListIsTakenBack() external {
        for (uint256 i = 0; i < 5; i++) {
            register(candidate(i), 100);
        }
        bytes32 key = keyOf(candidate(3));
        vm.prank(FOUNDER);
        validators.replaceKey(genesis[1], key);
        staking.elect();
        vm.assertEq(validators.count(), 5, "five");
        vm.assertEq(foundersLeft(), 0, "no founder");
        vm.assertEq(operatorOf(key), address(staking), "taken back");
    }

    /// 128 entries of others are replaced by 5.
    function test_aFullListIsReplaced() external {
        Validators full = new Validators();
        vm.store(address(full), 0, bytes32(uint256(uint160(address(this)))));
        for (uint256 i = 0; i < 128; i++) {
            full.add(bytes32(i + 1), FOUNDER);
        }
        validators = full;
        staking = deploy(settings());
        full.setAuthority(address(staking));
        fund(ALICE);
        for (uint256 i = 0; i < 7; i++) {
            register(candidate(i), 100);
        }
        staking.elect();
        vm.assertEq(full.count(), 5, "five");
        vm.assertEq(foundersLeft(), 0, "all by staking");
    }

    /// Two are elected with 100 (commission 10 %) and 300. 8000 are given for a day.
    function test_rewardsAreSplitByStakeLessCommission() external {
        register(candidate(0), 25);
        register(candidate(1), 300);
        vm.prank(ALICE);
        staking.delegate(candidate(0), 75);
        staking.giveReward(8000);
        staking.elect();
        (uint256 waiting, uint256 ofEpoch) = staking.rewards();
        vm.assertEq(waiting, 0, "none waits");
        vm.assertEq(ofEpoch, 8000, "all is for this epoch");
        vm.warp(start + 12 hours);
        // 1000 for the first, of which 100 are commission, 225 its own, and 675 Alice's.
        vm.assertEq(staking.commissionOwedTo(candidate(0)), 100, "commission");
        (uint256 shares, uint256 assets, uint256 reward) = staking.delegationOf(candidate(0), ALICE);
        vm.assertEq(shares, 75, "shares");
        vm.assertEq(assets, 75, "assets");
        vm.assertEq(reward, 675, "three quarters of the rest");
        // Bob comes as half of the pool: what was is not his.
        vm.prank(BOB);
        staking.delegate(candidate(0), 100);
        (,, reward) = staking.delegationOf(candidate(0), BOB);
        vm.assertEq(reward, 0, "nothing yet");
        vm.warp(start + 3 days);
        (,, reward) = staking.delegationOf(candidate(0), BOB);
        vm.assertEq(reward, 450, "half of the other 900");
        vm.prank(ALICE);
        vm.assertEq(staking.claimReward(candidate(0)), 675 + 337, "Alice, rounded down");
        vm.prank(candidate(0));
        vm.assertEq(staking.claimCommission(), 200, "commission");
        vm.prank(candidate(0));
        vm.assertEq(staking.claimReward(candidate(0)), 225 + 112, "its own");
        (,, reward) = staking.delegationOf(candidate(1), candidate(1));
        vm.assertEq(reward, 5400, "6000 less commission");
    }

    /// Also when nearly all have left, and what did not divide by their shares would by the few that are left.
    function test_whatIsSaidIsPaid(uint256 given, uint256 time, uint256 left) external {
        register(candidate(0), 9e26);
        register(candidate(1), 100);
        vm.prank(ALICE);
        staking.delegate(candidate(0), 9e26);
        staking.giveReward(bound(given, 1e18, 1e26));
        staking.elect();
        vm.warp(start + bound(time, 1, 3 days));
        (uint256 shares,, uint256 reward) = staking.delegationOf(candidate(0), ALICE);
        vm.startPrank(ALICE);
        staking.requestExit(candidate(0), shares - bound(left, 1, 1e20));
        vm.startPrank(candidate(0));
        staking.requestExit(candidate(0), 9e26 - 100);
        vm.startPrank(ALICE);
        (,, uint256 later) = staking.delegationOf(candidate(0), ALICE);
        vm.assertEq(later, reward, "no time has passed");
        vm.assertEq(staking.claimReward(candidate(0)), reward, "what was said");
    }

    function test_withoutASeatThereIsNoReward() external {
        for (uint256 i = 0; i < 6; i++) {
            register(candidate(i), 100 - i);
        }
        staking.giveReward(1e6);
        staking.elect();
        vm.warp(start + 1 days);
        (,, uint256 reward) = staking.delegationOf(candidate(5), candidate(5));
        vm.assertEq(reward, 0, "the sixth");
        (,, reward) = staking.delegationOf(candidate(4), candidate(4));
        vm.assertEq(reward, 1e6 * 96 * 9 / uint256((100 + 99 + 98 + 97 + 96) * 10), "the fifth");
    }

    function test_rewardsWithoutElectedWait() external {
        staking.giveReward(1000);
        staking.elect();
        (uint256 waiting, uint256 ofEpoch) = staking.rewards();
        vm.assertEq(waiting, 1000, "waits");
        vm.assertEq(ofEpoch, 0, "nothing is paid");
        register(candidate(0), 100);
        vm.warp(start + 1 days);
        staking.elect();
        (waiting, ofEpoch) = staking.rewards();
        vm.assertEq(ofEpoch, 1000, "now it is");
    }

    /// All delegators leave after the election: what the seat earns goes back to the pot.
    function test_anEmptyPoolEarnsForTheNextEpoch() external {
        register(candidate(0), 100);
        staking.giveReward(1000);
        staking.elect();
        vm.startPrank(candidate(0));
        staking.requestExit(candidate(0), 100);
        vm.warp(start + 1 days);
        vm.stopPrank();
        staking.elect();
        (uint256 waiting,) = staking.rewards();
        vm.assertEq(waiting, 1000, "for the next");
        vm.assertEq(staking.listElected().length, 0, "nobody has own stake");
    }

    function test_whoLeavesIsPaidAfterTheDelay() external {
        register(candidate(0), 100);
        vm.prank(ALICE);
        staking.delegate(candidate(0), 50);
        vm.prank(ALICE);
        uint256 id = staking.requestExit(candidate(0), 20);
        (uint256 assets, uint256 finalAt, address from) = staking.exitOf(id);
        vm.assertEq(assets, 20, "assets");
        vm.assertEq(finalAt, start + 7 days, "final");
        vm.assertEq(from, candidate(0), "from");
        vm.warp(finalAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NotFinal.selector, id, finalAt));
        staking.claimExit(id);
        vm.warp(finalAt);
        vm.assertEq(staking.claimExit(id), 20, "claimed");
        vm.assertEq(token.balanceOf(ALICE), 1e27 - 30, "paid to Alice");
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.UnknownExit.selector, id));
        staking.claimExit(id);
    }

    /// 1000 in the pool and 200 on their way out: 10 % of both.
    function test_aSlashReachesThePoolAndWhoIsLeaving() external {
        register(candidate(0), 1000);
        vm.startPrank(ALICE);
        staking.delegate(candidate(0), 300);
        uint256 early = staking.requestExit(candidate(0), 100);
        vm.warp(start + 1);
        uint256 late = staking.requestExit(candidate(0), 200);
        vm.stopPrank();
        vm.warp(start + 7 days);
        staking.slash(candidate(0), 1000, "proof", uint48(start + 30 days));
        vm.assertEq(token.balanceOf(COFFER), 120, "100 and 20");
        (, bool isCandidate, uint256 assets, uint256 shares, uint256 own,,, uint256 jailed) =
            staking.candidateOf(candidate(0));
        vm.assertTrue(isCandidate, "still a candidate");
        vm.assertEq(assets, 900, "the pool");
        vm.assertEq(shares, 1000, "of as many shares");
        vm.assertEq(own, 900, "own stake");
        vm.assertEq(jailed, start + 30 days, "jailed");
        (assets,,) = staking.exitOf(early);
        vm.assertEq(assets, 100, "final in this second");
        (assets,,) = staking.exitOf(late);
        vm.assertApproxEqAbs(assets, 180, 1, "on its way");
        // Who comes now gets shares at the new price.
        vm.prank(BOB);
        vm.assertEq(staking.delegate(candidate(0), 90), 100, "shares");
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.EvidenceUsed.selector, bytes32("proof")));
        staking.slash(candidate(0), 1000, "proof", 0);
        staking.slash(candidate(0), 0, "another", 0);
        (,,,,,,, jailed) = staking.candidateOf(candidate(0));
        vm.assertEq(jailed, start + 30 days, "not shortened");
    }

    function test_whoIsJailedIsRemovedAndEarnsNoMore() external {
        for (uint256 i = 0; i < 5; i++) {
            register(candidate(i), 100);
        }
        staking.giveReward(5000);
        staking.elect();
        vm.warp(start + 6 hours);
        staking.slash(candidate(2), 0, "down", uint48(start + 2 days));
        vm.assertEq(validators.count(), 4, "removed");
        vm.assertEq(operatorOf(keyOf(candidate(2))), address(0), "not in the list");
        vm.warp(start + 1 days);
        (,, uint256 reward) = staking.delegationOf(candidate(2), candidate(2));
        vm.assertEq(reward, 225, "a quarter of 1000, less commission");
        (uint256 waiting,) = staking.rewards();
        vm.assertEq(waiting, 750, "the rest is for the next epoch");
        // Four remain, so the next one stays in the list until there is another.
        staking.slash(candidate(3), 0, "down too", uint48(start + 9 days));
        vm.assertEq(validators.count(), 4, "not removed");
        staking.elect();
        vm.assertEq(staking.listElected().length, 3, "three can be elected");
        vm.assertEq(validators.count(), 4, "four validate");
        vm.assertEq(operatorOf(keyOf(candidate(3))), address(staking), "the last one jailed among them");
        vm.warp(start + 2 days);
        staking.elect();
        vm.assertEq(staking.listElected().length, 4, "four");
        vm.assertEq(operatorOf(keyOf(candidate(3))), address(0), "now it is removed");
    }

    /// Of entries that would have to go, the jailed go first.
    function test_theJailedGoFirst() external {
        for (uint256 i = 0; i < 4; i++) {
            register(candidate(i), 100);
        }
        staking.elect();
        for (uint256 i = 0; i < 2; i++) {
            vm.startPrank(candidate(i));
            staking.requestExit(candidate(i), 100);
            vm.stopPrank();
        }
        staking.slash(candidate(2), 0, "down", type(uint48).max);
        vm.assertEq(validators.count(), 4, "too few to remove it");
        register(candidate(5), 100);
        vm.warp(start + 1 days);
        staking.elect();
        vm.assertEq(operatorOf(keyOf(candidate(2))), address(0), "the jailed one");
        vm.assertEq(validators.count(), 4, "two stay who have no stake");
    }

    function test_aHigherCommissionWaits() external {
        register(candidate(0), 100);
        vm.prank(candidate(0));
        staking.announceCommission(5000);
        staking.giveReward(1000);
        staking.elect();
        vm.warp(start + 1 days);
        vm.assertEq(staking.commissionOwedTo(candidate(0)), 100, "the old one");
        staking.elect();
        (,,,,,, uint256 commission,) = staking.candidateOf(candidate(0));
        vm.assertEq(commission, 1000, "still");
        vm.warp(start + 7 days);
        staking.elect();
        (,,,,,, commission,) = staking.candidateOf(candidate(0));
        vm.assertEq(commission, 5000, "after the delay");
        vm.prank(candidate(0));
        staking.announceCommission(0);
        vm.warp(start + 8 days);
        staking.giveReward(1000);
        staking.elect();
        (,,,,,, commission,) = staking.candidateOf(candidate(0));
        vm.assertEq(commission, 0, "a lower one with the next election");
        vm.warp(start + 9 days);
        vm.assertEq(staking.commissionOwedTo(candidate(0)), 100, "no more than before");
    }

    function test_keysAreReplacedInBothPlaces() external {
        register(candidate(0), 100);
        bytes32 old = keyOf(candidate(0));
        bytes32 early = newKey();
        vm.prank(candidate(0));
        staking.replaceKey(early);
        staking.elect();
        vm.assertEq(operatorOf(early), address(staking), "elected with the new key");
        bytes32 late = newKey();
        vm.prank(candidate(0));
        staking.replaceKey(late);
        vm.assertEq(operatorOf(early), address(0), "old key");
        vm.assertEq(operatorOf(late), address(staking), "new key");
        vm.assertEq(staking.keyOwner(old), candidate(0), "evidence still finds it");
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.KeyTaken.selector, old, candidate(0)));
        staking.register(old, 0, 100, address(0));
        vm.prank(candidate(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.KeyTaken.selector, genesis[3], FOUNDER));
        staking.replaceKey(genesis[3]);
    }

    function test_whoRetiresKeepsTheSeatUntilTheNextElection() external {
        for (uint256 i = 0; i < 5; i++) {
            register(candidate(i), 100);
        }
        staking.giveReward(500);
        staking.elect();
        vm.prank(candidate(0));
        staking.retire();
        vm.assertEq(validators.count(), 5, "still there");
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NoCandidate.selector, candidate(0)));
        staking.delegate(candidate(0), 1);
        vm.warp(start + 1 days);
        staking.elect();
        vm.assertEq(validators.count(), 4, "gone");
        (,, uint256 reward) = staking.delegationOf(candidate(0), candidate(0));
        vm.assertApproxEqAbs(reward, 90, 1, "and paid");
        // Back, with what it staked before.
        bytes32 key = keyOf(candidate(0));
        vm.startPrank(candidate(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.KeyDiffers.selector, key));
        staking.register(lastKey, 0, 0, address(0));
        staking.register(key, 0, 0, address(0));
        vm.stopPrank();
        vm.assertEq(staking.listCandidates().length, 5, "five");
    }

    function test_aNewcomerTakesThePlaceOfAWeakerOne() external {
        for (uint256 i = 0; i < 200; i++) {
            register(candidate(i), 100 + (i == 7 ? 0 : 50));
        }
        staking.elect();
        address newcomer = candidate(500);
        fund(newcomer);
        bytes32 key = newKey();
        vm.startPrank(newcomer);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.CannotDisplace.selector, address(0)));
        staking.register(key, 0, 120, address(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.CannotDisplace.selector, candidate(9)));
        staking.register(key, 0, 120, candidate(9));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.CannotDisplace.selector, candidate(0)));
        staking.register(key, 0, 1200, candidate(0));
        staking.register(key, 0, 120, candidate(7));
        vm.stopPrank();
        address[] memory all = staking.listCandidates();
        vm.assertEq(all.length, 200, "as many");
        vm.assertEq(all[199], newcomer, "the last place");
        vm.assertEq(all[7], candidate(199), "the last one has the place that is free");
        (, bool isCandidate, uint256 assets,,,,,) = staking.candidateOf(candidate(7));
        vm.assertTrue(!isCandidate, "displaced");
        vm.assertEq(assets, 100, "its stake is there");
        vm.startPrank(candidate(7));
        staking.requestExit(candidate(7), 100);
        vm.stopPrank();
    }

    function test_ownStakeIsNeeded() external {
        address account = candidate(0);
        fund(account);
        bytes32 key = newKey();
        vm.startPrank(account);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.SelfStakeTooSmall.selector, 9, 10));
        staking.register(key, 0, 9, address(0));
        staking.register(key, 0, 10, address(0));
        vm.stopPrank();
        vm.prank(ALICE);
        staking.delegate(account, 1e6);
        staking.elect();
        vm.assertEq(staking.listElected().length, 1, "elected");
        staking.setSelfStakeMin(11);
        vm.warp(start + 1 days);
        staking.elect();
        vm.assertEq(staking.listElected().length, 0, "not with too little of its own");
    }

    function test_theAuthorityCanBeHandedOn() external {
        vm.expectRevert(ValidatorStaking.NoRecipient.selector);
        staking.handAuthorityOver(address(0));
        staking.handAuthorityOver(BOB);
        vm.assertEq(validators.authority(), BOB, "handed over");
        register(candidate(0), 100);
        vm.expectRevert(abi.encodeWithSelector(Validators.NotAllowed.selector, address(staking)));
        staking.elect();
    }

    function test_refusesWhatIsNotAllowed() external {
        register(candidate(0), 100);
        bytes32 key = newKey();
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.BadKey.selector, bytes32(uint256(2) << 248)));
        staking.register(bytes32(uint256(2) << 248), 0, 100, address(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.CommissionAbove.selector, 5001, 5000));
        staking.register(key, 5001, 100, address(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NoCandidate.selector, ALICE));
        staking.retire();
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NoCandidate.selector, ALICE));
        staking.replaceKey(key);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NoCandidate.selector, ALICE));
        staking.announceCommission(1);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.CommissionAbove.selector, 5001, 5000));
        staking.announceCommission(5001);
        vm.expectRevert(ValidatorStaking.NothingGiven.selector);
        staking.claimCommission();
        vm.expectRevert(ValidatorStaking.NothingGiven.selector);
        staking.claimReward(candidate(0));
        vm.expectRevert(ValidatorStaking.NothingGiven.selector);
        staking.delegate(candidate(0), 0);
        vm.expectRevert(ValidatorStaking.NothingGiven.selector);
        staking.requestExit(candidate(0), 0);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.ExceedsShares.selector, 1, 0));
        staking.requestExit(candidate(0), 1);
        vm.expectRevert(ValidatorStaking.NothingGiven.selector);
        staking.giveReward(0);
        bytes memory unauthorized =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, ALICE, bytes32(0));
        vm.expectRevert(unauthorized);
        staking.setSeats(5);
        vm.expectRevert(unauthorized);
        staking.setSelfStakeMin(5);
        vm.expectRevert(unauthorized);
        staking.handAuthorityOver(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ALICE, keccak256("SLASHER_ROLE")
            )
        );
        staking.slash(candidate(0), 1, "", 0);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.SlashAbove.selector, 5001, 5000));
        staking.slash(candidate(0), 5001, "", 0);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NoCandidate.selector, ALICE));
        staking.slash(ALICE, 1, "", 0);
        bytes32 own = keyOf(candidate(0));
        vm.prank(candidate(0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.AlreadyCandidate.selector, candidate(0)));
        staking.register(own, 0, 100, address(0));
        vm.expectRevert(ValidatorStaking.SettingOutOfRange.selector);
        staking.setSeats(3);
        vm.expectRevert(ValidatorStaking.SettingOutOfRange.selector);
        staking.setSeats(101);
        token.setFee(1);
        vm.expectRevert(abi.encodeWithSelector(ValidatorStaking.NotReceived.selector, 10, 9));
        staking.giveReward(10);
    }

    function test_settingsHaveBounds() external {
        for (uint256 i = 0; i < 6; i++) {
            ValidatorStaking.Settings memory bad = settings();
            if (i == 0) bad.epochDuration = 1 hours - 1;
            if (i == 1) (bad.epochDuration, bad.unbondingDelay) = (30 days + 1, 90 days);
            if (i == 2) bad.unbondingDelay = 3 days - 1;
            if (i == 3) bad.unbondingDelay = 90 days + 1;
            if (i == 4) bad.seats = 3;
            if (i == 5) bad.seats = 101;
            vm.expectRevert(ValidatorStaking.SettingOutOfRange.selector);
            new ValidatorStaking(validators, token, bad, address(this));
        }
        ValidatorStaking.Settings memory none = settings();
        none.slashRecipient = address(0);
        vm.expectRevert(ValidatorStaking.NoRecipient.selector);
        new ValidatorStaking(validators, token, none, address(this));
    }

    function test_tokensCannotReenter() external {
        register(candidate(0), 100);
        token.setHook(address(staking), abi.encodeCall(ValidatorStaking.elect, ()));
        vm.prank(ALICE);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        staking.delegate(candidate(0), 1);
    }

    function settings() private pure returns (ValidatorStaking.Settings memory) {
        return ValidatorStaking.Settings(1 days, 7 days, COFFER, 5, 10);
    }

    function deploy(ValidatorStaking.Settings memory with) private returns (ValidatorStaking made) {
        made = new ValidatorStaking(validators, token, with, address(this));
        made.grantRole(made.SLASHER_ROLE(), address(this));
    }

    function candidate(uint256 index) private pure returns (address) {
        return address(uint160(0xca0000 + index));
    }

    function fund(address account) private {
        if (token.balanceOf(account) == 0) token.mint(account, 1e27);
        vm.prank(account);
        token.approve(address(staking), type(uint256).max);
    }

    function register(address account, uint256 stake) private {
        fund(account);
        bytes32 key = newKey();
        vm.prank(account);
        staking.register(key, 1000, stake, address(0));
    }

    function newKey() private returns (bytes32) {
        do {
            lastKey = keccak256(abi.encode(lastKey));
        } while (!Ed25519Key.isValid(lastKey));
        return lastKey;
    }

    function keyOf(address account) private view returns (bytes32 key) {
        (key,,,,,,,) = staking.candidateOf(account);
    }

    function operatorOf(bytes32 key) private view returns (address) {
        Validators.Validator[] memory entries = validators.list();
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].key == key) return entries[i].operator;
        }
        return address(0);
    }

    function foundersLeft() private view returns (uint256 count) {
        Validators.Validator[] memory entries = validators.list();
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].operator == FOUNDER) count++;
        }
    }
}
