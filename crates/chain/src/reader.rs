//! Reading the chain: a snapshot that does not change.

use crate::{
    Error, ExecutionState, Remote, TransactionPlace,
    code_cache::CodeCache,
    hashes::BlockHashes,
    input::BlockInput,
    records::{self, Canonical},
    rules,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_executor::Schedule;
use heddle_state::{StateView, Version};
use heddle_storage::{Database, Reader};
use heddle_types::{Block, ChainSpec, Fork, Header, Receipt, RecoveredBlock, RecoveredTransaction};
use std::sync::Arc;

/// The canonical chain as it was at one moment. Cheap to clone; one that is kept for long keeps
/// the store from using again the room of what was changed since.
#[derive(Clone, Debug)]
pub struct ChainReader(Arc<Snapshot>);

#[derive(Debug)]
struct Snapshot {
    reader: Reader,
    shared: Shared,
    head: Head,
    state: StateView,
    safe: Option<u64>,
    finalized: Option<u64>,
    first: u64,
    oldest_state: u64,
}

/// What all snapshots have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) codes: Arc<CodeCache>,
    pub(crate) remote: Option<Arc<dyn Remote>>,
    pub(crate) state_cache_bytes: usize,
}

/// The last block of the canonical chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its header.
    pub header: Header,
    /// Sum of the difficulties up to it.
    pub total_difficulty: U256,
    /// The state after it, amendments included.
    pub version: Version,
    /// The root of that state: the header's, unless it was amended.
    pub state_root: B256,
}

/// A block of the canonical chain with what came of it. Two are equal if all but the schedule is,
/// which tells of one time that the block was executed.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// The block.
    pub block: RecoveredBlock,
    /// One receipt for each transaction.
    pub receipts: Vec<Receipt>,
    /// Sum of the difficulties up to it.
    pub total_difficulty: U256,
    /// Who executed what and when, if it was executed just now and
    /// [`Settings::record_schedule`](crate::Settings) asks for it. It is not stored.
    pub schedule: Option<Arc<Schedule>>,
}

impl PartialEq for CommittedBlock {
    fn eq(&self, other: &Self) -> bool {
        let Self { block, receipts, total_difficulty, schedule: _ } = self;
        *block == other.block
            && *receipts == other.receipts
            && *total_difficulty == other.total_difficulty
    }
}

impl Eq for CommittedBlock {}

/// A transaction of the canonical chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTransaction {
    /// The transaction.
    pub transaction: RecoveredTransaction,
    /// Where it stands.
    pub place: TransactionPlace,
    /// Hash of its block.
    pub block_hash: B256,
    /// Header of its block.
    pub header: Header,
}

impl ChainReader {
    /// The chain as it is now in `db`; `None` when there is none yet. `state` is the state after
    /// the head, if it is at hand.
    pub(crate) fn open(
        db: &Database,
        shared: Shared,
        state: Option<StateView>,
    ) -> Result<Option<Self>, Error> {
        let reader = db.reader()?;
        let Some(record) = records::head(&reader)? else { return Ok(None) };
        let number = record.number;
        let missing = Error::Record("the head");
        let Canonical { hash, total_difficulty, version } =
            records::canonical(&reader, number)?.ok_or(missing)?;
        let header = records::header(&reader, number)?.ok_or(Error::Record("the head's header"))?;
        let state_root = record.state_root;
        let head = Head { number, hash, header, total_difficulty, version, state_root };
        let height = |name: &[u8]| records::height(&reader, name);
        let first =
            height(records::FIRST_BLOCK)?.ok_or(Error::Record("the height of the first block"))?;
        let state = match state {
            Some(state) => state.stored(reader.clone(), version),
            None => StateView::new(reader.clone(), version)?.with_cache(shared.state_cache_bytes),
        };
        Ok(Some(Self(Arc::new(Snapshot {
            state,
            shared,
            head,
            safe: height(records::SAFE)?,
            finalized: height(records::FINALIZED)?,
            first,
            oldest_state: height(records::OLDEST_STATE)?.unwrap_or(first),
            reader,
        }))))
    }

    pub(crate) fn store(&self) -> &Reader {
        &self.0.reader
    }

