// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";
import {Observations} from "./Observations.sol";
import {ReporterRegistry} from "./ReporterRegistry.sol";
import {Seats} from "./Seats.sol";

/// @title An answer that some liars cannot move
/// @notice Reporters agree off the chain, and one of them sends the signed observations of at least 2f + 1 of
/// the n that are appointed, where f = floor((n - 1) / 3). The answer is their median. If at most f reporters
/// lie it lies between two honest observations of the report, whatever the liars sign and whoever puts the
/// report together. Nothing else holds: who chooses the observations chooses where between them.
/// @dev The design is that of off-chain reporting (OCR): a report is checked in one transaction. What signing
/// and slashing need is in `Observations` and `ReporterRegistry`. There is no owner, and every parameter is
/// immutable: other parameters are another feed.
///
/// One report is for the round after the last one. A round that comes to nothing is tried again under another
/// number of attempt, which all observations of a report share. Without it one failed round would stop the
/// feed for good, because an honest reporter must not sign twice. Reporters may for example number attempts
/// by the minute.
///
/// The breaker: a median out of `minAnswer` to `maxAnswer` is not an answer, but it is news. The round counts,
/// and until a report with a median within the bounds `latestRoundData` reverts. (To refuse such a report
/// would leave the last good answer in use, as happened with LUNA in 2022.)
///
/// Slots: `latest` is one slot with all that `latestRoundData` returns. A reader reads it and nothing else; a
/// report writes it and one slot of the history, at most once per heartbeat while little changes. There is no
/// other state, so readers never conflict with each other.
contract PriceFeed is AggregatorV3Interface, EIP712 {
    struct Config {
        /// Says who reports.
        ReporterRegistry registry;
        string description;
        uint8 decimals;
        /// When a report is accepted though little has changed, in seconds after the last answer.
        uint32 heartbeat;
        /// When an answer is stale, in seconds after it was stored. More than the heartbeat by the time that
        /// a report may need.
        uint32 staleAfter;
        /// Change since the last answer with which a report is accepted before the heartbeat, in 1e-4 of
        /// the last answer.
        uint16 deviationThreshold;
        /// How old an observation may be when it is reported, in seconds.
        uint16 observationAgeMax;
        /// How far in the future, by the clock of the chain, an observation may be, in seconds.
        uint16 futureTolerance;
        /// Bounds of the breaker, both allowed.
        int128 minAnswer;
        int128 maxAnswer;
    }

    /// What one reporter signed, without what all observations of a report have in common.
    struct SignedObservation {
        /// Seat of the reporter in the list of the registry.
        uint8 seat;
        int192 value;
        uint48 observedAt;
        bytes32 r;
        bytes32 vs;
    }

    /// One slot.
    struct Round {
        /// Of a round that tripped the breaker, the last answer before.
        int128 answer;
        uint32 id;
        uint40 updatedAt;
        /// Of the oldest observation, in seconds before `updatedAt`.
        uint16 age;
        /// Since when the feed has answered without a break. Zero: the breaker has tripped.
        uint40 upSince;
    }

    /// What a report is checked against, and how far that has come.
    struct Check {
        bytes32 domain;
        bytes list;
        uint256 active;
        uint256 earliest;
        uint256 latest;
        /// The one counted last.
        Observations.Observation observation;
        /// Bit i says that the reporter of seat i has been counted.
        uint256 seats;
        /// Time of the oldest observation counted, or now.
        uint256 startedAt;
    }

    /// @notice How many rounds `getRoundData` knows: the last ones.
    uint256 public constant HISTORY = 1024;
    /// @notice Most that clocks may differ, in seconds.
    uint256 public constant FUTURE_TOLERANCE_MAX = 60;
    uint256 public constant override version = 1;

    uint256 private constant BASIS = 1e4;

    /// @notice Says who reports.
    ReporterRegistry public immutable registry;
    uint8 public immutable override decimals;
    /// @notice When a report is accepted though little has changed, in seconds after the last answer.
    uint256 public immutable heartbeat;
    /// @notice When an answer is stale, in seconds after it was stored. What consumers should go by.
    uint256 public immutable staleAfter;
    /// @notice Change with which a report is accepted before the heartbeat, in 1e-4 of the last answer.
    uint256 public immutable deviationThreshold;
    /// @notice How old an observation may be when it is reported, in seconds.
    uint256 public immutable observationAgeMax;
    /// @notice How far in the future an observation may be, in seconds.
    uint256 public immutable futureTolerance;
    /// @notice Least median that is an answer.
    int128 public immutable minAnswer;
    /// @notice Greatest median that is an answer.
    int128 public immutable maxAnswer;

    Round private latest;
    Round[HISTORY] private history;
    string public override description;

    /// As Chainlink's feeds emit it.
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    /// Bit i of `seats` says that the reporter of seat i observed. The observations are in the call data.
    event ReportAccepted(
        uint32 indexed round, uint32 attempt, int192 median, uint256 seats, uint256 startedAt, address indexed submitter
    );
    event Tripped(uint32 indexed round, int192 median);
    /// The feed answers again: the first time, after the breaker tripped, or after the answer was stale.
    event Resumed(uint32 indexed round);

    error WrongConfig();
    error NoData(uint256 round);
    error BreakerTripped(uint256 round);
    error WrongRound(uint256 round, uint256 expected);
    error NoNews(int192 median, int128 answer);
    error OutOfBounds(int192 median);
    error NotWhole();
    error TooFewObservations(uint256 count, uint256 quorum);
    error NotSorted(uint256 position);
    error WrongTime(uint256 position, uint256 observedAt, uint256 earliest, uint256 latest);
    error NoReporter(uint256 position, uint256 seat);
    error RepeatedReporter(uint256 position, uint256 seat);
    error WrongSigner(uint256 position, address expected, address signer);

    /// @dev Reverts with `WrongConfig` where values contradict each other.
    constructor(Config memory config) EIP712(Observations.NAME, Observations.VERSION) {
        require(address(config.registry) != address(0), WrongConfig());
        require(config.heartbeat != 0 && config.heartbeat < config.staleAfter, WrongConfig());
        require(config.observationAgeMax != 0, WrongConfig());
        require(config.futureTolerance <= FUTURE_TOLERANCE_MAX, WrongConfig());
        require(config.minAnswer < config.maxAnswer, WrongConfig());
        registry = config.registry;
        description = config.description;
        decimals = config.decimals;
        heartbeat = config.heartbeat;
        staleAfter = config.staleAfter;
        deviationThreshold = config.deviationThreshold;
        observationAgeMax = config.observationAgeMax;
        futureTolerance = config.futureTolerance;
        minAnswer = config.minAnswer;
        maxAnswer = config.maxAnswer;
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev `startedAt` is the time of the oldest observation, `updatedAt` that of the report. Does not judge
    /// the age: see `isStale`. Reverts with `NoData` before the first round, and with `BreakerTripped`.
    function latestRoundData() external view override returns (uint80, int256, uint256, uint256, uint80) {
        return dataOf(latest, latest.id);
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev Knows the last `HISTORY` rounds. Reverts with `NoData` for others, and with `BreakerTripped` for
    /// one that has no answer. What it returns for a round never changes.
    function getRoundData(uint80 id) external view override returns (uint80, int256, uint256, uint256, uint80) {
        return dataOf(history[id % HISTORY], id);
    }

    /// @notice Time of the oldest observation of a round, in seconds, whether it has an answer or not. Never
    /// falls from one round to the next. Reverts with `NoData` as `getRoundData` does.
    function observedAt(uint80 id) external view returns (uint256) {
        Round memory round = history[id % HISTORY];
        require(id != 0 && round.id == id, NoData(id));
        return round.updatedAt - round.age;
    }

    /// @notice The last round, whether it has an answer or not; zero before the first. The next report is for
    /// the one after it.
    function latestRound() external view returns (uint256) {
        return latest.id;
    }

    /// @notice Whether the answer must not be used: there is none, it is older than `staleAfter`, or the
    /// breaker has tripped.
    function isStale() external view returns (bool) {
        return upSince() == 0;
    }

    /// @notice Since when the feed has answered without becoming stale, in seconds of Unix time; zero while
    /// `isStale`. After a break a consumer can give its users time before it acts on new prices.
    function upSince() public view returns (uint256) {
        Round memory last = latest;
        return block.timestamp - last.updatedAt > staleAfter ? 0 : last.upSince;
    }

    /// @notice Whether so many reporters have their seats that reports are accepted.
    function isWhole() external view returns (bool) {
        return registry.isSetWhole(address(this));
    }

    /// @notice Stores the median of a report. By anybody.
    /// @param round The one after the last.
    /// @param attempt What all its observations are signed for.
    /// @param observations By ascending value, at least 2f + 1, from as many reporters that have a seat.
    /// The median is the one at `length / 2`.
    /// @dev Distinct reporters are known by a bitmap of seats: the one order that a list can have is needed
    /// for the values. Before the heartbeat a report is accepted only if the median differs from the answer
    /// by the threshold at least. No observation may be older than `observationAgeMax` or than the oldest one
    /// of the last round, nor from later than `futureTolerance` from now.
    function submit(uint32 round, uint32 attempt, SignedObservation[] calldata observations) external {
        Round memory last = latest;
        require(round == uint256(last.id) + 1, WrongRound(round, uint256(last.id) + 1));
        Check memory check = begin(last, round, attempt, observations.length);
        int192 median = observations[observations.length / 2].value;
        bool isInside = median >= minAnswer && median <= maxAnswer;
        requireNews(last, median, isInside);

        for (uint256 i = 0; i < observations.length; i++) {
            count(check, observations[i], i);
        }
        emit ReportAccepted(round, attempt, median, check.seats, check.startedAt, msg.sender);
        (last.id, last.age) = (round, uint16(block.timestamp - check.startedAt));
        if (isInside) {
            if (last.upSince == 0 || block.timestamp - last.updatedAt > staleAfter) {
                last.upSince = uint40(block.timestamp);
                emit Resumed(round);
            }
            // The bounds are of this type.
            last.answer = int128(median);
            emit AnswerUpdated(median, round, block.timestamp);
        } else {
            last.upSince = 0;
            emit Tripped(round, median);
        }
        last.updatedAt = uint40(block.timestamp);
        latest = last;
        history[round % HISTORY] = last;
    }

    function begin(Round memory last, uint32 round, uint32 attempt, uint256 length)
        private
        view
        returns (Check memory check)
    {
        uint256 quorum;
        bool isWhole_;
        (check.list, check.active, quorum, isWhole_) = registry.committee(address(this));
        require(isWhole_, NotWhole());
        require(length >= quorum, TooFewObservations(length, quorum));
        check.domain = _domainSeparatorV4();
        check.observation = Observations.Observation(round, attempt, type(int192).min, 0);
        check.startedAt = block.timestamp;
        uint256 lastStartedAt = last.updatedAt - last.age;
        uint256 oldest = block.timestamp < observationAgeMax ? 0 : block.timestamp - observationAgeMax;
        check.earliest = oldest > lastStartedAt ? oldest : lastStartedAt;
        check.latest = block.timestamp + futureTolerance;
    }

    /// Reverts unless there is a reason to store a median.
    function requireNews(Round memory last, int192 median, bool isInside) private view {
        // No answer yet, or the breaker has tripped: news is what ends that.
        if (last.upSince == 0) {
            require(isInside, OutOfBounds(median));
            return;
        }
        if (!isInside || block.timestamp - last.updatedAt >= heartbeat) return;
        uint256 change = SignedMath.abs(int256(median) - last.answer);
        // Neither product comes near 2^256: the factors have 193 and 14, or 16 and 128 bits.
        bool isFar = change * BASIS >= deviationThreshold * SignedMath.abs(int256(last.answer));
        require(change != 0 && isFar, NoNews(median, last.answer));
    }

    /// Counts one observation, or reverts unless it is what it should be.
    function count(Check memory check, SignedObservation calldata signed, uint256 position) private pure {
        (uint256 seat, int192 value, uint48 time) = (signed.seat, signed.value, signed.observedAt);
        require(value >= check.observation.value, NotSorted(position));
        require(time >= check.earliest && time <= check.latest, WrongTime(position, time, check.earliest, check.latest));
        uint256 bit = 1 << seat;
        require(check.active & bit != 0, NoReporter(position, seat));
        require(check.seats & bit == 0, RepeatedReporter(position, seat));
        check.seats |= bit;
        if (time < check.startedAt) check.startedAt = time;

        (check.observation.value, check.observation.observedAt) = (value, time);
        Observations.Signature memory signature = Observations.Signature(signed.r, signed.vs);
        address signer = Observations.signer(check.domain, check.observation, signature);
        // Never zero: the list ascends from above it.
        address expected = Seats.holder(check.list, seat);
        require(signer == expected, WrongSigner(position, expected, signer));
    }

    function dataOf(Round memory round, uint80 id) private pure returns (uint80, int256, uint256, uint256, uint80) {
        require(id != 0 && round.id == id, NoData(id));
        require(round.upSince != 0, BreakerTripped(id));
        return (id, round.answer, round.updatedAt - round.age, round.updatedAt, id);
    }
}
