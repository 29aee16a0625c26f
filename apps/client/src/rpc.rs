//! JSON-RPC: what is asked of a node. A node may lie, so answers are bounded and checked.

use crate::visible;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::Duration;

/// Most bytes of an answer: some ten thousand logs.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
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
        /// What a contract said that reverted: an error by the rules of Solidity's ABI.
        data: Option<Bytes>,
    },
    /// The answer cannot be read.
    #[error("the node's answer to {method} cannot be read")]
    Shape {
        /// What was asked.
        method: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// What a contract gave is not what it should give.
    #[error("what {address} answers to {signature} cannot be read; is that contract there?")]
    Return {
        /// The contract.
        address: Address,
        /// The function.
        signature: &'static str,
        /// Why.
        source: Box<alloy_sol_types::Error>,
    },
}

impl RpcError {
    /// What a contract said that reverted.
    pub fn revert_data(&self) -> Option<&Bytes> {
        match self {
            Self::Refused { data, .. } => data.as_ref(),
            _ => None,
        }
    }
}

/// As of which block something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The last block.
    Latest,
    /// What the next block would begin with.
    Pending,
    /// The last block that cannot be undone.
    Finalized,
    /// A block by its number.
    Number(u64),
    /// A block by its hash: it is an error if it is none of the chain any more (EIP-1898).
    Hash(B256),
}

impl At {
    fn to_json(self) -> Value {
        match self {
            Self::Latest => "latest".into(),
            Self::Pending => "pending".into(),
            Self::Finalized => "finalized".into(),
            Self::Number(number) => json!(U64::from(number)),
            Self::Hash(hash) => json!({"blockHash": hash, "requireCanonical": true}),
        }
    }
}

/// What is read of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before.
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Gas of its transactions.
    pub gas_used: u64,
    /// How many transactions it has.
    pub transactions: usize,
    /// Wei for each gas that is burned; zero before London.
    pub base_fee: u128,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlock {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
    gas_used: U64,
    transactions: Vec<B256>,
    base_fee_per_gas: Option<U128>,
}

/// A call that leaves nothing behind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Call {
    /// Who calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// The contract.
    pub to: Address,
    /// What it is called with.
    pub input: Bytes,
    /// Wei.
    pub value: U256,
}

/// Which events are asked for.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// Of these contracts; of all if there are none.
    pub addresses: Vec<Address>,
    /// Of these kinds (`topic0`); of all if there are none.
    pub kinds: Vec<B256>,
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Its kind, and what is indexed.
    pub topics: Vec<B256>,
    /// The rest.
    pub data: Bytes,
    /// The block.
    pub block_number: U64,
    /// Its hash.
    pub block_hash: B256,
    /// Its seconds since 1970, if the node says so: not all do.
    #[serde(default)]
    pub block_timestamp: Option<U64>,
    /// The transaction.
    pub transaction_hash: B256,
    /// Its place among the events of the block.
    pub log_index: U64,
}

/// A node.
#[derive(Clone, Debug)]
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
    id: Value,
    #[serde(default)]
    result: Value,
    error: Option<RpcFailure>,
}

impl Answer {
    fn result(self, method: &'static str) -> Result<Value, RpcError> {
        let Some(failure) = self.error else { return Ok(self.result) };
        let message = visible(&failure.message.chars().take(500).collect::<String>());
        // Some nodes wrap what a contract said into an object.
        let data = failure.data.get("data").unwrap_or(&failure.data);
        let data = Bytes::deserialize(data).ok();
        Err(RpcError::Refused { method, message, data })
    }
}

#[derive(Deserialize)]
struct RpcFailure {
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

/// Requests that are sent in one message.
const BATCH_MAX: usize = 100;

impl Node {
    /// A node at an address that begins with `http://` or `https://`.
    pub fn new(url: &str) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build();
        Self { url: url.to_owned(), agent: settings.into() }
    }

