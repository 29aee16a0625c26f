//! Building a block from candidates.

use crate::{
    Ahead, BlockError, Chain, Error, ExecutedBlock, ExecutionState, Stage, TransactionError,
    ahead::{Announcement, store_parent_hash},
    branch::Parent,
    execution::{self, Executed, Failure, Results, Task},
    import::total_difficulty_after,
    input::{self, BlockInput},
    roots,
    rules::{self, Ancestor, BLOCK_SIZE_MAX},
    stage::ended,
};
use alloy_consensus::BlockBody;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_executor::{Invalid, revm::context::result::InvalidTransaction};
use heddle_types::{
    Block, ChainSpec, ChangeSet, Fork, Header, RecoveredBlock, RecoveredTransaction, Transaction,
    Withdrawal,
};
use std::{mem, sync::Arc};

/// Room in a block's encoding for everything but its transactions: header, ommers, and the
/// prefixes of lists. Withdrawals are counted apart.
const BLOCK_SIZE_REST: usize = 8 * 1024;
/// The most bytes of one withdrawal: two 64-bit numbers, an address, an amount, and prefixes.
const WITHDRAWAL_SIZE_MAX: usize = 64;

/// What is ordered of a block. Fields that its fork does not know are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// UNIX seconds; after the parent's.
    pub timestamp: u64,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// What contracts see as randomness (EIP-4399).
    pub prevrandao: B256,
    /// The gas limit. Verifiers refuse one too far from the parent's: see
    /// [`rules::gas_limit_towards`].
    pub gas_limit: u64,
    /// Another base fee than follows from the parent. Verifiers refuse it; development sets it.
    pub base_fee: Option<u64>,
    /// Payments to validators.
    pub withdrawals: Vec<Withdrawal>,
    /// Root of the parent in the consensus layer (EIP-4788).
    pub parent_beacon_block_root: Option<B256>,
    /// At most 32 bytes.
    pub extra_data: Bytes,
    /// Ommers, before the merge.
    pub ommers: Vec<Header>,
    /// Whether accounts with code may send transactions, which EIP-3607 forbids. Verifiers refuse
    /// a block with one; development sends in the name of contracts.
    pub senders_may_have_code: bool,
    /// Slot of the consensus layer (EIP-7843); `None` takes the one after the parent's.
    pub slot_number: Option<u64>,
}

/// A block that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The block, ready to be committed.
    pub executed: ExecutedBlock,
    /// The candidates that are not in it, by ascending position.
    pub skipped: Vec<Skipped>,
}

/// A candidate that was left out of the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Position among the candidates.
    pub index: usize,
    /// Why.
    pub reason: SkipReason,
}

/// Why a candidate was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It may stand in no block of this fork.
    #[error(transparent)]
    Rule(#[from] TransactionError),
    /// It may not stand at its place.
    #[error(transparent)]
    Invalid(InvalidTransaction),
    /// The block would be larger than allowed on the wire (EIP-7934).
    #[error("the block has no room for it: its encoding would be too long")]
    NoRoom,
}

/// A block that was executed, without its roots and its hash.
#[derive(Debug)]
pub struct UnsealedBlock {
    /// The candidates that are not in it, by ascending position.
    pub skipped: Vec<Skipped>,
    block: Block,
    senders: Vec<Address>,
    fork: Fork,
    executed: Executed,
    /// What it changed, taken out of `executed`.
    changes: Arc<ChangeSet>,
    parent: UnsealedParent,
    /// What that was before it had a hash. Letting go of that state takes a while: whoever seals the
    /// block does it.
    former: Option<UnsealedParent>,
    /// Of the parent.
    total_difficulty: U256,
    /// There if another block follows it already.
    announcement: Option<Announcement>,
}

/// What an unsealed block follows.
#[derive(Debug)]
enum UnsealedParent {
    /// A block with a hash, after which this is the state.
    Sealed(Box<ExecutionState>),
    /// One that has none yet.
    Ahead(Arc<Ahead>),
}

/// Where a block is to be executed.
struct Site<'a> {
    header: &'a Header,
    /// Zero while it is not known.
    hash: B256,
    total_difficulty: U256,
    /// The ancestors, if there are ommers.
    ancestors: Vec<Ancestor>,
}

