//! Ending what runs too long.

use super::CallContext;
use revm::{
    DatabaseRef,
    bytecode::opcode,
    context_interface::context::ContextError,
    handler::instructions::EthInstructions,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        instructions::{contract, control},
        interpreter::EthInterpreter,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Says when work must end: at a time, when somebody asks for it, or never.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    deadline: Option<Instant>,
    flag: Option<Arc<AtomicBool>>,
}

impl Interrupt {
    /// Work may go on as long as it takes.
    pub fn never() -> Self {
        Self::default()
    }

    /// Work must end at `deadline`.
    pub fn at(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), flag: None }
    }

    /// Work must end, besides, once `flag` is set.
    #[must_use]
    pub fn or_when(self, flag: Arc<AtomicBool>) -> Self {
        Self { flag: Some(flag), ..self }
    }

    /// Whether work must end now.
    pub fn is_due(&self) -> bool {
        self.flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Looks at the [`Interrupt`] every now and then while a transaction runs.
///
/// A program that runs long must jump or call: code without either ends after as many steps as it
/// has bytes. So only these instructions count.
#[derive(Debug, Default)]
pub struct Watchdog {
    interrupt: Interrupt,
    countdown: u32,
    pub(super) interrupted: bool,
    /// Gas that is refunded for authorities that existed (EIP-7702).
    pub(crate) authority_refund: u64,
}

/// Jumps between two looks: a look at the clock costs about as much as ten.
const JUMPS: u32 = 1024;
/// A call may run a precompiled contract for as long as thousands of instructions.
const CALL_IN_JUMPS: u32 = 64;

impl Watchdog {
    pub(super) fn new(interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), countdown: JUMPS, ..Self::default() }
    }
}

type Step<'c, 'a, DB> = InstructionContext<'c, CallContext<'a, DB>, EthInterpreter>;
type Table<'a, DB> = EthInstructions<EthInterpreter, CallContext<'a, DB>>;

pub(super) fn watch_instructions<'a, DB: DatabaseRef>(table: &mut Table<'a, DB>) {
    let table = table.instruction_table_mut();
    table[usize::from(opcode::JUMP)] = Instruction::new(jump::<DB>);
    table[usize::from(opcode::JUMPI)] = Instruction::new(jumpi::<DB>);
    table[usize::from(opcode::CALL)] = Instruction::new(call::<{ opcode::CALL }, DB>);
    table[usize::from(opcode::CALLCODE)] = Instruction::new(call::<{ opcode::CALLCODE }, DB>);
    table[usize::from(opcode::DELEGATECALL)] =
        Instruction::new(call::<{ opcode::DELEGATECALL }, DB>);
    table[usize::from(opcode::STATICCALL)] = Instruction::new(call::<{ opcode::STATICCALL }, DB>);
}

fn jump<DB: DatabaseRef>(step: Step<'_, '_, DB>) -> InstructionExecResult {
    tick(step.host, 1)?;
    control::jump(step)
}

fn jumpi<DB: DatabaseRef>(step: Step<'_, '_, DB>) -> InstructionExecResult {
    tick(step.host, 1)?;
    control::jumpi(step)
}

fn call<const KIND: u8, DB: DatabaseRef>(step: Step<'_, '_, DB>) -> InstructionExecResult {
    tick(step.host, CALL_IN_JUMPS)?;
    contract::call::<KIND, _, _>(step)
}

fn tick<DB: DatabaseRef>(host: &mut CallContext<'_, DB>, jumps: u32) -> InstructionExecResult {
    let watchdog = &mut host.chain;
    if let Some(left) = watchdog.countdown.checked_sub(jumps) {
        watchdog.countdown = left;
        return Ok(());
    }
    watchdog.countdown = JUMPS;
    if !watchdog.interrupt.is_due() {
        return Ok(());
    }
    watchdog.interrupted = true;
    host.error = Err(ContextError::Custom("interrupted".to_owned()));
    Err(InstructionResult::FatalExternalError)
}
