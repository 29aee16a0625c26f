// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ConstantProductFactory} from "./ConstantProductFactory.sol";
import {IConcentratedSwap} from "./IConcentratedSwap.sol";
import {IConcentratedSwapCallback} from "./IConcentratedSwapCallback.sol";
import {IWrappedEther} from "./IWrappedEther.sol";
import {PairPool} from "./PairPool.sol";
import {ShardedPool} from "./ShardedPool.sol";
import {ShardedPoolFactory} from "./ShardedPoolFactory.sol";
import {TickMath} from "./libraries/TickMath.sol";

/// @title Swaps along paths of pools; adds and removes liquidity
/// @notice Callers allow the router to spend tokens, by an approval or a permit, and it takes what an order
/// needs and no more. It holds no tokens between calls; whatever is sent to it without an order is lost.
///
/// Ether: with a value, an order is paid for in ether, which the router wraps as needed; what is left comes
/// back. The value must then be `amountIn`, `amountInMax`, or the amount desired of wrapped ether. With
/// `isUnwrapped`, wrapped ether that comes out is sent as ether.
///
/// `multicall` runs several functions in one transaction, say `selfPermit` and then a swap. It takes no value.
///
/// Tokens that take a fee of a transfer, or whose balances change by themselves, are not supported.
/// @dev What a path's pools are is up to the caller, and they are not trusted: what arrives is measured as
/// the change of the recipient's balance, and what is spent is bounded when it is spent. A hostile pool
/// can have an order revert, or give any result between its bounds, and can waste gas.
///
/// The router has no storage: orders of different senders never wait for each other because of it. What it
/// knows during an order is in transient storage.
contract Router is IConcentratedSwapCallback, ReentrancyGuardTransient, Multicall {
    using SafeERC20 for IERC20;

    enum Kind {
        // `pool` is a `PairPool`: a constant-product pool, or a shard that the caller has chosen.
        Pair,
        // `pool` is a `ShardedPool`; the hash of the sender chooses the shard.
        Sharded,
        // `pool` is a pool of concentrated liquidity.
        Concentrated
    }

    /// A swap in one pool, from the token of the hop before, or the first token, into `tokenOut`.
    struct Hop {
        Kind kind;
        address pool;
        address tokenOut;
    }

    /// To swap all of `amountIn` into at least `amountOutMin` of the last token.
    struct ExactIn {
        address tokenIn;
        Hop[] path;
        uint256 amountIn;
        uint256 amountOutMin;
        address recipient;
        uint256 deadline;
        bool isUnwrapped;
    }

    /// To swap at most `amountInMax` into `amountOut` of the last token.
    struct ExactOut {
        address tokenIn;
        Hop[] path;
        uint256 amountOut;
        uint256 amountInMax;
        address recipient;
        uint256 deadline;
        bool isUnwrapped;
    }

    /// Names a pool that liquidity is added to or removed from. It is looked up at the factories, since
    /// whoever adds liquidity has to trust the pool.
    struct PoolKey {
        address tokenA;
        address tokenB;
        // 0: the constant-product pool. Otherwise the pool of so many shards.
        uint256 shardCount;
        // Which shard, or `SMALLEST`.
        uint256 shard;
    }

    struct AddLiquidity {
        PoolKey key;
        uint256 amountADesired;
        uint256 amountBDesired;
        uint256 amountAMin;
        uint256 amountBMin;
        address recipient;
        uint256 deadline;
    }

    struct RemoveLiquidity {
        PoolKey key;
        uint256 shares;
        uint256 amountAMin;
        uint256 amountBMin;
        address recipient;
        uint256 deadline;
        bool isUnwrapped;
    }

    /// What the callback of a concentrated pool has to know.
    struct Callback {
        // The token that is owed. With a path, the first token of that path.
        address token;
        // Exact-out: the hops before, which have to bring what is owed. Empty if there are none.
        Hop[] path;
        // Whether it is owed by the sender of the order, or the router has it from the hop before.
        bool isFromSender;
    }

    /// @notice As `shard`, the one with the least liquidity at that time. It reads all shards, so that the
    /// transaction waits for all swaps in them.
    uint256 public constant SMALLEST = type(uint256).max;

    ConstantProductFactory public immutable factory;
    ShardedPoolFactory public immutable shardedFactory;
    IWrappedEther public immutable wrappedEther;

    // The order that is being carried out: who gave it, whether he pays in ether, and how much of the first
    // token may still be spent.
    address private transient sender;
    bool private transient isEther;
    uint256 private transient budget;
    // Hash of the pool that may call back, and with which data. 0: none may.
    bytes32 private transient awaited;

    /// @notice The liquidity of a pool was unable to take all that goes in, or to give all that is to come out.
    error PartialFill(address pool);
    error Expired(uint256 deadline);
    error InvalidRecipient(address recipient);
    error EmptyPath();
    error TooMuchIn(uint256 amountIn, uint256 amountInMax);
    error TooLittleOut(uint256 amountOut, uint256 amountOutMin);
    error TooLittleUsed(address token, uint256 amount, uint256 amountMin);
    error NoPool();
    error NotWrappedEther(address token);
    error WrongValue(uint256 value, uint256 expected);
    error UnexpectedCallback(address caller);

    /// What is sent to the router would be lost.
    modifier within(uint256 deadline, address recipient) {
        require(block.timestamp <= deadline, Expired(deadline));
        require(recipient != address(this), InvalidRecipient(recipient));
        _;
    }

    constructor(ConstantProductFactory factory_, ShardedPoolFactory shardedFactory_, IWrappedEther wrappedEther_) {
        (factory, shardedFactory, wrappedEther) = (factory_, shardedFactory_, wrappedEther_);
    }

    /// @notice Takes ether from the wrapped ether only.
    receive() external payable {
        require(msg.sender == address(wrappedEther), NotWrappedEther(msg.sender));
    }

    /// @notice Swaps exactly `amountIn`.
    /// @return amountOut How much has arrived.
    /// @dev Reverts with `Expired`, `InvalidRecipient` if it is the router, `EmptyPath`, `TooLittleOut`, `PartialFill`, `WrongValue`,
    /// `NotWrappedEther`, and as pools do.
    function swapExactIn(ExactIn calldata order)
        external
        payable
        nonReentrant
        within(order.deadline, order.recipient)
        returns (uint256 amountOut)
    {
        (address tokenOut, address receiver) = _ends(order.path, order.recipient, order.isUnwrapped);
        uint256 had = IERC20(tokenOut).balanceOf(receiver);
        _open(order.tokenIn, order.amountIn);
        _swapIn(order, receiver);
        amountOut = _received(order.tokenIn, tokenOut, receiver, had, order.amountIn - budget);
        require(amountOut >= order.amountOutMin, TooLittleOut(amountOut, order.amountOutMin));
        _close();
        if (order.isUnwrapped) _sendEther(order.recipient, amountOut);
    }

    /// @notice Swaps into exactly `amountOut`.
    /// @return amountIn How much it has cost.
    /// @dev Reverts with `Expired`, `InvalidRecipient` if it is the router, `EmptyPath`, `TooMuchIn`, `TooLittleOut`, `PartialFill`, `WrongValue`,
    /// `NotWrappedEther`, and as pools do. Hops are swapped from the last to the first; a concentrated pool
    /// that is twice in the path reverts, being entered already.
    function swapExactOut(ExactOut calldata order)
        external
        payable
        nonReentrant
        within(order.deadline, order.recipient)
        returns (uint256 amountIn)
    {
        (address tokenOut, address receiver) = _ends(order.path, order.recipient, order.isUnwrapped);
        uint256 had = IERC20(tokenOut).balanceOf(receiver);
        _open(order.tokenIn, order.amountInMax);
        _swapOut(order.tokenIn, order.path, order.amountOut, receiver);
        amountIn = order.amountInMax - budget;
        uint256 amountOut = _received(order.tokenIn, tokenOut, receiver, had, amountIn);
        require(amountOut >= order.amountOut, TooLittleOut(amountOut, order.amountOut));
        _close();
        if (order.isUnwrapped) _sendEther(order.recipient, amountOut);
    }

    /// @notice Adds as much liquidity as both desired amounts allow for at the pool's ratio. It takes the
    /// least amounts that earn as many shares: where a share is worth more than a unit of a token, that can
    /// be a few units less than desired, which minimums have to leave room for. Into a pool without liquidity go both amounts, and their ratio
    /// is the price. A constant-product pool that is missing is created.
    /// @dev Reverts with `Expired`, `InvalidRecipient` if it is the router, `NoPool`, `TooLittleUsed` if less than a minimum is used, `WrongValue`,
    /// `NotWrappedEther`, and as the pool does.
    function addLiquidity(AddLiquidity calldata order)
        external
        payable
        nonReentrant
        within(order.deadline, order.recipient)
        returns (uint256 amountA, uint256 amountB, uint256 shares)
    {
        (address tokenA, address tokenB) = (order.key.tokenA, order.key.tokenB);
        PairPool pool = _poolOf(order.key);
        if (address(pool) == address(0)) pool = PairPool(factory.createPool(tokenA, tokenB));
        (amountA, amountB) = _amountsFor(pool, tokenA, order.amountADesired, order.amountBDesired);
        require(amountA >= order.amountAMin, TooLittleUsed(tokenA, amountA, order.amountAMin));
        require(amountB >= order.amountBMin, TooLittleUsed(tokenB, amountB, order.amountBMin));

        if (msg.value == 0) {
            IERC20(tokenA).safeTransferFrom(msg.sender, address(pool), amountA);
            IERC20(tokenB).safeTransferFrom(msg.sender, address(pool), amountB);
        } else if (tokenA == address(wrappedEther)) {
            require(msg.value == order.amountADesired, WrongValue(msg.value, order.amountADesired));
            _payEther(address(pool), amountA);
            IERC20(tokenB).safeTransferFrom(msg.sender, address(pool), amountB);
        } else {
            require(tokenB == address(wrappedEther), NotWrappedEther(tokenB));
            require(msg.value == order.amountBDesired, WrongValue(msg.value, order.amountBDesired));
            IERC20(tokenA).safeTransferFrom(msg.sender, address(pool), amountA);
            _payEther(address(pool), amountB);
        }
        shares = pool.mint(order.recipient);
        if (msg.value != 0) {
            uint256 used = tokenA == address(wrappedEther) ? amountA : amountB;
            if (used != msg.value) Address.sendValue(payable(msg.sender), msg.value - used);
        }
    }

    /// @notice Burns shares of the caller, which he has allowed the router to spend.
    /// @dev Reverts with `Expired`, `InvalidRecipient` if it is the router, `NoPool`, `TooLittleOut`, `NotWrappedEther`, and as the pool does.
    function removeLiquidity(RemoveLiquidity calldata order)
        external
        nonReentrant
        within(order.deadline, order.recipient)
        returns (uint256 amountA, uint256 amountB)
    {
        (address tokenA, address tokenB) = (order.key.tokenA, order.key.tokenB);
        PairPool pool = _poolOf(order.key);
        require(address(pool) != address(0), NoPool());
        IERC20(address(pool)).safeTransferFrom(msg.sender, address(pool), order.shares);
        (amountA, amountB) = pool.burn(order.isUnwrapped ? address(this) : order.recipient);
        if (tokenA > tokenB) (amountA, amountB) = (amountB, amountA);
        require(amountA >= order.amountAMin, TooLittleOut(amountA, order.amountAMin));
        require(amountB >= order.amountBMin, TooLittleOut(amountB, order.amountBMin));
        if (!order.isUnwrapped) return (amountA, amountB);

        if (tokenA == address(wrappedEther)) {
            IERC20(tokenB).safeTransfer(order.recipient, amountB);
            _sendEther(order.recipient, amountA);
        } else {
            require(tokenB == address(wrappedEther), NotWrappedEther(tokenB));
            IERC20(tokenA).safeTransfer(order.recipient, amountA);
            _sendEther(order.recipient, amountB);
        }
    }

    /// @notice Uses a permit (EIP-2612) of the caller for the router. For `multicall`, before an order.
    /// @dev A permit that fails is passed over: anybody may have used it before, and then the allowance is
    /// there. If it is not, the order fails.
    function selfPermit(address token, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(token).permit(msg.sender, address(this), value, deadline, v, r, s) {} catch {}
    }

    /// @notice Concentrated pools call it to be paid.
    /// @dev Reverts with `UnexpectedCallback` unless it comes once from the pool that is being swapped in, with
    /// the data that it was given. Such a pool, hostile or not, gets no more than the order's budget.
    function concentratedSwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external {
        require(awaited == _hash(msg.sender, data), UnexpectedCallback(msg.sender));
        awaited = 0;
        Callback memory callback = abi.decode(data, (Callback));
        uint256 owed = SafeCast.toUint256(amount0Delta > 0 ? amount0Delta : amount1Delta);
        if (callback.path.length != 0) _swapOut(callback.token, callback.path, owed, msg.sender);
        else if (callback.isFromSender) _spend(callback.token, msg.sender, owed);
        else IERC20(callback.token).safeTransfer(msg.sender, owed);
    }

    /// @dev Hops from the first to the last. Each hop sends to the next pool, if that is paid in advance, and
    /// otherwise to the router, which pays in the callback.
    function _swapIn(ExactIn calldata order, address receiver) private {
        uint256 count = order.path.length;
        address tokenIn = order.tokenIn;
        uint256 amount = order.amountIn;
        address pool = _poolOf(order.path[0].kind, order.path[0].pool);
        if (order.path[0].kind != Kind.Concentrated) _spend(tokenIn, pool, amount);
        for (uint256 i = 0; i < count; i++) {
            Hop calldata hop = order.path[i];
            address next;
            address to = receiver;
            if (i + 1 < count) {
                next = _poolOf(order.path[i + 1].kind, order.path[i + 1].pool);
                to = order.path[i + 1].kind == Kind.Concentrated ? address(this) : next;
            }
            if (hop.kind == Kind.Concentrated) {
                bytes memory data = abi.encode(Callback(tokenIn, new Hop[](0), i == 0));
                (uint256 paid, uint256 got) =
                    _swapConcentrated(pool, tokenIn < hop.tokenOut, SafeCast.toInt256(amount), to, data);
                require(paid == amount, PartialFill(pool));
                amount = got;
            } else {
                amount = PairPool(pool).quoteExactIn(tokenIn, amount);
                _swapPair(pool, tokenIn < hop.tokenOut, amount, to);
            }
            (tokenIn, pool) = (hop.tokenOut, next);
        }
    }

    /// @dev Hops from the last to the first: what the last costs is what the one before has to bring, to the
    /// last one's pool. A concentrated pool says in its callback what it costs, the others beforehand.
    function _swapOut(address tokenIn, Hop[] memory path, uint256 amountOut, address to) private {
        uint256 rest = path.length - 1;
        Hop memory hop = path[rest];
        address pool = _poolOf(hop.kind, hop.pool);
        address hopIn = rest == 0 ? tokenIn : path[rest - 1].tokenOut;
        // Drops the last hop.
        assembly ("memory-safe") {
            mstore(path, rest)
        }
        if (hop.kind == Kind.Concentrated) {
            bytes memory data = abi.encode(Callback(tokenIn, path, true));
            (, uint256 got) = _swapConcentrated(pool, hopIn < hop.tokenOut, -SafeCast.toInt256(amountOut), to, data);
            require(got == amountOut, PartialFill(pool));
        } else {
            uint256 amountIn = PairPool(pool).quoteExactOut(hopIn, amountOut);
            if (rest == 0) _spend(hopIn, pool, amountIn);
            else _swapOut(tokenIn, path, amountIn, pool);
            _swapPair(pool, hopIn < hop.tokenOut, amountOut, to);
        }
    }

    function _swapPair(address pool, bool zeroForOne, uint256 amountOut, address to) private {
        (uint256 amount0Out, uint256 amount1Out) = zeroForOne ? (uint256(0), amountOut) : (amountOut, uint256(0));
        PairPool(pool).swap(amount0Out, amount1Out, to, "");
    }

    function _swapConcentrated(address pool, bool zeroForOne, int256 amount, address to, bytes memory data)
        private
        returns (uint256 paid, uint256 got)
    {
        awaited = _hash(pool, data);
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        (int256 amount0, int256 amount1) = IConcentratedSwap(pool).swap(to, zeroForOne, amount, limit, data);
        // A pool that has not called back has lost its turn.
        awaited = 0;
        (int256 amountIn, int256 amountOut) = zeroForOne ? (amount0, amount1) : (amount1, amount0);
        return (SafeCast.toUint256(amountIn), SafeCast.toUint256(-amountOut));
    }

    /// @dev Begins an order that may spend so much.
    function _open(address tokenIn, uint256 amount) private {
        (sender, isEther, budget) = (msg.sender, msg.value != 0, amount);
        if (msg.value != 0) {
            require(tokenIn == address(wrappedEther), NotWrappedEther(tokenIn));
            require(msg.value == amount, WrongValue(msg.value, amount));
        }
    }

    /// @dev Ends it, and gives back what is left of ether.
    function _close() private {
        uint256 left = budget;
        (sender, isEther, budget, awaited) = (address(0), false, 0, 0);
        if (msg.value != 0 && left != 0) Address.sendValue(payable(msg.sender), left);
    }

    /// @dev Takes from who gave the order.
    function _spend(address token, address to, uint256 amount) private {
        uint256 left = budget;
        require(amount <= left, TooMuchIn(amount, left));
        budget = left - amount;
        if (isEther) _payEther(to, amount);
        else IERC20(token).safeTransferFrom(sender, to, amount);
    }

    function _payEther(address to, uint256 amount) private {
        wrappedEther.deposit{value: amount}();
        IERC20(address(wrappedEther)).safeTransfer(to, amount);
    }

    function _sendEther(address to, uint256 amount) private {
        wrappedEther.withdraw(amount);
        Address.sendValue(payable(to), amount);
    }

    /// @dev The last token of a path, and who is to receive it from the last pool.
    function _ends(Hop[] calldata path, address recipient, bool isUnwrapped) private view returns (address, address) {
        require(path.length != 0, EmptyPath());
        address tokenOut = path[path.length - 1].tokenOut;
        require(!isUnwrapped || tokenOut == address(wrappedEther), NotWrappedEther(tokenOut));
        return (tokenOut, isUnwrapped ? address(this) : recipient);
    }

    /// @dev What has arrived. On a round trip the sender's balance holds both what he paid and what he got.
    function _received(address tokenIn, address tokenOut, address receiver, uint256 had, uint256 spent)
        private
        view
        returns (uint256)
    {
        uint256 has = IERC20(tokenOut).balanceOf(receiver);
        if (tokenIn == tokenOut && receiver == msg.sender && msg.value == 0) has += spent;
        return Math.saturatingSub(has, had);
    }

    function _poolOf(Kind kind, address pool) private view returns (address) {
        return kind == Kind.Sharded ? ShardedPool(pool).shardFor(sender) : pool;
    }

    /// @dev The zero address if it is a constant-product pool that is not created yet.
    function _poolOf(PoolKey calldata key) private view returns (PairPool) {
        if (key.shardCount == 0) return PairPool(factory.poolOf(key.tokenA, key.tokenB));
        ShardedPool sharded = ShardedPool(shardedFactory.poolOf(key.tokenA, key.tokenB, key.shardCount));
        require(address(sharded) != address(0), NoPool());
        return PairPool(key.shard == SMALLEST ? sharded.smallest() : sharded.shardAt(key.shard));
    }

    /// @dev The most shares that both amounts can earn, and the least amounts that earn them: rounded up, and
    /// still not above what is desired.
    function _amountsFor(PairPool pool, address tokenA, uint256 amountA, uint256 amountB)
        private
        view
        returns (uint256, uint256)
    {
        (uint256 reserveA, uint256 reserveB,) = pool.getReserves();
        if (tokenA != pool.token0()) (reserveA, reserveB) = (reserveB, reserveA);
        uint256 supply = pool.totalSupply();
        if (supply == 0) return (amountA, amountB);
        uint256 shares =
            Math.min(Math.saturatingMul(amountA, supply) / reserveA, Math.saturatingMul(amountB, supply) / reserveB);
        return (
            Math.mulDiv(shares, reserveA, supply, Math.Rounding.Ceil),
            Math.mulDiv(shares, reserveB, supply, Math.Rounding.Ceil)
        );
    }

    function _hash(address pool, bytes memory data) private pure returns (bytes32) {
        return keccak256(abi.encode(pool, data));
    }
}
