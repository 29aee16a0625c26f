//! Hashes of earlier blocks, as a block on any branch sees them.

use crate::{StateError, records};
use alloy_primitives::B256;
use heddle_storage::Reader;
use std::sync::Arc;

/// The hashes of the blocks before one: those of its branch, and the canonical ones before that.
#[derive(Clone, Debug)]
pub(crate) struct BlockHashes {
    reader: Reader,
    /// Hashes of the branch from `branch_start` on, or none.
    branch: Arc<Vec<B256>>,
    /// The first height that is not canonical.
    branch_start: u64,
}

impl BlockHashes {
    /// Of the block after the canonical one at `number`.
    pub(crate) fn canonical(reader: Reader, number: u64) -> Self {
        Self { reader, branch: Arc::default(), branch_start: number.saturating_add(1) }
    }

    /// Of the block after the last of `branch`, which follows the canonical block at `number`.
    pub(crate) fn branch(reader: Reader, number: u64, branch: Vec<B256>) -> Self {
        Self { branch: Arc::new(branch), ..Self::canonical(reader, number) }
    }

    /// The hash at a height; `None` when there is no block.
    pub(crate) fn hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        if let Some(position) = number.checked_sub(self.branch_start) {
            let position = usize::try_from(position).unwrap_or(usize::MAX);
            return Ok(self.branch.get(position).copied());
        }
        if let Some(record) = records::canonical(&self.reader, number)? {
            return Ok(Some(record.hash));
        }
        // A chain that began later knows the hashes before.
        Ok(records::origin(&self.reader)?.and_then(|origin| origin.hash_of(number)))
    }
}
