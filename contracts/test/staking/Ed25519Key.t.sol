// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Ed25519Key} from "../../src/staking/Ed25519Key.sol";
import {Test} from "../support/Test.sol";

contract Ed25519KeyTest is Test {
    uint256 private constant P = 2 ** 255 - 19;
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;

    /// RFC 8032, section 7.1, tests 1 to 3.
    function test_keysOfTheStandardAreValid() external view {
        vm.assertTrue(Ed25519Key.isValid(0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a), "1");
        vm.assertTrue(Ed25519Key.isValid(0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c), "2");
        vm.assertTrue(Ed25519Key.isValid(0xfc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025), "3");
    }

    /// y = 2, 7, 8 and 11 are of no point.
    function test_whatIsNotOnTheCurveIsInvalid() external view {
        uint8[4] memory values = [2, 7, 8, 11];
        for (uint256 i = 0; i < 4; i++) {
            vm.assertTrue(!Ed25519Key.isValid(bytes32(uint256(values[i]) << 248)), "not on the curve");
        }
    }

    /// The eight points of small order, by either sign of x, and their encodings above the field.
    function test_pointsOfSmallOrderAreInvalid() external view {
        bytes32[5] memory keys = [
            bytes32(0),
            bytes32(uint256(1) << 248),
            bytes32(0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f),
            bytes32(0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a),
            bytes32(0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05)
        ];
        for (uint256 i = 0; i < 5; i++) {
            vm.assertTrue(!Ed25519Key.isValid(keys[i]), "small order");
            vm.assertTrue(!Ed25519Key.isValid(keys[i] | bytes32(uint256(0x80))), "with the other sign");
        }
        for (uint256 y = P; y < 2 ** 255; y++) {
            vm.assertTrue(!Ed25519Key.isValid(encoded(y)), "not below the field");
        }
    }

    /// Either there is an x, which is found by another way here (RFC 8032, section 5.1.3), or there is none.
    function test_validIsWhatHasAnX(uint256 y) external view {
        y = bound(y, 2, P - 2);
        uint256 u = addmod(mulmod(y, y, P), P - 1, P);
        uint256 v = addmod(mulmod(D, mulmod(y, y, P), P), 1, P);
        uint256 v3 = mulmod(v, mulmod(v, v, P), P);
        uint256 v7 = mulmod(v, mulmod(v3, v3, P), P);
        uint256 x = mulmod(mulmod(u, v3, P), power(mulmod(u, v7, P), (P - 5) / 8), P);
        uint256 vx2 = mulmod(v, mulmod(x, x, P), P);
        bool isThere = vx2 == u || vx2 == P - u;
        vm.assertEq(Ed25519Key.isValid(encoded(y)), isThere, "with an even x");
        vm.assertEq(Ed25519Key.isValid(encoded(y) | bytes32(uint256(0x80))), isThere, "with an odd x");
    }

    function power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = 1;
        for (; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, P);
            base = mulmod(base, base, P);
        }
    }

    function encoded(uint256 y) private pure returns (bytes32 key) {
        for (uint256 i = 0; i < 32; i++) {
            key |= bytes32((y >> (8 * i) & 0xff) << (8 * (31 - i)));
        }
    }
}
