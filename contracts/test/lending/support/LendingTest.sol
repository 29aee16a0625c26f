// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Backstop} from "../../../src/lending/Backstop.sol";
import {Configurator} from "../../../src/lending/Configurator.sol";
import {InsuranceFund} from "../../../src/lending/InsuranceFund.sol";
import {LendingPool} from "../../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../../src/lending/LendingStorage.sol";
import {Liquidator} from "../../../src/lending/Liquidator.sol";
import {ILendingEvents} from "../../../src/lending/interfaces/ILendingEvents.sol";
import {InterestRate} from "../../../src/lending/libraries/InterestRate.sol";
import {Test} from "../../support/Test.sol";
import {TestFeed} from "./TestFeed.sol";
import {TestToken} from "./TestToken.sol";

/// A launched pool with reserves of 6, 8 and 18 decimals and without caps: usdc at 1, wbtc at 50,000 and weth at
/// 2,000, whose feeds have 8, 8 and 18 decimals. This contract has all roles.
abstract contract LendingTest is Test, ILendingEvents {
    uint256 internal constant WAD = 1e18;
    uint256 internal constant RAY = 1e27;
    uint256 internal constant NO_CAP = type(uint128).max;
    uint256 internal constant ALL = type(uint256).max;
    uint256 internal constant START = 1_800_000_000;

    TestToken internal usdc;
    TestToken internal wbtc;
    TestToken internal weth;
    TestFeed internal usdcFeed;
    TestFeed internal wbtcFeed;
    TestFeed internal wethFeed;
    LendingPool internal pool;
    /// The same address: what roles call.
    Configurator internal configurator;
    InsuranceFund internal fund;
    /// Of usdc; reserves have none unless a test says so.
    Backstop internal backstop;

    function deploy(uint256 shardCount) internal {
        vm.warp(START);
        deployWith(shardCount, new Liquidator(shardCount));
        list();
    }

    function deployWith(uint256 shardCount, Liquidator liquidator) internal {
        pool = new LendingPool(shardCount, liquidator, new Configurator(shardCount), address(this));
        configurator = Configurator(address(pool));
        pool.grantRole(configurator.RISK_ROLE(), address(this));
        pool.grantRole(configurator.GUARDIAN_ROLE(), address(this));
    }

    function list() internal {
        (usdc, wbtc, weth) =
            (new TestToken("USDC", 6), new TestToken("WBTC", 8), new TestToken("WETH", 18));
        usdcFeed = new TestFeed(8, 1e8);
        wbtcFeed = new TestFeed(8, 50_000e8);
        wethFeed = new TestFeed(18, 2000e18);
        addReserve(usdc, usdcFeed, 8000, 8500, false);
        addReserve(wbtc, wbtcFeed, 7000, 7500, false);
        addReserve(weth, wethFeed, 7500, 8000, false);
        configurator.setTerms(standardTerms());
        fund = new InsuranceFund(address(pool));
        configurator.setInsuranceFund(fund);
        backstop = new Backstop(usdc, "Backstop", "B", address(pool), 10 days, 2 days, 3000);
        configurator.launch();
        configurator.setCaps(address(usdc), uint128(NO_CAP), uint128(NO_CAP));
        configurator.setCaps(address(wbtc), uint128(NO_CAP), uint128(NO_CAP));
        configurator.setCaps(address(weth), uint128(NO_CAP), uint128(NO_CAP));
    }

    function addReserve(TestToken token, TestFeed feed, uint16 ltv, uint16 threshold, bool isolated) internal {
        configurator.addReserve(listing(token, feed, ltv, threshold, isolated));
    }

    /// A reserve at 10 that is collateral alone or not at all, and against which so much usdc can be lent.
    function addIsolated(uint128 ceiling) internal returns (TestToken token, TestFeed feed) {
        (token, feed) = (new TestToken("ISO", 18), new TestFeed(8, 10e8));
        addReserve(token, feed, 5000, 6000, true);
        // Listed after the launch: no collateral before everybody had time to leave.
        pass(7 days);
        feed.set(10e8);
        configurator.applyCollateralTerms(address(token));
        configurator.setCaps(address(token), uint128(NO_CAP), 0);
        configurator.setDebtCeiling(address(token), address(usdc), ceiling);
        pass(1);
    }

    /// Discount from 1 % to 10 %, reserve factor 10 %, 2 % a year up to 80 % utilisation, 6 % there, 66 % at most.
    function listing(TestToken token, TestFeed feed, uint16 ltv, uint16 threshold, bool isolated)
        internal
        pure
        returns (Configurator.Listing memory)
    {
        return Configurator.Listing({
            asset: address(token),
            feed: address(feed),
            heartbeat: 1 days,
            ltv: ltv,
            liquidationThreshold: threshold,
            discountMin: 100,
            discountMax: 1000,
            reserveFactor: 1000,
            jumpMax: 2000,
            jumpWindow: 0,
            isolated: isolated,
            borrowable: true,
            model: InterestRate.Model(0.02e18, 0.04e18, 0.6e18, 0.8e18)
        });
    }

    function standardTerms() internal pure returns (LendingStorage.Terms memory) {
        return LendingStorage.Terms({
            targetHealth: 1.05e18,
            valueMin: 100e18,
            auctionDuration: 30 minutes,
            grace: 10 minutes,
            keptShare: 1000,
            flashFee: 5,
            insuranceFund: address(0),
            backstopShare: 5000,
            syncGap: 0,
            paused: false,
            launched: false
        });
    }

    /// The `number`th account of a shard.
    function accountIn(uint256 shard, uint256 number) internal view returns (address account) {
        uint256 count = pool.SHARDS();
        for (uint256 i = number << 32;; ++i) {
            account = address(uint160(uint256(keccak256(abi.encode("account", i)))));
            if (uint256(keccak256(abi.encode(account))) % count == shard) return account;
        }
    }

    function fill(TestToken token, address account, uint256 amount) internal {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(pool), type(uint256).max);
    }

    function supply(TestToken token, address account, uint256 amount) internal {
        fill(token, account, amount);
        vm.prank(account);
        pool.supply(address(token), amount, account);
    }

    function pledge(TestToken token, address account, uint256 amount) internal {
        supply(token, account, amount);
        vm.prank(account);
        pool.setCollateral(address(token), true);
    }

    function borrow(TestToken token, address account, uint256 amount) internal {
        vm.prank(account);
        pool.borrow(address(token), amount, account, account);
    }

    function repay(TestToken token, address account, uint256 amount) internal {
        fill(token, account, amount);
        vm.prank(account);
        pool.repay(address(token), amount, account);
    }

    /// An order of as much as may be repaid.
    function orderOf(address account, TestToken debt, TestToken collateral)
        internal
        pure
        returns (Liquidator.Order memory)
    {
        return Liquidator.Order(account, address(debt), address(collateral), type(uint256).max, 0, false);
    }

    /// Time passes, and all feeds go on saying what they said.
    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        usdcFeed.set(usdcFeed.latestAnswer());
        wbtcFeed.set(wbtcFeed.latestAnswer());
        wethFeed.set(wethFeed.latestAnswer());
    }

    function supplyIndex(TestToken token) internal view returns (uint256) {
        return pool.reserveState(address(token)).supplyIndex;
    }

    function debtIndex(TestToken token) internal view returns (uint256) {
        return pool.reserveState(address(token)).debtIndex;
    }

    /// What must hold of a reserve at any time, without rounding: tills, debts and the deficit cover all claims.
    function assertSolvent(TestToken token) internal view {
        LendingPool.ReserveState memory state = pool.reserveState(address(token));
        (uint256 scaledSupply, uint256 scaledDebt) = (0, 0);
        for (uint256 i = 0; i < pool.SHARDS(); ++i) {
            LendingStorage.Shard memory shard = pool.shardTotals(address(token), i);
            scaledSupply += shard.scaledSupply;
            scaledDebt += shard.scaledDebt;
        }
        uint256 has = (state.cash + state.deficit) * RAY + scaledDebt * state.debtIndex;
        vm.assertGe(has, scaledSupply * state.supplyIndex, "assets cover claims");
    }
}
