//! Pages of contracts, most of them not what one would wish for.

use crate::web::bench::{self, Bench};
use alloy_primitives::{Address, Bytes, U256};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use bench::{BEACON_PROXY, COUNTER, DELEGATED, HOSTILE, HOSTILE_REASON, MINIMAL, SENDERS, SLOT};
use heddle_solidity::{
    abi::{Abi, ITEMS_MAX, Value},
    compiler::{Cage, Compilers, Limits},
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn path(address: Address, rest: &str) -> String {
    format!("/address/{address}/contract{rest}")
}

fn code_of(bench: &Bench, address: Address) -> Bytes {
    let reader = bench.chain.reader();
    let state = reader.execution_state_at(reader.head().number).unwrap();
    state.code(state.account(address).unwrap().unwrap().code_hash).unwrap()
}

#[tokio::test]
async fn what_is_encoded_is_what_the_chain_understands() {
    let bench = Bench::new().await;
    bench.verify();
    let (token, to) = (bench.token(), Address::repeat_byte(0x42));
    let query = format!("/encode?function=transfer(address,uint256)&arg0={to}&arg1=1e3");
    let (status, text) = bench.get(&path(token, &query)).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let call: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(call["to"].as_str().unwrap().parse::<Address>().unwrap(), token);
    let data: Bytes = call["data"].as_str().unwrap().parse().unwrap();
    let decoded = Abi::of_signatures("function transfer(address to, uint256 value)")
        .unwrap()
        .decode_call(&data)
        .unwrap();
    assert_eq!(decoded.parameters[0].value, Value::Address(to));
    assert_eq!(decoded.parameters[1].value, Value::Uint(U256::from(1_000)));
    bench.send(0, token, data).await;
    let read = format!("?tab=read&function=0x70a08231&arg0={to}");
    let page = bench.page(&path(token, &read)).await;
    assert!(page.contains("<span class=\"mono wrap\"><bdi>1000</bdi></span>"), "{page}");
    // Without arguments a function is called at once.
    assert!(page.contains("&quot;BENCH&quot;"), "{page}");
    let write = format!("?tab=write&function=0xa9059cbb&arg0={to}&arg1=1000");
    let page = bench.page(&path(token, &write)).await;
    assert!(page.contains(&format!("0xa9059cbb{}", alloy_primitives::hex::encode(to.into_word()))));
}

#[tokio::test]
async fn wrong_arguments_are_told_and_not_sent() {
    let bench = Bench::new().await;
    bench.verify();
    let token = bench.token();
    for (query, expected) in [
        ("/encode?function=0xa9059cbb&arg0=0x12&arg1=1", "an address is 0x and 40 hex digits"),
        ("/encode?function=0xa9059cbb&arg1=1", "an address is 0x and 40 hex digits"),
        ("/encode?function=none()", "no such function"),
        ("/encode", "no such function"),
    ] {
        let (status, text) = bench.get(&path(token, query)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        let error: Json = serde_json::from_str(&text).unwrap();
        assert!(error["error"].as_str().unwrap().contains(expected), "{query}: {text}");
    }
    let page = bench.page(&path(token, "?tab=read&function=0x70a08231&arg0=%22%3Cb%3E")).await;
    assert!(page.contains("not called") && page.contains("value=\"&quot;&lt;b&gt;\""));
    let (status, _) = bench.get(&path(token, "?tab=nothing")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = bench.get(&path(bench.sender(0), "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn verified_sources_are_shown_with_all_that_it_takes_to_compile_them() {
    let bench = Bench::new().await;
    bench.verify();
    let token = bench.token();
    let page = bench.page(&path(token, "")).await;
    for expected in [
        "✓ exact match",
        "v0.8.37+commit.f401782d",
        "on, for 200 runs",
        "contract BenchToken is ERC20 {",
        "1\n2\n3\n",
        "<bdi>supply</bdi>",
        "<bdi>1000000</bdi>",
        "standard.json",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let (status, text) = bench.get(&path(token, "/standard.json")).await;
    assert_eq!(status, StatusCode::OK);
    let input: Json = serde_json::from_str(&text).unwrap();
    let source = input["sources"]["src/BenchToken.sol"]["content"].as_str().unwrap();
    assert!(source.contains("contract BenchToken is ERC20"));
    assert_eq!(input["settings"]["optimizer"]["runs"], 200);
    let (_, text) = bench.get(&path(token, "/abi.json")).await;
    assert!(Abi::parse(&text).unwrap().function_of_signature("balanceOf(address)").is_some());
    let (status, _) = bench.get(&path(HOSTILE, "/standard.json")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn proxies_are_read_and_written_as_implementation() {
    let bench = Bench::new().await;
    bench.verify();
    for (proxy, kind) in [
        (MINIMAL, "EIP-1167"),
        (SLOT, "EIP-1967"),
        (BEACON_PROXY, "with a beacon (EIP-1967)"),
        (DELEGATED, "EIP-7702"),
    ] {
        let page = bench.page(&path(proxy, "?tab=read")).await;
        assert!(page.contains(kind) && page.contains("As implementation"), "{kind}: {page}");
        assert!(page.contains("<bdi>total</bdi>"), "{kind}");
        let (status, text) = bench.get(&path(proxy, "/encode?function=increment()")).await;
        assert_eq!(status, StatusCode::OK, "{kind}: {text}");
        let call: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(call["to"].as_str().unwrap().parse::<Address>().unwrap(), proxy, "{kind}");
        bench.page(&path(proxy, "")).await;
        bench.page(&path(proxy, "?tab=write")).await;
    }
    // A call through the proxy counts on the proxy's storage, which the layout names.
    bench.send(1, SLOT, alloy_primitives::keccak256("increment()")[..4].to_vec().into()).await;
    let page = bench.page(&path(SLOT, "?tab=read")).await;
    assert!(page.contains("<bdi>1</bdi>"), "{page}");
    let page = bench.page(&path(SLOT, "?tab=storage")).await;
    assert!(page.contains("<bdi>total</bdi>") && page.contains("<bdi>1</bdi>"), "{page}");
    // The proxy's own functions are a choice.
    let page = bench.page(&path(SLOT, "?tab=write&as=proxy")).await;
    assert!(page.contains("<bdi>upgradeTo</bdi>") && !page.contains("<bdi>increment</bdi>"));
}

#[tokio::test]
async fn names_and_sources_of_strangers_stay_text() {
    let bench = Bench::new().await;
    let evil = "x\"><script>alert(1)</script>'onload='y";
    let field = json!([{ "name": evil, "type": "uint256" }, { "name": evil, "type": "tuple[]",
        "components": [{ "name": evil, "type": "bool" }] }]);
    let abi = json!([
        { "type": "function", "name": evil, "stateMutability": "view", "inputs": field, "outputs": field },
        { "type": "function", "name": evil, "stateMutability": "view", "inputs": [], "outputs": [] },
        { "type": "function", "name": evil, "stateMutability": "payable", "inputs": field },
        { "type": "constructor", "inputs": field },
    ]);
    let mut found = bench::verified("Hostile", abi, &code_of(&bench, HOSTILE));
    evil.clone_into(&mut found.name);
    evil.clone_into(&mut found.path);
    found.sources.insert(evil.to_owned(), format!("</script></pre>{evil}\u{202e}\n").repeat(20));
    found.settings = json!({ "evmVersion": evil, "remappings": [evil] });
    found.constructor_arguments = Some(vec![0xff; 31].into());
    found.immutables.insert(evil.to_owned(), vec![1].into());
    found.libraries.insert(evil.to_owned(), HOSTILE);
    found.storage_layout = json!({
        "storage": [{ "label": evil, "slot": "0", "offset": 0, "type": "t" }],
        "types": { "t": { "encoding": "inplace", "label": evil, "numberOfBytes": "32" } },
    });
    let selector = Abi::of_json(&found.abi).unwrap().functions().next().unwrap().selector();
    bench.keep(found);
    for rest in ["", "?tab=read", "?tab=write", "?tab=storage"] {
        let page = bench.page(&path(HOSTILE, rest)).await;
        assert!(page.contains("x&quot;&gt;&lt;script&gt;"), "{rest}");
        assert!(!page.contains("<script>") && !page.contains('\u{202e}'), "{rest}");
    }
    // What it reverts with is its own choice, too.
    let query = format!("?tab=read&function={selector}&arg0=1&arg1=[]");
    let page = bench.page(&path(HOSTILE, &query)).await;
    assert!(page.contains("reverted: &lt;/p&gt;&lt;script&gt;"), "{page}");
    assert!(!page.contains(HOSTILE_REASON));
}

#[tokio::test]
async fn a_huge_abi_is_shown_in_parts() {
    let bench = Bench::new().await;
    let long = "n".repeat(40);
    let inputs: Vec<Json> =
        (0..20).map(|n| json!({ "name": format!("{long}{n}"), "type": "uint256[][]" })).collect();
    let function = |n: usize| {
        json!({ "type": "function", "name": format!("f{n}"), "stateMutability": "view",
            "inputs": if n.is_multiple_of(2) { json!([]) } else { json!(inputs) }, "outputs": [] })
    };
    let abi = (0..ITEMS_MAX).map(function).collect();
    bench.keep(bench::verified("Huge", abi, &code_of(&bench, HOSTILE)));
    let mut next = Some(path(HOSTILE, "?tab=read"));
    let (mut pages, mut shown) = (0, 0);
    while let Some(at) = next {
        let page = bench.page(&at).await;
        assert!(page.len() < 1 << 20, "{} bytes", page.len());
        shown += page.matches("class=\"function\"").count();
        pages += 1;
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        next = links
            .map(|link| link.replace("&amp;", "&"))
            .find(|link| link.contains("from=") && page.contains("rel=\"next\"") && pages < 200);
    }
    assert_eq!(shown, ITEMS_MAX);
    assert!(pages > 40, "{pages}");
    let page = bench.page(&path(HOSTILE, "?tab=read&from=18446744073709551615")).await;
    assert!(!page.contains("class=\"function\""));
}

#[tokio::test]
async fn an_unverified_contract_says_how_to_verify_it() {
    let bench = Bench::new().await;
    let request = Request::get(path(COUNTER, "")).header("host", "localhost:8550");
    let (status, page) = bench.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    bench::assert_in_order("unverified", &page);
    assert!(page.contains("--verifier-url http://localhost:8550/api"), "{page}");
    assert!(page.contains("no compilers") && page.contains("not verified"));
    let page = bench.page(&path(COUNTER, "?tab=write")).await;
    assert!(page.contains("Nobody has verified"));
    // Its storage is there all the same.
    let page = bench.page(&path(COUNTER, "?tab=storage&slot=0")).await;
    assert!(page.contains(&format!("= {}", 2 * SENDERS)), "{page}");
    bench.page(&path(COUNTER, "?tab=storage&slot=%3Cb%3E")).await;
}

#[tokio::test]
async fn sources_that_are_none_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("0.8.37")).unwrap();
    std::fs::write(folder.path().join("0.8.37/soljson.js"), "").unwrap();
    let cage = Cage { program: "/nothing/here".into(), arguments: Vec::new() };
    let compilers = Compilers::open(folder.path(), cage, Limits::default()).unwrap();
    let bench = Bench::with(Some(Arc::new(compilers))).await;
    let page = bench.page(&path(COUNTER, "")).await;
    assert!(page.contains("<option value=\"0.8.37\">"), "{page}");
    for (form, expected) in [
        ("version=0.8.37&input=%3Cscript%3E", "cannot be read"),
        ("version=none&input={}", "is no version of solc"),
        ("version=0.8.37&input={}", "standard JSON input is wrong"),
        (
            "version=0.8.36&input={%22language%22:%22Solidity%22,%22sources%22:{%22a%22:{%22content%22:%22%22}}}",
            "0.8.36",
        ),
    ] {
        let request = Request::post(path(COUNTER, "/verify")).body(Body::from(form)).unwrap();
        let (status, page) = bench.ask(request).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{form}: {page}");
        assert!(page.contains(expected), "{form}: {page}");
        bench::assert_in_order(form, &page);
    }
}

#[tokio::test]
async fn the_script_of_wallets_is_small_and_alone() {
    let bench = Bench::new().await;
    let (status, script) = bench.get("/assets/wallet.js").await;
    assert_eq!(status, StatusCode::OK);
    assert!(script.len() < 12_000, "{} bytes", script.len());
    assert!(
        !script.contains("import ") && !script.contains("innerHTML") && !script.contains("eval")
    );
}
