//! A node with a scripted chain: a lending pool with two reserves, counted by the keeper's own arithmetic,
//! whose equality with the contract is tested elsewhere.

mod http;
mod pool;

pub(crate) use http::{Fault, Server};
pub(crate) use pool::{HEARTBEAT, POOL, USD, WETH};

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use heddle_client::Log;
use heddle_keeper::{mirror::Mirror, patience::Chance};
use std::collections::BTreeMap;

/// A block, with what its undoing needs.
#[derive(Clone)]
struct Block {
    hash: B256,
    timestamp: u64,
    logs: Vec<Log>,
    transactions: Vec<(TxEnvelope, bool)>,
    before: Mirror,
    nonce_before: u64,
}

/// The chain, and what waits to get into it.
pub(crate) struct Chain {
    /// Of ether, in dollars.
    pub(crate) price: i64,
    /// The request that goes wrong, counted down.
    pub(crate) fault: Option<(u64, Fault)>,
    /// All positions as of the last block.
    pub(crate) truth: Mirror,
    frozen_at: Option<u64>,
    blocks: Vec<Block>,
    mempool: BTreeMap<u64, TxEnvelope>,
    nonce: u64,
    salt: u64,
    vain_flags: usize,
}

impl Chain {
    /// A pool with so many accounts that owe something.
    pub(crate) fn new(accounts: u64, chance: &mut Chance) -> Self {
        let mut chain = Self {
            price: 2_000,
            fault: None,
            truth: Mirror::default(),
            frozen_at: None,
            blocks: Vec::new(),
            mempool: BTreeMap::new(),
            nonce: 0,
            salt: 0,
            vain_flags: 0,
        };
        chain.push(Vec::new(), Vec::new(), 1_700_000_000);
        let time = chain.now() + 12;
        chain.push(pool::listed(), Vec::new(), time);
        chain.configure();
        for number in 0..accounts {
            let time = chain.now() + 12;
            chain.push(pool::opened(number, chance), Vec::new(), time);
        }
        chain
    }

    /// Seconds since 1970 of the last block.
    pub(crate) fn now(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.timestamp)
    }

    /// Has the feed's answers get older from now on, or not any more. Gives the time.
    pub(crate) fn freeze_feed(&mut self, is_frozen: bool) -> u64 {
        self.frozen_at = is_frozen.then(|| self.now());
        self.now()
    }

    /// Makes a block of up to so many of the transactions that wait, some seconds later.
    pub(crate) fn mine(&mut self, most: u64, seconds: u64) {
        let time = self.now() + seconds;
        let (mut logs, mut done) = (Vec::new(), Vec::new());
        let mut state = self.truth.clone();
        let nonce_before = self.nonce;
        while (done.len() as u64) < most {
            let Some(transaction) = self.mempool.remove(&self.nonce) else { break };
            self.nonce += 1;
            let emitted = self.executed(&state, &transaction, time);
            let is_flag = pool::flagged(transaction.input()).is_some();
            self.vain_flags += usize::from(is_flag && emitted == Ok(Vec::new()));
            done.push((transaction, emitted.is_ok()));
            for log in emitted.unwrap_or_default() {
                state.apply(&log, time).unwrap();
                logs.push(log);
            }
        }
        self.push(logs, done, time);
        self.blocks.last_mut().unwrap().nonce_before = nonce_before;
    }

    /// Undoes blocks: their transactions wait again, but each third of them is lost. The first block with the
    /// listing stays.
    pub(crate) fn undo(&mut self, count: u64) {
        for _ in 0..count {
            if self.blocks.len() <= 12 {
                return;
            }
            let block = self.blocks.pop().unwrap();
            (self.truth, self.nonce) = (block.before, block.nonce_before);
            for (transaction, _) in block.transactions {
                self.salt += 1;
                if !self.salt.is_multiple_of(3) {
                    self.mempool.insert(transaction.nonce(), transaction);
                }
            }
        }
        self.mine(0, 12);
    }

    /// Accounts whose health is under 1.
    pub(crate) fn under_one(&self) -> Vec<Address> {
        let markets = self.markets(&self.truth, self.now());
        let under = heddle_keeper::health::under_one(&self.truth, &markets);
        under.into_iter().map(|(address, _)| address).collect()
    }

    /// Whether nothing waits.
    pub(crate) fn mempool_is_empty(&self) -> bool {
        self.mempool.is_empty()
    }

    /// Transactions that did nothing.
    pub(crate) fn reverted(&self) -> usize {
        self.transactions().filter(|(_, is_done)| !is_done).count()
    }

    /// Transactions that were to begin auctions which had begun already.
    pub(crate) fn vain_flags(&self) -> usize {
        self.vain_flags
    }

    /// Accounts that were liquidated.
    pub(crate) fn liquidated(&self) -> Vec<Address> {
        let logs = self.blocks.iter().flat_map(|block| &block.logs);
        logs.filter_map(pool::liquidated).collect()
    }

    fn transactions(&self) -> impl Iterator<Item = &(TxEnvelope, bool)> {
        self.blocks.iter().flat_map(|block| &block.transactions)
    }

    fn push(&mut self, logs: Vec<Log>, transactions: Vec<(TxEnvelope, bool)>, timestamp: u64) {
        self.salt += 1;
        let number = self.blocks.len() as u64;
        let parent = self.blocks.last().map_or(B256::ZERO, |block| block.hash);
        let hash = keccak256([parent.as_slice(), &self.salt.to_be_bytes()].concat());
        let before = self.truth.clone();
        let place = |(index, mut log): (usize, Log)| {
            log.block_number = alloy_primitives::U64::from(number);
            log.block_hash = hash;
            log.log_index = alloy_primitives::U64::from(index);
            log.block_timestamp = Some(alloy_primitives::U64::from(timestamp));
            log
        };
        let logs: Vec<Log> = logs.into_iter().enumerate().map(place).collect();
        for log in &logs {
            self.truth.apply(log, timestamp).unwrap();
        }
        let nonce_before = self.nonce;
        self.blocks.push(Block { hash, timestamp, logs, transactions, before, nonce_before });
    }

    /// Takes up a transaction, or says why not.
    fn offered(&mut self, raw: &Bytes) -> Result<B256, String> {
        use alloy_eips::eip2718::Decodable2718;
        let transaction = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
        assert_eq!(transaction.recover_signer().unwrap(), pool::KEEPER);
        if transaction.nonce() < self.nonce {
            return Err("nonce too low".to_owned());
        }
        let hash = *transaction.tx_hash();
        if let Some(there) = self.mempool.get(&transaction.nonce()) {
            if *there.tx_hash() == hash {
                return Err("already known".to_owned());
            }
            let fee = there.max_fee_per_gas();
            if transaction.max_fee_per_gas() < fee + fee / 10 {
                return Err("replacement transaction underpriced".to_owned());
            }
        }
        self.mempool.insert(transaction.nonce(), transaction);
        Ok(hash)
    }
}
