// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {PriceFeed} from "./PriceFeed.sol";

/// @title Insurance against too little rain
/// @notice A series covers one period at one place. Each of its policies pays a fixed sum if less rain than a
/// threshold falls in the period, whatever the loss of its holder. Providers put up the capital; they share
/// the premiums if it rains, and pay the policies if it does not. Anybody may settle a series, and have each
/// policy and each provider paid.
/// @dev The feed answers with the rain at its station since some day in the past, in hundredths of a
/// millimetre, as a gauge that is never emptied. The rain of a period is the difference of two readings. The
/// reading for a time is the answer of the first round whose observations are all from that time or later: it
/// is the same whoever records it, and a round never changes. It must have been stored within `lagMax` of
/// that time. Without both readings nothing is paid for rain or for none: after a deadline the series is void,
/// and everybody gets back what they paid in.
///
/// Providers and holders come in before the period begins, all of them at the same risk, and nobody gets out
/// before the end but with capital that no policy needs. So a share is simply a unit of the token that was
/// put up. It has no price that a deposit, a donation or the first provider could move.
///
/// At any time the capital of a series is at least what its policies may pay; premiums do not count for that.
/// No role can change a series or touch its money.
///
/// Slots: the state of a series (capital, policies sold, outcome) is one slot. Deposits, withdrawals and
/// purchases before the period write it, because each must know that all policies stay covered; they are
/// executed one after the other within a series, and freely across series. After the end settling writes it
/// once, and then claims and redemptions only read it. Policies are counted by series and holder, so there is
/// no counter of policies. The guard against reentrancy is transient.
///
/// The token is a plain ERC-20 token. Tokens that take a fee of a transfer, or change balances by themselves,
/// are not supported.
contract RainfallInsurance is AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    enum Outcome {
        /// Not settled.
        Open,
        /// Too little rain: policies pay.
        Dry,
        /// Enough rain: providers keep the premiums.
        Wet,
        /// Not measured: everybody gets back what they paid.
        Void
    }

    struct Terms {
        /// What one policy pays if it stays dry, in units of the token.
        uint128 payout;
        /// What one policy costs.
        uint128 premium;
        /// Until when policies are sold and capital comes and goes, in seconds of Unix time.
        uint40 salesEnd;
        /// The period.
        uint40 start;
        uint40 end;
        /// Policies pay if less rain than this falls, in hundredths of a millimetre.
        uint64 threshold;
    }

    /// One slot.
    struct State {
        /// All that providers have put up. Does not fall any more once sales have ended.
        uint128 capital;
        uint64 sold;
        Outcome outcome;
    }

    struct Reading {
        int128 value;
        uint32 round;
    }

    /// @notice Role that opens series.
    bytes32 public constant OPENER_ROLE = keccak256("OPENER_ROLE");

    /// @notice Measures the rain.
    PriceFeed public immutable feed;
    /// @notice What premiums and payouts are in.
    IERC20 public immutable token;
    /// @notice How long after a time its reading must be stored, in seconds.
    uint256 public immutable lagMax;
    /// @notice How long after the end of its period a series can be measured for sure, in seconds. After that
    /// anybody may have it declared void.
    uint256 public immutable settlementTime;

    /// @notice How many series there are. They are numbered from zero.
    uint256 public seriesCount;
    /// @notice Terms by series.
    mapping(uint256 series => Terms) public terms;
    /// @notice State by series.
    mapping(uint256 series => State) public states;
    /// @notice Policies by series and holder.
    mapping(uint256 series => mapping(address holder => uint256)) public policies;
    /// @notice Capital by series and provider.
    mapping(uint256 series => mapping(address provider => uint256)) public shares;
    /// @notice Readings by time. Those with round zero are not recorded.
    mapping(uint256 time => Reading) public readings;

    event SeriesOpened(uint256 indexed series, Terms terms);
    event Deposited(uint256 indexed series, address indexed provider, address indexed payer, uint256 amount);
    event CapitalWithdrawn(uint256 indexed series, address indexed provider, uint256 amount);
    event PoliciesSold(
        uint256 indexed series, address indexed holder, address indexed payer, uint256 count, uint256 premium
    );
    event ReadingRecorded(uint256 indexed time, uint256 indexed round, int256 value);
    /// `rainfall` in hundredths of a millimetre; zero where the outcome is `Void`.
    event Settled(uint256 indexed series, Outcome outcome, uint256 rainfall);
    event PoliciesSettled(uint256 indexed series, address indexed holder, uint256 count, uint256 amount);
    event Redeemed(uint256 indexed series, address indexed provider, uint256 share, uint256 amount);

    error WrongConfig();
    error WrongTerms();
    error NoAccount();
    error NothingGiven();
    error NoSuchSeries(uint256 series);
    error SalesEnded(uint256 series, uint256 salesEnd);
    error NotCovered(uint256 capital, uint256 needed);
    error TooMuch(uint256 amount, uint256 share);
    error KnownReading(uint256 time);
    error TooEarly(uint256 startedAt, uint256 time);
    error TooLate(uint256 updatedAt, uint256 latest);
    error NotFirst(uint256 round, uint256 previousObservedAt);
    error NotOver(uint256 series, uint256 end);
    error NotMeasured(uint256 series, uint256 deadline);
    error NoPolicies(uint256 series, address holder);
    error NoShare(uint256 series, address provider);

    /// @param lagMax_ At least what the feed may need for a round: the time in which it becomes stale, and the
    /// age of an observation. Otherwise liars could date one observation back, and have rounds miss it.
    /// @param settlementTime_ More than `lagMax_`: what is left is the time to record readings in.
    constructor(PriceFeed feed_, IERC20 token_, address admin, uint256 lagMax_, uint256 settlementTime_) {
        require(admin != address(0), NoAccount());
        require(address(token_) != address(0), WrongConfig());
        require(lagMax_ >= feed_.staleAfter() + feed_.observationAgeMax(), WrongConfig());
        require(settlementTime_ > lagMax_ && settlementTime_ <= type(uint32).max, WrongConfig());
        (feed, token, lagMax, settlementTime) = (feed_, token_, lagMax_, settlementTime_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Opens a series.
    /// @dev Reverts with `WrongTerms` unless now < salesEnd <= start < end and 0 < premium < payout, and the
    /// threshold is above zero.
    function open(Terms calldata terms_) external onlyRole(OPENER_ROLE) returns (uint256 series) {
        require(block.timestamp < terms_.salesEnd && terms_.salesEnd <= terms_.start, WrongTerms());
        require(terms_.start < terms_.end && terms_.threshold != 0, WrongTerms());
        require(terms_.premium != 0 && terms_.premium < terms_.payout, WrongTerms());
        series = seriesCount++;
        terms[series] = terms_;
        emit SeriesOpened(series, terms_);
    }

    /// @notice Puts up capital for a series in the name of `provider`, until sales end.
    function deposit(uint256 series, uint256 amount, address provider) external nonReentrant {
        requireSales(series);
        require(provider != address(0), NoAccount());
        require(amount != 0, NothingGiven());
        states[series].capital = SafeCast.toUint128(states[series].capital + amount);
        shares[series][provider] += amount;
        emit Deposited(series, provider, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Takes capital of the caller that no policy needs out of a series, until sales end.
    /// @dev Reverts with `NotCovered` if policies sold need it.
    function withdraw(uint256 series, uint256 amount) external nonReentrant {
        Terms memory terms_ = requireSales(series);
        State memory state = states[series];
        uint256 share = shares[series][msg.sender];
        require(amount != 0, NothingGiven());
        require(amount <= share, TooMuch(amount, share));
        requireCovered(state.capital - amount, state.sold, terms_);
        shares[series][msg.sender] = share - amount;
        // At most the capital.
        states[series].capital = uint128(state.capital - amount);
        emit CapitalWithdrawn(series, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Sells `count` policies of a series to `holder`, until sales end. The caller pays the premium.
    /// @dev Policies stay with their holder. Reverts with `NotCovered` if the capital does not suffice.
    function buy(uint256 series, uint256 count, address holder) external nonReentrant {
        Terms memory terms_ = requireSales(series);
        require(holder != address(0), NoAccount());
        require(count != 0, NothingGiven());
        State memory state = states[series];
        uint64 sold = SafeCast.toUint64(state.sold + count);
        requireCovered(state.capital, sold, terms_);
        states[series].sold = sold;
        policies[series][holder] += count;
        // Both are far below 2^128: so many payouts are covered by the capital.
        uint256 premium = count * terms_.premium;
        emit PoliciesSold(series, holder, msg.sender, count, premium);
        token.safeTransferFrom(msg.sender, address(this), premium);
    }

    /// @notice Records the reading for a time, once it has been taken. By anybody, while the feed knows the
    /// round and the one before it.
    /// @param round The first whose observations are all from `time` or later.
    function record(uint256 time, uint32 round) external {
        require(readings[time].round == 0, KnownReading(time));
        (, int256 answer, uint256 startedAt, uint256 updatedAt,) = feed.getRoundData(round);
        require(startedAt >= time, TooEarly(startedAt, time));
        require(updatedAt <= time + lagMax, TooLate(updatedAt, time + lagMax));
        if (round != 1) {
            uint256 previous = feed.observedAt(round - 1);
            require(previous < time, NotFirst(round, previous));
        }
        // The feed's answers are of this type.
        readings[time] = Reading(int128(answer), round);
        emit ReadingRecorded(time, round, answer);
    }

    /// @notice Settles a series whose period is over, by its readings, or as void if the deadline has passed
    /// and a reading is missing. By anybody. Does nothing if it is settled.
    /// @dev Rain of less than zero is no measurement, and makes the series void.
    function settle(uint256 series) public returns (Outcome outcome) {
        outcome = states[series].outcome;
        if (outcome != Outcome.Open) return outcome;
        Terms memory terms_ = termsOf(series);
        require(block.timestamp >= terms_.end, NotOver(series, terms_.end));
        uint256 rainfall;
        (outcome, rainfall) = judge(terms_);
        uint256 deadline = terms_.end + settlementTime;
        require(outcome != Outcome.Open || block.timestamp > deadline, NotMeasured(series, deadline));
        if (outcome == Outcome.Open) outcome = Outcome.Void;
        states[series].outcome = outcome;
        emit Settled(series, outcome, rainfall);
    }

    /// @notice Settles the policies of a holder, and pays what they are due: the payouts, nothing, or the
    /// premiums. Settles the series first, if that is not done. By anybody, once.
    function claim(uint256 series, address holder) external nonReentrant returns (uint256 amount) {
        Outcome outcome = settle(series);
        uint256 count = policies[series][holder];
        require(count != 0, NoPolicies(series, holder));
        policies[series][holder] = 0;
        if (outcome == Outcome.Dry) amount = count * terms[series].payout;
        if (outcome == Outcome.Void) amount = count * terms[series].premium;
        emit PoliciesSettled(series, holder, count, amount);
        if (amount != 0) token.safeTransfer(holder, amount);
    }

    /// @notice Pays a provider its part of what is left of a series, rounded down. Settles the series first,
    /// if that is not done. By anybody, once.
    function redeem(uint256 series, address provider) external nonReentrant returns (uint256 amount) {
        Outcome outcome = settle(series);
        uint256 share = shares[series][provider];
        require(share != 0, NoShare(series, provider));
        shares[series][provider] = 0;
        amount = valueOf(series, share, outcome);
        emit Redeemed(series, provider, share, amount);
        if (amount != 0) token.safeTransfer(provider, amount);
    }

    /// @notice How many policies of a series the capital suffices for, besides those sold.
    function available(uint256 series) external view returns (uint256) {
        State memory state = states[series];
        return state.capital / termsOf(series).payout - state.sold;
    }

    /// What a share of a settled series is worth. Of what does not divide, less than a unit for each provider
    /// stays here.
    function valueOf(uint256 series, uint256 share, Outcome outcome) private view returns (uint256) {
        if (outcome == Outcome.Void) return share;
        State memory state = states[series];
        Terms memory terms_ = terms[series];
        uint256 left = uint256(state.capital) + uint256(state.sold) * terms_.premium;
        if (outcome == Outcome.Dry) left -= uint256(state.sold) * terms_.payout;
        // The product of a share and what is left may have 257 bits.
        return Math.mulDiv(left, share, state.capital);
    }

    function judge(Terms memory terms_) private view returns (Outcome outcome, uint256 rainfall) {
        Reading memory first = readings[terms_.start];
        Reading memory last = readings[terms_.end];
        if (first.round == 0 || last.round == 0) return (Outcome.Open, 0);
        if (last.value < first.value) return (Outcome.Void, 0);
        rainfall = uint256(int256(last.value) - first.value);
        outcome = rainfall < terms_.threshold ? Outcome.Dry : Outcome.Wet;
    }

    function requireSales(uint256 series) private view returns (Terms memory terms_) {
        terms_ = termsOf(series);
        require(block.timestamp < terms_.salesEnd, SalesEnded(series, terms_.salesEnd));
    }

    function requireCovered(uint256 capital, uint256 sold, Terms memory terms_) private pure {
        uint256 needed = sold * terms_.payout;
        require(needed <= capital, NotCovered(capital, needed));
    }

    function termsOf(uint256 series) private view returns (Terms memory terms_) {
        terms_ = terms[series];
        require(terms_.end != 0, NoSuchSeries(series));
    }
}
