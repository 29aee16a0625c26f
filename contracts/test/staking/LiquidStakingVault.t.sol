// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PauseGuardian} from "../../src/governance/PauseGuardian.sol";
import {ExitQueue} from "../../src/staking/ExitQueue.sol";
import {LiquidStakingVault} from "../../src/staking/LiquidStakingVault.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

contract LiquidStakingVaultTest is Test {
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    address private constant COFFER = address(0xc0ffe);

    TestToken private token = new TestToken("TOKEN");
    PauseGuardian private guardian;
    LiquidStakingVault private vault;
    uint256 private start = 1_800_000_000;

    function setUp() external {
        vm.warp(start);
        guardian = new PauseGuardian(address(this), address(this), 7 days, 7 days, new address[](0));
        vault = deploy(LiquidStakingVault.Settings(14 days, 10 days, 30 days, 0.3e18));
        guardian.register(address(vault));
    }

    /// 1000 staked, 100 given over ten days: 1050 after five.
    function test_rewardsCountSecondBySecond() external {
        deposit(ALICE, 1000);
        vault.reward(100);
        vm.assertEq(vault.totalAssets(), 1000, "nothing at once");
        vm.warp(start + 5 days);
        vm.assertEq(vault.totalAssets(), 1050, "half after half of the time");
        vault.reward(100);
        vm.assertEq(vault.totalAssets(), 1050, "nothing at once");
        vm.assertEq(vault.unvested(), 150, "the rest of the first begins anew");
        vm.warp(start + 10 days);
        vm.assertEq(vault.totalAssets(), 1125, "half of 150");
        vm.warp(start + 100 days);
        vm.assertEq(vault.totalAssets(), 1200, "all");
    }

    /// 800 stay, 200 wait; 10 % are slashed: 80 and 20.
    function test_aSlashTakesTheSameFractionOfStakesAndWaitingExits() external {
        deposit(ALICE, 1000e18);
        vm.prank(ALICE);
        uint256 id = vault.requestExit(200e24, ALICE);
        vm.assertEq(vault.totalAssets(), 800e18, "stays");
        vm.assertEq(vault.waitingExits(), 200e18, "waits");
        vm.warp(start + 13 days);
        vault.slash(100e18, "equivocation");
        vm.assertEq(token.balanceOf(COFFER), 100e18, "slashed");
        vm.assertEq(vault.totalAssets(), 720e18, "80 of 800");
        (uint256 assets, uint256 finalAt) = vault.exitOf(id);
        vm.assertEq(finalAt, start + 14 days, "final");
        vm.assertApproxEqAbs(assets, 180e18, 1, "20 of 200");
        vm.assertLe(assets, 180e18, "rounded down");
        vm.warp(finalAt);
        vm.assertEq(vault.claim(id), assets, "claimed");
        vm.assertEq(token.balanceOf(ALICE), 1e27 - 1000e18 + assets, "paid");
        (assets, finalAt) = vault.exitOf(id);
        vm.assertEq(assets + finalAt, 0, "gone");
    }

    function test_aFinalExitIsOutOfReach() external {
        deposit(ALICE, 1000e18);
        vm.prank(ALICE);
        uint256 early = vault.requestExit(200e24, ALICE);
        vm.warp(start + 1);
        vm.prank(ALICE);
        uint256 late = vault.requestExit(200e24, BOB);
        vm.warp(start + 14 days);
        vm.assertEq(vault.waitingExits(), 200e18, "one waits");
        vault.slash(80e18, "");
        (uint256 assets,) = vault.exitOf(early);
        vm.assertEq(assets, 200e18, "not the one that is final in this second");
        (assets,) = vault.exitOf(late);
        vm.assertApproxEqAbs(assets, 180e18, 1, "but the one after it");
        vm.assertEq(vault.totalAssets(), 540e18, "and the stakes");
        vm.warp(start + 50 days);
        vault.slash(54e18, "");
        vm.assertEq(vault.claim(early), 200e18, "paid late, and whole");
        vm.assertApproxEqAbs(vault.claim(late), 180e18, 1, "slashed once");
        vm.assertEq(token.balanceOf(BOB), 1e27 + 180e18 - 1, "paid to whom it was for");
    }

    /// Whoever asks to leave before a slash, and whoever stays, lose alike.
    function test_leavingBeforeASlashGainsNothing(uint256 stays, uint256 leaves, uint256 loss, uint256 time) external {
        stays = bound(stays, 1e6, 1e26);
        leaves = bound(leaves, 1e6, 1e26);
        time = bound(time, 0, 14 days - 1);
        deposit(ALICE, stays);
        deposit(BOB, leaves);
        uint256 shares = vault.balanceOf(BOB);
        vm.prank(BOB);
        uint256 id = vault.requestExit(shares, BOB);
        loss = bound(loss, 1, (stays + leaves) * 3 / 10 - 1);
        vm.warp(start + time);
        vault.slash(loss, "");
        (uint256 left,) = vault.exitOf(id);
        vm.assertApproxEqAbs(left, leaves - leaves * loss / (stays + leaves), 3, "who left");
        uint256 alice = vault.previewRedeem(vault.balanceOf(ALICE));
        vm.assertApproxEqAbs(alice, stays - stays * loss / (stays + leaves), 3, "who stayed");
    }

    /// Deposits just before a reward and leaves just after.
    function test_nobodyGainsBySandwichingAReward(uint256 others, uint256 amount, uint256 given) external {
        others = bound(others, 1, 1e26);
        amount = bound(amount, 1, 1e26);
        given = bound(given, 1, 1e26);
        deposit(ALICE, others);
        deposit(BOB, amount);
        vault.reward(given);
        uint256 shares = vault.balanceOf(BOB);
        vm.prank(BOB);
        uint256 id = vault.requestExit(shares, BOB);
        (uint256 assets,) = vault.exitOf(id);
        vm.assertLe(assets, amount, "no more than went in");
    }

    /// The first depositor gives one unit, and then sends tokens to raise the price.
    function test_inflationDoesNotPay(uint256 first, uint256 sent, uint256 amount) external {
        first = bound(first, 1, 1e18);
        sent = bound(sent, 0, 1e26);
        amount = bound(amount, 1e3, 1e26);
        deposit(BOB, first);
        vm.prank(BOB);
        token.transfer(address(vault), sent);
        uint256 shares = deposit(ALICE, amount);
        vm.assertApproxEqAbs(vault.previewRedeem(shares), amount, 1, "the next one loses nothing");
        vm.assertLe(vault.previewRedeem(vault.balanceOf(BOB)), first, "and the attacker all that was sent");
    }

    function test_thePriceFallsByNothingButASlash(uint256 seed) external {
        deposit(ALICE, bound(seed, 1, 1e20));
        uint256 price = vault.convertToAssets(1e18);
        for (uint256 i = 0; i < 12; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 amount = seed >> 32;
            if (seed % 5 == 0 && vault.previewDeposit(bound(amount, 1, 1e24)) != 0) {
                deposit(BOB, bound(amount, 1, 1e24));
            }
            if (seed % 5 == 1) vault.reward(bound(amount, 1, 1e22));
            if (seed % 5 == 2) vm.warp(block.timestamp + amount % 4 days);
            if (seed % 5 == 3) {
                uint256 shares = vault.balanceOf(BOB);
                if (vault.convertToAssets(shares) == 0) continue;
                vm.prank(BOB);
                vault.requestExit(shares, BOB);
            }
            if (seed % 5 == 4) {
                amount = bound(amount, 1, 1e24);
                if (vault.previewMint(amount) > 1e28) continue;
                token.mint(ALICE, vault.previewMint(amount));
                vm.prank(ALICE);
                vault.mint(amount, ALICE);
            }
            vm.assertGe(vault.convertToAssets(1e18), price, "never down");
            price = vault.convertToAssets(1e18);
        }
    }

    function test_slashesAreBoundedPerPeriod() external {
        deposit(ALICE, 1000e18);
        vm.assertEq(vault.slashLeft(), 0.3e18, "30 %");
        vault.slash(200e18, "");
        vm.assertEq(vault.slashLeft(), 0.1e18, "10 % of what is left");
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.ExceedsSlashMax.selector, 0.1e18 + 1, 0.1e18));
        vault.slash(80e18 + 1, "");
        vault.slash(80e18, "");
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.ExceedsSlashMax.selector, 1, 0));
        vault.slash(1, "");
        vm.warp(start + 30 days - 1);
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.ExceedsSlashMax.selector, 1, 0));
        vault.slash(1, "");
        vm.warp(start + 30 days);
        vault.slash(216e18, "");
        vm.assertEq(vault.totalAssets(), 504e18, "72 % less 30 % of it");
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.ExceedsSlashMax.selector, 1e18, 0));
        vault.slash(505e18, "");
    }

    /// A queue that is never empty can be slashed to 2^-64 of what it was; later exits are whole again.
    function test_aFactorThatIsUsedUpStartsAnewWhenTheQueueIsEmpty() external {
        vault = deploy(LiquidStakingVault.Settings(60 days, 1 hours, 1 days, 0.5e18));
        deposit(ALICE, 5e26);
        vm.prank(ALICE);
        uint256 first = vault.requestExit(1e32, ALICE);
        uint256 count = 0;
        while (true) {
            uint256 all = vault.totalAssets() + vault.waitingExits();
            (bool isGood, bytes memory result) = address(vault).call(abi.encodeCall(vault.slash, (all / 2, "")));
            if (!isGood) {
                vm.assertEq(bytes32(result), bytes32(ExitQueue.FactorExhausted.selector), "used up");
                break;
            }
            count++;
            deposit(BOB, 1e24);
            uint256 shares = vault.convertToShares(1e24) / 2;
            vm.prank(BOB);
            vault.requestExit(shares, BOB);
            vm.warp(block.timestamp + 1 days);
        }
        vm.assertGt(count, 60, "after more than 60 halvings");
        vm.warp(block.timestamp + 61 days);
        vm.assertEq(vault.waitingExits(), 0, "all are final");
        vault.claim(first);
        vault.slash(vault.totalAssets() / 2, "");
        vm.startPrank(BOB);
        uint256 id = vault.requestExit(vault.convertToShares(1e20), BOB);
        vm.stopPrank();
        (uint256 assets,) = vault.exitOf(id);
        vm.assertApproxEqAbs(assets, 1e20, 1e14, "whole");
    }

    function test_aPauseStopsDepositsOnly() external {
        deposit(ALICE, 1000);
        guardian.pause(address(vault), "look");
        vm.assertEq(vault.maxDeposit(ALICE), 0, "no deposit");
        vm.assertEq(vault.maxMint(ALICE), 0, "no mint");
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, ALICE, 1, 0));
        vault.deposit(1, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxMint.selector, ALICE, 1, 0));
        vault.mint(1, ALICE);
        uint256 id = vault.requestExit(vault.balanceOf(ALICE), ALICE);
        vm.warp(start + 14 days);
        vault.claim(id);
        vault.deposit(1, ALICE);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(ALICE), 1e27 - 1, "and the pause is over by itself");
    }

    /// EIP-4626.
    function test_previewsSayWhatIsDone(uint256 given, uint256 assets, uint256 shares) external {
        given = bound(given, 1, 1e24);
        assets = bound(assets, 1e6, 1e24);
        shares = bound(shares, 1, 1e24);
        deposit(ALICE, 1e18);
        vault.reward(given);
        vm.warp(start + 3 days);
        uint256 expected = vault.previewDeposit(assets);
        vm.assertEq(deposit(BOB, assets), expected, "deposit");
        expected = vault.previewMint(shares);
        vm.prank(BOB);
        vm.assertEq(vault.mint(shares, BOB), expected, "mint");
        vm.assertLe(vault.previewRedeem(shares), expected, "mint favours the vault");
        vm.assertLe(vault.convertToAssets(vault.convertToShares(assets)), assets, "as do both conversions");
        vm.assertEq(vault.maxWithdraw(BOB), 0, "no withdrawal");
        vm.assertEq(vault.maxRedeem(BOB), 0, "no redemption");
        vm.assertEq(vault.decimals(), 24, "six more digits");
        vm.assertGt(vault.maxMint(BOB), 1e30, "room");
        vm.assertGt(vault.maxDeposit(BOB), 1e30, "room");
    }

    function test_refusesWhatIsNotAllowed() external {
        deposit(ALICE, 1000);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, ALICE, 1, 0));
        vault.redeem(1, ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, ALICE, 1, 0));
        vault.withdraw(1, ALICE, ALICE);
        vm.expectRevert(LiquidStakingVault.UseExitQueue.selector);
        vault.redeem(0, ALICE, ALICE);
        vm.expectRevert(LiquidStakingVault.NothingGiven.selector);
        vault.deposit(0, ALICE);
        vm.expectRevert(LiquidStakingVault.NothingGiven.selector);
        vault.requestExit(1, ALICE);
        vm.expectRevert(LiquidStakingVault.NoRecipient.selector);
        vault.requestExit(1e6, address(0));
        vm.expectRevert();
        vault.requestExit(1001e6, ALICE);
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.UnknownExit.selector, 7));
        vault.claim(7);
        uint256 id = vault.requestExit(1e6, ALICE);
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.NotFinal.selector, id, start + 14 days));
        vault.claim(id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ALICE, keccak256("REWARDER_ROLE")
            )
        );
        vault.reward(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ALICE, keccak256("SLASHER_ROLE")
            )
        );
        vault.slash(1, "");
        vm.stopPrank();
        vm.expectRevert(LiquidStakingVault.NothingGiven.selector);
        vault.slash(0, "");
        vm.expectRevert(LiquidStakingVault.NothingGiven.selector);
        vault.reward(0);
        token.setFee(1);
        vm.expectRevert(abi.encodeWithSelector(LiquidStakingVault.NotReceived.selector, 10, 9));
        vault.reward(10);
        token.setFee(0);
        LiquidStakingVault empty = deploy(LiquidStakingVault.Settings(14 days, 10 days, 30 days, 0.3e18));
        vm.expectRevert(LiquidStakingVault.NoShares.selector);
        empty.reward(10);
    }

    function test_settingsHaveBounds() external {
        LiquidStakingVault.Settings[7] memory bad = [
            LiquidStakingVault.Settings(1 hours - 1, 10 days, 30 days, 0.3e18),
            LiquidStakingVault.Settings(60 days + 1, 10 days, 30 days, 0.3e18),
            LiquidStakingVault.Settings(14 days, 1 hours - 1, 30 days, 0.3e18),
            LiquidStakingVault.Settings(14 days, 90 days + 1, 30 days, 0.3e18),
            LiquidStakingVault.Settings(14 days, 10 days, 1 days - 1, 0.3e18),
            LiquidStakingVault.Settings(14 days, 10 days, 365 days + 1, 0.3e18),
            LiquidStakingVault.Settings(14 days, 10 days, 30 days, 0.5e18 + 1)
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(LiquidStakingVault.SettingOutOfRange.selector);
            new LiquidStakingVault(token, "", "", bad[i], COFFER, guardian, address(this));
        }
        LiquidStakingVault.Settings memory good = LiquidStakingVault.Settings(14 days, 10 days, 30 days, 0.3e18);
        vm.expectRevert(LiquidStakingVault.NoRecipient.selector);
        new LiquidStakingVault(token, "", "", good, address(0), guardian, address(this));
    }

    function test_tokensCannotReenter() external {
        deposit(ALICE, 1000);
        token.setHook(address(vault), abi.encodeCall(vault.requestExit, (1e6, ALICE)));
        vm.prank(ALICE);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vault.deposit(1, ALICE);
        token.setHook(address(vault), abi.encodeCall(vault.deposit, (1, ALICE)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vault.reward(1);
    }

    function deploy(LiquidStakingVault.Settings memory settings) private returns (LiquidStakingVault made) {
        made = new LiquidStakingVault(token, "Staked", "stTOKEN", settings, COFFER, guardian, address(this));
        made.grantRole(made.REWARDER_ROLE(), address(this));
        made.grantRole(made.SLASHER_ROLE(), address(this));
        address[3] memory accounts = [ALICE, BOB, address(this)];
        for (uint256 i = 0; i < 3; i++) {
            if (token.balanceOf(accounts[i]) == 0) token.mint(accounts[i], 1e27);
            vm.prank(accounts[i]);
            token.approve(address(made), type(uint256).max);
        }
    }

    function deposit(address account, uint256 amount) private returns (uint256) {
        vm.prank(account);
        return vault.deposit(amount, account);
    }
}
