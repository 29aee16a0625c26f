// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ReporterRegistry} from "../../src/oracle/ReporterRegistry.sol";
import {Test} from "../support/Test.sol";
import {RegistryHandler} from "./RegistryHandler.sol";

contract ReporterRegistryInvariantTest is Test {
    RegistryHandler private handler;
    ReporterRegistry private registry;

    function setUp() external {
        handler = new RegistryHandler();
        registry = handler.theRegistry();
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](10);
        (functions[0], functions[1]) = (handler.wait.selector, handler.join.selector);
        (functions[2], functions[3]) = (handler.addBond.selector, handler.exit.selector);
        (functions[4], functions[5]) = (handler.withdraw.selector, handler.claim.selector);
        (functions[6], functions[7]) = (handler.appoint.selector, handler.equivocate.selector);
        (functions[8], functions[9]) = (handler.accuse.selector, handler.addBond.selector);
        targetSelectors(address(handler), functions);
    }

    /// One campaign checks all of them: making the calls is what takes the time.
    function invariant_bondsAreSafeAndSeatsAreBacked() external view {
        eachUnitBelongsToSomebody();
        onlyEquivocatorsAreSlashed();
        seatsAreBacked();
    }

    /// What lies here is what bonds and credits add up to, and what came in and did not go out.
    function eachUnitBelongsToSomebody() private view {
        uint256 sum = registry.owed(registry.fund()) + registry.owed(address(0xad));
        for (uint256 feed = 0; feed < 2; feed++) {
            for (uint256 i = 0; i < handler.COUNT(); i++) {
                (,,, uint128 bond) = registry.reporters(handler.feeds(feed), handler.account(i));
                sum += bond;
            }
        }
        vm.assertEq(handler.balance(), sum, "bonds and credits");
        vm.assertEq(handler.balance(), handler.paidIn() - handler.paidOut(), "in and out");
    }

    /// The honest never lose a bond, and who is slashed stays so.
    function onlyEquivocatorsAreSlashed() private view {
        vm.assertEq(handler.honestSlashed(), 0, "honest ones slashed");
        for (uint256 feed = 0; feed < 2; feed++) {
            for (uint256 i = 0; i < handler.COUNT(); i++) {
                (,, ReporterRegistry.State state, uint128 bond) =
                    registry.reporters(handler.feeds(feed), handler.account(i));
                bool isSlashed = state == ReporterRegistry.State.Slashed;
                vm.assertEq(isSlashed, handler.isSlashed(feed, i), "slashed");
                vm.assertTrue(!isSlashed || bond == 0, "and lost the bond");
            }
        }
    }

    /// Who has a seat has joined and has a full bond; seats are counted; and a set is whole when it should be.
    function seatsAreBacked() private view {
        for (uint256 feed = 0; feed < 2; feed++) {
            address account = handler.feeds(feed);
            address[] memory active = registry.activeReporters(account);
            for (uint256 i = 0; i < active.length; i++) {
                (,, ReporterRegistry.State state, uint128 bond) = registry.reporters(account, active[i]);
                vm.assertTrue(state == ReporterRegistry.State.Joined, "joined");
                vm.assertGe(bond, registry.bondMin(), "bond");
                vm.assertTrue(i == 0 || active[i] > active[i - 1], "distinct");
            }
            (bytes memory list, uint256 seats, uint256 quorum, bool isWhole) = registry.committee(account);
            uint256 count = list.length / 20;
            uint256 taken = 0;
            for (uint256 i = 0; i < 256; i++) {
                taken += seats >> i & 1;
            }
            vm.assertEq(taken, active.length, "seats");
            vm.assertTrue(seats < 2 ** count, "no seat beyond the list");
            vm.assertEq(isWhole, count != 0 && taken >= 4 && taken >= quorum, "whole");
            vm.assertEq(isWhole, registry.isSetWhole(account), "in both views");
            vm.assertTrue(count == 0 || quorum * 3 >= 2 * (count - 1) + 1 - 2, "about two thirds");
        }
    }
}
