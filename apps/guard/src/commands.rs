//! `heddle guard`: the arguments of each command, and what it prints.

use crate::{
    config::{Config, ConfigError},
    watch::{Watch, WatchError},
    webhook::{Webhook, tell},
};
use clap::{Args, Subcommand};
use heddle_client::{Node, logging, program::with_causes};
use std::{path::PathBuf, thread, time::Duration};

/// The longest wait after a node did not answer.
const RETRY_MOST: Duration = Duration::from_secs(30);

/// Watches who may do what on a DeFi venue, and how its prices are made; tells a webhook.
#[derive(Debug, Args)]
pub struct GuardCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The chain, or what is remembered.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl GuardCommand {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// See [`CommandError`].
    pub fn run(self) -> Result<bool, CommandError> {
        match self.command {
            Command::Run(one) => one.run(),
        }
    }
}

/// Watches until it is ended. It may be ended in any way: what it has not told it tells when it is back.
#[derive(Debug, Args)]
struct Run {
    /// The configuration
    config: PathBuf,
    /// Tell all that there is, and end
    #[arg(long)]
    once: bool,
}

impl Run {
    fn run(self) -> Result<bool, CommandError> {
        logging::start_by_environment();
        let config = Config::read(&self.config)?;
        let webhook = config.webhook.as_deref().map(Webhook::new);
        let interval = Duration::from_millis(config.poll_interval_ms);
        let mut watch = Watch::open(Node::new(&config.rpc_url), &config)?;
        tracing::info!(contracts = config.contract.len(), "watches");
        let mut failures = 0_u32;
        loop {
            let more = match watch.advance() {
                Ok(more) => more,
                Err(error @ WatchError::Rpc(_)) if !self.once => {
                    let wait = interval.saturating_mul(1 << failures.min(10)).min(RETRY_MOST);
                    failures = failures.saturating_add(1);
                    tracing::warn!(error = %with_causes(&error), failures, "tries again");
                    thread::sleep(wait);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            failures = 0;
            let all_told = tell(&mut watch, webhook.as_ref())?;
            if self.once && !more {
                return Ok(all_told);
            }
            if !more {
                thread::sleep(interval);
            }
        }
    }
}
