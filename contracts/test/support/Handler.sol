// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Test} from "./Test.sol";

/// What an invariant test calls. A call that reverts is forgotten, with whatever was asserted in it; so what
/// has to hold is noted here, and the invariant asserts that there is no failure.
abstract contract Handler is Test {
    /// What did not hold first; empty if all did.
    string public failure;

    function note(bool holds, string memory what) internal {
        if (!holds && bytes(failure).length == 0) failure = what;
    }

    function isClose(uint256 left, uint256 right, uint256 most) internal pure returns (bool) {
        return left > right ? left - right <= most : right - left <= most;
    }
}
