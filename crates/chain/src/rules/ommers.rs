//! The ommers of a block (yellow paper, section 11.1).

use super::check_header;
use crate::{BlockError, OmmerError};
use alloy_primitives::B256;
use heddle_types::{ChainSpec, Header};

/// Ommers of one block.
const OMMERS_MAX: usize = 2;

/// How many generations back an ommer's parent may be.
pub const OMMER_DEPTH_MAX: usize = 7;

/// An ancestor of a block, as its ommers are checked against.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// Its hash.
    pub hash: B256,
    /// Its header.
    pub header: Header,
    /// The hashes of its own ommers.
    pub ommers: Vec<B256>,
}

/// Checks the ommers of a block before the merge. `ancestors` are its nearest
/// [`OMMER_DEPTH_MAX`], or all there are, the parent first.
///
/// # Errors
///
/// The first rule that one breaks.
pub fn check_ommers(
    spec: &ChainSpec,
    ommers: &[Header],
    ancestors: &[Ancestor],
) -> Result<(), BlockError> {
    if ommers.len() > OMMERS_MAX {
        return Err(BlockError::OmmersCount(ommers.len()));
    }
    let mut included: Vec<B256> = ancestors.iter().flat_map(|a| a.ommers.clone()).collect();
    for (index, ommer) in ommers.iter().enumerate() {
        let hash = ommer.hash_slow();
        check_ommer(spec, ommer, hash, ancestors, &included)
            .map_err(|source| BlockError::Ommer { index, source: Box::new(source) })?;
        included.push(hash);
    }
    Ok(())
}

fn check_ommer(
    spec: &ChainSpec,
    ommer: &Header,
    hash: B256,
    ancestors: &[Ancestor],
    included: &[B256],
) -> Result<(), OmmerError> {
    if included.contains(&hash) {
        return Err(OmmerError::Included);
    }
    if ancestors.iter().any(|ancestor| ancestor.hash == hash) {
        return Err(OmmerError::Ancestor);
    }
    // The first is the block's own parent: its child would be the block's brother, not its uncle.
    let parent = ancestors
        .iter()
        .skip(1)
        .find(|ancestor| ancestor.hash == ommer.parent_hash)
        .ok_or(OmmerError::TooDistant)?;
    let fork = spec.fork_at(ommer.number, ommer.timestamp, false);
    check_header(spec, fork, ommer, &parent.header, parent.hash).map_err(OmmerError::Header)
}
