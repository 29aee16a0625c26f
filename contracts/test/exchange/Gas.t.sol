// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Router} from "../../src/exchange/Router.sol";
import {TwapOracle} from "../../src/exchange/TwapOracle.sol";
import {Exchange} from "./support/Exchange.sol";

/// What operations cost, written to snapshots/exchange.json. Each call is a transaction of its own, so that
/// slots are cold at its beginning, as they are on a chain; pools have liquidity and accounts have tokens.
contract ExchangeGasTest is Exchange {
    uint256 private constant KEY = 5;
    string private constant GROUP = "exchange";

    address private trader;
    TwapOracle private oracle = new TwapOracle(1 hours, 6);

    /// forge-config: default.isolate = true
    function test_gas() external {
        trader = account(KEY, 1e27);
        fund(pool, 1e24, 2e24, trader);
        for (uint256 i = 0; i < SHARDS; i++) {
            fund(shard(i), 1e24, 3e24, trader);
        }
        vm.startPrank(trader);
        pool.approve(address(router), type(uint256).max);
        Router.Hop[] memory one = new Router.Hop[](1);
        one[0] = Router.Hop(Router.Kind.Pair, address(pool), address(tokens[1]));
        Router.Hop[] memory shards = new Router.Hop[](1);
        shards[0] = Router.Hop(Router.Kind.Sharded, address(sharded), address(tokens[2]));
        Router.Hop[] memory two = new Router.Hop[](2);
        (two[0], two[1]) = (one[0], shards[0]);

        // Slots that are written for the first time cost more than ever after.
        exactOut(0, two, "");
        later();
        exactOut(0, two, "");

        later();
        exactIn(0, one, "swap exact in, constant product");
        exactIn(0, one, "swap exact in, constant product, again in the same second");
        later();
        exactOut(0, one, "swap exact out, constant product");
        later();
        exactIn(1, shards, "swap exact in, shard");
        later();
        exactOut(1, shards, "swap exact out, shard");
        later();
        exactIn(0, two, "swap exact in, constant product and shard");
        later();
        exactOut(0, two, "swap exact out, constant product and shard");

        later();
        Router.PoolKey memory key = Router.PoolKey(address(tokens[0]), address(tokens[1]), 0, 0);
        router.addLiquidity(Router.AddLiquidity(key, 1e20, 2e20, 0, 0, trader, block.timestamp));
        vm.snapshotGasLastCall(GROUP, "add liquidity");
        later();
        router.removeLiquidity(Router.RemoveLiquidity(key, 1e18, 0, 0, trader, block.timestamp, false));
        vm.snapshotGasLastCall(GROUP, "remove liquidity");
        key = Router.PoolKey(address(tokens[1]), address(tokens[2]), SHARDS, router.SMALLEST());
        later();
        router.addLiquidity(Router.AddLiquidity(key, 1e20, 3e20, 0, 0, trader, block.timestamp));
        vm.snapshotGasLastCall(GROUP, "add liquidity to the smallest of 4 shards");

        later();
        tokens[0].transfer(address(pool), 1e18);
        pool.swap(0, 1e18, trader, "");
        vm.snapshotGasLastCall(GROUP, "swap of a constant-product pool itself");
        later();
        tokens[1].transfer(address(shard(0)), 1e18);
        shard(0).swap(0, 1e18, trader, "");
        vm.snapshotGasLastCall(GROUP, "swap of a shard itself");
        later();
        pool.sync();
        vm.snapshotGasLastCall(GROUP, "sync");

        for (uint256 i = 0; i < 8; i++) {
            oracle.observe(pool);
            vm.warp(block.timestamp + 10 minutes);
        }
        oracle.observe(pool);
        vm.snapshotGasLastCall(GROUP, "observe a pool");
        oracle.consult(pool, address(tokens[0]), 1e18);
        vm.snapshotGasLastCall(GROUP, "consult the oracle");
        factory.createPool(address(tokens[0]), address(tokens[2]));
        vm.snapshotGasLastCall(GROUP, "create a constant-product pool");
        shardedFactory.createPool(address(tokens[0]), address(tokens[2]), 8);
        vm.snapshotGasLastCall(GROUP, "create a sharded pool without its shards");
        vm.stopPrank();
    }

    function exactIn(uint256 tokenIn, Router.Hop[] memory path, string memory name) private {
        address token = address(tokens[tokenIn]);
        router.swapExactIn(Router.ExactIn(token, path, 1e18, 0, trader, block.timestamp, false));
        if (bytes(name).length != 0) vm.snapshotGasLastCall(GROUP, name);
    }

    function exactOut(uint256 tokenIn, Router.Hop[] memory path, string memory name) private {
        address token = address(tokens[tokenIn]);
        router.swapExactOut(Router.ExactOut(token, path, 1e18, 1e20, trader, block.timestamp, false));
        if (bytes(name).length != 0) vm.snapshotGasLastCall(GROUP, name);
    }

    function later() private {
        vm.warp(block.timestamp + 12);
    }
}
