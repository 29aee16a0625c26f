// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {RainfallInsurance} from "../../src/oracle/RainfallInsurance.sol";
import {RainfallFixture} from "./RainfallFixture.sol";

/// Three providers and three holders use three series that overlap, over a gauge that is read, or not, now and
/// then.
contract InsuranceHandler is RainfallFixture {
    uint256 public constant SERIES = 3;
    uint256 public constant PEOPLE = 3;

    /// By series.
    mapping(uint256 => uint256) public paidIn;
    mapping(uint256 => uint256) public paidOut;
    /// By series and person: how often paid.
    mapping(uint256 => mapping(address => uint256)) public claims;
    mapping(uint256 => mapping(address => uint256)) public redemptions;
    /// The first outcome that was seen.
    mapping(uint256 => RainfallInsurance.Outcome) public outcomes;
    /// How often calls found an outcome.
    uint256[4] public seen;
    int192 private rain;

    constructor() {
        deployInsurance();
        for (uint256 i = 0; i < SERIES; i++) {
            RainfallInsurance.Terms memory terms = usualTerms();
            terms.salesEnd = uint40(block.timestamp + 8 days + i * 5 days);
            terms.start = terms.salesEnd + 1 days;
            terms.end = terms.start + uint40(4 days + i * 2 days);
            open(terms);
            // Odd numbers, so that parts do not divide.
            putIn(i, provider(i), 777e18 + 7 * i);
            putIn(i, provider(i + 1), 333e18 + 1);
            putOn(i, holder(i), 2);
        }
    }

    function theInsurance() external view returns (RainfallInsurance) {
        return insurance;
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(insurance));
    }

    function provider(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % PEOPLE));
    }

    function holder(uint256 index) public pure returns (address) {
        return address(uint160(0x2000 + index % PEOPLE));
    }

    function deposit(uint256 series, uint256 who, uint256 amount) external {
        amount = bound(amount, 1, 5000e18);
        putIn(series % SERIES, provider(who), amount);
    }

    function withdraw(uint256 series, uint256 who, uint256 amount) external {
        series %= SERIES;
        amount = bound(amount, 1, insurance.shares(series, provider(who)) + 1);
        vm.prank(provider(who));
        insurance.withdraw(series, amount);
        paidOut[series] += amount;
    }

    function buy(uint256 series, uint256 who, uint256 count) external {
        count = bound(count, 1, insurance.available(series % SERIES) + 1);
        putOn(series % SERIES, holder(who), count);
    }

    /// Time goes by, and the gauge is read once a day. Mostly somebody records what series need.
    function live(uint256 day, uint256 fall) external {
        uint256 days_ = bound(day, 1, 3);
        for (uint256 i = 0; i < days_; i++) {
            vm.warp(block.timestamp + 1 days);
            rain += int192(int256(bound(fall, 0, 80)));
            // At times a day is left out, or the gauge loses water.
            if (day % 9 == 0) continue;
            if (day % 11 == 0) rain -= rain > 100 ? int192(100) : rain;
            submitAgreed(gauge, rain);
            for (uint256 series = 0; series < 2 * SERIES && day % 7 != 0; series++) {
                try this.read(series / 2, series % 2 == 0) {} catch {}
            }
        }
    }

    function read(uint256 series, bool isEnd) external {
        (,,, uint40 start, uint40 end,) = insurance.terms(series % SERIES);
        uint256 time = isEnd ? end : start;
        uint80 round = 1;
        while (gauge.observedAt(round) < time) round++;
        insurance.record(time, uint32(round));
    }

    function settle(uint256 series) external {
        insurance.settle(series % SERIES);
        see(series % SERIES);
    }

    /// The first from `who` on that has policies of the series.
    function claim(uint256 series, uint256 who) external {
        series %= SERIES;
        for (uint256 i = 0; i < PEOPLE && insurance.policies(series, holder(who)) == 0; i++) {
            who = who % PEOPLE + 1;
        }
        uint256 before = token.balanceOf(holder(who));
        insurance.claim(series, holder(who));
        paidOut[series] += token.balanceOf(holder(who)) - before;
        claims[series][holder(who)]++;
        see(series);
    }

    /// The first from `who` on that has a share of the series.
    function redeem(uint256 series, uint256 who) external {
        series %= SERIES;
        for (uint256 i = 0; i < PEOPLE && insurance.shares(series, provider(who)) == 0; i++) {
            who = who % PEOPLE + 1;
        }
        uint256 before = token.balanceOf(provider(who));
        insurance.redeem(series, provider(who));
        paidOut[series] += token.balanceOf(provider(who)) - before;
        redemptions[series][provider(who)]++;
        see(series);
    }

    function putIn(uint256 series, address provider_, uint256 amount) private {
        deposit(series, provider_, amount);
        paidIn[series] += amount;
    }

    function putOn(uint256 series, address holder_, uint256 count) private {
        buy(series, holder_, count);
        paidIn[series] += count * PREMIUM;
    }

    function see(uint256 series) private {
        (,, RainfallInsurance.Outcome outcome) = insurance.states(series);
        if (outcomes[series] == RainfallInsurance.Outcome.Open) outcomes[series] = outcome;
        seen[uint256(outcome)]++;
    }
}
