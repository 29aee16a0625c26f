// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title Where the pools of a ConcentratedFactory are
/// @notice The address follows from the tokens and the fee alone (EIP-1014), so there is no register of
/// pools to read or to write.
library ConcentratedPoolAddress {
    /// @notice The salt of a pool.
    /// @param token0 The token whose address is the lower number.
    function salt(address token0, address token1, uint24 fee) internal pure returns (bytes32) {
        return keccak256(abi.encode(token0, token1, fee));
    }

    /// @notice The address of a pool, whether it exists or not.
    /// @param initCodeHash `ConcentratedFactory.poolInitCodeHash()`.
    function compute(address factory, bytes32 initCodeHash, address token0, address token1, uint24 fee)
        internal
        pure
        returns (address)
    {
        bytes32 hash =
            keccak256(abi.encodePacked(bytes1(0xff), factory, salt(token0, token1, fee), initCodeHash));
        return address(uint160(uint256(hash)));
    }
}
