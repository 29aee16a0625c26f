//! A small block on a toy memory, executed as the engine does it.
//!
//! The only place that calls the scheduler: where its interface changes, this changes with it.

use crate::scheduler::{Scheduler, Thread};
use shuttle::{
    sync::{Arc, Mutex},
    thread,
};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A block and how it is executed.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) threads: usize,
    pub(crate) window: usize,
    pub(crate) early: Vec<u32>,
    /// Transactions that nobody needs to execute, and whose changes are visible from the start.
    pub(crate) done: Vec<usize>,
    /// Transactions that are left to whoever makes them final.
    pub(crate) deferred: Vec<usize>,
    /// How many transactions are claimed together.
    pub(crate) run: usize,
    /// For each transaction the earlier ones that it reads and waits for, ...
    pub(crate) waits: Vec<Vec<usize>>,
    /// ... and those that it reads without waiting, because nobody foresaw it.
    pub(crate) reads: Vec<Vec<usize>>,
    pub(crate) stop: Option<Stop>,
}

/// Where a run is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// By an error of the transaction when it is made final.
    WhenFinal(usize),
    /// By the thread that has claimed it, as after a panic.
    WhenClaimed(usize),
}

impl Model {
    /// A block of transactions that have nothing to do with each other.
    pub(crate) fn new(len: usize, threads: usize) -> Self {
        Self {
            threads,
            window: len,
            early: Vec::new(),
            done: Vec::new(),
            deferred: Vec::new(),
            run: 1,
            waits: vec![Vec::new(); len],
            reads: vec![Vec::new(); len],
            stop: None,
        }
    }

    fn len(&self) -> usize {
        self.waits.len()
    }

    /// What `index` writes when it reads `values` of the transactions before it.
    fn value(&self, index: usize, values: impl Fn(usize) -> u64) -> u64 {
        let read = self.waits[index].iter().chain(&self.reads[index]);
        read.fold(index as u64 + 1, |sum, before| {
            sum.wrapping_mul(31).wrapping_add(values(*before))
        })
    }

    /// What each writes when all are executed one by one.
    fn expected(&self) -> Vec<u64> {
        let mut values = Vec::with_capacity(self.len());
        for index in 0..self.len() {
            values.push(self.value(index, |before| values[before]));
        }
        values
    }
}

const NOT_POISONED: &str = "a failed check ends the whole run";

/// One run of a model.
struct Run {
    model: Model,
    scheduler: Scheduler,
    /// What each transaction has written, as far as that is visible.
    memory: Vec<Mutex<Option<u64>>>,
    finality: Mutex<Finality>,
    counts: Vec<Counts>,
}

/// What happened to one transaction. Plain atomics: counting is no part of the model.
#[derive(Default)]
struct Counts {
    claimed: AtomicUsize,
    waited: AtomicUsize,
    executed: AtomicUsize,
}

#[derive(Default)]
struct Finality {
    /// In the order in which they became final.
    indexes: Vec<usize>,
    is_stopped: bool,
}

/// Executes a model's block and checks that all went as it should.
pub(crate) fn run(model: Model) {
    let len = model.len();
    let run = Arc::new(Run {
        scheduler: Scheduler::new(len, model.window, model.early.clone(), |index| {
            model.done.contains(&index)
        }),
        memory: (0..len)
            .map(|index| Mutex::new(model.done.contains(&index).then(|| model.expected()[index])))
            .collect(),
        finality: Mutex::default(),
        counts: (0..len).map(|_| Counts::default()).collect(),
        model,
    });
    let work = |number| {
        let run = Arc::clone(&run);
        thread::spawn(move || run.work(Thread::new(number)))
    };
    let others: Vec<_> = (1..run.model.threads).map(work).collect();
    run.work(Thread::new(0));
    for other in others {
        other.join().expect(NOT_POISONED);
    }
    run.check();
}

impl Run {
    /// What each thread of the engine does.
    fn work(&self, thread: Thread) {
        while !self.scheduler.is_done() {
            let Some(claimed) = self.scheduler.claim(|_| self.model.run) else {
                self.lead(None);
                thread::yield_now();
                continue;
            };
            assert!(!claimed.is_empty(), "a claim is of at least one transaction");
            for index in claimed {
                let mut next = Some(index);
                while let Some(index) = next {
                    next = self.attempt(index, thread);
                    self.lead(Some(thread));
                }
            }
        }
    }

