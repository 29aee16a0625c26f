// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Validators} from "../../src/Validators.sol";
import {Ed25519Key} from "../../src/staking/Ed25519Key.sol";
import {ValidatorStaking} from "../../src/staking/ValidatorStaking.sol";
import {Handler} from "../support/Handler.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// Six candidates, two delegators, and founders who do with their entries what they may.
contract StakingHandler is Handler {
    uint256 public constant CANDIDATES = 6;
    uint256 public constant DELEGATORS = 2;
    address public constant FOUNDER = address(0xf0);

    ValidatorStaking public immutable staking;
    Validators public immutable validators;
    TestToken public immutable token;
    uint256[] private exits;
    uint256 public given;
    uint256 public paid;
    uint256 public elections;
    uint256 private evidence;
    bytes32 private lastKey;

    constructor(ValidatorStaking staking_, Validators validators_, TestToken token_) {
        (staking, validators, token) = (staking_, validators_, token_);
        for (uint256 i = 0; i < CANDIDATES + DELEGATORS; i++) {
            vm.prank(account(i));
            token.approve(address(staking), type(uint256).max);
        }
        token.approve(address(staking), type(uint256).max);
        for (uint256 i = 0; i < CANDIDATES; i++) {
            register(i, 1000 + i);
        }
    }

    function register(uint256 index, uint256 amount) public {
        address who = account(index % CANDIDATES);
        amount = bound(amount, 1, 1e22);
        (bytes32 key,,,,,,,) = staking.candidateOf(who);
        if (key == 0) key = newKey();
        token.mint(who, amount);
        vm.prank(who);
        staking.register(key, uint16(amount % 5001), amount, address(0));
    }

    function retire(uint256 index) external {
        // Not so often that nobody is left.
        if (index % 4 != 0) return;
        vm.prank(account(index / 4 % CANDIDATES));
        staking.retire();
    }

    function replaceKey(uint256 index) external {
        bytes32 key = newKey();
        vm.prank(account(index % CANDIDATES));
        staking.replaceKey(key);
    }

    function announceCommission(uint256 index, uint16 commission) external {
        vm.prank(account(index % CANDIDATES));
        staking.announceCommission(commission % 5001);
    }

    function delegate(uint256 index, uint256 delegator, uint256 amount) external {
        address who = account(CANDIDATES + delegator % DELEGATORS);
        amount = bound(amount, 1, 1e22);
        token.mint(who, amount);
        vm.prank(who);
        staking.delegate(account(index % CANDIDATES), amount);
    }

    function requestExit(uint256 index, uint256 delegator, uint256 shares) external {
        address candidate = account(index % CANDIDATES);
        delegator = delegator % (DELEGATORS + 1);
        address who = delegator == DELEGATORS ? candidate : account(CANDIDATES + delegator);
        (uint256 held,,) = staking.delegationOf(candidate, who);
        if (exits.length >= 20 || held == 0) return;
        shares = bound(shares, 1, held);
        vm.prank(who);
        exits.push(staking.requestExit(candidate, shares));
    }

    /// One that was not paid, mostly when it is final.
    function claimExit(uint256 index, uint256 chance) external {
        uint256 id = exits[index % exits.length];
        (uint256 assets, uint256 finalAt,) = staking.exitOf(id);
        if (finalAt > block.timestamp && chance % 4 != 0) vm.warp(finalAt);
        uint256 before = token.balanceOf(address(uint160(id >> 96)));
        note(staking.claimExit(id) == assets, "an exit is what it was worth");
        note(block.timestamp >= finalAt, "an exit is paid when it is final");
        note(token.balanceOf(address(uint160(id >> 96))) == before + assets, "an exit is paid to its owner");
        exits[index % exits.length] = exits[exits.length - 1];
        exits.pop();
    }

    /// Of the first from there on who has any.
    function claimReward(uint256 index, uint256 delegator) external {
        for (uint256 i = 0; i < CANDIDATES; i++) {
            address candidate = account((index % CANDIDATES + i) % CANDIDATES);
            uint256 which = (delegator % (DELEGATORS + 1) + i) % (DELEGATORS + 1);
            address who = which == DELEGATORS ? candidate : account(CANDIDATES + which);
            (,, uint256 reward) = staking.delegationOf(candidate, who);
            if (reward == 0) continue;
            vm.prank(who);
            uint256 got = staking.claimReward(candidate);
            note(got == reward, "a reward is what was said");
            paid += got;
            return;
        }
    }

    function claimCommission(uint256 index) external {
        address candidate = account(index % CANDIDATES);
        uint256 owed = staking.commissionOwedTo(candidate);
        if (owed == 0) return;
        vm.prank(candidate);
        uint256 got = staking.claimCommission();
        note(got == owed, "a commission is what was said");
        paid += got;
    }

    function giveReward(uint256 amount) external {
        amount = bound(amount, 1, 1e22);
        token.mint(address(this), amount);
        staking.giveReward(amount);
        given += amount;
    }

    function elect() external {
        if (block.timestamp < staking.nextElection()) vm.warp(staking.nextElection());
        staking.elect();
        elections++;
        checkElection();
    }

    function slash(uint256 index, uint256 fraction, uint256 time) external {
        // Not so often that nobody is left.
        if (time % 3 == 0) return;
        evidence++;
        uint48 until = uint48(block.timestamp + time % 3 days);
        staking.slash(account(index % CANDIDATES), fraction % 5001, bytes32(evidence), until);
    }

    /// A founder leaves, or takes a key: a new one or a candidate's.
    function found(uint256 index, uint256 action) external {
        Validators.Validator[] memory entries = validators.list();
        bytes32 key = entries[index % entries.length].key;
        bytes32 other = newKey();
        if (action % 3 == 0) (other,,,,,,,) = staking.candidateOf(account(action / 3 % CANDIDATES));
        vm.prank(FOUNDER);
        if (action % 3 == 2) validators.remove(key);
        else validators.replaceKey(key, other);
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 days));
    }

    function list() external view returns (uint256[] memory) {
        return exits;
    }

    function account(uint256 index) public pure returns (address) {
        return address(uint160(0xca0000 + index));
    }

    /// Nobody who may be elected has more stake than one who was; and all who were validate.
    function checkElection() private {
        address[] memory elected = staking.listElected();
        uint256 least = type(uint256).max;
        for (uint256 i = 0; i < elected.length; i++) {
            (bytes32 key, bool isCandidate, uint256 assets,, uint256 own,,, uint256 jailed) =
                staking.candidateOf(elected[i]);
            note(isCandidate && own >= 100 && jailed <= block.timestamp, "elected are those who may be");
            note(isListed(key), "the elected validate");
            if (assets < least) least = assets;
        }
        uint256 eligible = 0;
        for (uint256 i = 0; i < CANDIDATES; i++) {
            (, bool isCandidate, uint256 assets,, uint256 own, uint256 seat,, uint256 jailed) =
                staking.candidateOf(account(i));
            if (!isCandidate || own < 100 || jailed > block.timestamp) continue;
            eligible++;
            note(seat == assets || assets <= least, "no stronger one is left out");
        }
        uint256 seats = eligible < 5 ? eligible : 5;
        note(elected.length == seats, "all seats are given");
        note(validators.count() == (seats < 4 ? 4 : seats), "nobody else validates, but to have four");
    }

    function isListed(bytes32 key) private view returns (bool) {
        Validators.Validator[] memory entries = validators.list();
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].key == key) return true;
        }
        return false;
    }

    function newKey() private returns (bytes32) {
        do {
            lastKey = keccak256(abi.encode(lastKey));
        } while (!Ed25519Key.isValid(lastKey));
        return lastKey;
    }
}

