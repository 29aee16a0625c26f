//! Calldata for scripts.

use super::{Query, Subject, functions, subject};
use crate::{
    server::Shared,
    web::{
        PageError,
        extract::{UrlPath, UrlQuery},
        paths,
    },
};
use alloy_primitives::{Address, Bytes};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

/// A call to be sent.
#[derive(Debug, Serialize)]
struct Call {
    to: Address,
    data: Bytes,
    /// What the selector is made of.
    signature: String,
}

/// `/address/{address}/contract/encode?function=…&arg0=…`: the calldata of a function, by selector
/// or signature, in JSON; with status 400 `{"error": "…"}`.
pub(crate) async fn encode(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Response, PageError> {
    let address = paths::address(&address)?;
    let subject = Subject::read(&explorer, address).await?;
    Ok(match encoded(&subject, &query) {
        Ok(call) => Json(call).into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, Json(json!({ "error": reason }))).into_response(),
    })
}

fn encoded(subject: &Subject, query: &Query) -> Result<Call, String> {
    let verified = subject.chosen(query).0.verified.as_ref();
    let verified =
        verified.ok_or("this contract is not verified, so its functions are not known")?;
    let abi = subject::abi(verified);
    let function = functions::named(&abi, query);
    let function =
        function.ok_or("the ABI has no such function; `function` is a selector or a signature")?;
    let data = functions::calldata(function, query).map_err(|error| error.to_string())?;
    Ok(Call { to: subject.own.address, data, signature: function.signature() })
}
