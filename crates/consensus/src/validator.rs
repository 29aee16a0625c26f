//! A validator, or a node that only follows: all its parts, put together.

use crate::{
    application::{Application, Pace},
    block::{Coding, Commitment, Proposal, ProposalHead},
    deliveries::Deliveries,
    ledger::{self, Ledger},
    observer::{Observations, Observer},
    recovery,
    runtime::{Failures, Runtime},
    scheme::{Epochs, Signing, Silence, VerifiedVotes, Votes},
    sync::{self, Certificate, Joining, Serving},
    transactions::{self, Announcer},
    validators::{self, ValidatorsError},
};
use commonware_coding::Config as CodingConfig;
use commonware_consensus::{
    Epochable as _, Reporters,
    marshal::{
        Config as MarshalConfig, Start,
        coding::{
            Coding as CodingVariant, Marshaled, MarshaledConfig, shards,
            types::{CodedBlock, hash_context},
        },
        core::{Actor, Mailbox},
        resolver::p2p as resolver,
    },
    simplex::{
        self,
        config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, Epocher as _, FixedEpocher, Height, Round, View as RoundView, ViewDelta},
};
use commonware_cryptography::{
    Committable as _, Digestible as _, Sha256,
    certificate::Scheme as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_macros::select;
use commonware_p2p::{
    Blocker, Manager, Receiver, Sender, TrackedPeers,
    utils::mux::{Builder as _, Muxer},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_storage::archive::immutable;
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize, ordered::Set, vec::NonEmptyVec};
use futures_util::future::join_all;
use heddle_chain::{Chain, ChainReader, Error as ChainError};
use std::{
    num::{NonZeroU16, NonZeroUsize},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// How a validator works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How soon blocks follow each other.
    pub pace: Pace,
    /// How long a proposal is waited for.
    pub leader_timeout: Duration,
    /// How long votes for it are waited for, counted from the same moment.
    pub certification_timeout: Duration,
    /// After this time without a sign of life a validator's turns are skipped at once.
    pub skip_timeout: Duration,
    /// Nodes that only follow: they may connect, too.
    pub followers: Vec<PublicKey>,
    /// Whether this validator knows what it has signed.
    pub memory: Memory,
    /// A node without blocks takes over the state of another one, in place of executing all blocks, if
    /// it is that of a block after this one; `None` if it never does.
    pub state_sync_behind: Option<u64>,
    /// Before the names of its files: several validators can be on one disk.
    pub prefix: String,
    /// Votes that need not be verified again, in a simulation.
    pub verified: Option<VerifiedVotes>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            leader_timeout: Duration::from_secs(2),
            certification_timeout: Duration::from_secs(3),
            skip_timeout: Duration::from_secs(5),
            followers: Vec::new(),
            memory: Memory::Whole,
            state_sync_behind: None,
            prefix: String::new(),
            verified: None,
        }
    }
}

/// Whether a validator knows what it has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// Its disk holds all of it.
    #[default]
    Whole,
    /// Its disk came from a backup: it signs nothing until the others have told how far they are.
    Unknown,
    /// They have told before: it signs nothing up to this epoch and view.
    KnownAfter(u64, u64),
}

impl Settings {
    /// With times that go with a pace: whoever leads may wait for transactions.
    pub fn with_pace(pace: Pace) -> Self {
        let leader_timeout = pace.idle_time + Duration::from_secs(1);
        Self {
            pace,
            leader_timeout,
            certification_timeout: leader_timeout + Duration::from_secs(1),
            skip_timeout: 2 * leader_timeout + Duration::from_secs(2),
            ..Self::default()
        }
    }
}

/// The channels of the network, by the number that each is registered under.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// 0: votes, by epoch.
    pub votes: (S, R),
    /// 1: certificates, by epoch.
    pub certificates: (S, R),
    /// 2: certificates that are asked for, by epoch.
    pub rounds: (S, R),
    /// 3: pieces of blocks.
    pub pieces: (S, R),
    /// 4: whole blocks that are asked for.
    pub blocks: (S, R),
    /// 5: transactions.
    pub transactions: (S, R),
    /// 6: how far the others are, for one that does not know what it has signed.
    pub progress: (S, R),
    /// 7: states, for a node that is far behind.
    pub states: (S, R),
}

