// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {Backstop} from "../../src/lending/Backstop.sol";
import {InsuranceFund} from "../../src/lending/InsuranceFund.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./support/TestToken.sol";

/// This contract is the pool.
contract BackstopTest is Test {
    TestToken private token;
    Backstop private backstop;
    address private ann = address(0xa11);
    address private bob = address(0xb0b);

    function setUp() external {
        vm.warp(1_800_000_000);
        token = new TestToken("USDC", 6);
        backstop = new Backstop(token, "Backstop USDC", "bUSDC", address(this), 10 days, 2 days, 3000);
    }

    function stake(address account, uint256 amount) private returns (uint256) {
        token.mint(account, amount);
        vm.startPrank(account);
        token.approve(address(backstop), amount);
        uint256 shares = backstop.deposit(amount, account);
        vm.stopPrank();
        return shares;
    }

    function earn(uint256 amount) private {
        token.mint(address(backstop), amount);
        backstop.distribute();
    }

    function exit(address account) private returns (uint256 assets) {
        uint256 shares = backstop.balanceOf(account);
        vm.prank(account);
        backstop.requestExit(shares);
        vm.warp(block.timestamp + 10 days);
        vm.prank(account);
        return backstop.redeem(shares, account, account);
    }

    function test_stakedComesBackAfterTheDelay(uint256 amount) external {
        amount = bound(amount, 1, 1e30);
        uint256 shares = stake(ann, amount);
        vm.assertEq(backstop.totalAssets(), amount, "assets");
        vm.assertEq(backstop.decimals(), 12, "decimals");
        vm.prank(ann);
        vm.expectRevert(
            abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, ann, shares, 0)
        );
        backstop.redeem(shares, ann, ann);
        vm.assertEq(exit(ann), amount, "all");
        vm.assertEq(token.balanceOf(ann), amount, "paid");
        vm.assertEq(backstop.totalSupply(), 0, "burnt");
    }

    function test_leavesOnlyWithinTheWindow() external {
        uint256 shares = stake(ann, 100e6);
        vm.prank(ann);
        backstop.requestExit(shares);
        uint256 from = block.timestamp + 10 days;
        (uint256 aside, uint256 since, uint256 until) = backstop.exitOf(ann);
        vm.assertEq(aside, shares, "shares");
        vm.assertEq(since, from, "from");
        vm.assertEq(until, from + 2 days, "until");
        vm.warp(from - 1);
        vm.assertEq(backstop.maxRedeem(ann), 0, "too early");
        vm.assertEq(backstop.maxWithdraw(ann), 0, "too early");
        vm.warp(from);
        vm.assertEq(backstop.maxRedeem(ann), shares, "now");
        vm.assertEq(backstop.maxWithdraw(ann), 100e6, "now");
        vm.warp(from + 2 days);
        vm.assertEq(backstop.maxRedeem(ann), shares, "still");
        vm.warp(from + 2 days + 1);
        vm.assertEq(backstop.maxRedeem(ann), 0, "too late");
        vm.prank(ann);
        backstop.requestExit(0);
        vm.warp(block.timestamp + 10 days);
        vm.prank(ann);
        backstop.withdraw(40e6, ann, ann);
        vm.assertEq(token.balanceOf(ann), 40e6, "a part");
        vm.prank(ann);
        backstop.cancelExit();
        vm.assertApproxEqAbs(backstop.balanceOf(ann), shares * 6 / 10, 1, "the rest is staked again");
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(Backstop.NothingToCancel.selector, ann));
        backstop.cancelExit();
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(Backstop.NothingToCancel.selector, bob));
        backstop.requestExit(0);
    }

    function test_sharesAsideCannotBeSpentAgain() external {
        uint256 shares = stake(ann, 100e6);
        stake(bob, 100e6);
        vm.startPrank(ann);
        backstop.requestExit(shares);
        vm.expectRevert();
        backstop.transfer(bob, 1);
        vm.expectRevert();
        backstop.requestExit(1);
        vm.warp(block.timestamp + 10 days);
        backstop.redeem(shares / 2, ann, ann);
        vm.expectRevert();
        backstop.redeem(shares / 2 + 1, ann, ann);
        vm.stopPrank();
        vm.prank(bob);
        vm.expectRevert();
        backstop.redeem(1, bob, ann);
        vm.prank(ann);
        backstop.approve(bob, 7);
        vm.prank(bob);
        backstop.redeem(7, bob, ann);
        vm.assertEq(backstop.allowance(ann, bob), 0, "used");
    }

    function test_secondRequestBeginsTheDelayAnew() external {
        stake(ann, 100e6);
        vm.prank(ann);
        backstop.requestExit(1e12);
        vm.warp(block.timestamp + 9 days);
        vm.prank(ann);
        backstop.requestExit(1e12);
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(backstop.maxRedeem(ann), 0, "not yet");
        vm.warp(block.timestamp + 9 days);
        vm.assertEq(backstop.maxRedeem(ann), 2e12, "both");
    }

    function test_lossIsSharedInProportion(uint256 a, uint256 b, uint256 lost, bool isLeaving) external {
        (a, b) = (bound(a, 1e6, 1e15), bound(b, 1e6, 1e15));
        lost = bound(lost, 1, a + b);
        stake(ann, a);
        stake(bob, b);
        if (isLeaving) {
            uint256 shares = backstop.balanceOf(ann);
            vm.prank(ann);
            backstop.requestExit(shares);
        }
        uint256 paid = backstop.cover(lost, bob);
        uint256 most = (a + b) * 3 / 10;
        vm.assertEq(paid, lost < most ? lost : most, "up to the bound");
        vm.assertEq(token.balanceOf(bob), paid, "paid");
        vm.assertEq(backstop.totalAssets(), a + b - paid, "less");
        uint256 left = backstop.balanceOf(ann) + backstop.balanceOf(address(backstop));
        vm.assertApproxEqAbs(
            backstop.convertToAssets(left), a * (a + b - paid) / (a + b), 2, "also of who is about to leave"
        );
        vm.assertApproxEqAbs(
            backstop.convertToAssets(backstop.balanceOf(bob)), b * (a + b - paid) / (a + b), 2, "of all"
        );
    }

    function test_onlyThePoolTakes() external {
        stake(ann, 100e6);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(Backstop.NotPool.selector, ann));
        backstop.cover(1, ann);
    }

    function test_coversNothingWhereThereIsNothing() external {
        vm.assertEq(backstop.cover(100, ann), 0, "nothing");
    }

    function test_earnedIsPaidOutOverTime(uint256 amount, uint256 time) external {
        stake(ann, 1000e6);
        amount = bound(amount, 1, 1e15);
        earn(amount);
        vm.assertEq(backstop.totalAssets(), 1000e6, "nothing yet");
        time = bound(time, 0, 7 days);
        vm.warp(block.timestamp + time);
        vm.assertApproxEqAbs(backstop.totalAssets(), 1000e6 + amount * time / 7 days, 1, "linear");
        vm.assertEq(backstop.totalAssets() + backstop.unpaidRewards(), 1000e6 + amount, "all is counted");
        vm.warp(block.timestamp + 7 days - time);
        vm.assertEq(backstop.totalAssets(), 1000e6 + amount, "all");
        // The virtual shares have a part that is worth nothing.
        vm.assertApproxEqRel(exit(ann), 1000e6 + amount, 1e10, "hers");
    }

    function test_stakerOfADayEarnsForADay() external {
        stake(ann, 1000e6);
        earn(70e6);
        stake(bob, 1000e6);
        vm.warp(block.timestamp + 1 days);
        vm.assertApproxEqAbs(backstop.convertToAssets(backstop.balanceOf(bob)), 1005e6, 2, "half of a day's");
    }

    function test_giftOfAUnitDoesNotPutThePayoutOff() external {
        stake(ann, 1000e6);
        earn(70e6);
        vm.warp(block.timestamp + 6 days);
        for (uint256 i = 0; i < 20; ++i) {
            earn(1);
        }
        vm.warp(block.timestamp + 1 days + 20);
        vm.assertApproxEqAbs(backstop.totalAssets(), 1070e6, 20, "paid out by then");
    }

    function test_distributingNothingChangesNothing() external {
        stake(ann, 1000e6);
        earn(70e6);
        vm.warp(block.timestamp + 3 days);
        uint256 before = backstop.unpaidRewards();
        backstop.distribute();
        vm.assertEq(backstop.unpaidRewards(), before, "as it was");
        vm.warp(block.timestamp + 4 days);
        vm.assertEq(backstop.unpaidRewards(), 0, "on time");
    }

    function test_secondPayoutAddsToTheFirst() external {
        stake(ann, 1000e6);
        earn(70e6);
        vm.warp(block.timestamp + 3.5 days);
        // 35 left for 3.5 days and 35 for 7 days: 70 in 5.25 days.
        earn(35e6);
        vm.assertApproxEqAbs(backstop.totalAssets(), 1035e6, 1, "no jump");
        vm.warp(block.timestamp + 2.625 days);
        vm.assertApproxEqAbs(backstop.totalAssets(), 1070e6, 1, "half of 70");
        vm.warp(block.timestamp + 2.625 days);
        vm.assertEq(backstop.totalAssets(), 1105e6, "all");
    }

    function test_lossLeavesWhatIsNotPaidOut() external {
        stake(ann, 1000e6);
        earn(700e6);
        backstop.cover(1e15, bob);
        vm.assertEq(backstop.totalAssets(), 700e6, "30 % of what is paid out");
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(backstop.totalAssets(), 1400e6, "the rest follows");
    }

    /// The first staker cannot make the second one's shares round to nothing.
    function test_firstStakerCannotInflateTheShares(uint256 gift, uint256 amount) external {
        gift = bound(gift, 1, 1e18);
        amount = bound(amount, 1e6, 1e15);
        stake(ann, 1);
        token.mint(address(backstop), gift);
        vm.assertEq(backstop.totalAssets(), 1, "not counted");
        stake(bob, amount);
        vm.assertGe(backstop.convertToAssets(backstop.balanceOf(bob)), amount - 1, "all his");
        // Even if it is handed out before he comes.
        backstop.distribute();
        vm.warp(block.timestamp + 7 days);
        address eve = address(0xe4e);
        stake(eve, amount);
        uint256 worth = backstop.convertToAssets(backstop.balanceOf(eve));
        vm.assertGe(worth + 1 + backstop.totalAssets() / 1e6, amount, "a millionth at most");
    }

    function test_refusesBadBounds() external {
        uint256[3][6] memory cases = [
            [uint256(10 days), 2 days, 0],
            [uint256(10 days), 2 days, 5001],
            [uint256(1 days) - 1, 2 days, 3000],
            [uint256(60 days) + 1, 2 days, 3000],
            [uint256(10 days), 1 hours - 1, 3000],
            [uint256(10 days), 14 days + 1, 3000]
        ];
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(Backstop.BadBounds.selector);
            new Backstop(token, "B", "B", address(this), cases[i][0], cases[i][1], cases[i][2]);
        }
    }

    // The insurance fund.

    function test_fundPaysThePoolWhatItHas(uint256 has, uint256 asked) external {
        (has, asked) = (bound(has, 0, 1e30), bound(asked, 0, 1e30));
        InsuranceFund fund = new InsuranceFund(address(this));
        token.mint(address(fund), has);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(InsuranceFund.NotPool.selector, ann));
        fund.cover(address(token), asked, ann);
        uint256 paid = fund.cover(address(token), asked, bob);
        vm.assertEq(paid, asked < has ? asked : has, "what it has");
        vm.assertEq(token.balanceOf(bob), paid, "paid");
        vm.assertEq(token.balanceOf(address(fund)), has - paid, "less");
    }
}
