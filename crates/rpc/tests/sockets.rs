//! The server over real sockets: WebSocket, batches, and what keeps others out.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use alloy_primitives::{B256, Bytes};
use futures_util::{SinkExt, StreamExt};
use heddle_rpc::{Handle, Server, Settings};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use support::{CONTRACT, context, key, settings};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Logs the topic 7: `PUSH1 7 PUSH0 PUSH0 LOG1`.
const LOGGER: Bytes = Bytes::from_static(&[0x60, 7, 0x5f, 0x5f, 0xa1]);
/// Logs 100,000 zeros: `PUSH3 100000 PUSH0 LOG0`.
const LARGE_LOGGER: Bytes = Bytes::from_static(&[0x62, 0x01, 0x86, 0xa0, 0x5f, 0xa0]);

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

async fn start(code: &Bytes, settings: Settings) -> Handle {
    Server::start(context(code, true).0, settings).await.unwrap()
}

/// One WebSocket.
struct Client {
    stream: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    notices: VecDeque<Value>,
    calls: u64,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let (stream, _) = connect_async(format!("ws://{address}")).await?;
        Ok(Self { stream, notices: VecDeque::new(), calls: 0 })
    }

    /// The next message; `None` when the connection has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.unwrap()?;
            match message {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.stream.send(Message::text(request.to_string())).await.unwrap();
        loop {
            let message = self.next().await.unwrap();
            if message["id"] == id {
                return message;
            }
            self.notices.push_back(message);
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert!(answer.get("result").is_some(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The next notice, which must be of this subscription.
    async fn notice(&mut self, subscription: &Value) -> Value {
        let notice = match self.notices.pop_front() {
            Some(notice) => notice,
            None => self.next().await.unwrap(),
        };
        assert_eq!(notice["method"], "eth_subscription");
        assert_eq!(&notice["params"]["subscription"], subscription, "{notice}");
        notice["params"]["result"].clone()
    }
}

fn call_contract() -> Value {
    json!([{"from": key().address(), "to": CONTRACT, "gas": "0x1e8480"}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_hear_of_what_happens_and_what_is_undone() {
    let server = start(&LOGGER, settings()).await;
    let mut other = Client::connect(server.address()).await.unwrap();

    let mut heads = Client::connect(server.address()).await.unwrap();
    let mut logs = Client::connect(server.address()).await.unwrap();
    let mut pending = Client::connect(server.address()).await.unwrap();
    let of_heads = heads.call("eth_subscribe", json!(["newHeads"])).await;
    let topic = B256::with_last_byte(7);
    let filter = json!(["logs", {"address": CONTRACT, "topics": [topic]}]);
    let of_logs = logs.call("eth_subscribe", filter).await;
    let elsewhere = json!(["logs", {"topics": [B256::with_last_byte(8)]}]);
    logs.call("eth_subscribe", elsewhere).await;
    let of_pending = pending.call("eth_subscribe", json!(["newPendingTransactions"])).await;

    let hash = other.call("eth_sendTransaction", call_contract()).await;
    assert_eq!(pending.notice(&of_pending).await, hash);
    let head = heads.notice(&of_heads).await;
    assert_eq!((&head["number"], head["logsBloom"].is_string()), (&json!("0x1"), true));
    let log = logs.notice(&of_logs).await;
    assert_eq!((&log["removed"], &log["transactionHash"]), (&json!(false), &hash));

    other.call("anvil_rollback", json!([1])).await;
    let gone = logs.notice(&of_logs).await;
    assert_eq!((&gone["removed"], &gone["blockHash"]), (&json!(true), &log["blockHash"]));
    // Another block in its place is news of its own.
    other.call("evm_mine", json!([])).await;
    let replaced = heads.notice(&of_heads).await;
    assert_eq!(replaced["number"], "0x1");
    assert_ne!(replaced["hash"], head["hash"]);

    assert_eq!(heads.call("eth_unsubscribe", json!([of_heads])).await, true);
    assert_ne!(heads.ask("eth_unsubscribe", json!([of_heads])).await["result"], true);
    other.call("evm_mine", json!([])).await;
    // Had there been a notice, it would have come before this answer.
    heads.call("eth_blockNumber", json!([])).await;
    assert!(heads.notices.is_empty(), "{:?}", heads.notices);
    assert_eq!(heads.ask("eth_subscribe", json!(["nonsense"])).await["error"]["code"], -32602);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_and_subscriptions_are_counted() {
    let mut settings = settings();
    settings.limits.connections_max = 2;
    settings.limits.subscriptions_max = 1;
    let server = start(&LOGGER, settings).await;
    let mut first = Client::connect(server.address()).await.unwrap();
    let subscription = first.call("eth_subscribe", json!(["newHeads"])).await;
    let refused = first.ask("eth_subscribe", json!(["newHeads"])).await;
    assert!(refused["error"]["code"].is_i64(), "{refused}");
    first.call("eth_unsubscribe", json!([subscription])).await;
    first.call("eth_subscribe", json!(["newHeads"])).await;
    let mut second = Client::connect(server.address()).await.unwrap();
    second.call("eth_chainId", json!([])).await;
    assert!(Client::connect(server.address()).await.is_err());
    // One that has gone makes room, as soon as the server has noticed.
    drop(first);
    let again = async {
        loop {
            match Client::connect(server.address()).await {
                Ok(client) => break client,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_holds_nobody_up() {
    let mut settings = settings();
    settings.limits.messages_waiting_max = 4;
    settings.limits.events_waiting_max = 8;
    settings.limits.send_timeout = Duration::from_millis(50);
    let server = start(&LARGE_LOGGER, settings).await;
    let mut slow = Client::connect(server.address()).await.unwrap();
    slow.call("eth_subscribe", json!(["logs", {}])).await;
    let mut other = Client::connect(server.address()).await.unwrap();
    let heads = other.call("eth_subscribe", json!(["newHeads"])).await;
    // More than what the system keeps for a socket: each notice has 200 kB.
    for number in 1..=120 {
        let sent = other.call("eth_sendTransaction", call_contract());
        tokio::time::timeout(PATIENCE, sent).await.unwrap();
        let head = other.notice(&heads).await;
        assert_eq!(head["number"], format!("{number:#x}"));
    }
    // Its subscription was closed, and it is told so after what was under way.
    let mut notices = 0;
    let closing = loop {
        let message = slow.next().await.unwrap();
        if message["params"].get("error").is_some() {
            break message;
        }
        notices += 1;
    };
    assert!(notices < 120 && closing.to_string().contains("closed"), "{notices} {closing}");
    slow.call("eth_chainId", json!([])).await;
    server.stop().await;
}

/// Sends a request as it stands, and gives the status line, the head and the body of the answer.
fn http(address: SocketAddr, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let text = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // It may be refused before it has been read.
    let _ = stream.write_all(text.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

const POST: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_and_bodies_have_an_end() {
    let mut settings = settings();
    settings.limits.batch_max = 3;
    settings.limits.request_bytes_max = 2_000;
    let server = start(&LOGGER, settings).await;
    let call = |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "eth_chainId"});
    let batch = |count: u64| Value::from((0..count).map(call).collect::<Vec<_>>()).to_string();
    let (status, _, body) = http(server.address(), POST, &batch(3));
    let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!((status, answers.len()), (200, 3));
    let (_, _, body) = http(server.address(), POST, &batch(4));
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert!(answer["error"]["code"].is_i64(), "{body}");
    let (_, _, body) = http(server.address(), POST, "[]");
    assert!(body.contains("-32600"), "{body}");
    // An answer to what is no request, among answers to what is one.
    let mixed = json!([1, call(1), {"jsonrpc": "2.0", "method": "eth_chainId"}]).to_string();
    let (_, _, body) = http(server.address(), POST, &mixed);
    let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(answers.len(), 2, "a notification is not answered: {body}");
    let large = json!({"jsonrpc": "2.0", "id": 1, "method": "web3_sha3",
        "params": [format!("0x{}", "00".repeat(2_000))]});
    let (status, _, _) = http(server.address(), POST, &large.to_string());
    assert_eq!(status, 413);
    // The same over WebSocket ends that connection and no other.
    let mut client = Client::connect(server.address()).await.unwrap();
    client.stream.send(Message::text(large.to_string())).await.unwrap();
    let answer = client.next().await;
    assert!(answer.is_none_or(|answer| answer["error"]["code"].is_i64()));
    let (status, _, _) = http(server.address(), POST, &call(1).to_string());
    assert_eq!(status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_pages_are_kept_out() {
    let mine = "https://mine.example";
    let settings = Settings { origins: vec![mine.to_owned()], ..settings() };
    let server = start(&LOGGER, settings).await;
    let address = server.address();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}).to_string();
    let with = |headers: &str| http(address, &format!("{POST}\r\n{headers}"), &call);
    let allowed = "access-control-allow-origin: https://mine.example";
    assert!(with(&format!("Origin: {mine}")).1.contains(allowed));
    assert!(!with("Origin: https://evil.example").1.contains("access-control-allow-origin"));
    let preflight = |origin: &str| {
        let head = format!(
            "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type"
        );
        http(address, &head, "")
    };
    let (status, head, _) = preflight(mine);
    assert!(status == 200 && head.contains(allowed), "{head}");
    assert!(!preflight("https://evil.example").1.contains("access-control-allow-origin"));
    let rebound = POST.replace("localhost", "evil.example");
    assert_eq!(http(address, &rebound, &call).0, 403);
    let upgrade = |origin: &str| {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        );
        http(address, &head, "").0
    };
    assert_eq!(upgrade("https://evil.example"), 403);
    server.stop().await;
}
