//! The address book: names that stand for addresses.

use crate::files::{FileError, make_private_folder, read_bounded, write_private};
use alloy_primitives::Address;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// Most bytes of an address book.
const BYTES_MAX: u64 = 4 << 20;
/// Most letters of a name.
const NAME_LETTERS_MAX: usize = 64;

/// Why a name or address is not known.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The file cannot be read or written.
    #[error("the address book cannot be used")]
    File(#[from] FileError),
    /// The file is no address book.
    #[error("{path} is no address book")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no place for it.
    #[error("neither HOME nor XDG_CONFIG_HOME is set; name the address book with --contacts")]
    NoPlace,
    /// A name has letters that names do not have.
    #[error(
        "a name has 1 to 64 of the letters a-z, 0-9, `.`, `_` and `-`, and does not begin with 0x"
    )]
    Name,
    /// Nobody has this name.
    #[error("{0} is neither an address nor a name in the address book; see `contacts list`")]
    Unknown(String),
    /// The name is taken.
    #[error("{name} is {address} already; remove it first")]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        address: Address,
    },
    /// Capitals are not those of the checksum.
    #[error(
        "the capitals of {0} are not those of its checksum (EIP-55): a digit is wrong; copy it again"
    )]
    Checksum(String),
}

/// Names and their addresses.
#[derive(Clone, Debug, Default)]
pub struct Contacts(BTreeMap<String, Address>);

impl Contacts {
    /// The usual place.
    ///
    /// # Errors
    ///
    /// [`ContactError::NoPlace`].
    pub fn default_path() -> Result<PathBuf, ContactError> {
        let folder =
            |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        folder("XDG_CONFIG_HOME")
            .or_else(|| Some(folder("HOME")?.join(".config")))
            .map(|folder| folder.join("heddle").join("contacts.json"))
            .ok_or(ContactError::NoPlace)
    }

    /// Reads a file; there are no contacts if there is none.
    ///
    /// # Errors
    ///
    /// [`ContactError::File`] and [`ContactError::Form`].
    pub fn load(path: &Path) -> Result<Self, ContactError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = read_bounded(path, BYTES_MAX)?;
        let form = |source| ContactError::Form { path: path.to_owned(), source };
        serde_json::from_slice(&bytes).map(Self).map_err(form)
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// [`ContactError::File`].
    pub fn store(&self, path: &Path) -> Result<(), ContactError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_private_folder(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.0).expect("a map of text has a form in JSON");
        Ok(write_private(path, text.as_bytes(), true)?)
    }

    /// Names, sorted, and addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Address)> {
        self.0.iter().map(|(name, address)| (name.as_str(), *address))
    }

    /// Adds a name that is not taken.
    ///
    /// # Errors
    ///
    /// [`ContactError::Name`] and [`ContactError::Taken`].
    pub fn add(&mut self, name: &str, address: Address) -> Result<(), ContactError> {
        let is_letter =
            |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let is_right = (1..=NAME_LETTERS_MAX).contains(&name.len()) && name.bytes().all(is_letter);
        if !is_right || name.starts_with("0x") {
            return Err(ContactError::Name);
        }
        if let Some(address) = self.0.get(name) {
            return Err(ContactError::Taken { name: name.to_owned(), address: *address });
        }
        self.0.insert(name.to_owned(), address);
        Ok(())
    }

    /// Removes a name.
    ///
    /// # Errors
    ///
    /// [`ContactError::Unknown`].
    pub fn remove(&mut self, name: &str) -> Result<Address, ContactError> {
        self.0.remove(name).ok_or_else(|| ContactError::Unknown(heddle_client::visible(name)))
    }

    /// The address that text is or names. Capitals in an address have to be those of its checksum.
    ///
    /// # Errors
    ///
    /// [`ContactError::Unknown`] and [`ContactError::Checksum`].
    pub fn resolve(&self, text: &str) -> Result<Address, ContactError> {
        if let Some(address) = self.0.get(text) {
            return Ok(*address);
        }
        let unknown = || ContactError::Unknown(heddle_client::visible(text));
        let digits = text.strip_prefix("0x").ok_or_else(unknown)?;
        let address: Address = digits.parse().map_err(|_| unknown())?;
        let is_plain = !digits.bytes().any(|digit| digit.is_ascii_uppercase())
            || !digits.bytes().any(|digit| digit.is_ascii_lowercase());
        if is_plain || address.to_checksum(None) == text {
            return Ok(address);
        }
        Err(ContactError::Checksum(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    const SOMEBODY: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

    #[test]
    fn names_come_back_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/contacts.json");
        let mut contacts = Contacts::load(&path).unwrap();
        contacts.add("alice", SOMEBODY).unwrap();
        assert!(matches!(contacts.add("alice", Address::ZERO), Err(ContactError::Taken { .. })));
        contacts.store(&path).unwrap();
        let mut read = Contacts::load(&path).unwrap();
        assert_eq!(read.resolve("alice").unwrap(), SOMEBODY);
        read.remove("alice").unwrap();
        assert!(matches!(read.resolve("alice"), Err(ContactError::Unknown(_))));
        assert!(matches!(read.remove("alice"), Err(ContactError::Unknown(_))));
    }

    #[test]
    fn refuses_names_that_look_like_something_else() {
        let mut contacts = Contacts::default();
        for name in ["", "0xabc", "Alice", "a b", "аlice", &"a".repeat(65)] {
            assert!(matches!(contacts.add(name, SOMEBODY), Err(ContactError::Name)), "{name}");
        }
    }

    #[test]
    fn capitals_have_to_be_right() {
        let contacts = Contacts::default();
        let right = SOMEBODY.to_checksum(None);
        assert_eq!(contacts.resolve(&right).unwrap(), SOMEBODY);
        assert_eq!(contacts.resolve(&right.to_lowercase()).unwrap(), SOMEBODY);
        assert_eq!(contacts.resolve(&right.to_uppercase().replace("0X", "0x")).unwrap(), SOMEBODY);
        assert!(matches!(
            contacts.resolve(&right.replace("aad", "Aad")),
            Err(ContactError::Checksum(_))
        ));
        assert!(matches!(contacts.resolve(&right[2..]), Err(ContactError::Unknown(_))));
        assert!(matches!(contacts.resolve(&right[..41]), Err(ContactError::Unknown(_))));
    }
}
