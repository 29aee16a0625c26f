// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../src/lending/LendingStorage.sol";
import {LendingHandler} from "./support/LendingHandler.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestFeed} from "./support/TestFeed.sol";
import {TestToken} from "./support/TestToken.sol";

/// What holds after anything that anybody does: four users, two liquidators, three reserves, prices that jump.
contract LendingInvariantTest is LendingTest {
    LendingHandler private handler;
    TestToken[3] private tokens;
    uint256[3] private lastSupplyIndex;
    uint256[3] private lastDebtIndex;

    function setUp() external {
        deploy(2);
        tokens = [usdc, wbtc, weth];
        address[6] memory accounts;
        for (uint256 i = 0; i < 6; ++i) {
            // Three of each shard.
            accounts[i] = accountIn(i % 2, i / 2);
        }
        handler = new LendingHandler(pool, tokens, [usdcFeed, wbtcFeed, wethFeed], accounts);
        configurator.setCaps(address(usdc), 200_000_000e6, 150_000_000e6);
        configurator.setCaps(address(wbtc), 4000e8, 3000e8);
        configurator.setCaps(address(weth), 100_000e18, 80_000e18);
        // Everything that pays for bad debt, but little of it.
        configurator.setBackstop(address(usdc), backstop);
        usdc.mint(address(this), 10_000e6);
        usdc.approve(address(backstop), 10_000e6);
        backstop.deposit(10_000e6, address(this));
        for (uint256 i = 0; i < 3; ++i) {
            tokens[i].mint(address(fund), 10 ** tokens[i].decimals());
        }
        // All have something pledged, and owe as much as they may.
        for (uint256 i = 0; i < 6; ++i) {
            uint256 unit = i % 3 == 0 ? 1e6 : i % 3 == 1 ? 2000 : 5e14;
            handler.supply(i, i, 1_000_000 * unit, true);
        }
        handler.pass(1);
        for (uint256 i = 0; i < 6; ++i) {
            handler.borrow(i, i + 1, 3);
        }

        targetContract(address(handler));
        // The more of one kind, the more often it is called.
        bytes4[] memory functions = new bytes4[](18);
        functions[0] = handler.supply.selector;
        functions[1] = handler.withdraw.selector;
        functions[2] = handler.borrow.selector;
        functions[3] = handler.repay.selector;
        functions[4] = handler.setCollateral.selector;
        functions[5] = handler.liquidate.selector;
        functions[6] = handler.flag.selector;
        functions[7] = handler.movePrice.selector;
        functions[8] = handler.breakFeed.selector;
        functions[9] = handler.pass.selector;
        functions[10] = handler.donate.selector;
        functions[11] = handler.flashLoan.selector;
        functions[12] = handler.collectFees.selector;
        functions[13] = handler.rebalance.selector;
        functions[14] = handler.coverDeficit.selector;
        functions[15] = handler.liquidate.selector;
        functions[16] = handler.movePrice.selector;
        functions[17] = handler.pass.selector;
        targetSelectors(address(handler), functions);
    }

    /// Everything at once, as setting up is what takes the time.
    function invariant_poolIsSound() external {
        vm.assertEq(bytes(handler.violation()), "", "nothing that must not happen has");
        uint256[6] memory pledged;
        uint256[6] memory owed;
        for (uint256 i = 0; i < 3; ++i) {
            checkReserve(i, pledged, owed);
        }
        for (uint256 i = 0; i < 6; ++i) {
            LendingStorage.Account memory account = pool.accountOf(handler.accounts(i));
            vm.assertEq(uint256(account.debt), owed[i], "owes what it is noted for");
            vm.assertEq(account.collateral & ~pledged[i], 0, "pledges something");
            vm.assertTrue(account.debt == 0 || account.collateral != 0, "no debt without collateral");
        }
    }

    /// Adds the bit of the reserve for each account that has, and owes, something there.
    function checkReserve(uint256 id, uint256[6] memory has, uint256[6] memory owes) private {
        LendingPool.ReserveState memory state = pool.reserveState(address(tokens[id]));
        (uint256 claims, uint256 debts) = (0, 0);
        LendingStorage.Shard[2] memory sums;
        for (uint256 i = 0; i < 6; ++i) {
            LendingStorage.Position memory position = pool.positionOf(handler.accounts(i), address(tokens[id]));
            sums[i % 2].scaledSupply += position.scaledSupply;
            sums[i % 2].scaledDebt += position.scaledDebt;
            claims += position.scaledSupply * state.supplyIndex;
            debts += position.scaledDebt * state.debtIndex;
            if (position.scaledSupply != 0) has[i] |= 1 << id;
            if (position.scaledDebt != 0) owes[i] |= 1 << id;
        }
        // Without any rounding.
        vm.assertGe((state.cash + state.deficit) * RAY + debts, claims, "assets cover claims");
        for (uint256 i = 0; i < 2; ++i) {
            LendingStorage.Shard memory shard = pool.shardTotals(address(tokens[id]), i);
            vm.assertEq(shard.scaledSupply, sums[i].scaledSupply, "supply of a shard is that of its accounts");
            vm.assertEq(shard.scaledDebt, sums[i].scaledDebt, "debt of a shard is that of its accounts");
        }
        vm.assertGe(state.supplyIndex, lastSupplyIndex[id], "never falls");
        vm.assertGe(state.debtIndex, lastDebtIndex[id], "never falls");
        vm.assertGe(state.debtIndex, state.supplyIndex, "suppliers never get more than borrowers pay");
        (lastSupplyIndex[id], lastDebtIndex[id]) = (state.supplyIndex, state.debtIndex);
    }

    /// The handler gets to all that matters: weth and wbtc fall by a third, again and again, and are bought back.
    function test_handlerReachesLiquidationsAndWriteOffs() external {
        for (uint256 i = 0; i < 12; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            handler.movePrice(1 + i % 2, 0);
            handler.pass(1);
            for (uint256 j = 0; j < 4; ++j) {
                handler.liquidate(j, seed >> 8 * j, seed >> 16 * j, 1, true);
            }
            handler.movePrice(1 + i % 2, 50);
            handler.movePrice(1 + i % 2, 50);
            handler.pass(1);
            handler.supply(i, i + 1, seed, true);
            handler.borrow(i, i, 1);
        }
        vm.assertGt(handler.loans(), 5, "loans");
        vm.assertGt(handler.liquidations(), 5, "liquidations");
        vm.assertGt(handler.writeOffs(), 0, "write-offs");
        vm.assertEq(bytes(handler.violation()), "", "nothing that must not happen has");
    }
}
