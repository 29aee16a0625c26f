//! geth's `flatCallTracer`: calls as a list, in the shape of OpenEthereum's traces.

use super::{
    TransactionPlace,
    call_frame::{CallFrame, CallTracer},
    events::{End, Enter, Exit, Listener, REVERTED},
    state::Current,
};
use alloy_primitives::{Address, B256, Bytes, U64, U256, map::AddressSet};
use alloy_rpc_types_trace::geth::{CallConfig, FlatCallConfig};
use revm::bytecode::opcode;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlatFrame<'f> {
    action: Action<'f>,
    block_hash: Option<B256>,
    block_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Outcome<'f>>,
    subtraces: usize,
    trace_address: Vec<usize>,
    transaction_hash: Option<B256>,
    transaction_position: u64,
    r#type: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Action<'f> {
    #[serde(rename = "address", skip_serializing_if = "Option::is_none")]
    destroyed: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<&'f Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'f Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'f Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'f Bytes>,
}

/// Gathers the tree of calls and lays it out flat.
#[derive(Debug)]
pub(super) struct FlatCallTracer {
    calls: CallTracer,
    convert_errors: bool,
    /// Contracts whose calls are left out.
    precompiles: AddressSet,
    place: TransactionPlace,
}

impl FlatCallTracer {
    pub(super) fn new(
        config: &FlatCallConfig,
        gas_limit: u64,
        precompiles: &AddressSet,
        place: &TransactionPlace,
    ) -> Self {
        let keeps_precompiles = config.include_precompiles.unwrap_or_default();
        Self {
            calls: CallTracer::new(&CallConfig::default(), gas_limit),
            convert_errors: config.convert_parity_errors.unwrap_or_default(),
            precompiles: if keeps_precompiles {
                AddressSet::default()
            } else {
                precompiles.clone()
            },
            place: place.clone(),
        }
    }

    fn frame<'f>(&self, call: &'f CallFrame, trace_address: Vec<usize>) -> FlatFrame<'f> {
        let (r#type, action, outcome) = match call.opcode {
            opcode::CREATE | opcode::CREATE2 => creation(call),
            opcode::SELFDESTRUCT => destruction(call),
            _ => plain_call(call),
        };
        let error = call.error.as_deref();
        // What a reverted call returned is its reason; of other failures nothing is left.
        let result = outcome.filter(|_| error.is_none_or(|error| error == REVERTED));
        FlatFrame {
            action,
            block_hash: self.place.block_hash,
            block_number: self.place.block_number.unwrap_or_default(),
            error: error.map(|error| if self.convert_errors { parity_error(error) } else { error }),
            result,
            subtraces: call.calls.len(),
            trace_address,
            transaction_hash: self.place.transaction_hash,
            transaction_position: self.place.index.unwrap_or_default(),
            r#type,
        }
    }

    fn flatten<'f>(&self, root: &'f CallFrame) -> Vec<FlatFrame<'f>> {
        let mut frames = Vec::new();
        let mut waiting = vec![(root, Vec::new())];
        while let Some((call, address)) = waiting.pop() {
            for (place, child) in call.calls.iter().enumerate().rev() {
                let mut child_address = address.clone();
                child_address.push(place);
                waiting.push((child, child_address));
            }
            frames.push(self.frame(call, address));
        }
        frames
    }
}

fn creation(call: &CallFrame) -> (&'static str, Action<'_>, Option<Outcome<'_>>) {
    let method = if call.opcode == opcode::CREATE { "create" } else { "create2" };
    let action = Action {
        creation_method: Some(method),
        from: Some(call.from),
        gas: Some(call.gas),
        value: call.value,
        init: Some(&call.input),
        ..Action::default()
    };
    let outcome = Outcome {
        gas_used: Some(call.gas_used),
        address: call.to,
        code: Some(&call.output),
        ..Outcome::default()
    };
    ("create", action, Some(outcome))
}

fn destruction(call: &CallFrame) -> (&'static str, Action<'_>, Option<Outcome<'_>>) {
    let action = Action {
        destroyed: Some(call.from),
        balance: call.value,
        refund_address: call.to,
        ..Action::default()
    };
    ("suicide", action, None)
}

fn plain_call(call: &CallFrame) -> (&'static str, Action<'_>, Option<Outcome<'_>>) {
    let call_type = match call.opcode {
        opcode::CALLCODE => "callcode",
        opcode::DELEGATECALL => "delegatecall",
        opcode::STATICCALL => "staticcall",
        _ => "call",
    };
    let action = Action {
        from: Some(call.from),
        to: call.to,
        gas: Some(call.gas),
        value: Some(call.value.unwrap_or_default()),
        call_type: Some(call_type),
        input: Some(&call.input),
        ..Action::default()
    };
    let outcome =
        Outcome { gas_used: Some(call.gas_used), output: Some(&call.output), ..Outcome::default() };
    ("call", action, Some(outcome))
}

/// OpenEthereum's word for geth's.
fn parity_error(error: &str) -> &str {
    match error {
        "contract creation code storage out of gas"
        | "out of gas"
        | "gas uint64 overflow"
        | "max code size exceeded" => "Out of gas",
        "invalid jump destination" => "Bad jump destination",
        REVERTED => "Reverted",
        "return data out of bounds" => "Out of bounds",
        "stack limit reached 1024 (1023)" => "Out of stack",
        "precompiled failed" | "invalid input length" => "Built-in failed",
        other if other.starts_with("out of gas:") => "Out of gas",
        other if other.starts_with("invalid opcode:") => "Bad instruction",
        other if other.starts_with("stack underflow") => "Stack underflow",
        other => other,
    }
}

impl Listener for FlatCallTracer {
    fn enter(&mut self, enter: &Enter) {
        self.calls.enter(enter);
    }

    fn exit(&mut self, exit: &Exit) {
        self.calls.exit(exit);
        if exit.depth == 0 {
            return;
        }
        let Some(siblings) = self.calls.last_ended() else { return };
        siblings.pop_if(|call| {
            matches!(call.opcode, opcode::CALL | opcode::STATICCALL)
                && call.to.is_some_and(|to| self.precompiles.contains(&to))
        });
    }

    fn bytes(&self) -> usize {
        self.calls.bytes()
    }

    fn finish(&mut self, end: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        let root = self.calls.take(end);
        let frames = root.as_ref().map(|root| self.flatten(root)).unwrap_or_default();
        serde_json::to_string(&frames)
    }
}
