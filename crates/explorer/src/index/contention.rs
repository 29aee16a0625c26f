//! Who had to wait for whom, and for which slot.
//!
//! A transaction waits for the last one before it in its block that wrote a slot that it reads, and
//! for the one before it of the same sender. The longest chain of those, in gas, is what no number
//! of threads can shorten. Balances are left out: the executor adds to them in any order.

use super::{records::HotSlot, replay::Replay};
use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, HashMap},
};
use heddle_types::{Receipt, RecoveredBlock};

/// Slots of a block that are named.
const HOT_MAX: usize = 8;
/// Transactions of the critical path that are named.
const PATH_MAX: usize = 64;
/// Mappings within mappings whose keys are kept.
const NESTED_MAX: usize = 4;

/// The waiting of a block.
#[derive(Debug, Default)]
pub(crate) struct Contention {
    pub(crate) critical_gas: u64,
    pub(crate) critical_path: Vec<u64>,
    pub(crate) waiting: u64,
    /// All slots that somebody waited for, the most wanted first.
    pub(crate) slots: Vec<ContendedSlot>,
}

#[derive(Debug)]
pub(crate) struct ContendedSlot {
    pub(crate) address: Address,
    pub(crate) slot: U256,
    pub(crate) waits: u64,
    pub(crate) gas: u64,
    pub(crate) preimages: Vec<Bytes>,
}

impl Contention {
    /// Those that everybody should see.
    pub(crate) fn hot(&self) -> Vec<HotSlot> {
        let hot = |slot: &ContendedSlot| HotSlot {
            address: slot.address,
            slot: slot.slot,
            waits: slot.waits,
            gas: slot.gas,
        };
        self.slots.iter().take(HOT_MAX).map(hot).collect()
    }
}

#[derive(Clone, Copy, Default)]
struct Waits {
    count: u64,
    gas: u64,
    /// A transaction that waited.
    example: usize,
}

/// Finds it out.
pub(crate) fn contention(
    block: &RecoveredBlock,
    receipts: &[Receipt],
    replay: Option<&Replay>,
) -> Contention {
    let mut writers: HashMap<(Address, U256), usize> = HashMap::default();
    let mut last_of: AddressMap<usize> = AddressMap::default();
    let mut waits: HashMap<(Address, U256), Waits> = HashMap::default();
    // Gas until each has ended, and whom it waited for.
    let mut ends: Vec<(u64, Option<usize>)> = Vec::with_capacity(receipts.len());
    let mut waiting = 0;
    for (index, (sender, receipt)) in block.senders.iter().zip(receipts).enumerate() {
        let mut before = last_of.insert(*sender, index);
        let slots = replay.and_then(|replay| replay.observed.get(index));
        let slots = slots.map_or(&[][..], |observed| &observed.slots);
        let mut waited = false;
        for access in slots {
            let key = (access.address, access.slot);
            if let Some(writer) = writers.get(&key).copied() {
                waited = true;
                let wait = waits.entry(key).or_default();
                wait.count += 1;
                wait.gas += receipt.gas_used;
                wait.example = index;
                let end = |index: usize| ends.get(index).map_or(0, |end| end.0);
                if before.is_none_or(|before| end(before) < end(writer)) {
                    before = Some(writer);
                }
            }
        }
        for access in slots.iter().filter(|access| access.written) {
            writers.insert((access.address, access.slot), index);
        }
        waiting += u64::from(waited);
        let start = before.and_then(|before| ends.get(before)).map_or(0, |end| end.0);
        ends.push((start + receipt.gas_used, before));
    }
    let (critical_gas, critical_path) = longest(&ends);
    Contention { critical_gas, critical_path, waiting, slots: sorted(waits, replay) }
}

fn longest(ends: &[(u64, Option<usize>)]) -> (u64, Vec<u64>) {
    // The first of those that end last, so that the answer is one.
    let last = ends.iter().enumerate().max_by_key(|(index, end)| (end.0, usize::MAX - index));
    let Some((last, (gas, _))) = last else { return (0, Vec::new()) };
    let before = |index: &usize| ends.get(*index).and_then(|end| end.1);
    let path = std::iter::successors(Some(last), before).take(PATH_MAX);
    let mut path: Vec<u64> = path.map(|index| index as u64).collect();
    path.reverse();
    (*gas, path)
}

fn sorted(waits: HashMap<(Address, U256), Waits>, replay: Option<&Replay>) -> Vec<ContendedSlot> {
    let mut slots: Vec<ContendedSlot> = waits
        .into_iter()
        .map(|((address, slot), wait)| ContendedSlot {
            address,
            slot,
            waits: wait.count,
            gas: wait.gas,
            preimages: preimages(slot, wait.example, replay),
        })
        .collect();
    slots.sort_unstable_by_key(|slot| (std::cmp::Reverse(slot.waits), slot.address, slot.slot));
    slots
}

/// What was hashed to a slot, and so on inwards. A field of a struct lies a little behind the hash.
fn preimages(slot: U256, example: usize, replay: Option<&Replay>) -> Vec<Bytes> {
    let Some(observed) = replay.and_then(|replay| replay.observed.get(example)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut place = slot;
    while found.len() < NESTED_MAX {
        let behind = (0..STRUCT_SLOTS_MAX).filter_map(|field| place.checked_sub(U256::from(field)));
        let mut hashed = behind.filter_map(|hash| observed.preimages.get(&B256::from(hash)));
        let Some(preimage) = hashed.next() else { break };
        place = preimage.last_chunk::<32>().map_or(U256::ZERO, |base| U256::from_be_bytes(*base));
        found.push(Bytes::copy_from_slice(preimage));
    }
    found
}

/// Slots of a struct in a mapping that are looked for behind its hash.
const STRUCT_SLOTS_MAX: u64 = 16;
