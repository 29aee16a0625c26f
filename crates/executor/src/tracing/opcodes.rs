//! Names, errors and costs of instructions as geth gives them.

use super::state::Current;
use alloy_primitives::{Address, U256};
use revm::{
    bytecode::opcode::{self, OpCode},
    interpreter::{InstructionResult, instructions::gas_table_spec},
    primitives::hardfork::SpecId,
};
use std::borrow::Cow;

/// geth's name of an instruction.
pub(super) fn opcode_name(opcode: u8) -> Cow<'static, str> {
    match OpCode::new(opcode) {
        Some(known) => known.as_str().into(),
        None => format!("opcode {opcode:#x} not defined").into(),
    }
}

/// Why an instruction ended its frame.
#[derive(Debug)]
pub(super) struct InstructionError {
    /// geth's words.
    pub(super) text: String,
    /// Whether geth finds it before it executes the instruction: then the trace shows it there.
    pub(super) before_execution: bool,
}

/// Words for how an instruction ended its frame; `None` if it was no failure.
pub(super) fn instruction_error(
    result: InstructionResult,
    opcode: u8,
    stack_height: usize,
) -> Option<InstructionError> {
    use InstructionResult as R;
    let before = |text: String| Some(InstructionError { text, before_execution: true });
    let during =
        |text: &str| Some(InstructionError { text: text.to_owned(), before_execution: false });
    let (inputs, outputs) = OpCode::new(opcode)
        .map_or((0, 0), |op| (usize::from(op.inputs()), usize::from(op.outputs())));
    match result {
        R::OutOfGas | R::MemoryOOG | R::MemoryLimitOOG => before("out of gas".to_owned()),
        R::InvalidOperandOOG => before("gas uint64 overflow".to_owned()),
        R::ReentrancySentryOOG => {
            before("out of gas: not enough gas for reentrancy sentry".to_owned())
        }
        R::StackUnderflow => before(format!("stack underflow ({stack_height} <=> {inputs})")),
        R::StackOverflow => {
            let limit = (STACK_HEIGHT_MAX + inputs).saturating_sub(outputs);
            before(format!("stack limit reached {stack_height} ({limit})"))
        }
        R::OpcodeNotFound | R::NotActivated | R::InvalidFEOpcode => {
            during(&format!("invalid opcode: {}", opcode_name(opcode)))
        }
        R::InvalidJump => during("invalid jump destination"),
        R::OutOfOffset => during("return data out of bounds"),
        R::StateChangeDuringStaticCall | R::CallNotAllowedInsideStatic => {
            during("write protection")
        }
        R::CreateInitCodeSizeLimit => before("out of gas: max initcode size exceeded".to_owned()),
        _ => None,
    }
}

const STACK_HEIGHT_MAX: usize = 1024;

/// What is needed to tell the cost of an instruction that could not be paid for.
#[derive(Debug)]
pub(super) struct Unpaid {
    pub(super) opcode: u8,
    pub(super) gas: u64,
    /// The top of the stack, topmost first.
    pub(super) top: [U256; 4],
    pub(super) memory_length: usize,
    pub(super) address: Address,
}

impl Unpaid {
    /// The cost that geth names for an instruction that there was not enough gas for. Of calls,
    /// creations and writes to storage it is the part that depends on nothing.
    pub(super) fn cost(&self, spec: SpecId, state: &mut dyn Current) -> u64 {
        let fixed = u64::from(gas_table_spec(spec)[usize::from(self.opcode)]);
        if fixed > self.gas {
            return fixed;
        }
        fixed.saturating_add(self.access(spec, state)).saturating_add(self.data())
    }

    /// What a cold account or slot costs in addition.
    fn access(&self, spec: SpecId, state: &mut dyn Current) -> u64 {
        if !spec.is_enabled_in(SpecId::BERLIN) {
            return 0;
        }
        let account = Address::from_word(self.top[0].into());
        match self.opcode {
            opcode::SLOAD if state.is_cold(self.address, Some(self.top[0])) => 2000,
            opcode::BALANCE | opcode::EXTCODESIZE | opcode::EXTCODEHASH | opcode::EXTCODECOPY
                if state.is_cold(account, None) =>
            {
                2500
            }
            _ => 0,
        }
    }

    /// What memory and the amount of data cost.
    fn data(&self) -> u64 {
        let [a, b, c, d] = self.top;
        let word = U256::from(32);
        match self.opcode {
            opcode::MLOAD | opcode::MSTORE => self.memory(a, word),
            opcode::MSTORE8 => self.memory(a, U256::ONE),
            opcode::RETURN | opcode::REVERT => self.memory(a, b),
            opcode::KECCAK256 => self.memory(a, b).saturating_add(words(b).saturating_mul(6)),
            opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY => {
                self.memory(a, c).saturating_add(words(c).saturating_mul(3))
            }
            opcode::MCOPY => self.memory(a.max(b), c).saturating_add(words(c).saturating_mul(3)),
            opcode::EXTCODECOPY => self.memory(b, d).saturating_add(words(d).saturating_mul(3)),
            opcode::LOG0..=opcode::LOG4 => {
                let bytes = u64::try_from(b).unwrap_or(u64::MAX);
                self.memory(a, b).saturating_add(bytes.saturating_mul(8))
            }
            opcode::EXP => u64::from(b.byte_len() as u32).saturating_mul(50),
            _ => 0,
        }
    }

    fn memory(&self, offset: U256, length: U256) -> u64 {
        if length.is_zero() {
            return 0;
        }
        let cost = |words: u64| -> u64 {
            words.saturating_mul(3).saturating_add(words.saturating_mul(words) / 512)
        };
        let now = words(U256::from(self.memory_length));
        let needed = words(offset.saturating_add(length)).max(now);
        cost(needed) - cost(now)
    }
}

fn words(bytes: U256) -> u64 {
    u64::try_from(bytes).map_or(u64::MAX, |bytes| bytes.div_ceil(32))
}
