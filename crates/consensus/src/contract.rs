//! The code of the contract that holds the validators: `contracts/src/Validators.sol`.

use alloy_primitives::{Bytes, hex};
use std::sync::LazyLock;

const ARTIFACT: &str = include_str!("../../../contracts/artifacts/Validators.json");

/// What lies at [`VALIDATORS_ADDRESS`](crate::VALIDATORS_ADDRESS).
pub(crate) static CODE: LazyLock<Bytes> = LazyLock::new(|| {
    let (_, rest) = ARTIFACT
        .split_once("\"deployedBytecode\": \"0x")
        .expect("the artifact is committed, and made by contracts/build.mjs");
    let (code, _) = rest.split_once('"').expect("a string in JSON ends");
    hex::decode(code).expect("the compiler writes hexadecimal digits").into()
});
