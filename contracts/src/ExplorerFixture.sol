// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// Amounts, some of which change without an event.
contract FixtureToken is ERC20 {
    mapping(address holder => uint256) private bonus;

    constructor() ERC20("Fixture Token", "FIX") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external {
        _burn(from, amount);
    }

    /// As a token does that shares out interest.
    function give(address to, uint256 amount) external {
        bonus[to] += amount;
    }

    function move(address from, address to, uint256 amount) external {
        _transfer(from, to, amount);
    }

    function balanceOf(address holder) public view override returns (uint256) {
        return super.balanceOf(holder) + bonus[holder];
    }

}

/// Single items.
contract FixtureItems is ERC721 {
    constructor() ERC721("Fixture Items", "ITEM") {}

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function move(address from, address to, uint256 id) external {
        _transfer(from, to, id);
    }

    function burn(uint256 id) external {
        _burn(id);
    }
}

/// Amounts of many kinds.
contract FixtureKinds is ERC1155 {
    constructor() ERC1155("") {}

    function mint(address to, uint256[] calldata ids, uint256[] calldata amounts) external {
        _mintBatch(to, ids, amounts, "");
    }

    function move(address from, address to, uint256 id, uint256 amount) external {
        _safeTransferFrom(from, to, id, amount, "");
    }

    function burn(address from, uint256 id, uint256 amount) external {
        _burn(from, id, amount);
    }
}

/// Creates all the others, and does what an index may get wrong: calls within calls of which some
/// fail, creations that are taken back, contracts that end in the transaction that made them.
contract ExplorerFixture {
    FixtureToken public immutable token = new FixtureToken();
    FixtureItems public immutable items = new FixtureItems();
    FixtureKinds public immutable kinds = new FixtureKinds();
    uint256 public counter;

    error Refused(uint256 counter);

    event Counted(uint256 indexed counter, address indexed caller);

    function count() public payable {
        counter += 1;
        emit Counted(counter, msg.sender);
    }

    function refuse() external payable {
        count();
        revert Refused(counter);
    }

    /// A contract that takes wei, and ends itself in favour of the address that it is called with.
    /// Its code: CALLDATASIZE PUSH1 5 JUMPI STOP JUMPDEST PUSH0 CALLDATALOAD SELFDESTRUCT.
    function create(bytes32 salt) public payable returns (address child) {
        bytes memory code = hex"6836600557005b5f35ff5f5260096017f3";
        assembly ("memory-safe") {
            child := create2(callvalue(), add(code, 32), mload(code), salt)
        }
        require(child != address(0));
    }

    function createAndEnd(bytes32 salt, address heir) external payable {
        end(create(salt), heir);
    }

    function createAndRefuse(bytes32 salt) external payable {
        create(salt);
        revert Refused(counter);
    }

    function end(address child, address heir) public {
        (bool success,) = child.call(abi.encode(heir));
        require(success);
    }

    /// Calls itself with another function's input, and goes on if that fails.
    function attempt(bytes calldata input) external payable {
        (bool success,) = address(this).call{value: msg.value / 2}(input);
        if (success) count();
    }

    /// The same on the code of another contract.
    function delegate(address code, bytes calldata input) external {
        (bool success,) = code.delegatecall(input);
        if (success) count();
    }

    function pay(address to) external payable {
        (bool success,) = to.call{value: msg.value}("");
        require(success);
    }

    receive() external payable {}
}
