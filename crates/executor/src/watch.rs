//! Looking on while a block executes: results as they become final, and inspectors.

use alloy_primitives::{Address, U256};
use heddle_types::{AccountState, Receipt};
use revm::inspector::NoOpInspector;

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

/// Who looks on while a block executes.
pub struct Watch<'w, I = NoOpInspector> {
    /// Makes the inspector of the transaction at a position. A transaction that is executed twice
    /// gets a new one each time; only the final one is handed out.
    pub(crate) inspectors: Option<&'w (dyn Fn(usize) -> I + Sync)>,
    /// Gets each result as soon as it is final.
    pub(crate) results: Option<&'w mut (dyn FnMut(Final<'_, I>) + Send)>,
}

impl<I> core::fmt::Debug for Watch<'_, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Watch")
            .field("inspectors", &self.inspectors.is_some())
            .field("results", &self.results.is_some())
            .finish()
    }
}

impl Watch<'_, NoOpInspector> {
    /// Nobody looks on.
    pub const fn nobody() -> Self {
        Self { inspectors: None, results: None }
    }
}

impl<'w> Watch<'w, NoOpInspector> {
    /// `results` gets each result as soon as it is final.
    pub fn results(results: &'w mut (dyn FnMut(Final<'_>) + Send)) -> Self {
        Self { inspectors: None, results: Some(results) }
    }
}

impl<'w, I> Watch<'w, I> {
    /// Each transaction runs under an inspector that `inspectors` makes from its position, and
    /// `results` gets it back with the result.
    pub fn inspect(
        inspectors: &'w (dyn Fn(usize) -> I + Sync),
        results: &'w mut (dyn FnMut(Final<'_, I>) + Send),
    ) -> Self {
        Self { inspectors: Some(inspectors), results: Some(results) }
    }
}
