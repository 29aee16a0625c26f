use std::io::{self, Read as _};

use flate2::read::GzDecoder;

/// What `contracts/build.mjs` wrote.
const PACKED: &[u8] = include_bytes!("../../../contracts/build-info.json.gz");

/// The sources of all contracts, those of packages included, and what the compiler made of them: JSON
/// in the shape of the build info of forge and Hardhat.
///
/// # Errors
///
/// None that a test would not have found.
pub fn build_info() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut text)?;
    Ok(text)
}
