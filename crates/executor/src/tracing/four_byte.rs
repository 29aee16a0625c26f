//! geth's `4byteTracer`: how often each selector was called, with the length of its arguments.

use super::{
    events::{End, Enter, Listener},
    state::Current,
};
use alloy_primitives::{hex, map::AddressSet};
use revm::bytecode::opcode;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct FourByteTracer {
    precompiles: AddressSet,
    selectors: BTreeMap<String, u64>,
}

impl FourByteTracer {
    pub(super) fn new(precompiles: &AddressSet) -> Self {
        Self { precompiles: precompiles.clone(), selectors: BTreeMap::new() }
    }
}

impl Listener for FourByteTracer {
    fn enter(&mut self, enter: &Enter) {
        let calls = matches!(
            enter.opcode,
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL
        );
        if !calls || self.precompiles.contains(&enter.to) {
            return;
        }
        if let Some((selector, arguments)) = enter.input.split_first_chunk::<4>() {
            let key = format!("0x{}-{}", hex::encode(selector), arguments.len());
            *self.selectors.entry(key).or_default() += 1;
        }
    }

    fn bytes(&self) -> usize {
        self.selectors.len() * 32
    }

    fn finish(&mut self, _: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.selectors)
    }
}
