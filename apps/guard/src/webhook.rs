//! Tells a webhook.

use crate::{
    alert::{Alert, Severity},
    watch::{Watch, WatchError},
};
use std::{error::Error, thread, time::Duration};

/// Alerts that are told before that is written down.
const TOLD_AT_ONCE: usize = 16;

/// Time that a webhook may take for one alert.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often an alert is tried before the chain is looked at again; it is kept until it is taken.
const TRIES_MAX: u32 = 5;
/// The first wait after a failure; each is twice as long as the one before.
const WAIT_FIRST: Duration = Duration::from_millis(200);

/// Why an alert was not taken.
#[derive(Debug, thiserror::Error)]
#[error("the webhook does not take the alert {id}; it is kept, and tried again")]
pub struct WebhookError {
    id: String,
    source: Box<ureq::Error>,
}

/// Somebody who wants to know.
#[derive(Debug)]
pub struct Webhook {
    url: String,
    agent: ureq::Agent,
}

impl Webhook {
    /// At an address that begins with `http://` or `https://`.
    pub fn new(url: &str) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build();
        Self { url: url.to_owned(), agent: settings.into() }
    }

    /// Posts an alert, a few times if need be. It was taken if the answer has a status of success.
    ///
    /// # Errors
    ///
    /// [`WebhookError`] after the last try.
    pub fn tell(&self, alert: &Alert) -> Result<(), WebhookError> {
        let mut tries = 0;
        loop {
            let error = match self.agent.post(&self.url).send_json(alert) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            tries += 1;
            if tries >= TRIES_MAX {
                return Err(WebhookError { id: alert.id.clone(), source: Box::new(error) });
            }
            thread::sleep(WAIT_FIRST.saturating_mul(1 << (tries - 1)));
        }
    }
}

/// Tells what waits, in order; gives whether all was taken.
///
/// # Errors
///
/// See [`WatchError`]. What was told and not written down is told again.
pub fn tell(watch: &mut Watch, webhook: Option<&Webhook>) -> Result<bool, WatchError> {
    loop {
        let mut count = 0;
        let mut failed = false;
        for alert in watch.outbox().iter().take(TOLD_AT_ONCE) {
            if let Some(webhook) = webhook
                && let Err(error) = webhook.tell(alert)
            {
                tracing::warn!(error = %error, cause = error.source().map(ToString::to_string), waiting = watch.outbox().len(), "not told");
                failed = true;
                break;
            }
            log(alert);
            count += 1;
        }
        watch.told(count)?;
        if failed {
            return Ok(false);
        }
        if watch.outbox().is_empty() {
            return Ok(true);
        }
    }
}

fn log(alert: &Alert) {
    let Alert { id, state, severity, text, source, event, block, .. } = alert;
    match severity {
        Severity::Info => tracing::info!(?state, source, event, block, id, "{text}"),
        Severity::Warning => tracing::warn!(?state, source, event, block, id, "{text}"),
        Severity::Critical => tracing::error!(?state, source, event, block, id, "{text}"),
    }
}
