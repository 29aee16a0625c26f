//! The chain: opening it, its tags, and what is done to its end.

use crate::{
    ChainEvent, ChainReader, CommittedBlock, Error, ExecutedBlock, Remote, Stage, StageObserver,
    Subscription,
    code_cache::CodeCache,
    events::Subscribers,
    genesis::genesis_block,
    reader::Shared,
    records::{self, BlockRecords, Canonical, HeadRecord},
    settler::Settler,
    side::SideBlocks,
    stage::ended,
    tries::Tries,
};
use alloy_primitives::{Address, B256, U256};
use heddle_executor::Executor;
use heddle_state::{StateView, Version};
use heddle_storage::{Database, Reader, Writer};
use heddle_types::{ChainSpec, ChangeSet, Genesis, Header, RecoveredBlock};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

/// How a [`Chain`] works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that execute and find out state roots.
    pub threads: usize,
    /// A block with less gas than this is executed on one thread; zero always uses all.
    pub parallel_gas_min: u64,
    /// Blocks beside the canonical chain that are kept. More than twice `reorganisation_depth_max`
    /// has room for a branch of that length and what it takes the place of.
    pub side_blocks_max: usize,
    /// Of those, how many are kept as executed: each holds what it changed in memory.
    pub side_executions_max: usize,
    /// How many blocks a branch may undo. A deeper one is refused.
    pub reorganisation_depth_max: u64,
    /// Memory for accounts and slots as they are after the head.
    pub state_cache_bytes: usize,
    /// Blocks after which the nodes of the state's tries are stored again, at the latest. Between,
    /// they are in memory, and made anew after a crash.
    pub trie_versions_max: u64,
    /// When so many bytes of blocks and states were committed, they are written to the tables of the
    /// store, in the background: see [`Database::settle`]. More at once is less work, and takes
    /// more memory and a larger log.
    pub settle_bytes: usize,
    /// An account of which each executed block says whether it looked at it: see
    /// [`ExecutedBlock::watched`].
    pub watched_account: Option<Address>,
    /// Bytes that a contract's code may have, in place of what the fork allows: see
    /// [`ChainSpec::code_size_max`]. Other nodes take no blocks that depend on it.
    pub code_size_max: Option<usize>,
    /// Whether to record who executes what and when in each block: see
    /// [`CommittedBlock::schedule`].
    pub record_schedule: bool,
    /// Who is told of the stages of blocks that are made and committed.
    pub observer: Option<StageObserver>,
}

impl Default for Settings {
    fn default() -> Self {
        let executor = heddle_executor::Settings::default();
        Self {
            threads: executor.threads,
            parallel_gas_min: executor.parallel_gas_min,
            side_blocks_max: 512,
            side_executions_max: 32,
            reorganisation_depth_max: 200,
            state_cache_bytes: 512 << 20,
            trie_versions_max: 256,
            settle_bytes: 128 << 20,
            watched_account: None,
            code_size_max: None,
            record_schedule: false,
            observer: None,
        }
    }
}

/// A chain in a store. All of it may be used from many threads; what changes the chain is done one
/// at a time.
#[derive(Debug)]
pub struct Chain {
    pub(crate) db: Database,
    pub(crate) settings: Settings,
    pub(crate) shared: Shared,
    /// Held by whoever changes the chain. `current` is locked only for moments, and never while
    /// `engine` is waited for.
    pub(crate) engine: Mutex<Engine>,
    /// Held while a block is executed, also by those who have `engine`: never the other way round.
    pub(crate) executor: Mutex<Executor>,
    current: RwLock<ChainReader>,
    subscribers: Subscribers,
    settler: Settler,
}

/// What is written down beside the chain: see [`Chain::note`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// By which it is found again.
    pub name: String,
    /// What is written down.
    pub bytes: Vec<u8>,
}

/// What knows the branches.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) side: SideBlocks,
    pub(crate) tries: Tries,
}

/// A point that the chain can go back to: a block, and the state after it as amended so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Height of the block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    version: Version,
}

