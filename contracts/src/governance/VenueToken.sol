// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC6372Utils} from "@openzeppelin/contracts/utils/ERC6372Utils.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title The governance token of the venue
/// @notice ERC-20 with permits (ERC-2612) and votes (ERC-5805). A token counts as a vote once its holder has
/// delegated, be it to itself. Votes are looked up by second (ERC-6372).
///
/// The supply is fixed: all of it is made at deployment, nobody can make more or destroy any, and nobody has a
/// role. So no power dilutes voters or moves the quorum; rewards are paid from what the first holder gives.
/// @dev The supply is below 2^96, which `staking` asks for.
///
/// Hot slots: a delegate's last checkpoint is written by each transfer of those who delegate to it. The supply
/// and its checkpoint are never written again.
contract VenueToken is ERC20, ERC20Permit, ERC20Votes {
    error SupplyOutOfRange(uint256 supply);

    /// @param supply Units with 18 decimals.
    /// @param holder Who gets all of it.
    constructor(string memory name_, string memory symbol_, uint256 supply, address holder)
        ERC20(name_, symbol_)
        ERC20Permit(name_)
    {
        require(supply != 0 && supply <= type(uint96).max, SupplyOutOfRange(supply));
        _mint(holder, supply);
    }

    /// @notice The time in seconds, by which votes are looked up. All blocks of a second share one checkpoint,
    /// and what it says can be asked when the second is over.
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @notice That the clock counts seconds.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public view override returns (string memory) {
        return ERC6372Utils.timestampClockMode(clock());
    }

    /// @notice The number that the next permit or delegation by signature of `owner` has to name.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
