// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Observations} from "../../src/oracle/Observations.sol";
import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {RainfallFixture} from "./RainfallFixture.sol";
import {TestReader} from "./TestReader.sol";

/// Gas of single calls, without the 21,000 and the call data of a transaction. Each test is one transaction, so
/// the call finds its slots cold, as it would on a chain.
contract OracleGasTest is RainfallFixture {
    address private constant ANN = address(0xa11);
    address private constant FARMER = address(0xfa1);

    PriceFeed private small;
    PriceFeed private large;
    PriceFeed.SignedObservation[] private smallReport;
    PriceFeed.SignedObservation[] private largeReport;
    TestReader private reader = new TestReader();
    Observations.Observation private first = Observations.Observation(1, 0, 5, 6);
    Observations.Observation private second = Observations.Observation(1, 0, 7, 8);
    Observations.Signature private firstSignature;
    Observations.Signature private secondSignature;

    function setUp() external {
        deployInsurance();
        large = deployFeed(31, 2);
        submitAgreed(large, 2000e8);
        keep(largeReport, report(large, 2, 0, agreed(21, 2100e8)));
        firstSignature = signFor(address(large), keys[0], first);
        secondSignature = signFor(address(large), keys[0], second);
        vm.prank(APPOINTER);
        registry.announce(address(large), accounts);
        vm.warp(block.timestamp + 2 days);

        small = deployFeed(4, 1);
        submitAgreed(small, 2000e8);
        keep(smallReport, report(small, 2, 0, agreed(3, 2100e8)));

        open(usualTerms());
        deposit(0, ANN, 1000e18);
        buy(0, FARMER, 1);
        token.mint(address(this), 1000e18);
        token.approve(address(insurance), 1000e18);
        token.approve(address(registry), 1000e18);
    }

    function test_submitOfThree() external {
        PriceFeed.SignedObservation[] memory signed = smallReport;
        small.submit(2, 0, signed);
        vm.snapshotGasLastCall("oracle", "submit, 3 of 4 reporters");
    }

    function test_submitOf21() external {
        vm.warp(largeReport[0].observedAt);
        PriceFeed.SignedObservation[] memory signed = largeReport;
        large.submit(2, 0, signed);
        vm.snapshotGasLastCall("oracle", "submit, 21 of 31 reporters");
    }

    function test_latestRoundData() external {
        small.latestRoundData();
        vm.snapshotGasLastCall("oracle", "latestRoundData");
    }

    function test_getRoundData() external {
        small.getRoundData(1);
        vm.snapshotGasLastCall("oracle", "getRoundData");
    }

    function test_tryRead() external {
        reader.tryRead(small, 1 hours);
        vm.snapshotGasLastCall("oracle", "FeedReader.tryRead in a contract");
    }

    function test_join() external {
        registry.join(address(small), OWNER);
        vm.snapshotGasLastCall("oracle", "join");
    }

    function test_addBond() external {
        registry.addBond(address(small), accounts[0], 1e18);
        vm.snapshotGasLastCall("oracle", "addBond");
    }

    function test_exit() external {
        vm.prank(accounts[0]);
        registry.exit(address(small), accounts[0]);
        vm.snapshotGasLastCall("oracle", "exit, 4 reporters");
    }

    function test_withdraw() external {
        vm.prank(accounts[0]);
        registry.exit(address(small), accounts[0]);
        vm.warp(block.timestamp + 14 days);
        registry.withdraw(address(small), accounts[0]);
        vm.snapshotGasLastCall("oracle", "withdraw a bond");
    }

    function test_slash() external {
        registry.slash(address(large), first, firstSignature, second, secondSignature, ANN);
        vm.snapshotGasLastCall("oracle", "slash, 31 reporters");
    }

    function test_appoint() external {
        address[] memory chosen = registry.activeReporters(address(large));
        registry.appoint(address(large), chosen);
        vm.snapshotGasLastCall("oracle", "appoint 31 reporters");
    }

    function test_deposit() external {
        insurance.deposit(0, 1e18, ANN);
        vm.snapshotGasLastCall("oracle", "deposit capital");
    }

    function test_buy() external {
        insurance.buy(0, 1, FARMER);
        vm.snapshotGasLastCall("oracle", "buy a policy");
    }

    function test_settleClaimAndRedeem() external {
        (,,, uint40 start, uint40 end,) = insurance.terms(0);
        makeKeys(4, 1);
        measure(start, 0);
        vm.snapshotGasLastCall("oracle", "record a reading");
        measure(end, 0);
        insurance.settle(0);
        vm.snapshotGasLastCall("oracle", "settle a series");
        insurance.claim(0, FARMER);
        vm.snapshotGasLastCall("oracle", "claim");
        insurance.redeem(0, ANN);
        vm.snapshotGasLastCall("oracle", "redeem capital");
    }

    function keep(PriceFeed.SignedObservation[] storage place, PriceFeed.SignedObservation[] memory signed) private {
        for (uint256 i = 0; i < signed.length; i++) {
            place.push(signed[i]);
        }
    }
}
