//! Making blocks at intervals, one while the one before it is brought to its end.

use crate::{
    Error, Producer,
    draft::{COMMITTED_BESIDE_MIN, Draft, Ordered},
    producer::Orders,
};
use heddle_chain::{Ahead, CommittedBlock};
use parking_lot::MutexGuard;
use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::Instant,
};

/// A block that another thread brings to its end: finds out its roots, commits it, and tells the
/// pool. Whoever has the orders finds none, as [`Producer::run`] lets go of them only when it is
/// there.
struct Ending<'scope> {
    ahead: Arc<Ahead>,
    ordered: Ordered,
    thread: ScopedJoinHandle<'scope, ()>,
    end: Receiver<Result<Arc<CommittedBlock>, Error>>,
}

impl Producer {
    /// Makes blocks at intervals until [`Producer::stop`]. A thread of its own does nothing else.
    ///
    /// A block whose time has come is executed while the roots of the one before it are found out and
    /// it is committed. So much more than one block is made at a time never.
    ///
    /// # Errors
    ///
    /// The chain may fail; no more blocks are made then. That is so also if it failed whoever else
    /// changed it: what its store holds is not known then, and it must be opened anew.
    pub fn run(&self) -> Result<(), Error> {
        thread::scope(|scope| self.run_in(scope))
    }

    fn run_in<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Result<(), Error> {
        let mut last = Instant::now();
        let mut ending = None;
        let mut orders = self.orders_now();
        while !self.stopping.load(Ordering::Acquire) {
            if let Some(failure) = self.chain.failure() {
                return Err(heddle_chain::Error::from(failure).into());
            }
            let Some(interval) = orders.settings.mining.interval else {
                ended(&mut orders, ending.take())?;
                self.bell.wait(&mut orders);
                last = Instant::now();
                continue;
            };
            let due = last + interval;
            if Instant::now() < due {
                ending = ended_until(&mut orders, ending, due)?;
                if ending.is_none() {
                    self.bell.wait_until(&mut orders, due);
                }
                continue;
            }
            ending = self.make_next(scope, &mut orders, ending)?;
            // Blocks that take longer than the interval do not pile up.
            last = due.max(Instant::now().checked_sub(interval).unwrap_or(due));
            if self.wanted.load(Ordering::Relaxed) > 0 {
                ended(&mut orders, ending.take())?;
                MutexGuard::bump(&mut orders);
            }
        }
        ended(&mut orders, ending)
    }

    /// Executes the next block, and has it brought to its end when the one before is at its own.
    fn make_next<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        orders: &mut Orders,
        mut ending: Option<Ending<'scope>>,
    ) -> Result<Option<Ending<'scope>>, Error> {
        let mut context = self.context_on(orders, ending.as_ref().map(|it| &*it.ahead));
        if let Some(Ending { ahead, .. }) = &ending
            && !ahead.admits(context.fork)?
        {
            ended(orders, ending.take())?;
            context = self.context_on(orders, None);
        }
        let ahead = ending.as_ref().map(|ending| &ending.ahead);
        let candidates = self.candidates(orders, &context, ahead.map(|ahead| &**ahead));
        let draft = self.draft(orders, ahead, candidates);
        // If it came to nothing, that says more than that the next one cannot follow it.
        ended(orders, ending)?;
        let mut draft = draft?;
        if draft.block.transactions() < COMMITTED_BESIDE_MIN || self.chain.is_observed() {
            let ordered = draft.ordered;
            self.end(draft).inspect_err(|_| ordered.again(orders))?;
            return Ok(None);
        }
        let ahead = self.chain.ahead(&mut draft.block)?;
        Ok(Some(self.end_beside(scope, ahead, draft)))
    }

    fn end_beside<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        ahead: Arc<Ahead>,
        draft: Draft,
    ) -> Ending<'scope> {
        let ordered = draft.ordered;
        let (tell, end) = mpsc::channel();
        let thread = scope.spawn(move || {
            // Whoever is told waits for it, or has failed.
            let _ = tell.send(self.end(draft));
        });
        Ending { ahead, ordered, thread, end }
    }
}

/// Waits until a block is at its end.
fn ended(orders: &mut Orders, ending: Option<Ending<'_>>) -> Result<(), Error> {
    let Some(ending) = ending else { return Ok(()) };
    let end = ending.end.recv().map_err(|_| RecvTimeoutError::Disconnected);
    ending.ended(orders, end).map(drop)
}

/// The same, until a moment: gives it back if it takes longer.
fn ended_until<'scope>(
    orders: &mut Orders,
    ending: Option<Ending<'scope>>,
    due: Instant,
) -> Result<Option<Ending<'scope>>, Error> {
    let Some(ending) = ending else { return Ok(None) };
    let end = ending.end.recv_timeout(due.saturating_duration_since(Instant::now()));
    ending.ended(orders, end)
}

impl<'scope> Ending<'scope> {
    fn ended(
        self,
        orders: &mut Orders,
        end: Result<Result<Arc<CommittedBlock>, Error>, RecvTimeoutError>,
    ) -> Result<Option<Ending<'scope>>, Error> {
        match end {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(error)) => {
                self.ordered.again(orders);
                Err(error)
            }
            Err(RecvTimeoutError::Timeout) => Ok(Some(self)),
            Err(RecvTimeoutError::Disconnected) => match self.thread.join() {
                // It told nothing, which only a panic prevents.
                Ok(()) => Ok(None),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}
