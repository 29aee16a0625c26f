//! geth's default tracer: one entry for each instruction.

use super::{
    events::{End, Listener, Step},
    opcodes::opcode_name,
    state::Current,
};
use alloy_primitives::{B256, U256, hex, map::AddressMap};
use alloy_rpc_types_trace::geth::GethDefaultTracingOptions;
use core::fmt::Write as _;
use revm::bytecode::opcode;
use std::collections::BTreeMap;

/// Writes entries as text at once: a trace of a million instructions as values would take
/// gigabytes.
#[derive(Debug)]
pub(super) struct StructLogger {
    memory: bool,
    stack: bool,
    storage: bool,
    return_data: bool,
    /// Bytes after which no entry is added.
    limit: Option<usize>,
    entries: String,
    /// The entry of the instruction that is being executed, which lacks its cost.
    current: String,
    /// What was read and written so far.
    slots: AddressMap<BTreeMap<B256, B256>>,
}

impl StructLogger {
    pub(super) fn new(options: &GethDefaultTracingOptions) -> Self {
        let limit = options.limit.filter(|limit| *limit != 0);
        Self {
            memory: options.is_memory_enabled(),
            stack: options.is_stack_enabled(),
            storage: options.is_storage_enabled(),
            return_data: options.is_return_data_enabled(),
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            entries: String::new(),
            current: String::new(),
            slots: AddressMap::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.entries.len() > limit)
    }

    /// Notes what a read or write of storage is about, and returns all that is known.
    fn storage(
        &mut self,
        step: &Step<'_>,
        state: &mut dyn Current,
    ) -> Option<&BTreeMap<B256, B256>> {
        if !self.storage {
            return None;
        }
        let (key, value) = match step.opcode {
            opcode::SLOAD => {
                let key = step.top(0)?;
                (key, state.slot(step.address, key))
            }
            opcode::SSTORE => (step.top(0)?, step.top(1)?),
            _ => return None,
        };
        let slots: &mut BTreeMap<_, _> = self.slots.entry(step.address).or_default();
        slots.insert(key.into(), value.into());
        Some(slots)
    }
}

const CANNOT_FAIL: &str = "writing to a string cannot fail";

fn push_hex(out: &mut String, bytes: &[u8]) {
    out.push_str("\"0x");
    out.push_str(&hex::encode(bytes));
    out.push('"');
}

fn push_stack(out: &mut String, stack: &[U256]) {
    out.push_str(",\"stack\":[");
    for (place, word) in stack.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\"{word:#x}\"").expect(CANNOT_FAIL);
    }
    out.push(']');
}

fn push_memory(out: &mut String, memory: &[u8]) {
    out.push_str(",\"memory\":[");
    for (place, chunk) in memory.chunks(32).enumerate() {
        if place > 0 {
            out.push(',');
        }
        let mut word = [0; 32];
        word[..chunk.len()].copy_from_slice(chunk);
        push_hex(out, &word);
    }
    out.push(']');
}

fn push_storage(out: &mut String, slots: &BTreeMap<B256, B256>) {
    out.push_str(",\"storage\":{");
    for (place, (key, value)) in slots.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\"{key:#x}\":\"{value:#x}\"").expect(CANNOT_FAIL);
    }
    out.push('}');
}

impl Listener for StructLogger {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, step: &Step<'_>, state: &mut dyn Current) {
        self.current.clear();
        if self.is_full() {
            return;
        }
        let mut out = core::mem::take(&mut self.current);
        let name = opcode_name(step.opcode);
        write!(
            out,
            "{{\"pc\":{},\"op\":\"{name}\",\"gas\":{},\"depth\":{}",
            step.pc, step.gas, step.depth
        )
        .expect(CANNOT_FAIL);
        if step.refund != 0 {
            write!(out, ",\"refund\":{}", step.refund).expect(CANNOT_FAIL);
        }
        if self.stack {
            push_stack(&mut out, step.stack);
        }
        if self.memory && !step.memory.is_empty() {
            push_memory(&mut out, step.memory);
        }
        if self.return_data && !step.return_data.is_empty() {
            out.push_str(",\"returnData\":");
            push_hex(&mut out, step.return_data);
        }
        if let Some(slots) = self.storage(step, state) {
            push_storage(&mut out, slots);
        }
        self.current = out;
    }

    fn step_done(&mut self, cost: u64, error: Option<&str>) {
        if self.current.is_empty() {
            return;
        }
        if !self.entries.is_empty() {
            self.entries.push(',');
        }
        self.entries.push_str(&self.current);
        write!(self.entries, ",\"gasCost\":{cost}").expect(CANNOT_FAIL);
        if let Some(error) = error {
            write!(self.entries, ",\"error\":\"{error}\"").expect(CANNOT_FAIL);
        }
        self.entries.push('}');
        self.current.clear();
    }

    fn bytes(&self) -> usize {
        self.entries.len() + self.current.len()
    }

    fn finish(&mut self, end: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(self.entries.len() + 2 * end.output.len() + 100);
        write!(out, "{{\"gas\":{},\"failed\":{},\"returnValue\":", end.gas_used, end.failed)
            .expect(CANNOT_FAIL);
        push_hex(&mut out, &end.output);
        out.push_str(",\"structLogs\":[");
        out.push_str(&self.entries);
        out.push_str("]}");
        self.entries = String::new();
        Ok(out)
    }
}
