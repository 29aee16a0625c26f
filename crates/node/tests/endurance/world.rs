//! What is sent, and what must come of it: accounts with nonces and balances, counters, contracts.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaEncodableTx as _};
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U256, address, bytes, keccak256, map::HashMap,
};
use heddle_chain::{add_system_contracts, config_with_forks};
use heddle_types::{Fork, Genesis, GenesisAccount};
use rand::Rng;
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(crate) const CHAIN_ID: u64 = 31_337;

/// More than any of them spends.
const BALANCE: U256 = U256::from_limbs([0, 0, 1 << 32, 0]);

/// Counts how often each account has called it: `storage[caller] += 1`, and a log.
const COUNTER: Address = address!("00000000000000000000000000000000c0117e12");
const COUNTER_CODE: Bytes = bytes!("33546001013355" "5f5fa0" "00");

/// Creates a contract with the counter's code and one slot: `storage[0] = 42`.
const CREATION_CODE: Bytes =
    bytes!("602a5f55" "6a" "33546001013355" "5f5fa0" "00" "5f52" "600b6015f3");

/// Wei for a unit of gas, far above the base fee.
const FEE_MAX: u128 = 20_000_000_000;

/// An account with its key.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    key: SecretKey,
    pub(crate) address: Address,
    /// Of the next transaction that is sent.
    pub(crate) nonce: u64,
}

impl Account {
    pub(crate) fn new(number: u64) -> Self {
        let secret = keccak256(number.to_be_bytes());
        let key = SecretKey::from_byte_array(secret.0).expect("a hash is a key");
        let public = PublicKey::from_secret_key(SECP256K1, &key).serialize_uncompressed();
        Self { key, address: Address::from_raw_public_key(&public[1..]), nonce: 0 }
    }

    /// A signed transaction with the next nonce.
    pub(crate) fn sign(&mut self, what: What) -> Sent {
        let (to, value, input, gas_limit) = match what {
            What::Transfer { to, value } => (TxKind::Call(to), value, Bytes::new(), 21_000),
            What::Count => (TxKind::Call(COUNTER), U256::ZERO, Bytes::new(), 100_000),
            What::Create => (TxKind::Create, U256::ZERO, CREATION_CODE, 200_000),
        };
        let nonce = self.nonce;
        self.nonce += 1;
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: FEE_MAX,
            max_priority_fee_per_gas: 1,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        let message = Message::from_digest(transaction.signature_hash().0);
        let signature = SECP256K1.sign_ecdsa_recoverable(message, &self.key);
        let (recovery, bytes) = signature.serialize_compact();
        let signature = Signature::from_bytes_and_parity(&bytes, i32::from(recovery) == 1);
        let signed = transaction.into_signed(signature);
        let mut raw = Vec::with_capacity(128);
        signed.tx().eip2718_encode(signed.signature(), &mut raw);
        Sent { hash: *signed.hash(), from: self.address, nonce, what, raw: raw.into() }
    }
}

/// What a transaction does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Transfer { to: Address, value: U256 },
    Count,
    Create,
}

impl What {
    /// Mostly transfers.
    pub(crate) fn draw(random: &mut impl Rng, addresses: &[Address]) -> Self {
        match random.gen_range(0..10) {
            0 => Self::Create,
            1 | 2 => Self::Count,
            _ => Self::Transfer {
                to: addresses[random.gen_range(0..addresses.len())],
                value: U256::from(random.r#gen::<u32>()),
            },
        }
    }
}

/// A transaction that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) hash: B256,
    from: Address,
    nonce: u64,
    what: What,
    pub(crate) raw: Bytes,
}

/// What the node says of a mined transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    pub(crate) block_hash: B256,
    pub(crate) block_number: U256,
    status: U256,
    gas_used: U256,
    effective_gas_price: U256,
}

/// What must be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<Address, Expected>,
    pub(crate) created: Vec<Address>,
}

/// What must be there of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    /// Its slot of the counter.
    pub(crate) count: u64,
}

impl World {
    pub(crate) fn new(accounts: &[Account]) -> Self {
        let expected = Expected { nonce: 0, balance: BALANCE, count: 0 };
        let accounts = accounts.iter().map(|account| (account.address, expected)).collect();
        Self { accounts, created: Vec::new() }
    }

    /// Does what a mined transaction did. The order does not matter.
    pub(crate) fn apply(&mut self, sent: &Sent, receipt: &Receipt) {
        assert_eq!(receipt.status, U256::ONE, "no transaction here can fail: {sent:?}");
        let from = self.accounts.get_mut(&sent.from).expect("only accounts send");
        from.nonce = from.nonce.max(sent.nonce + 1);
        from.balance -= receipt.gas_used * receipt.effective_gas_price;
        match sent.what {
            What::Transfer { to, value } => {
                from.balance -= value;
                self.accounts.get_mut(&to).expect("only accounts get money").balance += value;
            }
            What::Count => from.count += 1,
            What::Create => self.created.push(sent.from.create(sent.nonce)),
        }
    }

    /// The first block, in which the accounts have ether.
    pub(crate) fn genesis(&self) -> Genesis {
        let contract = |code: &Bytes| GenesisAccount {
            nonce: Some(1),
            code: Some(code.clone()),
            ..GenesisAccount::default()
        };
        let funded = GenesisAccount { balance: BALANCE, ..GenesisAccount::default() };
        let mut alloc: BTreeMap<Address, GenesisAccount> =
            self.accounts.keys().map(|address| (*address, funded.clone())).collect();
        alloc.insert(COUNTER, contract(&COUNTER_CODE));
        let mut genesis = Genesis {
            config: config_with_forks(CHAIN_ID, Fork::Osaka),
            gas_limit: 1_000_000_000,
            base_fee_per_gas: Some(1_000_000_000),
            alloc,
            ..Genesis::default()
        };
        add_system_contracts(&mut genesis);
        genesis
    }

    /// What must be there of the counter's storage.
    pub(crate) fn counter(&self) -> (Address, HashMap<B256, U256>) {
        let counted = self.accounts.iter().filter(|(_, expected)| expected.count > 0);
        let slots =
            counted.map(|(caller, expected)| (caller.into_word(), U256::from(expected.count)));
        (COUNTER, slots.collect())
    }
}
