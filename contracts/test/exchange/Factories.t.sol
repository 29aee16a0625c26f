// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConstantProductFactory} from "../../src/exchange/ConstantProductFactory.sol";
import {PairPool} from "../../src/exchange/PairPool.sol";
import {ShardedPool} from "../../src/exchange/ShardedPool.sol";
import {ShardedPoolFactory} from "../../src/exchange/ShardedPoolFactory.sol";
import {Exchange} from "./support/Exchange.sol";

contract FactoriesTest is Exchange {
    /// The address of a pool is known before it is there, and does not depend on the order of tokens.
    function test_poolsAreWhereTheyAreSaidToBe(address tokenA, address tokenB) external {
        vm.assume(tokenA != address(0) && tokenB != address(0) && tokenA != tokenB);
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        address expected = factory.poolAddress(tokenA, tokenB);
        vm.assertEq(factory.poolAddress(tokenB, tokenA), expected, "any order");
        vm.assertEq(factory.poolOf(tokenA, tokenB), address(0), "not there yet");
        vm.expectEmit(address(factory));
        emit ConstantProductFactory.PoolCreated(token0, token1, expected, 1);
        vm.assertEq(factory.createPool(tokenA, tokenB), expected, "where it is said to be");
        vm.assertEq(factory.poolOf(tokenB, tokenA), expected, "known, in any order");
        vm.assertEq(factory.pools(1), expected, "listed");
        vm.assertEq(factory.poolCount(), 2, "counted");
        vm.assertEq(PairPool(expected).token0(), token0, "first token");
        vm.assertEq(PairPool(expected).token1(), token1, "second token");
    }

    function test_shardedPoolsAreWhereTheyAreSaidToBe(address tokenA, address tokenB, uint256 count) external {
        vm.assume(tokenA != address(0) && tokenB != address(0) && tokenA != tokenB);
        count = bound(count, 2, 64);
        address expected = shardedFactory.poolAddress(tokenA, tokenB, count);
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        vm.expectEmit(address(shardedFactory));
        emit ShardedPoolFactory.PoolCreated(token0, token1, count, expected, 1);
        vm.assertEq(shardedFactory.createPool(tokenB, tokenA, count), expected, "where it is said to be");
        vm.assertEq(shardedFactory.poolOf(tokenA, tokenB, count), expected, "known, in any order");
        vm.assertEq(shardedFactory.pools(1), expected, "listed");
        vm.assertEq(shardedFactory.poolCount(), 2, "counted");
        vm.assertEq(ShardedPool(expected).shardCount(), count, "so many shards");
    }

    function test_poolsExistOnce() external {
        vm.expectRevert(abi.encodeWithSelector(ConstantProductFactory.PoolExists.selector, address(pool)));
        factory.createPool(address(tokens[1]), address(tokens[0]));
        vm.expectRevert(abi.encodeWithSelector(ShardedPoolFactory.PoolExists.selector, address(sharded)));
        shardedFactory.createPool(address(tokens[2]), address(tokens[1]), SHARDS);
        // Another number of shards is another pool.
        shardedFactory.createPool(address(tokens[2]), address(tokens[1]), SHARDS + 1);
    }

    function test_rejectsOneTokenAndNone() external {
        address token = address(tokens[0]);
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnsortedTokens.selector, token, token));
        factory.createPool(token, token);
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnsortedTokens.selector, address(0), token));
        factory.createPool(token, address(0));
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.UnsortedTokens.selector, token, token));
        shardedFactory.createPool(token, token, 2);
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.UnsortedTokens.selector, address(0), token));
        shardedFactory.createPool(token, address(0), 2);
    }

    function test_rejectsTooFewAndTooManyShards() external {
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.InvalidShardCount.selector, 1));
        shardedFactory.createPool(address(tokens[0]), address(tokens[1]), 1);
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.InvalidShardCount.selector, 65));
        shardedFactory.createPool(address(tokens[0]), address(tokens[1]), 65);
    }
}
