//! Keys that deploy the venue on a chain for development, and report prices there.
//!
//! They come from the phrase that all development tools share, so everybody knows them: whatever they
//! own on a chain that others use belongs to whoever comes first. Any tool derives them by their paths,
//! `m/44'/60'/1'/0/N`: the account of the wallet is 1, so none of them is an account of `heddle dev`.

use alloy_primitives::Address;
use alloy_signer_local::{
    LocalSignerError, MnemonicBuilder, PrivateKeySigner, coins_bip39::English,
};

/// The phrase.
pub const PHRASE: &str = "test test test test test test test test test test test junk";

/// Path of the keys, to which a key's number is added.
pub const PATH: &str = "m/44'/60'/1'/0/";

/// How many report for each feed: the least of which one may lie.
pub const REPORTERS: usize = 4;

/// How many hold votes that they have delegated to the first accounts of the chain.
pub const HOLDERS: usize = 5;

/// Number of the first reporter's key.
const FIRST_REPORTER: usize = 2;

/// Number of the first holder's key.
const FIRST_HOLDER: usize = FIRST_REPORTER + REPORTERS;

/// All keys of the venue.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Creates the contracts, and nothing else: their addresses follow from how many it has created.
    pub deployer: PrivateKeySigner,
    /// Sets them up, and then gives up what it may do.
    pub installer: PrivateKeySigner,
    /// Sign observations for feeds. By ascending address, as seats are: the place is the seat.
    pub reporters: Vec<PrivateKeySigner>,
    /// Path of each reporter's key.
    pub reporter_paths: Vec<String>,
    /// Hold the governance tokens whose votes are delegated.
    pub holders: Vec<PrivateKeySigner>,
}

impl Keys {
    /// The keys that everybody knows.
    ///
    /// # Errors
    ///
    /// Never for this phrase; the library that derives keys says so by a result.
    pub fn development() -> Result<Self, LocalSignerError> {
        let mut reporters = development_keys(FIRST_REPORTER, REPORTERS)?;
        reporters.sort_by_key(|(_, key)| key.address());
        let (reporter_paths, reporters) = reporters.into_iter().unzip();
        let holders = development_keys(FIRST_HOLDER, HOLDERS)?;
        Ok(Self {
            deployer: development_key(&format!("{PATH}0"))?,
            installer: development_key(&format!("{PATH}1"))?,
            reporters,
            reporter_paths,
            holders: holders.into_iter().map(|(_, key)| key).collect(),
        })
    }

    /// Addresses of the reporters, by seat.
    pub fn reporter_addresses(&self) -> Vec<Address> {
        self.reporters.iter().map(PrivateKeySigner::address).collect()
    }
}

/// Keys by their paths.
fn development_keys(
    first: usize,
    count: usize,
) -> Result<Vec<(String, PrivateKeySigner)>, LocalSignerError> {
    let paths = (first..first + count).map(|number| format!("{PATH}{number}"));
    paths.map(|path| Ok((path.clone(), development_key(&path)?))).collect()
}

fn development_key(path: &str) -> Result<PrivateKeySigner, LocalSignerError> {
    MnemonicBuilder::<English>::default().phrase(PHRASE).derivation_path(path)?.build()
}
