//! For tests: an explorer of a small chain with contracts of which some are verified.

use crate::{
    Explorer, Settings,
    bench::{self, Served, mine, sign},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use heddle_chain::{Chain, add_system_contracts};
use heddle_solidity::{
    compiler::Compilers,
    verify::{Match, Verified},
};
use heddle_types::{Fork, GenesisAccount, RecoveredTransaction};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Accounts that send.
pub(super) const SENDERS: usize = 6;

/// Counts all calls, and those of each caller: `BenchCounter`.
pub(super) const COUNTER: Address = address!("00000000000000000000000000000000000000c1");
/// Proxies of it: EIP-1167, EIP-1967 with a slot, the same with a beacon, EIP-7702.
pub(super) const MINIMAL: Address = address!("00000000000000000000000000000000000000c2");
pub(super) const SLOT: Address = address!("00000000000000000000000000000000000000c3");
pub(super) const BEACON: Address = address!("00000000000000000000000000000000000000c4");
pub(super) const BEACON_PROXY: Address = address!("00000000000000000000000000000000000000c5");
pub(super) const DELEGATED: Address = address!("00000000000000000000000000000000000000c6");
/// Reverts with [`HOSTILE_REASON`], whatever it is called with.
pub(super) const HOSTILE: Address = address!("00000000000000000000000000000000000000c7");
pub(super) const HOSTILE_REASON: &str = "</p><script>alert(1)</script>";

const IMPLEMENTATION_SLOT: B256 =
    B256::new(hex!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"));
const BEACON_SLOT: B256 =
    B256::new(hex!("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50"));

pub(super) struct Bench {
    pub(super) chain: Arc<Chain>,
    pub(super) explorer: Arc<Explorer>,
    keys: Vec<PrivateKeySigner>,
    nonces: Vec<AtomicU64>,
    served: Served,
}

fn artifact(name: &str) -> Json {
    let path = format!("{}/../../contracts/artifacts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn source(name: &str) -> String {
    let path = format!("{}/../../contracts/src/{name}.sol", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn code(artifact: &Json, which: &str) -> Vec<u8> {
    hex::decode(artifact[which].as_str().unwrap()).unwrap()
}

/// Reverts with `Error(string)`.
fn reverting(reason: &str) -> Vec<u8> {
    let word = |value: usize| U256::from(value).to_be_bytes::<32>();
    let mut data = [&hex!("08c379a0")[..], &word(32), &word(reason.len())].concat();
    let mut text = reason.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(32), 0);
    data.append(&mut text);
    let length = u8::try_from(data.len()).unwrap();
    // CODECOPY of what stands behind, REVERT.
    [&[0x60, length, 0x60, 10, 0x5f, 0x39, 0x60, length, 0x5f, 0xfd][..], &data].concat()
}

fn alloc() -> BTreeMap<Address, GenesisAccount> {
    let account = |code: Vec<u8>| GenesisAccount::default().with_code(Some(code.into()));
    let with_slot = |code: Vec<u8>, slot: B256, value: Address| {
        let storage = [(slot, value.into_word())].into_iter().collect();
        account(code).with_storage(Some(storage))
    };
    let target = COUNTER.as_slice();
    let minimal =
        [&hex!("363d3d373d3d3d363d73")[..], target, &hex!("5af43d82803e903d91602b57fd5bf3")];
    // Delegates to what stands in the slot of EIP-1967, and hands the outcome on.
    let forwarding = [
        &hex!("365f5f375f5f365f7f")[..],
        IMPLEMENTATION_SLOT.as_slice(),
        &hex!("545af43d5f5f3e5f3d91603757fd5bf3"),
    ];
    let beacon = [&hex!("73")[..], target, &hex!("5f5260205ff3")];
    [
        (COUNTER, account(code(&artifact("BenchCounter"), "deployedBytecode"))),
        (MINIMAL, account(minimal.concat())),
        (SLOT, with_slot(forwarding.concat(), IMPLEMENTATION_SLOT, COUNTER)),
        (BEACON, account(beacon.concat())),
        (BEACON_PROXY, with_slot(vec![0x00], BEACON_SLOT, BEACON)),
        (DELEGATED, account([&hex!("ef0100")[..], target].concat())),
        (HOSTILE, account(reverting(HOSTILE_REASON))),
    ]
    .into()
}

/// Sources as if they had been verified.
pub(super) fn verified(name: &str, abi: Json, runtime: &[u8]) -> Verified {
    Verified {
        kind: Match::Exact,
        creation_kind: Some(Match::Partial),
        compiler: "v0.8.37+commit.f401782d".parse().unwrap(),
        language: "Solidity".to_owned(),
        settings: json!({ "optimizer": { "enabled": true, "runs": 200 }, "evmVersion": "cancun" }),
        sources: BTreeMap::from([(format!("src/{name}.sol"), format!("contract {name} {{}}\n"))]),
        path: format!("src/{name}.sol"),
        name: name.to_owned(),
        abi,
        userdoc: json!({}),
        devdoc: json!({}),
        storage_layout: json!(null),
        metadata: "{}".to_owned(),
        code_hash: keccak256(runtime),
        immutables: BTreeMap::new(),
        libraries: BTreeMap::new(),
        constructor_arguments: None,
    }
}

impl Bench {
    /// With three blocks: a token; calls of the counter, which wait for each other; plain transfers.
    pub(super) async fn new() -> Self {
        Self::with(None).await
    }

    pub(super) async fn with(compilers: Option<Arc<Compilers>>) -> Self {
        let key = |n: usize| PrivateKeySigner::from_bytes(&keccak256(format!("key {n}"))).unwrap();
        let keys: Vec<_> = (0..SENDERS).map(key).collect();
        let rich = GenesisAccount::default().with_balance(U256::from(u128::MAX));
        let mut accounts = alloc();
        accounts.extend(keys.iter().map(|key| (key.address(), rich.clone())));
        let mut genesis = bench::genesis(Fork::Osaka, 60_000_000, accounts);
        add_system_contracts(&mut genesis);
        let settings = heddle_chain::Settings {
            threads: 2,
            record_schedule: true,
            ..heddle_chain::Settings::default()
        };
        let chain = bench::open(&genesis, settings);
        let mut unserved = Unserved { chain, keys, nonces: (0..SENDERS).map(|_| 0).collect() };
        unserved.fill();
        let Unserved { chain, keys, nonces } = unserved;
        let served = Served::new(&chain, Fork::Osaka, Settings::default(), compilers);
        let bench = Self {
            explorer: served.explorer.clone(),
            nonces: nonces.into_iter().map(AtomicU64::new).collect(),
            chain,
            keys,
            served,
        };
        bench.indexed().await;
        bench
    }

    /// The address of a sender.
    pub(super) fn sender(&self, sender: usize) -> Address {
        self.keys[sender].address()
    }

    /// The token, an ERC-20.
    pub(super) fn token(&self) -> Address {
        self.sender(0).create(0)
    }

    /// Makes a block of one transaction.
    pub(super) async fn send(&self, sender: usize, to: Address, input: Bytes) {
        let nonce = self.nonces[sender].fetch_add(1, Ordering::Relaxed);
        mine(&self.chain, vec![sign(&self.keys[sender], nonce, TxKind::Call(to), 0, &input)]);
        self.indexed().await;
    }

    /// Makes a block in which everybody calls the counter twice.
    pub(super) async fn count(&self) {
        let mut transactions = Vec::new();
        for sender in (0..SENDERS).chain(0..SENDERS) {
            let nonce = self.nonces[sender].fetch_add(1, Ordering::Relaxed);
            let input = keccak256("increment()");
            let to = TxKind::Call(COUNTER);
            transactions.push(sign(&self.keys[sender], nonce, to, 0, &input[..4]));
        }
        mine(&self.chain, transactions);
        self.indexed().await;
    }

    /// Verifies the counter, the token, and the proxy with a slot.
    pub(super) fn verify(&self) {
        let counter = artifact("BenchCounter");
        let mut found =
            verified("BenchCounter", counter["abi"].clone(), &code(&counter, "deployedBytecode"));
        found.sources.insert("src/BenchCounter.sol".to_owned(), source("BenchCounter"));
        found.storage_layout = json!({
            "storage": [
                { "label": "total", "slot": "0", "offset": 0, "type": "t_uint256" },
                { "label": "counts", "slot": "1", "offset": 0, "type": "t_mapping" },
            ],
            "types": {
                "t_uint256": { "encoding": "inplace", "label": "uint256", "numberOfBytes": "32" },
                "t_address": { "encoding": "inplace", "label": "address", "numberOfBytes": "20" },
                "t_mapping": {
                    "encoding": "mapping", "label": "mapping(address => uint256)",
                    "numberOfBytes": "32", "key": "t_address", "value": "t_uint256",
                },
            },
        });
        self.keep(found);
        let token = artifact("BenchToken");
        let mut found =
            verified("BenchToken", token["abi"].clone(), &code(&token, "deployedBytecode"));
        found.sources.insert("src/BenchToken.sol".to_owned(), source("BenchToken"));
        found.constructor_arguments =
            Some(U256::from(1_000_000_u64).to_be_bytes::<32>().to_vec().into());
        self.keep(found);
        let admin = json!([{ "type": "function", "name": "upgradeTo", "stateMutability": "nonpayable",
            "inputs": [{ "name": "next", "type": "address" }], "outputs": [] }]);
        let proxy = alloc()[&SLOT].code.clone().unwrap();
        self.keep(verified("Proxy", admin, &proxy));
    }

    /// Takes sources into the store.
    pub(super) fn keep(&self, verified: Verified) {
        assert!(self.explorer.parts.contracts.insert(verified).unwrap());
    }

    async fn indexed(&self) {
        self.served.indexed().await;
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let reply = self.served.send(request).await;
        (reply.status, reply.text)
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A page, which has to be there and in order.
    pub(super) async fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert_in_order(path, &page);
        page
    }
}

/// A chain that nobody shows yet.
struct Unserved {
    chain: Arc<Chain>,
    keys: Vec<PrivateKeySigner>,
    nonces: Vec<u64>,
}

impl Unserved {
    fn fill(&mut self) {
        let supply = U256::from(1_000_000_u64).to_be_bytes::<32>();
        let deploy = [code(&artifact("BenchToken"), "bytecode"), supply.to_vec()].concat();
        let transaction = self.next(0, TxKind::Create, 0, &deploy);
        mine(&self.chain, vec![transaction]);
        let increment = keccak256("increment()");
        let calls = (0..SENDERS).chain(0..SENDERS);
        let calls =
            calls.map(|sender| self.next(sender, TxKind::Call(COUNTER), 0, &increment[..4]));
        let calls = calls.collect();
        mine(&self.chain, calls);
        let to = TxKind::Call(Address::repeat_byte(0x77));
        let transfers = (0..SENDERS).map(|sender| self.next(sender, to, 1, &[])).collect();
        mine(&self.chain, transfers);
    }

    fn next(
        &mut self,
        sender: usize,
        to: TxKind,
        value: u64,
        input: &[u8],
    ) -> RecoveredTransaction {
        let nonce = self.nonces[sender];
        self.nonces[sender] += 1;
        sign(&self.keys[sender], nonce, to, value, input)
    }
}

/// What holds for every page: the policy forbids styles and scripts within it, it has one heading
/// of the first level, headings skip no level, every field has a label, and ids are there once.
pub(super) fn assert_in_order(path: &str, page: &str) {
    assert_eq!(page.matches("<h1").count(), 1, "{path}");
    for forbidden in [" style=", "<style", " onclick=", " onload=", " onerror=", "javascript:"] {
        assert!(!page.contains(forbidden), "{path}: {forbidden}");
    }
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, page.matches("<script src=\"/assets/").count(), "{path}");
    let cells = page.matches("<th ").count() + page.matches("<th>").count();
    assert_eq!(cells, page.matches(" scope=").count(), "{path}");
    let mut level = 0;
    for heading in page.split("<h").skip(1) {
        let Some(next) = heading.chars().next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(next <= level + 1, "{path}: h{next} behind h{level}");
        level = next;
    }
    let attribute = |name: &str| -> Vec<&str> {
        let parts = page.split(&format!(" {name}=\"")).skip(1).collect::<Vec<_>>();
        parts.into_iter().filter_map(|rest| rest.split('"').next()).collect()
    };
    let (ids, labels) = (attribute("id"), attribute("for"));
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{path}: the id {id} is there twice");
    }
    for field in ["<input ", "<select ", "<textarea "] {
        for tag in page.split(field).skip(1).filter_map(|rest| rest.split('>').next()) {
            let id = tag.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let is_named = id.is_some_and(|id| labels.contains(&id));
            assert!(is_named || tag.contains("type=\"hidden\""), "{path}: {field}{tag}");
        }
    }
}
