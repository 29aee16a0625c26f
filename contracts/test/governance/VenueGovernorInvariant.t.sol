// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {VenueGovernor} from "../../src/governance/VenueGovernor.sol";
import {VenueToken} from "../../src/governance/VenueToken.sol";
import {Handler} from "../support/Handler.sol";
import {Probe} from "./Probe.sol";
import {Setup} from "./Setup.sol";

/// Transfers, delegates, proposes, votes and executes as five accounts, and keeps book of balances, of who
/// delegated to whom, and of the votes at each snapshot.
contract GovernorHandler is Handler {
    struct Entry {
        uint256 id;
        uint256 snapshot;
        bool isTaken;
        uint256[5] votes;
        bool[5] hasVoted;
        uint256[3] tally;
        uint256 queuedAt;
        bool isExecuted;
        bool isCanceled;
    }

    VenueGovernor private immutable governor;
    VenueToken private immutable token;
    TimelockController private immutable timelock;
    Probe public immutable probe;
    Entry[] private entries;
    uint256[5] private balances;
    /// From one; zero for nobody.
    uint256[5] private delegates;
    uint256 public votesCast;
    uint256 public executed;

    constructor(VenueGovernor governor_, VenueToken token_, TimelockController timelock_, Probe probe_) {
        (governor, token, timelock, probe) = (governor_, token_, timelock_, probe_);
    }

    /// To be called when the first account has all tokens.
    function begin() external {
        balances[0] = token.balanceOf(actor(0));
        for (uint256 i = 0; i < 5; i++) {
            delegate(i, i);
        }
        for (uint256 i = 1; i < 5; i++) {
            transfer(0, i, balances[0] / 3);
        }
    }

    function transfer(uint256 from, uint256 to, uint256 amount) public {
        (from, to) = (from % 5, to % 5);
        amount = bound(amount, 0, balances[from]);
        vm.prank(actor(from));
        token.transfer(actor(to), amount);
        balances[from] -= amount;
        balances[to] += amount;
    }

    function delegate(uint256 from, uint256 to) public {
        (from, to) = (from % 5, to % 6);
        vm.prank(actor(from));
        token.delegate(to == 5 ? address(0) : actor(to));
        delegates[from] = (to + 1) % 6;
    }

    function propose(uint256 account) external {
        if (entries.length >= 5) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas,) = action(entries.length);
        vm.prank(actor(account % 5));
        uint256 id = governor.propose(targets, values, calldatas, name(entries.length));
        Entry storage entry = entries.push();
        (entry.id, entry.snapshot) = (id, block.timestamp + 1 days);
    }

    function vote(uint256 account, uint256 index, uint8 support) public {
        Entry storage entry = entries[index % entries.length];
        (account, support) = (account % 5, support % 3);
        vm.prank(actor(account));
        uint256 weight = governor.castVote(entry.id, support);
        note(entry.isTaken && !entry.hasVoted[account], "a vote after the snapshot, and once");
        note(weight == entry.votes[account], "a vote with what it had at the snapshot");
        entry.hasVoted[account] = true;
        entry.tally[support] += weight;
        votesCast++;
    }

    function queue(uint256 index) public {
        index = index % entries.length;
        Entry storage entry = entries[index];
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 hash) = action(index);
        governor.queue(targets, values, calldatas, hash);
        uint256 supply = token.totalSupply();
        note(entry.tally[1] > entry.tally[0], "queued with a majority");
        note(entry.tally[1] + entry.tally[2] >= supply * 30 / 100, "queued with a quorum");
        note(block.timestamp > entry.snapshot + 5 days, "queued after the voting");
        entry.queuedAt = block.timestamp;
    }

    /// By the governor, or by the timelock itself, which is open to anybody.
    function execute(uint256 index, bool isDirect) public {
        index = index % entries.length;
        Entry storage entry = entries[index];
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 hash) = action(index);
        if (isDirect) {
            timelock.executeBatch(targets, values, calldatas, 0, bytes20(address(governor)) ^ hash);
        } else {
            governor.execute(targets, values, calldatas, hash);
        }
        note(entry.queuedAt != 0 && !entry.isExecuted && !entry.isCanceled, "executed what was queued, and once");
        note(block.timestamp >= entry.queuedAt + 2 days, "executed after the delay");
        entry.isExecuted = true;
        executed++;
    }

    function cancel(uint256 index, uint256 chance) external {
        if (chance % 16 != 0) return;
        index = index % entries.length;
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 hash) = action(index);
        vm.prank(governor.proposalGuardian());
        governor.cancel(targets, values, calldatas, hash);
        entries[index].isCanceled = true;
    }

    function wait(uint256 time) external {
        pass(bound(time, 1, 1 days));
    }

    function pass(uint256 time) private {
        uint256 next = block.timestamp + time;
        for (uint256 i = 0; i < entries.length; i++) {
            Entry storage entry = entries[i];
            // Nothing changes any more in the second of the snapshot.
            if (entry.isTaken || entry.snapshot >= next) continue;
            for (uint256 j = 0; j < 5; j++) {
                if (delegates[j] != 0) entry.votes[delegates[j] - 1] += balances[j];
            }
            entry.isTaken = true;
        }
        vm.warp(next);
    }

    /// Takes a proposal on, mostly in the right second, and with votes that are mostly for it.
    function advance(uint256 index, uint256 seed) external {
        index = index % entries.length;
        Entry storage entry = entries[index];
        IGovernor.ProposalState state = governor.state(entry.id);
        uint256 early = seed % 8 == 0 ? 1 : 0;
        if (state == IGovernor.ProposalState.Pending) {
            until(governor.proposalSnapshot(entry.id) + 1 - early);
        } else if (state == IGovernor.ProposalState.Active) {
            for (uint256 i = 0; i < 5; i++) {
                seed = uint256(keccak256(abi.encode(seed)));
                if (seed % 3 != 0 && !entry.hasVoted[i]) vote(i, index, uint8((seed >> 8) % 5 == 0 ? 0 : 1));
            }
            until(governor.proposalDeadline(entry.id) + 1 - early);
        } else if (state == IGovernor.ProposalState.Queued) {
            // Apart, as time goes on even if a call is reverted, and the book does not.
            if (block.timestamp + 1 < governor.proposalEta(entry.id)) until(governor.proposalEta(entry.id) - early);
            else execute(index, seed % 3 == 0);
        } else {
            queue(index);
        }
    }

    function until(uint256 time) private {
        if (time > block.timestamp) pass(time - block.timestamp);
    }

    function list() external view returns (Entry[] memory) {
        return entries;
    }

    function action(uint256 number)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 hash)
    {
        (targets, values, calldatas) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calldatas[0]) = (address(probe), abi.encodeCall(Probe.poke, (number)));
        hash = keccak256(bytes(name(number)));
    }

    function name(uint256 number) private pure returns (string memory) {
        return string(abi.encodePacked("proposal ", uint8(48 + number)));
    }

    function actor(uint256 index) private pure returns (address) {
        return address(uint160(0xa1 + index));
    }
}

