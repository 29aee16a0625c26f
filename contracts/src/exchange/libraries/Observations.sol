// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title Memory of a pool's past
/// @notice Sums over time, of which two give the mean of the time between: of the tick, whose mean is that
/// of the price's logarithm, and of seconds per liquidity. Uniswap v3 whitepaper, 5.
/// @dev They are kept in a ring, one slot each, which begins with one slot and which anyone may have grow.
/// Sums and times wrap around: only differences of them mean something. Times wrap around in 2106, and ages
/// are right as long as no two observations are 2^32 seconds apart.
library Observations {
    struct Observation {
        uint32 blockTimestamp;
        /// Sum of tick * seconds.
        int56 tickCumulative;
        /// Sum of seconds / max(1, liquidity), with 128 binary digits after the point.
        uint160 secondsPerLiquidityCumulativeX128;
        /// False for slots that are only prepared.
        bool initialized;
    }

    /// What a ring looks like, and what is true of the pool since the newest observation.
    struct Now {
        uint32 time;
        int24 tick;
        uint128 liquidity;
        uint16 index;
        uint16 cardinality;
    }

    /// @notice The ring does not reach as far back.
    error TooOld(uint32 secondsAgo);

    /// @notice Begins a ring of one slot.
    function initialize(Observation[65535] storage self, uint32 time) internal {
        self[0] = Observation(time, 0, 0, true);
    }

    /// @notice Prepares slots up to `next` of them, so that swaps do not pay for fresh ones. The ring uses
    /// them when it next comes to its end.
    function grow(Observation[65535] storage self, uint16 current, uint16 next) internal {
        // Not initialized, but not zero either.
        for (uint256 i = current; i < next; i++) {
            self[i].blockTimestamp = 1;
        }
    }

    /// @notice Writes down what is true now, once at each time.
    /// @param cardinalityNext How large the ring is to be from when it comes to its end.
    /// @return index Of the newest observation.
    /// @return cardinality Of the ring.
    function write(Observation[65535] storage self, Now memory now_, uint16 cardinalityNext)
        internal
        returns (uint16 index, uint16 cardinality)
    {
        (index, cardinality) = (now_.index, now_.cardinality);
        Observation memory newest = self[index];
        if (newest.blockTimestamp == now_.time) return (index, cardinality);
        if (cardinalityNext > cardinality && index == cardinality - 1) cardinality = cardinalityNext;
        index = uint16((uint256(index) + 1) % cardinality);
        self[index] = extrapolate(newest, now_.time, now_.tick, now_.liquidity);
    }

    /// @notice The sums as they were `secondsAgo`.
    /// @dev Between two observations they are interpolated, the mean rounded as Uniswap v3 does: the tick
    /// towards zero before it is multiplied. Reverts with TooOld.
    function observe(Observation[65535] storage self, Now memory now_, uint32 secondsAgo)
        internal
        view
        returns (int56 tickCumulative, uint160 secondsPerLiquidityCumulativeX128)
    {
        unchecked {
            uint32 target = now_.time - secondsAgo;
            Observation memory before = self[now_.index];
            if (now_.time - before.blockTimestamp >= secondsAgo) {
                before = extrapolate(before, target, now_.tick, now_.liquidity);
                return (before.tickCumulative, before.secondsPerLiquidityCumulativeX128);
            }
            Observation memory later;
            (before, later) = surrounding(self, now_, secondsAgo);
            uint32 passed = target - before.blockTimestamp;
            uint32 span = later.blockTimestamp - before.blockTimestamp;
            if (passed == span) return (later.tickCumulative, later.secondsPerLiquidityCumulativeX128);
            int56 meanTick = (later.tickCumulative - before.tickCumulative) / int56(uint56(span));
            tickCumulative = before.tickCumulative + meanTick * int56(uint56(passed));
            uint256 difference =
                later.secondsPerLiquidityCumulativeX128 - before.secondsPerLiquidityCumulativeX128;
            secondsPerLiquidityCumulativeX128 =
                before.secondsPerLiquidityCumulativeX128 + uint160(difference * passed / span);
        }
    }

    /// @dev The last observation that is at least as old as `secondsAgo`, and the one after it. The newest
    /// one has to be younger.
    function surrounding(Observation[65535] storage self, Now memory now_, uint32 secondsAgo)
        private
        view
        returns (Observation memory before, Observation memory later)
    {
        unchecked {
            // Until the ring is full for the first time since it grew, the oldest is in the first slot.
            uint256 cardinality = now_.cardinality;
            uint256 oldest = (uint256(now_.index) + 1) % cardinality;
            uint256 high = cardinality - 1;
            if (!self[oldest].initialized) {
                oldest = 0;
                high = now_.index;
            }
            before = self[oldest];
            require(now_.time - before.blockTimestamp >= secondsAgo, TooOld(secondsAgo));

            // Places are counted from the oldest. That at `low` is old enough, that at `high` is not.
            uint256 low;
            while (high - low > 1) {
                uint256 middle = (low + high) / 2;
                if (now_.time - self[(oldest + middle) % cardinality].blockTimestamp >= secondsAgo) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            before = self[(oldest + low) % cardinality];
            later = self[(oldest + high) % cardinality];
        }
    }

    /// @dev What an observation grows to by a later time, if the tick and the liquidity were these since.
    function extrapolate(Observation memory last, uint32 time, int24 tick, uint128 liquidity)
        private
        pure
        returns (Observation memory)
    {
        unchecked {
            uint32 passed = time - last.blockTimestamp;
            return Observation(
                time,
                last.tickCumulative + int56(tick) * int56(uint56(passed)),
                last.secondsPerLiquidityCumulativeX128
                    + (uint160(passed) << 128) / (liquidity > 0 ? liquidity : 1),
                true
            );
        }
    }
}
