// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

/// @title What reporters sign, and how many of them must
/// @notice A reporter signs observations for one feed at a time (EIP-712). The feed counts them, and the
/// registry judges them, each by this library.
/// @dev The domain is made from the address of the feed here, not asked of the feed: a contract that
/// pretends to be a feed cannot name the domain of another one.
library Observations {
    /// What a reporter claims to have seen.
    struct Observation {
        /// Round of the feed that the observation is for.
        uint32 round;
        /// A round that comes to nothing (too few observations, or too late) is tried again, with new
        /// observations and another number. An honest reporter signs at most one observation for each
        /// pair of round and attempt.
        uint32 attempt;
        /// With the decimals of the feed.
        int192 value;
        /// In seconds of Unix time.
        uint48 observedAt;
    }

    /// A signature of 64 bytes (ERC-2098): the highest bit of `vs` is the parity of y, the others are s.
    struct Signature {
        bytes32 r;
        bytes32 vs;
    }

    /// Four is the least number of which one may lie: n >= 3f + 1.
    uint256 internal constant REPORTERS_MIN = 4;
    /// As many as Chainlink's OCR has at most. A bitmap of 32 bits has a place for each.
    uint256 internal constant REPORTERS_MAX = 31;

    string internal constant NAME = "Heddle PriceFeed";
    string internal constant VERSION = "1";

    bytes32 internal constant OBSERVATION_TYPEHASH =
        keccak256("Observation(uint32 round,uint32 attempt,int192 value,uint48 observedAt)");

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256(bytes(NAME));
    bytes32 private constant VERSION_HASH = keccak256(bytes(VERSION));

    /// @notice How many of `count` reporters, at least one, may lie: f = floor((count - 1) / 3).
    function faultyMax(uint256 count) internal pure returns (uint256) {
        return (count - 1) / 3;
    }

    /// @notice How many observations a report needs: 2f + 1.
    /// @dev Of any 2f + 1 sorted values the one in the middle has f on each side. With at most f liars
    /// there is an honest value among it and those below, and one among it and those above.
    function quorum(uint256 count) internal pure returns (uint256) {
        return 2 * faultyMax(count) + 1;
    }

    /// @notice How many of `count` seats must be taken for a feed to accept reports.
    function seatsNeeded(uint256 count) internal pure returns (uint256) {
        uint256 least = quorum(count);
        return least < REPORTERS_MIN ? REPORTERS_MIN : least;
    }

    /// @notice Hash of the EIP-712 domain of a feed on this chain, as the chain's id is now.
    function domainSeparator(address feed) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, feed));
    }

    /// @notice Who signed the observation, or zero where nobody can have.
    /// @dev Refuses signatures with an s in the upper half of the order, so that there is one form of each.
    function signer(bytes32 domain, Observation memory observation, Signature memory signature)
        internal
        pure
        returns (address account)
    {
        bytes32 content = EfficientHashLib.hash(
            uint256(OBSERVATION_TYPEHASH),
            observation.round,
            observation.attempt,
            uint256(int256(observation.value)),
            observation.observedAt
        );
        // Zero with every error.
        (account,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domain, content), signature.r, signature.vs);
    }
}