/// How many channels there are.
pub const CHANNELS: u64 = 8;
/// The one for pieces of blocks.
pub const PIECES_CHANNEL: u64 = 3;

/// The most bytes of a message, among so many validators.
pub fn message_bytes_max(validators: u32) -> usize {
    let blocks = commonware_consensus::marshal::max_payload_size::<Variant, Votes>(validators, &());
    let votes = simplex::max_payload_size::<Votes, Commitment>(validators);
    // A number before each message of an epoch.
    blocks.max(votes).max(transactions::MESSAGE_BYTES_MAX) + 16
}

pub(crate) type Variant = CodingVariant<Proposal, Coding, Sha256, PublicKey>;
pub(crate) type Coded = CodedBlock<Proposal, Coding, Sha256>;
pub(crate) type Marshal = Mailbox<Votes, Variant>;

/// Where a node begins.
#[derive(Clone)]
enum Begin {
    Genesis(Arc<Coded>),
    /// At the block that this makes final: the state before it was taken over.
    Floor(Certificate),
}

impl From<Begin> for Start<Votes, Commitment, Arc<Coded>> {
    fn from(begin: Begin) -> Self {
        match begin {
            Begin::Genesis(genesis) => Self::Genesis(genesis),
            Begin::Floor(certificate) => Self::Floor(certificate),
        }
    }
}

/// What a validator is made of.
#[derive(Debug)]
pub struct Setup {
    /// Signs votes. A node whose key is of no validator only follows.
    pub key: PrivateKey,
    /// The chain and the pool.
    pub ledger: Arc<Ledger>,
    /// How it works.
    pub settings: Settings,
}

/// A validator that runs. Dropping it does not end it: aborting its task does.
pub struct Validator {
    /// Ends when it cannot go on.
    pub task: Handle<Arc<ledger::Error>>,
    /// Tells the others of transactions.
    pub announcer: Announcer,
    /// Asked for certificates, equivocations and figures.
    pub view: View,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

/// What can be asked of a validator.
#[derive(Clone)]
pub struct View {
    pub(crate) marshal: Marshal,
    pub(crate) epochs: Epochs,
    pub(crate) epocher: FixedEpocher,
    pub(crate) namespace: Arc<[u8]>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) silence: Silence,
    /// What was seen of the votes.
    pub observations: Arc<Observations>,
}

