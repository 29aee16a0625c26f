// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title What a consumer may ask of a price feed
/// @notice Has the function signatures of Chainlink's interface of that name, so that a contract written
/// for a feed of Chainlink reads a feed of ours, and the other way round.
interface AggregatorV3Interface {
    /// @notice How many digits of an answer stand behind the point.
    function decimals() external view returns (uint8);

    /// @notice What is measured, such as `ETH / USD`.
    function description() external view returns (string memory);

    /// @notice Version of the kind of feed.
    function version() external view returns (uint256);

    /// @notice A round of the past.
    /// @return roundId The round.
    /// @return answer What was measured, with `decimals` digits behind the point.
    /// @return startedAt When the round began, in seconds of Unix time.
    /// @return updatedAt When the answer was stored, in seconds of Unix time.
    /// @return answeredInRound The round that the answer is from. Outdated: equal to `roundId`.
    function getRoundData(uint80 id)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice The last round. Returns what `getRoundData` does.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
