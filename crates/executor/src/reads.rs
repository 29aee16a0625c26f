//! What a location holds as of a step, whichever way the block is executed.

use crate::{
    guided::Listed,
    mv_memory::{AccountEntry, AccountNumber, MvMemory, Seen, SlotEntry, SlotNumber},
    versions::Step,
};
use alloy_primitives::U256;

/// Reads multi-version memory and, if one is followed, the access list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reads<'a> {
    pub(crate) memory: &'a MvMemory,
    pub(crate) listed: Option<&'a Listed<'a>>,
}

impl Reads<'_> {
    /// The account before `step`.
    pub(crate) fn account(&self, number: AccountNumber, step: Step) -> Seen {
        self.entry(self.memory.account(number), step)
    }

    /// The account before `step`.
    pub(crate) fn entry(&self, account: &AccountEntry, step: Step) -> Seen {
        match self.listed {
            None => account.read(step).0,
            Some(listed) => listed.read(account, step),
        }
    }

    /// A slot's value before `step`, and the step that wrote it.
    pub(crate) fn slot(&self, number: SlotNumber, step: Step) -> (U256, Option<Step>) {
        match self.listed {
            None => self.memory.read_slot(number, step),
            Some(listed) => listed.read_slot(self.memory, number, step),
        }
    }

    /// The newest change of a slot before `step`, whatever has become of its account.
    pub(crate) fn written(&self, slot: &SlotEntry, step: Step) -> Option<(Step, U256)> {
        match self.listed {
            None => slot.written(step),
            Some(listed) => listed.written(slot, step),
        }
    }
}
