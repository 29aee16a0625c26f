// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "./oracle/AggregatorV3Interface.sol";

/// A price that never changes and is never old, for benchmarks on chains where a committee of reporters
/// cannot be appointed first, as that takes a day.
contract BenchFeed is AggregatorV3Interface {
    int256 private immutable ANSWER;

    constructor(int256 answer) {
        ANSWER = answer;
    }

    function decimals() external pure returns (uint8) {
        return 8;
    }

    function description() external pure returns (string memory) {
        return "Bench Feed";
    }

    function version() external pure returns (uint256) {
        return 1;
    }

    function getRoundData(uint80 id) external view returns (uint80, int256, uint256, uint256, uint80) {
        return (id, ANSWER, block.timestamp, block.timestamp, id);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, ANSWER, block.timestamp, block.timestamp, 1);
    }
}
