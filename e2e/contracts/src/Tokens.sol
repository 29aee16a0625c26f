// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// A fungible token (ERC-20), as much of it as moves amounts and logs that.
contract Cloth {
    error Short(address who, uint256 have, uint256 want);

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    string public constant name = "Woven Cloth";
    string public constant symbol = "CLOTH";
    uint8 public constant decimals = 6;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) public returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        move(from, to, value);
        return true;
    }

    /// The same amount to each.
    function share(address[] calldata holders, uint256 value) external {
        for (uint256 i; i < holders.length; i++) move(msg.sender, holders[i], value);
    }

    function move(address from, address to, uint256 value) private {
        uint256 have = balanceOf[from];
        if (value > have) revert Short(from, have, value);
        balanceOf[from] = have - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// Items (ERC-721), each with a description that needs no server.
contract Cards {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    string public constant name = "Punched Cards";
    string public constant symbol = "CARD";
    mapping(uint256 => address) public ownerOf;
    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x5b5e139f;
    }

    function tokenURI(uint256 id) external view returns (string memory) {
        require(ownerOf[id] != address(0), "no such card");
        return 'data:application/json,{"name":"A punched card","description":"One row of a pattern"}';
    }

    function mint(address to, uint256 count) external {
        for (uint256 i; i < count; i++) {
            uint256 id = ++totalSupply;
            ownerOf[id] = to;
            emit Transfer(address(0), to, id);
        }
        balanceOf[to] += count;
    }

    function transferFrom(address from, address to, uint256 id) external {
        require(ownerOf[id] == from && msg.sender == from, "not the owner");
        ownerOf[id] = to;
        balanceOf[from]--;
        balanceOf[to]++;
        emit Transfer(from, to, id);
    }
}

/// Several of each of several kinds (ERC-1155).
contract Beads {
    event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
    event TransferBatch(
        address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values
    );

    string public constant name = "Glass Beads";
    mapping(address => mapping(uint256 => uint256)) private amounts;

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0xd9b67a26 || id == 0x0e89341c;
    }

    function uri(uint256) external pure returns (string memory) {
        return 'data:application/json,{"name":"Glass bead","decimals":0}';
    }

    function balanceOf(address who, uint256 id) external view returns (uint256) {
        return amounts[who][id];
    }

    function mint(address to, uint256[] calldata ids, uint256[] calldata values) external {
        for (uint256 i; i < ids.length; i++) amounts[to][ids[i]] += values[i];
        emit TransferBatch(msg.sender, address(0), to, ids, values);
    }

    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes calldata) external {
        require(msg.sender == from, "not the owner");
        amounts[from][id] -= value;
        amounts[to][id] += value;
        emit TransferSingle(msg.sender, from, to, id, value);
    }
}
