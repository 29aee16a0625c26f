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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    /// What a client makes of an answer.
    fn answered<T>(
        body: Vec<u8>,
        ask: impl Fn(&Node) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = Node::new(&format!("http://{}/secret-key", listener.local_addr().unwrap()));
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut block = [0; 4096];
                let read = stream.read(&mut block).unwrap();
                assert!(read > 0, "{}", String::from_utf8_lossy(&request));
                request.extend_from_slice(&block[..read]);
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // The client hangs up on what is too long.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        });
        let result = ask(&node);
        server.join().unwrap();
        result
    }

    fn json(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    #[test]
    fn a_result_is_read_and_a_missing_receipt_is_none() {
        let id = answered(json(r#"{"id":1,"jsonrpc":"2.0","result":"0x7a69"}"#), Node::chain_id);
        assert_eq!(id.unwrap(), 31337);
        let none = answered(json(r#"{"result":null}"#), |node| node.receipt(B256::ZERO));
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn an_error_of_the_node_is_shown_without_what_moves_the_cursor() {
        let text = r#"{"error":{"code":-32000,"message":"no \u001b[2J money"}}"#;
        let error = answered(json(text), Node::chain_id).unwrap_err();
        assert!(error.to_string().ends_with("no \\u{1b}[2J money"), "{error}");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in ["", "[]", "{\"result\":\"many\"}", "{\"result\":null}", "{}"] {
            let error = answered(json(text), Node::chain_id).unwrap_err();
            assert!(matches!(error, RpcError::Shape { .. }), "{text}: {error:?}");
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_an_error() {
        let long = vec![b' '; usize::try_from(ANSWER_BYTES_MAX).unwrap() + 1];
        let error = answered(long, Node::chain_id).unwrap_err();
        assert!(matches!(error, RpcError::Transport { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret-key"), "{error}");
    }
}
