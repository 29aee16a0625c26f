// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ConcentratedFactory} from "./ConcentratedFactory.sol";
import {IConcentratedMintCallback} from "./IConcentratedMintCallback.sol";
import {ConcentratedPool} from "./ConcentratedPool.sol";
import {ConcentratedPoolAddress} from "./libraries/ConcentratedPoolAddress.sol";
import {LiquidityMath} from "./libraries/LiquidityMath.sol";
import {TickMath} from "./libraries/TickMath.sol";

/// @title Liquidity in ranges as tokens (ERC-721)
/// @notice One token is one position of a ConcentratedPool, which is kept apart from all others there by the
/// token's id as its salt. So the pool does all the accounts: what a token is owed is what the pool owes to
/// its position, to the wei, and nothing that others do changes it. This contract holds no tokens, and
/// nobody has power over it.
///
/// ERC-721 rather than ERC-6909: two positions of one range differ in what fees they were paid up to, so
/// shares of them are not fungible, unless every transfer settled the fees of both sides.
///
/// Tokens have to be plain ERC-20, as for the pools.
///
/// @dev Ids are hashes and not numbers in sequence, so mints do not write a counter in common. An id stands
/// for one pool and range forever, even where it is burned and minted again. What a call writes here are
/// slots of its owner and its token alone.
contract ConcentratedPositions is ERC721, Multicall, ReentrancyGuardTransient, IConcentratedMintCallback {
    using SafeERC20 for IERC20;

    /// One slot.
    struct Range {
        ConcentratedPool pool;
        int24 tickLower;
        int24 tickUpper;
    }

    struct MintParams {
        /// The token whose address is the lower number.
        address token0;
        address token1;
        uint24 fee;
        int24 tickLower;
        int24 tickUpper;
        /// What to pay at most.
        uint256 amount0Desired;
        uint256 amount1Desired;
        /// What to pay at least, which bounds the price.
        uint256 amount0Min;
        uint256 amount1Min;
        /// Who gets the token. It is not asked whether it can handle it.
        address recipient;
        /// The last time stamp at which it may be done.
        uint256 deadline;
        /// Any number that the caller did not use for this range before.
        bytes32 salt;
    }

    struct IncreaseParams {
        uint256 id;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    struct DecreaseParams {
        uint256 id;
        uint128 liquidity;
        /// What it has to give at least, without fees.
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    /// @notice Whose pools positions are of.
    ConcentratedFactory public immutable factory;
    bytes32 private immutable poolInitCodeHash;

    /// @notice Which position a token is.
    mapping(uint256 id => Range) public ranges;

    /// The pool that may ask for payment now.
    address private transient payingPool;

    event IncreaseLiquidity(uint256 indexed id, uint128 liquidity, uint256 amount0, uint256 amount1);
    event DecreaseLiquidity(uint256 indexed id, uint128 liquidity, uint256 amount0, uint256 amount1);
    event Collect(uint256 indexed id, address recipient, uint256 amount0, uint256 amount1);

    error Expired(uint256 deadline);
    error UnknownPool(address token0, address token1, uint24 fee);
    /// The price is not what the caller wants it to be.
    error TooLittle(uint256 amount0, uint256 amount1);
    /// The position still has liquidity, or is owed tokens.
    error NotCleared(uint256 id);
    error NotPayingPool(address caller);
    error ZeroRecipient();

    modifier before(uint256 deadline) {
        require(block.timestamp <= deadline, Expired(deadline));
        _;
    }

    constructor(ConcentratedFactory factory_) ERC721("Heddle Concentrated Positions", "HEDDLE-POS") {
        factory = factory_;
        poolInitCodeHash = factory_.poolInitCodeHash();
    }

    /// @notice The id that `mint` gives.
    /// @param minter Who calls it.
    function idOf(
        address minter,
        bytes32 salt,
        ConcentratedPool pool,
        int24 tickLower,
        int24 tickUpper
    ) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(minter, salt, pool, tickLower, tickUpper)));
    }

    /// @notice The position of a token, as it was when it was last touched: without the fees since.
    /// @dev Reverts with ERC721NonexistentToken. To learn the fees, call `collect` without a transaction.
    function position(uint256 id) external view returns (Range memory, ConcentratedPool.Position memory) {
        _requireOwned(id);
        Range memory range = ranges[id];
        return (range, positionOf(range, id));
    }

    /// @notice Makes a position and its token. The caller pays, and has to have approved this contract.
    /// @dev Reverts with Expired, UnknownPool, TooLittle, ERC721InvalidSender where the id exists, and as
    /// `ConcentratedPool.mint` does, so with ZeroAmount where the amounts are too small for any liquidity.
    /// @return id Of the token.
    /// @return liquidity The most that the desired amounts pay for, rounded down.
    /// @return amount0 What was paid, rounded up.
    /// @return amount1 What was paid, rounded up.
    function mint(MintParams calldata params)
        external
        nonReentrant
        before(params.deadline)
        returns (uint256 id, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        Range memory range = Range(
            ConcentratedPool(
                ConcentratedPoolAddress.compute(
                    address(factory), poolInitCodeHash, params.token0, params.token1, params.fee
                )
            ),
            params.tickLower,
            params.tickUpper
        );
        require(
            address(range.pool).code.length != 0, UnknownPool(params.token0, params.token1, params.fee)
        );
        require(
            params.tickLower < params.tickUpper,
            ConcentratedPool.InvalidRange(params.tickLower, params.tickUpper)
        );
        id = idOf(msg.sender, params.salt, range.pool, range.tickLower, range.tickUpper);
        _mint(params.recipient, id);
        ranges[id] = range;
        (liquidity, amount0, amount1) = addLiquidity(
            range,
            IncreaseParams(
                id,
                params.amount0Desired,
                params.amount1Desired,
                params.amount0Min,
                params.amount1Min,
                params.deadline
            )
        );
    }

    /// @notice Adds liquidity to a token's position. Anyone may, and whoever calls it pays.
    /// @dev Reverts with Expired, ERC721NonexistentToken, TooLittle, and as `ConcentratedPool.mint` does.
    /// @return liquidity The most that the desired amounts pay for, rounded down.
    /// @return amount0 What was paid, rounded up.
    /// @return amount1 What was paid, rounded up.
    function increase(IncreaseParams calldata params)
        external
        nonReentrant
        before(params.deadline)
        returns (uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        _requireOwned(params.id);
        return addLiquidity(ranges[params.id], params);
    }

    /// @notice Takes liquidity from a token's position. `collect` pays what it gives. By the owner, or
    /// whoever it approved.
    /// @dev Reverts with Expired, ERC721InsufficientApproval, ERC721NonexistentToken, TooLittle, and as
    /// `ConcentratedPool.burn` does.
    /// @return amount0 What the position is owed for it, rounded down, without fees.
    /// @return amount1 What the position is owed for it, rounded down, without fees.
    function decrease(DecreaseParams calldata params)
        external
        nonReentrant
        before(params.deadline)
        returns (uint256 amount0, uint256 amount1)
    {
        requireAuthorized(params.id);
        Range memory range = ranges[params.id];
        (amount0, amount1) = range.pool.burnWithSalt(
            bytes32(params.id), range.tickLower, range.tickUpper, params.liquidity
        );
        require(
            amount0 >= params.amount0Min && amount1 >= params.amount1Min, TooLittle(amount0, amount1)
        );
        emit DecreaseLiquidity(params.id, params.liquidity, amount0, amount1);
    }

    /// @notice Pays what a token's position is owed, fees up to now included. By the owner, or whoever it
    /// approved.
    /// @dev Reverts with ERC721InsufficientApproval, ERC721NonexistentToken, and ZeroRecipient.
    /// @param amount0Max What to pay at most of token0.
    /// @param amount1Max What to pay at most of token1.
    function collect(uint256 id, address recipient, uint128 amount0Max, uint128 amount1Max)
        external
        nonReentrant
        returns (uint128 amount0, uint128 amount1)
    {
        requireAuthorized(id);
        require(recipient != address(0), ZeroRecipient());
        Range memory range = ranges[id];
        if (positionOf(range, id).liquidity != 0) {
            range.pool.burnWithSalt(bytes32(id), range.tickLower, range.tickUpper, 0);
        }
        (amount0, amount1) = range.pool.collectWithSalt(
            recipient, bytes32(id), range.tickLower, range.tickUpper, amount0Max, amount1Max
        );
        emit Collect(id, recipient, amount0, amount1);
    }

    /// @notice Ends a token whose position has nothing any more. By the owner, or whoever it approved.
    /// @dev Reverts with ERC721InsufficientApproval, ERC721NonexistentToken, and NotCleared.
    function burn(uint256 id) external nonReentrant {
        requireAuthorized(id);
        ConcentratedPool.Position memory left = positionOf(ranges[id], id);
        require(left.liquidity == 0 && left.tokensOwed0 == 0 && left.tokensOwed1 == 0, NotCleared(id));
        delete ranges[id];
        _burn(id);
    }

    /// @inheritdoc IConcentratedMintCallback
    /// @dev Only the pool that this contract is calling may ask, and only whoever called this contract
    /// pays. Reverts with NotPayingPool.
    function concentratedMintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data)
        external
    {
        require(msg.sender == payingPool, NotPayingPool(msg.sender));
        address payer = abi.decode(data, (address));
        ConcentratedPool pool = ConcentratedPool(msg.sender);
        if (amount0Owed != 0) pool.token0().safeTransferFrom(payer, msg.sender, amount0Owed);
        if (amount1Owed != 0) pool.token1().safeTransferFrom(payer, msg.sender, amount1Owed);
    }

    /// @dev TickMath reverts with InvalidTick where a range reaches beyond the ticks that there are.
    function addLiquidity(Range memory range, IncreaseParams memory params)
        private
        returns (uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        (uint160 sqrtPriceX96,,,,) = range.pool.slot0();
        liquidity = LiquidityMath.getLiquidityForAmounts(
            sqrtPriceX96,
            TickMath.getSqrtPriceAtTick(range.tickLower),
            TickMath.getSqrtPriceAtTick(range.tickUpper),
            params.amount0Desired,
            params.amount1Desired
        );
        payingPool = address(range.pool);
        (amount0, amount1) = range.pool.mintWithSalt(
            address(this),
            bytes32(params.id),
            range.tickLower,
            range.tickUpper,
            liquidity,
            abi.encode(msg.sender)
        );
        payingPool = address(0);
        require(
            amount0 >= params.amount0Min && amount1 >= params.amount1Min, TooLittle(amount0, amount1)
        );
        emit IncreaseLiquidity(params.id, liquidity, amount0, amount1);
    }

    function positionOf(Range memory range, uint256 id)
        private
        view
        returns (ConcentratedPool.Position memory)
    {
        return range.pool.position(address(this), bytes32(id), range.tickLower, range.tickUpper);
    }

    function requireAuthorized(uint256 id) private view {
        _checkAuthorized(_requireOwned(id), msg.sender, id);
    }
}
