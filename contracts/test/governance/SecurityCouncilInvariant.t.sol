// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {SecurityCouncil} from "../../src/governance/SecurityCouncil.sol";
import {Handler} from "../support/Handler.sol";
import {Test} from "../support/Test.sol";
import {Probe} from "./Probe.sol";

/// Members and others propose, approve, revoke, execute and cancel, also changes of the council that break the
/// floor. Keeps book of who is a member, and who approves what.
contract CouncilHandler is Handler {
    uint256 private constant PEOPLE = 9;

    struct Entry {
        address target;
        bytes data;
        /// Of the council it was proposed in.
        uint256 council;
        uint256 approvals;
        /// Since when enough approve; zero if they do not.
        uint256 since;
        bool isClosed;
        /// What it would set up.
        address[] members;
        uint8 threshold;
    }

    SecurityCouncil public immutable council;
    Probe public immutable probe;
    Entry[] private entries;
    uint256 public isIn = 31;
    uint256 public threshold = 3;
    uint256 public number = 1;
    uint256 public executed;
    uint256 public changes;

    constructor(SecurityCouncil council_, Probe probe_) {
        (council, probe) = (council_, probe_);
    }

    /// A call of the probe, or a change to any members, as bits, and any threshold.
    function propose(uint256 who, bool isChange, uint256 bits, uint8 threshold_) external {
        if (entries.length >= 30) return;
        who = who % PEOPLE;
        Entry memory entry;
        entry.council = number;
        entry.approvals = 1 << who;
        if (isChange) {
            entry.target = address(council);
            // More often than not close to what there is.
            entry.members = chosen(bits % 3 == 0 ? bits : bits | 31);
            entry.threshold = 2 + threshold_ % 4;
            entry.data = abi.encodeCall(council.configure, (entry.members, entry.threshold));
        } else {
            entry.target = address(probe);
            entry.data = abi.encodeCall(Probe.poke, (entries.length));
        }
        vm.prank(person(who));
        council.propose(entry.target, entry.data, bytes32(entries.length));
        note(isMember(who), "a proposal by a member");
        entries.push(entry);
    }

    function approve(uint256 who, uint256 index) public {
        (who, index) = (who % PEOPLE, pick(index));
        Entry storage entry = entries[index];
        vm.prank(person(who));
        council.approve(entry.target, entry.data, bytes32(index));
        note(isMember(who) && isOpen(entry), "an approval by a member, of what is open");
        note(entry.approvals & (1 << who) == 0, "an approval once");
        entry.approvals |= 1 << who;
        if (entry.since == 0 && enough(entry)) entry.since = block.timestamp;
    }

    function approveByMany(uint256 index) external {
        for (uint256 i = 0; i < PEOPLE; i++) {
            try this.approve(i, index) {} catch {}
        }
    }

    function revoke(uint256 who, uint256 index) external {
        (who, index) = (who % PEOPLE, pick(index));
        Entry storage entry = entries[index];
        bytes32 id = council.idOf(entry.target, entry.data, bytes32(index));
        vm.prank(person(who));
        council.revoke(id);
        note(isMember(who) && isOpen(entry) && entry.approvals & (1 << who) != 0, "a revocation of an approval");
        entry.approvals ^= 1 << who;
        if (!enough(entry)) entry.since = 0;
    }

    function execute(uint256 who, uint256 index) external {
        executeOf(who % PEOPLE, pick(index));
    }

    function executeOf(uint256 who, uint256 index) private {
        Entry storage entry = entries[index];
        vm.prank(person(who));
        council.execute(entry.target, entry.data, bytes32(index));
        note(isMember(who) && isOpen(entry), "an execution by a member, of what is open");
        note(enough(entry) && entry.since != 0, "an execution with enough approvals");
        entry.isClosed = true;
        executed++;
        if (entry.target != address(council)) return;
        note(block.timestamp >= entry.since + 24 hours, "a change after the delay");
        changes++;
        number++;
        threshold = entry.threshold;
        isIn = 0;
        for (uint256 i = 0; i < entry.members.length; i++) {
            isIn |= 1 << (uint160(entry.members[i]) - uint160(person(0)));
        }
    }

    /// Has somebody execute what enough have approved, in time if need be.
    function executeNext(uint256 who, bool isEarly, uint256 first) external {
        for (uint256 i = 0; i < entries.length; i++) {
            uint256 index = (first % 64 + i) % entries.length;
            Entry storage entry = entries[index];
            if (!isOpen(entry) || entry.since == 0) continue;
            if (entry.target == address(council)) {
                uint256 ready = entry.since + 24 hours - (isEarly ? 1 : 0);
                if (ready > block.timestamp) vm.warp(ready);
            }
            // A member, mostly.
            if (who % 4 != 0) {
                while (!isMember(who % PEOPLE)) who++;
            }
            return executeOf(who % PEOPLE, index);
        }
    }

    function cancel(uint256 who, uint256 index) external {
        index = pick(index);
        Entry storage entry = entries[index];
        bytes32 id = council.idOf(entry.target, entry.data, bytes32(index));
        bool isGovernance = who % 8 == 0;
        vm.prank(isGovernance ? address(0x60) : person(who % PEOPLE));
        council.cancel(id);
        note(isGovernance && !entry.isClosed, "a cancellation by governance, of what is open");
        entry.isClosed = true;
    }

    /// Nobody but the council itself may.
    function configure(uint256 who, uint256 bits, uint8 threshold_) external {
        vm.prank(who % 2 == 0 ? address(0x60) : person(who % PEOPLE));
        council.configure(chosen(bits), threshold_);
        note(false, "a change that was not decided");
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3 days));
    }

    function calls() external view returns (uint256 sum) {
        for (uint256 i = 0; i < entries.length; i++) {
            uint256 times = probe.list(i).length;
            vm.assertLe(times, 1, "each action once");
            sum += times;
        }
    }

    function isMember(uint256 who) public view returns (bool) {
        return isIn & (1 << who) != 0;
    }

    function person(uint256 index) public pure returns (address) {
        return address(uint160(0x3e3b00 + index));
    }

    /// One of the last three, mostly.
    function pick(uint256 index) private view returns (uint256) {
        uint256 length = entries.length;
        return index % 4 == 0 || length < 3 ? index % length : length - 1 - index % 3;
    }

    function isOpen(Entry storage entry) private view returns (bool) {
        return !entry.isClosed && entry.council == number;
    }

    function enough(Entry storage entry) private view returns (bool) {
        uint256 count = 0;
        for (uint256 i = 0; i < PEOPLE; i++) {
            if (isMember(i) && entry.approvals & (1 << i) != 0) count++;
        }
        return count >= threshold;
    }

    function chosen(uint256 bits) private pure returns (address[] memory list) {
        list = new address[](PEOPLE);
        uint256 count = 0;
        for (uint256 i = 0; i < PEOPLE; i++) {
            if (bits & (1 << i) != 0) list[count++] = person(i);
        }
        assembly ("memory-safe") {
            mstore(list, count)
        }
    }
}

