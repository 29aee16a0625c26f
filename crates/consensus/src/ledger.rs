//! The chain and the pool, as consensus changes them: building proposals, verifying them, and making
//! final what was agreed on. Nothing here waits for the network or knows an async runtime.

use crate::{
    block::{Digest, LIST_BYTES_MAX, Proposal, ProposalError},
    transactions::Announcer,
};
use alloy_eip7928::BlockAccessList;
use alloy_primitives::{Address, B256, Bytes};
use commonware_cryptography::{Digested, Digestible as _};
use heddle_chain::{
    Attributes, BlockError, Chain, ChainSnapshot, CommittedBlock, Error as ChainError,
    ExecutedBlock, Imported, Note, Notice, Subscription,
};
use heddle_pool::{BlockUpdate, Origin, Pool, PoolTransaction};
use heddle_producer::{
    PRUNE_INTERVAL, candidates, drop_refused, next_context, next_prevrandao, sender_state,
};
use heddle_types::{Block, Header, RecoveredTransaction};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

/// Proposals of which it is remembered that they are valid: more than can be under way.
const VERIFIED_MAX: usize = 1024;

/// What is put into blocks that are proposed here.
#[derive(Clone, Debug, Default)]
pub struct BlockSettings {
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Gas that a block may hold; `None` for as much as the last.
    pub gas_limit: Option<u64>,
    /// Blocks whose states are kept; `None` for all.
    pub keep_states: Option<u64>,
}

/// Rules that tests leave out, to see that it is noticed. Nothing is left out in a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutants {
    /// A block need not follow the one that its proposal follows.
    pub parent_unchecked: bool,
    /// An access list need not be that of the block: it is not looked at.
    pub list_unchecked: bool,
    /// Votes are forgotten in a crash, as if they were sent before they are on the disk.
    pub votes_unsynced: bool,
    /// A block counts as final with one vote less than it takes.
    pub quorum_short: bool,
    /// A validator is accused that voted once.
    pub accuse_without_proof: bool,
    /// What this validator proposes is not what it built.
    pub tamper: Option<Tamper>,
}

/// What a faulty validator, in a test, does to the blocks that it proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// Another state root.
    StateRoot,
    /// An access list that lacks an account.
    List,
    /// A parent that nobody knows.
    Parent,
    /// Ether for somebody, out of nothing.
    Mint,
    /// Bytes that are no block.
    Garbage,
}

/// Why a proposal is refused, whoever looks at it and whenever.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It holds no block.
    #[error(transparent)]
    Undecodable(#[from] ProposalError),
    /// The block breaks a rule.
    #[error(transparent)]
    Block(#[from] Box<BlockError>),
    /// The block follows another one than its proposal does.
    #[error("the block follows {got}, but its proposal follows the one of {expected}")]
    Parent {
        /// The block that the proposal follows.
        expected: B256,
        /// The one that the block follows.
        got: B256,
    },
    /// The block pays somebody out of nothing, or names a root of another layer.
    #[error("{0}")]
    Rule(&'static str),
}

/// Why the ledger fails, whatever it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain failed.
    #[error(transparent)]
    Chain(ChainError),
    /// The pool could not follow the chain.
    #[error(transparent)]
    Pool(#[from] heddle_pool::PoolError),
    /// A block that was agreed on is refused here.
    #[error(
        "block {number} {hash} is final, but breaks a rule; either this node is wrong, or more than a third of the validators are"
    )]
    Refused {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
        /// The rule.
        source: Box<Refusal>,
    },
    /// A proposal follows a block that is final or older, beside the chain: of a round that is over.
    /// This says nothing against the node.
    #[error("a proposal follows what is beside the final chain")]
    Outdated(#[source] Box<ChainError>),
    /// Consensus ended, although nobody stopped it.
    #[error(
        "consensus ended by itself; the log says why: if the disk is full, make room and start again"
    )]
    Ended,
    /// Another block is final here.
    #[error("block {number} {hash} is final, but another one was before")]
    Fork {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
    },
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::ForkTooDeep { .. } => Self::Outdated(Box::new(error)),
            error => Self::Chain(error),
        }
    }
}

impl From<heddle_chain::StateError> for Error {
    fn from(error: heddle_chain::StateError) -> Self {
        Self::Pool(heddle_pool::PoolError::State(Box::new(error)))
    }
}

