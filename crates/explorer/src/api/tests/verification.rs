//! Verified contracts, and what plugins hear before and after.

use super::{Bench, bench::CHAIN_ID};
use crate::api::work::in_turn;
use alloy_primitives::B256;
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use heddle_solidity::verify::{Match, Verified};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// As if somebody had verified the token.
fn source(code_hash: B256) -> Verified {
    Verified {
        kind: Match::Exact,
        creation_kind: Some(Match::Exact),
        compiler: "v0.8.37+commit.f401782d".parse().unwrap(),
        language: "Solidity".into(),
        settings: json!({"optimizer": {"enabled": true, "runs": 7}}),
        sources: BTreeMap::from([("src/A.sol".into(), "contract A {}".into())]),
        path: "src/A.sol".into(),
        name: "A".into(),
        abi: json!([{"type": "fallback"}]),
        userdoc: json!({}),
        devdoc: json!({}),
        storage_layout: json!(null),
        metadata: "{}".into(),
        code_hash,
        immutables: BTreeMap::new(),
        libraries: BTreeMap::new(),
        constructor_arguments: None,
    }
}

impl Bench {
    fn verify_token(&self) {
        let state = self.chain.reader().execution_state_at(1).unwrap();
        let hash = state.account(self.token).unwrap().unwrap().code_hash;
        assert!(self.explorer.parts.contracts.insert(source(hash)).unwrap());
    }

    async fn post(&self, uri: &str, kind: &str, body: &str) -> crate::bench::Reply {
        let request = Request::post(uri).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_api_gives_a_verified_source() {
    let bench = Bench::new().await;
    let token = bench.token;
    let path = format!("/sourcify/v2/contract/{CHAIN_ID}/{token}");
    assert_eq!(bench.get(&path).await.status, StatusCode::NOT_FOUND);
    bench.verify_token();
    let abi = bench.found(&format!("module=contract&action=getabi&address={token}")).await;
    assert_eq!(
        serde_json::from_str::<Value>(abi.as_str().unwrap()).unwrap()[0]["type"],
        "fallback"
    );
    let query = format!("module=contract&action=getsourcecode&address={token}");
    let code = bench.found(&query).await;
    assert_eq!((&code[0]["ContractName"], &code[0]["Runs"]), (&json!("A"), &json!("7")));
    let found = bench.get(&format!("{path}?fields=abi")).await;
    assert_eq!(found.status, StatusCode::OK);
    assert_eq!(found.json()["match"], "exact_match");
    assert!(found.json()["abi"].is_array());
    let check = format!("/sourcify/check-all-by-addresses?addresses={token}&chainIds={CHAIN_ID}");
    let check = bench.get(&check).await.json();
    assert_eq!(check[0]["chainIds"][0]["status"], "perfect");
    let own = bench.rest(&format!("/contracts/{token}")).await;
    assert_eq!(
        (&own["source"]["match"], &own["source"]["path"]),
        (&json!("exact"), &json!("src/A.sol"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_hear_why_nothing_is_verified() {
    let bench = Bench::new().await;
    let token = bench.token;
    let form = format!(
        "module=contract&action=verifysourcecode&contractaddress={token}&sourceCode=contract+A%7B%7D\
         &codeformat=solidity-single-file&contractname=A&compilerversion=v0.8.37%2Bcommit.f401782d"
    );
    let kind = "application/x-www-form-urlencoded";
    let answer = bench.post("/api", kind, &form).await.json();
    assert!(answer["result"].as_str().unwrap().contains("solc add"), "{answer}");
    let by_link = bench.etherscan(&form).await;
    assert_eq!(by_link["result"], "Error! verifysourcecode takes POST");
    let answer = bench.post("/api", kind, "module=contract&action=verifysourcecode").await.json();
    assert_eq!(answer["message"], "NOTOK");
    let unknown = bench.etherscan("module=contract&action=checkverifystatus&guid=none").await;
    assert_eq!(unknown["result"], "Unknown UID");
    let body = json!({
        "stdJsonInput": {}, "compilerVersion": "0.8.37+commit.f401782d", "contractIdentifier": "a:A"
    });
    let json_kind = "application/json";
    let uri = format!("/sourcify/v2/verify/1/{token}");
    let other = bench.post(&uri, json_kind, &body.to_string()).await;
    assert_eq!(
        (other.status, &other.json()["customCode"]),
        (StatusCode::BAD_REQUEST, &json!("unsupported_chain"))
    );
    let uri = format!("/sourcify/v2/verify/{CHAIN_ID}/{token}");
    let none = bench.post(&uri, json_kind, &body.to_string()).await;
    assert_eq!(none.status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(bench.post(&uri, json_kind, "{").await.status, StatusCode::BAD_REQUEST);
    let job = bench.get("/sourcify/v2/verify/none").await;
    assert_eq!(
        (job.status, &job.json()["customCode"]),
        (StatusCode::NOT_FOUND, &json!("job_not_found"))
    );
    let v1 = bench.post("/sourcify/verify", json_kind, "{}").await;
    assert_eq!(v1.status, StatusCode::BAD_REQUEST);
    assert!(v1.json()["error"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creation_code_is_known_of_contracts_that_contracts_create() {
    let bench = Bench::new().await;
    let (contract, input) = bench.create_by_contract();
    bench.indexed().await;
    let creation =
        move |ask: &crate::api::work::Ask| crate::api::verification::creation_code(ask, contract);
    let found = in_turn(&bench.explorer, Default::default(), creation).await.unwrap();
    assert_eq!(found.unwrap(), input);
    let token = bench.token;
    let query = format!("module=contract&action=getcontractcreation&contractaddresses={token}");
    let code = bench.found(&query).await;
    let transaction = bench.chain.reader().block(1).unwrap().unwrap();
    let input =
        alloy_consensus::Transaction::input(&transaction.block.body.transactions[0]).clone();
    assert_eq!(code[0]["creationBytecode"], input.to_string());
}
