// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {PairPool} from "../../src/exchange/PairPool.sol";
import {Router} from "../../src/exchange/Router.sol";
import {Test} from "../support/Test.sol";
import {PoolHandler} from "./support/PoolHandler.sol";
import {Token} from "./support/Token.sol";

/// What holds after any sequence of what three actors may do, of pools and of the router.
contract PoolInvariantsTest is Test {
    PoolHandler private handler;

    function setUp() external {
        handler = new PoolHandler();
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](7);
        functions[0] = handler.addLiquidity.selector;
        functions[1] = handler.removeLiquidity.selector;
        functions[2] = handler.swapExactIn.selector;
        functions[3] = handler.swapExactOut.selector;
        functions[4] = handler.flash.selector;
        functions[5] = handler.donate.selector;
        functions[6] = handler.wait.selector;
        targetSelectors(address(handler), functions);
    }

    /// One function, since each would begin the same sequences again.
    function invariant_ofPoolsAndTheRouter() external view {
        valuePerShareHasNeverFallen();
        claimsAreCovered();
        theRouterHoldsNothing();
    }

    /// The product of reserves per squared share.
    function valuePerShareHasNeverFallen() private view {
        vm.assertEq(handler.fallen(), 0, "times it fell");
    }

    /// All owners together can claim no more than there is, and shares are theirs or nobody's.
    function claimsAreCovered() private view {
        for (uint256 i = 0; i < 3; i++) {
            PairPool of_ = handler.pools(i);
            PoolHandler.Value memory value = handler.value(of_);
            uint256 shares = of_.balanceOf(address(0)) + of_.balanceOf(address(of_));
            uint256 claims0;
            uint256 claims1;
            for (uint256 j = 0; j < 3; j++) {
                uint256 owned = of_.balanceOf(handler.actors(j));
                shares += owned;
                claims0 += owned * value.reserve0 / value.supply;
                claims1 += owned * value.reserve1 / value.supply;
            }
            vm.assertEq(shares, value.supply, "all shares");
            vm.assertGe(of_.balanceOf(address(0)), 1000, "locked");
            vm.assertLe(claims0, value.reserve0, "claims of the first token");
            vm.assertLe(claims1, value.reserve1, "claims of the second token");
            vm.assertGe(IERC20(of_.token0()).balanceOf(address(of_)), value.reserve0, "first balance");
            vm.assertGe(IERC20(of_.token1()).balanceOf(address(of_)), value.reserve1, "second balance");
        }
    }

    function theRouterHoldsNothing() private view {
        (Router router, Token a, Token b, Token c) = handler.exchange();
        vm.assertEq(a.balanceOf(address(router)), 0, "first token");
        vm.assertEq(b.balanceOf(address(router)), 0, "second token");
        vm.assertEq(c.balanceOf(address(router)), 0, "third token");
        vm.assertEq(address(router).balance, 0, "ether");
        for (uint256 i = 0; i < 3; i++) {
            vm.assertEq(handler.pools(i).balanceOf(address(router)), 0, "shares");
        }
    }

    /// The handler does what it says: each kind of call succeeds. A sequence that is not random.
    function test_theHandlerReachesAll() external {
        for (uint256 i = 0; i < 12; i++) {
            handler.addLiquidity(i, i, 1e20, 1e20);
            handler.swapExactIn(i, i * 5, 1e20);
            handler.swapExactOut(i, i * 5, 1e18);
            handler.flash(i, 1e20, 0, 0, 4e20 * (i + 1));
            handler.removeLiquidity(i, i, 10);
            handler.donate(i, 1e18, 1e18, i);
            handler.wait(i * 100);
        }
        bytes4[5] memory functions = [
            handler.addLiquidity.selector,
            handler.removeLiquidity.selector,
            handler.swapExactIn.selector,
            handler.swapExactOut.selector,
            handler.flash.selector
        ];
        for (uint256 i = 0; i < 5; i++) {
            vm.assertGe(handler.successes(functions[i]), i == 4 ? 4 : 12, "succeeds");
        }
        vm.assertEq(handler.fallen(), 0, "and nothing falls");
    }
}
