//! JSON-RPC for what is not measured: the preparation, following the chain, the checks.

use super::{
    LoadError,
    http::{Endpoint, Reader, Writer},
};
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::Duration;

/// Calls in a batch. All nodes take so many: geth's bound is 1,000, and there is one of 25 MB for
/// the answers.
pub(super) const BATCH_MAX: usize = 500;

/// How much of an answer an error shows.
const SHOWN_BYTES_MAX: usize = 300;

/// A connection to a node that asks one request at a time.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    timeout: Duration,
    connection: Option<(Writer, Reader)>,
    body: Vec<u8>,
}

/// What a call of a batch gives: its result, or the node's words.
pub(super) type Answer = Result<Value, String>;

#[derive(Deserialize)]
struct Response {
    id: Option<u64>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

/// An error of JSON-RPC.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) message: String,
}

impl Client {
    pub(super) fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        Self { endpoint, timeout, connection: None, body: Vec::new() }
    }

    /// Another connection to the same node, which waits at most so long for an answer.
    pub(super) fn with_timeout(&self, timeout: Duration) -> Self {
        Self::new(self.endpoint.clone(), timeout)
    }

    /// Sends a request and gives the body of its response.
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<&[u8], LoadError> {
        let (mut writer, mut reader) = match self.connection.take() {
            Some(connection) => connection,
            None => self.endpoint.connect(self.timeout)?,
        };
        writer.send(request)?;
        let status = reader.receive(&mut self.body)?;
        // A connection that broke is not put back.
        self.connection = Some((writer, reader));
        // Some nodes answer errors of JSON-RPC with a status of HTTP besides.
        if status >= 400 && !self.body.starts_with(b"{") && !self.body.starts_with(b"[") {
            return Err(LoadError::Http(format!("status {status}: {}", shown(&self.body))));
        }
        Ok(&self.body)
    }

    /// Calls a method once for each of the parameters.
    pub(super) fn batch(
        &mut self,
        method: &'static str,
        parameters: &[Value],
    ) -> Result<Vec<Answer>, LoadError> {
        let mut answers = Vec::with_capacity(parameters.len());
        for part in parameters.chunks(BATCH_MAX) {
            let calls: Vec<Value> = part
                .iter()
                .enumerate()
                .map(|(id, params)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
                .collect();
            let request = serde_json::to_vec(&calls).expect("JSON can be written");
            let body = self.exchange(&request)?;
            let form = || LoadError::Form { method, answer: shown(body) };
            let responses: Vec<Response> = serde_json::from_slice(body).map_err(|_| form())?;
            let mut ordered: Vec<Option<Answer>> = part.iter().map(|_| None).collect();
            for Response { id, result, error } in responses {
                let place = id.and_then(|id| ordered.get_mut(usize::try_from(id).ok()?));
                let answer = error.map_or(Ok(result), |error| Err(error.message));
                *place.ok_or_else(form)? = Some(answer);
            }
            for answer in ordered {
                answers.push(answer.ok_or_else(form)?);
            }
        }
        Ok(answers)
    }

    /// Calls a method once; an error of the node's is one here.
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Value,
    ) -> Result<T, LoadError> {
        let answer = self.batch(method, &[params])?.pop();
        parse(method, answer.unwrap_or(Ok(Value::Null)))
    }

    /// Calls a method once for each of the parameters; an error of the node's is one here.
    pub(super) fn all<T: DeserializeOwned>(
        &mut self,
        method: &'static str,
        parameters: &[Value],
    ) -> Result<Vec<T>, LoadError> {
        self.batch(method, parameters)?.into_iter().map(|answer| parse(method, answer)).collect()
    }

    /// What accounts own.
    pub(super) fn balances(&mut self, of: &[Address]) -> Result<Vec<U256>, LoadError> {
        self.all("eth_getBalance", &latest(of))
    }

    /// The nonces of accounts.
    pub(super) fn nonces(&mut self, of: &[Address]) -> Result<Vec<u64>, LoadError> {
        let nonces: Vec<U256> = self.all("eth_getTransactionCount", &latest(of))?;
        Ok(nonces.iter().map(U256::saturating_to).collect())
    }

    /// Calls of contracts that each answer with one word.
    pub(super) fn words(&mut self, calls: &[(Address, Vec<u8>)]) -> Result<Vec<U256>, LoadError> {
        let parameters: Vec<Value> = calls
            .iter()
            .map(|(to, data)| {
                let data = alloy_primitives::hex::encode_prefixed(data);
                json!([{"to": to, "data": data}, "latest"])
            })
            .collect();
        let words: Vec<B256> = self.all("eth_call", &parameters)?;
        Ok(words.into_iter().map(Into::into).collect())
    }
}

fn latest(accounts: &[Address]) -> Vec<Value> {
    accounts.iter().map(|address| json!([address, "latest"])).collect()
}

fn parse<T: DeserializeOwned>(method: &'static str, answer: Answer) -> Result<T, LoadError> {
    let value = answer.map_err(|message| LoadError::Refused { method, message })?;
    serde_json::from_value(value.clone())
        .map_err(|_| LoadError::Form { method, answer: shown(value.to_string().as_bytes()) })
}

/// The beginning of a text.
pub(super) fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]).into_owned()
}
