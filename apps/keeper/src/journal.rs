//! What was sent and is in no block yet. It is on the disk before it leaves the process, so that after a
//! crash the same bytes are offered again, under the same nonce, of which one can take effect.

use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_client::{
    Fees, Node, RpcError, SendError, Sender, Sent,
    files::{self, FileError},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Bytes of the file: 64 transactions of some kilobytes.
const BYTES_MAX: u64 = 4 << 20;
/// Blocks without a transaction after which it is offered for more.
const RAISE_BLOCKS: u64 = 3;
/// Most times that a transaction is offered for more: 13 % each, together about three times.
const RAISES_MAX: usize = 9;
/// What a replacement pays more, in percent; nodes ask for ten.
const RAISE_PERCENT: u128 = 13;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Brings all reserves up to date.
    Accrue,
    /// Begins an auction.
    Flag {
        /// Whose.
        account: Address,
    },
    /// Repays debt for collateral.
    Liquidate {
        /// Whose.
        account: Address,
        /// The debt asset.
        debt: Address,
        /// The collateral asset.
        collateral: Address,
        /// Most that is repaid.
        repay_max: U256,
    },
    /// Allows a contract to take tokens.
    Approve {
        /// The token.
        token: Address,
        /// The contract.
        spender: Address,
    },
    /// Sells collateral.
    Sell {
        /// The token.
        token: Address,
        /// How much.
        amount: U256,
    },
}

impl Purpose {
    /// The account that is flagged or liquidated.
    pub fn account(&self) -> Option<Address> {
        match self {
            Self::Flag { account } | Self::Liquidate { account, .. } => Some(*account),
            _ => None,
        }
    }
}

/// A transaction that is in no block yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number among those of the account.
    pub nonce: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// The contract.
    pub to: Address,
    /// What it is called with.
    pub input: Bytes,
    /// Most gas.
    pub gas_limit: u64,
    /// Wei for each gas at most.
    pub fee_max: u128,
    /// Of that for the producer.
    pub priority: u128,
    /// The most that it may be for the producer.
    pub priority_max: u128,
    /// Of all forms in which it was offered.
    pub hashes: Vec<B256>,
    /// The block after which it was offered last.
    pub offered_at: u64,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Done,
    /// Somebody else was first, or something has changed.
    Reverted,
    /// Another transaction has its nonce.
    Replaced,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The key.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It is of another chain.
    #[error(
        "{path} is of chain {found}, but the node's is {wanted}; give each chain its own folder"
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Of the file.
        found: u64,
        /// Of the node.
        wanted: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct Written {
    chain_id: u64,
    entries: Vec<Entry>,
}

/// The transactions of an account that are in no block yet.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    name: String,
    chain_id: u64,
    entries: Vec<Entry>,
}

