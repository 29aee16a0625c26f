//! How a block was executed: as this node recorded it, or found out by doing it again.

use crate::facts::View;
use heddle_chain::Error;
use heddle_executor::{Executor, Invalid, Schedule, Settings, Way};
use heddle_types::RecoveredBlock;
use parking_lot::Mutex;
use std::sync::Arc;

/// Executing again takes all threads: one block at a time.
static TURN: Mutex<()> = Mutex::new(());
/// Gas of a block that is executed again: about a second on a few threads.
const GAS_MAX: u64 = 500_000_000;
/// Threads for that: other work goes on.
const THREADS_MAX: usize = 8;

/// Where a schedule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It was recorded when the block came.
    Recorded,
    /// The block was executed again for it.
    Again,
}

/// A schedule, or why there is none.
pub(super) enum Found {
    Schedule(Arc<Schedule>, Source),
    Nothing(String),
}

/// Finds how a block was executed.
pub(super) fn find(view: &View<'_>, block: &RecoveredBlock, canonical: bool) -> Found {
    if let Some(schedule) = view.explorer.parts.follower.schedule(block.hash) {
        return Found::Schedule(schedule, Source::Recorded);
    }
    match again(view, block, canonical) {
        Ok(schedule) => Found::Schedule(Arc::new(schedule), Source::Again),
        Err(why) => Found::Nothing(why),
    }
}

fn again(view: &View<'_>, block: &RecoveredBlock, canonical: bool) -> Result<Schedule, String> {
    let header = &block.block.header;
    if !canonical {
        return Err("it is not part of the chain.".to_owned());
    }
    if header.gas_used > GAS_MAX {
        return Err(
            "it was executed long ago, and is too large to be executed again here.".to_owned()
        );
    }
    let Some(_turn) = TURN.try_lock() else {
        return Err("another block is being executed again; load this page once more.".to_owned());
    };
    let (input, state) = view.chain.replay(header.number).map_err(|error| match error {
        Error::StatePruned { .. } => {
            "it was executed long ago, and the state before it is not kept (see the node’s --keep-states).".to_owned()
        }
        Error::NoBlock(_) => "it is the first one, which was never executed.".to_owned(),
        error => {
            tracing::error!(%error, "a block cannot be executed again for the explorer");
            "it cannot be read.".to_owned()
        }
    })?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let settings = Settings { threads, record_schedule: true, ..Settings::default() };
    let mut executor = Executor::new(settings).map_err(|error| error.to_string())?;
    let mut executable = input.block(Invalid::Reject);
    // The block stands, whoever sent its transactions: a development chain impersonates.
    executable.senders_may_have_code = true;
    let output = executor.execute(&executable, &state, Way::Optimistic).map_err(|error| {
        tracing::error!(%error, "a block cannot be executed again for the explorer");
        "it cannot be executed again.".to_owned()
    })?;
    output.schedule.ok_or_else(|| "nothing was recorded.".to_owned())
}
