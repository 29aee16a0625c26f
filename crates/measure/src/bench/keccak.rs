//! `heddle bench keccak`: times hashing many messages at once.

use super::{random::Random, statistics::Quartiles};
use crate::Error;
use alloy_primitives::{B256, keccak256};
use heddle_keccak::Lanes;
use serde::Serialize;
use std::{
    hint::black_box,
    io::{self, Write},
    time::{Duration, Instant},
};

/// Lengths of messages: addresses, slots, pairs of hashes, leaves and full branches of a trie.
const LENGTHS: [usize; 5] = [20, 32, 64, 100, 532];

/// Messages that are hashed in a round: few enough to stay in the processor's second cache.
const MESSAGES: usize = 2_048;

/// Hash many messages in all ways that this machine has, and time it.
///
/// Each round hashes the same messages by alloy-primitives, one after the other, with its assembly
/// (the feature asm-keccak), and then in each way; all on one core. Figures are medians over the
/// rounds, and the speed-up is the median of the quotients within the rounds. All ways are compared
/// first.
///
/// Exit status: 0 when all is equal, 1 when something differs, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchKeccak {
    /// Rounds that are timed.
    #[arg(long, value_name = "R", default_value_t = 101,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Print one JSON object a line for each way and length.
    #[arg(long)]
    json: bool,
}

/// What is printed of a way and a length.
#[derive(Clone, Debug, Serialize)]
struct Line {
    lanes: usize,
    bytes: usize,
    ours_per_s: f64,
    alloy_per_s: f64,
    speedup: f64,
}

impl BenchKeccak {
    /// Does it, printing to the standard output. `false` when a hash differs.
    ///
    /// # Errors
    ///
    /// When the results cannot be written.
    pub fn run(self) -> Result<bool, Error> {
        self.run_to(&mut io::stdout().lock())
    }

    fn run_to(&self, out: &mut impl Write) -> Result<bool, Error> {
        if !self.json {
            writeln!(
                out,
                "{:>5} {:>6} {:>14} {:>14} {:>9}",
                "lanes", "bytes", "ours/s", "alloy/s", ""
            )?;
        }
        let mut is_equal = true;
        for bytes in LENGTHS {
            let messages = messages(bytes);
            let expected: Vec<B256> = messages.iter().map(keccak256).collect();
            for lanes in Lanes::available() {
                let mut hashes = vec![B256::ZERO; MESSAGES];
                lanes.hash(&messages, &mut hashes);
                if hashes != expected {
                    is_equal = false;
                    writeln!(out, "hashes of {bytes} bytes with {lanes:?} differ")?;
                    continue;
                }
                self.print(out, &self.measure(lanes, bytes, &messages))?;
            }
        }
        Ok(is_equal)
    }

    fn measure(&self, lanes: Lanes, bytes: usize, messages: &[Vec<u8>]) -> Line {
        let mut hashes = vec![B256::ZERO; messages.len()];
        let (mut alloy, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            alloy.push(time(|| {
                for (message, hash) in messages.iter().zip(&mut hashes) {
                    *hash = keccak256(message);
                }
                black_box(&hashes);
            }));
            ours.push(time(|| {
                lanes.hash(messages, &mut hashes);
                black_box(&hashes);
            }));
        }
        let median = |sample: &mut dyn Iterator<Item = f64>| {
            Quartiles::of(sample).map_or(f64::NAN, |quartiles| quartiles.median)
        };
        let per_s = |time: &Duration| messages.len() as f64 / time.as_secs_f64();
        let quotients = alloy.iter().zip(&ours).map(|(a, o)| a.as_secs_f64() / o.as_secs_f64());
        Line {
            lanes: lanes.count(),
            bytes,
            ours_per_s: median(&mut ours.iter().map(per_s)),
            alloy_per_s: median(&mut alloy.iter().map(per_s)),
            speedup: median(&mut { quotients }),
        }
    }

    fn print(&self, out: &mut impl Write, line: &Line) -> Result<(), Error> {
        if self.json {
            writeln!(out, "{}", serde_json::to_string(line).map_err(io::Error::from)?)?;
        } else {
            let Line { lanes, bytes, ours_per_s, alloy_per_s, speedup } = line;
            writeln!(
                out,
                "{lanes:>5} {bytes:>6} {ours_per_s:>14.0} {alloy_per_s:>14.0} {speedup:>8.2}x"
            )?;
        }
        Ok(())
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn messages(bytes: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(bytes as u64);
    let message = |_| (0..bytes).map(|_| random.below(256) as u8).collect();
    (0..MESSAGES).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_line_for_each_way_and_length() {
        let mut out = Vec::new();
        assert!(BenchKeccak { runs: 3, json: true }.run_to(&mut out).unwrap());
        let lines: Vec<serde_json::Value> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), LENGTHS.len() * Lanes::available().count());
        for line in lines {
            for key in ["lanes", "bytes", "ours_per_s", "alloy_per_s"] {
                assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
            }
        }
    }
}
