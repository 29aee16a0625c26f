// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IPauseGuardian} from "../../src/governance/IPauseGuardian.sol";
import {LiquidStakingVault} from "../../src/staking/LiquidStakingVault.sol";
import {Handler} from "../support/Handler.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// Uses a vault as several accounts, and keeps book of each exit on its own.
contract VaultHandler is Handler {
    struct Entry {
        uint256 id;
        /// What it should be worth, with 64 binary digits after the point.
        uint256 value;
        uint256 finalAt;
        uint256 slashes;
        bool isPaid;
    }

    LiquidStakingVault public immutable vault;
    TestToken public immutable token;
    Entry[] private entries;
    uint256 public price;
    uint256 public slashed;

    constructor(LiquidStakingVault vault_, TestToken token_) {
        (vault, token) = (vault_, token_);
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(actor(i));
            token.approve(address(vault), type(uint256).max);
        }
        token.approve(address(vault), type(uint256).max);
        price = vault.convertToAssets(1e18);
    }

    /// No call but a slash may lower the price.
    modifier rises() {
        note(vault.convertToAssets(1e18) >= price, "time lowers no price");
        _;
        note(vault.convertToAssets(1e18) >= price, "nothing but a slash lowers the price");
        price = vault.convertToAssets(1e18);
    }

    function deposit(uint256 account, uint256 amount, bool isSmall) external rises {
        amount = bound(amount, 1, isSmall ? 100 : 1e24);
        if (vault.previewDeposit(amount) == 0) return;
        token.mint(actor(account), amount);
        vm.prank(actor(account));
        vault.deposit(amount, actor(account));
    }

    function mint(uint256 account, uint256 shares) external rises {
        shares = bound(shares, 1, 1e30);
        token.mint(actor(account), vault.previewMint(shares));
        vm.prank(actor(account));
        vault.mint(shares, actor(account));
    }

    function requestExit(uint256 account, uint256 shares) external rises {
        shares = bound(shares, 0, vault.balanceOf(actor(account)));
        uint256 assets = vault.previewRedeem(shares);
        if (assets == 0 || entries.length >= 20) return;
        vm.prank(actor(account));
        uint256 id = vault.requestExit(shares, actor(account));
        entries.push(Entry(id, assets << 64, block.timestamp + vault.exitDelay(), 0, false));
    }

    /// One that was not paid, as soon as it is final; sometimes any.
    function claim(uint256 index, uint256 chance) external rises {
        for (uint256 i = 0; chance % 8 != 0 && i < entries.length && entries[index % entries.length].isPaid; i++) {
            index = index % entries.length + 1;
        }
        Entry storage entry = entries[index % entries.length];
        if (chance % 4 != 0 && entry.finalAt > block.timestamp) vm.warp(entry.finalAt);
        address owner = vault.exitOwner(entry.id);
        uint256 before = token.balanceOf(owner);
        // Reverts if it is not final, or paid.
        uint256 assets = vault.claim(entry.id);
        note(block.timestamp >= entry.finalAt && !entry.isPaid, "final, and once");
        note(token.balanceOf(owner) - before == assets, "paid to its owner");
        note(isRight(entry, assets), "a claim is what it has to be");
        entry.isPaid = true;
    }

    function reward(uint256 amount) external rises {
        amount = bound(amount, 1, 1e23);
        token.mint(address(this), amount);
        vault.reward(amount);
    }

    function send(uint256 amount) external rises {
        token.mint(address(vault), bound(amount, 1, 1e24));
    }

    function slash(uint256 amount) external {
        uint256 waiting = 0;
        for (uint256 i = 0; i < entries.length; i++) {
            if (block.timestamp < entries[i].finalAt) waiting += entries[i].value;
        }
        uint256 all = vault.totalAssets() + (waiting >> 64);
        amount = bound(amount, 1, all * vault.slashLeft() / 1e18);
        vault.slash(amount, "");
        slashed += amount;
        for (uint256 i = 0; i < entries.length; i++) {
            if (block.timestamp >= entries[i].finalAt) continue;
            entries[i].value -= entries[i].value * amount / all;
            entries[i].slashes++;
        }
        price = vault.convertToAssets(1e18);
    }

    function wait(uint256 time) external rises {
        vm.warp(block.timestamp + bound(time, 1, 3 days));
    }

    function list() external view returns (Entry[] memory) {
        return entries;
    }

    /// Each slash may cost an exit a part of what the total is rounded by.
    function isRight(Entry memory entry, uint256 assets) public pure returns (bool) {
        return isClose(assets, entry.value >> 64, 2 + entry.slashes * 3);
    }

    function actor(uint256 index) private pure returns (address) {
        return address(uint160(0xa1 + index % 3));
    }
}

contract LiquidStakingVaultInvariantTest is Test {
    TestToken private token;
    LiquidStakingVault private vault;
    VaultHandler private handler;

    function setUp() external {
        vm.warp(1_800_000_000);
        token = new TestToken("TOKEN");
        LiquidStakingVault.Settings memory settings = LiquidStakingVault.Settings(7 days, 5 days, 10 days, 0.3e18);
        vault = new LiquidStakingVault(
            token, "Staked", "stTOKEN", settings, address(0xc0ffe), IPauseGuardian(address(0)), address(this)
        );
        handler = new VaultHandler(vault, token);
        vault.grantRole(vault.REWARDER_ROLE(), address(handler));
        vault.grantRole(vault.SLASHER_ROLE(), address(handler));
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](8);
        functions[0] = VaultHandler.deposit.selector;
        functions[1] = VaultHandler.mint.selector;
        functions[2] = VaultHandler.requestExit.selector;
        functions[3] = VaultHandler.claim.selector;
        functions[4] = VaultHandler.reward.selector;
        functions[5] = VaultHandler.send.selector;
        functions[6] = VaultHandler.slash.selector;
        functions[7] = VaultHandler.wait.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_assetsCoverAllClaimsAndOnlySlashesLowerThePrice() external view {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        vm.assertGe(vault.convertToAssets(1e18), handler.price(), "the price");
        VaultHandler.Entry[] memory entries = handler.list();
        uint256 owed = vault.totalAssets() + vault.unvested();
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].isPaid) continue;
            (uint256 assets, uint256 finalAt) = vault.exitOf(entries[i].id);
            vm.assertEq(finalAt, entries[i].finalAt, "when it is final");
            vm.assertTrue(handler.isRight(entries[i], assets), "its part of each slash, and no other");
            owed += assets;
        }
        vm.assertGe(token.balanceOf(address(vault)), owed, "all is covered");
        vm.assertEq(token.balanceOf(address(0xc0ffe)), handler.slashed(), "what was slashed");
        vm.assertLe(vault.convertToAssets(vault.totalSupply()), vault.totalAssets(), "shares are covered");
    }
}
