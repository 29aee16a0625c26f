//! The order of everything that happens in a block.

use crate::{Place, versions::Step};

/// The order of everything that happens in a block, one step each.
///
/// ```text
/// 0 .. b              operations before the first transaction
/// b                   (what an access list says of them)
/// b + 1 .. b + 1 + n  transactions
/// a .. a + m          operations after the last transaction, a = b + 1 + n
/// a + m               (what an access list says of them)
/// ```
///
/// An access list knows only the state after all operations of a kind (its index 0 and n + 1), so
/// that gets a step of its own behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    before: Step,
    transactions: Step,
    after: Step,
}

impl Steps {
    /// `None` for a block of so many transactions that they cannot be numbered.
    pub(crate) fn new(before: usize, transactions: usize, after: usize) -> Option<Self> {
        let total = before.checked_add(transactions)?.checked_add(after)?;
        // A few numbers at the end have other meanings.
        let fits = u32::try_from(total).is_ok_and(|total| total < u32::MAX - 16);
        let step = |count: usize| count as Step;
        fits.then(|| Self {
            before: step(before),
            transactions: step(transactions),
            after: step(after),
        })
    }

    /// The step of an operation before the first transaction.
    pub(crate) const fn before(&self, operation: usize) -> Step {
        operation as Step
    }

    pub(crate) const fn transaction(&self, index: usize) -> Step {
        self.before + 1 + index as Step
    }

    /// The step of an operation after the last transaction.
    pub(crate) const fn after(&self, operation: usize) -> Step {
        self.before + 1 + self.transactions + operation as Step
    }

    /// The step of an access list's index; `None` for one that the block does not have.
    pub(crate) fn of_index(&self, index: u64) -> Option<Step> {
        let index = Step::try_from(index).ok()?;
        if index == 0 {
            Some(self.before)
        } else if index <= self.transactions {
            Some(self.before + index)
        } else if index == self.transactions + 1 {
            Some(self.end() - 1)
        } else {
            None
        }
    }

    /// The step of an index that is known to be in the block.
    pub(crate) fn of_listed(&self, index: u64) -> Step {
        self.of_index(index).expect("a list's indices are checked before it is followed")
    }

    /// What an access list says of indices below this one has happened before `step`.
    pub(crate) const fn list_bound(&self, step: Step) -> u64 {
        if step <= self.before {
            0
        } else if step <= self.before + self.transactions {
            (step - self.before) as u64
        } else if step < self.end() {
            self.transactions as u64 + 1
        } else {
            self.transactions as u64 + 2
        }
    }

    /// The access list's index that says what happens at a step; `None` for the step of an
    /// operation, of which it tells only the outcome of all.
    pub(crate) const fn list_index(&self, step: Step) -> Option<u64> {
        if step == self.before {
            Some(0)
        } else if step > self.before && step <= self.before + self.transactions {
            Some((step - self.before) as u64)
        } else if step == self.end() - 1 {
            Some(self.transactions as u64 + 1)
        } else {
            None
        }
    }

    /// The access list's index for a step, if transaction `i` is number `rank(i)` of those that
    /// are in the block, which has `included`.
    pub(crate) fn index(&self, step: Step, rank: impl Fn(usize) -> u64, included: u64) -> u64 {
        if step <= self.before {
            0
        } else if step <= self.before + self.transactions {
            rank((step - self.before - 1) as usize) + 1
        } else {
            included + 1
        }
    }

    /// After everything.
    pub(crate) const fn end(&self) -> Step {
        self.before + 1 + self.transactions + self.after + 1
    }

    /// What happens at a step.
    pub(crate) const fn place(&self, step: Step) -> Place {
        if step <= self.before {
            Place::Before
        } else if step <= self.before + self.transactions {
            Place::Transaction((step - self.before - 1) as usize)
        } else {
            Place::After
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_list_indices_agree() {
        let steps = Steps::new(2, 3, 4).expect("few steps");
        assert_eq!(steps.of_index(0), Some(2));
        assert_eq!(steps.of_index(1), Some(steps.transaction(0)));
        assert_eq!(steps.of_index(3), Some(steps.transaction(2)));
        assert_eq!(steps.of_index(4), Some(10));
        assert_eq!(steps.of_index(5), None);
        assert_eq!(steps.end(), 11);
        let indices: Vec<_> = (0..11).map(|step| steps.index(step, |i| i as u64, 3)).collect();
        assert_eq!(indices, [0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4]);
        for step in 0..11 {
            let place = match indices[step as usize] {
                0 => Place::Before,
                4 => Place::After,
                index => Place::Transaction(index as usize - 1),
            };
            assert_eq!(steps.place(step), place);
        }
        for index in 0..5 {
            let step = steps.of_index(index).expect("the block has it");
            assert_eq!(steps.list_index(step), Some(index));
            assert_eq!(steps.list_bound(step), index);
            assert_eq!(steps.list_bound(step + 1), index + 1);
        }
        for operation in [0, 1, 6, 7, 8, 9] {
            assert_eq!(steps.list_index(operation), None);
        }
        assert!(Steps::new(0, usize::MAX, 1).is_none());
        assert!(Steps::new(0, u32::MAX as usize, 0).is_none());
    }
}
