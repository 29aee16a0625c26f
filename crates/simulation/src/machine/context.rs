//! The runtime as the process of one validator sees it.

use super::{Machine, NodeBlob};
use commonware_parallel::Rayon;
use commonware_runtime::{
    BlobVersion, Clock, Error, Handle, Metrics, Name, Spawner, Storage, Strategizer, Supervisor,
    deterministic,
    signal::{Signal, Stopper},
    telemetry::metrics::{Metric, Registered},
};
use commonware_utils::SystemTimeExt;
use governor::clock::{Clock as GovernorClock, ReasonablyRealtime};
use parking_lot::Mutex;
use rand_core::{TryCryptoRng, TryRng};
use std::{
    fmt::Display,
    future::{Future, poll_fn},
    num::NonZeroUsize,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

/// The runtime of a process on a [`Machine`]: tasks and chance are those of the deterministic
/// runtime, disk and clock those of the machine.
///
/// When the machine has stopped, the tasks that this context and its children spawned are not run
/// any more. They keep what they have until they are aborted. A task that panics as the machine
/// stops under it, since an operation of the database failed, say, has ended with its process, and
/// the runtime goes on.
pub struct NodeContext {
    inner: deterministic::Context,
    machine: Machine,
    /// A process ends orderly by itself, not with the whole runtime.
    stopper: Arc<Mutex<Stopper>>,
}

impl NodeContext {
    /// The runtime of a new process on `machine`.
    pub fn new(inner: deterministic::Context, machine: Machine) -> Self {
        Self { inner, machine, stopper: Arc::default() }
    }

    /// What the process runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

impl Supervisor for NodeContext {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        Self {
            inner: self.inner.child(label),
            machine: self.machine.clone(),
            stopper: self.stopper.clone(),
        }
    }

    fn with_attribute(self, key: &'static str, value: impl Display) -> Self {
        Self { inner: self.inner.with_attribute(key, value), ..self }
    }
}

impl Spawner for NodeContext {
    fn shared(self, blocking: bool) -> Self {
        Self { inner: self.inner.shared(blocking), ..self }
    }

    fn dedicated(self) -> Self {
        Self { inner: self.inner.dedicated(), ..self }
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Self { inner, machine, stopper } = self;
        inner.spawn(move |inner| {
            let future = f(Self { inner, machine: machine.clone(), stopper });
            run_on(machine, future)
        })
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        let stopped = self.stopper.lock().stop(value);
        let stopped = match timeout {
            Some(timeout) => self.timeout(timeout, stopped).await?,
            None => stopped.await,
        };
        stopped.map_err(|_| Error::Closed)
    }

    fn stopped(&self) -> Signal {
        self.stopper.lock().stopped()
    }
}

/// Runs a task as long as the machine does.
async fn run_on<F: Future>(machine: Machine, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        if machine.has_stopped() {
            return Poll::Pending;
        }
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            _ if machine.has_stopped() => Poll::Pending,
            Ok(polled) => polled,
            Err(reason) => resume_unwind(reason),
        }
    })
    .await
}

impl Strategizer for NodeContext {
    fn strategy(&self, parallelism: NonZeroUsize) -> Rayon {
        self.inner.strategy(parallelism)
    }
}

impl Metrics for NodeContext {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl Clock for NodeContext {
    fn current(&self) -> SystemTime {
        self.machine.local_time(self.inner.current())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.sleep_until(self.current().saturating_add_ext(duration))
    }

    fn sleep_until(
        &self,
        deadline: SystemTime,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep_until(self.machine.true_time(self.inner.current(), deadline))
    }
}

impl GovernorClock for NodeContext {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl ReasonablyRealtime for NodeContext {}

impl TryRng for NodeContext {
    type Error = <deterministic::Context as TryRng>::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.inner.try_fill_bytes(out)
    }
}

impl TryCryptoRng for NodeContext {}

impl Storage for NodeContext {
    type Blob = NodeBlob;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(NodeBlob, u64, BlobVersion), Error> {
        self.machine.open(partition, name, versions).await
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.machine.remove(partition, name).await
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.machine.scan(partition).await
    }
}
