//! Verified contracts, kept.
//!
//! In: a [`Verified`]. Out: it, by the hash of the deployed code, so that every deployment of the
//! same code has its sources. A folder holds one file of JSON for each, written whole or not at all;
//! only the hashes and a bounded number of contracts are in memory.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::B256;
use parking_lot::Mutex;

use crate::verify::{BuildInfo, Match, Verified};

/// Bytes of one file. Sources of the largest protocols have some two megabytes.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Contracts that stay in memory beside their files.
const CACHED_MAX: usize = 64;

/// Contracts that are kept at all; one more is refused.
pub const CONTRACTS_MAX: usize = 1 << 16;

/// A contract that is not kept, or not to be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file in it.
    #[error("{}: the file of a verified contract cannot be used", .path.display())]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that does not hold a contract.
    #[error("{}: damaged, and skipped; verify the contract again, or remove the file", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// It is full.
    #[error("{CONTRACTS_MAX} verified contracts are kept; remove some")]
    Full,
    /// The contract has too many bytes.
    #[error("the contract has {0} bytes; {FILE_BYTES_MAX} are allowed")]
    TooLarge(usize),
}

/// Verified contracts by the hash of their deployed code.
#[derive(Debug)]
pub struct Contracts {
    folder: Option<PathBuf>,
    shipped: Option<BuildInfo>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    hashes: BTreeSet<B256>,
    contracts: HashMap<B256, Arc<Verified>>,
    /// The hashes of `contracts`, the oldest first, where they can be had again.
    order: VecDeque<B256>,
}

impl Contracts {
    /// Contracts that are forgotten with the process.
    pub fn in_memory() -> Self {
        Self { folder: None, shipped: None, known: Mutex::default() }
    }

    /// The contracts of a folder, which is made where it is not there, and the files in it that
    /// are damaged.
    pub fn open(folder: impl Into<PathBuf>) -> Result<(Self, Vec<StoreError>), StoreError> {
        let folder = folder.into();
        let error = |source| StoreError::File { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(error)?;
        let mut known = Known::default();
        let mut damaged = Vec::new();
        for entry in fs::read_dir(&folder).map_err(error)?.take(2 * CONTRACTS_MAX) {
            let path = entry.map_err(error)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path) {
                Ok(verified) => {
                    known.hashes.insert(verified.code_hash);
                }
                Err(error) => damaged.push(error),
            }
        }
        Ok((Self { folder: Some(folder), shipped: None, known: Mutex::new(known) }, damaged))
    }

    /// The same, and contracts that [`Contracts::of_code`] knows without keeping them.
    pub fn with_shipped(self, shipped: BuildInfo) -> Self {
        Self { shipped: Some(shipped), ..self }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.lock().hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hashes of all, sorted.
    pub fn hashes(&self) -> Vec<B256> {
        self.known.lock().hashes.iter().copied().collect()
    }

    /// The contract of deployed code with that hash. A file that became damaged is an error.
    pub fn get(&self, code_hash: &B256) -> Result<Option<Arc<Verified>>, StoreError> {
        let mut known = self.known.lock();
        if let Some(verified) = known.contracts.get(code_hash) {
            return Ok(Some(verified.clone()));
        }
        let Some(folder) = self.folder.as_ref().filter(|_| known.hashes.contains(code_hash)) else {
            return Ok(None);
        };
        let verified = Arc::new(read(&path_of(folder, code_hash))?);
        known.remember(verified.clone());
        Ok(Some(verified))
    }

    /// The contract of deployed code: one that is kept, or one that came with the program. A file
    /// that became damaged is an error.
    pub fn of_code(
        &self,
        code_hash: &B256,
        code: &[u8],
    ) -> Result<Option<Arc<Verified>>, StoreError> {
        if let Some(verified) = self.get(code_hash)? {
            return Ok(Some(verified));
        }
        let found = self.shipped.as_ref().and_then(|shipped| shipped.find(code)).map(Arc::new);
        if let Some(verified) = &found {
            let mut known = self.known.lock();
            // Somebody may have verified it meanwhile, and that is kept.
            if !known.contracts.contains_key(code_hash) {
                known.remember(verified.clone());
            }
        }
        Ok(found)
    }

    /// Keeps a contract. An exact match is not replaced by a partial one; says whether it is kept.
    pub fn insert(&self, verified: Verified) -> Result<bool, StoreError> {
        let is_worse = |other: &Verified| {
            (other.kind, other.creation_kind) > (verified.kind, verified.creation_kind)
                && other.kind == Match::Exact
        };
        if self.get(&verified.code_hash).ok().flatten().is_some_and(|other| is_worse(&other)) {
            return Ok(false);
        }
        let mut known = self.known.lock();
        if known.hashes.len() >= CONTRACTS_MAX && !known.hashes.contains(&verified.code_hash) {
            return Err(StoreError::Full);
        }
        if let Some(folder) = &self.folder {
            write(folder, &verified)?;
        }
        known.hashes.insert(verified.code_hash);
        let verified = Arc::new(verified);
        match self.folder {
            Some(_) => known.remember(verified),
            None => {
                // It can not be had again, so it must not make room for others.
                known.order.retain(|hash| *hash != verified.code_hash);
                known.contracts.insert(verified.code_hash, verified);
            }
        }
        Ok(true)
    }
}

impl Known {
    fn remember(&mut self, verified: Arc<Verified>) {
        let hash = verified.code_hash;
        if self.contracts.insert(hash, verified).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > CACHED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.contracts.remove(&oldest);
        }
    }
}

