// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// A constant-product pool of two tokens with a fee of 0.3 %.
///
/// It is there to be measured: whoever creates it funds it once, and nobody can take that back.
/// Tokens that take a fee of a transfer are not supported.
contract BenchPool is ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// Of an amount that goes in, 997 parts in 1000 count.
    uint256 private constant FEE_FACTOR = 997;
    uint256 private constant FEE_BASE = 1000;

    IERC20 public token0;
    IERC20 public token1;

    // One slot.
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updatedAt;

    event Funded(address indexed sender, uint256 amount0, uint256 amount1);
    event Swapped(
        address indexed sender,
        address indexed tokenIn,
        uint256 amountIn,
        uint256 amountOut,
        address indexed recipient
    );
    event ReservesChanged(uint112 reserve0, uint112 reserve1);

    error AlreadyFunded();
    error NothingGiven();
    error UnknownToken(address token);
    error TooLittleOut(uint256 amountOut, uint256 amountOutMin);

    constructor(IERC20 token0_, IERC20 token1_) {
        token0 = token0_;
        token1 = token1_;
    }

    /// Reserves, and when they last changed.
    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, updatedAt);
    }

    /// Takes the first reserves from the sender.
    function fund(uint256 amount0, uint256 amount1) external nonReentrant {
        require(reserve0 == 0 && reserve1 == 0, AlreadyFunded());
        require(amount0 != 0 && amount1 != 0, NothingGiven());
        token0.safeTransferFrom(msg.sender, address(this), amount0);
        token1.safeTransferFrom(msg.sender, address(this), amount1);
        setReserves(amount0, amount1);
        emit Funded(msg.sender, amount0, amount1);
    }

    /// Takes `amountIn` of `tokenIn` from the sender and pays the other token to `recipient`, at
    /// least `amountOutMin` of it.
    function swap(address tokenIn, uint256 amountIn, uint256 amountOutMin, address recipient)
        external
        nonReentrant
        returns (uint256 amountOut)
    {
        (IERC20 in_, IERC20 out) = (token0, token1);
        (uint256 reserveIn, uint256 reserveOut) = (reserve0, reserve1);
        bool isFirst = tokenIn == address(in_);
        if (!isFirst) {
            require(tokenIn == address(out), UnknownToken(tokenIn));
            (in_, out) = (out, in_);
            (reserveIn, reserveOut) = (reserveOut, reserveIn);
        }
        require(amountIn != 0, NothingGiven());

        // Rounds down, which favours the pool.
        uint256 counted = amountIn * FEE_FACTOR;
        amountOut = (reserveOut * counted) / (reserveIn * FEE_BASE + counted);
        require(amountOut >= amountOutMin, TooLittleOut(amountOut, amountOutMin));

        in_.safeTransferFrom(msg.sender, address(this), amountIn);
        out.safeTransfer(recipient, amountOut);
        if (isFirst) {
            setReserves(reserveIn + amountIn, reserveOut - amountOut);
        } else {
            setReserves(reserveOut - amountOut, reserveIn + amountIn);
        }
        emit Swapped(msg.sender, tokenIn, amountIn, amountOut, recipient);
    }

    function setReserves(uint256 new0, uint256 new1) private {
        (reserve0, reserve1) = (SafeCast.toUint112(new0), SafeCast.toUint112(new1));
        // Wraps around in 2106, as a time that is only compared may.
        updatedAt = uint32(block.timestamp);
        emit ReservesChanged(reserve0, reserve1);
    }
}
