//! What handlers take out of a request, with pages for what makes no sense.

use super::PageError;
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

/// The parts of the path that vary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlPath<T>(pub(crate) T);

/// What stands behind the question mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlQuery<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for UrlPath<T> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let found = Path::from_request_parts(parts, state).await;
        let Path(path) = found.map_err(|error| PageError::Bad(error.body_text()))?;
        Ok(Self(path))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for UrlQuery<T> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let found = Query::from_request_parts(parts, state).await;
        let Query(query) = found.map_err(|error| PageError::Bad(error.body_text()))?;
        Ok(Self(query))
    }
}
