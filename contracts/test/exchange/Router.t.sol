// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ConstantProductPool} from "../../src/exchange/ConstantProductPool.sol";
import {PairPool} from "../../src/exchange/PairPool.sol";
import {Router} from "../../src/exchange/Router.sol";
import {ShardedPool} from "../../src/exchange/ShardedPool.sol";
import {ConcentratedStub} from "./support/ConcentratedStub.sol";
import {Exchange} from "./support/Exchange.sol";
import {HostilePool} from "./support/HostilePool.sol";
import {Token} from "./support/Token.sol";

contract RouterTest is Exchange {
    address private constant LP = address(0x11b);
    address private constant OTHER = address(0x07e4);
    uint256 private constant HAS = 1e27;
    uint256 private constant KEY = 77;

    address private trader;
    // Of wrapped ether and the first token, and of the third and the first.
    ConstantProductPool private etherPool;
    ConcentratedStub private concentrated;

    /// Takes ether back.
    receive() external payable {}

    function setUp() external {
        trader = account(KEY, HAS);
        concentrated = new ConcentratedStub(tokens[0], tokens[2]);
        etherPool = ConstantProductPool(factory.createPool(address(weth), address(tokens[0])));
        fund(pool, 1e24, 2e24, LP);
        for (uint256 i = 0; i < SHARDS; i++) {
            fund(shard(i), 1e24, 3e24, LP);
        }
        vm.deal(address(this), 2e24);
        weth.deposit{value: 1e24}();
        weth.transfer(address(etherPool), 1e24);
        tokens[0].mint(address(etherPool), 1e24);
        etherPool.mint(LP);
        tokens[0].mint(address(concentrated), 1e24);
        tokens[2].mint(address(concentrated), 1e24);
        vm.deal(trader, 1e22);
    }

    modifier cleans() {
        _;
        for (uint256 i = 0; i < 3; i++) {
            vm.assertEq(tokens[i].balanceOf(address(router)), 0, "router holds no tokens");
        }
        vm.assertEq(weth.balanceOf(address(router)), 0, "router holds no wrapped ether");
        vm.assertEq(address(router).balance, 0, "router holds no ether");
    }

    // Swaps.

    /// A path's result is that of its pools one by one, all of what goes in is taken, and no more.
    function test_exactInIsThePoolsOneByOne(uint256 amount) external cleans {
        amount = bound(amount, 1e6, 1e22);
        uint256 middle = amount * 997 * 2e24 / (1e24 * 1000 + amount * 997);
        uint256 expected = shard(1).quoteExactIn(address(tokens[1]), middle);
        Router.Hop[] memory path = twoHops();
        vm.prank(trader);
        uint256 out = router.swapExactIn(
            Router.ExactIn(address(tokens[0]), path, amount, expected, OTHER, block.timestamp, false)
        );
        vm.assertEq(out, expected, "as much as said");
        vm.assertEq(tokens[2].balanceOf(OTHER), expected, "as much as received");
        vm.assertEq(tokens[0].balanceOf(trader), HAS - amount, "as much as given");
        vm.assertEq(tokens[1].balanceOf(trader), HAS, "nothing of what is between");
    }

    /// Exactly what was asked for arrives, for the least that pays for it.
    function test_exactOutIsThePoolsOneByOne(uint256 amount) external cleans {
        amount = bound(amount, 1, 1e22);
        uint256 middle = shard(1).quoteExactOut(address(tokens[1]), amount);
        uint256 expected = (1e24 * middle * 1000 + (2e24 - middle) * 997 - 1) / ((2e24 - middle) * 997);
        Router.Hop[] memory path = twoHops();
        vm.prank(trader);
        uint256 used = router.swapExactOut(
            Router.ExactOut(address(tokens[0]), path, amount, expected, OTHER, block.timestamp, false)
        );
        vm.assertEq(used, expected, "as much as said");
        vm.assertEq(tokens[2].balanceOf(OTHER), amount, "exactly");
        vm.assertEq(tokens[0].balanceOf(trader), HAS - expected, "as much as taken");
    }

    /// All three kinds of pools, in any order, in both ways: exact-out for what exact-in has given costs no
    /// more than what went in.
    function test_pathsOfAllKinds(uint256 amount, uint256 way) external cleans {
        amount = bound(amount, 1e9, 1e21);
        (Token tokenIn, Router.Hop[] memory path) = pathOf(way);
        address tokenOut = path[path.length - 1].tokenOut;
        uint256 before = IERC20(tokenOut).balanceOf(OTHER);
        uint256 snapshot = tokenIn.balanceOf(trader);
        vm.prank(trader);
        uint256 out =
            router.swapExactIn(Router.ExactIn(address(tokenIn), path, amount, 0, OTHER, block.timestamp, false));
        vm.assertGt(out, 0, "something");
        vm.assertEq(IERC20(tokenOut).balanceOf(OTHER), before + out, "received");
        vm.assertEq(tokenIn.balanceOf(trader), snapshot - amount, "given");
        // Prices are worse now, by what was swapped and by fees of at most 1.2 % in each hop.
        vm.prank(trader);
        uint256 used = router.swapExactOut(
            Router.ExactOut(address(tokenIn), path, out, amount * 11 / 10 + 10, OTHER, block.timestamp, false)
        );
        vm.assertEq(IERC20(tokenOut).balanceOf(OTHER), before + 2 * out, "received again");
        vm.assertEq(tokenIn.balanceOf(trader), snapshot - amount - used, "given again");
        vm.assertGe(used + 1, amount - amount / 1000, "at no better price");
    }

    /// A round trip that begins and ends with one token, to the sender himself: the result is what came out.
    function test_roundTrips(uint256 amount) external cleans {
        amount = bound(amount, 1e9, 1e21);
        Router.Hop[] memory path = new Router.Hop[](3);
        (path[0], path[1]) = (twoHops()[0], twoHops()[1]);
        path[2] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[0]));
        vm.prank(trader);
        uint256 out =
            router.swapExactIn(Router.ExactIn(address(tokens[0]), path, amount, 0, trader, block.timestamp, false));
        vm.assertEq(tokens[0].balanceOf(trader), HAS - amount + out, "in and out");
        vm.prank(trader);
        vm.expectRevert();
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, amount, out * 2, trader, block.timestamp, false));
    }

    /// The hash of the sender chooses the shard.
    function test_shardedHopsTakeTheSendersShard(uint256 key) external cleans {
        address sender = account(bound(key, 1, 2 ** 200), 1e20);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Sharded, address(sharded), address(tokens[2]));
        address chosen = sharded.shardFor(sender);
        uint256 had = tokens[1].balanceOf(chosen);
        vm.prank(sender);
        router.swapExactIn(Router.ExactIn(address(tokens[1]), path, 1e18, 0, sender, block.timestamp, false));
        vm.assertEq(tokens[1].balanceOf(chosen), had + 1e18, "paid to it");
        vm.prank(sender);
        uint256 used =
            router.swapExactOut(Router.ExactOut(address(tokens[1]), path, 1e18, 1e18, sender, block.timestamp, false));
        vm.assertEq(tokens[1].balanceOf(chosen), had + 1e18 + used, "and again");
    }

    function test_boundsAreKept() external {
        Router.Hop[] memory path = twoHops();
        vm.startPrank(trader);
        uint256 out =
            router.swapExactIn(Router.ExactIn(address(tokens[0]), path, 1e18, 0, OTHER, block.timestamp, false));
        Router.ExactIn memory order = Router.ExactIn(address(tokens[0]), path, 1e18, out, OTHER, block.timestamp, false);
        // Prices are worse by what has just been swapped.
        vm.expectPartialRevert(Router.TooLittleOut.selector);
        router.swapExactIn(order);
        vm.expectPartialRevert(Router.TooMuchIn.selector);
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, out, 1e18, OTHER, block.timestamp, false));
        order.amountOutMin = 0;
        order.deadline = block.timestamp - 1;
        vm.expectRevert(abi.encodeWithSelector(Router.Expired.selector, block.timestamp - 1));
        router.swapExactIn(order);
        vm.expectRevert(abi.encodeWithSelector(Router.Expired.selector, block.timestamp - 1));
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, 1, 1e18, OTHER, block.timestamp - 1, false));
        order.deadline = block.timestamp;
        order.path = new Router.Hop[](0);
        vm.expectRevert(Router.EmptyPath.selector);
        router.swapExactIn(order);
        vm.expectRevert(Router.EmptyPath.selector);
        router.swapExactOut(Router.ExactOut(address(tokens[0]), order.path, 1, 1e18, OTHER, block.timestamp, false));
    }

    /// The router sends nothing to itself, where it would be lost.
    function test_rejectsItselfAsTheRecipient() external {
        Router.Hop[] memory path = twoHops();
        Router.PoolKey memory key = Router.PoolKey(address(tokens[0]), address(tokens[1]), 0, 0);
        address self = address(router);
        bytes memory reason = abi.encodeWithSelector(Router.InvalidRecipient.selector, self);
        vm.startPrank(trader);
        vm.expectRevert(reason);
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, 1e18, 0, self, block.timestamp, false));
        vm.expectRevert(reason);
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, 1, 1e18, self, block.timestamp, false));
        vm.expectRevert(reason);
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 1e18, 0, 0, self, block.timestamp));
        vm.expectRevert(reason);
        router.removeLiquidity(Router.RemoveLiquidity(key, 0, 0, 0, self, block.timestamp, false));
        vm.stopPrank();
    }

    /// What only the sender has allowed is taken of the sender only.
    function test_nobodyElsePays() external {
        Router.Hop[] memory path = twoHops();
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, 1e18, 0, trader, block.timestamp, false));
    }

    /// Pools that lie break no bound: at worst the order reverts.
    function test_hostilePoolsBreakNoBound(uint256 amount, uint256 price) external {
        price = bound(price, 1, 1e30);
        HostilePool hostile = new HostilePool(price, price);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Pair, address(hostile), address(tokens[1]));
        amount = bound(amount, 1, 1e21);
        vm.startPrank(trader);
        vm.expectRevert(abi.encodeWithSelector(Router.TooLittleOut.selector, 0, 1));
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, amount, 1, OTHER, block.timestamp, false));
        if (price > amount) vm.expectRevert(abi.encodeWithSelector(Router.TooMuchIn.selector, price, amount));
        else vm.expectRevert(abi.encodeWithSelector(Router.TooLittleOut.selector, 0, 1));
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, 1, amount, OTHER, block.timestamp, false));
        // Before an honest pool, it does not pay that pool.
        path = new Router.Hop[](2);
        path[0] = Router.Hop(Router.Kind.Pair, address(hostile), address(tokens[0]));
        path[1] = twoHops()[0];
        vm.expectRevert();
        router.swapExactIn(Router.ExactIn(address(tokens[2]), path, amount, 0, OTHER, block.timestamp, false));
    }

    function test_hostileConcentratedPoolsBreakNoBound(uint256 amount, bool isExactIn) external {
        amount = bound(amount, 1e6, 1e20);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[2]));
        for (uint256 i = 1; i < 7; i++) {
            ConcentratedStub.Fault fault = ConcentratedStub.Fault(i);
            concentrated.misbehave(fault);
            // One that does not take what it may is a loss to nobody but itself.
            bool isHarmless = fault == ConcentratedStub.Fault.Silent;
            vm.prank(trader);
            if (!isHarmless) vm.expectRevert();
            if (isExactIn) {
                router.swapExactIn(Router.ExactIn(address(tokens[0]), path, amount, 1, OTHER, block.timestamp, false));
            } else {
                router.swapExactOut(
                    Router.ExactOut(address(tokens[0]), path, amount, 2 * amount, OTHER, block.timestamp, false)
                );
            }
        }
        vm.assertEq(tokens[0].balanceOf(trader), HAS, "nothing taken");
    }

    /// Half of what is asked for is too little, even if bounds would allow it.
    function test_rejectsPartialFills() external {
        concentrated.misbehave(ConcentratedStub.Fault.Half);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(tokens[2]));
        vm.startPrank(trader);
        vm.expectRevert(abi.encodeWithSelector(Router.PartialFill.selector, address(concentrated)));
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, 1e18, 0, OTHER, block.timestamp, false));
        vm.expectRevert(abi.encodeWithSelector(Router.PartialFill.selector, address(concentrated)));
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, 1e18, 2e18, OTHER, block.timestamp, false));
    }

    function test_rejectsCallbacksOutOfTurn(address caller, int256 amount, bytes calldata data) external {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(Router.UnexpectedCallback.selector, caller));
        router.concentratedSwapCallback(amount, -1, data);
    }

    // Ether.

    function test_etherIn(uint256 amount) external cleans {
        amount = bound(amount, 1e6, 1e21);
        Router.Hop[] memory path = new Router.Hop[](2);
        path[0] = Router.Hop(Router.Kind.Pair, address(etherPool), address(tokens[0]));
        path[1] = twoHops()[0];
        vm.startPrank(trader);
        uint256 out = router.swapExactIn{value: amount}(
            Router.ExactIn(address(weth), path, amount, 1, OTHER, block.timestamp, false)
        );
        vm.assertEq(tokens[1].balanceOf(OTHER), out, "received");
        vm.assertEq(trader.balance, 1e22 - amount, "given");
        // What is not used comes back.
        uint256 used = router.swapExactOut{value: 5e21}(
            Router.ExactOut(address(weth), path, 1e18, 5e21, OTHER, block.timestamp, false)
        );
        vm.assertEq(trader.balance, 1e22 - amount - used, "given again");
        vm.stopPrank();
    }

    function test_etherOut(uint256 amount) external cleans {
        amount = bound(amount, 1e6, 1e21);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Pair, address(etherPool), address(weth));
        vm.startPrank(trader);
        uint256 out =
            router.swapExactIn(Router.ExactIn(address(tokens[0]), path, amount, 1, OTHER, block.timestamp, true));
        vm.assertEq(OTHER.balance, out, "received");
        router.swapExactOut(Router.ExactOut(address(tokens[0]), path, amount, 1e22, OTHER, block.timestamp, true));
        vm.assertEq(OTHER.balance, out + amount, "received again");
        vm.stopPrank();
    }

    /// Ether through the third kind of pool, whose callback has to pay with it.
    function test_etherInAConcentratedPool() external cleans {
        ConcentratedStub stub = address(weth) < address(tokens[2])
            ? new ConcentratedStub(weth, tokens[2])
            : new ConcentratedStub(tokens[2], weth);
        weth.deposit{value: 1e21}();
        weth.transfer(address(stub), 1e21);
        tokens[2].mint(address(stub), 1e21);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Concentrated, address(stub), address(tokens[2]));
        vm.startPrank(trader);
        router.swapExactIn{value: 1e18}(
            Router.ExactIn(address(weth), path, 1e18, 0.9e18, OTHER, block.timestamp, false)
        );
        router.swapExactOut{value: 2e18}(
            Router.ExactOut(address(weth), path, 1e18, 2e18, OTHER, block.timestamp, false)
        );
        vm.stopPrank();
        vm.assertGt(trader.balance, 1e22 - 3e18, "the rest came back");
    }

    function test_rejectsEtherThatDoesNotFit() external {
        Router.Hop[] memory path = twoHops();
        vm.startPrank(trader);
        vm.expectRevert(abi.encodeWithSelector(Router.NotWrappedEther.selector, address(tokens[0])));
        router.swapExactIn{value: 1e18}(
            Router.ExactIn(address(tokens[0]), path, 1e18, 0, OTHER, block.timestamp, false)
        );
        vm.expectRevert(abi.encodeWithSelector(Router.NotWrappedEther.selector, address(tokens[2])));
        router.swapExactIn(Router.ExactIn(address(tokens[0]), path, 1e18, 0, OTHER, block.timestamp, true));
        path[0] = Router.Hop(Router.Kind.Pair, address(etherPool), address(tokens[0]));
        vm.expectRevert(abi.encodeWithSelector(Router.WrongValue.selector, 1e18, 2e18));
        router.swapExactIn{value: 1e18}(Router.ExactIn(address(weth), path, 2e18, 0, OTHER, block.timestamp, false));
        (bool isTaken,) = address(router).call{value: 1}("");
        vm.assertTrue(!isTaken, "ether without an order");
        vm.stopPrank();
    }

    // Liquidity.

    /// Shares are as many as both amounts allow for, and amounts the least that earn them.
    function test_addsTheLeastForTheMostShares(uint256 desired0, uint256 desired1, uint256 reserve1) external cleans {
        ConstantProductPool fresh = ConstantProductPool(factory.createPool(address(tokens[0]), address(tokens[2])));
        reserve1 = bound(reserve1, 1e9, 1e27);
        fund(fresh, 1e20, reserve1, LP);
        (desired0, desired1) = (bound(desired0, 1e12, 1e24), bound(desired1, reserve1 / 1e6, HAS));
        uint256 supply = fresh.totalSupply();
        uint256 most0 = desired0 * supply / 1e20;
        uint256 most1 = desired1 * supply / reserve1;
        uint256 shares = most0 < most1 ? most0 : most1;
        vm.prank(trader);
        (uint256 used0, uint256 used1, uint256 minted) = router.addLiquidity(
            Router.AddLiquidity(
                Router.PoolKey(address(tokens[0]), address(tokens[2]), 0, 0),
                desired0,
                desired1,
                0,
                0,
                OTHER,
                block.timestamp
            )
        );
        vm.assertLe(used0, desired0, "not more than desired of the first");
        vm.assertLe(used1, desired1, "not more than desired of the second");
        vm.assertGe(minted, shares, "as many as possible");
        vm.assertEq(fresh.balanceOf(OTHER), minted, "received");
        vm.assertLt((used0 - 1) * supply / 1e20, shares, "one less of the first is too little");
        vm.assertLt((used1 - 1) * supply / reserve1, shares, "one less of the second is too little");
        vm.assertEq(tokens[0].balanceOf(trader), HAS - used0, "given of the first");
        vm.assertEq(tokens[2].balanceOf(trader), HAS - used1, "given of the second");
    }

    /// The pool is created, tokens may be named in any order, and what was added can be removed.
    function test_addsToANewPoolAndRemoves(uint256 amountA, uint256 amountB, uint256 part) external cleans {
        (amountA, amountB) = (bound(amountA, 1e6, HAS), bound(amountB, 1e6, HAS));
        Router.PoolKey memory key = Router.PoolKey(address(tokens[2]), address(tokens[0]), 0, 0);
        vm.startPrank(trader);
        (uint256 usedA, uint256 usedB, uint256 shares) =
            router.addLiquidity(Router.AddLiquidity(key, amountA, amountB, amountA, amountB, trader, block.timestamp));
        vm.assertEq(usedA, amountA, "all");
        vm.assertEq(usedB, amountB, "all");
        PairPool fresh = PairPool(factory.poolOf(address(tokens[0]), address(tokens[2])));
        vm.assertEq(fresh.balanceOf(trader), shares, "shares");
        fresh.approve(address(router), type(uint256).max);
        part = bound(part, shares / 2, shares);
        uint256 supply = shares + 1000;
        (uint256 outA, uint256 outB) = router.removeLiquidity(
            Router.RemoveLiquidity(
                key, part, part * amountA / supply, part * amountB / supply, OTHER, block.timestamp, false
            )
        );
        vm.assertEq(outA, part * amountA / supply, "in proportion");
        vm.assertEq(outB, part * amountB / supply, "in proportion");
        vm.assertEq(tokens[2].balanceOf(OTHER), outA, "received");
        vm.assertEq(tokens[0].balanceOf(OTHER), outB, "received");
        vm.stopPrank();
    }

    function test_addsToShards() external cleans {
        fund(shard(0), 1e24, 3e24, LP);
        fund(shard(1), 1e24, 3e24, LP);
        fund(shard(3), 1e24, 3e24, LP);
        Router.PoolKey memory key = Router.PoolKey(address(tokens[1]), address(tokens[2]), SHARDS, 3);
        vm.startPrank(trader);
        (,, uint256 shares) = router.addLiquidity(Router.AddLiquidity(key, 1e20, 3e20, 0, 0, trader, block.timestamp));
        vm.assertEq(shard(3).balanceOf(trader), shares, "the one that is named");
        key.shard = router.SMALLEST();
        (,, shares) = router.addLiquidity(Router.AddLiquidity(key, 1e20, 3e20, 0, 0, trader, block.timestamp));
        vm.assertEq(shard(2).balanceOf(trader), shares, "the smallest");
        shard(2).approve(address(router), shares);
        key.shard = 2;
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 0, trader, block.timestamp, false));
        vm.assertEq(shard(2).balanceOf(trader), 0, "removed");
        vm.stopPrank();
    }

    function test_addsAndRemovesEther(uint256 amount, bool isFirst) external cleans {
        amount = bound(amount, 1e9, 1e21);
        (address a, address b) = (address(weth), address(tokens[0]));
        if (!isFirst) (a, b) = (b, a);
        Router.PoolKey memory key = Router.PoolKey(a, b, 0, 0);
        vm.startPrank(trader);
        // Twice as much ether as fits.
        (uint256 usedA, uint256 usedB, uint256 shares) = router.addLiquidity{value: 2 * amount}(
            Router.AddLiquidity(
                key, isFirst ? 2 * amount : amount, isFirst ? amount : 2 * amount, 0, 0, trader, block.timestamp
            )
        );
        vm.assertEq(usedA, amount, "as much as fits");
        vm.assertEq(usedB, amount, "as much as fits");
        vm.assertEq(trader.balance, 1e22 - amount, "the rest came back");
        etherPool.approve(address(router), shares);
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 0, OTHER, block.timestamp, true));
        vm.assertApproxEqAbs(OTHER.balance, amount, 1, "ether");
        vm.assertApproxEqAbs(tokens[0].balanceOf(OTHER), amount, 1, "tokens");
        vm.stopPrank();
    }

    function test_liquidityBoundsAreKept() external {
        Router.PoolKey memory key = Router.PoolKey(address(tokens[0]), address(tokens[1]), 0, 0);
        vm.startPrank(trader);
        // The pool's ratio is 1 : 2.
        vm.expectRevert(abi.encodeWithSelector(Router.TooLittleUsed.selector, address(tokens[0]), 0.5e18, 0.5e18 + 1));
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 1e18, 0.5e18 + 1, 0, OTHER, block.timestamp));
        // A share is worth more than a unit of the second token, so that rounding takes one away.
        vm.expectRevert(abi.encodeWithSelector(Router.TooLittleUsed.selector, address(tokens[1]), 2e18 - 1, 2e18));
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 3e18, 0, 2e18, OTHER, block.timestamp));
        (,, uint256 shares) = router.addLiquidity(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, trader, block.timestamp));
        pool.approve(address(router), shares);
        vm.expectPartialRevert(Router.TooLittleOut.selector);
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 1e18 + 1, 0, OTHER, block.timestamp, false));
        vm.expectPartialRevert(Router.TooLittleOut.selector);
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 2e18 + 1, OTHER, block.timestamp, false));
        vm.expectRevert(abi.encodeWithSelector(Router.Expired.selector, block.timestamp - 1));
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, OTHER, block.timestamp - 1));
        vm.expectRevert(abi.encodeWithSelector(Router.Expired.selector, block.timestamp - 1));
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 0, OTHER, block.timestamp - 1, false));
        vm.stopPrank();
    }

    function test_rejectsPoolsThatAreNotThere() external {
        Router.PoolKey memory key = Router.PoolKey(address(tokens[0]), address(tokens[2]), 0, 0);
        vm.startPrank(trader);
        vm.expectRevert(Router.NoPool.selector);
        router.removeLiquidity(Router.RemoveLiquidity(key, 1, 0, 0, OTHER, block.timestamp, false));
        key.shardCount = SHARDS;
        vm.expectRevert(Router.NoPool.selector);
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, OTHER, block.timestamp));
        key = Router.PoolKey(address(tokens[1]), address(tokens[2]), SHARDS, SHARDS);
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.NoSuchShard.selector, SHARDS));
        router.addLiquidity(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, OTHER, block.timestamp));
        vm.stopPrank();
    }

    function test_rejectsEtherForOtherTokens() external {
        Router.PoolKey memory key = Router.PoolKey(address(tokens[0]), address(tokens[1]), 0, 0);
        vm.startPrank(trader);
        vm.expectRevert(abi.encodeWithSelector(Router.NotWrappedEther.selector, address(tokens[1])));
        router.addLiquidity{value: 1e18}(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, OTHER, block.timestamp));
        (,, uint256 shares) = router.addLiquidity(Router.AddLiquidity(key, 1e18, 2e18, 0, 0, trader, block.timestamp));
        pool.approve(address(router), shares);
        vm.expectRevert(abi.encodeWithSelector(Router.NotWrappedEther.selector, address(tokens[1])));
        router.removeLiquidity(Router.RemoveLiquidity(key, shares, 0, 0, OTHER, block.timestamp, true));
        for (uint256 i = 0; i < 2; i++) {
            (address a, address b) = (address(weth), address(tokens[0]));
            if (i == 1) (a, b) = (b, a);
            key = Router.PoolKey(a, b, 0, 0);
            vm.expectRevert(abi.encodeWithSelector(Router.WrongValue.selector, 1e18, 2e18));
            router.addLiquidity{value: 1e18}(Router.AddLiquidity(key, 2e18, 2e18, 0, 0, OTHER, block.timestamp));
        }
        vm.stopPrank();
    }

    // Permits, and several calls in one.

    /// A permit and a swap in one transaction. Somebody may have used the permit before.
    function test_permitAndSwap(bool isFrontRun) external cleans {
        vm.prank(trader);
        tokens[0].approve(address(router), 0);
        bytes32 digest = keccak256(
            abi.encodePacked(
                "\x19\x01",
                tokens[0].DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                        trader,
                        address(router),
                        1e18,
                        0,
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest);
        if (isFrontRun) tokens[0].permit(trader, address(router), 1e18, block.timestamp, v, r, s);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(router.selfPermit, (address(tokens[0]), 1e18, block.timestamp, v, r, s));
        calls[1] = abi.encodeCall(
            router.swapExactIn, (Router.ExactIn(address(tokens[0]), twoHops(), 1e18, 1, OTHER, block.timestamp, false))
        );
        vm.prank(trader);
        bytes[] memory results = router.multicall(calls);
        vm.assertEq(abi.decode(results[1], (uint256)), tokens[2].balanceOf(OTHER), "swapped");
        // The permit of somebody else is of no use.
        vm.expectRevert();
        router.multicall(calls);
    }

    /// The same ether cannot be spent twice: several calls take none.
    function test_severalCallsTakeNoEther() external {
        vm.prank(trader);
        (bool isTaken,) = address(router).call{value: 1}(abi.encodeCall(router.multicall, (new bytes[](0))));
        vm.assertTrue(!isTaken, "no value");
    }

    /// From the first token over the second to the third: a constant-product pool, then a shard.
    function twoHops() private view returns (Router.Hop[] memory path) {
        path = new Router.Hop[](2);
        path[0] = Router.Hop(Router.Kind.Pair, address(pool), address(tokens[1]));
        path[1] = Router.Hop(Router.Kind.Pair, address(shard(1)), address(tokens[2]));
    }

    /// Paths that have the third kind of pool first, in the middle and last, and in both directions.
    function pathOf(uint256 way) private view returns (Token tokenIn, Router.Hop[] memory path) {
        Router.Hop memory one = Router.Hop(Router.Kind.Pair, address(pool), address(0));
        Router.Hop memory two = Router.Hop(Router.Kind.Sharded, address(sharded), address(0));
        Router.Hop memory three = Router.Hop(Router.Kind.Concentrated, address(concentrated), address(0));
        address[4] memory stops;
        way = way % 6;
        if (way == 0) {
            stops = [address(tokens[0]), address(tokens[2]), address(tokens[1]), address(0)];
            path = hops(three, two);
        } else if (way == 1) {
            stops = [address(tokens[1]), address(tokens[2]), address(tokens[0]), address(0)];
            path = hops(two, three);
        } else if (way == 2) {
            stops = [address(tokens[1]), address(tokens[0]), address(tokens[2]), address(0)];
            path = hops(one, three);
        } else if (way == 3) {
            stops = [address(tokens[2]), address(tokens[0]), address(tokens[1]), address(0)];
            path = hops(three, one);
        } else {
            // One, three and two, from the second token to itself; and back.
            stops = [address(tokens[1]), address(tokens[0]), address(tokens[2]), address(tokens[1])];
            path = new Router.Hop[](3);
            (path[0], path[1], path[2]) = (one, three, two);
            if (way == 5) {
                (path[0], path[2]) = (two, one);
                (stops[1], stops[2]) = (stops[2], stops[1]);
            }
        }
        tokenIn = Token(stops[0]);
        for (uint256 i = 0; i < path.length; i++) {
            path[i].tokenOut = stops[i + 1];
        }
    }

    function hops(Router.Hop memory first, Router.Hop memory second) private pure returns (Router.Hop[] memory path) {
        path = new Router.Hop[](2);
        (path[0], path[1]) = (first, second);
    }
}