impl Chain {
    /// Opens the chain in `db`, or begins it there.
    ///
    /// # Errors
    ///
    /// A genesis file that cannot be used, or that is not that of the chain in the store; a
    /// damaged store.
    pub fn open(db: Database, genesis: &Genesis, settings: Settings) -> Result<Self, Error> {
        let spec = ChainSpec::from_genesis(genesis)?;
        let shared = Shared {
            spec: Arc::new(ChainSpec { code_size_max: settings.code_size_max, ..spec }),
            codes: Arc::new(CodeCache::default()),
            remote: None,
            state_cache_bytes: settings.state_cache_bytes,
        };
        let begin = |reader: Reader, writer: &mut Writer| {
            let root = heddle_state::write_genesis(reader, writer, genesis, settings.threads)?;
            let block = genesis_block(&shared.spec, genesis, root)?;
            let (hash, senders) = (block.header.hash_slow(), Vec::new());
            let total_difficulty = block.header.difficulty;
            Ok((RecoveredBlock { block, hash, senders }, total_difficulty, root))
        };
        let first = begin_or_find(&db, begin)?;
        let genesis_header = records::origin(&db.reader()?)?.map_or(first, |origin| origin.genesis);
        // The alloc of an existing chain is not applied again; its root stands in the header.
        let given = genesis_block(&shared.spec, genesis, genesis_header.state_root)?;
        let given = given.header.hash_slow();
        Self::open_at(db, shared, settings, given)
    }

    /// Opens a chain in `db` that was forked from another one, or begins it there: its first block
    /// is `origin`, and what it does not know of the state it asks `remote` for.
    ///
    /// # Errors
    ///
    /// As for [`Chain::open`].
    pub fn open_forked(
        db: Database,
        spec: ChainSpec,
        origin: &RecoveredBlock,
        total_difficulty: U256,
        remote: Arc<dyn Remote>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let codes = Arc::new(CodeCache::default());
        let spec = Arc::new(ChainSpec { code_size_max: settings.code_size_max, ..spec });
        let state_cache_bytes = settings.state_cache_bytes;
        let shared = Shared { spec, codes, remote: Some(remote), state_cache_bytes };
        begin_or_find(&db, |reader, writer| {
            let nothing = Genesis::default();
            let root = heddle_state::write_genesis(reader, writer, &nothing, 1)?;
            records::put_forked(writer)?;
            Ok((origin.clone(), total_difficulty, root))
        })?;
        Self::open_at(db, shared, settings, origin.hash)
    }

    fn open_at(
        db: Database,
        shared: Shared,
        settings: Settings,
        first: B256,
    ) -> Result<Self, Error> {
        let current =
            ChainReader::open(&db, shared.clone(), None)?.ok_or(Error::Record("the head"))?;
        let stored = current.genesis_hash()?;
        let is_adopted = records::height(current.store(), records::ADOPTED)?.is_some();
        if stored != first && !is_adopted {
            return Err(Error::OtherGenesis { stored, given: first });
        }
        let head = current.head();
        let found = current.state().root();
        if found != head.state_root {
            let (number, expected) = (head.number, head.state_root);
            return Err(Error::HeadState { number, expected, found });
        }
        let executor = Executor::new(heddle_executor::Settings {
            threads: settings.threads,
            parallel_gas_min: settings.parallel_gas_min,
            record_schedule: settings.record_schedule,
            ..heddle_executor::Settings::default()
        })?;
        let (blocks, executions) = (settings.side_blocks_max, settings.side_executions_max);
        let side = SideBlocks::load(current.store(), blocks, executions)?;
        Ok(Self {
            settler: Settler::start(db.clone())?,
            db,
            settings,
            shared,
            engine: Mutex::new(Engine { side, tries: Tries::default() }),
            executor: Mutex::new(executor),
            current: RwLock::new(current),
            subscribers: Subscribers::default(),
        })
    }

    /// The chain as it is now.
    pub fn reader(&self) -> ChainReader {
        self.current.read().clone()
    }

