// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {VenueToken} from "../../src/governance/VenueToken.sol";
import {Test} from "../support/Test.sol";

contract VenueTokenTest is Test {
    uint256 private constant SUPPLY = 1e27;
    uint256 private constant KEY = 0xa11ce;

    VenueToken private token;
    address private holder = vm.addr(KEY);
    uint256 private start = 1_800_000_000;

    function setUp() external {
        vm.warp(start);
        token = new VenueToken("Venue", "VENUE", SUPPLY, holder);
    }

    function test_theHolderGetsAllAndThereIsNoMore() external {
        vm.assertEq(token.totalSupply(), SUPPLY, "supply");
        vm.assertEq(token.balanceOf(holder), SUPPLY, "all of it");
        vm.expectRevert(abi.encodeWithSelector(VenueToken.SupplyOutOfRange.selector, 0));
        new VenueToken("Venue", "VENUE", 0, holder);
        vm.expectRevert(abi.encodeWithSelector(VenueToken.SupplyOutOfRange.selector, 1 << 96));
        new VenueToken("Venue", "VENUE", 1 << 96, holder);
    }

    /// Votes count from the delegation on, by the second, and stay looked up as they were.
    function test_votesAreLookedUpBySecond() external {
        address other = address(0xb0b);
        vm.assertEq(token.getVotes(holder), 0, "not delegated");
        vm.startPrank(holder);
        token.delegate(holder);
        vm.assertEq(token.getVotes(holder), SUPPLY, "delegated");
        vm.expectRevert(abi.encodeWithSelector(Votes.ERC5805FutureLookup.selector, start, uint48(start)));
        token.getPastVotes(holder, start);
        vm.warp(start + 10);
        token.transfer(other, 1e26);
        vm.warp(start + 20);
        vm.assertEq(token.getPastVotes(holder, start + 9), SUPPLY, "before the transfer");
        vm.assertEq(token.getPastVotes(holder, start + 10), 9e26, "after it");
        vm.assertEq(token.getPastTotalSupply(start + 10), SUPPLY, "supply");
        vm.assertEq(token.getVotes(other), 0, "the other one has not delegated");
        vm.assertEq(token.clock(), start + 20, "clock");
        vm.assertEq(bytes(token.CLOCK_MODE()), "mode=timestamp", "ERC-6372");
        vm.stopPrank();
    }

    function test_permitsAndDelegationsBySignatureAreGoodOnce() external {
        address spender = address(0x5e);
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder,
                spender,
                123,
                0,
                start
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest(permit));
        token.permit(holder, spender, 123, start, v, r, s);
        vm.assertEq(token.allowance(holder, spender), 123, "allowed");
        vm.expectRevert();
        token.permit(holder, spender, 123, start, v, r, s);

        bytes32 delegation = keccak256(
            abi.encode(keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)"), spender, 1, start)
        );
        (v, r, s) = vm.sign(KEY, digest(delegation));
        token.delegateBySig(spender, 1, start, v, r, s);
        vm.assertEq(token.getVotes(spender), SUPPLY, "delegated");
        vm.assertEq(token.nonces(holder), 2, "two signatures");
        vm.expectRevert();
        token.delegateBySig(spender, 1, start, v, r, s);
    }

    /// After any transfers and delegations a delegate has the balances of those who chose it.
    function test_votesAreTheBalancesOfThoseWhoDelegated(uint256 seed) external {
        address[4] memory accounts = [holder, address(1), address(2), address(3)];
        address[4] memory chosen;
        uint256[4] memory balances = [SUPPLY, 0, 0, 0];
        for (uint256 i = 0; i < 30; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 from = seed % 4;
            uint256 to = (seed >> 8) % 4;
            vm.prank(accounts[from]);
            if (seed & 1024 == 0) {
                chosen[from] = accounts[to];
                token.delegate(accounts[to]);
            } else {
                uint256 amount = bound(seed >> 16, 0, balances[from]);
                (balances[from], balances[to]) =
                (balances[from] - amount, from == to ? balances[to] : balances[to] + amount);
                if (from == to) balances[from] += amount;
                token.transfer(accounts[to], amount);
            }
            vm.warp(block.timestamp + (seed >> 128) % 3);
        }
        for (uint256 i = 0; i < 4; i++) {
            uint256 votes = 0;
            for (uint256 j = 0; j < 4; j++) {
                if (chosen[j] == accounts[i]) votes += balances[j];
            }
            vm.assertEq(token.getVotes(accounts[i]), votes, "votes");
        }
    }

    function digest(bytes32 hash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash));
    }
}
