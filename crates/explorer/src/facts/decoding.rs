//! What bytes mean to a contract: by the ABI of its verified source, by that of the contract that
//! it passes calls on to, and else by common signatures, which are a guess.

use super::View;
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use heddle_solidity::{
    abi::{
        Abi, Decoded,
        revert::{self, Reason},
    },
    layout::Layout,
    signatures,
    verify::Verified,
};
use std::{collections::HashMap, rc::Rc, sync::Arc};

/// A proxy keeps the address of the code that it uses at the hash of this text, less one
/// (EIP-1967).
const IMPLEMENTATION_TEXT: &str = "eip1967.proxy.implementation";

/// A contract whose source is known.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) abi: Abi,
    pub(crate) layout: Layout,
    pub(crate) verified: Arc<Verified>,
}

/// Whether the contract itself says what something is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// Its verified source does.
    Verified,
    /// Others with the same signature do.
    Guess,
}

impl View<'_> {
    /// What is known of a contract's source.
    pub(crate) fn known(&self, address: Address) -> Option<Rc<Known>> {
        if let Some(known) = self.known.borrow().get(&address) {
            return known.clone();
        }
        let known = self.read_known(address).map(Rc::new);
        self.known.borrow_mut().insert(address, known.clone());
        known
    }

    fn read_known(&self, address: Address) -> Option<Known> {
        // Where something cannot be read, bytes are shown as they are.
        let state = self.chain.execution_state_at(self.head()).ok()?;
        let hash = state.account(address).ok()??.code_hash;
        let verified = self.explorer.parts.contracts.get(&hash).ok()??;
        let abi = Abi::of_json(&verified.abi).ok()?;
        let layout = Layout::of_json(&verified.storage_layout);
        Some(Known { abi, layout, verified })
    }

    /// The contract that a proxy passes calls on to.
    pub(crate) fn implementation(&self, address: Address) -> Option<Address> {
        let state = self.chain.execution_state_at(self.head()).ok()?;
        let value = state.slot(address, implementation_slot()).ok()?;
        let target = Address::from_word(B256::from(value));
        (!target.is_zero()).then_some(target)
    }

    /// The contract, and that to which it passes calls on, as far as their sources are known.
    fn sources(&self, address: Address) -> Vec<Rc<Known>> {
        let own = self.known(address);
        let behind = self.implementation(address).and_then(|target| self.known(target));
        own.into_iter().chain(behind).collect()
    }

    /// A call.
    pub(crate) fn decode_call(&self, to: Address, input: &[u8]) -> Option<(Decoded, Certainty)> {
        self.decode(to, |abi| abi.decode_call(input))
    }

    /// A log.
    pub(crate) fn decode_log(&self, log: &Log) -> Option<(Decoded, Certainty)> {
        self.decode(log.address, |abi| abi.decode_log(log.topics(), &log.data.data))
    }

    fn decode(
        &self,
        contract: Address,
        with: impl Fn(&Abi) -> Option<Decoded>,
    ) -> Option<(Decoded, Certainty)> {
        let verified = self.sources(contract).iter().find_map(|known| with(&known.abi));
        let guess = || with(signatures::common()).map(|decoded| (decoded, Certainty::Guess));
        verified.map(|decoded| (decoded, Certainty::Verified)).or_else(guess)
    }

    /// Why a call failed.
    pub(crate) fn decode_failure(&self, to: Address, output: &[u8]) -> Option<Reason> {
        let sources = self.sources(to);
        let abis = sources.iter().map(|known| &known.abi);
        revert::reason(output, abis.chain([signatures::common()]))
    }

    /// The name of a function.
    pub(crate) fn method(&self, to: Address, selector: [u8; 4]) -> Option<String> {
        let of = |abi: &Abi| abi.function(selector.into()).map(|found| found.name.clone());
        let own = self.known(to).and_then(|known| of(&known.abi));
        own.or_else(|| of(signatures::common()))
    }

    /// What lies in a slot, by the layout of the verified source.
    pub(crate) fn slot_name(&self, address: Address, slot: U256) -> Option<String> {
        let known = self.known(address)?;
        // What was hashed is remembered of slots that were fought over.
        let preimages = self.index.slot(address, slot).ok().flatten().unwrap_or_default().preimages;
        let by_hash: HashMap<B256, Bytes> =
            preimages.into_iter().map(|bytes| (keccak256(&bytes), bytes)).collect();
        known.layout.name_of(slot, |hash| by_hash.get(&hash).cloned())
    }
}

fn implementation_slot() -> U256 {
    U256::from_be_bytes(keccak256(IMPLEMENTATION_TEXT).0).wrapping_sub(U256::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    #[test]
    fn the_slot_of_implementations_is_that_of_the_standard() {
        let standard = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
        assert_eq!(B256::from(implementation_slot()), standard);
    }
}
