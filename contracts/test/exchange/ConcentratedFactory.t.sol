// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {ConcentratedPositions} from "../../src/exchange/ConcentratedPositions.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {Test} from "../support/Test.sol";

contract ConcentratedFactoryTest is Test {
    ConcentratedFactory private factory = new ConcentratedFactory();
    address private constant TOKEN0 = address(0x1000);
    address private constant TOKEN1 = address(0x2000);

    /// forge-config: long.fuzz.runs = 1000
    function test_poolKnowsWhatItIsFor(bool isReversed, uint256 tier) external {
        uint24 fee = [uint24(100), 500, 3000, 10000][tier % 4];
        int24 spacing = [int24(1), 10, 60, 200][tier % 4];
        // 2^128 - 1 by the count of ticks: 1774545, 177455, 29575, and 8873.
        uint128 most = [
            uint128(191757530477355301479181766273477),
            1917569901783203986719870431555990,
            11505743598341114571880798222544994,
            38350317471085141830651933667504588
        ][tier % 4];
        ConcentratedPool pool = create(isReversed, fee);
        vm.assertEq(address(pool.token0()), TOKEN0, "token0");
        vm.assertEq(address(pool.token1()), TOKEN1, "token1");
        vm.assertEq(pool.fee(), fee, "fee");
        vm.assertEq(int256(pool.tickSpacing()), spacing, "spacing");
        vm.assertEq(pool.factory(), address(factory), "factory");
        vm.assertEq(pool.maxLiquidityPerTick(), most, "most liquidity");
        vm.assertEq(int256(factory.tickSpacingOf(fee)), spacing, "spacing of the tier");
    }

    /// forge-config: long.fuzz.runs = 1000
    function test_addressFollowsFromTokensAndFee(bool isReversed, address a, address b) external {
        vm.assume(a != b && a != address(0) && b != address(0));
        (address low, address high) = a < b ? (a, b) : (b, a);
        bytes32 salt = keccak256(abi.encode(low, high, uint256(500)));
        bytes32 codeHash = keccak256(type(ConcentratedPool).creationCode);
        vm.assertEq(factory.poolInitCodeHash(), codeHash, "hash");
        address expected = address(
            uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(factory), salt, codeHash))))
        );
        vm.assertEq(factory.getPool(a, b, 500), address(0), "not yet");
        address pool = address(isReversed ? factory.createPool(a, b, 500) : factory.createPool(b, a, 500));
        vm.assertEq(pool, expected, "address");
        vm.assertEq(factory.getPool(a, b, 500), expected, "found");
        vm.assertEq(factory.getPool(b, a, 500), expected, "found in the other order");
        vm.assertEq(factory.getPool(a, b, 3000), address(0), "of another fee");
    }

    /// forge-config: long.fuzz.runs = 1000
    function test_poolIsCreatedOnce(bool isReversed) external {
        address pool = address(create(false, 3000));
        vm.expectRevert(abi.encodeWithSelector(ConcentratedFactory.PoolExists.selector, pool));
        create(isReversed, 3000);
    }

    function test_creationIsTold() external {
        address expected = address(create(false, 3000));
        ConcentratedFactory other = new ConcentratedFactory();
        vm.assertTrue(expected != address(other.createPool(TOKEN0, TOKEN1, 3000)), "of another factory");
        vm.recordLogs();
        ConcentratedPool pool = other.createPool(TOKEN1, TOKEN0, 500);
        bytes32 topic = vm.getRecordedLogs()[0].topics[0];
        vm.assertEq(topic, ConcentratedFactory.PoolCreated.selector, "event");
        vm.expectEmit(address(factory));
        emit ConcentratedFactory.PoolCreated(
            TOKEN0, TOKEN1, 500, 10, ConcentratedPool(predict(500))
        );
        factory.createPool(TOKEN1, TOKEN0, 500);
        vm.assertTrue(address(pool) != address(0), "pool");
    }

    /// forge-config: long.fuzz.runs = 1000
    function test_priceIsSetTogetherWithCreation(uint256 seed) external {
        uint160 price = uint160(bound(seed, TickMath.MIN_SQRT_PRICE, TickMath.MAX_SQRT_PRICE - 1));
        ConcentratedPool pool = factory.createAndInitializePool(TOKEN1, TOKEN0, 100, price);
        (uint160 set,,,,) = pool.slot0();
        vm.assertEq(set, price, "price");
    }

    function test_whatIsNoPoolIsRefused(uint24 fee) external {
        vm.assume(fee != 100 && fee != 500 && fee != 3000 && fee != 10000);
        vm.expectRevert(abi.encodeWithSelector(ConcentratedFactory.UnknownFee.selector, fee));
        factory.createPool(TOKEN0, TOKEN1, fee);
        vm.expectRevert(abi.encodeWithSelector(ConcentratedFactory.IdenticalTokens.selector, TOKEN0));
        factory.createPool(TOKEN0, TOKEN0, 3000);
        vm.expectRevert(ConcentratedFactory.ZeroToken.selector);
        factory.createPool(TOKEN0, address(0), 3000);
    }

    /// So nobody can deploy a pool of whatever parameters they like under some factory's name.
    function test_thereAreNoParametersButDuringCreation() external {
        create(false, 3000);
        vm.expectRevert(abi.encodeWithSelector(ConcentratedFactory.UnknownFee.selector, 0));
        factory.parameters();
        vm.expectRevert(abi.encodeWithSelector(ConcentratedFactory.UnknownFee.selector, 0));
        vm.prank(address(factory));
        new ConcentratedPool();
    }

    /// EIP-170 and EIP-3860.
    function test_codeIsWithinTheLimits() external {
        vm.assertLe(address(factory).code.length, 24576, "factory");
        vm.assertLe(address(create(false, 3000)).code.length, 24576, "pool");
        vm.assertLe(address(new ConcentratedPositions(factory)).code.length, 24576, "positions");
        vm.assertLe(type(ConcentratedFactory).creationCode.length, 49152, "factory to create");
    }

    function create(bool isReversed, uint24 fee) private returns (ConcentratedPool) {
        return isReversed
            ? factory.createPool(TOKEN1, TOKEN0, fee)
            : factory.createPool(TOKEN0, TOKEN1, fee);
    }

    function predict(uint24 fee) private view returns (address) {
        bytes32 salt = keccak256(abi.encode(TOKEN0, TOKEN1, fee));
        bytes32 hash = keccak256(
            abi.encodePacked(hex"ff", address(factory), salt, factory.poolInitCodeHash())
        );
        return address(uint160(uint256(hash)));
    }
}
