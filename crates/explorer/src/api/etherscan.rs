//! Etherscan's API: `/api?module=…&action=…`, and its second version at `/v2/api`.
//!
//! Answers have Etherscan's shapes and words. Numbers are decimal strings; what `proxy` and
//! `getLogs` give is hex, as there. `docs/explorer-api.md` says what differs.

mod account;
mod block;
mod contract;
mod gas;
mod list;
mod logs;
mod proxy;
mod stats;
mod token;
mod transaction;

pub(crate) use gas::prices;
pub(crate) use stats::timestamp;

use super::{
    failure::Failure,
    params::{Number, Params},
    readable_by_all,
    work::{Ask, in_turn},
};
use crate::{Explorer, server::Shared};
use alloy_primitives::{Address, B256};
use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Json, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a query found.
pub(crate) enum Answer {
    /// The result.
    Found(Value),
    /// A list without entries, with the words for it.
    Nothing(&'static str),
    /// JSON-RPC has its own shape.
    Rpc(Value),
}

type Outcome = Result<Answer, Failure>;
type Handler = fn(&Ask) -> Outcome;

/// An action.
struct Action {
    module: &'static str,
    action: &'static str,
    handler: Handler,
}

const fn action(module: &'static str, action: &'static str, handler: Handler) -> Action {
    Action { module, action, handler }
}

/// All actions.
const ACTIONS: &[Action] = &[
    action("account", "balance", account::balance),
    action("account", "balancemulti", account::balances),
    action("account", "balancehistory", account::balance_history),
    action("account", "txlist", account::transactions),
    action("account", "txlistinternal", account::internal),
    action("account", "tokentx", token::erc20),
    action("account", "tokennfttx", token::erc721),
    action("account", "token1155tx", token::erc1155),
    action("account", "tokenbalance", token::balance),
    action("account", "addresstokenbalance", token::balances),
    action("account", "addresstokennftbalance", token::collections),
    action("account", "addresstokennftinventory", token::inventory),
    action("account", "getminedblocks", account::mined),
    action("contract", "getabi", contract::abi),
    action("contract", "getsourcecode", contract::source),
    action("contract", "getcontractcreation", contract::creation),
    action("contract", "verifysourcecode", contract::verify),
    action("contract", "checkverifystatus", contract::verify_status),
    action("contract", "verifyproxycontract", contract::verify_proxy),
    action("contract", "checkproxyverification", contract::proxy_status),
    action("transaction", "getstatus", transaction::status),
    action("transaction", "gettxreceiptstatus", transaction::receipt_status),
    action("block", "getblockreward", block::reward),
    action("block", "getblockcountdown", block::countdown),
    action("block", "getblocknobytime", block::by_time),
    action("block", "getblocktxnscount", block::counts),
    action("logs", "getLogs", logs::logs),
    action("stats", "ethsupply", stats::supply),
    action("stats", "ethsupply2", stats::supply),
    action("stats", "ethprice", stats::price),
    action("stats", "chainsize", stats::size),
    action("stats", "tokensupply", token::supply),
    action("stats", "dailytx", stats::transactions),
    action("stats", "dailygasused", stats::gas_used),
    action("stats", "dailyblkcount", stats::blocks),
    action("stats", "dailytxnfee", stats::fees),
    action("token", "tokenholderlist", token::holders),
    action("token", "topholders", token::top_holders),
    action("token", "tokenholdercount", token::holder_count),
    action("token", "tokeninfo", token::info),
    action("gastracker", "gasoracle", gas::oracle),
    action("gastracker", "gasestimate", gas::wait),
];

pub(crate) fn routes() -> Router<Arc<Explorer>> {
    Router::new().route("/api", get(v1).post(v1)).route("/v2/api", get(v2).post(v2))
}

async fn v1(
    state: Shared,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    if query.is_none() && method == Method::GET && accepts.is_some_and(|a| a.contains("text/html"))
    {
        return Redirect::temporary("/api/v1").into_response();
    }
    let params = Params::of(&[query.unwrap_or_default().as_bytes(), &body]);
    answer(&state.0, &method, params).await
}

async fn v2(
    State(explorer): Shared,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let params = Params::of(&[query.unwrap_or_default().as_bytes(), &body]);
    let chain = params.parse::<Number>("chainid").ok().flatten();
    if chain != Some(Number(explorer.parts.chain.spec().chain_id)) {
        return refused(
            "Missing or unsupported chainid parameter (required for v2 api), please see \
             https://api.etherscan.io/v2/chainlist for the list of supported chainids",
        );
    }
    answer(&explorer, &method, params).await
}

async fn answer(explorer: &Arc<Explorer>, method: &Method, params: Params) -> Response {
    let module = params.text("module").unwrap_or_default().to_ascii_lowercase();
    let action = params.text("action").unwrap_or_default().to_ascii_lowercase();
    if module == "proxy" {
        let reads = *method == Method::GET && proxy::only_reads(&action);
        let response = proxy::answer(explorer, &action, params).await;
        return if reads { readable_by_all(response) } else { response };
    }
    if action == "verifysourcecode" && *method != Method::POST {
        return refused("Error! verifysourcecode takes POST");
    }
    let handler = match find(&module, &action) {
        Ok(handler) => handler,
        Err(words) => return refused(words),
    };
    let response = render(in_turn(explorer, params, handler).await);
    if *method == Method::GET { readable_by_all(response) } else { response }
}

/// The handler of an action, or Etherscan's words for one that is not there.
fn find(module: &str, action: &str) -> Result<Handler, &'static str> {
    let mut of_module = ACTIONS.iter().filter(|known| known.module == module).peekable();
    if of_module.peek().is_none() {
        return Err("Error! Missing Or invalid Module name");
    }
    let found = of_module.find(|known| known.action.eq_ignore_ascii_case(action));
    found.map(|known| known.handler).ok_or("Error! Missing Or invalid Action name")
}

