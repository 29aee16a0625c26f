//! Jobs that verify sources.
//!
//! In: what plugins send. Out: the id of a job, and how far it is. One job works at a time, as the
//! compiler takes most of what a machine has to give; some may wait.

use super::{
    failure::Failure,
    params::Params,
    work::{Ask, in_turn},
};
use crate::{Explorer, facts::contracts};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes, keccak256};
use heddle_solidity::{
    compiler::Compilers,
    requests::Submission,
    store::Contracts,
    verify::{Match, Request, Verified, VerifyError, verify},
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, spawn_blocking},
};

/// Jobs that are remembered: plugins ask within minutes.
const JOBS_MAX: usize = 1024;
/// Jobs that wait or work: each may take a minute, and megabytes of sources.
const WAITING_MAX: usize = 16;

/// Jobs by id.
#[derive(Debug)]
pub(crate) struct Jobs {
    turn: Arc<Semaphore>,
    started: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    jobs: BTreeMap<String, Job>,
    /// The oldest first.
    order: VecDeque<String>,
}

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) address: Address,
    pub(crate) started: SystemTime,
    pub(crate) finished: Option<SystemTime>,
    pub(crate) state: State,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Pending,
    Verified(Arc<Verified>),
    /// Sourcify's code of the error, and what was wrong.
    Failed(&'static str, String),
}

/// Why a job is not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this explorer has no compilers; `heddle explorer solc add VERSION` fetches one")]
    NoCompilers,
    #[error("this is chain {0}")]
    OtherChain(u64),
    #[error("there is no code at {0}")]
    NoCode(Address),
    #[error("these sources are verified already")]
    Already,
    #[error("{WAITING_MAX} verifications are waiting; send it again later")]
    Busy,
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            started: AtomicU64::new(0),
            table: Mutex::default(),
        }
    }
}

impl Jobs {
    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        self.table.lock().jobs.get(id).cloned()
    }

    /// Lists a job, unless too many wait.
    fn begin(&self, address: Address) -> Result<String, Refusal> {
        let mut table = self.table.lock();
        let waiting = table.jobs.values().filter(|job| matches!(job.state, State::Pending));
        if waiting.count() >= WAITING_MAX {
            return Err(Refusal::Busy);
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let started = SystemTime::now();
        let id = id_of(number, started, address);
        let job = Job { address, started, finished: None, state: State::Pending };
        table.jobs.insert(id.clone(), job);
        table.order.push_back(id.clone());
        if table.order.len() > JOBS_MAX {
            // The oldest has ended: far fewer wait.
            let oldest = table.order.pop_front();
            oldest.map(|oldest| table.jobs.remove(&oldest));
        }
        Ok(id)
    }

    fn end(&self, id: &str, state: State) {
        if let Some(job) = self.table.lock().jobs.get_mut(id) {
            job.state = state;
            job.finished = Some(SystemTime::now());
        }
    }
}