/// Is told of transactions that became pending otherwise than by being sent to this node.
pub type Promoted = Box<dyn Fn(&[Arc<PoolTransaction>]) + Send + Sync>;

/// What is to be written down when a block of the chain is final, by its number.
pub type NotesOf<'a> = dyn Fn(&Chain, u64) -> Result<Vec<Note>, ChainError> + 'a;

/// The chain and the pool of one node.
pub struct Ledger {
    chain: Arc<Chain>,
    pool: Arc<Mutex<Pool>>,
    settings: BlockSettings,
    mutants: Mutants,
    /// Held while the chain is changed.
    changing: Mutex<Changing>,
    promoted: OnceLock<Promoted>,
    announcer: OnceLock<Announcer>,
}

struct Changing {
    events: Subscription,
    verified: Verified,
    room: Room,
    /// Number and hash of the block that was built here last.
    built: Option<(u64, B256)>,
}

/// How much gas the blocks that are built here hold, at most.
///
/// A block that takes longer than the others wait is skipped, and the next proposer would make it
/// again: a network whose gas limit is too high for its machines would stand for ever. So each time that
/// a block of this node was not built upon its next one has half the room, and twice when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room(u64);

/// No transaction takes more (EIP-7825): there is always room for one.
const ROOM_MIN: u64 = 1 << 24;

impl Room {
    fn after(self, was_built_upon: bool, gas_limit: u64) -> Self {
        let now = self.0.min(gas_limit);
        Self(if was_built_upon { now.saturating_mul(2) } else { now / 2 }.max(ROOM_MIN))
    }
}

/// The proposals that were found valid last.
#[derive(Default)]
struct Verified {
    places: BTreeMap<Digest, (u64, B256)>,
    by_height: BTreeMap<u64, Vec<Digest>>,
}

impl Verified {
    fn insert(&mut self, proposal: &Digested<Proposal>) {
        let (digest, proposal) = (proposal.digest(), proposal.inner());
        let place = (proposal.number(), proposal.hash());
        if self.places.insert(digest, place).is_none() {
            self.by_height.entry(place.0).or_default().push(digest);
        }
        while self.places.len() > VERIFIED_MAX {
            let Some((_, lowest)) = self.by_height.pop_first() else { return };
            for digest in lowest {
                self.places.remove(&digest);
            }
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Ledger {
    /// On the end of a chain, of which the pool is told. `now` is the UNIX time in seconds.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<Mutex<Pool>>,
        settings: BlockSettings,
        mutants: Mutants,
        now: u64,
    ) -> Result<Self, Error> {
        let changing = Changing {
            events: chain.subscribe(),
            verified: Verified::default(),
            room: Room(u64::MAX),
            built: None,
        };
        let ledger = Self {
            chain,
            pool,
            settings,
            mutants,
            changing: Mutex::new(changing),
            promoted: OnceLock::new(),
            announcer: OnceLock::new(),
        };
        ledger.tell_pool(BlockUpdate::default(), now)?;
        Ok(ledger)
    }

    /// The chain.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Mutex<Pool>> {
        &self.pool
    }

    /// What tests leave out.
    pub fn mutants(&self) -> Mutants {
        self.mutants
    }

    /// Has `tell` told of transactions that become pending by a block or by coming from another
    /// validator. Only the first who asks for it is told.
    pub fn on_promotion(&self, tell: Promoted) {
        // An error says that somebody is told already.
        let _ = self.promoted.set(tell);
    }

    /// Has the other validators told of what becomes pending later than it came.
    pub(crate) fn set_announcer(&self, announcer: Announcer) {
        // A ledger is one validator's.
        let _ = self.announcer.set(announcer);
    }

    /// Tells of transactions that became pending by a block or by coming from another validator. Among
    /// them may be some that a client sent here before the one they follow: the others know nothing of
    /// those, and only this node would propose them.
    pub(crate) fn tell_promoted(&self, promoted: &[Arc<PoolTransaction>]) {
        if promoted.is_empty() {
            return;
        }
        if let Some(tell) = self.promoted.get() {
            tell(promoted);
        }
        let own =
            |it: &&Arc<PoolTransaction>| matches!(it.origin, Origin::Local | Origin::External);
        if let Some(announcer) = self.announcer.get() {
            announcer.announce(promoted.iter().filter(own));
        }
    }

    /// Whether a block can be built on, or a proposal verified that follows it.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn knows(&self, proposal: &Proposal) -> Result<bool, Error> {
        Ok(self.chain.knows(proposal.hash())?)
    }

