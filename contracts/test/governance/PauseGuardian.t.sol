// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {PauseGuardian} from "../../src/governance/PauseGuardian.sol";
import {Test} from "../support/Test.sol";

contract PauseGuardianTest is Test {
    address private constant GOVERNANCE = address(0x60);
    address private constant COUNCIL = address(0xc0);
    address private constant POOL = address(0x9001);
    address private constant MARKET = address(0x9002);

    PauseGuardian private guardian;
    uint256 private start = 1_800_000_000;

    function setUp() external {
        vm.warp(start);
        address[] memory targets = new address[](2);
        (targets[0], targets[1]) = (POOL, MARKET);
        guardian = new PauseGuardian(GOVERNANCE, COUNCIL, 3 days, 5 days, targets);
    }

    function test_aPauseEndsByItself() external {
        vm.prank(COUNCIL);
        vm.expectEmit(address(guardian));
        emit PauseGuardian.Paused(POOL, COUNCIL, "drained", start + 3 days);
        guardian.pause(POOL, "drained");
        vm.assertTrue(guardian.isPaused(POOL), "paused");
        vm.assertTrue(!guardian.isPaused(MARKET), "the other one is not");
        vm.warp(start + 3 days - 1);
        vm.assertTrue(guardian.isPaused(POOL), "still");
        vm.warp(start + 3 days);
        vm.assertTrue(!guardian.isPaused(POOL), "not any more");
    }

    function test_thereIsACooldown() external {
        vm.startPrank(COUNCIL);
        guardian.pause(POOL, "");
        bytes memory cooling = abi.encodeWithSelector(PauseGuardian.CoolingDown.selector, POOL, start + 8 days);
        vm.expectRevert(cooling);
        guardian.pause(POOL, "");
        vm.warp(start + 8 days - 1);
        vm.expectRevert(cooling);
        guardian.pause(POOL, "");
        vm.warp(start + 8 days);
        guardian.pause(POOL, "");
        vm.stopPrank();
    }

    function test_allArePausedAtOnce() external {
        vm.startPrank(COUNCIL);
        guardian.pause(POOL, "");
        vm.warp(start + 1 days);
        vm.assertEq(guardian.pause("emergency"), 1, "the one that was not");
        vm.assertTrue(guardian.isPaused(POOL) && guardian.isPaused(MARKET), "both");
        (, uint256 until,) = guardian.statusOf(POOL);
        vm.assertEq(until, start + 3 days, "the first pause is not made longer");
        vm.expectRevert(PauseGuardian.NothingToPause.selector);
        guardian.pause("emergency");
        vm.stopPrank();
    }

    function test_governanceEndsAPauseAndACooldown() external {
        vm.prank(COUNCIL);
        guardian.pause(POOL, "");
        vm.warp(start + 1 days);
        vm.prank(GOVERNANCE);
        vm.expectEmit(address(guardian));
        emit PauseGuardian.Unpaused(POOL, GOVERNANCE);
        guardian.unpause(POOL);
        vm.assertTrue(!guardian.isPaused(POOL), "not paused");
        vm.prank(COUNCIL);
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.CoolingDown.selector, POOL, start + 8 days));
        guardian.pause(POOL, "");
        vm.prank(GOVERNANCE);
        guardian.endCooldown(POOL);
        vm.startPrank(COUNCIL);
        guardian.pause(POOL, "");
        vm.assertTrue(guardian.isPaused(POOL), "again");
        guardian.unpause(POOL);
        vm.assertTrue(!guardian.isPaused(POOL), "the guardian ends it, too");
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.NotPaused.selector, POOL));
        guardian.unpause(POOL);
        vm.stopPrank();
    }

    /// `endCooldown` during a pause does not let the guardian make it longer.
    function test_anEndedCooldownDoesNotMakeAPauseLonger() external {
        vm.prank(COUNCIL);
        guardian.pause(POOL, "");
        vm.prank(GOVERNANCE);
        guardian.endCooldown(POOL);
        vm.prank(COUNCIL);
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.CoolingDown.selector, POOL, start + 3 days));
        guardian.pause(POOL, "");
    }

    /// Whatever the guardian does, nothing is paused for more than half of the time, and a pause.
    function test_theGuardianCannotPauseForEver(uint256 seed) external {
        uint256 paused = 0;
        vm.startPrank(COUNCIL);
        for (uint256 i = 0; i < 60; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            (, uint256 until, uint256 from) = guardian.statusOf(POOL);
            if (seed % 3 == 0) {
                try guardian.pause(POOL, "") {} catch {}
            } else if (seed % 3 == 1) {
                try guardian.pause("") {} catch {}
            } else if (seed % 16 == 2) {
                try guardian.unpause(POOL) {} catch {}
            }
            (, until, from) = guardian.statusOf(POOL);
            uint256 next = block.timestamp
                + (seed % 4 == 0 && from > block.timestamp ? from - block.timestamp : (seed >> 128) % 2 days);
            if (until > block.timestamp) paused += (until < next ? until : next) - block.timestamp;
            vm.warp(next);
        }
        vm.stopPrank();
        vm.assertLe(paused, (block.timestamp - start) * 3 / 8 + 3 days, "3 of 8 days");
    }

    function test_governanceRegisters() external {
        address vault = address(0x9003);
        vm.startPrank(GOVERNANCE);
        vm.expectEmit(address(guardian));
        emit PauseGuardian.Registered(vault);
        guardian.register(vault);
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.BadTarget.selector, vault));
        guardian.register(vault);
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.BadTarget.selector, address(0)));
        guardian.register(address(0));
        vm.stopPrank();
        vm.prank(COUNCIL);
        guardian.pause(POOL, "");
        vm.startPrank(GOVERNANCE);
        guardian.unregister(POOL);
        vm.assertTrue(!guardian.isPaused(POOL), "an end of its pause, too");
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.NotRegistered.selector, POOL));
        guardian.unregister(POOL);
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.NotRegistered.selector, POOL));
        guardian.endCooldown(POOL);
        address[] memory list = guardian.listTargets();
        vm.assertEq(list.length, 2, "two");
        vm.assertEq(list[0], vault, "the last one has the place that is free");
        guardian.unregister(vault);
        guardian.unregister(MARKET);
        for (uint160 i = 1; i <= 64; i++) {
            guardian.register(address(i));
        }
        vm.expectRevert(PauseGuardian.TooManyTargets.selector);
        guardian.register(address(65));
        vm.stopPrank();
        vm.startPrank(COUNCIL);
        vm.assertEq(guardian.pause(""), 64, "all");
        vm.expectRevert(abi.encodeWithSelector(PauseGuardian.NotRegistered.selector, POOL));
        guardian.pause(POOL, "");
        vm.stopPrank();
    }

    function test_rolesAreNeeded() external {
        bytes memory notGuardian = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, GOVERNANCE, guardian.GUARDIAN_ROLE()
        );
        bytes memory notAdmin =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, COUNCIL, bytes32(0));
        vm.startPrank(GOVERNANCE);
        vm.expectRevert(notGuardian);
        guardian.pause(POOL, "");
        vm.expectRevert(notGuardian);
        guardian.pause("");
        vm.stopPrank();
        vm.startPrank(COUNCIL);
        vm.expectRevert(notAdmin);
        guardian.register(address(1));
        vm.expectRevert(notAdmin);
        guardian.unregister(POOL);
        vm.expectRevert(notAdmin);
        guardian.endCooldown(POOL);
        guardian.pause(POOL, "");
        vm.stopPrank();
        vm.prank(MARKET);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, MARKET, bytes32(0))
        );
        guardian.unpause(POOL);
    }

    function test_settingsHaveBounds() external {
        uint48[2][4] memory bad = [
            [uint48(1 hours - 1), 5 days],
            [uint48(30 days + 1), 60 days],
            [uint48(3 days), 3 days - 1],
            [uint48(3 days), 180 days + 1]
        ];
        for (uint256 i = 0; i < 4; i++) {
            vm.expectRevert(abi.encodeWithSelector(PauseGuardian.DurationOutOfRange.selector, bad[i][0], bad[i][1]));
            new PauseGuardian(GOVERNANCE, COUNCIL, bad[i][0], bad[i][1], new address[](0));
        }
    }
}
