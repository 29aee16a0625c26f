// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";

import {LendingCore} from "./LendingCore.sol";
import {Liquidator} from "./Liquidator.sol";
import {LendingMath} from "./libraries/LendingMath.sol";

/// @title What `Liquidator` is measured against, and for nothing else
/// @notice Liquidations as they were first built: all of the debt at the largest discount, at once, all or nothing,
/// and bad debt is a deficit, as no fund stands behind it. A pool can have this in place of `Liquidator`; it
/// says what it does by the same events.
contract NaiveLiquidator is LendingCore {
    using LendingMath for uint256;

    /// What is owed and pledged, before and after.
    struct Work {
        uint256 debtId;
        uint256 collateralId;
        uint256 owed;
        uint256 pledged;
    }

    constructor(uint256 shardCount) LendingCore(shardCount) {}

    function flag(address) external pure returns (bool) {
        return false;
    }

    function liquidate(Liquidator.Order calldata order)
        external
        nonReentrant
        returns (uint256 repaid, uint256 received)
    {
        address account = order.account;
        _syncAccount(account, 0);
        Health memory health = _health(account);
        // As in `Liquidator`: both stop where a price cannot be relied on.
        _requirePrices(health);
        Liquidation memory result;
        result.healthBefore = health.threshold.health(health.debt);
        require(health.threshold < health.debt, Healthy(account, result.healthBefore));
        Work memory work = _begin(order);
        _size(work, result);
        (repaid, received) = (result.repaid, result.seized);
        require(repaid <= order.repayMax, DustLeft(order.repayMax, repaid));
        require(received >= order.collateralMin, TooLittleCollateral(received, order.collateralMin));
        _book(account, work, result);
        health = _health(account);
        result.healthAfter = health.threshold.health(health.debt);
        emit Liquidated(account, order.debtAsset, order.collateralAsset, msg.sender, result);
        _take(order.debtAsset, shardOf(account), msg.sender, repaid);
        _pay(order.collateralAsset, shardOf(account), msg.sender, received);
        if (accounts[account].collateral == 0) _writeOff(account);
    }

    function _begin(Liquidator.Order calldata order) private view returns (Work memory work) {
        (work.debtId, work.collateralId) = (_reserveId(order.debtAsset), _reserveId(order.collateralAsset));
        Position storage debt = positions[order.account][work.debtId];
        Position storage collateral = positions[order.account][work.collateralId];
        work.owed = uint256(debt.scaledDebt).amountUp(_market(work.debtId).debtIndex);
        work.pledged = uint256(collateral.scaledSupply).amountDown(_market(work.collateralId).supplyIndex);
        require(work.owed != 0, NothingOwed(order.account, order.debtAsset));
        require(
            accounts[order.account].collateral >> work.collateralId & 1 != 0,
            NotCollateral(order.account, order.collateralAsset)
        );
    }

    /// All of the debt, or as much as all of the collateral pays for.
    function _size(Work memory work, Liquidation memory result) private view {
        (Market memory debt, Market memory collateral) = (_market(work.debtId), _market(work.collateralId));
        uint256 decimals = reserves[work.debtId].decimals;
        uint256 discount = reserves[work.collateralId].discountMax;
        result.discount = discount;
        uint256 value = work.owed.valueDown(debt.price, decimals) * (BPS + discount) / BPS;
        uint256 seize = value.boughtDown(collateral.price, reserves[work.collateralId].decimals);
        if (seize < work.pledged) {
            (result.repaid, result.seized, result.reason) = (work.owed, seize, Reason.WholeDebt);
            return;
        }
        value = work.pledged.valueUp(collateral.price, reserves[work.collateralId].decimals);
        uint256 cost = (value * BPS / (BPS + discount)).boughtUp(debt.price, decimals);
        result.repaid = cost < work.owed ? cost : work.owed;
        (result.seized, result.reason) = (work.pledged, Reason.WholeCollateral);
    }

    function _book(address account, Work memory work, Liquidation memory result) private {
        uint256 scaled = positions[account][work.debtId].scaledDebt;
        uint256 less = result.repaid.scaledDown(_market(work.debtId).debtIndex);
        result.scaledDebt = result.repaid == work.owed ? 0 : scaled - less;
        _setDebt(account, work.debtId, result.scaledDebt);
        uint256 index = _market(work.collateralId).supplyIndex;
        scaled = positions[account][work.collateralId].scaledSupply;
        result.scaledSupply = result.seized == work.pledged ? 0 : scaled - result.seized.scaledUp(index);
        _setSupply(account, work.collateralId, result.scaledSupply);
    }

    function _writeOff(address account) private {
        uint256 left = accounts[account].debt;
        while (left != 0) {
            uint256 id = LibBit.ffs(left);
            left &= left - 1;
            uint256 debt = uint256(positions[account][id].scaledDebt).amountUp(_market(id).debtIndex);
            _setDebt(account, id, 0);
            Reserve storage reserve = reserves[id];
            reserve.deficit += debt;
            emit CollateralExhausted(account, reserve.asset, debt);
            emit DeficitRecorded(account, reserve.asset, debt, reserve.deficit);
        }
    }
}
