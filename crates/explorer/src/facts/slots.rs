//! What slots of storage are called.

use super::{View, contracts};
use crate::IndexError;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use heddle_chain::ExecutionState;
use heddle_solidity::layout::Layout;
use std::{collections::HashMap, sync::Arc};

/// Contracts whose layouts are looked up for one page: each may take a file of megabytes.
const LAYOUTS_MAX: usize = 64;
/// Slots up to which a number is said in decimal: Solidity counts variables from zero.
const PLAIN_MAX: u64 = 1 << 32;

/// A slot in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlotWords {
    /// The variable, by the layout of the verified sources.
    Name(String),
    /// How the slot comes about, by what was hashed to it.
    Way(String),
    /// Its number.
    Number(U256),
}

/// Looks names of slots up. Layouts are kept, as neighbours in a list often share one.
#[derive(Debug)]
pub(crate) struct SlotNames<'v> {
    view: &'v View<'v>,
    state: Option<ExecutionState>,
    layouts: HashMap<Address, Option<Arc<Layout>>>,
}

impl<'v> SlotNames<'v> {
    pub(crate) fn new(view: &'v View<'v>) -> Self {
        // Without a state no layout is found, and there are still numbers.
        let state = view.chain.execution_state_at(view.head()).ok();
        Self { view, state, layouts: HashMap::new() }
    }

    /// What a slot is called; what was hashed to it is asked of the index.
    ///
    /// # Errors
    ///
    /// The index may fail.
    pub(crate) fn find(&mut self, address: Address, slot: U256) -> Result<SlotWords, IndexError> {
        let figures = self.view.index.slot(address, slot)?.unwrap_or_default();
        Ok(self.with(address, slot, &figures.preimages))
    }

    /// What a slot is called, by what was hashed to it.
    pub(crate) fn with(&mut self, address: Address, slot: U256, preimages: &[Bytes]) -> SlotWords {
        let layout = self.layout(address);
        let name = layout.and_then(|layout| name(&layout, slot, preimages));
        match name {
            Some(name) => SlotWords::Name(name),
            None => way(slot, preimages).map_or(SlotWords::Number(slot), SlotWords::Way),
        }
    }

    /// The layout of what runs at an address, if its sources are known.
    pub(crate) fn layout(&mut self, address: Address) -> Option<Arc<Layout>> {
        if let Some(known) = self.layouts.get(&address) {
            return known.clone();
        }
        if self.layouts.len() >= LAYOUTS_MAX {
            return None;
        }
        let state = self.state.as_ref()?;
        let code = contracts::running(self.view, state, address).ok();
        let verified = code.and_then(|code| code.verified);
        let layout = verified.map(|verified| Arc::new(Layout::of_json(&verified.storage_layout)));
        self.layouts.insert(address, layout.clone());
        layout
    }
}

/// The name by a layout and by what was hashed.
fn name(layout: &Layout, slot: U256, preimages: &[Bytes]) -> Option<String> {
    let hashed: HashMap<B256, &Bytes> =
        preimages.iter().map(|preimage| (keccak256(preimage), preimage)).collect();
    layout.name_of(slot, |hash| hashed.get(&hash).map(|preimage| (*preimage).clone()))
}

/// How a slot of a mapping comes about: the slot of the mapping, then the keys from the outermost.
fn way(slot: U256, preimages: &[Bytes]) -> Option<String> {
    let innermost = preimages.first()?;
    let behind = slot.checked_sub(U256::from_be_bytes(keccak256(innermost).0))?;
    let mut keys = Vec::new();
    let mut base = U256::ZERO;
    for preimage in preimages {
        let (key, of) = preimage.split_last_chunk::<32>()?;
        base = U256::from_be_bytes(*of);
        keys.push(key_words(key));
    }
    keys.reverse();
    let keys: String = keys.iter().map(|key| format!(", key {key}")).collect();
    let behind = if behind.is_zero() { String::new() } else { format!(", {behind} slots on") };
    Some(format!("mapping at slot {}{keys}{behind}", number_words(base)))
}

/// A slot's number: in decimal where it is one that the compiler counted.
pub(crate) fn number_words(slot: U256) -> String {
    if slot < U256::from(PLAIN_MAX) { slot.to_string() } else { format!("{slot:#066x}") }
}

/// A key by its looks: a number, an address, or bytes.
fn key_words(key: &[u8]) -> String {
    let Ok(word) = <[u8; 32]>::try_from(key) else {
        return alloy_primitives::hex::encode_prefixed(key);
    };
    let number = U256::from_be_bytes(word);
    match word.split_last_chunk::<20>() {
        _ if number < U256::from(PLAIN_MAX) => number.to_string(),
        Some((above, address)) if above.iter().all(|byte| *byte == 0) => {
            Address::from(*address).to_string()
        }
        _ => B256::from(word).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: U256, base: U256) -> Bytes {
        [key.to_be_bytes::<32>(), base.to_be_bytes::<32>()].concat().into()
    }

    #[test]
    fn a_mapping_within_a_mapping_is_told_from_the_outside_in() {
        let holder = Address::repeat_byte(0xab);
        let outer = entry(holder.into_word().into(), U256::from(3));
        let inner = entry(U256::from(7), U256::from_be_bytes(keccak256(&outer).0));
        let slot = U256::from_be_bytes(keccak256(&inner).0);
        let told = way(slot, &[inner.clone(), outer.clone()]);
        assert_eq!(told, Some(format!("mapping at slot 3, key {holder}, key 7")));
        let told = way(slot + U256::from(2), &[inner, outer]);
        assert_eq!(told, Some(format!("mapping at slot 3, key {holder}, key 7, 2 slots on")));
    }

    #[test]
    fn what_was_hashed_may_be_of_any_length() {
        for preimage in [vec![], vec![1; 31], vec![1; 32], vec![1; 33], vec![1; 500]] {
            let preimage = Bytes::from(preimage);
            let slot = U256::from_be_bytes(keccak256(&preimage).0);
            assert_eq!(way(slot, std::slice::from_ref(&preimage)).is_some(), preimage.len() >= 32);
        }
        assert_eq!(way(U256::ZERO, &[]), None);
    }

    #[test]
    fn a_layout_names_what_was_hashed() {
        let layout = Layout::of_json(&serde_json::json!({
            "storage": [{"label": "balances", "slot": "3", "offset": 0, "type": "m"}],
            "types": {
                "m": {"encoding": "mapping", "key": "t_address", "value": "u", "label": "mapping", "numberOfBytes": "32"},
                "t_address": {"encoding": "inplace", "label": "address", "numberOfBytes": "20"},
                "u": {"encoding": "inplace", "label": "uint256", "numberOfBytes": "32"},
            },
        }));
        let holder = Address::repeat_byte(0xab);
        let preimage = entry(holder.into_word().into(), U256::from(3));
        let slot = U256::from_be_bytes(keccak256(&preimage).0);
        assert_eq!(name(&layout, slot, &[preimage]), Some(format!("balances[{holder}]")));
        assert_eq!(name(&layout, slot, &[]), None);
    }
}
