// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {IConcentratedMintCallback} from "../../src/exchange/IConcentratedMintCallback.sol";
import {IConcentratedFlashCallback} from "../../src/exchange/IConcentratedFlashCallback.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {ConcentratedPositions} from "../../src/exchange/ConcentratedPositions.sol";
import {ConcentratedQuoter} from "../../src/exchange/ConcentratedQuoter.sol";
import {IConcentratedSwapCallback} from "../../src/exchange/IConcentratedSwapCallback.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {ConcentratedTest} from "./support/ConcentratedTest.sol";

/// Gas of each call as a transaction of its own, so with the 21000 that each costs and with all slots cold,
/// and with payment by a callback of this contract.
contract ConcentratedGasTest is
    ConcentratedTest,
    IConcentratedMintCallback,
    IConcentratedSwapCallback,
    IConcentratedFlashCallback
{
    uint128 private constant ALL = type(uint128).max;

    ConcentratedFactory private factory;
    ConcentratedPositions private positions;
    ConcentratedQuoter private quoter;
    ConcentratedPool private pool;

    function setUp() external {
        sortTokens();
        vm.warp(1.7e9);
        factory = new ConcentratedFactory();
        positions = new ConcentratedPositions(factory);
        quoter = new ConcentratedQuoter();
        token0.mint(address(this), 1e40);
        token1.mint(address(this), 1e40);
        token0.approve(address(positions), type(uint256).max);
        token1.approve(address(positions), type(uint256).max);
        pool = newPool(factory, 3000, ONE);
        pool.increaseObservationCardinalityNext(100);
        for (int24 i = 1; i <= 20; i++) {
            pool.mint(address(this), -60 * i, 60 * i, 1e20, "");
        }
        vm.warp(block.timestamp + 12);
        pool.swap(address(this), true, 1e19, LOWEST, "");
        vm.warp(block.timestamp + 12);
        pool.swap(address(this), false, 1e19, HIGHEST, "");
        vm.warp(block.timestamp + 12);
        // The positions contract has seen this range before.
        positions.mint(params(-600, 600, bytes32(uint256(1))));
        pool.burn(-600, 600, 1e19);
        pool.collect(address(this), -600, 600, 1, 1);
    }

    /// forge-config: default.isolate = true
    function test_gasOfPools() external {
        factory.createPool(address(token0), address(token1), 500);
        vm.snapshotGasLastCall("concentrated", "factory: createPool");

        pool.swap(address(this), true, 1e15, LOWEST, "");
        vm.snapshotGasLastCall("concentrated", "pool: swap, same tick");
        vm.warp(block.timestamp + 12);
        pool.swap(address(this), true, 1e18, LOWEST, "");
        vm.snapshotGasLastCall("concentrated", "pool: swap, other tick");
        pool.swap(address(this), false, -1e18, HIGHEST, "");
        vm.snapshotGasLastCall("concentrated", "pool: swap, other tick, exact output, not the first at its time");
        vm.warp(block.timestamp + 12);
        pool.swap(address(this), true, 1e30, TickMath.getSqrtPriceAtTick(-90), "");
        vm.snapshotGasLastCall("concentrated", "pool: swap, through one initialized tick");
        vm.warp(block.timestamp + 12);
        pool.swap(address(this), false, 1e30, TickMath.getSqrtPriceAtTick(270), "");
        vm.snapshotGasLastCall("concentrated", "pool: swap, through five initialized ticks");

        vm.warp(block.timestamp + 12);
        pool.mint(address(this), -6000, 6000, 1e20, "");
        vm.snapshotGasLastCall("concentrated", "pool: mint, new ticks in range");
        pool.mint(address(this), -6000, 6000, 1e20, "");
        vm.snapshotGasLastCall("concentrated", "pool: mint, more of a position");
        pool.mint(address(this), 6000, 12000, 1e20, "");
        vm.snapshotGasLastCall("concentrated", "pool: mint, out of range");
        pool.burn(-6000, 6000, 0);
        vm.snapshotGasLastCall("concentrated", "pool: burn, nothing");
        pool.burn(-6000, 6000, 1e20);
        vm.snapshotGasLastCall("concentrated", "pool: burn, some");
        pool.burn(-6000, 6000, 1e20);
        vm.snapshotGasLastCall("concentrated", "pool: burn, all");
        pool.collect(address(this), -600, 600, ALL, ALL);
        vm.snapshotGasLastCall("concentrated", "pool: collect");
        pool.flash(address(this), 1e18, 1e18, abi.encode(1e18, 1e18));
        vm.snapshotGasLastCall("concentrated", "pool: flash");

        uint32[] memory agos = new uint32[](2);
        agos[0] = 30;
        pool.observe(agos);
        vm.snapshotGasLastCall("concentrated", "pool: observe, two times");
        quoter.quote(pool, true, 1e18, 0);
        vm.snapshotGasLastCall("concentrated", "quoter: quote");
    }

    /// forge-config: default.isolate = true
    function test_gasOfPositions() external {
        (uint256 id, uint128 liquidity,,) = positions.mint(params(-600, 600, 0));
        vm.snapshotGasLastCall("concentrated", "positions: mint");
        positions.increase(ConcentratedPositions.IncreaseParams(id, 1e18, 1e18, 0, 0, block.timestamp));
        vm.snapshotGasLastCall("concentrated", "positions: increase");
        pool.swap(address(this), true, 1e18, LOWEST, "");
        positions.collect(id, address(this), ALL, ALL);
        vm.snapshotGasLastCall("concentrated", "positions: collect");
        positions.decrease(ConcentratedPositions.DecreaseParams(id, liquidity, 0, 0, block.timestamp));
        vm.snapshotGasLastCall("concentrated", "positions: decrease");
        (, ConcentratedPool.Position memory left) = positions.position(id);
        positions.decrease(
            ConcentratedPositions.DecreaseParams(id, left.liquidity, 0, 0, block.timestamp)
        );
        positions.collect(id, address(this), ALL, ALL);
        positions.burn(id);
        vm.snapshotGasLastCall("concentrated", "positions: burn");
    }

    function concentratedMintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        if (amount0 != 0) token0.transfer(msg.sender, amount0);
        if (amount1 != 0) token1.transfer(msg.sender, amount1);
    }

    function concentratedSwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        if (amount0 > 0) token0.transfer(msg.sender, uint256(amount0));
        if (amount1 > 0) token1.transfer(msg.sender, uint256(amount1));
    }

    function concentratedFlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 lent0, uint256 lent1) = abi.decode(data, (uint256, uint256));
        token0.transfer(msg.sender, lent0 + fee0);
        token1.transfer(msg.sender, lent1 + fee1);
    }

    function params(int24 lower, int24 upper, bytes32 salt)
        private
        view
        returns (ConcentratedPositions.MintParams memory)
    {
        return ConcentratedPositions.MintParams(
            address(token0),
            address(token1),
            3000,
            lower,
            upper,
            1e18,
            1e18,
            0,
            0,
            address(this),
            block.timestamp,
            salt
        );
    }
}
