// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";

import {LendingStorage} from "./LendingStorage.sol";
import {Till} from "./Till.sol";
import {AggregatorV3Interface} from "../oracle/AggregatorV3Interface.sol";
import {FeedReader} from "../oracle/FeedReader.sol";
import {InterestRate} from "./libraries/InterestRate.sol";
import {LendingMath} from "./libraries/LendingMath.sol";

/// @title What the parts of the lending pool have in common: indexes, prices, totals, tills and health
abstract contract LendingCore is LendingStorage, ReentrancyGuardTransient {
    using FixedPointMathLib for uint256;
    using LendingMath for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// What operations of this second read of a reserve.
    struct Market {
        uint256 supplyIndex;
        uint256 debtIndex;
        uint256 supplyRoom;
        uint256 borrowRoom;
        uint256 price;
        uint256 acceptedAt;
        uint256 resumedAt;
        PriceStatus status;
        uint256 ratePerSecond;
    }

    /// Values in WAD of what an account has and owes.
    struct Health {
        uint256 collateral;
        /// Collateral times loan-to-value: what may be owed after borrowing.
        uint256 borrowPower;
        /// Collateral times liquidation threshold: what may be owed without being liquidated.
        uint256 threshold;
        uint256 debt;
        /// A reserve whose price cannot be used, if there is one: values are then of the last accepted price.
        address unusable;
        PriceStatus status;
        /// When the last of its prices came back after an outage.
        uint256 resumedAt;
    }

    /// @notice How many parts the totals and the tokens of each reserve are kept in: a power of two.
    uint256 public immutable SHARDS;
    bytes32 private immutable TILL_CODE_HASH;

    constructor(uint256 shardCount) {
        require(
            shardCount != 0 && shardCount & (shardCount - 1) == 0 && shardCount <= 64, BadShards(shardCount)
        );
        SHARDS = shardCount;
        TILL_CODE_HASH = keccak256(type(Till).creationCode);
    }

    /// @notice The shard of an account: it follows from the address alone.
    function shardOf(address account) public view returns (uint256) {
        return uint256(keccak256(abi.encode(account))) & (SHARDS - 1);
    }

    /// @notice Where a shard keeps its tokens.
    function tillOf(uint256 shard) public view returns (address) {
        return Create2.computeAddress(bytes32(shard), TILL_CODE_HASH);
    }

    function _reserveId(address asset) internal view returns (uint256 id) {
        id = reserveIds[asset];
        require(id != 0, UnknownReserve(asset));
        return id - 1;
    }

    // Indexes and prices.

    /// Brings a reserve up to this second: interest since the last time, the rate and the room until the
    /// next, and the price. Whatever comes later in the same second finds that done and only reads.
    function _sync(uint256 id) internal returns (Market memory market) {
        market = _market(id);
        Reserve storage reserve = reserves[id];
        if (reserve.syncedAt == block.timestamp) return market;

        _announcePrice(reserve, market);
        reserve.supplyIndex = uint128(market.supplyIndex);
        reserve.debtIndex = uint128(market.debtIndex);
        reserve.syncedAt = uint40(block.timestamp);
        reserve.supplyRoom = uint104(market.supplyRoom);
        reserve.borrowRoom = uint104(market.borrowRoom);
        reserve.price = uint96(market.price);
        reserve.acceptedAt = uint40(market.acceptedAt);
        reserve.resumedAt = uint40(market.resumedAt);
        reserve.status = market.status;
        // Rates are at most 4 WAD a year: 67 bits.
        reserve.ratePerSecond = uint72(market.ratePerSecond);
        emit Synced(
            reserve.asset, market.supplyIndex, market.debtIndex, market.ratePerSecond, market.price
        );
    }

    /// All that an account has to do with, and one more.
    function _syncAccount(address account, uint256 otherReserves) internal {
        Account storage account_ = accounts[account];
        uint256 left = uint256(account_.collateral) | account_.debt | otherReserves;
        while (left != 0) {
            _sync(LibBit.ffs(left));
            left &= left - 1;
        }
    }

    function _announcePrice(Reserve storage reserve, Market memory market) private {
        PriceStatus before = reserve.status;
        if (before == market.status) return;
        if (market.status == PriceStatus.Usable) {
            emit PriceResumed(reserve.asset, market.price, market.resumedAt + terms_.grace);
        } else {
            emit PriceRefused(reserve.asset, market.status, market.price);
        }
    }

    /// A reserve as of this second, without remembering it.
    function _market(uint256 id) internal view returns (Market memory market) {
        Reserve storage reserve = reserves[id];
        market.supplyIndex = reserve.supplyIndex;
        market.debtIndex = reserve.debtIndex;
        market.supplyRoom = reserve.supplyRoom;
        market.borrowRoom = reserve.borrowRoom;
        market.price = reserve.price;
        market.acceptedAt = reserve.acceptedAt;
        market.resumedAt = reserve.resumedAt;
        market.status = reserve.status;
        market.ratePerSecond = reserve.ratePerSecond;
        uint256 syncedAt = reserve.syncedAt;
        if (syncedAt == block.timestamp) return market;

        (uint256 scaledSupply, uint256 scaledDebt) = _scaledTotals(id);
        _accrue(reserve, market, scaledSupply, scaledDebt, block.timestamp - syncedAt);
        uint256 debt = scaledDebt.fullMulDivUp(market.debtIndex, RAY);
        uint256 supply = scaledSupply.fullMulDivUp(market.supplyIndex, RAY);
        // The next rate follows from what earlier blocks left. What is lost earns nothing and cannot be lent.
        uint256 u = InterestRate.utilisation(debt, supply.zeroFloorSub(reserve.deficit));
        market.ratePerSecond = InterestRate.perSecond(reserve.model, u);
        market.supplyRoom = _room(reserve.supplyCap, supply);
        market.borrowRoom = _room(reserve.borrowCap, debt);
        _readPrice(reserve, market, block.timestamp - syncedAt);
    }

    /// Interest at the rate that was set the last time. The index of debts is rounded up. Suppliers get their
    /// part of what the present debts have earned, rounded down, so that their claims never grow by more; and
    /// their index never grows faster than that of debts, whatever was given to the tills, so that nobody can
    /// drive it up while there is little supply.
    function _accrue(
        Reserve storage reserve,
        Market memory market,
        uint256 scaledSupply,
        uint256 scaledDebt,
        uint256 elapsed
    ) private view {
        if (scaledDebt == 0) return;
        uint256 growth = InterestRate.growth(market.ratePerSecond, elapsed);
        uint256 debtIndex = market.debtIndex + market.debtIndex.fullMulDivUp(growth, RAY);
        // Interest ends rather than that the reserve is stuck.
        if (debtIndex > type(uint128).max) return;
        uint256 supply = scaledSupply.fullMulDivUp(market.supplyIndex, RAY);
        if (supply != 0) {
            uint256 earning = scaledDebt.fullMulDiv(market.debtIndex, RAY).min(supply);
            uint256 supplyGrowth =
                growth.fullMulDiv(earning * (BPS - reserve.reserveFactor), supply * BPS);
            market.supplyIndex += market.supplyIndex.fullMulDiv(supplyGrowth, RAY);
        }
        market.debtIndex = debtIndex;
    }

    function _scaledTotals(uint256 id) internal view returns (uint256 scaledSupply, uint256 scaledDebt) {
        for (uint256 i = 0; i < SHARDS; ++i) {
            Shard storage shard = shards[id][i];
            scaledSupply += shard.scaledSupply;
            scaledDebt += shard.scaledDebt;
        }
    }

    /// What each shard may add until the next sync: if all do, the total is at the cap and no further.
    function _room(uint256 cap, uint256 total) internal view returns (uint256) {
        if (cap == type(uint128).max) return NO_LIMIT;
        return (cap.zeroFloorSub(total) / SHARDS).min(NO_LIMIT - 1);
    }

    /// Accepts the price that the feed has, or says why not and keeps the one from before. The breaker for jumps is
    /// no state of its own, so it holds even if everybody who runs into it reverts: it ends when the price comes
    /// back, when the window after the last accepted price is over, or by `Configurator.liftBreaker`. It is there
    /// for wrong answers; a price that slides, step by accepted step, passes.
    function _readPrice(Reserve storage reserve, Market memory market, uint256 elapsed) private view {
        (PriceStatus status, uint256 price) = _answer(reserve);
        if (status == PriceStatus.Usable && block.timestamp - market.acceptedAt <= reserve.jumpWindow) {
            uint256 jump = price.dist(market.price);
            if (jump * BPS > market.price * reserve.jumpMax) status = PriceStatus.Jumped;
        }
        if (status == PriceStatus.Usable) {
            uint256 gap = terms_.syncGap;
            // Borrowers could not see, or answer, what the price did in the meantime.
            if (market.status != PriceStatus.Usable || (gap != 0 && elapsed > gap)) {
                market.resumedAt = block.timestamp;
            }
            market.price = price;
            market.acceptedAt = block.timestamp;
        }
        market.status = status;
    }

    /// What the feed says now, in WAD. It cannot revert, whatever the feed does: repaying must not depend on it.
    function _answer(Reserve storage reserve) internal view returns (PriceStatus status, uint256 price) {
        FeedReader.Problem problem;
        (problem, price,) = FeedReader.tryRead(
            AggregatorV3Interface(reserve.feed), reserve.feedDecimals, reserve.heartbeat
        );
        status = _statusOf(problem);
        if (price > type(uint96).max) (status, price) = (PriceStatus.OutOfRange, 0);
    }

    function _statusOf(FeedReader.Problem problem) private pure returns (PriceStatus) {
        if (problem == FeedReader.Problem.None) return PriceStatus.Usable;
        if (problem == FeedReader.Problem.NoAnswer) return PriceStatus.NoAnswer;
        if (problem == FeedReader.Problem.Stale) return PriceStatus.Stale;
        bool isOfNoTime =
            problem == FeedReader.Problem.Incomplete || problem == FeedReader.Problem.FromFuture;
        return isOfNoTime ? PriceStatus.Incomplete : PriceStatus.OutOfRange;
    }

    // Positions.

    function _setSupply(address account, uint256 id, uint256 scaledSupply) internal {
        Position storage position = positions[account][id];
        Shard storage shard = shards[id][shardOf(account)];
        shard.scaledSupply = (shard.scaledSupply + scaledSupply - position.scaledSupply).toUint128();
        position.scaledSupply = scaledSupply.toUint128();
        if (scaledSupply == 0) _setCollateral(account, id, false);
    }

    function _setDebt(address account, uint256 id, uint256 scaledDebt) internal {
        uint256 shardId = shardOf(account);
        Position storage position = positions[account][id];
        Shard storage shard = shards[id][shardId];
        Account storage account_ = accounts[account];
        uint256 before = position.scaledDebt;
        shard.scaledDebt = (shard.scaledDebt + scaledDebt - before).toUint128();
        position.scaledDebt = scaledDebt.toUint128();
        uint256 isolation = account_.isolation;
        if (isolation != 0) {
            uint256 counted = isolatedDebt[isolation - 1][id][shardId];
            isolatedDebt[isolation - 1][id][shardId] = counted + scaledDebt - before;
        }
        if ((before == 0) != (scaledDebt == 0)) account_.debt ^= uint32(1 << id);
    }

    function _setCollateral(address account, uint256 id, bool isCollateral) internal {
        Account storage account_ = accounts[account];
        uint32 bit = uint32(1 << id);
        if ((account_.collateral & bit != 0) == isCollateral) return;
        account_.collateral ^= bit;
        emit CollateralSet(reserves[id].asset, account, isCollateral);
    }

    // Health.

    /// Values of an account as of this second: collateral rounded down, debts rounded up.
    function _health(address account) internal view returns (Health memory health) {
        Account storage account_ = accounts[account];
        uint256 collateral = account_.collateral;
        uint256 debt = account_.debt;
        uint256 left = collateral | debt;
        while (left != 0) {
            uint256 id = LibBit.ffs(left);
            left &= left - 1;
            _addHealth(health, account, id, collateral >> id & 1 != 0);
        }
    }

    function _addHealth(Health memory health, address account, uint256 id, bool isCollateral) private view {
        Reserve storage reserve = reserves[id];
        Position storage position = positions[account][id];
        Market memory market = _market(id);
        uint256 decimals = reserve.decimals;
        if (isCollateral) {
            uint256 amount = uint256(position.scaledSupply).amountDown(market.supplyIndex);
            uint256 value = amount.valueDown(market.price, decimals);
            health.collateral += value;
            health.borrowPower += value * reserve.ltv / BPS;
            health.threshold += value * reserve.liquidationThreshold / BPS;
        }
        uint256 owed = uint256(position.scaledDebt).amountUp(market.debtIndex);
        health.debt += owed.valueUp(market.price, decimals);
        if (market.status != PriceStatus.Usable) {
            health.unusable = reserve.asset;
            health.status = market.status;
        }
        health.resumedAt = health.resumedAt.max(market.resumedAt);
    }

    function _requirePrices(Health memory health) internal pure {
        require(health.unusable == address(0), PriceUnusable(health.unusable, health.status));
    }

    /// What an account must fulfil after it has borrowed or given up collateral: the loan-to-value holds, on
    /// prices that can be relied on. All its reserves are synced.
    function _requireBorrowPower(address account) internal {
        Health memory health = _health(account);
        if (health.debt == 0) return;
        _requirePrices(health);
        require(
            health.debt <= health.borrowPower, NotEnoughCollateral(account, health.debt, health.borrowPower)
        );
        _unflag(account, health);
    }

    function _unflag(address account, Health memory health) internal {
        if (accounts[account].flaggedAt == 0) return;
        accounts[account].flaggedAt = 0;
        emit Unflagged(account, health.threshold.health(health.debt));
    }

    /// Ends the auction of a flagged account that became healthy by what was just given to it.
    function _reviewFlag(address account) internal {
        if (accounts[account].flaggedAt == 0) return;
        Health memory health = _health(account);
        if (health.unusable == address(0) && health.threshold >= health.debt) _unflag(account, health);
    }

    // Tokens.

    /// Takes tokens into the till of a shard.
    function _take(address asset, uint256 shard, address from, uint256 amount) internal {
        IERC20(asset).safeTransferFrom(from, tillOf(shard), amount);
    }

    /// Pays from the till of a shard, and where that lacks from those that follow it.
    function _pay(address asset, uint256 shard, address to, uint256 amount) internal {
        for (uint256 i = 0; i < SHARDS && amount != 0; ++i) {
            address till = tillOf((shard + i) & (SHARDS - 1));
            uint256 part = IERC20(asset).balanceOf(till).min(amount);
            if (part == 0) continue;
            amount -= part;
            Till(till).pay(IERC20(asset), to, part);
        }
        require(amount == 0, NotEnoughCash(asset, amount));
    }

    function _cash(address asset) internal view returns (uint256 cash) {
        for (uint256 i = 0; i < SHARDS; ++i) {
            cash += IERC20(asset).balanceOf(tillOf(i));
        }
    }
}
