//! Who executes what next.
//!
//! Transactions are claimed in block order. One that is expected to read what an earlier one
//! writes waits until that one is *published*: its changes are visible, though not yet known to be
//! final. Transactions become final strictly in order; the next one to become final never waits for
//! anything, so there is always progress.
//!
//! A transaction goes through these states:
//!
//! ```text
//! pending ─claim─> (waiting for a predecessor ─>) running ─> published ─> executed ─> final
//! ```
//!
//! One that had better not be executed before all earlier ones are final is *executed* without
//! anything being done, and published when it becomes final.

use crate::sync::{AtomicU8, AtomicU32, AtomicUsize, Mutex, Ordering};
use core::cmp::Reverse;
use core::ops::Range;
use std::collections::BinaryHeap;

/// In place of the thread that executed a transaction: it is not executed yet.
const NOBODY_YET: u8 = 0;
/// In place of a thread: any.
const ANYBODY: u8 = u8::MAX;

/// Transactions that become final in a row before the others are told.
const FRONT_STEP: usize = 8;

/// In a list of waiters: nobody, or the end.
const NOBODY: u32 = u32::MAX;
/// In place of a list of waiters: too late, go on.
const CLOSED: u32 = u32::MAX - 1;

/// On a cache line of its own: threads that wait look at it all the time.
#[derive(Debug)]
#[repr(align(64))]
struct Apart<T>(T);

/// A thread that works on the block. Two of a great many may be taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(u8);

impl Thread {
    pub(crate) const fn new(number: usize) -> Self {
        Self(1 + (number % 254) as u8)
    }
}

/// Hands out transactions to threads.
#[derive(Debug)]
pub(crate) struct Scheduler {
    len: usize,
    /// How far ahead of the first transaction that is not final others may start.
    window: usize,
    /// Transactions that are claimed before all others, ...
    early: Vec<u32>,
    /// ... and how many of them have been.
    early_next: AtomicUsize,
    /// Which transactions are not claimed in block order: early ones, and those that nobody needs
    /// to execute.
    is_apart: Vec<bool>,
    /// The first transaction that nobody has claimed, those apart aside.
    next: Apart<AtomicUsize>,
    /// The first transaction that is not final.
    front: Apart<AtomicUsize>,
    /// Whether a thread is making transactions final.
    leader: AtomicU8,
    stopped: AtomicU8,
    /// Who has laid down the effects of a transaction.
    executed: Box<[AtomicU8]>,
    /// For each transaction the newest of those that wait for it, ...
    waiters: Box<[AtomicU32]>,
    /// ... and for each that waits, the one that came before it.
    next_waiter: Box<[AtomicU32]>,
    /// Those that waited and need not any more.
    ready: Mutex<BinaryHeap<Reverse<u32>>>,
    ready_len: AtomicUsize,
}

impl Scheduler {
    /// `early` are positions to start with, all within the window. Transactions that are `done`
    /// are executed already.
    pub(crate) fn new(
        len: usize,
        window: usize,
        early: Vec<u32>,
        done: impl Fn(usize) -> bool,
    ) -> Self {
        let mut is_apart: Vec<bool> = (0..len).map(&done).collect();
        for index in &early {
            is_apart[*index as usize] = true;
        }
        let executed = |index| AtomicU8::new(if done(index) { ANYBODY } else { NOBODY_YET });
        let waiters = |index| AtomicU32::new(if done(index) { CLOSED } else { NOBODY });
        Self {
            len,
            window,
            early,
            early_next: AtomicUsize::new(0),
            is_apart,
            next: Apart(AtomicUsize::new(0)),
            front: Apart(AtomicUsize::new(0)),
            leader: AtomicU8::new(0),
            stopped: AtomicU8::new(0),
            executed: (0..len).map(executed).collect(),
            waiters: (0..len).map(waiters).collect(),
            next_waiter: (0..len).map(|_| AtomicU32::new(NOBODY)).collect(),
            ready: Mutex::new(BinaryHeap::new()),
            ready_len: AtomicUsize::new(0),
        }
    }

    /// Claims transactions to execute. `run` tells how many from a position on are cheap enough to
    /// be claimed together.
    pub(crate) fn claim(&self, run: impl Fn(usize) -> usize) -> Option<Range<usize>> {
        if self.ready_len.load(Ordering::Acquire) > 0 {
            let mut ready = self.ready.lock().unwrap_or_else(|e| e.into_inner());
            if let Some(Reverse(index)) = ready.pop() {
                self.ready_len.store(ready.len(), Ordering::Release);
                let index = index as usize;
                return Some(index..index + 1);
            }
        }
        if self.early_next.load(Ordering::Relaxed) < self.early.len() {
            let place = self.early_next.fetch_add(1, Ordering::Relaxed);
            if let Some(index) = self.early.get(place) {
                let index = *index as usize;
                return Some(index..index + 1);
            }
        }
        loop {
            let next = self.next.0.load(Ordering::Relaxed);
            let end = self.len.min(self.front() + self.window);
            if next >= end {
                return None;
            }
            let first = (next..end).find(|index| !self.is_apart(*index)).unwrap_or(end);
            let after = if first == end { end } else { self.end_of_run(first, end, run(first)) };
            let claimed =
                self.next.0.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() && first < after {
                return Some(first..after);
            }
        }
    }

    fn is_apart(&self, index: usize) -> bool {
        self.is_apart.get(index).copied().unwrap_or(false)
    }

