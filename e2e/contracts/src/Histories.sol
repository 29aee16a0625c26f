// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// A bank of a few accounts. Whatever happens to the chain, what they have together stays the same.
/// Anybody moves anything: it is there to be looked at, not to be owned.
contract Bank {
    error Short(uint256 has, uint256 wants);

    /// What was there after a transfer. Each has a tag of its own.
    event Moved(uint256 indexed tag, uint256 from, uint256 to, uint256 amount, uint256 fromAfter, uint256 toAfter);

    uint256[] public balances;

    constructor(uint256 accounts, uint256 each) {
        for (uint256 index = 0; index < accounts; index++) balances.push(each);
    }

    function move(uint256 tag, uint256 from, uint256 to, uint256 amount) external {
        if (balances[from] < amount) revert Short(balances[from], amount);
        balances[from] -= amount;
        balances[to] += amount;
        emit Moved(tag, from, to, amount, balances[from], balances[to]);
    }

    /// All balances, and the block that they are of.
    function all() external view returns (uint256 number, uint256[] memory) {
        return (block.number, balances);
    }
}

/// Lists that transactions append to and read, several at a time. What a list holds is told by its
/// length and by a digest of all of it, so that a read is worth as much as one of the whole list.
contract Lists {
    /// `value` 0 reads. Others append; nobody appends the same twice.
    struct Step {
        uint256 key;
        uint256 value;
    }

    /// What a transaction found, or made, by each of its steps.
    event Seen(uint256 indexed tag, uint256[] lengths, bytes32[] digests);

    mapping(uint256 key => uint256[]) private values;
    mapping(uint256 key => bytes32) private digests;

    function act(uint256 tag, Step[] calldata steps) external {
        uint256[] memory lengths = new uint256[](steps.length);
        bytes32[] memory found = new bytes32[](steps.length);
        for (uint256 index = 0; index < steps.length; index++) {
            (uint256 key, uint256 value) = (steps[index].key, steps[index].value);
            if (value != 0) {
                values[key].push(value);
                digests[key] = keccak256(abi.encode(digests[key], value));
            }
            (lengths[index], found[index]) = (values[key].length, digests[key]);
        }
        emit Seen(tag, lengths, found);
    }

    /// What lists hold, whole, and the block that they are of.
    function read(uint256[] calldata keys) external view returns (uint256 number, uint256[][] memory lists) {
        lists = new uint256[][](keys.length);
        for (uint256 index = 0; index < keys.length; index++) lists[index] = values[keys[index]];
        return (block.number, lists);
    }
}
