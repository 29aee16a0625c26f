// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title A staked vault that stands behind one reserve of the lending pool
/// @notice An ERC-4626 vault of the reserve's own asset. Stakers earn a part of the reserve's fees, and what
/// neither collateral nor the insurance fund covers is taken from all of them in proportion, up to a part of
/// the vault for each bad debt.
///
/// Leaving takes two steps, as otherwise all would leave before a loss that they see coming: `requestExit` puts
/// shares aside, and after a delay they can be redeemed within a window, by the functions of ERC-4626. Until
/// then they bear losses and earn as before. After the window they count as staked again, but lie aside until
/// `cancelExit` or another request.
///
/// What is earned is paid out over a period, so that nobody comes for a day of fees only.
///
/// @dev Safe against inflation: assets are counted, not read from the balance, and shares have 6 decimals more
/// than the asset, with as many virtual ones (OpenZeppelin's ERC4626). `held` and the totals are written by
/// stakers and by bad debt, never by ordinary loans or liquidations. The asset is plain, as all of the pool.
contract Backstop is ERC4626, ReentrancyGuardTransient {
    using FixedPointMathLib for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    struct Exit {
        uint208 shares;
        uint48 from;
    }

    /// @notice Seconds over which what was earned is paid out.
    uint256 public constant PAYOUT = 7 days;
    uint256 private constant BPS = 10_000;

    /// @notice The pool whose bad debt this pays.
    address public immutable POOL;
    /// @notice Seconds between `requestExit` and when shares can be redeemed, and how long they can be then.
    uint256 public immutable EXIT_DELAY;
    uint256 public immutable EXIT_WINDOW;
    /// @notice The most that one bad debt takes, in basis points of all assets.
    uint256 public immutable COVER_MAX;

    // Assets counted, and how many of them were not paid out when the payout began.
    uint128 private held;
    uint128 private unpaid;
    uint48 private payoutFrom;
    uint48 private payoutEnd;

    mapping(address owner => Exit) private exits;

    event ExitRequested(address indexed owner, uint256 shares, uint256 from, uint256 until);
    event ExitCancelled(address indexed owner, uint256 shares);
    event Distributed(uint256 amount, uint256 until);
    event Slashed(address indexed to, uint256 asked, uint256 paid, uint256 left);

    error NotPool(address caller);
    error NothingToCancel(address owner);
    error BadBounds();

    /// @param asset_ The asset of the reserve.
    /// @param coverMax At most half, in basis points, so that what is left can still be told apart from nothing.
    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        address pool,
        uint256 exitDelay,
        uint256 exitWindow,
        uint256 coverMax
    ) ERC4626(asset_) ERC20(name_, symbol_) {
        require(coverMax != 0 && coverMax <= BPS / 2, BadBounds());
        require(exitDelay >= 1 days && exitDelay <= 60 days, BadBounds());
        require(exitWindow >= 1 hours && exitWindow <= 14 days, BadBounds());
        (POOL, EXIT_DELAY, EXIT_WINDOW, COVER_MAX) = (pool, exitDelay, exitWindow, coverMax);
    }

    /// @notice Assets that belong to the shares: all that are held but what is not paid out yet.
    function totalAssets() public view override returns (uint256) {
        return held - _unpaid();
    }

    /// @notice What was earned and is not paid out yet.
    function unpaidRewards() external view returns (uint256) {
        return _unpaid();
    }

    /// @notice What `owner` has put aside, and when it can be redeemed.
    function exitOf(address owner) external view returns (uint256 shares, uint256 from, uint256 until) {
        Exit storage exit = exits[owner];
        return (exit.shares, exit.from, exit.from + (exit.from == 0 ? 0 : EXIT_WINDOW));
    }

    /// @notice Shares of `owner` that can be redeemed now. 0 before a request has matured.
    function maxRedeem(address owner) public view override returns (uint256) {
        Exit storage exit = exits[owner];
        (uint256 from, uint256 time) = (exit.from, block.timestamp);
        return from != 0 && time >= from && time <= from + EXIT_WINDOW ? exit.shares : 0;
    }

    /// @notice Puts shares of the caller aside to be redeemed after the delay. With some aside already, the delay
    /// begins anew for all; 0 begins it anew for those.
    function requestExit(uint256 shares) external nonReentrant {
        Exit storage exit = exits[msg.sender];
        uint256 all = exit.shares + shares;
        require(all != 0, NothingToCancel(msg.sender));
        uint256 from = block.timestamp + EXIT_DELAY;
        (exit.shares, exit.from) = (all.toUint208(), uint48(from));
        emit ExitRequested(msg.sender, all, from, from + EXIT_WINDOW);
        _transfer(msg.sender, address(this), shares);
    }

    /// @notice Takes back all shares that the caller has put aside.
    function cancelExit() external nonReentrant {
        uint256 shares = exits[msg.sender].shares;
        require(shares != 0, NothingToCancel(msg.sender));
        delete exits[msg.sender];
        emit ExitCancelled(msg.sender, shares);
        _transfer(address(this), msg.sender, shares);
    }

    /// @notice Takes what lies here uncounted as earned, and pays it out over the period. Anybody may.
    /// @dev When the payout ends is the mean of what is left to pay and what is new, by amount, so that a gift of
    /// one unit does not put the rest off.
    function distribute() external nonReentrant {
        uint256 added = IERC20(asset()).balanceOf(address(this)) - held;
        if (added == 0) return;
        uint256 old = _unpaid();
        uint256 rest = old == 0 ? 0 : payoutEnd - block.timestamp;
        uint256 duration = (old * rest + added * PAYOUT).divUp(old + added);
        held = (held + added).toUint128();
        unpaid = (old + added).toUint128();
        payoutFrom = uint48(block.timestamp);
        payoutEnd = uint48(block.timestamp + duration);
        emit Distributed(added, block.timestamp + duration);
    }

    /// @notice Pays for bad debt: `amount`, or the bound if that is less. Only the pool.
    /// @return paid What was paid.
    function cover(uint256 amount, address to) external nonReentrant returns (uint256 paid) {
        require(msg.sender == POOL, NotPool(msg.sender));
        paid = amount.min(totalAssets().mulDiv(COVER_MAX, BPS));
        if (paid == 0) return 0;
        held = (held - paid).toUint128();
        emit Slashed(to, amount, paid, totalAssets());
        IERC20(asset()).safeTransfer(to, paid);
    }

    function _unpaid() private view returns (uint256) {
        if (block.timestamp >= payoutEnd) return 0;
        return uint256(unpaid).mulDivUp(payoutEnd - block.timestamp, payoutEnd - payoutFrom);
    }

    function _deposit(address caller, address receiver, uint256 assets, uint256 shares)
        internal
        override
        nonReentrant
    {
        held = (held + assets).toUint128();
        super._deposit(caller, receiver, assets, shares);
    }

    /// Burns shares that lie aside. Whoever may spend shares of the owner may spend those, too.
    function _withdraw(address caller, address receiver, address owner, uint256 assets, uint256 shares)
        internal
        override
        nonReentrant
    {
        if (caller != owner) _spendAllowance(owner, caller, shares);
        exits[owner].shares -= shares.toUint208();
        held = (held - assets).toUint128();
        _burn(address(this), shares);
        emit Withdraw(caller, receiver, owner, assets, shares);
        IERC20(asset()).safeTransfer(receiver, assets);
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }
}
