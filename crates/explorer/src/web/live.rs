//! What happens on the chain, as a stream of events (server-sent events).
//!
//! All streams give the same: what one has made of a change, the others take. A stream waits at
//! least [`PACE`] between two events, so a browser draws no more than it can, however fast blocks
//! are made.

use super::{PageError, blocking, home, lists};
use crate::{
    Explorer, Place,
    facts::{View, blocks, transactions::Lines},
    server::Shared,
};
use axum::{
    Extension,
    extract::State,
    http::{StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::Serialize;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

/// Streams at a time. Each holds a connection, a permit and a timer.
const STREAMS_MAX: usize = 256;
/// Shortest time between two events of a stream: four a second.
const PACE: Duration = Duration::from_millis(250);
/// Rows of an event: with four events a second, at most 20 transactions and blocks a second.
const ROWS: usize = 5;
/// Blocks that figures and plots look at.
const PLOTTED: u64 = 60;

/// The event of a change: the number of the change, and its text.
type Made = (u64, Arc<str>);

/// What all streams share.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    permits: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    made: Arc<Mutex<Option<Made>>>,
}

impl Live {
    /// Streams that end when `stopped` says so.
    pub(crate) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { permits: Arc::new(Semaphore::new(STREAMS_MAX)), stopped, made: Arc::default() }
    }
}

/// An event.
#[derive(Serialize)]
struct Update {
    head: u64,
    figures: BTreeMap<&'static str, String>,
    /// Rows of the home page, as it has them itself.
    blocks: String,
    transactions: String,
    plots: BTreeMap<&'static str, String>,
}

/// `/events`.
pub(crate) async fn events(State(explorer): Shared, Extension(live): Extension<Live>) -> Response {
    let Ok(permit) = live.permits.clone().try_acquire_owned() else {
        let retry = [(header::RETRY_AFTER, "30")];
        return (StatusCode::SERVICE_UNAVAILABLE, retry, "too many streams\n").into_response();
    };
    let changes = explorer.parts.follower.changes();
    let source = Source { explorer, live, changes, _permit: permit, is_first: true };
    let events = stream::unfold(source, Source::next);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// One stream.
struct Source {
    explorer: Arc<Explorer>,
    live: Live,
    changes: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
    is_first: bool,
}

impl Source {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let mut stopped = self.live.stopped.clone();
            let wait = async {
                if self.is_first {
                    return true;
                }
                tokio::time::sleep(PACE).await;
                self.changes.changed().await.is_ok()
            };
            let goes_on = tokio::select! {
                goes_on = wait => goes_on,
                // The sender is gone when nobody wants the server any more.
                _ = stopped.wait_for(|stop| *stop) => false,
            };
            if !goes_on {
                return None;
            }
            self.is_first = false;
            let change = *self.changes.borrow_and_update();
            match self.update(change).await {
                Ok(text) => return Some((Ok(Event::default().data(text)), self)),
                // The next change may work again.
                Err(error) => tracing::warn!(%error, "no event for the explorer's pages"),
            }
        }
    }

    /// The event of a change, made once for all streams.
    async fn update(&self, change: u64) -> Result<Arc<str>, PageError> {
        // Held while it is made, so that the others wait for it and do not make it, too.
        let mut made = self.live.made.lock().await;
        if let Some((at, text)) = made.as_ref()
            && *at == change
        {
            return Ok(text.clone());
        }
        let text: Arc<str> = blocking(&self.explorer, make).await?.into();
        *made = Some((change, text.clone()));
        Ok(text)
    }
}

fn make(explorer: &Explorer) -> Result<String, PageError> {
    let view = View::new(explorer)?;
    let recent = blocks::latest(&view, u64::MAX, PLOTTED)?;
    let lines = Lines::new(&view).until(Place::LAST, ROWS)?;
    let rows = recent.iter().take(ROWS);
    let rows = rows.map(|(number, block)| lists::block_row(&view, *number, block).into_string());
    let blocks = rows.collect();
    let rows = lines.iter().map(|line| lists::transaction_row(&view, line, None).into_string());
    let update = Update {
        head: view.head(),
        figures: home::figures(&view, &recent)
            .into_iter()
            .map(|(id, _, words)| (id, words))
            .collect(),
        blocks,
        transactions: rows.collect(),
        plots: home::plots(&recent)
            .into_iter()
            .map(|(id, plot)| (id, plot.into_string()))
            .collect(),
    };
    // Maps with keys of text always are JSON.
    Ok(serde_json::to_string(&update).unwrap_or_default())
}
