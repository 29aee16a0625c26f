//! What can be known of a block's transactions before any is executed.
//!
//! It is found out account by account: every transaction names its sender and recipient, those
//! are sorted into the parts of multi-version memory that the accounts belong to, and each part is
//! gone through by one thread, in block order. So no two threads work on one account.

use crate::{
    Block,
    direct::DirectTransfers,
    effects::is_huge,
    error::read_ahead,
    foresight::{self, Outlook, Role, Side},
    guided::Listed,
    mv_memory::{
        AccountEntry, AccountNumber, AccountPart, MvMemory, PARTS, part_of, place_in_part,
    },
    reads::Reads,
    share::Sharing,
    steps::Steps,
    view::load_account,
};
use alloy_primitives::{Address, KECCAK256_EMPTY, TxKind, U256};
use core::{
    cmp::Reverse,
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use revm::{
    DatabaseRef,
    context::{Transaction, TxEnv},
};
use smallvec::SmallVec;

/// No transaction, or no class.
const NONE: u32 = u32::MAX;

/// What can be known of a block's transactions before any is executed.
#[derive(Debug)]
pub(crate) struct Plan {
    transactions: Vec<Planned>,
    /// For each class, how often its transactions depend on each other.
    classes: Vec<Class>,
}

/// One transaction. Atomic are what different threads find out; all is done when the plan is.
#[derive(Debug)]
pub(crate) struct Planned {
    sender: AtomicU32,
    recipient: AtomicU32,
    direct: AtomicBool,
    /// Whether the sender's side of the transfer is foreseen, and the recipient's.
    foreseen: [AtomicBool; 2],
    /// The sender's transaction before this one.
    before_of_sender: AtomicU32,
    /// Calls of the same function of the same contract are of one class: they touch the same kind
    /// of thing.
    class: u32,
    /// The transaction of the class before this one.
    before_of_class: u32,
}

impl Planned {
    fn new(direct: bool) -> Self {
        Self {
            sender: AtomicU32::new(AccountNumber::MAX),
            recipient: AtomicU32::new(AccountNumber::MAX),
            direct: AtomicBool::new(direct),
            foreseen: Default::default(),
            before_of_sender: AtomicU32::new(NONE),
            class: NONE,
            before_of_class: NONE,
        }
    }

    /// The sender's account, or [`AccountNumber::MAX`] if it is not known.
    pub(crate) fn sender(&self) -> AccountNumber {
        self.sender.load(Relaxed)
    }

    /// The recipient's account, or [`AccountNumber::MAX`].
    pub(crate) fn recipient(&self) -> AccountNumber {
        self.recipient.load(Relaxed)
    }

    /// Whether it looks like a plain transfer to an account without code.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct.load(Relaxed)
    }

    /// Whether its effects are in multi-version memory already (see `foresight`).
    pub(crate) fn is_foreseen(&self) -> bool {
        self.foreseen.iter().all(|side| side.load(Relaxed))
    }
}

/// What is learnt of the transactions of a class.
#[derive(Debug)]
struct Class {
    /// A running average of how often one depends on the one before it.
    dependence: AtomicU32,
    /// Those before this position that are not final may have been executed on values that turned
    /// out to be wrong. A chain that went on from them would be wrong without end.
    unsound_before: AtomicU32,
}

impl Default for Class {
    fn default() -> Self {
        // Until it is known better they wait: the first that shows otherwise sets them free.
        Self { dependence: AtomicU32::new(WAIT_FROM), unsound_before: AtomicU32::new(0) }
    }
}

/// The average's value for "always".
const ALWAYS: u32 = 1 << 16;
/// From here on the transactions of a class wait for each other.
const WAIT_FROM: u32 = ALWAYS / 4;
/// How much of the average the newest observation makes: one part in this many.
const INERTIA: u32 = 4;

/// A transaction of less gas cannot take long.
const EARLY_GAS_MIN: u64 = 300_000;

/// What a plan is made from.
pub(crate) struct Planner<'p, DB> {
    pub(crate) block: &'p Block<'p>,
    pub(crate) before: &'p DB,
    pub(crate) memory: &'p MvMemory,
    pub(crate) direct: &'p DirectTransfers,
    pub(crate) steps: Steps,
    pub(crate) listed: Option<&'p Listed<'p>>,
    pub(crate) sharing: Sharing<'p>,
    /// Whether transfers are to be foreseen.
    pub(crate) foresees: bool,
}

/// Some transactions in a row, and their sides by the parts of the accounts.
struct Stretch {
    planned: Vec<Planned>,
    sides: Vec<Side>,
    /// Where each part's sides begin, and the end.
    starts: Box<[u32; PARTS + 1]>,
}

