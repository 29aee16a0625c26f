// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ConstantProductPool} from "./ConstantProductPool.sol";

/// @title Constant-product pools, one for each two tokens
/// @notice Anybody may create a pool. Nobody has power over the factory, nor has it over its pools.
/// @dev A pool's address follows from the factory's address and the tokens (CREATE2, EIP-1014; salt 0, the
/// tokens are part of the code that is run). No pool ever calls the factory, so that none of its slots is
/// hot; the slot of the number of pools is written once per new pool.
contract ConstantProductFactory {
    /// @notice Pools in the order of their creation.
    address[] public pools;

    mapping(address token0 => mapping(address token1 => address)) private known;

    event PoolCreated(address indexed token0, address indexed token1, address pool, uint256 index);

    error PoolExists(address pool);

    /// @notice Creates the pool of two tokens, which may be in any order.
    /// @dev Reverts with `PoolExists`, and with `UnsortedTokens` of the pool if tokens are the same or one is
    /// the zero address.
    function createPool(address tokenA, address tokenB) external returns (address pool) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        pool = known[token0][token1];
        require(pool == address(0), PoolExists(pool));
        pool = address(new ConstantProductPool{salt: 0}(token0, token1));
        known[token0][token1] = pool;
        emit PoolCreated(token0, token1, pool, pools.length);
        pools.push(pool);
    }

    /// @notice The pool of two tokens in any order, or the zero address if there is none yet.
    function poolOf(address tokenA, address tokenB) external view returns (address) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        return known[token0][token1];
    }

    /// @notice How many pools there are.
    function poolCount() external view returns (uint256) {
        return pools.length;
    }

    /// @notice Where the pool of two tokens is, or will be.
    function poolAddress(address tokenA, address tokenB) external view returns (address) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        bytes memory code = abi.encodePacked(type(ConstantProductPool).creationCode, abi.encode(token0, token1));
        return Create2.computeAddress(0, keccak256(code));
    }

    function _sort(address tokenA, address tokenB) private pure returns (address, address) {
        return tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
    }
}
