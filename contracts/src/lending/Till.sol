// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Where a shard of the lending pool keeps its tokens
/// @notice The pool deploys one for each shard with CREATE2, the number of the shard being the salt.
/// @dev If one address held all tokens, its balance in the token would be a slot that each supply and each
/// borrow of the chain writes. No account of anything is kept here: the pool never looks at a balance to
/// find out what somebody owns, so a token that is sent here by mistake changes no claim.
contract Till {
    using SafeERC20 for IERC20;

    /// @notice The pool, the only one that may take tokens out.
    address public immutable POOL = msg.sender;

    error NotPool(address caller);

    /// @notice Pays tokens out. Only the pool; reverts with `NotPool`, or as the token does.
    function pay(IERC20 token, address to, uint256 amount) external {
        require(msg.sender == POOL, NotPool(msg.sender));
        token.safeTransfer(to, amount);
    }
}
