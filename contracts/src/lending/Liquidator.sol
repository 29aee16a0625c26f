// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";

import {Backstop} from "./Backstop.sol";
import {InsuranceFund} from "./InsuranceFund.sol";
import {LendingCore} from "./LendingCore.sol";
import {LendingMath} from "./libraries/LendingMath.sol";

/// @title Liquidations, and who pays where collateral does not suffice
/// @notice Code that `LendingPool` delegates to: call the pool. Each step happens only if the one before left
/// something over, and has an event.
///
/// 0. Nothing is liquidated on a price that is stale, incomplete, out of range or jumped, nor within the grace
///    period after such a price came back: of any reserve the account has to do with. So a feed that often fails
///    protects whoever has a little of its reserve; such a reserve may be listed only isolated and not to be lent.
///    Where nobody has looked at a reserve since its price came back, `accrue` must be called first, and kept:
///    an attempt to liquidate that is refused leaves no trace, and the grace period would begin again.
/// 1. A liquidator repays only as much as brings the account's health to the target. If it cannot get there, or
///    less than a minimum would be left, all of the debt, as far as the collateral reaches.
/// 2. For that it may take collateral worth more than what it repays. The discount begins small when the account is
///    flagged and grows with time, so that it ends up as small as somebody does it for. It does not grow beyond what
///    the collateral is worth over the debt: a discount that an account cannot pay is paid by suppliers, and in a
///    crash, when many wait to be liquidated, it would be paid although waiting costs less.
/// 3. When an account has no collateral any more and still owes, the insurance fund pays what it has,
/// 4. then the backstop of the reserve pays, up to its bound,
/// 5. and what is left is recorded as the reserve's deficit. The debt is gone and earns nothing, the claims
///    of suppliers stay; fees of the reserve, or anybody, cover the deficit later.
///
/// @dev The pool's part of the discount, flash loan fees and the interest that suppliers do not get are not
/// booked anywhere: they are what tills and debts hold over what suppliers may claim. So nothing of them is a
/// slot that liquidations write. `collectFees` works it out and pays it. Called at its own address this
/// contract knows no reserve and reverts.
contract Liquidator is LendingCore {
    using FixedPointMathLib for uint256;
    using LendingMath for uint256;

    /// What a liquidator wants.
    struct Order {
        address account;
        address debtAsset;
        address collateralAsset;
        /// The most to repay, of the debt asset.
        uint256 repayMax;
        /// The least to get, of the collateral asset.
        uint256 collateralMin;
        /// Whether to get it as a supply position: it works when all tokens are lent.
        bool asSupply;
    }

    /// A liquidation in the making.
    struct Work {
        uint256 debtId;
        uint256 collateralId;
        Market debt;
        Market collateral;
        uint256 debtDecimals;
        uint256 collateralDecimals;
        /// All that is owed of the debt asset, and all that is pledged of the collateral asset.
        uint256 owed;
        uint256 pledged;
    }

    constructor(uint256 shardCount) LendingCore(shardCount) {}

    /// @notice Looks at an account: begins the auction if its health is under 1, and ends it if it is not.
    /// Anybody may.
    /// @dev Reverts with `PriceUnusable` or `GracePeriod`.
    /// @return Whether the account is flagged now.
    function flag(address account) external nonReentrant returns (bool) {
        _syncAccount(account, 0);
        Health memory health = _health(account);
        _requirePrices(health);
        if (health.threshold >= health.debt) {
            _unflag(account, health);
            return false;
        }
        _requireGracePassed(account, health);
        _auctionAge(account, health);
        return true;
    }

    /// @notice Repays debt of an account whose health is under 1 and takes collateral for it, at a discount.
    /// Anybody but the account may.
    /// @dev Reverts with `Healthy`, `PriceUnusable`, `GracePeriod`, `NothingOwed`, `NotCollateral`,
    /// `TooLittleCollateral`; with `DustLeft` if `repayMax` is less than what may be repaid and would leave
    /// less than the minimum. Repaid is rounded up, what is taken is rounded down.
    /// @return repaid Of the debt asset, taken from the caller.
    /// @return received Of the collateral asset, paid to the caller.
    function liquidate(Order calldata order) external nonReentrant returns (uint256 repaid, uint256 received) {
        address account = order.account;
        require(account != msg.sender, OwnAccount(account));
        _syncAccount(account, 0);
        Work memory work = _begin(order);
        Health memory health = _health(account);
        _requirePrices(health);
        Liquidation memory result;
        result.healthBefore = health.threshold.health(health.debt);
        require(health.threshold < health.debt, Healthy(account, result.healthBefore));
        _requireGracePassed(account, health);
        result.discount = _discount(work.collateralId, _auctionAge(account, health), health);
        result.asSupply = order.asSupply;
        _size(order, work, health, result);
        received = result.seized - result.kept;
        require(received >= order.collateralMin, TooLittleCollateral(received, order.collateralMin));
        repaid = result.repaid;

        _book(order, work, result);
        health = _health(account);
        result.healthAfter = health.threshold.health(health.debt);
        emit Liquidated(account, order.debtAsset, order.collateralAsset, msg.sender, result);
        if (health.threshold >= health.debt) _unflag(account, health);

        uint256 shard = shardOf(account);
        _take(order.debtAsset, shard, msg.sender, repaid);
        if (!order.asSupply) _pay(order.collateralAsset, shard, msg.sender, received);
        if (accounts[account].collateral == 0) _writeOff(account);
    }

    /// @notice Pays for a reserve's deficit with tokens of the caller. Anybody may.
    /// @dev Reverts with `NoDeficit`.
    /// @param amount At most so much; what exceeds the deficit is not taken.
    /// @return The amount taken.
    function coverDeficit(address asset, uint256 amount) external nonReentrant returns (uint256) {
        uint256 id = _reserveId(asset);
        _sync(id);
        uint256 deficit = reserves[id].deficit;
        amount = amount.min(deficit);
        require(amount != 0, NoDeficit(asset));
        reserves[id].deficit = deficit - amount;
        emit DeficitCovered(asset, msg.sender, amount, deficit - amount);
        _take(asset, shardOf(msg.sender), msg.sender, amount);
        return amount;
    }

    /// @notice Pays what a reserve has over the claims of its suppliers: first into its own deficit, then to the
    /// insurance fund and to those who stake in its backstop. Anybody may.
    /// @dev Over the claims are the interest they do not get, the pool's part of discounts, flash loan fees, what
    /// was sent to the tills by mistake and what rounding left. Reads all shards, so not for the midst of a block.
    function collectFees(address asset)
        external
        nonReentrant
        returns (uint256 toInsuranceFund, uint256 toBackstop)
    {
        uint256 id = _reserveId(asset);
        Market memory market = _sync(id);
        Reserve storage reserve = reserves[id];
        uint256 cash = _cash(asset);
        uint256 over = _over(id, market, cash);
        uint256 deficit = reserve.deficit;
        if (deficit != 0) {
            uint256 covered = deficit.min(over);
            over -= covered;
            deficit -= covered;
            reserve.deficit = deficit;
            if (covered != 0) emit DeficitCovered(asset, address(this), covered, deficit);
        }
        over = over.min(cash);
        address backstop = reserve.backstop;
        if (backstop != address(0) && Backstop(backstop).totalSupply() != 0) {
            toBackstop = over * terms_.backstopShare / BPS;
        }
        address fund = terms_.insuranceFund;
        toInsuranceFund = fund == address(0) ? 0 : over - toBackstop;
        emit FeesCollected(asset, toInsuranceFund, toBackstop);
        // Not always out of the same till.
        uint256 shard = block.timestamp & (SHARDS - 1);
        _pay(asset, shard, fund, toInsuranceFund);
        if (toBackstop == 0) return (toInsuranceFund, 0);
        _pay(asset, shard, backstop, toBackstop);
        Backstop(backstop).distribute();
    }

    function _over(uint256 id, Market memory market, uint256 cash) private view returns (uint256) {
        (uint256 scaledSupply, uint256 scaledDebt) = _scaledTotals(id);
        uint256 has = cash + scaledDebt.fullMulDiv(market.debtIndex, RAY) + reserves[id].deficit;
        return has.zeroFloorSub(scaledSupply.fullMulDivUp(market.supplyIndex, RAY));
    }

    function _requireGracePassed(address account, Health memory health) private view {
        if (health.resumedAt == 0) return;
        uint256 until = health.resumedAt + terms_.grace;
        require(block.timestamp >= until, GracePeriod(account, until));
    }

    function _begin(Order calldata order) private view returns (Work memory work) {
        work.debtId = _reserveId(order.debtAsset);
        work.collateralId = _reserveId(order.collateralAsset);
        work.debt = _market(work.debtId);
        work.collateral = _market(work.collateralId);
        work.debtDecimals = reserves[work.debtId].decimals;
        work.collateralDecimals = reserves[work.collateralId].decimals;
        address account = order.account;
        require(
            accounts[account].collateral >> work.collateralId & 1 != 0,
            NotCollateral(account, order.collateralAsset)
        );
        work.owed = uint256(positions[account][work.debtId].scaledDebt).amountUp(work.debt.debtIndex);
        require(work.owed != 0, NothingOwed(account, order.debtAsset));
        uint256 scaledSupply = positions[account][work.collateralId].scaledSupply;
        work.pledged = scaledSupply.amountDown(work.collateral.supplyIndex);
    }

    /// Seconds since the account was flagged. It is flagged now if it is not, or was so long ago that nobody
    /// knows what happened since: an old flag must not begin the auction at its end.
    function _auctionAge(address account, Health memory health) private returns (uint256) {
        uint256 flaggedAt = accounts[account].flaggedAt;
        if (flaggedAt != 0 && block.timestamp - flaggedAt <= 2 * uint256(terms_.auctionDuration)) {
            return block.timestamp - flaggedAt;
        }
        accounts[account].flaggedAt = uint40(block.timestamp);
        emit Flagged(account, msg.sender, health.threshold.health(health.debt));
        return 0;
    }

    /// What the auction has come to, but not more than what all of the account's collateral is worth over all of its
    /// debt, rounded down, nor less than the least.
    function _discount(uint256 collateralId, uint256 age, Health memory health) private view returns (uint256) {
        Reserve storage reserve = reserves[collateralId];
        uint256 least = reserve.discountMin;
        uint256 discount = LendingMath.discountAt(least, reserve.discountMax, age, terms_.auctionDuration);
        return discount.min((health.collateral.fullMulDiv(BPS, health.debt)).zeroFloorSub(BPS)).max(least);
    }

    /// How much is repaid and seized, and why so much.
    function _size(Order calldata order, Work memory work, Health memory health, Liquidation memory result)
        private
        view
    {
        uint256 valueMin = terms_.valueMin;
        (uint256 repay, uint256 seize) = _repayable(work, health, result, valueMin);
        if (order.repayMax < repay) {
            uint256 repayable = repay;
            (repay, result.reason) = (order.repayMax, Reason.LiquidatorLimit);
            seize = _seizable(work, result.discount, repay).min(work.pledged);
            uint256 left = work.pledged - seize;
            require(
                _debtValue(work, work.owed - repay) >= valueMin
                    && (left == 0 || _collateralValue(work, left) >= valueMin),
                DustLeft(repay, repayable)
            );
        }
        require(repay != 0, NothingToRepay());
        (result.repaid, result.seized) = (repay, seize);
        // Of what goes beyond the value repaid.
        uint256 extra = seize.fullMulDiv(result.discount, BPS + result.discount);
        result.kept = extra * terms_.keptShare / BPS;
    }

    /// The most that may be repaid, and what is seized for it.
    function _repayable(Work memory work, Health memory health, Liquidation memory result, uint256 valueMin)
        private
        view
        returns (uint256 repay, uint256 seize)
    {
        uint256 discount = result.discount;
        repay = _repayToTarget(work, health, discount);
        result.reason = Reason.TargetHealth;
        if (repay >= work.owed || _debtValue(work, work.owed - repay) < valueMin) {
            (repay, result.reason) = (work.owed, Reason.WholeDebt);
        }
        seize = _seizable(work, discount, repay);
        uint256 left = work.pledged.zeroFloorSub(seize);
        if (left != 0 && (repay == work.owed || _collateralValue(work, left) >= valueMin)) {
            return (repay, seize);
        }
        // All of this collateral, as it does not suffice or too little of it would be left. More than is owed it
        // cannot pay for but by rounding: what is left of it then would be as much as what is left of the debt.
        result.reason = Reason.WholeCollateral;
        return (_costOfPledged(work, discount).min(left == 0 ? repay : work.owed), work.pledged);
    }

    /// Amount of the debt asset that brings the health to the target, rounded up.
    function _repayToTarget(Work memory work, Health memory health, uint256 discount)
        private
        view
        returns (uint256)
    {
        uint256 value = LendingMath.repayToTarget(
            health.threshold,
            health.debt,
            discount,
            reserves[work.collateralId].liquidationThreshold,
            terms_.targetHealth
        );
        // What is beyond 128 bits is more than is owed anyway.
        return value.min(type(uint128).max).boughtUp(work.debt.price, work.debtDecimals);
    }

    /// What all of the pledged collateral pays for: at least 1, so that the last of it can be had.
    function _costOfPledged(Work memory work, uint256 discount) private pure returns (uint256) {
        uint256 value = work.pledged.valueUp(work.collateral.price, work.collateralDecimals);
        return value.fullMulDivUp(BPS, BPS + discount).boughtUp(work.debt.price, work.debtDecimals);
    }

    function _debtValue(Work memory work, uint256 amount) private pure returns (uint256) {
        return amount.valueDown(work.debt.price, work.debtDecimals);
    }

    function _collateralValue(Work memory work, uint256 amount) private pure returns (uint256) {
        return amount.valueDown(work.collateral.price, work.collateralDecimals);
    }

    /// The collateral that a repaid amount gives a right to, whether it is there or not.
    function _seizable(Work memory work, uint256 discount, uint256 repay) private pure returns (uint256) {
        uint256 value = _debtValue(work, repay).fullMulDiv(BPS + discount, BPS);
        return value.boughtDown(work.collateral.price, work.collateralDecimals);
    }

    /// Moves the debt and the collateral; no tokens yet.
    function _book(Order calldata order, Work memory work, Liquidation memory result) private {
        address account = order.account;
        uint256 scaledDebt = positions[account][work.debtId].scaledDebt;
        scaledDebt = result.repaid == work.owed ? 0 : scaledDebt - result.repaid.scaledDown(work.debt.debtIndex);
        _setDebt(account, work.debtId, scaledDebt);

        uint256 index = work.collateral.supplyIndex;
        uint256 scaledSupply = positions[account][work.collateralId].scaledSupply;
        scaledSupply = result.seized == work.pledged ? 0 : scaledSupply - result.seized.scaledUp(index);
        _setSupply(account, work.collateralId, scaledSupply);
        (result.scaledDebt, result.scaledSupply) = (scaledDebt, scaledSupply);
        if (!order.asSupply) return;

        uint256 received = result.seized - result.kept;
        uint256 scaled = positions[msg.sender][work.collateralId].scaledSupply + received.scaledDown(index);
        _setSupply(msg.sender, work.collateralId, scaled);
        emit Supplied(order.collateralAsset, msg.sender, account, received, scaled);
    }

    /// What an account without collateral owes is never paid: whoever stands in for it does now.
    function _writeOff(address account) private {
        uint256 left = accounts[account].debt;
        if (left == 0) return;
        while (left != 0) {
            uint256 id = LibBit.ffs(left);
            left &= left - 1;
            _writeOffDebt(account, id);
        }
        // Owes nothing.
        _unflag(account, _health(account));
    }

    function _writeOffDebt(address account, uint256 id) private {
        Reserve storage reserve = reserves[id];
        address asset = reserve.asset;
        address till = tillOf(shardOf(account));
        uint256 debt = uint256(positions[account][id].scaledDebt).amountUp(_market(id).debtIndex);
        _setDebt(account, id, 0);
        emit CollateralExhausted(account, asset, debt);

        uint256 left = debt;
        address fund = terms_.insuranceFund;
        if (fund != address(0)) {
            uint256 before = IERC20(asset).balanceOf(till);
            // A fund that fails must not keep bad debt alive.
            try InsuranceFund(fund).cover(asset, left, till) {} catch {}
            uint256 paid = (IERC20(asset).balanceOf(till) - before).min(left);
            left -= paid;
            emit InsuranceFundPaid(account, asset, paid, left);
        }
        address backstop = reserve.backstop;
        if (left != 0 && backstop != address(0)) {
            uint256 before = IERC20(asset).balanceOf(till);
            try Backstop(backstop).cover(left, till) {} catch {}
            uint256 paid = (IERC20(asset).balanceOf(till) - before).min(left);
            left -= paid;
            emit BackstopPaid(account, asset, paid, left);
        }
        if (left == 0) return;
        reserve.deficit += left;
        emit DeficitRecorded(account, asset, left, reserve.deficit);
    }
}
