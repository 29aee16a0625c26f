// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Weth} from "../src/Weth.sol";
import {Test} from "./support/Test.sol";

contract WethTest is Test {
    Weth private weth = new Weth();

    /// Whatever comes in is worth as much, and comes out again.
    function test_whatGoesInComesOut(address account, uint256 value, uint256 taken) external {
        vm.assume(account.code.length == 0 && uint160(account) > 0xffff);
        value = bound(value, 0, 1e27);
        taken = bound(taken, 0, value);
        uint256 before = account.balance;
        vm.deal(account, value);
        vm.startPrank(account);
        weth.deposit{value: value}();
        vm.assertEq(weth.balanceOf(account), value, "tokens for ether");
        vm.assertEq(address(weth).balance, value, "ether for tokens");
        weth.withdraw(taken);
        vm.assertEq(account.balance, taken, "ether again");
        vm.assertEq(weth.totalSupply(), address(weth).balance, "one for one");
        vm.stopPrank();
        vm.deal(account, before);
    }

    function test_nobodyTakesMoreThanThereIs(uint256 value, uint256 more) external {
        value = bound(value, 0, 1e27);
        more = bound(more, value + 1, type(uint256).max);
        vm.deal(address(this), value);
        weth.deposit{value: value}();
        vm.expectRevert();
        weth.withdraw(more);
    }
}