impl Stretch {
    /// `counts` has the number of sides of each part, one place further on.
    fn new(planned: Vec<Planned>, unsorted: &[Side], counts: Box<[u32; PARTS + 1]>) -> Self {
        let mut starts = counts;
        for part in 0..PARTS {
            starts[part + 1] += starts[part];
        }
        let mut next = starts.clone();
        let mut sides = vec![Side::default(); unsorted.len()];
        for side in unsorted {
            let place = &mut next[part_of(side.hash)];
            sides[*place as usize] = *side;
            *place += 1;
        }
        Self { planned, sides, starts }
    }

    fn part(&self, part: usize) -> &[Side] {
        &self.sides[self.starts[part] as usize..self.starts[part + 1] as usize]
    }
}

/// Accounts that are read together.
const BATCH: usize = 32;

impl<DB: DatabaseRef<Error: 'static> + Sync> Planner<'_, DB> {
    pub(crate) fn plan(&self) -> Plan {
        /// Transactions that are worth a thread's while.
        const STRETCH_MIN: usize = 256;
        let count = self.block.transactions.len();
        let length = count.div_ceil(16).max(STRETCH_MIN);
        let ranges: Vec<Range<usize>> =
            (0..count).step_by(length).map(|at| at..count.min(at + length)).collect();
        let transactions = match self.listed {
            None => self.lay_down(&ranges),
            Some(listed) => {
                let beneficiary = self.find(self.block.env.beneficiary);
                let beneficiary = beneficiary.map(|number| self.memory.account(number));
                let look_up = |range: &Range<usize>| {
                    let indices = range.clone();
                    let planned = indices.map(|index| self.look_up(listed, beneficiary, index));
                    planned.collect::<Vec<_>>()
                };
                self.sharing.map(&ranges, 1, look_up).into_iter().flatten().collect()
            }
        };
        let mut plan = Plan { transactions, classes: Vec::new() };
        if self.listed.is_none() {
            plan.order(self.block.transactions);
        }
        plan
    }

    /// What an access list says of a transaction. Nobody waits for anybody, as the list has every
    /// value, so there is no more to find out.
    fn look_up(
        &self,
        listed: &Listed<'_>,
        beneficiary: Option<&AccountEntry>,
        index: usize,
    ) -> Planned {
        let tx = &self.block.transactions[index];
        let sender = self.find(tx.caller);
        let recipient = match tx.kind {
            TxKind::Call(to) if to == tx.caller => sender,
            TxKind::Call(to) => self.find(to),
            TxKind::Create => None,
        };
        let planned = Planned::new(false);
        let number = |found: Option<AccountNumber>| found.unwrap_or(AccountNumber::MAX);
        planned.sender.store(number(sender), Relaxed);
        planned.recipient.store(number(recipient), Relaxed);
        let (Some(sender), Some(recipient)) = (sender, recipient) else { return planned };
        let (sender, recipient) = (self.memory.account(sender), self.memory.account(recipient));
        let has_code = recipient.before.is_some_and(|before| before.code_hash != KECCAK256_EMPTY);
        if has_code || self.direct.recipient(tx).is_none() {
            return planned;
        }
        planned.direct.store(true, Relaxed);
        let said = self.foresees
            && tx.caller != self.block.env.beneficiary
            && recipient.address != self.block.env.beneficiary
            && beneficiary.is_some_and(|beneficiary| {
                let step = self.steps.transaction(index);
                let accounts = [sender, recipient, beneficiary];
                foresight::is_listed(listed, self.direct, tx, accounts, step, self.block.fork)
            });
        planned.foreseen.iter().for_each(|side| side.store(said, Relaxed));
        planned
    }

    /// Lays down the transfers that can be foreseen, all ranges of the block together.
    fn lay_down(&self, ranges: &[Range<usize>]) -> Vec<Planned> {
        let count = self.block.transactions.len();
        let mut stretches = self.sharing.map(ranges, 1, |range| self.stretch(range.clone()));
        let mut transactions = Vec::with_capacity(count);
        for stretch in &mut stretches {
            transactions.append(&mut stretch.planned);
        }
        let sharing = if stretches.len() > 1 { self.sharing } else { Sharing::Alone };
        let parts: Vec<usize> = (0..PARTS).collect();
        sharing.map(&parts, 1, |part| self.part(*part, &stretches, &transactions));
        self.retract_halves(&transactions);
        transactions
    }

    /// The number of one account, unless it cannot be had now.
    pub(crate) fn find(&self, address: Address) -> Option<AccountNumber> {
        let place = self.listed.and_then(|listed| listed.place(&address));
        if let Some(number) = self.memory.premade_number(place) {
            return Some(number);
        }
        let entry = self.load(address)?;
        // Where the transactions' sides look for it.
        let (hash, part) = self.memory.account_hash(&address);
        Some(self.memory.account_part(part).number(hash, entry))
    }

