//! Sources of prices: files, HTTP, WebSocket. What they say is bounded in length and time, and counts
//! for so long only as its source is trusted to.

mod csv;
mod http;
mod websocket;

use crate::{
    decimal::{DecimalError, parse_decimal},
    pointer::PointerError,
};
use serde::Deserialize;
use std::{io, path::Path, time::Duration};

/// How far in the future the time of a value may be, in seconds: clocks differ.
const FUTURE_MAX: u64 = 5;

pub use csv::File;
pub use http::Request;
pub use websocket::Stream;

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Csv(File),
    /// What a server answers.
    Http(Request),
    /// What a server sends by itself.
    WebSocket(Stream),
}

impl Place {
    /// Whether addresses and pointers have their form.
    pub(crate) fn is_right(&self) -> bool {
        match self {
            Self::Csv(_) => true,
            Self::Http(request) => request.is_right(),
            Self::WebSocket(stream) => stream.is_right(),
        }
    }
}

/// What a number that is a time counts, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    Seconds,
    /// Thousandths of seconds.
    Milliseconds,
}

impl TimeUnit {
    /// Seconds since 1970, rounded down, so that a time is never later than it is.
    fn read(self, text: &str) -> Result<u64, SourceError> {
        let whole = text.split('.').next().unwrap_or_default();
        let value = parse_decimal(whole, 0)
            .map_err(|source| SourceError::Number { text: shown(text), source })?;
        let value = u64::try_from(value).map_err(|_| SourceError::Time(shown(text)))?;
        Ok(match self {
            Self::Seconds => value,
            Self::Milliseconds => value / 1000,
        })
    }
}

/// What a source said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    /// A decimal number, if all is well.
    text: String,
    /// Since when it is so, in seconds since 1970.
    at: u64,
}

/// A value of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// With the decimals of the feed.
    pub value: i128,
    /// Since when it is so, in seconds since 1970.
    pub at: u64,
}

/// Why a source has no value now.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// The file has no such column.
    #[error("the first line of the file names no column {0:?}")]
    Column(String),
    /// The file has no row that can be used.
    #[error("the file has no whole row{0}")]
    Row(&'static str),
    /// The server does not answer as it should.
    #[error("the server does not answer as it should")]
    Http(#[source] Box<ureq::Error>),
    /// The answer is no text.
    #[error("the answer is no text in UTF-8")]
    Text,
    /// The answer lacks what is sought.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// Nothing has come yet, or the connection is lost.
    #[error("no value has come yet: {0}")]
    Waiting(String),
    /// It is no number.
    #[error("{text:?} is no value")]
    Number {
        /// What it is.
        text: String,
        /// Why.
        source: DecimalError,
    },
    /// It is no time.
    #[error("{0:?} is no time; should it be in other units?")]
    Time(String),
    /// It is too old.
    #[error("the value is {age} s old, of {max} s at most")]
    Stale {
        /// Its age.
        age: u64,
        /// What is allowed.
        max: u64,
    },
    /// It is from later than now.
    #[error("the value is of {0} s in the future; are the clocks right?")]
    Future(u64),
}

/// A source at work.
#[derive(Debug)]
pub struct Source {
    /// Its name in the configuration.
    pub name: String,
    age_max: u64,
    tap: Tap,
}

#[derive(Debug)]
enum Tap {
    Csv(File),
    Http(http::Client),
    WebSocket(websocket::Follower),
}

impl Source {
    /// Opens a source; one that sends by itself is followed from now on, by a thread.
    pub fn open(
        name: &str,
        place: &Place,
        age_max: u64,
        folder: &Path,
        patience: Duration,
    ) -> Self {
        let tap = match place {
            Place::Csv(file) => Tap::Csv(file.within(folder)),
            Place::Http(request) => Tap::Http(http::Client::new(request.clone(), patience)),
            Place::WebSocket(stream) => Tap::WebSocket(websocket::Follower::start(stream.clone())),
        };
        Self { name: name.to_owned(), age_max, tap }
    }

    /// What the source says at `now`, with `decimals` digits behind the point.
    ///
    /// # Errors
    ///
    /// See [`SourceError`].
    pub fn read(&self, now: u64, decimals: u8) -> Result<Reading, SourceError> {
        let said = match &self.tap {
            Tap::Csv(file) => file.read(now)?,
            Tap::Http(client) => client.read(now)?,
            Tap::WebSocket(follower) => follower.last()?,
        };
        judge(&said, now, self.age_max, decimals)
    }

    /// Whether values come by themselves, so that the first takes its time.
    pub const fn is_followed(&self) -> bool {
        matches!(self.tap, Tap::WebSocket(_))
    }
}

fn judge(said: &Said, now: u64, age_max: u64, decimals: u8) -> Result<Reading, SourceError> {
    let ahead = said.at.saturating_sub(now);
    if ahead > FUTURE_MAX {
        return Err(SourceError::Future(ahead));
    }
    let age = now.saturating_sub(said.at);
    if age > age_max {
        return Err(SourceError::Stale { age, max: age_max });
    }
    let value = parse_decimal(&said.text, decimals)
        .map_err(|source| SourceError::Number { text: shown(&said.text), source })?;
    Ok(Reading { value, at: said.at })
}

/// The beginning of what a stranger said.
fn shown(text: &str) -> String {
    heddle_client::visible(&text.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, at: u64) -> Said {
        Said { text: text.to_owned(), at }
    }

    #[test]
    fn a_value_counts_as_long_as_it_is_young() {
        let read = |at| judge(&said("1.5", at), 1000, 30, 2);
        assert_eq!(read(970).unwrap(), Reading { value: 150, at: 970 });
        assert!(matches!(read(969), Err(SourceError::Stale { age: 31, max: 30 })));
        assert_eq!(read(1005).unwrap().value, 150);
        assert!(matches!(read(1006), Err(SourceError::Future(6))));
        assert!(matches!(judge(&said("x", 1000), 1000, 30, 2), Err(SourceError::Number { .. })));
    }

    #[test]
    fn times_are_read_in_their_unit() {
        assert_eq!(TimeUnit::Seconds.read("1700000000.999").unwrap(), 1_700_000_000);
        assert_eq!(TimeUnit::Milliseconds.read("1700000000999").unwrap(), 1_700_000_000);
        for wrong in ["", "-5", "yesterday", "1e30"] {
            assert!(TimeUnit::Seconds.read(wrong).is_err(), "{wrong}");
        }
    }
}
