// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {IConcentratedSwapCallback} from "./IConcentratedSwapCallback.sol";
import {TickMath} from "./libraries/TickMath.sol";

/// @title What a swap would give
/// @notice Does the swap, and takes it back when the pool asks for payment. So the result is that of the
/// pool itself. It is meant to be called off-chain (`eth_call`); on-chain it costs as much as the swap.
/// @dev It holds nothing and trusts nobody: a pool that lies harms only whoever asks about it.
contract ConcentratedQuoter is IConcentratedSwapCallback {
    /// @notice How the result comes out of a swap that is taken back.
    error Quoted(int256 amount0, int256 amount1, uint160 sqrtPriceX96, int24 tick);

    /// The pool did not ask for payment.
    error NotQuoted();

    /// @notice What `pool.swap` would do now.
    /// @dev Reverts as the swap would.
    /// @param sqrtPriceLimitX96 As for the swap, or zero for no limit.
    /// @return amount0 As of the swap.
    /// @return amount1 As of the swap.
    /// @return sqrtPriceAfterX96 The price after the swap.
    /// @return tickAfter The tick after the swap.
    function quote(
        ConcentratedPool pool,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96
    ) external returns (int256 amount0, int256 amount1, uint160 sqrtPriceAfterX96, int24 tickAfter) {
        if (sqrtPriceLimitX96 == 0) {
            sqrtPriceLimitX96 = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        }
        try pool.swap(address(this), zeroForOne, amountSpecified, sqrtPriceLimitX96, "") {
            revert NotQuoted();
        } catch (bytes memory reason) {
            if (reason.length != 4 + 4 * 32 || bytes4(reason) != Quoted.selector) {
                assembly ("memory-safe") {
                    revert(add(reason, 0x20), mload(reason))
                }
            }
            // Its arguments come after the selector.
            assembly ("memory-safe") {
                amount0 := mload(add(reason, 0x24))
                amount1 := mload(add(reason, 0x44))
                sqrtPriceAfterX96 := mload(add(reason, 0x64))
                tickAfter := mload(add(reason, 0x84))
            }
        }
    }

    /// @inheritdoc IConcentratedSwapCallback
    /// @dev Always reverts, with Quoted. The caller is the pool, whose state is that after the swap.
    function concentratedSwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata)
        external
        view
    {
        (uint160 sqrtPriceX96, int24 tick,,,) = ConcentratedPool(msg.sender).slot0();
        revert Quoted(amount0Delta, amount1Delta, sqrtPriceX96, tick);
    }
}
