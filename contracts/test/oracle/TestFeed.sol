// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AggregatorV3Interface} from "../../src/oracle/AggregatorV3Interface.sol";

/// A feed that answers any bytes.
contract TestFeed {
    bytes private decimalsAnswer;
    bytes private roundAnswer;
    bool private isBroken;

    function answer(bytes calldata decimals_, bytes calldata round) external {
        (decimalsAnswer, roundAnswer) = (decimals_, round);
    }

    function break_() external {
        isBroken = true;
    }

    fallback(bytes calldata data) external returns (bytes memory) {
        require(!isBroken, "broken");
        return bytes4(data) == AggregatorV3Interface.decimals.selector ? decimalsAnswer : roundAnswer;
    }
}