    /// Looks at some transactions without the state.
    fn stretch(&self, range: Range<usize>) -> Stretch {
        let mut planned = Vec::with_capacity(range.len());
        let mut unsorted: Vec<Side> = Vec::with_capacity(2 * range.len());
        let mut starts = Box::new([0; PARTS + 1]);
        for index in range {
            let tx = &self.block.transactions[index];
            let direct = self.direct.recipient(tx).is_some();
            planned.push(Planned::new(direct));
            let beneficiary = self.block.env.beneficiary;
            let foreseeable = self.foresees
                && direct
                && tx.caller != beneficiary
                && tx.kind != TxKind::Call(beneficiary);
            let spent = if foreseeable { self.direct.spent(tx) } else { U256::ZERO };
            let most = tx.max_balance_spending().unwrap_or(U256::MAX);
            let mut add = |address: Address, role, amount: U256| {
                let (hash, part) = self.memory.account_hash(&address);
                starts[part + 1] += 1;
                unsorted.push(Side {
                    hash,
                    address,
                    index: index as u32,
                    role,
                    foreseeable: foreseeable && !is_huge(&amount),
                    nonce: tx.nonce,
                    amount: amount.saturating_to(),
                    spent: spent.saturating_to(),
                });
            };
            add(tx.caller, Role::Sender, most);
            if let TxKind::Call(to) = tx.kind {
                let itself = to == tx.caller;
                add(to, if itself { Role::Itself } else { Role::Recipient }, tx.value);
            }
        }
        Stretch::new(planned, &unsorted, starts)
    }

    /// Goes through one part of the accounts.
    fn part(&self, part: usize, stretches: &[Stretch], planned: &[Planned]) {
        let mut accounts = self.memory.account_part(part);
        let mut outlooks: Vec<Outlook> = Vec::new();
        for stretch in stretches {
            for sides in stretch.part(part).chunks(BATCH) {
                let numbers = self.numbers(&mut accounts, sides);
                for (side, number) in sides.iter().zip(numbers) {
                    if let Some(number) = number {
                        let planned = &planned[side.index as usize];
                        self.side(&mut outlooks, side, number, planned);
                    }
                }
            }
        }
    }

    fn side(
        &self,
        outlooks: &mut Vec<Outlook>,
        side: &Side,
        number: AccountNumber,
        planned: &Planned,
    ) {
        let place = place_in_part(number);
        if outlooks.len() <= place {
            outlooks.resize(place + 1, Outlook::NONE);
        }
        let outlook = &mut outlooks[place];
        let account = self.memory.account(number);
        let step = self.steps.transaction(side.index as usize);
        if side.role == Role::Sender {
            planned.sender.store(number, Relaxed);
            planned.before_of_sender.store(outlook.replace_last(side.index), Relaxed);
            let foreseen = foresight::sender(account, outlook, side, step);
            planned.foreseen[0].store(foreseen, Relaxed);
            return;
        }
        planned.recipient.store(number, Relaxed);
        if account.before.is_some_and(|before| before.code_hash != KECCAK256_EMPTY) {
            planned.direct.store(false, Relaxed);
        } else if side.foreseeable {
            let foreseen =
                side.role == Role::Itself || foresight::recipient(account, outlook, side, step);
            planned.foreseen[1].store(foreseen, Relaxed);
        }
    }

    /// The numbers of some accounts of one part. Those that are new are read one right after the
    /// other, so that the processor waits for several at a time.
    fn numbers(
        &self,
        accounts: &mut AccountPart<'_>,
        sides: &[Side],
    ) -> SmallVec<[Option<AccountNumber>; BATCH]> {
        let find = |side: &Side| accounts.find(side.hash, &side.address);
        let mut numbers: SmallVec<[_; BATCH]> = sides.iter().map(find).collect();
        let new = (0..sides.len()).filter(|at| numbers[*at].is_none());
        let loaded: SmallVec<[_; BATCH]> =
            new.map(|at| (at, self.load(sides[at].address))).collect();
        for (at, entry) in loaded {
            numbers[at] = entry.map(|entry| accounts.number(sides[at].hash, entry));
        }
        numbers
    }

    /// Makes the entry of an account. One that cannot be read, or that a list lacks, is no matter
    /// unless its transaction asks for it, so that is all that an error or a panic means here.
    fn load(&self, address: Address) -> Option<AccountEntry> {
        let reads = Reads { memory: self.memory, listed: self.listed };
        let place = match self.listed {
            Some(listed) => Some(listed.place(&address)?),
            None => None,
        };
        read_ahead(|| load_account(reads, self.before, address, place))
    }