    /// Where a claim from `next` on ends: at `end`, after `run` transactions, or before one that
    /// is apart.
    fn end_of_run(&self, next: usize, end: usize, run: usize) -> usize {
        let last = end.min(next + run.max(1));
        (next + 1..last).find(|index| self.is_apart(*index)).unwrap_or(last)
    }

    /// Whether `index`, which the caller has claimed, has to wait for `predecessor`. If so it is
    /// out of the caller's hands: whoever claims it next has to ask again.
    pub(crate) fn waits(&self, index: usize, predecessor: usize) -> bool {
        debug_assert!(predecessor < index, "only earlier transactions are waited for");
        let head = &self.waiters[predecessor];
        let mut newest = head.load(Ordering::Acquire);
        loop {
            if newest == CLOSED {
                return false;
            }
            self.next_waiter[index].store(newest, Ordering::Relaxed);
            let entered =
                head.compare_exchange(newest, number(index), Ordering::AcqRel, Ordering::Acquire);
            match entered {
                Ok(_) => return true,
                Err(now) => newest = now,
            }
        }
    }

    /// The changes of `index` are visible: those that waited for it can go on. One of them, the
    /// next in the chain, becomes the caller's to execute, whose caches have what it will read.
    #[must_use]
    pub(crate) fn published(&self, index: usize) -> Option<usize> {
        let mut waiter = self.waiters[index].swap(CLOSED, Ordering::AcqRel);
        if waiter == NOBODY || waiter == CLOSED {
            return None;
        }
        let mut first = waiter;
        let mut others = Vec::new();
        loop {
            waiter = self.next_waiter[waiter as usize].load(Ordering::Relaxed);
            if waiter == NOBODY {
                break;
            }
            others.push(Reverse(first.max(waiter)));
            first = first.min(waiter);
        }
        if !others.is_empty() {
            self.make_ready(others);
        }
        Some(first as usize)
    }

    /// As [`Scheduler::published`], for a caller that has other things to do.
    pub(crate) fn published_by_leader(&self, index: usize) {
        if let Some(next) = self.published(index) {
            self.make_ready(vec![Reverse(number(next))]);
        }
    }

    fn make_ready(&self, waiters: Vec<Reverse<u32>>) {
        let mut ready = self.ready.lock().unwrap_or_else(|e| e.into_inner());
        ready.extend(waiters);
        self.ready_len.store(ready.len(), Ordering::Release);
    }

    /// The effects of `index` are laid down for whoever makes it final, which had better be the same
    /// `thread`: its caches hold what that takes.
    pub(crate) fn executed(&self, index: usize, thread: Thread) {
        self.executed[index].store(thread.0, Ordering::Release);
    }

    /// Makes transactions final, in order, as far as they are executed by `thread`, or by any for
    /// `None`, by calling `make_final` for each. One thread at a time does so; a thread that has
    /// nothing to execute has to come back here until all is done.
    pub(crate) fn lead(&self, thread: Option<Thread>, make_final: impl FnMut(usize)) {
        let front = self.front();
        if self.is_executed(front, thread) && self.leader.swap(1, Ordering::AcqRel) == 0 {
            self.lead_on(self.front(), thread, make_final);
        }
    }

    /// Makes the caller the leader if `index`, which it has claimed, is the first transaction that
    /// is not final: then there is nothing to speculate on. It has to call
    /// [`Scheduler::lead_from`].
    #[must_use]
    pub(crate) fn take_lead(&self, index: usize) -> bool {
        if self.front() != index || self.leader.swap(1, Ordering::AcqRel) != 0 {
            return false;
        }
        let stopped = self.is_stopped();
        if stopped {
            self.leader.store(0, Ordering::Release);
        }
        !stopped
    }

    /// Goes on as the leader, after the caller has made `index` final.
    pub(crate) fn lead_from(&self, index: usize, thread: Thread, make_final: impl FnMut(usize)) {
        self.executed(index, thread);
        self.lead_on(index + 1, Some(thread), make_final);
    }

    fn lead_on(&self, front: usize, thread: Option<Thread>, mut make_final: impl FnMut(usize)) {
        let mut front = front;
        while self.is_executed(front, thread) && !self.is_stopped() {
            make_final(front);
            front += 1;
            if front.is_multiple_of(FRONT_STEP) {
                self.front.0.store(front, Ordering::Release);
            }
        }
        self.front.0.store(front, Ordering::Release);
        self.leader.store(0, Ordering::Release);
    }

    fn is_executed(&self, index: usize, thread: Option<Thread>) -> bool {
        let Some(executed) = self.executed.get(index) else { return false };
        match executed.load(Ordering::Acquire) {
            NOBODY_YET => false,
            ANYBODY => true,
            by => thread.is_none_or(|thread| thread.0 == by),
        }
    }

    /// All before this position have been claimed or need not be; of those behind it only early
    /// ones.
    pub(crate) fn claimed_end(&self) -> usize {
        self.next.0.load(Ordering::Relaxed).max(self.front())
    }

    /// The first transaction that is not final.
    pub(crate) fn front(&self) -> usize {
        self.front.0.load(Ordering::Acquire)
    }

    /// Makes all threads leave.
    pub(crate) fn stop(&self) {
        self.stopped.store(1, Ordering::Release);
    }

    /// Whether there is nothing left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.is_stopped() || self.front() >= self.len
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire) != 0
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("positions of transactions are checked to fit when a block starts")
}