/// In the form of a UUID, as Sourcify's are.
fn id_of(number: u64, started: SystemTime, address: Address) -> String {
    let nanoseconds = started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let seed = [&number.to_be_bytes()[..], &nanoseconds.to_be_bytes(), address.as_slice()].concat();
    let digits = alloy_primitives::hex::encode(keccak256(seed));
    let mut id = String::new();
    for (position, digit) in digits.chars().take(32).enumerate() {
        if [8, 12, 16, 20].contains(&position) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

/// What a job works with.
struct Work {
    compilers: Arc<Compilers>,
    contracts: Arc<Contracts>,
    request: Request,
    runtime: Bytes,
    creation: Option<Bytes>,
}

/// Begins a job. The handle ends with it.
pub(crate) fn submit(
    ask: &Ask,
    submission: Submission,
) -> Result<(String, JoinHandle<()>), Refusal> {
    let parts = &ask.explorer.parts;
    let compilers = parts.compilers.clone().ok_or(Refusal::NoCompilers)?;
    let chain = ask.chain.spec().chain_id;
    if submission.chain.is_some_and(|wanted| wanted != chain) {
        return Err(Refusal::OtherChain(chain));
    }
    let address = submission.address;
    let runtime = ask.code(address)?;
    if runtime.is_empty() {
        return Err(Refusal::NoCode(address));
    }
    if verified(ask, address)?.is_some_and(|verified| verified.kind == Match::Exact) {
        return Err(Refusal::Already);
    }
    let work = Work {
        compilers,
        contracts: parts.contracts.clone(),
        request: submission.request,
        creation: creation_code(ask, address)?,
        runtime,
    };
    let id = ask.explorer.bounds.jobs.begin(address)?;
    let (explorer, name) = (ask.explorer.clone(), id.clone());
    let task = ask.runtime().spawn(async move {
        let jobs = &explorer.bounds.jobs;
        // The semaphore is never closed.
        let _turn = jobs.turn.acquire().await.ok();
        let state = spawn_blocking(move || work.run()).await;
        jobs.end(&name, state.unwrap_or_else(|_| State::broken()));
    });
    Ok((id, task))
}

/// Begins a job on a thread that may read.
pub(crate) async fn begin(
    explorer: &Arc<Explorer>,
    submission: Submission,
) -> Result<(String, JoinHandle<()>), Refusal> {
    let begun = move |ask: &Ask| Ok(submit(ask, submission));
    in_turn(explorer, Params::default(), begun).await?
}

/// Begins a job, and waits until it has ended.
pub(crate) async fn carry_out(
    explorer: &Arc<Explorer>,
    submission: Submission,
) -> Result<State, Refusal> {
    let (id, job) = begin(explorer, submission).await?;
    // A job that panicked has no state but the one that it began with.
    let _ = job.await;
    let ended = explorer.bounds.jobs.get(&id).map(|job| job.state);
    Ok(ended.filter(|state| !matches!(state, State::Pending)).unwrap_or_else(State::broken))
}

impl State {
    fn broken() -> Self {
        Self::Failed("internal_error", "the verification broke off".to_owned())
    }
}

impl Work {
    fn run(self) -> State {
        let Self { compilers, contracts, request, runtime, creation } = self;
        let found =
            match verify(&compilers, &request, &runtime, creation.as_ref().map(AsRef::as_ref)) {
                Ok(found) => found,
                Err(error) => {
                    let code = match error {
                        VerifyError::Compiler(_) | VerifyError::Sources(_) => "compiler_error",
                        VerifyError::NoCode => "contract_not_deployed",
                        VerifyError::Input(_) | VerifyError::NoContract { .. } => {
                            "invalid_parameter"
                        }
                        VerifyError::Mismatch(_) => "no_match",
                    };
                    return State::Failed(code, error.to_string());
                }
            };
        match contracts.insert(found.clone()) {
            Ok(_) => State::Verified(Arc::new(found)),
            Err(error) => {
                tracing::error!(%error, "a verified contract cannot be kept");
                State::Failed("internal_error", error.to_string())
            }
        }
    }
}

/// The sources of the code of an address, if they are known.
pub(crate) fn verified(ask: &Ask, address: Address) -> Result<Option<Arc<Verified>>, Failure> {
    let state = ask.state()?;
    let hash = state.account(address)?.map(|account| account.code_hash);
    let Some(hash) = hash.filter(|hash| !hash.is_zero()) else { return Ok(None) };
    let code = state.code(hash)?;
    ask.explorer.parts.contracts.of_code(&hash, &code).map_err(|error| {
        tracing::error!(%error, "a verified contract cannot be read");
        Failure::Broken
    })
}

/// A frame as the tracer of calls gives it.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    to: Option<Address>,
    #[serde(default)]
    input: Bytes,
    #[serde(default)]
    calls: Vec<Frame>,
}

/// The code that created a contract: a transaction's input, or what a trace shows of the contract
/// that created it. `None` where neither is known.
pub(crate) fn creation_code(ask: &Ask, contract: Address) -> Result<Option<Bytes>, Failure> {
    let Some(creation) = ask.index.creation(contract)? else { return Ok(None) };
    let at = (creation.block, creation.transaction);
    let Some(mined) = ask.lookup.transaction(at.0, at.1)? else { return Ok(None) };
    if creation.frame == 0 {
        return Ok(Some(mined.transaction.input().clone()));
    }
    let tracer = json!([mined.hash(), { "tracer": "callTracer" }]);
    // A state that was forgotten cannot be traced on.
    let Ok(outermost) = ask.call::<Frame>("debug_traceTransaction", tracer) else {
        return Ok(None);
    };
    let mut frames = vec![outermost];
    while let Some(frame) = frames.pop() {
        if frame.kind.starts_with("CREATE") && frame.to == Some(contract) {
            return Ok(Some(frame.input));
        }
        frames.extend(frame.calls);
    }
    Ok(None)
}

/// What a proxy hands its calls to (EIP-1967).
pub(crate) fn implementation(ask: &Ask, proxy: Address) -> Result<Option<Address>, Failure> {
    Ok(contracts::implementation(&ask.state()?, proxy)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_bounded() {
        let jobs = Jobs::default();
        let mut ids = Vec::new();
        for _ in 0..2 * JOBS_MAX {
            let id = jobs.begin(Address::ZERO).unwrap();
            jobs.end(&id, State::Failed("no_match", String::new()));
            ids.push(id);
        }
        assert_eq!(jobs.table.lock().jobs.len(), JOBS_MAX);
        assert!(jobs.get(&ids[0]).is_none() && jobs.get(ids.last().unwrap()).is_some());
        for _ in 0..WAITING_MAX {
            jobs.begin(Address::ZERO).unwrap();
        }
        assert!(matches!(jobs.begin(Address::ZERO), Err(Refusal::Busy)));
    }
}
