// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {RainfallInsurance} from "../../src/oracle/RainfallInsurance.sol";
import {OracleFixture} from "./OracleFixture.sol";

/// A gauge that is read once a day, and an insurance on it.
abstract contract RainfallFixture is OracleFixture {
    uint256 internal constant LAG_MAX = 27 hours;
    uint256 internal constant SETTLEMENT_TIME = 10 days;
    uint128 internal constant PAYOUT = 100e18;
    uint128 internal constant PREMIUM = 7e18;
    /// 2 mm.
    uint64 internal constant THRESHOLD = 200;

    PriceFeed internal gauge;
    RainfallInsurance internal insurance;

    function deployInsurance() internal {
        deployRegistry();
        PriceFeed.Config memory config = feedConfig();
        config.description = "Rain at the station since 2020, in 0.01 mm";
        config.decimals = 2;
        config.heartbeat = 1 days;
        config.staleAfter = 26 hours;
        // No report before its time: rain that is news for the series is none for the feed.
        config.deviationThreshold = type(uint16).max;
        config.observationAgeMax = 600;
        (config.minAnswer, config.maxAnswer) = (0, 1e9);
        gauge = new PriceFeed(config);
        makeKeys(4, 1);
        appointAll(address(gauge));
        insurance = new RainfallInsurance(gauge, token, ADMIN, LAG_MAX, SETTLEMENT_TIME);
        bytes32 role = insurance.OPENER_ROLE();
        vm.prank(ADMIN);
        insurance.grantRole(role, APPOINTER);
    }

    /// Sales for ten days, and then a period of thirty.
    function usualTerms() internal view returns (RainfallInsurance.Terms memory) {
        uint256 now_ = block.timestamp;
        return RainfallInsurance.Terms({
            payout: PAYOUT,
            premium: PREMIUM,
            salesEnd: uint40(now_ + 10 days),
            start: uint40(now_ + 12 days),
            end: uint40(now_ + 42 days),
            threshold: THRESHOLD
        });
    }

    function open(RainfallInsurance.Terms memory terms) internal returns (uint256 series) {
        vm.prank(APPOINTER);
        series = insurance.open(terms);
    }

    function deposit(uint256 series, address provider, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(insurance), amount);
        insurance.deposit(series, amount, provider);
    }

    function buy(uint256 series, address holder, uint256 count) internal {
        token.mint(address(this), count * PREMIUM);
        token.approve(address(insurance), count * PREMIUM);
        insurance.buy(series, count, holder);
    }

    /// Has the gauge read `value` at `time` and records that.
    function measure(uint256 time, int192 value) internal {
        vm.warp(time);
        submitAgreed(gauge, value);
        insurance.record(time, uint32(gauge.latestRound()));
    }
}
