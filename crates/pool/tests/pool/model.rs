//! The pool against a simple list that is searched anew for every answer.

use crate::{
    blobs::one_blob,
    support::{Bench, CHAIN, legacy, rich, sender, signed, transfer},
};
use alloy_primitives::{Address, B256, U256};
use heddle_pool::{Candidate, Context, DropReason, Origin, PoolTransaction, SenderState, Settings};
use heddle_types::Fork;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const SENDERS: u8 = 4;
const LIFETIME: u64 = 1000;
const LIMIT: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    /// Offer a transaction; `behind` counts nonces from the account's.
    Add {
        from: u8,
        behind: u64,
        fee: u8,
        tip: u8,
        value: u8,
        kind: u8,
        external: bool,
    },
    /// Mine the first ones that are offered.
    Mine {
        count: usize,
        base_fee: u8,
    },
    /// Take the last block back.
    Revert,
    /// Set a balance, in units that pay for some transfers.
    Fund {
        from: u8,
        transfers: u8,
    },
    /// Remove one of the transactions.
    Remove {
        which: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let add = (0..SENDERS, 0u64..6, 1u8..60, 0u8..30, 0u8..4, 0u8..40, any::<bool>()).prop_map(
        |(from, behind, fee, tip, value, kind, external)| Step::Add {
            from,
            behind,
            fee,
            tip: tip.min(fee),
            value,
            kind,
            external,
        },
    );
    prop_oneof![
        12 => add,
        3 => (0usize..6, 0u8..40).prop_map(|(count, base_fee)| Step::Mine { count, base_fee }),
        1 => Just(Step::Revert),
        2 => (0..SENDERS, 0u8..40).prop_map(|(from, transfers)| Step::Fund { from, transfers }),
        1 => (0usize..20).prop_map(|which| Step::Remove { which }),
        1 => (1u64..600).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// A transaction as the list holds it.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    hash: B256,
    sender: Address,
    nonce: u64,
    fee: u128,
    tip: u128,
    blob_fee: Option<u128>,
    cost: U256,
    bytes: u64,
    arrival: i64,
    queued_at: u64,
}

/// The list, and what the pool knows of accounts.
#[derive(Clone, Debug, Default)]
struct Model {
    items: Vec<Item>,
    base_fee: u128,
    bytes_max: u64,
    blob_bytes_max: u64,
    next_arrival: i64,
    first_arrival: i64,
    dropped: Vec<B256>,
}

type States = BTreeMap<Address, SenderState>;

fn state(states: &States, of: Address) -> SenderState {
    states.get(&of).copied().unwrap_or_else(rich)
}

impl Model {
    fn of(&self, sender: Address) -> Vec<&Item> {
        let mut items: Vec<_> = self.items.iter().filter(|item| item.sender == sender).collect();
        items.sort_by_key(|item| item.nonce);
        items
    }

    fn pending_of(&self, states: &States, sender: Address) -> Vec<&Item> {
        let SenderState { nonce, balance, .. } = state(states, sender);
        let (mut next, mut spent, mut pending) = (nonce, U256::ZERO, Vec::new());
        for item in self.of(sender) {
            if item.nonce != next || spent + item.cost > balance {
                break;
            }
            next += 1;
            spent += item.cost;
            pending.push(item);
        }
        pending
    }

    fn pending(&self, states: &States) -> BTreeSet<B256> {
        let senders: BTreeSet<_> = self.items.iter().map(|item| item.sender).collect();
        let pending = senders.into_iter().flat_map(|sender| self.pending_of(states, sender));
        pending.map(|item| item.hash).collect()
    }

    /// What was pending before and is not any more counts as queued from now on.
    fn requeue(&mut self, before: &BTreeSet<B256>, states: &States, now: u64) {
        let after = self.pending(states);
        for item in &mut self.items {
            if before.contains(&item.hash) && !after.contains(&item.hash) {
                item.queued_at = now;
            }
        }
    }

    fn price(&self, item: &Item) -> u128 {
        item.fee.min(self.base_fee + item.tip)
    }

    /// The hash of what is driven out first.
    fn first_out(&self, states: &States, with_blobs: bool) -> B256 {
        let senders: BTreeSet<_> = self.items.iter().map(|item| item.sender).collect();
        let pending = self.pending(states);
        let tails = senders.into_iter().filter_map(|sender| {
            let items = self.of(sender);
            let tail = items[items.len() - 1];
            let worth = items.iter().map(|item| self.price(item)).min().unwrap();
            let stands = !with_blobs || items.iter().any(|item| item.blob_fee.is_some());
            stands.then_some((pending.contains(&tail.hash), worth, -tail.arrival, tail.hash))
        });
        tails.min().unwrap().3
    }

    fn over(&self) -> Option<bool> {
        let bytes: u64 = self.items.iter().map(|item| item.bytes).sum();
        let blobs = self.items.iter().filter(|item| item.blob_fee.is_some());
        let blob_bytes: u64 = blobs.map(|item| item.bytes).sum();
        if bytes > self.bytes_max {
            return Some(false);
        }
        (blob_bytes > self.blob_bytes_max).then_some(true)
    }

    /// Adds, or says why not and stays as it was.
    fn add(&mut self, states: &States, item: Item, external: bool) -> Result<(), &'static str> {
        let SenderState { nonce, balance, .. } = state(states, item.sender);
        if self.items.iter().any(|other| other.hash == item.hash) {
            return Err("already known");
        }
        if item.nonce < nonce {
            return Err("nonce too low");
        }
        if item.cost > balance {
            return Err("insufficient funds");
        }
        let held = self.of(item.sender);
        let pending = self.pending_of(states, item.sender);
        let old = held.iter().find(|other| other.nonce == item.nonce);
        if let Some(old) = old {
            let percent = if old.blob_fee.is_some() { 200 } else { 110 };
            let enough = |new: u128, old: u128| new > old && new >= old * percent / 100;
            let blobs = match (item.blob_fee, old.blob_fee) {
                (Some(new), Some(old)) => enough(new, old),
                _ => true,
            };
            if !enough(item.fee, old.fee) || !enough(item.tip, old.tip) || !blobs {
                return Err("replacement transaction underpriced");
            }
        } else if external && held.len() >= LIMIT {
            return Err("account limit exceeded");
        }
        if item.nonce <= nonce + pending.len() as u64 {
            let others = pending.iter().filter(|other| other.nonce != item.nonce);
            let spent: U256 = others.map(|other| other.cost).sum();
            if spent + item.cost > balance {
                return Err("insufficient funds");
            }
        }
        let before = self.clone();
        let (hash, replaced) = (item.hash, old.map(|old| old.hash));
        self.items.retain(|other| Some(other.hash) != replaced);
        self.items.push(item);
        let mut dropped: Vec<_> = replaced.into_iter().collect();
        while let Some(with_blobs) = self.over() {
            let out = self.first_out(states, with_blobs);
            let pending = self.pending(states);
            let mut others = self.items.iter().filter(|item| item.hash != hash);
            let others_wait = others.any(|item| !pending.contains(&item.hash));
            let refused = if !pending.contains(&hash)
                && (if out == hash { !others_wait } else { pending.contains(&out) })
            {
                Some("txpool is full")
            } else if out == hash {
                Some("transaction underpriced")
            } else {
                None
            };
            if let Some(refused) = refused {
                *self = before;
                return Err(refused);
            }
            self.items.retain(|other| other.hash != out);
            dropped.push(out);
        }
        self.dropped.extend(dropped);
        Ok(())
    }

    fn drop_where(&mut self, gone: impl Fn(&Item) -> bool) {
        let (out, stay) = std::mem::take(&mut self.items).into_iter().partition(gone);
        self.items = stay;
        self.dropped.extend(out.iter().map(|item: &Item| item.hash));
    }

    fn best(&self, states: &States) -> Vec<B256> {
        let senders: BTreeSet<_> = self.items.iter().map(|item| item.sender).collect();
        let mut runs: Vec<Vec<&Item>> =
            senders.into_iter().map(|sender| self.pending_of(states, sender)).collect();
        let mut best = Vec::new();
        loop {
            let heads = runs.iter().enumerate().filter_map(|(at, run)| Some((at, *run.first()?)));
            let payable = heads.filter(|(_, item)| {
                item.fee >= self.base_fee && item.blob_fee.is_none_or(|fee| fee >= 1)
            });
            let rank = |item: &Item| ((item.fee - self.base_fee).min(item.tip), -item.arrival);
            let Some((at, item)) = payable.max_by_key(|(_, item)| rank(item)) else {
                return best;
            };
            best.push(item.hash);
            runs[at].remove(0);
        }
    }
}

