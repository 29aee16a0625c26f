// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernanceDeployment} from "../../src/governance/GovernanceDeployment.sol";
import {PauseGuardian} from "../../src/governance/PauseGuardian.sol";
import {SecurityCouncil} from "../../src/governance/SecurityCouncil.sol";
import {VenueGovernor} from "../../src/governance/VenueGovernor.sol";
import {VenueToken} from "../../src/governance/VenueToken.sol";
import {Test} from "../support/Test.sol";
import {Probe} from "./Probe.sol";

/// The governance of the venue: a council of 3 of 5, and three holders with 40, 35 and 25 %.
abstract contract Setup is Test {
    uint256 internal constant SUPPLY = 1e27;
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca401);

    VenueToken internal token;
    TimelockController internal timelock;
    SecurityCouncil internal council;
    PauseGuardian internal pauseGuardian;
    VenueGovernor internal governor;
    Probe internal probe;
    uint256 internal start = 1_800_000_000;

    /// An action with one call.
    address[] internal targets = new address[](1);
    uint256[] internal values = new uint256[](1);
    bytes[] internal calldatas = new bytes[](1);

    function deploy() internal returns (GovernanceDeployment made) {
        vm.warp(start);
        token = new VenueToken("Venue", "VENUE", SUPPLY, address(this));
        made = new GovernanceDeployment(settings());
        (timelock, council) = (made.timelock(), made.council());
        (pauseGuardian, governor) = (made.pauseGuardian(), made.governor());
        probe = new Probe();
        share(ALICE, 40);
        share(BOB, 35);
        share(CAROL, 25);
        vm.warp(start + 1);
    }

    function settings() internal view returns (GovernanceDeployment.Settings memory) {
        address[] memory pauseTargets = new address[](1);
        pauseTargets[0] = address(0x7a);
        return GovernanceDeployment.Settings({
            token: token,
            timelockDelay: 2 days,
            governor: VenueGovernor.Settings(1 days, 5 days, SUPPLY / 100, 30, 2 days),
            members: members(5),
            threshold: 3,
            councilDelay: 48 hours,
            pauseDuration: 7 days,
            pauseCooldown: 14 days,
            pauseTargets: pauseTargets
        });
    }

    /// The first so many members.
    function members(uint256 count) internal pure returns (address[] memory list) {
        list = new address[](count);
        for (uint256 i = 0; i < count; i++) {
            list[i] = member(i);
        }
    }

    function member(uint256 index) internal pure returns (address) {
        return address(uint160(0x3e3b00 + index));
    }

    function share(address account, uint256 percent) private {
        token.transfer(account, SUPPLY * percent / 100);
        vm.prank(account);
        token.delegate(account);
    }

    function act(address target, bytes memory data) internal {
        (targets[0], calldatas[0]) = (target, data);
    }

    /// Alice proposes what `act` said.
    function propose() internal returns (uint256) {
        vm.prank(ALICE);
        return governor.propose(targets, values, calldatas, "description");
    }

    function description() internal pure returns (bytes32) {
        return keccak256("description");
    }

    /// Alice and Bob are for what `act` said; it waits for the delay.
    function proposeAndQueue() internal returns (uint256 id) {
        id = propose();
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(ALICE);
        governor.castVote(id, 1);
        vm.prank(BOB);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 5 days);
        governor.queue(targets, values, calldatas, description());
    }

    /// What `act` said is proposed, voted for, and done.
    function decide() internal {
        proposeAndQueue();
        vm.warp(block.timestamp + 2 days);
        governor.execute(targets, values, calldatas, description());
    }

    /// Three members approve, and one executes.
    function councilDoes(address target, bytes memory data) internal {
        approveByThree(target, data);
        vm.prank(member(0));
        council.execute(target, data, "");
    }

    function approveByThree(address target, bytes memory data) internal returns (bytes32 id) {
        vm.prank(member(0));
        id = council.propose(target, data, "");
        vm.prank(member(1));
        council.approve(target, data, "");
        vm.prank(member(2));
        council.approve(target, data, "");
    }
}
