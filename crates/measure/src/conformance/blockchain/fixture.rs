//! The form of the files.

use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_types::BlobParams;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A test of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unit {
    pub(super) network: String,
    #[serde(default)]
    pub(super) config: Config,
    /// The first block.
    #[serde(rename = "genesisRLP")]
    pub(super) genesis: Bytes,
    pub(super) pre: BTreeMap<Address, Account>,
    /// In the order of their arrival.
    pub(super) blocks: Vec<Arrival>,
    /// Hash of the head in the end.
    #[serde(rename = "lastblockhash")]
    pub(super) head: B256,
    /// The state in the end, or ...
    pub(super) post_state: Option<BTreeMap<Address, Account>>,
    /// ... its root.
    pub(super) post_state_hash: Option<B256>,
}

/// What a network's name does not tell; newer tests have it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(rename = "chainid")]
    pub(super) chain_id: Option<U256>,
    #[serde(default)]
    pub(super) blob_schedule: BTreeMap<String, Blobs>,
}

/// Parameters of blobs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blobs {
    target: U256,
    max: U256,
    base_fee_update_fraction: U256,
}

/// An account of the state.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) balance: U256,
    pub(super) nonce: U256,
    pub(super) code: Bytes,
    pub(super) storage: BTreeMap<U256, U256>,
}

/// A block that arrives.
#[derive(Debug, Deserialize)]
pub(super) struct Arrival {
    /// In hexadecimal, which is not always well formed.
    rlp: String,
    /// Of the rest only what is there matters.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Arrival {
    /// The bytes of the block; `Err` for text that stands for no bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        let digits = self.rlp.trim_start_matches("0x");
        alloy_primitives::hex::decode(digits).map_err(|error| error.to_string())
    }

    /// Whether the block must be accepted: one that must not has no header in the test, or the
    /// reason why, under a name that begins alike in all tests.
    pub(super) fn is_valid(&self) -> bool {
        self.rest.contains_key("blockHeader") && self.exception().is_none()
    }

    /// Why the block must be rejected, if the test says so.
    pub(super) fn exception(&self) -> Option<&Value> {
        let named = self.rest.iter().find(|(name, _)| name.starts_with("expectException"));
        named.map(|(_, reason)| reason)
    }
}

impl Blobs {
    pub(super) fn params(&self) -> BlobParams {
        BlobParams {
            target_blob_count: self.target.saturating_to(),
            max_blob_count: self.max.saturating_to(),
            update_fraction: self.base_fee_update_fraction.saturating_to(),
            ..BlobParams::cancun()
        }
    }
}
