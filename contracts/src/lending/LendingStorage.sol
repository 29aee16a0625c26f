// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ILendingEvents} from "./interfaces/ILendingEvents.sol";
import {InterestRate} from "./libraries/InterestRate.sol";

/// @title What the lending pool remembers
/// @dev `LendingPool`, `Liquidator` and `Configurator` all begin with this contract, so that the code of the
/// two latter, which the pool delegates to, finds the pool's variables where the pool has them.
///
/// Which slots are hot. What all accounts have in common is written by the first transaction of a block that
/// needs it and only read after that: three slots of `Reserve`. What each operation adds to is kept once for
/// each shard: `Shard`, `isolatedDebt` and the tokens themselves (`Till`). What remains belongs to one account.
/// There is no counter, list or lock that all write: the reentrancy guard is transient. Bad debt is the
/// exception, as it is paid out of one insurance fund and one backstop.
abstract contract LendingStorage is ILendingEvents {
    struct Reserve {
        // Set by roles.
        address asset;
        uint8 decimals;
        // Basis points.
        uint16 ltv;
        uint16 liquidationThreshold;
        // --- next slot: where the price comes from.
        address feed;
        uint8 feedDecimals;
        uint32 heartbeat;
        // Basis points, and seconds. A window of 0 turns the breaker for jumps off.
        uint16 jumpMax;
        uint32 jumpWindow;
        // --- next slot: what follows from a loan. Basis points.
        address backstop;
        uint16 reserveFactor;
        uint16 discountMin;
        uint16 discountMax;
        // Fixed when listed: the debt that counts against a ceiling could not be found afterwards.
        bool isolated;
        bool borrowable;
        bool frozen;
        // --- next slot: the most that may be supplied and lent. The largest number is no limit.
        uint128 supplyCap;
        uint128 borrowCap;
        // --- next slot
        InterestRate.Model model;
        // --- The three slots that are written once a block. RAY.
        uint128 supplyIndex;
        uint128 debtIndex;
        // --- next slot: what each shard may take in and lend until the next time.
        uint40 syncedAt;
        uint104 supplyRoom;
        uint104 borrowRoom;
        // --- next slot: the last accepted price in WAD of a whole token, and the rate in RAY of a second.
        uint96 price;
        uint40 acceptedAt;
        uint40 resumedAt;
        PriceStatus status;
        uint72 ratePerSecond;
        // --- next slot: what was lent and is lost, and no reserve has covered yet. Not part of any debt.
        uint256 deficit;
    }

    /// One of `SHARDS` parts of a reserve's totals.
    struct Shard {
        uint128 scaledSupply;
        uint128 scaledDebt;
        // --- next slot: how much of the room of the sync at `roomOf` is used up.
        uint40 roomOf;
        uint104 supplied;
        uint104 borrowed;
    }

    /// What an account has in a reserve.
    struct Position {
        uint128 scaledSupply;
        uint128 scaledDebt;
    }

    struct Account {
        /// Bit n: what it supplied to reserve n is collateral. Set only where it supplied something.
        uint32 collateral;
        /// Bit n: it owes something to reserve n.
        uint32 debt;
        /// When its health was first seen under 1; 0 if it is not flagged.
        uint40 flaggedAt;
        /// 1 + the isolated reserve that is its collateral, or 0.
        uint8 isolation;
    }

    /// What holds for all reserves.
    struct Terms {
        /// Health in WAD that a liquidation leads to.
        uint64 targetHealth;
        /// Value in WAD below which neither debt nor collateral is left over.
        uint96 valueMin;
        /// Seconds in which the discount grows from the least to the most. A flag lapses after twice as long.
        uint32 auctionDuration;
        /// Seconds without liquidations after an outage of a price.
        uint32 grace;
        /// Part of the discount that the pool keeps, in basis points.
        uint16 keptShare;
        /// Basis points.
        uint16 flashFee;
        // --- next slot
        address insuranceFund;
        /// Part of the fees that stakers of the backstop earn, in basis points.
        uint16 backstopShare;
        /// A reserve that was not synced for so many seconds counts as having been out; 0 turns that off.
        uint32 syncGap;
        bool paused;
        bool launched;
    }

    struct ScheduledFeed {
        address feed;
        uint32 heartbeat;
        uint40 from;
    }

    struct ScheduledTerms {
        uint16 ltv;
        uint16 liquidationThreshold;
        uint16 discountMin;
        uint16 discountMax;
        uint40 from;
    }

    uint256 internal constant BPS = 10_000;
    uint256 internal constant WAD = 1e18;
    uint256 internal constant RAY = 1e27;
    /// What `supplyRoom` and `borrowRoom` are where there is no cap.
    uint256 internal constant NO_LIMIT = type(uint104).max;

    /// @notice More reserves than so many cannot be listed, which bounds the gas of a liquidation.
    uint256 public constant MAX_RESERVES = 32;

    uint256 internal reserveCount_;
    /// By asset, 1 + the number of its reserve.
    mapping(address asset => uint256) internal reserveIds;
    mapping(uint256 id => Reserve) internal reserves;
    mapping(uint256 id => mapping(uint256 shard => Shard)) internal shards;
    mapping(address account => Account) internal accounts;
    mapping(address account => mapping(uint256 id => Position)) internal positions;
    mapping(address owner => mapping(address spender => mapping(uint256 id => uint256))) internal
        borrowAllowances;
    /// Of an isolated reserve, how much of each other may be lent against it. 0: that one may not be borrowed.
    mapping(uint256 collateralId => mapping(uint256 debtId => uint256)) internal debtCeilings;
    /// Scaled debt that counts against the ceiling.
    mapping(uint256 collateralId => mapping(uint256 debtId => mapping(uint256 shard => uint256))) internal
        isolatedDebt;
    Terms internal terms_;
    mapping(uint256 id => ScheduledFeed) internal scheduledFeeds;
    mapping(uint256 id => ScheduledTerms) internal scheduledTerms;
}
