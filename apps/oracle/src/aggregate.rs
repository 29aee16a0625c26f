//! From what the sources say to what a reporter says.

use crate::decimal::VALUE_MAX;

/// How far from the others a source may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outliers {
    /// In median absolute deviations from the median.
    pub deviations: u32,
    /// In 1e-4 of the median, whatever the deviation: where all agree to the last digit but one, that
    /// one is no outlier.
    pub floor: u32,
}

/// What came of the values of the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// The median of all values, of an even number the mean of both in the middle, rounded down.
    pub median: i128,
    /// How far from the median a value may be.
    pub distance_max: u128,
    /// For each value, whether it is so far off that it does not count as a good one.
    pub is_outlier: Vec<bool>,
}

impl Aggregate {
    /// How many values are no outliers.
    pub fn good(&self) -> usize {
        self.is_outlier.iter().filter(|is_outlier| !**is_outlier).count()
    }
}

/// The median of values, and which are outliers; `None` without values.
///
/// As long as less than half of the sources are wrong, the median lies between two right values,
/// whatever the others are. It is that of all values, outliers included, because the median of what is
/// left without them has no such bound: of 0, 50, 100 (right) and 101, 101 (wrong), 0 and 50 would be
/// called outliers, and the answer were 101. Outliers count only against the number of good sources.
pub fn aggregate(values: &[i128], outliers: Outliers) -> Option<Aggregate> {
    let median = median(values)?;
    let mut distances: Vec<u128> = values.iter().map(|value| value.abs_diff(median)).collect();
    let is_far: Vec<u128> = distances.clone();
    distances.sort_unstable();
    // Of an even number the greater of both in the middle: rather keep than reject.
    let deviation = distances[distances.len() / 2];
    let relative = share(median.unsigned_abs(), outliers.floor);
    // Where it saturates nothing is an outlier.
    let distance_max = deviation.saturating_mul(u128::from(outliers.deviations)).max(relative);
    let is_outlier = is_far.iter().map(|distance| *distance > distance_max).collect();
    Some(Aggregate { median, distance_max, is_outlier })
}

fn median(values: &[i128]) -> Option<i128> {
    debug_assert!(values.iter().all(|value| value.abs() <= VALUE_MAX));
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted[sorted.len() / 2 - 1];
    // Neither overflows: values are within half of the type's range.
    Some(lower + (upper - lower) / 2)
}

/// `value * part / 1e4`, rounded down.
fn share(value: u128, part: u32) -> u128 {
    let (whole, rest) = (value / 10_000, value % 10_000);
    whole.saturating_mul(u128::from(part)).saturating_add(rest * u128::from(part) / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OUTLIERS: Outliers = Outliers { deviations: 5, floor: 50 };

    #[test]
    fn a_source_that_is_far_off_is_an_outlier() {
        let found = aggregate(&[300_000, 300_100, 299_900, 900_000], OUTLIERS).unwrap();
        assert_eq!(found.median, 300_050);
        assert_eq!(found.is_outlier, [false, false, false, true]);
        assert_eq!(found.good(), 3);
    }

    #[test]
    fn a_small_difference_is_none_where_all_others_agree() {
        let found = aggregate(&[300_000, 300_000, 300_000, 301_500], OUTLIERS).unwrap();
        assert_eq!(found.is_outlier, [false; 4]);
        let found = aggregate(&[300_000, 300_000, 300_000, 301_501], OUTLIERS).unwrap();
        assert_eq!(found.is_outlier, [false, false, false, true]);
    }

    #[test]
    fn rejection_does_not_give_the_median_to_liars() {
        let found = aggregate(&[0, 50, 100, 101, 101], OUTLIERS).unwrap();
        assert_eq!((found.median, found.good()), (100, 3));
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(aggregate(&[], OUTLIERS), None);
        assert_eq!(aggregate(&[-7], OUTLIERS).unwrap().median, -7);
        assert_eq!(aggregate(&[-7, -4], OUTLIERS).unwrap().median, -6);
    }

    fn value() -> impl Strategy<Value = i128> {
        prop_oneof![-VALUE_MAX..=VALUE_MAX, -1000..1000_i128, Just(VALUE_MAX), Just(-VALUE_MAX)]
    }

    proptest! {
        #[test]
        fn less_than_half_of_the_sources_cannot_move_the_median(
            right in prop::collection::vec(value(), 1..20),
            wrong in prop::collection::vec(value(), 0..20),
            deviations in 0..100_u32,
            floor in 0..20_000_u32,
        ) {
            let wrong = &wrong[..wrong.len().min(right.len() - 1)];
            let values = [right.as_slice(), wrong].concat();
            let found = aggregate(&values, Outliers { deviations, floor }).unwrap();
            prop_assert!(found.median >= *right.iter().min().unwrap());
            prop_assert!(found.median <= *right.iter().max().unwrap());
        }

        #[test]
        fn order_does_not_matter_and_half_at_least_are_good(
            values in prop::collection::vec(value(), 1..20),
            deviations in 1..100_u32,
            floor in 0..20_000_u32,
        ) {
            let outliers = Outliers { deviations, floor };
            let found = aggregate(&values, outliers).unwrap();
            prop_assert!(2 * found.good() > values.len());
            let mut reversed = values;
            reversed.reverse();
            let again = aggregate(&reversed, outliers).unwrap();
            prop_assert_eq!((again.median, again.good()), (found.median, found.good()));
        }
    }
}
