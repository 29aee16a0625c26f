//! Sharing work out among threads.
//!
//! They stay from one block to the next, and so does the memory that they have: a thread that ends
//! leaves its memory to nobody for a while, and the next one takes new memory.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` for the numbers below `count` on up to `threads` threads, the caller's among them, and
/// returns the results in order. Each thread takes the next number when it is done with one, so that
/// all are busy to the end.
///
/// # Errors
///
/// The error of the lowest number that has one. What comes after an error may not be done.
pub(crate) fn share<T: Send, E: Send>(
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
pub(crate) fn share_with<U: Default, T: Send, E: Send>(
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
