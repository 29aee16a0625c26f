//! `heddle oracle`: the commands, and what they print.

use crate::{
    clock,
    collect::{Collection, Sources},
    config::Config,
    decimal::format_decimal,
    error::OracleError,
    feed::Facts,
    reporter,
};
use alloy_primitives::{Address, U256};
use clap::{Args, Subcommand};
use heddle_client::{
    At, Node,
    logging::{self, Color, LogFormat},
    program::with_causes,
    read_key,
};
use heddle_venue::contracts::price_feed::PriceFeed;
use serde_json::json;
use std::{
    io::{self, Write as _},
    path::PathBuf,
    thread,
    time::Duration,
};

/// How long a server is waited for, and the first value of one that sends by itself.
const OBSERVE_PATIENCE: Duration = Duration::from_secs(5);

/// Reports prices: collects them, agrees with the other reporters of a feed, and submits what they
/// agreed on.
#[derive(Debug, Args)]
pub struct Oracle {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
    Status(Status),
    Observe(Observe),
}

/// Reports until it is ended, at any moment and in any way.
#[derive(Debug, Args)]
struct Run {
    /// The configuration: docs/oracle.md
    config: PathBuf,
    /// What is logged: a level, or targets
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// Log an object a line
    #[arg(long)]
    log_json: bool,
}

/// Prints what the chain has of the feeds. Status 1 if one must not be used.
#[derive(Debug, Args)]
struct Status {
    /// The configuration
    config: PathBuf,
    /// Print JSON, an object a feed
    #[arg(long)]
    json: bool,
}

/// Asks the sources once, and prints what they say and what follows. Signs and sends nothing. Status 1
/// if there is a feed without a value.
#[derive(Debug, Args)]
struct Observe {
    /// The configuration
    config: PathBuf,
    /// Print JSON, an object a feed
    #[arg(long)]
    json: bool,
}

impl Oracle {
    /// Runs the command. `false` says that a feed is not as it should be.
    ///
    /// # Errors
    ///
    /// See [`OracleError`].
    pub fn run(self) -> Result<bool, OracleError> {
        match self.command {
            Command::Run(run) => run.run(),
            Command::Status(status) => status.run(),
            Command::Observe(observe) => observe.run(),
        }
    }
}

impl Run {
    fn run(self) -> Result<bool, OracleError> {
        let format = if self.log_json { LogFormat::Json } else { LogFormat::Text };
        logging::start(&self.log, format, Color::Auto)?;
        let config = Config::read(&self.config)?;
        let key = read_key(&config.key)?;
        reporter::run(&config, key)?;
        Ok(true)
    }
}

impl Status {
    fn run(self) -> Result<bool, OracleError> {
        let config = Config::read(&self.config)?;
        // Without the key there is only no seat to tell of.
        let account = read_key(&config.key).ok().map(|key| key.address());
        let node = Node::new(&config.node);
        let mut is_right = true;
        for feed in &config.feeds {
            let facts = Facts::read(&node, feed.address, config.attempt_seconds)?;
            is_right &= self.print(&node, &facts, account)?;
        }
        Ok(is_right)
    }

