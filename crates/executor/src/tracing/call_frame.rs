//! geth's `callTracer`: the tree of calls.

use super::{
    events::{End, Enter, Exit, Listener, REVERTED},
    opcodes::opcode_name,
    state::Current,
};
use crate::failure::revert_reason;
use alloy_primitives::{Address, B256, Bytes, Log, U64, U256};
use alloy_rpc_types_trace::geth::CallConfig;
use revm::bytecode::opcode;
use serde::Serialize;

/// A call, a creation or a self-destruction, with those within it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFrame {
    #[serde(skip)]
    pub(super) opcode: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    pub(super) from: Address,
    pub(super) gas: U64,
    pub(super) gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Address>,
    pub(super) input: Bytes,
    #[serde(skip_serializing_if = "is_empty")]
    pub(super) output: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<CallFrame>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<CallLog>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<U256>,
}

#[derive(Clone, Debug, Serialize)]
struct CallLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    index: U64,
    /// Number of calls of the frame before it.
    position: U64,
}

fn is_empty(bytes: &Bytes) -> bool {
    bytes.is_empty()
}

impl CallFrame {
    fn new(enter: &Enter) -> Self {
        let kind = match enter.opcode {
            opcode::CALL => "CALL",
            opcode::CALLCODE => "CALLCODE",
            opcode::DELEGATECALL => "DELEGATECALL",
            opcode::STATICCALL => "STATICCALL",
            opcode::CREATE => "CREATE",
            opcode::CREATE2 => "CREATE2",
            _ => "SELFDESTRUCT",
        };
        debug_assert_eq!(kind, opcode_name(enter.opcode));
        Self {
            opcode: enter.opcode,
            kind,
            from: enter.from,
            gas: U64::from(enter.gas),
            gas_used: U64::ZERO,
            to: Some(enter.to),
            input: enter.input.clone(),
            output: Bytes::new(),
            error: None,
            revert_reason: None,
            calls: Vec::new(),
            logs: Vec::new(),
            value: enter.value,
        }
    }

    fn end(&mut self, exit: &Exit) {
        self.gas_used = U64::from(exit.gas_used);
        let Some(error) = &exit.error else {
            self.output = exit.output.clone();
            return;
        };
        self.error = Some(error.clone());
        if matches!(self.opcode, opcode::CREATE | opcode::CREATE2) {
            self.to = None;
        }
        if error == REVERTED && !exit.output.is_empty() {
            self.output = exit.output.clone();
            self.revert_reason = revert_reason(&exit.output);
        }
    }

    /// What failed has logged nothing.
    fn clear_failed_logs(&mut self, parent_failed: bool) {
        let failed = parent_failed || self.error.is_some();
        if failed {
            self.logs.clear();
        }
        for call in &mut self.calls {
            call.clear_failed_logs(failed);
        }
    }
}

/// Bytes that a frame takes in the output besides its input and output.
const FRAME_BYTES: usize = 400;

/// Gathers the tree of calls.
#[derive(Debug)]
pub(super) struct CallTracer {
    only_top_call: bool,
    with_log: bool,
    gas_limit: u64,
    /// Of the call that is running.
    depth: usize,
    /// The calls that have not ended, outermost first.
    open: Vec<CallFrame>,
    bytes: usize,
}

impl CallTracer {
    pub(super) fn new(config: &CallConfig, gas_limit: u64) -> Self {
        Self {
            only_top_call: config.only_top_call.unwrap_or_default(),
            with_log: config.with_log.unwrap_or_default(),
            gas_limit,
            depth: 0,
            open: Vec::new(),
            bytes: 0,
        }
    }

    /// The last call that ended within the one that has not.
    pub(super) fn last_ended(&mut self) -> Option<&mut Vec<CallFrame>> {
        self.open.last_mut().map(|frame| &mut frame.calls)
    }

    /// The whole tree; `None` if nothing ran.
    pub(super) fn take(&mut self, end: &End) -> Option<CallFrame> {
        let mut root = self.open.pop()?;
        root.gas_used = U64::from(end.gas_used);
        if self.with_log {
            root.clear_failed_logs(false);
        }
        Some(root)
    }
}

impl Listener for CallTracer {
    fn enter(&mut self, enter: &Enter) {
        self.depth = enter.depth;
        if self.only_top_call && enter.depth > 0 {
            return;
        }
        self.bytes += FRAME_BYTES + 2 * enter.input.len();
        let mut frame = CallFrame::new(enter);
        if enter.depth == 0 {
            frame.gas = U64::from(self.gas_limit);
        }
        self.open.push(frame);
    }

    fn exit(&mut self, exit: &Exit) {
        self.depth = exit.depth.saturating_sub(1);
        if self.only_top_call && exit.depth > 0 {
            return;
        }
        self.bytes += 2 * exit.output.len();
        let Some(mut frame) = self.open.pop() else { return };
        frame.end(exit);
        match self.open.last_mut() {
            Some(parent) => parent.calls.push(frame),
            None => self.open.push(frame),
        }
    }

    fn log(&mut self, log: &Log, index: u64) {
        if !self.with_log || (self.only_top_call && self.depth > 0) {
            return;
        }
        let Some(frame) = self.open.last_mut() else { return };
        self.bytes += FRAME_BYTES + 2 * log.data.data.len();
        frame.logs.push(CallLog {
            address: log.address,
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            index: U64::from(index),
            position: U64::from(frame.calls.len()),
        });
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn finish(&mut self, end: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.take(end))
    }
}
