// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Observations} from "../../src/oracle/Observations.sol";
import {OracleFixture} from "./OracleFixture.sol";

/// One signed observation in numbers, which the tests of apps/oracle (src/observation.rs) have too: both
/// sign and read the same.
contract ObservationVectorTest is OracleFixture {
    address private constant FEED = address(0xfe);
    uint256 private constant KEY = uint256(0x0707070707070707070707070707070707070707070707070707070707070707);

    function testReportersOfTheProgramAndOfTheTestsSignTheSame() public {
        vm.chainId(31_337);
        Observations.Observation memory observation =
            Observations.Observation(7, 170_000_000, -123_456_789_012, 1_700_000_001);
        bytes32 digest = 0xed4ecc15a4f504a9a73f2d7372cbe07044ef63aa24cf4b9fbe093a28e3729c59;
        Observations.Signature memory signature = Observations.Signature(
            0xe18fa9d73d02e4ae55d1619c78c867232979eef9f617617e94aabcb3bf67ae3d,
            0xbe293099a074cc6fada67009d3b7dcd9a165a8d78d1c9839d2e47e2a222e2d91
        );
        vm.assertEq(digestOf(FEED, block.chainid, observation), digest, "digest");
        vm.assertEq(signDigest(KEY, digest).r, signature.r, "r");
        vm.assertEq(signDigest(KEY, digest).vs, signature.vs, "vs");
        address signer = Observations.signer(Observations.domainSeparator(FEED), observation, signature);
        vm.assertEq(signer, vm.addr(KEY), "signer");
    }
}
