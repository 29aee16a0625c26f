// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {IConcentratedFlashCallback} from "./IConcentratedFlashCallback.sol";
import {IConcentratedMintCallback} from "./IConcentratedMintCallback.sol";
import {IConcentratedPoolDeployer} from "./IConcentratedPoolDeployer.sol";
import {IConcentratedSwap} from "./IConcentratedSwap.sol";
import {IConcentratedSwapCallback} from "./IConcentratedSwapCallback.sol";
import {LiquidityMath} from "./libraries/LiquidityMath.sol";
import {Observations} from "./libraries/Observations.sol";
import {SqrtPriceMath} from "./libraries/SqrtPriceMath.sol";
import {SwapMath} from "./libraries/SwapMath.sol";
import {TickBitmap} from "./libraries/TickBitmap.sol";
import {TickMath} from "./libraries/TickMath.sol";

/// @title A pool of two tokens with liquidity in ranges of prices
/// @notice Written from the Uniswap v3 whitepaper (March 2021), whose symbols and sections are referred to.
/// For every sequence of operations its results are those of Uniswap v3 with the protocol fee off, to the
/// wei. All amounts that come in are rounded up, all that go out are rounded down.
///
/// Nobody has power over a pool, and it takes no protocol fee. Tokens have to be plain ERC-20: those that
/// take a fee of transfers make a payment fail, and what a token adds to balances by itself (rebasing) is
/// lost to everyone. Amounts that are owed to one position wrap around at 2^128, as they do in v3.
///
/// Other than in v3 a position has a salt, so that a contract can hold positions for many. It may be zero.
///
/// @dev Hot slots, that is those that make transactions of one pool run one after the other:
///
/// - `slot0` (price, tick, observation ring; all that a swap changes of these is one write) is written by
///   every swap, and by mint and burn in range once per time stamp.
/// - `feeGrowthGlobal0X128` or `...1X128`, that of the token that comes in, is written by every swap.
/// - `liquidity` is written where a swap crosses a tick, and by mint and burn in range.
///
/// This is inherent: each swap starts from the price where the one before it ended. The rest is avoided.
/// The lock is transient. `collect` touches its position alone, so collections share no slot with swaps, or
/// with those of other positions. `flash` reads `liquidity` and writes fee growth. Mint and burn out of
/// range read `slot0`, but write only their ticks and position, and the bitmap where a tick comes into use
/// or out of it; they read fee growth and observations only if they initialize a tick at or below the
/// price. What is left is the pool's balance in each token.
///
/// Read-only reentrancy: before any token moves or anyone is called, the state is what it will be
/// afterwards, but for the fees of `flash`, which are added when they have come in. Balances of the pool
/// mean nothing to it between calls. `isLocked` tells others that a call is in progress.
contract ConcentratedPool is IConcentratedSwap, ReentrancyGuardTransient {
    using Observations for Observations.Observation[65535];
    using SafeCast for int256;
    using SafeERC20 for IERC20;
    using TickBitmap for mapping(int16 => uint256);

    /// One slot.
    struct Slot0 {
        /// sqrt(token1 / token0) with 96 binary digits after the point. Zero until `initialize`.
        uint160 sqrtPriceX96;
        /// The greatest whose price is not above the price, but one less where the price fell to a tick
        /// exactly and crossed it.
        int24 tick;
        /// Place of the newest observation.
        uint16 observationIndex;
        /// Size of the ring of observations.
        uint16 observationCardinality;
        /// Size of the ring from when it next comes to its end.
        uint16 observationCardinalityNext;
    }

    /// Whitepaper, 6.3. What is outside of a tick is what is on the other side of it than the price.
    struct Tick {
        /// Of all positions that begin or end here.
        uint128 liquidityGross;
        /// By how much liquidity rises where the price rises through here.
        int128 liquidityNet;
        uint256 feeGrowthOutside0X128;
        uint256 feeGrowthOutside1X128;
        int56 tickCumulativeOutside;
        uint160 secondsPerLiquidityOutsideX128;
        uint32 secondsOutside;
        bool initialized;
    }

    /// Whitepaper, 6.4.
    struct Position {
        uint128 liquidity;
        /// Fees per unit of liquidity inside of the range when the position was last touched.
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        /// What `collect` pays.
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    /// A change of a position.
    struct Change {
        address owner;
        bytes32 salt;
        int24 tickLower;
        int24 tickUpper;
        int128 liquidityDelta;
    }

    /// A swap on its way. In memory alone.
    struct Progress {
        bool zeroForOne;
        bool exactIn;
        uint160 sqrtPriceLimitX96;
        /// Of the amount asked for, with its sign.
        int256 amountRemaining;
        /// Of the other token, positive into the pool.
        int256 amountCalculated;
        uint160 sqrtPriceX96;
        int24 tick;
        uint128 liquidity;
        /// Of the token that comes in.
        uint256 feeGrowthGlobalX128;
        /// Sums as of now. They are looked up when the first tick is crossed.
        bool isObserved;
        int56 tickCumulative;
        uint160 secondsPerLiquidityCumulativeX128;
    }

    /// @notice Who created the pool.
    address public immutable factory;
    /// @notice The token whose address is the lower number.
    IERC20 public immutable token0;
    /// @notice The other token.
    IERC20 public immutable token1;
    /// @notice Of a swap or a flash loan, in millionths of the amount that comes in.
    uint24 public immutable fee;
    /// @notice Ranges begin and end at multiples of it.
    int24 public immutable tickSpacing;
    /// @notice The most liquidity that may begin or end at a tick, so that no sum of it overflows 2^128.
    uint128 public immutable maxLiquidityPerTick;

    /// @notice Price, tick, and the ring of observations.
    Slot0 public slot0;
    /// @notice Fees of token0 per unit of liquidity since the pool began, with 128 binary digits after the
    /// point. It wraps around.
    uint256 public feeGrowthGlobal0X128;
    /// @notice The same of token1.
    uint256 public feeGrowthGlobal1X128;
    /// @notice Liquidity in range.
    uint128 public liquidity;
    /// @notice What is known of a tick. All zero where no position begins or ends.
    mapping(int24 tick => Tick) public ticks;
    /// @notice Which ticks are initialized: bit `b` of word `w` is tick (256 * w + b) * tickSpacing.
    mapping(int16 word => uint256) public tickBitmap;
    mapping(bytes32 key => Position) private positions;
    /// @notice The ring of observations.
    Observations.Observation[65535] public observations;

    event Initialize(uint160 sqrtPriceX96, int24 tick);
    event Mint(
        address sender,
        address indexed owner,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        bytes32 salt,
        uint128 liquidity,
        uint256 amount0,
        uint256 amount1
    );
    event Burn(
        address indexed owner,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        bytes32 salt,
        uint128 liquidity,
        uint256 amount0,
        uint256 amount1
    );
    event Collect(
        address indexed owner,
        address recipient,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        bytes32 salt,
        uint128 amount0,
        uint128 amount1
    );
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick
    );
    event Flash(
        address indexed sender,
        address indexed recipient,
        uint256 amount0,
        uint256 amount1,
        uint256 paid0,
        uint256 paid1
    );
    event IncreaseObservationCardinalityNext(
        uint16 observationCardinalityNextOld, uint16 observationCardinalityNextNew
    );

    /// The price was set before.
    error AlreadyInitialized();
    /// The price was not set yet.
    error NotInitialized();
    /// A swap of nothing, or a mint of no liquidity.
    error ZeroAmount();
    /// The range is empty or reaches beyond the ticks that there are.
    error InvalidRange(int24 tickLower, int24 tickUpper);
    /// The limit is not ahead of the price, or is not within all prices.
    error InvalidPriceLimit(uint160 sqrtPriceLimitX96);
    /// More than `maxLiquidityPerTick` would begin or end at the tick.
    error TooMuchLiquidity(int24 tick, uint128 liquidityGross);
    /// No position begins or ends at the tick.
    error TickNotInitialized(int24 tick);
    /// There is nothing to touch: the position has no liquidity.
    error EmptyPosition();
    /// Nobody is there to get the fee of a flash loan.
    error NoLiquidity();
    /// The callback left less than was owed.
    error Unpaid(IERC20 token, uint256 balance, uint256 balanceDue);

    /// @dev The creator has to be a IConcentratedPoolDeployer.
    constructor() {
        factory = msg.sender;
        (address token0_, address token1_, uint24 fee_, int24 tickSpacing_) =
            IConcentratedPoolDeployer(msg.sender).parameters();
        token0 = IERC20(token0_);
        token1 = IERC20(token1_);
        fee = fee_;
        tickSpacing = tickSpacing_;
        // Whitepaper, 6.2.1: as many ticks as there are multiples of the spacing, zero included.
        uint24 tickCount = uint24(TickMath.MAX_TICK / tickSpacing_) * 2 + 1;
        maxLiquidityPerTick = type(uint128).max / tickCount;
    }

    /// @notice Whether a call is in progress that moves tokens.
    function isLocked() external view returns (bool) {
        return _reentrancyGuardEntered();
    }

    /// @notice A position as it was when it was last touched: without the fees since.
    function position(address owner, bytes32 salt, int24 tickLower, int24 tickUpper)
        external
        view
        returns (Position memory)
    {
        return positions[positionKey(owner, salt, tickLower, tickUpper)];
    }

    /// @notice Sums over time as of several times. Whitepaper, 5. The mean tick between two of them is the
    /// difference of `tickCumulatives` by the seconds between.
    /// @dev Reverts with TooOld where the ring does not reach as far back, and with NotInitialized.
    /// @param secondsAgos How long ago, zero being now.
    /// @return tickCumulatives Tick * seconds.
    /// @return secondsPerLiquidityCumulativeX128s Seconds / max(1, liquidity in range).
    function observe(uint32[] calldata secondsAgos)
        external
        view
        returns (int56[] memory tickCumulatives, uint160[] memory secondsPerLiquidityCumulativeX128s)
    {
        Slot0 memory state = slot0;
        require(state.observationCardinality != 0, NotInitialized());
        Observations.Now memory now_ = getNow(state, liquidity);
        tickCumulatives = new int56[](secondsAgos.length);
        secondsPerLiquidityCumulativeX128s = new uint160[](secondsAgos.length);
        for (uint256 i = 0; i < secondsAgos.length; i++) {
            (tickCumulatives[i], secondsPerLiquidityCumulativeX128s[i]) =
                observations.observe(now_, secondsAgos[i]);
        }
    }

    /// @notice Sums over the time that the price was inside of a range. Whitepaper, 6.3.
    /// @dev Only differences mean something, between two times while both ticks were initialized all the
    /// time. Reverts with InvalidRange and TickNotInitialized.
    function snapshotCumulativesInside(int24 tickLower, int24 tickUpper)
        external
        view
        returns (int56 tickCumulativeInside, uint160 secondsPerLiquidityInsideX128, uint32 secondsInside)
    {
        checkRange(tickLower, tickUpper);
        Tick storage lower = ticks[tickLower];
        Tick storage upper = ticks[tickUpper];
        require(lower.initialized, TickNotInitialized(tickLower));
        require(upper.initialized, TickNotInitialized(tickUpper));
        Slot0 memory state = slot0;
        unchecked {
            tickCumulativeInside = lower.tickCumulativeOutside - upper.tickCumulativeOutside;
            secondsPerLiquidityInsideX128 =
                lower.secondsPerLiquidityOutsideX128 - upper.secondsPerLiquidityOutsideX128;
            secondsInside = lower.secondsOutside - upper.secondsOutside;
            if (state.tick >= tickUpper) {
                tickCumulativeInside = -tickCumulativeInside;
                secondsPerLiquidityInsideX128 = 0 - secondsPerLiquidityInsideX128;
                secondsInside = 0 - secondsInside;
            } else if (state.tick >= tickLower) {
                (int56 tickCumulative, uint160 secondsPerLiquidityCumulativeX128) =
                    observations.observe(getNow(state, liquidity), 0);
                tickCumulativeInside =
                    tickCumulative - lower.tickCumulativeOutside - upper.tickCumulativeOutside;
                secondsPerLiquidityInsideX128 = secondsPerLiquidityCumulativeX128
                    - lower.secondsPerLiquidityOutsideX128 - upper.secondsPerLiquidityOutsideX128;
                secondsInside = uint32(block.timestamp) - lower.secondsOutside - upper.secondsOutside;
            }
        }
    }

    /// @notice Sets the first price. Anyone may, once: arbitrage corrects it as soon as there is liquidity.
    /// @dev Reverts with AlreadyInitialized, and with InvalidSqrtPrice.
    function initialize(uint160 sqrtPriceX96) external {
        require(slot0.sqrtPriceX96 == 0, AlreadyInitialized());
        int24 tick = TickMath.getTickAtSqrtPrice(sqrtPriceX96);
        observations.initialize(uint32(block.timestamp));
        slot0 = Slot0(sqrtPriceX96, tick, 0, 1, 1);
        emit Initialize(sqrtPriceX96, tick);
    }

    /// @notice Has the ring of observations grow, at the cost of the caller. It does not shrink.
    /// @dev Reverts with NotInitialized.
    function increaseObservationCardinalityNext(uint16 observationCardinalityNext) external nonReentrant {
        require(slot0.sqrtPriceX96 != 0, NotInitialized());
        uint16 old = slot0.observationCardinalityNext;
        if (observationCardinalityNext <= old) return;
        observations.grow(old, observationCardinalityNext);
        slot0.observationCardinalityNext = observationCardinalityNext;
        emit IncreaseObservationCardinalityNext(old, observationCardinalityNext);
    }

    /// @notice `mintWithSalt` with salt zero.
    function mint(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 liquidity_,
        bytes calldata data
    ) external returns (uint256 amount0, uint256 amount1) {
        return mintWithSalt(recipient, 0, tickLower, tickUpper, liquidity_, data);
    }

    /// @notice `burnWithSalt` with salt zero.
    function burn(int24 tickLower, int24 tickUpper, uint128 liquidity_)
        external
        returns (uint256 amount0, uint256 amount1)
    {
        return burnWithSalt(0, tickLower, tickUpper, liquidity_);
    }

    /// @notice `collectWithSalt` with salt zero.
    function collect(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external returns (uint128 amount0, uint128 amount1) {
        return collectWithSalt(recipient, 0, tickLower, tickUpper, amount0Requested, amount1Requested);
    }

    /// @notice Adds liquidity to a range. The caller pays in its `concentratedMintCallback`.
    /// @dev Anyone may add to anyone's position. Reverts with ZeroAmount, InvalidRange, TickMisaligned,
    /// TooMuchLiquidity, NotInitialized, and with Unpaid.
    /// @param recipient Who owns the position.
    /// @param salt Which of the owner's positions of the range.
    /// @param data Handed on to the callback.
    /// @return amount0 Of token0, rounded up.
    /// @return amount1 Of token1, rounded up.
    function mintWithSalt(
        address recipient,
        bytes32 salt,
        int24 tickLower,
        int24 tickUpper,
        uint128 liquidity_,
        bytes calldata data
    ) public nonReentrant returns (uint256 amount0, uint256 amount1) {
        require(liquidity_ != 0, ZeroAmount());
        Change memory change =
            Change(recipient, salt, tickLower, tickUpper, int256(uint256(liquidity_)).toInt128());
        (, amount0, amount1) = modifyPosition(change);
        emitMint(change, amount0, amount1);

        uint256 due0 = amount0 == 0 ? 0 : balance(token0) + amount0;
        uint256 due1 = amount1 == 0 ? 0 : balance(token1) + amount1;
        IConcentratedMintCallback(msg.sender).concentratedMintCallback(amount0, amount1, data);
        requirePaid(token0, due0);
        requirePaid(token1, due1);
    }

    /// @notice Takes liquidity of the caller from a range. What it gives, and the fees up to now, can be
    /// collected then. With liquidity zero it only accounts for the fees.
    /// @dev Reverts with InvalidRange, NotInitialized, NotEnoughLiquidity, and EmptyPosition.
    /// @return amount0 Of token0, rounded down, without fees.
    /// @return amount1 Of token1, rounded down, without fees.
    function burnWithSalt(bytes32 salt, int24 tickLower, int24 tickUpper, uint128 liquidity_)
        public
        nonReentrant
        returns (uint256 amount0, uint256 amount1)
    {
        Change memory change =
            Change(msg.sender, salt, tickLower, tickUpper, -int256(uint256(liquidity_)).toInt128());
        Position storage changed;
        (changed, amount0, amount1) = modifyPosition(change);
        if (amount0 != 0 || amount1 != 0) {
            unchecked {
                changed.tokensOwed0 += uint128(amount0);
                changed.tokensOwed1 += uint128(amount1);
            }
        }
        emit Burn(msg.sender, tickLower, tickUpper, salt, liquidity_, amount0, amount1);
    }

    /// @notice Pays what a position of the caller is owed. Fees since it was last touched are not among it:
    /// burn nothing before.
    /// @dev Reverts with NotInitialized.
    /// @param amount0Requested The most to pay of token0.
    /// @param amount1Requested The most to pay of token1.
    function collectWithSalt(
        address recipient,
        bytes32 salt,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) public nonReentrant returns (uint128 amount0, uint128 amount1) {
        Position storage owed = positions[positionKey(msg.sender, salt, tickLower, tickUpper)];
        (uint128 owed0, uint128 owed1) = (owed.tokensOwed0, owed.tokensOwed1);
        amount0 = amount0Requested < owed0 ? amount0Requested : owed0;
        amount1 = amount1Requested < owed1 ? amount1Requested : owed1;
        if (owed0 != 0 || owed1 != 0) {
            unchecked {
                owed.tokensOwed0 = owed0 - amount0;
                owed.tokensOwed1 = owed1 - amount1;
            }
        } else {
            // Only here, so that whoever has something to collect does not read what swaps write.
            require(slot0.sqrtPriceX96 != 0, NotInitialized());
        }
        emit Collect(msg.sender, recipient, tickLower, tickUpper, salt, amount0, amount1);
        if (amount0 != 0) token0.safeTransfer(recipient, amount0);
        if (amount1 != 0) token1.safeTransfer(recipient, amount1);
    }

    /// @inheritdoc IConcentratedSwap
    /// @dev Whitepaper, 6.2.3. Reverts with ZeroAmount, InvalidPriceLimit, and Unpaid.
    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external nonReentrant returns (int256 amount0, int256 amount1) {
        require(amountSpecified != 0, ZeroAmount());
        (amount0, amount1) = executeSwap(recipient, zeroForOne, amountSpecified, sqrtPriceLimitX96);

        (IERC20 tokenIn, IERC20 tokenOut) = zeroForOne ? (token0, token1) : (token1, token0);
        (int256 amountIn, int256 amountOut) = zeroForOne ? (amount0, amount1) : (amount1, amount0);
        unchecked {
            if (amountOut != 0) tokenOut.safeTransfer(recipient, uint256(-amountOut));
        }
        uint256 due = balance(tokenIn) + uint256(amountIn);
        IConcentratedSwapCallback(msg.sender).concentratedSwapCallback(amount0, amount1, data);
        requirePaid(tokenIn, due);
    }

    /// @notice Lends tokens for the time of the caller's `concentratedFlashCallback`, which has to pay them
    /// back with the pool's fee, rounded up. All that it pays on top goes to the liquidity in range.
    /// @dev Reverts with NoLiquidity, and with Unpaid.
    /// @param data Handed on to the callback.
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data)
        external
        nonReentrant
    {
        uint128 inRange = liquidity;
        require(inRange != 0, NoLiquidity());
        uint256 balance0 = balance(token0);
        uint256 balance1 = balance(token1);
        if (amount0 != 0) token0.safeTransfer(recipient, amount0);
        if (amount1 != 0) token1.safeTransfer(recipient, amount1);
        {
            uint256 fee0 = FixedPointMathLib.fullMulDivUp(amount0, fee, SwapMath.FEE_BASE);
            uint256 fee1 = FixedPointMathLib.fullMulDivUp(amount1, fee, SwapMath.FEE_BASE);
            IConcentratedFlashCallback(msg.sender).concentratedFlashCallback(fee0, fee1, data);
            requirePaid(token0, balance0 + fee0);
            requirePaid(token1, balance1 + fee1);
        }
        unchecked {
            uint256 paid0 = balance(token0) - balance0;
            uint256 paid1 = balance(token1) - balance1;
            if (paid0 != 0) feeGrowthGlobal0X128 += FixedPointMathLib.fullMulDiv(paid0, 1 << 128, inRange);
            if (paid1 != 0) feeGrowthGlobal1X128 += FixedPointMathLib.fullMulDiv(paid1, 1 << 128, inRange);
            emit Flash(msg.sender, recipient, amount0, amount1, paid0, paid1);
        }
    }

    /// @dev All of a swap but what moves tokens.
    function executeSwap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96
    ) private returns (int256 amount0, int256 amount1) {
        Slot0 memory start = slot0;
        require(start.sqrtPriceX96 != 0, NotInitialized());
        require(
            zeroForOne
                ? sqrtPriceLimitX96 < start.sqrtPriceX96 && sqrtPriceLimitX96 > TickMath.MIN_SQRT_PRICE
                : sqrtPriceLimitX96 > start.sqrtPriceX96 && sqrtPriceLimitX96 < TickMath.MAX_SQRT_PRICE,
            InvalidPriceLimit(sqrtPriceLimitX96)
        );
        uint128 liquidityStart = liquidity;
        Progress memory progress;
        progress.zeroForOne = zeroForOne;
        progress.exactIn = amountSpecified > 0;
        progress.sqrtPriceLimitX96 = sqrtPriceLimitX96;
        progress.amountRemaining = amountSpecified;
        progress.sqrtPriceX96 = start.sqrtPriceX96;
        progress.tick = start.tick;
        progress.liquidity = liquidityStart;
        progress.feeGrowthGlobalX128 = zeroForOne ? feeGrowthGlobal0X128 : feeGrowthGlobal1X128;

        while (progress.amountRemaining != 0 && progress.sqrtPriceX96 != sqrtPriceLimitX96) {
            step(progress, start, liquidityStart);
        }

        // The observation is of what was true up to now.
        if (progress.tick != start.tick) writeObservation(start, liquidityStart);
        start.tick = progress.tick;
        start.sqrtPriceX96 = progress.sqrtPriceX96;
        slot0 = start;
        if (progress.liquidity != liquidityStart) liquidity = progress.liquidity;
        if (zeroForOne) feeGrowthGlobal0X128 = progress.feeGrowthGlobalX128;
        else feeGrowthGlobal1X128 = progress.feeGrowthGlobalX128;

        unchecked {
            amount0 = amountSpecified - progress.amountRemaining;
        }
        amount1 = progress.amountCalculated;
        if (zeroForOne != progress.exactIn) (amount0, amount1) = (amount1, amount0);
        emit Swap(
            msg.sender,
            recipient,
            amount0,
            amount1,
            progress.sqrtPriceX96,
            progress.liquidity,
            progress.tick
        );
    }

    /// @dev Goes on to the next tick, to the limit, or as far as the amount goes.
    function step(Progress memory progress, Slot0 memory start, uint128 liquidityStart) private {
        bool zeroForOne = progress.zeroForOne;
        (int24 tickNext, bool initialized) =
            tickBitmap.nextInitializedTickWithinOneWord(progress.tick, tickSpacing, zeroForOne);
        if (tickNext < TickMath.MIN_TICK) tickNext = TickMath.MIN_TICK;
        else if (tickNext > TickMath.MAX_TICK) tickNext = TickMath.MAX_TICK;
        uint160 sqrtPriceNextX96 = TickMath.getSqrtPriceAtTick(tickNext);
        uint160 sqrtPriceStartX96 = progress.sqrtPriceX96;
        {
            uint160 target = progress.sqrtPriceLimitX96;
            if (zeroForOne ? sqrtPriceNextX96 > target : sqrtPriceNextX96 < target) target = sqrtPriceNextX96;
            uint256 amountIn;
            uint256 amountOut;
            uint256 feeAmount;
            (progress.sqrtPriceX96, amountIn, amountOut, feeAmount) = SwapMath.computeSwapStep(
                sqrtPriceStartX96, target, progress.liquidity, progress.amountRemaining, fee
            );
            // Amounts of a step are below 2^226, and there are fewer than 2^24 steps.
            unchecked {
                if (progress.exactIn) {
                    progress.amountRemaining -= int256(amountIn + feeAmount);
                    progress.amountCalculated -= int256(amountOut);
                } else {
                    progress.amountRemaining += int256(amountOut);
                    progress.amountCalculated += int256(amountIn + feeAmount);
                }
                if (progress.liquidity != 0) {
                    progress.feeGrowthGlobalX128 +=
                        FixedPointMathLib.fullMulDiv(feeAmount, 1 << 128, progress.liquidity);
                }
            }
        }
        if (progress.sqrtPriceX96 == sqrtPriceNextX96) {
            if (initialized) crossTick(tickNext, progress, start, liquidityStart);
            unchecked {
                progress.tick = zeroForOne ? tickNext - 1 : tickNext;
            }
        } else if (progress.sqrtPriceX96 != sqrtPriceStartX96) {
            progress.tick = TickMath.getTickAtSqrtPrice(progress.sqrtPriceX96);
        }
    }

    /// @dev What was outside of the tick is now inside, and the reverse. Whitepaper, 6.26.
    function crossTick(int24 tick, Progress memory progress, Slot0 memory start, uint128 liquidityStart)
        private
    {
        if (!progress.isObserved) {
            (progress.tickCumulative, progress.secondsPerLiquidityCumulativeX128) =
                observations.observe(getNow(start, liquidityStart), 0);
            progress.isObserved = true;
        }
        Tick storage crossed = ticks[tick];
        int128 liquidityNet = crossed.liquidityNet;
        unchecked {
            (uint256 global0, uint256 global1) = progress.zeroForOne
                ? (progress.feeGrowthGlobalX128, feeGrowthGlobal1X128)
                : (feeGrowthGlobal0X128, progress.feeGrowthGlobalX128);
            crossed.feeGrowthOutside0X128 = global0 - crossed.feeGrowthOutside0X128;
            crossed.feeGrowthOutside1X128 = global1 - crossed.feeGrowthOutside1X128;
            crossed.tickCumulativeOutside = progress.tickCumulative - crossed.tickCumulativeOutside;
            crossed.secondsPerLiquidityOutsideX128 =
                progress.secondsPerLiquidityCumulativeX128 - crossed.secondsPerLiquidityOutsideX128;
            crossed.secondsOutside = uint32(block.timestamp) - crossed.secondsOutside;
            if (progress.zeroForOne) liquidityNet = -liquidityNet;
        }
        progress.liquidity = LiquidityMath.addDelta(progress.liquidity, liquidityNet);
    }

    /// @dev All of a mint or a burn but what moves tokens or is owed for liquidity. Whitepaper, 6.4.1.
    function modifyPosition(Change memory change)
        private
        returns (Position storage changed, uint256 amount0, uint256 amount1)
    {
        checkRange(change.tickLower, change.tickUpper);
        Slot0 memory state = slot0;
        require(state.sqrtPriceX96 != 0, NotInitialized());
        changed =
            positions[positionKey(change.owner, change.salt, change.tickLower, change.tickUpper)];

        if (change.liquidityDelta == 0) {
            require(changed.liquidity != 0, EmptyPosition());
            accrueFees(changed, change, state.tick);
        } else {
            bool lowerFlipped = updateTick(change.tickLower, false, change.liquidityDelta, state);
            bool upperFlipped = updateTick(change.tickUpper, true, change.liquidityDelta, state);
            accrueFees(changed, change, state.tick);
            changed.liquidity = LiquidityMath.addDelta(changed.liquidity, change.liquidityDelta);
            if (change.liquidityDelta < 0) {
                if (lowerFlipped) delete ticks[change.tickLower];
                if (upperFlipped) delete ticks[change.tickUpper];
            }
            (amount0, amount1) = updateLiquidity(change, state);
        }
    }

    /// @dev Adds liquidity that begins or ends at a tick. Returns whether the tick came into use or got out
    /// of it. Whitepaper, 6.21 and 6.22: what was before a tick came into use counts as below it.
    function updateTick(int24 tick, bool isUpper, int128 liquidityDelta, Slot0 memory state)
        private
        returns (bool isFlipped)
    {
        Tick storage updated = ticks[tick];
        uint128 before = updated.liquidityGross;
        int128 liquidityNet = updated.liquidityNet;
        uint128 gross = LiquidityMath.addDelta(before, liquidityDelta);
        require(gross <= maxLiquidityPerTick, TooMuchLiquidity(tick, gross));
        updated.liquidityGross = gross;
        updated.liquidityNet = isUpper ? liquidityNet - liquidityDelta : liquidityNet + liquidityDelta;

        if (before == 0) {
            updated.initialized = true;
            if (tick <= state.tick) {
                updated.feeGrowthOutside0X128 = feeGrowthGlobal0X128;
                updated.feeGrowthOutside1X128 = feeGrowthGlobal1X128;
                (updated.tickCumulativeOutside, updated.secondsPerLiquidityOutsideX128) =
                    observations.observe(getNow(state, liquidity), 0);
                updated.secondsOutside = uint32(block.timestamp);
            }
        }
        isFlipped = (before == 0) != (gross == 0);
        if (isFlipped) tickBitmap.flipTick(tick, tickSpacing);
    }

    /// @dev Owes the position the fees since it was last touched, rounded down. Whitepaper, 6.28.
    function accrueFees(Position storage changed, Change memory change, int24 tick) private {
        (uint256 inside0, uint256 inside1) = getFeeGrowthInside(change.tickLower, change.tickUpper, tick);
        uint128 before = changed.liquidity;
        unchecked {
            // Never above 2^256, as one factor is below 2^128. What it has above 2^128 is lost.
            uint128 owed0 = uint128(
                FixedPointMathLib.fullMulDivN(inside0 - changed.feeGrowthInside0LastX128, before, 128)
            );
            uint128 owed1 = uint128(
                FixedPointMathLib.fullMulDivN(inside1 - changed.feeGrowthInside1LastX128, before, 128)
            );
            changed.feeGrowthInside0LastX128 = inside0;
            changed.feeGrowthInside1LastX128 = inside1;
            if (owed0 != 0 || owed1 != 0) {
                changed.tokensOwed0 += owed0;
                changed.tokensOwed1 += owed1;
            }
        }
    }

    /// @dev Whitepaper, 6.17 to 6.19, solved for each place of the price, so that the sums of all the pool
    /// are read only where the price is in range.
    function getFeeGrowthInside(int24 tickLower, int24 tickUpper, int24 tick)
        private
        view
        returns (uint256 inside0, uint256 inside1)
    {
        Tick storage lower = ticks[tickLower];
        Tick storage upper = ticks[tickUpper];
        (uint256 lower0, uint256 lower1) = (lower.feeGrowthOutside0X128, lower.feeGrowthOutside1X128);
        (uint256 upper0, uint256 upper1) = (upper.feeGrowthOutside0X128, upper.feeGrowthOutside1X128);
        unchecked {
            if (tick < tickLower) return (lower0 - upper0, lower1 - upper1);
            if (tick >= tickUpper) return (upper0 - lower0, upper1 - lower1);
            return (feeGrowthGlobal0X128 - lower0 - upper0, feeGrowthGlobal1X128 - lower1 - upper1);
        }
    }

    /// @dev Changes the liquidity in range, if the position is, and returns what the change costs or gives.
    /// Whitepaper, 6.29 and 6.30.
    function updateLiquidity(Change memory change, Slot0 memory state)
        private
        returns (uint256 amount0, uint256 amount1)
    {
        bool isAdded = change.liquidityDelta > 0;
        uint128 size;
        unchecked {
            size = uint128(isAdded ? change.liquidityDelta : -change.liquidityDelta);
        }
        uint160 lower = TickMath.getSqrtPriceAtTick(change.tickLower);
        uint160 upper = TickMath.getSqrtPriceAtTick(change.tickUpper);
        if (state.tick < change.tickLower) {
            amount0 = SqrtPriceMath.getAmount0Delta(lower, upper, size, isAdded);
        } else if (state.tick >= change.tickUpper) {
            amount1 = SqrtPriceMath.getAmount1Delta(lower, upper, size, isAdded);
        } else {
            amount0 = SqrtPriceMath.getAmount0Delta(state.sqrtPriceX96, upper, size, isAdded);
            amount1 = SqrtPriceMath.getAmount1Delta(lower, state.sqrtPriceX96, size, isAdded);
            uint128 before = liquidity;
            if (writeObservation(state, before)) slot0 = state;
            liquidity = LiquidityMath.addDelta(before, change.liquidityDelta);
        }
    }

    /// @dev Writes down what was true up to now, if it was not yet. Returns whether `state` changed by it,
    /// which the caller has to store.
    function writeObservation(Slot0 memory state, uint128 inRange) private returns (bool isChanged) {
        (uint16 index, uint16 cardinality) =
            observations.write(getNow(state, inRange), state.observationCardinalityNext);
        // The ring grows only where it comes to its end, so with another index.
        isChanged = index != state.observationIndex;
        state.observationIndex = index;
        state.observationCardinality = cardinality;
    }

    function getNow(Slot0 memory state, uint128 inRange) private view returns (Observations.Now memory) {
        return Observations.Now(
            uint32(block.timestamp),
            state.tick,
            inRange,
            state.observationIndex,
            state.observationCardinality
        );
    }

    /// @dev Apart, as the stack is too small.
    function emitMint(Change memory change, uint256 amount0, uint256 amount1) private {
        emit Mint(
            msg.sender,
            change.owner,
            change.tickLower,
            change.tickUpper,
            change.salt,
            uint128(change.liquidityDelta),
            amount0,
            amount1
        );
    }

    function balance(IERC20 token) private view returns (uint256) {
        return token.balanceOf(address(this));
    }

    /// @dev Where nothing is due, the balance does not matter.
    function requirePaid(IERC20 token, uint256 due) private view {
        if (due == 0) return;
        uint256 paid = balance(token);
        require(paid >= due, Unpaid(token, paid, due));
    }

    function checkRange(int24 tickLower, int24 tickUpper) private pure {
        require(
            tickLower < tickUpper && tickLower >= TickMath.MIN_TICK && tickUpper <= TickMath.MAX_TICK,
            InvalidRange(tickLower, tickUpper)
        );
    }

    function positionKey(address owner, bytes32 salt, int24 tickLower, int24 tickUpper)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(owner, salt, tickLower, tickUpper));
    }
}
