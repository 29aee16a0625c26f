//! Makes `fixtures/mainnet` from a folder with many more recorded blocks.

use crate::{Result, root};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Small blocks from as many forks as the size allows.
const BLOCKS: [u64; 10] = [
    46_147,     // Frontier: the first transaction of mainnet
    1_150_000,  // Homestead: its first block
    2_179_522,  // Homestead: many transfers
    2_675_000,  // Spurious Dragon: its first block
    6_196_166,  // Byzantium: many calls of few contracts
    9_068_998,  // Petersburg
    11_114_732, // Istanbul: contracts that self-destruct and are created anew
    15_537_393, // London: the last block of proof of work, filled by one transaction
    15_537_394, // Merge: the first block of proof of stake
    19_933_122, // Cancun: withdrawals and blobs
];

/// What the folder may take of everybody's checkout.
const BYTES_MAX: u64 = 5_000_000;

/// How many blocks back `BLOCKHASH` sees.
const BLOCK_HASHES_VISIBLE: u64 = 256;

/// Extracts [`BLOCKS`] from `source`.
pub(crate) fn run(source: &Path) -> Result<bool> {
    let target = root().join("fixtures/mainnet");
    fs::create_dir_all(&target)?;
    remove_blocks(&target)?;
    let mut code_hashes = BTreeSet::new();
    for block in BLOCKS {
        let folder = target.join(block.to_string());
        fs::create_dir_all(&folder)?;
        for file in ["block.json", "pre_state.json"] {
            let text = read(&source.join(block.to_string()).join(file))?;
            // Not `fs::copy`: it would also copy a permission to read only.
            fs::write(folder.join(file), text)?;
        }
        code_hashes.extend(code_hashes_of(&folder.join("pre_state.json"))?);
    }
    let is_needed_code = |hash: &str| code_hashes.contains(hash);
    let codes = extract(source, &target, "codes.json", is_needed_code)?;
    if codes != code_hashes.len() {
        let missing = code_hashes.len() - codes;
        return Err(format!("codes.json of {} lacks {missing} codes", source.display()).into());
    }
    extract(source, &target, "block_hashes.json", |number| {
        let number: Option<u64> = number.parse().ok();
        number.is_some_and(is_visible)
    })?;
    let bytes = size(&target)?;
    println!("{}: {} blocks, {codes} codes, {bytes} bytes", target.display(), BLOCKS.len());
    if bytes > BYTES_MAX {
        println!("that is more than {BYTES_MAX} bytes; choose smaller blocks in fixtures.rs");
    }
    Ok(bytes <= BYTES_MAX)
}

/// Whether one of the blocks can ask for the hash of this one.
fn is_visible(number: u64) -> bool {
    BLOCKS.iter().any(|block| (block - BLOCK_HASHES_VISIBLE.min(*block)..*block).contains(&number))
}

/// Removes what an earlier run has made; leaves the README alone.
fn remove_blocks(target: &Path) -> Result<()> {
    for path in entries(target)? {
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

fn code_hashes_of(pre_state: &Path) -> Result<Vec<String>> {
    let hashes = read_json(pre_state)?
        .values()
        .filter_map(|account| account.get("code_hash")?.as_str().map(str::to_owned))
        .collect();
    Ok(hashes)
}

/// Copies the entries of a file whose key is wanted, and returns their number.
fn extract(
    source: &Path,
    target: &Path,
    file: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<usize> {
    let mut entries = read_json(&source.join(file))?;
    entries.retain(|key, _| is_wanted(key));
    let count = entries.len();
    let mut text = serde_json::to_string_pretty(&Value::Object(entries))?;
    text.push('\n');
    fs::write(target.join(file), text)?;
    Ok(count)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

fn read_json(path: &Path) -> Result<Map<String, Value>> {
    let not_json = |error| format!("{} is not a JSON object: {error}", path.display()).into();
    serde_json::from_slice(&read(path)?).map_err(not_json)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for path in entries(folder)? {
        bytes += if path.is_dir() { size(&path)? } else { fs::metadata(&path)?.len() };
    }
    Ok(bytes)
}