    /// Returns what the caller has to execute next.
    fn attempt(&self, index: usize, thread: Thread) -> Option<usize> {
        self.counts[index].claimed.fetch_add(1, Relaxed);
        let front = self.scheduler.front();
        assert!(front <= index, "{index} was claimed although it is final");
        assert!(!self.model.done.contains(&index), "{index} was claimed although it is done");
        if let Some(Stop::WhenClaimed(failing)) = self.model.stop
            && failing == index
        {
            self.scheduler.stop();
            return None;
        }
        for before in &self.model.waits[index] {
            if self.scheduler.waits(index, *before) {
                self.counts[index].waited.fetch_add(1, Relaxed);
                return None;
            }
            assert!(self.read(*before).is_some(), "{index} did not wait for {before}");
        }
        if self.model.deferred.contains(&index) {
            self.counts[index].executed.fetch_add(1, Relaxed);
            self.scheduler.executed(index, thread);
            return None;
        }
        if self.scheduler.take_lead(index) {
            self.counts[index].executed.fetch_add(1, Relaxed);
            self.make_final(index);
            let next = self.scheduler.published(index);
            self.scheduler.lead_from(index, thread, |index| self.make_final(index));
            return next;
        }
        // The engine's places for effects are as many as the window is long.
        assert!(index < self.scheduler.front() + self.model.window, "{index} ran too far ahead");
        let value = self.model.value(index, |before| self.read(before).unwrap_or_default());
        *self.memory[index].lock().expect(NOT_POISONED) = Some(value);
        let next = self.scheduler.published(index);
        self.counts[index].executed.fetch_add(1, Relaxed);
        self.scheduler.executed(index, thread);
        next
    }

    fn lead(&self, thread: Option<Thread>) {
        self.scheduler.lead(thread, |index| self.make_final(index));
    }

    fn make_final(&self, index: usize) {
        let mut finality = self.finality.try_lock().expect("only one thread leads");
        assert!(!finality.is_stopped, "{index} became final after the stop");
        assert_eq!(index, finality.indexes.len(), "not in order");
        let executed = usize::from(!self.model.done.contains(&index));
        assert_eq!(self.counts[index].executed.load(Relaxed), executed, "{index}");
        // Executed again on what is final, if what it read was not that.
        let value = self.model.value(index, |before| self.read(before).unwrap_or_default());
        *self.memory[index].lock().expect(NOT_POISONED) = Some(value);
        if self.model.deferred.contains(&index) {
            self.scheduler.published_by_leader(index);
        }
        finality.indexes.push(index);
        if let Some(Stop::WhenFinal(failing)) = self.model.stop
            && failing == index
        {
            finality.is_stopped = true;
            self.scheduler.stop();
        }
    }

    fn read(&self, index: usize) -> Option<u64> {
        *self.memory[index].lock().expect(NOT_POISONED)
    }

    /// What must hold when all threads have left.
    fn check(&self) {
        let finality = self.finality.lock().expect(NOT_POISONED);
        assert_eq!(finality.indexes.len(), self.scheduler.front());
        assert!(self.scheduler.claimed_end() >= self.scheduler.front());
        if let Some(stop) = self.model.stop {
            let last = match stop {
                Stop::WhenFinal(failing) => failing + 1..=failing + 1,
                Stop::WhenClaimed(failing) => 0..=failing,
            };
            assert!(last.contains(&finality.indexes.len()), "{stop:?}: {:?}", finality.indexes);
        } else {
            assert_eq!(finality.indexes.len(), self.model.len());
        }
        let expected = self.model.expected();
        for index in &finality.indexes {
            assert_eq!(self.read(*index), Some(expected[*index]), "value of {index}");
        }
        for (index, counts) in self.counts.iter().enumerate() {
            let claimed = counts.claimed.load(Relaxed);
            let waited = counts.waited.load(Relaxed);
            if self.model.done.contains(&index) {
                assert_eq!(claimed, 0, "claims of {index}, which is done");
            } else if self.model.stop.is_none() {
                assert_eq!(claimed, waited + 1, "claims of {index}, which waited {waited} times");
            } else {
                assert!(claimed <= waited + 1, "claims of {index}, which waited {waited} times");
            }
            assert!(counts.executed.load(Relaxed) <= 1, "{index} was executed twice");
        }
    }
}
