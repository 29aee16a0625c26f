//! The first block of a simulated chain, and who sends transactions on it.

use crate::scenario::Scenario;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use heddle_chain::{add_system_contracts, config_with_forks};
use heddle_consensus::{FirstValidator, VALIDATORS_ADDRESS, add_validators};
use heddle_pool::PooledTransaction;
use heddle_types::{Fork, Genesis};
use serde::Deserialize;
use std::num::NonZeroU64;

pub(crate) const CHAIN_ID: u64 = 4_242;

/// When the simulated world begins, in UNIX seconds.
pub(crate) const START_TIME: u64 = 1_700_000_000;

/// Accounts that send transfers.
pub(crate) const SENDERS: u8 = 6;

/// An account that a client has the key of.
#[derive(Debug)]
pub(crate) struct Account {
    signer: PrivateKeySigner,
    pub(crate) nonce: u64,
}

impl Account {
    pub(crate) fn new(name: u8) -> Self {
        let secret = B256::repeat_byte(name);
        let signer = PrivateKeySigner::from_bytes(&secret);
        Self { signer: signer.expect("a small number is a key"), nonce: 0 }
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs the next transaction.
    pub(crate) fn sign(
        &mut self,
        to: TxKind,
        value: U256,
        input: Bytes,
        gas_limit: u64,
    ) -> PooledTransaction {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let signature = self.signer.sign_hash_sync(&tx.signature_hash());
        let signed: TxEnvelope = tx.into_signed(signature.expect("the key is at hand")).into();
        signed.try_into_pooled().expect("it has no blobs")
    }
}

/// Who may change the validators, and swaps.
pub(crate) const AUTHORITY: u8 = 0x77;
pub(crate) const TRADER: u8 = 0x78;

/// The key of a validator. There is one more than take part in the beginning.
pub(crate) fn validator_key(scenario: &Scenario, index: usize) -> PrivateKey {
    PrivateKey::from_seed(scenario.seed.wrapping_mul(1_000).wrapping_add(index as u64))
}

pub(crate) fn genesis(scenario: &Scenario) -> Genesis {
    let mut genesis = Genesis {
        config: config_with_forks(CHAIN_ID, Fork::Osaka),
        gas_limit: 30_000_000,
        timestamp: START_TIME,
        base_fee_per_gas: Some(1_000_000_000),
        ..Genesis::default()
    };
    let rich = (1..=SENDERS).chain([AUTHORITY, TRADER]);
    for name in rich {
        let account = genesis.alloc.entry(Account::new(name).address()).or_default();
        account.balance = U256::from(10).pow(U256::from(24));
    }
    add_system_contracts(&mut genesis);
    let first = (0..scenario.validators).map(|index| FirstValidator {
        key: validator_key(scenario, index).public_key(),
        operator: Account::new(AUTHORITY).address(),
    });
    let length = NonZeroU64::new(scenario.epoch_length).expect("epochs have many blocks");
    let first: Vec<_> = first.collect();
    add_validators(&mut genesis, length, Account::new(AUTHORITY).address(), &first);
    genesis
}

/// Input that calls a function.
fn call(signature: &str, words: &[U256]) -> Bytes {
    encode(&keccak256(signature)[..4], words)
}

fn encode(prefix: &[u8], words: &[U256]) -> Bytes {
    let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
    prefix.iter().copied().chain(words).collect::<Vec<_>>().into()
}

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

fn word(address: Address) -> U256 {
    address.into_word().into()
}

fn creation(artifact: &str, words: &[U256]) -> Bytes {
    let artifact: Artifact =
        serde_json::from_str(artifact).expect("the compiled contracts are in the repository");
    encode(&artifact.bytecode, words)
}

const TOKEN: &str = include_str!("../../../contracts/artifacts/BenchToken.json");
const POOL: &str = include_str!("../../../contracts/artifacts/BenchPool.json");

/// What makes two tokens and a pool of them, by the trader.
pub(crate) fn deployments(trader: &mut Account) -> Vec<PooledTransaction> {
    let owner = trader.address();
    let [token0, token1, pool] = [0, 1, 2].map(|nonce| owner.create(nonce));
    let supply = U256::from(10).pow(U256::from(30));
    let reserve = U256::from(10).pow(U256::from(24));
    let most = U256::MAX;
    let none = U256::ZERO;
    vec![
        trader.sign(TxKind::Create, none, creation(TOKEN, &[supply]), 3_000_000),
        trader.sign(TxKind::Create, none, creation(TOKEN, &[supply]), 3_000_000),
        trader.sign(TxKind::Create, none, creation(POOL, &[word(token0), word(token1)]), 4_000_000),
        trader.sign(
            token0.into(),
            none,
            call("approve(address,uint256)", &[word(pool), most]),
            100_000,
        ),
        trader.sign(
            token1.into(),
            none,
            call("approve(address,uint256)", &[word(pool), most]),
            100_000,
        ),
        trader.sign(pool.into(), none, call("fund(uint256,uint256)", &[reserve; 2]), 400_000),
    ]
}

/// A swap, one way or the other.
pub(crate) fn swap(trader: &mut Account, forth: bool, amount: u64) -> PooledTransaction {
    let owner = trader.address();
    let token = owner.create(u64::from(!forth));
    let words = [word(token), U256::from(amount) + U256::ONE, U256::ZERO, word(owner)];
    let input = call("swap(address,uint256,uint256,address)", &words);
    trader.sign(owner.create(2).into(), U256::ZERO, input, 300_000)
}

/// A change of the validators.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add(B256),
    Remove(B256),
    Replace(B256, B256),
}

pub(crate) fn change(authority: &mut Account, change: &Change) -> PooledTransaction {
    let owner = word(authority.address());
    let input = match change {
        Change::Add(key) => call("add(bytes32,address)", &[(*key).into(), owner]),
        Change::Remove(key) => call("remove(bytes32)", &[(*key).into()]),
        Change::Replace(old, new) => {
            call("replaceKey(bytes32,bytes32)", &[(*old).into(), (*new).into()])
        }
    };
    authority.sign(VALIDATORS_ADDRESS.into(), U256::ZERO, input, 500_000)
}
