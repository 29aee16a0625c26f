//! Sharing work out among threads.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Does `work` for the numbers below `count` on up to `threads` threads, and returns the results
/// in order. Each thread takes the next number when it is done with one, so that all are busy to
/// the end.
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
    let take_part = || {
        let mut tool = U::default();
        let mut done = Vec::with_capacity(count.div_ceil(threads) + 1);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let result = work(&mut tool, number);
            if result.is_err() {
                // Those before it are taken already.
                next.store(count, Ordering::Relaxed);
            }
            done.push((number, result));
        }
    };
    let mut results: Vec<(usize, Result<T, E>)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(take_part)).collect();
        let mut results = take_part();
        for thread in others {
            let theirs = thread.join();
            results.extend(theirs.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