/// Both, and the chain that they follow.
struct Pair {
    bench: Bench,
    model: Model,
    /// The mined transactions of each block, and the states before it.
    blocks: Vec<(Vec<Arc<PoolTransaction>>, States)>,
    accepted: BTreeSet<B256>,
    mined: BTreeSet<B256>,
    reported: Vec<B256>,
}

impl Pair {
    fn new(room: u64) -> Self {
        let settings = Settings {
            bytes_max: 2 * 134_000 + room * 2300,
            blob_bytes_max: 2 * 134_000,
            account_transactions_max: LIMIT,
            queued_lifetime_seconds: LIFETIME,
            ..Settings::default()
        };
        let context = Context { fork: Fork::Prague, base_fee: 10, ..Context::default() };
        let model = Model {
            bytes_max: settings.bytes_max,
            blob_bytes_max: settings.blob_bytes_max,
            base_fee: 10,
            ..Model::default()
        };
        Self {
            bench: Bench::new(settings, context),
            model,
            blocks: Vec::new(),
            accepted: BTreeSet::new(),
            mined: BTreeSet::new(),
            reported: Vec::new(),
        }
    }

    fn item(&self, candidate: &Candidate) -> Item {
        // The size and cost of a transaction are what the pool says of it, in a pool of its own.
        let context = self.bench.pool.context().clone();
        let mut alone = Bench::new(Settings::default(), context);
        let nonce = SenderState { balance: U256::MAX, ..SenderState::default() };
        alone.states.insert(candidate.sender(), nonce);
        let hash = alone.add(candidate.clone()).unwrap().hash;
        let transaction = alone.pool.get(&hash).unwrap();
        self.item_of(transaction, self.model.next_arrival)
    }

