// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "../../src/oracle/AggregatorV3Interface.sol";
import {FeedReader} from "../../src/oracle/FeedReader.sol";
import {PriceFeed} from "../../src/oracle/PriceFeed.sol";

/// The library in a contract.
contract TestReader {
    function tryRead(AggregatorV3Interface feed, uint256 maxAge)
        external
        view
        returns (FeedReader.Problem, uint256, uint256)
    {
        return FeedReader.tryRead(feed, maxAge);
    }

    function tryReadWith(AggregatorV3Interface feed, uint256 decimals, uint256 maxAge)
        external
        view
        returns (FeedReader.Problem, uint256, uint256)
    {
        return FeedReader.tryRead(feed, decimals, maxAge);
    }

    function read(AggregatorV3Interface feed, uint256 maxAge) external view returns (bool, uint256, uint256) {
        return FeedReader.read(feed, maxAge);
    }

    function readOrRevert(AggregatorV3Interface feed, uint256 maxAge) external view returns (uint256, uint256) {
        return FeedReader.readOrRevert(feed, maxAge);
    }

    function isSettled(PriceFeed feed, uint256 grace) external view returns (bool) {
        return FeedReader.isSettled(feed, grace);
    }
}
