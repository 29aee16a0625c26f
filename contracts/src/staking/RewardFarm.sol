// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Accumulator} from "./Accumulator.sol";

/// @title A farm: stake one token, earn another
/// @notice Rewards are given in schedules, each an amount over a duration, that run one after the other. In
/// each second the reward of that second is split among the stakers in proportion to their stakes. While
/// nobody stakes, the schedules stand still, so that nothing is given to nobody.
///
/// Tokens: standard ERC-20. Not supported are tokens that take a fee of a transfer or change balances by
/// themselves. Fewer than 2^96 units of the reward token and 2^128 of the staked one may exist. Both may be
/// the same token.
///
/// Nobody can take stakes or rewards away, or stop a withdrawal: the admin only appoints who may give
/// rewards.
/// @dev Precision: see `Accumulator`. Of a schedule every unit is given when it ends. What stakers cannot
/// take is less than one unit each, and it is theirs still. The sum of all claims never exceeds what came in,
/// as everything is rounded down.
///
/// Hot slots. `totalStaked` has a slot of its own, which each stake and withdrawal writes. `clock` and
/// `stream` change with the first call in each second only; later calls of that second read them and find
/// them as they were. A claim reads no total after the first call of a second, so claims run in parallel with
/// each other and with stakes, apart from the token's own slots.
///
/// The total is not split into shards. Each stake moves tokens to this one address, and so writes the token's
/// balance of it in any case: as long as that is one slot, stakes into a farm run one after the other,
/// whatever the farm does. Shards that hold the tokens at addresses of their own would end that, for one more
/// contract each and a read of all of them with the first call of each second. Several farms do the same more
/// simply.
contract RewardFarm is AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Accumulator for Accumulator.Account;

    struct Schedule {
        uint96 amount;
        uint48 duration;
    }

    /// In one slot.
    struct Clock {
        uint176 perShare;
        uint48 updatedAt;
    }

    /// In one slot.
    struct Stream {
        /// See `Accumulator.grow`.
        uint128 remainder;
        /// The schedule that runs, or the next one to be added.
        uint32 current;
        /// How many were ever added.
        uint32 count;
        /// How many seconds of the current one are over.
        uint48 elapsed;
    }

    /// @notice Who may give rewards.
    bytes32 public constant REWARDER_ROLE = keccak256("REWARDER_ROLE");
    /// @notice So many schedules may be unfinished; a call walks over no more of them.
    uint256 public constant SCHEDULES_MAX = 16;
    uint256 public constant DURATION_MIN = 1 hours;
    uint256 public constant DURATION_MAX = 4 * 365 days;

    IERC20 public immutable stakedToken;
    IERC20 public immutable rewardToken;

    Clock private clock;
    Stream private stream;
    /// @notice The stakes of all, in units of the staked token.
    uint128 public totalStaked;
    /// @notice Each schedule by its number, from zero: units of the reward token, and seconds.
    mapping(uint256 index => Schedule) public schedules;
    mapping(address account => Accumulator.Account) private accounts;

    event Staked(address indexed payer, address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event RewardClaimed(address indexed account, uint256 amount);
    event ScheduleAdded(address indexed rewarder, uint256 indexed index, uint256 amount, uint256 duration);

    error NothingGiven();
    error ExceedsStake(uint256 amount, uint256 staked);
    error TooManySchedules();
    error DurationOutOfRange(uint256 duration);
    error NotReceived(uint256 expected, uint256 received);

    /// @param admin May appoint rewarders; best a timelock.
    constructor(IERC20 stakedToken_, IERC20 rewardToken_, address admin) {
        stakedToken = stakedToken_;
        rewardToken = rewardToken_;
        clock.updatedAt = uint48(block.timestamp);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Stakes `amount` of the sender's tokens.
    function stake(uint256 amount) external {
        stakeFor(msg.sender, amount);
    }

    /// @notice Stakes `amount` of the sender's tokens for `account`, which alone can withdraw them.
    /// @dev Reverts with `NothingGiven` for zero, and when the total would need more than 128 bits.
    function stakeFor(address account, uint256 amount) public nonReentrant {
        require(amount != 0, NothingGiven());
        Accumulator.Account storage entry = accounts[account];
        entry.settle(accrue());
        // Not more than the total, which is checked.
        totalStaked = SafeCast.toUint128(totalStaked + amount);
        unchecked {
            entry.shares += uint128(amount);
        }
        emit Staked(msg.sender, account, amount);
        stakedToken.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Gives back `amount` of the sender's stake. Works whatever the reward token does.
    /// @dev Reverts with `ExceedsStake` for more than was staked.
    function withdraw(uint256 amount) external nonReentrant {
        withdrawTo(msg.sender, amount);
    }

    /// @notice Pays the sender's rewards.
    /// @return amount Whole units; a fraction stays for later.
    function claim() external nonReentrant returns (uint256 amount) {
        Accumulator.Account storage entry = accounts[msg.sender];
        entry.settle(accrue());
        return pay(entry);
    }

    /// @notice Withdraws the whole stake and pays the rewards.
    /// @dev Reverts when the reward token does; `withdraw` does not.
    function exit() external nonReentrant returns (uint256 reward) {
        Accumulator.Account storage entry = accounts[msg.sender];
        withdrawTo(msg.sender, entry.shares);
        return pay(entry);
    }

    /// @notice Adds a schedule after those that there are, with tokens of the sender: by a rewarder.
    /// @param amount Units of the reward token.
    /// @param duration Seconds during which somebody stakes.
    /// @dev Reverts with `NothingGiven`, `DurationOutOfRange`, `TooManySchedules`, or with `NotReceived` if the
    /// token took a fee.
    function addSchedule(uint256 amount, uint256 duration) external onlyRole(REWARDER_ROLE) nonReentrant {
        require(duration >= DURATION_MIN && duration <= DURATION_MAX, DurationOutOfRange(duration));
        require(amount != 0, NothingGiven());
        accrue();
        uint32 index = stream.count;
        require(index - stream.current < SCHEDULES_MAX, TooManySchedules());
        schedules[index] = Schedule(SafeCast.toUint96(amount), uint48(duration));
        stream.count = index + 1;
        emit ScheduleAdded(msg.sender, index, amount, duration);

        uint256 before = rewardToken.balanceOf(address(this));
        rewardToken.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = rewardToken.balanceOf(address(this)) - before;
        require(received == amount, NotReceived(amount, received));
    }

    /// @notice What an account has staked.
    function stakeOf(address account) external view returns (uint256) {
        return accounts[account].shares;
    }

    /// @notice What an account can claim now, in units of the reward token, rounded down.
    function earned(address account) external view returns (uint256 amount) {
        (Clock memory now_,) = preview();
        (amount,) = accounts[account].owedAt(now_.perShare);
    }

    /// @notice How far the schedules are.
    /// @return current The one that runs; `count` if all are over.
    /// @return count How many were ever added.
    /// @return elapsed How many seconds of the current one are over.
    /// @return remaining For how many seconds rewards last as long as somebody stakes.
    function progress() external view returns (uint256 current, uint256 count, uint256 elapsed, uint256 remaining) {
        (, Stream memory now_) = preview();
        (current, count, elapsed) = (now_.current, now_.count, now_.elapsed);
        for (uint256 i = current; i < count; i++) {
            remaining += schedules[i].duration;
        }
        remaining -= elapsed;
    }

    function withdrawTo(address account, uint256 amount) private {
        require(amount != 0, NothingGiven());
        Accumulator.Account storage entry = accounts[account];
        entry.settle(accrue());
        uint256 staked = entry.shares;
        require(amount <= staked, ExceedsStake(amount, staked));
        unchecked {
            entry.shares = uint128(staked - amount);
            totalStaked -= uint128(amount);
        }
        emit Withdrawn(account, amount);
        stakedToken.safeTransfer(account, amount);
    }

    /// @dev Pays the sender what is settled.
    function pay(Accumulator.Account storage entry) private returns (uint256 amount) {
        amount = entry.owed;
        if (amount == 0) return 0;
        entry.owed = 0;
        emit RewardClaimed(msg.sender, amount);
        rewardToken.safeTransfer(msg.sender, amount);
    }

    /// @dev Brings the sum of rewards per share up to now.
    function accrue() private returns (uint176) {
        if (clock.updatedAt == block.timestamp) return clock.perShare;
        (Clock memory newClock, Stream memory newStream) = preview();
        clock = newClock;
        stream = newStream;
        return newClock.perShare;
    }

    /// @dev What `clock` and `stream` will be if somebody accrues now.
    function preview() private view returns (Clock memory newClock, Stream memory newStream) {
        (newClock, newStream) = (clock, stream);
        uint256 time = block.timestamp - newClock.updatedAt;
        newClock.updatedAt = uint48(block.timestamp);
        if (time == 0 || newStream.current == newStream.count) return (newClock, newStream);
        uint256 shares = totalStaked;
        if (shares == 0) return (newClock, newStream);
        uint256 amount = advance(newStream, time);
        (newClock.perShare, newStream.remainder) =
            Accumulator.grow(newClock.perShare, newStream.remainder, amount, shares);
    }

    /// @dev Lets `time` seconds of schedules pass.
    /// @return amount What they give: of each, the difference of what is due up to two moments, rounded
    /// down, so that at its end all is given.
    function advance(Stream memory position, uint256 time) private view returns (uint256 amount) {
        while (time != 0 && position.current != position.count) {
            Schedule memory schedule = schedules[position.current];
            uint256 step = Math.min(time, schedule.duration - position.elapsed);
            uint256 end = position.elapsed + step;
            unchecked {
                // 96 and 48 bits. The second quotient is not above the first.
                amount += schedule.amount * end / schedule.duration - uint256(schedule.amount) * position.elapsed
                / schedule.duration;
                time -= step;
                if (end == schedule.duration) {
                    position.current++;
                    position.elapsed = 0;
                } else {
                    position.elapsed = uint48(end);
                }
            }
        }
    }
}
