//! APIs for programs.

use crate::Explorer;
use axum::Router;
use std::sync::Arc;

/// All paths below `/api`.
pub(crate) fn routes() -> Router<Arc<Explorer>> {
    Router::new()
}
