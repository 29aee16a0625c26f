//! The clock, the disk and the tasks that consensus runs on: real ones, or those of a simulation.

use crate::ledger;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use rand_core::CryptoRng;
use std::{future::pending, sync::Arc, time::UNIX_EPOCH};
use tokio::sync::watch;

/// All that is needed of a runtime.
pub trait Runtime: Clock + CryptoRng + Metrics + Spawner + Storage {}

impl<E: Clock + CryptoRng + Metrics + Spawner + Storage> Runtime for E {}

/// Does work that takes its time, on a thread where that holds up nobody.
pub(crate) async fn blocking<E: Spawner, T: Send + 'static>(
    runtime: &E,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let handle = runtime.child("blocking").shared(true).spawn(|_| async move { work() });
    match handle.await {
        Ok(done) => done,
        // It was ended with all the rest.
        Err(_) => pending().await,
    }
}

/// The UNIX time in seconds.
pub(crate) fn unix_seconds(clock: &impl Clock) -> u64 {
    clock.current().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Tells whoever runs a validator that it cannot go on.
#[derive(Clone, Debug)]
pub(crate) struct Failures(Arc<watch::Sender<Option<Arc<ledger::Error>>>>);

impl Failures {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// The first failure is the cause.
    pub(crate) fn tell(&self, error: ledger::Error) {
        self.0.send_if_modified(|told| {
            let is_first = told.is_none();
            told.get_or_insert_with(|| Arc::new(error));
            is_first
        });
    }

    /// Waits for a failure.
    pub(crate) async fn wait(&self) -> Arc<ledger::Error> {
        let mut receiver = self.0.subscribe();
        let failed = receiver.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        match failed {
            Some(error) => error,
            // It cannot be: the sender is here.
            None => pending().await,
        }
    }
}
