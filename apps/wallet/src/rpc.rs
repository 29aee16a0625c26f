//! JSON-RPC: what a wallet asks a node. A node may lie, so answers are bounded and checked.

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::Duration;

/// Most bytes of an answer: a block's header takes two thousand.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// Time that a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a node has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No answer.
    #[error("{url} does not answer {method}; is the node running, and its address right?")]
    Transport {
        /// The node, without what may be a key in its address.
        url: String,
        /// What was asked.
        method: &'static str,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The node says no.
    #[error("the node refuses {method}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// In the node's words.
        message: String,
    },
    /// The answer cannot be read.
    #[error("the node's answer to {method} cannot be read")]
    Shape {
        /// What was asked.
        method: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// A node.
#[derive(Debug)]
pub struct Node {
    url: String,
    agent: ureq::Agent,
}

/// What a wallet reads of a block.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockFees {
    /// Left out before London.
    #[serde(default)]
    pub base_fee_per_gas: Option<U128>,
}

/// What a wallet reads of a receipt.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// 1 if the transaction did what it should.
    #[serde(default)]
    pub status: Option<U64>,
    /// The block that has the transaction.
    pub block_number: U64,
    /// Gas used.
    pub gas_used: U64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<RpcFailure>,
}

#[derive(Deserialize)]
struct RpcFailure {
    #[serde(default)]
    message: String,
}

impl Node {
    /// A node at an address that begins with `http://` or `https://`.
    pub fn new(url: &str) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build();
        Self { url: url.to_owned(), agent: settings.into() }
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let transport = |source| {
            // What follows the host is often a key.
            let host = self.url.split('/').take(3).collect::<Vec<_>>().join("/");
            let host = host.rsplit('@').next().unwrap_or_default().to_owned();
            RpcError::Transport { url: host, method, source: Box::new(source) }
        };
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut response = self.agent.post(&self.url).send_json(&body).map_err(transport)?;
        let bytes = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(transport)?;
        let shape = |source| RpcError::Shape { method, source };
        let answer: Answer = serde_json::from_slice(&bytes).map_err(shape)?;
        if let Some(failure) = answer.error {
            let message =
                crate::work::visible(&failure.message.chars().take(500).collect::<String>());
            return Err(RpcError::Refused { method, message });
        }
        serde_json::from_value(answer.result).map_err(shape)
    }

    /// The chain's id.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]; so for all methods.
    pub fn chain_id(&self) -> Result<u64, RpcError> {
        self.call::<U64>("eth_chainId", json!([])).map(|id| id.to())
    }

    /// How many transactions an account has sent, as of `latest` or `pending`.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn nonce(&self, address: Address, tag: &str) -> Result<u64, RpcError> {
        self.call::<U64>("eth_getTransactionCount", json!([address, tag])).map(|nonce| nonce.to())
    }

    /// Wei that an account has.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn balance(&self, address: Address) -> Result<U256, RpcError> {
        self.call("eth_getBalance", json!([address, "latest"]))
    }

    /// The fees of the last block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn latest_fees(&self) -> Result<BlockFees, RpcError> {
        self.call("eth_getBlockByNumber", json!(["latest", false]))
    }

    /// Wei for each gas that a legacy transaction should pay.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn gas_price(&self) -> Result<U128, RpcError> {
        self.call("eth_gasPrice", json!([]))
    }

    /// Wei for each gas that the producer should get.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn priority_fee(&self) -> Result<U128, RpcError> {
        self.call("eth_maxPriorityFeePerGas", json!([]))
    }

    /// Gas that a transaction will need.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn estimate_gas(&self, call: &Value) -> Result<u64, RpcError> {
        self.call::<U64>("eth_estimateGas", json!([call])).map(|gas| gas.to())
    }

    /// What a call gives.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn eth_call(&self, call: &Value) -> Result<Bytes, RpcError> {
        self.call("eth_call", json!([call, "latest"]))
    }

    /// Sends a signed transaction, and gives the hash that the node says it has.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn send(&self, raw: &Bytes) -> Result<B256, RpcError> {
        self.call("eth_sendRawTransaction", json!([raw]))
    }

    /// The receipt, if the transaction is in a block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        self.call("eth_getTransactionReceipt", json!([hash]))
    }
}