    /// The rules of the chain.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.shared.spec
    }

    /// Why the chain can be read at best until it is opened anew, if that is so.
    pub fn failure(&self) -> Option<heddle_storage::Error> {
        self.db.failure()
    }

    /// Receives every change of the chain from now on.
    pub fn subscribe(&self) -> Subscription {
        self.subscribers.subscribe()
    }

    /// Commits a block that was built or verified on the head.
    ///
    /// # Errors
    ///
    /// [`Error::NotOnHead`]; the store may fail, and then nothing has changed.
    pub fn commit(&self, executed: ExecutedBlock) -> Result<Arc<CommittedBlock>, Error> {
        let mut engine = self.engine.lock();
        self.append(&mut engine, &executed)?;
        Ok(executed.block)
    }

    pub(crate) fn append(
        &self,
        engine: &mut Engine,
        executed: &ExecutedBlock,
    ) -> Result<(), Error> {
        let reader = self.reader();
        let head = reader.head();
        let header = &executed.block.block.block.header;
        if header.parent_hash != head.hash {
            return Err(Error::NotOnHead { number: header.number, head: head.hash });
        }
        let version = head.version.next();
        let superfluous = engine.side.superfluous(self.lowest_ancestor(&reader, header.number));
        let mut writer = self.db.writer()?;
        put_block(&mut writer, executed, version)?;
        let versions_max = self.settings.trie_versions_max;
        let tries = engine.tries.write(&mut writer, version, &executed.layer, versions_max)?;
        put_head(&mut writer, header.number, executed.layer.root())?;
        delete_side_blocks(&mut writer, &superfluous)?;
        ended(self.observer(), Stage::Encode);
        writer.commit()?;
        engine.tries = tries;
        ended(self.observer(), Stage::Log);
        superfluous.into_iter().for_each(|hash| engine.side.remove(hash));
        engine.side.remove(executed.block.block.hash);
        let event = ChainEvent { reverted: Vec::new(), committed: vec![executed.block.clone()] };
        self.publish(event, Some(reader.state().with(executed.layer.clone())))?;
        ended(self.observer(), Stage::Publish);
        Ok(())
    }

    /// Whether somebody is told of the stages of blocks.
    pub fn is_observed(&self) -> bool {
        self.observer().is_some()
    }

    pub(crate) fn observer(&self) -> Option<&StageObserver> {
        self.settings.observer.as_ref()
    }

    /// Reads the state into memory, so far as there is room for it and `go_on` says so: what is
    /// asked for then needs no reading. It takes some microseconds for each account on each of
    /// `threads` threads, and keeps nobody waiting; meant to be done once, after the chain was opened.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn warm_up(&self, threads: usize, go_on: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        Ok(self.reader().state().warm_up(threads, go_on)?)
    }

    /// Brings all that was committed into the tables of the store. It happens by itself when there
    /// is enough of it.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn settle(&self) -> Result<(), Error> {
        Ok(heddle_state::settle(&self.db)?)
    }

    /// Changes the state after the head without a block, as development does to set balances. The
    /// changes are relative to that state.
    ///
    /// # Errors
    ///
    /// The store may fail, and then nothing has changed.
    pub fn amend(&self, changes: &ChangeSet) -> Result<(), Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let head = reader.head();
        let layer = reader.state().apply(changes, self.settings.threads)?;
        let version = head.version.next();
        let (hash, total_difficulty) = (head.hash, head.total_difficulty);
        let mut writer = self.db.writer()?;
        heddle_state::write_layer(&mut writer, version, &layer)?;
        let record = Canonical { hash, total_difficulty, version };
        records::put_canonical(&mut writer, head.number, &record)?;
        put_head(&mut writer, head.number, layer.root())?;
        writer.commit()?;
        engine.tries = Tries::Stored;
        self.refresh(Some(reader.state().with(Arc::new(layer))))
    }

    /// The point where the chain is now, for [`Chain::rewind`].
    pub fn mark(&self) -> Mark {
        let reader = self.reader();
        let head = reader.head();
        Mark { number: head.number, hash: head.hash, version: head.version }
    }

    /// Goes back to a mark: everything since is gone, amendments too. Returns the blocks that were
    /// undone, the lowest first.
    ///
    /// # Errors
    ///
    /// [`Error::MarkGone`], [`Error::StatePruned`]; the store may fail, and then nothing has
    /// changed.
    pub fn rewind(&self, mark: &Mark) -> Result<Vec<Arc<CommittedBlock>>, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let record = records::canonical(reader.store(), mark.number)?;
        let there = record.filter(|r| r.hash == mark.hash && r.version >= mark.version);
        there.ok_or(Error::MarkGone(mark.number))?;
        self.rewind_with(&mut engine, &reader, mark.number, mark.version)
    }

    /// Goes back to the block at a height: those after it are gone. Amendments that were made
    /// while it was the head stay. Returns the blocks that were undone, the lowest first.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`], [`Error::StatePruned`]; the store may fail, and then nothing has
    /// changed.
    pub fn rewind_to(&self, number: u64) -> Result<Vec<Arc<CommittedBlock>>, Error> {
        let mut engine = self.engine.lock();
        let reader = self.reader();
        let record = records::canonical(reader.store(), number)?;
        let version = record.ok_or(Error::NoBlock(number))?.version;
        self.rewind_with(&mut engine, &reader, number, version)
    }

    fn rewind_with(
        &self,
        engine: &mut Engine,
        reader: &ChainReader,
        number: u64,
        version: Version,
    ) -> Result<Vec<Arc<CommittedBlock>>, Error> {
        if number < reader.oldest_state() {
            return Err(Error::StatePruned { number, oldest: reader.oldest_state() });
        }
        let record = records::canonical(reader.store(), number)?.ok_or(Error::NoBlock(number))?;
        let root = StateView::new(reader.store().clone(), version)?.root();
        let reverted = blocks_after(reader, number)?;
        // Branches that began on what is undone have nothing to stand on.
        let orphans = engine.side.superfluous(u64::MAX);
        let mut writer = self.db.writer()?;
        heddle_state::unwind(&mut writer, version)?;
        for block in &reverted {
            records::delete_block(&mut writer, &block.block)?;
        }
        delete_side_blocks(&mut writer, &orphans)?;
        records::put_canonical(&mut writer, number, &Canonical { version, ..record })?;
        put_head(&mut writer, number, root)?;
        let lowered = |tag: Option<u64>| tag.map(|tag| tag.min(number));
        records::put_height(&mut writer, records::SAFE, lowered(reader.safe()))?;
        records::put_height(&mut writer, records::FINALIZED, lowered(reader.finalized()))?;
        writer.commit()?;
        engine.tries = Tries::Unknown;
        orphans.into_iter().for_each(|hash| engine.side.remove(hash));
        let event = ChainEvent { reverted: reverted.clone(), committed: Vec::new() };
        self.publish(event, None)?;
        Ok(reverted)
    }

    /// Names the last block that is unlikely to be undone, or none.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`]; the store may fail.
    pub fn set_safe(&self, number: Option<u64>) -> Result<(), Error> {
        self.set_tag(records::SAFE, number)
    }

    /// Names the last block that cannot be undone any more, or none. Branches that begin before
    /// it are refused from now on.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`]; the store may fail.
    pub fn set_finalized(&self, number: Option<u64>) -> Result<(), Error> {
        self.set_tag(records::FINALIZED, number)
    }

    fn set_tag(&self, name: &[u8], number: Option<u64>) -> Result<(), Error> {
        self.set_tags(&[(name, number)], &[])
    }

    /// Names the last block that cannot be undone any more, which is the last safe one as well if
    /// that was before it, and writes down notes with it.
    ///
    /// # Errors
    ///
    /// [`Error::NoBlock`]; the store may fail.
    pub fn finalize(&self, number: u64, notes: &[Note]) -> Result<(), Error> {
        let safe = self.reader().safe().map_or(number, |safe| safe.max(number));
        self.set_tags(&[(records::SAFE, Some(safe)), (records::FINALIZED, Some(number))], notes)
    }

    /// Writes down what somebody above wants to find again after a crash, under names of his own.
    /// Nothing that is done to blocks changes it.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn note(&self, notes: &[Note]) -> Result<(), Error> {
        self.set_tags(&[], notes)
    }

    fn set_tags(&self, tags: &[(&[u8], Option<u64>)], notes: &[Note]) -> Result<(), Error> {
        let _engine = self.engine.lock();
        let reader = self.reader();
        for number in tags.iter().filter_map(|(_, number)| *number) {
            reader.hash_of(number)?.ok_or(Error::NoBlock(number))?;
        }
        let mut writer = self.db.writer()?;
        for (name, number) in tags {
            records::put_height(&mut writer, name, *number)?;
        }
        for Note { name, bytes } in notes {
            records::put_note(&mut writer, name, bytes)?;
        }
        writer.commit()?;
        self.refresh(Some(reader.state().clone()))
    }

    /// Forgets the states before those of the last `keep_states` blocks. What only they need is
    /// dropped when the store settles; blocks and receipts stay. A finalized chain needs none of
    /// them; a branch cannot begin before what is kept.
    ///
    /// # Errors
    ///
    /// The store may fail, and then nothing has changed.
    pub fn prune(&self, keep_states: u64) -> Result<(), Error> {
        let _engine = self.engine.lock();
        let reader = self.reader();
        let oldest = reader.head().number.saturating_sub(keep_states).max(reader.first());
        if oldest <= reader.oldest_state() {
            return Ok(());
        }
        let record = records::canonical(reader.store(), oldest)?.ok_or(Error::NoBlock(oldest))?;
        let mut writer = self.db.writer()?;
        heddle_state::forget(&mut writer, record.version)?;
        records::put_height(&mut writer, records::OLDEST_STATE, Some(oldest))?;
        writer.commit()?;
        self.refresh(Some(reader.state().clone()))
    }

    /// The lowest block that a branch may begin after, when the head is at `head`.
    pub(crate) fn lowest_ancestor(&self, reader: &ChainReader, head: u64) -> u64 {
        let by_depth = head.saturating_sub(self.settings.reorganisation_depth_max);
        let finalized = reader.finalized().unwrap_or_default();
        by_depth.max(finalized).max(reader.oldest_state())
    }

    /// Shows readers what was committed, and tells subscribers.
    pub(crate) fn publish(&self, event: ChainEvent, state: Option<StateView>) -> Result<(), Error> {
        self.refresh(state)?;
        if !self.subscribers.is_empty() {
            self.subscribers.publish(event);
        }
        Ok(())
    }

    /// Shows readers what was committed. `state` is the state after the head, all of which is
    /// stored now; without it that is read anew.
    pub(crate) fn refresh(&self, state: Option<StateView>) -> Result<(), Error> {
        if self.db.unsettled_bytes() >= self.settings.settle_bytes {
            self.settler.wake();
        }
        let reader = ChainReader::open(&self.db, self.shared.clone(), state)?;
        *self.current.write() = reader.ok_or(Error::Record("the head"))?;
        Ok(())
    }
}

