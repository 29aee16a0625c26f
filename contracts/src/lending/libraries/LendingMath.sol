// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Amounts, values and the size of a liquidation
/// @dev A scaled balance is an amount divided by an index in RAY. Amounts and scaled balances have 128 bits,
/// indexes too, prices 96: no product here overflows 256 bits, and larger inputs revert.
library LendingMath {
    using FixedPointMathLib for uint256;

    uint256 private constant WAD = 1e18;
    uint256 private constant RAY = 1e27;
    uint256 private constant BPS = 10_000;

    function scaledDown(uint256 amount, uint256 index) internal pure returns (uint256) {
        return amount.mulDiv(RAY, index);
    }

    function scaledUp(uint256 amount, uint256 index) internal pure returns (uint256) {
        return amount.mulDivUp(RAY, index);
    }

    function amountDown(uint256 scaled, uint256 index) internal pure returns (uint256) {
        return scaled.mulDiv(index, RAY);
    }

    function amountUp(uint256 scaled, uint256 index) internal pure returns (uint256) {
        return scaled.mulDivUp(index, RAY);
    }

    /// @notice Value in WAD of an amount of a token with `decimals`, of which a whole one costs `price`.
    function valueDown(uint256 amount, uint256 price, uint256 decimals) internal pure returns (uint256) {
        return amount.mulDiv(price, 10 ** decimals);
    }

    function valueUp(uint256 amount, uint256 price, uint256 decimals) internal pure returns (uint256) {
        return amount.mulDivUp(price, 10 ** decimals);
    }

    /// @notice The amount that a value buys.
    function boughtDown(uint256 value, uint256 price, uint256 decimals) internal pure returns (uint256) {
        return value.fullMulDiv(10 ** decimals, price);
    }

    function boughtUp(uint256 value, uint256 price, uint256 decimals) internal pure returns (uint256) {
        return value.fullMulDivUp(10 ** decimals, price);
    }

    /// @notice Health in WAD, rounded down; the largest number where nothing is owed, or so little that it does not
    /// fit. It is under 1 just if `threshold` is less than `debt`.
    /// @param threshold Sum of collateral values, each times its liquidation threshold.
    /// @param debt Sum of debt values.
    function health(uint256 threshold, uint256 debt) internal pure returns (uint256) {
        if (debt == 0 || threshold / debt >= type(uint256).max / WAD) return type(uint256).max;
        return threshold.fullMulDiv(WAD, debt);
    }

    /// @notice Value of the debt to repay so that the health becomes `target`, rounded up; the largest number
    /// where repaying does not get there.
    /// @dev Whoever repays x takes x * (1 + d) of the collateral, whose liquidation threshold is LT. From
    /// target = (threshold - x * (1 + d) * LT) / (debt - x) follows
    /// x = (target * debt - threshold) / (target - (1 + d) * LT), if (1 + d) * LT is under the target;
    /// otherwise health does not rise to the target, however much is repaid.
    /// @param discount d in basis points.
    /// @param liquidationThreshold LT in basis points.
    /// @param target In WAD.
    function repayToTarget(
        uint256 threshold,
        uint256 debt,
        uint256 discount,
        uint256 liquidationThreshold,
        uint256 target
    ) internal pure returns (uint256) {
        // In WAD: 1e18 / (1e4 * 1e4) = 1e10.
        uint256 lost = (BPS + discount) * liquidationThreshold * 1e10;
        if (lost >= target) return type(uint256).max;
        uint256 missing = debt.fullMulDivUp(target, WAD).zeroFloorSub(threshold);
        return missing.fullMulDivUp(WAD, target - lost);
    }

    /// @notice What a discount has grown to, in basis points: linear in time from the least to the most.
    function discountAt(uint256 least, uint256 most, uint256 elapsed, uint256 duration)
        internal
        pure
        returns (uint256)
    {
        return elapsed >= duration ? most : least + (most - least) * elapsed / duration;
    }
}
