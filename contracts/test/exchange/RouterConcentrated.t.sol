// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {ConcentratedQuoter} from "../../src/exchange/ConcentratedQuoter.sol";
import {Router} from "../../src/exchange/Router.sol";
import {ConcentratedActor} from "./support/ConcentratedActor.sol";
import {Exchange} from "./support/Exchange.sol";

/// The router with pools of concentrated liquidity, and with all three kinds in one path.
contract RouterConcentratedTest is Exchange {
    address private constant OTHER = address(0x07e4);
    uint256 private constant HAS = 1e27;

    ConcentratedQuoter private quoter = new ConcentratedQuoter();
    // Of the first and the third token.
    ConcentratedPool private concentrated;
    address private trader;

    function setUp() external {
        trader = account(77, HAS);
        ConcentratedFactory pools = new ConcentratedFactory();
        concentrated =
            pools.createAndInitializePool(address(tokens[0]), address(tokens[2]), 500, uint160(1 << 96));
        ConcentratedActor provider = new ConcentratedActor(tokens[0], tokens[2]);
        tokens[0].mint(address(provider), HAS);
        tokens[2].mint(address(provider), HAS);
        provide(provider, -60_000, 60_000, 1e24);
        provide(provider, -100, 200, 5e24);
        fund(pool, 1e24, 2e24, address(1));
        for (uint256 i = 0; i < SHARDS; i++) {
            fund(shard(i), 1e24, 3e24, address(1));
        }
    }

    function provide(ConcentratedActor provider, int24 lower, int24 upper, uint128 liquidity) private {
        bytes memory mint =
            abi.encodeCall(ConcentratedPool.mint, (address(provider), lower, upper, liquidity, ""));
        (bool success,) = provider.call(address(concentrated), mint);
        vm.assertTrue(success, "liquidity");
    }

    /// From the third token to the first, the second, and the third again.
    function round() private view returns (Router.Hop[] memory path) {
        path = new Router.Hop[](3);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[0]));
        path[1] = Router.Hop(Router.Kind.Pair, address(pool), address(tokens[1]));
        path[2] = Router.Hop(Router.Kind.Pair, address(shard(2)), address(tokens[2]));
    }

    /// Its result is what the pool itself says, also where the swap crosses into a range of less liquidity.
    function test_exactInIsWhatThePoolSays(uint256 amount, bool zeroForOne) external {
        amount = bound(amount, 1e6, 1e24);
        (uint256 from, uint256 to) = zeroForOne ? (uint256(0), uint256(2)) : (2, 0);
        (int256 amount0, int256 amount1,,) = quoter.quote(concentrated, zeroForOne, int256(amount), 0);
        uint256 expected = uint256(-(zeroForOne ? amount1 : amount0));
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[to]));
        vm.prank(trader);
        uint256 out = router.swapExactIn(
            Router.ExactIn(address(tokens[from]), path, amount, expected, OTHER, block.timestamp, false)
        );
        vm.assertEq(out, expected, "as much as quoted");
        vm.assertEq(tokens[to].balanceOf(OTHER), expected, "as much as received");
        vm.assertEq(tokens[from].balanceOf(trader), HAS - amount, "as much as given");
        clean();
    }

    function test_exactOutIsWhatThePoolSays(uint256 amount, bool zeroForOne) external {
        amount = bound(amount, 1, 1e23);
        (uint256 from, uint256 to) = zeroForOne ? (uint256(0), uint256(2)) : (2, 0);
        (int256 amount0, int256 amount1,,) = quoter.quote(concentrated, zeroForOne, -int256(amount), 0);
        uint256 expected = uint256(zeroForOne ? amount0 : amount1);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[to]));
        vm.prank(trader);
        uint256 used = router.swapExactOut(
            Router.ExactOut(address(tokens[from]), path, amount, expected, OTHER, block.timestamp, false)
        );
        vm.assertEq(used, expected, "as much as quoted");
        vm.assertEq(tokens[to].balanceOf(OTHER), amount, "exactly");
        vm.assertEq(tokens[from].balanceOf(trader), HAS - expected, "as much as given");
        clean();
    }

    /// Whoever goes round through all kinds of pools comes back, and has neither more nor is anything left
    /// on the way.
    function test_allKindsInOnePath(uint256 amount) external {
        amount = bound(amount, 1e9, 1e21);
        Router.Hop[] memory path = round();
        vm.prank(trader);
        uint256 out = router.swapExactIn(
            Router.ExactIn(address(tokens[2]), path, amount, 0, OTHER, block.timestamp, false)
        );
        vm.assertEq(tokens[2].balanceOf(OTHER), out, "received");
        vm.assertEq(tokens[2].balanceOf(trader), HAS - amount, "given");
        vm.assertEq(tokens[0].balanceOf(trader) + tokens[1].balanceOf(trader), 2 * HAS, "nothing else");
        vm.prank(trader);
        uint256 used = router.swapExactOut(
            Router.ExactOut(
                address(tokens[2]), path, out, type(uint128).max, OTHER, block.timestamp, false
            )
        );
        vm.assertEq(tokens[2].balanceOf(OTHER), 2 * out, "exactly");
        vm.assertGe(used + 1, amount, "for no less");
        clean();
    }

    /// A price limit is none of the router's: what a pool cannot take at all is refused as a whole.
    function test_whatAPoolCannotTakeIsRefused() external {
        tokens[0].mint(trader, 1e36);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[2]));
        vm.prank(trader);
        vm.expectRevert(abi.encodeWithSelector(Router.PartialFill.selector, address(concentrated)));
        router.swapExactIn(
            Router.ExactIn(address(tokens[0]), path, 1e33, 0, OTHER, block.timestamp, false)
        );
    }

    function clean() private view {
        for (uint256 i = 0; i < 3; i++) {
            vm.assertEq(IERC20(tokens[i]).balanceOf(address(router)), 0, "router holds nothing");
        }
    }
}
