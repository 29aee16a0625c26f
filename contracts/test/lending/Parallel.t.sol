// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Liquidator} from "../../src/lending/Liquidator.sol";
import {LendingTest} from "./support/LendingTest.sol";
import {TestToken} from "./support/TestToken.sol";

/// Two accounts of different shards in one block touch no slot in common that either writes, once the first
/// transaction of the block has brought the reserves up to date.
contract ParallelTest is LendingTest {
    struct Slots {
        bytes32[] read;
        bytes32[] written;
    }

    /// Two users, and whoever liquidates them.
    address[2] private users;
    address[2] private liquidators;
    address[] private contracts;
    /// By contract, what each of the two transactions touched.
    mapping(address => Slots[2]) private touched;
    uint256 private writes;

    function setUp() external {
        deploy(16);
        // Caps, so that what counts towards them is written, too.
        configurator.setCaps(address(usdc), 1e18, 1e18);
        configurator.setCaps(address(weth), 1e26, 1e26);
        pass(1);
        for (uint256 i = 0; i < 2; ++i) {
            users[i] = accountIn(3 + 6 * i, 0);
            liquidators[i] = accountIn(4 + 6 * i, 0);
            // Somebody of the same shard has supplied what will be borrowed.
            supply(usdc, accountIn(3 + 6 * i, 1), 1_000_000e6);
            fill(usdc, users[i], 1e12);
            fill(weth, users[i], 1e24);
            fill(usdc, liquidators[i], 1e12);
            pledge(weth, users[i], 100e18);
            borrow(usdc, users[i], 100_000e6);
        }
        contracts = [address(pool), address(usdc), address(weth), address(usdcFeed), address(wethFeed)];
        for (uint256 i = 0; i < 16; ++i) {
            contracts.push(pool.tillOf(i));
        }
        contracts.push(address(fund));
        contracts.push(address(backstop));
        pass(1);
        pool.accrueAll();
    }

    /// The first and the second of two transactions, by `sender` each.
    function compare(address[2] memory senders, bytes[2] memory calls) private {
        for (uint256 i = 0; i < 2; ++i) {
            vm.record();
            vm.prank(senders[i]);
            (bool success,) = address(pool).call(calls[i]);
            vm.assertTrue(success, "works");
            for (uint256 j = 0; j < contracts.length; ++j) {
                (bytes32[] memory read, bytes32[] memory written) = vm.accesses(contracts[j]);
                touched[contracts[j]][i] = Slots(read, written);
                if (i == 0) writes += written.length;
            }
        }
        vm.assertGe(writes, 1, "something is written");
        for (uint256 j = 0; j < contracts.length; ++j) {
            Slots[2] storage slots = touched[contracts[j]];
            requireApart(slots[0].written, slots[1].written, "both write");
            requireApart(slots[0].written, slots[1].read, "the second reads what the first wrote");
            requireApart(slots[0].read, slots[1].written, "the second writes what the first read");
        }
    }

    function requireApart(bytes32[] memory some, bytes32[] memory others, string memory what) private pure {
        for (uint256 i = 0; i < some.length; ++i) {
            for (uint256 j = 0; j < others.length; ++j) {
                vm.assertTrue(some[i] != others[j], what);
            }
        }
    }

    function test_suppliesAreApart() external {
        compare(
            users,
            [
                abi.encodeCall(pool.supply, (address(usdc), 100e6, users[0])),
                abi.encodeCall(pool.supply, (address(usdc), 100e6, users[1]))
            ]
        );
    }

    function test_withdrawalsAreApart() external {
        compare(
            users,
            [
                abi.encodeCall(pool.withdraw, (address(weth), 1e18, users[0])),
                abi.encodeCall(pool.withdraw, (address(weth), 1e18, users[1]))
            ]
        );
    }

    function test_loansAreApart() external {
        compare(
            users,
            [
                abi.encodeCall(pool.borrow, (address(usdc), 100e6, users[0], users[0])),
                abi.encodeCall(pool.borrow, (address(usdc), 100e6, users[1], users[1]))
            ]
        );
    }

    function test_repaymentsAreApart() external {
        compare(
            users,
            [
                abi.encodeCall(pool.repay, (address(usdc), 100e6, users[0])),
                abi.encodeCall(pool.repay, (address(usdc), 100e6, users[1]))
            ]
        );
    }

    function test_differentOperationsAreApart() external {
        compare(
            users,
            [
                abi.encodeCall(pool.supply, (address(usdc), 100e6, users[0])),
                abi.encodeCall(pool.borrow, (address(usdc), 100e6, users[1], users[1]))
            ]
        );
    }

    function test_collateralSettingsAreApart() external {
        supply(usdc, users[0], 1e6);
        supply(usdc, users[1], 1e6);
        compare(
            users,
            [
                abi.encodeCall(pool.setCollateral, (address(usdc), true)),
                abi.encodeCall(pool.setCollateral, (address(usdc), true))
            ]
        );
    }

    function test_flagsAreApart() external {
        crash();
        compare(liquidators, [abi.encodeCall(pool.flag, (users[0])), abi.encodeCall(pool.flag, (users[1]))]);
    }

    function test_liquidationsAreApart() external {
        crash();
        compare(
            liquidators,
            [
                abi.encodeCall(pool.liquidate, (orderOf(users[0], usdc, weth))),
                abi.encodeCall(pool.liquidate, (orderOf(users[1], usdc, weth)))
            ]
        );
    }

    function test_liquidationsForSupplyAreApart() external {
        crash();
        Liquidator.Order[2] memory orders = [orderOf(users[0], usdc, weth), orderOf(users[1], usdc, weth)];
        (orders[0].asSupply, orders[1].asSupply) = (true, true);
        compare(
            liquidators,
            [abi.encodeCall(pool.liquidate, (orders[0])), abi.encodeCall(pool.liquidate, (orders[1]))]
        );
    }

    /// The same accounts, were they of one shard, would be in each other's way: the test can tell.
    function test_accountsOfOneShardAreNotApart() external {
        vm.expectRevert();
        this.compareWithinAShard();
    }

    function compareWithinAShard() external {
        address[2] memory senders = [users[0], accountIn(3, 7)];
        fill(usdc, senders[1], 1e12);
        compare(
            senders,
            [
                abi.encodeCall(pool.supply, (address(usdc), 100e6, senders[0])),
                abi.encodeCall(pool.supply, (address(usdc), 100e6, senders[1]))
            ]
        );
    }

    function crash() private {
        wethFeed.set(1200e18);
        pass(1);
        pool.accrueAll();
    }
}
