//! Whole loads against a server that only plays a node, and loses things.

use super::{ledger, *};
use alloy_primitives::{B256, U256, hex, keccak256};
use clap::{Args as _, FromArgMatches as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// What the server does with transactions, counted from the first of the load.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Acknowledges this one and forgets it.
    loses: Option<usize>,
    /// Refuses this one.
    refuses: Option<usize>,
    /// Puts this one into two blocks.
    doubles: Option<usize>,
    /// Closes the connection instead of answering the request with this one.
    hangs_up: Option<usize>,
    /// Lets this one fail.
    fails: Option<usize>,
}

/// A server that acknowledges and mines each request as a block. Everybody is rich, so that nobody
/// has to be funded, and nothing ever moves.
#[derive(Debug, Default)]
struct Server {
    faults: Faults,
    blocks: Vec<Vec<B256>>,
    /// Transactions of the load until now.
    count: usize,
    failed: Option<B256>,
}

impl Server {
    fn start(faults: Faults) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Mutex::new(Self { faults, ..Self::default() }));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, server) = (stream.unwrap(), server.clone());
                thread::spawn(move || serve(&stream, &server));
            }
        });
        address
    }

    /// `None`: hang up.
    fn answer(&mut self, request: &Value) -> Option<Value> {
        let calls = match request {
            Value::Array(calls) => calls.clone(),
            call => vec![call.clone()],
        };
        let is_sending = calls[0]["method"] == "eth_sendRawTransaction";
        let mut block = Vec::new();
        let mut answers = Vec::new();
        for call in &calls {
            let result = if is_sending {
                self.take(call, &mut block)?
            } else {
                Ok(self.quick(call["method"].as_str().unwrap(), &call["params"]))
            };
            answers.push(match result {
                Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
                Err(message) => {
                    json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": message}})
                }
            });
        }
        if is_sending && !block.is_empty() {
            self.blocks.push(block);
        }
        Some(if request.is_array() { Value::Array(answers) } else { answers.remove(0) })
    }

    fn take(&mut self, call: &Value, block: &mut Vec<B256>) -> Option<Result<Value, &'static str>> {
        let hash = keccak256(hex::decode(call["params"][0].as_str().unwrap()).unwrap());
        let number = Some(self.count);
        self.count += 1;
        if number == self.faults.hangs_up {
            return None;
        }
        if number == self.faults.refuses {
            return Some(Err("txpool is full"));
        }
        if number == self.faults.doubles {
            self.blocks.push(vec![hash]);
        }
        if number == self.faults.fails {
            self.failed = Some(hash);
        }
        if number != self.faults.loses {
            block.push(hash);
        }
        Some(Ok(json!(hash)))
    }

    fn quick(&self, method: &str, params: &Value) -> Value {
        let block = |number: &Value| -> Option<usize> {
            usize::from_str_radix(number.as_str()?.strip_prefix("0x")?, 16).ok()?.checked_sub(1)
        };
        match method {
            "eth_chainId" => json!("0x7a69"),
            "web3_clientVersion" => json!("player"),
            "eth_blockNumber" => json!(format!("{:#x}", self.blocks.len())),
            "eth_getBalance" => json!("0xffffffffffffffffffffff"),
            "eth_getTransactionCount" => json!("0x0"),
            "eth_getBlockByNumber" => {
                let hash = |number: usize| keccak256(number.to_be_bytes());
                let (number, transactions) = match block(&params[0]) {
                    Some(number) => match self.blocks.get(number) {
                        Some(block) => (number + 1, block.clone()),
                        None => return Value::Null,
                    },
                    None => (self.blocks.len(), Vec::new()),
                };
                json!({
                    "hash": hash(number), "parentHash": hash(number.wrapping_sub(1)),
                    "baseFeePerGas": "0x7", "gasLimit": "0xffffffffff", "transactions": transactions,
                })
            }
            "eth_getBlockReceipts" => {
                let hashes = &self.blocks[block(&params[0]).unwrap()];
                let receipt = |hash: &B256| {
                    let status = if Some(*hash) == self.failed { "0x0" } else { "0x1" };
                    json!({"transactionHash": hash, "status": status, "gasUsed": "0x5208", "effectiveGasPrice": "0x9"})
                };
                hashes.iter().map(receipt).collect()
            }
            other => panic!("{other} is not needed"),
        }
    }
}

