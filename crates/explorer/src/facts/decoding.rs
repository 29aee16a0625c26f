//! What bytes mean to a contract: by the ABI of its verified source, by that of the contract that
//! it passes calls on to, and else by common signatures, which are a guess.

use super::{
    View,
    contracts::{self, Code},
};
use alloy_primitives::{Address, Log};
use heddle_solidity::{
    abi::{
        Abi, Decoded, Function,
        revert::{self, Reason},
    },
    signatures,
    verify::Verified,
};
use std::{rc::Rc, sync::Arc};

/// The source of a contract.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) abi: Abi,
    pub(crate) verified: Arc<Verified>,
}

/// What is known of a contract.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    source: Option<Rc<Source>>,
    /// The contract that it passes calls on to.
    behind: Option<Address>,
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
    /// A contract's own source, if it is known.
    pub(crate) fn source(&self, address: Address) -> Option<Rc<Source>> {
        self.look_up(address).source
    }

    fn look_up(&self, address: Address) -> Known {
        if let Some(known) = self.known.borrow().get(&address) {
            return known.clone();
        }
        let known = self.read_known(address).unwrap_or_default();
        self.known.borrow_mut().insert(address, known.clone());
        known
    }

    fn read_known(&self, address: Address) -> Option<Known> {
        // Where something cannot be read, bytes are shown as they are.
        let state = self.chain.execution_state_at(self.head()).ok()?;
        let code = Code::read(self.explorer, &state, address).ok()?;
        let behind = contracts::behind(&state, &code).ok()?;
        let source = code.verified.and_then(|verified| {
            let abi = Abi::of_json(&verified.abi).ok()?;
            Some(Source { abi, verified })
        });
        Some(Known { source: source.map(Rc::new), behind })
    }

    /// The contract, and that to which it passes calls on, as far as their sources are known.
    fn sources(&self, address: Address) -> Vec<Rc<Source>> {
        let Known { source, behind } = self.look_up(address);
        let behind = behind.and_then(|target| self.source(target));
        source.into_iter().chain(behind).collect()
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
        let verified = self.sources(contract).iter().find_map(|source| with(&source.abi));
        let guess = || with(signatures::common()).map(|decoded| (decoded, Certainty::Guess));
        verified.map(|decoded| (decoded, Certainty::Verified)).or_else(guess)
    }

    /// Why a call failed.
    pub(crate) fn decode_failure(&self, to: Address, output: &[u8]) -> Option<Reason> {
        let sources = self.sources(to);
        let abis = sources.iter().map(|source| &source.abi);
        revert::reason(output, abis.chain([signatures::common()]))
    }

    /// The name of a function.
    pub(crate) fn method(&self, to: Address, selector: [u8; 4]) -> Option<String> {
        self.function(to, selector, |function| function.name.clone())
    }

    /// A function, by the contract's own source before common signatures.
    pub(crate) fn function<T>(
        &self,
        to: Address,
        selector: [u8; 4],
        what: impl Fn(&Function) -> T,
    ) -> Option<T> {
        let of = |abi: &Abi| abi.function(selector.into()).map(&what);
        let own = self.source(to).and_then(|source| of(&source.abi));
        own.or_else(|| of(signatures::common()))
    }
}
