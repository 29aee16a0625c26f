// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Rewards per share
/// @notice Splits a stream of rewards among any number of accounts in proportion to their shares, at a
/// cost that does not depend on how many there are.
/// @dev Source: Batog, Boca, Johnson, "Scalable Reward Distribution on the Ethereum Blockchain", 2018. A
/// running sum of reward per share is kept; an account is owed its shares times what the sum has grown by
/// since the account was last settled.
///
/// Nothing is lost to division. What does not divide by the number of shares stays in a remainder that the
/// next call adds, and each account keeps its own fraction of a unit. So an account's reward is at most
/// shares / 2^80 units late, and what accounts cannot take is less than one unit each.
///
/// The sum is a number modulo 2^176, of which only differences count: it may wrap, and never stops
/// anybody. That is right as long as less than 2^96 units are given between two settlements of an account,
/// which holds for tokens of which fewer than 2^96 units exist (7.9e28; 79 billion with 18 decimals).
library Accumulator {
    /// @dev Binary digits of the sum after the point.
    uint256 internal constant BITS = 80;

    struct Account {
        /// What counts in a division of rewards.
        uint128 shares;
        /// Whole units of reward that are settled and not yet paid.
        uint96 owed;
        /// The sum when the account was last settled.
        uint176 seen;
        /// Part of a unit, in 2^-80 of one, that is settled besides.
        uint80 fraction;
    }

    /// @notice The sum and the remainder after `amount` units were given to all of `shares`.
    /// @param shares Not zero.
    /// @param remainder In 2^-80 of a unit.
    /// @return The sum, which may have wrapped.
    /// @return The remainder, less than `shares`.
    function grow(uint176 perShare, uint256 remainder, uint256 amount, uint256 shares)
        internal
        pure
        returns (uint176, uint128)
    {
        uint256 scaled = (amount << BITS) + remainder;
        unchecked {
            return (uint176(perShare + scaled / shares), uint128(scaled % shares));
        }
    }

    /// @notice What an account may take when the sum is `perShare`: whole units, and the fraction after them.
    function owedAt(Account storage account, uint176 perShare) internal view returns (uint96, uint80) {
        uint176 grown;
        unchecked {
            grown = perShare - account.seen;
        }
        uint256 scaled = uint256(account.shares) * grown + account.fraction;
        return (SafeCast.toUint96(account.owed + (scaled >> BITS)), uint80(scaled));
    }

    /// @notice Brings an account up to the sum. To be called before its shares change.
    function settle(Account storage account, uint176 perShare) internal {
        if (account.seen == perShare) return;
        (account.owed, account.fraction) = owedAt(account, perShare);
        account.seen = perShare;
    }
}
