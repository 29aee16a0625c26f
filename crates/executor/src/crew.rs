//! The threads that share the work on a block: the caller's, and helpers that wait for it.
//!
//! The caller never waits for a helper to wake up. It starts to work at once, on the processor
//! whose caches have the block, and a helper joins as soon as it is there; one that comes when all
//! is done is not needed any more. On a block of two milliseconds a pool that works for a caller
//! that sleeps takes a third longer (`docs/benchmarks.md`).

use core::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering},
};
use parking_lot::{Condvar, Mutex};
use std::{
    io,
    panic::{catch_unwind, resume_unwind},
    sync::Arc,
    thread::JoinHandle,
};

/// The threads that share the work on a block.
#[derive(Debug)]
pub(crate) struct Crew {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    board: Mutex<Board>,
    /// The number of the newest task, to be looked at without the lock.
    newest: AtomicUsize,
    /// There is a new task, or the crew is dismissed.
    news: Condvar,
}

/// What there is to do, and who is at it.
#[derive(Default)]
struct Board {
    task: Option<Task>,
    /// Helpers that are at the task.
    inside: usize,
    asleep: usize,
    dismissed: bool,
    panic: Option<Box<dyn Any + Send>>,
}

type Work<'w> = &'w (dyn Fn(usize) + Sync);

#[derive(Clone, Copy)]
struct Task {
    number: usize,
    work: Work<'static>,
}

impl core::fmt::Debug for Board {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Board").field("inside", &self.inside).finish_non_exhaustive()
    }
}

impl Crew {
    /// A crew of the caller's thread and `helpers` more.
    pub(crate) fn new(helpers: usize) -> io::Result<Self> {
        let mut crew = Self { shared: Arc::default(), helpers: Vec::with_capacity(helpers) };
        for number in 1..=helpers {
            let shared = Arc::clone(&crew.shared);
            let name = format!("heddle-executor-{number}");
            let help = move || shared.help(number);
            crew.helpers.push(std::thread::Builder::new().name(name).spawn(help)?);
        }
        Ok(crew)
    }

    pub(crate) fn threads(&self) -> usize {
        1 + self.helpers.len()
    }

    /// Calls `work(0)` on the caller's thread, and `work` of other numbers on those helpers that
    /// come before it returns, all at the same time. Whatever `work(0)` does not wait for must be
    /// done without it.
    ///
    /// Called again from within `work`, it calls the caller's alone.
    ///
    /// # Panics
    ///
    /// When `work` does, on whichever thread.
    pub(crate) fn run(&self, work: Work<'_>) {
        if self.helpers.is_empty() || !self.post(work) {
            return work(0);
        }
        let called_off = CallOff(&self.shared);
        work(0);
        drop(called_off);
        let panic = self.shared.board.lock().panic.take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Puts a task on the board, unless there is one already. It must be called off.
    fn post(&self, work: Work<'_>) -> bool {
        let mut board = self.shared.board.lock();
        if board.task.is_some() {
            return false;
        }
        // SAFETY: only the lifetime changes. A helper takes the reference from the board under the
        // board's lock and counts itself among those inside under the same lock. `run`, the only
        // caller, holds a `CallOff` from here on, also when `work` panics: it takes the task off
        // the board and returns only when nobody is inside. So no helper has the reference when
        // `run` ends, and until then `work` is borrowed.
        #[allow(unsafe_code)]
        let work = unsafe { core::mem::transmute::<Work<'_>, Work<'static>>(work) };
        let number = self.shared.newest.load(Ordering::Relaxed) + 1;
        board.task = Some(Task { number, work });
        board.panic = None;
        self.shared.newest.store(number, Ordering::Release);
        let asleep = board.asleep;
        drop(board);
        if asleep > 0 {
            self.shared.news.notify_all();
        }
        true
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.board.lock().dismissed = true;
        self.shared.news.notify_all();
        for helper in self.helpers.drain(..) {
            // What panicked in a task was told there.
            let _ = helper.join();
        }
    }
}

/// Takes the task off the board when it is dropped, and waits for the helpers that are at it.
struct CallOff<'s>(&'s Shared);

