//! States as values: in the form of `anvil --dump-state`.

use crate::{AccountAmendment, Error, Producer};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use heddle_chain::StateError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The accounts of a state and the block that it belongs to, as anvil dumps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateDump {
    /// The block that the state comes after.
    #[serde(default)]
    pub block: Option<BlockFields>,
    /// All accounts.
    pub accounts: BTreeMap<Address, AccountFields>,
    /// Height of the block.
    #[serde(default)]
    pub best_block_number: Option<U64>,
    /// Blocks of the chain; written empty, as anvil asks for it.
    #[serde(default)]
    blocks: Vec<serde_json::Value>,
    #[serde(default)]
    transactions: Vec<serde_json::Value>,
}

/// What anvil keeps of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockFields {
    number: U256,
    beneficiary: Address,
    timestamp: U256,
    gas_limit: u64,
    basefee: u64,
    difficulty: U256,
    prevrandao: Option<B256>,
    #[serde(default)]
    blob_excess_gas_and_price: Option<serde_json::Value>,
}

/// An account with its code and its slots.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountFields {
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<B256, B256>,
}

impl Producer {
    /// The state after the last block.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn dump(&self) -> Result<StateDump, Error> {
        let reader = self.chain().reader();
        let head = &reader.head().header;
        let state = reader.execution_state_at(head.number)?;
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
        Ok(StateDump {
            block: Some(block),
            accounts,
            best_block_number: Some(U64::from(head.number)),
            blocks: Vec::new(),
            transactions: Vec::new(),
        })
    }

    /// Adds the accounts of a dump to the state after the last block; the clock goes on from the
    /// dump's time.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn load(&self, dump: StateDump) -> Result<(), Error> {
        let amendment = |fields: AccountFields| AccountAmendment {
            balance: Some(fields.balance),
            nonce: Some(fields.nonce),
            code: Some(fields.code),
            storage: fields.storage.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
        };
        let accounts = dump.accounts.into_iter();
        self.amend(accounts.map(|(address, fields)| (address, amendment(fields))).collect())?;
        let time = dump.block.and_then(|block| u64::try_from(block.timestamp).ok());
        if let Some(time) = time.filter(|time| *time > self.next_timestamp()) {
            self.set_time(time);
        }
        Ok(())
    }
}
