// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IPauseGuardian} from "./IPauseGuardian.sol";

/// @title Pauses that end by themselves
/// @notice A guardian, which is the security council, may pause registered contracts for `duration` seconds.
/// After that, it cannot pause the same contract again for `cooldown` seconds, which is at least as long: so
/// nothing is ever paused for more than half of the time. Governance, which is the admin, may end a pause and
/// a cooldown, and says who may be paused.
///
/// A contract that can be paused asks `isPaused(address(this))` before it does what increases risk. What
/// lowers risk, and taking out one's own, it does not ask for.
/// @dev One slot for each target, which is written by pauses only: readers run in parallel.
contract PauseGuardian is AccessControl, IPauseGuardian {
    /// In one slot.
    struct Target {
        uint48 pausedUntil;
        /// The guardian cannot pause it before.
        uint48 pausableFrom;
        /// In the list of targets, from one; zero if it is not registered.
        uint8 place;
    }

    /// @notice Who may pause.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    uint256 public constant TARGETS_MAX = 64;
    uint256 public constant DURATION_MIN = 1 hours;
    uint256 public constant DURATION_MAX = 30 days;
    uint256 public constant COOLDOWN_MAX = 180 days;

    /// @notice How long a pause lasts: seconds.
    uint48 public immutable duration;
    /// @notice How long after its end there can be none: seconds.
    uint48 public immutable cooldown;

    address[] private list;
    mapping(address target => Target) private targets;

    event Registered(address indexed target);
    event Unregistered(address indexed target);
    event Paused(address indexed target, address indexed guardian, bytes32 indexed reason, uint256 until);
    event Unpaused(address indexed target, address indexed by);
    event CooldownEnded(address indexed target);

    error DurationOutOfRange(uint256 duration, uint256 cooldown);
    error BadTarget(address target);
    error NotRegistered(address target);
    error TooManyTargets();
    error CoolingDown(address target, uint256 until);
    error NotPaused(address target);
    error NothingToPause();

    /// @param admin Governance: its timelock.
    /// @param guardian The security council.
    /// @param duration_ One hour to 30 days; so long that governance can decide meanwhile.
    /// @param cooldown_ Not shorter than `duration_`, up to 180 days.
    /// @param targets_ Who may be paused from the beginning.
    constructor(address admin, address guardian, uint48 duration_, uint48 cooldown_, address[] memory targets_) {
        bool isGood = duration_ >= DURATION_MIN && duration_ <= DURATION_MAX && cooldown_ >= duration_
            && cooldown_ <= COOLDOWN_MAX;
        require(isGood, DurationOutOfRange(duration_, cooldown_));
        duration = duration_;
        cooldown = cooldown_;
        for (uint256 i = 0; i < targets_.length; i++) {
            add(targets_[i]);
        }
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(GUARDIAN_ROLE, guardian);
    }

    /// @inheritdoc IPauseGuardian
    function isPaused(address target) public view returns (bool) {
        return block.timestamp < targets[target].pausedUntil;
    }

    /// @notice Pauses one target: by the guardian.
    /// @param reason For whoever reads events.
    function pause(address target, bytes32 reason) external onlyRole(GUARDIAN_ROLE) {
        Target storage entry = targets[target];
        require(entry.place != 0, NotRegistered(target));
        require(block.timestamp >= entry.pausableFrom, CoolingDown(target, entry.pausableFrom));
        start(target, entry, reason);
    }

    /// @notice Pauses all targets but those that are paused already, or cool down: by the guardian.
    /// @return count How many it paused; it reverts if none.
    function pause(bytes32 reason) external onlyRole(GUARDIAN_ROLE) returns (uint256 count) {
        for (uint256 i = 0; i < list.length; i++) {
            Target storage entry = targets[list[i]];
            if (block.timestamp < entry.pausableFrom) continue;
            start(list[i], entry, reason);
            count++;
        }
        require(count != 0, NothingToPause());
    }

    /// @notice Ends a pause: by governance, or by the guardian. The cooldown stays as long as it was.
    function unpause(address target) external {
        if (!hasRole(GUARDIAN_ROLE, msg.sender)) _checkRole(DEFAULT_ADMIN_ROLE, msg.sender);
        require(isPaused(target), NotPaused(target));
        targets[target].pausedUntil = uint48(block.timestamp);
        emit Unpaused(target, msg.sender);
    }

    /// @notice Lets the guardian pause a target again at once: by governance. A pause that there is goes on to
    /// its end.
    function endCooldown(address target) external onlyRole(DEFAULT_ADMIN_ROLE) {
        require(targets[target].place != 0, NotRegistered(target));
        targets[target].pausableFrom = targets[target].pausedUntil;
        emit CooldownEnded(target);
    }

    /// @notice Lets a contract be paused: by governance.
    function register(address target) external onlyRole(DEFAULT_ADMIN_ROLE) {
        add(target);
    }

    /// @notice Ends that, and a pause that there is: by governance.
    function unregister(address target) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 place = targets[target].place;
        require(place != 0, NotRegistered(target));
        if (isPaused(target)) emit Unpaused(target, msg.sender);
        address last = list[list.length - 1];
        list[place - 1] = last;
        targets[last].place = uint8(place);
        list.pop();
        delete targets[target];
        emit Unregistered(target);
    }

    /// @notice All that may be paused.
    function listTargets() external view returns (address[] memory) {
        return list;
    }

    /// @notice Until when a target is paused, and from when on it can be again. Both may be over.
    function statusOf(address target)
        external
        view
        returns (bool isRegistered, uint256 pausedUntil, uint256 pausableFrom)
    {
        Target memory entry = targets[target];
        return (entry.place != 0, entry.pausedUntil, entry.pausableFrom);
    }

    function add(address target) private {
        require(target != address(0) && targets[target].place == 0, BadTarget(target));
        require(list.length < TARGETS_MAX, TooManyTargets());
        list.push(target);
        targets[target].place = uint8(list.length);
        emit Registered(target);
    }

    function start(address target, Target storage entry, bytes32 reason) private {
        uint48 until = uint48(block.timestamp) + duration;
        (entry.pausedUntil, entry.pausableFrom) = (until, until + cooldown);
        emit Paused(target, msg.sender, reason, until);
    }
}