    fn print(
        &self,
        node: &Node,
        facts: &Facts,
        account: Option<Address>,
    ) -> Result<bool, OracleError> {
        let head = facts.head(node)?;
        // As of now: the last block may be from long ago.
        let is_stale = node.read(facts.feed, &PriceFeed::isStaleCall {}, At::Pending)?;
        let round = node.read(facts.feed, &PriceFeed::latestRoundDataCall {}, At::Latest);
        // It reverts where there is no answer: before the first one, and after the breaker has tripped.
        let round = match round {
            Err(error) if error.revert_data().is_none() => return Err(error.into()),
            round => round.ok(),
        };
        let answer = round.as_ref().and_then(|round| i128::try_from(round._1).ok());
        let answer = answer.map(|answer| format_decimal(answer, facts.decimals));
        let updated_at = round.map(|round| round._3).unwrap_or(U256::ZERO).saturating_to::<u64>();
        let age = clock::seconds().saturating_sub(updated_at);
        let committee = &head.committee;
        let seat = account.and_then(|account| committee.seat_of(account));
        let active = committee.active_seats().len();
        let is_right = !is_stale && committee.is_whole;
        let mut out = io::stdout().lock();
        if self.json {
            let text = json!({
                "feed": facts.feed, "description": facts.description, "answer": answer,
                "round": head.next_round - 1, "updatedAt": updated_at, "heartbeat": facts.heartbeat,
                "isStale": is_stale, "reporters": active, "seats": committee.seats.len(),
                "quorum": committee.quorum, "isWhole": committee.is_whole, "seat": seat,
            });
            writeln!(out, "{text}")?;
            return Ok(is_right);
        }
        writeln!(out, "{} ({})", facts.description, facts.feed)?;
        match answer {
            Some(answer) => writeln!(
                out,
                "  {answer} since {age} s, round {}, heartbeat {} s{}",
                head.next_round - 1,
                facts.heartbeat,
                if is_stale { ": STALE" } else { "" }
            )?,
            None => writeln!(out, "  NO ANSWER")?,
        }
        writeln!(
            out,
            "  {active} of {} reporters, {} needed{}; this one {}",
            committee.seats.len(),
            committee.quorum,
            if committee.is_whole { "" } else { ": TOO FEW, no reports are taken" },
            seat.map_or_else(|| "has no seat".to_owned(), |seat| format!("has seat {seat}")),
        )?;
        Ok(is_right)
    }
}

impl Observe {
    fn run(self) -> Result<bool, OracleError> {
        let config = Config::read(&self.config)?;
        let node = Node::new(&config.node);
        let mut feeds = Vec::new();
        for feed in &config.feeds {
            let facts = Facts::read(&node, feed.address, config.attempt_seconds)?;
            feeds.push((facts, Sources::open(feed, &config.folder, OBSERVE_PATIENCE)));
        }
        if feeds.iter().any(|(_, sources)| sources.are_followed()) {
            thread::sleep(OBSERVE_PATIENCE);
        }
        let mut is_right = true;
        for (facts, sources) in &feeds {
            let now = clock::seconds();
            let collection = sources.collect(now, facts.decimals);
            is_right &= collection.value().is_some();
            self.print(facts, &collection, now)?;
        }
        Ok(is_right)
    }

    fn print(&self, facts: &Facts, collection: &Collection, now: u64) -> Result<(), OracleError> {
        let mut out = io::stdout().lock();
        let shown = |value| format_decimal(value, facts.decimals);
        let value = collection.value().map(shown);
        if self.json {
            let sources: Vec<_> = collection
                .judged()
                .map(|(name, judged)| match judged {
                    Ok((reading, is_outlier)) => json!({
                        "name": name, "value": shown(reading.value), "at": reading.at,
                        "isOutlier": is_outlier,
                    }),
                    Err(error) => json!({"name": name, "error": with_causes(error)}),
                })
                .collect();
            let text = json!({
                "feed": facts.feed, "description": facts.description, "value": value,
                "sourcesMin": collection.sources_min, "sources": sources,
            });
            writeln!(out, "{text}")?;
            return Ok(());
        }
        writeln!(out, "{} ({})", facts.description, facts.feed)?;
        for (name, judged) in collection.judged() {
            match judged {
                Ok((reading, is_outlier)) => writeln!(
                    out,
                    "  {name}: {}, {} s old{}",
                    shown(reading.value),
                    now.saturating_sub(reading.at),
                    if is_outlier { ": rejected, too far from the median" } else { "" }
                )?,
                Err(error) => writeln!(out, "  {name}: none: {}", with_causes(error))?,
            }
        }
        match value {
            Some(value) => writeln!(out, "  would report {value}")?,
            None => writeln!(
                out,
                "  WOULD NOT REPORT: {} good sources are needed",
                collection.sources_min
            )?,
        }
        Ok(())
    }
}
