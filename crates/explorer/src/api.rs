//! APIs for programs: Etherscan's, one of our own, Sourcify's for verification, and downloads.
//!
//! In: requests of strangers. Out: JSON and CSV. A handler is a function of an [`Ask`](work::Ask),
//! which has the parameters, the chain and the index as they are at one moment, and a deadline; it
//! runs on a thread of its own, of which there are only so many.
//!
//! | module | what it does |
//! |---|---|
//! | `params` | parameters of strangers, and their bounds |
//! | `work` | what handlers work with, and how many work at a time |
//! | `lookup` | blocks, transactions and logs at the places that the index names |
//! | `failure` | why there is no answer |
//! | `limit` | requests of one client |
//! | `etherscan` | `/api` and `/v2/api` |
//! | `rest` | `/api/v1` and its OpenAPI document |
//! | `csv` | downloads |
//! | `verification` | jobs that verify sources |
//! | `sourcify` | `/sourcify`, for plugins that verify |

mod csv;
mod etherscan;
mod failure;
mod limit;
mod lookup;
mod params;
mod rest;
mod sourcify;
pub(crate) mod verification;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use limit::limit;
pub(crate) use work::Bounds;

use crate::Explorer;
use axum::{
    Router,
    http::{HeaderValue, header},
    response::Response,
};
use std::sync::Arc;

/// All paths below `/api` and `/sourcify`, and `/v2/api`.
pub(crate) fn routes() -> Router<Arc<Explorer>> {
    Router::new().merge(etherscan::routes()).merge(rest::routes()).merge(sourcify::routes())
}

/// Lets pages of others read an answer: it is public, and nothing is done by asking.
fn readable_by_all(mut response: Response) -> Response {
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}
