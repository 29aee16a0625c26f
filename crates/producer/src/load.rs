//! Going on from a dump.

use crate::{
    AccountAmendment, Error, Producer, StateDump,
    dump::{AccountFields, Accounts, BlockDump, HistoricalState, MinedDump},
};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use heddle_chain::{AdoptedBlock, Error as ChainError};
use heddle_types::{AccountChange, AccountState, ChangeSet};
use std::collections::BTreeMap;

impl Producer {
    /// Goes on from a dump. On a chain that has no blocks yet those of the dump take the place of
    /// the first one, with the states that are in it; otherwise the accounts of the dump are added
    /// to the state after the last block. The clock goes on from the dump's time.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn load(&self, dump: StateDump) -> Result<(), Error> {
        let StateDump { block, accounts, blocks, transactions, historical_states, .. } = dump;
        let states = historical_states.unwrap_or_default();
        let adopted = self.adopted(&accounts, blocks, &transactions, states)?;
        match self.adopt(&adopted) {
            Ok(()) => {}
            Err(Error::Chain(ChainError::Adopt(reason))) => {
                if !adopted.is_empty() {
                    tracing::warn!(
                        "of the dump only the state is loaded: its blocks cannot take the place of the chain's, since {reason}"
                    );
                }
                let amendments = accounts.into_iter().map(|(at, fields)| (at, amendment(fields)));
                self.amend(amendments.collect())?;
            }
            Err(error) => return Err(error),
        }
        let time = block.and_then(|block| u64::try_from(block.timestamp).ok());
        if let Some(time) = time.filter(|time| *time > self.next_timestamp()) {
            self.set_time(time);
        }
        Ok(())
    }

    fn adopt(&self, blocks: &[AdoptedBlock]) -> Result<(), Error> {
        let orders = self.orders();
        self.chain().adopt(blocks)?;
        self.reread_pool(&orders)
    }

    /// The blocks of a dump with the states after them, by ascending height.
    fn adopted(
        &self,
        accounts: &Accounts,
        mut blocks: Vec<BlockDump>,
        transactions: &[MinedDump],
        states: Vec<(B256, HistoricalState)>,
    ) -> Result<Vec<AdoptedBlock>, Error> {
        let mut mined: BTreeMap<B256, Vec<&MinedDump>> = BTreeMap::new();
        for transaction in transactions {
            mined.entry(transaction.block_hash).or_default().push(transaction);
        }
        mined.values_mut().for_each(|mined| mined.sort_by_key(|mined| mined.index()));
        let mut states: BTreeMap<B256, HistoricalState> = states.into_iter().collect();
        blocks.sort_by_key(|block| block.header.number);
        let last = blocks.len().saturating_sub(1);
        let reader = self.chain().reader();
        let own = reader.state();
        let mut before: Option<Accounts> = None;
        let mut adopted = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.into_iter().enumerate() {
            let hash = block.header.hash_slow();
            let none = Vec::new();
            let (block, receipts) = block.into_block(mined.get(&hash).unwrap_or(&none));
            let after = if index == last {
                Some(accounts.clone())
            } else {
                states.remove(&hash).and_then(HistoricalState::into_accounts)
            };
            let mut changes = None;
            if let Some(after) = after {
                let mut existed = Vec::new();
                for address in after.keys() {
                    let there = match &before {
                        Some(before) => before.contains_key(address),
                        None => own.account(*address).map_err(ChainError::from)?.is_some(),
                    };
                    existed.push(there);
                }
                let nobody = Accounts::new();
                changes = Some(change_set(before.as_ref().unwrap_or(&nobody), &after, &existed));
                before = Some(after);
            }
            adopted.push(AdoptedBlock { block, receipts, changes });
        }
        Ok(adopted)
    }
}

fn amendment(fields: AccountFields) -> AccountAmendment {
    AccountAmendment {
        balance: Some(fields.balance),
        nonce: Some(fields.nonce),
        code: Some(fields.code),
        storage: fields.storage.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
    }
}

/// What makes the accounts `before` those `after`, of which `existed` says whether the state
/// without `before` had them.
fn change_set(before: &Accounts, after: &Accounts, existed: &[bool]) -> ChangeSet {
    let mut codes = BTreeMap::new();
    let mut accounts: BTreeMap<Address, AccountChange> = BTreeMap::new();
    for ((address, fields), existed) in after.iter().zip(existed) {
        if before.get(address) == Some(fields) {
            continue;
        }
        let is_empty = fields.nonce == 0 && fields.balance.is_zero() && fields.code.is_empty();
        if is_empty && !existed {
            continue;
        }
        let mut code_hash = KECCAK256_EMPTY;
        if !fields.code.is_empty() {
            code_hash = keccak256(&fields.code);
            codes.insert(code_hash, fields.code.clone());
        }
        let state = AccountState { balance: fields.balance, nonce: fields.nonce, code_hash };
        let slots = fields.storage.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        let storage = slots.filter(|(_, value): &(U256, U256)| !is_empty && !value.is_zero());
        let change = AccountChange {
            address: *address,
            after: (!is_empty).then_some(state),
            storage_cleared: *existed,
            storage: storage.collect(),
        };
        accounts.insert(*address, change);
    }
    for address in before.keys().filter(|address| !after.contains_key(*address)) {
        let storage = Vec::new();
        let gone = AccountChange { address: *address, after: None, storage_cleared: true, storage };
        accounts.insert(*address, gone);
    }
    ChangeSet { accounts: accounts.into_values().collect(), codes: codes.into_iter().collect() }
}
