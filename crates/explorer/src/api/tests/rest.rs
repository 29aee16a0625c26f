//! The API of our own.

use super::{Bench, FAILING, FORWARDER, NFT};
use crate::api::rest::{Handler, Parameter, ROUTES};
use alloy_primitives::Address;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

/// Compares a value with a schema of the document, as far as its shapes use JSON Schema. An object
/// must have the fields of its schema and no others.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').unwrap();
        return check(document, document.pointer(pointer).unwrap(), value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = if value.is_null() { choices.last() } else { choices.first() };
        return check(document, choice.unwrap(), value, at);
    }
    if schema.get("type").is_none() {
        return;
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => vec![kind.as_str().unwrap()],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) if kinds.contains(&"number") => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{at} is a {kind}: {value}");
    if let (Some(text), Some(pattern)) = (value.as_str(), schema["pattern"].as_str()) {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        assert_eq!(text.len() != digits.len(), pattern.starts_with("^0x"), "{at}: {text}");
        assert!(digits.chars().all(|c| c.is_ascii_hexdigit()), "{at}: {text}");
        if pattern.contains("{40}") {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_checksum(None), text, "{at}");
        }
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{position}]"));
    }
    if let Some(fields) = value.as_object() {
        let named: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields.keys().collect::<BTreeSet<_>>(), named, "{at}");
        for (name, value) in fields {
            check(document, &schema["properties"][name], value, &format!("{at}.{name}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_documented_and_answers_as_documented() {
    let bench = Bench::new().await;
    let document = bench.rest("/openapi.json").await;
    let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let served: BTreeSet<_> = ROUTES.iter().map(|route| format!("/api/v1{}", route.path)).collect();
    assert_eq!(documented, served);
    assert_eq!(bench.rest("").await["routes"].as_array().unwrap().len(), ROUTES.len());
    let hashes: Vec<_> = (1..=4)
        .flat_map(|number| {
            bench.chain.reader().block(number).unwrap().unwrap().block.body.transactions
        })
        .map(|transaction| transaction.tx_hash().to_string())
        .collect();
    let mut filled = BTreeSet::new();
    for route in ROUTES {
        let addresses = [bench.key.address(), bench.token, NFT, FAILING, FORWARDER];
        for (hash, address) in hashes.iter().zip(addresses.iter().cycle()) {
            let mut path = route
                .path
                .replace("{hash}", hash)
                .replace("{address}", &address.to_string())
                .replace("{block}", "2")
                .replace("{id}", "7");
            if route.parameters.contains(&Parameter::Query) {
                path.push_str("?q=ben");
            }
            let reply = bench.get(&format!("/api/v1{path}")).await;
            let may_be_none = ["/tokens/", "/contracts/"];
            if reply.status == StatusCode::NOT_FOUND
                && may_be_none.iter().any(|start| route.path.starts_with(start))
            {
                check(
                    &document,
                    &json!({"$ref": "#/components/schemas/Problem"}),
                    &reply.json(),
                    &path,
                );
                continue;
            }
            assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
            if matches!(route.handler, Handler::Csv(_)) {
                filled.insert(route.path);
                continue;
            }
            let of = &document["paths"][format!("/api/v1{}", route.path)]["get"];
            let schema = &of["responses"]["200"]["content"]["application/json"]["schema"];
            let answer = reply.json();
            check(&document, schema, &answer, &path);
            if answer.get("items").is_none_or(|items| items != &json!([])) {
                filled.insert(route.path);
            }
        }
    }
    // Lists that are always empty would be compared with nothing.
    let contended = ["/hot-slots", "/addresses/{address}/hot-slots"];
    let all: BTreeSet<_> = ROUTES.iter().map(|route| route.path).collect();
    let empty: Vec<_> = all.difference(&filled).filter(|path| !contended.contains(path)).collect();
    assert!(empty.is_empty(), "{empty:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_validator_accepts_the_document() {
    let bench = Bench::new().await;
    let document = bench.get("/api/v1/openapi.json").await.text;
    let program = "import json, sys\nfrom openapi_spec_validator import validate\n\
                   validate(json.load(sys.stdin))";
    let there = Command::new("python3")
        .args(["-c", "import openapi_spec_validator"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("skipped: there is no openapi-spec-validator");
        return;
    }
    let mut python =
        Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    assert!(python.wait().unwrap().success());
}

/// Reads a list page by page; between pages a block arrives.
async fn read_all(bench: &Bench, path: &str, grow: bool) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = bench.rest(&format!("{path}{separator}limit=2{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { return found };
        assert!(!items.is_empty());
        cursor = format!("&cursor={next}");
        if grow {
            bench.mine(vec![bench.transfer(Address::repeat_byte(9), 1)]);
            bench.indexed().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_give_each_entry_once_while_blocks_arrive() {
    let bench = Bench::new().await;
    let sender = bench.key.address();
    let token = bench.token;
    for path in [
        format!("/addresses/{sender}/transactions"),
        format!("/addresses/{sender}/transfers?class=erc20"),
        format!("/addresses/{token}/logs"),
        format!("/tokens/{token}/transfers"),
        "/blocks".to_owned(),
        "/contracts".to_owned(),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let before = bench.rest(&format!("{path}{separator}limit=100")).await["items"].clone();
        assert!(before.as_array().unwrap().len() > 1, "{path}");
        let paged = read_all(&bench, &path, true).await;
        assert_eq!(before, Value::from(paged), "{path}");
    }
    let holders = read_all(&bench, &format!("/tokens/{token}/holders"), false).await;
    let amounts: Vec<u64> =
        holders.iter().map(|holder| holder["balance"].as_str().unwrap().parse().unwrap()).collect();
    assert!(amounts.is_sorted_by(|first, second| first >= second));
    assert_eq!((amounts.len(), amounts.iter().sum::<u64>()), (5, 1_000_000));
    let balances = read_all(&bench, &format!("/addresses/{sender}/tokens"), false).await;
    let classes: Vec<_> = balances.iter().map(|balance| &balance["class"]).collect();
    assert_eq!(classes, ["erc20", "erc721", "erc1155"]);
    let in_block = read_all(&bench, "/blocks/2/transactions", false).await;
    assert_eq!(in_block.iter().map(|tx| &tx["index"]).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_the_chain_has_left_is_not_shown() {
    let bench = Bench::new().await;
    let path = format!("/addresses/{}/transactions", bench.key.address());
    bench.chain.rewind_to(2).unwrap();
    bench.indexed().await;
    let items = bench.rest(&path).await["items"].clone();
    assert!(items.as_array().unwrap().iter().all(|tx| tx["block"].as_u64().unwrap() <= 2));
    assert_eq!(items.as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_say_what_is_wrong() {
    let bench = Bench::new().await;
    for (path, status, word) in [
        ("/blocks/99", 404, "block"),
        ("/blocks/abc", 400, "height"),
        ("/transactions/0x12", 400, "hash"),
        ("/addresses/0x12", 400, "address"),
        ("/tokens/0x00000000000000000000000000000000000000f2", 404, "token"),
        ("/blocks?limit=0", 400, "limit"),
        ("/blocks?cursor=zz", 400, "cursor"),
        ("/search", 400, "q"),
        ("/nowhere", 404, "openapi"),
        ("/charts/hours?from=0", 400, "hours"),
    ] {
        let reply = bench.get(&format!("/api/v1{path}")).await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        let problem = reply.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_changes_add_up() {
    let bench = Bench::new().await;
    let sender = bench.key.address();
    let forwarded = bench.chain.reader().block(3).unwrap().unwrap();
    let hash = forwarded.block.body.transactions[0].tx_hash().to_string();
    let transaction = bench.rest(&format!("/transactions/{hash}")).await;
    let changes = bench.rest(&format!("/transactions/{hash}/state-changes")).await;
    let change = |address: Address| {
        let items = changes["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["address"] == address.to_checksum(None)).unwrap();
        let number = |when: &str| found["balance"][when].as_str().unwrap().parse::<i128>();
        number("after").unwrap().wrapping_sub(number("before").unwrap_or(0))
    };
    assert_eq!(change(super::TARGET), 5);
    let sender_change = changes["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["address"] == sender.to_checksum(None))
        .unwrap();
    let number = |when: &str| sender_change["balance"][when].as_str().unwrap().parse::<u128>();
    let fee: u128 = transaction["fee"].as_str().unwrap().parse().unwrap();
    assert_eq!(number("before").unwrap() - number("after").unwrap(), fee + 5);
    assert_eq!(sender_change["nonce"], json!({"before": "4", "after": "5"}));
    let calls = bench.rest(&format!("/transactions/{hash}/calls")).await;
    assert_eq!(
        (&calls["items"][0]["value"], &calls["items"][0]["opcode"]),
        (&json!("5"), &json!("CALL"))
    );
}
