//! Sources that a person sends.

use super::{Subject, show};
use crate::{
    Explorer,
    facts::{View, transactions::Lines},
    server::Shared,
    web::{PageError, blocking, extract::UrlPath, paths},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes as Code};
use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use heddle_solidity::{
    requests::etherscan::parameters,
    verify::{Request, verify},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::Semaphore;

/// Verifications of this page at a time: a compiler takes gigabytes and a minute.
static TURN: Semaphore = Semaphore::const_new(1);

/// `POST /address/{address}/contract/verify`: goes to the contract, or says why not.
pub(crate) async fn post(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let address = paths::address(&address)?;
    let subject = Subject::read(&explorer, address).await?;
    let outcome = match request(&body) {
        Ok(request) => attempt(&explorer, &subject, request).await?,
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
    subject: &Subject,
    request: Request,
) -> Result<Result<(), String>, PageError> {
    let Some(compilers) = explorer.parts.compilers.clone() else {
        return Ok(Err("this node has no compilers".to_owned()));
    };
    let Ok(turn) = TURN.try_acquire() else { return Err(PageError::Busy) };
    let address = subject.own.address;
    let creation = blocking(explorer, move |explorer| creation(explorer, address)).await?;
    let (runtime, contracts) = (subject.own.bytes.clone(), explorer.parts.contracts.clone());
    // Not among the reads of pages: it takes far longer, and has a bound of its own.
    let outcome = tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone: the turn ends with the work.
        let _turn = turn;
        let found = verify(&compilers, &request, &runtime, creation.as_ref().map(|code| &code[..]));
        let found = found.map_err(|error| error.to_string())?;
        contracts.insert(found).map(|_| ()).map_err(|error| {
            tracing::error!(%error, "a verified contract cannot be kept");
            error.to_string()
        })
    });
    Ok(outcome.await?)
}

/// The code that created a contract, if a transaction did so itself.
fn creation(explorer: &Explorer, contract: Address) -> Result<Option<Code>, PageError> {
    let view = View::new(explorer)?;
    let Some(creation) = view.index.creation(contract)?.filter(|creation| creation.frame == 0)
    else {
        return Ok(None);
    };
    let hash = Lines::new(&view).hash(creation.block, creation.transaction)?;
    let found = hash.map(|hash| view.chain.transaction(hash)).transpose()?.flatten();
    Ok(found.map(|found| found.transaction.transaction.input().clone()))
}