impl View {
    /// The proposal that is final at a height, if it is kept here.
    pub async fn final_proposal(&self, number: u64) -> Option<Proposal> {
        let block = self.marshal.get_block(Height::new(number)).await?;
        Some(block.inner().clone())
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

/// Why a validator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be said who validates.
    #[error(transparent)]
    Validators(#[from] ValidatorsError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The network ended while a state was taken over.
    #[error("the network ended")]
    Network,
    /// The storage of consensus failed.
    #[error("the storage of consensus failed")]
    Storage(#[from] commonware_storage::archive::Error),
}

/// Bytes of a page of the files of consensus, and how many stay in memory.
const PAGE_BYTES: NonZeroU16 = NZU16!(4_096);
const PAGES: NonZeroUsize = NZUsize!(1_024);
/// Bytes that are read at once when a file is read at the start, and written at once. Each file has
/// room for the latter at any time.
const READ_BYTES: NonZeroUsize = NZUsize!(1 << 20);
const WRITE_BYTES: NonZeroUsize = NZUsize!(1 << 16);
/// Messages to a part that have a place at any time; more of them find one.
const MAILBOX: NonZeroUsize = NZUsize!(256);
/// Views behind the last final one whose votes are remembered, and blocks that are kept at hand.
const VIEWS_KEPT: ViewDelta = ViewDelta::new(64);
/// Final blocks that wait to be executed, at most.
const DELIVERED_MAX: NonZeroUsize = NZUsize!(16);
/// Final blocks that are asked for at a time.
const REPAIR_MAX: NonZeroUsize = NZUsize!(32);
/// Pieces of blocks of each peer that wait until it is known which round they are for.
const PIECES_MAX: NonZeroUsize = NZUsize!(64);
/// Blocks of which it is known that they are under way.
const RECORDS_MAX: NonZeroUsize = NZUsize!(64);

/// The first proposal, which is made of the chain's genesis.
fn genesis(chain: &Chain, first: &Set<PublicKey>) -> Result<Coded, ChainError> {
    let reader = chain.reader();
    let block = reader.block(0)?.ok_or(ChainError::NoBlock(0))?;
    // Somebody has to be its leader; a set in use is never empty.
    let leader = first.get(0).cloned().ok_or(ChainError::NoBlock(0))?;
    let proposal = Proposal::genesis(&block.block, leader).digested();
    let config = CodingConfig { minimum_shards: NZU16!(1), extra_shards: NZU16!(1) };
    let context = hash_context::<Sha256, _>(&proposal.inner().head().context);
    let root = commonware_cryptography::sha256::Digest([0; 32]);
    let commitment = Commitment::from((proposal.digest(), root, context, config));
    Ok(CodedBlock::precomputed(proposal, commitment))
}

/// Names the votes of a chain.
pub fn namespace(reader: &ChainReader) -> Result<Vec<u8>, ChainError> {
    Ok(crate::scheme::namespace(reader.spec().chain_id, reader.genesis_hash()?))
}

/// What makes the block of a number final, and the head of its proposal, if both are kept.
pub(crate) async fn certified(
    marshal: &Marshal,
    number: u64,
) -> Option<(Certificate, ProposalHead)> {
    let height = Height::new(number);
    let certificate = marshal.get_finalization(height).await?;
    let head = marshal.get_block(height).await?.inner().head().clone();
    (certificate.proposal.payload.block() == head.digest()).then_some((certificate, head))
}

/// Tells the network with whom to talk in an epoch.
fn track<M: Manager<PublicKey = PublicKey>>(
    manager: &mut M,
    epoch: Epoch,
    validators: Set<PublicKey>,
    followers: &[PublicKey],
) {
    let is_follower = |key: &&PublicKey| validators.position(*key).is_none();
    let followers = Set::from_iter_dedup(followers.iter().filter(is_follower).cloned());
    manager.track(epoch.get(), TrackedPeers::new(validators, followers));
}

/// Starts a validator.
///
/// # Errors
///
/// See [`StartError`].
pub async fn start<E, S, R, M, B>(
    runtime: E,
    setup: Setup,
    mut channels: Channels<S, R>,
    mut manager: M,
    blocker: B,
) -> Result<Validator, StartError>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    M: Manager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Setup { key, ledger, settings } = setup;
    let chain = ledger.chain().clone();
    let epocher = validators::epocher(&chain)?;
    let namespace: Arc<[u8]> = namespace(&chain.reader())?.into();
    let me = commonware_cryptography::Signer::public_key(&key);
    let mut tracked = None;
    if let Some(behind_min) = settings.state_sync_behind
        && chain.reader().head().number == 0
    {
        let first = validators::known_epochs(&chain.reader())?.remove(&Epoch::zero());
        let first = first.ok_or(ValidatorsError::TooFew)?;
        track(&mut manager, Epoch::zero(), first.clone(), &settings.followers);
        tracked = Some(Epoch::zero());
        let joining = Joining {
            runtime: runtime.child("joining"),
            ledger: ledger.clone(),
            epocher: epocher.clone(),
            namespace: namespace.clone(),
            first,
            behind_min,
            channel: &mut channels.states,
            blocker: blocker.clone(),
            next_id: 1,
        };
        joining.run().await?;
    }
    let silence = match settings.memory {
        Memory::Whole => Silence::default(),
        Memory::Unknown => Silence::complete(),
        Memory::KnownAfter(epoch, view) => {
            Silence::after(Round::new(Epoch::new(epoch), RoundView::new(view)))
        }
    };

    let signing = Signing {
        namespace: namespace.clone(),
        key,
        silence: silence.clone(),
        verified: settings.verified.clone(),
    };
    let epochs = Epochs::default();
    let known = validators::known_epochs(&chain.reader())?;
    for (epoch, set) in &known {
        epochs.insert(*epoch, signing.votes(set.clone()));
    }
    let begin = match sync::floor(&chain.reader())? {
        Some(certificate) => Begin::Floor(certificate),
        None => {
            let first = known.get(&Epoch::zero()).ok_or(ValidatorsError::TooFew)?;
            Begin::Genesis(Arc::new(genesis(&chain, first)?))
        }
    };
    let page_cache = CacheRef::new(PAGE_BYTES, PAGES);

    let resolver = resolver::init(
        runtime.child("resolver"),
        resolver::Config {
            public_key: me.clone(),
            peer_provider: manager.clone(),
            blocker: blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(Duration::from_secs(2)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        channels.blocks,
    );
    let (pieces, pieces_mailbox) = shards::Engine::new(
        runtime.child("pieces"),
        shards::Config {
            scheme_provider: epochs.clone(),
            blocker: blocker.clone(),
            block_codec_config: (),
            strategy: Sequential,
            mailbox_size: MAILBOX,
            peer_buffer_size: PIECES_MAX,
            records: RECORDS_MAX,
            peer_provider: manager.clone(),
        },
    );
    pieces.start(channels.pieces);

    let certificates = archive(
        runtime.child("certificates"),
        &format!("{}certificates", settings.prefix),
        &page_cache,
        <Votes as commonware_cryptography::certificate::Verifier>::certificate_codec_config_unbounded(),
    )
    .await?;
    let blocks =
        archive(runtime.child("blocks"), &format!("{}blocks", settings.prefix), &page_cache, ())
            .await?;
    let (marshal, mailbox, place) = Actor::init(
        runtime.child("marshal"),
        certificates,
        blocks,
        MarshalConfig {
            provider: epochs.clone(),
            epocher: epocher.clone(),
            start: begin.clone().into(),
            mailbox_size: MAILBOX,
            view_retention: VIEWS_KEPT,
            max_repair: REPAIR_MAX,
            max_pending_acks: DELIVERED_MAX,
            block_codec_config: (),
            partition_prefix: format!("{}marshal", settings.prefix),
            prunable_items_per_section: NZU64!(1_024),
            page_cache: page_cache.clone(),
            replay_buffer: READ_BYTES,
            key_write_buffer: WRITE_BYTES,
            value_write_buffer: WRITE_BYTES,
            strategy: Sequential,
        },
    )
    .await;

    let failures = Failures::new();
    let arrived = Arc::new(Notify::new());
    let (announcer, announced) = Announcer::new(arrived.clone());
    ledger.set_announcer(announcer.clone());
    let (border, borders) = mpsc::unbounded_channel();
    let deliveries = Deliveries {
        ledger: ledger.clone(),
        epocher: epocher.clone(),
        failures: failures.clone(),
        arrived: arrived.clone(),
        epochs: epochs.clone(),
        signing,
        borders: border,
    };
    let observations = Arc::new(Observations::default());
    let view = View {
        marshal: mailbox.clone(),
        epochs: epochs.clone(),
        epocher: epocher.clone(),
        namespace: namespace.clone(),
        ledger: ledger.clone(),
        silence: silence.clone(),
        observations: observations.clone(),
    };

    let application =
        Application::new(ledger.clone(), settings.pace, arrived.clone(), failures.clone());
    let marshaled = Marshaled::new(
        runtime.child("application"),
        MarshaledConfig {
            application,
            marshal: mailbox.clone(),
            shards: pieces_mailbox.clone(),
            scheme_provider: epochs.clone(),
            strategy: Sequential,
            epocher: epocher.clone(),
        },
    );
    let (observer, safe) = Observer::new(
        runtime.child("observer"),
        ledger.clone(),
        epochs.clone(),
        observations.clone(),
        failures.clone(),
    );

    let task = runtime.child("validator").spawn(move |runtime| async move {
        let processed = place.processed().map_or(0, |processed| processed.height().get());
        let mut parts: Vec<Handle<()>> = Vec::new();
        let first = epoch_after(&epocher, ledger.chain());
        let (reporter, delivering) =
            deliveries.start(runtime.child("deliveries"), mailbox.clone(), processed);
        parts.push(delivering);
        parts.push(marshal.start(reporter, pieces_mailbox, resolver));
        parts.push(runtime.child("safe").spawn(|runtime| safe.run(runtime)));
        parts.push(runtime.child("transactions").spawn({
            let (ledger, (sender, receiver)) = (ledger.clone(), channels.transactions);
            |runtime| transactions::run(runtime, ledger, arrived, announced, sender, receiver)
        }));
        parts.push(runtime.child("progress").spawn({
            let epochs = epochs.clone();
            let recovery = recovery::Recovery { me, epochs, observations, silence };
            |runtime| recovery.run(runtime, channels.progress)
        }));
        parts.push(runtime.child("states").spawn({
            let (ledger, marshal) = (ledger.clone(), mailbox.clone());
            let serving = Serving { ledger, marshal, epocher: epocher.clone() };
            |runtime| serving.run(runtime, channels.states)
        }));
        let rounds = Rounds {
            runtime: runtime.child("rounds"),
            settings,
            epochs,
            epocher,
            begin,
            tracked,
            mailbox,
            marshaled,
            observer,
            manager,
            blocker,
            page_cache,
            ledger,
        };
        parts.push(runtime.child("rounds").spawn(move |_| {
            rounds.run(first, borders, channels.votes, channels.certificates, channels.rounds)
        }));
        select! {
            error = failures.wait() => error,
            _ = join_all(parts) => failures.wait().await,
        }
    });
    Ok(Validator { task, announcer, view })
}

/// The epoch of the block after the last final one.
fn epoch_after(epocher: &FixedEpocher, chain: &Chain) -> Epoch {
    let next = chain.reader().finalized().unwrap_or_default().saturating_add(1);
    // Epochs have no end.
    epocher.containing(Height::new(next)).map_or(Epoch::zero(), |info| info.epoch())
}

async fn archive<E, K, V>(
    runtime: E,
    name: &str,
    page_cache: &CacheRef,
    codec_config: V::Cfg,
) -> Result<immutable::Archive<E, K, V>, StartError>
where
    E: Runtime,
    K: commonware_utils::Array,
    V: commonware_codec::CodecShared,
{
    let partition = |part: &str| format!("{name}-{part}");
    let config = immutable::Config {
        metadata_partition: partition("metadata"),
        freezer_table_partition: partition("table"),
        freezer_table_initial_size: 4_096,
        freezer_table_resize_frequency: 4,
        freezer_table_resize_chunk_size: 4_096,
        freezer_key_partition: partition("keys"),
        freezer_key_page_cache: page_cache.clone(),
        freezer_value_partition: partition("values"),
        freezer_value_target_size: 1 << 28,
        freezer_value_compression: None,
        ordinal_partition: partition("ordinal"),
        items_per_section: NZU64!(4_096),
        codec_config,
        replay_buffer: READ_BYTES,
        freezer_key_write_buffer: WRITE_BYTES,
        freezer_value_write_buffer: WRITE_BYTES,
        ordinal_write_buffer: WRITE_BYTES,
    };
    Ok(immutable::Archive::init(runtime, config).await?)
}

type Automaton<E> =
    Marshaled<E, Application, Proposal, Coding, Sha256, Epochs, Sequential, FixedEpocher>;

/// Runs the engine of the epoch, and that of the next when the epoch is over.
struct Rounds<E: Runtime, M, B> {
    runtime: E,
    settings: Settings,
    epochs: Epochs,
    epocher: FixedEpocher,
    /// Where this node began.
    begin: Begin,
    /// The last epoch whose validators the network was told.
    tracked: Option<Epoch>,
    mailbox: Marshal,
    marshaled: Automaton<E>,
    observer: Observer<E>,
    manager: M,
    blocker: B,
    page_cache: CacheRef,
    ledger: Arc<Ledger>,
}

impl<E, M, B> Rounds<E, M, B>
where
    E: Runtime,
    M: Manager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    async fn run<S, R>(
        mut self,
        first: Epoch,
        mut borders: mpsc::UnboundedReceiver<Epoch>,
        votes: (S, R),
        certificates: (S, R),
        rounds: (S, R),
    ) where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (muxer, mut votes, mut others) =
            Muxer::builder(self.runtime.child("votes"), votes.0, votes.1).with_backup().build();
        muxer.start();
        let (muxer, mut certificates) =
            Muxer::new(self.runtime.child("certificates"), certificates.0, certificates.1);
        muxer.start();
        let (muxer, mut rounds) = Muxer::new(self.runtime.child("rounds"), rounds.0, rounds.1);
        muxer.start();
        let mut epoch = first;
        self.track(epoch);
        self.track(epoch.next());
        let mut engine = None;
        loop {
            if engine.is_none() {
                let (Ok(votes), Ok(certificates), Ok(rounds)) = (
                    votes.register(epoch.get()).await,
                    certificates.register(epoch.get()).await,
                    rounds.register(epoch.get()).await,
                ) else {
                    return;
                };
                engine = self.start(epoch, votes, certificates, rounds).await;
            }
            select! {
                next = borders.recv() => {
                    let Some(next) = next else { return };
                    if next > epoch {
                        if let Some(engine) = engine.take() {
                            let engine: Handle<()> = engine;
                            engine.abort();
                        }
                        epoch = next;
                        self.track(epoch.next());
                    }
                },
                message = others.recv() => {
                    let Some((other, (peer, _))) = message else { return };
                    // Somebody is in a later epoch: the end of this one can be had from there.
                    if other > epoch.get()
                        && let Some(last) = self.epocher.last(epoch)
                    {
                        self.mailbox.hint_finalized(last, NonEmptyVec::new(peer));
                    }
                },
            }
        }
    }

    /// Tells the network, once, that the validators of an epoch are to be talked with: this is done
    /// an epoch ahead.
    fn track(&mut self, epoch: Epoch) {
        if self.tracked.is_some_and(|tracked| epoch <= tracked) {
            return;
        }
        let Some(votes) = self.epochs.get(epoch) else { return };
        self.tracked = Some(epoch);
        let validators = votes.participants().clone();
        track(&mut self.manager, epoch, validators, &self.settings.followers);
    }

    async fn start<S, R>(
        &mut self,
        epoch: Epoch,
        votes: (S, R),
        certificates: (S, R),
        rounds: (S, R),
    ) -> Option<Handle<()>>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let scheme = self.epochs.get(epoch)?;
        let floor = match (&self.begin, epoch.previous()) {
            // What was before is not here.
            (Begin::Floor(first), _) if first.epoch() == epoch => Floor::Finalized(first.clone()),
            (Begin::Genesis(genesis), None) => Floor::Genesis(genesis.commitment()),
            (_, before) => {
                let last = self.epocher.last(before?)?;
                Floor::Genesis(self.mailbox.get_block(last).await?.commitment())
            }
        };
        let mut partition = format!("{}epoch-{epoch}", self.settings.prefix);
        if self.ledger.mutants().votes_unsynced {
            // The votes of the process before are not found, as if they had not been written.
            partition =
                format!("{partition}-{}", rand_core::Rng::next_u64(&mut self.runtime.child("x")));
        }
        let engine = simplex::Engine::new(
            self.runtime.child("engine").with_attribute("epoch", epoch),
            simplex::Config {
                scheme: (*scheme).clone(),
                elector: RoundRobin::<Sha256>::default(),
                blocker: self.blocker.clone(),
                automaton: self.marshaled.clone(),
                relay: self.marshaled.clone(),
                reporter: Reporters::<Automaton<E>, Observer<E>>::from((
                    self.marshaled.clone(),
                    self.observer.clone(),
                )),
                track_historical_votes: true,
                strategy: Sequential,
                partition,
                mailbox_size: MAILBOX,
                epoch,
                floor,
                replay_buffer: READ_BYTES,
                write_buffer: WRITE_BYTES,
                page_cache: self.page_cache.clone(),
                leader_timeout: self.settings.leader_timeout,
                certification_timeout: self.settings.certification_timeout,
                timeout_retry: self.settings.certification_timeout,
                view_retention: VIEWS_KEPT,
                skip: SkipPolicy::Enabled {
                    timeout: self.settings.skip_timeout,
                    budget: SkipBudget::Participants,
                },
                fetch_timeout: NZDuration!(Duration::from_secs(1)),
                fetch_retry_delay: Duration::from_millis(100),
                forward: ForwardPolicy::Disabled,
            },
        );
        tracing::info!(%epoch, "the validators of a new epoch agree on blocks");
        Some(engine.start(votes, certificates, rounds))
    }
}
