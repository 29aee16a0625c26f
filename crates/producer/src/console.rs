//! Printing what the contracts of mined transactions log.

use crate::Error;
use heddle_chain::{ChainReader, Error as ChainError};
use heddle_executor::{Executor, Final, Invalid, Way, console::ConsoleInspector};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Takes the lines of one transaction or call.
type Sink = dyn Fn(&[String]) + Send + Sync;

/// Where the lines go that contracts print by calling Hardhat's `console.log`. It can be switched
/// off and on again.
#[derive(Clone)]
pub struct Console {
    sink: Arc<Sink>,
    is_on: Arc<AtomicBool>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("is_on", &self.is_on).finish_non_exhaustive()
    }
}

impl Console {
    /// A console that hands the lines of each transaction or call to `sink`.
    pub fn new(sink: impl Fn(&[String]) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink), is_on: Arc::new(AtomicBool::new(true)) }
    }

    /// Whether it prints.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Has it print, or not.
    pub fn set_on(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// Prints what one transaction or call has logged.
    pub fn print(&self, inspector: ConsoleInspector) {
        let is_truncated = inspector.is_truncated();
        let mut lines = inspector.into_lines();
        if is_truncated {
            lines.push("… more was logged than is printed for one transaction".to_owned());
        }
        if !lines.is_empty() {
            (self.sink)(&lines);
        }
    }

    /// Prints what the transactions of a block have logged, in their order.
    ///
    /// They are executed again for it, one after the other: blocks are executed in parallel, and
    /// without anybody looking on, which a block pays for in which nothing is logged.
    pub(crate) fn print_block(&self, reader: &ChainReader, number: u64) -> Result<(), Error> {
        let (mut input, state) = reader.replay(number)?;
        // The block stands, whoever sent its transactions.
        input.senders_may_have_code = true;
        let settings = heddle_executor::Settings { threads: 1, ..Default::default() };
        let mut executor = Executor::new(settings).map_err(ChainError::from)?;
        let mut print = |result: Final<'_, ConsoleInspector>| {
            if let Some(inspector) = result.inspector {
                self.print(inspector);
            }
        };
        let inspectors = |_| ConsoleInspector::default();
        let block = input.block(Invalid::Reject);
        let again =
            executor.execute_inspected(&block, &state, Way::Sequential, &inspectors, &mut print);
        again.map_err(|source| ChainError::Execution { number, source: Box::new(source) })?;
        Ok(())
    }
}
