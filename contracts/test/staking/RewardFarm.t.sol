// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RewardFarm} from "../../src/staking/RewardFarm.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

contract RewardFarmTest is Test {
    TestToken private staked = new TestToken("STAKE");
    TestToken private reward = new TestToken("REWARD");
    RewardFarm private farm;
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    uint256 private start;

    function setUp() external {
        vm.warp(1_800_000_000);
        start = block.timestamp;
        farm = new RewardFarm(staked, reward, address(this));
        farm.grantRole(farm.REWARDER_ROLE(), address(this));
        reward.mint(address(this), type(uint96).max);
        reward.approve(address(farm), type(uint256).max);
        give(ALICE);
        give(BOB);
    }

    function test_aLoneStakerGetsAllOfASchedule() external {
        stake(ALICE, 100);
        farm.addSchedule(7200, 3600);
        vm.warp(start + 1800);
        vm.assertEq(farm.earned(ALICE), 3600, "half of it");
        vm.warp(start + 1 days);
        vm.assertEq(farm.earned(ALICE), 7200, "all of it");
        vm.prank(ALICE);
        vm.assertEq(farm.claim(), 7200, "claimed");
        vm.assertEq(reward.balanceOf(ALICE), 7200, "paid");
        vm.assertEq(reward.balanceOf(address(farm)), 0, "none is left");
    }

    /// 8000 over 4000 s. Alice alone for 1000 s: 2000. Then Bob has 3 of 4 for 2000 s: 1000 and 3000. Then Alice
    /// leaves, and Bob has the last 2000.
    function test_rewardsAreSplitByStakeAndTime() external {
        stake(ALICE, 1e18);
        farm.addSchedule(8000, 4000);
        vm.warp(start + 1000);
        stake(BOB, 3e18);
        vm.warp(start + 3000);
        vm.prank(ALICE);
        farm.withdraw(1e18);
        vm.warp(start + 9000);
        vm.assertApproxEqAbs(farm.earned(ALICE), 3000, 1, "2000 + 1000");
        vm.assertApproxEqAbs(farm.earned(BOB), 5000, 1, "3000 + 2000");
    }

    function test_schedulesRunOneAfterTheOther() external {
        stake(ALICE, 5);
        farm.addSchedule(3600, 3600);
        farm.addSchedule(36_000, 3600);
        farm.addSchedule(7200, 7200);
        vm.warp(start + 1800);
        vm.assertEq(farm.earned(ALICE), 1800, "of the first");
        vm.warp(start + 3600 + 360);
        vm.assertEq(farm.earned(ALICE), 3600 + 3600, "and of the second");
        (uint256 current, uint256 count, uint256 elapsed, uint256 remaining) = farm.progress();
        vm.assertEq(current, 1, "the second runs");
        vm.assertEq(count, 3, "of three");
        vm.assertEq(elapsed, 360, "since then");
        vm.assertEq(remaining, 3240 + 7200, "to go");
        vm.warp(start + 7200 + 60);
        vm.assertEq(farm.earned(ALICE), 3600 + 36_000 + 60, "and of the third");
        vm.warp(start + 30 days);
        vm.assertEq(farm.earned(ALICE), 3600 + 36_000 + 7200, "all");
    }

    function test_schedulesStandStillWhileNobodyStakes(uint256 pause_) external {
        pause_ = bound(pause_, 0, 1000 days);
        farm.addSchedule(7200, 7200);
        vm.warp(start + pause_);
        stake(ALICE, 7);
        vm.warp(block.timestamp + 3600);
        vm.prank(ALICE);
        farm.withdraw(7);
        vm.warp(block.timestamp + pause_);
        stake(BOB, 1);
        vm.warp(block.timestamp + 3600);
        vm.assertApproxEqAbs(farm.earned(ALICE), 3600, 1, "the first half");
        vm.assertApproxEqAbs(farm.earned(BOB), 3600, 1, "the second half");
    }

    function test_nobodyEarnsBeforeTheyStake(uint256 time, uint256 amount, uint256 given) external {
        time = bound(time, 0, 2 days);
        amount = bound(amount, 1, 1e30);
        given = bound(given, 1, 1e27);
        stake(ALICE, 1e18);
        farm.addSchedule(given, 1 days);
        vm.warp(start + time);
        stake(BOB, amount);
        vm.assertEq(farm.earned(BOB), 0, "nothing yet");
        vm.prank(BOB);
        vm.assertEq(farm.claim(), 0, "nothing to claim");
    }

    /// Who is settled often loses no fractions: the reward is what it is for a twin who never is.
    function test_oftenSettledIsAsMuchAsOnce(uint256 seed, uint256 given, uint256 amount) external {
        given = bound(given, 1, 1e9);
        amount = bound(amount, 1, 1e24);
        stake(ALICE, amount);
        stake(BOB, amount);
        farm.addSchedule(given, 1 hours);
        uint256 claimed = 0;
        for (uint256 i = 0; i < 20; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + seed % 200);
            if (seed & 256 == 0) {
                vm.prank(ALICE);
                claimed += farm.claim();
            } else {
                farm.stakeFor(ALICE, 1);
                farm.stakeFor(BOB, 1);
            }
        }
        vm.warp(start + 2 hours);
        vm.assertApproxEqAbs(farm.earned(ALICE) + claimed, farm.earned(BOB), 1, "as the twin");
        // Less than a unit each, and of the remainder less than 2e24 / 2^80.
        vm.assertApproxEqAbs(farm.earned(ALICE) + claimed + farm.earned(BOB), given, 3, "and all is given");
    }

    function test_stakesComeBackWhenTheRewardTokenFails() external {
        stake(ALICE, 100);
        farm.addSchedule(7200, 7200);
        vm.warp(start + 3600);
        reward.setFailing(true);
        vm.startPrank(ALICE);
        vm.expectRevert(TestToken.Failing.selector);
        farm.claim();
        vm.expectRevert(TestToken.Failing.selector);
        farm.exit();
        farm.withdraw(100);
        vm.assertEq(staked.balanceOf(ALICE), type(uint112).max, "all is back");
        reward.setFailing(false);
        vm.assertEq(farm.claim(), 3600, "and the reward is not lost");
        vm.stopPrank();
    }

    function test_exitPaysStakeAndReward() external {
        stake(ALICE, 100);
        farm.addSchedule(3600, 3600);
        vm.warp(start + 3600);
        vm.prank(ALICE);
        vm.assertEq(farm.exit(), 3600, "reward");
        vm.assertEq(staked.balanceOf(ALICE), type(uint112).max, "stake");
        vm.assertEq(farm.totalStaked(), 0, "nothing staked");
    }

    function test_stakeForIsTheAccounts() external {
        vm.prank(ALICE);
        farm.stakeFor(BOB, 10);
        vm.assertEq(farm.stakeOf(BOB), 10, "Bob's");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(RewardFarm.ExceedsStake.selector, 1, 0));
        farm.withdraw(1);
        vm.prank(BOB);
        farm.withdraw(10);
        vm.assertEq(staked.balanceOf(BOB), uint256(type(uint112).max) + 10, "paid to Bob");
    }

    /// Where both tokens are the same, stakes do not pay rewards.
    function test_oneTokenForBothKeepsThemApart(uint256 given, uint256 amount) external {
        given = bound(given, 1, 1e27);
        amount = bound(amount, 1, 1e30);
        RewardFarm both = new RewardFarm(staked, staked, address(this));
        both.grantRole(both.REWARDER_ROLE(), address(this));
        staked.mint(address(this), given);
        staked.approve(address(both), given);
        both.addSchedule(given, 1 days);
        vm.startPrank(ALICE);
        staked.approve(address(both), amount);
        both.stake(amount);
        vm.warp(start + 2 days);
        uint256 got = both.exit();
        vm.assertLe(got, given, "no more than was given");
        vm.assertGe(got + 1 + (amount >> 80), given, "and no less");
        vm.assertEq(staked.balanceOf(address(both)), given - got, "the rest is there");
        vm.stopPrank();
    }

    /// The largest stakes and rewards there can be.
    function test_extremesDoNotOverflow() external {
        stake(ALICE, 1);
        farm.addSchedule(type(uint96).max - 1, 1 hours);
        vm.warp(start + 30 minutes);
        staked.mint(BOB, type(uint128).max - 1);
        stake(BOB, type(uint128).max - 1);
        vm.warp(start + 2 hours);
        uint256 half = (uint256(type(uint96).max) - 1) / 2;
        vm.assertEq(farm.earned(ALICE), half, "half to one unit");
        vm.assertApproxEqAbs(farm.earned(BOB), half, uint256(1) << 49, "half to 2^128, to 2^128 / 2^80 units");
        vm.prank(BOB);
        farm.exit();
        vm.prank(ALICE);
        farm.exit();
        vm.expectRevert();
        farm.stakeFor(BOB, uint256(1) << 128);
    }

    function test_refusesWhatIsNotAllowed() external {
        vm.expectRevert(RewardFarm.NothingGiven.selector);
        farm.stake(0);
        vm.expectRevert(RewardFarm.NothingGiven.selector);
        farm.withdraw(0);
        vm.expectRevert(RewardFarm.NothingGiven.selector);
        farm.addSchedule(0, 1 hours);
        vm.expectRevert(abi.encodeWithSelector(RewardFarm.DurationOutOfRange.selector, 3599));
        farm.addSchedule(1e18, 3599);
        vm.expectRevert(abi.encodeWithSelector(RewardFarm.DurationOutOfRange.selector, 1460 days + 1));
        farm.addSchedule(1e18, 1460 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ALICE, farm.REWARDER_ROLE()
            )
        );
        vm.prank(ALICE);
        farm.addSchedule(1e18, 1 days);
        for (uint256 i = 0; i < 16; i++) {
            farm.addSchedule(1, 1 hours);
        }
        vm.expectRevert(RewardFarm.TooManySchedules.selector);
        farm.addSchedule(1, 1 hours);
        // One more when the first is over.
        stake(ALICE, 1);
        vm.warp(start + 1 hours);
        farm.addSchedule(1, 1 hours);
    }

    function test_aTokenWithAFeeIsRefused() external {
        reward.setFee(1);
        vm.expectRevert(abi.encodeWithSelector(RewardFarm.NotReceived.selector, 1e18, 1e18 - 1));
        farm.addSchedule(1e18, 1 days);
    }

    function test_tokensCannotReenter() external {
        stake(ALICE, 100);
        farm.addSchedule(3600, 3600);
        vm.warp(start + 3600);
        reward.setHook(address(farm), abi.encodeCall(RewardFarm.claim, ()));
        vm.prank(ALICE);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        farm.claim();
        staked.setHook(address(farm), abi.encodeCall(RewardFarm.withdraw, (1)));
        vm.prank(ALICE);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        farm.withdraw(1);
    }

    function give(address account) private {
        staked.mint(account, type(uint112).max);
        vm.prank(account);
        staked.approve(address(farm), type(uint256).max);
        staked.mint(address(this), 1000);
        staked.approve(address(farm), type(uint256).max);
    }

    function stake(address account, uint256 amount) private {
        vm.prank(account);
        farm.stake(amount);
    }
}
