//! Common functions, events and errors, for contracts whose ABI nobody gave.
//!
//! In: nothing; the list is `signatures.txt`. Out: an [`Abi`], made once. A selector has four bytes,
//! so a name found here is likely and not certain.

use std::sync::LazyLock;

use crate::abi::Abi;

const TEXT: &str = include_str!("signatures.txt");

static COMMON: LazyLock<Abi> = LazyLock::new(|| {
    Abi::of_signatures(TEXT).expect("the list is part of the program, and a test reads it whole")
});

/// The signatures that are known without an ABI.
pub fn common() -> &'static Abi {
    &COMMON
}

#[cfg(test)]
mod tests;
