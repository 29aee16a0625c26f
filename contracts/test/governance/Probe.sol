// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// Notes who called it, and when.
contract Probe {
    struct Call {
        address sender;
        uint256 time;
    }

    mapping(uint256 number => Call[]) private calls;

    error Refused(uint256 number);

    function poke(uint256 number) external returns (uint256) {
        calls[number].push(Call(msg.sender, block.timestamp));
        return number + 1;
    }

    function refuse(uint256 number) external pure {
        revert Refused(number);
    }

    function list(uint256 number) external view returns (Call[] memory) {
        return calls[number];
    }
}
