// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Accumulator} from "./Accumulator.sol";

/// @title Stakes that are locked for a term, and earn more the longer it is
/// @notice A position is an amount that is locked until the end of a week. It earns in proportion to its
/// weight, which is its amount times the boost of its term, rounded down, until its lock ends; from then on it earns
/// nothing, and can be withdrawn at any time. Whoever leaves earlier pays a penalty, which falls in a straight
/// line to zero at the end of the lock. Terms are written into each position when it is made, so that the
/// admin can change nothing for those who have locked.
///
/// Rewards are in the staked token. They are given for whole weeks, each of which is paid out evenly over its
/// seconds. Penalties go to those who remain, in the same way in the week after, or to an address that is set
/// for good at deployment. Among those who remain may be whoever left, with another position.
///
/// Token: standard ERC-20 of which fewer than 2^96 units exist. Not supported are tokens that take a fee of a
/// transfer or change balances by themselves.
/// @dev Weights end by themselves: for each week is kept which weight ends with it, and the sum of rewards per
/// weight is noted when it does. So a position that nobody touches stops earning in the right second, and
/// nobody has to remove it. A call walks over the weeks since the last one: not more than there are weeks
/// with weight or rewards in them, so at most `TERM_MAX` or `FUNDING_MAX` of them, and one. `accrue` does it
/// for all.
///
/// A position's number is its owner's address and a count of the owner's, and not a count of all, which each
/// new position would write.
///
/// Hot slots: `totalWeight` and the week of the end (for all who choose the same term in the same week) are
/// written by whoever locks, extends or leaves early. Claims and withdrawals after the end write neither; what
/// they read of `clock` and `remainder` changes with the first call in each second only.
contract LockedStaking is AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Accumulator for Accumulator.Account;

    struct Term {
        /// In weeks.
        uint16 duration;
        /// What an amount is multiplied by, in 1/10,000.
        uint16 boost;
        /// What part of an amount it costs to leave at once, in 1/10,000.
        uint16 penalty;
        bool isOpen;
    }

    struct Position {
        uint96 amount;
        uint48 start;
        /// The end of a week.
        uint48 end;
        uint16 boost;
        uint16 penalty;
    }

    /// In one slot.
    struct Week {
        /// What is paid out during the week.
        uint96 rewards;
        /// Which weight earns no more from the beginning of the week on.
        uint128 ending;
    }

    /// In one slot.
    struct Clock {
        uint176 perWeight;
        uint48 updatedAt;
    }

    /// What is walked over the weeks with.
    struct State {
        uint176 perWeight;
        uint256 time;
        uint256 remainder;
        uint256 weight;
        /// Rewards of times when there was no weight.
        uint256 left;
    }

    uint256 public constant WEEK = 7 days;
    uint256 public constant BASIS = 10_000;
    /// @notice The longest term, in weeks.
    uint256 public constant TERM_MAX = 104;
    /// @notice For so many weeks ahead rewards can be given.
    uint256 public constant FUNDING_MAX = 52;
    uint256 public constant BOOST_MAX = 50_000;
    uint256 public constant PENALTY_MAX = 5_000;
    uint256 public constant TERMS_MAX = 32;

    IERC20 public immutable token;
    /// @notice Who gets the penalties; zero for those who remain.
    address public immutable penaltyRecipient;

    Clock private clock;
    /// @dev See `Accumulator.grow`.
    uint128 private remainder;
    /// @dev No later week has rewards.
    uint48 private fundedUntil;
    /// @notice The weight of all positions whose lock had not ended at the last call.
    uint128 public totalWeight;
    Term[] private terms;
    /// @notice Each week by its number: time divided by `WEEK`.
    mapping(uint256 week => Week) public weekAt;
    /// @dev The sum of rewards per weight at the beginning of a week.
    mapping(uint256 week => uint176) private perWeightAt;
    mapping(uint256 id => Position) private positions;
    mapping(uint256 id => Accumulator.Account) private accounts;
    /// @notice How many positions an account has made.
    mapping(address owner => uint96) public positionsMade;

    event TermAdded(uint256 indexed term, uint256 duration, uint256 boost, uint256 penalty);
    event TermOpened(uint256 indexed term, bool isOpen);
    event Locked(
        uint256 indexed id, address indexed owner, uint256 indexed term, uint256 amount, uint256 end, uint256 weight
    );
    event Extended(uint256 indexed id, uint256 indexed term, uint256 end, uint256 weight);
    event Withdrawn(uint256 indexed id, address indexed owner, uint256 amount, uint256 penalty);
    event RewardClaimed(uint256 indexed id, address indexed owner, uint256 amount);
    event Funded(address indexed payer, uint256 amount, uint256 firstWeek, uint256 lastWeek);

    error NothingGiven();
    error BadTerm(uint256 duration, uint256 boost, uint256 penalty);
    error TooManyTerms();
    error UnknownTerm(uint256 term);
    error TermClosed(uint256 term);
    error NotOwner(uint256 id, address caller);
    error NoPosition(uint256 id);
    error StillLocked(uint256 id, uint256 end);
    error LockEnded(uint256 id, uint256 end);
    error EndsEarlier(uint256 end, uint256 newEnd);
    error PenaltyAbove(uint256 penalty, uint256 most);
    error PenaltyBelow(uint256 penalty, uint256 least);
    error BadWeekCount(uint256 count);
    error NotReceived(uint256 expected, uint256 received);

    /// @param penaltyRecipient_ Zero for the positions that remain.
    /// @param admin May add terms, and open and close them for new positions.
    constructor(IERC20 token_, address penaltyRecipient_, address admin) {
        token = token_;
        penaltyRecipient = penaltyRecipient_;
        clock.updatedAt = uint48(block.timestamp);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Adds a term: by the admin.
    /// @param duration In weeks, up to `TERM_MAX`.
    /// @param boost In 1/10,000, from one to five.
    /// @param penalty In 1/10,000, up to a half.
    function addTerm(uint16 duration, uint16 boost, uint16 penalty)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (uint256 term)
    {
        bool isGood = duration != 0 && duration <= TERM_MAX && boost >= BASIS && boost <= BOOST_MAX
            && penalty <= PENALTY_MAX;
        require(isGood, BadTerm(duration, boost, penalty));
        term = terms.length;
        require(term < TERMS_MAX, TooManyTerms());
        terms.push(Term(duration, boost, penalty, true));
        emit TermAdded(term, duration, boost, penalty);
    }

    /// @notice Opens a term to new positions, or closes it: by the admin. Those that there are stay.
    function setTermOpen(uint256 term, bool isOpen) external onlyRole(DEFAULT_ADMIN_ROLE) {
        require(term < terms.length, UnknownTerm(term));
        terms[term].isOpen = isOpen;
        emit TermOpened(term, isOpen);
    }

    /// @notice Locks `amount` of the sender's tokens until the end of the week in which the term is over.
    /// @return id The position: its owner's address in the upper 160 bits.
    function lock(uint256 amount, uint256 term) external nonReentrant returns (uint256 id) {
        require(amount != 0, NothingGiven());
        accrue();
        id = (uint256(uint160(msg.sender)) << 96) | positionsMade[msg.sender]++;
        Position storage position = positions[id];
        position.amount = SafeCast.toUint96(amount);
        uint256 weight = start(id, position, term);
        emit Locked(id, msg.sender, term, amount, position.end, weight);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Locks a position anew from now on, whether its lock has ended or not: by its owner.
    /// @param term One that does not end earlier, and that is not cheaper to leave.
    function extend(uint256 id, uint256 term) external nonReentrant {
        Position storage position = owned(id);
        accrue();
        settle(id, position);
        uint256 end = position.end;
        uint256 penalty = penaltyNow(position);
        stop(id, position);
        uint256 weight = start(id, position, term);
        require(position.end >= end, EndsEarlier(end, position.end));
        uint256 newPenalty = penaltyNow(position);
        require(newPenalty >= penalty, PenaltyBelow(newPenalty, penalty));
        emit Extended(id, term, position.end, weight);
    }

    /// @notice Pays the rewards of a position: by its owner.
    /// @return reward Whole units; a fraction stays for later.
    function claim(uint256 id) external nonReentrant returns (uint256 reward) {
        Position storage position = owned(id);
        accrue();
        settle(id, position);
        reward = takeReward(id);
        if (reward != 0) token.safeTransfer(msg.sender, reward);
    }

    /// @notice Pays back a position whose lock has ended, with its rewards: by its owner.
    function withdraw(uint256 id) external nonReentrant returns (uint256 amount, uint256 reward) {
        Position storage position = owned(id);
        require(block.timestamp >= position.end, StillLocked(id, position.end));
        (amount, reward) = close(id, position, 0);
        token.safeTransfer(msg.sender, amount + reward);
    }

    /// @notice Pays back a position before its end, less the penalty, with its rewards: by its owner.
    /// @param penaltyMost Above this it reverts.
    function exitEarly(uint256 id, uint256 penaltyMost)
        external
        nonReentrant
        returns (uint256 amount, uint256 penalty, uint256 reward)
    {
        Position storage position = owned(id);
        require(block.timestamp < position.end, LockEnded(id, position.end));
        penalty = penaltyNow(position);
        require(penalty <= penaltyMost, PenaltyAbove(penalty, penaltyMost));
        (amount, reward) = close(id, position, penalty);
        if (penalty != 0) {
            if (penaltyRecipient == address(0)) {
                addRewards(block.timestamp / WEEK + 1, penalty);
            } else {
                token.safeTransfer(penaltyRecipient, penalty);
            }
        }
        token.safeTransfer(msg.sender, amount + reward);
    }

    /// @notice Gives rewards of the sender's tokens for the next `count` whole weeks, the same for each. What
    /// does not divide is for the first.
    /// @dev Anybody may. Reverts with `NotReceived` if the token took a fee.
    function fund(uint256 amount, uint256 count) external nonReentrant {
        require(amount != 0, NothingGiven());
        require(count != 0 && count <= FUNDING_MAX, BadWeekCount(count));
        accrue();
        uint256 first = block.timestamp / WEEK + 1;
        uint256 each = amount / count;
        addRewards(first, amount - each * (count - 1));
        for (uint256 i = 1; i < count; i++) {
            addRewards(first + i, each);
        }
        emit Funded(msg.sender, amount, first, first + count - 1);

        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == amount, NotReceived(amount, received));
    }

    /// @notice Brings the contract up to now. Each other call does so, too.
    function accrue() public {
        State memory state = load();
        if (state.time == block.timestamp) return;
        while (step(state, block.timestamp)) {
            if (state.time % WEEK == 0) perWeightAt[state.time / WEEK] = state.perWeight;
        }
        clock = Clock(state.perWeight, uint48(block.timestamp));
        if (remainder != state.remainder) remainder = uint128(state.remainder);
        if (totalWeight != state.weight) totalWeight = uint128(state.weight);
        if (state.left != 0) addRewards(block.timestamp / WEEK + 1, state.left);
    }

    /// @notice All terms; each is named by its place.
    function listTerms() external view returns (Term[] memory) {
        return terms;
    }

    /// @notice A position, and who owns it.
    function positionOf(uint256 id) external view returns (Position memory position, address owner) {
        position = positions[id];
        require(position.amount != 0, NoPosition(id));
        owner = ownerOf(id);
    }

    /// @notice What rewards a position can claim now, rounded down.
    function earned(uint256 id) external view returns (uint256 amount) {
        Position storage position = positions[id];
        require(position.amount != 0, NoPosition(id));
        uint176 perWeight;
        if (position.end <= clock.updatedAt) {
            perWeight = perWeightAt[position.end / WEEK];
        } else {
            State memory state = load();
            uint256 until = Math.min(block.timestamp, position.end);
            while (step(state, until)) {}
            perWeight = state.perWeight;
        }
        (amount,) = accounts[id].owedAt(perWeight);
    }

    /// @notice What it costs to leave a position now; zero from its end on.
    function penaltyOf(uint256 id) external view returns (uint256) {
        require(positions[id].amount != 0, NoPosition(id));
        return penaltyNow(positions[id]);
    }

    /// @notice Who made a position.
    function ownerOf(uint256 id) public pure returns (address) {
        return address(uint160(id >> 96));
    }

    /// @dev A position of the sender.
    function owned(uint256 id) private view returns (Position storage position) {
        require(ownerOf(id) == msg.sender, NotOwner(id, msg.sender));
        position = positions[id];
        require(position.amount != 0, NoPosition(id));
    }

    /// @dev Has a position without weight begin a term now.
    function start(uint256 id, Position storage position, uint256 term) private returns (uint256 weight) {
        require(term < terms.length, UnknownTerm(term));
        Term memory chosen = terms[term];
        require(chosen.isOpen, TermClosed(term));
        uint256 lastWeek = Math.ceilDiv(block.timestamp, WEEK) + chosen.duration;
        position.start = uint48(block.timestamp);
        position.end = uint48(lastWeek * WEEK);
        position.boost = chosen.boost;
        position.penalty = chosen.penalty;

        Accumulator.Account storage account = accounts[id];
        weight = uint256(position.amount) * chosen.boost / BASIS;
        account.shares = uint128(weight);
        account.seen = clock.perWeight;
        totalWeight = SafeCast.toUint128(totalWeight + weight);
        // Part of the total, which has room for it.
        weekAt[lastWeek].ending += uint128(weight);
    }

    /// @dev Takes away the weight of a settled position.
    function stop(uint256 id, Position storage position) private {
        uint128 weight = accounts[id].shares;
        accounts[id].shares = 0;
        if (position.end <= block.timestamp) return;
        totalWeight -= weight;
        weekAt[position.end / WEEK].ending -= weight;
    }

    /// @dev Ends a position.
    /// @return amount What its owner gets of it.
    function close(uint256 id, Position storage position, uint256 penalty)
        private
        returns (uint256 amount, uint256 reward)
    {
        accrue();
        settle(id, position);
        stop(id, position);
        reward = takeReward(id);
        amount = position.amount - penalty;
        delete positions[id];
        delete accounts[id];
        emit Withdrawn(id, msg.sender, amount, penalty);
    }

    function settle(uint256 id, Position storage position) private {
        uint256 end = position.end;
        accounts[id].settle(end <= block.timestamp ? perWeightAt[end / WEEK] : clock.perWeight);
    }

    function takeReward(uint256 id) private returns (uint256 reward) {
        reward = accounts[id].owed;
        if (reward == 0) return 0;
        accounts[id].owed = 0;
        emit RewardClaimed(id, msg.sender, reward);
    }

    /// @dev Rounded up.
    function penaltyNow(Position storage position) private view returns (uint256) {
        (uint256 from, uint256 end) = (position.start, position.end);
        if (block.timestamp >= end) return 0;
        uint256 most = uint256(position.amount) * position.penalty;
        return Math.ceilDiv(most * (end - block.timestamp), (end - from) * BASIS);
    }

    function addRewards(uint256 week, uint256 amount) private {
        weekAt[week].rewards = SafeCast.toUint96(weekAt[week].rewards + amount);
        if (week > fundedUntil) fundedUntil = uint48(week);
    }

    function load() private view returns (State memory) {
        return State(clock.perWeight, clock.updatedAt, remainder, totalWeight, 0);
    }

    /// @dev Goes on in time to `until` or to the end of the week, whichever comes first.
    /// @return isOn False, and nothing done, if `until` is reached.
    function step(State memory state, uint256 until) private view returns (bool isOn) {
        uint256 from = state.time;
        if (from == until) return false;
        uint256 week = from / WEEK;
        // All weights have ended, and there is nothing to give.
        if (state.weight == 0 && week > fundedUntil) {
            state.time = until;
            return false;
        }
        uint256 begin = week * WEEK;
        uint256 to = Math.min(until, begin + WEEK);
        uint256 rewards = weekAt[week].rewards;
        // What is due until a moment is rounded down, so that at the end of the week all is given.
        uint256 amount = rewards * (to - begin) / WEEK - rewards * (from - begin) / WEEK;
        if (state.weight == 0) {
            state.left += amount;
        } else {
            (state.perWeight, state.remainder) =
                Accumulator.grow(state.perWeight, state.remainder, amount, state.weight);
        }
        state.time = to;
        if (to == begin + WEEK) state.weight -= weekAt[week + 1].ending;
        return true;
    }
}
