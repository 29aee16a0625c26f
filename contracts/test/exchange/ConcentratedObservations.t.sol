// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Observations} from "../../src/exchange/libraries/Observations.sol";
import {Test} from "../support/Test.sol";

/// The judge knows the whole history: what was true when, one entry for each write.
contract ConcentratedObservationsTest is Test {
    using Observations for Observations.Observation[65535];

    struct Stretch {
        uint256 begin;
        int24 tick;
        uint128 liquidity;
    }

    Observations.Observation[65535] private ring;
    Observations.Now private now_;
    uint16 private next;
    Stretch[] private history;

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 2000
    function test_anyTimeInTheRingIsFoundAndWhatIsOlderIsNot(uint256 seed) external {
        // Half the time it wraps around on the way.
        uint256 time = seed % 2 == 0 ? (1 << 32) - seed % 1000 : 1.7e9;
        begin(time, seed);
        for (uint256 i = 0; i < 30; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            if (random % 5 == 0) {
                uint16 wanted = uint16(random >> 8) % 12;
                if (wanted > next) {
                    ring.grow(next, wanted);
                    next = wanted;
                }
            }
            time += random % 3 == 0 ? 0 : (random >> 32) % 100;
            write(time, random);
        }
        time += seed % 50;
        now_.time = uint32(time);

        // The ring holds so many of the last writes at least, each at another time.
        uint256 held = 1;
        while (held < now_.cardinality && held <= now_.index) held++;
        uint256 oldest = history[history.length - held].begin;
        for (uint256 ago = 0; time - ago >= oldest; ago += 1 + ago / 7) {
            (int56 tickCumulative, uint160 secondsPerLiquidity) = ring.observe(now_, uint32(ago));
            (int256 tickSum, uint256 secondsSum) = sums(time - ago);
            vm.assertEq(int256(tickCumulative), tickSum, "ticks");
            vm.assertEq(secondsPerLiquidity, secondsSum, "seconds per liquidity");
        }
        uint256 all = history.length;
        if (held < all && now_.cardinality == held && history[all - held].begin != history[0].begin) {
            // Whatever is before the ring is refused.
            uint32 tooOld = uint32(time - oldest + 1);
            vm.expectRevert(abi.encodeWithSelector(Observations.TooOld.selector, tooOld));
            this.observe(tooOld);
        }
    }

    /// Ticks 10 for 100 s, then -20 for 50 s: sums 1000 and 0; at 30 s into it 400.
    function test_meansOfAnExample() external {
        vm.warp(1000);
        ring.initialize(1000);
        ring.grow(1, 3);
        next = 3;
        now_ = Observations.Now(1100, 10, 1 << 64, 0, 1);
        (now_.index, now_.cardinality) = ring.write(now_, next);
        vm.assertEq(now_.index, 1, "index");
        vm.assertEq(now_.cardinality, 3, "cardinality");
        now_.tick = -20;
        now_.time = 1150;
        (int56 sum,) = ring.observe(now_, 0);
        vm.assertEq(int256(sum), 0, "now");
        (sum,) = ring.observe(now_, 50);
        vm.assertEq(int256(sum), 1000, "when the tick changed");
        (sum,) = ring.observe(now_, 20);
        vm.assertEq(int256(sum), 400, "after it");
        uint160 perLiquidity;
        (sum, perLiquidity) = ring.observe(now_, 110);
        vm.assertEq(int256(sum), 400, "before it");
        // 40 s by 2^64, with 128 binary digits after the point.
        vm.assertEq(perLiquidity, 40 << 64, "seconds per liquidity");
    }

    function test_oneWriteAtATime() external {
        begin(1000, 0);
        now_.time = 1000;
        (uint16 index, uint16 cardinality) = ring.write(now_, 5);
        vm.assertEq(index, 0, "index");
        vm.assertEq(cardinality, 1, "cardinality");
    }

    function test_ringGrowsOnlyWhereItComesToItsEnd() external {
        begin(1000, 0);
        ring.grow(1, 2);
        next = 2;
        write(1001, 0);
        vm.assertEq(now_.cardinality, 2, "grown at the end");
        write(1002, 0);
        vm.assertEq(now_.index, 0, "round");
        ring.grow(2, 4);
        next = 4;
        vm.assertTrue(!ring[2].initialized && ring[2].blockTimestamp == 1, "prepared");
        vm.assertTrue(ring[3].blockTimestamp == 1 && ring[4].blockTimestamp == 0, "as far as asked");
        write(1003, 0);
        vm.assertEq(now_.cardinality, 2, "not in the middle");
        write(1004, 0);
        vm.assertEq(now_.cardinality, 4, "at the end again");
        vm.assertEq(now_.index, 2, "into what was prepared");
        vm.assertEq(ring[2].blockTimestamp, 1004, "time");
    }

    function observe(uint32 ago) external view {
        ring.observe(now_, ago);
    }

    function begin(uint256 time, uint256 random) private {
        ring.initialize(uint32(time));
        next = 1;
        now_ = Observations.Now(uint32(time), 0, 0, 0, 1);
        become(time, random);
    }

    function write(uint256 time, uint256 random) private {
        now_.time = uint32(time);
        bool isNew = time != history[history.length - 1].begin;
        (now_.index, now_.cardinality) = ring.write(now_, next);
        // What changes at one time changes before the next write.
        if (isNew) become(time, random);
    }

    function become(uint256 time, uint256 random) private {
        now_.tick = int24(int256((random >> 64) % 1774545) - 887272);
        now_.liquidity = uint128(random >> 128) >> (random % 128);
        history.push(Stretch(time, now_.tick, now_.liquidity));
    }

    /// From the history, up to a time.
    function sums(uint256 time) private view returns (int256 ticks, uint256 seconds_) {
        for (uint256 i = 0; i < history.length && history[i].begin < time; i++) {
            Stretch memory stretch = history[i];
            bool isLast = i + 1 == history.length;
            uint256 end = isLast || history[i + 1].begin > time ? time : history[i + 1].begin;
            uint256 passed = end - stretch.begin;
            ticks += int256(stretch.tick) * int256(passed);
            uint256 divisor = stretch.liquidity == 0 ? 1 : stretch.liquidity;
            if (isLast || end == history[i + 1].begin) {
                seconds_ += (passed << 128) / divisor;
            } else {
                // Between two writes, it is interpolated.
                uint256 span = history[i + 1].begin - stretch.begin;
                seconds_ += (span << 128) / divisor * passed / span;
            }
        }
        seconds_ = uint160(seconds_);
    }
}
