//! What `heddle dev` prints when it has started.

use super::accounts::addresses;
use crate::{service::Addresses, venue};
use alloy_primitives::{B256, U256, hex, utils::format_ether};
use alloy_signer_local::PrivateKeySigner;
use heddle_venue::addresses::Place;
use serde_json::{Value, json};
use std::fmt::{self, Display};

/// What there is to say about a chain that has started.
#[derive(Debug)]
pub(super) struct Banner<'a> {
    pub(super) keys: &'a [PrivateKeySigner],
    pub(super) balance: U256,
    pub(super) mnemonic: &'a str,
    pub(super) path: &'a str,
    pub(super) chain_id: u64,
    pub(super) gas_limit: u64,
    pub(super) base_fee: Option<u64>,
    pub(super) timestamp: u64,
    pub(super) head: u64,
    pub(super) fork: &'a str,
    pub(super) addresses: Addresses,
    pub(super) kept: Option<&'a std::path::Path>,
    /// Contracts of the venue; none without it.
    pub(super) venue: &'a [Place],
}

impl Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "heddle {} · development chain\n", env!("CARGO_PKG_VERSION"))?;
        if !self.keys.is_empty() {
            writeln!(f, "Available Accounts\n==================\n")?;
            for (index, address) in addresses(self.keys).iter().enumerate() {
                writeln!(
                    f,
                    "({index}) {address} ({} ETH)",
                    format_ether(self.balance).trim_end_matches('0').trim_end_matches('.')
                )?;
            }
            writeln!(
                f,
                "\nPrivate Keys (known to all: for development only)\n==================\n"
            )?;
            for (index, key) in self.keys.iter().enumerate() {
                writeln!(f, "({index}) {}", secret(key))?;
            }
            writeln!(f, "\nWallet\n==================")?;
            writeln!(f, "Mnemonic:          {}", self.mnemonic)?;
            writeln!(f, "Derivation path:   {}\n", self.path)?;
        }
        if !self.venue.is_empty() {
            writeln!(f, "Venue (see docs/venue.md)\n==================\n")?;
            write!(f, "{}", venue::table(self.venue))?;
            writeln!(f)?;
        }
        writeln!(f, "Chain ID:          {}", self.chain_id)?;
        writeln!(f, "Rules:             {}", self.fork)?;
        if let Some(base_fee) = self.base_fee {
            writeln!(f, "Base fee:          {base_fee} wei")?;
        }
        writeln!(f, "Gas limit:         {}", self.gas_limit)?;
        writeln!(f, "Block:             {} (time {})", self.head, self.timestamp)?;
        match self.kept {
            Some(folder) => writeln!(f, "Kept in:           {}", folder.display())?,
            None => writeln!(f, "Kept in:           nothing; gone at the end (see --datadir)")?,
        }
        if let Some(explorer) = self.addresses.explorer {
            writeln!(f, "\nExplorer:          http://{explorer}")?;
        }
        write!(f, "\nListening on {}", self.addresses.rpc)
    }
}

impl Banner<'_> {
    /// The same for programs, with anvil's keys.
    pub(super) fn json(&self) -> Value {
        json!({
            "available_accounts": addresses(self.keys),
            "private_keys": self.keys.iter().map(secret).collect::<Vec<_>>(),
            "wallet": {"mnemonic": self.mnemonic, "derivation_path": self.path},
            "base_fee": self.base_fee.map(|fee| fee.to_string()),
            "gas_limit": self.gas_limit.to_string(),
            "genesis_timestamp": self.timestamp.to_string(),
            "venue": venue::by_system(self.venue),
        })
    }
}

/// A key as text. Development chains print theirs; nothing else does.
fn secret(key: &PrivateKeySigner) -> String {
    let bytes: B256 = key.to_bytes();
    hex::encode_prefixed(bytes)
}
