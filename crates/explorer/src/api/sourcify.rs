//! Sourcify's API below `/sourcify`, as plugins of forge and Hardhat speak it.

use super::{
    etherscan::timestamp,
    failure::Failure,
    params::Params,
    verification::{Job, Refusal, State, begin, verified},
    work::in_turn,
};
use crate::{Explorer, server::Shared};
use alloy_primitives::Address;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use heddle_solidity::requests::{RequestError, Submission, sourcify};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long an answer of version 1 waits for its verification.
const VERIFICATION_MAX: Duration = Duration::from_secs(180);
/// Addresses of one look-up.
const ADDRESSES_MAX: usize = 20;

pub(super) fn routes() -> Router<Arc<Explorer>> {
    Router::new()
        .route("/sourcify/v2/contract/{chain}/{address}", get(contract))
        .route("/sourcify/v2/verify/{chain}/{address}", post(verify))
        .route("/sourcify/v2/verify/metadata/{chain}/{address}", post(verify_by_metadata))
        .route("/sourcify/v2/verify/{id}", get(job))
        .route("/sourcify/check-all-by-addresses", get(check))
        .route("/sourcify/check-by-addresses", get(check))
        .route("/sourcify/verify", post(verify_v1))
        .route("/sourcify/", post(verify_v1))
        .route("/sourcify", post(verify_v1))
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(sourcify::error(code, message, ""))).into_response()
}

fn wrong(message: &str) -> Response {
    refused(StatusCode::BAD_REQUEST, "invalid_parameter", message)
}

fn failed(failure: &Failure) -> Response {
    failure.report();
    refused(failure.status(), "internal_error", &failure.to_string())
}

/// Chain and address of a path.
fn place(explorer: &Explorer, chain: &str, address: &str) -> Result<(u64, Address), Box<Response>> {
    let own = explorer.parts.chain.spec().chain_id;
    if chain.parse() != Ok(own) {
        let words = format!("this is chain {own}");
        return Err(Box::new(refused(StatusCode::BAD_REQUEST, "unsupported_chain", &words)));
    }
    let parsed = address.parse();
    parsed
        .map(|address| (own, address))
        .map_err(|_| Box::new(wrong("an address is 0x and 40 hex digits")))
}

