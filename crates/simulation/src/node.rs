//! A validator of the simulation: its machine, and its process while that runs.

use crate::{
    Machine, NodeContext,
    judge::{chain_settings, options},
    network::{Peer, Receiver, Sender},
};
use alloy_primitives::Address;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_runtime::{Clock as _, Handle, Spawner as _, Supervisor as _, deterministic};
use heddle_chain::Chain;
use heddle_consensus::{
    Announcer, BlockSettings, Channels, Ledger, Memory, Mutants, Pace, Settings, Setup,
    VerifiedVotes, View, start,
};
use heddle_pool::Pool;
use heddle_storage::Database;
use heddle_types::Genesis;
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// A process that runs.
pub(crate) struct Process {
    root: Handle<()>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) announcer: Announcer,
    pub(crate) view: View,
    /// Why it ended by itself.
    pub(crate) ended: Arc<Mutex<Option<String>>>,
}

impl Process {
    pub(crate) fn abort(self) {
        self.root.abort();
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        self.ledger.chain()
    }

    pub(crate) fn finalized(&self) -> u64 {
        self.chain().reader().finalized().unwrap_or_default()
    }
}

/// What a process is started with.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) key: PrivateKey,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) mutants: Mutants,
    pub(crate) memory: Memory,
    pub(crate) verified: VerifiedVotes,
    pub(crate) state_sync_behind: Option<u64>,
    pub(crate) followers: Vec<PublicKey>,
    pub(crate) pace: Pace,
    pub(crate) beneficiary: Address,
}

/// How a validator works in the simulation: quick, so that many blocks fit into little time.
fn settings(start: &Start) -> Settings {
    Settings {
        memory: start.memory,
        verified: Some(start.verified.clone()),
        followers: start.followers.clone(),
        state_sync_behind: start.state_sync_behind,
        leader_timeout: Duration::from_millis(800),
        certification_timeout: Duration::from_millis(1_600),
        skip_timeout: Duration::from_millis(2_500),
        ..Settings::with_pace(start.pace)
    }
}

/// Starts a process on a machine. `None` if the machine stops meanwhile.
pub(crate) async fn launch(
    runtime: &deterministic::Context,
    machine: &Machine,
    begin: Start,
    channels: Channels<Sender, Receiver>,
    peer: Peer,
) -> Result<Option<Process>, String> {
    let context = NodeContext::new(runtime.child("validator"), machine.clone());
    let ended = Arc::new(Mutex::new(None));
    let (told, tell) = (ended.clone(), machine.clone());
    let (ready, starting) = oneshot::channel();
    let root = context.spawn(move |runtime| async move {
        let booted = boot(&runtime, &tell, &begin, channels, peer).await;
        let (ledger, validator) = match booted {
            Ok(booted) => booted,
            Err(error) => {
                let _ = ready.send(Err(error));
                return std::future::pending().await;
            }
        };
        let (announcer, view) = (validator.announcer, validator.view);
        let _ = ready.send(Ok((ledger, announcer, view)));
        let end = match validator.task.await {
            Ok(error) => error_chain(&*error),
            Err(error) => error.to_string(),
        };
        *told.lock() = Some(end);
        std::future::pending::<()>().await;
    });
    let started = commonware_macros::select! {
        started = starting => started.ok(),
        _ = stopped(runtime, machine) => None,
    };
    match started {
        Some(Ok((ledger, announcer, view))) => {
            Ok(Some(Process { root, ledger, announcer, view, ended }))
        }
        Some(Err(error)) if !machine.has_stopped() => {
            root.abort();
            Err(error)
        }
        _ => {
            root.abort();
            Ok(None)
        }
    }
}

/// Ends when a machine has stopped.
pub(crate) async fn stopped(runtime: &deterministic::Context, machine: &Machine) {
    while !machine.has_stopped() {
        runtime.sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn boot(
    runtime: &NodeContext,
    machine: &Machine,
    begin: &Start,
    channels: Channels<Sender, Receiver>,
    peer: Peer,
) -> Result<(Arc<Ledger>, heddle_consensus::Validator), String> {
    let open = |error: &dyn std::error::Error| error_chain(error);
    let database = Database::simulated(&machine.disk(), options()).map_err(|it| open(&it))?;
    let chain = Chain::open(database, &begin.genesis, chain_settings()).map_err(|it| open(&it))?;
    let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
    let now = runtime.current().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let ledger = Ledger::new(
        Arc::new(chain),
        Arc::new(Mutex::new(pool)),
        BlockSettings { beneficiary: begin.beneficiary, ..BlockSettings::default() },
        begin.mutants,
        now,
    );
    let ledger = Arc::new(ledger.map_err(|it| open(&it))?);
    let setup = Setup { key: begin.key.clone(), ledger: ledger.clone(), settings: settings(begin) };
    let validator = start(runtime.child("consensus"), setup, channels, peer.clone(), peer).await;
    Ok((ledger, validator.map_err(|it| open(&it))?))
}
