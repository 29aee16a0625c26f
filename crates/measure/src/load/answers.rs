//! Reads what a node answers to a batch of `eth_sendRawTransaction`.
//!
//! All nodes write an acknowledgement in the same letters, so those are compared and nothing is
//! parsed. Whatever differs is read as JSON.

use super::client::{Refusal, shown};
use alloy_primitives::{B256, hex};
use serde::Deserialize;
use serde_json::Value;

/// What each acknowledgement starts with, up to its number.
const HEAD: &[u8] = br#"{"jsonrpc":"2.0","id":"#;

/// What stands between the number and the digits of the hash.
const MIDDLE: &[u8] = br#","result":"0x"#;

/// What follows the hash.
const TAIL: &[u8] = br#""}"#;

/// Digits of a hash.
const DIGITS: usize = 64;

#[derive(Deserialize)]
struct Response {
    id: Option<Value>,
    result: Option<String>,
    error: Option<Refusal>,
}

/// Calls `each` once for each transaction of a batch, by its place: with `None` when the node
/// acknowledges it by its own hash, else with the reason.
pub(super) fn read(
    status: u16,
    body: &[u8],
    hashes: &[B256],
    mut each: impl FnMut(usize, Option<&str>),
) {
    if all_acknowledged(body, hashes) {
        (0..hashes.len()).for_each(|place| each(place, None));
        return;
    }
    let mut reasons: Vec<Option<Result<(), String>>> = vec![None; hashes.len()];
    let responses = parse(body);
    let whole = match &responses {
        // One error for all of the batch.
        Some(responses) => {
            responses.iter().find_map(|response| match (&response.id, &response.error) {
                (None | Some(Value::Null), Some(error)) => Some(error.message.clone()),
                _ => None,
            })
        }
        None => Some(format!("HTTP status {status}: {}", shown(body))),
    };
    for Response { id, result, error } in responses.into_iter().flatten() {
        let place = id.and_then(|id| usize::try_from(id.as_u64()?).ok());
        let Some((place, hash)) = place.and_then(|place| Some((place, hashes.get(place)?))) else {
            continue;
        };
        let answer = match (result, error) {
            (_, Some(error)) => Err(error.message),
            (Some(result), None) if result.parse() == Ok(*hash) => Ok(()),
            (Some(_), None) => Err("acknowledged with the hash of something else".to_owned()),
            (None, None) => Err("answered with neither hash nor error".to_owned()),
        };
        reasons[place] = Some(match &reasons[place] {
            None => answer,
            Some(_) => Err("answered more than once".to_owned()),
        });
    }
    for (place, reason) in reasons.into_iter().enumerate() {
        match reason {
            Some(Ok(())) => each(place, None),
            Some(Err(reason)) => each(place, Some(&reason)),
            None => each(place, Some(whole.as_deref().unwrap_or("not answered"))),
        }
    }
}

/// A batch, or the one answer that there is.
fn parse(body: &[u8]) -> Option<Vec<Response>> {
    match body.first() {
        Some(b'[') => serde_json::from_slice(body).ok(),
        _ => serde_json::from_slice(body).ok().map(|response| vec![response]),
    }
}

