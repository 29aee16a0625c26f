//! Blocks from elsewhere: verifying them, and choosing between branches.

use crate::{
    BlockError, Chain, ChainEvent, ChainReader, CommittedBlock, Error, ExecutionState,
    branch::{Parent, unknown_parent},
    chain::{Engine, blocks_after, delete_side_blocks, put_executed, put_head},
    execution::{self, Executed, Failure, Results, Task},
    hashes::BlockHashes,
    input::BlockInput,
    records::{self, SideBlock},
    rules::{self, Ancestor},
    side::SideEntry,
    tries::Tries,
};
use alloy_eip7928::BlockAccessList;
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_ecrecover::recover_senders;
use heddle_executor::{Invalid, Statistics};
use heddle_state::Layer;
use heddle_types::{AccessList, Block, Fork, Header, RecoveredBlock};
use std::sync::Arc;

/// A block with all that came of executing it, ready to be committed.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The block and its receipts.
    pub block: Arc<CommittedBlock>,
    /// Its access list, from Amsterdam on (EIP-7928).
    pub access_list: Option<BlockAccessList>,
    /// Before Amsterdam: the list that executing it has recorded. Nothing commits to it; whoever
    /// verifies the block can follow it from Cancun on.
    pub recorded_list: Option<BlockAccessList>,
    /// The requests for the consensus layer (EIP-7685), each with its type.
    pub requests: Vec<Bytes>,
    /// How the work of executing it went.
    pub statistics: Statistics,
    /// Whether a transaction looked at [`Settings::watched_account`](crate::Settings). Unknown,
    /// and so `false`, for a block that was verified by the access list that came with it.
    pub watched: bool,
    /// The state after it.
    pub(crate) layer: Arc<Layer>,
}

/// What became of a block that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was in the chain already.
    Known,
    /// It follows the head, and is the head now.
    Extended,
    /// Its branch took the place of so many blocks; it is the head now.
    Reorganised(u64),
    /// It is valid, and lies beside the canonical chain.
    Beside,
}

/// Where and how a block is verified.
pub(crate) struct Verification<'a> {
    pub(crate) parent: &'a Parent,
    /// To check the block itself by; `None` for one that was checked before.
    pub(crate) ancestors: Option<Vec<Ancestor>>,
    pub(crate) list: Option<BlockAccessList>,
}

impl Chain {
    /// Finds out who sent the block's transactions.
    ///
    /// # Errors
    ///
    /// [`Error::Block`] for a signature that belongs to nobody.
    pub fn recover(&self, block: Block) -> Result<RecoveredBlock, Error> {
        let senders = vec![None; block.body.transactions.len()];
        self.recover_rest(block, senders)
    }

    /// As [`Chain::recover`]; `known` tells the sender of a transaction by its hash, where that was
    /// found out before.
    ///
    /// # Errors
    ///
    /// [`Error::Block`] for a signature that belongs to nobody.
    pub fn recover_with(
        &self,
        block: Block,
        known: impl Fn(&B256) -> Option<Address>,
    ) -> Result<RecoveredBlock, Error> {
        let senders = block.body.transactions.iter().map(|it| known(it.tx_hash())).collect();
        self.recover_rest(block, senders)
    }

    /// Finds out the senders that are not known yet.
    fn recover_rest(
        &self,
        block: Block,
        mut senders: Vec<Option<Address>>,
    ) -> Result<RecoveredBlock, Error> {
        let hash = block.header.hash_slow();
        let number = block.header.number;
        let fork = self.spec().forks.fork_at(number, block.header.timestamp);
        let transactions = &block.body.transactions;
        let unknown: Vec<_> = (0..senders.len()).filter(|at| senders[*at].is_none()).collect();
        let recovered = match unknown.len() == transactions.len() {
            true => recover_senders(transactions, fork),
            false => {
                let part: Vec<_> = unknown.iter().map(|at| transactions[*at].clone()).collect();
                recover_senders(&part, fork)
            }
        };
        let recovered = recovered.map_err(|(at, signature)| {
            BlockError::Transaction { index: unknown[at], source: signature.into() }
                .of(number, hash)
        })?;
        for (at, sender) in unknown.into_iter().zip(recovered) {
            senders[at] = Some(sender);
        }
        let senders = senders.into_iter().flatten().collect();
        Ok(RecoveredBlock { block, hash, senders })
    }