    fn item_of(&self, transaction: &PoolTransaction, arrival: i64) -> Item {
        use alloy_consensus::Transaction as _;
        let inner = &transaction.recovered.transaction;
        Item {
            hash: transaction.hash(),
            sender: transaction.sender(),
            nonce: transaction.nonce(),
            fee: inner.max_fee_per_gas(),
            tip: inner.priority_fee_or_price(),
            blob_fee: inner.max_fee_per_blob_gas(),
            cost: transaction.cost(),
            bytes: transaction.bytes(),
            arrival,
            queued_at: self.bench.now,
        }
    }

    fn apply(&mut self, step: &Step) {
        let before = self.model.pending(&self.bench.states);
        match step.clone() {
            Step::Add { .. } => self.offer(step),
            Step::Mine { count, base_fee } => self.mine(count, u64::from(base_fee)),
            Step::Revert => self.revert(before),
            Step::Fund { from, transfers } => {
                self.bench.set_balance(from, u64::from(transfers) * 21_000 * 20);
                let promoted = self.bench.block(&[], &[], &[sender(from)]).promoted;
                self.settle(&before);
                self.expect_promoted(&before, &promoted);
            }
            Step::Remove { which } => {
                let hash = self.model.items.get(which).map(|item| item.hash);
                if let Some(hash) = hash {
                    self.bench.pool.remove(&hash, DropReason::Removed, self.bench.now).unwrap();
                    self.model.drop_where(|item| item.hash == hash);
                    self.model.requeue(&before, &self.bench.states, self.bench.now);
                }
            }
            Step::Wait { seconds } => {
                self.bench.now += seconds;
                self.bench.pool.expire(self.bench.now);
                self.expire();
            }
        }
        self.compare();
    }