    /// Takes back what was laid down for transfers of which only one side is foreseen.
    fn retract_halves(&self, transactions: &[Planned]) {
        for (index, planned) in transactions.iter().enumerate() {
            let [sender, recipient] = planned.foreseen.each_ref().map(|side| side.load(Relaxed));
            if sender != recipient {
                let number = if sender { planned.sender() } else { planned.recipient() };
                foresight::retract(self.memory, number, self.steps.transaction(index));
            }
        }
    }
}

impl Plan {
    fn order(&mut self, transactions: &[TxEnv]) {
        let mut classes: HashMap<(AccountNumber, [u8; 4]), (u32, u32), RandomState> =
            HashMap::default();
        for (index, planned) in (0_u32..).zip(&mut self.transactions) {
            let recipient = planned.recipient();
            if planned.is_direct() || recipient == AccountNumber::MAX {
                continue;
            }
            let tx = &transactions[index as usize];
            let mut selector = [0; 4];
            let given = tx.data.len().min(4);
            selector[..given].copy_from_slice(&tx.data[..given]);
            let fresh = u32::try_from(self.classes.len()).unwrap_or(NONE);
            let (class, last) = classes.entry((recipient, selector)).or_insert((fresh, NONE));
            if *class == fresh {
                self.classes.push(Class::default());
            }
            planned.class = *class;
            planned.before_of_class = core::mem::replace(last, index);
        }
    }

    pub(crate) fn is_foreseen(&self, index: usize) -> bool {
        self.transactions[index].is_foreseen()
    }

    pub(crate) fn get(&self, index: usize) -> &Planned {
        &self.transactions[index]
    }

    /// How many transactions from `index` on are cheap enough to be claimed together, so that
    /// threads do not meet at each of them.
    pub(crate) fn run(&self, index: usize, transactions: &[TxEnv]) -> usize {
        const RUN_MAX: usize = 16;
        const RUN_GAS_MAX: u64 = 500_000;
        let mut gas = 0_u64;
        let rest = self.transactions[index..].iter().zip(&transactions[index..]);
        let fits = |(planned, tx): &(&Planned, &TxEnv)| {
            gas = gas.saturating_add(if planned.is_direct() { 0 } else { tx.gas_limit });
            gas <= RUN_GAS_MAX
        };
        rest.take(RUN_MAX).take_while(fits).count()
    }

    /// The transactions to start with, so that no long one is left over when all else is done:
    /// those of the first `window` that may take long, the longest first.
    pub(crate) fn early(&self, transactions: &[TxEnv], window: usize) -> Vec<u32> {
        let long = |index: &u32| {
            let index = *index as usize;
            transactions[index].gas_limit >= EARLY_GAS_MIN && !self.is_foreseen(index)
        };
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
            .is_some_and(|class| class.dependence.load(Relaxed) >= WAIT_FROM);
        let class = if hot { planned.before_of_class } else { NONE };
        [planned.before_of_sender.load(Relaxed), class]
            .into_iter()
            .filter(|before| *before != NONE)
            .map(|before| before as usize)
    }

    /// The transaction before `index` of its class.
    pub(crate) fn suspect(&self, index: usize) -> Option<usize> {
        let before = self.transactions[index].before_of_class;
        (before != NONE).then_some(before as usize)
    }

    /// Notes that `index` was executed on wrong values, and that all before `end` may have been.
    pub(crate) fn suspect_before(&self, index: usize, end: usize) {
        if let Some(class) = self.classes.get(self.transactions[index].class as usize) {
            class.unsound_before.store(end as u32, Relaxed);
        }
    }

    /// Whether `index` would go on from a transaction of its class that is not final, which is to
    /// say not before `front`, and may have been executed on wrong values.
    pub(crate) fn is_unsound(&self, index: usize, front: usize) -> bool {
        let planned = &self.transactions[index];
        let Some(class) = self.classes.get(planned.class as usize) else { return false };
        let before = planned.before_of_class;
        before != NONE
            && before as usize >= front
            && before < class.unsound_before.load(Relaxed)
            && class.dependence.load(Relaxed) >= WAIT_FROM
    }

    /// Learns whether `index` depended on the transaction before it of its class. Called by one
    /// thread at a time.
    pub(crate) fn learn(&self, index: usize, depends: bool) {
        let planned = &self.transactions[index];
        if planned.before_of_class == NONE {
            return;
        }
        let Some(class) = self.classes.get(planned.class as usize) else { return };
        let average = class.dependence.load(Relaxed);
        let observed = if depends { ALWAYS } else { 0 };
        class.dependence.store(average - average / INERTIA + observed / INERTIA, Relaxed);
    }
}
