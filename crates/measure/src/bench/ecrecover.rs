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
/// All on one core. Each round recovers all signatures in lanes, and then as many of them by
/// libsecp256k1 as take as long: so what else the machine does falls on both alike. Timed are hashes
/// and signatures in, addresses out, hashing the keys included. A round that is not timed comes
/// first, in which all addresses are compared.
///
/// The signatures are drawn by splitmix64 from a fixed seed, so all runs recover the same; nobody
/// signed, but each has a key.
///
/// Figures are medians of the rounds. A speed-up is the median over the rounds of what the lanes do
/// in a second divided by what libsecp256k1 does in the same round; its quartiles stand beside it.
///
/// Exit status: 0 when all is equal, 1 when an address differs, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchEcrecover {
    /// The lanes to recover in [default: all that the processor has; with --json the fastest]
    #[arg(long, value_name = "LANES",
          value_parser = clap::builder::PossibleValuesParser::new(["portable", "avx2", "ifma"])
              .try_map(|name| name.parse::<Lanes>()))]
    lanes: Option<Lanes>,
    /// Signatures that are recovered at once.
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    signatures: u32,
    /// Rounds that are timed.
    #[arg(long, value_name = "R", default_value_t = 101,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Print one JSON object a line for each of the lanes.
    #[arg(long)]
    json: bool,
}

/// Signatures a second in one round.
#[derive(Clone, Copy, Debug)]
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
        let alone = &signed[..as_long(recoverer, signed)];
        for _ in 0..self.runs {
            measured.rounds.push(Round {
                ours: rate(signed, |signed| recoverer.addresses(signed)),
                libsecp256k1: rate(alone, one_by_one),
            });
        }
        measured
    }

    fn head(&self, out: &mut impl Write) -> Result<(), Error> {
        let Self { signatures, runs, .. } = self;
        writeln!(
            out,
            "{signatures} signatures at once, {runs} rounds, one core; medians, speed-ups against \
             libsecp256k1 with quartiles"
        )?;
        writeln!(
            out,
            "{:<10} {:>12} {:>18} {:>14}   speed-up",
            "lanes", "ours, 1/s", "libsecp256k1, 1/s", "ours, us each"
        )?;
        Ok(())
    }
}

/// How many of the signatures libsecp256k1 recovers while all are recovered in lanes. The best of a few
/// tries counts, as others may use the machine.
fn as_long(recoverer: &Recoverer, signed: &[Recoverable]) -> usize {
    let part = &signed[..signed.len().min(8)];
    let best = |work: &dyn Fn() -> f64| (0..10).map(|_| work()).fold(0.0, f64::max);
    let ours = best(&|| rate(signed, |signed| recoverer.addresses(signed)));
    let libsecp256k1 = best(&|| rate(part, one_by_one));
    let count = signed.len() as f64 * libsecp256k1 / ours;
    (count.round() as usize).clamp(1, signed.len())
}

/// How many signatures a second the work recovers.
fn rate<T>(signed: &[Recoverable], work: impl Fn(&[Recoverable]) -> T) -> f64 {
    let start = Instant::now();
    black_box(work(black_box(signed)));
    signed.len() as f64 / start.elapsed().as_secs_f64()
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
    fn quartiles(&self, figure: impl Fn(&Round) -> f64) -> Quartiles {
        Quartiles::of(self.rounds.iter().map(figure)).expect("there is a round at least")
    }

    fn print(&self, out: &mut impl Write, json: bool) -> Result<(), Error> {
        let ours = self.quartiles(|round| round.ours).median;
        let libsecp256k1 = self.quartiles(|round| round.libsecp256k1).median;
        let Quartiles { first, median, third } =
            self.quartiles(|round| round.ours / round.libsecp256k1);
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
        let bench = BenchEcrecover { lanes, signatures: 40, runs: 3, json };
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
            rounds: vec![Round { ours: 8.0, libsecp256k1: 2.0 }],
            differences: vec![3],
        };
        let mut out = Vec::new();
        measured.print(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("DIFFERENT") && text.contains("signature 3"), "{text}");
        assert!(text.contains("4.00x"), "{text}");
    }
}
