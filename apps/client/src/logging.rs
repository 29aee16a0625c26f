//! Logs to the standard error, as text or as JSON.

use std::{
    env,
    io::{self, IsTerminal as _},
};
use tracing_subscriber::EnvFilter;

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// An object a line for programs.
    Json,
}

/// Whether logs are in color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
}

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log filter {filter:?} cannot be read; give a level, as debug, or targets, as info,heddle_rpc=debug"
)]
pub struct FilterError {
    filter: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging. Later calls in the same process change nothing.
///
/// # Errors
///
/// [`FilterError`].
pub fn start(filter: &str, format: LogFormat, color: Color) -> Result<(), FilterError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| FilterError { filter: filter.to_owned(), source })?;
    let logs = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr).with_ansi(
        match color {
            Color::Auto => io::stderr().is_terminal(),
            Color::Always => true,
            Color::Never => false,
        },
    );
    // Only tests start it twice.
    let _ = match format {
        LogFormat::Text => logs.with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Starts logging lines for people, as `RUST_LOG` says; what it cannot say is `info`.
pub fn start_by_environment() {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).ok();
    let started = wanted.and_then(|filter| start(&filter, LogFormat::Text, Color::Auto).ok());
    if started.is_none() {
        start("info", LogFormat::Text, Color::Auto).expect("it is a level");
    }
}