impl UnsealedBlock {
    /// Number of its transactions.
    pub fn transactions(&self) -> usize {
        self.block.body.transactions.len()
    }

    /// Its header, but for its roots, and for its parent's hash if that is not known.
    pub fn header(&self) -> &Header {
        &self.block.header
    }

    /// Sum of the difficulties up to it.
    pub fn total_difficulty(&self) -> U256 {
        total_difficulty_after(self.total_difficulty, &self.block.header)
    }
}

impl Chain {
    /// Builds a block on `parent` from `candidates`, in their order; those that may not stand in
    /// it are left out. Nothing is changed by that.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlockWithHash`] for an unknown parent; [`Error::Build`] for attributes that no
    /// block can have.
    pub fn build(
        &self,
        parent: B256,
        attributes: &Attributes,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<Built, Error> {
        let mut block = self.execute(parent, attributes, candidates)?;
        let skipped = mem::take(&mut block.skipped);
        Ok(Built { executed: self.seal(block)?, skipped })
    }

    /// The first half of building a block: executes it, without finding out its roots. Nothing is
    /// changed by that.
    ///
    /// # Errors
    ///
    /// As for [`Chain::build`].
    pub fn execute(
        &self,
        parent: B256,
        attributes: &Attributes,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<UnsealedBlock, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let parent = self.parent(&mut engine, &reader, parent)?;
        drop(engine);
        let ancestors =
            if attributes.ommers.is_empty() { vec![] } else { parent.ancestors(&reader)? };
        let Parent { header, hash, total_difficulty, state, .. } = parent;
        let site = Site { header: &header, hash, total_difficulty, ancestors };
        self.execute_at(&site, UnsealedParent::Sealed(Box::new(state)), attributes, candidates)
    }

    /// The same on a block that is not sealed yet. It goes on until somebody looks at that block's
    /// hash, and waits then until it is sealed by another thread, or dropped.
    ///
    /// # Errors
    ///
    /// [`Error::TooEarly`] for a fork that does not admit that ([`Ahead::admits`]), or with ommers;
    /// and as for [`Chain::build`].
    pub fn execute_after(
        &self,
        parent: &Arc<Ahead>,
        attributes: &Attributes,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<UnsealedBlock, Error> {
        let (hash, ancestors) = (B256::ZERO, Vec::new());
        let total_difficulty = parent.total_difficulty();
        let site = Site { header: parent.header(), hash, total_difficulty, ancestors };
        self.execute_at(&site, UnsealedParent::Ahead(parent.clone()), attributes, candidates)
    }

    fn execute_at(
        &self,
        site: &Site<'_>,
        parent: UnsealedParent,
        attributes: &Attributes,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<UnsealedBlock, Error> {
        let total_difficulty = site.total_difficulty;
        let number = site.header.number.saturating_add(1);
        let refuse = |error: BlockError| Error::Build { number, source: Box::new(error) };
        let time = attributes.timestamp;
        let fork = rules::fork_of(self.spec(), number, time, total_difficulty);
        let state = match &parent {
            UnsealedParent::Sealed(state) => (**state).clone(),
            UnsealedParent::Ahead(ahead) => {
                if !ahead.admits(fork)? || !attributes.ommers.is_empty() {
                    return Err(Error::TooEarly(number));
                }
                ahead.state(fork)
            }
        };
        ended(self.observer(), Stage::Begin);
        let mut block = skeleton(self.spec(), fork, site, attributes).map_err(refuse)?;
        rules::check_ommers(self.spec(), &block.body.ommers, &site.ancestors).map_err(refuse)?;
        let (candidates, indices, mut skipped) = self.admit(fork, &block, candidates);
        let transactions =
            candidates.iter().map(|tx| input::transaction(&tx.transaction, tx.sender));
        let transactions = transactions.collect();
        let mut input = BlockInput::with_transactions(self.spec(), fork, &block, transactions);
        input.senders_may_have_code = attributes.senders_may_have_code;
        if matches!(parent, UnsealedParent::Ahead(_)) {
            input.parent_hash = None;
        }
        let task = Task {
            input: &input,
            state: &state,
            invalid: Invalid::Skip,
            list: None,
            threads: self.settings.threads,
            observer: self.observer(),
        };
        ended(self.observer(), Stage::Admit);
        let mut executed = match execution::execute(&mut self.executor.lock(), &task) {
            Ok(executed) => executed,
            Err(Failure::Block(error)) => return Err(refuse(error)),
            Err(Failure::Other(error)) => return Err(error),
        };
        let mut left_out = executed.output.skipped.iter().peekable();
        let mut senders = Vec::with_capacity(candidates.len());
        block.body.transactions.reserve_exact(candidates.len());
        for (place, candidate) in candidates.into_iter().enumerate() {
            if let Some(out) = left_out.next_if(|out| out.index == place) {
                let reason = SkipReason::Invalid(out.reason.clone());
                skipped.push(Skipped { index: indices[place], reason });
                continue;
            }
            block.body.transactions.push(candidate.transaction);
            senders.push(candidate.sender);
        }
        skipped.sort_by_key(|skipped| skipped.index);
        // What the next block needs of the header.
        block.header.gas_used = executed.output.gas_used;
        if let Some(blob_gas_used) = &mut block.header.blob_gas_used {
            *blob_gas_used = executed.output.blob_gas_used;
        }
        let changes = Arc::new(mem::take(&mut executed.output.changes));
        let announcement = None;
        Ok(UnsealedBlock {
            skipped,
            block,
            senders,
            fork,
            executed,
            changes,
            parent,
            former: None,
            total_difficulty,
            announcement,
        })
    }

    /// A block that is not sealed yet as a parent for the next one, which can be executed while it is
    /// sealed. The block that it follows has to be committed, and the head.
    ///
    /// # Errors
    ///
    /// [`Error::NotOnHead`]; the state may not be readable.
    pub fn ahead(&self, block: &mut UnsealedBlock) -> Result<Arc<Ahead>, Error> {
        let before = self.land(block)?;
        let header = block.block.header.clone();
        let (ahead, announcement) =
            Ahead::new(header, block.total_difficulty(), block.changes.clone(), before);
        block.announcement = Some(announcement);
        Ok(ahead)
    }

    /// The second half of building a block: finds out its roots and its hash. If it was executed on
    /// an unsealed block, that has to be committed, and the head.
    ///
    /// # Errors
    ///
    /// [`Error::NotOnHead`]; the state may not be readable.
    pub fn seal(&self, mut block: UnsealedBlock) -> Result<ExecutedBlock, Error> {
        let before = self.land(&mut block)?;
        let threads = self.settings.threads;
        let UnsealedBlock { block: sealed, fork, executed, changes, .. } = &mut block;
        let (layer, results) =
            executed.conclude(*fork, before.view(), changes, threads, self.observer())?;
        complete(sealed, &results, threads);
        let UnsealedBlock { block, senders, executed, total_difficulty, announcement, .. } = block;
        let hash = block.header.hash_slow();
        if let Some(announcement) = announcement {
            announcement.tell(hash);
        }
        let block = RecoveredBlock { block, hash, senders };
        let executed = self.executed_block(block, executed, layer, total_difficulty);
        ended(self.observer(), Stage::Header);
        Ok(executed)
    }

    /// Has a block know the hash of its parent, if that was late, and gives the state before it.
    fn land(&self, block: &mut UnsealedBlock) -> Result<ExecutionState, Error> {
        let parent = match &block.parent {
            UnsealedParent::Sealed(state) => return Ok((**state).clone()),
            UnsealedParent::Ahead(parent) => parent,
        };
        let hash = parent.wait()?;
        let (reader, number) = (self.reader(), block.block.header.number);
        let head = reader.head();
        if head.hash != hash {
            return Err(Error::NotOnHead { number, head: head.hash });
        }
        let state = reader.execution_state_at(head.number)?;
        block.block.header.parent_hash = hash;
        if block.fork >= Fork::Prague {
            // Nobody else has them: there is no `Ahead` of a block that has not landed.
            store_parent_hash(Arc::make_mut(&mut block.changes), &state, (head.number, hash))?;
        }
        let sealed = UnsealedParent::Sealed(Box::new(state.clone()));
        block.former = Some(mem::replace(&mut block.parent, sealed));
        Ok(state)
    }

    /// The candidates that can stand in a block of this fork, their positions, and the rest.
    fn admit(
        &self,
        fork: Fork,
        block: &Block,
        mut candidates: Vec<RecoveredTransaction>,
    ) -> (Vec<RecoveredTransaction>, Vec<usize>, Vec<Skipped>) {
        let blobs = self.spec().blob_params_at(block.header.timestamp);
        let blobs = blobs.filter(|_| fork >= Fork::Cancun);
        let withdrawals = block.body.withdrawals.as_ref().map_or(0, |list| list.len());
        let rest = BLOCK_SIZE_REST + withdrawals * WITHDRAWAL_SIZE_MAX;
        let mut room = if fork >= Fork::Osaka { BLOCK_SIZE_MAX - rest } else { usize::MAX };
        let (mut indices, mut skipped) = (Vec::with_capacity(candidates.len()), Vec::new());
        let mut check = |transaction: &Transaction| -> Result<(), SkipReason> {
            rules::check_transaction(self.spec(), fork, blobs.as_ref(), transaction)?;
            // As a string in the list: with a prefix of at most four bytes.
            let size = transaction.encode_2718_len() + 4;
            room = room.checked_sub(size).ok_or(SkipReason::NoRoom)?;
            Ok(())
        };
        let mut index = 0;
        candidates.retain(|candidate| {
            let checked = check(&candidate.transaction);
            let is_admitted = checked.is_ok();
            match checked {
                Ok(()) => indices.push(index),
                Err(reason) => skipped.push(Skipped { index, reason }),
            }
            index += 1;
            is_admitted
        });
        (candidates, indices, skipped)
    }
}

/// The block without transactions, and without what only executing it tells.
fn skeleton(
    spec: &ChainSpec,
    fork: Fork,
    parent: &Site<'_>,
    attributes: &Attributes,
) -> Result<Block, BlockError> {
    let since = |since: Fork| fork >= since;
    let before = parent.header;
    let blobs = spec.blob_params_at(attributes.timestamp).filter(|_| since(Fork::Cancun));
    let difficulty = if since(Fork::Merge) {
        U256::ZERO
    } else {
        rules::next_difficulty(spec, fork, attributes.timestamp, before)
    };
    let slot = before.slot_number.map_or(0, |slot| slot.saturating_add(1));
    let ommers = if since(Fork::Merge) { vec![] } else { attributes.ommers.clone() };
    let withdrawals = since(Fork::Shanghai).then(|| attributes.withdrawals.clone().into());
    let base_fee = rules::next_base_fee(fork, before);
    let header = Header {
        parent_hash: parent.hash,
        ommers_hash: roots::ommers_hash(&ommers),
        beneficiary: attributes.beneficiary,
        difficulty,
        number: before.number.saturating_add(1),
        gas_limit: attributes.gas_limit,
        timestamp: attributes.timestamp,
        extra_data: attributes.extra_data.clone(),
        mix_hash: if since(Fork::Merge) { attributes.prevrandao } else { B256::ZERO },
        base_fee_per_gas: base_fee.map(|follows| attributes.base_fee.unwrap_or(follows)),
        withdrawals_root: since(Fork::Shanghai)
            .then(|| roots::withdrawals_root(&attributes.withdrawals)),
        blob_gas_used: blobs.map(|_| 0),
        excess_blob_gas: blobs.map(|params| rules::next_excess_blob_gas(&params, before)),
        parent_beacon_block_root: since(Fork::Cancun)
            .then(|| attributes.parent_beacon_block_root.unwrap_or_default()),
        slot_number: since(Fork::Amsterdam).then(|| attributes.slot_number.unwrap_or(slot)),
        ..Header::default()
    };
    rules::check_order(spec, &header, before)?;
    Ok(Block::new(header, BlockBody { transactions: vec![], ommers, withdrawals }))
}

/// Adds what executing the block told.
fn complete(block: &mut Block, results: &Results, threads: usize) {
    block.header.state_root = results.state_root;
    block.header.transactions_root = roots::transactions_root(&block.body.transactions, threads);
    block.header.receipts_root = results.receipts_root;
    block.header.logs_bloom = results.logs_bloom;
    block.header.gas_used = results.gas_used;
    block.header.blob_gas_used = results.blob_gas_used;
    block.header.requests_hash = results.requests_hash;
    block.header.block_access_list_hash = results.access_list_hash;
}
