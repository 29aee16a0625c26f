//! Sources that a person sends.

use super::show;
use crate::{
    Explorer,
    api::verification::{Refusal, State, carry_out},
    server::Shared,
    web::{PageError, extract::UrlPath, paths},
};
use alloy_primitives::Address;
use axum::{
    body::Bytes,
    extract,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use heddle_solidity::{
    requests::{Submission, etherscan::parameters},
    verify::Request,
};
use std::{collections::BTreeMap, sync::Arc};

/// `POST /address/{address}/contract/verify`: goes to the contract, or says why not.
pub(crate) async fn post(
    extract::State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let address = paths::address(&address)?;
    let outcome = match request(&body) {
        Ok(request) => attempt(&explorer, address, request).await?,
        Err(reason) => Err(reason),
    };
    let Err(refused) = outcome else {
        return Ok(Redirect::to(&super::path(address, "")).into_response());
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| explorer.settings.address.to_string(), str::to_owned);
    let page = show(&explorer, address, BTreeMap::new(), host, Some(refused)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn request(body: &[u8]) -> Result<Request, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the form is no UTF-8".to_owned())?;
    let fields = parameters(text).map_err(|error| error.to_string())?;
    let field = |name| fields.get(name).map(String::as_str).unwrap_or_default();
    let version = field("version").parse().map_err(|error| format!("{error}"))?;
    let input = serde_json::from_str(field("input"))
        .map_err(|error| format!("the standard JSON cannot be read: {error}"))?;
    let contract = Some(field("contract").trim()).filter(|name| !name.is_empty());
    Ok(Request { input, version, contract: contract.map(str::to_owned) })
}

/// Compiles, compares and keeps; the inner error is for who sent it.
async fn attempt(
    explorer: &Arc<Explorer>,
    address: Address,
    request: Request,
) -> Result<Result<(), String>, PageError> {
    let submission = Submission {
        address,
        chain: None,
        request,
        constructor_arguments: None,
        creation_transaction: None,
    };
    match carry_out(explorer, submission).await {
        Ok(State::Failed(_, reason)) => Ok(Err(reason)),
        Ok(_) => Ok(Ok(())),
        Err(Refusal::Busy) => Err(PageError::Busy),
        Err(refusal) => Ok(Err(refusal.to_string())),
    }
}
