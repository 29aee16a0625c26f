// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {Ledger} from "../src/Ledger.sol";

interface Vm {
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
}

/// Deploys a ledger, pays into it and takes a part out again.
contract Deploy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    event Deployed(address ledger);

    function run(uint256 key) external returns (Ledger ledger) {
        VM.startBroadcast(key);
        ledger = new Ledger{value: 1}(7);
        ledger.pay{value: 10}("script");
        ledger.withdraw(4);
        VM.stopBroadcast();
        require(ledger.total() == 7, "total after the script");
        emit Deployed(address(ledger));
    }
}
