// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ERC20} from "solady/tokens/ERC20.sol";
import {IPairCallee} from "./IPairCallee.sol";

/// @title A pool of two tokens that trades along the constant product
/// @notice Holds two tokens for those who provide them, and swaps one for the other. A share of the pool
/// is an ERC-20 token of the pool itself, with permits (EIP-2612). Nobody has power over a pool. What a
/// swap costs is up to the contract that derives from this one; it may never let the product of the
/// reserves fall.
///
/// The functions that move tokens are low-level: they take what has been sent to the pool before, in the
/// same transaction, and whoever comes first takes it. Call them from a contract, such as the router,
/// that sends and calls at once.
///
/// Tokens: ERC-20 tokens that move exactly what they are told to. Tokens that take a fee of a transfer
/// and tokens whose balances change by themselves are not supported. A pool holds up to 2^112 - 1 of each.
/// @dev All rounding favours the pool: shares that are minted, amounts that are paid out are rounded down,
/// amounts due are rounded up.
///
/// Tokens are sent before they are paid for, so that a swap can be a flash swap. Until it is paid, no
/// other function of the pool can be entered, and views that depend on reserves revert: nobody reads a
/// price that does not hold. The guard is in transient storage, so it is no slot that transactions share.
///
/// Hot slots. A swap writes: the slot of both reserves and the time, the pool's balance in either token,
/// and, once per timestamp, two cumulative prices. All of them are the pool's own, so swaps of one pool
/// are executed one after the other, and those of two pools at once. `totalSupply` is written when
/// liquidity is added or removed, never by a swap. Nothing is shared by pools: no factory, no fee account.
///
/// Arithmetic and events are those of Uniswap v2 (whitepaper, 2020) without its protocol fee.
abstract contract PairPool is ERC20, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// What a swap is judged by. Amounts in smallest units of the tokens.
    struct Trade {
        // Before the swap.
        uint256 reserve0;
        uint256 reserve1;
        // After everything has been sent and paid.
        uint256 balance0;
        uint256 balance1;
        uint256 amount0In;
        uint256 amount1In;
        uint256 amount0Out;
        uint256 amount1Out;
    }

    /// @notice So many of the first shares belong to nobody, for good. It makes it expensive to drive up
    /// the price of the smallest share, which others lose to rounding.
    uint256 public constant MINIMUM_LIQUIDITY = 1000;

    /// @notice The token with the lower address.
    address public immutable token0;
    /// @notice The token with the higher address.
    address public immutable token1;

    // One slot.
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private blockTimestampLast;

    /// @notice Sum of the price of the first token in the second, a UQ112x112, times the seconds for which
    /// it held, until reserves last changed. It overflows, as is wanted: only differences mean something.
    uint256 public price0CumulativeLast;
    /// @notice The same of the second token in the first.
    uint256 public price1CumulativeLast;

    /// @notice Liquidity was added. How many shares it earned is in the `Transfer` before.
    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    /// @notice Liquidity was removed and sent to `to`.
    event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);
    event Swap(
        address indexed sender,
        uint256 amount0In,
        uint256 amount1In,
        uint256 amount0Out,
        uint256 amount1Out,
        address indexed to
    );
    /// @notice Reserves are now these.
    event Sync(uint112 reserve0, uint112 reserve1);

    error UnsortedTokens(address token0, address token1);
    error UnknownToken(address token);
    error InvalidRecipient(address recipient);
    error NoLiquidity();
    error NoShares();
    error NothingIn();
    error NothingOut();
    error TooMuchOut(uint256 amountOut, uint256 reserve);
    error ReserveOverflow(uint256 balance0, uint256 balance1);

    /// @dev Reverts with `UnsortedTokens` unless 0 < token0 < token1.
    constructor(address token0_, address token1_) {
        require(token0_ != address(0) && token0_ < token1_, UnsortedTokens(token0_, token1_));
        (token0, token1) = (token0_, token1_);
    }

    /// @notice Reserves, which are what a swap is priced by, and when they last changed, in seconds modulo
    /// 2^32.
    /// @dev Reverts while a function of the pool runs.
    function getReserves() external view nonReentrantView returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, blockTimestampLast);
    }

    /// @notice Cumulative prices as of now: as if reserves had just been written.
    /// @dev True at any time, while a swap is under way too: reserves in storage are those that held since
    /// they were written, and the price counts by time, of which none passes in a transaction.
    function currentCumulativePrices() external view returns (uint256 price0Cumulative, uint256 price1Cumulative) {
        (uint256 more0, uint256 more1) = _accrued(reserve0, reserve1);
        unchecked {
            return (price0CumulativeLast + more0, price1CumulativeLast + more1);
        }
    }

    /// @notice The most of the other token that `swap` gives for `amountIn` of `tokenIn`. Rounded down.
    /// @dev Reverts with `UnknownToken`, with `NoLiquidity`, and while a function of the pool runs.
    function quoteExactIn(address tokenIn, uint256 amountIn) external view nonReentrantView returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = _reservesFrom(tokenIn);
        return _amountOut(reserveIn, reserveOut, amountIn);
    }

    /// @notice The least of `tokenIn` that `swap` takes for `amountOut` of the other token. Rounded up.
    /// @dev Reverts with `UnknownToken`, `NoLiquidity`, `TooMuchOut`, and while a function of the pool runs.
    function quoteExactOut(address tokenIn, uint256 amountOut) external view nonReentrantView returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = _reservesFrom(tokenIn);
        require(amountOut < reserveOut, TooMuchOut(amountOut, reserveOut));
        return _amountIn(reserveIn, reserveOut, amountOut);
    }

    /// @notice Mints shares to `to` for what the pool has of both tokens beyond its reserves. The first
    /// ones are as many as the geometric mean of both amounts; later ones are in proportion to the scarcer
    /// of the two, so that what is given beyond the pool's own ratio is given to all.
    /// @dev Reverts with `NoShares` if it is worth less than one share, or at first not more than
    /// `MINIMUM_LIQUIDITY`; with `ReserveOverflow`.
    function mint(address to) external nonReentrant returns (uint256 shares) {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        (uint256 balance0, uint256 balance1) = _balances();
        (uint256 amount0, uint256 amount1) = (balance0 - old0, balance1 - old1);

        uint256 supply = totalSupply();
        if (supply == 0) {
            uint256 root = Math.sqrt(amount0 * amount1);
            require(root > MINIMUM_LIQUIDITY, NoShares());
            shares = root - MINIMUM_LIQUIDITY;
            _mint(address(0), MINIMUM_LIQUIDITY);
        } else {
            // By reserves, not by balances: what somebody gives away makes shares no dearer for the next.
            shares = Math.min(amount0 * supply / old0, amount1 * supply / old1);
            require(shares != 0, NoShares());
        }
        _mint(to, shares);
        _update(balance0, balance1, old0, old1);
        emit Mint(msg.sender, amount0, amount1);
    }

    /// @notice Burns the shares that the pool itself has and sends what they are worth to `to`: their part
    /// of all the pool has, also of what was given to it beyond its reserves.
    /// @dev Reverts with `NothingOut` if they are worth nothing of either token.
    function burn(address to) external nonReentrant returns (uint256 amount0, uint256 amount1) {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        (uint256 balance0, uint256 balance1) = _balances();
        uint256 shares = balanceOf(address(this));
        require(shares != 0, NothingOut());

        uint256 supply = totalSupply();
        amount0 = shares * balance0 / supply;
        amount1 = shares * balance1 / supply;
        require(amount0 != 0 && amount1 != 0, NothingOut());
        _burn(address(this), shares);
        IERC20(token0).safeTransfer(to, amount0);
        IERC20(token1).safeTransfer(to, amount1);

        (balance0, balance1) = _balances();
        _update(balance0, balance1, old0, old1);
        emit Burn(msg.sender, amount0, amount1, to);
    }

    /// @notice Sends the amounts that are asked for to `to`, and then looks whether the pool has been paid.
    /// With `data`, it calls `constantProductCall` of `to` in between, so that what was sent can be used to
    /// pay for it.
    /// @dev Reverts with `NothingOut`, `TooMuchOut` unless less than a reserve is taken, `InvalidRecipient`
    /// if `to` is one of the tokens, `NothingIn`, `ReserveOverflow`, and as the deriving contract says if
    /// too little is paid.
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external nonReentrant {
        require(amount0Out != 0 || amount1Out != 0, NothingOut());
        Trade memory trade;
        (trade.reserve0, trade.reserve1) = (reserve0, reserve1);
        (trade.amount0Out, trade.amount1Out) = (amount0Out, amount1Out);
        require(amount0Out < trade.reserve0, TooMuchOut(amount0Out, trade.reserve0));
        require(amount1Out < trade.reserve1, TooMuchOut(amount1Out, trade.reserve1));
        // A token that is told to send to itself may do anything.
        require(to != token0 && to != token1, InvalidRecipient(to));

        if (amount0Out != 0) IERC20(token0).safeTransfer(to, amount0Out);
        if (amount1Out != 0) IERC20(token1).safeTransfer(to, amount1Out);
        if (data.length != 0) IPairCallee(to).constantProductCall(msg.sender, amount0Out, amount1Out, data);

        (trade.balance0, trade.balance1) = _balances();
        trade.amount0In = Math.saturatingSub(trade.balance0, trade.reserve0 - amount0Out);
        trade.amount1In = Math.saturatingSub(trade.balance1, trade.reserve1 - amount1Out);
        require(trade.amount0In != 0 || trade.amount1In != 0, NothingIn());
        _requirePaid(trade);
        _update(trade.balance0, trade.balance1, trade.reserve0, trade.reserve1);
        emit Swap(msg.sender, trade.amount0In, trade.amount1In, amount0Out, amount1Out, to);
    }

    /// @notice Sends what the pool has beyond its reserves to `to`. Anybody may.
    function skim(address to) external nonReentrant {
        (uint256 balance0, uint256 balance1) = _balances();
        (uint256 more0, uint256 more1) = (balance0 - reserve0, balance1 - reserve1);
        IERC20(token0).safeTransfer(to, more0);
        IERC20(token1).safeTransfer(to, more1);
    }

    /// @notice Makes what the pool has its reserves. Anybody may.
    /// @dev Reverts with `ReserveOverflow`.
    function sync() external nonReentrant {
        (uint256 balance0, uint256 balance1) = _balances();
        _update(balance0, balance1, reserve0, reserve1);
    }

    /// @dev Reverts unless what was paid is enough. The product of the reserves may not fall.
    function _requirePaid(Trade memory trade) internal pure virtual;

    /// @dev The most that `_requirePaid` lets through.
    function _amountOut(uint256 reserveIn, uint256 reserveOut, uint256 amountIn) internal pure virtual returns (uint256);

    /// @dev The least that `_requirePaid` lets through. `amountOut` is below `reserveOut`.
    function _amountIn(uint256 reserveIn, uint256 reserveOut, uint256 amountOut) internal pure virtual returns (uint256);

    /// @dev Whoever may spend shares is whom their owner has allowed to, and nobody else.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }

    function _reservesFrom(address tokenIn) private view returns (uint256 reserveIn, uint256 reserveOut) {
        (reserveIn, reserveOut) = (reserve0, reserve1);
        if (tokenIn != token0) {
            require(tokenIn == token1, UnknownToken(tokenIn));
            (reserveIn, reserveOut) = (reserveOut, reserveIn);
        }
        require(reserveIn != 0 && reserveOut != 0, NoLiquidity());
    }

    function _balances() private view returns (uint256, uint256) {
        return (IERC20(token0).balanceOf(address(this)), IERC20(token1).balanceOf(address(this)));
    }

    /// @dev `old0` and `old1` are the reserves until now.
    function _update(uint256 balance0, uint256 balance1, uint256 old0, uint256 old1) private {
        require(balance0 <= type(uint112).max && balance1 <= type(uint112).max, ReserveOverflow(balance0, balance1));
        (uint256 more0, uint256 more1) = _accrued(old0, old1);
        if (more0 != 0) {
            unchecked {
                price0CumulativeLast += more0;
                price1CumulativeLast += more1;
            }
        }
        (reserve0, reserve1, blockTimestampLast) = (uint112(balance0), uint112(balance1), uint32(block.timestamp));
        emit Sync(uint112(balance0), uint112(balance1));
    }

    /// @dev By how much cumulative prices have grown since reserves were written. Both are zero, or none is.
    function _accrued(uint256 old0, uint256 old1) private view returns (uint256 more0, uint256 more1) {
        // Times are compared modulo 2^32. A price has 224 bits and a time 32, so a product fits.
        unchecked {
            uint32 elapsed = uint32(block.timestamp) - blockTimestampLast;
            if (elapsed != 0 && old0 != 0 && old1 != 0) {
                more0 = (old1 << 112) / old0 * elapsed;
                more1 = (old0 << 112) / old1 * elapsed;
            }
        }
    }
}