contract VenueGovernorInvariantTest is Setup {
    GovernorHandler private handler;

    function setUp() external {
        deploy();
        handler = new GovernorHandler(governor, token, timelock, probe);
        address[3] memory holders = [ALICE, BOB, CAROL];
        for (uint256 i = 0; i < 3; i++) {
            vm.startPrank(holders[i]);
            token.transfer(address(0xa1), token.balanceOf(holders[i]));
            vm.stopPrank();
        }
        handler.begin();
        vm.warp(block.timestamp + 1);
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](9);
        functions[0] = GovernorHandler.transfer.selector;
        functions[1] = GovernorHandler.delegate.selector;
        functions[2] = GovernorHandler.propose.selector;
        functions[3] = GovernorHandler.vote.selector;
        functions[4] = GovernorHandler.queue.selector;
        functions[5] = GovernorHandler.execute.selector;
        functions[6] = GovernorHandler.cancel.selector;
        functions[7] = GovernorHandler.wait.selector;
        functions[8] = GovernorHandler.advance.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_votesCountOnceAndNothingIsDoneWithoutThem() external view {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        GovernorHandler.Entry[] memory entries = handler.list();
        for (uint256 i = 0; i < entries.length; i++) {
            (uint256 against, uint256 for_, uint256 abstain) = governor.proposalVotes(entries[i].id);
            vm.assertEq(against, entries[i].tally[0], "against");
            vm.assertEq(for_, entries[i].tally[1], "for");
            vm.assertEq(abstain, entries[i].tally[2], "abstain");
            vm.assertLe(against + for_ + abstain, SUPPLY, "no more votes than tokens");
            Probe.Call[] memory calls = probe.list(i);
            vm.assertEq(calls.length, entries[i].isExecuted ? 1 : 0, "done once, or not at all");
            if (calls.length != 0) vm.assertEq(calls[0].sender, address(timelock), "by the timelock");
        }
    }
}
