//! What the collateral costs outside, block by block, and what the oracle says of it.

use crate::{
    file::{Generated, Price, PriceSource, Time},
    random::Random,
};

/// Decimals of the feed.
pub const FEED_DECIMALS: u8 = 8;

/// Most lines of a file of prices: a block each.
const LINES_MAX: usize = 10_000;

/// Prices of one block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Where arbitrageurs trade, in dollars.
    pub outside: f64,
    /// What reporters observe, with the decimals of the feed; `None` while they are out.
    pub observed: Option<i64>,
}

/// Why there are no prices.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// A line is not two numbers.
    #[error("line {line} of the prices has to be seconds, a comma and a price above 0")]
    Line {
        /// From 1.
        line: usize,
    },
    /// Times do not rise.
    #[error("line {line} of the prices is not later than the one before; sort them by time")]
    Order {
        /// From 1.
        line: usize,
    },
    /// None, or too many.
    #[error("the prices have {0} lines; give from 1 to {LINES_MAX}")]
    Count(usize),
}

/// The prices of all blocks; the first is that before the first block.
///
/// # Errors
///
/// [`PathError`], of a file.
pub fn prices(price: &Price, time: &Time, seed: u64) -> Result<Vec<Prices>, PathError> {
    let outside = match &price.source {
        PriceSource::Generated(generated) => {
            generate(price.start, generated, time, &mut Random::new(seed, "price"))
        }
        PriceSource::Csv(text) => sample(text, time)?,
    };
    let blocks = outside.into_iter().enumerate();
    Ok(blocks
        .map(|(block, outside)| {
            let minute = block as f64 * time.block_seconds as f64 / 60.0;
            Prices { outside, observed: observed(price, minute, outside) }
        })
        .collect())
}

fn observed(price: &Price, minute: f64, outside: f64) -> Option<i64> {
    let within = |from: f64, minutes: f64| minute >= from && minute < from + minutes;
    if price.outages.iter().any(|outage| within(outage.minute, outage.minutes)) {
        return None;
    }
    let print = price.prints.iter().find(|print| within(print.minute, print.minutes));
    let seen = outside * print.map_or(1.0, |print| print.factor);
    Some((seen * 10_f64.powi(i32::from(FEED_DECIMALS))).round().max(1.0) as i64)
}

/// A fall in waves with jumps: in logarithms a slope, a wave for each rebound, a walk and jumps,
/// the walk pinned so that the fall is what it is said to be; then a recovery.
fn generate(start: f64, shape: &Generated, time: &Time, random: &mut Random) -> Vec<f64> {
    let blocks = time.blocks();
    let minutes = time.block_seconds as f64 / 60.0;
    let falling = ((shape.fall_minutes / minutes).round() as usize).clamp(1, blocks.max(1));
    let jumps: Vec<usize> = (0..shape.jumps).map(|_| random.below(falling) + 1).collect();
    let mut walk = vec![0.0];
    for block in 1..=blocks {
        let jump = jumps.iter().filter(|at| **at == block).count() as f64 * shape.jump;
        let step = shape.volatility * minutes.sqrt() * random.normal() - jump;
        walk.push(walk[block - 1] + step);
    }
    let (bottom, pin) = ((1.0 - shape.fall).ln(), walk[falling]);
    let price = |block: usize| {
        let part = block as f64 / falling as f64;
        if block <= falling {
            let wave = shape.rebound
                * (part * std::f64::consts::TAU * f64::from(shape.rebounds)).sin()
                * (1.0 - part);
            return (walk[block] - pin * part + bottom * part + wave).exp();
        }
        let after = (block - falling) as f64 / (blocks - falling).max(1) as f64;
        (bottom + walk[block] - pin + shape.recovery.ln_1p() * after).exp()
    };
    (0..=blocks).map(|block| start * price(block)).collect()
}

/// Each block has the last price that is not later than it.
fn sample(text: &str, time: &Time) -> Result<Vec<f64>, PathError> {
    let points = parse(text)?;
    let at = |block: usize| {
        let seconds = block as f64 * time.block_seconds as f64;
        let later = points.partition_point(|(when, _)| *when <= seconds);
        points[later.saturating_sub(1)].1
    };
    Ok((0..=time.blocks()).map(at).collect())
}

