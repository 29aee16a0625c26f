//! Numbers in words.

use alloy_primitives::U256;
use maud::{Markup, html};

/// Digits behind the point of an amount in a list.
const DECIMALS_SHOWN: usize = 6;
/// Decimals of a token beyond which its amounts are shown whole: no token in use has more, and
/// 10^77 is the last power that fits.
const DECIMALS_MAX: u64 = 77;
/// Digits of the ether.
const ETHER_DECIMALS: u64 = 18;

/// With commas between thousands.
pub(crate) fn number(value: impl ToString) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount of something with decimals, all digits, without zeros at the end.
pub(crate) fn exact(value: U256, decimals: u64) -> String {
    let Some(decimals) = usize::try_from(decimals).ok().filter(|d| *d as u64 <= DECIMALS_MAX)
    else {
        return number(value);
    };
    let digits = format!("{value:0>width$}", width = decimals + 1, value = value.to_string());
    let (whole, behind) = digits.split_at(digits.len() - decimals);
    let behind = behind.trim_end_matches('0');
    let whole = number(whole);
    if behind.is_empty() { whole } else { format!("{whole}.{behind}") }
}

/// The same with a few digits: six behind the point, or for what is smaller the first three that
/// are not zero.
pub(crate) fn rounded(value: U256, decimals: u64) -> String {
    let exact = exact(value, decimals);
    let Some((whole, behind)) = exact.split_once('.') else { return exact };
    let zeros = behind.len() - behind.trim_start_matches('0').len();
    let kept = if whole == "0" { DECIMALS_SHOWN.max(zeros + 3) } else { DECIMALS_SHOWN };
    match behind.get(..kept) {
        Some(kept) => {
            let kept = kept.trim_end_matches('0');
            if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}…") }
        }
        None => exact,
    }
}

/// Wei below which an amount is told in wei: a thousandth of a gwei.
const SMALL_WEI: u64 = 1_000_000;
/// Wei below which an amount of ether is told in gwei: a thousandth of a milliether.
const SMALL_ETHER: u64 = 1_000_000_000_000;

/// Wei, in ether; of little, in gwei or wei. The exact amount shows when it is pointed at.
pub(crate) fn ether(wei: U256) -> Markup {
    let wei_words = number(wei);
    let words = if wei.is_zero() || wei >= U256::from(SMALL_ETHER) {
        format!("{} ETH", rounded(wei, ETHER_DECIMALS))
    } else {
        gwei(wei)
    };
    html! { span title={ (wei_words) " wei" } { (words) } }
}

/// Wei for each gas, in gwei; of little, in wei.
pub(crate) fn gwei(wei: impl TryInto<U256>) -> String {
    let wei = wei.try_into().unwrap_or_default();
    if !wei.is_zero() && wei < U256::from(SMALL_WEI) {
        return format!("{} wei", number(wei));
    }
    format!("{} gwei", rounded(wei, 9))
}

/// A part of a whole, in percent.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

/// The same of large numbers; of nothing, nothing.
pub(crate) fn share(part: U256, whole: U256) -> Option<String> {
    if whole.is_zero() {
        return None;
    }
    // Four digits, without the overflow that a product may have.
    let scale = U256::from(10_000);
    let scaled = match part.checked_mul(scale) {
        Some(product) => product / whole,
        None => part / (whole / scale).max(U256::ONE),
    };
    let scaled = u64::try_from(scaled).unwrap_or(u64::MAX);
    Some(format!("{}.{:02} %", scaled / 100, scaled % 100))
}

/// Bytes.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{} bytes", number(count)),
        10_000..10_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

/// A point in time: `2026-01-31 23:59:59`, in UTC (proleptic Gregorian calendar).
pub(crate) fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since the first of March of the year 0, in eras of 400 years.
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// How long ago something was.
pub(crate) fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_point_where_the_decimals_say() {
        let wei = U256::from(1_234_567_890_123_456_789_u64);
        assert_eq!(exact(wei, 18), "1.234567890123456789");
        assert_eq!(rounded(wei, 18), "1.234567…");
        assert_eq!(exact(wei, 0), "1,234,567,890,123,456,789");
        assert_eq!(exact(U256::ONE, 18), "0.000000000000000001");
        assert_eq!(rounded(U256::ONE, 18), "0.000000000000000001");
        assert_eq!(rounded(U256::ZERO, 18), "0");
        assert_eq!(exact(U256::from(1_500), 3), "1.5");
        assert_eq!(exact(U256::from(7), u64::MAX), "7");
        for decimals in 0..100 {
            exact(U256::MAX, decimals);
            rounded(U256::MAX, decimals);
        }
    }

    #[test]
    fn parts_of_the_whole_add_up() {
        assert_eq!(share(U256::from(1), U256::from(3)).as_deref(), Some("33.33 %"));
        assert_eq!(share(U256::MAX, U256::MAX).as_deref(), Some("100.00 %"));
        assert_eq!(share(U256::ONE, U256::ZERO), None);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_827_696, "2000-02-29 12:34:56"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), expected);
        }
        date(u64::MAX);
    }
}