    /// The rules of the chain.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.0.shared.spec
    }

    /// The last block.
    pub fn head(&self) -> &Head {
        &self.0.head
    }

    /// Height of the last block that is unlikely to be undone, if one was named.
    pub fn safe(&self) -> Option<u64> {
        self.0.safe
    }

    /// Height of the last block that cannot be undone, if one was named.
    pub fn finalized(&self) -> Option<u64> {
        self.0.finalized
    }

    /// Height of the first block: 0, unless the chain was forked from another, or began at a later
    /// block.
    pub fn first(&self) -> u64 {
        self.0.first
    }

    /// Hash of the genesis, which is not there itself in a chain that began at a later block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn genesis_hash(&self) -> Result<B256, Error> {
        if let Some(origin) = records::origin(&self.0.reader)? {
            return Ok(origin.genesis.hash_slow());
        }
        self.hash_of(self.first())?.ok_or(Error::Record("the first block"))
    }

    /// The lowest height whose state is kept.
    pub fn oldest_state(&self) -> u64 {
        self.0.oldest_state
    }

    /// What was noted under a name: see [`Chain::note`](crate::Chain::note).
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(records::note(&self.0.reader, name)?)
    }

    /// What was noted under names that begin with `prefix`, by ascending name, each without the
    /// prefix.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn notes(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(records::notes(&self.0.reader, prefix)?)
    }

    /// The hash of the canonical block at a height.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn hash_of(&self, number: u64) -> Result<Option<B256>, Error> {
        Ok(self.canonical(number)?.map(|record| record.hash))
    }

    /// The height of a canonical block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn number_of(&self, hash: B256) -> Result<Option<u64>, Error> {
        if hash == self.0.head.hash {
            return Ok(Some(self.0.head.number));
        }
        Ok(records::number_of(&self.0.reader, hash)?)
    }

    /// Whether the block of this hash is in the canonical chain.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn is_canonical(&self, hash: B256) -> Result<bool, Error> {
        Ok(self.number_of(hash)?.is_some())
    }

    /// The header of a canonical block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn header(&self, number: u64) -> Result<Option<Header>, Error> {
        if number == self.0.head.number {
            return Ok(Some(self.0.head.header.clone()));
        }
        Ok(records::header(&self.0.reader, number)?)
    }

    /// The header of a block, canonical or beside.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<Header>, Error> {
        match self.number_of(hash)? {
            Some(number) => self.header(number),
            None => Ok(records::side_block(&self.0.reader, hash)?.map(|block| block.header)),
        }
    }

    /// A canonical block with its senders.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn block(&self, number: u64) -> Result<Option<RecoveredBlock>, Error> {
        let Some(Canonical { hash, .. }) = self.canonical(number)? else { return Ok(None) };
        let missing = || Error::Record("a part of a canonical block");
        let header = self.header(number)?.ok_or_else(missing)?;
        let body = records::body(&self.0.reader, number)?.ok_or_else(missing)?;
        let senders = self.senders(number)?.ok_or_else(missing)?;
        Ok(Some(RecoveredBlock { block: Block::new(header, body), hash, senders }))
    }

    /// A block with its senders, canonical or beside.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<RecoveredBlock>, Error> {
        match self.number_of(hash)? {
            Some(number) => self.block(number),
            None => {
                let block = records::side_block(&self.0.reader, hash)?;
                Ok(block.map(|block| block.into_block(hash)))
            }
        }
    }

    /// The senders of a canonical block's transactions.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, Error> {
        Ok(records::senders(&self.0.reader, number)?)
    }

    /// The receipts of a canonical block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, Error> {
        Ok(records::receipts(&self.0.reader, number)?)
    }

    /// The receipts of the canonical block of this hash.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn receipts_by_hash(&self, hash: B256) -> Result<Option<Vec<Receipt>>, Error> {
        match self.number_of(hash)? {
            Some(number) => self.receipts(number),
            None => Ok(None),
        }
    }

    /// A canonical block with its receipts.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn committed(&self, number: u64) -> Result<Option<CommittedBlock>, Error> {
        let (Some(block), Some(record)) = (self.block(number)?, self.canonical(number)?) else {
            return Ok(None);
        };
        let missing = Error::Record("the receipts of a canonical block");
        let receipts = self.receipts(number)?.ok_or(missing)?;
        let total_difficulty = record.total_difficulty;
        Ok(Some(CommittedBlock { block, receipts, total_difficulty, schedule: None }))
    }

    /// The access list of a canonical block, in RLP (EIP-7928); `None` before Amsterdam.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn access_list(&self, number: u64) -> Result<Option<Bytes>, Error> {
        Ok(records::access_list(&self.0.reader, number)?)
    }

    /// Where a transaction of the canonical chain stands.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn transaction_place(&self, hash: B256) -> Result<Option<TransactionPlace>, Error> {
        Ok(records::transaction(&self.0.reader, hash)?)
    }

    /// A transaction of the canonical chain.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn transaction(&self, hash: B256) -> Result<Option<FoundTransaction>, Error> {
        let Some(place) = self.transaction_place(hash)? else { return Ok(None) };
        let damaged = || Error::Record("the block of a transaction");
        let block = self.block(place.block_number)?.ok_or_else(damaged)?;
        let RecoveredBlock { block, hash: block_hash, senders } = block;
        let index = place.index as usize;
        let transaction = block.body.transactions.into_iter().nth(index).ok_or_else(damaged)?;
        let sender = *senders.get(index).ok_or_else(damaged)?;
        let transaction = RecoveredTransaction { transaction, sender };
        Ok(Some(FoundTransaction { transaction, place, block_hash, header: block.header }))
    }

    /// Sum of the difficulties up to a canonical block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn total_difficulty(&self, number: u64) -> Result<Option<U256>, Error> {
        Ok(self.canonical(number)?.map(|record| record.total_difficulty))
    }

    /// The fork of a canonical block.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn fork_of(&self, header: &Header) -> Result<Fork, Error> {
        let parent = header.number.checked_sub(1).filter(|_| header.number > self.0.first);
        let Some(parent) = parent else {
            return Ok(self.spec().forks.fork_at(header.number, header.timestamp));
        };
        let before = self.total_difficulty(parent)?.ok_or(Error::NoBlock(parent))?;
        Ok(rules::fork_of(self.spec(), header.number, header.timestamp, before))
    }

    /// The state after the head.
    pub fn state(&self) -> &StateView {
        &self.0.state
    }

    /// The state after a canonical block.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`], [`Error::StatePruned`]; the store may fail.
    pub fn state_at(&self, number: u64) -> Result<StateView, Error> {
        if number == self.0.head.number {
            return Ok(self.0.state.clone());
        }
        let record = self.canonical(number)?.ok_or(Error::NoBlock(number))?;
        if number < self.0.oldest_state {
            return Err(Error::StatePruned { number, oldest: self.0.oldest_state });
        }
        Ok(StateView::new(self.0.reader.clone(), record.version)?)
    }

    /// The state after a canonical block as the EVM reads it: what the block after it sees.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`], [`Error::StatePruned`]; the store may fail.
    pub fn execution_state_at(&self, number: u64) -> Result<ExecutionState, Error> {
        let hashes = BlockHashes::canonical(self.0.reader.clone(), number);
        Ok(self.execution_state(self.state_at(number)?, hashes))
    }

    pub(crate) fn execution_state(&self, view: StateView, hashes: BlockHashes) -> ExecutionState {
        let Shared { codes, remote, .. } = &self.0.shared;
        ExecutionState::new(view, hashes, codes.clone(), remote.clone())
    }

    /// A canonical block in the executor's terms, and the state before it: all that it takes to
    /// execute it again.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`] also for the first block, which was never executed;
    /// [`Error::StatePruned`]; the store may fail.
    pub fn replay(&self, number: u64) -> Result<(BlockInput, ExecutionState), Error> {
        let block = self.block(number)?.ok_or(Error::NoBlock(number))?;
        let parent = number.checked_sub(1).filter(|_| number > self.0.first);
        let state = self.execution_state_at(parent.ok_or(Error::NoBlock(number))?)?;
        let fork = self.fork_of(&block.block.header)?;
        Ok((BlockInput::new(self.spec(), fork, &block), state))
    }

    /// The base fee of the block after `parent`; `None` before London.
    pub fn next_base_fee(&self, parent: &Header) -> Option<u64> {
        let number = parent.number.saturating_add(1);
        let timestamp = parent.timestamp.saturating_add(1);
        rules::next_base_fee(self.spec().forks.fork_at(number, timestamp), parent)
    }

    fn canonical(&self, number: u64) -> Result<Option<Canonical>, Error> {
        let Head { hash, total_difficulty, version, .. } = self.0.head;
        if number == self.0.head.number {
            return Ok(Some(Canonical { hash, total_difficulty, version }));
        }
        if number > self.0.head.number {
            return Ok(None);
        }
        Ok(records::canonical(&self.0.reader, number)?)
    }
}
