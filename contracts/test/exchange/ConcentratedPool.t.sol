// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {LiquidityMath} from "../../src/exchange/libraries/LiquidityMath.sol";
import {Observations} from "../../src/exchange/libraries/Observations.sol";
import {TickBitmap} from "../../src/exchange/libraries/TickBitmap.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {ConcentratedActor} from "./support/ConcentratedActor.sol";
import {ConcentratedTest} from "./support/ConcentratedTest.sol";

/// Numbers in these tests are computed by hand from the whitepaper's formulas, at price 1 and liquidity
/// 1e18 where nothing else is said, with a fee of 0.3 %.
contract ConcentratedPoolTest is ConcentratedTest {
    int24 private constant LOW = -887220;
    int24 private constant HIGH = 887220;

    ConcentratedFactory private factory = new ConcentratedFactory();
    ConcentratedPool private pool;
    ConcentratedActor private alice;
    ConcentratedActor private bob;

    function setUp() external {
        sortTokens();
        vm.warp(1.7e9);
        pool = newPool(factory, 3000, ONE);
        alice = newActor(1e40);
        bob = newActor(1e40);
    }

    /// 1e15 less the fee is 997e12. L * in / (L + in) = 996006981039903.6.
    function test_exactInputGivesWhatTheCurveGives() external {
        mint(alice, pool, LOW, HIGH, 1e18);
        (int256 amount0, int256 amount1) = swap(bob, pool, true, 1e15);
        vm.assertEq(amount0, 1e15, "in");
        vm.assertEq(amount1, -996006981039903, "out");
        // ceil(2^96 * L / (L + in)).
        (uint160 price, int24 tick,,,) = pool.slot0();
        vm.assertEq(price, 79149250711305166342700278159, "price");
        // 1.0001^-19.93 = price^2.
        vm.assertEq(int256(tick), -20, "tick");
        // Fee growth: 3e12 * 2^128 / 1e18.
        vm.assertEq(pool.feeGrowthGlobal0X128(), (uint256(3e12) << 128) / 1e18, "fees");
        vm.assertEq(pool.feeGrowthGlobal1X128(), 0, "no fees of the other");
    }

    /// L * out / (L - out) = 1001001001001001.001, rounded up, and 3/997 of it, rounded up.
    function test_exactOutputCostsWhatTheCurveCosts() external {
        mint(alice, pool, LOW, HIGH, 1e18);
        (int256 amount0, int256 amount1) = swap(bob, pool, true, -1e15);
        vm.assertEq(amount0, 1001001001001002 + 3012039120365, "in");
        vm.assertEq(amount1, -1e15, "out");
        (uint160 price,,,,) = pool.slot0();
        // 2^96 - ceil(2^96 / 1000).
        vm.assertEq(price, 79148934351750073255950406385, "price");
    }

    function test_swapInTheOtherDirectionIsTheMirrorImage() external {
        mint(alice, pool, LOW, HIGH, 1e18);
        (int256 amount0, int256 amount1) = swap(bob, pool, false, 1e15);
        vm.assertEq(amount1, 1e15, "in");
        vm.assertEq(amount0, -996006981039903, "out");
        (uint160 price, int24 tick,,,) = pool.slot0();
        // 2^96 + floor(2^96 * 997e12 / 1e18).
        vm.assertEq(price, 79307152992291059138124713654, "price");
        vm.assertEq(int256(tick), 19, "tick");
        vm.assertEq(pool.feeGrowthGlobal1X128(), (uint256(3e12) << 128) / 1e18, "fees");
    }

    /// sqrt(1.0001^600) - 1 = 0.0304539...; 1e18 * (1 - 1 / that) = 29553010879137169.1.
    function test_rangeCostsWhatTheFormulasSay() external {
        (uint256 amount0, uint256 amount1) = mint(alice, pool, -600, 600, 1e18);
        vm.assertEq(amount0, 29553010879137170, "amount 0");
        vm.assertEq(amount1, 29553010879137170, "amount 1");
        vm.assertEq(pool.liquidity(), 1e18, "in range");
        (amount0, amount1) = mint(alice, pool, 60, 600, 1e18);
        vm.assertEq(amount1, 0, "above the price, it is token0 alone");
        vm.assertGt(amount0, 0, "amount 0");
        (amount0, amount1) = mint(alice, pool, -600, -60, 1e18);
        vm.assertEq(amount0, 0, "below the price, it is token1 alone");
        vm.assertGt(amount1, 0, "amount 1");
        vm.assertEq(pool.liquidity(), 1e18, "in range still");
        // Rounded down on the way back.
        (amount0, amount1) = burn(alice, pool, -600, 600, 1e18);
        vm.assertEq(amount0, 29553010879137169, "amount 0 back");
        vm.assertEq(amount1, 29553010879137169, "amount 1 back");
        (amount0, amount1) = collect(alice, pool, -600, 600);
        vm.assertEq(amount0, 29553010879137169, "paid 0");
        vm.assertEq(amount1, 29553010879137169, "paid 1");
    }

    /// Bob has three times Alice's liquidity, of another range that is around the price as well.
    function test_feesGoToLiquidityInRangeInProportion() external {
        mint(alice, pool, -6000, 6000, 1e18);
        mint(bob, pool, -1200, 1200, 3e18);
        mint(alice, pool, 60, 120, 1e18);
        swap(bob, pool, true, 1e15);
        burn(alice, pool, -6000, 6000, 0);
        burn(bob, pool, -1200, 1200, 0);
        burn(alice, pool, 60, 120, 0);
        (uint256 fee0,) = collect(alice, pool, -6000, 6000);
        vm.assertEq(fee0, 3e12 / 4 - 1, "a quarter, rounded down");
        (fee0,) = collect(bob, pool, -1200, 1200);
        vm.assertEq(fee0, 3 * 3e12 / 4 - 1, "three quarters, rounded down");
        (fee0,) = collect(alice, pool, 60, 120);
        vm.assertEq(fee0, 0, "nothing out of range");
    }

    /// Whatever the liquidity, fees and time.
    function test_feesArePaidInProportionAndRoundedDown(uint256 mine, uint256 yours, uint256 amount)
        external
    {
        mine = bound(mine, 1e10, 1e24);
        yours = bound(yours, 1e10, 1e24);
        amount = bound(amount, 1, (mine + yours) / 100);
        mint(alice, pool, -600, 600, uint128(mine));
        mint(bob, pool, -600, 600, uint128(yours));
        (int256 paid,) = swap(bob, pool, true, int256(amount));
        vm.assertEq(uint256(paid), amount, "within the range");
        burn(alice, pool, -600, 600, 0);
        burn(bob, pool, -600, 600, 0);
        (uint256 feeMine,) = collect(alice, pool, -600, 600);
        (uint256 feeYours,) = collect(bob, pool, -600, 600);
        // The fee is 0.3 %, and up to one more wei that rounding takes, and the price did not move for.
        uint256 least = amount * 3 / 1000 * mine / (mine + yours);
        vm.assertGe(feeMine + 1, least, "mine");
        vm.assertLe(feeMine, least + 3 + dust(mine + yours), "mine is not more");
        vm.assertGe(feeYours + 1, amount * 3 / 1000 * yours / (mine + yours), "yours");
        vm.assertLe(feeMine + feeYours, amount * 3 / 1000 + 2 + dust(mine + yours), "no more than was paid");
    }

    function test_swapGoesThroughRangesWithGapsBetween() external {
        mint(alice, pool, -60, 60, 1e18);
        mint(alice, pool, -600, -300, 1e18);
        // Through the gap, all of what is above, and half of what is below.
        swapTo(bob, pool, true, 1e30, TickMath.getSqrtPriceAtTick(-450));
        vm.assertEq(pool.liquidity(), 1e18, "in the lower range");
        (, int24 tick,,,) = pool.slot0();
        vm.assertEq(int256(tick), -450, "tick");
        swapTo(bob, pool, false, 1e30, TickMath.getSqrtPriceAtTick(-150));
        vm.assertEq(pool.liquidity(), 0, "in the gap");
        // There, a swap moves the price for nothing.
        (int256 amount0, int256 amount1) =
            swapTo(bob, pool, false, 1e30, TickMath.getSqrtPriceAtTick(-100));
        vm.assertEq(amount0, 0, "nothing out");
        vm.assertEq(amount1, 0, "nothing in");
        swapTo(bob, pool, false, 1e30, ONE);
        vm.assertEq(pool.liquidity(), 1e18, "in the upper range again");
    }

    /// A price that falls to a tick exactly has crossed it, one that rises to it as well.
    function test_priceAtATickHasCrossedIt() external {
        mint(alice, pool, -60, 60, 1e18);
        swapTo(bob, pool, true, 1e30, TickMath.getSqrtPriceAtTick(-60));
        (, int24 tick,,,) = pool.slot0();
        vm.assertEq(int256(tick), -61, "fallen");
        vm.assertEq(pool.liquidity(), 0, "out of range");
        swapTo(bob, pool, false, 1e30, TickMath.getSqrtPriceAtTick(60));
        (, tick,,,) = pool.slot0();
        vm.assertEq(int256(tick), 60, "risen");
        vm.assertEq(pool.liquidity(), 0, "out of range again");
    }

    function test_ticksAreForgottenWithTheLastPosition() external {
        mint(alice, pool, -60, 60, 1e18);
        mint(bob, pool, -120, 60, 1e18);
        burn(alice, pool, -60, 60, 1e18);
        (uint128 gross, int128 net,,,,,, bool initialized) = pool.ticks(-60);
        vm.assertTrue(gross == 0 && net == 0 && !initialized, "lower one");
        (gross, net,,,,,, initialized) = pool.ticks(60);
        vm.assertTrue(gross == 1e18 && net == -1e18 && initialized, "one in common");
        burn(bob, pool, -120, 60, 1e18);
        vm.assertEq(pool.tickBitmap(0) | pool.tickBitmap(-1), 0, "bitmap");
    }

    /// forge-config: long.fuzz.runs = 1000
    function test_saltsKeepPositionsApart(bytes32 salt) external {
        vm.assume(salt != 0);
        mint(alice, pool, -60, 60, 1e18);
        bytes memory data =
            abi.encodeCall(pool.mintWithSalt, (address(alice), salt, -60, 60, 3e18, ""));
        succeed(bob, address(pool), data);
        swap(bob, pool, false, 1e15);
        vm.assertEq(pool.position(address(alice), 0, -60, 60).liquidity, 1e18, "without");
        vm.assertEq(pool.position(address(alice), salt, -60, 60).liquidity, 3e18, "with");
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.burnWithSalt, (salt, -60, 60, 0)),
            abi.encodeWithSelector(ConcentratedPool.EmptyPosition.selector)
        );
        succeed(alice, address(pool), abi.encodeCall(pool.burnWithSalt, (salt, -60, 60, 3e18)));
        vm.assertEq(pool.position(address(alice), 0, -60, 60).tokensOwed1, 0, "nothing without");
        ConcentratedPool.Position memory left = pool.position(address(alice), salt, -60, 60);
        vm.assertEq(left.liquidity, 0, "burned");
        (uint256 none0, uint256 none1) = collect(alice, pool, -60, 60);
        vm.assertEq(none0 + none1, 0, "nothing without");
        bytes memory result = succeed(
            alice,
            address(pool),
            abi.encodeCall(
                pool.collectWithSalt, (address(0xbeef), salt, -60, 60, type(uint128).max, 1)
            )
        );
        (uint256 paid0, uint256 paid1) = abi.decode(result, (uint256, uint256));
        vm.assertEq(paid0, left.tokensOwed0, "all of it");
        vm.assertEq(paid1, 1, "as much as asked for");
        vm.assertEq(token0.balanceOf(address(0xbeef)), paid0, "recipient 0");
        vm.assertEq(token1.balanceOf(address(0xbeef)), 1, "recipient 1");
        left = pool.position(address(alice), salt, -60, 60);
        vm.assertTrue(left.tokensOwed0 == 0 && left.tokensOwed1 > 1e15, "the rest stays");
    }

    function test_flashFeesGoToLiquidityInRange() external {
        mint(alice, pool, -60, 60, 1e18);
        // Fees are rounded up: 0.3 % of 1001 are 3.003. On top comes a gift of 6.
        bytes memory data = abi.encode(uint256(1001), uint256(0), uint256(0), uint256(6));
        succeed(bob, address(pool), abi.encodeCall(pool.flash, (address(bob), 1001, 0, data)));
        vm.assertEq(pool.feeGrowthGlobal0X128(), (uint256(4) << 128) / 1e18, "fee");
        vm.assertEq(pool.feeGrowthGlobal1X128(), (uint256(6) << 128) / 1e18, "gift");
        burn(alice, pool, -60, 60, 0);
        (uint256 fee0, uint256 fee1) = collect(alice, pool, -60, 60);
        vm.assertEq(fee0, 3, "fee, rounded down");
        vm.assertEq(fee1, 5, "gift, rounded down");
    }

    /// Tick 0 for 100 s, then -20 for 60 s. The swap itself counts from when it was done.
    function test_observationsGiveMeansOfTheTick() external {
        mint(alice, pool, LOW, HIGH, 1e18);
        succeed(bob, address(pool), abi.encodeCall(pool.increaseObservationCardinalityNext, (10)));
        vm.warp(block.timestamp + 100);
        swap(bob, pool, true, 1e15);
        vm.warp(block.timestamp + 60);
        uint32[] memory agos = new uint32[](3);
        (agos[0], agos[1], agos[2]) = (160, 60, 0);
        (int56[] memory ticks, uint160[] memory perLiquidity) = pool.observe(agos);
        vm.assertEq(int256(ticks[1] - ticks[0]) / 100, 0, "before");
        vm.assertEq(int256(ticks[2] - ticks[1]) / 60, -20, "after");
        vm.assertEq(perLiquidity[2] - perLiquidity[1], (uint256(60) << 128) / 1e18, "per liquidity");
        agos[0] = 161;
        vm.expectRevert(abi.encodeWithSelector(Observations.TooOld.selector, 161));
        pool.observe(agos);
    }

    /// 100 s inside, 50 s below, 7 s inside.
    function test_secondsInsideARangeAreCounted() external {
        mint(alice, pool, LOW, HIGH, 1e18);
        mint(alice, pool, -60, 60, 1e18);
        (,, uint32 start) = pool.snapshotCumulativesInside(-60, 60);
        vm.warp(block.timestamp + 100);
        swapTo(bob, pool, true, 1e30, TickMath.getSqrtPriceAtTick(-100));
        vm.warp(block.timestamp + 50);
        (,, uint32 below) = pool.snapshotCumulativesInside(-60, 60);
        vm.assertEq(below - start, 100, "below");
        swapTo(bob, pool, false, 1e30, ONE);
        vm.warp(block.timestamp + 7);
        (int56 ticks, uint160 perLiquidity, uint32 end) = pool.snapshotCumulativesInside(-60, 60);
        vm.assertEq(end - start, 107, "end");
        vm.assertEq(int256(ticks), 0, "ticks");
        uint256 both = (uint256(100) << 128) / 2e18 + (uint256(7) << 128) / 2e18;
        vm.assertEq(perLiquidity, both, "per liquidity");
        swapTo(bob, pool, false, 1e30, TickMath.getSqrtPriceAtTick(100));
        vm.warp(block.timestamp + 1000);
        (,, uint32 above) = pool.snapshotCumulativesInside(-60, 60);
        vm.assertEq(above - start, 107, "above");
    }

    /// Whoever mints and burns, and swaps back to where the price was, has no more of either token.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 5000
    function test_noSequenceOfMintSwapAndBurnGains(uint256 seed, bool isTiny) external {
        // Others have liquidity here as well.
        uint128 base = isTiny ? 1000 : 1e18;
        mint(alice, pool, LOW, HIGH, base);
        mint(alice, pool, -600, 120, base);
        swap(alice, pool, seed % 2 == 0, int256(uint256(base) / 50 + seed % 97));
        (uint160 price,,,,) = pool.slot0();
        uint256 balance0 = token0.balanceOf(address(bob));
        uint256 balance1 = token1.balanceOf(address(bob));
        int24[4] memory lowers = [LOW, -600, -60, 60];
        int24[4] memory uppers = [HIGH, int24(60), 60, 600];
        for (uint256 i = 0; i < 16; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 r = (random >> 8) % 4;
            uint256 size = (random >> 16) % (isTiny ? 2000 : 3e18) + 1;
            if (random % 4 == 0) {
                mint(bob, pool, lowers[r], uppers[r], uint128(size));
            } else if (random % 4 == 1) {
                uint128 there = pool.position(address(bob), 0, lowers[r], uppers[r]).liquidity;
                if (there != 0) burn(bob, pool, lowers[r], uppers[r], uint128(size % there + 1));
            } else {
                int256 amount = int256(size / 20 + 1);
                swap(bob, pool, random % 8 < 4, random % 16 < 8 ? amount : -amount);
            }
        }
        for (uint256 r = 0; r < 4; r++) {
            uint128 there = pool.position(address(bob), 0, lowers[r], uppers[r]).liquidity;
            if (there != 0 && seed % 3 == 0) burn(bob, pool, lowers[r], uppers[r], there);
        }
        (uint160 moved,,,,) = pool.slot0();
        if (moved != price) swapTo(bob, pool, price < moved, 1e38, price);
        (moved,,,,) = pool.slot0();
        vm.assertEq(moved, price, "the price is back");
        for (uint256 r = 0; r < 4; r++) {
            uint128 there = pool.position(address(bob), 0, lowers[r], uppers[r]).liquidity;
            if (there != 0) burn(bob, pool, lowers[r], uppers[r], there);
            collect(bob, pool, lowers[r], uppers[r]);
        }
        vm.assertLe(token0.balanceOf(address(bob)), balance0, "gain of token 0");
        vm.assertLe(token1.balanceOf(address(bob)), balance1, "gain of token 1");
    }

    /// Slots 0 to 3 are the price, both fee growths, and the liquidity in range.
    function test_collectionsShareNoSlotWithSwapsOrEachOther() external {
        mint(alice, pool, -60, 60, 1e18);
        mint(bob, pool, -60, 60, 1e18);
        swap(alice, pool, true, 1e15);
        burn(alice, pool, -60, 60, 1e18);
        burn(bob, pool, -60, 60, 1e18);
        vm.record();
        collect(alice, pool, -60, 60);
        (bytes32[] memory reads, bytes32[] memory writes) = vm.accesses(address(pool));
        vm.assertGt(reads.length, 0, "reads");
        vm.assertGt(writes.length, 0, "writes");
        vm.record();
        collect(bob, pool, -60, 60);
        (bytes32[] memory readsOther, bytes32[] memory writesOther) = vm.accesses(address(pool));
        for (uint256 i = 0; i < reads.length; i++) {
            vm.assertGt(uint256(reads[i]), 3, "slots of swaps");
        }
        for (uint256 i = 0; i < writes.length; i++) {
            for (uint256 j = 0; j < readsOther.length; j++) {
                vm.assertTrue(writes[i] != readsOther[j], "slots of the other");
            }
        }
        vm.assertGt(writesOther.length, 0, "writes of the other");
    }

    /// Minting between ticks that are in use writes them and the position alone, if it is out of range.
    function test_mintOutOfRangeWritesNothingOfSwaps() external {
        mint(alice, pool, -120, -60, 1e18);
        mint(alice, pool, 60, 120, 1e18);
        vm.record();
        mint(bob, pool, -120, -60, 1e18);
        mint(bob, pool, 60, 120, 1e18);
        (bytes32[] memory reads, bytes32[] memory writes) = vm.accesses(address(pool));
        for (uint256 i = 0; i < writes.length; i++) {
            vm.assertGt(uint256(writes[i]), 3, "written");
        }
        for (uint256 i = 0; i < reads.length; i++) {
            vm.assertTrue(reads[i] == 0 || uint256(reads[i]) > 3, "the price alone is read");
        }
    }

    /// Whatever is called while a pool waits for payment fails, and whoever asks is told.
    function test_poolIsLockedWhileItWaitsForPayment() external {
        mint(bob, pool, -60, 60, 1e18);
        bytes[] memory inner = new bytes[](7);
        inner[0] = abi.encodeCall(pool.mint, (address(bob), -60, 60, 1, ""));
        inner[1] = abi.encodeCall(pool.burn, (-60, 60, 1));
        inner[2] = abi.encodeCall(pool.collect, (address(bob), -60, 60, 1, 1));
        inner[3] = abi.encodeCall(pool.swap, (address(bob), true, 1, LOWEST, ""));
        inner[4] = abi.encodeCall(pool.flash, (address(bob), 1, 0, ""));
        inner[5] = abi.encodeCall(pool.increaseObservationCardinalityNext, (7));
        inner[6] = abi.encodeCall(pool.initialize, (ONE));
        bytes[] memory outer = new bytes[](3);
        outer[0] = abi.encodeCall(pool.mint, (address(bob), -60, 60, 1000, ""));
        outer[1] = abi.encodeCall(pool.swap, (address(bob), true, 1000, LOWEST, ""));
        outer[2] = abi.encodeCall(
            pool.flash,
            (address(bob), 7, 7, abi.encode(uint256(7), uint256(7), uint256(0), uint256(0)))
        );
        vm.assertTrue(!pool.isLocked(), "not before");
        for (uint256 i = 0; i < outer.length; i++) {
            for (uint256 j = 0; j < inner.length; j++) {
                bob.beforePaying(address(pool), inner[j]);
                succeed(bob, address(pool), outer[i]);
                vm.assertTrue(!bob.hasSucceeded(), "inner call");
                bytes4 reason = j == 6
                    ? ConcentratedPool.AlreadyInitialized.selector
                    : ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
                vm.assertEq(bob.result(), abi.encodeWithSelector(reason), "reason");
            }
            bob.beforePaying(address(pool), abi.encodeCall(pool.isLocked, ()));
            succeed(bob, address(pool), outer[i]);
            vm.assertEq(bob.result(), abi.encode(true), "locked");
        }
        vm.assertTrue(!pool.isLocked(), "not afterwards");
    }

    function test_whoeverPaysTooLittleGetsNothing() external {
        (uint256 amount0, uint256 amount1) = mint(alice, pool, -60, 60, 1e18);
        bob.withhold(1);
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.mint, (address(bob), -60, 60, 1e18, "")),
            abi.encodeWithSelector(
                ConcentratedPool.Unpaid.selector, token0, 2 * amount0 - 1, 2 * amount0
            )
        );
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.mint, (address(bob), -120, -60, 1000, "")),
            abi.encodeWithSelector(
                ConcentratedPool.Unpaid.selector, token1, amount1 + 2, amount1 + 3
            )
        );
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.swap, (address(bob), true, 1000, LOWEST, "")),
            abi.encodeWithSelector(
                ConcentratedPool.Unpaid.selector, token0, amount0 + 999, amount0 + 1000
            )
        );
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.swap, (address(bob), false, 1000, HIGHEST, "")),
            abi.encodeWithSelector(
                ConcentratedPool.Unpaid.selector, token1, amount1 + 999, amount1 + 1000
            )
        );
        bytes memory lent = abi.encode(uint256(1000), uint256(1000), uint256(0), uint256(1));
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.flash, (address(bob), 1000, 1000, lent)),
            abi.encodeWithSelector(ConcentratedPool.Unpaid.selector, token0, amount0 + 2, amount0 + 3)
        );
        lent = abi.encode(uint256(1000), uint256(1000), uint256(1), uint256(0));
        fail(
            bob,
            address(pool),
            abi.encodeCall(pool.flash, (address(bob), 1000, 1000, lent)),
            abi.encodeWithSelector(ConcentratedPool.Unpaid.selector, token1, amount1 + 2, amount1 + 3)
        );
    }

    /// forge-config: long.fuzz.runs = 1000
    function test_priceIsSetOnce(uint160 price) external {
        vm.expectRevert(ConcentratedPool.AlreadyInitialized.selector);
        pool.initialize(price);
        ConcentratedPool fresh = factory.createPool(address(token0), address(token1), 500);
        vm.expectRevert(
            abi.encodeWithSelector(TickMath.InvalidSqrtPrice.selector, TickMath.MAX_SQRT_PRICE)
        );
        fresh.initialize(TickMath.MAX_SQRT_PRICE);
        vm.expectEmit(address(fresh));
        emit ConcentratedPool.Initialize(ONE, 0);
        fresh.initialize(ONE);
    }

    function test_nothingWorksBeforeThePriceIsSet() external {
        ConcentratedPool fresh = factory.createPool(address(token0), address(token1), 500);
        bytes memory reason = abi.encodeWithSelector(ConcentratedPool.NotInitialized.selector);
        address to = address(fresh);
        fail(bob, to, abi.encodeCall(fresh.mint, (to, -60, 60, 1, "")), reason);
        fail(bob, to, abi.encodeCall(fresh.burn, (-60, 60, 0)), reason);
        fail(bob, to, abi.encodeCall(fresh.collect, (to, -60, 60, 1, 1)), reason);
        fail(bob, to, abi.encodeCall(fresh.swap, (to, true, 1, LOWEST, "")), reason);
        fail(bob, to, abi.encodeCall(fresh.increaseObservationCardinalityNext, (2)), reason);
        fail(bob, to, abi.encodeCall(fresh.observe, (new uint32[](1))), reason);
        reason = abi.encodeWithSelector(ConcentratedPool.NoLiquidity.selector);
        fail(bob, to, abi.encodeCall(fresh.flash, (to, 0, 0, "")), reason);
    }

    function test_whatMakesNoSenseIsRefused() external {
        address to = address(pool);
        mint(alice, pool, -60, 60, 1e18);
        bytes memory reason = abi.encodeWithSelector(ConcentratedPool.ZeroAmount.selector);
        fail(bob, to, abi.encodeCall(pool.mint, (to, -60, 60, 0, "")), reason);
        fail(bob, to, abi.encodeCall(pool.swap, (to, true, 0, LOWEST, "")), reason);
        int24[2][4] memory ranges =
            [[int24(60), 60], [int24(60), -60], [int24(-887273), 60], [int24(-60), 887273]];
        for (uint256 i = 0; i < 4; i++) {
            (int24 lower, int24 upper) = (ranges[i][0], ranges[i][1]);
            reason = abi.encodeWithSelector(ConcentratedPool.InvalidRange.selector, lower, upper);
            fail(bob, to, abi.encodeCall(pool.mint, (to, lower, upper, 1, "")), reason);
            fail(bob, to, abi.encodeCall(pool.burn, (lower, upper, 0)), reason);
            fail(bob, to, abi.encodeCall(pool.snapshotCumulativesInside, (lower, upper)), reason);
        }
        reason = abi.encodeWithSelector(TickBitmap.TickMisaligned.selector, int24(-59), int24(60));
        fail(bob, to, abi.encodeCall(pool.mint, (to, -59, 60, 1, "")), reason);
        reason = abi.encodeWithSelector(ConcentratedPool.TickNotInitialized.selector, int24(-120));
        fail(bob, to, abi.encodeCall(pool.snapshotCumulativesInside, (-120, 60)), reason);
        reason = abi.encodeWithSelector(ConcentratedPool.TickNotInitialized.selector, int24(120));
        fail(bob, to, abi.encodeCall(pool.snapshotCumulativesInside, (-60, 120)), reason);
    }

    function test_priceLimitsAreAheadAndWithinAllPrices() external {
        address to = address(pool);
        mint(alice, pool, -60, 60, 1e18);
        uint160[5] memory down = [ONE, ONE + 1, TickMath.MIN_SQRT_PRICE, 0, type(uint160).max];
        uint160[5] memory up = [ONE, ONE - 1, TickMath.MAX_SQRT_PRICE, 0, type(uint160).max];
        for (uint256 i = 0; i < 5; i++) {
            fail(
                bob,
                to,
                abi.encodeCall(pool.swap, (to, true, 1, down[i], "")),
                abi.encodeWithSelector(ConcentratedPool.InvalidPriceLimit.selector, down[i])
            );
            fail(
                bob,
                to,
                abi.encodeCall(pool.swap, (to, false, 1, up[i], "")),
                abi.encodeWithSelector(ConcentratedPool.InvalidPriceLimit.selector, up[i])
            );
        }
    }

    function test_nobodyBurnsMoreThanThereIs() external {
        mint(alice, pool, -60, 60, 1e18);
        mint(bob, pool, -60, 60, 1e18);
        bytes memory reason =
            abi.encodeWithSelector(LiquidityMath.NotEnoughLiquidity.selector, 1e18, 1e18 + 1);
        fail(alice, address(pool), abi.encodeCall(pool.burn, (-60, 60, 1e18 + 1)), reason);
        reason = abi.encodeWithSelector(LiquidityMath.NotEnoughLiquidity.selector, 0, 1);
        fail(alice, address(pool), abi.encodeCall(pool.burn, (-120, 60, 1)), reason);
        reason = abi.encodeWithSelector(ConcentratedPool.EmptyPosition.selector);
        fail(alice, address(pool), abi.encodeCall(pool.burn, (-120, 60, 0)), reason);
    }

    function test_liquidityOfATickIsBounded() external {
        uint128 most = pool.maxLiquidityPerTick();
        mint(alice, pool, 60, 120, most);
        bytes memory reason =
            abi.encodeWithSelector(ConcentratedPool.TooMuchLiquidity.selector, int24(60), most + 1);
        fail(bob, address(pool), abi.encodeCall(pool.mint, (address(bob), 60, 180, 1, "")), reason);
        reason = abi.encodeWithSelector(ConcentratedPool.TooMuchLiquidity.selector, int24(120), most + 1);
        fail(bob, address(pool), abi.encodeCall(pool.mint, (address(bob), -60, 120, 1, "")), reason);
        mint(bob, pool, 180, 240, most);
    }

    function test_operationsAreTold() external {
        vm.expectEmit(address(pool));
        emit ConcentratedPool.Mint(
            address(bob), address(bob), -600, 600, 0, 1e18, 29553010879137170, 29553010879137170
        );
        mint(bob, pool, -600, 600, 1e18);
        vm.expectEmit(address(pool));
        emit ConcentratedPool.Swap(
            address(bob),
            address(bob),
            1e15,
            -996006981039903,
            79149250711305166342700278159,
            1e18,
            -20
        );
        swap(bob, pool, true, 1e15);
        vm.expectEmit(address(pool));
        emit ConcentratedPool.Burn(address(bob), -600, 600, 0, 0, 0, 0);
        burn(bob, pool, -600, 600, 0);
        vm.expectEmit(address(pool));
        emit ConcentratedPool.Collect(address(bob), address(bob), -600, 600, 0, 3e12 - 1, 0);
        collect(bob, pool, -600, 600);
        vm.expectEmit(address(pool));
        emit ConcentratedPool.Flash(address(bob), address(bob), 1000, 0, 3, 5);
        bytes memory lent = abi.encode(uint256(1000), uint256(0), uint256(0), uint256(5));
        succeed(bob, address(pool), abi.encodeCall(pool.flash, (address(bob), 1000, 0, lent)));
        vm.expectEmit(address(pool));
        emit ConcentratedPool.IncreaseObservationCardinalityNext(1, 5);
        pool.increaseObservationCardinalityNext(5);
        // It does not shrink, and nothing is told.
        vm.recordLogs();
        pool.increaseObservationCardinalityNext(4);
        vm.assertEq(vm.getRecordedLogs().length, 0, "no event");
        (,,,, uint16 next) = pool.slot0();
        vm.assertEq(next, 5, "size");
    }

    /// What the price cannot move by, as it is rounded in the pool's favour: less than a unit of the last
    /// place of the price, which is that much of token0.
    function dust(uint256 liquidity) private pure returns (uint256) {
        return liquidity / ONE + 2;
    }
}
