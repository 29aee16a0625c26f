//! The stages of making and committing a block, for whoever measures them.

use std::{fmt, sync::Arc};

/// A stage of a block's way that has just ended. They end in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The parent's state is at hand: what is built can begin.
    Begin,
    /// The candidates were held to the rules that need no state.
    Admit,
    /// The transactions were executed.
    Execute,
    /// The root of the state was found out.
    StateRoot,
    /// What else the header says of the block was found out: the roots of transactions and
    /// receipts, and the bloom.
    Header,
    /// Block, receipts and changes were brought into the form in which they are stored.
    Encode,
    /// They are in the log, and survive a crash.
    Log,
    /// Readers see the block.
    Publish,
}

/// Is told of each stage as it ends, on the thread that makes the block.
#[derive(Clone)]
pub struct StageObserver(Arc<dyn Fn(Stage) + Send + Sync>);

impl StageObserver {
    /// `tell` holds the block up for as long as it takes.
    pub fn new(tell: impl Fn(Stage) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for StageObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageObserver").finish_non_exhaustive()
    }
}

/// Tells an observer, if there is one.
pub(crate) fn ended(observer: Option<&StageObserver>, stage: Stage) {
    if let Some(StageObserver(tell)) = observer {
        tell(stage);
    }
}
