//! `heddle bench ecrecover`: times the recovery of senders in lanes beside libsecp256k1.

use super::{random::Random, statistics::Quartiles};
use crate::Error;
use alloy_primitives::Address;
use clap::builder::TypedValueParser as _;
use heddle_ecrecover::{Lanes, Recoverable, Recoverer, recover_key};
use serde::Serialize;
use std::{
    hint::black_box,
    io::{self, Write},
    time::Instant,
};

/// Recover the senders of many signatures in lanes, and one at a time with libsecp256k1, and time it.
///
/// All on one core. Each round recovers the same signatures, in turn a batch in lanes and the same
/// ones by libsecp256k1, so that what else the machine does falls on both. Timed are hashes and
/// signatures in, addresses out, hashing the keys included. A round that is not timed comes first, in
/// which all addresses are compared.
///
/// The signatures are drawn by splitmix64 from a fixed seed, so all runs recover the same; nobody
/// signed, but each has a key.
///
/// Figures are medians of the rounds. A speed-up is the median over the rounds of the time of
/// libsecp256k1 divided by the other of the same round; its quartiles stand beside it.
///
/// Exit status: 0 when all is equal, 1 when an address differs, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchEcrecover {
    /// The lanes to recover in [default: all that the processor has; with --json the fastest]
    #[arg(long, value_name = "LANES",
          value_parser = clap::builder::PossibleValuesParser::new(["portable", "avx2", "ifma"])
              .try_map(|name| name.parse::<Lanes>()))]
    lanes: Option<Lanes>,
    /// Signatures of each round.
    #[arg(long, value_name = "N", default_value_t = 2_048,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    signatures: u32,
    /// Signatures that are recovered at once.
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    batch: u32,
    /// Rounds that are timed.
    #[arg(long, value_name = "R", default_value_t = 11,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Print one JSON object a line for each of the lanes.
    #[arg(long)]
    json: bool,
}

/// The seconds of one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    ours: f64,
    libsecp256k1: f64,
}

/// What was found out of some lanes.
#[derive(Debug)]
struct Measured {
    lanes: Lanes,
    signatures: usize,
    rounds: Vec<Round>,
    /// Places of the addresses that differ.
    differences: Vec<usize>,
}

impl BenchEcrecover {
    /// Does it, printing to the standard output. `false` when something differs.
    ///
    /// # Errors
    ///
    /// When the processor lacks the lanes or the results cannot be written.
    pub fn run(self) -> Result<bool, Error> {
        self.run_to(&mut io::stdout().lock())
    }

    fn run_to(&self, out: &mut impl Write) -> Result<bool, Error> {
        let recoverers = self.recoverers()?;
        let signed = signatures(self.signatures as usize);
        if !self.json {
            self.head(out)?;
        }
        let mut is_equal = true;
        for (lanes, recoverer) in recoverers {
            let measured = self.measure(lanes, &recoverer, &signed);
            is_equal &= measured.differences.is_empty();
            measured.print(out, self.json)?;
            out.flush()?;
        }
        Ok(is_equal)
    }

    fn recoverers(&self) -> Result<Vec<(Lanes, Recoverer)>, Error> {
        let lanes = match self.lanes {
            Some(lanes) => vec![lanes],
            None if self.json => vec![Lanes::best()],
            None => Lanes::available().collect(),
        };
        let made = lanes.into_iter().map(|lanes| Ok((lanes, Recoverer::new(lanes)?)));
        made.collect()
    }

    fn measure(&self, lanes: Lanes, recoverer: &Recoverer, signed: &[Recoverable]) -> Measured {
        let (found, expected) = (recoverer.addresses(signed), one_by_one(signed));
        let places = found.iter().zip(&expected).enumerate();
        let differences =
            places.filter(|(_, (found, expected))| found.ok() != **expected).map(|(at, _)| at);
        let mut measured = Measured {
            lanes,
            signatures: signed.len(),
            rounds: Vec::new(),
            differences: differences.collect(),
        };
        for _ in 0..self.runs {
            let mut round = Round::default();
            for batch in signed.chunks(self.batch as usize) {
                let start = Instant::now();
                black_box(recoverer.addresses(black_box(batch)));
                round.ours += start.elapsed().as_secs_f64();
                let start = Instant::now();
                black_box(one_by_one(black_box(batch)));
                round.libsecp256k1 += start.elapsed().as_secs_f64();
            }
            measured.rounds.push(round);
        }
        measured
    }

    fn head(&self, out: &mut impl Write) -> Result<(), Error> {
        let Self { signatures, batch, runs, .. } = self;
        writeln!(
            out,
            "{signatures} signatures a round, {batch} at once, {runs} rounds, one core; medians, \
             speed-ups against libsecp256k1 with quartiles"
        )?;
        writeln!(
            out,
            "{:<10} {:>12} {:>18} {:>14}   speed-up",
            "lanes", "ours, 1/s", "libsecp256k1, 1/s", "ours, us each"
        )?;
        Ok(())
    }
}

