// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ShardedPool} from "./ShardedPool.sol";

/// @title Sharded pools, one for each two tokens and number of shards
/// @notice Anybody may create a pool. The number of shards is part of what a pool is, so that nobody can
/// fix it for a market: whoever comes later may create one with another number. Nobody has power over the
/// factory, nor has it over its pools.
/// @dev A pool's address follows from the factory's address, the tokens and the number (CREATE2; salt 0).
contract ShardedPoolFactory {
    /// @notice Pools in the order of their creation.
    address[] public pools;

    mapping(address token0 => mapping(address token1 => mapping(uint256 shardCount => address))) private known;

    event PoolCreated(address indexed token0, address indexed token1, uint256 shardCount, address pool, uint256 index);

    error PoolExists(address pool);

    /// @notice Creates the pool of two tokens, in any order, in so many shards. Its shards are then created
    /// by `createShards` of the pool.
    /// @dev Reverts with `PoolExists`, and as the constructor of `ShardedPool` does.
    function createPool(address tokenA, address tokenB, uint256 shardCount) external returns (address pool) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        pool = known[token0][token1][shardCount];
        require(pool == address(0), PoolExists(pool));
        pool = address(new ShardedPool{salt: 0}(token0, token1, shardCount));
        known[token0][token1][shardCount] = pool;
        emit PoolCreated(token0, token1, shardCount, pool, pools.length);
        pools.push(pool);
    }

    /// @notice The pool of two tokens, in any order, in so many shards, or the zero address.
    function poolOf(address tokenA, address tokenB, uint256 shardCount) external view returns (address) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        return known[token0][token1][shardCount];
    }

    /// @notice How many pools there are.
    function poolCount() external view returns (uint256) {
        return pools.length;
    }

    /// @notice Where the pool is, or will be.
    function poolAddress(address tokenA, address tokenB, uint256 shardCount) external view returns (address) {
        (address token0, address token1) = _sort(tokenA, tokenB);
        bytes memory arguments = abi.encode(token0, token1, shardCount);
        return Create2.computeAddress(0, keccak256(abi.encodePacked(type(ShardedPool).creationCode, arguments)));
    }

    function _sort(address tokenA, address tokenB) private pure returns (address, address) {
        return tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
    }
}
