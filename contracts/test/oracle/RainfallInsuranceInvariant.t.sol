// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {RainfallInsurance} from "../../src/oracle/RainfallInsurance.sol";
import {Test} from "../support/Test.sol";
import {InsuranceHandler} from "./InsuranceHandler.sol";

contract RainfallInsuranceInvariantTest is Test {
    uint256 private constant PAYOUT = 100e18;
    uint256 private constant PREMIUM = 7e18;

    InsuranceHandler private handler;
    RainfallInsurance private insurance;

    function setUp() external {
        handler = new InsuranceHandler();
        insurance = handler.theInsurance();
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](9);
        (functions[0], functions[1]) = (handler.deposit.selector, handler.withdraw.selector);
        (functions[2], functions[3]) = (handler.buy.selector, handler.live.selector);
        (functions[4], functions[5]) = (handler.read.selector, handler.settle.selector);
        (functions[6], functions[7]) = (handler.claim.selector, handler.redeem.selector);
        functions[8] = handler.live.selector;
        targetSelectors(address(handler), functions);
    }

    /// One campaign checks all of them: making the calls is what takes the time.
    function invariant_eachSeriesPaysWhatIsDueOnce() external view {
        eachSeriesPaysForItself();
        whatIsDueIsThere();
        settledOnce();
    }

    /// No series pays with the money of another, and the token's books agree.
    function eachSeriesPaysForItself() private view {
        uint256 sum = 0;
        for (uint256 series = 0; series < handler.SERIES(); series++) {
            vm.assertGe(handler.paidIn(series), handler.paidOut(series), "in and out");
            sum += handler.paidIn(series) - handler.paidOut(series);
        }
        vm.assertEq(handler.balance(), sum, "balance");
    }

    /// All that is still due can be paid from what is left of the series, and what nobody gets is dust.
    function whatIsDueIsThere() private view {
        for (uint256 series = 0; series < handler.SERIES(); series++) {
            (uint128 capital, uint64 sold, RainfallInsurance.Outcome outcome) = insurance.states(series);
            (uint256 shares, uint256 policies) = totals(series);
            uint256 left = handler.paidIn(series) - handler.paidOut(series);
            vm.assertGe(capital, sold * PAYOUT, "covered");
            if (outcome == RainfallInsurance.Outcome.Open) {
                vm.assertEq(shares, capital, "shares are the capital");
                vm.assertEq(policies, sold, "policies are those sold");
                vm.assertEq(left, capital + sold * PREMIUM, "capital and premiums");
                continue;
            }
            bool isVoid = outcome == RainfallInsurance.Outcome.Void;
            bool isDry = outcome == RainfallInsurance.Outcome.Dry;
            uint256 pot = isVoid ? capital : capital + sold * PREMIUM - (isDry ? sold * PAYOUT : 0);
            uint256 due = policies * (isVoid ? PREMIUM : isDry ? PAYOUT : 0);
            if (capital != 0) due += shares * pot / capital;
            vm.assertGe(left, due, "due");
            vm.assertLe(left, due + handler.PEOPLE(), "dust");
        }
    }

    /// A series is settled once, before that nobody is paid, and by rain that was measured.
    function settledOnce() private view {
        for (uint256 series = 0; series < handler.SERIES(); series++) {
            (,, RainfallInsurance.Outcome outcome) = insurance.states(series);
            RainfallInsurance.Outcome seen = handler.outcomes(series);
            vm.assertTrue(seen == RainfallInsurance.Outcome.Open || seen == outcome, "does not change");
            for (uint256 i = 0; i < handler.PEOPLE(); i++) {
                uint256 most = outcome == RainfallInsurance.Outcome.Open ? 0 : 1;
                vm.assertLe(handler.claims(series, handler.holder(i)), most, "claims");
                vm.assertLe(handler.redemptions(series, handler.provider(i)), most, "redemptions");
            }
            (,,, uint40 start, uint40 end,) = insurance.terms(series);
            (int128 first, uint32 firstRound) = insurance.readings(start);
            (int128 last, uint32 lastRound) = insurance.readings(end);
            bool isPaid = outcome == RainfallInsurance.Outcome.Dry || outcome == RainfallInsurance.Outcome.Wet;
            if (!isPaid) continue;
            vm.assertTrue(firstRound != 0 && lastRound != 0, "measured");
            vm.assertEq(outcome == RainfallInsurance.Outcome.Dry, last - first < 200, "by the rain");
        }
    }

    function totals(uint256 series) private view returns (uint256 shares, uint256 policies) {
        for (uint256 i = 0; i < handler.PEOPLE(); i++) {
            shares += insurance.shares(series, handler.provider(i));
            policies += insurance.policies(series, handler.holder(i));
        }
    }
}
