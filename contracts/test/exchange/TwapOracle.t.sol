// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PairPool} from "../../src/exchange/PairPool.sol";
import {TwapOracle} from "../../src/exchange/TwapOracle.sol";
import {Exchange} from "./support/Exchange.sol";

contract TwapOracleTest is Exchange {
    uint256 private constant WINDOW = 1 hours;
    uint256 private constant PERIODS = 6;
    uint256 private constant PERIOD = 10 minutes;
    uint256 private constant Q112 = 2 ** 112;

    TwapOracle private oracle = new TwapOracle(WINDOW, PERIODS);

    /// What is told, kept as a list of prices and of how long they held.
    uint256[] private times;
    uint256[] private prices;

    /// For any sequence of prices and observations: either the mean over a window of one to two hours, by
    /// the list of prices, or none; and there is one if observations came in time.
    function test_theMeanIsThatOfTheWindow(uint256 seed, uint8 steps) external {
        fund(pool, 1e24, 1e24, address(this));
        vm.warp(1_000_000);
        pool.sync();
        note();
        bool isKept = true;
        oracle.observe(pool);
        uint256 observed = block.timestamp;
        for (uint256 i = 0; i < steps; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + 1 + seed % 900);
            if (seed >> 16 & 1 == 0) {
                give(pool, (seed >> 32) % 1e23, (seed >> 128) % 1e23);
                pool.sync();
                note();
            }
            // Kept up if never more than a window passes between observations.
            if (block.timestamp - observed > WINDOW) isKept = false;
            if (seed >> 24 & 3 != 0 && oracle.observe(pool)) observed = block.timestamp;
        }
        bool isOld = block.timestamp - 1_000_000 >= WINDOW;
        (bool isTold, bytes memory told) = address(oracle).call(abi.encodeCall(oracle.meanPrices, (pool)));
        if (isKept && isOld) vm.assertTrue(isTold, "there is a price");
        if (!isOld) vm.assertTrue(!isTold, "there is none before a window has passed");
        if (!isTold) return;
        (uint256 price0,, uint256 elapsed) = abi.decode(told, (uint256, uint256, uint256));
        vm.assertGe(elapsed, WINDOW, "a window at least");
        vm.assertLe(elapsed, 2 * WINDOW, "two at most");
        vm.assertEq(price0, mean(block.timestamp - elapsed), "mean");
        vm.assertEq(oracle.consult(pool, address(tokens[0]), 1e18), price0 * 1e18 / Q112, "amount");
    }

    /// With an observation in each period, the window is longer than asked for by less than a period.
    function test_theWindowIsCloseIfKeptUp(uint256 late) external {
        fund(pool, 1e24, 1e24, address(this));
        for (uint256 i = 0; i < 20; i++) {
            oracle.observe(pool);
            vm.warp(block.timestamp + PERIOD);
        }
        oracle.observe(pool);
        vm.warp(block.timestamp + bound(late, 0, PERIOD - 1));
        (,, uint256 elapsed) = oracle.meanPrices(pool);
        vm.assertGe(elapsed, WINDOW, "at least the window");
        vm.assertLt(elapsed, WINDOW + PERIOD, "close to it");
    }

    /// Half an hour at 2 and half an hour at 4, of the second token for one of the first.
    function test_example() external {
        fund(pool, 1e24, 2e24, address(this));
        vm.warp(1_000_000);
        pool.sync();
        oracle.observe(pool);
        vm.warp(1_000_000 + WINDOW / 2);
        give(pool, 0, 2e24);
        pool.sync();
        vm.warp(1_000_000 + WINDOW);
        vm.assertEq(oracle.consult(pool, address(tokens[0]), 1e18), 3e18, "mean of 2 and 4");
        vm.assertEq(oracle.consult(pool, address(tokens[1]), 1e18), 0.375e18, "mean of 1/2 and 1/4");
    }

    /// A price that is moved and moved back in one block counts for nothing, and the pool is not touched.
    function test_aMomentDoesNotCount(uint256 gift) external {
        fund(pool, 1e24, 2e24, address(this));
        oracle.observe(pool);
        vm.warp(block.timestamp + WINDOW);
        give(pool, bound(gift, 1, 1e30), 0);
        pool.sync();
        vm.assertEq(oracle.consult(pool, address(tokens[0]), 1e18), 2e18, "as if nothing had happened");
    }

    function test_observationsAreAPeriodApart() external {
        fund(pool, 1e24, 2e24, address(this));
        vm.warp(1_000_000);
        (uint256 price0, uint256 price1) = pool.currentCumulativePrices();
        vm.expectEmit(address(oracle));
        emit TwapOracle.Observed(address(pool), price0, price1);
        vm.assertTrue(oracle.observe(pool), "the first");
        vm.assertTrue(!oracle.observe(pool), "at once");
        vm.warp(1_000_000 + PERIOD - 1);
        vm.assertTrue(!oracle.observe(pool), "too early");
        vm.warp(1_000_000 + PERIOD);
        vm.assertTrue(oracle.observe(pool), "a period later");
    }

    function test_oldPricesAreRefused() external {
        fund(pool, 1e24, 2e24, address(this));
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.NoObservation.selector, address(pool)));
        oracle.consult(pool, address(tokens[0]), 1);
        oracle.observe(pool);
        uint256 start = block.timestamp;
        vm.warp(start + WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.NoObservation.selector, address(pool)));
        oracle.consult(pool, address(tokens[0]), 1);
        vm.warp(start + 2 * WINDOW);
        vm.assertEq(oracle.consult(pool, address(tokens[0]), 1), 2, "still told");
        vm.warp(start + 2 * WINDOW + 1);
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.NoObservation.selector, address(pool)));
        oracle.consult(pool, address(tokens[0]), 1);
        // The next observation has to become a window old.
        oracle.observe(pool);
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.NoObservation.selector, address(pool)));
        oracle.consult(pool, address(tokens[0]), 1);
    }

    function test_rejectsWhatHasNoPrice() external {
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.NoLiquidity.selector, address(pool)));
        oracle.observe(pool);
        fund(pool, 1e24, 2e24, address(this));
        oracle.observe(pool);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(TwapOracle.UnknownToken.selector, address(tokens[2])));
        oracle.consult(pool, address(tokens[2]), 1);
    }

    function test_rejectsWrongWindows() external {
        uint256[2][5] memory wrong =
            [[uint256(0), 1], [uint256(10), 0], [uint256(10), 11], [uint256(1e6), 256], [uint256(366 days), 2]];
        for (uint256 i = 0; i < 5; i++) {
            vm.expectRevert(abi.encodeWithSelector(TwapOracle.InvalidWindow.selector, wrong[i][0], wrong[i][1]));
            new TwapOracle(wrong[i][0], wrong[i][1]);
        }
    }

    function note() private {
        (uint256 reserve0, uint256 reserve1) = reserves(pool);
        times.push(block.timestamp);
        prices.push(reserve1 * Q112 / reserve0);
    }

    /// Mean of the noted prices since a time.
    function mean(uint256 since) private view returns (uint256) {
        uint256 sum;
        for (uint256 i = 0; i < times.length; i++) {
            uint256 from = times[i] > since ? times[i] : since;
            uint256 to = i + 1 < times.length ? times[i + 1] : block.timestamp;
            if (to > from) sum += prices[i] * (to - from);
        }
        return sum / (block.timestamp - since);
    }
}
