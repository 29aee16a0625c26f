//! Sharing work between the threads of the pool, or not.

use rayon::prelude::*;

/// How many threads work on a block. One alone never wakes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The calling thread does everything.
    Alone,
    /// All threads of the pool that this runs in.
    All,
}

impl Sharing {
    /// `f` of each item, in order. No thread is given less than `least` items.
    pub(crate) fn map<T, R, F>(self, items: &[T], least: usize, f: F) -> Vec<R>
    where
        T: Sync,
        R: Send,
        F: Fn(&T) -> R + Sync + Send,
    {
        match self {
            Self::Alone => items.iter().map(f).collect(),
            Self::All => items.par_iter().with_min_len(least).map(f).collect(),
        }
    }

    /// As [`Sharing::map`], of items that can be changed.
    pub(crate) fn map_mut<T, R, F>(self, items: &mut [T], least: usize, f: F) -> Vec<R>
    where
        T: Send,
        R: Send,
        F: Fn(&mut T) -> R + Sync + Send,
    {
        match self {
            Self::Alone => items.iter_mut().map(f).collect(),
            Self::All => items.par_iter_mut().with_min_len(least).map(f).collect(),
        }
    }

    /// As [`Sharing::map_mut`], with two results for each.
    pub(crate) fn map_pairs<T, A, B, F>(
        self,
        items: &mut [T],
        least: usize,
        f: F,
    ) -> (Vec<A>, Vec<B>)
    where
        T: Send,
        A: Send,
        B: Send,
        F: Fn(&mut T) -> (A, B) + Sync + Send,
    {
        match self {
            Self::Alone => items.iter_mut().map(f).unzip(),
            Self::All => {
                let mut results = (Vec::new(), Vec::new());
                let items = items.par_iter_mut().with_min_len(least);
                items.map(f).unzip_into_vecs(&mut results.0, &mut results.1);
                results
            }
        }
    }

    /// Sorts by a key.
    pub(crate) fn sort_by_key<T, K, F>(self, items: &mut [T], key: F)
    where
        T: Send,
        K: Ord,
        F: Fn(&T) -> K + Sync,
    {
        /// Below this, sorting alone is faster.
        const SHARED_MIN: usize = 8192;
        if self == Self::Alone || items.len() < SHARED_MIN {
            items.sort_unstable_by_key(key);
        } else {
            items.par_sort_unstable_by_key(key);
        }
    }
}
