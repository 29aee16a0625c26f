//! Asking contracts of standards about themselves.

use crate::Explorer;
use alloy_primitives::{Address, Bytes, U256, hex};
use heddle_rpc::CallFailure;
use serde_json::json;

/// `totalSupply()`.
const TOTAL_SUPPLY: [u8; 4] = hex!("18160ddd");
/// `tokenURI(uint256)` of ERC-721.
const TOKEN_URI: [u8; 4] = hex!("c87b56dd");
/// `uri(uint256)` of ERC-1155.
const URI: [u8; 4] = hex!("0e89341c");

/// Gas for such a question: so much that an image in storage can be read, and no more.
const GAS: &str = "0x1c9c380";

/// How much of a token there is; `None` if it does not say.
pub(crate) async fn total_supply(explorer: &Explorer, token: Address) -> Option<U256> {
    let answer = ask(explorer, token, &TOTAL_SUPPLY, None).await.ok()?;
    answer.first_chunk::<32>().map(|word| U256::from_be_bytes(*word)).filter(|_| answer.len() == 32)
}

/// Where an item is described: of ERC-721, else of ERC-1155.
pub(crate) async fn item_uri(explorer: &Explorer, token: Address, id: U256) -> Option<String> {
    for function in [&TOKEN_URI, &URI] {
        if let Ok(answer) = ask(explorer, token, function, Some(id)).await
            && let Some(text) = string(&answer)
        {
            return Some(text);
        }
    }
    None
}

async fn ask(
    explorer: &Explorer,
    to: Address,
    function: &[u8; 4],
    argument: Option<U256>,
) -> Result<Bytes, CallFailure> {
    let mut input = function.to_vec();
    if let Some(argument) = argument {
        input.extend_from_slice(&argument.to_be_bytes::<32>());
    }
    let call = json!({ "to": to, "input": Bytes::from(input), "gas": GAS });
    explorer.call("eth_call", json!([call, "latest"])).await
}

/// The only value of an answer, a string.
fn string(answer: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        let bytes = answer.get(at..)?.first_chunk::<32>()?;
        usize::try_from(U256::from_be_bytes(*bytes)).ok()
    };
    let at = word(0)?;
    let length = word(at)?;
    let start = at.checked_add(32)?;
    let bytes = answer.get(start..start.checked_add(length)?)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_whose_lengths_lie_are_none() {
        let words = |words: &[U256]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
        };
        let text = U256::from_be_bytes({
            let mut word = [0; 32];
            word[..5].copy_from_slice(b"hello");
            word
        });
        let good = words(&[U256::from(32), U256::from(5), text]);
        assert_eq!(string(&good).as_deref(), Some("hello"));
        for (at, length) in [
            (U256::MAX, U256::ZERO),
            (U256::from(32), U256::MAX),
            (U256::from(32), U256::from(33)),
            (U256::from(u64::MAX), U256::ONE),
        ] {
            assert_eq!(string(&words(&[at, length, text])), None);
        }
        assert_eq!(string(&[]), None);
    }
}
