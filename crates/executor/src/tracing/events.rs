//! revm's hooks, told as the events that geth's tracers are written for.

use super::{
    opcodes::{Unpaid, instruction_error},
    state::{Current, Running},
};
use crate::call::CallContext;
use alloy_primitives::{Address, Bytes, Log, U256};
use revm::{
    DatabaseRef, Inspector,
    bytecode::opcode,
    context::{ContextTr, CreateScheme},
    context_interface::context::ContextError,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
        Interpreter, InterpreterAction, InterpreterResult,
        interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr, ReturnData},
    },
};

/// A tracer: it hears what happens and makes a JSON text of it.
pub(crate) trait Listener {
    /// Whether it wants to hear of instructions.
    fn wants_steps(&self) -> bool {
        false
    }
    /// A call, a creation or a self-destruction begins.
    fn enter(&mut self, _: &Enter) {}
    /// It ends.
    fn exit(&mut self, _: &Exit) {}
    /// An instruction is about to be executed.
    fn step(&mut self, _: &Step<'_>, _: &mut dyn Current) {}
    /// It was executed; `error` if it could not be for lack of gas or for the height of the stack.
    fn step_done(&mut self, _cost: u64, _error: Option<&str>) {}
    /// Something was logged, `index`-th in the block.
    fn log(&mut self, _: &Log, _index: u64) {}
    /// About how many bytes the output has by now.
    fn bytes(&self) -> usize;
    /// The output, once the transaction has ended.
    fn finish(&mut self, end: &End, state: &mut dyn Current) -> Result<String, serde_json::Error>;
}

/// The beginning of a call, a creation or a self-destruction.
#[derive(Clone, Debug)]
pub(crate) struct Enter {
    /// 0 for the outermost.
    pub(crate) depth: usize,
    /// The instruction that it is like.
    pub(crate) opcode: u8,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
    /// `None` for one that cannot have a value.
    pub(crate) value: Option<U256>,
}

/// The end of a call, a creation or a self-destruction.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    pub(crate) depth: usize,
    pub(crate) output: Bytes,
    pub(crate) gas_used: u64,
    /// What went wrong, in geth's words.
    pub(crate) error: Option<String>,
}

/// geth's word for an execution that reverted.
pub(crate) const REVERTED: &str = "execution reverted";

/// An instruction that is about to be executed.
#[derive(Debug)]
pub(crate) struct Step<'s> {
    pub(crate) pc: usize,
    pub(crate) opcode: u8,
    pub(crate) gas: u64,
    /// 1 for the outermost.
    pub(crate) depth: usize,
    /// Refunds counted so far in the transaction.
    pub(crate) refund: u64,
    /// Whose storage it is.
    pub(crate) address: Address,
    pub(crate) stack: &'s [U256],
    pub(crate) memory: &'s [u8],
    pub(crate) return_data: &'s [u8],
}

impl Step<'_> {
    /// The word `depth` below the top of the stack.
    pub(crate) fn top(&self, depth: usize) -> Option<U256> {
        self.stack.len().checked_sub(depth + 1).map(|at| self.stack[at])
    }
}

/// How the transaction ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) gas_used: u64,
    pub(crate) failed: bool,
    pub(crate) output: Bytes,
}

/// Hands events to a [`Listener`].
pub(crate) struct Events<'l> {
    listener: &'l mut dyn Listener,
    wants_steps: bool,
    frames: Vec<Frame>,
    pending: Option<Pending>,
    /// Position in the block of the transaction's first log.
    first_log: u64,
    bytes_max: usize,
    pub(crate) exceeded: bool,
}

#[derive(Debug, Default)]
struct Frame {
    /// Refunds counted in the frames around it.
    refund_before: i64,
    refund: i64,
    error: Option<String>,
}

#[derive(Debug)]
struct Pending {
    stack_height: usize,
    unpaid: Unpaid,
    /// Of a self-destruction: contract, beneficiary and balance.
    destruction: Option<(Address, Address, U256)>,
}

