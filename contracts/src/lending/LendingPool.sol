// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

import {Configurator} from "./Configurator.sol";
import {LendingCore} from "./LendingCore.sol";
import {Liquidator} from "./Liquidator.sol";
import {Till} from "./Till.sol";
import {InterestRate} from "./libraries/InterestRate.sol";
import {LendingMath} from "./libraries/LendingMath.sol";

/// @title Over-collateralised lending
/// @notice Suppliers lend tokens to a reserve and earn a part of its interest; borrowers pay it and pledge what
/// they supplied to any reserves. Each account has one health for all it has and owes: the sum of its
/// collateral values, each times its liquidation threshold, over the sum of its debt values. At health under 1
/// others may repay its debt for a part of its collateral: see `Liquidator`. An account with health of at
/// least 1 cannot be made to lose anything.
///
/// Tokens must be plain ERC-20s of at most 18 decimals: none that take a fee of a transfer, rebase or can be
/// changed to do so. All rounding favours the pool, by less than two scaled units (index / RAY units of the
/// token each) for each operation.
///
/// Interest. The first operation of a second on a reserve, or anybody by `accrue`, adds the interest since the
/// time before and sets the rate that holds until the time after. So a rate follows from what earlier blocks
/// left, not from the present one, and it changes only when somebody looks: keepers call `accrueAll` first in
/// each block. The debt index compounds (`InterestRate.growth`); the supply index is linear for each step, as it
/// passes on what debts have earned. The price that a second sees is read at the same moment.
///
/// Caps. Until the next second each shard may take in an equal part of what the cap leaves. A user with a large
/// amount sees `CapReached` with the room of the present second and comes again in the next: that the
/// total never exceeds the cap costs waiting, not a slot that all write. What the shard gives back in the same
/// second is room again. Interest may lift a total over the cap.
///
/// @dev Parts. `Liquidator` and `Configurator` are code that this contract delegates to, fixed when it is
/// deployed; they share `LendingStorage` and have no state of their own. Functions of `Configurator` are called
/// at this contract's address, by its fallback. Which slots are hot is said in `LendingStorage`. Flash loans hold
/// no lock, so that what is lent can be used here, for instance to liquidate: nothing here follows from a balance
/// of tokens but whether there is enough to pay.
contract LendingPool is LendingCore, AccessControl, IERC3156FlashLender {
    using Address for address;
    using FixedPointMathLib for uint256;
    using LendingMath for uint256;

    /// How roles have configured a reserve: see `LendingStorage.Reserve`.
    struct ReserveConfig {
        address asset;
        uint8 decimals;
        uint16 ltv;
        uint16 liquidationThreshold;
        address feed;
        uint8 feedDecimals;
        uint32 heartbeat;
        uint16 jumpMax;
        uint32 jumpWindow;
        address backstop;
        uint16 reserveFactor;
        uint16 discountMin;
        uint16 discountMax;
        bool isolated;
        bool borrowable;
        bool frozen;
        uint128 supplyCap;
        uint128 borrowCap;
        InterestRate.Model model;
    }

    /// A reserve as of this second, of what interest and prices change.
    struct ReserveState {
        uint256 supplyIndex;
        uint256 debtIndex;
        /// RAY for a second, until the next sync.
        uint256 ratePerSecond;
        /// What suppliers may claim, rounded up.
        uint256 supply;
        /// What borrowers owe, rounded down.
        uint256 debt;
        /// What lies in the tills.
        uint256 cash;
        uint256 deficit;
        /// Of each shard, until the next sync; the largest of 104 bits is no limit.
        uint256 supplyRoom;
        uint256 borrowRoom;
        uint256 price;
        PriceStatus priceStatus;
        uint256 resumedAt;
    }

    bytes32 private constant FLASH_BORROWER = keccak256("ERC3156FlashBorrower.onFlashLoan");

    /// @notice The code of liquidations.
    address public immutable LIQUIDATOR;
    /// @notice The code that roles configure the pool with.
    address public immutable CONFIGURATOR;

    /// @param shardCount A power of two; the modules have been deployed with the same.
    /// @param admin Who grants roles: a governance timelock.
    constructor(uint256 shardCount, Liquidator liquidator, Configurator configurator, address admin)
        LendingCore(shardCount)
    {
        require(liquidator.SHARDS() == shardCount, BadModule(address(liquidator)));
        require(configurator.SHARDS() == shardCount, BadModule(address(configurator)));
        (LIQUIDATOR, CONFIGURATOR) = (address(liquidator), address(configurator));
        for (uint256 i = 0; i < shardCount; ++i) {
            new Till{salt: bytes32(i)}();
        }
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @dev All functions of `Configurator`, which checks roles itself.
    fallback() external {
        address configurator = CONFIGURATOR;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let success := delegatecall(gas(), configurator, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            switch success
            case 0 { revert(free, returndatasize()) }
            default { return(free, returndatasize()) }
        }
    }

    // Operations of users.

    /// @notice Supplies tokens of the caller to the benefit of `account`. It is not collateral before the account
    /// says so. Never depends on a price.
    /// @dev Reverts with `CapReached`, or `AmountTooSmall` where rounding would leave nothing.
    function supply(address asset, uint256 amount, address account) external nonReentrant {
        require(account != address(0), NoAccount());
        uint256 id = _reserveId(asset);
        Market memory market = _sync(id);
        uint256 added = amount.scaledDown(market.supplyIndex);
        require(added != 0, AmountTooSmall(amount));
        uint256 shard = shardOf(account);
        _useRoom(asset, id, shard, market.supplyRoom, amount, false);
        uint256 scaled = positions[account][id].scaledSupply + added;
        _setSupply(account, id, scaled);
        _reviewFlag(account);
        emit Supplied(asset, account, msg.sender, amount, scaled);
        _take(asset, shard, msg.sender, amount);
    }

    /// @notice Takes back what the caller supplied, and pays it to `to`.
    /// @param amount The largest number is all.
    /// @dev Where the caller owes something and this is collateral, the loan-to-value must hold afterwards, on
    /// usable prices. Reverts with `NotEnoughSupplied`, `NotEnoughCollateral`, `PriceUnusable` or, if too much is
    /// lent, `NotEnoughCash`.
    /// @return The amount paid.
    function withdraw(address asset, uint256 amount, address to) external nonReentrant returns (uint256) {
        uint256 id = _reserveId(asset);
        Market memory market = _sync(id);
        uint256 scaled = positions[msg.sender][id].scaledSupply;
        uint256 supplied = scaled.amountDown(market.supplyIndex);
        if (amount == type(uint256).max) amount = supplied;
        require(amount <= supplied, NotEnoughSupplied(asset, amount, supplied));
        require(amount != 0, AmountTooSmall(amount));
        scaled = amount == supplied ? 0 : scaled - amount.scaledUp(market.supplyIndex);
        uint256 shard = shardOf(msg.sender);
        _returnRoom(id, shard, market.supplyRoom, amount, false);
        bool isPledged = _isPledged(msg.sender, id);
        _setSupply(msg.sender, id, scaled);
        if (isPledged) _requireFree(msg.sender);
        emit Withdrawn(asset, msg.sender, to, amount, scaled);
        _pay(asset, shard, to, amount);
        return amount;
    }

    /// @notice Lends tokens to `account`, whose collateral secures them, and pays them to `to`.
    /// @param account The caller, or somebody who approved the caller by `approveBorrow`.
    /// @dev The loan-to-value must hold afterwards, on usable prices, and the debt to this reserve must have a
    /// minimal value. Reverts with `Paused`, `Frozen`, `NotBorrowable`, `CapReached`, `DebtCeilingReached`,
    /// `DebtTooSmall`, `NotEnoughCollateral`, `PriceUnusable`, `BorrowNotApproved` or `NotEnoughCash`.
    function borrow(address asset, uint256 amount, address account, address to) external nonReentrant {
        require(amount != 0, AmountTooSmall(amount));
        uint256 id = _reserveId(asset);
        _requireBorrowable(asset, id);
        if (account != msg.sender) _useBorrowAllowance(account, id, amount);
        _syncAccount(account, 1 << id);
        Market memory market = _market(id);
        uint256 shard = shardOf(account);
        uint256 added = amount.scaledUp(market.debtIndex);
        _useRoom(asset, id, shard, market.borrowRoom, added.amountUp(market.debtIndex), true);
        uint256 scaled = positions[account][id].scaledDebt + added;
        _setDebt(account, id, scaled);
        _requireCeiling(account, id, shard, market.debtIndex);
        _requireBorrowPower(account);
        uint256 value = scaled.amountUp(market.debtIndex).valueDown(market.price, reserves[id].decimals);
        require(value >= terms_.valueMin, DebtTooSmall(asset, value, terms_.valueMin));
        emit Borrowed(asset, account, msg.sender, to, amount, scaled);
        _pay(asset, shard, to, amount);
    }

    /// @notice Repays debt of `account` with tokens of the caller. Never depends on a price.
    /// @param amount The largest number is all that is owed.
    /// @dev Reverts with `NothingOwed`, or `AmountTooSmall` where rounding would leave the debt as it is.
    /// @return The amount taken, at most the debt.
    function repay(address asset, uint256 amount, address account) external nonReentrant returns (uint256) {
        uint256 id = _reserveId(asset);
        Market memory market = _sync(id);
        uint256 scaled = positions[account][id].scaledDebt;
        require(scaled != 0, NothingOwed(account, asset));
        uint256 owed = scaled.amountUp(market.debtIndex);
        amount = amount.min(owed);
        uint256 less = amount == owed ? scaled : amount.scaledDown(market.debtIndex);
        require(less != 0, AmountTooSmall(amount));
        scaled -= less;
        uint256 shard = shardOf(account);
        _returnRoom(id, shard, market.borrowRoom, less.amountDown(market.debtIndex), true);
        _setDebt(account, id, scaled);
        _reviewFlag(account);
        emit Repaid(asset, account, msg.sender, amount, scaled);
        _take(asset, shard, msg.sender, amount);
        return amount;
    }

    /// @notice Says whether what the caller supplied to a reserve is collateral. An isolated reserve can be
    /// collateral only by itself.
    /// @dev Reverts with `NotEnoughSupplied` where there is nothing, `NotCollateral` where the reserve is not accepted,
    /// `Frozen`, `IsolationBroken`; to end it with debt, as `withdraw`.
    function setCollateral(address asset, bool isCollateral) external nonReentrant {
        uint256 id = _reserveId(asset);
        if (isCollateral == _isPledged(msg.sender, id)) return;
        if (isCollateral) {
            _requirePledgeable(asset, id);
            _setCollateral(msg.sender, id, true);
        } else {
            _setCollateral(msg.sender, id, false);
            _requireFree(msg.sender);
        }
    }

    /// @notice Allows `spender` to borrow so much of an asset against the caller's collateral. The largest number
    /// does not get less.
    function approveBorrow(address asset, address spender, uint256 amount) external {
        borrowAllowances[msg.sender][spender][_reserveId(asset)] = amount;
        emit BorrowApproval(msg.sender, spender, asset, amount);
    }

    /// @notice Brings the interest, the rate and the price of a reserve up to this second. Anybody may.
    function accrue(address asset) external nonReentrant {
        _sync(_reserveId(asset));
    }

    /// @notice The same for all reserves. As the first transaction of a block it leaves all others of the block
    /// nothing to write in common.
    function accrueAll() external nonReentrant {
        uint256 count = reserveCount_;
        for (uint256 id = 0; id < count; ++id) {
            _sync(id);
        }
    }

    // Liquidation.

    /// @notice As `Liquidator.flag`.
    function flag(address account) external returns (bool) {
        bytes memory result = LIQUIDATOR.functionDelegateCall(abi.encodeCall(Liquidator.flag, (account)));
        return abi.decode(result, (bool));
    }

    /// @notice As `Liquidator.liquidate`.
    function liquidate(Liquidator.Order calldata order) external returns (uint256 repaid, uint256 received) {
        bytes memory result = LIQUIDATOR.functionDelegateCall(abi.encodeCall(Liquidator.liquidate, (order)));
        return abi.decode(result, (uint256, uint256));
    }

    /// @notice As `Liquidator.coverDeficit`.
    function coverDeficit(address asset, uint256 amount) external returns (uint256) {
        bytes memory result =
            LIQUIDATOR.functionDelegateCall(abi.encodeCall(Liquidator.coverDeficit, (asset, amount)));
        return abi.decode(result, (uint256));
    }

    /// @notice As `Liquidator.collectFees`.
    function collectFees(address asset) external returns (uint256 toInsuranceFund, uint256 toBackstop) {
        bytes memory result = LIQUIDATOR.functionDelegateCall(abi.encodeCall(Liquidator.collectFees, (asset)));
        return abi.decode(result, (uint256, uint256));
    }

    // Flash loans.

    /// @notice What could be lent now: all tills together; 0 while paused.
    function maxFlashLoan(address token) public view returns (uint256) {
        return reserveIds[token] == 0 || terms_.paused ? 0 : _cash(token);
    }

    /// @notice Rounded up. Reverts with `UnknownReserve`.
    function flashFee(address token, uint256 amount) public view returns (uint256) {
        _reserveId(token);
        return amount.fullMulDivUp(terms_.flashFee, BPS);
    }

    /// @notice ERC-3156: lends tokens without collateral until the end of the call. They come from the till of
    /// the receiver's shard and from those that follow it, and each gets back what it gave. Others may call this
    /// with any receiver: it must check who began.
    /// @dev Holds no lock: see the contract. The fee is nobody's claim, so `collectFees` finds it. Reverts with
    /// `Paused`, `NotEnoughCash`, `NotFlashBorrower`, or as the token does if it is not paid back.
    function flashLoan(IERC3156FlashBorrower receiver, address token, uint256 amount, bytes calldata data)
        external
        returns (bool)
    {
        require(!terms_.paused, Paused());
        uint256 fee = flashFee(token, amount);
        uint256[] memory parts = _lendAll(address(receiver), token, amount);
        require(
            receiver.onFlashLoan(msg.sender, token, amount, fee, data) == FLASH_BORROWER,
            NotFlashBorrower(address(receiver))
        );
        parts[0] += fee;
        uint256 first = shardOf(address(receiver));
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] != 0) _take(token, (first + i) & (SHARDS - 1), address(receiver), parts[i]);
        }
        emit FlashLoan(token, address(receiver), msg.sender, amount, fee);
        return true;
    }

    function _lendAll(address receiver, address token, uint256 amount) private returns (uint256[] memory parts) {
        parts = new uint256[](SHARDS);
        uint256 first = shardOf(receiver);
        for (uint256 i = 0; i < SHARDS && amount != 0; ++i) {
            address till = tillOf((first + i) & (SHARDS - 1));
            uint256 part = IERC20(token).balanceOf(till).min(amount);
            if (part == 0) continue;
            parts[i] = part;
            amount -= part;
            Till(till).pay(IERC20(token), receiver, part);
        }
        require(amount == 0, NotEnoughCash(token, amount));
    }

    // Views. They revert in the midst of an operation, when tokens and positions do not fit each other yet.

    /// @notice How many reserves there are; their numbers begin at 0.
    function reserveCount() external view returns (uint256) {
        return reserveCount_;
    }

    /// @notice The asset of a reserve, and how roles have configured it. `reserveState` has the rest.
    function reserveAt(uint256 id) external view returns (ReserveConfig memory config) {
        require(id < reserveCount_, UnknownReserve(address(0)));
        Reserve storage reserve = reserves[id];
        config.asset = reserve.asset;
        config.decimals = reserve.decimals;
        config.ltv = reserve.ltv;
        config.liquidationThreshold = reserve.liquidationThreshold;
        config.feed = reserve.feed;
        config.feedDecimals = reserve.feedDecimals;
        config.heartbeat = reserve.heartbeat;
        config.jumpMax = reserve.jumpMax;
        config.jumpWindow = reserve.jumpWindow;
        config.backstop = reserve.backstop;
        config.reserveFactor = reserve.reserveFactor;
        config.discountMin = reserve.discountMin;
        config.discountMax = reserve.discountMax;
        config.isolated = reserve.isolated;
        config.borrowable = reserve.borrowable;
        config.frozen = reserve.frozen;
        config.supplyCap = reserve.supplyCap;
        config.borrowCap = reserve.borrowCap;
        config.model = reserve.model;
    }

    /// @notice What holds for all reserves.
    function terms() external view returns (Terms memory) {
        return terms_;
    }

    /// @notice A reserve as of this second.
    function reserveState(address asset) external view nonReentrantView returns (ReserveState memory state) {
        uint256 id = _reserveId(asset);
        Market memory market = _market(id);
        (uint256 scaledSupply, uint256 scaledDebt) = _scaledTotals(id);
        state.supplyIndex = market.supplyIndex;
        state.debtIndex = market.debtIndex;
        state.ratePerSecond = market.ratePerSecond;
        state.supply = scaledSupply.fullMulDivUp(market.supplyIndex, RAY);
        state.debt = scaledDebt.fullMulDiv(market.debtIndex, RAY);
        state.cash = _cash(asset);
        state.deficit = reserves[id].deficit;
        state.supplyRoom = market.supplyRoom;
        state.borrowRoom = market.borrowRoom;
        state.price = market.price;
        state.priceStatus = market.status;
        state.resumedAt = market.resumedAt;
    }

    /// @notice Lost debt of a reserve that nothing has covered yet.
    function deficit(address asset) external view returns (uint256) {
        return reserves[_reserveId(asset)].deficit;
    }

    /// @notice What a shard has, scaled.
    function shardTotals(address asset, uint256 shard) external view returns (Shard memory) {
        return shards[_reserveId(asset)][shard];
    }

    /// @notice What an account has in a reserve, scaled.
    function positionOf(address account, address asset) external view returns (Position memory) {
        return positions[account][_reserveId(asset)];
    }

    /// @notice Which reserves an account has to do with, and whether it is flagged.
    function accountOf(address account) external view returns (Account memory) {
        return accounts[account];
    }

    /// @notice What an account may claim, rounded down.
    function supplyOf(address account, address asset) external view nonReentrantView returns (uint256) {
        uint256 id = _reserveId(asset);
        return uint256(positions[account][id].scaledSupply).amountDown(_market(id).supplyIndex);
    }

    /// @notice What an account owes, rounded up.
    function debtOf(address account, address asset) external view nonReentrantView returns (uint256) {
        uint256 id = _reserveId(asset);
        return uint256(positions[account][id].scaledDebt).amountUp(_market(id).debtIndex);
    }

    /// @notice How much `spender` may borrow of an asset against the collateral of `owner`.
    function borrowAllowance(address owner, address spender, address asset) external view returns (uint256) {
        return borrowAllowances[owner][spender][_reserveId(asset)];
    }

    /// @notice How much of `debtAsset` may be lent against an isolated collateral, and how much of that, scaled, a
    /// shard has lent. Each shard may lend an equal part.
    function debtCeiling(address collateralAsset, address debtAsset, uint256 shard)
        external
        view
        returns (uint256 ceiling, uint256 scaledDebt)
    {
        (uint256 collateralId, uint256 debtId) = (_reserveId(collateralAsset), _reserveId(debtAsset));
        return (debtCeilings[collateralId][debtId], isolatedDebt[collateralId][debtId][shard]);
    }

    /// @notice Values of what an account has and owes.
    function accountHealth(address account) external view nonReentrantView returns (Health memory) {
        return _health(account);
    }

    /// @notice Health in WAD, rounded down; the largest number without debt. Where a price is not usable it is the
    /// last accepted one: `accountHealth` tells.
    function healthFactor(address account) external view nonReentrantView returns (uint256) {
        Health memory health = _health(account);
        return health.threshold.health(health.debt);
    }

    /// @notice The most that an account could borrow of an asset right now: by collateral, cap, ceiling and cash.
    /// 0 if a price is not usable.
    function maxBorrow(address account, address asset) external view nonReentrantView returns (uint256) {
        uint256 id = _reserveId(asset);
        Reserve storage reserve = reserves[id];
        Market memory market = _market(id);
        Health memory health = _health(account);
        if (
            terms_.paused || reserve.frozen || !reserve.borrowable || health.unusable != address(0)
                || market.status != PriceStatus.Usable || health.borrowPower <= health.debt
        ) return 0;

        uint256 scaled = positions[account][id].scaledDebt;
        // Backwards through each rounding of `borrow`, so that this much is accepted and one more is not.
        uint256 value = scaled.amountUp(market.debtIndex).valueUp(market.price, reserve.decimals);
        value += health.borrowPower - health.debt;
        uint256 owed = value.boughtDown(market.price, reserve.decimals);
        uint256 added = owed.scaledDown(market.debtIndex).zeroFloorSub(scaled);
        uint256 shard = shardOf(account);
        if (market.borrowRoom != NO_LIMIT) {
            Shard storage used = shards[id][shard];
            uint256 room = market.borrowRoom;
            if (used.roomOf == block.timestamp) room = room.zeroFloorSub(used.borrowed);
            added = added.min(room.scaledDown(market.debtIndex));
        }
        uint256 isolation = accounts[account].isolation;
        if (isolation != 0) {
            uint256 ceiling = debtCeilings[isolation - 1][id] / SHARDS;
            uint256 counted = isolatedDebt[isolation - 1][id][shard];
            added = added.min(ceiling.scaledDown(market.debtIndex).zeroFloorSub(counted));
        }
        return added.amountDown(market.debtIndex).min(_cash(asset));
    }

    // What must hold.

    function _requireBorrowable(address asset, uint256 id) private view {
        Reserve storage reserve = reserves[id];
        require(!terms_.paused, Paused());
        require(!reserve.frozen, Frozen(asset));
        require(reserve.borrowable, NotBorrowable(asset));
    }

    function _requirePledgeable(address asset, uint256 id) private {
        Reserve storage reserve = reserves[id];
        Account storage account = accounts[msg.sender];
        require(!reserve.frozen, Frozen(asset));
        require(reserve.liquidationThreshold != 0, NotCollateral(msg.sender, asset));
        require(positions[msg.sender][id].scaledSupply != 0, NotEnoughSupplied(asset, 0, 0));
        if (account.collateral == 0) {
            // Nobody owes something without collateral: what is left over then is written off.
            account.isolation = reserve.isolated ? uint8(id + 1) : 0;
        } else {
            require(!reserve.isolated && account.isolation == 0, IsolationBroken(msg.sender, asset));
        }
    }

    /// What an account gave up was not needed for what it owes.
    function _requireFree(address account) private {
        if (accounts[account].debt == 0) return;
        _syncAccount(account, 0);
        _requireBorrowPower(account);
    }

    function _requireCeiling(address account, uint256 id, uint256 shard, uint256 debtIndex) private view {
        uint256 isolation = accounts[account].isolation;
        if (isolation == 0) return;
        uint256 ceiling = debtCeilings[isolation - 1][id] / SHARDS;
        uint256 debt = isolatedDebt[isolation - 1][id][shard].amountUp(debtIndex);
        require(
            debt <= ceiling,
            DebtCeilingReached(reserves[isolation - 1].asset, reserves[id].asset, debt, ceiling)
        );
    }

    function _isPledged(address account, uint256 id) private view returns (bool) {
        return accounts[account].collateral >> id & 1 != 0;
    }

    function _useBorrowAllowance(address owner, uint256 id, uint256 amount) private {
        uint256 allowance = borrowAllowances[owner][msg.sender][id];
        if (allowance == type(uint256).max) return;
        require(amount <= allowance, BorrowNotApproved(owner, msg.sender, amount, allowance));
        borrowAllowances[owner][msg.sender][id] = allowance - amount;
    }

    function _useRoom(address asset, uint256 id, uint256 shardId, uint256 room, uint256 amount, bool isBorrow)
        private
    {
        if (room == NO_LIMIT) return;
        Shard storage shard = shards[id][shardId];
        (uint256 supplied, uint256 borrowed) = (shard.supplied, shard.borrowed);
        if (shard.roomOf != block.timestamp) (supplied, borrowed) = (0, 0);
        uint256 left = room.zeroFloorSub(isBorrow ? borrowed : supplied);
        require(amount <= left, CapReached(asset, amount, left));
        // Of at most 104 bits, as the room is.
        if (isBorrow) borrowed += amount;
        else supplied += amount;
        (shard.roomOf, shard.supplied, shard.borrowed) =
            (uint40(block.timestamp), uint104(supplied), uint104(borrowed));
    }

    /// What leaves again in the same second is room again. Otherwise somebody who goes in and out could use up the
    /// room of all others of the shard.
    function _returnRoom(uint256 id, uint256 shardId, uint256 room, uint256 amount, bool isBorrow) private {
        Shard storage shard = shards[id][shardId];
        if (room == NO_LIMIT || shard.roomOf != block.timestamp) return;
        if (isBorrow) shard.borrowed = uint104(uint256(shard.borrowed).zeroFloorSub(amount));
        else shard.supplied = uint104(uint256(shard.supplied).zeroFloorSub(amount));
    }
}
