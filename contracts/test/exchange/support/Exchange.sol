// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Weth} from "../../../src/Weth.sol";
import {ConstantProductFactory} from "../../../src/exchange/ConstantProductFactory.sol";
import {ConstantProductPool} from "../../../src/exchange/ConstantProductPool.sol";
import {IWrappedEther} from "../../../src/exchange/IWrappedEther.sol";
import {PairPool} from "../../../src/exchange/PairPool.sol";
import {Router} from "../../../src/exchange/Router.sol";
import {ShardedPool} from "../../../src/exchange/ShardedPool.sol";
import {ShardedPoolFactory} from "../../../src/exchange/ShardedPoolFactory.sol";
import {Test} from "../../support/Test.sol";
import {Token} from "./Token.sol";

/// An exchange with three tokens, a constant-product pool of the first two, and a pool of four shards of
/// the second and the third. None has liquidity.
abstract contract Exchange is Test {
    uint256 internal constant SHARDS = 4;

    Token[3] internal tokens;
    Weth internal weth = new Weth();
    ConstantProductFactory internal factory = new ConstantProductFactory();
    ShardedPoolFactory internal shardedFactory = new ShardedPoolFactory();
    Router internal router = new Router(factory, shardedFactory, IWrappedEther(address(weth)));
    ConstantProductPool internal pool;
    ShardedPool internal sharded;

    constructor() {
        for (uint256 i = 0; i < 3; i++) {
            tokens[i] = new Token();
        }
        // By address, so that the first of two is the pool's first.
        for (uint256 i = 0; i < 3; i++) {
            for (uint256 j = i + 1; j < 3; j++) {
                if (address(tokens[j]) < address(tokens[i])) (tokens[i], tokens[j]) = (tokens[j], tokens[i]);
            }
        }
        pool = ConstantProductPool(factory.createPool(address(tokens[0]), address(tokens[1])));
        sharded = ShardedPool(shardedFactory.createPool(address(tokens[1]), address(tokens[2]), SHARDS));
        sharded.createShards(SHARDS);
    }

    function shard(uint256 index) internal view returns (PairPool) {
        return PairPool(sharded.shardAt(index));
    }

    /// Adds exactly these amounts, out of nothing.
    function fund(PairPool of_, uint256 amount0, uint256 amount1, address to) internal returns (uint256) {
        give(of_, amount0, amount1);
        return of_.mint(to);
    }

    /// Sends tokens to a pool, out of nothing.
    function give(PairPool to, uint256 amount0, uint256 amount1) internal {
        Token(to.token0()).mint(address(to), amount0);
        Token(to.token1()).mint(address(to), amount1);
    }

    function reserves(PairPool of_) internal view returns (uint256 reserve0, uint256 reserve1) {
        (reserve0, reserve1,) = of_.getReserves();
    }

    /// An account with tokens that the router may spend.
    function account(uint256 key, uint256 amount) internal returns (address owner) {
        owner = vm.addr(key);
        for (uint256 i = 0; i < 3; i++) {
            tokens[i].mint(owner, amount);
            vm.prank(owner);
            tokens[i].approve(address(router), type(uint256).max);
        }
    }
}
