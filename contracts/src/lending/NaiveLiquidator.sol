// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";

import {LendingCore} from "./LendingCore.sol";
import {Liquidator} from "./Liquidator.sol";
import {LendingMath} from "./libraries/LendingMath.sol";

/// @notice What `Liquidator` is measured against, and for nothing else: liquidations as they were first built. All of the debt at the largest discount, at once, all or nothing, and
/// bad debt is a deficit, as no fund stands behind it. A pool can have this in place of `Liquidator`.
contract NaiveLiquidator is LendingCore {
    using LendingMath for uint256;

    constructor(uint256 shardCount) LendingCore(shardCount) {}

    function flag(address) external pure returns (bool) {
        return false;
    }

    function liquidate(Liquidator.Order calldata order)
        external
        nonReentrant
        returns (uint256 repaid, uint256 received)
    {
        _syncAccount(order.account, 0);
        Health memory health = _health(order.account);
        require(health.threshold < health.debt, Healthy(order.account, 0));
        (repaid, received) = _size(order);
        require(repaid <= order.repayMax, DustLeft(order.repayMax, repaid));
        _book(order, repaid, received);
        _take(order.debtAsset, shardOf(order.account), msg.sender, repaid);
        _pay(order.collateralAsset, shardOf(order.account), msg.sender, received);
        if (accounts[order.account].collateral == 0) _writeOff(order.account);
    }

    function _size(Liquidator.Order calldata order) private view returns (uint256 repay, uint256 seize) {
        (uint256 debtId, uint256 collateralId) = (_reserveId(order.debtAsset), _reserveId(order.collateralAsset));
        (Market memory debt, Market memory collateral) = (_market(debtId), _market(collateralId));
        uint256 decimals = reserves[debtId].decimals;
        uint256 discount = reserves[collateralId].discountMax;
        repay = uint256(positions[order.account][debtId].scaledDebt).amountUp(debt.debtIndex);
        uint256 value = repay.valueDown(debt.price, decimals) * (BPS + discount) / BPS;
        seize = value.boughtDown(collateral.price, reserves[collateralId].decimals);
        uint256 pledged =
            uint256(positions[order.account][collateralId].scaledSupply).amountDown(collateral.supplyIndex);
        if (seize < pledged) return (repay, seize);
        value = pledged.valueUp(collateral.price, reserves[collateralId].decimals);
        uint256 cost = (value * BPS / (BPS + discount)).boughtUp(debt.price, decimals);
        return (cost < repay ? cost : repay, pledged);
    }

    function _book(Liquidator.Order calldata order, uint256 repaid, uint256 seized) private {
        (uint256 debtId, uint256 collateralId) = (_reserveId(order.debtAsset), _reserveId(order.collateralAsset));
        uint256 scaled = positions[order.account][debtId].scaledDebt;
        uint256 less = repaid.scaledDown(_market(debtId).debtIndex);
        if (repaid == scaled.amountUp(_market(debtId).debtIndex)) less = scaled;
        _setDebt(order.account, debtId, scaled - less);
        uint256 index = _market(collateralId).supplyIndex;
        scaled = positions[order.account][collateralId].scaledSupply;
        less = seized == scaled.amountDown(index) ? scaled : seized.scaledUp(index);
        _setSupply(order.account, collateralId, scaled - less);
    }

    function _writeOff(address account) private {
        uint256 left = accounts[account].debt;
        while (left != 0) {
            uint256 id = LibBit.ffs(left);
            left &= left - 1;
            reserves[id].deficit += uint256(positions[account][id].scaledDebt).amountUp(_market(id).debtIndex);
            _setDebt(account, id, 0);
        }
    }
}
