// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {SecurityCouncil} from "../../src/governance/SecurityCouncil.sol";
import {Test} from "../support/Test.sol";
import {Probe} from "./Probe.sol";

contract SecurityCouncilTest is Test {
    address private constant GOVERNANCE = address(0x60);
    address private constant STRANGER = address(0x57);

    SecurityCouncil private council;
    Probe private probe = new Probe();
    uint256 private start = 1_800_000_000;

    function setUp() external {
        vm.warp(start);
        council = new SecurityCouncil(GOVERNANCE, 48 hours, members(5), 3);
    }

    function test_whatThreeOfFiveApproveIsDoneAtOnceAndOnce() external {
        bytes memory data = abi.encodeCall(Probe.poke, (7));
        vm.startPrank(member(0));
        bytes32 id = council.propose(address(probe), data, "");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.AlreadyApproved.selector, id, member(0)));
        council.approve(address(probe), data, "");
        vm.stopPrank();
        vm.startPrank(member(4));
        council.approve(address(probe), data, "");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.TooFewApprovals.selector, id, 2, 3));
        council.execute(address(probe), data, "");
        vm.stopPrank();
        vm.startPrank(member(2));
        council.approve(address(probe), data, "");
        vm.assertTrue(council.hasApproved(id, member(2)), "approved");
        vm.assertTrue(!council.hasApproved(id, member(1)), "not approved");
        vm.assertTrue(!council.hasApproved(id, STRANGER), "no member");
        vm.assertEq(council.execute(address(probe), data, ""), abi.encode(8), "what the target returns");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotOpen.selector, id, SecurityCouncil.State.Executed));
        council.execute(address(probe), data, "");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.AlreadyProposed.selector, id));
        council.propose(address(probe), data, "");
        vm.stopPrank();
        vm.assertEq(probe.list(7).length, 1, "once");
        vm.assertEq(probe.list(7)[0].sender, address(council), "by the council");
    }

    function test_aRevokedApprovalDoesNotCount() external {
        bytes memory data = abi.encodeCall(Probe.poke, (7));
        bytes32 id = approve(address(probe), data, 3);
        vm.assertEq(council.actionOf(id).readyAt, start, "ready");
        vm.startPrank(member(1));
        council.revoke(id);
        vm.assertEq(council.actionOf(id).readyAt, 0, "not any more");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotApproved.selector, id, member(1)));
        council.revoke(id);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.TooFewApprovals.selector, id, 2, 3));
        council.execute(address(probe), data, "");
        council.approve(address(probe), data, "");
        council.execute(address(probe), data, "");
        vm.stopPrank();
    }

    function test_aChangeOfTheCouncilWaits() external {
        bytes memory data = abi.encodeCall(council.configure, (members(7), 4));
        bytes32 id = approve(address(council), data, 3);
        vm.startPrank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotReady.selector, id, start + 48 hours));
        council.execute(address(council), data, "");
        vm.warp(start + 48 hours - 1);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotReady.selector, id, start + 48 hours));
        council.execute(address(council), data, "");
        vm.warp(start + 48 hours);
        vm.expectEmit(address(council));
        emit SecurityCouncil.MemberAdded(member(5), 2);
        vm.expectEmit(address(council));
        emit SecurityCouncil.MemberAdded(member(6), 2);
        vm.expectEmit(address(council));
        emit SecurityCouncil.ThresholdChanged(3, 4, 7, 2);
        council.execute(address(council), data, "");
        vm.stopPrank();
        vm.assertEq(council.listMembers().length, 7, "members");
        vm.assertEq(council.threshold(), 4, "threshold");
        vm.assertEq(council.council(), 2, "the second council");
        vm.assertTrue(council.isMember(member(6)), "member");
    }

    /// The delay begins anew when an approval is missing for a moment.
    function test_theDelayBeginsWithTheLastApproval() external {
        bytes memory data = abi.encodeCall(council.configure, (members(7), 4));
        bytes32 id = approve(address(council), data, 3);
        vm.warp(start + 47 hours);
        vm.startPrank(member(2));
        council.revoke(id);
        council.approve(address(council), data, "");
        vm.warp(start + 48 hours);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotReady.selector, id, start + 95 hours));
        council.execute(address(council), data, "");
        vm.stopPrank();
        // One more than needed may go without that.
        vm.prank(member(3));
        council.approve(address(council), data, "");
        vm.prank(member(0));
        council.revoke(id);
        vm.assertEq(council.actionOf(id).readyAt, start + 95 hours, "as it was");
    }

    function test_governanceCancels() external {
        bytes memory data = abi.encodeCall(council.configure, (members(7), 4));
        bytes32 id = approve(address(council), data, 5);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotGovernance.selector, member(0)));
        council.cancel(id);
        vm.prank(GOVERNANCE);
        council.cancel(id);
        vm.warp(start + 48 hours);
        vm.startPrank(member(0));
        bytes memory notOpen =
            abi.encodeWithSelector(SecurityCouncil.NotOpen.selector, id, SecurityCouncil.State.Cancelled);
        vm.expectRevert(notOpen);
        council.execute(address(council), data, "");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.AlreadyProposed.selector, id));
        council.propose(address(council), data, "");
        vm.stopPrank();
        vm.prank(GOVERNANCE);
        vm.expectRevert(notOpen);
        council.cancel(id);
    }

    function test_whomGovernanceAppointsCancels() external {
        bytes32 id = approve(address(council), abi.encodeCall(council.configure, (members(7), 4)), 3);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotGovernance.selector, STRANGER));
        council.setCanceller(STRANGER);
        vm.prank(GOVERNANCE);
        vm.expectEmit(address(council));
        emit SecurityCouncil.CancellerChanged(address(0), STRANGER);
        council.setCanceller(STRANGER);
        vm.prank(STRANGER);
        council.cancel(id);
        vm.assertEq(uint256(council.actionOf(id).state), uint256(SecurityCouncil.State.Cancelled), "cancelled");
    }

    /// What was approved in another council has to be approved again.
    function test_aChangeOfTheCouncilEndsOpenActions() external {
        bytes memory data = abi.encodeCall(Probe.poke, (7));
        bytes32 id = approve(address(probe), data, 3);
        configure(members(5), 5);
        vm.startPrank(member(0));
        bytes32 other = council.idOf(address(probe), data, "");
        vm.assertTrue(other != id, "another number");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotOpen.selector, other, SecurityCouncil.State.None));
        council.execute(address(probe), data, "");
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.OtherCouncil.selector, id, 1));
        council.revoke(id);
        vm.assertTrue(!council.hasApproved(id, member(0)), "does not count");
        vm.stopPrank();
    }

    function test_whoWasRemovedHasNoSay() external {
        address[] memory next = new address[](5);
        for (uint256 i = 0; i < 5; i++) {
            next[i] = member(i + 1);
        }
        configure(next, 3);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotMember.selector, member(0)));
        council.propose(address(probe), "", "");
        vm.assertTrue(!council.isMember(member(0)), "no member");
    }

    function test_actionsExpire() external {
        bytes memory data = abi.encodeCall(Probe.poke, (7));
        bytes32 id = approve(address(probe), data, 3);
        vm.warp(start + 14 days + 1);
        vm.startPrank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.Expired.selector, id, start + 14 days));
        council.execute(address(probe), data, "");
        vm.stopPrank();
        vm.warp(start);
        data = abi.encodeCall(council.configure, (members(7), 4));
        id = approve(address(council), data, 3);
        vm.warp(start + 48 hours + 14 days + 1);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.Expired.selector, id, start + 48 hours + 14 days));
        council.execute(address(council), data, "");
    }

    /// 5 to 32 members, at least 3 of them and more than half: anything else is refused, and nothing else.
    function test_theFloorHolds(uint256 count, uint8 threshold, bool isDouble) external {
        count = bound(count, 0, 40);
        threshold = uint8(bound(threshold, 0, 42));
        address[] memory next = members(count);
        if (isDouble && count > 1) next[1] = next[0];
        bool isGood = count >= 5 && count <= 32 && threshold >= 3 && 2 * uint256(threshold) > count
            && threshold <= count && !isDouble;
        try new SecurityCouncil(GOVERNANCE, 24 hours, next, threshold) {
            vm.assertTrue(isGood, "made");
        } catch {
            vm.assertTrue(!isGood, "refused");
        }
        bytes memory data = abi.encodeCall(council.configure, (next, threshold));
        approve(address(council), data, 3);
        vm.warp(start + 48 hours);
        vm.prank(member(0));
        try council.execute(address(council), data, "") {
            vm.assertTrue(isGood, "done");
        } catch {
            vm.assertTrue(!isGood, "refused");
            vm.assertEq(council.listMembers().length, 5, "as before");
            vm.assertEq(council.threshold(), 3, "as before");
        }
    }

    function test_refusesWhatIsNotAllowed() external {
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotItself.selector, address(this)));
        council.configure(members(5), 3);
        vm.prank(GOVERNANCE);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotItself.selector, GOVERNANCE));
        council.configure(members(5), 3);
        vm.startPrank(STRANGER);
        bytes memory notMember = abi.encodeWithSelector(SecurityCouncil.NotMember.selector, STRANGER);
        vm.expectRevert(notMember);
        council.propose(address(probe), "", "");
        vm.expectRevert(notMember);
        council.approve(address(probe), "", "");
        vm.expectRevert(notMember);
        council.revoke("");
        vm.expectRevert(notMember);
        council.execute(address(probe), "", "");
        vm.stopPrank();
        approve(STRANGER, "", 3);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NoCode.selector, STRANGER));
        council.execute(STRANGER, "", "");
        bytes memory data = abi.encodeCall(Probe.refuse, (9));
        bytes32 id = approve(address(probe), data, 3);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(Probe.Refused.selector, 9));
        council.execute(address(probe), data, "");
        vm.assertEq(uint256(council.actionOf(id).state), uint256(SecurityCouncil.State.Open), "to be tried again");

        vm.expectRevert(SecurityCouncil.NoGovernance.selector);
        new SecurityCouncil(address(0), 24 hours, members(5), 3);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.DelayOutOfRange.selector, 24 hours - 1));
        new SecurityCouncil(GOVERNANCE, 24 hours - 1, members(5), 3);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.DelayOutOfRange.selector, 72 hours + 1));
        new SecurityCouncil(GOVERNANCE, 72 hours + 1, members(5), 3);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.BadMembers.selector, 4));
        new SecurityCouncil(GOVERNANCE, 24 hours, members(4), 3);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.BadThreshold.selector, 3, 6));
        new SecurityCouncil(GOVERNANCE, 24 hours, members(6), 3);
        address[] memory zero = members(5);
        zero[0] = address(0);
        vm.expectRevert(abi.encodeWithSelector(SecurityCouncil.NotAscending.selector, address(0)));
        new SecurityCouncil(GOVERNANCE, 24 hours, zero, 3);
    }

    /// The first member proposes, and the next ones approve.
    function approve(address target, bytes memory data, uint256 count) private returns (bytes32 id) {
        vm.prank(member(0));
        id = council.propose(target, data, "");
        for (uint256 i = 1; i < count; i++) {
            vm.prank(member(i));
            council.approve(target, data, "");
        }
    }

    function configure(address[] memory next, uint8 threshold) private {
        bytes memory data = abi.encodeCall(council.configure, (next, threshold));
        approve(address(council), data, 3);
        vm.warp(block.timestamp + 48 hours);
        vm.prank(member(0));
        council.execute(address(council), data, "");
    }

    function members(uint256 count) private pure returns (address[] memory list) {
        list = new address[](count);
        for (uint256 i = 0; i < count; i++) {
            list[i] = member(i);
        }
    }

    function member(uint256 index) private pure returns (address) {
        return address(uint160(0x3e3b00 + index));
    }
}
