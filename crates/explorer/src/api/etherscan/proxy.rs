//! JSON-RPC by Etherscan's names of parameters, answered in JSON-RPC's shape.

use super::{Answer, Outcome, refused, render};
use crate::{
    Explorer,
    api::{
        failure::Failure,
        params::Params,
        work::{Ask, in_turn},
    },
};
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The only one that does something.
const SEND: &str = "eth_sendrawtransaction";

/// Where an argument comes from.
enum Argument {
    Text(&'static str),
    Flag(&'static str),
    /// A block; the last one if none is named.
    Tag(&'static str),
    /// The fields of a call.
    Call,
    /// The fields of a filter for logs.
    Filter,
}

use Argument::{Call, Filter, Flag, Tag, Text};

/// Methods and their arguments.
const METHODS: &[(&str, &[Argument])] = &[
    ("eth_blockNumber", &[]),
    ("eth_getBlockByNumber", &[Tag("tag"), Flag("boolean")]),
    ("eth_getBlockTransactionCountByNumber", &[Tag("tag")]),
    ("eth_getUncleByBlockNumberAndIndex", &[Tag("tag"), Text("index")]),
    ("eth_getTransactionByHash", &[Text("txhash")]),
    ("eth_getTransactionByBlockNumberAndIndex", &[Tag("tag"), Text("index")]),
    ("eth_getTransactionCount", &[Text("address"), Tag("tag")]),
    ("eth_sendRawTransaction", &[Text("hex")]),
    ("eth_getTransactionReceipt", &[Text("txhash")]),
    ("eth_call", &[Call, Tag("tag")]),
    ("eth_getCode", &[Text("address"), Tag("tag")]),
    ("eth_getStorageAt", &[Text("address"), Text("position"), Tag("tag")]),
    ("eth_gasPrice", &[]),
    ("eth_estimateGas", &[Call]),
    ("eth_getLogs", &[Filter]),
];

/// Whether asking does nothing. `action` is in lower case.
pub(super) fn only_reads(action: &str) -> bool {
    action != SEND
}

/// `action` is in lower case.
pub(super) async fn answer(explorer: &Arc<Explorer>, action: &str, params: Params) -> Response {
    let method = METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(action));
    let Some((method, arguments)) = method else {
        return refused("Error! Missing Or invalid Action name");
    };
    let arguments: Vec<Value> = arguments.iter().map(|argument| argument.read(&params)).collect();
    render(in_turn(explorer, params, move |ask| call(ask, method, arguments)).await)
}

fn call(ask: &Ask, method: &str, arguments: Vec<Value>) -> Outcome {
    let answer = match ask.call::<Value>(method, arguments.into()) {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": 1, "result": result }),
        Err(Failure::Call(failure)) => {
            let mut error = json!({ "code": failure.code, "message": failure.message });
            if let Some(data) = failure.data {
                error["data"] = data;
            }
            json!({ "jsonrpc": "2.0", "id": 1, "error": error })
        }
        Err(failure) => return Err(failure),
    };
    Ok(Answer::Rpc(answer))
}

impl Argument {
    fn read(&self, params: &Params) -> Value {
        let fields = |names: &[(&str, &str)]| {
            let given = names.iter().filter_map(|(parameter, field)| {
                Some(((*field).to_owned(), json!(params.text(parameter)?)))
            });
            given.collect::<Map<String, Value>>()
        };
        match self {
            Text(name) => params.text(name).map_or(Value::Null, Value::from),
            Flag(name) => json!(params.text(name).is_some_and(|text| text == "true")),
            Tag(name) => json!(params.text(name).unwrap_or("latest")),
            Call => Value::Object(fields(&[
                ("from", "from"),
                ("to", "to"),
                ("data", "data"),
                ("value", "value"),
                ("gas", "gas"),
                ("gasPrice", "gasPrice"),
            ])),
            Filter => {
                let names = [
                    ("address", "address"),
                    ("fromBlock", "fromBlock"),
                    ("toBlock", "toBlock"),
                    ("blockHash", "blockHash"),
                ];
                let mut filter = fields(&names);
                let topics: Vec<Value> = (0..4)
                    .map(|position| params.text(&format!("topic{position}")))
                    .map(|topic| topic.map_or(Value::Null, Value::from))
                    .collect();
                let used = topics.iter().rposition(|topic| !topic.is_null());
                let topics = topics.into_iter().take(used.map_or(0, |last| last + 1));
                filter.insert("topics".to_owned(), topics.collect());
                Value::Object(filter)
            }
        }
    }
}
