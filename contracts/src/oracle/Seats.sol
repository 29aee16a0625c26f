// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title A list of addresses in 20 bytes each
/// @notice The reporters of a feed by seat. It lies in the code of a contract of its own (SSTORE2), where all
/// of them are read for the price of two storage slots.
library Seats {
    uint256 private constant ADDRESS_BYTES = 20;

    /// @notice How many there are.
    function count(bytes memory list) internal pure returns (uint256) {
        return list.length / ADDRESS_BYTES;
    }

    /// @notice Who has a seat. The seat must be below `count`.
    function holder(bytes memory list, uint256 seat) internal pure returns (address account) {
        assembly ("memory-safe") {
            account := shr(96, mload(add(add(list, 32), mul(seat, ADDRESS_BYTES))))
        }
    }

    /// @notice Which seat an account has.
    function find(bytes memory list, address account) internal pure returns (bool isFound, uint256 seat) {
        uint256 length = count(list);
        for (seat = 0; seat < length; seat++) {
            if (holder(list, seat) == account) return (true, seat);
        }
        return (false, 0);
    }
}
