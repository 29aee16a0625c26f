// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {ConcentratedQuoter} from "../../src/exchange/ConcentratedQuoter.sol";
import {ConcentratedActor} from "./support/ConcentratedActor.sol";
import {ConcentratedTest} from "./support/ConcentratedTest.sol";

/// A pool that asks for no payment.
contract SilentPool {
    function swap(address, bool, int256, uint160, bytes calldata) external pure returns (int256, int256) {
        return (0, 0);
    }
}

contract ConcentratedQuoterTest is ConcentratedTest {
    ConcentratedFactory private factory = new ConcentratedFactory();
    ConcentratedQuoter private quoter = new ConcentratedQuoter();
    ConcentratedPool private pool;
    ConcentratedActor private alice;

    function setUp() external {
        sortTokens();
        pool = newPool(factory, 500, ONE);
        alice = newActor(1e40);
        mint(alice, pool, -887270, 887270, 1e18);
        mint(alice, pool, -600, 300, 5e18);
        mint(alice, pool, 100, 400, 3e18);
    }

    /// forge-config: long.fuzz.runs = 5000
    function test_quoteIsWhatTheSwapGives(bool zeroForOne, int256 amount, uint256 seed) external {
        amount = bound(amount, -1e19, 1e19);
        if (amount == 0) amount = 1;
        uint160 limit = uint160(bound(seed, ONE / 2, uint256(ONE) * 2));
        bool isLimited = zeroForOne ? limit < ONE : limit > ONE;
        if (!isLimited) limit = zeroForOne ? LOWEST : HIGHEST;
        (int256 quoted0, int256 quoted1, uint160 price, int24 tick) =
            quoter.quote(pool, zeroForOne, amount, isLimited ? limit : 0);
        (uint160 same,,,,) = pool.slot0();
        vm.assertEq(same, ONE, "nothing happened");
        (int256 amount0, int256 amount1) = swapTo(alice, pool, zeroForOne, amount, limit);
        vm.assertEq(quoted0, amount0, "amount 0");
        vm.assertEq(quoted1, amount1, "amount 1");
        (uint160 priceAfter, int24 tickAfter,,,) = pool.slot0();
        vm.assertEq(price, priceAfter, "price");
        vm.assertEq(int256(tick), tickAfter, "tick");
        vm.assertEq(token0.balanceOf(address(quoter)), 0, "holds token 0");
        vm.assertEq(token1.balanceOf(address(quoter)), 0, "holds token 1");
    }

    function test_whyASwapFailsIsTold() external {
        vm.expectRevert(ConcentratedPool.ZeroAmount.selector);
        quoter.quote(pool, true, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(ConcentratedPool.InvalidPriceLimit.selector, ONE + 1)
        );
        quoter.quote(pool, true, 1, ONE + 1);
        ConcentratedPool silent = ConcentratedPool(address(new SilentPool()));
        vm.expectRevert(ConcentratedQuoter.NotQuoted.selector);
        quoter.quote(silent, true, 1, 0);
    }
}
