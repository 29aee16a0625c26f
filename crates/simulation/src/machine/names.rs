//! Which blobs there are, and which are open.

use commonware_runtime::{BlobVersion, Error};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// The first place of the disk that a blob may have; those below are for the chain's database.
const FIRST_PLACE: usize = 16;

/// The blobs of a machine by their names.
#[derive(Debug)]
pub(super) struct Names {
    partitions: BTreeMap<String, BTreeMap<Vec<u8>, (usize, BlobVersion)>>,
    open: BTreeSet<usize>,
    /// Open, and removed since.
    unnamed: BTreeSet<usize>,
    next_place: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            partitions: BTreeMap::new(),
            open: BTreeSet::new(),
            unnamed: BTreeSet::new(),
            next_place: FIRST_PLACE,
        }
    }
}

impl Names {
    /// Where a blob is, or where it may be created.
    pub(super) fn find(
        &self,
        partition: &str,
        name: &[u8],
        versions: &RangeInclusive<BlobVersion>,
    ) -> Result<(usize, BlobVersion), Error> {
        assert!(!versions.is_empty(), "no version of a blob may be opened");
        check(partition)?;
        let found = self.partitions.get(partition).and_then(|blobs| blobs.get(name));
        let Some((place, version)) = found.copied() else {
            return Ok((self.next_place, *versions.end()));
        };
        if !versions.contains(&version) {
            let expected = versions.clone();
            return Err(Error::BlobVersionMismatch { expected, found: version });
        }
        if self.open.contains(&place) {
            return Err(Error::BlobAlreadyOpen(partition.to_owned(), hex(name)));
        }
        Ok((place, version))
    }

    /// Opens what [`Names::find`] found, and names it if it is new.
    pub(super) fn open(
        &mut self,
        partition: &str,
        name: &[u8],
        place: usize,
        version: BlobVersion,
    ) {
        let blobs = self.partitions.entry(partition.to_owned()).or_default();
        blobs.insert(name.to_vec(), (place, version));
        self.open.insert(place);
        self.next_place = self.next_place.max(place + 1);
    }

    /// The blobs of a partition, or the one of this name, with their places.
    pub(super) fn matching(
        &self,
        partition: &str,
        name: Option<&[u8]>,
    ) -> Result<Vec<(Vec<u8>, usize)>, Error> {
        check(partition)?;
        let missing = || Error::PartitionMissing(partition.to_owned());
        let blobs = self.partitions.get(partition).ok_or_else(missing)?;
        let Some(name) = name else {
            return Ok(blobs.iter().map(|(name, (place, _))| (name.clone(), *place)).collect());
        };
        let missing = || Error::BlobMissing(partition.to_owned(), hex(name));
        let (place, _) = blobs.get(name).ok_or_else(missing)?;
        Ok(vec![(name.to_vec(), *place)])
    }

    /// Removes a name, and says whether nobody reads the blob any more.
    pub(super) fn remove(&mut self, partition: &str, name: &[u8], place: usize) -> bool {
        if let Some(blobs) = self.partitions.get_mut(partition) {
            blobs.remove(name);
        }
        let open = self.open.contains(&place);
        if open {
            self.unnamed.insert(place);
        }
        !open
    }

    /// Removes a partition whose blobs are removed.
    pub(super) fn remove_partition(&mut self, partition: &str) {
        self.partitions.remove(partition);
    }

    /// Closes a blob, and says whether it has no name any more.
    pub(super) fn close(&mut self, place: usize) -> bool {
        self.open.remove(&place);
        self.unnamed.remove(&place)
    }

    /// The names as a new process finds them, with nothing open, and the places that have none.
    pub(super) fn restarted(&self) -> (Self, BTreeSet<usize>) {
        let names = Self {
            partitions: self.partitions.clone(),
            next_place: self.next_place,
            ..Self::default()
        };
        (names, self.unnamed.clone())
    }
}

/// The rule of commonware for names of partitions.
fn check(partition: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if partition.is_empty() || !partition.chars().all(allowed) {
        return Err(Error::PartitionNameInvalid(partition.to_owned()));
    }
    Ok(())
}

fn hex(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}
