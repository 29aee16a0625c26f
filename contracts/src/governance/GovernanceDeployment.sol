// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {PauseGuardian} from "./PauseGuardian.sol";
import {SecurityCouncil} from "./SecurityCouncil.sol";
import {VenueGovernor} from "./VenueGovernor.sol";
import {VenueToken} from "./VenueToken.sol";

/// @title Sets up the governance of the venue
/// @notice Its deployment deploys the timelock, the security council, the pause guardian and the governor, each
/// of which names the others in its constructor. Nobody has a right for a moment that they do not keep: whoever
/// deploys has none, this contract has none, and there is none to give up afterwards.
///
/// | who | may |
/// |---|---|
/// | governor | schedule operations of the timelock, and cancel them |
/// | anybody | execute them after the delay |
/// | timelock | change itself, the governor, the pause guardian, and cancel actions of the council |
/// | council | cancel proposals, and pause |
/// | council, after a delay | change the council |
/// @dev All is done in the constructor, as the code of the four would not fit into that of a contract. The
/// governor's address, which the timelock needs first, follows from this contract's nonce. With its arguments
/// the code has to stay below 49,152 bytes (EIP-3860), which leaves room for 32 members and 40 targets.
contract GovernanceDeployment {
    struct Settings {
        VenueToken token;
        /// Of the timelock: seconds, at least a day and at most 30.
        uint256 timelockDelay;
        VenueGovernor.Settings governor;
        /// Of the council: in ascending order.
        address[] members;
        uint8 threshold;
        /// Of a change of the council: seconds, 24 to 72 hours.
        uint48 councilDelay;
        uint48 pauseDuration;
        uint48 pauseCooldown;
        address[] pauseTargets;
    }

    uint256 public constant TIMELOCK_DELAY_MIN = 1 days;
    uint256 public constant TIMELOCK_DELAY_MAX = 30 days;

    VenueToken public immutable token;
    TimelockController public immutable timelock;
    SecurityCouncil public immutable council;
    PauseGuardian public immutable pauseGuardian;
    VenueGovernor public immutable governor;

    event Deployed(
        address indexed token, address timelock, address council, address pauseGuardian, address indexed governor
    );

    error DelayOutOfRange(uint256 delay);
    error UnexpectedAddress(address expected, address actual);

    constructor(Settings memory settings) {
        uint256 delay = settings.timelockDelay;
        require(delay >= TIMELOCK_DELAY_MIN && delay <= TIMELOCK_DELAY_MAX, DelayOutOfRange(delay));
        token = settings.token;

        // A contract's first nonce is 1 (EIP-161); the governor is the fourth that this one makes.
        address expected = address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), hex"04")))));
        address[] memory proposers = new address[](1);
        proposers[0] = expected;
        // Anybody.
        address[] memory executors = new address[](1);
        timelock = new TimelockController(delay, proposers, executors, address(0));
        council = new SecurityCouncil(address(timelock), settings.councilDelay, settings.members, settings.threshold);
        pauseGuardian = new PauseGuardian(
            address(timelock), address(council), settings.pauseDuration, settings.pauseCooldown, settings.pauseTargets
        );
        governor = new VenueGovernor(settings.token, timelock, settings.governor, address(council));
        require(address(governor) == expected, UnexpectedAddress(expected, address(governor)));
        emit Deployed(address(token), address(timelock), address(council), address(pauseGuardian), address(governor));
    }
}
