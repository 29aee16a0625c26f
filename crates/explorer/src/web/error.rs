//! Pages that say why there is no other.

use super::layout::{Page, Section};
use crate::IndexError;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::html;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// There is no such thing; says what was looked for.
    #[error("{0}")]
    NotFound(String),
    /// The address of the page makes no sense; says why.
    #[error("{0}")]
    Bad(String),
    /// Too many ask at once.
    #[error("the explorer has too much to do; try again in a moment")]
    Busy,
    /// The chain cannot be read.
    #[error("the chain cannot be read")]
    Chain(#[from] heddle_chain::Error),
    /// The state cannot be read.
    #[error("the state cannot be read")]
    State(#[from] heddle_chain::StateError),
    /// The index cannot be read.
    #[error("the index cannot be read")]
    Index(#[from] IndexError),
    /// The work ended without a result.
    #[error("the page could not be made")]
    Ended(#[from] tokio::task::JoinError),
}

impl PageError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Chain(_) | Self::State(_) | Self::Index(_) | Self::Ended(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::BAD_REQUEST => "That is no address of a page",
            StatusCode::SERVICE_UNAVAILABLE => "Busy",
            _ => "Something is broken",
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // What broke is for whoever runs the node, and not for strangers.
            tracing::error!(error = ?self, "a page of the explorer could not be made");
        }
        let body = html! {
            h1 { (title) }
            p.note.bad { (self) }
            p { "Search above, or go " a href="/" { "home" } "." }
        };
        (status, Page::still(title, Section::Other).with(&body)).into_response()
    }
}