impl<'l> Events<'l> {
    pub(crate) fn new(listener: &'l mut dyn Listener, first_log: u64, bytes_max: usize) -> Self {
        let wants_steps = listener.wants_steps();
        Self {
            listener,
            wants_steps,
            frames: Vec::new(),
            pending: None,
            first_log,
            bytes_max,
            exceeded: false,
        }
    }

    fn enter(&mut self, enter: &Enter, authority_refund: u64) {
        let refund_before = match self.frames.last() {
            Some(frame) => frame.refund_before + frame.refund,
            None => i64::try_from(authority_refund).unwrap_or(i64::MAX),
        };
        self.frames.push(Frame { refund_before, ..Frame::default() });
        self.listener.enter(enter);
    }

    fn exit(&mut self, result: &InterpreterResult, gas_limit: u64, creates: bool) {
        let Some(frame) = self.frames.pop() else { return };
        let error = frame_error(result.result, frame.error, creates);
        let gas_used = gas_used(result, gas_limit);
        self.listener.exit(&Exit {
            depth: self.frames.len(),
            output: result.output.clone(),
            gas_used,
            error,
        });
    }

    fn is_full(&mut self) -> bool {
        self.exceeded |= self.listener.bytes() > self.bytes_max;
        self.exceeded
    }

    fn before<DB: DatabaseRef>(
        &mut self,
        interp: &mut Interpreter,
        context: &mut CallContext<'_, DB>,
    ) {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return };
        frame.refund = interp.gas.refunded();
        let refund = u64::try_from(frame.refund_before + frame.refund).unwrap_or_default();
        let memory = interp.memory.slice(0..interp.memory.size());
        let step = Step {
            pc: interp.bytecode.pc(),
            opcode: interp.bytecode.opcode(),
            gas: interp.gas.remaining(),
            depth,
            refund,
            address: interp.input.target_address(),
            stack: interp.stack.data(),
            memory: &memory,
            return_data: interp.return_data.buffer(),
        };
        let mut state = Running(context);
        let destruction = match step.top(0) {
            Some(beneficiary) if step.opcode == opcode::SELFDESTRUCT => {
                let balance = state.account(step.address).balance;
                Some((step.address, Address::from_word(beneficiary.into()), balance))
            }
            _ => None,
        };
        if self.wants_steps {
            self.listener.step(&step, &mut state);
        }
        let unpaid = Unpaid {
            opcode: step.opcode,
            gas: step.gas,
            top: core::array::from_fn(|depth| step.top(depth).unwrap_or_default()),
            memory_length: step.memory.len(),
            address: step.address,
        };
        let stack_height = step.stack.len();
        self.pending = Some(Pending { stack_height, unpaid, destruction });
    }

    fn after<DB: DatabaseRef>(
        &mut self,
        interp: &mut Interpreter,
        context: &mut CallContext<'_, DB>,
    ) {
        let Some(pending) = self.pending.take() else { return };
        let Some(frame) = self.frames.last_mut() else { return };
        frame.refund = interp.gas.refunded();
        let ended = match interp.bytecode.action() {
            Some(InterpreterAction::Return(result)) => Some(result.result),
            _ => None,
        };
        let error = ended.and_then(|ended| {
            instruction_error(ended, pending.unpaid.opcode, pending.stack_height)
        });
        let unpaid = error.as_ref().filter(|error| error.before_execution);
        let cost = match unpaid {
            Some(_) => pending.unpaid.cost(context.cfg.spec, &mut Running(context)),
            None => pending.unpaid.gas.saturating_sub(interp.gas.remaining()),
        };
        if self.wants_steps {
            self.listener.step_done(cost, unpaid.map(|error| error.text.as_str()));
        }
        frame.error = error.map(|error| error.text);
        if ended == Some(InstructionResult::SelfDestruct)
            && let Some((from, to, balance)) = pending.destruction
        {
            let depth = self.frames.len();
            let (input, value) = (Bytes::new(), Some(balance));
            let opcode = opcode::SELFDESTRUCT;
            self.listener.enter(&Enter { depth, opcode, from, to, input, gas: 0, value });
            let output = Bytes::new();
            self.listener.exit(&Exit { depth, output, gas_used: 0, error: None });
        }
    }
}

