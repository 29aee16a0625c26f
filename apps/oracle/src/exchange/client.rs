//! Exchanges with one other reporter, by a thread of its own: one that does not answer keeps nobody
//! waiting.

use super::{MESSAGE_BYTES_MAX, Message, MessageError, Talk, Talks, hear};
use crate::{attempt::Schedule, clock};
use alloy_primitives::Address;
use std::{collections::BTreeMap, thread, time::Duration};

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("it does not answer as it should")]
    Http(#[from] ureq::Error),
    #[error("its answer cannot be read")]
    Shape(#[from] serde_json::Error),
    #[error("its answer is of another feed")]
    Feed,
    #[error("its answer is refused")]
    Refused(#[from] MessageError),
}

/// One other reporter.
#[derive(Debug)]
pub(crate) struct Peer {
    url: String,
    agent: ureq::Agent,
    /// What it knows of this process's books, by version.
    told: BTreeMap<Address, u64>,
    answers: bool,
}

impl Peer {
    pub(crate) fn new(url: &str, schedule: Schedule) -> Self {
        let half = Duration::from_secs(schedule.seconds().into()) / 2;
        let patience = half.clamp(Duration::from_millis(500), Duration::from_secs(5));
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .max_redirects(0)
            // The other side ends connections after one request.
            .max_idle_connections(0)
            .build();
        let url = format!("{}/exchange", url.trim_end_matches('/'));
        Self { url, agent: settings.into(), told: BTreeMap::new(), answers: true }
    }

    /// Exchanges for as long as the process lives.
    pub(crate) fn follow(mut self, talks: &Talks, schedule: Schedule) {
        loop {
            self.round(talks);
            thread::sleep(schedule.tick());
        }
    }

    /// Exchanges what is new of each feed.
    pub(crate) fn round(&mut self, talks: &Talks) {
        for (feed, talk) in talks.iter() {
            let version = talk.book.lock().version();
            if self.told.get(feed) == Some(&version) {
                continue;
            }
            match self.exchange(*feed, talk) {
                Ok(()) => {
                    self.told.insert(*feed, version);
                    if !self.answers {
                        tracing::info!(peer = self.url, "a reporter answers again");
                    }
                    self.answers = true;
                }
                Err(error) => {
                    if self.answers {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(peer = self.url, error, "a reporter cannot be reached");
                    }
                    self.answers = false;
                    // The other feeds would have to wait as long each.
                    return;
                }
            }
        }
    }

    fn exchange(&self, feed: Address, talk: &Talk) -> Result<(), ExchangeError> {
        let message = serde_json::to_vec(&talk.message(clock::since_1970()))?;
        let request = self.agent.post(&self.url).content_type("application/json");
        let mut response = request.send(&message)?;
        let body = response.body_mut().with_config().limit(MESSAGE_BYTES_MAX as u64);
        let answer: Message = serde_json::from_slice(&body.read_to_vec()?)?;
        if answer.feed != feed {
            return Err(ExchangeError::Feed);
        }
        Ok(hear(answer, talk)?)
    }
}
