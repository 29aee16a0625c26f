// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What a swap costs in a shard
/// @notice The fee of SAMM (arXiv 2406.05568, "SAMM: Sharded Automated Market Makers"), its bounded-ratio
/// polynomial. The parameters are those that implementations name as the paper's; what follows from them is
/// proven here, and does not rest on the paper.
///
/// Let R be the reserve of the token that comes out, S that of the token that goes in, q what comes out and
/// x = q / R. What goes in is
///
///     cost(q) = S x / (1 - x)  +  S x f(x),      f(x) = max(0.001, 0.012 - 1.05 x)
///
/// The first summand keeps the product of reserves, the second is the fee: a share of the value of q at the
/// price before the swap, which falls from 1.2 % for the smallest swaps to 0.1 % for those of more than
/// 1.05 % of the reserve.
///
/// What follows from it, where c = 0.0104:
///
/// 1. The product of reserves never falls, since cost(q) >= S x / (1 - x).
/// 2. Nobody gains by splitting a swap over one shard, whatever its size. With x = u + v, the second part
///    meets reserves of at most R (1 - u) and at least S / (1 - u). The first summands of both parts
///    together are at least that of the whole, since the product of reserves has not fallen meanwhile. So
///    are the fees: f never rises, the second part is v / (1 - u) <= x of its reserve, so it pays at least
///    the whole's rate, on a value of at least S v. It holds to the wei (see `cost`).
/// 3. Nobody gains by splitting a swap of x <= c over several shards of the same size and price:
///    cost is concave there, as 2 / (1 - x)^3 <= 2 * 1.05 for x <= c, and cost(0) = 0.
/// 4. Of two shards of the same price, the smaller is the cheaper one for swaps of x <= c in it: cost as a
///    function of the shard's size at a given q is the perspective of a concave function that is zero at
///    zero, so it rises with the size.
///
/// 3 and 4 hold but for one unit of rounding. By 3 and 4, a trader takes the whole of a swap from the
/// smallest shard in which it is at most c of the reserve. As those shards earn more for what is in them,
/// providers fill the smallest shard, and shards stay alike. Swaps beyond c are cheaper split.
library SammMath {
    /// Fees are parts in a million.
    uint256 internal constant FEE_BASE = 1_000_000;
    uint256 internal constant FEE_MAX = 12_000;
    uint256 internal constant FEE_MIN = 1_000;
    /// By how much the fee falls from nothing to all of the reserve, if it were not bounded.
    uint256 internal constant FEE_SLOPE = 1_050_000;
    /// c, in parts in a million of the reserve.
    uint256 internal constant TRADE_MAX = 10_400;

    /// Bits of fraction that amounts are reckoned with.
    uint256 private constant FRACTION_BITS = 64;
    /// Newton's method needs four or five; what it leaves to be found is found by halving.
    uint256 private constant STEPS_MAX = 16;

    /// @notice What `amountOut` costs, rounded up. `amountOut` is below `reserveOut`, reserves are below
    /// 2^112.
    /// @dev Each summand is rounded up to 2^-64, the sum to a whole number. Rounding up never makes a sum of
    /// parts smaller than the whole, so that 2 holds to the wei. Reverts if the cost has more than 192 bits.
    function cost(uint256 reserveIn, uint256 reserveOut, uint256 amountOut) internal pure returns (uint256) {
        uint256 scaled = _scaledCost(reserveIn, reserveOut, amountOut);
        return Math.ceilDiv(scaled, 1 << FRACTION_BITS);
    }

    /// @notice The most that `amountIn` pays for: cost(amountOut) <= amountIn < cost(amountOut + 1).
    /// @dev Reserves and `amountIn` are below 2^112. Costs rise with amounts, so the answer is found by
    /// Newton's method for the part of the budget that is left by the fee, and made exact by doubling and
    /// halving steps from there, mostly one step.
    function greatestOut(uint256 reserveIn, uint256 reserveOut, uint256 amountIn) internal pure returns (uint256) {
        uint256 budget = amountIn << FRACTION_BITS;
        // Without a fee, nobody gets more. Nothing beyond it is ever tried, so that nothing overflows.
        uint256 end = reserveOut * amountIn / (reserveIn + amountIn) + 1;
        uint256 guess = _guess(reserveIn, reserveOut, budget);
        if (guess >= end) guess = end - 1;

        // The budget pays for `low` and not for `high`.
        uint256 low = guess;
        uint256 high = guess + 1;
        uint256 step = 1;
        if (_scaledCost(reserveIn, reserveOut, guess) <= budget) {
            while (high < end && _scaledCost(reserveIn, reserveOut, high) <= budget) {
                (low, high, step) = (high, high + step, step * 2);
            }
            if (high > end) high = end;
        } else {
            do {
                (high, low, step) = (low, low > step ? low - step : 0, step * 2);
            } while (_scaledCost(reserveIn, reserveOut, low) > budget);
        }
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (_scaledCost(reserveIn, reserveOut, middle) <= budget) low = middle;
            else high = middle;
        }
        return low;
    }

    /// @dev Solves spent + fee(out(spent)) = budget, all with fractions, where `spent` is what moves the
    /// price. The derivative of the fee by `spent` is f(x) + x f'(x), times (1 - x)^2: never over 1.2 %, so
    /// parts in a million of it are enough.
    function _guess(uint256 reserveIn, uint256 reserveOut, uint256 budget) private pure returns (uint256 out) {
        uint256 scaledIn = reserveIn << FRACTION_BITS;
        uint256 spent = budget;
        // Reserves have 112 bits, `out` is less than a reserve, budgets and fees have 177 bits. Fees are never
        // over 1.2 % of what is spent, so that `spent` never comes near zero.
        unchecked {
            for (uint256 i = 0; i < STEPS_MAX; i++) {
                uint256 last = out;
                out = Math.mulDiv(reserveOut, spent, scaledIn + spent);
                if (out == last) break;
                uint256 share = out * FEE_BASE / reserveOut;
                uint256 rest = FEE_BASE - share;
                int256 marginal = int256(FEE_MIN);
                if (share * FEE_SLOPE < (FEE_MAX - FEE_MIN) * FEE_BASE) {
                    marginal = int256(FEE_MAX) - int256(2 * FEE_SLOPE * share / FEE_BASE);
                }
                marginal = marginal * int256(rest * rest) / int256(FEE_BASE * FEE_BASE);
                int256 missing = int256(budget) - int256(spent) - int256(_scaledFee(reserveIn, reserveOut, out));
                spent = uint256(int256(spent) + missing * int256(FEE_BASE) / (int256(FEE_BASE) + marginal));
            }
        }
    }

    function _scaledCost(uint256 reserveIn, uint256 reserveOut, uint256 amountOut) private pure returns (uint256) {
        return Math.mulDiv(reserveIn << FRACTION_BITS, amountOut, reserveOut - amountOut, Math.Rounding.Ceil)
            + _scaledFee(reserveIn, reserveOut, amountOut);
    }

    function _scaledFee(uint256 reserveIn, uint256 reserveOut, uint256 amountOut) private pure returns (uint256) {
        // Reserves have 112 bits, `amountOut` is less than a reserve, so nothing has more than 244.
        unchecked {
            // f(x), times the reserve and a million.
            uint256 rate = FEE_MIN * reserveOut;
            uint256 most = FEE_MAX * reserveOut;
            uint256 less = FEE_SLOPE * amountOut;
            if (most > rate + less) rate = most - less;
            return Math.mulDiv(
                reserveIn * amountOut, rate << FRACTION_BITS, FEE_BASE * reserveOut * reserveOut, Math.Rounding.Ceil
            );
        }
    }
}
