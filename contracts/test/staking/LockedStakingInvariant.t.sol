// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LockedStaking} from "../../src/staking/LockedStaking.sol";
import {Handler} from "../support/Handler.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// Locks, claims and leaves as several accounts, and keeps book of what each position has to get, by going
/// through all positions week by week.
contract LockHandler is Handler {
    uint256 private constant WEEK = 7 days;
    uint256 private constant BITS = 64;

    struct Entry {
        uint256 id;
        uint256 amount;
        uint256 weight;
        uint256 end;
        uint256 expected;
        uint256 claimed;
        bool isOpen;
    }

    LockedStaking public immutable staking;
    TestToken public immutable token;
    Entry[] private entries;
    /// With `BITS` digits after the point.
    mapping(uint256 week => uint256) public rewardsOf;
    uint256 private updatedAt;
    uint256 public calls;
    uint256 public funded;

    constructor(LockedStaking staking_, TestToken token_) {
        (staking, token, updatedAt) = (staking_, token_, block.timestamp);
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(actor(i));
            token.approve(address(staking), type(uint256).max);
        }
        token.approve(address(staking), type(uint256).max);
    }

    function lock(uint256 account, uint256 amount, uint256 term) external {
        next();
        if (entries.length >= 16) return;
        amount = bound(amount, 1, 1e24);
        term = term % 3;
        token.mint(actor(account), amount);
        vm.prank(actor(account));
        uint256 id = staking.lock(amount, term);
        uint256[2] memory rules = termOf(term);
        uint256 end = (block.timestamp + WEEK - 1) / WEEK * WEEK + rules[0] * WEEK;
        entries.push(Entry(id, amount, amount * rules[1] / 10_000, end, 0, 0, true));
    }

    function claim(uint256 index) external {
        (bool isThere, Entry storage entry) = pick(index);
        if (!isThere) return;
        vm.prank(staking.ownerOf(entry.id));
        entry.claimed += staking.claim(entry.id);
    }

    function close(uint256 index) external {
        (bool isThere, Entry storage entry) = pick(index);
        if (!isThere) return;
        address owner = staking.ownerOf(entry.id);
        uint256 before = token.balanceOf(owner);
        uint256 reward;
        uint256 penalty = 0;
        vm.prank(owner);
        if (block.timestamp < entry.end) {
            (, penalty, reward) = staking.exitEarly(entry.id, type(uint256).max);
            rewardsOf[block.timestamp / WEEK + 1] += penalty << BITS;
        } else {
            (, reward) = staking.withdraw(entry.id);
        }
        entry.claimed += reward;
        note(token.balanceOf(owner) - before == entry.amount - penalty + reward, "what is paid");
        note(isClose(entry.claimed, entry.expected >> BITS, tolerance()), "their part");
        entry.isOpen = false;
    }

    function extend(uint256 index, uint256 term) external {
        (bool isThere, Entry storage entry) = pick(index);
        if (!isThere) return;
        uint256[2] memory rules = termOf(term % 3);
        vm.prank(staking.ownerOf(entry.id));
        staking.extend(entry.id, term % 3);
        entry.end = (block.timestamp + WEEK - 1) / WEEK * WEEK + rules[0] * WEEK;
        entry.weight = entry.amount * rules[1] / 10_000;
    }

    function fund(uint256 amount, uint256 count) external {
        next();
        amount = bound(amount, 1, 1e24);
        count = bound(count, 1, 8);
        token.mint(address(this), amount);
        staking.fund(amount, count);
        funded += amount;
        uint256 week = block.timestamp / WEEK;
        for (uint256 i = 0; i < count; i++) {
            uint256 part = i == 0 ? amount - amount / count * (count - 1) : amount / count;
            rewardsOf[week + 1 + i] += part << BITS;
        }
    }

    function wait(uint256 time, bool isLong) external {
        next();
        vm.warp(block.timestamp + bound(time, 1, isLong ? 6 * WEEK : 2 days));
    }

    /// Brings the book up to now.
    function update() public {
        uint256 left = 0;
        while (updatedAt < block.timestamp) {
            uint256 week = updatedAt / WEEK;
            uint256 to = (week + 1) * WEEK;
            if (to > block.timestamp) to = block.timestamp;
            uint256 amount =
                rewardsOf[week] * (to - week * WEEK) / WEEK - rewardsOf[week] * (updatedAt - week * WEEK) / WEEK;
            uint256 total = 0;
            for (uint256 i = 0; i < entries.length; i++) {
                if (entries[i].isOpen && entries[i].end > updatedAt) total += entries[i].weight;
            }
            if (total == 0) left += amount;
            for (uint256 i = 0; i < entries.length; i++) {
                if (entries[i].isOpen && entries[i].end > updatedAt) {
                    entries[i].expected += amount * entries[i].weight / total;
                }
            }
            updatedAt = to;
        }
        rewardsOf[block.timestamp / WEEK + 1] += left;
    }

    function list() external view returns (Entry[] memory) {
        return entries;
    }

    /// With each call less than a unit, and what is late: a 2^80th of the weight, which is below 16 * 2.5e24.
    function tolerance() public view returns (uint256) {
        return 2 + calls * (1 + (4e25 >> 80));
    }

    /// What is to be given still, rounded down.
    function toCome() external view returns (uint256 sum) {
        uint256 week = block.timestamp / WEEK;
        sum = rewardsOf[week] * (WEEK - block.timestamp % WEEK) / WEEK;
        for (uint256 i = 1; i < 12; i++) {
            sum += rewardsOf[week + i];
        }
        return sum >> BITS;
    }

    function termOf(uint256 term) private pure returns (uint256[2] memory) {
        return [[uint256(1), 10_000], [uint256(4), 15_000], [uint256(13), 25_000]][term];
    }

    function actor(uint256 index) private pure returns (address) {
        return address(uint160(0xa1 + index % 3));
    }

    function pick(uint256 index) private returns (bool isThere, Entry storage entry) {
        next();
        entry = entries[entries.length == 0 ? 0 : index % entries.length];
        isThere = entry.isOpen;
    }

    function next() private {
        update();
        // What nobody gets at this moment goes to the next week when somebody calls.
        staking.accrue();
        calls++;
    }
}

