//! Looking on while a block executes: results as they become final, and inspectors.

use crate::{evm::BlockContext, sequential_state::SequentialState, view::View};
use alloy_primitives::{Address, U256};
use heddle_types::{AccountState, Receipt};
use revm::{DatabaseRef, Inspector, inspector::NoOpInspector};

/// One transaction's final result. They come in block order.
#[derive(Debug)]
pub struct Final<'r, I = NoOpInspector> {
    /// Position among the transactions (or candidates) given.
    pub index: usize,
    /// Its receipt.
    pub receipt: &'r Receipt,
    /// Accounts that it changed, in no particular order; `None` for one that is gone.
    pub accounts: &'r [(Address, Option<AccountState>)],
    /// Slots that it changed, with their new values, in no particular order. The slots of an
    /// account that is gone are not listed.
    pub slots: &'r [(Address, U256, U256)],
    /// The inspector that looked on, if one was asked for.
    pub inspector: Option<I>,
}

/// An inspector that can look on in each way of executing. Every inspector that works in any
/// context is one.
pub trait BlockInspector<DB: DatabaseRef>:
    for<'a> Inspector<BlockContext<'a, SequentialState<'a, DB>>>
    + for<'a> Inspector<BlockContext<'a, View<'a, DB>>>
    + Send
{
}

impl<DB: DatabaseRef, I> BlockInspector<DB> for I where
    I: for<'a> Inspector<BlockContext<'a, SequentialState<'a, DB>>>
        + for<'a> Inspector<BlockContext<'a, View<'a, DB>>>
        + Send
{
}

/// Who looks on while a block executes.
pub(crate) struct Watch<'w, I> {
    /// Makes the inspector of the transaction at a position.
    pub(crate) inspectors: Inspectors<'w, I>,
    /// Gets each result as soon as it is final.
    pub(crate) results: Results<'w, I>,
}

/// Gets each result as soon as it is final.
pub(crate) type Results<'w, I> = Option<&'w mut ResultSink<'w, I>>;

/// What [`Executor::execute_streaming`](crate::Executor) hands results to.
pub type ResultSink<'w, I> = dyn FnMut(Final<'_, I>) + Send + 'w;

/// Makes the inspector of the transaction at a position.
pub(crate) type Inspectors<'w, I> = Option<&'w (dyn Fn(usize) -> I + Sync)>;

impl Watch<'_, NoOpInspector> {
    /// Nobody looks on.
    pub(crate) const fn nobody() -> Self {
        Self { inspectors: None, results: None }
    }
}
