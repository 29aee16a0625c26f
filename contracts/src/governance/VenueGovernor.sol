// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {VenueToken} from "./VenueToken.sol";

/// @title The governor of the venue
/// @notice Holders of votes propose and decide; what they decide is done by a timelock, after its delay.
/// OpenZeppelin's Governor: one vote for, against or abstaining per account and proposal, weighed by the votes
/// at the start of the voting; a quorum of for and abstain in percent of the supply; if the quorum is reached
/// late, voting goes on for some time, so that the others can react.
///
/// All settings are changed by proposals only, within bounds that no proposal can leave: nobody can vote in a
/// moment when nobody looks, switch the quorum off, or set a threshold that stops all proposals.
///
/// The guardian, which is the security council, can cancel proposals, but for one that does nothing but
/// change the guardian: so it cannot make itself irremovable.
/// @dev Times are in seconds. Hot slots: each vote writes the tally of its side, and a slot of its voter.
contract VenueGovernor is
    Governor,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorTimelockControl,
    GovernorPreventLateQuorum,
    GovernorProposalGuardian
{
    struct Settings {
        /// Seconds from a proposal to the start of its voting.
        uint48 votingDelay;
        /// Seconds for which voting lasts.
        uint32 votingPeriod;
        /// Votes that a proposer has to have.
        uint256 proposalThreshold;
        /// In percent of the supply.
        uint256 quorumPercent;
        /// Seconds for which voting lasts at least once the quorum is reached.
        uint48 voteExtension;
    }

    uint256 public constant VOTING_DELAY_MIN = 1 hours;
    uint256 public constant VOTING_DELAY_MAX = 14 days;
    uint256 public constant VOTING_PERIOD_MIN = 1 days;
    uint256 public constant VOTING_PERIOD_MAX = 30 days;
    uint256 public constant QUORUM_MIN = 2;
    uint256 public constant QUORUM_MAX = 40;
    /// @notice The threshold is at most the supply divided by this.
    uint256 public constant THRESHOLD_DIVISOR = 20;

    error SettingOutOfRange(uint256 value, uint256 least, uint256 most);
    error GuardianCannotKeepItself(uint256 proposalId);

    /// @param guardian Who may cancel proposals; see above.
    constructor(VenueToken token_, TimelockController timelock_, Settings memory settings, address guardian)
        Governor("Venue Governor")
        GovernorVotes(token_)
        GovernorVotesQuorumFraction(settings.quorumPercent)
        GovernorSettings(settings.votingDelay, settings.votingPeriod, settings.proposalThreshold)
        GovernorTimelockControl(timelock_)
        GovernorPreventLateQuorum(settings.voteExtension)
    {
        _setProposalGuardian(guardian);
    }

    /// @notice Cancels a proposal: by the guardian as long as it is not executed, but for one whose only
    /// action is to change the guardian; by its proposer before the voting, or if there is no guardian.
    function cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public override returns (uint256) {
        if (_msgSender() == proposalGuardian() && changesGuardianOnly(targets, calldatas)) {
            revert GuardianCannotKeepItself(getProposalId(targets, values, calldatas, descriptionHash));
        }
        return super.cancel(targets, values, calldatas, descriptionHash);
    }

    /// @inheritdoc Governor
    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(proposalId);
    }

    /// @inheritdoc Governor
    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    /// @inheritdoc Governor
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function changesGuardianOnly(address[] memory targets, bytes[] memory calldatas) private view returns (bool) {
        return targets.length == 1 && targets[0] == address(this) && calldatas.length == 1
            && bytes4(calldatas[0]) == this.setProposalGuardian.selector;
    }

    function requireWithin(uint256 value, uint256 least, uint256 most) private pure {
        require(value >= least && value <= most, SettingOutOfRange(value, least, most));
    }

    function _setVotingDelay(uint48 newVotingDelay) internal override {
        requireWithin(newVotingDelay, VOTING_DELAY_MIN, VOTING_DELAY_MAX);
        super._setVotingDelay(newVotingDelay);
    }

    function _setVotingPeriod(uint32 newVotingPeriod) internal override {
        requireWithin(newVotingPeriod, VOTING_PERIOD_MIN, VOTING_PERIOD_MAX);
        super._setVotingPeriod(newVotingPeriod);
    }

    function _setProposalThreshold(uint256 newThreshold) internal override {
        requireWithin(newThreshold, 0, IERC20(address(token())).totalSupply() / THRESHOLD_DIVISOR);
        super._setProposalThreshold(newThreshold);
    }

    function _updateQuorumNumerator(uint256 newQuorumPercent) internal override {
        requireWithin(newQuorumPercent, QUORUM_MIN, QUORUM_MAX);
        super._updateQuorumNumerator(newQuorumPercent);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override(Governor, GovernorProposalGuardian)
        returns (bool)
    {
        return super._validateCancel(proposalId, caller);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
