// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Observations} from "../../src/oracle/Observations.sol";
import {ReporterRegistry} from "../../src/oracle/ReporterRegistry.sol";
import {OracleFixture} from "./OracleFixture.sol";

/// Nine reporters for two feeds come and go. Those with an odd number sign twice at times; the others never do,
/// though an adversary tries to have them slashed.
contract RegistryHandler is OracleFixture {
    uint256 public constant COUNT = 9;

    address[2] public feeds = [address(0xfeed), address(0xfeed2)];
    /// What came in and went out, as seen from outside.
    uint256 public paidIn;
    uint256 public paidOut;
    /// By feed and reporter: signed twice, and was slashed for it.
    mapping(uint256 => mapping(uint256 => bool)) public isSlashed;
    uint256 public honestSlashed;
    uint32 private round;

    constructor() {
        deployRegistry();
        makeKeys(COUNT, 7);
        appointAll(feeds[0]);
        paidIn = COUNT * BOND;
    }

    function theRegistry() external view returns (ReporterRegistry) {
        return registry;
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(registry));
    }

    function account(uint256 index) external view returns (address) {
        return accounts[index];
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 days));
    }

    function join(uint256 feed, uint256 who) external {
        vm.prank(find(feed, who, ReporterRegistry.State.None));
        registry.join(feeds[feed % 2], OWNER);
    }

    function addBond(uint256 feed, uint256 who, uint256 amount) external {
        amount = bound(amount, BOND / 2, 2 * BOND);
        token.mint(address(this), amount);
        token.approve(address(registry), amount);
        registry.addBond(feeds[feed % 2], find(feed, who, ReporterRegistry.State.Joined), amount);
        paidIn += amount;
    }

    function exit(uint256 feed, uint256 who) external {
        vm.prank(OWNER);
        registry.exit(feeds[feed % 2], accounts[who % COUNT]);
    }

    function withdraw(uint256 feed, uint256 who) external {
        address account_ = find(feed, who, ReporterRegistry.State.Leaving);
        (, uint48 withdrawableAt,,) = registry.reporters(feeds[feed % 2], account_);
        if (who % 2 == 0 && block.timestamp < withdrawableAt) vm.warp(withdrawableAt);
        uint256 before = token.balanceOf(OWNER);
        registry.withdraw(feeds[feed % 2], account_);
        paidOut += token.balanceOf(OWNER) - before;
    }

    function claim(bool isFund) external {
        paidOut += registry.claim(isFund ? FUND : ADMIN);
    }

    /// Some of the nine, by a mask: mostly all that have joined and some others.
    function appoint(uint256 feed, uint256 mask) external {
        uint256 count = 0;
        bool[COUNT] memory isChosen;
        for (uint256 i = 0; i < COUNT; i++) {
            (,, ReporterRegistry.State state,) = registry.reporters(feeds[feed % 2], accounts[i]);
            bool isIn = mask % 4 != 0 && state == ReporterRegistry.State.Joined;
            isChosen[i] = isIn || mask >> i & 1 == 1;
            if (isChosen[i]) count++;
        }
        address[] memory chosen = new address[](count);
        for (uint256 i = COUNT; i > 0; i--) {
            if (isChosen[i - 1]) chosen[--count] = accounts[i - 1];
        }
        announceAndAppoint(feeds[feed % 2], chosen);
    }

    /// A reporter with an odd number is caught.
    function equivocate(uint256 feed, uint256 who, int192 value) external {
        // Seldom, because there are only four.
        if (who % 3 != 0) return;
        feed %= 2;
        who = 2 * (who / 3 % 4) + 1;
        Observations.Observation memory first = Observations.Observation(++round, 0, value, 1);
        Observations.Observation memory second = Observations.Observation(round, 0, value, 2);
        registry.slash(
            feeds[feed],
            first,
            signFor(feeds[feed], keys[who], first),
            second,
            signFor(feeds[feed], keys[who], second),
            ADMIN
        );
        isSlashed[feed][who] = true;
    }

    /// Two honest observations, or one and a forgery, shown for either feed.
    function accuse(uint256 feed, uint256 who, int192 value, uint256 way) external {
        feed %= 2;
        who = 2 * (who % 5);
        address signedFor = feeds[feed];
        Observations.Observation memory first = Observations.Observation(1, 0, value, 1);
        Observations.Observation memory second = Observations.Observation(1, 1, value, 2);
        Observations.Signature memory signature = signFor(signedFor, keys[who], first);
        Observations.Signature memory other = signFor(signedFor, keys[who], second);
        way %= 5;
        if (way == 0) second.attempt = 0;
        if (way == 4) (second, other) = (first, signature);
        if (way == 1) (second.attempt, other) = (0, signature);
        if (way == 2) (second.attempt, other) = (0, signFor(feeds[1 - feed], keys[who], second));
        try registry.slash(signedFor, first, signature, second, other, ADMIN) {
            honestSlashed++;
        } catch {}
    }

    /// The first reporter in that state, from `who` on; or `who`.
    function find(uint256 feed, uint256 who, ReporterRegistry.State wanted) private view returns (address) {
        who %= COUNT;
        for (uint256 i = 0; i < COUNT; i++) {
            address candidate = accounts[(who + i) % COUNT];
            (,, ReporterRegistry.State state,) = registry.reporters(feeds[feed % 2], candidate);
            if (state == wanted) return candidate;
        }
        return accounts[who];
    }
}
