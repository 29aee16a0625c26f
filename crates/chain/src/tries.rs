//! When the nodes of the state's tries are stored.
//!
//! They are most of what there is to write of a block, and each block takes the place of many that
//! the one before it made. So they are stored as of some blocks only, and made anew for the others
//! if someone asks: the state writes down which.

use crate::Error;
use alloy_primitives::Address;
use heddle_state::{Layer, Version, write_bare_layer, write_layer, write_layer_with_tries_since};
use heddle_storage::Writer;
use std::sync::Arc;

/// Accounts and slots that change before tries are stored again. Opening the chain after a crash
/// makes so many changes of the tries anew: about a second.
const CHANGES_MAX: usize = 200_000;

/// What changed since tries were stored last.
#[derive(Clone, Debug, Default)]
pub(crate) enum Tries {
    /// Nobody knows: the chain was opened, or went back.
    #[default]
    Unknown,
    /// Nothing did.
    Stored,
    /// These did.
    Since {
        /// The first layer after that, which holds what it was made from.
        first: Arc<Layer>,
        versions: u64,
        changes: usize,
        /// Accounts whose storage is different, of one layer after the other.
        storages: Vec<Arc<[Address]>>,
    },
}

impl Tries {
    /// Writes a layer, with its tries if it is time. What has changed then; it holds once the writer
    /// has committed.
    pub(crate) fn write(
        &self,
        writer: &mut Writer,
        version: Version,
        layer: &Arc<Layer>,
        versions_max: u64,
    ) -> Result<Self, Error> {
        let (first, versions, changes, mut storages) = match self {
            Self::Unknown => {
                write_layer(writer, version, layer)?;
                return Ok(Self::Stored);
            }
            Self::Stored => (layer, 1, layer.changes(), Vec::new()),
            Self::Since { first, versions, changes, storages } => {
                (first, versions + 1, changes + layer.changes(), storages.clone())
            }
        };
        storages.push(layer.changed_storages().collect());
        if versions >= versions_max || changes >= CHANGES_MAX {
            let storages = storages.iter().flat_map(|of| of.iter().copied()).collect();
            write_layer_with_tries_since(writer, version, layer, first, storages)?;
            return Ok(Self::Stored);
        }
        write_bare_layer(writer, version, layer)?;
        Ok(Self::Since { first: first.clone(), versions, changes, storages })
    }
}