fn render(outcome: Outcome) -> Response {
    match outcome {
        Ok(Answer::Found(result)) => {
            Json(json!({ "status": "1", "message": "OK", "result": result })).into_response()
        }
        Ok(Answer::Nothing(message)) => {
            Json(json!({ "status": "0", "message": message, "result": [] })).into_response()
        }
        Ok(Answer::Rpc(answer)) => Json(answer).into_response(),
        Err(failure) => {
            failure.report();
            refused(&failure.to_string())
        }
    }
}

/// An error, in Etherscan's shape.
pub(crate) fn refused(result: &str) -> Response {
    Json(json!({ "status": "0", "message": "NOTOK", "result": result })).into_response()
}

fn found(result: impl Into<Value>) -> Outcome {
    Ok(Answer::Found(result.into()))
}

fn invalid<T>(words: &str) -> Result<T, Failure> {
    Err(Failure::Invalid(words.to_owned()))
}

/// Parameters, with Etherscan's words for those that make no sense.
impl Ask {
    fn address(&self) -> Result<Address, Failure> {
        self.address_in("address")?.map_or_else(|| invalid("Error! Missing address"), Ok)
    }

    fn address_in(&self, name: &str) -> Result<Option<Address>, Failure> {
        self.params.parse(name).or_else(|_| invalid("Error! Invalid address format"))
    }

    fn contract(&self) -> Result<Address, Failure> {
        self.contract_address()?
            .map_or_else(|| invalid("Error! Missing Or invalid Contract Address"), Ok)
    }

    fn contract_address(&self) -> Result<Option<Address>, Failure> {
        self.params
            .parse("contractaddress")
            .or_else(|_| invalid("Error! Invalid contract address format"))
    }

    fn transaction_hash(&self) -> Result<Option<B256>, Failure> {
        self.params.parse("txhash").or_else(|_| invalid("Error! Invalid transaction hash"))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let number = self.params.parse::<Number>(name);
        let number = number.or_else(|_| invalid(&format!("Error! Invalid {name}")))?;
        Ok(number.map(|Number(number)| number))
    }

    /// A height; `latest` is the last one.
    fn block_number(&self, name: &str) -> Result<Option<u64>, Failure> {
        if self.params.text(name).is_some_and(|text| text.eq_ignore_ascii_case("latest")) {
            return Ok(Some(self.lookup.head()));
        }
        let number = self.params.parse::<Number>(name);
        let number = number.or_else(|_| invalid("Error! Invalid block number"))?;
        Ok(number.map(|Number(number)| number))
    }

    fn required_block(&self, name: &str) -> Result<u64, Failure> {
        self.block_number(name)?.map_or_else(|| invalid("Error! Missing block number"), Ok)
    }
}

/// Addresses and hashes are in lower case there.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}
