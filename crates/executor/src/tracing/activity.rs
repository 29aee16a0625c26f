//! What an index of a chain wants to know of a transaction: its calls, the slots that it looked at,
//! and what mapping slots were made from.

use super::{
    events::{call_head, creation_opcode, frame_error, gas_used},
    state::{Current, Running},
};
use crate::{
    Overlay,
    call::{CallContext, CallError, Environment, Interrupt, Outcome, call_inspected},
};
use alloy_primitives::{Address, U256, map::B256Map};
use revm::{
    DatabaseRef, Inspector,
    bytecode::opcode,
    context::TxEnv,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        InterpreterAction, InterpreterResult,
        interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr},
    },
};

/// Frames that are noted of one transaction. A call costs at least 100 gas (EIP-2929), so a
/// transaction of 2^24 gas (EIP-7825) cannot have many more.
pub const FRAMES_MAX: usize = 1 << 17;

/// Preimages that are noted of one transaction: some 64 bytes each, 42 gas.
const PREIMAGES_MAX: usize = 1 << 16;

/// A call, a creation or a self-destruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// 0 for the outermost.
    pub depth: usize,
    /// The instruction that it is like: one of the calls, `CREATE`, `CREATE2`, `SELFDESTRUCT`.
    pub opcode: u8,
    /// Who called; with `DELEGATECALL` whose storage it is.
    pub from: Address,
    /// Whose code ran, the new contract, or who got what was left.
    pub to: Address,
    /// Wei that went with it; `None` for `STATICCALL`.
    pub value: Option<U256>,
    /// Gas that it had.
    pub gas: u64,
    /// Gas that it took.
    pub gas_used: u64,
    /// The first four bytes of its input, if a call has as many.
    pub selector: Option<[u8; 4]>,
    /// Bytes of its input.
    pub input_len: usize,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Whether it has no effect, because it failed or one around it.
    pub reverted: bool,
}

/// A slot that a transaction looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotAccess {
    /// Whose slot.
    pub address: Address,
    /// Which.
    pub slot: U256,
    /// Whether it has another value after the transaction.
    pub written: bool,
}

/// What a transaction did.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// Its frames, each before those that it called.
    pub frames: Vec<Frame>,
    /// Frames beyond [`FRAMES_MAX`].
    pub frames_left_out: u64,
    /// The slots that it read or wrote, in order.
    pub slots: Vec<SlotAccess>,
    /// What was hashed to 32 bytes out of 64: the keys of mappings, as Solidity places them.
    pub preimages: B256Map<[u8; 64]>,
}

/// Runs `transaction` on `state` and says what it did. The changes are not committed.
///
/// # Errors
///
/// See [`CallError`].
pub fn activity<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<(Activity, Outcome), CallError<DB::Error>> {
    let mut observer = Observer::default();
    let outcome = call_inspected(state, environment, transaction, interrupt, &mut observer)?;
    let mut activity = observer.activity;
    if !outcome.result.is_success() {
        activity.frames.iter_mut().for_each(|frame| frame.reverted = true);
    }
    for (address, account) in &outcome.changes {
        activity.slots.extend(account.storage.iter().map(|(slot, value)| SlotAccess {
            address: *address,
            slot: *slot,
            written: value.is_changed(),
        }));
    }
    activity.slots.sort_unstable();
    Ok((activity, outcome))
}

#[derive(Debug, Default)]
struct Observer {
    activity: Activity,
    /// Places of the frames that have not ended; `None` for one that was left out.
    open: Vec<Option<usize>>,
    /// A self-destruction that is about to be executed: contract, heir and balance.
    destruction: Option<(Address, Address, U256)>,
}

impl Observer {
    fn enter(&mut self, frame: Frame) {
        let frames = &mut self.activity.frames;
        if frames.len() >= FRAMES_MAX {
            self.activity.frames_left_out += 1;
            self.open.push(None);
            return;
        }
        self.open.push(Some(frames.len()));
        frames.push(frame);
    }

