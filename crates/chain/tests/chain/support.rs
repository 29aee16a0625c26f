//! Chains, and random transactions for them.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use heddle_chain::{Ahead, Attributes, Chain, ExecutedBlock, Settings, config_with_forks};
use heddle_storage::{Database, Options, Table};
use heddle_types::{
    Fork, Genesis, GenesisAccount, Header, RecoveredTransaction, Transaction, Withdrawal,
};
use std::{collections::BTreeMap, env};

pub(crate) const CHAIN_ID: u64 = 7;

/// Adds the parent's hash to the slot that the input names, and logs; the input's highest bit, if set,
/// destroys the contract in the end.
const COUNTER: [u8; 34] = hex!(
    "600035 60ff16 80 54 6001 43 03 40 01 90 55 6000 6000 a0 6000 600035 12 601f 57 00 5b33ff"
);

/// Asks the contract of EIP-2935 for the parent's hash, and stores it in the slot that the input
/// names.
const ASKER: [u8; 46] = hex!(
    "6001 43 03 6000 52 6020 6000 6020 6000 73 0000F90827F1C53a10cb7A02335B175320002935 5a fa 50 6000 51 6000 35 55"
);

/// Numbers that look random, always the same for a seed.
pub(crate) struct Choices(B256);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(keccak256(seed.to_be_bytes()))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = keccak256(self.0);
        u64::from_be_bytes(*self.0.first_chunk().unwrap()) % end
    }
}

pub(crate) fn sender(number: u64) -> Address {
    Address::with_last_byte(0x10 + number as u8)
}

fn counter(number: u64) -> Address {
    Address::with_last_byte(0x80 + number as u8)
}

/// Where [`ASKER`] is.
pub(crate) const ASKER_ADDRESS: Address = Address::with_last_byte(0x90);

/// A genesis whose blocks are all of `fork`.
pub(crate) fn genesis(fork: Fork) -> Genesis {
    let config = config_with_forks(CHAIN_ID, fork);
    let rich = GenesisAccount::default().with_balance(U256::from(10).pow(U256::from(24)));
    let code = |code: Bytes| GenesisAccount::default().with_nonce(Some(1)).with_code(Some(code));
    let mut alloc: BTreeMap<_, _> = (0..4).map(|n| (sender(n), rich.clone())).collect();
    // So many that nodes of the trie are stored.
    alloc.extend((100..160).map(|n| (sender(n), rich.clone())));
    let code_of_counter = Bytes::from_static(&COUNTER);
    alloc.extend((0..3).map(|n| (counter(n), code(code_of_counter.clone()))));
    alloc.insert(ASKER_ADDRESS, code(Bytes::from_static(&ASKER)));
    if fork >= Fork::Cancun {
        alloc.insert(eip4788::BEACON_ROOTS_ADDRESS, code(eip4788::BEACON_ROOTS_CODE.clone()));
        for (address, bytes) in [
            (eip2935::HISTORY_STORAGE_ADDRESS, &eip2935::HISTORY_STORAGE_CODE),
            (
                eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
                &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
            ),
            (
                eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
                &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE,
            ),
        ] {
            alloc.insert(address, code(bytes.clone()));
        }
    }
    Genesis {
        config,
        gas_limit: 30_000_000,
        difficulty: U256::from(if fork >= Fork::Merge { 0 } else { 10_000_000 }),
        alloc,
        ..Genesis::default()
    }
}

/// A chain in a store that is gone with it, and the store.
pub(crate) fn chain(genesis: &Genesis) -> (Chain, Database) {
    let settings = Settings { threads: 2, parallel_gas_min: 0, ..Settings::default() };
    chain_with(genesis, settings)
}

pub(crate) fn chain_with(genesis: &Genesis, settings: Settings) -> (Chain, Database) {
    let options = Options { cache_bytes: 4 << 20, ..Options::default() };
    let db = Database::ephemeral(&env::temp_dir(), options).unwrap();
    (Chain::open(db.clone(), genesis, settings).unwrap(), db)
}

/// Candidates for a block on the head: most are valid, some are not.
pub(crate) fn candidates(
    chain: &Chain,
    choices: &mut Choices,
    count: u64,
) -> Vec<RecoveredTransaction> {
    candidates_after(chain, None, choices, count)
}

