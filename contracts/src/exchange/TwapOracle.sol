// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PairPool} from "./PairPool.sol";

/// @title Time-weighted prices of pools
/// @notice Remembers cumulative prices of pools, and tells the mean price over a window of at least
/// `window` and at most twice as many seconds that ends now. Anybody may have a pool observed; somebody has
/// to, at least once per window, or there is no price.
///
/// The mean is arithmetic, by time. To move it by a factor, a pool's price must be held off for a good part
/// of the window against all who would trade it back, so it is as safe as the pool is deep and the window
/// long; neither is judged here. Whoever asks names the pool, and has to know it: any contract can pretend
/// to be one.
/// @dev Observations are at least `period` apart, so a ring of a few reaches back over the window. They
/// are no part of a swap: a swap writes nothing here.
contract TwapOracle {
    struct Observation {
        uint256 price0Cumulative;
        uint256 price1Cumulative;
        uint64 timestamp;
    }

    /// @dev The newest observation is at `newest`, once there is one.
    struct Ring {
        uint64 timestamp;
        uint32 newest;
        mapping(uint256 index => Observation) observations;
    }

    uint256 private constant PERIODS_MAX = 255;

    /// @notice Least length of the time that a mean is taken over, in seconds.
    uint256 public immutable window;
    /// @notice Least time between observations, in seconds.
    uint256 public immutable period;
    /// Observations that are kept of a pool.
    uint256 private immutable size;

    mapping(address pool => Ring) private rings;

    event Observed(address indexed pool, uint256 price0Cumulative, uint256 price1Cumulative);

    error InvalidWindow(uint256 window, uint256 periods);
    error NoLiquidity(address pool);
    error UnknownToken(address token);
    /// @notice No observation is at least a window old, but not more than two.
    error NoObservation(address pool);

    /// @param window_ Length of the window in seconds, up to a year.
    /// @param periods Into how many periods it is divided: 1 to 255. The more, the closer a mean's time is to
    /// the window, and the more often observations are worth while.
    constructor(uint256 window_, uint256 periods) {
        require(
            window_ != 0 && window_ <= 365 days && periods != 0 && periods <= PERIODS_MAX && periods <= window_,
            InvalidWindow(window_, periods)
        );
        (window, period, size) = (window_, Math.ceilDiv(window_, periods), periods + 1);
    }

    /// @notice Observes a pool, unless the last time was less than a period ago. Anybody may.
    /// @return isNew Whether it has.
    /// @dev Reverts with `NoLiquidity`: a time without a price must not count. A pool never loses all of it
    /// again.
    function observe(PairPool pool) external returns (bool isNew) {
        Ring storage ring = rings[address(pool)];
        (uint256 last, uint256 index) = (ring.timestamp, 0);
        if (last != 0) {
            if (block.timestamp - last < period) return false;
            index = (ring.newest + 1) % size;
        }
        (uint112 reserve0, uint112 reserve1,) = pool.getReserves();
        require(reserve0 != 0 && reserve1 != 0, NoLiquidity(address(pool)));
        (uint256 price0, uint256 price1) = pool.currentCumulativePrices();
        ring.observations[index] = Observation(price0, price1, uint64(block.timestamp));
        (ring.timestamp, ring.newest) = (uint64(block.timestamp), uint32(index));
        emit Observed(address(pool), price0, price1);
        return true;
    }

    /// @notice What `amountIn` of `tokenIn` is worth in the pool's other token, by the mean price. Rounded
    /// down.
    /// @dev Reverts with `NoObservation` and with `UnknownToken`.
    function consult(PairPool pool, address tokenIn, uint256 amountIn) external view returns (uint256) {
        (uint256 price0, uint256 price1,) = meanPrices(pool);
        uint256 price = price0;
        if (tokenIn != pool.token0()) {
            require(tokenIn == pool.token1(), UnknownToken(tokenIn));
            price = price1;
        }
        return Math.mulDiv(price, amountIn, 1 << 112);
    }

    /// @notice Mean price of each token in the other, as a UQ112x112, rounded down, and over how many
    /// seconds. One is not the inverse of the other: both are means.
    /// @dev Reverts with `NoObservation`.
    function meanPrices(PairPool pool) public view returns (uint256 price0, uint256 price1, uint256 elapsed) {
        Observation memory start = _start(address(pool));
        elapsed = block.timestamp - start.timestamp;
        (uint256 end0, uint256 end1) = pool.currentCumulativePrices();
        // Cumulative prices overflow; differences are right as long as times differ by less than 2^32.
        unchecked {
            price0 = (end0 - start.price0Cumulative) / elapsed;
            price1 = (end1 - start.price1Cumulative) / elapsed;
        }
    }

    /// @dev The youngest observation that is a window old. In a ring that is kept up to date there is one:
    /// its oldest is at least `size - 1` periods old.
    function _start(address pool) private view returns (Observation memory) {
        Ring storage ring = rings[pool];
        uint256 newest = ring.newest;
        for (uint256 i = 0; i < size; i++) {
            Observation storage observation = ring.observations[(newest + size - i) % size];
            uint256 timestamp = observation.timestamp;
            uint256 age = block.timestamp - timestamp;
            if (timestamp == 0 || age > 2 * window) break;
            if (age >= window) return observation;
        }
        revert NoObservation(pool);
    }
}
