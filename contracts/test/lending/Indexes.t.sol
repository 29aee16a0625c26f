// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LendingPool} from "../../src/lending/LendingPool.sol";
import {BigNumber} from "./support/BigNumber.sol";
import {LendingTest} from "./support/LendingTest.sol";

/// Indexes against a model that knows amounts and rates only, with 38 decimals.
contract IndexesTest is LendingTest {
    using BigNumber for uint256[];

    uint256 private constant UNIT = 1e38;
    /// Amounts of the model have 12 decimals more than the token.
    uint256 private constant FINE = 1e12;
    uint256 private constant YEAR = 365 days;

    struct Model {
        uint256 supplyIndex;
        uint256 debtIndex;
        /// What all suppliers together may claim, and all borrowers owe.
        uint256 supply;
        uint256 debt;
        /// A year, of UNIT.
        uint256 rate;
        uint256 time;
    }

    Model private model;
    address private supplier;
    address private borrower;

    function setUp() external {
        deploy(4);
        (supplier, borrower) = (accountIn(1, 0), accountIn(2, 0));
        pledge(weth, borrower, 1e6 * 1e18);
        fill(usdc, supplier, 1e18);
        fill(usdc, borrower, 1e18);
        model = Model(UNIT, UNIT, 0, 0, 0.02e38, block.timestamp);
    }

    function test_indexesAreWhatTheModelSays(uint256[6] memory amounts, uint32[6] memory gaps) external {
        for (uint256 i = 0; i < 6; ++i) {
            pass(bound(gaps[i], 1, 30 days));
            step(i, amounts[i]);
            LendingPool.ReserveState memory state = pool.reserveState(address(usdc));
            vm.assertApproxEqRel(state.debtIndex, model.debtIndex / 1e11, 1e9, "debt index");
            vm.assertApproxEqRel(state.supplyIndex, model.supplyIndex / 1e11, 1e9, "supply index");
            vm.assertApproxEqRel(state.ratePerSecond, model.rate / 1e11 / YEAR, 1e10, "rate");
            // Each step rounds by a unit or two.
            vm.assertApproxEqAbs(state.supply, model.supply / FINE, 20 + model.supply / FINE / 1e9, "claims");
            vm.assertApproxEqAbs(state.debt, model.debt / FINE, 20 + model.debt / FINE / 1e9, "debts");
            assertSolvent(usdc);
        }
    }

    function step(uint256 i, uint256 amount) private {
        advance();
        if (i % 4 == 0) {
            amount = bound(amount, 1e10, 1e14);
            vm.prank(supplier);
            pool.supply(address(usdc), amount, supplier);
            model.supply += amount * FINE;
        } else if (i % 4 == 3) {
            // At most half of what is owed, so that something always is.
            amount = bound(amount, 1e6, model.debt / FINE / 2);
            vm.prank(borrower);
            pool.repay(address(usdc), amount, borrower);
            model.debt -= amount * FINE;
        } else {
            // All that is there, at most.
            amount = bound(amount, 1e8, 1e8 + pool.reserveState(address(usdc)).cash / 2);
            vm.prank(borrower);
            pool.borrow(address(usdc), amount, borrower, borrower);
            model.debt += amount * FINE;
        }
    }

    /// Interest since the last step, then the rate that follows from what is owed now.
    function advance() private {
        uint256 x = times(model.rate, block.timestamp - model.time, YEAR);
        uint256 growth = x + times(x, x, UNIT) / 2 + times(times(x, x, UNIT), x, UNIT) / 6;
        uint256 earned = times(model.debt, growth, UNIT);
        if (model.debt != 0) {
            model.debtIndex += times(model.debtIndex, growth, UNIT);
            uint256 passedOn = earned * 9 / 10;
            model.supplyIndex += times(model.supplyIndex, passedOn, model.supply);
            model.debt += earned;
            model.supply += passedOn;
        }
        uint256 u = model.supply == 0 ? 0 : times(model.debt, UNIT, model.supply);
        model.rate = u <= 0.8e38
            ? 0.02e38 + times(0.04e38, u, 0.8e38)
            : 0.06e38 + times(0.6e38, u - 0.8e38, 0.2e38);
        model.time = block.timestamp;
    }

    function times(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        return BigNumber.from(a).mul(b).div(c).toUint();
    }

    /// 800,000 of 1,000,000 for a year: the rate is 2 % until somebody looks, then 6 %.
    function test_rateFollowsFromWhatEarlierBlocksLeft() external {
        supply(usdc, supplier, 1_000_000e6);
        borrow(usdc, borrower, 800_000e6);
        vm.assertApproxEqAbs(
            pool.reserveState(address(usdc)).ratePerSecond, 0.02e27 / YEAR, 0, "as before the loan"
        );
        pass(1);
        pool.accrue(address(usdc));
        vm.assertApproxEqRel(
            pool.reserveState(address(usdc)).ratePerSecond, 0.06e27 / YEAR, 1e11, "as after the loan"
        );
        uint256 before = pool.debtOf(borrower, address(usdc));
        pass(365 days);
        // 1 + 0.06 + 0.06^2 / 2 + 0.06^3 / 6 = 1.061836.
        vm.assertApproxEqRel(
            pool.debtOf(borrower, address(usdc)), before * 1_061_836 / 1_000_000, 1e10, "compounds"
        );
        // Of 49,468.8 earned, 90 %.
        vm.assertApproxEqRel(
            pool.supplyOf(supplier, address(usdc)), 1_000_000e6 + 44_521.92e6, 1e10, "suppliers' part"
        );
    }

    function test_secondLookOfASecondChangesNothing() external {
        supply(usdc, supplier, 1_000_000e6);
        borrow(usdc, borrower, 500_000e6);
        pass(1 days);
        pool.accrueAll();
        LendingPool.ReserveState memory first = pool.reserveState(address(usdc));
        borrow(usdc, borrower, 400_000e6);
        usdcFeed.set(0.9e8);
        pool.accrueAll();
        LendingPool.ReserveState memory second = pool.reserveState(address(usdc));
        vm.assertEq(second.supplyIndex, first.supplyIndex, "supply index");
        vm.assertEq(second.debtIndex, first.debtIndex, "debt index");
        vm.assertEq(second.ratePerSecond, first.ratePerSecond, "rate");
        vm.assertEq(second.price, first.price, "price");
    }

    /// Somebody gives a fortune to the tills of a reserve with hardly any supply, and lends it to himself.
    function test_giftCannotDriveTheSupplyIndexUp(uint256 gift) external {
        gift = bound(gift, 1e6, 1e15);
        supply(usdc, supplier, 1);
        usdc.mint(pool.tillOf(2), gift + 200e6);
        borrow(usdc, borrower, gift + 200e6);
        for (uint256 i = 0; i < 4; ++i) {
            pass(90 days);
            pool.accrue(address(usdc));
        }
        vm.assertLe(supplyIndex(usdc), debtIndex(usdc), "no faster than debts");
        assertSolvent(usdc);
        address other = accountIn(3, 0);
        supply(usdc, other, 1e6);
        vm.assertGe(pool.supplyOf(other, address(usdc)), 1e6 - 1, "the next supplier loses nothing");
    }

    /// At the largest rate for seventy years.
    function test_indexEndsRatherThanThatTheReserveIsStuck() external {
        supply(usdc, supplier, 1_000_000e6);
        borrow(usdc, borrower, 999_000e6);
        for (uint256 i = 0; i < 20; ++i) {
            pass(1300 days);
            pool.accrueAll();
        }
        uint256 last = debtIndex(usdc);
        pass(1300 days);
        vm.assertEq(debtIndex(usdc), last, "does not grow any more");
        vm.prank(supplier);
        pool.withdraw(address(usdc), 1000e6, supplier);
        repay(usdc, borrower, 1e22);
        assertSolvent(usdc);
    }
}
