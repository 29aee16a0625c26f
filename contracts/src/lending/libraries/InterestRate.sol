// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title The kinked interest rate and how it compounds
library InterestRate {
    /// WAD per year each; `optimal` is a utilisation in WAD, over 0 and under 1.
    struct Model {
        uint64 base;
        uint64 slope1;
        uint64 slope2;
        uint64 optimal;
    }

    uint256 internal constant YEAR = 365 days;
    uint256 private constant WAD = 1e18;
    uint256 private constant RAY = 1e27;

    /// @notice Part of what can be lent that is lent, in WAD, at most 1.
    /// @param debt What is lent.
    /// @param supply What suppliers have a claim on, less what is lost already.
    function utilisation(uint256 debt, uint256 supply) internal pure returns (uint256) {
        return debt >= supply ? (debt == 0 ? 0 : WAD) : FixedPointMathLib.fullMulDiv(debt, WAD, supply);
    }

    /// @notice What borrowers pay a year at a utilisation, in WAD, rounded down: base + slope1 * u / optimal
    /// up to the optimal utilisation, base + slope1 + slope2 * (u - optimal) / (1 - optimal) above.
    function annual(Model memory model, uint256 utilisation_) internal pure returns (uint256 rate) {
        uint256 optimal = model.optimal;
        rate = model.base;
        if (utilisation_ <= optimal) return rate + model.slope1 * utilisation_ / optimal;
        return rate + model.slope1 + model.slope2 * (utilisation_ - optimal) / (WAD - optimal);
    }

    /// @notice The same for a second, in RAY, rounded down.
    function perSecond(Model memory model, uint256 utilisation_) internal pure returns (uint256) {
        return annual(model, utilisation_) * (RAY / WAD) / YEAR;
    }

    /// @notice By how much a debt of 1 grows, in RAY, rounded down: the first three terms of e^x - 1 for
    /// x = rate * seconds.
    /// @dev What is left out is less than x^4 / 24 * e^x: under 1e-20 of the debt for 10 % a year and an hour. A
    /// reserve that nobody touches for long earns a little less than compound interest, never more. It cannot
    /// overflow for a rate of 72 bits and 40 bits of seconds.
    function growth(uint256 ratePerSecond, uint256 elapsed) internal pure returns (uint256) {
        uint256 x = ratePerSecond * elapsed;
        uint256 square = FixedPointMathLib.fullMulDiv(x, x, RAY);
        uint256 cube = FixedPointMathLib.fullMulDiv(square, x, RAY);
        return x + square / 2 + cube / 6;
    }
}
