// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedFactory} from "../../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../../src/exchange/ConcentratedPool.sol";
import {ConcentratedPositions} from "../../../src/exchange/ConcentratedPositions.sol";
import {ConcentratedActor} from "./ConcentratedActor.sol";
import {ConcentratedTest} from "./ConcentratedTest.sol";

/// Several people who use a pool, in itself and through ConcentratedPositions. No call reverts.
contract ConcentratedHandler is ConcentratedTest {
    uint256 public constant ACTORS = 3;
    uint256 public constant RANGES = 5;
    uint256 private constant MOST_TOKENS = 4;
    uint128 private constant ALL = type(uint128).max;

    struct Token {
        uint256 id;
        uint256 range;
        ConcentratedActor owner;
    }

    ConcentratedPool public immutable pool;
    ConcentratedPositions public immutable positions;
    ConcentratedActor[ACTORS] public actors;
    int24[RANGES] public lowers = [int24(-887220), -600, -120, 0, 300];
    int24[RANGES] public uppers = [int24(887220), 600, 60, 120, 900];
    Token[] public tokens;
    uint256 public calls;
    uint256 private salts;
    /// What all actors have together at the beginning.
    uint256 public immutable supply;

    constructor() {
        sortTokens();
        ConcentratedFactory factory = new ConcentratedFactory();
        pool = newPool(factory, 3000, ONE);
        positions = new ConcentratedPositions(factory);
        for (uint256 i = 0; i < ACTORS; i++) {
            actors[i] = newActor(1e50);
            actors[i].approve(address(positions));
        }
        supply = ACTORS * 1e50;
        // There is always somebody.
        mint(actors[0], pool, lowers[0], uppers[0], 1e18);
    }

    modifier counted() {
        calls++;
        _;
    }

    function mint(uint256 a, uint256 r, uint256 size) external counted {
        r %= RANGES;
        mint(actors[a % ACTORS], pool, lowers[r], uppers[r], uint128(sized(size, 1e22)));
    }

    function burn(uint256 a, uint256 r, uint256 size) external counted {
        (ConcentratedActor actor, uint256 range) = holder(a, r);
        uint128 most = pool.position(address(actor), 0, lowers[range], uppers[range]).liquidity;
        // All of it, some of it, or nothing.
        burn(
            actor,
            pool,
            lowers[range],
            uppers[range],
            size % 3 == 0 ? most : uint128(bound(size, 0, most))
        );
    }

    function collect(uint256 a, uint256 r, bool isAll, uint256 most0, uint256 most1) external counted {
        r %= RANGES;
        ConcentratedActor actor = actors[a % ACTORS];
        succeed(
            actor,
            address(pool),
            abi.encodeCall(
                pool.collect,
                (
                    address(actor),
                    lowers[r],
                    uppers[r],
                    isAll ? ALL : uint128(sized(most0, 1e22)),
                    isAll ? ALL : uint128(sized(most1, 1e22))
                )
            )
        );
    }

    function swap(uint256 a, bool zeroForOne, bool exactIn, uint256 size, uint256 far) external counted {
        (uint160 price,,,,) = pool.slot0();
        // The price stays within a factor of about 2^20.
        if (price < ONE >> 10) zeroForOne = false;
        if (price > ONE << 10) zeroForOne = true;
        uint256 by = far % 4 == 0 ? uint256(price) / 2 : uint256(price) * (far % 1000 + 1) / 20000;
        uint160 limit = uint160(zeroForOne ? price - by : price + by);
        int256 amount = int256(sized(size, 1e23));
        swapTo(actors[a % ACTORS], pool, zeroForOne, exactIn ? amount : -amount, limit);
    }

    function flash(uint256 a, uint256 amount0, uint256 amount1, uint256 extra) external counted {
        if (pool.liquidity() == 0) return;
        amount0 = bound(amount0, 0, token0.balanceOf(address(pool)));
        amount1 = bound(amount1, 0, token1.balanceOf(address(pool)));
        extra = extra % 4 == 0 ? sized(extra, 1e18) : 0;
        ConcentratedActor actor = actors[a % ACTORS];
        bytes memory data = abi.encode(amount0, amount1, extra, uint256(0));
        succeed(
            actor, address(pool), abi.encodeCall(pool.flash, (address(actor), amount0, amount1, data))
        );
    }

    function wait(uint256 time, uint16 cardinality) external counted {
        vm.warp(block.timestamp + time % 1e5);
        pool.increaseObservationCardinalityNext(cardinality % 20);
    }

    function mintToken(uint256 a, uint256 r, uint256 amount0, uint256 amount1) external counted {
        if (tokens.length == MOST_TOKENS) return;
        r %= RANGES;
        ConcentratedActor actor = actors[a % ACTORS];
        bytes memory result = succeed(
            actor,
            address(positions),
            abi.encodeCall(
                positions.mint,
                (
                    ConcentratedPositions.MintParams(
                        address(token0),
                        address(token1),
                        3000,
                        lowers[r],
                        uppers[r],
                        desired(amount0),
                        desired(amount1),
                        0,
                        0,
                        address(actor),
                        block.timestamp,
                        bytes32(salts++)
                    )
                )
            )
        );
        (uint256 id) = abi.decode(result, (uint256));
        tokens.push(Token(id, r, actor));
    }

    function increaseToken(uint256 a, uint256 t, uint256 amount0, uint256 amount1) external counted {
        if (tokens.length == 0) return;
        succeed(
            actors[a % ACTORS],
            address(positions),
            abi.encodeCall(
                positions.increase,
                (
                    ConcentratedPositions.IncreaseParams(
                        tokens[t % tokens.length].id,
                        desired(amount0),
                        desired(amount1),
                        0,
                        0,
                        block.timestamp
                    )
                )
            )
        );
    }

    function decreaseToken(uint256 t, uint256 size) external counted {
        if (tokens.length == 0) return;
        Token memory token = tokens[t % tokens.length];
        uint128 most = liquidityOf(token);
        if (most == 0) return;
        decrease(token, size % 3 == 0 ? most : uint128(bound(size, 0, most)));
    }

    function collectToken(uint256 t) external counted {
        if (tokens.length == 0) return;
        collect(tokens[t % tokens.length]);
    }

    function giveToken(uint256 a, uint256 t) external counted {
        if (tokens.length == 0) return;
        t %= tokens.length;
        ConcentratedActor to = actors[a % ACTORS];
        succeed(
            tokens[t].owner,
            address(positions),
            abi.encodeCall(
                positions.transferFrom, (address(tokens[t].owner), address(to), tokens[t].id)
            )
        );
        tokens[t].owner = to;
    }

    function endToken(uint256 t) external counted {
        if (tokens.length == 0) return;
        end(t % tokens.length);
    }

    /// Everyone takes out everything.
    function takeAllOut() external {
        while (tokens.length != 0) {
            end(tokens.length - 1);
        }
        for (uint256 a = 0; a < ACTORS; a++) {
            for (uint256 r = 0; r < RANGES; r++) {
                uint128 all = pool.position(address(actors[a]), 0, lowers[r], uppers[r]).liquidity;
                if (all != 0) burn(actors[a], pool, lowers[r], uppers[r], all);
                collect(actors[a], pool, lowers[r], uppers[r]);
            }
        }
    }

    function tokenCount() external view returns (uint256) {
        return tokens.length;
    }

    /// In order of the ranges, all positions of them: who owns them, and their salts.
    function holders() external view returns (address[] memory owners, bytes32[] memory salts_) {
        owners = new address[](ACTORS + tokens.length);
        salts_ = new bytes32[](ACTORS + tokens.length);
        for (uint256 i = 0; i < owners.length; i++) {
            bool isActor = i < ACTORS;
            owners[i] = isActor ? address(actors[i]) : address(positions);
            salts_[i] = isActor ? bytes32(0) : bytes32(tokens[i - ACTORS].id);
        }
    }

    function tokenBalances(address account) external view returns (uint256, uint256) {
        return (token0.balanceOf(account), token1.balanceOf(account));
    }

    function end(uint256 t) private {
        Token memory token = tokens[t];
        uint128 all = liquidityOf(token);
        if (all != 0) decrease(token, all);
        collect(token);
        succeed(token.owner, address(positions), abi.encodeCall(positions.burn, (token.id)));
        tokens[t] = tokens[tokens.length - 1];
        tokens.pop();
    }

    function decrease(Token memory token, uint128 liquidity) private {
        succeed(
            token.owner,
            address(positions),
            abi.encodeCall(
                positions.decrease,
                (ConcentratedPositions.DecreaseParams(token.id, liquidity, 0, 0, block.timestamp))
            )
        );
    }

    function collect(Token memory token) private {
        succeed(
            token.owner,
            address(positions),
            abi.encodeCall(positions.collect, (token.id, address(token.owner), ALL, ALL))
        );
    }

    function liquidityOf(Token memory token) private view returns (uint128) {
        return pool.position(
            address(positions), bytes32(token.id), lowers[token.range], uppers[token.range]
        ).liquidity;
    }

    /// Somebody with liquidity: the first actor has some of the first range if nobody else has.
    function holder(uint256 a, uint256 r) private returns (ConcentratedActor actor, uint256 range) {
        for (uint256 i = 0; i < ACTORS * RANGES; i++) {
            actor = actors[(a % ACTORS + i) % ACTORS];
            range = (r % RANGES + i / ACTORS) % RANGES;
            if (pool.position(address(actor), 0, lowers[range], uppers[range]).liquidity != 0) {
                return (actor, range);
            }
        }
        mint(actors[0], pool, lowers[0], uppers[0], 1e18);
        return (actors[0], 0);
    }

    /// From one on, as likely of any length.
    function sized(uint256 value, uint256 most) private pure returns (uint256) {
        return bound(value >> (value % 200), 1, most);
    }

    /// Enough for some liquidity at any price there is.
    function desired(uint256 value) private pure returns (uint256) {
        return bound(value, 1e12, 1e22);
    }
}