    fn offer(&mut self, step: &Step) {
        let Step::Add { from, behind, fee, tip, value, kind, external } = *step else {
            unreachable!("the caller matched it")
        };
        let before = self.model.pending(&self.bench.states);
        let nonce = (self.bench.state(sender(from)).nonce + behind).saturating_sub(1);
        let (fee, tip) = (u128::from(fee), u128::from(tip));
        let candidate = match kind {
            0 | 1 => {
                let mut blobs = one_blob(from, nonce, fee, tip + 1);
                // Once for both pools that it is offered to.
                blobs.verify_blobs(Origin::Local, Fork::Prague).unwrap();
                blobs
            }
            2..12 => signed(from, legacy(from, nonce, fee)),
            _ => {
                let mut plain = transfer(from, nonce, fee, tip);
                plain.value = U256::from(u64::from(value) * 210_000);
                plain.chain_id = CHAIN;
                signed(from, plain)
            }
        };
        let origin = if external { Origin::External } else { Origin::Local };
        let item = self.item(&candidate);
        let expected = self.model.add(&self.bench.states, item, external);
        match (self.bench.add_from(origin, candidate), expected) {
            (Ok(added), Ok(())) => {
                self.accepted.insert(added.hash);
                self.model.next_arrival += 1;
                self.expect_promoted(&before, &added.promoted);
            }
            (Err(error), Err(start)) => {
                assert!(error.to_string().starts_with(start), "{error} is not {start}");
            }
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    /// What is pending and was not before was announced.
    fn expect_promoted(&self, before: &BTreeSet<B256>, promoted: &[Arc<PoolTransaction>]) {
        let after = self.model.pending(&self.bench.states);
        let announced: BTreeSet<_> = promoted.iter().map(|t| t.hash()).collect();
        let missing: Vec<_> =
            after.difference(before).filter(|h| !announced.contains(*h)).collect();
        assert!(missing.is_empty(), "{missing:?} were not announced");
        assert!(announced.is_subset(&after));
    }

    fn mine(&mut self, count: usize, base_fee: u64) {
        let before = self.model.pending(&self.bench.states);
        let mined: Vec<_> = self.bench.pool.best().take(count).collect();
        self.blocks.push((mined.clone(), self.bench.states.clone()));
        let hashes: BTreeSet<_> = mined.iter().map(|transaction| transaction.hash()).collect();
        self.model.items.retain(|item| !hashes.contains(&item.hash));
        self.mined.extend(hashes);
        self.bench.mine(&mined);
        self.settle(&before);
        self.model.base_fee = u128::from(base_fee);
        let context = Context { base_fee, ..self.bench.pool.context().clone() };
        self.bench.pool.set_context(context, self.bench.now);
    }

    /// Drops what cannot be paid, and what waited for too long.
    fn settle(&mut self, before: &BTreeSet<B256>) {
        let states = &self.bench.states;
        self.model.drop_where(|item| item.cost > state(states, item.sender).balance);
        self.model.drop_where(|item| item.nonce < state(states, item.sender).nonce);
        self.model.requeue(before, states, self.bench.now);
        self.expire();
    }

    fn expire(&mut self) {
        loop {
            // One after the other: no drop of a queued one changes what is pending.
            let pending = self.model.pending(&self.bench.states);
            let now = self.bench.now;
            let old =
                |item: &Item| !pending.contains(&item.hash) && item.queued_at + LIFETIME < now;
            if !self.model.items.iter().any(old) {
                return;
            }
            self.model.drop_where(old);
        }
    }

    fn revert(&mut self, before: BTreeSet<B256>) {
        let Some((transactions, states)) = self.blocks.pop() else { return };
        // Balances that were set stay.
        for transaction in &transactions {
            let (of, now) = (transaction.sender(), self.bench.state(transaction.sender()));
            let nonce = state(&states, of).nonce;
            self.bench.states.insert(of, SenderState { nonce, ..now });
        }
        let reverted: Vec<_> = transactions.iter().map(|t| t.recovered.clone()).collect();
        let outcome = self.bench.block(&[], &reverted, &[]);
        self.model.requeue(&before, &self.bench.states, self.bench.now);
        self.model.first_arrival -= transactions.len() as i64;
        let first = self.model.first_arrival;
        for (arrival, transaction) in (first..).zip(&transactions) {
            let item = self.item_of(transaction, arrival);
            self.mined.remove(&item.hash);
            let hash = item.hash;
            if self.model.add(&self.bench.states, item, false).is_err() {
                self.model.dropped.push(hash);
            }
        }
        self.expire();
        let after = self.model.pending(&self.bench.states);
        assert!(outcome.promoted.iter().all(|transaction| after.contains(&transaction.hash())));
    }

    fn compare(&mut self) {
        let (pool, states) = (&mut self.bench.pool, &self.bench.states);
        let content = pool.content();
        let hashes = |part: &heddle_pool::BySender| -> BTreeSet<B256> {
            part.values().flat_map(BTreeMap::values).map(|t| t.hash()).collect()
        };
        let (pending, queued) = (hashes(&content.pending), hashes(&content.queued));
        assert_eq!(pending, self.model.pending(states));
        let all: BTreeSet<_> = self.model.items.iter().map(|item| item.hash).collect();
        assert_eq!(pending.union(&queued).copied().collect::<BTreeSet<_>>(), all);
        let status = pool.status();
        assert_eq!((status.pending, status.queued), (pending.len(), queued.len()));
        assert_eq!(status.bytes, self.model.items.iter().map(|item| item.bytes).sum::<u64>());
        assert!(status.bytes <= self.model.bytes_max);
        assert!(status.blob_bytes <= self.model.blob_bytes_max);
        let best: Vec<_> = pool.best().map(|transaction| transaction.hash()).collect();
        assert_eq!(best, self.model.best(states));
        let (dropped, forgotten) = pool.take_dropped();
        assert_eq!(forgotten, 0);
        let mut found: Vec<_> = dropped.iter().map(|gone| gone.hash).collect();
        self.reported.extend(&found);
        let mut expected = std::mem::take(&mut self.model.dropped);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let reported: BTreeSet<_> = self.reported.iter().copied().collect();
        let lost = self.accepted.iter().filter(|hash| {
            !all.contains(*hash) && !self.mined.contains(*hash) && !reported.contains(*hash)
        });
        assert_eq!(lost.count(), 0, "accepted, and neither mined, dropped nor there");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn does_what_a_simple_list_does(
        room in 3u64..16,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut pair = Pair::new(room);
        for step in &steps {
            pair.apply(step);
        }
        // The same steps give the same pool, to the last detail.
        let mut again = Pair::new(room);
        for step in &steps {
            again.apply(step);
        }
        prop_assert_eq!(
            format!("{:?}", pair.bench.pool.content()),
            format!("{:?}", again.bench.pool.content())
        );
    }
}

fn cases() -> u32 {
    std::env::var("HEDDLE_POOL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}
