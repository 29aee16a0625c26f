//! What every method works with.

use crate::{
    Agreement, Error, Readiness, Settings,
    dev::DevControl,
    events::Events,
    filters::{Bounds, Filters},
    intake::Intake,
    signers::Signers,
    view::{RecentBlocks, View},
};
use heddle_chain::Chain;
use heddle_pool::{Pool, PoolTransaction};
use heddle_types::ChainSpec;
use parking_lot::Mutex;
use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};
use tokio::sync::Semaphore;

/// Is called when the pool took up transactions that a block can include.
pub type Wake = Arc<dyn Fn(&[Arc<PoolTransaction>]) + Send + Sync>;

/// The parts of the node that the server speaks for.
#[derive(Clone)]
pub struct Context {
    /// The chain.
    pub chain: Arc<Chain>,
    /// The pool. Whoever makes blocks tells it of them; the server only adds and asks.
    pub pool: Arc<Mutex<Pool>>,
    /// Keys that the node signs with for its clients.
    pub signers: Signers,
    /// Whether the node can serve.
    pub readiness: Readiness,
    /// Is called when there is something new for a block.
    pub wake: Wake,
    /// Control of a development chain, if this is one.
    pub dev: Option<DevControl>,
    /// What is known of other validators, if this node does not make its blocks alone.
    pub agreement: Option<Arc<dyn Agreement>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("signers", &self.signers).finish_non_exhaustive()
    }
}

/// What every method works with.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) context: Context,
    pub(crate) settings: Settings,
    pub(crate) events: Events,
    pub(crate) filters: Filters,
    pub(crate) recent: RecentBlocks,
    pub(crate) fees: crate::eth::fees::Suggestions,
    pub(crate) intake: Intake,
    /// A permit for each call, trace or log query in work.
    pub(crate) blocking: Arc<Semaphore>,
    /// Calls that wait for a permit.
    pub(crate) waiting: AtomicUsize,
}

/// Bytes of results that all filters may hold: a few filters of a busy chain.
const FILTER_BYTES_MAX: usize = 256 << 20;

impl Node {
    pub(crate) fn new(context: Context, settings: Settings) -> Self {
        let limits = &settings.limits;
        let bounds = Bounds {
            filters_max: limits.filters_max,
            results_max: limits.logs_max,
            bytes_max: FILTER_BYTES_MAX,
            lifetime: limits.filter_lifetime,
        };
        Self {
            events: Events::new(limits.events_waiting_max),
            filters: Filters::new(bounds),
            recent: RecentBlocks::default(),
            fees: crate::eth::fees::Suggestions::default(),
            intake: Intake::default(),
            blocking: Arc::new(Semaphore::new(limits.blocking_max)),
            waiting: AtomicUsize::new(0),
            context,
            settings,
        }
    }

    /// The chain as it is now.
    pub(crate) fn view(&self) -> Result<View<'_>, Error> {
        Ok(View::new(self, self.context.chain.reader()))
    }

    /// The rules of the chain.
    pub(crate) fn spec(&self) -> &ChainSpec {
        self.context.chain.spec()
    }

    /// EIP-155.
    pub(crate) fn chain_id(&self) -> u64 {
        self.spec().chain_id
    }

    /// Ends what would otherwise go on.
    pub(crate) fn stop(&self) {
        self.blocking.close();
    }
}