    /// Whether there is a transaction that the block after the head can hold.
    pub fn has_transactions(&self) -> bool {
        let pool = self.pool.lock();
        let context = pool.context();
        let (base_fee, blob_base_fee) = (context.base_fee, context.blob_base_fee);
        pool.best_at(base_fee, blob_base_fee).next().is_some()
    }

    /// Builds a block on one that is known, of what the pool has, and gives the access list to send
    /// along with it. It is the head then.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn build(&self, parent: B256, now: u64) -> Result<(Arc<CommittedBlock>, Bytes), Error> {
        let mut changing = self.changing.lock();
        self.make_head(&mut changing, parent, now)?;
        let reader = self.chain.reader();
        let missing = ChainError::NoBlockWithHash(parent);
        let header = reader.header_by_hash(parent)?.ok_or(missing)?;
        let difficulty = reader.total_difficulty(header.number)?.unwrap_or_default();
        let timestamp = now.max(header.timestamp);
        let mut context = next_context(self.chain.spec(), &header, difficulty, timestamp);
        context.block_gas_limit = self.gas_limit(&header);
        if let Some((number, hash)) = changing.built.take() {
            let was_built_upon = reader.hash_of(number)? == Some(hash);
            changing.room = changing.room.after(was_built_upon, context.block_gas_limit);
        }
        let candidates = {
            let pool = self.pool.lock();
            let best = pool.best_at(context.base_fee, context.blob_base_fee);
            candidates(best, context.block_gas_limit.min(changing.room.0), usize::MAX)
        };
        let hashes: Vec<B256> = candidates.iter().map(|tx| *tx.transaction.tx_hash()).collect();
        let attributes = Attributes {
            timestamp,
            beneficiary: self.settings.beneficiary,
            prevrandao: next_prevrandao(&header),
            gas_limit: context.block_gas_limit,
            ..Attributes::default()
        };
        let built = self.chain.build(parent, &attributes, candidates)?;
        drop_refused(&self.pool, &built.skipped, &hashes, false, now);
        let (block, list) = (built.executed.block.clone(), list_bytes(&built.executed));
        changing.built = Some((block.block.block.header.number, block.block.hash));
        self.insert(&mut changing, built.executed, now)?;
        Ok((block, list))
    }

    /// Remembers that a proposal of a block that was built here is valid.
    pub fn remember(&self, proposal: &Digested<Proposal>) {
        self.changing.lock().verified.insert(proposal);
    }

    fn gas_limit(&self, parent: &Header) -> u64 {
        let limit = self.settings.gas_limit.unwrap_or(parent.gas_limit);
        heddle_chain::rules::gas_limit_towards(heddle_types::Fork::Osaka, parent, limit)
    }

    /// Verifies a proposal that follows one which is known. If it is valid its block is the head
    /// then.
    ///
    /// # Errors
    ///
    /// The chain may fail: that says nothing of the proposal. Inside is what does.
    pub fn verify(
        &self,
        proposal: &Digested<Proposal>,
        parent: &Proposal,
        now: u64,
    ) -> Result<Result<(), Refusal>, Error> {
        let mut changing = self.changing.lock();
        if changing.verified.places.contains_key(&proposal.digest()) {
            self.make_head(&mut changing, proposal.inner().hash(), now)?;
            return Ok(Ok(()));
        }
        let verdict = self.execute(&mut changing, proposal.inner(), parent, now)?;
        if verdict.is_ok() {
            changing.verified.insert(proposal);
        }
        Ok(verdict)
    }

    fn execute(
        &self,
        changing: &mut Changing,
        proposal: &Proposal,
        parent: &Proposal,
        now: u64,
    ) -> Result<Result<(), Refusal>, Error> {
        let (block, list) = match proposal.decode() {
            Ok(decoded) => decoded,
            Err(error) => return Ok(Err(error.into())),
        };
        let (expected, got) = (parent.hash(), block.header.parent_hash);
        if expected != got && !self.mutants.parent_unchecked {
            return Ok(Err(Refusal::Parent { expected, got }));
        }
        let missing = ChainError::NoBlockWithHash(got);
        let parent = self.chain.reader().header_by_hash(got)?.ok_or(missing)?;
        if let Err(refusal) = check_agreed(&block.header, &parent) {
            return Ok(Err(refusal));
        }
        if block.body.withdrawals.as_ref().is_some_and(|list| !list.is_empty()) {
            return Ok(Err(Refusal::Rule("it has withdrawals, which this chain has none of")));
        }
        self.import(changing, block, list, now)
    }

    /// Executes a block, by its access list if it has one, and has the chain keep it.
    fn import(
        &self,
        changing: &mut Changing,
        block: Block,
        list: Option<BlockAccessList>,
        now: u64,
    ) -> Result<Result<(), Refusal>, Error> {
        let list = list.filter(|_| !self.mutants.list_unchecked);
        // Most of what others propose was sent here as well.
        let known = |hash: &B256| self.pool.lock().get(hash).map(|known| known.sender());
        let recovered = self.chain.recover_with(block, known);
        match recovered.and_then(|block| self.chain.verify_with_list(block, list)) {
            Ok(executed) => self.insert(changing, executed, now).map(Ok),
            // A rule that was broken is the block's fault; all else is not.
            Err(ChainError::Block { source, .. }) => Ok(Err(Refusal::Block(source))),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a block the head that is known.
    fn make_head(&self, changing: &mut Changing, hash: B256, now: u64) -> Result<(), Error> {
        if self.chain.reader().number_of(hash)?.is_some() || !self.chain.knows(hash)? {
            return Ok(());
        }
        self.chain.choose(hash)?;
        self.follow(changing, None, now)
    }

    fn insert(
        &self,
        changing: &mut Changing,
        executed: ExecutedBlock,
        now: u64,
    ) -> Result<(), Error> {
        let changed: Vec<Address> = executed.changed_accounts().collect();
        let imported = self.chain.import_executed(executed)?;
        let extends = imported == Imported::Extended;
        self.follow(changing, extends.then_some(changed), now)
    }

    /// Makes a proposal's block final, executing it if that was not done, and writes down notes
    /// with it.
    ///
    /// # Errors
    ///
    /// The chain may fail. A block that was agreed on and breaks a rule is such a failure: this node,
    /// or more than a third of the validators, are wrong.
    pub fn finalize(
        &self,
        proposals: &[Digested<Proposal>],
        now: u64,
        notes: &NotesOf<'_>,
    ) -> Result<(), Error> {
        let mut changing = self.changing.lock();
        let mut written = Vec::new();
        let mut last = None;
        for proposal in proposals {
            let (number, hash) = (proposal.inner().number(), proposal.inner().hash());
            if !self.chain.reader().is_canonical(hash)? {
                if self.chain.knows(hash)? {
                    self.make_head(&mut changing, hash, now)?;
                } else {
                    let decoded = proposal.inner().decode();
                    let verdict = match decoded {
                        Ok((block, list)) => self.import(&mut changing, block, list, now)?,
                        Err(error) => Err(error.into()),
                    };
                    let refused =
                        |source| Error::Refused { number, hash, source: Box::new(source) };
                    verdict.map_err(refused)?;
                    changing.verified.insert(proposal);
                }
            }
            if self.chain.reader().hash_of(number)? != Some(hash) {
                return Err(Error::Fork { number, hash });
            }
            written.extend(notes(&self.chain, number)?);
            last = Some(number);
        }
        let Some(number) = last else { return Ok(()) };
        // What is final stays so, should it be delivered again.
        if self.chain.reader().finalized().is_none_or(|finalized| finalized < number)
            || !written.is_empty()
        {
            let finalized = self.chain.reader().finalized().unwrap_or_default();
            self.chain.finalize(number.max(finalized), &written)?;
        }
        if let Some(keep) =
            self.settings.keep_states.filter(|_| number.is_multiple_of(PRUNE_INTERVAL))
        {
            self.chain.prune(keep)?;
        }
        Ok(())
    }

    /// Begins in the midst of the chain: see [`Chain::begin_at`].
    ///
    /// # Errors
    ///
    /// The chain may fail, or refuse what it is given.
    pub(crate) fn begin_at(
        &self,
        snapshot: &ChainSnapshot,
        notes: &[Note],
        now: u64,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock();
        self.chain.begin_at(snapshot, notes)?;
        let changed = self.pool.lock().senders();
        self.tell_pool(BlockUpdate { changed: &changed, ..BlockUpdate::default() }, now)
    }

    /// Names a block as one that two thirds have: it is undone only if they were split over it.
    ///
    /// # Errors
    ///
    /// The chain may fail.
    pub fn mark_safe(&self, digest: Digest) -> Result<(), Error> {
        let changing = self.changing.lock();
        let Some(number) = self.canonical_number(&changing, digest)? else { return Ok(()) };
        if self.chain.reader().safe().is_none_or(|safe| safe < number) {
            self.chain.set_safe(Some(number))?;
        }
        Ok(())
    }

    /// The height of a proposal that was found valid, if its block is in the chain.
    fn canonical_number(&self, changing: &Changing, digest: Digest) -> Result<Option<u64>, Error> {
        let Some((number, hash)) = changing.verified.places.get(&digest) else { return Ok(None) };
        let found = self.chain.reader().hash_of(*number)?;
        Ok((found == Some(*hash)).then_some(*number))
    }

    /// Makes a block final before it is, in a test.
    pub(crate) fn finalize_early(&self, digest: Digest) -> Result<(), Error> {
        let changing = self.changing.lock();
        let Some(number) = self.canonical_number(&changing, digest)? else { return Ok(()) };
        if self.chain.reader().finalized().is_none_or(|finalized| finalized < number) {
            self.chain.finalize(number, &[])?;
        }
        Ok(())
    }

    /// Tells the pool what became of the chain. `changed` are the accounts that one block changed
    /// which follows the head; `None` if it was more than that.
    fn follow(
        &self,
        changing: &mut Changing,
        changed: Option<Vec<Address>>,
        now: u64,
    ) -> Result<(), Error> {
        let (mut committed, mut reverted) = (Vec::new(), Vec::new());
        while let Some(notice) = changing.events.try_next() {
            // Nobody else changes the chain, and each change is looked at before the next.
            let Notice::Event(event) = notice else { continue };
            for block in &event.committed {
                committed
                    .extend(block.block.block.body.transactions.iter().map(|tx| *tx.tx_hash()));
            }
            for block in &event.reverted {
                let transactions = block.block.block.body.transactions.iter().cloned();
                let senders = block.block.senders.iter().copied();
                reverted.extend(
                    transactions
                        .zip(senders)
                        .map(|(transaction, sender)| RecoveredTransaction { transaction, sender }),
                );
            }
        }
        let changed = changed.unwrap_or_else(|| self.pool.lock().senders());
        let update = BlockUpdate { committed: &committed, reverted: &reverted, changed: &changed };
        self.tell_pool(update, now)
    }

    fn tell_pool(&self, update: BlockUpdate<'_>, now: u64) -> Result<(), Error> {
        let reader = self.chain.reader();
        let head = reader.head();
        let timestamp = now.max(head.header.timestamp);
        let mut context =
            next_context(self.chain.spec(), &head.header, head.total_difficulty, timestamp);
        context.block_gas_limit = self.gas_limit(&head.header);
        let state = reader.execution_state_at(head.number)?;
        let account = |address| sender_state(&state, address);
        let outcome = self.pool.lock().on_block(update, context, now, account)?;
        self.tell_promoted(&outcome.promoted);
        Ok(())
    }
}

/// What validators agree on beyond the rules of Ethereum, so that no proposer gains by it.
fn check_agreed(header: &Header, parent: &Header) -> Result<(), Refusal> {
    if header.mix_hash != next_prevrandao(parent) {
        return Err(Refusal::Rule("its randomness does not follow from its parent"));
    }
    if header.parent_beacon_block_root.is_some_and(|root| !root.is_zero()) {
        return Err(Refusal::Rule("it names a root of a beacon chain, which there is none of"));
    }
    Ok(())
}

/// The access list to send along with a block.
fn list_bytes(executed: &ExecutedBlock) -> Bytes {
    let list = executed.access_list.as_ref().or(executed.recorded_list.as_ref());
    let bytes = list.map(|list| Bytes::from(alloy_rlp::encode(list)));
    bytes.filter(|bytes| bytes.len() <= LIST_BYTES_MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_nobody_builds_upon_get_smaller_and_grow_again() {
        let limit = 400_000_000;
        let mut room = Room(u64::MAX);
        let mut seen = Vec::new();
        for was_built_upon in [true, false, false, false, false, false, false, true, true] {
            room = room.after(was_built_upon, limit);
            seen.push(room.0.min(limit) / 1_000_000);
        }
        assert_eq!(seen, [400, 200, 100, 50, 25, 16, 16, 33, 67]);
        // A limit that is smaller than a transaction may be is no reason for more.
        assert_eq!(Room(u64::MAX).after(false, 1_000_000), Room(ROOM_MIN));
    }
}