impl Journal {
    /// What an earlier process has left.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn open(folder: &Path, account: Address, chain_id: u64) -> Result<Self, JournalError> {
        let name = format!("sent-{account}.json");
        let path = folder.join(&name);
        let mut entries = Vec::new();
        if let Some(bytes) = files::read(&path, BYTES_MAX)? {
            let written: Written = serde_json::from_slice(&bytes).map_err(|source| {
                let consequence = "what it says to be in flight may be sent again";
                FileError::Shape { path: path.clone(), consequence, source }
            })?;
            if written.chain_id != chain_id {
                return Err(JournalError::Chain {
                    path,
                    found: written.chain_id,
                    wanted: chain_id,
                });
            }
            entries = written.entries;
        }
        Ok(Self { folder: folder.to_owned(), name, chain_id, entries })
    }

    /// What is in no block yet, by nonce.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The lowest nonces that nothing has, from `next` on.
    pub fn free_nonces(&self, next: u64) -> impl Iterator<Item = u64> + '_ {
        (next..).filter(|nonce| self.entries.iter().all(|entry| entry.nonce != *nonce))
    }

    /// Takes up transactions: they are on the disk afterwards.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`]; nothing is taken up then.
    pub fn add(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut all = self.entries.clone();
        all.extend_from_slice(entries);
        all.sort_by_key(|entry| entry.nonce);
        self.write(all)
    }

    /// Forgets what is in a block, and says what became of it.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn settle(
        &mut self,
        node: &Node,
        next: u64,
    ) -> Result<Vec<(Entry, Outcome)>, JournalError> {
        let (past, open): (Vec<_>, Vec<_>) =
            self.entries.iter().cloned().partition(|entry| entry.nonce < next);
        let mut settled = Vec::with_capacity(past.len());
        for entry in past {
            let mut outcome = Outcome::Replaced;
            for hash in &entry.hashes {
                if let Some(receipt) = node.receipt(*hash)? {
                    let is_done = receipt.status.is_none_or(|status| !status.is_zero());
                    outcome = if is_done { Outcome::Done } else { Outcome::Reverted };
                }
            }
            settled.push((entry, outcome));
        }
        if !settled.is_empty() {
            self.write(open)?;
        }
        Ok(settled)
    }

    /// Offers all transactions again, those that wait for long for more. Gives those that the node refuses
    /// and does not have; they are forgotten, and their nonces are free.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn renew(
        &mut self,
        sender: &Sender,
        block: u64,
        is_restart: bool,
    ) -> Result<Vec<(Entry, String)>, JournalError> {
        let mut refused = Vec::new();
        for mut entry in self.entries.clone() {
            let is_late = block.saturating_sub(entry.offered_at) >= RAISE_BLOCKS;
            if !is_late && !is_restart {
                continue;
            }
            let may_raise = is_late && entry.raise();
            let sent = entry.sign(sender)?;
            entry.offered_at = block;
            if may_raise {
                entry.hashes.extend_from_slice(&sent.hashes);
            }
            self.replace(entry.clone())?;
            if let Some(reason) = offer(sender, &entry, &sent)? {
                // An earlier form of it may be there, and does as well.
                if !is_known(sender.node(), &entry)? {
                    self.forget(entry.nonce)?;
                    refused.push((entry, reason));
                }
            }
        }
        Ok(refused)
    }

    /// Offers a transaction that was taken up. Gives why the node refuses it; it is forgotten then.
    ///
    /// # Errors
    ///
    /// See [`JournalError`]. The transaction may be under way.
    pub fn offer(
        &mut self,
        sender: &Sender,
        entry: &Entry,
    ) -> Result<Option<String>, JournalError> {
        let sent = entry.sign(sender)?;
        let reason = offer(sender, entry, &sent)?;
        if reason.is_some() {
            self.forget(entry.nonce)?;
        }
        Ok(reason)
    }

    /// Forgets a transaction that is not under way.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn forget(&mut self, nonce: u64) -> Result<(), JournalError> {
        let all = self.entries.iter().filter(|entry| entry.nonce != nonce).cloned().collect();
        self.write(all)
    }

    fn replace(&mut self, entry: Entry) -> Result<(), JournalError> {
        let one = |old: &Entry| if old.nonce == entry.nonce { entry.clone() } else { old.clone() };
        let all = self.entries.iter().map(one).collect();
        self.write(all)
    }

    fn write(&mut self, entries: Vec<Entry>) -> Result<(), JournalError> {
        let written = Written { chain_id: self.chain_id, entries };
        let bytes = serde_json::to_vec(&written).map_err(|source| FileError::Shape {
            path: self.folder.join(&self.name),
            consequence: "nothing is sent",
            source,
        })?;
        files::write(&self.folder, &self.name, &bytes)?;
        self.entries = written.entries;
        Ok(())
    }
}

impl Entry {
    /// The same bytes each time: signatures follow from what is signed.
    ///
    /// # Errors
    ///
    /// [`JournalError::Send`].
    pub fn sign(&self, sender: &Sender) -> Result<Sent, JournalError> {
        let fees = Fees { max: self.fee_max, priority: self.priority };
        let input = self.input.clone();
        Ok(sender.sign(self.nonce, self.to.into(), input, self.gas_limit, fees)?)
    }

    /// Offers more for each gas, if it may.
    fn raise(&mut self) -> bool {
        let raise = |fee: u128| fee.saturating_mul(100 + RAISE_PERCENT).div_ceil(100).max(fee + 1);
        let priority = raise(self.priority);
        if priority > self.priority_max || self.hashes.len() > RAISES_MAX {
            return false;
        }
        (self.fee_max, self.priority) = (raise(self.fee_max), priority);
        true
    }
}

/// Why a node refuses a transaction that it does not have; none if it has it, or its nonce is over.
fn offer(sender: &Sender, entry: &Entry, sent: &Sent) -> Result<Option<String>, RpcError> {
    match sender.offer(sent) {
        Ok(()) => Ok(None),
        Err(RpcError::Refused { message, .. }) => {
            let is_over = sender.node().nonce(sender.address(), "latest")? > entry.nonce;
            let is_there = is_over || knows(sender.node(), &sent.hashes)?;
            Ok((!is_there).then_some(message))
        }
        Err(error) => Err(error),
    }
}

fn is_known(node: &Node, entry: &Entry) -> Result<bool, RpcError> {
    knows(node, &entry.hashes)
}

fn knows(node: &Node, hashes: &[B256]) -> Result<bool, RpcError> {
    for hash in hashes {
        let found: Value = node.request("eth_getTransactionByHash", json!([hash]))?;
        if !found.is_null() {
            return Ok(true);
        }
    }
    Ok(false)
}
