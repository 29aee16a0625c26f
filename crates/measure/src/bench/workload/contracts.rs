//! The contracts of `contracts/`, and how to call them.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use serde::Deserialize;
use std::sync::LazyLock;

/// Creates an ERC-20 token; followed by the supply that the creator gets.
pub(crate) static TOKEN: LazyLock<Bytes> =
    LazyLock::new(|| code(include_str!("../../../../../contracts/artifacts/BenchToken.json")));
/// Creates a pool; followed by its two tokens.
pub(crate) static POOL: LazyLock<Bytes> =
    LazyLock::new(|| code(include_str!("../../../../../contracts/artifacts/BenchPool.json")));
/// Creates a counter.
pub(crate) static COUNTER: LazyLock<Bytes> =
    LazyLock::new(|| code(include_str!("../../../../../contracts/artifacts/BenchCounter.json")));
/// Creates a price feed that always answers the same; followed by the answer, with 8 decimals.
pub(crate) static FEED: LazyLock<Bytes> =
    LazyLock::new(|| code(include_str!("../../../../../contracts/artifacts/BenchFeed.json")));

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

fn code(artifact: &str) -> Bytes {
    let artifact: Artifact =
        serde_json::from_str(artifact).expect("the compiled contracts are in the repository");
    artifact.bytecode
}

/// A word of the contract ABI.
pub(crate) fn word(address: Address) -> U256 {
    address.into_word().into()
}

/// Code that creates a contract, with the arguments of its constructor.
pub(crate) fn creation(code: &Bytes, arguments: &[U256]) -> Bytes {
    encode(code, arguments)
}

/// The input that calls a function, such as `transfer(address,uint256)`.
pub(crate) fn call(signature: &str, arguments: &[U256]) -> Bytes {
    encode(&keccak256(signature)[..4], arguments)
}

fn encode(prefix: &[u8], arguments: &[U256]) -> Bytes {
    let words = arguments.iter().flat_map(|word| word.to_be_bytes::<32>());
    prefix.iter().copied().chain(words).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn calls_as_the_contract_abi_says() {
        let data =
            call("transfer(address,uint256)", &[word(Address::repeat_byte(1)), U256::from(2)]);
        assert_eq!(data[..4], hex!("a9059cbb"));
        assert_eq!(
            data[4..36],
            hex!("0000000000000000000000000101010101010101010101010101010101010101")
        );
        assert_eq!(data[36..], U256::from(2).to_be_bytes::<32>());
    }
}