impl<'a, DB: DatabaseRef> Inspector<CallContext<'a, DB>> for Events<'_> {
    fn step(&mut self, interp: &mut Interpreter, context: &mut CallContext<'a, DB>) {
        if self.is_full() {
            if context.error.is_ok() {
                context.error = Err(ContextError::Custom("the trace is too large".to_owned()));
            }
            interp.halt_fatal();
            return;
        }
        self.before(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter, context: &mut CallContext<'a, DB>) {
        self.after(interp, context);
    }

    fn log(&mut self, context: &mut CallContext<'a, DB>, log: Log) {
        let so_far = context.journaled_state.inner.logs.len() as u64;
        self.listener.log(&log, self.first_log + so_far.saturating_sub(1));
    }

    fn call(
        &mut self,
        context: &mut CallContext<'a, DB>,
        inputs: &mut CallInputs,
    ) -> Option<CallOutcome> {
        let (opcode, from, value) = call_head(inputs);
        let enter = Enter {
            depth: self.frames.len(),
            opcode,
            from,
            to: inputs.bytecode_address,
            input: inputs.input.bytes(context),
            gas: inputs.gas_limit,
            value,
        };
        self.enter(&enter, context.chain.authority_refund);
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
        let enter = Enter {
            depth: self.frames.len(),
            opcode: creation_opcode(inputs),
            from: inputs.caller(),
            to: inputs.created_address(nonce),
            input: inputs.init_code().clone(),
            gas: inputs.gas_limit(),
            value: Some(inputs.value()),
        };
        self.enter(&enter, context.chain().authority_refund);
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

/// The instruction that a call is like, who called (with `DELEGATECALL` whose storage it is), and the
/// wei that went with it; `STATICCALL` cannot have any.
pub(super) fn call_head(inputs: &CallInputs) -> (u8, Address, Option<U256>) {
    let value = Some(inputs.value.get());
    match inputs.scheme {
        CallScheme::Call => (opcode::CALL, inputs.caller, value),
        CallScheme::CallCode => (opcode::CALLCODE, inputs.caller, value),
        CallScheme::DelegateCall => (opcode::DELEGATECALL, inputs.target_address, value),
        CallScheme::StaticCall => (opcode::STATICCALL, inputs.caller, None),
    }
}

/// The instruction that a creation is like.
pub(super) fn creation_opcode(inputs: &CreateInputs) -> u8 {
    match inputs.scheme() {
        CreateScheme::Create2 { .. } => opcode::CREATE2,
        _ => opcode::CREATE,
    }
}

/// Gas that a frame took of `gas_limit`.
pub(super) fn gas_used(result: &InterpreterResult, gas_limit: u64) -> u64 {
    // revm leaves the gas of a halted frame where it was; the caller gets none of it back.
    if result.is_halt() { gas_limit } else { gas_limit.saturating_sub(result.gas.remaining()) }
}

/// Why a frame failed; `instruction` is why its last instruction did.
pub(super) fn frame_error(
    result: InstructionResult,
    instruction: Option<String>,
    creates: bool,
) -> Option<String> {
    use InstructionResult as R;
    let text = match result {
        R::Stop | R::Return | R::SelfDestruct => return None,
        R::Revert => REVERTED,
        R::CallTooDeep => "max call depth exceeded",
        R::OutOfFunds | R::OverflowPayment => "insufficient balance for transfer",
        R::PrecompileOOG => "out of gas",
        R::PrecompileError => "precompiled failed",
        R::CreateCollision => "contract address collision",
        R::CreateContractSizeLimit => "max code size exceeded",
        R::CreateContractStartingWithEF | R::CreateInitCodeStartingEF00 => {
            "invalid code: must not begin with 0xef"
        }
        R::OutOfGas if creates && instruction.is_none() => {
            "contract creation code storage out of gas"
        }
        other => {
            return instruction
                .or_else(|| instruction_error(other, opcode::INVALID, 0).map(|error| error.text))
                .or_else(|| Some("execution failed".to_owned()));
        }
    };
    Some(text.to_owned())
}
