// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PairPool} from "../../src/exchange/PairPool.sol";
import {PoolShard} from "../../src/exchange/PoolShard.sol";
import {Router} from "../../src/exchange/Router.sol";
import {ShardedPool} from "../../src/exchange/ShardedPool.sol";
import {Vm} from "../support/Test.sol";
import {Exchange} from "./support/Exchange.sol";
import {FlashBorrower} from "./support/FlashBorrower.sol";
import {Token} from "./support/Token.sol";

contract ShardedPoolTest is Exchange {
    address private constant LP = address(0x11b);
    address private constant OTHER = address(0x07e4);
    uint256 private constant MOST = 1e30;

    /// A slot of an account, and what an execution did with it.
    struct Slot {
        address account;
        bytes32 slot;
        bool isWritten;
    }

    Token private token0;
    Token private token1;

    constructor() {
        // The pool is of the second and the third token.
        (token0, token1) = (tokens[1], tokens[2]);
    }

    /// Two swaps of different senders in different shards: neither writes what the other reads or writes.
    function test_swapsInShardsTouchNoCommonSlot(uint256 amount, bool isFirst) external {
        fundAll();
        amount = bound(amount, 1e9, 1e21);
        (address one, address two) = differingSenders();
        Slot[] memory slots = recordSwap(one, amount, isFirst);
        Slot[] memory others = recordSwap(two, amount, isFirst);
        vm.assertGt(common(slots, slots), 0, "one shard twice does conflict");
        vm.assertEq(common(slots, others), 0, "two shards do not");
    }

    /// The same holds between a swap and a deposit to a shard that was chosen beforehand.
    function test_depositsTouchTheirShardOnly() external {
        fundAll();
        address one = account(11, 1e24);
        address two = account(12, 1e24);
        Router.Hop[] memory path = new Router.Hop[](1);
        path[0] = Router.Hop(Router.Kind.Pair, address(shard(0)), address(token1));
        vm.startStateDiffRecording();
        vm.prank(one);
        router.swapExactIn(Router.ExactIn(address(token0), path, 1e18, 0, one, block.timestamp, false));
        Slot[] memory slots = touched();
        vm.startStateDiffRecording();
        vm.prank(two);
        router.addLiquidity(
            Router.AddLiquidity(
                Router.PoolKey(address(token0), address(token1), SHARDS, 1), 1e18, 1e18, 0, 0, two, block.timestamp
            )
        );
        vm.assertEq(common(slots, touched()), 0, "no conflict");
    }

    /// A million of each, one percent out: computed by hand, as in the tests of `SammMath`.
    function test_example() external {
        PairPool of_ = shard(0);
        fund(of_, 1e24, 1e24, LP);
        uint256 due = 10116_010101010101010102;
        vm.assertEq(of_.quoteExactOut(address(token0), 1e22), due, "due");
        vm.assertEq(of_.quoteExactIn(address(token0), due), 1e22, "and back");
        token0.mint(address(of_), due - 1);
        vm.expectRevert(abi.encodeWithSelector(PoolShard.NotPaid.selector, due - 1, due));
        of_.swap(0, 1e22, OTHER, "");
        token0.mint(address(of_), 1);
        of_.swap(0, 1e22, OTHER, "");
        (uint256 reserve0, uint256 reserve1) = reserves(of_);
        vm.assertEq(reserve0, 1e24 + due, "in");
        vm.assertEq(reserve1, 99e22, "out");
        // In the other direction, reserves are exchanged.
        due = of_.quoteExactOut(address(token1), 1e18);
        token1.mint(address(of_), due);
        of_.swap(1e18, 0, OTHER, "");
        vm.assertEq(token0.balanceOf(OTHER), 1e18, "received");
    }

    /// Swapping in two steps in one shard never gives more than at once: to the wei, by real swaps.
    function test_nobodyGainsBySplittingOverOneShard(uint256 reserve0, uint256 reserve1, uint256 first, uint256 second)
        external
    {
        (PairPool whole, PairPool parts) = (shard(0), shard(1));
        (reserve0, reserve1) = (bound(reserve0, 1e4, MOST), bound(reserve1, 1e4, MOST));
        fund(whole, reserve0, reserve1, LP);
        fund(parts, reserve0, reserve1, LP);
        first = bound(first, 0, reserve0 / 20);
        second = bound(second, 0, reserve0 / 20);
        uint256 out = swap(parts, first) + swap(parts, second);
        vm.assertGe(swap(whole, first + second), out, "the whole gives at least as much");
    }

    /// Up to c of a shard, splitting over all of them gives less, but for a unit of rounding in each.
    function test_nobodyGainsBySplittingOverShards(uint256 reserve0, uint256 reserve1, uint256[4] memory amounts)
        external
    {
        (reserve0, reserve1) = (bound(reserve0, 1e9, MOST), bound(reserve1, 1e9, MOST));
        uint256 sum;
        uint256 out;
        for (uint256 i = 0; i < 4; i++) {
            fund(shard(i), reserve0, reserve1, LP);
            // Together they get less than c of the other token.
            amounts[i] = bound(amounts[i], 0, reserve0 / 400);
            sum += amounts[i];
            out += shard(i).quoteExactIn(address(token0), amounts[i]);
        }
        // One unit that goes in is worth this much.
        uint256 unit = reserve1 / reserve0 + 1;
        vm.assertGe(shard(0).quoteExactIn(address(token0), sum) + 2 * unit, out, "the whole gives as much");
    }

    /// The value of a share never falls, whatever is swapped.
    function test_valuePerShareNeverFalls(uint256 reserve0, uint256 reserve1, uint256 out, bool isFirst) external {
        PairPool of_ = shard(2);
        (reserve0, reserve1) = (bound(reserve0, 2000, MOST), bound(reserve1, 2000, MOST));
        fund(of_, reserve0, reserve1, LP);
        uint256 reserveOut = isFirst ? reserve1 : reserve0;
        out = bound(out, 1, reserveOut * 9 / 10);
        Token tokenIn = isFirst ? token0 : token1;
        tokenIn.mint(address(of_), of_.quoteExactOut(address(tokenIn), out));
        of_.swap(isFirst ? 0 : out, isFirst ? out : 0, OTHER, "");
        (uint256 now0, uint256 now1) = reserves(of_);
        vm.assertGe(now0 * now1, reserve0 * reserve1, "product");
    }

    /// Whoever finds prices apart levels them, in one transaction that needs none of the second token.
    function test_anybodyLevelsPricesOfShards() external {
        fund(shard(0), 1e24, 1e24, LP);
        fund(shard(1), 1e24, 12e23, LP);
        address trader = account(21, 1e24);
        Router.Hop[] memory path = new Router.Hop[](2);
        path[0] = Router.Hop(Router.Kind.Pair, address(shard(1)), address(token1));
        path[1] = Router.Hop(Router.Kind.Pair, address(shard(0)), address(token0));
        vm.prank(trader);
        uint256 got =
            router.swapExactIn(Router.ExactIn(address(token0), path, 4e22, 4e22 + 1, trader, block.timestamp, false));
        vm.assertGt(got, 4e22, "a gain");
        (uint256 a0, uint256 a1) = reserves(shard(0));
        (uint256 b0, uint256 b1) = reserves(shard(1));
        vm.assertLt(b1 * 1e18 / b0 - a1 * 1e18 / a0, 0.1e18, "closer");
    }

    /// The shard that is best for a small swap is the smallest, at equal prices.
    function test_theSmallestShardIsTheBest(uint256 amount) external {
        fund(shard(0), 3e24, 6e24, LP);
        fund(shard(1), 1e24, 2e24, LP);
        fund(shard(3), 2e24, 4e24, LP);
        // Below, differences are less than a unit.
        amount = bound(amount, 1e16, 1e22);
        (address best, uint256 out) = sharded.bestExactIn(address(token0), amount);
        vm.assertEq(best, address(shard(1)), "exact in");
        vm.assertEq(out, shard(1).quoteExactIn(address(token0), amount), "its quote");
        uint256 due;
        (best, due) = sharded.bestExactOut(address(token0), amount);
        vm.assertEq(best, address(shard(1)), "exact out");
        vm.assertEq(due, shard(1).quoteExactOut(address(token0), amount), "its quote");
        // In the other direction, more than the small one has.
        (best,) = sharded.bestExactOut(address(token1), 25e23);
        vm.assertEq(best, address(shard(0)), "the only one with as much");
    }

    function test_smallestIsTheFirstOfTheSmallest() external {
        vm.assertEq(sharded.smallest(), address(shard(0)), "all are empty");
        fund(shard(0), 1e24, 1e24, LP);
        vm.assertEq(sharded.smallest(), address(shard(1)), "the next is empty");
        fund(shard(1), 1e24, 1e23, LP);
        fund(shard(2), 1e24, 1e22, LP);
        fund(shard(3), 1e23, 2e22, LP);
        vm.assertEq(sharded.smallest(), address(shard(3)), "by product");
        fund(shard(2), 1e23, 1e21, LP);
        fund(shard(3), 1e24, 2e23, LP);
        fund(shard(1), 1e23, 1e22, LP);
        (uint256 reserve0, uint256 reserve1) = reserves(shard(2));
        vm.assertEq(reserve0 * reserve1, 11e23 * 11e21, "the least");
        vm.assertEq(sharded.smallest(), address(shard(2)), "by product again");
    }

    function test_ofShardsThatAreAlikeTheFirstIsTheSmallest() external {
        fundAll();
        vm.assertEq(sharded.smallest(), address(shard(0)), "the first");
    }

    /// Senders are spread over shards, and every one finds a shard that has liquidity.
    function test_sendersAreSpread() external {
        fundAll();
        uint256[4] memory counts;
        for (uint256 i = 1; i <= 400; i++) {
            address chosen = sharded.shardFor(address(uint160(i)));
            for (uint256 j = 0; j < 4; j++) {
                if (chosen == address(shard(j))) counts[j]++;
            }
        }
        for (uint256 j = 0; j < 4; j++) {
            // Four standard deviations around 100.
            vm.assertGt(counts[j], 65, "not too few");
            vm.assertLt(counts[j], 135, "not too many");
        }
    }

    function test_emptyShardsAreNotChosen(address sender) external {
        vm.expectRevert(ShardedPool.NoLiquidity.selector);
        sharded.shardFor(sender);
        fund(shard(2), 1e18, 1e18, LP);
        vm.assertEq(sharded.shardFor(sender), address(shard(2)), "the only one with liquidity");
    }

    function test_shardsAreCreatedInTurns() external {
        ShardedPool fresh = ShardedPool(shardedFactory.createPool(address(token0), address(token1), 5));
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.NoSuchShard.selector, 0));
        fresh.smallest();
        vm.expectRevert(ShardedPool.NoLiquidity.selector);
        fresh.shardFor(LP);
        (address first, address second) = (fresh.shardAt(0), fresh.shardAt(1));
        vm.expectEmit(address(fresh));
        emit ShardedPool.ShardCreated(0, first);
        vm.expectEmit(address(fresh));
        emit ShardedPool.ShardCreated(1, second);
        vm.assertEq(fresh.createShards(2), 2, "two");
        vm.assertEq(fresh.createShards(10), 3, "the rest");
        vm.assertEq(fresh.createShards(10), 0, "no more");
        vm.assertEq(fresh.createdCount(), 5, "all");
        for (uint256 i = 0; i < 5; i++) {
            PoolShard created = PoolShard(fresh.shardAt(i));
            vm.assertEq(created.token0(), address(token0), "first token");
            vm.assertEq(created.token1(), address(token1), "second token");
            vm.assertEq(created.shardedPool(), address(fresh), "its pool");
        }
        vm.expectRevert(abi.encodeWithSelector(ShardedPool.NoSuchShard.selector, 5));
        fresh.shardAt(5);
        vm.assertEq(bytes(shard(0).symbol()), "HPS", "symbol");
        vm.assertEq(bytes(shard(0).name()), "Heddle Pool Shard Share", "name");
    }

    function test_bestRejectsIfThereIsNone() external {
        vm.expectRevert(ShardedPool.NoLiquidity.selector);
        sharded.bestExactIn(address(token0), 1);
        fund(shard(0), 1e18, 1e18, LP);
        vm.expectRevert(ShardedPool.NoLiquidity.selector);
        sharded.bestExactOut(address(token0), 1e18);
    }

    /// A shard lends too, but is paid in the other token, and gives one token at a time.
    function test_flashSwapsArePaidInTheOtherToken() external {
        PairPool of_ = shard(0);
        fund(of_, 1e24, 1e24, LP);
        FlashBorrower borrower = new FlashBorrower();
        uint256 due = of_.quoteExactOut(address(token1), 1e22);
        of_.swap(1e22, 0, address(borrower), abi.encode([token0, token1], [0, due], bytes("")));
        due = of_.quoteExactOut(address(token1), 1e22);
        vm.expectRevert(abi.encodeWithSelector(PoolShard.NotPaid.selector, 0, due));
        of_.swap(1e22, 0, address(borrower), abi.encode([token0, token1], [uint256(2e22), 0], bytes("")));
        vm.expectRevert(PoolShard.OneTokenOut.selector);
        of_.swap(1, 1, address(borrower), abi.encode([token0, token1], [uint256(2e22), 2e22], bytes("")));
    }

    function test_quotesRejectWhatCannotGoIn() external {
        PairPool of_ = shard(0);
        fund(of_, 1e18, 1e18, LP);
        uint256 most = type(uint112).max - 1e18;
        of_.quoteExactIn(address(token0), most);
        vm.expectRevert(abi.encodeWithSelector(PairPool.ReserveOverflow.selector, most + 1, 1e18));
        of_.quoteExactIn(address(token0), most + 1);
    }

    function fundAll() private {
        for (uint256 i = 0; i < SHARDS; i++) {
            fund(shard(i), 1e24, 1e24, LP);
        }
    }

    /// All of `amount` of the first token, at once.
    function swap(PairPool of_, uint256 amount) private returns (uint256 out) {
        out = of_.quoteExactIn(address(token0), amount);
        token0.mint(address(of_), amount);
        if (out != 0) of_.swap(0, out, OTHER, "");
        else of_.skim(OTHER);
    }

    /// Two senders whose hashes choose different shards.
    function differingSenders() private returns (address one, address two) {
        one = account(1001, 1e24);
        two = account(1002, 1e24);
        for (uint256 key = 1003; sharded.shardFor(one) == sharded.shardFor(two); key++) {
            two = account(key, 1e24);
        }
    }

    /// What a swap by the router touches, in the shard that it chooses for its sender.
    function recordSwap(address sender, uint256 amount, bool isFirst) private returns (Slot[] memory) {
        Router.Hop[] memory path = new Router.Hop[](1);
        (Token tokenIn, Token tokenOut) = isFirst ? (token0, token1) : (token1, token0);
        path[0] = Router.Hop(Router.Kind.Sharded, address(sharded), address(tokenOut));
        vm.warp(block.timestamp + 1);
        vm.startStateDiffRecording();
        vm.prank(sender);
        router.swapExactIn(Router.ExactIn(address(tokenIn), path, amount, 0, sender, block.timestamp, false));
        return touched();
    }

    function touched() private returns (Slot[] memory slots) {
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        uint256 count;
        for (uint256 i = 0; i < accesses.length; i++) {
            count += accesses[i].storageAccesses.length;
        }
        slots = new Slot[](count);
        count = 0;
        for (uint256 i = 0; i < accesses.length; i++) {
            for (uint256 j = 0; j < accesses[i].storageAccesses.length; j++) {
                Vm.StorageAccess memory access = accesses[i].storageAccesses[j];
                slots[count++] = Slot(access.account, access.slot, access.isWrite);
            }
        }
        vm.assertGt(count, 10, "something was recorded");
    }

    /// Pairs of accesses of one slot that are in conflict: one at least writes.
    function common(Slot[] memory left, Slot[] memory right) private pure returns (uint256 count) {
        for (uint256 i = 0; i < left.length; i++) {
            for (uint256 j = 0; j < right.length; j++) {
                bool isSame = left[i].account == right[j].account && left[i].slot == right[j].slot;
                if (isSame && (left[i].isWritten || right[j].isWritten)) count++;
            }
        }
    }
}
