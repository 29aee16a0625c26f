//! `heddle venue`: where the contracts of the venue are.

use alloy_primitives::hex;
use alloy_signer_local::{LocalSignerError, PrivateKeySigner};
use clap::Subcommand;
use heddle_venue::{
    Keys, PHRASE,
    addresses::{ALL, Place},
};
use serde_json::{Map, Value, json};
use std::{
    fmt::Write as _,
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Tells of the venue.
#[derive(Debug, Subcommand)]
pub(crate) enum VenueCommand {
    /// Names all contracts, with their addresses. They are the same on every chain that has the venue.
    Addresses {
        /// Prints one JSON object, with what each contract is, and the accounts of development.
        #[arg(long)]
        json: bool,
    },
    /// Writes the keys of the reporters, which everybody knows, into files of a new folder, for
    /// programs that read keys from files.
    Keys {
        /// Folder that is made.
        folder: PathBuf,
    },
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VenueCommandError {
    #[error("the venue's development keys cannot be derived")]
    Keys(#[from] LocalSignerError),
    #[error("the list cannot be printed")]
    Print(#[source] io::Error),
    #[error("{path} cannot be written; name a folder that is not there yet")]
    Write { path: PathBuf, source: io::Error },
}

impl VenueCommand {
    pub(crate) fn run(self) -> Result<bool, VenueCommandError> {
        match self {
            Self::Addresses { json: true } => print(&format!("{:#}\n", all()?))?,
            Self::Addresses { json: false } => print(&table(ALL))?,
            Self::Keys { folder } => write_keys(&folder)?,
        }
        Ok(true)
    }
}

fn print(text: &str) -> Result<(), VenueCommandError> {
    io::stdout().write_all(text.as_bytes()).map_err(VenueCommandError::Print)
}

/// Writes `reporter-0` and so on, by seat.
fn write_keys(folder: &Path) -> Result<(), VenueCommandError> {
    let keys = Keys::development()?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| VenueCommandError::Write { path, source }
    };
    DirBuilder::new().mode(0o700).create(folder).map_err(failed(folder))?;
    for (seat, key) in keys.reporters.iter().enumerate() {
        let path = folder.join(format!("reporter-{seat}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path).map_err(failed(&path))?;
        writeln!(file, "{}", hex::encode(key.to_bytes())).map_err(failed(&path))?;
    }
    Ok(())
}

/// A line for each contract.
pub(crate) fn table(places: &[Place]) -> String {
    let mut text = String::new();
    for Place { system, name, address, .. } in places {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{system:<11} {name:<21} {address}");
    }
    text
}

/// Addresses by system and name.
pub(crate) fn by_system(places: &[Place]) -> Value {
    grouped(places, |place| json!(place.address.to_string()))
}

fn grouped(places: &[Place], value: impl Fn(&Place) -> Value) -> Value {
    let mut systems = Map::new();
    for place in places {
        let system = systems.entry(place.system).or_insert_with(|| json!({}));
        system[place.name] = value(place);
    }
    Value::Object(systems)
}

fn all() -> Result<Value, LocalSignerError> {
    let contracts = grouped(
        ALL,
        |place| json!({"address": place.address.to_string(), "contract": place.contract, "about": place.about}),
    );
    let keys = Keys::development()?;
    let addresses = |keys: &[PrivateKeySigner]| -> Vec<String> {
        keys.iter().map(|key| key.address().to_string()).collect()
    };
    let reporters = addresses(&keys.reporters);
    let reporters: Vec<Value> = (reporters.iter().zip(&keys.reporter_paths).enumerate())
        .map(|(seat, (address, path))| json!({"seat": seat, "address": address, "path": path}))
        .collect();
    Ok(json!({
        "contracts": contracts,
        "development": {
            "phrase": PHRASE,
            "deployer": keys.deployer.address().to_string(),
            "installer": keys.installer.address().to_string(),
            "reporters": reporters,
            "holders": addresses(&keys.holders),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn keys_are_written_once_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        write_keys(&keys).unwrap();
        let known = Keys::development().unwrap();
        for (seat, key) in known.reporters.iter().enumerate() {
            let path = keys.join(format!("reporter-{seat}"));
            let text = fs::read_to_string(&path).unwrap();
            let read: PrivateKeySigner = text.trim().parse().unwrap();
            assert_eq!(read.address(), key.address());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(matches!(write_keys(&keys), Err(VenueCommandError::Write { .. })));
    }

    #[test]
    fn every_contract_is_in_the_list_by_system_and_name() {
        let list = all().unwrap();
        let contracts = list["contracts"].as_object().unwrap();
        let count: usize = contracts.values().map(|system| system.as_object().unwrap().len()).sum();
        assert_eq!(count, ALL.len());
        assert_eq!(list["contracts"]["exchange"]["router"]["contract"], "Router");
        assert_eq!(list["development"]["reporters"].as_array().unwrap().len(), 4);
        assert_eq!(table(ALL).lines().count(), ALL.len());
    }
}
