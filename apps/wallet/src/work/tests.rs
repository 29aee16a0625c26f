//! Published hashes and signatures, and what a person sees.

use super::*;
use serde_json::json;

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

/// The example in the text of EIP-712, whose hash and signature are published with it.
fn mail() -> Value {
    json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"}
            ],
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [
                {"name": "from", "type": "Person"},
                {"name": "to", "type": "Person"},
                {"name": "contents", "type": "string"}
            ]
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"
        },
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!"
        }
    })
}

#[test]
fn the_example_of_eip_712_has_its_hash_and_signature() {
    let work = Work::TypedData(mail());
    let hash = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2";
    assert_eq!(work.hash().unwrap().to_string(), hash);
    let cow = PrivateKey::from_bytes(alloy_primitives::keccak256("cow").as_slice()).unwrap();
    let signature = work.sign(&cow).unwrap();
    assert_eq!(
        alloy_primitives::hex::encode(signature.as_bytes()),
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d\
         07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    );
    work.verify(&signature, cow.address()).unwrap();
}

#[test]
fn a_signature_is_right_for_one_address_and_one_text() {
    let work = Work::Message(b"hello".into());
    let signature = work.sign(&key()).unwrap();
    work.verify(&signature, key().address()).unwrap();
    assert!(work.verify(&signature, Address::ZERO).is_err());
    assert!(Work::Message(b"hellp".into()).verify(&signature, key().address()).is_err());
    // The other form of the same signature, which EIP-2 forbids.
    let order = U256::from_be_bytes(alloy_primitives::hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let twin = Signature::new(signature.r(), order - signature.s(), !signature.v());
    assert!(work.verify(&twin, key().address()).is_err());
}

#[test]
fn typed_data_of_a_wrong_form_are_errors() {
    let mut no_type = mail();
    no_type["primaryType"] = json!("Letter");
    let mut wrong = mail();
    wrong["message"]["from"]["wallet"] = json!("nobody");
    for value in [json!(null), json!({}), no_type, wrong] {
        assert!(matches!(Work::TypedData(value).hash(), Err(WorkError::TypedData(_))));
    }
    let long = json!({"message": "a".repeat(MESSAGE_BYTES_MAX)});
    assert!(matches!(Work::TypedData(long).hash(), Err(WorkError::TooLong)));
    let long = vec![0; MESSAGE_BYTES_MAX + 1];
    assert!(matches!(Work::Message(long.into()).hash(), Err(WorkError::TooLong)));
}

#[test]
fn typed_data_that_contain_themselves_are_an_error() {
    let value = json!({
        "types": {"EIP712Domain": [], "A": [{"name": "a", "type": "A"}]},
        "primaryType": "A", "domain": {}, "message": {"a": {}}
    });
    assert!(Work::TypedData(value).hash().is_err());
}

#[test]
fn nothing_that_is_shown_moves_the_cursor_or_hides() {
    let work = Work::Message("pay\u{1b}[2K\r me \u{202e}\u{200b}аll\nnow".into());
    let shown = work.describe();
    assert!(shown.chars().all(|letter| letter == '\n' || (' '..='~').contains(&letter)), "{shown}");
    assert!(shown.contains("\\u{1b}[2K\\u{d} me \\u{202e}\\u{200b}\\u{430}ll\nnow"), "{shown}");
}

#[test]
fn a_transfer_of_tokens_is_shown_as_one() {
    let transfer = crate::token::Transfer { to: Address::repeat_byte(5), amount: U256::from(77) };
    let fields =
        Fields { to: Some(Address::ZERO), input: Some(transfer.encode()), ..Fields::default() };
    let shown = Work::Transaction(Box::new(fields)).describe();
    assert!(shown.contains(&format!("77 units to {}", transfer.to)), "{shown}");
    assert!(shown.contains("it can be sent on every chain"), "{shown}");
}