/// The canonical blocks after `number`, the lowest first.
pub(crate) fn blocks_after(
    reader: &ChainReader,
    number: u64,
) -> Result<Vec<Arc<CommittedBlock>>, Error> {
    let numbers = number.saturating_add(1)..=reader.head().number;
    let block = |number| reader.committed(number)?.ok_or(Error::NoBlock(number)).map(Arc::new);
    numbers.map(block).collect()
}

/// Writes an executed block as canonical, and the state after it.
pub(crate) fn put_executed(
    writer: &mut Writer,
    executed: &ExecutedBlock,
    version: Version,
) -> Result<(), Error> {
    put_block(writer, executed, version)?;
    Ok(heddle_state::write_layer(writer, version, &executed.layer)?)
}

/// Writes an executed block as canonical.
fn put_block(writer: &mut Writer, executed: &ExecutedBlock, version: Version) -> Result<(), Error> {
    let CommittedBlock { block, receipts, total_difficulty, .. } = &*executed.block;
    let access_list = executed.access_list.as_ref();
    BlockRecords { block, receipts, access_list }.put(writer)?;
    let (hash, total_difficulty) = (block.hash, *total_difficulty);
    let record = Canonical { hash, total_difficulty, version };
    records::put_canonical(writer, block.block.header.number, &record)?;
    Ok(())
}

