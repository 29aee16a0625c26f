//! What a transaction could see of balances.
//!
//! revm loads an account whole, so every account that a transaction touches looks as if its
//! balance had been read. Most never is: a call carries ether *to* a contract, a contract sends
//! some of what it has, and nobody looks at the sum. Such a transaction gives the same result for
//! any balance that is large enough, and its effect is an amount to add or to take away. Knowing
//! which balances were really looked at is what keeps every deposit into one contract from
//! depending on the one before.
//!
//! The instructions that look at a balance, or need one to be large enough, are wrapped: they note
//! what they did and call revm's own instruction.

use crate::{evm::BlockContext, hashing::RecentHashes};
use alloy_primitives::{Address, U256};
use revm::{
    Database,
    bytecode::opcode,
    handler::instructions::EthInstructions,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult,
        instructions::{contract, host},
        interpreter::EthInterpreter,
        interpreter_types::InputsTr,
    },
};
use smallvec::SmallVec;

/// What the running transaction could see of balances.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The fee that the transaction owes to the beneficiary, in wei.
    pub(crate) fee: U256,
    /// Accounts whose exact balance was looked at.
    exact: SmallVec<[Address; 4]>,
    /// Accounts that tried to send ether, with the sum of all attempts.
    outflows: SmallVec<[(Address, U256); 4]>,
    /// What the thread's transactions have hashed. It changes nothing that a transaction can see.
    pub(crate) hashes: RecentHashes,
}

impl Observed {
    pub(crate) fn clear(&mut self) {
        self.fee = U256::ZERO;
        self.exact.clear();
        self.outflows.clear();
    }

    pub(crate) fn look(&mut self, address: Address) {
        if !self.exact.contains(&address) {
            self.exact.push(address);
        }
    }

    pub(crate) fn send(&mut self, address: Address, value: U256) {
        match self.outflows.iter_mut().find(|(from, _)| *from == address) {
            Some((_, sum)) => *sum = sum.saturating_add(value),
            None => self.outflows.push((address, value)),
        }
    }

    /// Whether the transaction may depend on the exact balance of `address`.
    pub(crate) fn is_exact(&self, address: &Address) -> bool {
        self.exact.contains(address)
    }

    /// The balance from which on every transfer that `address` attempted succeeds.
    pub(crate) fn outflow(&self, address: &Address) -> U256 {
        self.outflows
            .iter()
            .find_map(|(from, sum)| (from == address).then_some(*sum))
            .unwrap_or_default()
    }
}

type Call<'c, 'a, D> = InstructionContext<'c, BlockContext<'a, D>, EthInterpreter>;
type Table<'a, D> = EthInstructions<EthInterpreter, BlockContext<'a, D>>;

/// Replaces the instructions that look at balances by ones that note it first.
pub(crate) fn wrap_instructions<'a, D: Database>(table: &mut Table<'a, D>) {
    let table = table.instruction_table_mut();
    table[usize::from(opcode::BALANCE)] = Instruction::new(balance::<D>);
    table[usize::from(opcode::SELFBALANCE)] = Instruction::new(selfbalance::<D>);
    table[usize::from(opcode::SELFDESTRUCT)] = Instruction::new(selfdestruct::<D>);
    table[usize::from(opcode::CALL)] = Instruction::new(call::<{ opcode::CALL }, D>);
    table[usize::from(opcode::CALLCODE)] = Instruction::new(call::<{ opcode::CALLCODE }, D>);
    table[usize::from(opcode::CREATE)] = Instruction::new(create::<false, D>);
    table[usize::from(opcode::CREATE2)] = Instruction::new(create::<true, D>);
}

fn balance<D: Database>(ctx: Call<'_, '_, D>) -> InstructionExecResult {
    if let Some(top) = ctx.interpreter.stack.data().last() {
        ctx.host.chain.look(Address::from_word((*top).into()));
    }
    host::balance(ctx)
}

fn selfbalance<D: Database>(ctx: Call<'_, '_, D>) -> InstructionExecResult {
    ctx.host.chain.look(ctx.interpreter.input.target_address());
    host::selfbalance(ctx)
}

fn selfdestruct<D: Database>(ctx: Call<'_, '_, D>) -> InstructionExecResult {
    ctx.host.chain.look(ctx.interpreter.input.target_address());
    host::selfdestruct(ctx)
}

fn call<const KIND: u8, D: Database>(mut ctx: Call<'_, '_, D>) -> InstructionExecResult {
    note_send(&mut ctx, 2);
    contract::call::<KIND, _, _>(ctx)
}

fn create<const IS_CREATE2: bool, D: Database>(mut ctx: Call<'_, '_, D>) -> InstructionExecResult {
    note_send(&mut ctx, 0);
    contract::create::<IS_CREATE2, _, _>(ctx)
}

/// Notes the attempt to send the value that lies `depth` words below the top of the stack. A stack
/// that is too short makes the instruction itself fail.
fn note_send<D: Database>(ctx: &mut Call<'_, '_, D>, depth: usize) {
    let stack = ctx.interpreter.stack.data();
    let Some(value) = stack.len().checked_sub(depth + 1).map(|index| stack[index]) else { return };
    if !value.is_zero() {
        ctx.host.chain.send(ctx.interpreter.input.target_address(), value);
    }
}
