// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "solady/tokens/ERC20.sol";
import {ConstantProductPool} from "../../src/exchange/ConstantProductPool.sol";
import {PairPool} from "../../src/exchange/PairPool.sol";
import {Exchange} from "./support/Exchange.sol";
import {FlashBorrower} from "./support/FlashBorrower.sol";
import {Token} from "./support/Token.sol";

contract ConstantProductPoolTest is Exchange {
    address private constant LP = address(0x11b);
    address private constant OTHER = address(0x07e4);
    uint256 private constant MOST = 1e30;

    Token private token0;
    Token private token1;

    constructor() {
        (token0, token1) = (tokens[0], tokens[1]);
    }

    /// 1 of 5 and 10 in: 1 * 997 * 10 / (5 * 1000 + 997) = 1.662497915624478906 out.
    function test_examples() external {
        vm.assertEq(fund(pool, 5e18, 10e18, LP), 7071067811865474244, "the root of 50, but for 1000");
        vm.assertEq(pool.totalSupply(), 7071067811865475244, "1000 of nobody");
        vm.assertEq(pool.quoteExactIn(address(token0), 1e18), 1662497915624478906, "out");
        vm.assertEq(pool.quoteExactOut(address(token0), 1662497915624478906), 1e18, "in");
        token0.mint(address(pool), 1e18);
        vm.expectEmit(address(pool));
        emit PairPool.Sync(6e18, 10e18 - 1662497915624478906);
        vm.expectEmit(address(pool));
        emit PairPool.Swap(address(this), 1e18, 0, 0, 1662497915624478906, OTHER);
        pool.swap(0, 1662497915624478906, OTHER, "");
        vm.assertEq(token1.balanceOf(OTHER), 1662497915624478906, "received");
    }

    /// What is quoted is let through, and one more wei out, or one less in, is not.
    function test_quotesAreExact(uint256 reserve0, uint256 reserve1, uint256 amount, bool isFirst) external {
        fundAny(reserve0, reserve1);
        (uint256 reserveIn, uint256 reserveOut) = reserves(pool);
        if (!isFirst) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        Token tokenIn = isFirst ? token0 : token1;

        amount = bound(amount, 1, reserveIn * 10);
        uint256 out = pool.quoteExactIn(address(tokenIn), amount);
        uint256 counted = amount * 997;
        // By hand: the most q with (in * 1000 + paid * 997) (R - q) >= in * 1000 * R.
        vm.assertGe((reserveIn * 1000 + counted) * (reserveOut - out), reserveIn * 1000 * reserveOut, "is paid for");
        vm.assertLt(
            (reserveIn * 1000 + counted) * (reserveOut - out - 1), reserveIn * 1000 * reserveOut, "one more is not"
        );
        if (out == 0) return;

        uint256 least = pool.quoteExactOut(address(tokenIn), out);
        vm.assertLe(least, amount, "no dearer");
        tokenIn.mint(address(pool), least - 1);
        (bool isPaid,) = trySwap(out, isFirst);
        vm.assertTrue(!isPaid, "one less in");
        tokenIn.mint(address(pool), 1);
        (isPaid,) = trySwap(out + 1, isFirst);
        // A few wei of one token can be worth less than one of the other.
        if (pool.quoteExactIn(address(tokenIn), least) == out) vm.assertTrue(!isPaid, "one more out");
        (isPaid,) = trySwap(out, isFirst);
        vm.assertTrue(isPaid, "exactly");
    }

    /// Shares are worth what they cost, at most; nobody gains by adding and removing.
    function test_addingAndRemovingGainsNothing(uint256 reserve0, uint256 reserve1, uint256 in0, uint256 in1) external {
        fundAny(reserve0, reserve1);
        (reserve0, reserve1) = reserves(pool);
        (in0, in1) = (bound(in0, reserve0 / 1e6 + 1, reserve0 * 4), bound(in1, reserve1 / 1e6 + 1, reserve1 * 4));
        give(pool, in0, in1);
        (bool isMinted,) = address(pool).call(abi.encodeCall(pool.mint, (OTHER)));
        if (!isMinted) return;
        uint256 shares = pool.balanceOf(OTHER);
        vm.prank(OTHER);
        pool.transfer(address(pool), shares);
        (bool isBurned,) = address(pool).call(abi.encodeCall(pool.burn, (OTHER)));
        if (!isBurned) return;
        // Of one of them, all that was beyond the ratio is lost; of neither is there a gain in value.
        (uint256 out0, uint256 out1) = (token0.balanceOf(OTHER), token1.balanceOf(OTHER));
        vm.assertTrue(out0 <= in0 || out1 <= in1, "no gain");
        (uint256 now0, uint256 now1) = reserves(pool);
        vm.assertGe(now0 * now1, reserve0 * reserve1, "others lose nothing");
    }

    /// Whoever comes second gets what he gives, but for rounding, whatever the first has done to the price
    /// of a share; and the first has not gained by it.
    function test_sharesCannotBeInflated(uint256 first, uint256 gift, uint256 deposit) external {
        first = bound(first, 1001, 1e12);
        gift = bound(gift, 0, 1e24);
        deposit = bound(deposit, 1, 1e24);
        uint256 attackers = fund(pool, first, first, OTHER);
        give(pool, gift, gift);
        pool.sync();

        give(pool, deposit, deposit);
        (bool isMinted,) = address(pool).call(abi.encodeCall(pool.mint, (LP)));
        // What was sent in vain is skimmed, as a router's revert would have it.
        if (!isMinted) pool.skim(LP);
        uint256 victims = pool.balanceOf(LP);
        (uint256 reserve,) = reserves(pool);
        uint256 supply = pool.totalSupply();
        if (isMinted) {
            // He loses less than one share, which is at most a thousandth of the pool.
            vm.assertGe(victims * reserve / supply + reserve / 1000 + 1, deposit, "loss is bounded");
        }
        vm.assertLe(attackers * reserve / supply, first + gift, "attacker has not gained");
    }

    /// Gifts change no number of shares: minting goes by reserves.
    function test_giftsBeforeASyncGoToTheNextMint(uint256 gift) external {
        fund(pool, 1e18, 1e18, LP);
        gift = bound(gift, 0, 1e18);
        give(pool, gift, gift);
        vm.assertEq(fund(pool, 1e18, 1e18, OTHER), 1e18 + gift, "the gift counts for who mints");
    }

    function test_onlyTheFeeIsEarned() external {
        fund(pool, 1000e18, 1000e18, LP);
        token0.mint(address(pool), 100e18);
        pool.swap(0, pool.quoteExactIn(address(token0), 100e18), OTHER, "");
        (uint256 reserve0, uint256 reserve1) = reserves(pool);
        // 0.3 of the first token remain: (1100 - 0.3) * reserve1 is what the product was, but for rounding.
        vm.assertApproxEqAbs((reserve0 - 0.3e18) * reserve1, 1e42, reserve0, "product without the fee");
        uint256 mine = pool.balanceOf(LP);
        vm.prank(LP);
        pool.transfer(address(pool), mine);
        (uint256 out0, uint256 out1) = pool.burn(LP);
        vm.assertApproxEqAbs(out0, reserve0, 2000, "all of the first token");
        vm.assertApproxEqAbs(out1, reserve1, 2000, "all of the second");
    }

    /// A loan of a token costs 3/997 of it.
    function test_flashSwapsPayTheFee(uint256 amount) external {
        fund(pool, 1000e18, 1000e18, LP);
        amount = bound(amount, 1, 999e18);
        FlashBorrower borrower = new FlashBorrower();
        uint256 due = (amount * 1000 + 996) / 997;
        // What 997/1000 of it falls short by has to be made up by less than the product's own rounding.
        bytes memory less = abi.encode([token0, token1], [amount, uint256(0)], bytes(""));
        vm.expectRevert();
        pool.swap(amount, 0, address(borrower), less);
        bytes memory enough = abi.encode([token0, token1], [due, uint256(0)], bytes(""));
        pool.swap(amount, 0, address(borrower), enough);
        vm.assertEq(borrower.sender(), address(this), "who swaps");
        vm.assertEq(borrower.amount0(), amount, "what was sent");
        vm.assertEq(token0.balanceOf(address(pool)), 1000e18 + due - amount, "what is left");
    }

    /// Nothing of a pool can be entered, nor its reserves read, while it waits to be paid.
    function test_nothingCanBeEnteredMeanwhile() external {
        fund(pool, 1000e18, 1000e18, LP);
        FlashBorrower borrower = new FlashBorrower();
        bytes[8] memory calls = [
            abi.encodeCall(PairPool.mint, (LP)),
            abi.encodeCall(PairPool.burn, (LP)),
            abi.encodeCall(PairPool.swap, (1, 0, LP, "")),
            abi.encodeCall(PairPool.skim, (LP)),
            abi.encodeCall(PairPool.sync, ()),
            abi.encodeCall(PairPool.getReserves, ()),
            abi.encodeCall(PairPool.quoteExactIn, (address(token0), 1)),
            abi.encodeCall(PairPool.quoteExactOut, (address(token0), 1))
        ];
        for (uint256 i = 0; i < 8; i++) {
            pool.swap(1e18, 0, address(borrower), abi.encode([token0, token1], [uint256(2e18), 0], calls[i]));
            vm.assertTrue(!borrower.reentered(), "guarded");
        }
        // Cumulative prices are true at any time.
        bytes memory prices = abi.encodeCall(PairPool.currentCumulativePrices, ());
        pool.swap(1e18, 0, address(borrower), abi.encode([token0, token1], [uint256(2e18), 0], prices));
        vm.assertTrue(borrower.reentered(), "not guarded");
    }

    function test_cumulativePricesCountTime(uint256 reserve0, uint256 reserve1, uint32 time, uint32 more) external {
        fundAny(reserve0, reserve1);
        (reserve0, reserve1) = reserves(pool);
        vm.warp(block.timestamp + time);
        (uint256 price0, uint256 price1) = pool.currentCumulativePrices();
        vm.assertEq(price0, (reserve1 * 2 ** 112 / reserve0) * time, "first");
        vm.assertEq(price1, (reserve0 * 2 ** 112 / reserve1) * time, "second");
        pool.sync();
        vm.assertEq(pool.price0CumulativeLast(), price0, "written");
        vm.assertEq(pool.price1CumulativeLast(), price1, "written");
        // Given away in the meantime: the price of the time before is the one that was.
        vm.warp(block.timestamp + more);
        give(pool, reserve0, 0);
        (price0,) = pool.currentCumulativePrices();
        vm.assertEq(price0, (reserve1 * 2 ** 112 / reserve0) * (uint256(time) + more), "old price until now");
    }

    function test_skimTakesWhatIsBeyondReserves(uint96 more0, uint96 more1) external {
        fund(pool, 1e18, 2e18, LP);
        give(pool, more0, more1);
        pool.skim(OTHER);
        vm.assertEq(token0.balanceOf(OTHER), more0, "first");
        vm.assertEq(token1.balanceOf(OTHER), more1, "second");
        (uint256 reserve0, uint256 reserve1) = reserves(pool);
        vm.assertEq(reserve0, 1e18, "reserves stay");
        vm.assertEq(reserve1, 2e18, "reserves stay");
    }

    function test_burnPaysGiftsToo() external {
        fund(pool, 1e18, 1e18, LP);
        give(pool, 1e18, 0);
        vm.prank(LP);
        pool.transfer(address(pool), 0.5e18);
        vm.expectEmit(address(pool));
        emit PairPool.Burn(address(this), 1e18, 0.5e18, OTHER);
        (uint256 amount0, uint256 amount1) = pool.burn(OTHER);
        vm.assertEq(amount0, 1e18, "half of two");
        vm.assertEq(amount1, 0.5e18, "half of one");
    }

    function test_mintSaysWhatWasGiven() external {
        give(pool, 4e18, 9e18);
        vm.expectEmit(address(pool));
        emit PairPool.Sync(4e18, 9e18);
        vm.expectEmit(address(pool));
        emit PairPool.Mint(address(this), 4e18, 9e18);
        vm.assertEq(pool.mint(LP), 6e18 - 1000, "root of 36");
        vm.assertEq(pool.balanceOf(address(0)), 1000, "of nobody");
    }

    function test_rejectsWhatIsNotPaid() external {
        fund(pool, 1e18, 1e18, LP);
        token0.mint(address(pool), 1000);
        // (1e18 + 1000) * 1000 - 3 * 1000, times (1e18 - 997) * 1000.
        uint256 paid = (1e21 + 997_000) * (1e21 - 997_000);
        vm.expectRevert(abi.encodeWithSelector(ConstantProductPool.NotPaid.selector, paid, 1e42));
        pool.swap(0, 997, OTHER, "");
    }

    function test_rejectsWrongSwaps() external {
        fund(pool, 1e18, 2e18, LP);
        vm.expectRevert(PairPool.NothingOut.selector);
        pool.swap(0, 0, OTHER, "");
        vm.expectRevert(abi.encodeWithSelector(PairPool.TooMuchOut.selector, 1e18, 1e18));
        pool.swap(1e18, 0, OTHER, "");
        vm.expectRevert(abi.encodeWithSelector(PairPool.TooMuchOut.selector, 2e18, 2e18));
        pool.swap(0, 2e18, OTHER, "");
        vm.expectRevert(PairPool.NothingIn.selector);
        pool.swap(1, 0, OTHER, "");
        vm.expectRevert(abi.encodeWithSelector(PairPool.InvalidRecipient.selector, address(token0)));
        pool.swap(0, 1, address(token0), "");
        vm.expectRevert(abi.encodeWithSelector(PairPool.InvalidRecipient.selector, address(token1)));
        pool.swap(1, 0, address(token1), "");
    }

    function test_rejectsWorthlessLiquidity() external {
        give(pool, 1000, 1000);
        vm.expectRevert(PairPool.NoShares.selector);
        pool.mint(LP);
        vm.expectRevert(PairPool.NothingOut.selector);
        pool.burn(LP);
        fund(pool, 1e18, 1e18, LP);
        vm.expectRevert(PairPool.NoShares.selector);
        pool.mint(LP);
        token0.mint(address(pool), 1e18);
        vm.expectRevert(PairPool.NoShares.selector);
        pool.mint(LP);
        vm.expectRevert(PairPool.NothingOut.selector);
        pool.burn(LP);
    }

    /// One share of 4e16, of a pool that has 2000 of a token.
    function test_rejectsToBurnForNothing() external {
        fund(pool, 2000, 1e30, LP);
        vm.prank(LP);
        pool.transfer(address(pool), 1);
        vm.expectRevert(PairPool.NothingOut.selector);
        pool.burn(LP);
    }

    function test_rejectsTooMuch() external {
        fund(pool, 1e18, 1e18, LP);
        give(pool, type(uint112).max, 0);
        uint256 balance = uint256(type(uint112).max) + 1e18;
        vm.expectRevert(abi.encodeWithSelector(PairPool.ReserveOverflow.selector, balance, 1e18));
        pool.sync();
    }

    function test_quotesRejectWhatIsNotThere() external {
        vm.expectRevert(PairPool.NoLiquidity.selector);
        pool.quoteExactIn(address(token0), 1);
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnknownToken.selector, address(tokens[2])));
        pool.quoteExactIn(address(tokens[2]), 1);
        fund(pool, 1e18, 2e18, LP);
        vm.expectRevert(abi.encodeWithSelector(PairPool.TooMuchOut.selector, 2e18, 2e18));
        pool.quoteExactOut(address(token0), 2e18);
    }

    function test_rejectsUnsortedTokens() external {
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnsortedTokens.selector, address(token1), address(token0)));
        new ConstantProductPool(address(token1), address(token0));
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnsortedTokens.selector, address(token0), address(token0)));
        new ConstantProductPool(address(token0), address(token0));
        vm.expectRevert(abi.encodeWithSelector(PairPool.UnsortedTokens.selector, address(0), address(token0)));
        new ConstantProductPool(address(0), address(token0));
    }

    /// Shares move by a signature of their owner (EIP-2612).
    function test_sharesHavePermits(uint256 value) external {
        address owner = vm.addr(7);
        fund(pool, 1e18, 1e18, owner);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(pool.name())),
                keccak256("1"),
                block.chainid,
                address(pool)
            )
        );
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                OTHER,
                value,
                0,
                block.timestamp
            )
        );
        vm.assertEq(pool.DOMAIN_SEPARATOR(), domain, "domain");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(7, keccak256(abi.encodePacked("\x19\x01", domain, permit)));
        pool.permit(owner, OTHER, value, block.timestamp, v, r, s);
        vm.assertEq(pool.allowance(owner, OTHER), value, "allowed");
        vm.expectRevert(ERC20.InvalidPermit.selector);
        pool.permit(owner, OTHER, value, block.timestamp, v, r, s);
        // Nobody is allowed by default.
        vm.assertEq(pool.allowance(owner, 0x000000000022D473030F116dDEE9F6B43aC78BA3), 0, "no default allowance");
        vm.assertEq(bytes(pool.symbol()), "HCP", "symbol");
    }

    /// Any reserves that leave room to trade.
    function fundAny(uint256 reserve0, uint256 reserve1) private {
        fund(pool, bound(reserve0, 2000, MOST), bound(reserve1, 2000, MOST), LP);
    }

    function trySwap(uint256 out, bool isFirst) private returns (bool, bytes memory) {
        (uint256 out0, uint256 out1) = isFirst ? (uint256(0), out) : (out, uint256(0));
        return address(pool).call(abi.encodeCall(pool.swap, (out0, out1, OTHER, "")));
    }
}
