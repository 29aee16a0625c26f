// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Who agrees on blocks
/// @notice A system contract: every node reads it at the end of each epoch, and those that it lists
/// then validate in the next epoch but one. Whoever is elected, and how, is the business of the
/// authority, which may be an account or a contract such as one for delegated stake.
/// @dev Nodes read `authority` in slot 0 and `validators` in slot 1, two slots each: the order of the
/// variables is part of the protocol.
contract Validators {
    struct Validator {
        /// Public key (ed25519) that votes are signed with.
        bytes32 key;
        /// Who may change the key, or have the validator leave.
        address operator;
    }

    uint256 public constant MINIMUM = 4;
    uint256 public constant MAXIMUM = 128;

    address public authority;
    Validator[] private validators;

    event Joined(bytes32 indexed key, address indexed operator);
    event Left(bytes32 indexed key, address indexed operator);
    event KeyReplaced(bytes32 indexed oldKey, bytes32 indexed newKey);
    event AuthorityChanged(address indexed oldAuthority, address indexed newAuthority);

    error NotAllowed(address caller);
    error TooFew();
    error TooMany();
    error UnknownKey(bytes32 key);
    error KnownKey(bytes32 key);
    error NoKey();
    error NoOperator();

    modifier onlyAuthority() {
        if (msg.sender != authority) revert NotAllowed(msg.sender);
        _;
    }

    /// @notice All validators, as of now.
    function list() external view returns (Validator[] memory) {
        return validators;
    }

    /// @notice How many there are.
    function count() external view returns (uint256) {
        return validators.length;
    }

    /// @notice Lets a validator join, in the next epoch but one.
    function add(bytes32 key, address operator) external onlyAuthority {
        if (validators.length >= MAXIMUM) revert TooMany();
        if (operator == address(0)) revert NoOperator();
        requireNew(key);
        validators.push(Validator(key, operator));
        emit Joined(key, operator);
    }

    /// @notice Has a validator leave, in the next epoch but one: by the authority or by its operator.
    function remove(bytes32 key) external {
        uint256 length = validators.length;
        uint256 index = find(key);
        address operator = validators[index].operator;
        if (msg.sender != authority && msg.sender != operator) revert NotAllowed(msg.sender);
        if (length <= MINIMUM) revert TooFew();
        validators[index] = validators[length - 1];
        validators.pop();
        emit Left(key, operator);
    }

    /// @notice Gives a validator another key, from the next epoch but one on: by its operator.
    function replaceKey(bytes32 oldKey, bytes32 newKey) external {
        uint256 index = find(oldKey);
        if (msg.sender != validators[index].operator) revert NotAllowed(msg.sender);
        requireNew(newKey);
        validators[index].key = newKey;
        emit KeyReplaced(oldKey, newKey);
    }

    /// @notice Hands the authority over.
    function setAuthority(address newAuthority) external onlyAuthority {
        emit AuthorityChanged(authority, newAuthority);
        authority = newAuthority;
    }

    function find(bytes32 key) private view returns (uint256) {
        uint256 length = validators.length;
        for (uint256 i = 0; i < length; i++) {
            if (validators[i].key == key) return i;
        }
        revert UnknownKey(key);
    }

    function requireNew(bytes32 key) private view {
        if (key == bytes32(0)) revert NoKey();
        uint256 length = validators.length;
        for (uint256 i = 0; i < length; i++) {
            if (validators[i].key == key) revert KnownKey(key);
        }
    }
}
