// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {InterestRate} from "../libraries/InterestRate.sol";

/// @title What the lending pool says, and why it refuses
/// @notice Events and errors that the pool and the code it delegates to have in common. Whoever follows
/// the events from the first block on knows each position: all that change a position hold its scaled
/// balance afterwards, and `Synced` holds the indexes that turn it into an amount.
/// @dev Amounts are in units of the token, prices and values in WAD of the unit of account (value of one
/// whole token, and of an amount), health in WAD, indexes in RAY, discounts in basis points.
interface ILendingEvents {
    /// How far a price can be relied on.
    enum PriceStatus {
        /// Good for all.
        Usable,
        /// The feed reverts, or answers with too little.
        NoAnswer,
        /// The round has not ended, was carried over from an earlier one, or lies in the future.
        Incomplete,
        /// Zero, negative or too large.
        OutOfRange,
        /// Older than the heartbeat.
        Stale,
        /// Too far from the last accepted price, too soon after it.
        Jumped
    }

    /// What set the size of a liquidation.
    enum Reason {
        /// Just so much that the health reaches the target.
        TargetHealth,
        /// What would be left is under the minimum, or all that there is does not reach the target.
        WholeDebt,
        /// This collateral does not suffice for more.
        WholeCollateral,
        /// The liquidator wanted no more.
        LiquidatorLimit
    }

    /// What a liquidation did.
    struct Liquidation {
        /// Of the debt asset, what the liquidator paid.
        uint256 repaid;
        /// Of the collateral asset, what the account lost.
        uint256 seized;
        /// Of what was seized, what the pool keeps: it reaches the insurance fund with the fees.
        uint256 kept;
        /// In basis points of what was repaid.
        uint256 discount;
        uint256 healthBefore;
        uint256 healthAfter;
        /// Of the account, afterwards.
        uint256 scaledDebt;
        /// Of the account, afterwards.
        uint256 scaledSupply;
        /// Whether the liquidator took a supply position in place of tokens.
        bool asSupply;
        Reason reason;
    }

    // Positions.
    event Supplied(
        address indexed asset, address indexed account, address indexed payer, uint256 amount, uint256 scaledSupply
    );
    event Withdrawn(
        address indexed asset, address indexed account, address indexed to, uint256 amount, uint256 scaledSupply
    );
    event Borrowed(
        address indexed asset,
        address indexed account,
        address indexed caller,
        address to,
        uint256 amount,
        uint256 scaledDebt
    );
    event Repaid(
        address indexed asset, address indexed account, address indexed payer, uint256 amount, uint256 scaledDebt
    );
    event CollateralSet(address indexed asset, address indexed account, bool isCollateral);
    event BorrowApproval(
        address indexed owner, address indexed spender, address indexed asset, uint256 allowance
    );
    event FlashLoan(
        address indexed asset, address indexed receiver, address indexed initiator, uint256 amount, uint256 fee
    );

    // Reserves.
    event Synced(
        address indexed asset, uint256 supplyIndex, uint256 debtIndex, uint256 ratePerSecond, uint256 price
    );
    event PriceRefused(address indexed asset, PriceStatus status, uint256 lastAccepted);
    event PriceResumed(address indexed asset, uint256 price, uint256 liquidationsFrom);
    event FeesCollected(address indexed asset, uint256 toInsuranceFund, uint256 toBackstop);
    event Rebalanced(address indexed asset, uint256 moved);

    // The waterfall, in its order. `PriceRefused` and `PriceResumed` are step 0.
    event Flagged(address indexed account, address indexed by, uint256 health);
    event Unflagged(address indexed account, uint256 health);
    event Liquidated(
        address indexed account,
        address indexed debtAsset,
        address indexed collateralAsset,
        address liquidator,
        Liquidation liquidation
    );
    /// The account's debt to this reserve is 0 afterwards; who paid for it follows.
    event CollateralExhausted(address indexed account, address indexed asset, uint256 debt);
    event InsuranceFundPaid(address indexed account, address indexed asset, uint256 paid, uint256 left);
    event BackstopPaid(address indexed account, address indexed asset, uint256 paid, uint256 left);
    event DeficitRecorded(address indexed account, address indexed asset, uint256 added, uint256 deficit);
    event DeficitCovered(address indexed asset, address indexed by, uint256 paid, uint256 deficit);

    // Configuration.
    event Launched();
    event ReserveAdded(address indexed asset, uint256 id, address feed, bool isolated);
    event CollateralTermsScheduled(
        address indexed asset,
        uint256 ltv,
        uint256 liquidationThreshold,
        uint256 discountMin,
        uint256 discountMax,
        uint256 from
    );
    event CollateralTermsSet(
        address indexed asset,
        uint256 ltv,
        uint256 liquidationThreshold,
        uint256 discountMin,
        uint256 discountMax
    );
    event FeedScheduled(address indexed asset, address feed, uint256 heartbeat, uint256 from);
    event FeedSet(address indexed asset, address feed, uint256 heartbeat);
    event CapsSet(address indexed asset, uint256 supplyCap, uint256 borrowCap);
    event RateModelSet(address indexed asset, InterestRate.Model model);
    event ReserveFactorSet(address indexed asset, uint256 reserveFactor);
    event BorrowableSet(address indexed asset, bool borrowable);
    event FrozenSet(address indexed asset, bool frozen);
    event BreakerSet(address indexed asset, uint256 jumpMax, uint256 jumpWindow);
    event BreakerLifted(address indexed asset, uint256 price);
    event DebtCeilingSet(address indexed collateralAsset, address indexed debtAsset, uint256 ceiling);
    event BackstopSet(address indexed asset, address backstop);
    event InsuranceFundSet(address fund);
    event TermsSet(
        uint256 targetHealth,
        uint256 valueMin,
        uint256 auctionDuration,
        uint256 grace,
        uint256 syncGap,
        uint256 keptShare,
        uint256 flashFee,
        uint256 backstopShare
    );
    event PausedSet(bool paused);

    error UnknownReserve(address asset);
    error KnownReserve(address asset);
    error TooManyReserves();
    error BadShards(uint256 shards);
    error BadModule(address module);
    error NoAccount();
    error AmountTooSmall(uint256 amount);
    error Paused();
    error Frozen(address asset);
    error NotBorrowable(address asset);
    error NotEnoughSupplied(address asset, uint256 amount, uint256 supplied);
    error NotEnoughCash(address asset, uint256 missing);
    error NothingOwed(address account, address asset);
    error CapReached(address asset, uint256 amount, uint256 room);
    error DebtCeilingReached(address collateralAsset, address debtAsset, uint256 debt, uint256 ceiling);
    error DebtTooSmall(address asset, uint256 value, uint256 valueMin);
    error NotEnoughCollateral(address account, uint256 debt, uint256 borrowPower);
    error BorrowNotApproved(address owner, address spender, uint256 amount, uint256 allowance);
    error NotCollateral(address account, address asset);
    error IsolationBroken(address account, address asset);
    error PriceUnusable(address asset, PriceStatus status);
    error NotFlashBorrower(address receiver);

    error OwnAccount(address account);
    error Healthy(address account, uint256 health);
    error GracePeriod(address account, uint256 until);
    error TooLittleCollateral(uint256 received, uint256 collateralMin);
    error DustLeft(uint256 repaid, uint256 repayable);
    error NothingToRepay();
    error NoDeficit(address asset);

    error AlreadyLaunched();
    error NotLaunched();
    error NothingScheduled(address asset);
    error TooEarly(address asset, uint256 from);
    error OutOfBounds(bytes32 name, uint256 value);
}
