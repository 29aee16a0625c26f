// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Public keys of ed25519
/// @dev Source: RFC 8032, sections 5.1.2 and 5.1.3.
library Ed25519Key {
    /// @dev The field: 2^255 - 19.
    uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    /// @dev Of the curve -x^2 + y^2 = 1 + d x^2 y^2: -121665/121666.
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    /// @dev The y of points of order 8; the other one is P - Y8.
    uint256 private constant Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7;

    /// @notice Whether 32 bytes are the canonical encoding of a point of the curve, and not of one of the
    /// eight of small order, under which anybody can sign.
    /// @dev Nodes leave out a validator whose key they cannot decode, so that a set with such keys has fewer
    /// validators than it seems to. That the point is in the subgroup of prime order, and that whoever names
    /// the key can sign with it, is not checked. Costs one modular exponentiation (EIP-198).
    function isValid(bytes32 key) internal view returns (bool) {
        uint256 encoded = reversed(uint256(key));
        // The highest bit is the sign of x, which either value of is good for any x but zero.
        uint256 y = encoded & (type(uint256).max >> 1);
        if (y >= P || y <= 1 || y == P - 1 || y == Y8 || y == P - Y8) return false;
        // x^2 = u / v, which is a square when u * v is one. v is never zero, as -1/d is no square.
        uint256 y2 = mulmod(y, y, P);
        uint256 u = y2 - 1;
        uint256 v = addmod(mulmod(D, y2, P), 1, P);
        // Euler's criterion. u is not zero, as y is neither 1 nor -1.
        return Math.modExp(mulmod(u, v, P), (P - 1) / 2, P) == 1;
    }

    /// @dev The same bytes in the other order.
    function reversed(uint256 word) private pure returns (uint256 result) {
        for (uint256 i = 0; i < 32; i++) {
            result = (result << 8) | (word & 0xff);
            word >>= 8;
        }
    }
}
