//! Chains as values: in the form of `anvil --dump-state`.

mod bytecode;
mod mined;

pub use mined::{BlockDump, MinedDump};

use crate::{Error, Producer};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256};
use bytecode::{code_of, code_value};
use heddle_chain::{ChainReader, Error as ChainError, ExecutionState, StateError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A chain and the state after its last block, as anvil dumps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateDump {
    /// The block that the state comes after.
    #[serde(default)]
    pub block: Option<BlockFields>,
    /// All accounts.
    pub accounts: Accounts,
    /// Height of the block.
    #[serde(default)]
    pub best_block_number: Option<U64>,
    /// The blocks of the chain.
    #[serde(default)]
    pub blocks: Vec<BlockDump>,
    /// What came of their transactions.
    #[serde(default)]
    pub transactions: Vec<MinedDump>,
    /// States after earlier blocks, by the hash of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub historical_states: Option<Vec<(B256, HistoricalState)>>,
}

/// Accounts by address.
pub type Accounts = BTreeMap<Address, AccountFields>;

/// What anvil keeps of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockFields {
    number: U256,
    beneficiary: Address,
    pub(crate) timestamp: U256,
    gas_limit: u64,
    basefee: u64,
    difficulty: U256,
    prevrandao: Option<B256>,
    #[serde(default)]
    blob_excess_gas_and_price: Option<serde_json::Value>,
}

/// An account with its code and its slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFields {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code: Bytes,
    pub(crate) storage: BTreeMap<B256, B256>,
}

/// A state after an earlier block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoricalState {
    accounts: BTreeMap<Address, HistoricalAccount>,
    storage: BTreeMap<Address, BTreeMap<U256, U256>>,
    #[serde(default)]
    block_hashes: BTreeMap<U64, B256>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HistoricalAccount {
    balance: U256,
    nonce: u64,
    #[serde(default)]
    code_hash: B256,
    #[serde(default)]
    code: Option<serde_json::Value>,
}

impl Producer {
    /// The chain and the state after its last block; with `history` also the states after the
    /// earlier ones, as far as they are kept.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn dump(&self, history: bool) -> Result<StateDump, Error> {
        let reader = self.chain().reader();
        let head = &reader.head().header;
        let accounts = accounts(&reader.execution_state_at(head.number)?)?;
        let block = BlockFields {
            number: U256::from(head.number),
            beneficiary: head.beneficiary,
            timestamp: U256::from(head.timestamp),
            gas_limit: head.gas_limit,
            basefee: head.base_fee_per_gas.unwrap_or_default(),
            difficulty: head.difficulty,
            prevrandao: Some(head.mix_hash),
            blob_excess_gas_and_price: None,
        };
        let (mut blocks, mut transactions) = (Vec::new(), Vec::new());
        for number in reader.first()..=head.number {
            let missing = Error::Chain(ChainError::NoBlock(number));
            let committed = reader.committed(number)?.ok_or(missing)?;
            transactions.extend(MinedDump::of(&committed));
            blocks.push(BlockDump::new(&committed.block));
        }
        Ok(StateDump {
            block: Some(block),
            accounts,
            best_block_number: Some(U64::from(head.number)),
            blocks,
            transactions,
            historical_states: history.then(|| historical_states(&reader)).transpose()?,
        })
    }
}

fn accounts(state: &ExecutionState) -> Result<Accounts, Error> {
    let view = state.view();
    let mut accounts = BTreeMap::new();
    for (address, account) in view.accounts().map_err(StateError::from)? {
        let slots = view.slots(address).map_err(StateError::from)?;
        let storage = slots.into_iter().map(|(key, value)| (key.into(), value.into()));
        let fields = AccountFields {
            nonce: account.nonce,
            balance: account.balance,
            code: state.code(account.code_hash)?,
            storage: storage.collect(),
        };
        accounts.insert(address, fields);
    }
    Ok(accounts)
}

/// The states after all blocks but the last.
fn historical_states(reader: &ChainReader) -> Result<Vec<(B256, HistoricalState)>, Error> {
    let mut states = Vec::new();
    for number in reader.oldest_state()..reader.head().number {
        let hash = reader.hash_of(number)?.ok_or(ChainError::NoBlock(number))?;
        let accounts = accounts(&reader.execution_state_at(number)?)?;
        states.push((hash, HistoricalState::new(accounts)));
    }
    Ok(states)
}

impl HistoricalState {
    fn new(all: Accounts) -> Self {
        let (mut accounts, mut storage) = (BTreeMap::new(), BTreeMap::new());
        for (address, fields) in all {
            let AccountFields { nonce, balance, code, storage: slots } = fields;
            let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
            let code = Some(code_value(&code));
            accounts.insert(address, HistoricalAccount { balance, nonce, code_hash, code });
            let slots = slots.into_iter().map(|(key, value)| (key.into(), value.into()));
            storage.insert(address, slots.collect());
        }
        Self { accounts, storage, block_hashes: BTreeMap::new() }
    }

    /// All accounts; `None` if a code is in a form that is not known here.
    pub(crate) fn into_accounts(mut self) -> Option<Accounts> {
        let account = |(address, account): (Address, HistoricalAccount)| {
            let slots = self.storage.remove(&address).unwrap_or_default().into_iter();
            let slots = slots.filter(|(_, value)| !value.is_zero());
            let code = match account.code {
                Some(code) => code_of(&code)?,
                None if [KECCAK256_EMPTY, B256::ZERO].contains(&account.code_hash) => Bytes::new(),
                None => return None,
            };
            let fields = AccountFields {
                nonce: account.nonce,
                balance: account.balance,
                code,
                storage: slots.map(|(key, value)| (key.into(), value.into())).collect(),
            };
            Some((address, fields))
        };
        self.accounts.into_iter().map(account).collect()
    }
}