contract ValidatorStakingInvariantTest is Test {
    TestToken private token = new TestToken("TOKEN");
    Validators private validators = new Validators();
    ValidatorStaking private staking;
    StakingHandler private handler;

    function setUp() external {
        vm.warp(1_800_000_000);
        vm.store(address(validators), 0, bytes32(uint256(uint160(address(this)))));
        for (uint256 i = 1; i <= 7; i++) {
            validators.add(bytes32(i), address(0xf0));
        }
        ValidatorStaking.Settings memory settings = ValidatorStaking.Settings(1 days, 4 days, address(0xc0ffe), 5, 100);
        staking = new ValidatorStaking(validators, token, settings, address(this));
        validators.setAuthority(address(staking));
        handler = new StakingHandler(staking, validators, token);
        staking.grantRole(staking.SLASHER_ROLE(), address(handler));
        targetContract(address(handler));
        bytes4[] memory functions = new bytes4[](14);
        functions[0] = StakingHandler.register.selector;
        functions[1] = StakingHandler.retire.selector;
        functions[2] = StakingHandler.replaceKey.selector;
        functions[3] = StakingHandler.announceCommission.selector;
        functions[4] = StakingHandler.delegate.selector;
        functions[5] = StakingHandler.requestExit.selector;
        functions[6] = StakingHandler.claimExit.selector;
        functions[7] = StakingHandler.claimReward.selector;
        functions[8] = StakingHandler.claimCommission.selector;
        functions[9] = StakingHandler.giveReward.selector;
        functions[10] = StakingHandler.elect.selector;
        functions[11] = StakingHandler.slash.selector;
        functions[12] = StakingHandler.found.selector;
        functions[13] = StakingHandler.wait.selector;
        targetSelectors(address(handler), functions);
    }

    function invariant_thereAreAlwaysEnoughValidatorsAndAllIsCovered() external view {
        vm.assertEq(bytes(handler.failure()), "", "what calls did");
        vm.assertGe(validators.count(), 4, "never fewer than four");
        vm.assertLe(validators.count(), 128, "never too many");
        (uint256 principal, uint256 owed, uint256 seats) = (0, 0, 0);
        for (uint256 i = 0; i < handler.CANDIDATES(); i++) {
            (uint256 assets, uint256 seat, uint256 rewards) = sums(handler.account(i));
            (principal, owed, seats) = (principal + assets, owed + rewards, seats + seat);
        }
        uint256[] memory exits = handler.list();
        for (uint256 i = 0; i < exits.length; i++) {
            (uint256 assets,,) = staking.exitOf(exits[i]);
            principal += assets;
        }
        (uint256 waiting, uint256 ofEpoch) = staking.rewards();
        uint256 stake = 0;
        address[] memory elected = staking.listElected();
        for (uint256 i = 0; i < elected.length; i++) {
            stake += electedWith(elected[i]);
        }
        uint256 toCome = 0;
        if (seats != 0) {
            uint256 end = staking.nextElection();
            uint256 left = block.timestamp >= end ? 0 : end - block.timestamp;
            toCome = ofEpoch * left / 1 days;
        }
        vm.assertGe(token.balanceOf(address(staking)), principal + owed + waiting, "covered");
        vm.assertLe(owed + waiting + handler.paid(), handler.given(), "no more than was given");
        // While nobody was jailed in this epoch, and no pool is empty, what is not owed yet is what is to come.
        if (stake == seats && seats != 0) {
            vm.assertApproxEqAbs(
                owed + waiting + handler.paid() + toCome, handler.given(), 200 + handler.elections() * 50, "and no less"
            );
        }
    }

    function electedWith(address candidate) private view returns (uint256 seat) {
        uint256 shares;
        (,,, shares,, seat,,) = staking.candidateOf(candidate);
        // Lost to a jail, or earning for the next epoch, which no view counts before it is settled: any number
        // that the sums do not have.
        if (seat == 0 || shares == 0) seat = 1e40;
    }

    function sums(address candidate) private view returns (uint256 principal, uint256 seat, uint256 owed) {
        (,, uint256 assets, uint256 shares,, uint256 seat_,,) = staking.candidateOf(candidate);
        (principal, seat) = (assets, seat_);
        owed = staking.commissionOwedTo(candidate);
        uint256 held;
        uint256 worth;
        for (uint256 i = 0; i <= handler.DELEGATORS(); i++) {
            address who = i == handler.DELEGATORS() ? candidate : handler.account(handler.CANDIDATES() + i);
            (uint256 own, uint256 part, uint256 reward) = staking.delegationOf(candidate, who);
            (held, worth, owed) = (held + own, worth + part, owed + reward);
        }
        vm.assertEq(held, shares, "all shares of a pool are somebody's");
        vm.assertLe(worth, assets, "and worth no more than the pool");
    }
}
