//! Pages of a chain on which random things happen, and pages of what is hostile.

#[path = "../../tests/index/chain.rs"]
#[allow(dead_code, reason = "tests of the index undo blocks, too")]
mod chain;

use super::*;
use crate::{
    Class, Follower, Index, Parts, Settings,
    facts::{
        View,
        traces::{Action, Frame},
    },
    server::router,
};
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use axum::{
    body::Body,
    http::{Request, StatusCode, header::LOCATION},
};
use chain::TestChain;
use heddle_solidity::store::Contracts;
use heddle_types::Fork;
use rand::{SeedableRng, rngs::StdRng};
use tower::Service;

/// What must never come out as it went in.
const PAYLOADS: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "\u{202e}txt.exe",
    "</title><svg onload=alert(1)>",
    "a\u{0}b\u{1b}[31m",
];
/// An address with a hostile label.
const LABELLED: Address = Address::repeat_byte(0xfe);

struct Site {
    explorer: Arc<Explorer>,
    chain: TestChain,
    random: StdRng,
    /// Streams go on while this is there.
    stop: watch::Sender<bool>,
}

impl Site {
    fn new(seed: u64, blocks: usize, label: &str) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut chain = TestChain::new(seed, Fork::Osaka);
        for _ in 0..blocks {
            chain.block(&mut random);
        }
        let index = Index::ephemeral(&std::env::temp_dir(), 16 << 20).unwrap();
        index.catch_up(&chain.chain, &mut |_, _| ()).unwrap();
        let follower = Arc::new(Follower::start(index, chain.chain.clone()).unwrap());
        let parts = Parts {
            chain: chain.chain.clone(),
            pool: chain.producer.pool().clone(),
            rpc: chain.rpc.clone(),
            follower,
            contracts: Arc::new(Contracts::in_memory()),
            compilers: None,
        };
        let labels = [(LABELLED, label.to_owned())].into();
        let explorer = Arc::new(Explorer::new(parts, Settings { labels, ..Settings::default() }));
        Self { explorer, chain, random, stop: watch::channel(false).0 }
    }

    async fn answer(&self, path: &str) -> axum::response::Response {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let mut service = router(self.explorer.clone(), self.stop.subscribe());
        Service::call(&mut service, request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.answer(path).await;
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 32 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A page, which has to be in order.
    async fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert_in_order(path, &page);
        page
    }

    /// More blocks, with the index behind none of them.
    fn grow(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.chain.block(&mut self.random);
        }
        let head = self.chain.chain.reader().head().number;
        let follower = &self.explorer.parts.follower;
        while follower.status().head.map(|head| head.number) != Some(head) {
            std::thread::yield_now();
        }
    }
}

/// What holds for every page: the policy forbids styles and scripts within it, and a page has one
/// heading of the first level and one main part.
fn assert_in_order(path: &str, page: &str) {
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\""), "{path}");
    for (piece, count) in [("<h1", 1), ("<main", 1), ("</title><link", 1)] {
        assert_eq!(page.matches(piece).count(), count, "{path}: {piece}");
    }
    let tags = tags(page);
    for forbidden in [" style", "<style", " onclick", " onload", " onerror", " onmouse"] {
        assert!(!tags.contains(forbidden), "{path}: {forbidden}");
    }
    assert!(!page.contains("href=\"javascript"), "{path}");
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, page.matches("<script src=\"/assets/").count(), "{path}");
    assert_eq!(
        page.matches("<th ").count() + page.matches("<th>").count(),
        page.matches(" scope=").count(),
        "{path}"
    );
}

/// The tags with the names of their attributes, without values and text.
fn tags(page: &str) -> String {
    let mut tags = String::new();
    let (mut within, mut quoted) = (false, false);
    for c in page.chars() {
        match c {
            '<' if !within => within = true,
            '"' if within => quoted = !quoted,
            '>' if !quoted => within = false,
            _ => {}
        }
        if within && !quoted {
            tags.push(c);
        }
    }
    assert!(!within && !quoted);
    tags
}

