//! An API of our own: `/api/v1`.
//!
//! Amounts are decimal strings, hashes hex, addresses with the checksum of EIP-55. Lists come in
//! pages: `next` of an answer is the `cursor` of the next page, and says where that begins, so that
//! blocks that arrive meanwhile move nothing. Errors are `application/problem+json` (RFC 9457).
//!
//! One table of routes says what is served; the OpenAPI document is made from it.

mod addresses;
mod blocks;
mod chain;
mod contracts;
mod cursor;
mod openapi;
mod shapes;
mod table;
mod tokens;
mod transactions;

pub(crate) use transactions::class_name;

pub(crate) use table::{Handler, Parameter, ROUTES, Route};

use super::{
    csv,
    failure::Failure,
    params::Params,
    readable_by_all,
    work::{Ask, in_turn},
};
use crate::{Explorer, server::Shared};
use alloy_primitives::Address;
use axum::{
    Router,
    extract::{RawPathParams, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Json, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::{str::FromStr, sync::Arc};

/// Entries of a page, if nothing is said.
pub(crate) const LIMIT_DEFAULT: usize = 25;
/// Entries of a page at most.
pub(crate) const LIMIT_MAX: usize = 100;
/// Before all paths of the table.
pub(crate) const PREFIX: &str = "/api/v1";

pub(crate) fn routes() -> Router<Arc<Explorer>> {
    let mut router = Router::new()
        .route(PREFIX, get(|| async { readable_by_all(Json(contents()).into_response()) }))
        .route(
            "/api/v1/openapi.json",
            get(|| async { readable_by_all(Json(openapi::document()).into_response()) }),
        )
        .route("/api/v1/{*rest}", get(|| async { problem(&nowhere()) }));
    for route in ROUTES {
        let answer = move |state: Shared, path: RawPathParams, query: RawQuery| {
            answer(route, state, path, query)
        };
        router = router.route(&format!("{PREFIX}{}", route.path), get(answer));
    }
    router
}

async fn answer(
    route: &'static Route,
    State(explorer): Shared,
    path: RawPathParams,
    RawQuery(query): RawQuery,
) -> Response {
    let mut params = Params::of(&[query.unwrap_or_default().as_bytes()]);
    for (name, value) in &path {
        params.insert(name, value.to_owned());
    }
    let outcome = match route.handler {
        Handler::Json(handler) => {
            in_turn(&explorer, params, handler).await.map(|value| Json(value).into_response())
        }
        Handler::Csv(table) => csv::download(&explorer, params, table).await,
    };
    readable_by_all(outcome.unwrap_or_else(|failure| problem(&failure)))
}

/// What there is.
fn contents() -> Value {
    let routes = ROUTES.iter().map(
        |route| json!({ "path": format!("{PREFIX}{}", route.path), "summary": route.summary }),
    );
    json!({ "openapi": "/api/v1/openapi.json", "routes": routes.collect::<Value>() })
}

fn nowhere() -> Failure {
    Failure::NotFound("there is no such path; /api/v1/openapi.json lists all".to_owned())
}

fn problem(failure: &Failure) -> Response {
    failure.report();
    problem_of(failure.status(), &failure.to_string())
}

fn problem_of(status: StatusCode, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The answer to a client that sends too many requests.
pub(crate) fn too_many() -> Response {
    readable_by_all(problem_of(
        StatusCode::TOO_MANY_REQUESTS,
        "too many requests from this address; Retry-After says when to ask again",
    ))
}

type Outcome = Result<Value, Failure>;

impl Ask {
    /// A part of the path.
    fn part<T: FromStr>(&self, name: &str, what: &str) -> Result<T, Failure> {
        let parsed = self.params.text(name).unwrap_or_default().parse();
        parsed.map_err(|_| Failure::Invalid(format!("this is no {what}")))
    }

    fn path_address(&self) -> Result<Address, Failure> {
        self.part("address", "address: 20 bytes in hex are")
    }

    /// Entries of a page.
    pub(crate) fn limit(&self) -> Result<usize, Failure> {
        match self.params.parse::<usize>("limit")? {
            None => Ok(LIMIT_DEFAULT),
            Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err(Failure::Invalid(format!("limit must be from 1 to {LIMIT_MAX}"))),
        }
    }
}

fn checksum(address: Address) -> String {
    address.to_checksum(None)
}

fn missing<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::NotFound(format!("there is no such {what}")))
}
