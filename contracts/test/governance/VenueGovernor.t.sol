// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {VenueGovernor} from "../../src/governance/VenueGovernor.sol";
import {Probe} from "./Probe.sol";
import {Setup} from "./Setup.sol";

contract VenueGovernorTest is Setup {
    function setUp() external {
        deploy();
    }

    function test_aProposalPassesThroughAllStates() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = propose();
        uint256 snapshot = block.timestamp + 1 days;
        vm.assertEq(governor.proposalSnapshot(id), snapshot, "snapshot");
        assertState(id, IGovernor.ProposalState.Pending);
        vm.warp(snapshot);
        assertState(id, IGovernor.ProposalState.Pending);
        vm.prank(ALICE);
        vm.expectRevert();
        governor.castVote(id, 1);
        vm.warp(snapshot + 1);
        assertState(id, IGovernor.ProposalState.Active);
        vm.prank(ALICE);
        governor.castVote(id, 1);
        vm.prank(CAROL);
        governor.castVote(id, 0);
        vm.warp(snapshot + 5 days);
        assertState(id, IGovernor.ProposalState.Active);
        vm.warp(snapshot + 5 days + 1);
        assertState(id, IGovernor.ProposalState.Succeeded);
        vm.expectRevert();
        governor.execute(targets, values, calldatas, description());
        governor.queue(targets, values, calldatas, description());
        assertState(id, IGovernor.ProposalState.Queued);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectRevert();
        governor.execute(targets, values, calldatas, description());
        vm.warp(block.timestamp + 1);
        governor.execute(targets, values, calldatas, description());
        assertState(id, IGovernor.ProposalState.Executed);
        Probe.Call[] memory calls = probe.list(7);
        vm.assertEq(calls.length, 1, "once");
        vm.assertEq(calls[0].sender, address(timelock), "by the timelock");
        vm.expectRevert();
        governor.execute(targets, values, calldatas, description());
    }

    function test_withoutAQuorumOrAMajorityItIsDefeated() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = propose();
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(CAROL);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 5 days);
        // 25 of 30 %.
        assertState(id, IGovernor.ProposalState.Defeated);
        vm.expectRevert();
        governor.queue(targets, values, calldatas, description());

        act(address(probe), abi.encodeCall(Probe.poke, (8)));
        id = propose();
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(ALICE);
        governor.castVote(id, 2);
        vm.prank(BOB);
        governor.castVote(id, 0);
        vm.prank(CAROL);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 5 days);
        // 25 for, 35 against.
        assertState(id, IGovernor.ProposalState.Defeated);
    }

    /// Votes are those of the snapshot: moved tokens do not vote again, delegations after it change nothing.
    function test_votesCountOnce() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = propose();
        vm.warp(block.timestamp + 1 days + 1);
        vm.startPrank(ALICE);
        vm.assertEq(governor.castVote(id, 1), SUPPLY * 40 / 100, "Alice");
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, ALICE));
        governor.castVote(id, 1);
        token.transfer(CAROL, SUPPLY * 40 / 100);
        vm.stopPrank();
        vm.prank(BOB);
        token.delegate(CAROL);
        vm.warp(block.timestamp + 100);
        vm.assertEq(token.getVotes(CAROL), SUPPLY, "Carol has all now");
        vm.prank(CAROL);
        vm.assertEq(governor.castVote(id, 1), SUPPLY * 25 / 100, "but votes with what she had");
        vm.prank(BOB);
        vm.assertEq(governor.castVote(id, 0), SUPPLY * 35 / 100, "as does Bob");
        (uint256 against, uint256 for_, uint256 abstain) = governor.proposalVotes(id);
        vm.assertEq(against + for_ + abstain, SUPPLY, "all votes, once");
    }

    /// The quorum is reached in the last second: voting goes on for two days.
    function test_aLateQuorumExtendsTheVoting() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = propose();
        uint256 deadline = block.timestamp + 6 days;
        vm.warp(deadline);
        vm.prank(ALICE);
        vm.expectEmit(address(governor));
        emit GovernorPreventLateQuorum.ProposalExtended(id, uint64(deadline + 2 days));
        governor.castVote(id, 1);
        vm.assertEq(governor.proposalDeadline(id), deadline + 2 days, "extended");
        vm.warp(deadline + 2 days);
        vm.prank(BOB);
        governor.castVote(id, 0);
        vm.prank(CAROL);
        governor.castVote(id, 0);
        vm.assertEq(governor.proposalDeadline(id), deadline + 2 days, "once");
        vm.warp(deadline + 2 days + 1);
        assertState(id, IGovernor.ProposalState.Defeated);
    }

    function test_proposersNeedTheThreshold() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, address(this), 0, SUPPLY / 100)
        );
        governor.propose(targets, values, calldatas, "description");
    }

    function test_theCouncilCancelsProposals() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = proposeAndQueue();
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, BOB));
        governor.cancel(targets, values, calldatas, description());
        councilDoes(address(governor), abi.encodeCall(governor.cancel, (targets, values, calldatas, description())));
        assertState(id, IGovernor.ProposalState.Canceled);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert();
        governor.execute(targets, values, calldatas, description());
        // Nor by the timelock itself.
        vm.expectRevert();
        timelock.executeBatch(targets, values, calldatas, 0, bytes20(address(governor)) ^ description());
        vm.assertEq(probe.list(7).length, 0, "not done");
    }

    function test_theCouncilCannotCancelThatItIsReplaced() external {
        act(address(governor), abi.encodeCall(governor.setProposalGuardian, (BOB)));
        uint256 id = proposeAndQueue();
        bytes memory data = abi.encodeCall(governor.cancel, (targets, values, calldatas, description()));
        approveByThree(address(governor), data);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(VenueGovernor.GuardianCannotKeepItself.selector, id));
        council.execute(address(governor), data, "");
        vm.warp(block.timestamp + 2 days);
        governor.execute(targets, values, calldatas, description());
        vm.assertEq(governor.proposalGuardian(), BOB, "replaced");
        // With something else besides it can.
        targets.push(address(probe));
        values.push(0);
        calldatas.push(abi.encodeCall(Probe.poke, (7)));
        calldatas[0] = abi.encodeCall(governor.setProposalGuardian, (CAROL));
        id = propose();
        vm.prank(BOB);
        governor.cancel(targets, values, calldatas, description());
        assertState(id, IGovernor.ProposalState.Canceled);
    }

    function test_aProposerCancelsBeforeTheVoting() external {
        act(address(probe), abi.encodeCall(Probe.poke, (7)));
        uint256 id = propose();
        vm.prank(ALICE);
        governor.cancel(targets, values, calldatas, description());
        assertState(id, IGovernor.ProposalState.Canceled);
    }

    function test_settingsStayWithinTheirBounds() external {
        outOfRange(abi.encodeCall(governor.setVotingDelay, (1 hours - 1)), 1 hours - 1, 1 hours, 14 days);
        outOfRange(abi.encodeCall(governor.setVotingDelay, (14 days + 1)), 14 days + 1, 1 hours, 14 days);
        outOfRange(abi.encodeCall(governor.setVotingPeriod, (1 days - 1)), 1 days - 1, 1 days, 30 days);
        outOfRange(abi.encodeCall(governor.setVotingPeriod, (30 days + 1)), 30 days + 1, 1 days, 30 days);
        outOfRange(abi.encodeCall(governor.updateQuorumNumerator, (1)), 1, 2, 40);
        outOfRange(abi.encodeCall(governor.updateQuorumNumerator, (41)), 41, 2, 40);
        uint256 most = SUPPLY / 20;
        outOfRange(abi.encodeCall(governor.setProposalThreshold, (most + 1)), most + 1, 0, most);
        act(address(governor), abi.encodeCall(governor.updateQuorumNumerator, (40)));
        decide();
        vm.assertEq(governor.quorumNumerator(), 40, "within");
    }

    function test_settingsAreForProposalsOnly() external {
        bytes[5] memory calls = [
            abi.encodeCall(governor.setVotingDelay, (2 days)),
            abi.encodeCall(governor.setVotingPeriod, (2 days)),
            abi.encodeCall(governor.setProposalThreshold, (0)),
            abi.encodeCall(governor.updateQuorumNumerator, (3)),
            abi.encodeCall(governor.updateTimelock, (TimelockController(payable(address(1)))))
        ];
        for (uint256 i = 0; i < 5; i++) {
            vm.prank(ALICE);
            (bool isGood, bytes memory result) = address(governor).call(calls[i]);
            vm.assertTrue(!isGood, "refused");
            vm.assertEq(
                result, abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, ALICE), "for the timelock"
            );
            // Not even the timelock may, but in the execution of a proposal.
            vm.prank(address(timelock));
            (isGood,) = address(governor).call(calls[i]);
            vm.assertTrue(!isGood, "refused");
        }
    }

    function outOfRange(bytes memory data, uint256 value, uint256 least, uint256 most) private {
        act(address(governor), data);
        proposeAndQueue();
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(VenueGovernor.SettingOutOfRange.selector, value, least, most));
        governor.execute(targets, values, calldatas, description());
    }

    function assertState(uint256 id, IGovernor.ProposalState state) private view {
        vm.assertEq(uint256(governor.state(id)), uint256(state), "state");
    }
}
