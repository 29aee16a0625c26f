// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {ConcentratedActor} from "./support/ConcentratedActor.sol";
import {ConcentratedTest} from "./support/ConcentratedTest.sol";

/// What the other pool is asked for, other than what both have in common.
interface Peer {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address);
    function enableFeeAmount(uint24 fee, int24 tickSpacing) external;
    function positions(bytes32 key)
        external
        view
        returns (uint128, uint256, uint256, uint128, uint128);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);
    function maxLiquidityPerTick() external view returns (uint128);
    function tickSpacing() external view returns (int24);
}

/// Has ConcentratedPool and the unmodified bytecode of Uniswap v3 do the same, and sees that it has the same
/// results. The bytecode is that of an npm package: `npm ci` in `peers` installs it, for tests alone.
contract ConcentratedDifferentialTest is ConcentratedTest {
    string private constant ARTIFACT =
        "peers/node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
    uint256 private constant OPERATIONS = 200;
    uint256 private constant ACTORS = 3;
    uint256 private constant RANGES = 10;

    ConcentratedFactory private factory;
    Peer private peerFactory;
    ConcentratedPool private ours;
    Peer private theirs;
    ConcentratedActor[ACTORS] private actors;

    int24[RANGES] private lowers;
    int24[RANGES] private uppers;
    uint256 private random;
    uint256 private begin;
    uint256 private succeeded;

    function setUp() external {
        if (!vm.isFile(ARTIFACT)) return;
        bytes memory code = vm.parseJsonBytes(vm.readFile(ARTIFACT), ".bytecode");
        address created;
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(created != address(0), "peer");
        peerFactory = Peer(created);
        peerFactory.enableFeeAmount(100, 1);
        factory = new ConcentratedFactory();
        sortTokens();
        for (uint256 i = 0; i < ACTORS; i++) {
            actors[i] = newActor(1 << 250);
        }
    }

    modifier ifInstalled() {
        if (address(peerFactory) == address(0)) {
            vm.skip(true, "Uniswap v3 is not installed: npm ci --ignore-scripts --prefix peers");
        }
        _;
    }

    /// Sequences of all that can be done, whatever the pool.
    /// forge-config: default.fuzz.runs = 16
    /// forge-config: long.fuzz.runs = 512
    function test_everySequenceGivesWhatUniswapV3Gives(uint256 seed) external ifInstalled {
        random = seed;
        createPools();
        for (uint256 i = 0; i < OPERATIONS; i++) {
            operate();
            compare();
        }
        compareAll();
        vm.assertGt(succeeded * 2, OPERATIONS, "most operations do something");
    }

    /// Whatever is done to a pool without a price fails in both.
    /// forge-config: default.fuzz.runs = 16
    /// forge-config: long.fuzz.runs = 512
    function test_nothingCanBeDoneBeforeThePriceIsSet(uint256 seed) external ifInstalled {
        random = seed;
        createPools(below(4), false);
        for (uint256 i = 0; i < 20; i++) {
            operate();
        }
        vm.assertEq(succeeded, 0, "operations");
    }

    /// All that there is between a tick and the next one, in each direction, where swaps end exactly at
    /// ticks.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 512
    function test_swapsThatEndAtTicksGiveWhatUniswapV3Gives(uint256 seed) external ifInstalled {
        random = seed;
        createPools();
        for (uint256 i = 0; i < RANGES; i++) {
            act(
                abi.encodeCall(
                    ours.mint, (address(actors[0]), lowers[i], uppers[i], uint128(1 + below(1e20)), "")
                )
            );
        }
        for (uint256 i = 0; i < 20; i++) {
            uint256 range_ = below(RANGES);
            int24 tick = below(2) == 0 ? lowers[range_] : uppers[range_];
            uint160 limit = TickMath.getSqrtPriceAtTick(tick);
            (uint160 price,,,,) = ours.slot0();
            // The price itself, one below, or one above.
            limit = uint160(limit + below(3) - 1);
            int256 amount = below(2) == 0 ? int256(1 << 200) : -int256(1 << 200);
            act(abi.encodeCall(ours.swap, (address(actors[0]), limit < price, amount, limit, "")));
            compare();
        }
        compareAll();
    }

    /// An operation of some actor, in both pools.
    function operate() private {
        uint256 kind = below(100);
        if (kind < 22) actMint();
        else if (kind < 32) actBurn();
        else if (kind < 38) actPoke();
        else if (kind < 45) actCollect();
        else if (kind < 78) actSwap();
        else if (kind < 84) actFlash();
        else if (kind < 92) passTime();
        else if (kind < 94) actGrow();
        else if (kind < 98) lookBack();
        else snapshot();
    }

    function actMint() private {
        (int24 lower, int24 upper) = range();
        uint128 liquidity = uint128(magnitude(below(16) == 0 ? 128 : 105));
        ConcentratedActor actor = actors[below(ACTORS)];
        bytes memory data =
            abi.encodeCall(ours.mint, (address(actors[below(ACTORS)]), lower, upper, liquidity, ""));
        withholding(actor, data);
    }

    function actBurn() private {
        (ConcentratedActor actor, int24 lower, int24 upper) = holder();
        uint128 there = ours.position(address(actor), 0, lower, upper).liquidity;
        uint256 share = below(8);
        uint128 liquidity = share == 0
            ? uint128(magnitude(128))
            : share < 4 ? there : uint128(below(uint256(there) + (share == 4 ? 2 : 1)));
        act(actor, abi.encodeCall(ours.burn, (lower, upper, liquidity)));
    }

    function actPoke() private {
        (ConcentratedActor actor, int24 lower, int24 upper) = holder();
        act(actor, abi.encodeCall(ours.burn, (lower, upper, 0)));
    }

    function actCollect() private {
        (ConcentratedActor actor, int24 lower, int24 upper) = holder();
        bool isAll = below(2) == 0;
        act(
            actor,
            abi.encodeCall(
                ours.collect,
                (
                    address(actors[below(ACTORS)]),
                    lower,
                    upper,
                    isAll ? type(uint128).max : uint128(magnitude(100)),
                    isAll ? type(uint128).max : uint128(magnitude(100))
                )
            )
        );
    }

    function actSwap() private {
        (uint160 price,,,,) = ours.slot0();
        bool zeroForOne = below(2) == 0;
        uint160 limit = zeroForOne ? LOWEST : HIGHEST;
        uint256 kind = below(100);
        if (kind < 60) {
            // Within about a fiftieth of the price.
            uint256 by = uint256(price) * below(1e6) / 5e7;
            limit = uint160(zeroForOne ? price - by : price + by);
        } else if (kind < 90) {
            // At the end of a range, or just before or after it.
            uint256 i = 1 + below(RANGES - 1);
            limit = TickMath.getSqrtPriceAtTick(below(2) == 0 ? lowers[i] : uppers[i]);
            limit = uint160(limit + below(3) - 1);
            zeroForOne = limit < price;
        } else if (kind < 94) {
            limit = uint160(magnitude(160));
        }
        int256 amount = int256(magnitude(below(8) == 0 ? 250 : 100));
        if (below(2) == 0) amount = -amount;
        if (below(100) == 0) amount = 0;
        withholding(
            actors[below(ACTORS)],
            abi.encodeCall(ours.swap, (address(actors[below(ACTORS)]), zeroForOne, amount, limit, ""))
        );
    }

    function actFlash() private {
        uint256 most0 = token0.balanceOf(address(ours));
        uint256 most1 = token1.balanceOf(address(ours));
        uint256 amount0 = below(4) == 0 ? 0 : below(most0 + (below(10) == 0 ? 2 : 1));
        uint256 amount1 = below(4) == 0 ? 0 : below(most1 + (below(10) == 0 ? 2 : 1));
        uint256 extra0 = below(2) == 0 ? 0 : magnitude(100);
        uint256 extra1 = below(2) == 0 ? 0 : magnitude(100);
        withholding(
            actors[below(ACTORS)],
            abi.encodeCall(
                ours.flash,
                (
                    address(actors[below(ACTORS)]),
                    amount0,
                    amount1,
                    abi.encode(amount0, amount1, extra0, extra1)
                )
            )
        );
    }

    function passTime() private {
        // All of a sequence together stays below 2^32 seconds.
        vm.warp(block.timestamp + magnitude(23));
    }

    function actGrow() private {
        act(abi.encodeCall(ours.increaseObservationCardinalityNext, (uint16(below(40)))));
    }

    function lookBack() private {
        uint32[] memory agos = new uint32[](4);
        agos[1] = uint32(below(block.timestamp - begin + 1));
        agos[2] = uint32(below(100));
        if (below(4) == 0) agos[3] = uint32(magnitude(32));
        act(abi.encodeCall(ours.observe, (agos)));
    }

    function snapshot() private {
        (int24 lower, int24 upper) = range();
        act(abi.encodeCall(ours.snapshotCumulativesInside, (lower, upper)));
    }

    /// One of few ranges, or seldom one that is not allowed.
    function range() private returns (int24 lower, int24 upper) {
        uint256 i = below(RANGES);
        (lower, upper) = (lowers[i], uppers[i]);
        uint256 kind = below(100);
        if (kind == 0) lower = upper;
        if (kind == 1) (lower, upper) = (upper, lower);
        if (kind == 2) lower = -887273;
        if (kind == 3) upper = 887273;
        if (kind == 4) upper++;
        if (kind == 5) lower--;
    }

    /// Somebody and a range, of which the one has some of the other as a rule.
    function holder() private returns (ConcentratedActor actor, int24 lower, int24 upper) {
        (lower, upper) = range();
        actor = actors[below(ACTORS)];
        for (uint256 i = 0; i < ACTORS * RANGES; i++) {
            if (ours.position(address(actor), 0, lower, upper).liquidity != 0) break;
            actor = actors[i % ACTORS];
            (lower, upper) = (lowers[i / ACTORS], uppers[i / ACTORS]);
        }
    }

    function createPools() private {
        createPools(below(4), true);
        begin = block.timestamp;
        chooseRanges();
    }

    function createPools(uint256 tier, bool isInitialized) private {
        uint24 fee = [uint24(100), 500, 3000, 10000][tier];
        // Near where 32 bits end, or far from it.
        vm.warp(below(2) == 0 ? (1 << 32) - below(1 << 22) : 1.7e9);
        ours = factory.createPool(address(token0), address(token1), fee);
        theirs = Peer(peerFactory.createPool(address(token0), address(token1), fee));
        vm.assertEq(ours.maxLiquidityPerTick(), theirs.maxLiquidityPerTick(), "most liquidity");
        vm.assertEq(ours.tickSpacing(), theirs.tickSpacing(), "spacing");
        if (!isInitialized) return;

        int256 most = below(4) == 0 ? int256(887271) : int256(20000);
        int24 tick = int24(bound(int256(next()), -most, most));
        uint160 price = TickMath.getSqrtPriceAtTick(tick);
        price += uint160(below(TickMath.getSqrtPriceAtTick(tick + 1) - price));
        uint160[3] memory prices =
            [price, TickMath.MIN_SQRT_PRICE - 1, TickMath.MAX_SQRT_PRICE];
        for (uint256 i = 3; i > 0; i--) {
            act(abi.encodeCall(ours.initialize, (prices[i - 1])));
        }
        act(abi.encodeCall(ours.initialize, (price)));
        succeeded = 0;
    }

    /// All ticks, some, or few, around the price or not, with ends in common.
    function chooseRanges() private {
        (, int24 tick,,,) = ours.slot0();
        int24 spacing = ours.tickSpacing();
        int256 most = 887272 / spacing;
        int256 middle = tick / spacing;
        for (uint256 i = 0; i < RANGES; i++) {
            int256 lower = -most;
            int256 upper = most;
            if (i > 0) {
                int256 width = i < 3 ? most : i < 6 ? int256(300) : int256(10);
                lower = within(middle + bound(int256(next()), -width, width), -most, most - 1);
                upper = within(lower + 1 + int256(below(uint256(width))), lower + 1, most);
            }
            (lowers[i], uppers[i]) = (int24(lower * spacing), int24(upper * spacing));
            // Next to another one.
            if (i > 6 && uppers[i - 1] < most * spacing) {
                lowers[i] = uppers[i - 1];
                uppers[i] = int24(within(lowers[i] / spacing + 1 + int256(below(5)), -most, most)) * spacing;
            }
        }
    }

    /// Does a call that pays, seldom with less than has to be paid.
    function withholding(ConcentratedActor actor, bytes memory data) private {
        bool isShort = below(20) == 0;
        if (isShort) actor.withhold(1 + below(2));
        act(actor, data);
        if (isShort) actor.withhold(0);
    }

    function act(bytes memory data) private {
        act(actors[0], data);
    }

    /// Both fail, or both succeed with the same results.
    function act(ConcentratedActor actor, bytes memory data) private {
        (bool isOurs, bytes memory resultOurs) = actor.call(address(ours), data);
        (bool isTheirs, bytes memory resultTheirs) = actor.call(address(theirs), data);
        vm.assertEq(isOurs, isTheirs, "success");
        if (!isOurs) return;
        vm.assertEq(resultOurs, resultTheirs, "result");
        succeeded++;
    }

    /// What every operation may change.
    function compare() private view {
        compareSlot0();
        compareView(abi.encodeCall(ours.liquidity, ()));
        compareView(abi.encodeCall(ours.feeGrowthGlobal0X128, ()));
        compareView(abi.encodeCall(ours.feeGrowthGlobal1X128, ()));
        vm.assertEq(token0.balanceOf(address(ours)), token0.balanceOf(address(theirs)), "balance 0");
        vm.assertEq(token1.balanceOf(address(ours)), token1.balanceOf(address(theirs)), "balance 1");
    }

    /// All that there is.
    function compareAll() private view {
        int24 spacing = ours.tickSpacing();
        for (uint256 i = 0; i < RANGES; i++) {
            compareView(abi.encodeCall(ours.ticks, (lowers[i])));
            compareView(abi.encodeCall(ours.ticks, (uppers[i])));
            compareView(abi.encodeCall(ours.tickBitmap, (int16((lowers[i] / spacing) >> 8))));
            compareView(abi.encodeCall(ours.tickBitmap, (int16((uppers[i] / spacing) >> 8))));
            for (uint256 j = 0; j < ACTORS; j++) {
                comparePosition(address(actors[j]), lowers[i], uppers[i]);
            }
        }
        for (uint256 i = 0; i < 41; i++) {
            compareView(abi.encodeCall(ours.observations, (i)));
        }
    }

    function compareSlot0() private view {
        (uint160 price, int24 tick, uint16 index, uint16 cardinality, uint16 next_) = ours.slot0();
        (uint160 price_, int24 tick_, uint16 index_, uint16 cardinality_, uint16 next__,,) = theirs.slot0();
        vm.assertEq(price, price_, "price");
        vm.assertEq(int256(tick), tick_, "tick");
        vm.assertEq(index, index_, "observation index");
        vm.assertEq(cardinality, cardinality_, "observation cardinality");
        vm.assertEq(next_, next__, "next observation cardinality");
    }

    function comparePosition(address owner, int24 lower, int24 upper) private view {
        ConcentratedPool.Position memory position = ours.position(owner, 0, lower, upper);
        (uint128 liquidity, uint256 inside0, uint256 inside1, uint128 owed0, uint128 owed1) =
            theirs.positions(keccak256(abi.encodePacked(owner, lower, upper)));
        vm.assertEq(position.liquidity, liquidity, "liquidity of a position");
        vm.assertEq(position.feeGrowthInside0LastX128, inside0, "fee growth inside 0");
        vm.assertEq(position.feeGrowthInside1LastX128, inside1, "fee growth inside 1");
        vm.assertEq(position.tokensOwed0, owed0, "owed 0");
        vm.assertEq(position.tokensOwed1, owed1, "owed 1");
    }

    function compareView(bytes memory data) private view {
        (, bytes memory resultOurs) = address(ours).staticcall(data);
        (bool success, bytes memory resultTheirs) = address(theirs).staticcall(data);
        vm.assertTrue(success, "view");
        vm.assertEq(resultOurs, resultTheirs, "view");
    }

    function next() private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random;
    }

    function below(uint256 end) private returns (uint256) {
        return next() % end;
    }

    /// A number below 2^bits, as likely of any length.
    function magnitude(uint256 bits) private returns (uint256) {
        return next() >> (256 - 1 - below(bits));
    }

    function within(int256 value, int256 least, int256 most) private pure returns (int256) {
        return value < least ? least : value > most ? most : value;
    }
}
