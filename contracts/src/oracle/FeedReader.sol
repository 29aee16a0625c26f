// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";
import {PriceFeed} from "./PriceFeed.sol";

/// @title Reads a price that may be relied on, or none
/// @notice For lending and all that values assets by a feed, ours or one of Chainlink's kind. `tryRead` and
/// `read` do not revert, whatever the feed does. A price is in 18 decimals, above zero, and not older than
/// the reader allows.
/// @dev Who calls a contract decides how much gas the feed gets, and a feed that runs out of it reads as
/// `NoAnswer`. So what follows from an unusable price must be a refusal, never something a caller may want,
/// such as the turn to another feed.
library FeedReader {
    /// Why a price is unusable.
    enum Problem {
        /// None: the price is usable.
        None,
        /// There is no such contract, it reverted (as ours does when the breaker has tripped), or what came
        /// back has not the form of an answer.
        NoAnswer,
        /// The round has no answer of its own yet.
        Incomplete,
        /// The answer is zero or less.
        NotPositive,
        /// The answer is from later than now.
        FromFuture,
        /// The answer is older than allowed.
        Stale,
        /// The answer is nothing in 18 decimals, or too much for them, or has more than 36 decimals.
        OutOfRange
    }

    uint256 private constant WAD_DECIMALS = 18;
    uint256 private constant DECIMALS_MAX = 36;
    uint256 private constant ROUND_DATA_BYTES = 160;

    error Unusable(address feed, Problem problem);

    /// @notice Reads a feed with the decimals that it tells.
    /// @param maxAge How old an answer may be, in seconds after `updatedAt`. Of a `PriceFeed`, its `staleAfter`.
    /// @return isUsable Whether there is a price to rely on.
    /// @return priceWad In 18 decimals, rounded down if the feed has more; zero if unusable.
    /// @return updatedAt When the answer was stored, in seconds; zero if that is unknown.
    function read(AggregatorV3Interface feed, uint256 maxAge)
        internal
        view
        returns (bool isUsable, uint256 priceWad, uint256 updatedAt)
    {
        Problem problem;
        (problem, priceWad, updatedAt) = tryRead(feed, maxAge);
        isUsable = problem == Problem.None;
    }

    /// @notice As `read`, and reverts with `Unusable` where there is no price.
    function readOrRevert(AggregatorV3Interface feed, uint256 maxAge)
        internal
        view
        returns (uint256 priceWad, uint256 updatedAt)
    {
        Problem problem;
        (problem, priceWad, updatedAt) = tryRead(feed, maxAge);
        require(problem == Problem.None, Unusable(address(feed), problem));
    }

    /// @notice As `read`, with the reason.
    function tryRead(AggregatorV3Interface feed, uint256 maxAge)
        internal
        view
        returns (Problem problem, uint256 priceWad, uint256 updatedAt)
    {
        (bool isThere, uint256 decimals) = decimalsOf(feed);
        if (!isThere) return (Problem.NoAnswer, 0, 0);
        return tryRead(feed, decimals, maxAge);
    }

    /// @notice As `read`, with the reason, for who has kept the decimals of the feed and saves a call.
    function tryRead(AggregatorV3Interface feed, uint256 decimals, uint256 maxAge)
        internal
        view
        returns (Problem problem, uint256 priceWad, uint256 updatedAt)
    {
        bool isThere;
        int256 answer;
        bool isComplete;
        (isThere, answer, updatedAt, isComplete) = roundOf(feed);
        if (!isThere) return (Problem.NoAnswer, 0, 0);
        if (!isComplete) return (Problem.Incomplete, 0, updatedAt);
        if (answer <= 0) return (Problem.NotPositive, 0, updatedAt);
        if (updatedAt > block.timestamp) return (Problem.FromFuture, 0, updatedAt);
        if (block.timestamp - updatedAt > maxAge) return (Problem.Stale, 0, updatedAt);
        priceWad = toWad(uint256(answer), decimals);
        if (priceWad == 0) problem = Problem.OutOfRange;
    }

    /// @notice Whether the feed has answered without a break for `grace` seconds at least. After an outage of
    /// the chain, the reporters or the breaker, people get that long to add collateral before they are
    /// liquidated at prices that they could not act on.
    function isSettled(PriceFeed feed, uint256 grace) internal view returns (bool) {
        uint256 since = feed.upSince();
        return since != 0 && block.timestamp - since >= grace;
    }

    /// Zero where there is no such number.
    function toWad(uint256 answer, uint256 decimals) private pure returns (uint256) {
        if (decimals > DECIMALS_MAX) return 0;
        if (decimals >= WAD_DECIMALS) return answer / 10 ** (decimals - WAD_DECIMALS);
        uint256 factor = 10 ** (WAD_DECIMALS - decimals);
        return answer > type(uint256).max / factor ? 0 : answer * factor;
    }

    function decimalsOf(AggregatorV3Interface feed) private view returns (bool isThere, uint256 decimals) {
        bytes32[1] memory words;
        bytes4 selector = AggregatorV3Interface.decimals.selector;
        assembly ("memory-safe") {
            mstore(0, selector)
            isThere := staticcall(gas(), feed, 0, 4, words, 32)
            isThere := and(isThere, gt(returndatasize(), 31))
        }
        decimals = uint256(words[0]);
        isThere = isThere && decimals <= type(uint8).max;
    }

    /// `try` would revert where there is no code, or where what comes back has the wrong form.
    function roundOf(AggregatorV3Interface feed)
        private
        view
        returns (bool isThere, int256 answer, uint256 updatedAt, bool isComplete)
    {
        uint256[5] memory words;
        bytes4 selector = AggregatorV3Interface.latestRoundData.selector;
        assembly ("memory-safe") {
            mstore(0, selector)
            isThere := staticcall(gas(), feed, 0, 4, words, ROUND_DATA_BYTES)
            isThere := and(isThere, gt(returndatasize(), sub(ROUND_DATA_BYTES, 1)))
        }
        (uint256 roundId, uint256 answeredInRound) = (words[0], words[4]);
        isThere = isThere && roundId <= type(uint80).max && answeredInRound <= type(uint80).max;
        answer = int256(words[1]);
        updatedAt = words[3];
        isComplete = updatedAt != 0 && answeredInRound >= roundId;
    }
}
