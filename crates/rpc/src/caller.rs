//! Calling methods from within the process, without a connection.

use crate::{Context, Settings, StartError, context::Node, server::module};
use jsonrpsee::RpcModule;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{fmt, sync::Arc};

/// Calls JSON-RPC methods for other parts of the same process: what a client would get.
#[derive(Clone)]
pub struct Caller(Arc<RpcModule<Node>>);

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// A call was refused, or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Deserialize)]
#[error("{message}")]
pub struct CallFailure {
    /// The code of JSON-RPC: 3 for a revert.
    pub code: i64,
    /// What was wrong.
    pub message: String,
    /// More: what a revert returned.
    #[serde(default)]
    pub data: Option<Value>,
}

/// Either a result or an error.
#[derive(Deserialize)]
struct Answer {
    result: Option<Box<RawValue>>,
    error: Option<CallFailure>,
}

impl Caller {
    /// For the node of `context`. `settings` says which methods there are, and their bounds; no
    /// address is listened on.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn new(context: Context, settings: Settings) -> Result<Self, StartError> {
        Ok(Self(Arc::new(module(Arc::new(Node::new(context, settings)))?)))
    }

    /// Calls a method with a list of arguments. The result is JSON, as a client gets it.
    ///
    /// # Errors
    ///
    /// What a client would get as an error.
    pub async fn call(&self, method: &str, arguments: Value) -> Result<Box<RawValue>, CallFailure> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": arguments });
        let internal = |message: String| CallFailure { code: -32603, message, data: None };
        let (answer, _) = self
            .0
            .raw_json_request(&request.to_string(), 1)
            .await
            .map_err(|error| internal(error.to_string()))?;
        let answer: Answer =
            serde_json::from_str(answer.get()).map_err(|error| internal(error.to_string()))?;
        match answer {
            Answer { error: Some(error), .. } => Err(error),
            // A result of null is one.
            Answer { result, .. } => Ok(result.unwrap_or_else(|| RawValue::NULL.to_owned())),
        }
    }
}
