//! The code of the contract that holds the validators: `contracts/src/Validators.sol`.

use alloy_primitives::Bytes;
use serde::Deserialize;
use std::sync::LazyLock;

const ARTIFACT: &str = include_str!("../../../contracts/artifacts/Validators.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
}

/// What lies at [`VALIDATORS_ADDRESS`](crate::VALIDATORS_ADDRESS).
pub(crate) static CODE: LazyLock<Bytes> = LazyLock::new(|| {
    let artifact: Artifact =
        serde_json::from_str(ARTIFACT).expect("the compiled contracts are in the repository");
    artifact.deployed_bytecode
});
