//! The scheduler's memory orderings, explored by loom.
//!
//! Loom runs a model under every interleaving that differs, and lets a load give every value that
//! the memory orderings permit; that is only feasible for a few operations on two threads. The
//! scheduler's source is taken in as it is, on loom's primitives.

/// What the scheduler is made of.
mod sync {
    pub(crate) use loom::sync::{
        Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    };

    /// Loom's, but a store is a swap: loom lets a swap that has read what was there before a plain
    /// store come after that store, which no memory model permits, and so two threads would each
    /// find that the other leads.
    #[derive(Debug)]
    pub(crate) struct AtomicU8(loom::sync::atomic::AtomicU8);

    impl AtomicU8 {
        pub(crate) fn new(value: u8) -> Self {
            Self(loom::sync::atomic::AtomicU8::new(value))
        }

        pub(crate) fn load(&self, ordering: Ordering) -> u8 {
            self.0.load(ordering)
        }

        pub(crate) fn store(&self, value: u8, ordering: Ordering) {
            self.0.swap(value, ordering);
        }

        pub(crate) fn swap(&self, value: u8, ordering: Ordering) -> u8 {
            self.0.swap(value, ordering)
        }
    }
}

// The models here use a part of it.
#[allow(dead_code)]
#[path = "../src/scheduler.rs"]
mod scheduler;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};
use scheduler::{Scheduler, Thread};

/// What threads lay down beside the scheduler. Relaxed, so that the scheduler alone makes it
/// visible to others.
type Cells = [AtomicU32; 2];

fn two_transactions() -> Arc<(Scheduler, Cells)> {
    Arc::new((Scheduler::new(2, 2, Vec::new(), |_| false), [AtomicU32::new(0), AtomicU32::new(0)]))
}

#[test]
fn whoever_need_not_wait_sees_what_was_published() {
    loom::model(|| {
        let shared = two_transactions();
        let (scheduler, cells) = &*shared;
        assert_eq!(scheduler.claim(|_| 2), Some(0..2));
        let publisher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1[0].store(7, Relaxed);
                shared.0.published(0)
            })
        };
        let waits = scheduler.waits(1, 0);
        if !waits {
            assert_eq!(cells[0].load(Relaxed), 7, "the wait was over too early");
        }
        // Whoever waited is handed out again, and once.
        assert_eq!(publisher.join().unwrap(), waits.then_some(1));
        assert_eq!(scheduler.claim(|_| 1), None);
    });
}

#[test]
fn whoever_claims_a_released_transaction_sees_what_was_published() {
    loom::model(|| {
        let shared = two_transactions();
        let (scheduler, cells) = &*shared;
        assert_eq!(scheduler.claim(|_| 2), Some(0..2));
        assert!(scheduler.waits(1, 0));
        let publisher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1[0].store(7, Relaxed);
                shared.0.published_by_leader(0);
            })
        };
        if let Some(claimed) = scheduler.claim(|_| 1) {
            assert_eq!(claimed, 1..2);
            assert!(!scheduler.waits(1, 0), "what was released may go on");
            assert_eq!(cells[0].load(Relaxed), 7);
        }
        publisher.join().unwrap();
    });
}

#[test]
fn what_two_threads_lay_down_becomes_final() {
    loom::model(|| {
        let shared = two_transactions();
        assert_eq!(shared.0.claim(|_| 2), Some(0..2));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || lay_down(&shared, 1))
        };
        lay_down(&shared, 0);
        other.join().unwrap();
        // A thread that has nothing to execute looks again and again.
        make_final(&shared, None);
        assert!(shared.0.is_done(), "{} of 2 are final", shared.0.front());
    });
}

/// Lays the effects of a transaction down, then makes final what can be.
fn lay_down(shared: &(Scheduler, Cells), index: usize) {
    let thread = Thread::new(index);
    shared.1[index].store(7, Relaxed);
    shared.0.executed(index, thread);
    make_final(shared, Some(thread));
}

fn make_final((scheduler, cells): &(Scheduler, Cells), thread: Option<Thread>) {
    scheduler.lead(thread, |index| {
        assert_eq!(cells[index].load(Relaxed), 7, "the effects of {index} are not seen");
        // What is final is seen by whoever leads next.
        if index > 0 {
            assert_eq!(cells[index - 1].load(Relaxed), 7);
        }
    });
}

#[test]
fn a_stop_reaches_the_other_thread() {
    loom::model(|| {
        let shared = two_transactions();
        assert_eq!(shared.0.claim(|_| 2), Some(0..2));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1[1].store(7, Relaxed);
                shared.0.stop();
            })
        };
        if shared.0.is_done() {
            assert_eq!(shared.1[1].load(Relaxed), 7, "the reason was laid down before the stop");
        }
        other.join().unwrap();
        assert!(shared.0.is_done());
    });
}

/// All of it together: two threads do a block of which the second transaction reads the first.
#[test]
fn two_threads_do_a_block() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let shared = two_transactions();
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work(&shared, Thread::new(1)))
        };
        work(&shared, Thread::new(0));
        other.join().unwrap();
        assert_eq!(shared.1[1].load(Relaxed), 8);
    });
}

/// What each thread of the engine does.
fn work((scheduler, cells): &(Scheduler, Cells), thread: Thread) {
    while !scheduler.is_done() {
        let mut next = scheduler.claim(|_| 1).map(|claimed| claimed.start);
        let is_idle = next.is_none();
        if is_idle {
            loom::thread::yield_now();
        }
        while let Some(index) = next {
            if index == 1 && scheduler.waits(1, 0) {
                break;
            }
            let read = if index == 1 { cells[0].load(Relaxed) } else { 6 };
            cells[index].store(read + 1, Relaxed);
            next = scheduler.published(index);
            scheduler.executed(index, thread);
        }
        scheduler.lead((!is_idle).then_some(thread), |index| {
            assert_eq!(cells[index].load(Relaxed), [7, 8][index], "the effects are not seen");
        });
    }
}
