// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Configurator} from "../../../src/lending/Configurator.sol";
import {LendingPool} from "../../../src/lending/LendingPool.sol";
import {LendingStorage} from "../../../src/lending/LendingStorage.sol";
import {Liquidator} from "../../../src/lending/Liquidator.sol";
import {Vm} from "../../support/Test.sol";
import {FlashBorrower} from "./FlashBorrower.sol";
import {TestFeed} from "./TestFeed.sol";
import {TestToken} from "./TestToken.sol";

/// Users, liquidators, prices and time, all at random. Notes down each time that something happened which must not.
contract LendingHandler {
    uint256 private constant WAD = 1e18;
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    LendingPool private immutable pool;
    FlashBorrower private immutable flashBorrower;
    TestToken[3] private tokens;
    TestFeed[3] private feeds;
    int256[3] private firstPrices;
    /// The last two only liquidate.
    address[6] public accounts;

    /// Why something must not have happened; empty if nothing did.
    string public violation;
    uint256 public liquidations;
    uint256 public writeOffs;
    uint256 public loans;
    uint256 public refused;

    /// Of accounts with health of at least 1, before a call.
    LendingStorage.Position[3][6] private before;
    bool[6] private isHealthy;

    constructor(
        LendingPool pool_,
        TestToken[3] memory tokens_,
        TestFeed[3] memory feeds_,
        address[6] memory accounts_
    ) {
        (pool, tokens, feeds, accounts) = (pool_, tokens_, feeds_, accounts_);
        flashBorrower = new FlashBorrower(address(pool_));
        for (uint256 i = 0; i < 3; ++i) {
            firstPrices[i] = feeds_[i].latestAnswer();
        }
        for (uint256 i = 0; i < 6; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                vm.prank(accounts_[i]);
                tokens_[j].approve(address(pool_), type(uint256).max);
            }
        }
    }

    /// No account that was healthy lost anything, but by its own call.
    modifier watched(address actor) {
        for (uint256 i = 0; i < 6; ++i) {
            isHealthy[i] = accounts[i] != actor && isHealthyNow(accounts[i]);
            if (!isHealthy[i]) continue;
            for (uint256 j = 0; j < 3; ++j) {
                before[i][j] = pool.positionOf(accounts[i], address(tokens[j]));
            }
        }
        _;
        for (uint256 i = 0; i < 6; ++i) {
            if (!isHealthy[i]) continue;
            for (uint256 j = 0; j < 3; ++j) {
                LendingStorage.Position memory position = pool.positionOf(accounts[i], address(tokens[j]));
                if (position.scaledSupply < before[i][j].scaledSupply) violation = "healthy account lost supply";
                if (position.scaledDebt > before[i][j].scaledDebt) violation = "healthy account owes more";
            }
        }
    }

    function isHealthyNow(address account) private view returns (bool) {
        return pool.accountOf(account).debt == 0 || pool.healthFactor(account) >= WAD;
    }

    function supply(uint256 who, uint256 what, uint256 amount, bool pledges) external {
        address account = accounts[who % 6];
        _supply(account, what % 3, amount, pledges);
    }

    function _supply(address account, uint256 what, uint256 amount, bool pledges) private watched(account) {
        TestToken token = tokens[what];
        // Up to ten million of the unit of account.
        amount = 1 + amount % (10_000_000 * _unit(what));
        token.mint(account, amount);
        LendingPool.ReserveState memory state = pool.reserveState(address(token));
        vm.prank(account);
        try pool.supply(address(token), amount, account) {
            uint256 total = pool.reserveState(address(token)).supply;
            if (total > state.supply + amount + 1) violation = "more supplied than given";
            if (total > pool.reserveAt(what).supplyCap) violation = "supply over the cap";
        } catch {
            ++refused;
            return;
        }
        if (!pledges) return;
        vm.prank(account);
        try pool.setCollateral(address(token), true) {} catch {}
    }

    function withdraw(uint256 who, uint256 what, uint256 amount) external {
        address account = accounts[who % 6];
        _withdraw(account, address(tokens[what % 3]), amount);
    }

    function _withdraw(address account, address token, uint256 amount) private watched(account) {
        uint256 claim = pool.supplyOf(account, token);
        amount = amount % (claim + claim / 4 + 1);
        if (amount > claim) amount = type(uint256).max;
        vm.prank(account);
        try pool.withdraw(token, amount, account) {
            if (pool.supplyOf(account, token) > claim) violation = "withdrawing added";
        } catch {
            ++refused;
        }
    }

    function borrow(uint256 who, uint256 what, uint256 amount) external {
        // Most of the time as much as possible, so that prices matter.
        address account = accounts[who % 4];
        _borrow(account, what % 3, amount);
    }

    function _borrow(address account, uint256 what, uint256 amount) private watched(account) {
        address token = address(tokens[what]);
        uint256 most = pool.maxBorrow(account, token);
        uint256 wanted = amount % 4 == 0 ? amount % (most + 1) : most;
        vm.prank(account);
        try pool.borrow(token, wanted, account, account) {
            ++loans;
            if (pool.healthFactor(account) < WAD) violation = "unhealthy after borrowing";
            if (pool.reserveState(token).debt > pool.reserveAt(what).borrowCap) violation = "debt over the cap";
        } catch {
            ++refused;
        }
    }

    function repay(uint256 who, uint256 whose, uint256 what, uint256 amount) external {
        address payer = accounts[who % 6];
        _repay(payer, accounts[whose % 6], tokens[what % 3], amount);
    }

    function _repay(address payer, address account, TestToken token, uint256 amount) private watched(payer) {
        uint256 owed = pool.debtOf(account, address(token));
        if (owed == 0) return;
        amount = 1 + amount % (owed + owed / 4 + 1);
        token.mint(payer, amount);
        vm.prank(payer);
        // However bad the prices are: only dust may be refused.
        try pool.repay(address(token), amount, account) {}
        catch {
            if (amount > 1e6) violation = "repayment refused";
        }
    }

    function setCollateral(uint256 who, uint256 what, bool isCollateral) external {
        address account = accounts[who % 6];
        _setCollateral(account, address(tokens[what % 3]), isCollateral);
    }

    function _setCollateral(address account, address token, bool isCollateral) private watched(account) {
        vm.prank(account);
        try pool.setCollateral(token, isCollateral) {}
        catch {
            ++refused;
        }
    }

    function liquidate(uint256 who, uint256 whose, uint256 seed, uint256 amount, bool asSupply) external {
        address liquidator = accounts[4 + who % 2];
        // The first account from a random one on that is unhealthy, if there is one.
        for (uint256 i = 0; i < 6; ++i) {
            address account = accounts[(whose % 6 + i) % 6];
            if (isHealthyNow(account) && i < 5) continue;
            _liquidate(liquidator, account, seed, amount, asSupply);
            return;
        }
    }

    function _liquidate(address liquidator, address account, uint256 seed, uint256 amount, bool asSupply)
        private
        watched(liquidator)
    {
        LendingStorage.Account memory state = pool.accountOf(account);
        uint256 debt = _bitOf(state.debt, seed);
        uint256 collateral = _bitOf(state.collateral, seed / 3);
        uint256 owed = pool.debtOf(account, address(tokens[debt]));
        tokens[debt].mint(liquidator, owed);
        Liquidator.Order memory order = Liquidator.Order({
            account: account,
            debtAsset: address(tokens[debt]),
            collateralAsset: address(tokens[collateral]),
            repayMax: amount % 3 == 0 ? amount % (owed + 1) : type(uint256).max,
            collateralMin: 0,
            asSupply: asSupply
        });
        uint256 health = pool.healthFactor(account);
        uint256 deficit = _deficits();
        vm.prank(liquidator);
        try pool.liquidate(order) {
            ++liquidations;
            if (health >= WAD) violation = "healthy account liquidated";
            if (pool.accountOf(account).collateral == 0 && pool.accountOf(account).debt != 0) {
                violation = "debt without collateral";
            }
            if (_deficits() > deficit) ++writeOffs;
        } catch {
            ++refused;
        }
    }

    function flag(uint256 who, uint256 whose) external {
        address caller = accounts[who % 6];
        _flag(caller, accounts[whose % 6]);
    }

    function _flag(address caller, address account) private watched(address(0)) {
        bool isUnder = pool.healthFactor(account) < WAD;
        vm.prank(caller);
        try pool.flag(account) returns (bool isFlagged) {
            if (isFlagged != isUnder) violation = "flag does not fit the health";
        } catch {
            ++refused;
        }
    }

    function movePrice(uint256 what, uint256 percent) external watched(address(0)) {
        what = what % 3;
        // Between 70 and 120 percent of the last, between a tenth and ten times of the first.
        int256 price = feeds[what].latestAnswer() * int256(70 + percent % 51) / 100;
        (int256 least, int256 most) = (firstPrices[what] / 10, firstPrices[what] * 10);
        feeds[what].set(price < least ? least : price > most ? most : price);
    }

    function breakFeed(uint256 what, uint256 way) external watched(address(0)) {
        // One of eight times for long: the other times it comes back at once.
        TestFeed.Way broken = way % 8 == 0 ? TestFeed.Way(1 + way / 8 % 3) : TestFeed.Way.Right;
        feeds[what % 3].setWay(broken);
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + 1 + time % (time % 5 == 0 ? 60 days : 1 hours));
        for (uint256 i = 0; i < 3; ++i) {
            feeds[i].set(feeds[i].latestAnswer());
        }
    }

    function donate(uint256 what, uint256 shard, uint256 amount) external watched(address(0)) {
        what = what % 3;
        tokens[what].mint(pool.tillOf(shard % pool.SHARDS()), amount % (1_000_000 * _unit(what)));
    }

    function flashLoan(uint256 what, uint256 amount) external watched(address(0)) {
        TestToken token = tokens[what % 3];
        uint256 most = pool.maxFlashLoan(address(token));
        amount = amount % (most + 1);
        token.mint(address(flashBorrower), pool.flashFee(address(token), amount));
        pool.flashLoan(flashBorrower, address(token), amount, "");
    }

    function collectFees(uint256 what) external watched(address(0)) {
        pool.collectFees(address(tokens[what % 3]));
    }

    function rebalance(uint256 what) external watched(address(0)) {
        Configurator(address(pool)).rebalance(address(tokens[what % 3]));
    }

    function coverDeficit(uint256 who, uint256 what, uint256 amount) external watched(address(0)) {
        TestToken token = tokens[what % 3];
        uint256 deficit = pool.deficit(address(token));
        if (deficit == 0) return;
        amount = 1 + amount % deficit;
        address payer = accounts[who % 6];
        token.mint(payer, amount);
        vm.prank(payer);
        pool.coverDeficit(address(token), amount);
    }

    /// How much of a token is worth one of the unit of account at first, about.
    function _unit(uint256 what) private pure returns (uint256) {
        return what == 0 ? 1e6 : what == 1 ? 2000 : 5e14;
    }

    function _deficits() private view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) {
            sum += pool.deficit(address(tokens[i]));
        }
    }

    /// One of the bits that are set; 0 if none is.
    function _bitOf(uint256 bits, uint256 seed) private pure returns (uint256) {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 bit = (seed % 3 + i) % 3;
            if (bits >> bit & 1 != 0) return bit;
        }
        return 0;
    }
}
