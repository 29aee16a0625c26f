// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Observations} from "../../src/oracle/Observations.sol";
import {PriceFeed} from "../../src/oracle/PriceFeed.sol";
import {ReporterRegistry} from "../../src/oracle/ReporterRegistry.sol";
import {Test} from "../support/Test.sol";
import {TestToken} from "./TestToken.sol";

/// A registry, feeds, and reporters that sign. What is signed is hashed here by the text of EIP-712, not by
/// the contracts.
abstract contract OracleFixture is Test {
    uint256 internal constant START = 1_700_000_000;
    uint128 internal constant BOND = 1000e18;
    address internal constant ADMIN = address(0xad);
    address internal constant APPOINTER = address(0xa1);
    address internal constant CANCELLER = address(0xa2);
    address internal constant FUND = address(0xf0);
    address internal constant OWNER = address(0x03);
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    TestToken internal token;
    ReporterRegistry internal registry;
    /// Keys and addresses of reporters, by ascending address: by seat, where all are appointed.
    uint256[] internal keys;
    address[] internal accounts;

    /// An observation before it is signed.
    struct Plan {
        uint256 seat;
        int192 value;
        uint48 observedAt;
    }

    function deployRegistry() internal {
        vm.warp(START);
        token = new TestToken();
        registry = new ReporterRegistry(registryConfig());
        bytes32 appointer = registry.APPOINTER_ROLE();
        bytes32 canceller = registry.CANCELLER_ROLE();
        vm.startPrank(ADMIN);
        registry.grantRole(appointer, APPOINTER);
        registry.grantRole(canceller, CANCELLER);
        vm.stopPrank();
    }

    function registryConfig() internal view returns (ReporterRegistry.Config memory) {
        return ReporterRegistry.Config({
            admin: ADMIN,
            token: token,
            bondMin: BOND,
            fund: FUND,
            rewardShare: 1000,
            appointmentDelay: 2 days,
            unbondingDelay: 14 days
        });
    }

    function feedConfig() internal view returns (PriceFeed.Config memory) {
        return PriceFeed.Config({
            registry: registry,
            description: "ETH / USD",
            decimals: 8,
            heartbeat: 1 hours,
            staleAfter: 70 minutes,
            deviationThreshold: 50,
            observationAgeMax: 60,
            futureTolerance: 5,
            minAnswer: 1e8,
            maxAnswer: 100_000e8
        });
    }

    /// Makes `count` keys, sorted by address.
    function makeKeys(uint256 count, uint256 seed) internal {
        delete keys;
        delete accounts;
        for (uint256 i = 0; i < count; i++) {
            uint256 key = bound(uint256(keccak256(abi.encode(seed, i))), 1, ORDER - 1);
            address account = vm.addr(key);
            keys.push(key);
            accounts.push(account);
            for (uint256 j = i; j > 0 && accounts[j - 1] > accounts[j]; j--) {
                (accounts[j - 1], accounts[j]) = (accounts[j], accounts[j - 1]);
                (keys[j - 1], keys[j]) = (keys[j], keys[j - 1]);
            }
        }
    }

    /// Has an account join and post the bond.
    function bondFor(address feed, address account) internal {
        vm.prank(account);
        registry.join(feed, OWNER);
        token.mint(address(this), BOND);
        token.approve(address(registry), BOND);
        registry.addBond(feed, account, BOND);
    }

    /// Has all of `accounts` appointed for the feed.
    function appointAll(address feed) internal {
        for (uint256 i = 0; i < accounts.length; i++) {
            bondFor(feed, accounts[i]);
        }
        announceAndAppoint(feed, accounts);
    }

    function announceAndAppoint(address feed, address[] memory chosen) internal {
        vm.prank(APPOINTER);
        registry.announce(feed, chosen);
        vm.warp(block.timestamp + 2 days);
        registry.appoint(feed, chosen);
    }

    function deployFeed(uint256 count, uint256 seed) internal returns (PriceFeed feed) {
        feed = new PriceFeed(feedConfig());
        makeKeys(count, seed);
        appointAll(address(feed));
    }

    function digestOf(address feed, uint256 chain, Observations.Observation memory observation)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Heddle PriceFeed"),
                keccak256("1"),
                chain,
                feed
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                keccak256("Observation(uint32 round,uint32 attempt,int192 value,uint48 observedAt)"),
                observation.round,
                observation.attempt,
                observation.value,
                observation.observedAt
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    function signDigest(uint256 key, bytes32 digest) internal pure returns (Observations.Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Observations.Signature(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function signFor(address feed, uint256 key, Observations.Observation memory observation)
        internal
        view
        returns (Observations.Signature memory)
    {
        return signDigest(key, digestOf(feed, block.chainid, observation));
    }

    function signPlan(PriceFeed feed, uint32 round, uint32 attempt, Plan memory plan)
        internal
        view
        returns (PriceFeed.SignedObservation memory)
    {
        Observations.Observation memory observation =
            Observations.Observation(round, attempt, plan.value, plan.observedAt);
        Observations.Signature memory signature = signFor(address(feed), keys[plan.seat], observation);
        return PriceFeed.SignedObservation(uint8(plan.seat), plan.value, plan.observedAt, signature.r, signature.vs);
    }

    /// A report that is right, if the plans are: sorted by value.
    function report(PriceFeed feed, uint32 round, uint32 attempt, Plan[] memory plans)
        internal
        view
        returns (PriceFeed.SignedObservation[] memory signed)
    {
        sort(plans);
        signed = new PriceFeed.SignedObservation[](plans.length);
        for (uint256 i = 0; i < plans.length; i++) {
            signed[i] = signPlan(feed, round, attempt, plans[i]);
        }
    }

    /// The first `count` reporters all see the same, now.
    function agreed(uint256 count, int192 value) internal view returns (Plan[] memory plans) {
        plans = new Plan[](count);
        for (uint256 i = 0; i < count; i++) {
            plans[i] = Plan(i, value, uint48(block.timestamp));
        }
    }

    /// Reports for the next round.
    function submit(PriceFeed feed, Plan[] memory plans) internal {
        uint32 round = uint32(feed.latestRound() + 1);
        feed.submit(round, 0, report(feed, round, 0, plans));
    }

    /// The least reporters that suffice see the same, now.
    function submitAgreed(PriceFeed feed, int192 value) internal {
        submit(feed, agreed(2 * ((keys.length - 1) / 3) + 1, value));
    }

    function sort(Plan[] memory plans) internal pure {
        for (uint256 i = 1; i < plans.length; i++) {
            Plan memory plan = plans[i];
            uint256 j = i;
            for (; j > 0 && plans[j - 1].value > plan.value; j--) {
                plans[j] = plans[j - 1];
            }
            plans[j] = plan;
        }
    }

    function shuffle(Plan[] memory plans, uint256 seed) internal pure {
        for (uint256 i = plans.length; i > 1; i--) {
            uint256 j = uint256(keccak256(abi.encode(seed, i))) % i;
            (plans[i - 1], plans[j]) = (plans[j], plans[i - 1]);
        }
    }
}
