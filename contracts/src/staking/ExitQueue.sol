// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title A queue of exits that losses still reach
/// @notice Assets that leave wait for a fixed delay. A loss before an exit is final takes the same fraction
/// of each waiting exit; a final exit is out of reach, whether it was paid or not.
/// @dev An exit is kept in units of a factor that begins at one and is multiplied by 1 - loss/waiting with
/// each loss. It is worth its units times the factor at the last moment before it became final. So a loss
/// costs the same however many exits wait, and an exit is found without walking the queue. The delay is the
/// same for all, so that the order of requests is the order in which they become final (FIFO).
///
/// All values are rounded down. Of each exit less than two units of the asset may remain with the contract.
library ExitQueue {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev The factor one.
    uint256 internal constant ONE = 1 << 128;
    /// @dev Below this a factor would lose precision.
    uint256 internal constant FACTOR_MIN = 1 << 64;

    struct Queue {
        /// Sum of the units of all exits that are final at a time or before it.
        Checkpoints.Trace208 unitsUntil;
        /// The factor from a time on. Empty as long as it is one.
        Checkpoints.Trace208 factorFrom;
    }

    /// @notice Losses took all but 2^-64 of those who waited, without the queue ever having been empty in
    /// between; another one has to wait for those to become final.
    error FactorExhausted();

    /// @notice Adds an exit.
    /// @param finalAt When it is final. Not before that of any other exit in the queue.
    /// @return units What `value` is to be asked with.
    function push(Queue storage queue, uint256 assets, uint48 finalAt) internal returns (uint208 units) {
        units = SafeCast.toUint208(Math.mulDiv(assets, ONE, factor(queue)));
        queue.unitsUntil.push(finalAt, queue.unitsUntil.latest() + units);
    }

    /// @notice What all exits that are not final are worth, rounded down.
    function waiting(Queue storage queue) internal view returns (uint256) {
        return Math.mulDiv(waitingUnits(queue), factor(queue), ONE);
    }

    /// @notice Takes a loss from all exits that are not final.
    /// @param loss Not more than `waiting` says.
    function lose(Queue storage queue, uint256 loss) internal {
        uint256 old = factor(queue);
        uint256 units = waitingUnits(queue);
        uint256 changed;
        if (units == 0) {
            // Nobody's value depends on the factor from now on.
            changed = ONE;
        } else {
            uint256 assets = Math.mulDiv(units, old, ONE);
            changed = assets == 0 ? old : Math.mulDiv(old, assets - loss, assets);
            require(changed >= FACTOR_MIN, FactorExhausted());
        }
        if (changed == old) return;
        if (queue.factorFrom.length() == 0) queue.factorFrom.push(0, uint208(ONE));
        queue.factorFrom.push(uint48(block.timestamp), uint208(changed));
    }

    /// @notice What an exit is worth, rounded down: for good once it is final, and until then if no loss
    /// comes.
    function value(Queue storage queue, uint208 units, uint48 finalAt) internal view returns (uint256) {
        if (queue.factorFrom.length() == 0) return units;
        // A loss in the second in which an exit becomes final does not reach it.
        return Math.mulDiv(units, queue.factorFrom.upperLookupRecent(finalAt - 1), ONE);
    }

    function factor(Queue storage queue) private view returns (uint256) {
        (bool exists,, uint208 latest) = queue.factorFrom.latestCheckpoint();
        return exists ? latest : ONE;
    }

    function waitingUnits(Queue storage queue) private view returns (uint256) {
        return queue.unitsUntil.latest() - queue.unitsUntil.upperLookupRecent(uint48(block.timestamp));
    }
}
