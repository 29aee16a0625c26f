// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PairPool} from "../../../src/exchange/PairPool.sol";
import {Router} from "../../../src/exchange/Router.sol";
import {Exchange} from "./Exchange.sol";
import {FlashBorrower} from "./FlashBorrower.sol";
import {Token} from "./Token.sol";

/// What may happen to an exchange: three actors, one constant-product pool, two shards that hold liquidity.
contract PoolHandler is Exchange {
    uint256 private constant ACTORS = 3;

    address[ACTORS] public actors;
    /// Pools that are watched: the constant-product pool, and shards.
    PairPool[3] public pools;
    /// How many times the value of a share has fallen.
    uint256 public fallen;
    /// How many calls of each kind succeeded.
    mapping(bytes4 => uint256) public successes;
    FlashBorrower private borrower = new FlashBorrower();

    struct Value {
        uint256 reserve0;
        uint256 reserve1;
        uint256 supply;
    }

    constructor() {
        pools = [PairPool(address(pool)), shard(0), shard(1)];
        for (uint256 i = 0; i < ACTORS; i++) {
            actors[i] = account(i + 1, 1e30);
        }
        for (uint256 i = 0; i < 3; i++) {
            fund(pools[i], 1e22, 4e22, actors[0]);
            for (uint256 j = 0; j < ACTORS; j++) {
                vm.prank(actors[j]);
                pools[i].approve(address(router), type(uint256).max);
            }
        }
    }

    /// Compares the value of a share of each pool before and after: product of reserves per squared share.
    modifier watched() {
        Value[3] memory before;
        for (uint256 i = 0; i < 3; i++) {
            before[i] = value(pools[i]);
        }
        _;
        for (uint256 i = 0; i < 3; i++) {
            Value memory now_ = value(pools[i]);
            if (isLess(now_, before[i])) fallen++;
        }
    }

    function addLiquidity(uint256 actor, uint256 which, uint256 amountA, uint256 amountB) external watched {
        Router.PoolKey memory key = keyOf(which);
        vm.prank(actors[actor % ACTORS]);
        try router.addLiquidity(
            Router.AddLiquidity(
                key, bound(amountA, 1, 1e24), bound(amountB, 1, 1e24), 0, 0, actors[actor % ACTORS], block.timestamp
            )
        ) {
            successes[this.addLiquidity.selector]++;
        } catch {}
    }

    function removeLiquidity(uint256 actor, uint256 which, uint256 part) external watched {
        address owner = actors[actor % ACTORS];
        PairPool of_ = pools[which % 3];
        uint256 shares = of_.balanceOf(owner) * bound(part, 0, 100) / 100;
        Router.PoolKey memory key = keyOf(which);
        vm.prank(owner);
        try router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 0, owner, block.timestamp, false)) {
            successes[this.removeLiquidity.selector]++;
        } catch {}
    }

    /// Through one pool or two, in either direction.
    function swapExactIn(uint256 actor, uint256 way, uint256 amount) external watched {
        (Token tokenIn, Router.Hop[] memory path) = pathOf(way);
        address owner = actors[actor % ACTORS];
        vm.prank(owner);
        try router.swapExactIn(
            Router.ExactIn(address(tokenIn), path, bound(amount, 1, 1e23), 0, owner, block.timestamp, false)
        ) {
            successes[this.swapExactIn.selector]++;
        } catch {}
    }

    function swapExactOut(uint256 actor, uint256 way, uint256 amount) external watched {
        (Token tokenIn, Router.Hop[] memory path) = pathOf(way);
        address owner = actors[actor % ACTORS];
        vm.prank(owner);
        try router.swapExactOut(
            Router.ExactOut(address(tokenIn), path, bound(amount, 1, 1e22), 1e30, owner, block.timestamp, false)
        ) {
            successes[this.swapExactOut.selector]++;
        } catch {}
    }

    /// Takes both tokens and pays any amounts back.
    function flash(uint256 which, uint256 out0, uint256 out1, uint256 in0, uint256 in1) external watched {
        PairPool of_ = pools[which % 3];
        (uint256 reserve0, uint256 reserve1) = reserves(of_);
        (out0, out1) = (bound(out0, 0, reserve0 - 1), bound(out1, 0, reserve1 - 1));
        if (which % 3 != 0) out1 = 0;
        (in0, in1) = (bound(in0, 0, 2 * reserve0), bound(in1, 0, 2 * reserve1));
        Token[2] memory both = [Token(of_.token0()), Token(of_.token1())];
        bytes memory data = abi.encode(both, [in0, in1], abi.encodeCall(PairPool.sync, ()));
        try of_.swap(out0, out1, address(borrower), data) {
            successes[this.flash.selector]++;
            if (borrower.reentered()) fallen++;
        } catch {}
    }

    /// Gives tokens away, to the pool or, by `skim`, to whoever takes them.
    function donate(uint256 which, uint256 amount0, uint256 amount1, uint256 what) external watched {
        PairPool of_ = pools[which % 3];
        give(of_, bound(amount0, 0, 1e22), bound(amount1, 0, 1e22));
        if (what % 3 == 0) of_.sync();
        if (what % 3 == 1) of_.skim(actors[what % ACTORS]);
        successes[this.donate.selector]++;
    }

    function wait(uint256 time) external watched {
        vm.warp(block.timestamp + bound(time, 1, 1 days));
    }

    function value(PairPool of_) public view returns (Value memory) {
        (uint256 reserve0, uint256 reserve1) = reserves(of_);
        return Value(reserve0, reserve1, of_.totalSupply());
    }

    function exchange() external view returns (Router, Token, Token, Token) {
        return (router, tokens[0], tokens[1], tokens[2]);
    }

    /// Whether a.reserve0 a.reserve1 / a.supply^2 < b.reserve0 b.reserve1 / b.supply^2.
    function isLess(Value memory a, Value memory b) private pure returns (bool) {
        // Two factors of one number, which have up to 224 bits each.
        (uint256 leftHigh, uint256 leftLow) = Math.mul512(a.reserve0 * a.reserve1, b.supply * b.supply);
        (uint256 rightHigh, uint256 rightLow) = Math.mul512(b.reserve0 * b.reserve1, a.supply * a.supply);
        return leftHigh < rightHigh || (leftHigh == rightHigh && leftLow < rightLow);
    }

    function keyOf(uint256 which) private view returns (Router.PoolKey memory) {
        if (which % 3 == 0) return Router.PoolKey(address(tokens[1]), address(tokens[0]), 0, 0);
        return Router.PoolKey(address(tokens[1]), address(tokens[2]), SHARDS, which % 3 - 1);
    }

    function pathOf(uint256 way) private view returns (Token tokenIn, Router.Hop[] memory path) {
        Router.Hop memory first = Router.Hop(Router.Kind.Pair, address(pools[0]), address(tokens[1]));
        Router.Hop memory second = Router.Hop(Router.Kind.Pair, address(pools[1 + way % 2]), address(tokens[2]));
        if (way % 3 == 0) second = Router.Hop(Router.Kind.Sharded, address(sharded), address(tokens[2]));
        way = way / 6 % 5;
        path = new Router.Hop[](way < 3 ? 1 : 2);
        if (way == 0) {
            (tokenIn, path[0]) = (tokens[0], first);
        } else if (way == 1) {
            (tokenIn, path[0]) = (tokens[1], second);
        } else if (way == 2) {
            (tokenIn, path[0]) = (tokens[2], second);
            path[0].tokenOut = address(tokens[1]);
        } else if (way == 3) {
            (tokenIn, path[0], path[1]) = (tokens[0], first, second);
        } else {
            (tokenIn, path[0], path[1]) = (tokens[2], second, first);
            (path[0].tokenOut, path[1].tokenOut) = (address(tokens[1]), address(tokens[0]));
        }
    }
}
