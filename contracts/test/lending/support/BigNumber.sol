// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// Natural numbers of any size: digits of 128 bits, the least first. Slow and plain, for tests to compute
/// exactly what a contract rounds.
library BigNumber {
    uint256 private constant BASE = 1 << 128;

    function from(uint256 value) internal pure returns (uint256[] memory number) {
        number = new uint256[](2);
        (number[0], number[1]) = (value % BASE, value / BASE);
    }

    function add(uint256[] memory a, uint256[] memory b) internal pure returns (uint256[] memory sum) {
        uint256 length = (a.length > b.length ? a.length : b.length) + 1;
        sum = new uint256[](length);
        uint256 carry = 0;
        for (uint256 i = 0; i < length; ++i) {
            uint256 digit = digitOf(a, i) + digitOf(b, i) + carry;
            (sum[i], carry) = (digit % BASE, digit / BASE);
        }
        return trim(sum);
    }

    /// `a` is not less than `b`.
    function sub(uint256[] memory a, uint256[] memory b) internal pure returns (uint256[] memory difference) {
        difference = new uint256[](a.length);
        uint256 borrowed = 0;
        for (uint256 i = 0; i < a.length; ++i) {
            uint256 digit = BASE + a[i] - digitOf(b, i) - borrowed;
            difference[i] = digit % BASE;
            borrowed = digit < BASE ? 1 : 0;
        }
        require(borrowed == 0, "negative");
        return trim(difference);
    }

    function mul(uint256[] memory a, uint256[] memory b) internal pure returns (uint256[] memory product) {
        product = new uint256[](a.length + b.length);
        for (uint256 i = 0; i < a.length; ++i) {
            uint256 carry = 0;
            for (uint256 j = 0; j < b.length; ++j) {
                // Less than 2^256: (2^128 - 1)^2 + 2 * (2^128 - 1) is 2^256 - 1.
                uint256 digit = a[i] * b[j] + product[i + j] + carry;
                (product[i + j], carry) = (digit % BASE, digit / BASE);
            }
            product[i + b.length] = carry;
        }
        return trim(product);
    }

    function mul(uint256[] memory a, uint256 b) internal pure returns (uint256[] memory) {
        return mul(a, from(b));
    }

    /// Rounded down. `divisor` has at most 128 bits.
    function div(uint256[] memory a, uint256 divisor) internal pure returns (uint256[] memory quotient) {
        require(divisor != 0 && divisor < BASE, "divisor");
        quotient = new uint256[](a.length);
        uint256 rest = 0;
        for (uint256 i = a.length; i > 0; --i) {
            uint256 digit = rest * BASE + a[i - 1];
            (quotient[i - 1], rest) = (digit / divisor, digit % divisor);
        }
        return trim(quotient);
    }

    function compare(uint256[] memory a, uint256[] memory b) internal pure returns (int256) {
        for (uint256 i = a.length > b.length ? a.length : b.length; i > 0; --i) {
            (uint256 left, uint256 right) = (digitOf(a, i - 1), digitOf(b, i - 1));
            if (left != right) return left < right ? -1 : int256(1);
        }
        return 0;
    }

    function isAtMost(uint256[] memory a, uint256[] memory b) internal pure returns (bool) {
        return compare(a, b) <= 0;
    }

    /// Reverts if it does not fit.
    function toUint(uint256[] memory a) internal pure returns (uint256) {
        require(a.length <= 2, "large");
        return digitOf(a, 1) * BASE + digitOf(a, 0);
    }

    function digitOf(uint256[] memory a, uint256 i) private pure returns (uint256) {
        return i < a.length ? a[i] : 0;
    }

    function trim(uint256[] memory a) private pure returns (uint256[] memory) {
        uint256 length = a.length;
        while (length > 1 && a[length - 1] == 0) --length;
        assembly {
            mstore(a, length)
        }
        return a;
    }
}
