//! Analysed codes: finding the jump destinations of a contract anew in each block would cost more
//! than most calls to it.

use alloy_primitives::{B256, Bytes, map::B256Map};
use heddle_executor::revm::bytecode::Bytecode;
use parking_lot::RwLock;

/// Bytes of code that are kept, analysis included: some thousand contracts of the usual size.
const BYTES_MAX: usize = 64 << 20;

/// Codes met lately, by hash.
#[derive(Debug, Default)]
pub(crate) struct CodeCache(RwLock<Codes>);

#[derive(Debug, Default)]
struct Codes {
    by_hash: B256Map<Bytecode>,
    bytes: usize,
}

impl CodeCache {
    /// The code of this hash; what `load` gives is kept.
    pub(crate) fn get_or_load<E>(
        &self,
        code_hash: B256,
        load: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytecode, E> {
        if let Some(code) = self.0.read().by_hash.get(&code_hash) {
            return Ok(code.clone());
        }
        let bytes = load()?;
        // Before EIP-3541 a code could be deployed that only looks like a delegation (EIP-7702).
        let code = Bytecode::new_raw_checked(bytes.clone())
            .unwrap_or_else(|_| Bytecode::new_legacy(bytes));
        // The analysis has one bit for each byte.
        let size = code.len() + code.len() / 8;
        let mut codes = self.0.write();
        if codes.bytes + size > BYTES_MAX {
            // Rare enough that starting afresh is good enough.
            *codes = Codes::default();
        }
        if codes.by_hash.insert(code_hash, code.clone()).is_none() {
            codes.bytes += size;
        }
        Ok(code)
    }
}
