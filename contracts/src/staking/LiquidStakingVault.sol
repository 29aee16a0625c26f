// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPauseGuardian} from "../governance/IPauseGuardian.sol";
import {ExitQueue} from "./ExitQueue.sol";

/// @title Liquid staking
/// @notice A vault (ERC-4626) whose shares are a claim on staked assets. Rewards raise the price of a share
/// second by second; a slash lowers it; nothing else moves it down. Whoever leaves gives up shares for a
/// claim on assets, which earns no more and is paid after a delay.
///
/// A slash takes the same fraction of all stakes, and of all exits that are not final. An exit is final
/// `exitDelay` seconds after its request. So nobody escapes a slash by asking to leave before it, if it comes
/// within the delay, and an exit that is final is out of reach, paid or not. See `ExitQueue`.
///
/// Price: `convertToAssets(1e18)`, rounded down to a unit, never falls from one call or second to the next
/// but by `slash`. All roundings favour those who stay. Rewards that were given begin to count in the second
/// after, and count fully after `dripPeriod`; so whoever deposits just before a reward and leaves just after it
/// gets none of it.
///
/// Inflation attack: assets are counted by the vault itself, so tokens sent to it are no one's and change no
/// price, and there are 10^6 virtual shares (OpenZeppelin's offset) in case a price rises otherwise.
///
/// Assets: a standard ERC-20 of which fewer than 2^128 units exist. Not supported are tokens that take a fee
/// of a transfer or change balances by themselves.
///
/// Nobody can take assets but by `slash`, up to `slashMax` per `slashPeriod`, to a recipient that is set at
/// deployment. A pause stops deposits, and nothing else.
/// @dev `withdraw` and `redeem` are off, as ERC-4626 allows: `maxWithdraw` and `maxRedeem` are zero. Use
/// `requestExit` and `claim`. `previewRedeem` says what `requestExit` gives.
///
/// Hot slots: `staked`, the supply of shares, and the token's balance of the vault are written by each
/// deposit and exit: a share price is one number for all. Claims write the request and the token's balances
/// only, as nothing is kept that sums up claims; numbers of requests count per owner and not for all.
contract LiquidStakingVault is ERC4626, AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using ExitQueue for ExitQueue.Queue;

    struct Exit {
        uint208 units;
        uint48 finalAt;
    }

    /// In one slot.
    struct Drip {
        uint128 amount;
        uint48 start;
    }

    /// In one slot.
    struct Slashes {
        uint48 start;
        /// Sum of the fractions that were slashed since then, in 1e-18.
        uint64 used;
    }

    struct Settings {
        /// How long an exit waits until it is final: seconds, one hour to 60 days.
        uint48 exitDelay;
        /// How long a reward takes to count fully: seconds, one hour to 90 days.
        uint48 dripPeriod;
        /// Seconds, one day to 365 days.
        uint48 slashPeriod;
        /// In 1e-18: up to a half.
        uint64 slashMax;
    }

    /// @notice Who may give rewards.
    bytes32 public constant REWARDER_ROLE = keccak256("REWARDER_ROLE");
    /// @notice Who may slash.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    uint256 private constant WAD = 1e18;

    uint48 public immutable exitDelay;
    uint48 public immutable dripPeriod;
    uint48 public immutable slashPeriod;
    /// @notice Which fraction may be slashed in a period, in 1e-18. A period begins with the first slash after
    /// the one before is over; so within any such time at most twice this is slashed.
    uint64 public immutable slashMax;
    /// @notice Where slashed assets go.
    address public immutable slashRecipient;
    /// @notice Whose pause stops deposits; zero for nobody's.
    IPauseGuardian public immutable pauseGuardian;

    /// @dev All assets of the shares, with rewards that do not count yet.
    uint128 private staked;
    Drip private drip;
    Slashes private slashes;
    ExitQueue.Queue private queue;
    /// @notice How many exits an account has asked for.
    mapping(address owner => uint96) public exitsMade;
    mapping(uint256 id => Exit) private exits;

    event ExitRequested(
        uint256 indexed id,
        address indexed sender,
        address indexed owner,
        uint256 shares,
        uint256 assets,
        uint256 finalAt
    );
    event ExitClaimed(uint256 indexed id, address indexed owner, uint256 assets);
    event RewardGiven(address indexed rewarder, uint256 amount, uint256 unvested);
    event Slashed(address indexed slasher, uint256 amount, uint256 ofStakes, uint256 ofExits, bytes32 indexed reason);

    error SettingOutOfRange();
    error NoRecipient();
    error NothingGiven();
    error NoShares();
    error UseExitQueue();
    error UnknownExit(uint256 id);
    error NotFinal(uint256 id, uint256 finalAt);
    error ExceedsSlashMax(uint256 fraction, uint256 left);
    error NotReceived(uint256 expected, uint256 received);

    /// @param pauseGuardian_ May be zero.
    /// @param admin May appoint rewarders and slashers; best a timelock.
    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        Settings memory settings,
        address slashRecipient_,
        IPauseGuardian pauseGuardian_,
        address admin
    ) ERC20(name_, symbol_) ERC4626(asset_) {
        bool isGood = isWithin(settings.exitDelay, 1 hours, 60 days) && isWithin(settings.dripPeriod, 1 hours, 90 days)
            && isWithin(settings.slashPeriod, 1 days, 365 days) && settings.slashMax <= WAD / 2;
        require(isGood, SettingOutOfRange());
        require(slashRecipient_ != address(0), NoRecipient());
        exitDelay = settings.exitDelay;
        dripPeriod = settings.dripPeriod;
        slashPeriod = settings.slashPeriod;
        slashMax = settings.slashMax;
        slashRecipient = slashRecipient_;
        pauseGuardian = pauseGuardian_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice The assets of all shares: stakes, and rewards as far as they count. Exits are not among them.
    function totalAssets() public view override returns (uint256) {
        return staked - unvested();
    }

    /// @notice No limit, or zero during a pause.
    function maxDeposit(address) public view override returns (uint256) {
        return isPaused() ? 0 : type(uint128).max - staked;
    }

    /// @notice No limit but what `maxDeposit` has, or zero during a pause.
    function maxMint(address) public view override returns (uint256) {
        if (isPaused()) return 0;
        return Math.saturatingMul(type(uint128).max - staked, totalSupply() + 10 ** 6) / (totalAssets() + 1);
    }

    /// @notice Zero: see `requestExit`.
    function maxRedeem(address) public pure override returns (uint256) {
        return 0;
    }

    /// @notice Gives up shares of the sender for a claim on what they are worth now, rounded down.
    /// @param owner Who is paid.
    /// @return id The exit: its owner's address in the upper 160 bits.
    function requestExit(uint256 shares, address owner) external nonReentrant returns (uint256 id) {
        uint256 assets = previewRedeem(shares);
        require(assets != 0, NothingGiven());
        require(owner != address(0), NoRecipient());
        // Reverts if there are not so many.
        _burn(msg.sender, shares);
        staked -= uint128(assets);
        uint48 finalAt = uint48(block.timestamp) + exitDelay;
        id = (uint256(uint160(owner)) << 96) | exitsMade[owner]++;
        exits[id] = Exit(queue.push(assets, finalAt), finalAt);
        emit ExitRequested(id, msg.sender, owner, shares, assets, finalAt);
    }

    /// @notice Pays an exit that is final to its owner. Anybody may call.
    function claim(uint256 id) external nonReentrant returns (uint256 assets) {
        Exit memory exit_ = exits[id];
        require(exit_.finalAt != 0, UnknownExit(id));
        require(block.timestamp >= exit_.finalAt, NotFinal(id, exit_.finalAt));
        assets = queue.value(exit_.units, exit_.finalAt);
        delete exits[id];
        address owner = exitOwner(id);
        emit ExitClaimed(id, owner, assets);
        IERC20(asset()).safeTransfer(owner, assets);
    }

    /// @notice Gives `amount` of the sender's assets to the shares, over `dripPeriod` from now on, together with
    /// what did not count yet of the rewards before: by a rewarder.
    function reward(uint256 amount) external onlyRole(REWARDER_ROLE) nonReentrant {
        require(amount != 0, NothingGiven());
        require(totalSupply() != 0, NoShares());
        uint256 later = unvested() + amount;
        drip = Drip(SafeCast.toUint128(later), uint48(block.timestamp));
        staked = SafeCast.toUint128(staked + amount);
        emit RewardGiven(msg.sender, amount, later);

        IERC20 token = IERC20(asset());
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == amount, NotReceived(amount, received));
    }

    /// @notice Takes `amount` of stakes and of exits that are not final, the same fraction of both: by a
    /// slasher. Rewards that do not count yet are spared.
    /// @param reason For whoever reads events.
    /// @dev Of the two parts that of the stakes is rounded up. The fraction counts rounded up.
    function slash(uint256 amount, bytes32 reason) external onlyRole(SLASHER_ROLE) nonReentrant {
        require(amount != 0, NothingGiven());
        uint256 waiting = queue.waiting();
        uint256 all = totalAssets() + waiting;
        require(amount <= all, ExceedsSlashMax(WAD, slashLeft()));
        uint256 fraction = Math.mulDiv(amount, WAD, all, Math.Rounding.Ceil);
        uint256 left = slashLeft();
        require(fraction <= left, ExceedsSlashMax(fraction, left));
        if (block.timestamp >= slashes.start + slashPeriod) slashes = Slashes(uint48(block.timestamp), 0);
        slashes.used += uint64(fraction);

        uint256 ofExits = Math.mulDiv(amount, waiting, all);
        queue.lose(ofExits);
        staked -= uint128(amount - ofExits);
        emit Slashed(msg.sender, amount, amount - ofExits, ofExits, reason);
        IERC20(asset()).safeTransfer(slashRecipient, amount);
    }

    /// @notice Which fraction may be slashed now, in 1e-18.
    function slashLeft() public view returns (uint256) {
        return block.timestamp >= slashes.start + slashPeriod ? slashMax : slashMax - slashes.used;
    }

    /// @notice Rewards that were given and do not count yet, rounded up.
    function unvested() public view returns (uint256) {
        uint256 time = block.timestamp - drip.start;
        return time >= dripPeriod ? 0 : drip.amount - uint256(drip.amount) * time / dripPeriod;
    }

    /// @notice What an exit is worth, and when it is final. Both are zero for one that was paid.
    function exitOf(uint256 id) external view returns (uint256 assets, uint256 finalAt) {
        Exit memory exit_ = exits[id];
        if (exit_.finalAt == 0) return (0, 0);
        return (queue.value(exit_.units, exit_.finalAt), exit_.finalAt);
    }

    /// @notice What all exits that are not final are worth.
    function waitingExits() external view returns (uint256) {
        return queue.waiting();
    }

    /// @notice Whom an exit is paid to.
    function exitOwner(uint256 id) public pure returns (address) {
        return address(uint160(id >> 96));
    }

    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override nonReentrant {
        require(assets != 0 && shares != 0, NothingGiven());
        super._deposit(caller, receiver, assets, shares);
        // Together with the shares, after the call of the token.
        staked = SafeCast.toUint128(staked + assets);
    }

    function _withdraw(address, address, address, uint256, uint256) internal pure override {
        revert UseExitQueue();
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    function isPaused() private view returns (bool) {
        return address(pauseGuardian) != address(0) && pauseGuardian.isPaused(address(this));
    }

    function isWithin(uint256 value, uint256 least, uint256 most) private pure returns (bool) {
        return value >= least && value <= most;
    }
}
