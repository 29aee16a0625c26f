//! For tests: a chain on which blocks are made directly, and its explorer without a port.

use crate::{Explorer, Follower, Index, Parts, Settings, server::router};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use heddle_chain::{Attributes, Chain, config_with_forks};
use heddle_pool::Pool;
use heddle_rpc::{Caller, Context, Namespace, Signers};
use heddle_solidity::{compiler::Compilers, store::Contracts};
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis, GenesisAccount, RecoveredTransaction, Transaction};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;
use tower::ServiceExt;

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const START: u64 = 1_700_000_000;
const CACHE_BYTES: usize = 4 << 20;

/// The first block of a chain in which `alloc` has what it has.
pub(crate) fn genesis(
    fork: Fork,
    gas_limit: u64,
    alloc: BTreeMap<Address, GenesisAccount>,
) -> Genesis {
    Genesis {
        config: config_with_forks(CHAIN_ID, fork),
        timestamp: START,
        gas_limit,
        base_fee_per_gas: Some(1_000_000_000),
        alloc,
        ..Genesis::default()
    }
}

pub(crate) fn open(genesis: &Genesis, settings: heddle_chain::Settings) -> Arc<Chain> {
    let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
    let database = Database::ephemeral(&std::env::temp_dir(), options).unwrap();
    Arc::new(Chain::open(database, genesis, settings).unwrap())
}

pub(crate) fn sign(
    key: &PrivateKeySigner,
    nonce: u64,
    to: TxKind,
    value: u64,
    input: &[u8],
) -> RecoveredTransaction {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: if to.is_create() { 3_000_000 } else { 200_000 },
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to,
        value: U256::from(value),
        input: input.to_vec().into(),
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let transaction = Transaction::Eip1559(transaction.into_signed(signature));
    RecoveredTransaction { transaction, sender: key.address() }
}

/// Makes a block; returns the hashes of its transactions.
pub(crate) fn mine(chain: &Chain, transactions: Vec<RecoveredTransaction>) -> Vec<B256> {
    let head = chain.reader().head().clone();
    let hashes = transactions.iter().map(|tx| *tx.transaction.tx_hash()).collect();
    let attributes = Attributes {
        timestamp: head.header.timestamp + 12,
        gas_limit: head.header.gas_limit,
        beneficiary: Address::repeat_byte(0xbe),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Attributes::default()
    };
    let built = chain.build(head.hash, &attributes, transactions).unwrap();
    assert!(built.skipped.is_empty(), "{:?}", built.skipped);
    chain.commit(built.executed).unwrap();
    hashes
}

/// The explorer of a chain.
pub(crate) struct Served {
    pub(crate) explorer: Arc<Explorer>,
    router: Router,
    _stop: watch::Sender<bool>,
}

/// What a request is answered with.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Served {
    pub(crate) fn new(
        chain: &Arc<Chain>,
        fork: Fork,
        settings: Settings,
        compilers: Option<Arc<Compilers>>,
    ) -> Self {
        let rules = heddle_pool::Context { fork, ..heddle_pool::Context::default() };
        let pool = Arc::new(Mutex::new(Pool::new(heddle_pool::Settings::default(), rules)));
        let context = Context {
            chain: chain.clone(),
            pool: pool.clone(),
            signers: Signers::new(Vec::new()),
            readiness: Arc::new(|| Ok(())),
            wake: Arc::new(|_| ()),
            dev: None,
            agreement: None,
        };
        let namespaces = vec![Namespace::Eth, Namespace::Debug, Namespace::Trace];
        let rpc = heddle_rpc::Settings { namespaces, ..heddle_rpc::Settings::default() };
        let rpc = Caller::new(context, rpc).unwrap();
        let index = Index::ephemeral(&std::env::temp_dir(), CACHE_BYTES).unwrap();
        let follower = Arc::new(Follower::start(index, chain.clone()).unwrap());
        let contracts = Arc::new(Contracts::in_memory());
        let parts = Parts { chain: chain.clone(), pool, rpc, follower, contracts, compilers };
        let explorer = Arc::new(Explorer::new(parts, settings));
        let (stop, stopped) = watch::channel(false);
        Self { router: router(explorer.clone(), stopped), explorer, _stop: stop }
    }

    /// Waits until the index has all blocks.
    pub(crate) async fn indexed(&self) {
        let parts = &self.explorer.parts;
        let mut changes = parts.follower.changes();
        let head = parts.chain.reader().head().hash;
        while parts.follower.status().head.is_none_or(|indexed| indexed.hash != head) {
            assert_eq!(parts.follower.status().failure, None);
            changes.changed().await.unwrap();
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, text }
    }
}
