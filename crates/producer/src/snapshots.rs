//! Going back.

use crate::{BlockTime, Error, Producer};
use heddle_chain::Mark;
use heddle_types::RecoveredTransaction;
use std::collections::BTreeMap;

/// Most snapshots that are kept; then the oldest is forgotten. Each is a few dozen bytes.
const SNAPSHOTS_MAX: usize = 100_000;

/// Points that a developer may want to go back to.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    last: u64,
    kept: BTreeMap<u64, (Mark, BlockTime)>,
}

impl Producer {
    /// Remembers the chain as it is, and returns the snapshot's number.
    pub fn snapshot(&self) -> u64 {
        let mut orders = self.orders();
        let at = (self.chain().mark(), orders.time);
        let snapshots = &mut orders.snapshots;
        snapshots.last += 1;
        snapshots.kept.insert(snapshots.last, at);
        if snapshots.kept.len() > SNAPSHOTS_MAX {
            snapshots.kept.pop_first();
        }
        snapshots.last
    }

    /// How many snapshots were taken.
    pub fn snapshots_taken(&self) -> u64 {
        self.orders().snapshots.last
    }

    /// Goes back to a snapshot, which is gone then with all later ones. `false` if there is none
    /// of this number.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn revert(&self, snapshot: u64) -> Result<bool, Error> {
        let mut orders = self.orders();
        let Some((mark, time)) = orders.snapshots.kept.get(&snapshot).copied() else {
            return Ok(false);
        };
        self.heeding_failure(self.chain().rewind(&mark))?;
        orders.time = time;
        orders.snapshots.kept.split_off(&snapshot);
        (orders.next_base_fee, orders.next_prevrandao) = (None, None);
        self.reread_pool(&orders)?;
        Ok(true)
    }

    /// Undoes the last `depth` blocks.
    ///
    /// # Errors
    ///
    /// [`Error::TooDeep`]; the chain may fail.
    pub fn rollback(&self, depth: u64) -> Result<(), Error> {
        let orders = self.orders();
        self.undo(depth)?;
        self.reread_pool(&orders)
    }

    /// Undoes the last `depth` blocks and makes as many others, the first of which holds the
    /// transactions `first`, and so on.
    ///
    /// # Errors
    ///
    /// [`Error::TooDeep`]; the chain may fail.
    pub fn reorganise(
        &self,
        depth: u64,
        mut transactions: BTreeMap<u64, Vec<RecoveredTransaction>>,
    ) -> Result<(), Error> {
        let mut orders = self.orders();
        self.undo(depth)?;
        self.reread_pool(&orders)?;
        for position in 0..depth {
            let candidates = transactions.remove(&position).unwrap_or_default();
            self.make_block_of(&mut orders, candidates)?;
        }
        Ok(())
    }

    fn undo(&self, depth: u64) -> Result<(), Error> {
        let reader = self.chain().reader();
        let there = reader.head().number - reader.first();
        if depth > there {
            return Err(Error::TooDeep { asked: depth, there });
        }
        self.heeding_failure(self.chain().rewind_to(reader.head().number - depth))?;
        Ok(())
    }
}
