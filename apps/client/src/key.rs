//! Keys of programs, in files that nobody else can read.

use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system refuses to read.
    #[error("the key {path} cannot be read; write 64 hexadecimal digits into it, with mode 600")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the key {0} can be read by others; take that from them with chmod 600")]
    Open(PathBuf),
    /// It is no key.
    #[error("the key {0} has to be 64 hexadecimal digits, of a number that secp256k1 has")]
    Shape(PathBuf),
}

/// Bytes of a file of a key, with room for a prefix and an end of line.
const KEY_FILE_MAX: u64 = 128;

/// The key in a file: 64 hexadecimal digits, with or without `0x`.
///
/// # Errors
///
/// See [`KeyError`].
pub fn read_key(path: &Path) -> Result<PrivateKeySigner, KeyError> {
    let failed = |source| KeyError::Read { path: path.to_owned(), source };
    let shape = || KeyError::Shape(path.to_owned());
    let about = fs::metadata(path).map_err(failed)?;
    if about.mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    if about.len() > KEY_FILE_MAX {
        return Err(shape());
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let digits = text.trim();
    let mut bytes = Zeroizing::new([0; 32]);
    alloy_primitives::hex::decode_to_slice(
        digits.strip_prefix("0x").unwrap_or(digits),
        bytes.as_mut_slice(),
    )
    .map_err(|_| shape())?;
    PrivateKeySigner::from_bytes(&B256::from(*bytes)).map_err(|_| shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_read_from_a_private_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n";
        fs::write(&path, key).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_key(&path), Err(KeyError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let expected = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert_eq!(read_key(&path).unwrap().address().to_string(), expected);
        for wrong in ["", "12", &"0".repeat(64), &"f".repeat(64), &"x".repeat(64), &"1".repeat(200)]
        {
            fs::write(&path, wrong).unwrap();
            assert!(matches!(read_key(&path), Err(KeyError::Shape(_))), "{wrong}");
        }
        assert!(matches!(read_key(&folder.path().join("none")), Err(KeyError::Read { .. })));
    }
}
