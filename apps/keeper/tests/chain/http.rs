//! JSON-RPC of the scripted chain, with requests that go wrong when told.

use super::Chain;
use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not arrive.
    Lost,
    /// It arrives and is done, but the answer does not.
    Unanswered,
}

/// A node of a scripted chain.
pub(crate) struct Server {
    chain: Arc<Mutex<Chain>>,
    url: String,
}

impl Server {
    /// Listens on a free port for as long as the process lives.
    pub(crate) fn start(chain: Chain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let chain = Arc::new(Mutex::new(chain));
        let shared = chain.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                thread::spawn(move || while serve(&shared, stream.as_ref().unwrap()).is_some() {});
            }
        });
        Self { chain, url }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The chain.
    pub(crate) fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap()
    }
}

fn serve(chain: &Mutex<Chain>, mut stream: &TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 8192];
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text
            .split("content-length:")
            .nth(1)?
            .split("\r\n")
            .next()?
            .trim()
            .parse::<usize>()
            .ok()?;
        break (end + 4, length);
    };
    while bytes.len() < head + length {
        let mut part = [0; 8192];
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
    }
    let request: Value = serde_json::from_slice(&bytes[head..head + length]).unwrap();
    let mut chain = chain.lock().unwrap();
    let fault = match &mut chain.fault {
        Some((0, fault)) => Some(*fault),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    };
    if fault.is_some() {
        chain.fault = None;
    }
    if fault == Some(Fault::Lost) {
        return None;
    }
    let answer = match &request {
        Value::Array(all) => all.iter().map(|one| chain.answered(one)).collect(),
        one => chain.answered(one),
    };
    drop(chain);
    if fault.is_some() {
        return None;
    }
    let body = answer.to_string();
    // In one piece: two would wait for each other's acknowledgement.
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).ok()
}

impl Chain {
    fn answered(&mut self, request: &Value) -> Value {
        let result = self.result(request["method"].as_str().unwrap(), &request["params"]);
        match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": request["id"], "error": error}),
        }
    }

    fn result(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let height = self.blocks.len() as u64 - 1;
        Ok(match method {
            "eth_chainId" => json!("0x539"),
            "eth_blockNumber" => json!(U64::from(height)),
            "eth_maxPriorityFeePerGas" => json!("0x1"),
            "eth_getBlockByNumber" => match params[0].as_str().unwrap() {
                "latest" | "pending" => self.block(height),
                number => self.block(u64::from_str_radix(&number[2..], 16).unwrap()),
            },
            "eth_getLogs" => self.logs(&params[0]),
            "eth_call" => {
                let (to, input) = target(&params[0]);
                json!(self.called(to, &input))
            }
            "eth_estimateGas" => {
                let (_, input) = target(&params[0]);
                match self.run(&self.truth, &input, self.now()) {
                    Ok(_) => json!("0x30d40"),
                    Err(data) => {
                        return Err(
                            json!({"code": 3, "message": "execution reverted", "data": Bytes::from(data)}),
                        );
                    }
                }
            }
            "eth_getTransactionCount" => {
                let mut nonce = self.nonce;
                if params[1] == "pending" {
                    while self.mempool.contains_key(&nonce) {
                        nonce += 1;
                    }
                }
                json!(U64::from(nonce))
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap();
                let hash = self.offered(&raw);
                json!(hash.map_err(|message| json!({"code": -32000, "message": message}))?)
            }
            "eth_getTransactionByHash" => {
                let hash: B256 = serde_json::from_value(params[0].clone()).unwrap();
                let waits = self.mempool.values().any(|one| *one.tx_hash() == hash);
                let is_there = waits || self.receipt(hash) != Value::Null;
                if is_there { json!({"hash": hash}) } else { Value::Null }
            }
            "eth_getTransactionReceipt" => {
                self.receipt(serde_json::from_value(params[0].clone()).unwrap())
            }
            other => panic!("{other} is not asked"),
        })
    }

    fn receipt(&self, hash: B256) -> Value {
        for (number, block) in self.blocks.iter().enumerate() {
            for (transaction, is_done) in &block.transactions {
                if *transaction.tx_hash() == hash {
                    let status = U64::from(u8::from(*is_done));
                    return json!({"status": status, "blockNumber": U64::from(number), "gasUsed": "0x1"});
                }
            }
        }
        Value::Null
    }

    fn block(&self, number: u64) -> Value {
        let Some(block) = self.blocks.get(number as usize) else { return Value::Null };
        let parent = number.checked_sub(1).map_or(B256::ZERO, |at| self.blocks[at as usize].hash);
        json!({
            "number": U64::from(number),
            "hash": block.hash,
            "parentHash": parent,
            "timestamp": U64::from(block.timestamp),
            "gasUsed": "0x0",
            "transactions": [],
            "baseFeePerGas": "0x7",
        })
    }

    fn logs(&self, filter: &Value) -> Value {
        let number = |name: &str| {
            u64::from_str_radix(&filter[name].as_str().unwrap()[2..], 16).unwrap() as usize
        };
        let (from, to) = (number("fromBlock"), number("toBlock").min(self.blocks.len() - 1));
        let mut found = Vec::new();
        for block in self.blocks.get(from..=to).unwrap_or_default() {
            for log in &block.logs {
                found.push(json!({
                    "address": log.address,
                    "topics": log.topics,
                    "data": log.data,
                    "blockNumber": log.block_number,
                    "blockHash": log.block_hash,
                    "blockTimestamp": log.block_timestamp,
                    "transactionHash": keccak256(log.block_hash),
                    "logIndex": log.log_index,
                }));
            }
        }
        json!(found)
    }
}

fn target(call: &Value) -> (Address, Bytes) {
    let to = serde_json::from_value(call["to"].clone()).unwrap();
    (to, serde_json::from_value(call["input"].clone()).unwrap())
}
