//! Medians and quartiles.

/// The middle of a sample and the middle of its halves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quartiles {
    pub(super) first: f64,
    pub(super) median: f64,
    pub(super) third: f64,
}

impl Quartiles {
    /// Between two values of the sample it goes straight; `None` for an empty sample.
    pub(super) fn of(sample: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sample: Vec<f64> = sample.into_iter().collect();
        sample.sort_unstable_by(f64::total_cmp);
        let last = sample.len().checked_sub(1)?;
        let at = |part: f64| {
            let place = part * last as f64;
            let (low, high) = (sample[place.floor() as usize], sample[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Some(Self { first: at(0.25), median: at(0.5), third: at(0.75) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle_and_the_middle_of_the_halves() {
        let quartiles = Quartiles::of([5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!(quartiles, Quartiles { first: 2.0, median: 3.0, third: 4.0 });
        let quartiles = Quartiles::of([1.0, 2.0]).unwrap();
        assert_eq!(quartiles, Quartiles { first: 1.25, median: 1.5, third: 1.75 });
    }

    #[test]
    fn knows_no_middle_of_nothing() {
        assert_eq!(Quartiles::of([]), None);
    }
}
