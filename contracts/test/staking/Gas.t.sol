// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IPauseGuardian} from "../../src/governance/IPauseGuardian.sol";
import {PauseGuardian} from "../../src/governance/PauseGuardian.sol";
import {Validators} from "../../src/Validators.sol";
import {Ed25519Key} from "../../src/staking/Ed25519Key.sol";
import {LiquidStakingVault} from "../../src/staking/LiquidStakingVault.sol";
import {LockedStaking} from "../../src/staking/LockedStaking.sol";
import {RewardFarm} from "../../src/staking/RewardFarm.sol";
import {ValidatorStaking} from "../../src/staking/ValidatorStaking.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// What each operation costs where others have come before.
/// forge-config: default.isolate = true
contract StakingGasTest is Test {
    TestToken private token = new TestToken("TOKEN");
    TestToken private other = new TestToken("OTHER");
    bytes32 private lastKey;

    function setUp() external {
        vm.warp(3000 * 7 days);
        token.mint(address(this), 1e27);
        other.mint(address(this), 1e27);
    }

    function test_farm() external {
        RewardFarm farm = new RewardFarm(token, other, address(this));
        farm.grantRole(farm.REWARDER_ROLE(), address(this));
        token.approve(address(farm), type(uint256).max);
        other.approve(address(farm), type(uint256).max);
        farm.stakeFor(address(1), 1e18);
        farm.addSchedule(1e24, 7 days);
        vm.snapshotGasLastCall("staking", "farm addSchedule");
        farm.stake(1e18);
        vm.snapshotGasLastCall("staking", "farm stake, first of the account");
        vm.warp(block.timestamp + 60);
        farm.stake(1e18);
        vm.snapshotGasLastCall("staking", "farm stake, first of the second");
        farm.stake(1e18);
        vm.snapshotGasLastCall("staking", "farm stake, later in the second");
        vm.warp(block.timestamp + 60);
        farm.claim();
        vm.warp(block.timestamp + 60);
        farm.claim();
        vm.snapshotGasLastCall("staking", "farm claim");
        vm.warp(block.timestamp + 60);
        farm.withdraw(1e18);
        vm.snapshotGasLastCall("staking", "farm withdraw");
    }

    function test_locks() external {
        LockedStaking locks = new LockedStaking(token, address(0), address(this));
        locks.addTerm(52, 20_000, 5000);
        token.approve(address(locks), type(uint256).max);
        locks.lock(1e18, 0);
        locks.fund(52e18, 52);
        vm.snapshotGasLastCall("staking", "locks fund, 52 weeks");
        vm.warp(block.timestamp + 8 days);
        uint256 id = locks.lock(1e18, 0);
        locks.lock(1e18, 0);
        vm.snapshotGasLastCall("staking", "locks lock");
        vm.warp(block.timestamp + 1 hours);
        locks.claim(id);
        vm.warp(block.timestamp + 1 hours);
        locks.claim(id);
        vm.snapshotGasLastCall("staking", "locks claim");
        vm.warp(block.timestamp + 7 days);
        locks.claim(id);
        vm.snapshotGasLastCall("staking", "locks claim, first of the week");
        uint256 early = locks.lock(1e18, 0);
        locks.exitEarly(early, type(uint256).max);
        vm.snapshotGasLastCall("staking", "locks exitEarly");
        locks.extend(id, 0);
        vm.snapshotGasLastCall("staking", "locks extend");
        vm.warp(block.timestamp + 60 * 7 days);
        locks.accrue();
        vm.snapshotGasLastCall("staking", "locks accrue, 60 weeks");
        locks.withdraw(id);
        vm.snapshotGasLastCall("staking", "locks withdraw");
    }

    function test_vault() external {
        PauseGuardian guardian = new PauseGuardian(address(this), address(this), 7 days, 7 days, new address[](0));
        LiquidStakingVault.Settings memory settings = LiquidStakingVault.Settings(7 days, 5 days, 10 days, 0.3e18);
        LiquidStakingVault vault = new LiquidStakingVault(
            token, "Staked", "ST", settings, address(1), IPauseGuardian(address(guardian)), address(this)
        );
        vault.grantRole(vault.REWARDER_ROLE(), address(this));
        vault.grantRole(vault.SLASHER_ROLE(), address(this));
        token.approve(address(vault), type(uint256).max);
        vault.deposit(1e20, address(this));
        vault.reward(1e18);
        vm.warp(block.timestamp + 60);
        vault.reward(1e18);
        vm.snapshotGasLastCall("staking", "vault reward");
        vault.deposit(1e20, address(this));
        vm.snapshotGasLastCall("staking", "vault deposit");
        uint256 id = vault.requestExit(1e24, address(this));
        for (uint256 i = 0; i < 100; i++) {
            vm.warp(block.timestamp + 60);
            vault.requestExit(1e22, address(this));
        }
        vm.snapshotGasLastCall("staking", "vault requestExit");
        vault.slash(1e18, "");
        vm.snapshotGasLastCall("staking", "vault slash, 100 exits");
        vm.warp(block.timestamp + 7 days);
        vault.claim(id);
        vm.snapshotGasLastCall("staking", "vault claim");
    }

    function test_validators() external {
        Validators validators = new Validators();
        vm.store(address(validators), 0, bytes32(uint256(uint160(address(this)))));
        for (uint256 i = 1; i <= 4; i++) {
            validators.add(bytes32(i), address(this));
        }
        ValidatorStaking staking = new ValidatorStaking(
            validators, token, ValidatorStaking.Settings(1 days, 7 days, address(1), 100, 10), address(this)
        );
        staking.grantRole(staking.SLASHER_ROLE(), address(this));
        validators.setAuthority(address(staking));
        token.approve(address(staking), type(uint256).max);
        for (uint256 i = 0; i < 200; i++) {
            address account = address(uint160(0xca0000 + i));
            token.transfer(account, 1e20);
            bytes32 key = newKey();
            vm.startPrank(account);
            token.approve(address(staking), type(uint256).max);
            staking.register(key, 1000, 1e18 + i, address(0));
            vm.stopPrank();
        }
        vm.snapshotGasLastCall("staking", "validators register");
        staking.giveReward(1e20);
        staking.elect();
        vm.snapshotGasLastCall("staking", "validators elect, 200 candidates, 100 seats, all new");
        for (uint256 i = 0; i < 2; i++) {
            vm.warp(block.timestamp + 1 days);
            staking.giveReward(1e20);
            staking.elect();
        }
        vm.snapshotGasLastCall("staking", "validators elect, 200 candidates, 100 seats, the same");
        address weak = address(uint160(0xca0000));
        address strong = address(uint160(0xca0000 + 199));
        staking.delegate(weak, 1e18);
        vm.snapshotGasLastCall("staking", "validators delegate, first to a candidate without a seat");
        staking.delegate(strong, 1e18);
        vm.warp(block.timestamp + 60);
        staking.delegate(strong, 1e18);
        vm.snapshotGasLastCall("staking", "validators delegate, to a candidate with a seat");
        vm.warp(block.timestamp + 60);
        staking.claimReward(strong);
        vm.warp(block.timestamp + 60);
        staking.claimReward(strong);
        vm.snapshotGasLastCall("staking", "validators claimReward");
        staking.requestExit(strong, 1e17);
        uint256 id = staking.requestExit(strong, 1e17);
        vm.snapshotGasLastCall("staking", "validators requestExit");
        staking.slash(strong, 100, "proof", uint48(block.timestamp));
        vm.snapshotGasLastCall("staking", "validators slash, 100 seats");
        vm.warp(block.timestamp + 1 days);
        staking.giveReward(1e20);
        staking.elect();
        vm.snapshotGasLastCall("staking", "validators elect, 200 candidates, 100 seats, one new");
        // The other hundred.
        for (uint256 i = 0; i < 100; i++) {
            staking.delegate(address(uint160(0xca0000 + i)), 5e18);
        }
        vm.warp(block.timestamp + 1 days);
        staking.elect();
        vm.assertLt(
            vm.snapshotGasLastCall("staking", "validators elect, 200 candidates, 100 seats, all other"),
            20_000_000,
            "fits into a block"
        );
        vm.warp(block.timestamp + 7 days);
        staking.claimExit(id);
        vm.snapshotGasLastCall("staking", "validators claimExit");
    }

    function newKey() private returns (bytes32) {
        do {
            lastKey = keccak256(abi.encode(lastKey));
        } while (!Ed25519Key.isValid(lastKey));
        return lastKey;
    }
}
