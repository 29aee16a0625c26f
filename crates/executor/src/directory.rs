//! Finding a place in a long sorted list with few cache lines.

use core::ops::Range;

/// Leads from the first eight bytes of a key to its place in a sorted list.
///
/// Addresses and the slots of mappings are hashes, so their first bytes are spread evenly: a table
/// by the highest bits leads to within a few places, where a binary search would read the list all
/// over. Keys that are spread otherwise take longer, never more than the binary search.
#[derive(Debug)]
pub(crate) struct Directory {
    heads: Vec<u64>,
    /// For each value of the highest bits where its heads begin, and the end.
    starts: Vec<u32>,
    shift: u32,
}

impl Directory {
    /// `heads` are the first bytes of the list's keys, in the order of the list.
    pub(crate) fn new(heads: Vec<u64>) -> Self {
        // At least one bit: a shift by all would be none.
        let bits = heads.len().next_power_of_two().ilog2().clamp(1, 24);
        let shift = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for head in &heads {
            starts[(head >> shift) as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { heads, starts, shift }
    }

    /// The places of the keys with these first bytes.
    pub(crate) fn places(&self, head: u64) -> Range<usize> {
        let bucket = (head >> self.shift) as usize;
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let heads = &self.heads[start..end];
        let first = heads.partition_point(|other| *other < head);
        let same = heads[first..].partition_point(|other| *other == head);
        start + first..start + first + same
    }
}

/// How many of the first items of a sorted list are `below` a bound, near `guess` if it is good.
pub(crate) fn count_near(len: usize, guess: usize, below: impl Fn(usize) -> bool) -> usize {
    let Some(last) = len.checked_sub(1) else { return 0 };
    let guess = guess.min(last);
    let (mut low, mut high) = (0, len);
    let mut step = 1;
    if below(guess) {
        low = guess + 1;
        while let at = low + step - 1
            && at < len
        {
            if !below(at) {
                high = at;
                break;
            }
            low = at + 1;
            step *= 2;
        }
    } else {
        high = guess;
        while step <= high {
            let at = high - step;
            if below(at) {
                low = at + 1;
                break;
            }
            high = at;
            step *= 2;
        }
    }
    while low < high {
        let middle = low.midpoint(high);
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_finds_what_a_search_finds() {
        for len in [0_u64, 1, 2, 3, 100, 5000] {
            for spread in [0x9e37_79b9_7f4a_7c15, 1, 0] {
                let mut heads: Vec<u64> = (0..len).map(|i| (i / 2).wrapping_mul(spread)).collect();
                heads.sort_unstable();
                let directory = Directory::new(heads.clone());
                let near = heads.iter().flat_map(|head| [*head, head.wrapping_add(1)]);
                for head in near.chain([0, 1, u64::MAX]) {
                    let first = heads.partition_point(|other| *other < head);
                    let end = heads.partition_point(|other| *other <= head);
                    assert_eq!(directory.places(head), first..end);
                }
            }
        }
    }

    #[test]
    fn a_guess_however_bad_changes_nothing() {
        for len in 0..40 {
            for count in 0..=len {
                for guess in 0..len + 3 {
                    assert_eq!(count_near(len, guess, |at| at < count), count);
                }
            }
        }
    }
}