pub(crate) fn put_head(writer: &mut Writer, number: u64, state_root: B256) -> Result<(), Error> {
    Ok(records::put_head(writer, &HeadRecord { number, state_root })?)
}

pub(crate) fn delete_side_blocks(writer: &mut Writer, hashes: &[B256]) -> Result<(), Error> {
    for hash in hashes {
        writer.delete(heddle_storage::Table::SideBlocks, hash.as_slice())?;
    }
    Ok(())
}

/// The first block, its total difficulty, and the state's root.
type Beginning = (RecoveredBlock, U256, B256);

/// The header of the first block in the store; an empty store first gets what `begin` gives.
fn begin_or_find(
    db: &Database,
    begin: impl FnOnce(Reader, &mut Writer) -> Result<Beginning, Error>,
) -> Result<Header, Error> {
    let stored = |reader: &Reader| -> Result<_, Error> {
        let Some(first) = records::height(reader, records::FIRST_BLOCK)? else { return Ok(None) };
        Ok(records::header(reader, first)?)
    };
    let reader = db.reader()?;
    if let Some(header) = stored(&reader)? {
        return Ok(header);
    }
    let mut writer = db.writer()?;
    let (block, total_difficulty, state_root) = begin(reader, &mut writer)?;
    let header = block.block.header.clone();
    let (number, hash) = (header.number, block.hash);
    BlockRecords { block: &block, receipts: &[], access_list: None }.put(&mut writer)?;
    let record = Canonical { hash, total_difficulty, version: Version(0) };
    records::put_canonical(&mut writer, number, &record)?;
    put_head(&mut writer, number, state_root)?;
    records::put_height(&mut writer, records::FIRST_BLOCK, Some(number))?;
    writer.commit()?;
    Ok(header)
}
