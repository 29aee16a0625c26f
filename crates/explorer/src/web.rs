//! Pages for people.
//!
//! In: a request. Out: HTML, rendered here, that needs no script to be read.
//!
//! `layout` has what all pages have, `pieces` what many have, `text` makes what strangers wrote
//! harmless. The rest is a page each.

mod address;
mod amounts;
#[cfg(test)]
mod bench;
mod block;
mod charts;
mod contract;
mod contracts;
mod decoded;
mod error;
mod extract;
mod gas;
mod home;
mod hours;
mod layout;
mod lists;
mod live;
mod logs;
mod parallel;
mod paths;
mod pending;
mod pieces;
mod search;
mod slots;
mod text;
mod token;
mod tokens;
mod transaction;
mod uri;
mod validators;

pub(crate) use error::PageError;

use crate::Explorer;
use axum::{
    Extension, Router,
    http::header,
    routing::{get, post},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, watch};

/// Pages that are made at the same time: they read the disk and use the processor, and the node
/// has other work.
static READS: Semaphore = Semaphore::const_new(16);
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// All pages and what they load. Streams end when `stopped` says so.
pub(crate) fn routes(stopped: watch::Receiver<bool>) -> Router<Arc<Explorer>> {
    Router::new()
        .route("/", get(home::page))
        .route("/blocks", get(block::list))
        .route("/block/{id}", get(block::page))
        .route("/block/{id}/parallel", get(parallel::page))
        .route("/slots", get(slots::page))
        .route("/txs", get(transaction::list))
        .route("/tx/{hash}", get(transaction::page))
        .route("/address/{address}", get(address::page))
        .route("/address/{address}/slots", get(slots::of_address))
        .route("/address/{address}/contract", get(contract::page))
        .route("/address/{address}/contract/encode", get(contract::encode))
        .route("/address/{address}/contract/verify", post(contract::verify))
        .route("/address/{address}/contract/standard.json", get(contract::standard_json))
        .route("/address/{address}/contract/abi.json", get(contract::abi_json))
        .route("/search", get(search::page))
        .route("/pending", get(pending::page))
        .route("/tokens", get(tokens::page))
        .route("/token/{address}", get(token::page))
        .route("/token/{address}/{id}", get(token::item_page))
        .route("/contracts", get(contracts::page))
        .route("/gas", get(gas::page))
        .route("/charts", get(hours::page))
        .route("/validators", get(validators::page))
        .route("/events", get(live::events).layer(Extension(live::Live::new(stopped))))
        .route("/assets/style.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route(
            "/assets/contract.css",
            get(|| async { asset("text/css; charset=utf-8", CONTRACT_STYLE) }),
        )
        .route("/assets/wallet.js", get(|| async { asset(SCRIPT, WALLET) }))
        .route("/assets/app.js", get(|| async { asset(SCRIPT, APP) }))
        .route("/assets/theme.js", get(|| async { asset(SCRIPT, THEME) }))
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", ICON) }))
        .fallback(missing)
}

const STYLE: &str = include_str!("web/assets/style.css");
const CONTRACT_STYLE: &str = include_str!("web/assets/contract.css");
const WALLET: &str = include_str!("web/assets/wallet.js");
const APP: &str = include_str!("web/assets/app.js");
const THEME: &str = include_str!("web/assets/theme.js");
const ICON: &str = include_str!("web/assets/icon.svg");
const SCRIPT: &str = "text/javascript; charset=utf-8";

fn asset(
    kind: &'static str,
    text: &'static str,
) -> ([(header::HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=3600")], text)
}

async fn missing() -> PageError {
    PageError::NotFound("There is no such page.".to_owned())
}

/// Does work that reads the disk, away from the threads that serve.
///
/// # Errors
///
/// What `work` says; [`PageError::Busy`] if its turn does not come.
pub(crate) async fn blocking<T: Send + 'static>(
    explorer: &Arc<Explorer>,
    work: impl FnOnce(&Explorer) -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    let permit = tokio::time::timeout(PATIENCE, READS.acquire()).await;
    let Ok(Ok(permit)) = permit else { return Err(PageError::Busy) };
    let explorer = explorer.clone();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&explorer)
    })
    .await?
}

#[cfg(test)]
mod tests;