async fn contract(
    Extract(explorer): Shared,
    Path((chain, address)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let (chain, address) = match place(&explorer, &chain, &address) {
        Ok(place) => place,
        Err(response) => return *response,
    };
    let params = Params::of(&[query.unwrap_or_default().as_bytes()]);
    let answer = in_turn(&explorer, params, move |ask| {
        let found = verified(ask, address)?;
        let fields = ask.params.text("fields");
        let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        Ok((status, sourcify::contract(chain, address, found.as_deref(), fields)))
    });
    match answer.await {
        Ok((status, answer)) => (status, Json(answer)).into_response(),
        Err(failure) => failed(&failure),
    }
}

async fn answer(
    explorer: &Arc<Explorer>,
    submission: Result<Submission, RequestError>,
) -> Response {
    let submission = match submission {
        Ok(submission) => submission,
        Err(error) => return wrong(&error.to_string()),
    };
    let refusal = match begin(explorer, submission).await {
        Ok((id, _)) => {
            return (StatusCode::ACCEPTED, Json(sourcify::accepted(&id))).into_response();
        }
        Err(refusal) => refusal,
    };
    let words = refusal.to_string();
    match refusal {
        Refusal::NoCompilers => {
            refused(StatusCode::NOT_IMPLEMENTED, "unsupported_compiler", &words)
        }
        Refusal::OtherChain(_) => refused(StatusCode::BAD_REQUEST, "unsupported_chain", &words),
        Refusal::NoCode(_) => refused(StatusCode::BAD_REQUEST, "contract_not_deployed", &words),
        Refusal::Already => refused(StatusCode::CONFLICT, "already_verified", &words),
        Refusal::Busy => refused(StatusCode::SERVICE_UNAVAILABLE, "busy", &words),
        Refusal::Failed(failure) => failed(&failure),
    }
}

async fn verify(
    Extract(explorer): Shared,
    Path((chain, address)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    match place(&explorer, &chain, &address) {
        Ok((chain, address)) => {
            answer(&explorer, sourcify::submission(chain, address, &body)).await
        }
        Err(response) => *response,
    }
}

async fn verify_by_metadata(
    Extract(explorer): Shared,
    Path((chain, address)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    match place(&explorer, &chain, &address) {
        Ok((chain, address)) => {
            answer(&explorer, sourcify::submission_by_metadata(chain, address, &body)).await
        }
        Err(response) => *response,
    }
}

async fn job(Extract(explorer): Shared, Path(id): Path<String>) -> Response {
    let Some(job) = explorer.bounds.jobs.get(&id) else {
        return refused(StatusCode::NOT_FOUND, "job_not_found", "there is no such verification");
    };
    let chain = explorer.parts.chain.spec().chain_id;
    let Job { address, started, finished, state } = job;
    let state = match &state {
        State::Pending => sourcify::Job::Pending,
        State::Verified(verified) => sourcify::Job::Verified(verified),
        State::Failed(code, message) => sourcify::Job::Failed(sourcify::error(code, message, &id)),
    };
    let finished = finished.map(timestamp);
    let (started, finished) = (timestamp(started), finished.as_deref());
    Json(sourcify::job(&id, chain, address, &started, finished, &state)).into_response()
}

async fn check(Extract(explorer): Shared, RawQuery(query): RawQuery) -> Response {
    let params = Params::of(&[query.unwrap_or_default().as_bytes()]);
    let chain = explorer.parts.chain.spec().chain_id;
    let answer = in_turn(&explorer, params, move |ask| {
        let addresses = ask.params.text("addresses").unwrap_or_default();
        let chains = ask.params.text("chainIds").unwrap_or_default();
        let is_ours = chains.split(',').any(|text| text.trim().parse() == Ok(chain));
        let mut answers = Vec::new();
        for text in addresses.split(',').take(ADDRESSES_MAX) {
            let Ok(address) = text.trim().parse() else {
                return Err(Failure::Invalid("an address is 0x and 40 hex digits".to_owned()));
            };
            let found = if is_ours { verified(ask, address)? } else { None };
            answers.push(sourcify::checked(chain, address, found.as_deref()));
        }
        Ok(Value::from(answers))
    });
    match answer.await {
        Ok(answer) => Json(answer).into_response(),
        Err(failure) => {
            failure.report();
            (failure.status(), Json(sourcify::refused_v1(&failure.to_string()))).into_response()
        }
    }
}

/// Version 1 wants the outcome at once.
async fn verify_v1(Extract(explorer): Shared, body: Bytes) -> Response {
    let refused = |status: StatusCode, reason: &str| {
        (status, Json(sourcify::refused_v1(reason))).into_response()
    };
    let submission = match sourcify::submission_v1(&body) {
        Ok(submission) => submission,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let address = submission.address;
    let (id, task) = match begin(&explorer, submission).await {
        Ok(begun) => begun,
        Err(refusal) => return refused(StatusCode::BAD_REQUEST, &refusal.to_string()),
    };
    // If it takes longer, it goes on, and can be looked up.
    let _ = timeout(VERIFICATION_MAX, task).await;
    match explorer.bounds.jobs.get(&id).map(|job| job.state) {
        Some(State::Verified(verified)) => {
            let chain = explorer.parts.chain.spec().chain_id;
            Json(sourcify::checked_v1(chain, address, &verified)).into_response()
        }
        Some(State::Failed(_, reason)) => refused(StatusCode::BAD_REQUEST, &reason),
        Some(State::Pending) | None => {
            refused(StatusCode::SERVICE_UNAVAILABLE, "the verification has not ended yet")
        }
    }
}
