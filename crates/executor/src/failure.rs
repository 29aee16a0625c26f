//! Why an execution failed, in the words of geth that tools look for.

use alloy_primitives::U256;
use revm::context::result::{ExecutionResult, HaltReason};

/// Selector of `Error(string)`.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// Selector of `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// geth's message for an execution that reverted: `execution reverted`, and the reason if
/// `output` holds one that Solidity encoded.
pub fn revert_message(output: &[u8]) -> String {
    match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

/// The reason in what a reverting execution returned, if it is `Error(string)` or
/// `Panic(uint256)`.
pub fn revert_reason(output: &[u8]) -> Option<String> {
    let (selector, arguments) = output.split_first_chunk::<4>()?;
    match *selector {
        ERROR => error_string(arguments),
        PANIC => Some(panic_text(U256::from_be_slice(arguments.get(..32)?))),
        _ => None,
    }
}

fn error_string(arguments: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        let word = arguments.get(at..at.checked_add(32)?)?;
        U256::from_be_slice(word).try_into().ok()
    };
    let start = word(0)?;
    let length = word(start)?;
    let first = start.checked_add(32)?;
    let text = arguments.get(first..first.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn panic_text(code: U256) -> String {
    let text = match u64::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    text.to_owned()
}

/// geth's message for the failure of a transaction; `None` for one that succeeded.
pub fn failure_message(result: &ExecutionResult<HaltReason>) -> Option<String> {
    match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(revert_message(output)),
        ExecutionResult::Halt { reason, .. } => Some(halt_message(reason)),
    }
}

/// geth's message for an exceptional halt. Where geth names the opcode or the height of the stack,
/// which revm does not keep, that part is left out.
pub fn halt_message(reason: &HaltReason) -> String {
    let text = match reason {
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::PrecompileError => "precompiled failed",
        HaltReason::PrecompileErrorWithContext(message) => message,
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::OverflowPayment | HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection"
        }
        HaltReason::CallTooDeep => "max call depth exceeded",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn reads_reasons_that_solidity_encodes() {
        let error = hex!(
            "08c379a0
            0000000000000000000000000000000000000000000000000000000000000020
            000000000000000000000000000000000000000000000000000000000000000a
            75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_message(&error), "execution reverted: user error");
        let mut panic = PANIC.to_vec();
        panic.extend(U256::from(1).to_be_bytes::<32>());
        assert_eq!(revert_message(&panic), "execution reverted: assert(false)");
        panic[34] = 7;
        assert_eq!(revert_reason(&panic).as_deref(), Some("unknown panic code: 0x701"));
    }

    #[test]
    fn gives_no_reason_for_other_bytes() {
        for data in [&b""[..], b"wrong-calldatasize", &ERROR, &[0xff; 100]] {
            assert_eq!(revert_message(data), "execution reverted");
        }
        let mut huge = ERROR.to_vec();
        huge.extend([0xff; 64]);
        assert_eq!(revert_reason(&huge), None);
    }
}