    /// Executes a block on its parent and checks everything that it says of itself. Nothing is
    /// changed by that.
    ///
    /// # Errors
    ///
    /// [`Error::Block`] if it breaks a rule.
    pub fn verify(&self, block: RecoveredBlock) -> Result<ExecutedBlock, Error> {
        self.verify_with_list(block, None)
    }

    /// As [`Chain::verify`]; `list` is the block's access list (EIP-7928), which is followed in
    /// place of speculation and must be the block's. Headers commit to it from Amsterdam on; it can
    /// be followed from Cancun on, and is disregarded before.
    ///
    /// # Errors
    ///
    /// [`Error::Block`] if it breaks a rule.
    pub fn verify_with_list(
        &self,
        block: RecoveredBlock,
        list: Option<BlockAccessList>,
    ) -> Result<ExecutedBlock, Error> {
        let mut engine = self.engine.lock();
        let (_, executed) = self.verify_in(&mut engine, &self.reader(), block, list)?;
        Ok(executed)
    }

    /// Verifies a block and stores it. It becomes the head when its branch is better: of more total
    /// difficulty before the merge; after it any valid block is.
    ///
    /// # Errors
    ///
    /// [`Error::Block`] if it breaks a rule; [`Error::ForkTooDeep`]; the store may fail, and then
    /// nothing has changed.
    pub fn import(&self, block: Block) -> Result<Imported, Error> {
        // What is known already need not be recovered, let alone executed.
        let hash = block.header.hash_slow();
        if self.reader().is_canonical(hash)? {
            return Ok(Imported::Known);
        }
        self.import_recovered(self.recover(block)?, None)
    }

