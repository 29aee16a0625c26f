//! Sharing work between the threads of a crew, or not.

use crate::crew::Crew;
use core::mem::MaybeUninit;
use parking_lot::Mutex;

/// How many threads work on a block. One alone never wakes others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sharing<'c> {
    /// The calling thread does everything.
    Alone,
    /// All threads of the crew.
    All(&'c Crew),
}

impl Sharing<'_> {
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Alone => 1,
            Self::All(crew) => crew.threads(),
        }
    }

    /// Calls `f(0)` here and `f` of other numbers on the other threads, as [`Crew::run`].
    pub(crate) fn run(self, f: &(dyn Fn(usize) + Sync)) {
        match self {
            Self::Alone => f(0),
            Self::All(crew) => crew.run(f),
        }
    }

    /// `f` of each item, in order. Threads take `at_once` items at a time.
    pub(crate) fn map<T, R, F>(self, items: &[T], at_once: usize, f: F) -> Vec<R>
    where
        T: Sync,
        R: Send,
        F: Fn(&T) -> R + Sync,
    {
        let mut results = Vec::new();
        self.map_into(items, at_once, &mut results, f);
        results
    }

    /// As [`Sharing::map`], into `results` in place of what was there.
    pub(crate) fn map_into<T, R, F>(self, items: &[T], at_once: usize, results: &mut Vec<R>, f: F)
    where
        T: Sync,
        R: Send,
        F: Fn(&T) -> R + Sync,
    {
        results.clear();
        match self {
            Self::Alone => results.extend(items.iter().map(f)),
            Self::All(_) => {
                results.reserve_exact(items.len());
                let places = &mut results.spare_capacity_mut()[..items.len()];
                let chunks = items.chunks(at_once).zip(places.chunks_mut(at_once));
                self.each(chunks, |(items, places)| {
                    for (item, place) in items.iter().zip(places) {
                        place.write(f(item));
                    }
                });
                // SAFETY: `each` has returned, so it has handled every chunk, and the chunks cover
                // `items.len()` places, each of which was written.
                #[allow(unsafe_code)]
                unsafe {
                    results.set_len(items.len());
                }
            }
        }
    }

    /// As [`Sharing::map`], of items that can be changed, with two results for each.
    pub(crate) fn map_pairs<T, A, B, F>(
        self,
        items: &mut [T],
        at_once: usize,
        f: F,
    ) -> (Vec<A>, Vec<B>)
    where
        T: Send,
        A: Send,
        B: Send,
        F: Fn(&mut T) -> (A, B) + Sync,
    {
        match self {
            Self::Alone => items.iter_mut().map(f).unzip(),
            Self::All(_) => {
                let len = items.len();
                let (mut first, mut second) = (Vec::with_capacity(len), Vec::with_capacity(len));
                let places: (&mut [MaybeUninit<A>], &mut [MaybeUninit<B>]) = (
                    &mut first.spare_capacity_mut()[..len],
                    &mut second.spare_capacity_mut()[..len],
                );
                let places = places.0.chunks_mut(at_once).zip(places.1.chunks_mut(at_once));
                self.each(items.chunks_mut(at_once).zip(places), |(items, places)| {
                    for ((item, a), b) in items.iter_mut().zip(places.0).zip(places.1) {
                        let results = f(item);
                        a.write(results.0);
                        b.write(results.1);
                    }
                });
                // SAFETY: as in `map`, for both.
                #[allow(unsafe_code)]
                unsafe {
                    first.set_len(len);
                    second.set_len(len);
                }
                (first, second)
            }
        }
    }

    /// As [`Sharing::map`], of items that can be changed.
    pub(crate) fn map_mut<T, R, F>(self, items: &mut [T], at_once: usize, f: F) -> Vec<R>
    where
        T: Send,
        R: Send,
        F: Fn(&mut T) -> R + Sync,
    {
        self.map_pairs(items, at_once, |item| (f(item), ())).0
    }

    /// Calls `f` for each of `items`, each on the thread that comes for it first. When it returns
    /// it was called for all, unless it panicked.
    pub(crate) fn each<T: Send>(self, items: impl Iterator<Item = T> + Send, f: impl Fn(T) + Sync) {
        let items = Mutex::new(items);
        self.run(&|_| {
            loop {
                let item = items.lock().next();
                let Some(item) = item else { return };
                f(item);
            }
        });
    }

    /// Sorts by numbers that are spread evenly, and those of one number by `order`.
    pub(crate) fn sort_by_head<T, F>(self, items: &mut [(u64, T)], order: F)
    where
        T: Copy + Send,
        F: Fn(&T, &T) -> core::cmp::Ordering + Sync,
    {
        /// Below this, sorting alone is faster.
        const SHARED_MIN: usize = 2048;
        const BITS: u32 = 8;
        let sort = |items: &mut [(u64, T)]| {
            items.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1)));
        };
        if items.len() < SHARED_MIN || matches!(self, Self::Alone) {
            return sort(items);
        }
        // By the highest bits first: then each bucket can be sorted by itself.
        let bucket = |head: u64| (head >> (u64::BITS - BITS)) as usize;
        let mut starts = [0; (1 << BITS) + 1];
        for (head, _) in &*items {
            starts[bucket(*head) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts;
        for item in &items.to_vec() {
            let place = &mut next[bucket(item.0)];
            items[*place] = *item;
            *place += 1;
        }
        let mut rest = items;
        let mut buckets = Vec::with_capacity(1 << BITS);
        for ends in starts.windows(2) {
            let (bucket, others) = rest.split_at_mut(ends[1] - ends[0]);
            buckets.push(bucket);
            rest = others;
        }
        self.each(buckets.into_iter(), sort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_work_gives_what_one_thread_gives() {
        let crew = Crew::new(3).expect("threads start");
        for len in [0_u64, 1, 63, 64, 65, 10_000] {
            let mut items: Vec<u64> =
                (0..len).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            for at_once in [1, 64] {
                let f = |item: &u64| format!("{item}");
                assert_eq!(
                    Sharing::All(&crew).map(&items, at_once, f),
                    Sharing::Alone.map(&items, at_once, f)
                );
                let pairs = Sharing::All(&crew).map_pairs(&mut items, at_once, |item| {
                    *item ^= 1;
                    (item.count_ones(), vec![*item])
                });
                assert_eq!(pairs.0.len(), items.len());
                assert!(pairs.1.iter().zip(&items).all(|(made, item)| made[0] == *item));
            }
            let mut keyed: Vec<_> =
                (0_u32..).zip(&items).map(|(at, i)| (*i >> 3 << 3, at)).collect();
            let mut expected = keyed.clone();
            expected.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
            Sharing::All(&crew).sort_by_head(&mut keyed, |a, b| b.cmp(a));
            assert_eq!(keyed, expected);
        }
    }

    #[test]
    fn a_panic_leaves_nothing_half_made() {
        let crew = Crew::new(1).expect("threads start");
        let items: Vec<usize> = (0..100).collect();
        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            Sharing::All(&crew).map(&items, 1, |item| {
                assert_ne!(*item, 70, "on purpose");
                item.to_string()
            })
        }));
        assert!(result.is_err());
        assert_eq!(Sharing::All(&crew).map(&items, 8, |item| item + 1).len(), 100);
    }
}
