//! What a reporter sees of a feed: the values of all its sources, and what follows from them.

use crate::{
    aggregate::{Aggregate, aggregate},
    config::FeedConfig,
    source::{Reading, Source, SourceError},
};
use std::{path::Path, thread, time::Duration};

/// The sources of a feed.
#[derive(Debug)]
pub struct Sources {
    sources: Vec<Source>,
    config: FeedConfig,
}

/// What the sources said.
#[derive(Debug)]
pub struct Collection {
    /// Of each source, by name, in their order.
    pub readings: Vec<(String, Result<Reading, SourceError>)>,
    /// Of the values alone, in the same order.
    pub aggregate: Option<Aggregate>,
    /// How many sources must be good.
    pub sources_min: usize,
}

impl Sources {
    /// Opens the sources of a feed. A server is waited for as long as `patience`.
    pub fn open(config: &FeedConfig, folder: &Path, patience: Duration) -> Self {
        let open = |source: &crate::config::SourceConfig| {
            let place = source.place()?;
            Some(Source::open(&source.name, &place, source.max_age_seconds, folder, patience))
        };
        Self { sources: config.sources.iter().filter_map(open).collect(), config: config.clone() }
    }

    /// Asks all sources at the same time. `now` is in seconds since 1970.
    pub fn collect(&self, now: u64, decimals: u8) -> Collection {
        let readings: Vec<_> = thread::scope(|scope| {
            let readers: Vec<_> = self
                .sources
                .iter()
                .map(|source| scope.spawn(move || source.read(now, decimals)))
                .collect();
            let read = readers.into_iter().zip(&self.sources);
            read.map(|(reader, source)| {
                let reading = reader.join().unwrap_or_else(|_| {
                    Err(SourceError::Waiting("its reader has panicked".to_owned()))
                });
                (source.name.clone(), reading)
            })
            .collect()
        });
        let values: Vec<i128> =
            readings.iter().filter_map(|(_, reading)| Some(reading.as_ref().ok()?.value)).collect();
        let aggregate = aggregate(&values, self.config.outliers());
        Collection { readings, aggregate, sources_min: self.config.sources_min }
    }

    /// Whether some have their first value only after a while.
    pub fn are_followed(&self) -> bool {
        self.sources.iter().any(Source::is_followed)
    }
}

impl Collection {
    /// The value to report, if so many sources are good that there is one.
    pub fn value(&self) -> Option<i128> {
        let aggregate = self.aggregate.as_ref()?;
        (aggregate.good() >= self.sources_min).then_some(aggregate.median)
    }

    /// Each source with its value and whether that is an outlier, or why it has none.
    pub fn judged(&self) -> impl Iterator<Item = (&str, Result<(Reading, bool), &SourceError>)> {
        let mut outliers = self.aggregate.iter().flat_map(|aggregate| &aggregate.is_outlier);
        self.readings.iter().map(move |(name, reading)| {
            let judged = match reading {
                // There is a mark for each value.
                Ok(reading) => Ok((*reading, outliers.next().copied().unwrap_or(true))),
                Err(error) => Err(error),
            };
            (name.as_str(), judged)
        })
    }
}