fn one_by_one(signed: &[Recoverable]) -> Vec<Option<Address>> {
    signed.iter().map(|signed| recover_key(signed).ok().map(|key| key.address())).collect()
}

/// Signatures that have a key: about half of those that are drawn.
fn signatures(count: usize) -> Vec<Recoverable> {
    let mut random = Random::new(1);
    let mut draw = || Recoverable {
        hash: random.word(),
        r: random.word().into(),
        s: random.word().into(),
        id: random.below(2) as u8,
    };
    std::iter::repeat_with(&mut draw)
        .filter(|signed| recover_key(signed).is_ok())
        .take(count)
        .collect()
}

impl Measured {
    fn per_second(&self, seconds: impl Fn(&Round) -> f64) -> f64 {
        let each = self.rounds.iter().map(|round| self.signatures as f64 / seconds(round));
        Quartiles::of(each).map_or(0.0, |quartiles| quartiles.median)
    }

    fn speedup(&self) -> Quartiles {
        let each = self.rounds.iter().map(|round| round.libsecp256k1 / round.ours);
        Quartiles::of(each).unwrap_or(Quartiles { first: 0.0, median: 0.0, third: 0.0 })
    }

    fn print(&self, out: &mut impl Write, json: bool) -> Result<(), Error> {
        let ours = self.per_second(|round| round.ours);
        let libsecp256k1 = self.per_second(|round| round.libsecp256k1);
        let Quartiles { first, median, third } = self.speedup();
        if json {
            let line = Line {
                lanes: self.lanes.name(),
                ours_per_s: ours.round(),
                libsecp256k1_per_s: libsecp256k1.round(),
                speedup: rounded(median),
                speedup_quartiles: [rounded(first), rounded(third)],
                signatures: self.signatures,
                runs: self.rounds.len(),
                result: if self.differences.is_empty() { "equal" } else { "different" },
            };
            let line = serde_json::to_string(&line).expect("numbers and strings have a JSON form");
            writeln!(out, "{line}")?;
            return Ok(());
        }
        writeln!(
            out,
            "{:<10} {ours:>12.0} {libsecp256k1:>18.0} {:>14.2}   {median:.2}x ({first:.2}-{third:.2}){}",
            self.lanes.name(),
            1e6 / ours,
            if self.differences.is_empty() { "" } else { "  DIFFERENT" },
        )?;
        for at in self.differences.iter().take(10) {
            writeln!(out, "    signature {at} has another address")?;
        }
        Ok(())
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

/// The results of some lanes as JSON.
#[derive(Serialize)]
struct Line {
    lanes: &'static str,
    ours_per_s: f64,
    libsecp256k1_per_s: f64,
    speedup: f64,
    /// First and third.
    speedup_quartiles: [f64; 2],
    signatures: usize,
    runs: usize,
    result: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn bench(json: bool, lanes: Option<Lanes>) -> (bool, String) {
        let bench = BenchEcrecover { lanes, signatures: 40, batch: 16, runs: 3, json };
        let mut out = Vec::new();
        let is_equal = bench.run_to(&mut out).unwrap();
        (is_equal, String::from_utf8(out).unwrap())
    }

    #[test]
    fn prints_one_object_for_the_fastest_or_the_chosen_lanes() {
        for (chosen, name) in [(None, Lanes::best()), (Some(Lanes::Portable), Lanes::Portable)] {
            let (is_equal, text) = bench(true, chosen);
            assert!(is_equal);
            assert_eq!(text.lines().count(), 1);
            let line: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["lanes"], name.name());
            assert_eq!(line["result"], "equal");
            for key in ["ours_per_s", "libsecp256k1_per_s", "speedup"] {
                assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
            }
        }
    }

    #[test]
    fn prints_a_row_for_all_lanes() {
        let (is_equal, text) = bench(false, None);
        assert!(is_equal);
        assert_eq!(text.lines().count(), 2 + Lanes::available().count());
        assert!(Lanes::available().all(|lanes| text.contains(lanes.name())), "{text}");
    }

    #[test]
    fn tells_an_address_that_differs() {
        let measured = Measured {
            lanes: Lanes::Portable,
            signatures: 8,
            rounds: vec![Round { ours: 1.0, libsecp256k1: 4.0 }],
            differences: vec![3],
        };
        let mut out = Vec::new();
        measured.print(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("DIFFERENT") && text.contains("signature 3"), "{text}");
        assert!(text.contains("4.00x"), "{text}");
    }
}