    /// As [`Chain::import`], with senders that are known, and the access list if it is at hand.
    ///
    /// # Errors
    ///
    /// As for [`Chain::import`].
    pub fn import_recovered(
        &self,
        block: RecoveredBlock,
        list: Option<BlockAccessList>,
    ) -> Result<Imported, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let hash = block.hash;
        if reader.is_canonical(hash)? {
            return Ok(Imported::Known);
        }
        if engine.side.get(hash).is_some() {
            return self.choose_again(&mut engine, &reader, hash);
        }
        let (parent, executed) = self.verify_in(&mut engine, &reader, block, list)?;
        self.insert(&mut engine, &reader, parent, Arc::new(executed))
    }

    /// Stores a block that was built or verified here, on whatever parent, as
    /// [`Chain::import_recovered`] does with one that it has verified.
    ///
    /// # Errors
    ///
    /// As for [`Chain::import`].
    pub fn import_executed(&self, executed: ExecutedBlock) -> Result<Imported, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let RecoveredBlock { block, hash, .. } = &executed.block.block;
        if reader.is_canonical(*hash)? {
            return Ok(Imported::Known);
        }
        if engine.side.get(*hash).is_some() {
            return self.choose_again(&mut engine, &reader, *hash);
        }
        let parent = self.parent(&mut engine, &reader, block.header.parent_hash)?;
        self.insert(&mut engine, &reader, parent, Arc::new(executed))
    }

    /// Makes a block the head that lies beside the chain, if its branch is better; see
    /// [`Chain::import`].
    ///
    /// # Errors
    ///
    /// [`Error::NoBlockWithHash`]; and as for [`Chain::import`].
    pub fn choose(&self, hash: B256) -> Result<Imported, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        if reader.is_canonical(hash)? {
            return Ok(Imported::Known);
        }
        self.choose_again(&mut engine, &reader, hash)
    }

    /// Whether a block is known: in the canonical chain, or beside it.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn knows(&self, hash: B256) -> Result<bool, Error> {
        let engine = self.engine.lock();
        Ok(engine.side.get(hash).is_some() || self.reader().number_of(hash)?.is_some())
    }

    fn insert(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        parent: Parent,
        executed: Arc<ExecutedBlock>,
    ) -> Result<Imported, Error> {
        if parent.hash == reader.head().hash {
            self.append(engine, &executed)?;
            return Ok(Imported::Extended);
        }
        if self.is_better(reader, &executed)? {
            return self.reorganise(engine, reader, parent, executed);
        }
        self.keep_beside(engine, reader, executed)?;
        Ok(Imported::Beside)
    }

    fn verify_in(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        block: RecoveredBlock,
        list: Option<BlockAccessList>,
    ) -> Result<(Parent, ExecutedBlock), Error> {
        let header = &block.block.header;
        let (number, hash) = (header.number, block.hash);
        let parent = self.parent(engine, reader, header.parent_hash);
        let parent = parent.map_err(|error| unknown_parent(error, number, hash))?;
        let ommers = &block.block.body.ommers;
        let ancestors = if ommers.is_empty() { vec![] } else { parent.ancestors(reader)? };
        let verification = Verification { parent: &parent, ancestors: Some(ancestors), list };
        let executed = self.verify_on(block, verification)?;
        Ok((parent, executed))
    }

    /// Verifies a block on its parent.
    pub(crate) fn verify_on(
        &self,
        block: RecoveredBlock,
        verification: Verification<'_>,
    ) -> Result<ExecutedBlock, Error> {
        let Verification { parent, ancestors, list } = verification;
        let header = &block.block.header;
        let (number, hash) = (header.number, block.hash);
        let total_difficulty = parent.total_difficulty;
        let fork = rules::fork_of(self.spec(), number, header.timestamp, total_difficulty);
        if let Some(ancestors) = ancestors {
            self.check(fork, &block, parent, &ancestors).map_err(|error| error.of(number, hash))?;
        }
        let list = list.map(|accounts| AccessList { accounts, marks: Vec::new() });
        let input = BlockInput::new(self.spec(), fork, &block);
        // Before Cancun a list on the wire does not say all.
        let list = list.filter(|_| fork >= Fork::Cancun);
        let task = Task {
            input: &input,
            state: &parent.state,
            invalid: Invalid::Reject,
            list: list.as_ref(),
            threads: self.settings.threads,
            observer: self.observer(),
        };
        let executed = check_list(header, task.list)
            .map_err(Failure::Block)
            .and_then(|()| execution::execute(&mut self.executor.lock(), &task))
            .and_then(|executed| {
                let (before, changes) = (task.state.view(), &executed.output.changes);
                let (layer, results) =
                    executed.conclude(fork, before, changes, task.threads, task.observer)?;
                check_results(header, &results)?;
                Ok((executed, layer))
            });
        match executed {
            Ok((executed, layer)) => {
                Ok(self.executed_block(block, executed, layer, total_difficulty))
            }
            Err(Failure::Block(error)) => Err(error.of(number, hash)),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// All rules that take no execution.
    fn check(
        &self,
        fork: Fork,
        block: &RecoveredBlock,
        parent: &Parent,
        ancestors: &[Ancestor],
    ) -> Result<(), BlockError> {
        let RecoveredBlock { block, senders, .. } = block;
        let transactions = block.body.transactions.len();
        if senders.len() != transactions {
            return Err(BlockError::Senders { transactions, senders: senders.len() });
        }
        rules::check_header(self.spec(), fork, &block.header, &parent.header, parent.hash)?;
        rules::check_body(self.spec(), fork, block, self.settings.threads)?;
        rules::check_ommers(self.spec(), &block.body.ommers, ancestors)
    }

    /// Whether a block that does not follow the head is to become it.
    fn is_better(&self, reader: &ChainReader, executed: &ExecutedBlock) -> Result<bool, Error> {
        let head = reader.head();
        let header = &executed.block.block.block.header;
        let before = executed.block.total_difficulty - header.difficulty;
        let fork = rules::fork_of(self.spec(), header.number, header.timestamp, before);
        if fork >= Fork::Merge {
            return Ok(true);
        }
        let head_by_work = reader.fork_of(&head.header)? < Fork::Merge;
        Ok(head_by_work && executed.block.total_difficulty > head.total_difficulty)
    }

    /// Considers a block beside the chain again, which somebody sends once more.
    fn choose_again(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        hash: B256,
    ) -> Result<Imported, Error> {
        let mut parent = self.parent(engine, reader, hash)?;
        match parent.branch.pop() {
            Some(executed) if self.is_better(reader, &executed)? => {
                self.reorganise(engine, reader, parent, executed)
            }
            _ => Ok(Imported::Known),
        }
    }

    /// Makes the branch of `parent`, with `last` after it, canonical, in one transaction of the
    /// store.
    fn reorganise(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        parent: Parent,
        last: Arc<ExecutedBlock>,
    ) -> Result<Imported, Error> {
        let ancestor = parent.ancestor;
        let mut branch = parent.branch;
        branch.push(last.clone());
        let missing = Error::NoBlock(ancestor);
        let base = records::canonical(reader.store(), ancestor)?.ok_or(missing)?;
        let reverted = blocks_after(reader, ancestor)?;
        let mut writer = self.db.writer()?;
        heddle_state::unwind(&mut writer, base.version)?;
        for block in &reverted {
            let list = records::access_list(reader.store(), block.block.block.header.number)?;
            records::delete_block(&mut writer, &block.block)?;
            let beside = SideBlock {
                access_list: list.unwrap_or_default(),
                ..SideBlock::new(&block.block, block.total_difficulty, None)
            };
            records::put_side_block(&mut writer, block.block.hash, &beside)?;
        }
        let mut version = base.version;
        for executed in &branch {
            version = version.next();
            put_executed(&mut writer, executed, version)?;
            delete_side_blocks(&mut writer, &[executed.block.block.hash])?;
        }
        put_head(&mut writer, last.block.block.block.header.number, last.layer.root())?;
        let safe = reader.safe().map(|safe| safe.min(ancestor));
        records::put_height(&mut writer, records::SAFE, safe)?;
        writer.commit()?;
        engine.tries = Tries::Stored;
        for block in &reverted {
            engine.side.insert(block.block.hash, SideEntry::of(block, None));
        }
        for executed in &branch {
            engine.side.remove(executed.block.block.hash);
        }
        let depth = reverted.len() as u64;
        let committed = branch.iter().map(|executed| executed.block.clone()).collect();
        let state = parent.state.view().with(last.layer.clone());
        self.publish(ChainEvent { reverted, committed }, Some(state))?;
        Ok(Imported::Reorganised(depth))
    }

    fn keep_beside(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        executed: Arc<ExecutedBlock>,
    ) -> Result<(), Error> {
        let block = &executed.block;
        let hash = block.block.hash;
        let access_list = executed.access_list.as_ref();
        let record = SideBlock::new(&block.block, block.total_difficulty, access_list);
        let entry = SideEntry::of(block, Some(executed.clone()));
        engine.side.insert(hash, entry);
        let lowest = self.lowest_ancestor(reader, reader.head().number);
        let superfluous = engine.side.superfluous(lowest);
        let mut writer = self.db.writer()?;
        records::put_side_block(&mut writer, hash, &record)?;
        delete_side_blocks(&mut writer, &superfluous)?;
        if let Err(error) = writer.commit() {
            engine.side.remove(hash);
            return Err(error.into());
        }
        superfluous.into_iter().for_each(|hash| engine.side.remove(hash));
        self.refresh(Some(reader.state().clone()))
    }
}

impl SideEntry {
    fn of(block: &CommittedBlock, executed: Option<Arc<ExecutedBlock>>) -> Self {
        let header = &block.block.block.header;
        Self { number: header.number, parent: header.parent_hash, executed }
    }
}

impl Chain {
    /// `before` is the total difficulty of the parent.
    pub(crate) fn executed_block(
        &self,
        block: RecoveredBlock,
        executed: Executed,
        layer: Arc<Layer>,
        before: U256,
    ) -> ExecutedBlock {
        let watched = self.settings.watched_account.is_some_and(|watched| executed.read(watched));
        let Executed { output, access_list } = executed;
        let total_difficulty = total_difficulty_after(before, &block.block.header);
        let receipts = output.receipts;
        let schedule = output.schedule.map(Arc::new);
        ExecutedBlock {
            block: Arc::new(CommittedBlock { block, receipts, total_difficulty, schedule }),
            access_list,
            recorded_list: output.access_list.map(|list| list.accounts),
            requests: output.requests,
            statistics: output.statistics,
            watched,
            layer,
        }
    }
}

/// Sum of the difficulties up to a block, from that before it. It saturates: only a genesis can begin
/// near the end of the range.
pub(crate) fn total_difficulty_after(before: U256, header: &Header) -> U256 {
    before.saturating_add(header.difficulty)
}

impl ExecutedBlock {
    /// The accounts that it changes, in no particular order.
    pub fn changed_accounts(&self) -> impl Iterator<Item = Address> {
        self.layer.changed_accounts()
    }

    /// The state after it, if it was built on the head of `reader`.
    pub fn state_on(&self, reader: &ChainReader) -> ExecutionState {
        let hash = self.block.block.hash;
        let hashes = BlockHashes::branch(reader.store().clone(), reader.head().number, vec![hash]);
        reader.execution_state(reader.state().with(self.layer.clone()), hashes)
    }
}

/// A list that is not the header's, or too large to be looked at, is not followed.
fn check_list(header: &Header, list: Option<&AccessList>) -> Result<(), BlockError> {
    let Some(list) = list else { return Ok(()) };
    execution::check_list_size(&list.accounts, header.gas_limit)?;
    let got = alloy_primitives::keccak256(records::access_list_bytes(&list.accounts));
    match header.block_access_list_hash {
        Some(expected) if expected != got => Err(BlockError::AccessListHash { expected, got }),
        _ => Ok(()),
    }
}

/// Compares what executing the block gave with what its header says.
fn check_results(header: &Header, results: &Results) -> Result<(), BlockError> {
    let (expected, got) = (header.gas_used, results.gas_used);
    if expected != got {
        return Err(BlockError::GasUsed { expected, got });
    }
    let (expected, got) = (header.receipts_root, results.receipts_root);
    if expected != got {
        return Err(BlockError::ReceiptsRoot { expected, got });
    }
    if header.logs_bloom != results.logs_bloom {
        return Err(BlockError::LogsBloom);
    }
    // The fields themselves are there, or not, as the fork says: that was checked before.
    if let (Some(expected), Some(got)) = (header.blob_gas_used, results.blob_gas_used)
        && expected != got
    {
        return Err(BlockError::BlobGasUsed { expected, got });
    }
    if let (Some(expected), Some(got)) = (header.requests_hash, results.requests_hash)
        && expected != got
    {
        return Err(BlockError::RequestsHash { expected, got });
    }
    if let (Some(expected), Some(got)) = (header.block_access_list_hash, results.access_list_hash)
        && expected != got
    {
        return Err(BlockError::AccessListHash { expected, got });
    }
    let (expected, got) = (header.state_root, results.state_root);
    if expected != got {
        return Err(BlockError::StateRoot { expected, got });
    }
    Ok(())
}