    fn exit(&mut self, result: &InterpreterResult, gas_limit: u64, creates: bool) {
        let Some(Some(at)) = self.open.pop() else { return };
        let Some((frame, within)) =
            self.activity.frames.get_mut(at..).and_then(<[_]>::split_first_mut)
        else {
            return;
        };
        frame.gas_used = gas_used(result, gas_limit);
        frame.error = frame_error(result.result, None, creates);
        if frame.error.is_some() {
            frame.reverted = true;
            within.iter_mut().for_each(|frame| frame.reverted = true);
        }
    }

    /// Notes what is hashed by the instruction that comes next, if it has 64 bytes.
    fn note_preimage(&mut self, interp: &Interpreter) {
        let [.., length, offset] = interp.stack.data()[..] else { return };
        if length != U256::from(64) || self.activity.preimages.len() >= PREIMAGES_MAX {
            return;
        }
        let Ok(offset) = usize::try_from(offset) else { return };
        let Some(end) = offset.checked_add(64).filter(|end| *end <= interp.memory.size()) else {
            return;
        };
        let bytes = interp.memory.slice(offset..end);
        if let Ok(preimage) = <[u8; 64]>::try_from(&*bytes) {
            self.activity.preimages.insert(alloy_primitives::keccak256(preimage), preimage);
        }
    }
}

impl<'a, DB: DatabaseRef> Inspector<CallContext<'a, DB>> for Observer {
    fn step(&mut self, interp: &mut Interpreter, context: &mut CallContext<'a, DB>) {
        match interp.bytecode.opcode() {
            opcode::KECCAK256 => self.note_preimage(interp),
            opcode::SELFDESTRUCT => {
                let contract = interp.input.target_address();
                let heir =
                    interp.stack.data().last().map(|word| Address::from_word((*word).into()));
                let balance = Running(context).account(contract).balance;
                self.destruction = heir.map(|heir| (contract, heir, balance));
            }
            _ => {}
        }
    }

    // revm's own hook for it hears of none that moves nothing.
    fn step_end(&mut self, interp: &mut Interpreter, _: &mut CallContext<'a, DB>) {
        let Some((from, to, balance)) = self.destruction.take() else { return };
        let Some(InterpreterAction::Return(result)) = interp.bytecode.action() else { return };
        if result.result == InstructionResult::SelfDestruct {
            self.enter(Frame {
                depth: self.open.len(),
                opcode: opcode::SELFDESTRUCT,
                from,
                to,
                value: Some(balance),
                gas: 0,
                gas_used: 0,
                selector: None,
                input_len: 0,
                error: None,
                reverted: false,
            });
            self.open.pop();
        }
    }

    fn call(
        &mut self,
        context: &mut CallContext<'a, DB>,
        inputs: &mut CallInputs,
    ) -> Option<CallOutcome> {
        let (opcode, from, value) = call_head(inputs);
        let input = inputs.input.bytes(context);
        self.enter(Frame {
            depth: self.open.len(),
            opcode,
            from,
            to: inputs.bytecode_address,
            value,
            gas: inputs.gas_limit,
            gas_used: 0,
            selector: input.first_chunk().copied(),
            input_len: input.len(),
            error: None,
            reverted: false,
        });
        None
    }

    fn call_end(
        &mut self,
        _: &mut CallContext<'a, DB>,
        inputs: &CallInputs,
        outcome: &mut CallOutcome,
    ) {
        self.exit(&outcome.result, inputs.gas_limit, false);
    }

    fn create(
        &mut self,
        context: &mut CallContext<'a, DB>,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        let nonce = Running(context).account(inputs.caller()).nonce;
        self.enter(Frame {
            depth: self.open.len(),
            opcode: creation_opcode(inputs),
            from: inputs.caller(),
            to: inputs.created_address(nonce),
            value: Some(inputs.value()),
            gas: inputs.gas_limit(),
            gas_used: 0,
            selector: None,
            input_len: inputs.init_code().len(),
            error: None,
            reverted: false,
        });
        None
    }

    fn create_end(
        &mut self,
        _: &mut CallContext<'a, DB>,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.exit(&outcome.result, inputs.gas_limit(), true);
    }
}