    /// Asks anything.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]; so for all methods.
    pub fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Answer = self.post(method, &body)?;
        let result = answer.result(method)?;
        serde_json::from_value(result).map_err(|source| RpcError::Shape { method, source })
    }

    /// Asks the same of many things, in few messages; the answers are in the order of `params`.
    ///
    /// # Errors
    ///
    /// The outer one if a message is not answered; then what was sent may have been done.
    pub fn request_all<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &[Value],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        let shape = |source| RpcError::Shape { method, source };
        let mut results = Vec::with_capacity(params.len());
        for part in params.chunks(BATCH_MAX) {
            let one = |(id, params): (usize, &Value)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            let body: Vec<Value> = part.iter().enumerate().map(one).collect();
            let answers: Vec<Answer> = self.post(method, &json!(body))?;
            let mut by_id: Vec<Option<Answer>> = part.iter().map(|_| None).collect();
            for answer in answers {
                let id = answer.id.as_u64().and_then(|id| usize::try_from(id).ok());
                if let Some(place) = id.and_then(|id| by_id.get_mut(id)) {
                    *place = Some(answer);
                }
            }
            results.extend(by_id.into_iter().map(|answer| {
                let missing = || RpcError::Refused {
                    method,
                    message: "no answer is among those of its batch".to_owned(),
                    data: None,
                };
                let result = answer.ok_or_else(missing)?.result(method)?;
                serde_json::from_value(result).map_err(shape)
            }));
        }
        Ok(results)
    }

    fn post<T: DeserializeOwned>(&self, method: &'static str, body: &Value) -> Result<T, RpcError> {
        let transport = |source| {
            // What follows the host is often a key.
            let host = self.url.split('/').take(3).collect::<Vec<_>>().join("/");
            let host = host.rsplit('@').next().unwrap_or_default().to_owned();
            RpcError::Transport { url: host, method, source: Box::new(source) }
        };
        let mut response = self.agent.post(&self.url).send_json(body).map_err(transport)?;
        let bytes = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(transport)?;
        serde_json::from_slice(&bytes).map_err(|source| RpcError::Shape { method, source })
    }

    /// The chain's id.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn chain_id(&self) -> Result<u64, RpcError> {
        self.request::<U64>("eth_chainId", json!([])).map(|id| id.to())
    }

    /// How many transactions an account has sent, as of `latest` or `pending`.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn nonce(&self, address: Address, tag: &str) -> Result<u64, RpcError> {
        self.request::<U64>("eth_getTransactionCount", json!([address, tag]))
            .map(|nonce| nonce.to())
    }

    /// Wei that an account has.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn balance(&self, address: Address) -> Result<U256, RpcError> {
        self.request("eth_getBalance", json!([address, "latest"]))
    }

    /// The fees of the last block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn latest_fees(&self) -> Result<BlockFees, RpcError> {
        self.request("eth_getBlockByNumber", json!(["latest", false]))
    }

    /// Wei for each gas that a legacy transaction should pay.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn gas_price(&self) -> Result<U128, RpcError> {
        self.request("eth_gasPrice", json!([]))
    }

    /// Wei for each gas that the producer should get.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn priority_fee(&self) -> Result<U128, RpcError> {
        self.request("eth_maxPriorityFeePerGas", json!([]))
    }

    /// Gas that a transaction will need in the next block. Its time counts: what a contract does once a
    /// second only, it may have done in the last block already.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn estimate_gas(&self, call: &Value) -> Result<u64, RpcError> {
        self.request::<U64>("eth_estimateGas", json!([call, "pending"])).map(|gas| gas.to())
    }

    /// What a call gives.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn eth_call(&self, call: &Value) -> Result<Bytes, RpcError> {
        self.request("eth_call", json!([call, "latest"]))
    }

    /// What a function of a contract gives.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]; what a contract said that reverted is [`RpcError::revert_data`].
    pub fn read<C: SolCall>(&self, to: Address, call: &C, at: At) -> Result<C::Return, RpcError> {
        self.simulate(None, to, call, at)
    }

    /// What a function of a contract would give if `from` called it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn simulate<C: SolCall>(
        &self,
        from: Option<Address>,
        to: Address,
        call: &C,
        at: At,
    ) -> Result<C::Return, RpcError> {
        let call = Call { from, to, input: call.abi_encode().into(), value: U256::ZERO };
        let bytes: Bytes = self.request("eth_call", json!([call, at.to_json()]))?;
        returned::<C>(to, &bytes)
    }

    /// What a function of a contract gives for many arguments, in few messages.
    ///
    /// # Errors
    ///
    /// As [`Self::request_all`] and [`Self::read`].
    pub fn read_all<C: SolCall>(
        &self,
        calls: &[(Address, C)],
        at: At,
    ) -> Result<Vec<Result<C::Return, RpcError>>, RpcError> {
        let params = |(to, call): &(Address, C)| {
            let input = call.abi_encode().into();
            json!([Call { from: None, to: *to, input, value: U256::ZERO }, at.to_json()])
        };
        let params: Vec<Value> = calls.iter().map(params).collect();
        let answers = self.request_all::<Bytes>("eth_call", &params)?;
        let results = answers.into_iter().zip(calls);
        Ok(results.map(|(answer, (to, _))| returned::<C>(*to, &answer?)).collect())
    }

    /// A block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]; one that is not there is [`RpcError::Shape`].
    pub fn block(&self, at: At) -> Result<Block, RpcError> {
        let raw: RawBlock = match at {
            At::Hash(hash) => self.request("eth_getBlockByHash", json!([hash, false]))?,
            _ => self.request("eth_getBlockByNumber", json!([at.to_json(), false]))?,
        };
        Ok(Block {
            number: raw.number.to(),
            hash: raw.hash,
            parent_hash: raw.parent_hash,
            timestamp: raw.timestamp.to(),
            gas_used: raw.gas_used.to(),
            transactions: raw.transactions.len(),
            base_fee: raw.base_fee_per_gas.map_or(0, |fee| fee.to()),
        })
    }

    /// The number of the last block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn height(&self) -> Result<u64, RpcError> {
        self.request::<U64>("eth_blockNumber", json!([])).map(|number| number.to())
    }

    /// Events, in their order.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]. Nodes bound how many they give at once; ask for fewer blocks then.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<Log>, RpcError> {
        let mut asked = json!({
            "fromBlock": U64::from(filter.from),
            "toBlock": U64::from(filter.to),
        });
        if !filter.addresses.is_empty() {
            asked["address"] = json!(filter.addresses);
        }
        if !filter.kinds.is_empty() {
            asked["topics"] = json!([filter.kinds]);
        }
        self.request("eth_getLogs", json!([asked]))
    }

    /// Sends a signed transaction, and gives the hash that the node says it has.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn send(&self, raw: &Bytes) -> Result<B256, RpcError> {
        self.request("eth_sendRawTransaction", json!([raw]))
    }

    /// The receipt, if the transaction is in a block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        self.request("eth_getTransactionReceipt", json!([hash]))
    }
}

