//! Asking contracts for what their logs do not say: balances, names.

use super::replay::Replay;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use heddle_chain::ExecutionState;
use heddle_executor::{
    Overlay,
    call::{Checks, Environment, Interrupt, call},
    revm::context::{TxEnv, result::ExecutionResult},
};

/// Gas that one question may take. Proxies of lending markets take the most, some 100,000.
const GAS_MAX: u64 = 300_000;
/// Gas that all questions about one block may take, at least: what the largest blocks take.
const BLOCK_GAS_MIN: u64 = 60_000_000;
/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 64;

const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
const NAME: [u8; 4] = [0x06, 0xfd, 0xde, 0x03];
const SYMBOL: [u8; 4] = [0x95, 0xd8, 0x9b, 0x41];
const DECIMALS: [u8; 4] = [0x31, 0x3c, 0xe5, 0x67];

/// Asks contracts on the state after a block.
///
/// What may be asked has a bound in gas, and not in time, so that the answers are the same whenever
/// the block is indexed.
#[derive(Debug)]
pub(crate) struct Questions<'r> {
    state: Option<(&'r mut Overlay<ExecutionState>, Environment)>,
    gas: u64,
}

impl<'r> Questions<'r> {
    /// On the state that a replay has left, if there is one.
    pub(crate) fn new(replay: Option<&'r mut Replay>, gas_used: u64) -> Self {
        let state = replay.map(|replay| {
            let environment = replay.environment.clone().with_checks(Checks::NONE);
            (&mut replay.after, environment)
        });
        Self { state, gas: BLOCK_GAS_MIN.max(gas_used.saturating_mul(2)) }
    }

    /// What `holder` has of an ERC-20 token, by the token's word.
    pub(crate) fn balance_of(&mut self, token: Address, holder: Address) -> Option<U256> {
        let input = [&BALANCE_OF[..], holder.into_word().as_slice()].concat();
        let output = self.ask(token, input)?;
        output.first_chunk::<32>().map(|word| U256::from_be_bytes(*word))
    }

    /// Name, symbol and decimals.
    pub(crate) fn metadata(&mut self, token: Address) -> (String, String, Option<u8>) {
        let text = |output: Option<Bytes>| output.map(|bytes| text(&bytes)).unwrap_or_default();
        let name = text(self.ask(token, NAME.to_vec()));
        let symbol = text(self.ask(token, SYMBOL.to_vec()));
        let decimals = self.ask(token, DECIMALS.to_vec());
        let decimals = decimals.and_then(|bytes| bytes.first_chunk::<32>().copied());
        (name, symbol, decimals.and_then(|word| U256::from_be_bytes(word).try_into().ok()))
    }

    fn ask(&mut self, contract: Address, input: Vec<u8>) -> Option<Bytes> {
        let (state, environment) = self.state.as_mut()?;
        if self.gas < GAS_MAX {
            return None;
        }
        let transaction = TxEnv {
            kind: TxKind::Call(contract),
            data: input.into(),
            gas_limit: GAS_MAX,
            gas_price: 0,
            chain_id: None,
            ..TxEnv::default()
        };
        environment.waive_fees(&transaction);
        let outcome = call(state, environment, &transaction, &Interrupt::never());
        // A question that cannot be asked has no answer; the state is looked at again by others.
        let result = outcome.ok()?.result;
        self.gas = self.gas.saturating_sub(result.tx_gas_used());
        match result {
            ExecutionResult::Success { output, .. } => Some(output.into_data()),
            _ => None,
        }
    }
}

/// A string as contracts return it, or 32 bytes as old ones do. What no one can read is left out.
fn text(bytes: &[u8]) -> String {
    let long = |at: usize| -> Option<usize> {
        let word = bytes.get(at..)?.first_chunk::<32>()?;
        usize::try_from(U256::from_be_bytes(*word)).ok()
    };
    let string = || {
        let offset = long(0)?;
        let start = offset.checked_add(32)?;
        bytes.get(start..start.checked_add(long(offset)?)?)
    };
    let raw = match bytes.len() {
        32 => bytes,
        _ => string().unwrap_or_default(),
    };
    readable(&String::from_utf8_lossy(
        raw.get(..raw.len().min(4 * NAME_CHARS_MAX)).unwrap_or_default(),
    ))
}

/// Without what does not show, or turns the line around (Unicode's control, format and private
/// characters), so that one name cannot pass for another so easily.
pub(crate) fn readable(text: &str) -> String {
    let shows = |c: &char| {
        !c.is_control()
            && !matches!(*c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}'
                | '\u{e0000}'..='\u{10ffff}')
    };
    let text: String = text.chars().filter(shows).take(NAME_CHARS_MAX).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> Vec<u8> {
        let word = |value: usize| U256::from(value).to_be_bytes::<32>();
        let mut bytes = [word(32), word(text.len())].concat();
        bytes.extend_from_slice(text);
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes
    }

    #[test]
    fn reads_names_old_and_new() {
        assert_eq!(text(&encoded(b"Wrapped Ether")), "Wrapped Ether");
        let mut old = b"MKR".to_vec();
        old.resize(32, 0);
        assert_eq!(text(&old), "MKR");
    }

    #[test]
    fn a_name_has_only_what_shows() {
        let evil = "\u{202e}USDC\u{200b}\u{0}\n<script>";
        assert_eq!(text(&encoded(evil.as_bytes())), "USDC<script>");
        assert_eq!(text(&encoded(&[b'x'; 10_000])).len(), NAME_CHARS_MAX);
        assert_eq!(text(&encoded(&[0xff; 40])), "");
    }

    #[test]
    fn a_string_whose_length_lies_is_empty() {
        for word in [U256::MAX, U256::from(u64::MAX), U256::from(1000)] {
            let word = word.to_be_bytes::<32>();
            assert_eq!(text(&[word, word, word].concat()), "");
        }
        assert_eq!(text(&[]), "");
    }
}
