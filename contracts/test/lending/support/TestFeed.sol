// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "../../../src/oracle/AggregatorV3Interface.sol";

/// A price feed that says what a test wants, broken ways included.
contract TestFeed is AggregatorV3Interface {
    enum Way {
        Right,
        Reverting,
        Short,
        CarriedOver
    }

    uint8 public immutable decimals;
    string public constant description = "test";
    uint256 public constant version = 1;

    int256 private answer_;
    uint256 private updatedAt_;
    uint80 private round;
    Way private way;

    constructor(uint8 decimals_, int256 answer) {
        decimals = decimals_;
        set(answer);
    }

    function set(int256 answer) public {
        setAt(answer, block.timestamp);
    }

    function setAt(int256 answer, uint256 updatedAt) public {
        (answer_, updatedAt_, round) = (answer, updatedAt, round + 1);
    }

    function setWay(Way way_) external {
        way = way_;
    }

    function latestAnswer() external view returns (int256) {
        return answer_;
    }

    function getRoundData(uint80) external view returns (uint80, int256, uint256, uint256, uint80) {
        return latestRoundData();
    }

    function latestRoundData() public view returns (uint80, int256, uint256, uint256, uint80) {
        require(way != Way.Reverting, "no answer");
        if (way == Way.Short) {
            assembly {
                return(0, 64)
            }
        }
        return (round, answer_, updatedAt_, updatedAt_, way == Way.CarriedOver ? round - 1 : round);
    }
}
