// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Probe} from "./Probe.sol";
import {Setup} from "./Setup.sol";

/// What each operation costs where others have come before.
/// forge-config: default.isolate = true
contract GovernanceGasTest is Setup {
    function setUp() external {
        deploy();
    }

    function test_token() external {
        vm.prank(ALICE);
        token.transfer(BOB, 1e18);
        vm.snapshotGasLastCall("governance", "token transfer, both delegated");
        vm.prank(ALICE);
        token.delegate(CAROL);
        vm.snapshotGasLastCall("governance", "token delegate");
    }

    function test_governor() external {
        act(address(probe), abi.encodeCall(Probe.poke, (1)));
        uint256 id = propose();
        vm.snapshotGasLastCall("governance", "governor propose");
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(ALICE);
        governor.castVote(id, 1);
        vm.prank(BOB);
        governor.castVote(id, 1);
        vm.snapshotGasLastCall("governance", "governor castVote");
        vm.warp(block.timestamp + 5 days);
        governor.queue(targets, values, calldatas, description());
        vm.snapshotGasLastCall("governance", "governor queue");
        vm.warp(block.timestamp + 2 days);
        governor.execute(targets, values, calldatas, description());
        vm.snapshotGasLastCall("governance", "governor execute");
    }

    function test_council() external {
        bytes memory data = abi.encodeWithSignature("pause(address,bytes32)", address(0x7a), bytes32("emergency"));
        vm.prank(member(0));
        council.propose(address(pauseGuardian), data, "");
        vm.snapshotGasLastCall("governance", "council propose");
        vm.prank(member(1));
        council.approve(address(pauseGuardian), data, "");
        vm.snapshotGasLastCall("governance", "council approve");
        vm.prank(member(2));
        council.approve(address(pauseGuardian), data, "");
        vm.prank(member(2));
        council.execute(address(pauseGuardian), data, "");
        vm.snapshotGasLastCall("governance", "council execute, a pause");
        pauseGuardian.isPaused(address(0x7a));
        vm.snapshotGasLastCall("governance", "pauses isPaused");
        data = abi.encodeCall(council.configure, (members(7), 4));
        approveByThree(address(council), data);
        vm.warp(block.timestamp + 48 hours);
        vm.prank(member(0));
        council.execute(address(council), data, "");
        vm.snapshotGasLastCall("governance", "council execute, from 5 to 7 members");
    }
}
