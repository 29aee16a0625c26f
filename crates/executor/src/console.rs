//! What contracts under development print: calls to Hardhat's `console.log`.

mod format;
mod signatures;
#[cfg(test)]
mod tests;

use alloy_primitives::{Address, address};
use revm::{
    Inspector,
    context::ContextTr,
    interpreter::{CallInputs, CallOutcome},
};

/// The address that Hardhat's and forge's `console` libraries call.
pub const CONSOLE: Address = address!("000000000000000000636F6e736F6c652e6c6f67");

/// Bytes of text that one transaction may print.
pub const CONSOLE_BYTES_MAX: usize = 1 << 20;

/// Gathers what a transaction prints, one line for each call, also where it reverts.
#[derive(Clone, Debug, Default)]
pub struct ConsoleInspector {
    lines: Vec<String>,
    bytes: usize,
    truncated: bool,
}

impl ConsoleInspector {
    /// The lines printed so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The lines.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Whether there was more than [`CONSOLE_BYTES_MAX`], of which the rest is left out.
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn print(&mut self, input: &[u8]) {
        let Some(line) = decode(input) else { return };
        self.bytes += line.len();
        if self.bytes > CONSOLE_BYTES_MAX {
            self.truncated = true;
        } else {
            self.lines.push(line);
        }
    }
}

impl<C: ContextTr> Inspector<C> for ConsoleInspector {
    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if inputs.bytecode_address == CONSOLE && !self.truncated {
            let input = inputs.input.bytes(context);
            self.print(&input);
        }
        None
    }
}

/// The line that a call to the console with this input prints; `None` if it is no call that the
/// console knows.
pub fn decode(input: &[u8]) -> Option<String> {
    let (selector, arguments) = input.split_first_chunk::<4>()?;
    let kinds = signatures::kinds(*selector)?;
    let values: Option<Vec<_>> =
        kinds.iter().enumerate().map(|(place, kind)| kind.read(arguments, place)).collect();
    Some(format::line(&values?))
}
