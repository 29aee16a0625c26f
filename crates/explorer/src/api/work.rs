//! What handlers work with, and how many work at a time.

use super::{failure::Failure, limit::Limiter, lookup::Lookup, params::Params, verification::Jobs};
use crate::{Class, Explorer, IndexReader, Status, Token};
use alloy_primitives::{Address, B256};
use heddle_chain::{ChainReader, ExecutionState};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking, time::timeout};

/// Requests in work for each processor: some wait for the disk.
const WORK_PER_PROCESSOR: usize = 4;
/// How long a request waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a request may be in work.
const WORK_MAX: Duration = Duration::from_secs(20);
/// Downloads at a time: each may go on for minutes.
const DOWNLOADS_MAX: usize = 8;

/// The bounds of the APIs.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) limiter: Limiter,
    pub(crate) jobs: Jobs,
    pub(crate) downloads: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

impl Bounds {
    pub(crate) fn new(requests_per_second: u32) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            limiter: Limiter::new(requests_per_second),
            jobs: Jobs::default(),
            downloads: Arc::new(Semaphore::new(DOWNLOADS_MAX)),
            work: Arc::new(Semaphore::new(processors * WORK_PER_PROCESSOR)),
        }
    }
}

/// A question, and what it takes to answer it. It stays on one thread.
pub(crate) struct Ask {
    pub(crate) explorer: Arc<Explorer>,
    pub(crate) params: Params,
    pub(crate) chain: ChainReader,
    pub(crate) index: IndexReader,
    pub(crate) lookup: Lookup,
    pub(crate) status: Status,
    tokens: RefCell<HashMap<(Address, Class), Option<Token>>>,
    deadline: Instant,
    runtime: Handle,
}

impl Ask {
    fn new(explorer: Arc<Explorer>, params: Params, runtime: Handle) -> Result<Self, Failure> {
        let snapshot = explorer.snapshot()?;
        Ok(Self {
            params,
            lookup: Lookup::new(snapshot.chain.clone(), snapshot.index.clone()),
            chain: snapshot.chain,
            index: snapshot.index,
            status: snapshot.status,
            tokens: RefCell::default(),
            deadline: Instant::now() + WORK_MAX,
            runtime,
            explorer,
        })
    }

    /// Ends work that takes too long. Loops over what a stranger has chosen call this.
    pub(crate) fn check_time(&self) -> Result<(), Failure> {
        if Instant::now() > self.deadline { Err(Failure::TooLong) } else { Ok(()) }
    }

    /// Calls a JSON-RPC method.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: Value,
    ) -> Result<T, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let call = self.explorer.call(method, arguments);
        let outcome = self.runtime.block_on(async { timeout(left, call).await });
        Ok(outcome.map_err(|_| Failure::TooLong)??)
    }

    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The state after the last block.
    pub(crate) fn state(&self) -> Result<ExecutionState, Failure> {
        Ok(self.chain.execution_state_at(self.chain.head().number)?)
    }

    /// The code of an address after the last block; empty if it has none.
    pub(crate) fn code(&self, address: Address) -> Result<alloy_primitives::Bytes, Failure> {
        let state = self.state()?;
        let account = state.account(address)?;
        match account.map(|account| account.code_hash).filter(|hash| *hash != B256::ZERO) {
            Some(hash) => Ok(state.code(hash)?),
            None => Ok(alloy_primitives::Bytes::new()),
        }
    }

    /// What is known of a token; nothing if it is none.
    pub(crate) fn token(&self, token: Address, class: Class) -> Result<Token, Failure> {
        if let Some(known) = self.tokens.borrow().get(&(token, class)) {
            return Ok(known.clone().unwrap_or_default());
        }
        let found = self.index.token(token, class)?;
        self.tokens.borrow_mut().insert((token, class), found.clone());
        Ok(found.unwrap_or_default())
    }
}

/// Answers a question on a thread of its own, when it is its turn.
pub(crate) async fn in_turn<T: Send + 'static>(
    explorer: &Arc<Explorer>,
    params: Params,
    answer: impl FnOnce(&Ask) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let turn = explorer.bounds.work.clone().acquire_owned();
    let permit = timeout(WAIT_MAX, turn).await.map_err(|_| Failure::Busy)?;
    let permit = permit.map_err(|_| Failure::Broken)?;
    let (explorer, runtime) = (explorer.clone(), Handle::current());
    let task = spawn_blocking(move || {
        // Held until the work has ended, also when nobody waits for it any more.
        let _permit = permit;
        answer(&Ask::new(explorer, params, runtime)?)
    });
    match timeout(WORK_MAX + WAIT_MAX, task).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Failure::Broken),
        Err(_) => Err(Failure::TooLong),
    }
}
