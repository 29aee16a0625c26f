//! A small chain with ERC-20, ERC-721 and ERC-1155 transfers, internal calls and a failure.

use crate::{
    Explorer, Settings,
    bench::{self, Reply, Served},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use heddle_chain::Chain;
use heddle_types::{Fork, Genesis, GenesisAccount, RecoveredTransaction};
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(super) use crate::bench::{CHAIN_ID, START};
/// Wei that the sender has at first.
pub(super) const SENDER_START: u128 = u128::MAX;
/// Sends what it gets on to [`TARGET`].
pub(super) const FORWARDER: Address = address!("00000000000000000000000000000000000000f1");
pub(super) const TARGET: Address = address!("00000000000000000000000000000000000000f2");
/// Creates a contract.
pub(super) const FACTORY: Address = address!("00000000000000000000000000000000000000f3");
/// Reverts.
pub(super) const FAILING: Address = address!("00000000000000000000000000000000000000f4");
/// Gives its caller the item of ERC-721 whose id is the input.
pub(super) const NFT: Address = address!("00000000000000000000000000000000000000f5");
/// Gives its caller of the id of ERC-1155 that is the first word as many as the second says.
pub(super) const MULTI: Address = address!("00000000000000000000000000000000000000f6");

#[derive(serde::Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

pub(super) struct Bench {
    pub(super) chain: Arc<Chain>,
    pub(super) explorer: Arc<Explorer>,
    pub(super) key: PrivateKeySigner,
    pub(super) token: Address,
    nonce: AtomicU64,
    served: Served,
}

fn contracts() -> Vec<(Address, Vec<u8>)> {
    let transfer = keccak256("Transfer(address,address,uint256)");
    let single = keccak256("TransferSingle(address,address,address,uint256,uint256)");
    let forward = [&hex!("5f5f5f5f3473")[..], TARGET.as_slice(), &hex!("5af100")].concat();
    let mint = [&hex!("5f35335f7f")[..], transfer.as_slice(), &hex!("5f5fa400")].concat();
    let multi = [&hex!("60405f5f37335f337f")[..], single.as_slice(), &hex!("60405fa400")].concat();
    vec![
        (FORWARDER, forward),
        (FACTORY, hex!("5f5f5ff000").to_vec()),
        (FAILING, hex!("5f5ffd").to_vec()),
        (NFT, mint),
        (MULTI, multi),
    ]
}

fn genesis(rich: Address) -> Genesis {
    let mut alloc = std::collections::BTreeMap::new();
    alloc.insert(rich, GenesisAccount::default().with_balance(U256::from(SENDER_START)));
    for (address, code) in contracts() {
        alloc.insert(address, GenesisAccount::default().with_code(Some(code.into())));
    }
    bench::genesis(Fork::Cancun, 30_000_000, alloc)
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Bench {
    /// With four blocks; see `fill`.
    pub(super) async fn new() -> Self {
        Self::with(Settings { requests_per_second: 100_000, ..Settings::default() }).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let key = PrivateKeySigner::from_bytes(&keccak256("key")).unwrap();
        let chain_settings =
            heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
        let chain = bench::open(&genesis(key.address()), chain_settings);
        let served = Served::new(&chain, Fork::Cancun, settings, None);
        let bench = Self {
            token: key.address().create(0),
            nonce: AtomicU64::new(0),
            explorer: served.explorer.clone(),
            chain,
            key,
            served,
        };
        bench.fill().await;
        bench
    }

    /// 1: a token. 2: three transfers of it. 3: ether through a contract, a failure, a creation by
    /// a contract. 4: an item, and four of another id.
    async fn fill(&self) {
        let artifact = include_str!("../../../../../contracts/artifacts/BenchToken.json");
        let code = serde_json::from_str::<Artifact>(artifact).unwrap().bytecode;
        let supply = U256::from(1_000_000_u64).to_be_bytes::<32>();
        let deploy = [code.as_ref(), &supply].concat();
        self.mine(vec![self.sign(TxKind::Create, 0, deploy)]);
        self.mine(
            (1..=3).map(|amount| self.transfer(Address::repeat_byte(amount), amount)).collect(),
        );
        self.mine(vec![
            self.sign(TxKind::Call(FORWARDER), 5, Vec::new()),
            self.sign(TxKind::Call(FAILING), 0, vec![1, 2, 3, 4]),
            self.sign(TxKind::Call(FACTORY), 0, Vec::new()),
        ]);
        let word = |number: u64| U256::from(number).to_be_bytes::<32>();
        self.mine(vec![
            self.sign(TxKind::Call(NFT), 0, word(7).to_vec()),
            self.sign(TxKind::Call(MULTI), 0, [word(9), word(4)].concat()),
        ]);
        self.indexed().await;
    }

    /// A transfer of the token.
    pub(super) fn transfer(&self, to: Address, amount: u8) -> RecoveredTransaction {
        let amount = U256::from(amount).to_be_bytes::<32>();
        let input = [&hex!("a9059cbb")[..], to.into_word().as_slice(), &amount].concat();
        self.sign(TxKind::Call(self.token), 0, input)
    }

    pub(super) fn sign(&self, to: TxKind, value: u64, input: Vec<u8>) -> RecoveredTransaction {
        let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
        bench::sign(&self.key, nonce, to, value, &input)
    }

    /// Makes a block; returns the hashes of its transactions.
    pub(super) fn mine(&self, transactions: Vec<RecoveredTransaction>) -> Vec<B256> {
        bench::mine(&self.chain, transactions)
    }

    /// Waits until the index has all blocks.
    pub(super) async fn indexed(&self) {
        self.served.indexed().await;
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        self.served.send(request).await
    }

    pub(super) async fn get(&self, uri: &str) -> Reply {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    /// Asks Etherscan's API.
    pub(super) async fn etherscan(&self, query: &str) -> Value {
        self.get(&format!("/api?{query}")).await.json()
    }

    /// What it found.
    pub(super) async fn found(&self, query: &str) -> Value {
        let answer = self.etherscan(query).await;
        assert_eq!(answer["status"], "1", "{query}: {answer}");
        assert_eq!(answer["message"], "OK");
        answer["result"].clone()
    }

    /// Asks the API of our own.
    pub(super) async fn rest(&self, path: &str) -> Value {
        let reply = self.get(&format!("/api/v1{path}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        reply.json()
    }
}

impl Bench {
    /// Lets a contract create another; gives that and the code that created it.
    pub(super) fn create_by_contract(&self) -> (Address, Bytes) {
        // PUSH1 1 PUSH0 RETURN: one byte of zero.
        let inner = hex!("60015ff3");
        // PUSH4 inner PUSH0 MSTORE, PUSH1 4 PUSH1 28 PUSH0 CREATE: as the code of a creation.
        let outer = [&hex!("63")[..], &inner, &hex!("5f526004601c5ff000")].concat();
        let outer = self.sign(TxKind::Create, 0, outer);
        let creator = outer.sender.create(alloy_consensus::Transaction::nonce(&outer.transaction));
        self.mine(vec![outer]);
        (creator.create(1), inner.into())
    }
}