contract LockedStakingInvariantTest is Test {
    TestToken private token;
    LockedStaking private staking;
    LockHandler private handler;

    function setUp() external {
        vm.warp(1_800_000_000);
        token = new TestToken("TOKEN");
        staking = new LockedStaking(token, address(0), address(this));
        staking.addTerm(1, 10_000, 1000);
        staking.addTerm(4, 15_000, 2500);
        staking.addTerm(13, 25_000, 5000);
        handler = new LockHandler(staking, token);
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](6);
        functions[0] = LockHandler.lock.selector;
        functions[1] = LockHandler.claim.selector;
        functions[2] = LockHandler.close.selector;
        functions[3] = LockHandler.extend.selector;
        functions[4] = LockHandler.fund.selector;
        functions[5] = LockHandler.wait.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_eachGetsTheirPartAndAllIsCovered() external {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        handler.update();
        staking.accrue();
        LockHandler.Entry[] memory entries = handler.list();
        uint256 owed = 0;
        uint256 weight = 0;
        for (uint256 i = 0; i < entries.length; i++) {
            if (!entries[i].isOpen) continue;
            uint256 earned = staking.earned(entries[i].id);
            vm.assertApproxEqAbs(
                earned + entries[i].claimed, entries[i].expected >> 64, handler.tolerance(), "their part"
            );
            owed += entries[i].amount + earned;
            if (entries[i].end > block.timestamp) weight += entries[i].weight;
        }
        vm.assertEq(staking.totalWeight(), weight, "the weight of what is locked");
        vm.assertGe(token.balanceOf(address(staking)), owed + handler.toCome(), "all is covered");
    }
}
