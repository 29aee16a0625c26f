//! How answers are served: limits, foreign pages, downloads.

use super::{Bench, bench::MULTI};
use crate::Settings;
use alloy_primitives::Address;
use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use std::net::SocketAddr;

fn from_somebody(uri: &str) -> Request<Body> {
    let mut request = Request::get(uri).body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 5))));
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let settings = Settings { requests_per_second: 1, ..Settings::default() };
    let bench = Bench::with(settings).await;
    let query = "/api?module=proxy&action=eth_blockNumber";
    let mut given = 0;
    let refused = loop {
        let reply = bench.send(from_somebody(query)).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            break reply;
        }
        given += 1;
        assert!(given < 100);
    };
    // Five seconds' worth, and what came while they were answered.
    assert!(given >= 5);
    assert_eq!(refused.headers["retry-after"], "1");
    let words = r#"{"message":"NOTOK","result":"Max rate limit reached","status":"0"}"#;
    assert_eq!(refused.text, words);
    let own = bench.send(from_somebody("/api/v1/status")).await;
    assert_eq!(own.headers["content-type"], "application/problem+json");
    assert_eq!(own.json()["status"], 429);
    let events = bench.send(from_somebody("/events-of-nobody")).await;
    assert_eq!(events.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_others_may_read_and_not_send() {
    let bench = Bench::new().await;
    for (uri, open) in [
        ("/api?module=proxy&action=eth_blockNumber", true),
        ("/api?module=block&action=getblockreward&blockno=1", true),
        ("/api/v1/status", true),
        ("/api/v1/blocks/zzz", true),
        ("/api?module=proxy&action=eth_sendRawTransaction&hex=0x00", false),
    ] {
        let reply = bench.get(uri).await;
        let header = reply.headers.get("access-control-allow-origin");
        assert_eq!(header.is_some(), open, "{uri}");
    }
    let post = Request::post("/api?module=proxy&action=eth_blockNumber");
    let reply = bench.send(post.body(Body::empty()).unwrap()).await;
    assert!(!reply.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_have_the_whole_history() {
    let bench = Bench::new().await;
    // More than one chunk.
    for _ in 0..6 {
        bench.mine((0..100).map(|_| bench.transfer(Address::repeat_byte(9), 1)).collect());
    }
    bench.indexed().await;
    let sender = bench.key.address();
    let path = format!("/api/v1/address/{sender}");
    let reply = bench.get(&format!("{path}/transactions.csv")).await;
    let lines: Vec<_> = reply.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 9 + 600);
    assert!(lines[0].starts_with("hash,block,timestamp"));
    let columns = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == columns));
    let blocks: Vec<u64> =
        lines[1..].iter().map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!(blocks.is_sorted());
    let hashes: std::collections::BTreeSet<_> =
        lines[1..].iter().map(|line| line.split(',').next()).collect();
    assert_eq!(hashes.len(), 609);
    let part = bench.get(&format!("{path}/transfers.csv?from_block=2&to_block=2")).await;
    assert_eq!(part.text.split_terminator("\r\n").count(), 4);
    let multi = bench.get(&format!("{path}/transfers.csv?class=erc1155")).await;
    assert!(multi.text.contains(&MULTI.to_checksum(None)));
    let internal = bench.get(&format!("/api/v1/address/{}/internal.csv", super::TARGET)).await;
    assert_eq!(internal.text.split_terminator("\r\n").count(), 2);
    let wrong = bench.get(&format!("{path}/transfers.csv?class=erc99")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
