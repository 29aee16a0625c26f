//! What is known of each second, and of the whole run.

use super::super::{
    LoadError,
    histogram::Histogram,
    ledger::{TICK_MICROSECONDS, Ticks},
};
use std::{collections::BTreeMap, error::Error, iter::successors, time::Duration};

/// Different reasons of rejections, or kinds of trouble, that are counted apart.
const REASONS_MAX: usize = 64;

/// Ticks in a second.
const SECOND: Ticks = (1_000_000 / TICK_MICROSECONDS) as Ticks;

/// What happened in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) mined: u64,
    /// Latency of what was mined in it, in ticks.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) disk_bytes: Option<u64>,
}

/// Time that processors spent during the run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resources {
    pub(crate) own: Option<Duration>,
    pub(crate) node: Option<Duration>,
}

/// Everything that is written down but what became of each transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) seconds: Vec<Second>,
    /// From when a transaction was due until its block was seen, in ticks.
    pub(crate) latency: Histogram,
    /// How late requests were sent, in ticks.
    pub(crate) lateness: Histogram,
    pub(crate) first_sent: Option<Ticks>,
    pub(crate) last_sent: Ticks,
    pub(crate) last_mined: Ticks,
    /// Why transactions were rejected, and how many.
    pub(crate) rejections: BTreeMap<String, u64>,
    /// What went wrong otherwise, and how often.
    pub(crate) troubles: BTreeMap<String, u64>,
    /// The second that latencies are being gathered of, and they.
    gathering: (usize, Histogram),
}

impl Book {
    fn second(&mut self, now: Ticks) -> &mut Second {
        let number = (now / SECOND) as usize;
        if number >= self.seconds.len() {
            self.seconds.resize(number + 1, Second::default());
        }
        &mut self.seconds[number]
    }

    /// A request was sent, `late` after its last transaction was due.
    pub(super) fn sent(&mut self, now: Ticks, count: u64, late: Option<Ticks>) {
        self.second(now).sent += count;
        self.first_sent.get_or_insert(now);
        self.last_sent = self.last_sent.max(now);
        if let Some(late) = late {
            self.lateness.record(late.into());
        }
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, now: Ticks, accepted: u64, reasons: &[String]) {
        let second = self.second(now);
        second.accepted += accepted;
        second.rejected += reasons.len() as u64;
        for reason in reasons {
            count(&mut self.rejections, shape(reason));
        }
    }

    /// Transactions of ours were seen in a block, these many ticks after they were due.
    pub(super) fn mined(&mut self, now: Ticks, latencies: &[Ticks]) {
        if latencies.is_empty() {
            return;
        }
        let number = (now / SECOND) as usize;
        if self.gathering.0 != number {
            self.gathering.1.clear();
            self.gathering.0 = number;
        }
        for latency in latencies {
            self.latency.record((*latency).into());
            self.gathering.1.record((*latency).into());
        }
        let (p50, p99) = (self.gathering.1.percentile(0.5), self.gathering.1.percentile(0.99));
        let second = self.second(now);
        second.mined += latencies.len() as u64;
        (second.p50, second.p99) = (p50, p99);
        self.last_mined = self.last_mined.max(now);
    }

    /// The node's size.
    pub(super) fn sample(&mut self, now: Ticks, resident: Option<u64>, disk: Option<u64>) {
        let second = self.second(now);
        (second.resident_bytes, second.disk_bytes) = (resident, disk);
    }

    /// Something went wrong.
    pub(super) fn trouble(&mut self, error: &LoadError) {
        let first: &(dyn Error + 'static) = error;
        let chain = successors(Some(first), |&error| error.source());
        let text: Vec<String> = chain.map(ToString::to_string).collect();
        count(&mut self.troubles, text.join(": "));
    }
}

fn count(counts: &mut BTreeMap<String, u64>, what: String) {
    let is_room = counts.len() < REASONS_MAX || counts.contains_key(&what);
    *counts.entry(if is_room { what } else { "others".to_owned() }).or_default() += 1;
}

/// A reason without its numbers and hashes, so that equal ones are counted together.
fn shape(reason: &str) -> String {
    let mut shape = String::with_capacity(reason.len());
    let is_number = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let is_hexadecimal = digits.len() < word.len() || digits.len() >= 40;
        !digits.is_empty()
            && digits
                .chars()
                .all(|c| c.is_ascii_digit() || (is_hexadecimal && c.is_ascii_hexdigit()))
    };
    for part in reason.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        shape.push_str(if is_number(word) { "#" } else { word });
        shape.push_str(&part[word.len()..]);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_differ_by_their_words_alone() {
        assert_eq!(
            shape("nonce too low: next nonce 5, tx nonce 13"),
            "nonce too low: next nonce #, tx nonce #"
        );
        assert_eq!(shape("account 0xab12 lacks 7"), "account # lacks #");
        assert_eq!(shape("txpool is full"), "txpool is full");
        assert_eq!(shape(""), "");
    }

    #[test]
    fn each_second_has_its_own_percentiles() {
        let mut book = Book::default();
        book.mined(SECOND / 2, &[10, 20, 30]);
        book.mined(SECOND / 2 + 1, &[40]);
        book.mined(2 * SECOND, &[500]);
        assert_eq!(book.seconds.len(), 3);
        assert_eq!((book.seconds[0].mined, book.seconds[0].p50, book.seconds[0].p99), (4, 20, 40));
        assert_eq!(book.seconds[1], Second::default());
        assert_eq!((book.seconds[2].mined, book.seconds[2].p50), (1, 500));
        assert_eq!((book.latency.count(), book.last_mined), (5, 2 * SECOND));
    }

    #[test]
    fn reasons_are_bounded() {
        let mut counts = BTreeMap::new();
        (0..1_000).for_each(|number| count(&mut counts, format!("{number}")));
        assert_eq!(counts.len(), REASONS_MAX + 1);
        assert_eq!(counts.values().sum::<u64>(), 1_000);
    }
}
