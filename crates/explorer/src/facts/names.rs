//! What addresses are called.

use super::View;
use alloy_primitives::{Address, address};

/// What an address is called, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) source: NameSource,
}

/// Who gave a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameSource {
    /// Whoever runs the node.
    Label,
    /// Ethereum's rules: precompiles and system contracts.
    System,
    /// Its verified source.
    Source,
    /// The contract itself: anybody can call anything anything.
    Token,
}

impl NameSource {
    /// What is said behind a name.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Label => "",
            Self::Source => " (verified)",
            Self::System => " (system)",
            Self::Token => " (token, by its own word)",
        }
    }
}

/// Contracts that rules of Ethereum name, by EIP.
const SYSTEM: [(Address, &str); 5] = [
    (address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02"), "Beacon roots (EIP-4788)"),
    (address!("0000F90827F1C53a10cb7A02335B175320002935"), "Block hashes (EIP-2935)"),
    (address!("00000961Ef480Eb55e80D19ad83579A64c007002"), "Withdrawal requests (EIP-7002)"),
    (address!("0000BBdDc7CE488642fb579F8B00f3a590007251"), "Consolidations (EIP-7251)"),
    (address!("00000000219ab540356cBB839Cbe05303d7705Fa"), "Deposits"),
];

/// Precompiles by their number, from 1 on.
const PRECOMPILES: [&str; 17] = [
    "ECRecover",
    "SHA-256",
    "RIPEMD-160",
    "Identity",
    "ModExp",
    "BN254 add",
    "BN254 multiply",
    "BN254 pairing",
    "BLAKE2f",
    "KZG point evaluation",
    "BLS12-381 G1 add",
    "BLS12-381 G1 MSM",
    "BLS12-381 G2 add",
    "BLS12-381 G2 MSM",
    "BLS12-381 pairing",
    "BLS12-381 map to G1",
    "BLS12-381 map to G2",
];

/// All names that this program gives.
pub(crate) fn system() -> impl Iterator<Item = (Address, &'static str)> {
    let precompiles =
        (1_u8..).zip(PRECOMPILES).map(|(number, name)| (Address::with_last_byte(number), name));
    SYSTEM.into_iter().chain(precompiles)
}

pub(super) fn find(view: &View<'_>, address: Address) -> Option<Name> {
    if let Some(label) = view.explorer.settings.labels.get(&address) {
        return Some(Name { text: label.clone(), source: NameSource::Label });
    }
    if let Some((_, name)) = system().find(|(at, _)| *at == address) {
        return Some(Name { text: name.to_owned(), source: NameSource::System });
    }
    // An index that fails here fails where it matters, too.
    if let Some((_, token)) = view.index.token_of_any_class(address).ok()?
        && let Some(text) =
            [token.symbol, token.name].into_iter().find(|text| !text.trim().is_empty())
    {
        return Some(Name { text, source: NameSource::Token });
    }
    let source = view.source(address)?;
    Some(Name { text: source.verified.name.clone(), source: NameSource::Source })
}
