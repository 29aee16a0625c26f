//! What can be known of a block's transactions before any is executed.

use crate::{
    Block,
    direct::DirectTransfers,
    mv_memory::{AccountNumber, MvMemory},
    share::Sharing,
};
use alloy_primitives::{Address, KECCAK256_EMPTY, TxKind};
use core::cmp::Reverse;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use revm::context::TxEnv;

/// No transaction, or no class.
const NONE: u32 = u32::MAX;

/// What can be known of a block's transactions before any is executed.
#[derive(Debug)]
pub(crate) struct Plan {
    transactions: Vec<Planned>,
    /// For each class, how often its transactions depend on each other.
    classes: Vec<Class>,
}

/// One transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// The sender's account, or [`AccountNumber::MAX`] if it is not known.
    pub(crate) sender: AccountNumber,
    /// The recipient's account, or [`AccountNumber::MAX`].
    pub(crate) recipient: AccountNumber,
    /// Whether it looks like a plain transfer to an account without code.
    pub(crate) direct: bool,
    /// The sender's transaction before this one.
    before_of_sender: u32,
    /// Calls of the same function of the same contract are of one class: they touch the same kind
    /// of thing.
    class: u32,
    /// The transaction of the class before this one.
    before_of_class: u32,
}

/// A running average of how often a transaction depends on the one before it of its class.
#[derive(Debug, Default)]
struct Class(AtomicU32);

/// The average's value for "always".
const ALWAYS: u32 = 1 << 16;
/// From here on the transactions of a class wait for each other.
const WAIT_FROM: u32 = ALWAYS / 4;
/// How much of the average the newest observation makes: one part in this many.
const INERTIA: u32 = 4;

/// A transaction of less gas cannot take long.
const EARLY_GAS_MIN: u64 = 300_000;

impl Plan {
    /// Looks up accounts and orders transactions by sender and class. `number` gives an account's
    /// number, or none when it cannot be had now.
    pub(crate) fn new(
        block: &Block<'_>,
        memory: &MvMemory,
        direct: &DirectTransfers,
        sharing: Sharing,
        number: impl Fn(Address) -> Option<AccountNumber> + Sync + Send,
    ) -> Self {
        let plan = |tx: &TxEnv| {
            let to = match tx.kind {
                TxKind::Call(to) => Some(to),
                TxKind::Create => None,
            };
            let recipient = to.and_then(&number).unwrap_or(AccountNumber::MAX);
            let codeless = || {
                let before = memory.account(recipient).before;
                before.is_none_or(|account| account.code_hash == KECCAK256_EMPTY)
            };
            Planned {
                sender: number(tx.caller).unwrap_or(AccountNumber::MAX),
                recipient,
                direct: direct.recipient(tx).is_some()
                    && recipient != AccountNumber::MAX
                    && codeless(),
                before_of_sender: NONE,
                class: NONE,
                before_of_class: NONE,
            }
        };
        let transactions = sharing.map(block.transactions, 64, plan);
        let mut plan = Self { transactions, classes: Vec::new() };
        plan.order(block.transactions, memory.accounts_len());
        plan
    }

    fn order(&mut self, transactions: &[TxEnv], accounts: usize) {
        let mut last_of_sender = vec![NONE; accounts];
        let mut classes: HashMap<(AccountNumber, [u8; 4]), (u32, u32), RandomState> =
            HashMap::default();
        for (index, planned) in (0_u32..).zip(&mut self.transactions) {
            let tx = &transactions[index as usize];
            if let Some(last) = last_of_sender.get_mut(planned.sender as usize) {
                planned.before_of_sender = core::mem::replace(last, index);
            }
            if planned.direct || planned.recipient == AccountNumber::MAX {
                continue;
            }
            let mut selector = [0; 4];
            let given = tx.data.len().min(4);
            selector[..given].copy_from_slice(&tx.data[..given]);
            let fresh = u32::try_from(self.classes.len()).unwrap_or(NONE);
            let (class, last) =
                classes.entry((planned.recipient, selector)).or_insert((fresh, NONE));
            if *class == fresh {
                self.classes.push(Class::default());
            }
            planned.class = *class;
            planned.before_of_class = core::mem::replace(last, index);
        }
    }

    pub(crate) fn get(&self, index: usize) -> &Planned {
        &self.transactions[index]
    }

    /// How many transactions from `index` on are cheap enough to be claimed together.
    pub(crate) fn run(&self, index: usize) -> usize {
        const RUN_MAX: usize = 16;
        let rest = &self.transactions[index..];
        rest.iter().take(RUN_MAX).take_while(|planned| planned.direct).count()
    }

    /// The transactions to start with, so that no long one is left over when all else is done:
    /// those of the first `window` that may take long, the longest first.
    pub(crate) fn early(&self, transactions: &[TxEnv], window: usize) -> Vec<u32> {
        let long = |index: &u32| transactions[*index as usize].gas_limit >= EARLY_GAS_MIN;
        let mut early: Vec<u32> = (0..).take(transactions.len().min(window)).filter(long).collect();
        early.sort_by_key(|index| Reverse(transactions[*index as usize].gas_limit));
        early
    }

    /// The transactions that `index` should wait for.
    pub(crate) fn predecessors(&self, index: usize) -> impl Iterator<Item = usize> {
        let planned = &self.transactions[index];
        let hot = self
            .classes
            .get(planned.class as usize)
            .is_some_and(|class| class.0.load(Relaxed) >= WAIT_FROM);
        let class = if hot { planned.before_of_class } else { NONE };
        [planned.before_of_sender, class]
            .into_iter()
            .filter(|before| *before != NONE)
            .map(|before| before as usize)
    }

    /// The transaction before `index` of its class.
    pub(crate) fn suspect(&self, index: usize) -> Option<usize> {
        let before = self.transactions[index].before_of_class;
        (before != NONE).then_some(before as usize)
    }

    /// Learns whether `index` depended on the transaction before it of its class. Called by one
    /// thread at a time.
    pub(crate) fn learn(&self, index: usize, depends: bool) {
        let planned = &self.transactions[index];
        if planned.before_of_class == NONE {
            return;
        }
        let Some(class) = self.classes.get(planned.class as usize) else { return };
        let average = class.0.load(Relaxed);
        let observed = if depends { ALWAYS } else { 0 };
        class.0.store(average - average / INERTIA + observed / INERTIA, Relaxed);
    }
}
