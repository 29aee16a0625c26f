// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// Holds what it is paid, and fails in every way that a client has to tell apart.
contract Ledger {
    error Insufficient(address who, uint256 have, uint256 want);

    event Paid(address indexed from, uint256 amount, string memo);

    mapping(address => uint256) public balanceOf;
    uint256 public total;
    Child public immutable child;

    constructor(uint256 seed) payable {
        child = new Child(seed);
        total = msg.value;
    }

    function pay(string calldata memo) external payable {
        balanceOf[msg.sender] += msg.value;
        total += msg.value;
        emit Paid(msg.sender, msg.value, memo);
    }

    function withdraw(uint256 amount) external {
        uint256 have = balanceOf[msg.sender];
        if (amount > have) revert Insufficient(msg.sender, have, amount);
        balanceOf[msg.sender] = have - amount;
        total -= amount;
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, "not sent");
    }

    function failWithReason() external pure {
        require(false, "the reason");
    }

    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function failWithNothing() external pure {
        assembly {
            revert(0, 0)
        }
    }

    /// Calls the child, and lets its failure pass if it fails.
    function callChild(uint256 value) external returns (bool ok) {
        (ok,) = address(child).call(abi.encodeCall(Child.set, (value)));
    }

    function environment()
        external
        view
        returns (uint256 number, uint256 timestamp, uint256 chain, address beneficiary)
    {
        return (block.number, block.timestamp, block.chainid, block.coinbase);
    }

    receive() external payable {
        total += msg.value;
    }
}

/// Takes any value but zero.
contract Child {
    uint256 public value;

    constructor(uint256 seed) {
        value = seed;
    }

    function set(uint256 next) external {
        require(next != 0, "zero");
        value = next;
    }
}
