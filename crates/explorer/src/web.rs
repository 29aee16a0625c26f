//! Pages for people.

mod home;
mod layout;

use crate::Explorer;
use axum::{Router, http::header, routing::get};
use std::sync::Arc;
use tokio::sync::watch;

/// All pages and what they load. Streams end when `stopped` says so.
pub(crate) fn routes(_stopped: watch::Receiver<bool>) -> Router<Arc<Explorer>> {
    Router::new()
        .route("/", get(home::page))
        .route("/assets/style.css", get(|| async { asset("text/css", STYLE) }))
}

const STYLE: &str = include_str!("web/assets/style.css");

fn asset(
    kind: &'static str,
    text: &'static str,
) -> ([(header::HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=3600")], text)
}