fn path_of(folder: &Path, code_hash: &B256) -> PathBuf {
    folder.join(format!("{code_hash}.json"))
}

fn read(path: &Path) -> Result<Verified, StoreError> {
    let error = |source| StoreError::File { path: path.to_owned(), source };
    let damaged = |source| StoreError::Damaged { path: path.to_owned(), source };
    if fs::metadata(path).map_err(error)?.len() > FILE_BYTES_MAX {
        return Err(damaged(None));
    }
    let bytes = fs::read(path).map_err(error)?;
    let verified: Verified =
        serde_json::from_slice(&bytes).map_err(|source| damaged(Some(source)))?;
    let is_named = path.file_stem().is_some_and(|stem| *stem == *verified.code_hash.to_string());
    if is_named { Ok(verified) } else { Err(damaged(None)) }
}

/// Writes beside the place, syncs, and renames: after a crash the old file is there or the new one.
fn write(folder: &Path, verified: &Verified) -> Result<(), StoreError> {
    let path = path_of(folder, &verified.code_hash);
    let error = |source| StoreError::File { path: path.clone(), source };
    let bytes = serde_json::to_vec(verified).map_err(|source| error(source.into()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(StoreError::TooLarge(bytes.len()));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    file.persist(&path).map_err(|failed| error(failed.error))?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn verified(byte: u8, kind: Match) -> Verified {
        Verified {
            kind,
            creation_kind: None,
            compiler: "v0.8.37+commit.f401782d".parse().unwrap(),
            language: "Solidity".into(),
            settings: json!({"viaIR": true}),
            sources: BTreeMap::from([("<script>.sol".into(), "contract A {}".into())]),
            path: "<script>.sol".into(),
            name: "A".into(),
            abi: json!([]),
            userdoc: json!({}),
            devdoc: json!({}),
            storage_layout: json!(null),
            metadata: "{}".into(),
            code_hash: B256::repeat_byte(byte),
            immutables: BTreeMap::new(),
            libraries: BTreeMap::new(),
            constructor_arguments: None,
        }
    }

    #[test]
    fn contracts_survive_a_restart_and_a_damaged_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let (contracts, damaged) = Contracts::open(folder.path()).unwrap();
        assert!(damaged.is_empty());
        for byte in 1..=3 {
            assert!(contracts.insert(verified(byte, Match::Exact)).unwrap());
        }
        let path = path_of(folder.path(), &B256::repeat_byte(2));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        // A whole file under the name of another hash counts as damaged, too.
        let third = path_of(folder.path(), &B256::repeat_byte(3));
        fs::rename(third, path_of(folder.path(), &B256::repeat_byte(4))).unwrap();
        let (contracts, damaged) = Contracts::open(folder.path()).unwrap();
        assert_eq!(damaged.len(), 2);
        assert_eq!(contracts.hashes(), [B256::repeat_byte(1)]);
        let found = contracts.get(&B256::repeat_byte(1)).unwrap().unwrap();
        assert_eq!(*found, verified(1, Match::Exact));
        assert_eq!(contracts.get(&B256::repeat_byte(2)).unwrap(), None);
        assert!(contracts.insert(verified(2, Match::Partial)).unwrap());
        assert_eq!(Contracts::open(folder.path()).unwrap().0.len(), 2);
    }

    #[test]
    fn an_exact_match_is_not_replaced_by_a_partial_one() {
        let contracts = Contracts::in_memory();
        assert!(contracts.is_empty());
        assert!(contracts.insert(verified(1, Match::Partial)).unwrap());
        assert!(contracts.insert(verified(1, Match::Exact)).unwrap());
        assert!(!contracts.insert(verified(1, Match::Partial)).unwrap());
        assert_eq!(contracts.get(&B256::repeat_byte(1)).unwrap().unwrap().kind, Match::Exact);
    }

    #[test]
    fn memory_holds_no_more_than_its_bound_beside_files() {
        let folder = tempfile::tempdir().unwrap();
        let (contracts, _) = Contracts::open(folder.path()).unwrap();
        for byte in 0..=(CACHED_MAX as u8) {
            contracts.insert(verified(byte, Match::Exact)).unwrap();
        }
        assert_eq!(contracts.known.lock().contracts.len(), CACHED_MAX);
        assert!(contracts.get(&B256::ZERO).unwrap().is_some());
    }
}
