// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// What a test may ask of forge: the part of its cheat codes that the tests here use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct ChainInfo {
        uint256 forkId;
        uint256 chainId;
    }

    struct StorageAccess {
        address account;
        bytes32 slot;
        bool isWrite;
        bytes32 previousValue;
        bytes32 newValue;
        bool reverted;
    }

    struct AccountAccess {
        ChainInfo chainInfo;
        uint8 kind;
        address account;
        address accessor;
        bool initialized;
        uint256 oldBalance;
        uint256 newBalance;
        bytes deployedCode;
        uint256 value;
        bytes data;
        bool reverted;
        StorageAccess[] storageAccesses;
        uint64 depth;
        uint64 oldNonce;
        uint64 newNonce;
    }

    function accesses(address account)
        external
        returns (bytes32[] memory reads, bytes32[] memory writes);
    function addr(uint256 key) external pure returns (address);
    function assertApproxEqAbs(uint256 left, uint256 right, uint256 most, string calldata) external pure;
    function assertApproxEqRel(uint256 left, uint256 right, uint256 most, string calldata) external pure;
    function assertEq(address left, address right, string calldata) external pure;
    function assertEq(bool left, bool right, string calldata) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata) external pure;
    function assertEq(int256 left, int256 right, string calldata) external pure;
    function assertEq(uint256 left, uint256 right, string calldata) external pure;
    function assertGe(uint256 left, uint256 right, string calldata) external pure;
    function assertGt(uint256 left, uint256 right, string calldata) external pure;
    function assertLe(uint256 left, uint256 right, string calldata) external pure;
    function assertLt(uint256 left, uint256 right, string calldata) external pure;
    function assertTrue(bool condition, string calldata) external pure;
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 wei_) external;
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function etch(address account, bytes calldata code) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function getRecordedLogs() external returns (Log[] memory);
    function isFile(string calldata path) external view returns (bool);
    function load(address account, bytes32 slot) external view returns (bytes32);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function prank(address sender) external;
    function readFile(string calldata path) external view returns (string memory);
    function record() external;
    function recordLogs() external;
    function roll(uint256 number) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function skip(bool isSkipped) external;
    function skip(bool isSkipped, string calldata reason) external;
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function startPrank(address sender) external;
    function startStateDiffRecording() external;
    function stopAndReturnStateDiff() external returns (AccountAccess[] memory);
    function stopPrank() external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function warp(uint256 time) external;
}

/// A test. Functions whose names begin with `test` are run, those with `invariant_` are looked at after
/// each of many calls of the contracts that `targetContract` names.
abstract contract Test {
    // forge looks for it.
    bool public constant IS_TEST = true;
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address[] private called;
    FuzzSelector[] private selectors;

    /// A number from a range, its ends included, that follows from any number.
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        uint256 size = most - least;
        return size == type(uint256).max ? value : least + value % (size + 1);
    }

    /// Where invariants are tested, forge calls this contract.
    function targetContract(address contract_) internal {
        called.push(contract_);
    }

    /// Of a contract, forge calls these functions only.
    function targetSelectors(address contract_, bytes4[] memory functions) internal {
        selectors.push(FuzzSelector(contract_, functions));
    }

    function targetContracts() external view returns (address[] memory) {
        return called;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return selectors;
    }
}
