// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// Runs on a fork of the node.
contract ForkedTest {
    function testSeesTheNode() external view {
        require(block.chainid == 31337, "chain id");
        // The first account of the mnemonic.
        require(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266.balance > 9000 ether, "balance");
    }
}
