// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {GovernanceDeployment} from "../../src/governance/GovernanceDeployment.sol";
import {PauseGuardian} from "../../src/governance/PauseGuardian.sol";
import {SecurityCouncil} from "../../src/governance/SecurityCouncil.sol";
import {Vm} from "../support/Test.sol";
import {Setup} from "./Setup.sol";

contract GovernanceDeploymentTest is Setup {
    /// Read from the events, so that a role that nobody thought of is found, too.
    function test_nobodyHasARightButTheFourThemselves() external {
        vm.recordLogs();
        GovernanceDeployment made = deploy();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 count = 0;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == IAccessControl.RoleRevoked.selector) vm.assertTrue(false, "nothing to revoke");
            if (logs[i].topics[0] != IAccessControl.RoleGranted.selector) continue;
            count++;
            address account = address(uint160(uint256(logs[i].topics[2])));
            bytes32 role = logs[i].topics[1];
            bool isGood;
            if (logs[i].emitter == address(timelock)) {
                isGood = (role == 0 && account == address(timelock))
                    || (role == timelock.EXECUTOR_ROLE() && account == address(0))
                    || (role == timelock.PROPOSER_ROLE() && account == address(governor))
                    || (role == timelock.CANCELLER_ROLE() && account == address(governor));
            } else {
                isGood = logs[i].emitter == address(pauseGuardian)
                    && ((role == 0 && account == address(timelock))
                        || (role == pauseGuardian.GUARDIAN_ROLE() && account == address(council)));
            }
            vm.assertTrue(isGood, "a role of one of the four");
        }
        vm.assertEq(count, 6, "roles");
        vm.assertTrue(!timelock.hasRole(0, address(this)) && !timelock.hasRole(0, address(made)), "not the deployer");
        vm.assertEq(governor.timelock(), address(timelock), "the governor's timelock");
        vm.assertEq(governor.proposalGuardian(), address(council), "its guardian");
        vm.assertEq(address(governor.token()), address(token), "its token");
        vm.assertEq(council.governance(), address(timelock), "who cancels the council's changes");
        vm.assertEq(timelock.getMinDelay(), 2 days, "delay");
        vm.assertEq(pauseGuardian.listTargets().length, 1, "who may be paused");
    }

    function test_eachMayDoWhatItIsFor() external {
        deploy();
        councilDoes(address(pauseGuardian), abi.encodeWithSignature("pause(bytes32)", bytes32("emergency")));
        vm.assertTrue(pauseGuardian.isPaused(address(0x7a)), "the council pauses");
        act(address(pauseGuardian), abi.encodeCall(PauseGuardian.register, (address(0x7b))));
        decide();
        vm.assertEq(pauseGuardian.listTargets().length, 2, "governance registers");
        act(address(timelock), abi.encodeCall(timelock.updateDelay, (3 days)));
        decide();
        vm.assertEq(timelock.getMinDelay(), 3 days, "and changes the delay");
    }

    /// Governance takes longer than the council's delay; whom it appointed does not.
    function test_governanceAppointsWhoCancelsTheCouncilsChanges() external {
        deploy();
        act(address(council), abi.encodeCall(SecurityCouncil.setCanceller, (CAROL)));
        decide();
        bytes32 id = approveByThree(address(council), abi.encodeCall(council.configure, (members(9), 5)));
        vm.prank(CAROL);
        council.cancel(id);
        vm.assertEq(uint256(council.actionOf(id).state), uint256(SecurityCouncil.State.Cancelled), "cancelled");
    }

    function test_theDelayHasBounds() external {
        deploy();
        GovernanceDeployment.Settings memory bad = settings();
        bad.timelockDelay = 1 days - 1;
        vm.expectRevert(abi.encodeWithSelector(GovernanceDeployment.DelayOutOfRange.selector, 1 days - 1));
        new GovernanceDeployment(bad);
        bad.timelockDelay = 30 days + 1;
        vm.expectRevert(abi.encodeWithSelector(GovernanceDeployment.DelayOutOfRange.selector, 30 days + 1));
        new GovernanceDeployment(bad);
    }

    /// EIP-3860: initialisation code has at most 49,152 bytes, arguments included.
    function test_thereIsRoomForALargeCouncilAndManyTargets() external {
        deploy();
        GovernanceDeployment.Settings memory large = settings();
        (large.members, large.threshold) = (members(32), 17);
        large.pauseTargets = members(40);
        bytes memory code = abi.encodePacked(type(GovernanceDeployment).creationCode, abi.encode(large));
        vm.assertLe(code.length, 49_152, "bytes");
        new GovernanceDeployment(large);
    }
}
