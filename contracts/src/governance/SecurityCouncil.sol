// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title The security council
/// @notice A multisignature of M of N members, which approve on the chain. It acts at once where other
/// contracts let it: it pauses, and cancels proposals. Its power is what they give it; it holds nothing.
///
/// Its own members and threshold are changed by itself only, all in one step, and not before a delay of 24
/// to 72 hours after M members have approved. In that time governance, or whom governance appoints for it, can
/// cancel the change. At any time N is at least 5, and M at least 3 and more than half of N.
///
/// Each action is done once, and not later than `LIFETIME` after it was proposed or, for a change of the
/// council, after its delay. A change of the council ends all actions that were proposed before, so that an
/// approval never counts in another council than the one it was given in.
/// @dev There is no way around `execute`: nothing is delegated, and `configure` listens to this contract only.
/// Approvals of an action are bits in one slot, by the place of a member.
contract SecurityCouncil {
    using Address for address;

    enum State {
        None,
        Open,
        Executed,
        Cancelled
    }

    /// In one slot.
    struct Action {
        State state;
        /// Of the council that it was proposed in.
        uint32 council;
        /// One bit for each member.
        uint32 approvals;
        /// Seconds; zero as long as too few approve.
        uint48 readyAt;
        uint48 expiresAt;
    }

    uint256 public constant MEMBERS_MIN = 5;
    uint256 public constant MEMBERS_MAX = 32;
    uint256 public constant THRESHOLD_MIN = 3;
    uint256 public constant DELAY_MIN = 24 hours;
    uint256 public constant DELAY_MAX = 72 hours;
    uint256 public constant LIFETIME = 14 days;

    /// @notice Who may cancel actions, and appoint another who may; the timelock of the governor.
    address public immutable governance;
    /// @notice How long a change of the council waits once it is approved: seconds.
    uint48 public immutable delay;

    // One slot.
    /// @notice M.
    uint8 public threshold;
    /// @notice How often the council was set up.
    uint32 public council;
    /// @notice Who may cancel actions besides governance, which takes days to decide; zero for nobody.
    address public canceller;
    address[] private members;
    /// @dev From one; zero for others.
    mapping(address member => uint256) private places;
    mapping(bytes32 id => Action) private actions;

    event MemberAdded(address indexed member, uint32 indexed council);
    event MemberRemoved(address indexed member, uint32 indexed council);
    event ThresholdChanged(uint256 oldThreshold, uint256 newThreshold, uint256 members, uint32 indexed council);
    event CancellerChanged(address indexed oldCanceller, address indexed newCanceller);
    event Proposed(
        bytes32 indexed id, address indexed member, address indexed target, bytes data, bytes32 salt, uint32 council
    );
    event Approved(bytes32 indexed id, address indexed member, uint256 approvals);
    event Revoked(bytes32 indexed id, address indexed member, uint256 approvals);
    event Ready(bytes32 indexed id, uint256 readyAt, uint256 expiresAt);
    event Unready(bytes32 indexed id);
    event Executed(bytes32 indexed id, address indexed member, address indexed target, bytes data);
    event Cancelled(bytes32 indexed id, address indexed by);

    error NotMember(address caller);
    error NotItself(address caller);
    error NotGovernance(address caller);
    error DelayOutOfRange(uint256 delay);
    error NoGovernance();
    error BadMembers(uint256 members);
    error BadThreshold(uint256 threshold, uint256 members);
    /// @notice Members have to be in ascending order, without zero.
    error NotAscending(address member);
    error AlreadyProposed(bytes32 id);
    error NotOpen(bytes32 id, State state);
    error OtherCouncil(bytes32 id, uint256 council);
    error Expired(bytes32 id, uint256 expiresAt);
    error AlreadyApproved(bytes32 id, address member);
    error NotApproved(bytes32 id, address member);
    error TooFewApprovals(bytes32 id, uint256 approvals, uint256 threshold);
    error NotReady(bytes32 id, uint256 readyAt);
    error NoCode(address target);

    modifier onlyMember() {
        require(places[msg.sender] != 0, NotMember(msg.sender));
        _;
    }

    /// @param governance_ The timelock of the governor.
    /// @param delay_ 24 to 72 hours.
    /// @param members_ In ascending order.
    constructor(address governance_, uint48 delay_, address[] memory members_, uint8 threshold_) {
        require(governance_ != address(0), NoGovernance());
        require(delay_ >= DELAY_MIN && delay_ <= DELAY_MAX, DelayOutOfRange(delay_));
        governance = governance_;
        delay = delay_;
        setUp(members_, threshold_);
    }

    /// @notice Proposes to call `target`, and approves: by a member.
    /// @param salt Tells actions apart that are the same otherwise.
    /// @return id Of the action, which depends on the council, too.
    function propose(address target, bytes calldata data, bytes32 salt) external onlyMember returns (bytes32 id) {
        id = idOf(target, data, salt);
        Action storage action = actions[id];
        require(action.state == State.None, AlreadyProposed(id));
        action.state = State.Open;
        action.council = council;
        action.expiresAt = uint48(block.timestamp + LIFETIME);
        emit Proposed(id, msg.sender, target, data, salt, council);
        addApproval(id, action, target);
    }

    /// @notice Approves an action: by a member.
    function approve(address target, bytes calldata data, bytes32 salt) external onlyMember returns (bytes32 id) {
        id = idOf(target, data, salt);
        addApproval(id, openAction(id), target);
    }

    /// @notice Takes the sender's approval back.
    function revoke(bytes32 id) external onlyMember {
        Action storage action = openAction(id);
        uint256 bit = bitOf(msg.sender);
        require(action.approvals & bit != 0, NotApproved(id, msg.sender));
        action.approvals ^= uint32(bit);
        uint256 count = bitCount(action.approvals);
        emit Revoked(id, msg.sender, count);
        if (action.readyAt != 0 && count < threshold) {
            action.readyAt = 0;
            emit Unready(id);
        }
    }

    /// @notice Does what enough members have approved: by a member. A change of the council has to have waited.
    /// @dev Reverts with what the target reverts with.
    function execute(address target, bytes calldata data, bytes32 salt)
        external
        onlyMember
        returns (bytes memory result)
    {
        bytes32 id = idOf(target, data, salt);
        Action storage action = openAction(id);
        uint256 count = bitCount(action.approvals);
        require(count >= threshold, TooFewApprovals(id, count, threshold));
        require(block.timestamp >= action.readyAt, NotReady(id, action.readyAt));
        require(target.code.length != 0, NoCode(target));
        action.state = State.Executed;
        emit Executed(id, msg.sender, target, data);
        return target.functionCall(data);
    }

    /// @notice Ends an action for good: by governance, or whom it appointed for it.
    function cancel(bytes32 id) external {
        require(msg.sender == governance || msg.sender == canceller, NotGovernance(msg.sender));
        Action storage action = actions[id];
        require(action.state == State.Open, NotOpen(id, action.state));
        action.state = State.Cancelled;
        emit Cancelled(id, msg.sender);
    }

    /// @notice Appoints who may cancel besides: by governance.
    function setCanceller(address newCanceller) external {
        require(msg.sender == governance, NotGovernance(msg.sender));
        emit CancellerChanged(canceller, newCanceller);
        canceller = newCanceller;
    }

    /// @notice Sets up the council anew: by an action of itself.
    /// @param newMembers All of them, in ascending order.
    function configure(address[] calldata newMembers, uint8 newThreshold) external {
        require(msg.sender == address(this), NotItself(msg.sender));
        setUp(newMembers, newThreshold);
    }

    /// @notice All members.
    function listMembers() external view returns (address[] memory) {
        return members;
    }

    /// @notice Whether an account is a member.
    function isMember(address account) external view returns (bool) {
        return places[account] != 0;
    }

    /// @notice How an action stands.
    function actionOf(bytes32 id) external view returns (Action memory) {
        return actions[id];
    }

    /// @notice Whether a member has approved an action of the council as it is.
    function hasApproved(bytes32 id, address member) external view returns (bool) {
        return actions[id].council == council && places[member] != 0 && actions[id].approvals & bitOf(member) != 0;
    }

    /// @notice The number of an action in the council as it is.
    function idOf(address target, bytes calldata data, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), council, target, data, salt));
    }

    function addApproval(bytes32 id, Action storage action, address target) private {
        uint256 bit = bitOf(msg.sender);
        require(action.approvals & bit == 0, AlreadyApproved(id, msg.sender));
        action.approvals |= uint32(bit);
        uint256 count = bitCount(action.approvals);
        emit Approved(id, msg.sender, count);
        if (action.readyAt != 0 || count < threshold) return;
        uint256 readyAt = block.timestamp;
        if (target == address(this)) {
            readyAt += delay;
            action.expiresAt = uint48(readyAt + LIFETIME);
        }
        action.readyAt = uint48(readyAt);
        emit Ready(id, readyAt, action.expiresAt);
    }

    /// @dev An action that members can still do something about.
    function openAction(bytes32 id) private view returns (Action storage action) {
        action = actions[id];
        require(action.state == State.Open, NotOpen(id, action.state));
        require(action.council == council, OtherCouncil(id, action.council));
        require(block.timestamp <= action.expiresAt, Expired(id, action.expiresAt));
    }

    function setUp(address[] memory newMembers, uint8 newThreshold) private {
        uint256 count = newMembers.length;
        require(count >= MEMBERS_MIN && count <= MEMBERS_MAX, BadMembers(count));
        bool isGood = newThreshold >= THRESHOLD_MIN && newThreshold <= count && 2 * uint256(newThreshold) > count;
        require(isGood, BadThreshold(newThreshold, count));

        address[] memory old = members;
        uint32 number = ++council;
        for (uint256 i = 0; i < old.length; i++) {
            delete places[old[i]];
        }
        address last = address(0);
        for (uint256 i = 0; i < count; i++) {
            address member = newMembers[i];
            require(member > last, NotAscending(member));
            places[member] = i + 1;
            last = member;
        }
        members = newMembers;
        announce(old, newMembers, number);
        emit ThresholdChanged(threshold, newThreshold, count, number);
        threshold = newThreshold;
    }

    /// @dev Tells who came and who left. Both lists are in ascending order.
    function announce(address[] memory old, address[] memory new_, uint32 number) private {
        (uint256 i, uint256 j) = (0, 0);
        while (i < old.length || j < new_.length) {
            if (j == new_.length || (i < old.length && old[i] < new_[j])) {
                emit MemberRemoved(old[i++], number);
            } else if (i == old.length || new_[j] < old[i]) {
                emit MemberAdded(new_[j++], number);
            } else {
                (i, j) = (i + 1, j + 1);
            }
        }
    }

    function bitOf(address member) private view returns (uint256) {
        return 1 << (places[member] - 1);
    }

    function bitCount(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            count++;
        }
    }
}
