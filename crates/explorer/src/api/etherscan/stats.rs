//! Figures of the chain.

use super::{Answer, Failure, Outcome, found, invalid};
use crate::{HourFigures, api::work::Ask};
use alloy_primitives::U256;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const HOURS_A_DAY: u64 = 24;
/// Days of one answer.
const DAYS_MAX: u64 = 366;

pub(super) fn supply(_: &Ask) -> Outcome {
    Err(Failure::Unsupported(
        "Error! The sum of all balances is not tracked on this chain".to_owned(),
    ))
}

pub(super) fn price(_: &Ask) -> Outcome {
    Err(Failure::Unsupported("Error! The coin of this chain has no market price".to_owned()))
}

pub(super) fn size(_: &Ask) -> Outcome {
    Err(Failure::Unsupported(
        "Error! The size of the chain is not served; `du` of the data folder tells".to_owned(),
    ))
}

pub(super) fn transactions(ask: &Ask) -> Outcome {
    days(ask, |day| json!({ "transactionCount": day.transactions }))
}

pub(super) fn gas_used(ask: &Ask) -> Outcome {
    days(ask, |day| json!({ "gasUsed": day.gas_used.to_string() }))
}

pub(super) fn blocks(ask: &Ask) -> Outcome {
    days(ask, |day| json!({ "blockCount": day.blocks, "blockRewards_Eth": ether(day.tips) }))
}

pub(super) fn fees(ask: &Ask) -> Outcome {
    days(ask, |day| json!({ "transactionFee_Eth": ether(day.tips.saturating_add(day.burned)) }))
}

/// Wei as ether, with all its digits.
fn ether(wei: U256) -> String {
    let unit = U256::from(1_000_000_000_000_000_000_u64);
    format!("{}.{:018}", wei / unit, u64::try_from(wei % unit).unwrap_or_default())
}

/// Figures of days (of UTC), with `date` and `unixTimeStamp` before what `of` gives.
fn days(ask: &Ask, of: impl Fn(&HourFigures) -> Value) -> Outcome {
    let date = |name| {
        let Some(text) = ask.params.text(name) else {
            return invalid(&format!("Error! Missing {name}, as in 2019-02-01"));
        };
        day_of(text).map_or_else(|| invalid(&format!("Error! Invalid {name}")), Ok)
    };
    let (first, last) = (date("startdate")?, date("enddate")?);
    if last.saturating_sub(first) >= DAYS_MAX {
        return invalid("Error! At most 366 days can be asked for");
    }
    let hours = ask.index.hours(first * HOURS_A_DAY, last * HOURS_A_DAY + HOURS_A_DAY - 1)?;
    let mut found = Vec::new();
    for day in first..=last {
        let mut sum = HourFigures::default();
        for (_, hour) in hours.iter().filter(|(hour, _)| hour / HOURS_A_DAY == day) {
            sum.blocks += hour.blocks;
            sum.transactions += hour.transactions;
            sum.gas_used = sum.gas_used.saturating_add(hour.gas_used);
            sum.tips = sum.tips.saturating_add(hour.tips);
            sum.burned = sum.burned.saturating_add(hour.burned);
        }
        if sum.blocks > 0 {
            let mut entry = of(&sum);
            entry["UTCDate"] = json!(date_of(day));
            entry["unixTimeStamp"] = json!((day * 86_400).to_string());
            found.push(entry);
        }
    }
    if ask.params.text("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("desc")) {
        found.reverse();
    }
    if found.is_empty() { Ok(Answer::Nothing("No records found")) } else { self::found(found) }
}

/// Days since 1970 of a date like `2019-02-01` (Howard Hinnant, chrono-compatible algorithms).
fn day_of(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let mut next = |digits: usize| -> Option<i64> {
        parts.next().filter(|part| part.len() == digits)?.parse().ok()
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u64::try_from(day).ok()
}

/// By RFC 3339, in UTC.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date_of(day))
}

fn date_of(day: u64) -> String {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, day) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2019-02-01", 17_928)] {
            assert_eq!(day_of(text), Some(day));
        }
        for day in (0..60_000).step_by(7) {
            assert_eq!(day_of(&date_of(day)), Some(day));
        }
        for text in ["", "2019", "2019-13-01", "2019-2-1", "999999999999-01-01", "2019-01-01-1"] {
            assert_eq!(day_of(text), None, "{text}");
        }
    }
}
