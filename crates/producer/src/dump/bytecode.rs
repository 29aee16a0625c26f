//! Codes as revm writes them, and anvil in its historical states.

use alloy_primitives::{Bytes, hex};
use heddle_executor::revm::bytecode::opcode;
use serde_json::{Value, json};

/// How a delegation begins (EIP-7702).
const DELEGATION: [u8; 3] = hex!("ef0100");

/// Zeros behind the code: what the longest PUSH may be short of, and the end.
const PADDING: usize = 33;

/// A code in revm's form: with the places that may be jumped to.
pub(super) fn code_value(code: &Bytes) -> Value {
    if let Some(address) = code.strip_prefix(&DELEGATION).filter(|address| address.len() == 20) {
        let address = hex::encode_prefixed(address);
        return json!({"Eip7702": {"delegated_address": address, "version": 0, "raw": code}});
    }
    let mut targets = vec![0_u8; code.len().div_ceil(8)];
    let mut at = 0;
    while let Some(&byte) = code.get(at) {
        if byte == opcode::JUMPDEST {
            targets[at / 8] |= 1 << (at % 8);
        }
        let pushes = (opcode::PUSH1..=opcode::PUSH32).contains(&byte);
        at += if pushes { usize::from(byte - opcode::PUSH1) + 2 } else { 1 };
    }
    let padded = Bytes::from([code, &[0; PADDING][..]].concat());
    json!({"LegacyAnalyzed": {
        "bytecode": padded,
        "original_len": code.len(),
        "jump_table": {
            "order": "bitvec::order::Lsb0",
            "head": {"width": 8, "index": 0},
            "bits": code.len(),
            "data": targets,
        },
    }})
}

/// The code in such a value; `None` for another form.
pub(super) fn code_of(value: &Value) -> Option<Bytes> {
    let bytes = |value: &Value| serde_json::from_value::<Bytes>(value.clone()).ok();
    if let Some(delegation) = value.get("Eip7702") {
        return bytes(delegation.get("raw")?);
    }
    let legacy = value.get("LegacyAnalyzed")?;
    let length = usize::try_from(legacy.get("original_len")?.as_u64()?).ok()?;
    let padded = bytes(legacy.get("bytecode")?)?;
    (length <= padded.len()).then(|| padded.slice(..length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_as_before_when_they_were_written_and_read() {
        let delegation = [&DELEGATION[..], &[7; 20]].concat();
        for code in [vec![], vec![0x60, 0x5b, 0x5b, 0x7f, 0x5b], delegation] {
            let code = Bytes::from(code);
            assert_eq!(code_of(&code_value(&code)), Some(code));
        }
        assert_eq!(code_of(&json!({"Eof": {}})), None);
    }

    #[test]
    fn what_is_pushed_is_no_place_to_jump_to() {
        let value = code_value(&Bytes::from_static(&[0x60, 0x5b, 0x5b, 0x7f, 0x5b]));
        assert_eq!(value["LegacyAnalyzed"]["jump_table"]["data"], json!([0b100]));
    }
}
