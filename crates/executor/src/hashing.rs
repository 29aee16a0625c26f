//! Remembering hashes that contracts compute over and over.
//!
//! Solidity finds an element of a mapping at the hash of 64 bytes, its key and the mapping's slot,
//! and computes that anew at each access: a token transfer hashes the sender's place twice, and a
//! pool's reserves are found by the same few hashes in every swap. A hash takes a quarter of a
//! microsecond, finding it again a few nanoseconds.

use crate::evm::BlockContext;
use alloy_primitives::{B256, U256, b256};
use revm::{
    Database,
    bytecode::opcode,
    handler::instructions::EthInstructions,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, instructions::system,
        interpreter::EthInterpreter, interpreter_types::MemoryTr,
    },
};

/// The hashes of inputs of 64 bytes that were hashed recently. An empty one is filled when first
/// asked.
#[derive(Clone, Default)]
pub(crate) struct RecentHashes(Box<[Entry]>);

#[derive(Clone)]
struct Entry {
    input: [u8; INPUT],
    hash: B256,
}

/// Bytes of an input.
const INPUT: usize = 64;

/// Entries: enough for the hot mappings of a block, few enough for a processor's own cache.
const RECENT: usize = 1 << RECENT_BITS;
const RECENT_BITS: u32 = 10;

/// An entry to begin with has to be right, too.
const ZEROS: Entry = Entry {
    input: [0; INPUT],
    hash: b256!("ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5"),
};

impl core::fmt::Debug for RecentHashes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RecentHashes").field(&self.0.len()).finish()
    }
}

impl RecentHashes {
    /// The Keccak-256 of `input`.
    fn hash(&mut self, input: &[u8; INPUT]) -> B256 {
        if self.0.is_empty() {
            self.0 = vec![ZEROS; RECENT].into();
        }
        let entry = &mut self.0[place(input)];
        if entry.input != *input {
            *entry = Entry { input: *input, hash: alloy_primitives::keccak256(input) };
        }
        entry.hash
    }
}

/// The one entry in which an input may be.
fn place(input: &[u8; INPUT]) -> usize {
    // What keys and slots differ in stands at their ends; an inner mapping's slot is itself a hash.
    let word = |end: usize| {
        let bytes = input[..end].last_chunk().expect("eight bytes end there");
        u64::from_le_bytes(*bytes)
    };
    let mixed = (word(32) ^ word(64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - RECENT_BITS)) as usize
}

/// Makes `KECCAK256` look among the recent hashes first.
pub(crate) fn wrap_instruction<'a, D: Database>(
    table: &mut EthInstructions<EthInterpreter, BlockContext<'a, D>>,
) {
    let keccak = Instruction::new(keccak256::<D>);
    table.instruction_table_mut()[usize::from(opcode::KECCAK256)] = keccak;
}

fn keccak256<D: Database>(
    ctx: InstructionContext<'_, BlockContext<'_, D>, EthInterpreter>,
) -> InstructionExecResult {
    let interpreter = &mut *ctx.interpreter;
    // Whatever is not the common case, also every kind of failure, is left to revm.
    if let [.., len, offset] = interpreter.stack.data()[..]
        && len == U256::from(INPUT)
        && let Ok(from) = usize::try_from(offset)
        && from.checked_add(INPUT).is_some_and(|end| end <= interpreter.memory.size())
        && interpreter.gas.record_regular_cost(ctx.host.gas_params().keccak256_cost(INPUT))
    {
        let hash = {
            let input = interpreter.memory.slice(from..from + INPUT);
            let input = input.first_chunk().expect("the slice is that long");
            ctx.host.chain.hashes.hash(input)
        };
        let stack = interpreter.stack.data_mut();
        stack.pop();
        if let Some(top) = stack.last_mut() {
            *top = hash.into();
        }
        return Ok(());
    }
    system::keccak256(ctx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn a_hash_is_right_whether_remembered_or_not() {
        let mut recent = RecentHashes::default();
        assert_eq!(recent.hash(&[0; INPUT]), keccak256([0; INPUT]));
        for round in 0..4_u64 {
            for key in 0..3 * RECENT as u64 {
                let mut input = [0; INPUT];
                input[24..32].copy_from_slice(&(key * (round % 2 + 1)).to_be_bytes());
                input[63] = (key % 3) as u8;
                assert_eq!(recent.hash(&input), keccak256(input));
                assert_eq!(recent.hash(&input), keccak256(input));
            }
        }
    }

    #[test]
    fn inputs_that_differ_anywhere_in_the_same_place_are_told_apart() {
        let mut recent = RecentHashes::default();
        let input = [7; INPUT];
        for at in 0..INPUT {
            let mut other = input;
            other[at] ^= 1;
            assert_eq!(recent.hash(&input), keccak256(input));
            assert_eq!(recent.hash(&other), keccak256(other));
        }
    }
}
