//! Queries of strangers: errors, never panics.

use super::Bench;
use crate::api::rest::ROUTES;
use axum::{body::Body, http::Request};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::sync::Arc;

const MODULES: &[&str] = &[
    "account",
    "contract",
    "transaction",
    "block",
    "logs",
    "stats",
    "token",
    "gastracker",
    "proxy",
];
const ACTIONS: &[&str] = &[
    "balance",
    "balancemulti",
    "balancehistory",
    "txlist",
    "txlistinternal",
    "tokentx",
    "tokennfttx",
    "token1155tx",
    "tokenbalance",
    "addresstokenbalance",
    "addresstokennftbalance",
    "addresstokennftinventory",
    "getminedblocks",
    "getabi",
    "getsourcecode",
    "getcontractcreation",
    "getstatus",
    "gettxreceiptstatus",
    "getblockreward",
    "getblockcountdown",
    "getblocknobytime",
    "getblocktxnscount",
    "getLogs",
    "tokensupply",
    "dailytx",
    "tokenholderlist",
    "topholders",
    "tokeninfo",
    "gasoracle",
    "gasestimate",
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_call",
    "eth_sendRawTransaction",
    "eth_getLogs",
    "eth_getStorageAt",
    "eth_estimateGas",
];
const NAMES: &[&str] = &[
    "address",
    "contractaddress",
    "contractaddresses",
    "txhash",
    "blockno",
    "timestamp",
    "closest",
    "startblock",
    "endblock",
    "page",
    "offset",
    "sort",
    "fromBlock",
    "toBlock",
    "topic0",
    "topic1",
    "topic3",
    "topic0_1_opr",
    "startdate",
    "enddate",
    "gasprice",
    "tag",
    "to",
    "data",
    "hex",
    "position",
    "boolean",
    "limit",
    "cursor",
    "class",
    "q",
    "blocks",
    "from",
    "from_block",
    "to_block",
    "chainid",
];

/// Values: what is expected, its edges, and anything at all.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0x00000000000000000000000000000000000000f5".to_owned()),
        Just("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef".to_owned()),
        Just("0".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just(
            "115792089237316195423570985008687907853269984665640564039457584007913129639935"
                .to_owned()
        ),
        Just("-1".to_owned()),
        Just("0x".to_owned()),
        Just("%ff%fe%00".to_owned()),
        Just("9999-12-31".to_owned()),
        Just("0000-01-01".to_owned()),
        Just("f".repeat(5000)),
        "[0-9]{1,25}",
        "0x[0-9a-f]{0,80}",
        "(%[0-9a-f]{2}|[a-zA-Z,.+]){0,20}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let pair = (prop::sample::select(NAMES), value());
    prop::collection::vec(pair, 0..8).prop_map(|pairs| {
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    })
}

fn run<S: Strategy>(strategy: &S, cases: u32, test: impl Fn(S::Value))
where
    S::Value: Clone,
{
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let test = |value| {
        test(value);
        Ok(())
    };
    runner.run(strategy, test).unwrap();
}

#[test]
fn any_query_of_etherscans_api_has_an_answer() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bench = Arc::new(runtime.block_on(Bench::new()));
    let actions = ACTIONS.iter().copied();
    let known: Vec<(&str, &str)> =
        actions.flat_map(|action| MODULES.iter().map(move |module| (*module, action))).collect();
    let action = prop_oneof![
        9 => prop::sample::select(known)
            .prop_map(|(module, action)| format!("module={module}&action={action}")),
        1 => (value(), value()).prop_map(|(module, action)| format!("module={module}&action={action}")),
    ];
    run(&(action, query(), any::<bool>()), 1500, |(action, query, post)| {
        let text = format!("{action}&{query}");
        let request = if post {
            Request::post("/api").body(Body::from(text.clone()))
        } else {
            Request::get(format!("/api?{text}")).body(Body::empty())
        };
        let reply = runtime.block_on(bench.send(request.unwrap()));
        let answer = reply.json();
        assert!(reply.status.is_success(), "{text}: {}", reply.text);
        let shaped = answer["status"].is_string() && answer["message"].is_string();
        assert!(shaped || answer["jsonrpc"] == "2.0", "{text}: {answer}");
        assert_ne!(answer["result"], "this request failed", "{text}");
    });
    let bytes = Request::post("/api").body(Body::from(vec![0xff_u8; 1000])).unwrap();
    assert_eq!(runtime.block_on(bench.send(bytes)).json()["message"], "NOTOK");
}

#[test]
fn any_query_of_our_own_api_has_an_answer() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bench = Arc::new(runtime.block_on(Bench::new()));
    let paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    run(&(prop::sample::select(paths), value(), query()), 1500, |(path, part, query)| {
        let mut path = path.to_owned();
        for name in ["{address}", "{hash}", "{block}", "{id}"] {
            path = path.replacen(name, &part, 1);
        }
        let uri = format!("/api/v1{path}?{query}");
        let reply = runtime.block_on(bench.get(&uri));
        assert_ne!(reply.status.as_u16(), 500, "{uri}: {}", reply.text);
    });
}