fn paths_in<'p>(page: &'p str, beginning: &str) -> Vec<&'p str> {
    let parts = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    parts.filter(|path| path.starts_with(beginning)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_that_is_linked_is_there() {
    let site = Site::new(11, 40, "The maker of blocks");
    let mut waiting = vec!["/".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    while let Some(path) = waiting.pop() {
        let page = site.page(&path).await;
        for found in paths_in(&page, "/") {
            let found = found.split('#').next().unwrap().replace("&amp;", "&");
            let parts: Vec<_> = found.split(['/', '?']).collect();
            let others = found.starts_with("/api")
                || found.starts_with("/assets")
                || found.ends_with("/parallel")
                || found.ends_with("/contract");
            // A few of each kind: a page of every address would tell no more.
            let kind = format!(
                "{} {} {}",
                parts[1],
                parts.len(),
                found.split("tab=").nth(1).unwrap_or("")
            );
            let count = kinds.entry(kind).or_default();
            if !others && *count < 4 && seen.insert(found.clone()) {
                *count += 1;
                waiting.push(found);
            }
        }
    }
    for wanted in
        ["/block/", "/tx/", "/address/", "/token/", "/charts", "/gas", "/validators", "/pending"]
    {
        assert!(seen.iter().any(|path| path.starts_with(wanted)), "{wanted}: {seen:?}");
    }
    assert!(seen.iter().any(|path| path.contains("tab=calls")), "{seen:?}");
    println!("{} pages", seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said_with_the_right_status() {
    let site = Site::new(12, 2, "x");
    let long = format!("/search?q={}", "a".repeat(5_000));
    for (path, wanted) in [
        ("/nothing", StatusCode::NOT_FOUND),
        ("/block/99999999", StatusCode::NOT_FOUND),
        ("/block/zzz", StatusCode::BAD_REQUEST),
        (
            "/block/0x1111111111111111111111111111111111111111111111111111111111111111",
            StatusCode::NOT_FOUND,
        ),
        ("/tx/0x12", StatusCode::BAD_REQUEST),
        (
            "/tx/0x1111111111111111111111111111111111111111111111111111111111111111",
            StatusCode::NOT_FOUND,
        ),
        ("/address/0x12", StatusCode::BAD_REQUEST),
        ("/address/0x00000000000000000000000000000000000000a1?tab=nothing", StatusCode::NOT_FOUND),
        ("/address/0x00000000000000000000000000000000000000a1?before=x", StatusCode::BAD_REQUEST),
        ("/address/0x00000000000000000000000000000000000000a1?rows=x", StatusCode::BAD_REQUEST),
        ("/token/0x00000000000000000000000000000000000000a1", StatusCode::NOT_FOUND),
        ("/token/0x00000000000000000000000000000000000000a1/-1", StatusCode::BAD_REQUEST),
        ("/charts?tab=century", StatusCode::NOT_FOUND),
        ("/blocks?before=18446744073709551615-4294967295-4294967295", StatusCode::OK),
        ("/blocks?before=0-0-0", StatusCode::OK),
        ("/txs?rows=18446744073709551615", StatusCode::OK),
        ("/tx/%ff", StatusCode::BAD_REQUEST),
        (long.as_str(), StatusCode::OK),
    ] {
        let (status, page) = site.get(path).await;
        assert_eq!(status, wanted, "{path}");
        assert_in_order(path, &page);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_to_the_only_hit_and_lists_several() {
    let site = Site::new(13, 20, "Maker of cloth");
    let head = site.chain.chain.reader().head().clone();
    let a = "/address/0x00000000000000000000000000000000000000A1";
    for (query, wanted) in [
        ("7".to_owned(), "/block/7".to_owned()),
        (head.hash.to_string(), format!("/block/{}", head.hash)),
        ("00000000000000000000000000000000000000a1".to_owned(), a.to_owned()),
        ("0X00000000000000000000000000000000000000A1".to_owned(), a.to_owned()),
        ("MAKER".to_owned(), format!("/address/{LABELLED}")),
    ] {
        let answer = site.answer(&format!("/search?q={query}")).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{query}");
        assert_eq!(answer.headers()[LOCATION], *wanted, "{query}");
    }
    let several = site.page("/search?q=fixture").await;
    assert!(several.contains("2 hits"), "{several}");
    let none = site.page("/search?q=qqqq").await;
    assert!(none.contains("Nothing was found"));
    let wrong = site.page("/search?q=0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").await;
    assert!(wrong.contains("EIP-55"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_list_stays_while_blocks_arrive() {
    let mut site = Site::new(14, 80, "x");
    let first = site.page("/address/0x00000000000000000000000000000000000000a1?rows=5").await;
    let older = paths_in(&first, "/address/0x00000000000000000000000000000000000000A1?before=");
    let older = older[0].replace("&amp;", "&");
    let rows = |page: &str| {
        page.split("<tbody").nth(1).unwrap().split("</tbody>").next().unwrap().to_owned()
    };
    let links = |page: &str| {
        paths_in(&rows(page), "/tx/").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = links(&site.page(&older).await);
    assert_eq!(before.len(), 5);
    site.grow(3);
    assert_eq!(links(&site.page(&older).await), before);
    let newest =
        links(&site.page("/address/0x00000000000000000000000000000000000000a1?rows=5").await);
    assert!(newest.iter().all(|path| !before.contains(path)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_and_queries_are_harmless() {
    for payload in PAYLOADS {
        let site = Site::new(15, 1, payload);
        for path in [
            "/".to_owned(),
            "/validators".to_owned(),
            format!("/address/{LABELLED}"),
            "/block/1".to_owned(),
        ] {
            assert_harmless(&site.page(&path).await);
        }
        // With letters in front nothing has this name, so there is a page and no redirect.
        let encoded: String = payload.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in ["/search?q=zz", "/block/", "/tx/", "/address/", "/blocks?before=", "/gas?x="] {
            let (_, page) = site.get(&format!("{path}{encoded}")).await;
            assert_in_order(path, &page);
            assert_harmless(&page);
        }
    }
}

fn assert_harmless(page: &str) {
    for forbidden in ["<script>", "<img src=x", "<svg onload", "\u{202e}", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(forbidden), "{forbidden:?} in {page}");
    }
}

#[test]
fn hostile_logs_and_traces_are_harmless_and_bounded() {
    let site = Site::new(16, 1, "x");
    let view = View::new(&site.explorer).unwrap();
    let huge = "<script>".repeat(1 << 17);
    for payload in PAYLOADS.into_iter().chain([huge.as_str()]) {
        let data = Bytes::copy_from_slice(payload.as_bytes());
        let log = Log::new_unchecked(LABELLED, vec![B256::repeat_byte(1)], data.clone());
        let shown = logs::log_item(&view, 0, &log, None).into_string();
        assert_harmless(&shown);
        assert!(shown.len() < 64 << 10, "{}", shown.len());
        let frames: Vec<_> = (0..1024)
            .map(|depth| Frame {
                kind: "call".to_owned(),
                action: Action {
                    input: Some(data.clone()),
                    to: Some(LABELLED),
                    ..Action::default()
                },
                result: None,
                error: Some(payload.to_owned()),
                trace_address: vec![0; depth],
            })
            .collect();
        let shown = transaction::calls::show(&view, &frames).into_string();
        assert_harmless(&shown);
        assert!(shown.len() < 2 << 20, "{}", shown.len());
        assert!(shown.contains("500 of 1,024") || shown.contains("The first 500"));
    }
}

#[test]
fn amounts_of_tokens_are_those_of_their_decimals() {
    let site = Site::new(17, 30, "x");
    let view = View::new(&site.explorer).unwrap();
    let all = view.index.tokens(None, 100).unwrap();
    let (token, ..) = all
        .iter()
        .find(|(_, class, token)| *class == Class::Erc20 && token.symbol == "FIX")
        .unwrap();
    let shown =
        tokens::amount(&view, *token, U256::from(1_500_000_000_000_000_000_u64)).into_string();
    assert!(shown.contains(">1.5<"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_of_blocks_and_ends_with_the_server() {
    use futures_util::StreamExt as _;
    let mut site = Site::new(18, 3, "x");
    let answer = site.answer("/events").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let mut head = async || {
        let chunk = body.next().await?.unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        let json = text.strip_prefix("data: ").unwrap().trim_end();
        let update: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_harmless(json);
        update["head"].as_u64()
    };
    let start = site.chain.chain.reader().head().number;
    assert_eq!(head().await, Some(start));
    tokio::task::block_in_place(|| site.grow(1));
    assert_eq!(head().await, Some(start + 1));
    site.stop.send_replace(true);
    assert_eq!(head().await, None);
}

#[test]
fn scripts_are_small() {
    assert!(APP.len() + THEME.len() < 15_000);
}
