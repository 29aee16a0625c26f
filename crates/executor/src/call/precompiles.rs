//! The precompiled contracts, of which a request may have moved some.

use alloy_primitives::{
    Address,
    map::{AddressMap, AddressSet},
};
use heddle_types::Fork;
use revm::{
    context::{Cfg, ContextTr, JournalTr, LocalContextTr},
    handler::{PrecompileProvider, precompile_output_to_interpreter_result},
    interpreter::{CallInputs, InterpreterResult},
    precompile::{PrecompileSpecId, Precompiles as Contracts},
    primitives::hardfork::SpecId,
};

/// The precompiled contracts of a fork, of which some may be moved or gone.
#[derive(Clone, Debug)]
pub struct Precompiles {
    contracts: &'static Contracts,
    /// Where it is otherwise than in the fork: whose contract answers there, if any.
    changed: AddressMap<Option<Address>>,
}

impl Precompiles {
    /// Those of `fork`, all in their places.
    pub fn new(fork: Fork) -> Self {
        let spec = crate::block::spec_id(fork);
        Self {
            contracts: Contracts::new(PrecompileSpecId::from_spec_id(spec)),
            changed: AddressMap::default(),
        }
    }

    /// Whether a precompiled contract answers at this address.
    pub fn answers_at(&self, address: Address) -> bool {
        match self.changed.get(&address) {
            Some(origin) => origin.is_some(),
            None => self.contracts.contains(&address),
        }
    }

    /// The addresses that are warm from the start of a transaction: the fork's own, whatever was
    /// moved.
    pub fn addresses(&self) -> &AddressSet {
        self.contracts.addresses_set()
    }

    /// Makes the contract at `from` answer at `to`, too.
    pub(crate) fn copy(&mut self, from: Address, to: Address) {
        let origin = match self.changed.get(&from) {
            Some(origin) => *origin,
            None => Some(from),
        };
        self.changed.insert(to, origin);
    }

    /// Lets no precompiled contract answer at this address, if one did.
    pub(crate) fn remove(&mut self, address: Address) {
        if self.answers_at(address) {
            self.changed.insert(address, None);
        }
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for Precompiles {
    type Output = InterpreterResult;

    /// The fork is given from the start.
    fn set_spec(&mut self, _: SpecId) -> bool {
        false
    }

    fn run(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let place = inputs.bytecode_address;
        let origin = match self.changed.get(&place) {
            Some(Some(origin)) => *origin,
            Some(None) => return Ok(None),
            None => place,
        };
        let Some(contract) = self.contracts.get(&origin) else { return Ok(None) };
        let output = contract
            .execute(&inputs.input.as_bytes(context), inputs.gas_limit, inputs.reservoir)
            .map_err(|error| error.to_string())?;
        // As revm's own provider does: the reason of a transaction to a precompile is kept.
        if let Some(reason) = output.halt_reason()
            && !reason.is_oog()
            && context.journal().depth() == 1
        {
            context.local_mut().set_precompile_error_context(reason.to_string());
        }
        Ok(Some(precompile_output_to_interpreter_result(output, inputs.gas_limit)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.addresses()
    }
}
