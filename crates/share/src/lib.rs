//! Sharing work out among threads.
//!
//! In: a number of pieces, and what is to be done with each. Out: what came of them, in order. The
//! caller begins at once; threads of rayon's, which all of the process has in common, join it when they
//! have nothing else to do.
//!
//! They stay from one block to the next, and so does the memory that they have: a thread that ends
//! leaves its memory to nobody for a while, and the next one takes new memory.
//!
//! Invariant: no piece waits for another one, or for whoever calls.

use parking_lot::Mutex;
use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

/// How many threads there are that work is shared out among.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Does `work` for the numbers below `count` on up to `threads` threads, the caller's among them, and
/// returns the results in order. Each thread takes the next number when it is done with one, so that
/// all are busy to the end.
///
/// # Errors
///
/// The error of the lowest number that has one. What comes after an error may not be done.
pub fn share<T: Send, E: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    share_with(count, threads, &|&mut (), number| work(number))
}

/// The same; each thread has a tool for it, with which it does one after the other.
///
/// # Errors
///
/// As for [`share`].
pub fn share_with<U: Default, T: Send, E: Send>(
    count: usize,
    threads: usize,
    work: &(impl Fn(&mut U, usize) -> Result<T, E> + Sync),
) -> Result<Vec<T>, E> {
    if threads <= 1 || count <= 1 {
        let mut tool = U::default();
        return (0..count).map(|number| work(&mut tool, number)).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    let take_part = || {
        let mut tool = U::default();
        let mut done = Vec::with_capacity(count.div_ceil(threads) + 1);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return results.lock().append(&mut done);
            }
            let result = work(&mut tool, number);
            if result.is_err() {
                // Those before it are taken already.
                next.store(count, Ordering::Relaxed);
            }
            done.push((number, result));
        }
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(|_| take_part());
        }
        take_part();
    });
    let mut results: Vec<(usize, Result<T, E>)> = results.into_inner();
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// As [`share`], of work that does not fail, for parts of `items` of so many each; the last one may be
/// shorter.
///
/// # Panics
///
/// When `length` is zero, or `work` does.
pub fn share_parts<I: Sync, T: Send>(
    items: &[I],
    length: usize,
    threads: usize,
    work: impl Fn(&[I]) -> Vec<T> + Sync,
) -> Vec<T> {
    let parts: Vec<&[I]> = items.chunks(length).collect();
    let done = share(parts.len(), threads, |part| Ok::<_, Infallible>(work(parts[part])));
    let Ok(done) = done;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_in_order_on_any_number_of_threads() {
        for threads in [0, 1, 2, 7, 64] {
            let squares = share(1_000, threads, |number| Ok::<_, ()>(number * number));
            assert!(squares.unwrap().into_iter().eq((0..1_000).map(|number| number * number)));
            let items: Vec<usize> = (0..1_000).collect();
            let twice =
                share_parts(&items, 33, threads, |part| part.iter().map(|n| n * 2).collect());
            assert!(twice.into_iter().eq((0..1_000).map(|number| number * 2)));
            assert_eq!(share(0, threads, |_| Ok::<_, ()>(0)), Ok(vec![]));
        }
    }

    #[test]
    fn the_error_of_the_lowest_number_is_given() {
        let odd = |number: usize| if number % 100 == 99 { Err(number) } else { Ok(number) };
        for threads in [1, 2, 8] {
            assert_eq!(share(1_000, threads, odd), Err(99));
        }
    }

    #[test]
    fn who_shares_may_share_again() {
        let sums = share(20, 4, |number| {
            let parts = share(50, 4, |part| Ok::<_, ()>(part * number))?;
            Ok::<usize, ()>(parts.into_iter().sum())
        });
        assert!(sums.unwrap().into_iter().eq((0..20).map(|number| 1_225 * number)));
    }

    #[test]
    #[should_panic(expected = "of work")]
    fn a_panic_goes_on_in_the_callers_thread() {
        let _ = share(100, 4, |number| {
            assert!(number < 50, "of work");
            Ok::<_, ()>(number)
        });
    }
}
