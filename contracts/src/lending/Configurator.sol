// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

import {Backstop} from "./Backstop.sol";
import {InsuranceFund} from "./InsuranceFund.sol";
import {LendingCore} from "./LendingCore.sol";
import {Till} from "./Till.sol";
import {AggregatorV3Interface} from "../oracle/AggregatorV3Interface.sol";
import {InterestRate} from "./libraries/InterestRate.sol";

/// @title How roles configure the lending pool
/// @notice Code that `LendingPool` delegates to: call these functions at the pool's address. `RISK_ROLE`, best a
/// governance timelock, sets what is below; `GUARDIAN_ROLE`, which must be quick, can only stop new risk: pause
/// borrowing and flash loans, and freeze a reserve. Supplying, repaying, withdrawing and liquidating cannot be
/// paused.
///
/// No role can take what users have. What could be used for that, which is to make collateral of something
/// worthless, to price it differently or to liquidate it sooner, takes effect only `DELAY` after an event has
/// announced it, so that whoever disagrees leaves before. Until `launch` there are no caps, so nobody can have
/// supplied anything, and the same takes effect at once. All else has bounds.
/// @dev Storage is that of the pool: `LendingCore` first, then `AccessControl`, as there.
contract Configurator is LendingCore, AccessControl {
    using FixedPointMathLib for uint256;

    /// A reserve to be listed.
    struct Listing {
        address asset;
        address feed;
        uint32 heartbeat;
        uint16 ltv;
        uint16 liquidationThreshold;
        uint16 discountMin;
        uint16 discountMax;
        uint16 reserveFactor;
        uint16 jumpMax;
        uint32 jumpWindow;
        bool isolated;
        bool borrowable;
        InterestRate.Model model;
    }

    /// @notice Sets what bears risk.
    bytes32 public constant RISK_ROLE = keccak256("RISK_ROLE");
    /// @notice Stops new risk.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice How long before they take effect changes of collateral terms and feeds are announced.
    uint256 public constant DELAY = 7 days;

    /// A year, in WAD.
    uint256 private constant RATE_MAX = 4e18;
    uint256 private constant DISCOUNT_MAX = 2000;

    constructor(uint256 shardCount) LendingCore(shardCount) {}

    /// @notice Opens the pool for suppliers: from now on caps can be set and changes are delayed. Once.
    function launch() external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        require(!terms_.launched, AlreadyLaunched());
        terms_.launched = true;
        emit Launched();
    }

    /// @notice Lists a reserve, whose price must be usable. Its caps are 0. After the launch it is no collateral
    /// before `DELAY` has passed and somebody calls `applyCollateralTerms`.
    /// @dev Reverts with `KnownReserve`, `TooManyReserves`, `PriceUnusable` or `OutOfBounds`.
    function addReserve(Listing calldata listing) external nonReentrant onlyRole(RISK_ROLE) {
        address asset = listing.asset;
        require(reserveIds[asset] == 0, KnownReserve(asset));
        uint256 id = reserveCount_;
        require(id < MAX_RESERVES, TooManyReserves());
        reserveCount_ = id + 1;
        reserveIds[asset] = id + 1;
        Reserve storage reserve = reserves[id];
        reserve.asset = asset;
        reserve.decimals = IERC20Metadata(asset).decimals();
        _bound("decimals", reserve.decimals, 0, 18);
        _setFeed(reserve, listing.feed, listing.heartbeat);
        _setBreaker(reserve, listing.jumpMax, listing.jumpWindow);
        _setModel(reserve, listing.model);
        _setReserveFactor(reserve, listing.reserveFactor);
        (reserve.isolated, reserve.borrowable) = (listing.isolated, listing.borrowable);
        (reserve.supplyIndex, reserve.debtIndex) = (uint128(RAY), uint128(RAY));
        emit ReserveAdded(asset, id, listing.feed, listing.isolated);
        emit BorrowableSet(asset, listing.borrowable);
        ScheduledTerms memory terms = ScheduledTerms(
            listing.ltv, listing.liquidationThreshold, listing.discountMin, listing.discountMax, 0
        );
        _schedule(id, terms);
        Market memory market = _sync(id);
        require(market.status == PriceStatus.Usable, PriceUnusable(asset, market.status));
    }

    /// @notice Announces other terms of a reserve as collateral, all in basis points: they take effect by
    /// `applyCollateralTerms` after `DELAY`, or at once before the launch. A later call replaces an earlier one.
    /// @dev Reverts with `OutOfBounds` unless ltv <= threshold and threshold * (1 + discountMax) <= 1: otherwise a
    /// liquidation could cost an account more of its health than it gives.
    function scheduleCollateralTerms(
        address asset,
        uint16 ltv,
        uint16 liquidationThreshold,
        uint16 discountMin,
        uint16 discountMax
    ) external nonReentrant onlyRole(RISK_ROLE) {
        _schedule(
            _reserveId(asset), ScheduledTerms(ltv, liquidationThreshold, discountMin, discountMax, 0)
        );
    }

    /// @notice Has announced terms take effect when their time has come. Anybody may.
    function applyCollateralTerms(address asset) external nonReentrant {
        uint256 id = _reserveId(asset);
        ScheduledTerms memory terms = scheduledTerms[id];
        require(terms.from != 0, NothingScheduled(asset));
        require(block.timestamp >= terms.from, TooEarly(asset, terms.from));
        delete scheduledTerms[id];
        _setTerms(reserves[id], terms);
    }

    /// @notice Announces another feed of a reserve and how old its answers may be: by `applyFeed` after `DELAY`, or at
    /// once before the launch.
    function scheduleFeed(address asset, address feed, uint32 heartbeat)
        external
        nonReentrant
        onlyRole(RISK_ROLE)
    {
        uint256 id = _reserveId(asset);
        if (!terms_.launched) {
            _setFeed(reserves[id], feed, heartbeat);
            return;
        }
        _bound("heartbeat", heartbeat, 1, 7 days);
        uint256 from = block.timestamp + DELAY;
        scheduledFeeds[id] = ScheduledFeed(feed, heartbeat, uint40(from));
        emit FeedScheduled(asset, feed, heartbeat, from);
    }

    /// @notice Has an announced feed take effect when its time has come. Anybody may. Its first price is judged
    /// like any other.
    function applyFeed(address asset) external nonReentrant {
        uint256 id = _reserveId(asset);
        ScheduledFeed memory scheduled = scheduledFeeds[id];
        require(scheduled.from != 0, NothingScheduled(asset));
        require(block.timestamp >= scheduled.from, TooEarly(asset, scheduled.from));
        delete scheduledFeeds[id];
        _setFeed(reserves[id], scheduled.feed, scheduled.heartbeat);
    }

    /// @notice What is announced for a reserve; zeros if nothing is.
    function scheduledOf(address asset) external view returns (ScheduledTerms memory, ScheduledFeed memory) {
        uint256 id = _reserveId(asset);
        return (scheduledTerms[id], scheduledFeeds[id]);
    }

    /// @notice Sets how much of an asset may be supplied and lent; the largest number is no limit. What exceeds a
    /// new cap stays.
    function setCaps(address asset, uint128 supplyCap, uint128 borrowCap)
        external
        nonReentrant
        onlyRole(RISK_ROLE)
    {
        require(terms_.launched, NotLaunched());
        uint256 id = _reserveId(asset);
        Market memory market = _sync(id);
        Reserve storage reserve = reserves[id];
        (reserve.supplyCap, reserve.borrowCap) = (supplyCap, borrowCap);
        (uint256 scaledSupply, uint256 scaledDebt) = _scaledTotals(id);
        uint256 supply = scaledSupply.fullMulDivUp(market.supplyIndex, RAY);
        uint256 debt = scaledDebt.fullMulDivUp(market.debtIndex, RAY);
        reserve.supplyRoom = uint104(_room(supplyCap, supply));
        reserve.borrowRoom = uint104(_room(borrowCap, debt));
        emit CapsSet(asset, supplyCap, borrowCap);
    }

    /// @notice Sets the rates: they hold from the next sync of another second. At most 400 % a year together.
    function setRateModel(address asset, InterestRate.Model calldata model)
        external
        nonReentrant
        onlyRole(RISK_ROLE)
    {
        uint256 id = _reserveId(asset);
        _sync(id);
        _setModel(reserves[id], model);
    }

    /// @notice Sets which part of the interest, from now on, suppliers do not get. At most half.
    function setReserveFactor(address asset, uint16 reserveFactor) external nonReentrant onlyRole(RISK_ROLE) {
        uint256 id = _reserveId(asset);
        _sync(id);
        _setReserveFactor(reserves[id], reserveFactor);
    }

    /// @notice Sets whether a reserve lends.
    function setBorrowable(address asset, bool borrowable) external nonReentrant onlyRole(RISK_ROLE) {
        reserves[_reserveId(asset)].borrowable = borrowable;
        emit BorrowableSet(asset, borrowable);
    }

    /// @notice Sets by how much a price may differ from the last accepted one, in basis points, and for how many
    /// seconds after that one.
    /// @dev A window of 0 accepts any jump. At most a day, as an account cannot be liquidated meanwhile.
    function setBreaker(address asset, uint16 jumpMax, uint32 jumpWindow)
        external
        nonReentrant
        onlyRole(RISK_ROLE)
    {
        _setBreaker(reserves[_reserveId(asset)], jumpMax, jumpWindow);
    }

    /// @notice Accepts the price that the feed has now although it has jumped. The grace period begins.
    /// @dev Reverts with `PriceUnusable` if something else is wrong with it.
    function liftBreaker(address asset) external nonReentrant onlyRole(RISK_ROLE) {
        uint256 id = _reserveId(asset);
        _sync(id);
        Reserve storage reserve = reserves[id];
        (PriceStatus status, uint256 price) = _answer(reserve);
        require(status == PriceStatus.Usable, PriceUnusable(asset, status));
        if (reserve.status == PriceStatus.Usable) return;
        (reserve.price, reserve.status) = (uint96(price), PriceStatus.Usable);
        (reserve.acceptedAt, reserve.resumedAt) = (uint40(block.timestamp), uint40(block.timestamp));
        emit BreakerLifted(asset, price);
        emit PriceResumed(asset, price, block.timestamp + terms_.grace);
    }

    /// @notice Sets how much of `debtAsset` may be lent against an isolated collateral, of which each shard has an
    /// equal part. 0: none.
    function setDebtCeiling(address collateralAsset, address debtAsset, uint128 ceiling)
        external
        nonReentrant
        onlyRole(RISK_ROLE)
    {
        uint256 id = _reserveId(collateralAsset);
        require(reserves[id].isolated, OutOfBounds("isolated", 0));
        debtCeilings[id][_reserveId(debtAsset)] = ceiling;
        emit DebtCeilingSet(collateralAsset, debtAsset, ceiling);
    }

    /// @notice Sets who stands behind a reserve; zero is nobody.
    /// @dev Reverts with `BadModule` unless it is a vault of the same asset for this pool.
    function setBackstop(address asset, Backstop backstop) external nonReentrant onlyRole(RISK_ROLE) {
        Reserve storage reserve = reserves[_reserveId(asset)];
        if (address(backstop) != address(0)) {
            require(
                backstop.POOL() == address(this) && backstop.asset() == asset, BadModule(address(backstop))
            );
        }
        reserve.backstop = address(backstop);
        emit BackstopSet(asset, address(backstop));
    }

    /// @notice Sets the insurance fund, of this pool.
    function setInsuranceFund(InsuranceFund fund) external nonReentrant onlyRole(RISK_ROLE) {
        require(fund.POOL() == address(this), BadModule(address(fund)));
        terms_.insuranceFund = address(fund);
        emit InsuranceFundSet(address(fund));
    }

    /// @notice Sets what holds for all reserves; the fund and whether it is paused or launched stay as they are.
    function setTerms(Terms calldata terms) external nonReentrant onlyRole(RISK_ROLE) {
        _bound("targetHealth", terms.targetHealth, 1.001e18, 1.5e18);
        _bound("valueMin", terms.valueMin, 0, 10_000e18);
        _bound("auctionDuration", terms.auctionDuration, 1, 1 days);
        _bound("grace", terms.grace, 0, 1 days);
        _bound("keptShare", terms.keptShare, 0, BPS / 2);
        _bound("flashFee", terms.flashFee, 0, 100);
        _bound("backstopShare", terms.backstopShare, 0, BPS);
        _bound("syncGap", terms.syncGap == 0 ? 1 hours : terms.syncGap, 10 minutes, 30 days);
        Terms memory changed = terms;
        (changed.insuranceFund, changed.paused, changed.launched) =
            (terms_.insuranceFund, terms_.paused, terms_.launched);
        terms_ = changed;
        emit TermsSet(
            terms.targetHealth,
            terms.valueMin,
            terms.auctionDuration,
            terms.grace,
            terms.syncGap,
            terms.keptShare,
            terms.flashFee,
            terms.backstopShare
        );
    }

    /// @notice Stops borrowing and flash loans, by the guardian; lets them go on, by the risk role.
    function setPaused(bool paused) external nonReentrant {
        _checkRole(paused ? GUARDIAN_ROLE : RISK_ROLE);
        terms_.paused = paused;
        emit PausedSet(paused);
    }

    /// @notice Stops that a reserve lends or becomes collateral anew, by the guardian; the risk role ends that.
    function setFrozen(address asset, bool frozen) external nonReentrant {
        _checkRole(frozen ? GUARDIAN_ROLE : RISK_ROLE);
        reserves[_reserveId(asset)].frozen = frozen;
        emit FrozenSet(asset, frozen);
    }

    /// @notice Spreads the tokens of a reserve evenly over its tills, so that operations find enough in their own.
    /// Anybody may; it touches all tills, so not in the midst of a block.
    function rebalance(address asset) external nonReentrant {
        _reserveId(asset);
        uint256 even = _cash(asset) / SHARDS;
        uint256 poor = 0;
        uint256 moved = 0;
        for (uint256 rich = 0; rich < SHARDS; ++rich) {
            address from = tillOf(rich);
            uint256 over = IERC20(asset).balanceOf(from).zeroFloorSub(even);
            while (over != 0 && poor < SHARDS) {
                address to = tillOf(poor);
                uint256 part = even.zeroFloorSub(IERC20(asset).balanceOf(to)).min(over);
                if (part == 0) {
                    ++poor;
                    continue;
                }
                Till(from).pay(IERC20(asset), to, part);
                over -= part;
                moved += part;
            }
        }
        emit Rebalanced(asset, moved);
    }

    function _schedule(uint256 id, ScheduledTerms memory terms) private {
        address asset = reserves[id].asset;
        _bound("ltv", terms.ltv, 0, terms.liquidationThreshold);
        _bound("discountMin", terms.discountMin, 0, terms.discountMax);
        _bound("discountMax", terms.discountMax, 0, DISCOUNT_MAX);
        uint256 seized = uint256(terms.liquidationThreshold) * (BPS + terms.discountMax);
        _bound("liquidationThreshold", seized, 0, BPS * BPS);
        if (!terms_.launched) {
            _setTerms(reserves[id], terms);
            return;
        }
        terms.from = uint40(block.timestamp + DELAY);
        scheduledTerms[id] = terms;
        emit CollateralTermsScheduled(
            asset, terms.ltv, terms.liquidationThreshold, terms.discountMin, terms.discountMax, terms.from
        );
    }

    function _setTerms(Reserve storage reserve, ScheduledTerms memory terms) private {
        (reserve.ltv, reserve.liquidationThreshold) = (terms.ltv, terms.liquidationThreshold);
        (reserve.discountMin, reserve.discountMax) = (terms.discountMin, terms.discountMax);
        emit CollateralTermsSet(
            reserve.asset, terms.ltv, terms.liquidationThreshold, terms.discountMin, terms.discountMax
        );
    }

    function _setFeed(Reserve storage reserve, address feed, uint256 heartbeat) private {
        _bound("heartbeat", heartbeat, 1, 7 days);
        uint256 decimals = AggregatorV3Interface(feed).decimals();
        _bound("feedDecimals", decimals, 0, 18);
        (reserve.feed, reserve.feedDecimals, reserve.heartbeat) = (feed, uint8(decimals), uint32(heartbeat));
        emit FeedSet(reserve.asset, feed, heartbeat);
    }

    function _setBreaker(Reserve storage reserve, uint256 jumpMax, uint256 jumpWindow) private {
        _bound("jumpMax", jumpMax, 100, BPS);
        _bound("jumpWindow", jumpWindow, 0, 1 days);
        (reserve.jumpMax, reserve.jumpWindow) = (uint16(jumpMax), uint32(jumpWindow));
        emit BreakerSet(reserve.asset, jumpMax, jumpWindow);
    }

    function _setModel(Reserve storage reserve, InterestRate.Model memory model) private {
        _bound("optimal", model.optimal, 0.01e18, 0.99e18);
        _bound("rate", uint256(model.base) + model.slope1 + model.slope2, 0, RATE_MAX);
        reserve.model = model;
        emit RateModelSet(reserve.asset, model);
    }

    function _setReserveFactor(Reserve storage reserve, uint256 reserveFactor) private {
        _bound("reserveFactor", reserveFactor, 0, BPS / 2);
        reserve.reserveFactor = uint16(reserveFactor);
        emit ReserveFactorSet(reserve.asset, reserveFactor);
    }

    function _bound(bytes32 name, uint256 value, uint256 least, uint256 most) private pure {
        require(value >= least && value <= most, OutOfBounds(name, value));
    }
}
