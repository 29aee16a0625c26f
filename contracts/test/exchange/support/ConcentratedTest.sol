// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ConcentratedFactory} from "../../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../../src/exchange/ConcentratedPool.sol";
import {TickMath} from "../../../src/exchange/libraries/TickMath.sol";
import {Test} from "../../support/Test.sol";
import {ConcentratedActor} from "./ConcentratedActor.sol";
import {ConcentratedToken} from "./ConcentratedToken.sol";

/// What tests of pools have in common.
abstract contract ConcentratedTest is Test {
    uint160 internal constant ONE = 1 << 96;
    uint160 internal constant LOWEST = TickMath.MIN_SQRT_PRICE + 1;
    uint160 internal constant HIGHEST = TickMath.MAX_SQRT_PRICE - 1;

    ConcentratedToken internal token0 = new ConcentratedToken();
    ConcentratedToken internal token1 = new ConcentratedToken();

    /// The address of one is below that of the other.
    function sortTokens() internal {
        if (address(token0) > address(token1)) (token0, token1) = (token1, token0);
    }

    function newActor(uint256 amount) internal returns (ConcentratedActor actor) {
        actor = new ConcentratedActor(token0, token1);
        token0.mint(address(actor), amount);
        token1.mint(address(actor), amount);
    }

    function newPool(ConcentratedFactory factory, uint24 fee, uint160 sqrtPriceX96)
        internal
        returns (ConcentratedPool)
    {
        return factory.createAndInitializePool(address(token0), address(token1), fee, sqrtPriceX96);
    }

    function mint(ConcentratedActor actor, ConcentratedPool pool, int24 lower, int24 upper, uint128 liquidity)
        internal
        returns (uint256, uint256)
    {
        bytes memory result = succeed(
            actor, address(pool), abi.encodeCall(pool.mint, (address(actor), lower, upper, liquidity, ""))
        );
        return abi.decode(result, (uint256, uint256));
    }

    function burn(ConcentratedActor actor, ConcentratedPool pool, int24 lower, int24 upper, uint128 liquidity)
        internal
        returns (uint256, uint256)
    {
        bytes memory result =
            succeed(actor, address(pool), abi.encodeCall(pool.burn, (lower, upper, liquidity)));
        return abi.decode(result, (uint256, uint256));
    }

    function collect(ConcentratedActor actor, ConcentratedPool pool, int24 lower, int24 upper)
        internal
        returns (uint256, uint256)
    {
        uint128 all = type(uint128).max;
        bytes memory result = succeed(
            actor, address(pool), abi.encodeCall(pool.collect, (address(actor), lower, upper, all, all))
        );
        return abi.decode(result, (uint256, uint256));
    }

    function swap(ConcentratedActor actor, ConcentratedPool pool, bool zeroForOne, int256 amount)
        internal
        returns (int256, int256)
    {
        return swapTo(actor, pool, zeroForOne, amount, zeroForOne ? LOWEST : HIGHEST);
    }

    function swapTo(
        ConcentratedActor actor,
        ConcentratedPool pool,
        bool zeroForOne,
        int256 amount,
        uint160 limit
    ) internal returns (int256, int256) {
        bytes memory result = succeed(
            actor,
            address(pool),
            abi.encodeCall(pool.swap, (address(actor), zeroForOne, amount, limit, ""))
        );
        return abi.decode(result, (int256, int256));
    }

    function succeed(ConcentratedActor actor, address to, bytes memory data)
        internal
        returns (bytes memory result)
    {
        bool success;
        (success, result) = actor.call(to, data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// The call reverts, with these data.
    function fail(ConcentratedActor actor, address to, bytes memory data, bytes memory reason) internal {
        (bool success, bytes memory result) = actor.call(to, data);
        vm.assertTrue(!success, "should revert");
        vm.assertEq(result, reason, "reason");
    }

    function bound(int256 value, int256 least, int256 most) internal pure returns (int256) {
        uint256 size = uint256(most - least) + 1;
        return least + int256(uint256(value) % size);
    }
}