fn returned<C: SolCall>(address: Address, bytes: &Bytes) -> Result<C::Return, RpcError> {
    let signature = C::SIGNATURE;
    C::abi_decode_returns(bytes).map_err(|source| RpcError::Return {
        address,
        signature,
        source: Box::new(source),
    })
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
            while !request.ends_with(b"}") && !request.ends_with(b"]") {
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
    fn what_a_contract_said_is_kept() {
        for text in [
            r#"{"error":{"code":3,"message":"reverted","data":"0x01020304"}}"#,
            r#"{"error":{"code":3,"message":"reverted","data":{"data":"0x01020304"}}}"#,
        ] {
            let error = answered(json(text), Node::chain_id).unwrap_err();
            assert_eq!(error.revert_data().unwrap().as_ref(), [1, 2, 3, 4], "{text}");
        }
    }

    #[test]
    fn answers_of_a_batch_come_in_any_order_and_may_be_missing() {
        let text = r#"[{"id":1,"result":"0x2"},{"id":0,"result":"0x1"},{"id":9,"result":"0x9"}]"#;
        let answers = answered(json(text), |node| {
            node.request_all::<U64>("eth_chainId", &[json!([]), json!([]), json!([])])
        });
        let answers = answers.unwrap();
        let values: Vec<Option<u64>> =
            answers.iter().map(|answer| answer.as_ref().ok().map(|value| value.to())).collect();
        assert_eq!(values, [Some(1), Some(2), None]);
    }

    #[test]
    fn an_answer_that_is_too_long_is_an_error() {
        let long = vec![b' '; usize::try_from(ANSWER_BYTES_MAX).unwrap() + 1];
        let error = answered(long, Node::chain_id).unwrap_err();
        assert!(matches!(error, RpcError::Transport { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret-key"), "{error}");
    }
}