fn parse(text: &str) -> Result<Vec<(f64, f64)>, PathError> {
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("seconds")
    });
    let mut points: Vec<(f64, f64)> = vec![];
    for (index, line) in lines.take(LINES_MAX + 1) {
        let error = PathError::Line { line: index + 1 };
        let numbers = line.split_once(',').and_then(|(seconds, price)| {
            Some((seconds.trim().parse::<f64>().ok()?, price.trim().parse::<f64>().ok()?))
        });
        let (seconds, price) = numbers.ok_or(error)?;
        if !(seconds.is_finite() && price.is_finite() && price > 0.0) {
            return Err(PathError::Line { line: index + 1 });
        }
        if points.last().is_some_and(|(before, _)| *before >= seconds) {
            return Err(PathError::Order { line: index + 1 });
        }
        points.push((seconds, price));
    }
    if points.is_empty() || points.len() > LINES_MAX {
        return Err(PathError::Count(points.len()));
    }
    Ok(points)
}

/// The same as a file of prices.
pub fn to_csv(prices: &[Prices], time: &Time) -> String {
    let mut text = "seconds,price\n".to_owned();
    for (block, prices) in prices.iter().enumerate() {
        let seconds = block as u64 * time.block_seconds;
        text.push_str(&format!("{seconds},{:.8}\n", prices.outside));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Outage, Print};

    fn time() -> Time {
        Time { block_seconds: 15, minutes: 90 }
    }

    fn price(generated: Generated) -> Price {
        Price {
            start: 2_000.0,
            source: PriceSource::Generated(generated),
            prints: vec![],
            outages: vec![],
        }
    }

    fn crash() -> Generated {
        Generated {
            fall: 0.5,
            fall_minutes: 60.0,
            volatility: 0.004,
            jumps: 6,
            jump: 0.03,
            rebounds: 3,
            rebound: 0.08,
            recovery: 0.1,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_prices_and_the_fall_is_as_said() {
        for seed in 0..20 {
            let path = prices(&price(crash()), &time(), seed).unwrap();
            assert_eq!(path, prices(&price(crash()), &time(), seed).unwrap());
            assert_ne!(path, prices(&price(crash()), &time(), seed + 1).unwrap());
            assert_eq!(path.len(), 361);
            assert!((path[0].outside - 2_000.0).abs() < 1e-9);
            assert!((path[240].outside - 1_000.0).abs() < 1e-6, "{}", path[240].outside);
        }
    }

    #[test]
    fn steps_have_the_volatility_that_was_asked_for() {
        let flat = Generated { fall: 0.0, jumps: 0, rebounds: 0, recovery: 0.0, ..crash() };
        let mut squares = 0.0;
        let mut count = 0.0;
        for seed in 0..50 {
            let path = prices(&price(flat.clone()), &time(), seed).unwrap();
            for pair in path.windows(2) {
                squares += (pair[1].outside / pair[0].outside).ln().powi(2);
                count += 1.0;
            }
        }
        let deviation = f64::sqrt(squares / count);
        assert!((deviation / (0.004 * 0.5) - 1.0).abs() < 0.03, "{deviation}");
    }

    #[test]
    fn bad_prints_and_outages_are_the_oracles_alone() {
        let mut price = price(Generated {
            fall: 0.0,
            volatility: 0.0,
            jumps: 0,
            rebounds: 0,
            recovery: 0.0,
            ..crash()
        });
        price.prints.push(Print { minute: 10.0, minutes: 1.0, factor: 0.5 });
        price.outages.push(Outage { minute: 20.0, minutes: 5.0 });
        let path = prices(&price, &time(), 1).unwrap();
        assert_eq!(path[40].observed, Some(100_000_000_000));
        assert_eq!(path[44].observed, Some(200_000_000_000));
        assert_eq!(path[80].observed, None);
        assert!(path.iter().all(|prices| prices.outside == 2_000.0));
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let path = prices(&price(crash()), &time(), 3).unwrap();
        let csv = Price { source: PriceSource::Csv(to_csv(&path, &time())), ..price(crash()) };
        let again = prices(&csv, &time(), 9).unwrap();
        assert!(again.iter().zip(&path).all(|(a, b)| (a.outside - b.outside).abs() < 1e-8));
    }

    #[test]
    fn a_wrong_file_is_told_by_its_line() {
        let of = |text: &str| parse(text).unwrap_err();
        assert_eq!(of("seconds,price\n0,1\nx,2\n"), PathError::Line { line: 3 });
        assert_eq!(of("0,1\n1,-2\n"), PathError::Line { line: 2 });
        assert_eq!(of("0,1\n0,2\n"), PathError::Order { line: 2 });
        assert_eq!(of("# nothing\n"), PathError::Count(0));
        let long = (0..=LINES_MAX).map(|second| format!("{second},1\n")).collect::<String>();
        assert_eq!(of(&long), PathError::Count(LINES_MAX + 1));
    }
}