/// Whether the body acknowledges exactly these transactions, in order, in the usual letters.
fn all_acknowledged(body: &[u8], hashes: &[B256]) -> bool {
    let (mut rest, is_batch) = match body.strip_prefix(b"[") {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    let mut digits = [0_u8; DIGITS];
    for (place, hash) in hashes.iter().enumerate() {
        if place > 0 {
            let Some(after) = rest.strip_prefix(b",") else { return false };
            rest = after;
        }
        let Some(after) = rest.strip_prefix(HEAD).and_then(|rest| number(rest, place)) else {
            return false;
        };
        let Some(after) = after.strip_prefix(MIDDLE) else { return false };
        let Some((found, after)) = after.split_at_checked(DIGITS) else { return false };
        if hex::encode_to_slice(hash, &mut digits).is_err() || found != digits {
            return false;
        }
        let Some(after) = after.strip_prefix(TAIL) else { return false };
        rest = after;
    }
    let end: &[u8] = if is_batch { b"]" } else { b"" };
    rest.trim_ascii_end() == end
}

/// What follows the number, if it is this one.
fn number(bytes: &[u8], expected: usize) -> Option<&[u8]> {
    let length = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = bytes.split_at(length);
    let mut value = 0_usize;
    for digit in digits {
        value = value.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?;
    }
    (length > 0 && value == expected).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn told(body: &str, hashes: &[B256]) -> Vec<Option<String>> {
        let mut told = vec![Some("never".to_owned()); hashes.len()];
        let mut calls = 0;
        read(200, body.as_bytes(), hashes, |place, reason| {
            told[place] = reason.map(str::to_owned);
            calls += 1;
        });
        assert_eq!(calls, hashes.len(), "each is told once");
        told
    }

    fn hashes(count: usize) -> Vec<B256> {
        (0..count).map(|number| alloy_primitives::keccak256(number.to_be_bytes())).collect()
    }

    fn usual(hashes: &[B256]) -> String {
        let all: Vec<String> = hashes
            .iter()
            .enumerate()
            .map(|(id, hash)| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"{hash}"}}"#))
            .collect();
        format!("[{}]", all.join(","))
    }

    #[test]
    fn the_usual_letters_need_no_parsing() {
        let hashes = hashes(12);
        assert!(all_acknowledged(usual(&hashes).as_bytes(), &hashes));
        assert_eq!(told(&usual(&hashes), &hashes), vec![None; 12]);
        let one = usual(&hashes[..1]);
        assert!(all_acknowledged(&one.as_bytes()[1..one.len() - 1], &hashes[..1]));
    }

    #[test]
    fn other_order_and_other_letters_are_understood() {
        let hashes = hashes(3);
        let body = json!([
            {"id": 2, "jsonrpc": "2.0", "result": hashes[2]},
            {"id": 0, "jsonrpc": "2.0", "error": {"code": -32000, "message": "nonce too low"}},
            {"id": 1, "result": hashes[1], "jsonrpc": "2.0"},
        ]);
        let expected = [None, None, None].map(|none: Option<String>| none);
        let mut expected = expected.to_vec();
        expected[0] = Some("nonce too low".to_owned());
        assert_eq!(told(&body.to_string(), &hashes), expected);
    }

    #[test]
    fn an_error_for_the_whole_batch_is_one_of_each() {
        let hashes = hashes(2);
        let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"too large"}}"#;
        assert_eq!(told(body, &hashes), vec![Some("too large".to_owned()); 2]);
        assert!(told("<html>", &hashes).iter().flatten().all(|reason| reason.contains("<html>")));
    }

    #[test]
    fn what_is_missing_twice_there_or_of_another_hash_is_no_acknowledgement() {
        let all = hashes(3);
        let missing = told(&usual(&all[..2]), &all);
        assert_eq!(missing[2].as_deref(), Some("not answered"));
        let twice = format!(
            r#"[{0},{0},{{"id":1,"result":"{1}"}},{{"id":2}}]"#,
            format_args!(r#"{{"id":0,"result":"{}"}}"#, all[0]),
            all[2]
        );
        let twice = told(&twice, &all);
        assert!(twice.iter().all(Option::is_some), "{twice:?}");
    }

    proptest! {
        /// Any change of one byte either leaves all acknowledged by JSON's rules too, or is told.
        #[test]
        fn a_changed_byte_never_turns_one_hash_into_another(place in 0_usize..300, byte: u8) {
            let hashes = hashes(3);
            let mut body = usual(&hashes).into_bytes();
            let place = place % body.len();
            let before = std::mem::replace(&mut body[place], byte);
            if before != byte {
                prop_assert!(!all_acknowledged(&body, &hashes) || body[place].is_ascii_whitespace());
            }
            read(200, &body, &hashes, |_, _| {});
        }

        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            read(500, &body, &hashes(2), |_, _| {});
        }
    }
}
