//! The logs of simulated calls, with one for each amount of ether that moves.

use crate::tracing::events::{End, Enter, Exit, Listener};
use crate::tracing::state::Current;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, address, b256};
use revm::bytecode::opcode;

/// In whose name transfers are logged (ERC-7528).
const ETHER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Gathers the logs of one call.
#[derive(Debug)]
pub(super) struct CallLogs {
    transfers: bool,
    /// The logs of the frames that have not ended, outermost first, each with its index.
    open: Vec<Vec<(Log, u64)>>,
    /// Logs in the block so far; those that were undone count.
    pub(super) next_index: u64,
    /// The logs that stand.
    pub(super) logs: Vec<(Log, u64)>,
    /// Why the call failed, in geth's words.
    pub(super) error: Option<String>,
    bytes: usize,
}

impl CallLogs {
    pub(super) const fn new(transfers: bool, next_index: u64) -> Self {
        Self { transfers, open: Vec::new(), next_index, logs: Vec::new(), error: None, bytes: 0 }
    }

    fn push(&mut self, log: Log) {
        let Some(frame) = self.open.last_mut() else { return };
        self.bytes += 200 + log.data.data.len();
        frame.push((log, self.next_index));
        self.next_index += 1;
    }
}

impl Listener for CallLogs {
    fn enter(&mut self, enter: &Enter) {
        self.open.push(Vec::new());
        let moves = !matches!(enter.opcode, opcode::DELEGATECALL | opcode::CALLCODE);
        let Some(value) = enter.value.filter(|value| moves && !value.is_zero()) else { return };
        if self.transfers {
            let topics = vec![TRANSFER, enter.from.into_word(), enter.to.into_word()];
            let data = Bytes::from(value.to_be_bytes::<32>());
            self.push(Log { address: ETHER, data: LogData::new_unchecked(topics, data) });
        }
    }

    fn exit(&mut self, exit: &Exit) {
        let Some(logs) = self.open.pop() else { return };
        if exit.error.is_some() {
            if exit.depth == 0 {
                self.error.clone_from(&exit.error);
            }
            return;
        }
        match self.open.last_mut() {
            Some(parent) => parent.extend(logs),
            None => self.logs = logs,
        }
    }

    fn log(&mut self, log: &Log, _: u64) {
        self.push(log.clone());
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn finish(&mut self, _: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        Ok(String::new())
    }
}