fn serve(stream: &TcpStream, server: &Mutex<Server>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let Some(answer) = server.lock().answer(&serde_json::from_slice(&body).unwrap()) else {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        };
        let answer = answer.to_string();
        let mut stream = stream;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
        if stream.write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

fn load(address: SocketAddr, more: &str) -> Load {
    let line = format!(
        "load --url http://{address} --transactions 60 --batch 10 --connections 1 --senders 2 \
         --accounts 3 --timeout 1 --poll 1 {more}"
    );
    let command = Load::augment_args(clap::Command::new("load"));
    let matches = command.try_get_matches_from(line.split_whitespace()).unwrap();
    Load::from_arg_matches(&matches).unwrap()
}

/// The server owns no state, so what accounts have does not add up; the rest must.
fn once(report: &Report) -> bool {
    let name = "each accepted transaction is in exactly one block";
    report.checks.iter().find(|check| check.name == name).unwrap().holds
}

fn run(faults: Faults, more: &str) -> Report {
    load(Server::start(faults), more).measure().unwrap()
}

#[test]
fn a_faultless_server_mines_all_of_them_once() {
    for more in ["", "--presign 0", "--rate 1000", "--pipeline 1 --in-flight 5"] {
        let report = run(Faults::default(), more);
        assert_eq!((report.sent, report.accepted, report.mined), (60, 60, 60), "{more}");
        assert_eq!(report.rejected + report.stranded + report.lost + report.unsent, 0, "{more}");
        assert_eq!(report.seconds.iter().map(|line| line.mined).sum::<u64>(), 60, "{more}");
        assert!(once(&report), "{more}: {:?}", report.checks);
        assert_eq!(report.troubles.len(), 0, "{more}: {:?}", report.troubles);
    }
}

#[test]
fn one_that_the_server_forgets_is_stranded() {
    let report = run(Faults { loses: Some(17), ..Faults::default() }, "");
    assert_eq!((report.accepted, report.mined, report.stranded), (60, 59, 1));
    assert!(!once(&report) && !report.is_well());
    let address = Server::start(Faults { loses: Some(17), ..Faults::default() });
    assert!(!load(address, "--json").run().unwrap(), "the command says so");
}

#[test]
fn one_that_the_server_refuses_is_rejected_with_its_reason() {
    let report = run(Faults { refuses: Some(3), ..Faults::default() }, "");
    assert_eq!((report.accepted, report.rejected, report.mined, report.stranded), (59, 1, 59, 0));
    assert_eq!(report.rejections.get("txpool is full"), Some(&1));
    assert!(!report.is_well());
}

#[test]
fn one_in_two_blocks_is_told() {
    let report = run(Faults { doubles: Some(30), ..Faults::default() }, "");
    assert_eq!((report.mined, report.mined_again, report.stranded), (60, 1, 0));
    assert!(!once(&report) && !report.is_well());
}

#[test]
fn one_that_fails_is_told() {
    let report = run(Faults { fails: Some(59), ..Faults::default() }, "");
    assert_eq!((report.mined, report.failed), (60, 1));
    assert!(!report.is_well());
}

#[test]
fn a_broken_connection_is_opened_again_and_its_transactions_are_lost() {
    let report = run(Faults { hangs_up: Some(25), ..Faults::default() }, "");
    assert!(report.lost >= 10 && report.lost < 60, "{report:?}");
    assert_eq!(report.accepted + report.lost, 60);
    assert!(!report.troubles.is_empty() && !report.is_well());
}

/// At a rate latency counts from when each was due: the requests are sent when their last one is,
/// so the first of ten at 100 a second has waited for 90 ms at least.
#[test]
fn latency_counts_from_when_a_transaction_was_due() {
    let report = run(Faults::default(), "--rate 100");
    assert!(report.latency_ms.max >= 89.9, "{:?}", report.latency_ms);
    assert!(report.sending_s >= 0.49, "{}", report.sending_s);
}

#[test]
fn the_report_is_json_and_a_page_that_needs_nothing_else() {
    let report = run(Faults { refuses: Some(3), ..Faults::default() }, "");
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    for key in
        ["tps", "accepted", "rejected", "mined", "failed", "stranded", "latency_ms", "checks"]
    {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["latency_ms"]["p999"].as_f64(), Some(report.latency_ms.p999));
    let page = report::page(&report);
    for foreign in ["http://", "https://", "src=", "@import", "url(", "<script", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.matches("<svg").count() >= 3);
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    assert!(String::from_utf8(text).unwrap().contains("rejected 1 times: txpool is full"));
}

#[test]
fn a_node_that_is_not_there_is_an_error() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(load(address, "").measure(), Err(LoadError::Connect { .. })));
}

#[test]
fn prefixes_of_hashes_are_the_same_from_bytes_and_from_digits() {
    let hash = keccak256(U256::from(5).to_be_bytes::<32>());
    let digits = hash.to_string();
    assert_eq!(drive::parse_prefix(&digits), Some(ledger::prefix(&hash)));
    assert_eq!(drive::parse_prefix(&digits[1..]), None);
}
