// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {IConcentratedPoolDeployer} from "./IConcentratedPoolDeployer.sol";
import {ConcentratedPoolAddress} from "./libraries/ConcentratedPoolAddress.sol";

/// @title Creates pools with liquidity in ranges
/// @notice One pool for each pair of tokens and fee tier, at an address that follows from the three. Anyone
/// may create it. Fee tiers are fixed, and nobody has power over the factory.
/// @dev It stores nothing: pools are found by their address, so that creations do not write a slot in
/// common. What a pool asks for while it is created is transient.
contract ConcentratedFactory is IConcentratedPoolDeployer {
    /// @notice The hash that addresses of pools follow from.
    bytes32 public immutable poolInitCodeHash = keccak256(type(ConcentratedPool).creationCode);

    address private transient creatingToken0;
    address private transient creatingToken1;
    uint24 private transient creatingFee;

    event PoolCreated(
        address indexed token0,
        address indexed token1,
        uint24 indexed fee,
        int24 tickSpacing,
        ConcentratedPool pool
    );

    error IdenticalTokens(address token);
    error ZeroToken();
    error UnknownFee(uint24 fee);
    error PoolExists(address pool);

    /// @notice What the pool that is being created is for.
    /// @dev Reverts with UnknownFee where none is being created.
    function parameters()
        external
        view
        returns (address token0, address token1, uint24 fee, int24 tickSpacing)
    {
        (token0, token1, fee) = (creatingToken0, creatingToken1, creatingFee);
        tickSpacing = tickSpacingOf(fee);
    }

    /// @notice Creates the pool of two tokens, in either order, and of a fee tier.
    /// @dev Reverts with IdenticalTokens, ZeroToken, UnknownFee, and PoolExists.
    /// @param fee In millionths: 100, 500, 3000, or 10000.
    function createPool(address tokenA, address tokenB, uint24 fee) public returns (ConcentratedPool pool) {
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        require(token0 != token1, IdenticalTokens(token0));
        require(token0 != address(0), ZeroToken());
        int24 tickSpacing = tickSpacingOf(fee);
        address there = getPool(token0, token1, fee);
        require(there == address(0), PoolExists(there));

        (creatingToken0, creatingToken1, creatingFee) = (token0, token1, fee);
        pool = new ConcentratedPool{salt: ConcentratedPoolAddress.salt(token0, token1, fee)}();
        (creatingToken0, creatingToken1, creatingFee) = (address(0), address(0), 0);
        emit PoolCreated(token0, token1, fee, tickSpacing, pool);
    }

    /// @notice Creates a pool and sets its first price, so that nobody sets another one in between.
    /// @dev Reverts as `createPool` and `ConcentratedPool.initialize` do.
    /// @param sqrtPriceX96 Of the token whose address is the lower number, in the other one.
    function createAndInitializePool(address tokenA, address tokenB, uint24 fee, uint160 sqrtPriceX96)
        external
        returns (ConcentratedPool pool)
    {
        pool = createPool(tokenA, tokenB, fee);
        pool.initialize(sqrtPriceX96);
    }

    /// @notice The pool of two tokens, in either order, and of a fee tier, or zero if there is none.
    function getPool(address tokenA, address tokenB, uint24 fee) public view returns (address pool) {
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        pool = ConcentratedPoolAddress.compute(address(this), poolInitCodeHash, token0, token1, fee);
        if (pool.code.length == 0) pool = address(0);
    }

    /// @notice Tick spacing of a fee tier.
    /// @dev Reverts with UnknownFee.
    function tickSpacingOf(uint24 fee) public pure returns (int24) {
        if (fee == 100) return 1;
        if (fee == 500) return 10;
        if (fee == 3000) return 60;
        if (fee == 10000) return 200;
        revert UnknownFee(fee);
    }
}