impl Drop for CallOff<'_> {
    fn drop(&mut self) {
        self.0.board.lock().task = None;
        let mut idle = 0;
        while self.0.board.lock().inside > 0 {
            idle += 1;
            rest(idle);
        }
    }
}

impl Shared {
    /// The life of a helper.
    fn help(&self, member: usize) {
        let mut last = 0;
        while let Some(task) = self.next(last) {
            last = task.number;
            let result = catch_unwind(AssertUnwindSafe(|| (task.work)(member)));
            let mut board = self.board.lock();
            board.inside -= 1;
            if let Err(panic) = result {
                board.panic.get_or_insert(panic);
            }
        }
    }

    /// Waits for a task after number `last` and joins it; `None` when the crew is dismissed.
    fn next(&self, last: usize) -> Option<Task> {
        // Within a block one task follows another.
        let mut idle = 0;
        while self.newest.load(Ordering::Acquire) == last && is_short(idle) {
            idle += 1;
            rest(idle);
        }
        let mut board = self.board.lock();
        loop {
            if board.dismissed {
                return None;
            }
            if let Some(task) = board.task.filter(|task| task.number != last) {
                board.inside += 1;
                return Some(task);
            }
            board.asleep += 1;
            self.news.wait(&mut board);
            board.asleep -= 1;
        }
    }
}

const SPINS: u32 = 16;
const YIELDS: u32 = 48;

/// Whether resting for the `idle`-th time in a row does not yet mean to sleep.
const fn is_short(idle: u32) -> bool {
    idle < SPINS + YIELDS
}

/// Lets other threads run, the longer there has been nothing to do.
pub(crate) fn rest(idle: u32) {
    // Work that comes in within some fifty microseconds is met at once. A thread that waits for
    // longer had better leave its processor to others.
    match idle {
        0..SPINS => {
            // Looking all the time would take cache lines from those who work.
            for _ in 0..32 {
                core::hint::spin_loop();
            }
        }
        _ if is_short(idle) => std::thread::yield_now(),
        _ => std::thread::sleep(core::time::Duration::from_micros(20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;

    /// Waits until all of a crew are at a task.
    fn meet(arrived: &AtomicUsize, all: usize) {
        arrived.fetch_add(1, Ordering::Relaxed);
        while arrived.load(Ordering::Relaxed) < all {
            std::thread::yield_now();
        }
    }

    #[test]
    fn every_member_takes_part_and_is_done_when_it_returns() {
        for helpers in 0..4 {
            let crew = Crew::new(helpers).expect("threads start");
            for _ in 0..200 {
                let (arrived, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let numbers = Mutex::new(Vec::new());
                crew.run(&|member| {
                    meet(&arrived, helpers + 1);
                    numbers.lock().push(member);
                    left.fetch_add(1, Ordering::Relaxed);
                });
                assert_eq!(left.into_inner(), helpers + 1);
                let mut numbers = numbers.into_inner();
                numbers.sort_unstable();
                assert_eq!(numbers, (0..=helpers).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_helper_that_does_not_come() {
        let crew = Crew::new(1).expect("threads start");
        // The helper is kept at a task that it has not left when the next ones are posted: they
        // are run from within that one.
        let done = AtomicUsize::new(0);
        crew.run(&|member| {
            if member == 0 {
                for _ in 0..100 {
                    crew.run(&|_| {
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
        });
        assert_eq!(done.into_inner(), 100);
    }

    #[test]
    fn a_panic_of_any_member_reaches_the_caller_and_the_crew_stays() {
        let crew = Crew::new(2).expect("threads start");
        for bad in 0..3 {
            let arrived = AtomicUsize::new(0);
            let others = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                crew.run(&|member| {
                    meet(&arrived, 3);
                    assert_ne!(member, bad, "on purpose");
                    std::thread::sleep(core::time::Duration::from_millis(1));
                    others.fetch_add(1, Ordering::Relaxed);
                });
            }));
            assert!(result.is_err());
            assert_eq!(others.into_inner(), 2, "a member was still at work");
        }
        let came = AtomicBool::new(false);
        crew.run(&|_| came.store(true, Ordering::Relaxed));
        assert!(came.into_inner());
    }
}
