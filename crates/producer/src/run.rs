//! Making blocks at intervals, one while the one before it is brought to its end.

use crate::{
    Error, Producer,
    draft::{COMMITTED_BESIDE_MIN, Draft, Ordered},
    producer::Orders,
};
use heddle_chain::{Ahead, CommittedBlock};
use heddle_pool::Context;
use parking_lot::MutexGuard;
use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Instant,
};

type Made = Result<Arc<CommittedBlock>, Error>;

/// The thread that brings blocks to their ends, one after the other: it finds out their roots,
/// commits them, and tells the pool.
///
/// Whoever has the orders finds it idle, as [`Producer::run`] lets go of them only then.
struct Finisher {
    drafts: Sender<Draft>,
    made: Receiver<Made>,
    /// The block that it is at.
    current: Option<Current>,
}

struct Current {
    ahead: Arc<Ahead>,
    ordered: Ordered,
}

impl Producer {
    /// Makes blocks at intervals until [`Producer::stop`]. A thread of its own does nothing else.
    ///
    /// A block whose time has come is executed while the roots of the one before it are found out and
    /// that is committed; no more than these two are on their way at a time.
    ///
    /// # Errors
    ///
    /// The chain may fail; no more blocks are made then. That is so also if it failed whoever else
    /// changed it: what its store holds is not known then, and it must be opened anew.
    pub fn run(&self) -> Result<(), Error> {
        thread::scope(|scope| {
            let (drafts, orders) = mpsc::channel();
            let (tell, made) = mpsc::channel();
            // It ends with the sender of drafts.
            scope
                .spawn(move || orders.into_iter().try_for_each(|draft| tell.send(self.end(draft))));
            self.run_with(&mut Finisher { drafts, made, current: None })
        })
    }

    fn run_with(&self, finisher: &mut Finisher) -> Result<(), Error> {
        let mut last = Instant::now();
        let mut orders = self.orders_now();
        while !self.stopping.load(Ordering::Acquire) {
            if let Some(failure) = self.chain.failure() {
                return Err(heddle_chain::Error::from(failure).into());
            }
            let Some(interval) = orders.settings.mining.interval else {
                finisher.wait(&mut orders)?;
                self.bell.wait(&mut orders);
                last = Instant::now();
                continue;
            };
            let due = last + interval;
            if Instant::now() < due {
                finisher.wait_until(&mut orders, due)?;
                if finisher.current.is_none() {
                    self.bell.wait_until(&mut orders, due);
                }
                continue;
            }
            self.make_next(&mut orders, finisher)?;
            // Blocks that take longer than the interval do not pile up.
            last = due.max(Instant::now().checked_sub(interval).unwrap_or(due));
            if self.wanted.load(Ordering::Relaxed) > 0 {
                finisher.wait(&mut orders)?;
                MutexGuard::bump(&mut orders);
            }
        }
        finisher.wait(&mut orders)
    }

    /// Executes the next block, and has it brought to its end when the one before is at its own.
    fn make_next(&self, orders: &mut Orders, finisher: &mut Finisher) -> Result<(), Error> {
        // Looked at once: at another moment it may be another fork's turn.
        let now = self.now();
        let mut ahead = finisher.current.as_ref().map(|current| current.ahead.clone());
        let mut context = self.context_on(orders, ahead.as_deref(), now);
        if let Some(on) = &ahead
            && !on.admits(context.fork)?
        {
            finisher.wait(orders)?;
            ahead = None;
            context = self.context_on(orders, None, now);
        }
        let candidates = self.candidates(orders, &context, ahead.as_deref());
        let draft = self.draft(orders, ahead.as_ref(), now, candidates);
        // If that one comes to nothing, it says more than that the next cannot follow it.
        finisher.wait(orders)?;
        let mut draft = draft?;
        let ordered = draft.ordered;
        if draft.block.transactions() < COMMITTED_BESIDE_MIN || self.chain.is_observed() {
            return self.end(draft).map(drop).inspect_err(|_| ordered.again(orders));
        }
        let ahead = self.chain.ahead(&mut draft.block).inspect_err(|_| ordered.again(orders))?;
        finisher.begin(ahead, draft);
        Ok(())
    }

    /// The rules and prices of the block after one that is not sealed yet, or after the head.
    fn context_on(&self, orders: &Orders, ahead: Option<&Ahead>, now: u64) -> Context {
        let reader = self.chain.reader();
        let head = reader.head();
        let on_head = || (&head.header, head.total_difficulty);
        let (parent, total_difficulty) =
            ahead.map_or_else(on_head, |ahead| (ahead.header(), ahead.total_difficulty()));
        self.context_after(orders, parent, total_difficulty, now)
    }
}

impl Finisher {
    fn begin(&mut self, ahead: Arc<Ahead>, draft: Draft) {
        self.current = Some(Current { ahead, ordered: draft.ordered });
        // If it has ended, by a panic, whoever waits for it finds that out.
        let _ = self.drafts.send(draft);
    }

    /// Waits until the block is at its end.
    fn wait(&mut self, orders: &mut Orders) -> Result<(), Error> {
        if self.current.is_none() {
            return Ok(());
        }
        let made = self.made.recv().ok();
        self.ended(orders, made)
    }

    /// The same, but no longer than until a moment.
    fn wait_until(&mut self, orders: &mut Orders, due: Instant) -> Result<(), Error> {
        if self.current.is_none() {
            return Ok(());
        }
        match self.made.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            made => self.ended(orders, made.ok()),
        }
    }

    fn ended(&mut self, orders: &mut Orders, made: Option<Made>) -> Result<(), Error> {
        let current = self.current.take();
        let made = made.expect("the thread tells of each block, if it does not panic");
        made.map(drop).inspect_err(|_| {
            if let Some(Current { ordered, .. }) = current {
                ordered.again(orders);
            }
        })
    }
}
