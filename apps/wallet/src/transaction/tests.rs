//! Every type, signed and decoded again, and fields that do not fit.

use super::*;
use crate::{key::PrivateKey, work::Work};
use alloy_consensus::transaction::SignerRecoverable;
use proptest::prelude::*;
use serde_json::{Value, json};

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

/// A transaction of each type, and a legacy one without EIP-155.
fn examples() -> Vec<(&'static str, Value)> {
    let hash = format!("0x01{}", "ab".repeat(31));
    let list = json!([{"address": Address::repeat_byte(1), "storageKeys": [B256::repeat_byte(2)]}]);
    let authorization = Work::Authorization(alloy_eips::eip7702::Authorization {
        chain_id: U256::from(5),
        address: Address::repeat_byte(3),
        nonce: 9,
    });
    let signature = authorization.sign(&key()).unwrap();
    let Work::Authorization(authorization) = authorization else { unreachable!() };
    let authorizations = json!([authorization.into_signed(signature)]);
    let with = |more: Value| {
        let mut base = json!({"nonce": "0x7", "gas": "0x5208", "value": "0x10", "to": Address::repeat_byte(9)});
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    let fees = json!({"chainId": "0x5", "maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0x2"});
    let with_fees = |more: Value| {
        let mut base = with(fees.clone());
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    vec![
        ("legacy without EIP-155", with(json!({"type": "0x0", "gasPrice": "0x9"}))),
        ("legacy", with(json!({"chainId": "0x5", "gasPrice": "0x9", "data": "0x1234"}))),
        ("EIP-2930", with(json!({"chainId": "0x5", "gasPrice": "0x9", "accessList": list}))),
        ("EIP-1559", with_fees(json!({"accessList": list, "input": "0x00ff"}))),
        ("EIP-4844", with_fees(json!({"maxFeePerBlobGas": "0x3", "blobVersionedHashes": [hash]}))),
        ("EIP-7702", with_fees(json!({"authorizationList": authorizations}))),
    ]
}

fn build(value: &Value) -> Result<Unsigned, TransactionError> {
    Fields::from_json(value.to_string().as_bytes())?.build()
}

#[test]
fn every_type_is_signed_and_decodes_to_the_same() {
    for ((name, value), kind) in examples().iter().zip([0, 0, 1, 2, 3, 4]) {
        let fields = Fields::from_json(value.to_string().as_bytes()).unwrap();
        assert_eq!(fields.kind().unwrap(), kind, "{name}");
        let signature = Work::Transaction(Box::new(fields.clone())).sign(&key()).unwrap();
        let signed = fields.build().unwrap().into_signed(signature);
        let raw = encode(&signed);
        let decoded = heddle_types::decode_transaction(&raw).unwrap();
        assert_eq!(decoded, signed, "{name}");
        assert_eq!(decoded.recover_signer().unwrap(), key().address(), "{name}");
        let again: Fields = serde_json::from_str(&serde_json::to_string(&fields).unwrap()).unwrap();
        assert_eq!(again, fields, "{name}");
    }
}

#[test]
fn a_field_that_has_no_place_is_refused() {
    let places = [
        ("gasPrice", json!("0x1"), [0, 1, 2].as_slice()),
        ("maxFeePerGas", json!("0x9"), &[3, 4, 5]),
        ("accessList", json!([]), &[2, 3, 4, 5]),
        ("maxFeePerBlobGas", json!("0x1"), &[4]),
        ("authorizationList", examples()[5].1["authorizationList"].clone(), &[5]),
    ];
    for (at, (name, value)) in examples().into_iter().enumerate() {
        for (field, content, allowed) in &places {
            let mut value = value.clone();
            value["type"] = json!(format!("0x{}", [0, 0, 1, 2, 3, 4][at]));
            value[field] = content.clone();
            assert_eq!(build(&value).is_ok(), allowed.contains(&at), "{name} with {field}");
        }
        let mut value = value.clone();
        value["gasLimit"] = json!("0x5208");
        assert!(matches!(build(&value), Err(TransactionError::Form(_))), "{name}");
    }
}

#[test]
fn a_field_that_is_missing_is_named() {
    for (name, value) in examples() {
        for field in
            ["nonce", "gas", "gasPrice", "chainId", "maxPriorityFeePerGas", "maxFeePerBlobGas"]
        {
            let mut value = value.clone();
            let kind = Fields::from_json(value.to_string().as_bytes()).unwrap().kind().unwrap();
            value["type"] = json!(format!("0x{kind}"));
            if value.as_object_mut().unwrap().remove(field).is_none()
                || (kind, field) == (0, "chainId")
            {
                continue;
            }
            let error = build(&value).unwrap_err();
            assert!(
                matches!(error, TransactionError::Missing(missing) if missing == field),
                "{name}: {field}"
            );
        }
    }
}

#[test]
fn values_that_no_node_takes_are_refused() {
    let refused = |at: usize, field: &str, content: Value| {
        let mut value = examples()[at].1.clone();
        value[field] = content;
        assert!(matches!(build(&value), Err(TransactionError::Value(..))), "{field}");
    };
    refused(3, "maxPriorityFeePerGas", json!("0xa"));
    refused(3, "nonce", json!("0xffffffffffffffff"));
    refused(4, "blobVersionedHashes", json!([]));
    refused(4, "blobVersionedHashes", json!([B256::ZERO]));
    refused(5, "authorizationList", json!([]));
    let mut creation = examples()[0].1.clone();
    creation.as_object_mut().unwrap().remove("to");
    assert!(matches!(build(&creation), Err(TransactionError::Value("to", _))));
    creation["input"] = json!("0x00");
    assert!(build(&creation).is_ok());
    let mut unknown = examples()[0].1.clone();
    unknown["type"] = json!("0x5");
    assert!(matches!(build(&unknown), Err(TransactionError::Type(5))));
}

proptest! {
    #[test]
    fn another_field_is_another_hash(at in 0_usize..6, nonce in 8_u64..1 << 60, value in 17_u64..) {
        let (_, example) = &examples()[at];
        let hash = |value: &Value| build(value).unwrap().signature_hash();
        for (field, content) in [("nonce", nonce), ("value", value)] {
            let mut changed = example.clone();
            changed[field] = json!(format!("{content:#x}"));
            prop_assert_ne!(hash(&changed), hash(example));
        }
    }
}
