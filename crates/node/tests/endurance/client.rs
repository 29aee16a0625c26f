//! JSON-RPC over HTTP, in batches.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug)]
#[allow(dead_code, reason = "the texts are for whoever unwraps it")]
pub(crate) enum Failure {
    /// The node does not answer (any more).
    Gone(String),
    /// It answers with an error.
    Refused(String),
}

/// A connection to a node.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
}

/// Largest answer that is read, in bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Most calls in a batch that the node takes.
const BATCH_MAX: usize = 1_000;

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
        Self { agent: config.build().new_agent(), url: url.to_owned() }
    }

    /// Calls a method once for each of the parameters: what it answers, or the message of its
    /// error.
    pub(crate) fn batch(
        &self,
        method: &str,
        parameters: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Result<Value, String>>, Failure> {
        let calls: Vec<Value> = parameters
            .into_iter()
            .enumerate()
            .map(|(id, params)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let mut answers = Vec::with_capacity(calls.len());
        for calls in calls.chunks(BATCH_MAX) {
            answers.extend(self.send(calls)?);
        }
        Ok(answers)
    }

    fn send(&self, calls: &[Value]) -> Result<Vec<Result<Value, String>>, Failure> {
        let gone = |error: ureq::Error| Failure::Gone(error.to_string());
        let mut response = self.agent.post(&self.url).send_json(calls).map_err(gone)?;
        let body = response.body_mut().with_config().limit(ANSWER_MAX);
        let mut answers: Vec<Value> = body.read_json().map_err(gone)?;
        assert_eq!(answers.len(), calls.len(), "each call gets an answer");
        answers.sort_by_key(|answer| answer["id"].as_u64());
        Ok(answers
            .iter_mut()
            .map(|answer| match answer["error"]["message"].as_str() {
                Some(message) => Err(message.to_owned()),
                None => Ok(answer["result"].take()),
            })
            .collect())
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Calls a method once.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, Failure> {
        parse(self.batch(method, [params])?.pop().expect("one call, one answer"))
    }
}

/// What a call answers.
pub(crate) fn parse<T: DeserializeOwned>(answer: Result<Value, String>) -> Result<T, Failure> {
    let answer = answer.map_err(Failure::Refused)?;
    Ok(serde_json::from_value(answer).expect("the answer has this form"))
}
