// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {RewardFarm} from "../../src/staking/RewardFarm.sol";
import {Handler} from "../support/Handler.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// Calls a farm as several accounts, and keeps book of what each has to get: second by second, without a sum
/// of rewards per share. Both tokens are the same one.
contract FarmHandler is Handler {
    /// Binary digits after the point in the book.
    uint256 private constant BITS = 64;

    RewardFarm public immutable farm;
    TestToken public immutable token;
    address[4] public actors = [address(0xa1), address(0xa2), address(0xa3), address(0xa4)];
    uint256 public given;
    uint256 public claimed;
    uint256 public calls;
    mapping(address => uint256) public expected;
    mapping(address => uint256) public stakes;
    mapping(address => uint256) public claimedBy;
    uint256[] private amounts;
    uint256[] private durations;
    /// Seconds during which somebody staked, while there was a schedule.
    uint256 private active;
    uint256 private updatedAt;

    constructor(RewardFarm farm_, TestToken token_) {
        (farm, token, updatedAt) = (farm_, token_, block.timestamp);
        for (uint256 i = 0; i < 4; i++) {
            vm.prank(actors[i]);
            token.approve(address(farm), type(uint256).max);
        }
        token.approve(address(farm), type(uint256).max);
    }

    function stake(uint256 actor, uint256 amount, bool isSmall) external {
        address account = next(actor);
        amount = bound(amount, 1, isSmall ? 10 : 1e25);
        token.mint(account, amount);
        vm.prank(account);
        farm.stake(amount);
        stakes[account] += amount;
    }

    function withdraw(uint256 actor, uint256 amount) external {
        address account = next(actor);
        if (stakes[account] == 0) return;
        amount = bound(amount, 1, stakes[account]);
        uint256 before = token.balanceOf(account);
        vm.prank(account);
        farm.withdraw(amount);
        note(token.balanceOf(account) - before == amount, "the stake, and nothing else");
        stakes[account] -= amount;
    }

    function claim(uint256 actor) external {
        address account = next(actor);
        vm.prank(account);
        note(account, farm.claim());
    }

    function exit(uint256 actor) external {
        address account = next(actor);
        if (stakes[account] == 0) return;
        vm.prank(account);
        note(account, farm.exit());
        stakes[account] = 0;
    }

    function addSchedule(uint256 amount, uint256 duration) external {
        next(0);
        if (amounts.length >= 12) return;
        amount = bound(amount, 1, 1e24);
        duration = bound(duration, 1 hours, 3 days);
        token.mint(address(this), amount);
        farm.addSchedule(amount, duration);
        amounts.push(amount);
        durations.push(duration);
        given += amount;
    }

    function wait(uint256 time) external {
        next(0);
        vm.warp(block.timestamp + bound(time, 1, 1 days));
    }

    /// Brings the book up to now.
    function update() public {
        uint256 total = 0;
        for (uint256 i = 0; i < 4; i++) {
            total += stakes[actors[i]];
        }
        uint256 time = block.timestamp - updatedAt;
        updatedAt = block.timestamp;
        if (total == 0 || time == 0) return;
        uint256 before = due(active);
        active += time;
        uint256 length = duration_();
        if (active > length) active = length;
        uint256 amount = due(active) - before;
        for (uint256 i = 0; i < 4; i++) {
            expected[actors[i]] += amount * stakes[actors[i]] / total;
        }
    }

    /// What was given out until now, with `BITS` digits after the point.
    function emitted() external view returns (uint256) {
        return due(active);
    }

    /// What all schedules have given when so many seconds are over.
    function due(uint256 time) private view returns (uint256 sum) {
        for (uint256 i = 0; i < amounts.length; i++) {
            if (time >= durations[i]) {
                sum += amounts[i] << BITS;
                time -= durations[i];
            } else {
                return sum + (amounts[i] << BITS) * time / durations[i];
            }
        }
    }

    function duration_() private view returns (uint256 sum) {
        for (uint256 i = 0; i < durations.length; i++) {
            sum += durations[i];
        }
    }

    function next(uint256 actor) private returns (address) {
        update();
        calls++;
        return actors[actor % 4];
    }

    function note(address account, uint256 amount) private {
        claimed += amount;
        claimedBy[account] += amount;
    }
}

contract RewardFarmInvariantTest is Test {
    TestToken private token;
    RewardFarm private farm;
    FarmHandler private handler;

    function setUp() external {
        vm.warp(1_800_000_000);
        token = new TestToken("TOKEN");
        farm = new RewardFarm(token, token, address(this));
        handler = new FarmHandler(farm, token);
        farm.grantRole(farm.REWARDER_ROLE(), address(handler));
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](6);
        functions[0] = FarmHandler.stake.selector;
        functions[1] = FarmHandler.withdraw.selector;
        functions[2] = FarmHandler.claim.selector;
        functions[3] = FarmHandler.exit.selector;
        functions[4] = FarmHandler.addSchedule.selector;
        functions[5] = FarmHandler.wait.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_eachGetsTheirPartAndTheFarmIsSolvent() external {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        handler.update();
        uint256 earned = 0;
        uint256 stakes = 0;
        for (uint256 i = 0; i < 4; i++) {
            address account = handler.actors(i);
            uint256 got = farm.earned(account) + handler.claimedBy(account);
            // Each call may find less than a unit that is due and not given yet.
            vm.assertApproxEqAbs(got, handler.expected(account) >> 64, handler.calls() + 2, "their part");
            vm.assertEq(farm.stakeOf(account), handler.stakes(account), "their stake");
            earned += farm.earned(account);
            stakes += farm.stakeOf(account);
        }
        vm.assertEq(farm.totalStaked(), stakes, "the sum of stakes");
        uint256 emitted = handler.emitted() >> 64;
        uint256 toCome = handler.given() - emitted;
        vm.assertLe(earned + handler.claimed(), emitted, "no more than was due");
        vm.assertGe(token.balanceOf(address(farm)), stakes + earned + toCome, "solvent");
        // Less than a unit each, and the remainder, which is below one unit for such stakes.
        vm.assertLe(emitted - earned - handler.claimed(), 4 + (stakes >> 80) + 100, "nothing is lost");
    }
}