/// The same for a block on one that is not sealed yet.
pub(crate) fn candidates_after(
    chain: &Chain,
    ahead: Option<&Ahead>,
    choices: &mut Choices,
    count: u64,
) -> Vec<RecoveredTransaction> {
    let reader = chain.reader();
    let parent = ahead.map_or(&reader.head().header, Ahead::header);
    let price = reader.next_base_fee(parent).unwrap_or_default() + 1_000_000_000;
    let fork = reader.fork_of(&reader.head().header).unwrap();
    let nonce = |address| {
        let account = reader.state().account(address).unwrap();
        let ahead = ahead.and_then(|ahead| ahead.nonce(address));
        ahead.unwrap_or_else(|| account.map_or(0, |account| account.nonce))
    };
    let mut nonces: Vec<u64> = (0..4).map(|n| nonce(sender(n))).collect();
    (0..count)
        .map(|_| {
            let from = choices.below(4);
            let nonce = &mut nonces[from as usize];
            let wrong = choices.below(8) == 0;
            let input = random_call(choices);
            let transaction = transaction(fork, from, *nonce + u64::from(wrong), price, input);
            *nonce += u64::from(!wrong);
            RecoveredTransaction { transaction, sender: sender(from) }
        })
        .collect()
}

struct Call {
    kind: TxKind,
    value: u64,
    input: Bytes,
}

fn random_call(choices: &mut Choices) -> Call {
    let word = |value: U256| Bytes::from(value.to_be_bytes::<32>().to_vec());
    match choices.below(10) {
        // Deploys a counter: copies its code from behind these 12 bytes and returns it.
        0 => {
            let start = hex!("6022 600c 6000 39 6022 6000 f3");
            let input = [start.as_slice(), &COUNTER].concat().into();
            Call { kind: TxKind::Create, value: 0, input }
        }
        1 => {
            let destroy = word((U256::ONE << 255_usize) | U256::from(choices.below(5)));
            Call { kind: counter(choices.below(3)).into(), value: 1, input: destroy }
        }
        2..=5 => {
            let slot = word(U256::from(choices.below(5)));
            Call { kind: counter(choices.below(3)).into(), value: 0, input: slot }
        }
        6 => {
            let slot = word(U256::from(choices.below(5)));
            Call { kind: ASKER_ADDRESS.into(), value: 0, input: slot }
        }
        _ => {
            let to = Address::with_last_byte(0x10 + choices.below(40) as u8);
            Call { kind: to.into(), value: choices.below(1000), input: Bytes::new() }
        }
    }
}

/// The signature is nobody's: whoever gives a sender along is believed. It names the sender, so that
/// no two have the same transaction.
fn transaction(fork: Fork, from: u64, nonce: u64, price: u64, call: Call) -> Transaction {
    let signature = Signature::new(U256::from(from + 1), U256::from(nonce + 1), false);
    let Call { kind, value, input } = call;
    let (value, gas_limit) = (U256::from(value), 200_000);
    if fork >= Fork::London && nonce.is_multiple_of(2) {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: u128::from(price),
            max_priority_fee_per_gas: 1,
            to: kind,
            value,
            input,
            ..TxEip1559::default()
        };
        return tx.into_signed(signature).into();
    }
    let chain_id = (fork >= Fork::SpuriousDragon).then_some(CHAIN_ID);
    let gas_price = u128::from(price);
    let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to: kind, value, input };
    tx.into_signed(signature).into()
}

/// Attributes of a block so many seconds after the head.
pub(crate) fn attributes(chain: &Chain, seconds: u64) -> Attributes {
    attributes_after(&chain.reader().head().header, seconds)
}

/// Attributes of a block so many seconds after another one.
pub(crate) fn attributes_after(head: &Header, seconds: u64) -> Attributes {
    Attributes {
        timestamp: head.timestamp + seconds,
        beneficiary: Address::repeat_byte(0xbe),
        prevrandao: B256::repeat_byte(3),
        gas_limit: head.gas_limit,
        withdrawals: vec![Withdrawal { amount: 5, address: sender(9), ..Withdrawal::default() }],
        ..Attributes::default()
    }
}

/// Builds a random block on the head, commits it, and returns it.
pub(crate) fn grow(chain: &Chain, choices: &mut Choices, seconds: u64) -> ExecutedBlock {
    let candidates = candidates(chain, choices, 12);
    let head = chain.reader().head().hash;
    let built = chain.build(head, &attributes(chain, seconds), candidates).unwrap();
    chain.commit(built.executed.clone()).unwrap();
    built.executed
}

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// All that lies in the tables of canonical data. Codes stay when the block that brought them is
/// undone: they are stored by their hashes and harm nobody.
pub(crate) fn canonical_tables(db: &Database) -> BTreeMap<Table, Vec<Pair>> {
    let reader = db.reader().unwrap();
    let tables = Table::ALL.into_iter();
    let canonical = tables.filter(|table| !matches!(table, Table::SideBlocks | Table::Codes));
    canonical.map(|t| (t, reader.all(t).unwrap().map(Result::unwrap).collect())).collect()
}