contract SecurityCouncilInvariantTest is Test {
    SecurityCouncil private council;
    CouncilHandler private handler;

    function setUp() external {
        vm.warp(1_800_000_000);
        address[] memory members = new address[](5);
        for (uint256 i = 0; i < 5; i++) {
            members[i] = address(uint160(0x3e3b00 + i));
        }
        council = new SecurityCouncil(address(0x60), 24 hours, members, 3);
        handler = new CouncilHandler(council, new Probe());
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](9);
        functions[0] = CouncilHandler.propose.selector;
        functions[1] = CouncilHandler.approve.selector;
        functions[2] = CouncilHandler.approveByMany.selector;
        functions[3] = CouncilHandler.revoke.selector;
        functions[4] = CouncilHandler.execute.selector;
        functions[5] = CouncilHandler.cancel.selector;
        functions[6] = CouncilHandler.configure.selector;
        functions[7] = CouncilHandler.wait.selector;
        functions[8] = CouncilHandler.executeNext.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_theFloorHoldsAndTheCouncilIsWhatItDecided() external view {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        address[] memory members = council.listMembers();
        uint256 threshold = council.threshold();
        vm.assertGe(members.length, 5, "five members");
        vm.assertGe(threshold, 3, "three of them");
        vm.assertGt(2 * threshold, members.length, "more than half");
        vm.assertLe(threshold, members.length, "no more than there are");
        vm.assertEq(threshold, handler.threshold(), "as it decided");
        uint256 count = 0;
        for (uint256 i = 0; i < 9; i++) {
            bool isMember = council.isMember(handler.person(i));
            vm.assertEq(isMember, handler.isMember(i), "who it decided");
            if (isMember) count++;
        }
        vm.assertEq(count, members.length, "each once");
        vm.assertEq(handler.calls() + handler.changes(), handler.executed(), "what was approved, and nothing else");
    }
}
