//! Our codec against alloy's, and against bytes of an attacker.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{I256, U256};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Address),
        Just(Kind::Bool),
        (1_u16..=32).prop_map(|size| Kind::Uint(size * 8)),
        (1_u16..=32).prop_map(|size| Kind::Int(size * 8)),
        (1_u8..=32).prop_map(Kind::FixedBytes),
        Just(Kind::Function),
        Just(Kind::Bytes),
        Just(Kind::String),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Kind::Array(Box::new(kind))),
            (inner.clone(), 1_u64..4).prop_map(|(kind, n)| Kind::FixedArray(Box::new(kind), n)),
            prop::collection::vec(inner, 1..4).prop_map(|kinds| {
                let named = kinds.into_iter().enumerate();
                Kind::Tuple(named.map(|(i, kind)| Field { name: format!("f{i}"), kind }).collect())
            }),
        ]
    })
}

fn value_of(kind: &Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Address => any::<[u8; 20]>().prop_map(|b| Value::Address(b.into())).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Uint(bits) => {
            let shift = 256_usize - usize::from(*bits);
            any::<[u64; 4]>().prop_map(move |l| Value::Uint(U256::from_limbs(l) >> shift)).boxed()
        }
        Kind::Int(bits) => {
            let shift = 256_usize - usize::from(*bits);
            any::<[u64; 4]>()
                .prop_map(move |l| Value::Int(I256::from_raw(U256::from_limbs(l)).asr(shift)))
                .boxed()
        }
        Kind::FixedBytes(size) => prop::collection::vec(any::<u8>(), usize::from(*size))
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::Function => prop::collection::vec(any::<u8>(), 24)
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>(), 0..70)
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::String => ".{0,40}".prop_map(Value::String).boxed(),
        Kind::Array(inner) => {
            prop::collection::vec(value_of(inner), 0..3).prop_map(Value::Array).boxed()
        }
        Kind::FixedArray(inner, length) => {
            prop::collection::vec(value_of(inner), *length as usize).prop_map(Value::Array).boxed()
        }
        Kind::Tuple(fields) => {
            let values: Vec<_> = fields.iter().map(|field| value_of(&field.kind)).collect();
            let names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
            values
                .prop_map(move |values| Value::Tuple(names.iter().cloned().zip(values).collect()))
                .boxed()
        }
    }
}

fn fields_and_values() -> impl Strategy<Value = (Vec<Field>, Vec<Value>)> {
    prop::collection::vec(kind(), 0..4).prop_flat_map(|kinds| {
        let values: Vec<_> = kinds.iter().map(value_of).collect();
        let named = kinds.into_iter().enumerate();
        let fields: Vec<_> = named.map(|(i, kind)| Field { name: format!("p{i}"), kind }).collect();
        (Just(fields), values)
    })
}

/// The same value for alloy.
fn judged(kind: &Kind, value: &Value) -> DynSolValue {
    match (kind, value) {
        (_, Value::Address(address)) => DynSolValue::Address(*address),
        (_, Value::Bool(value)) => DynSolValue::Bool(*value),
        (Kind::Uint(bits), Value::Uint(number)) => DynSolValue::Uint(*number, usize::from(*bits)),
        (Kind::Int(bits), Value::Int(number)) => DynSolValue::Int(*number, usize::from(*bits)),
        (Kind::FixedBytes(size), Value::Bytes(bytes)) => {
            let mut word = B256::ZERO;
            word[..bytes.len()].copy_from_slice(bytes);
            DynSolValue::FixedBytes(word, usize::from(*size))
        }
        (Kind::Function, Value::Bytes(bytes)) => {
            DynSolValue::Function(alloy_primitives::Function::from_slice(bytes))
        }
        (_, Value::Bytes(bytes)) => DynSolValue::Bytes(bytes.to_vec()),
        (_, Value::String(text)) => DynSolValue::String(text.clone()),
        (Kind::Array(inner), Value::Array(values)) => {
            DynSolValue::Array(values.iter().map(|value| judged(inner, value)).collect())
        }
        (Kind::FixedArray(inner, _), Value::Array(values)) => {
            DynSolValue::FixedArray(values.iter().map(|value| judged(inner, value)).collect())
        }
        (Kind::Tuple(fields), Value::Tuple(values)) => DynSolValue::Tuple(
            fields.iter().zip(values).map(|(f, (_, value))| judged(&f.kind, value)).collect(),
        ),
        other => panic!("{other:?}"),
    }
}

/// What a person would type for a value.
fn typed(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            format!("[{}]", values.iter().map(typed).collect::<Vec<_>>().join(", "))
        }
        Value::Tuple(fields) => {
            let values: Vec<_> = fields.iter().map(|(_, value)| typed(value)).collect();
            format!("({})", values.join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_what_alloy_encodes_and_decodes_to_itself(
        (fields, values) in fields_and_values()
    ) {
        let encoded = codec::encode(&fields, &values).unwrap();
        let pairs = fields.iter().zip(&values);
        let tuple = DynSolValue::Tuple(pairs.map(|(f, value)| judged(&f.kind, value)).collect());
        prop_assert_eq!(&encoded, &tuple.abi_encode_params());
        let (decoded, reach) = codec::decode(&fields, &encoded).unwrap();
        prop_assert_eq!(decoded, values);
        prop_assert!(reach <= encoded.len() && encoded.len() - reach < 32);
    }

    #[test]
    fn what_is_typed_is_what_is_encoded((fields, values) in fields_and_values()) {
        let function = Function {
            name: "f".into(), inputs: fields, outputs: vec![], mutability: Mutability::Payable,
        };
        let texts: Vec<_> = values.iter().map(|value| match value {
            Value::String(text) => text.clone(),
            other => typed(other),
        }).collect();
        prop_assert_eq!(form::read_all(&function, &texts).unwrap(), values.clone());
        prop_assert_eq!(function.encode_form(&texts).unwrap(), function.encode_call(&values).unwrap());
    }

    #[test]
    fn random_bytes_never_panic_and_agree_with_alloy(
        kinds in prop::collection::vec(kind(), 1..4),
        words in prop::collection::vec(prop_oneof![
            (0_u64..260).prop_map(U256::from),
            any::<[u64; 4]>().prop_map(U256::from_limbs),
        ], 0..24),
        cut in 0_usize..32,
    ) {
        let mut data: Vec<u8> =
            words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        data.truncate(data.len().saturating_sub(cut));
        let fields: Vec<_> =
            kinds.into_iter().map(|kind| Field { name: String::new(), kind }).collect();
        if let Some((values, _)) = codec::decode(&fields, &data) {
            let pairs = fields.iter().zip(&values);
            let expected: Vec<_> = pairs.map(|(f, value)| judged_or_text(&f.kind, value)).collect();
            let kind = DynSolType::parse(&kind::signature_of(&fields)).unwrap();
            // alloy takes a string of bytes that are no UTF-8 for lossy text, so only the rest counts.
            if let (Some(expected), Ok(DynSolValue::Tuple(found))) =
                (expected.into_iter().collect::<Option<Vec<_>>>(), kind.abi_decode_params(&data))
            {
                prop_assert_eq!(expected, found);
            }
        }
    }

    #[test]
    fn random_text_never_panics(text in ".{0,200}") {
        let _ = Abi::of_signatures(&text);
        let _ = Abi::parse(&text);
        let abi = crate::signatures::common();
        let _ = abi.decode_call(text.as_bytes());
        for function in abi.functions().take(40) {
            let texts = vec![text.clone(); function.inputs.len()];
            let _ = function.encode_form(&texts);
        }
    }
}

fn judged_or_text(kind: &Kind, value: &Value) -> Option<DynSolValue> {
    fn is_broken(kind: &Kind, value: &Value) -> bool {
        match (kind, value) {
            (Kind::String, Value::Bytes(_)) => true,
            (Kind::Array(inner) | Kind::FixedArray(inner, _), Value::Array(values)) => {
                values.iter().any(|value| is_broken(inner, value))
            }
            (Kind::Tuple(fields), Value::Tuple(values)) => {
                fields.iter().zip(values).any(|(f, (_, value))| is_broken(&f.kind, value))
            }
            _ => false,
        }
    }
    (!is_broken(kind, value)).then(|| judged(kind, value))
}

fn abi(text: &str) -> Abi {
    Abi::of_signatures(text).unwrap()
}

fn word(number: u64) -> Vec<u8> {
    U256::from(number).to_be_bytes::<32>().to_vec()
}

#[test]
fn number_of_topics_tells_tokens_from_collectibles() {
    let abi = crate::signatures::common();
    let topic = keccak256("Transfer(address,address,uint256)");
    let (from, to) = (B256::with_last_byte(1), B256::with_last_byte(2));
    let token = abi.decode_log(&[topic, from, to], &word(7)).unwrap();
    assert_eq!(token.parameters[2].name, "value");
    assert!(!token.parameters[2].indexed);
    let collectible = abi.decode_log(&[topic, from, to, B256::with_last_byte(7)], &[]).unwrap();
    assert_eq!(collectible.parameters[2].name, "tokenId");
    assert!(collectible.parameters[2].indexed);
    assert_eq!(collectible.parameters[2].value, Value::Uint(U256::from(7)));
    assert_eq!(abi.decode_log(&[topic, from], &word(7)), None);
}

#[test]
fn indexed_string_shows_its_hash() {
    let abi = abi("event Named(string indexed name, string text)");
    let topics = [keccak256("Named(string,string)"), keccak256("alice")];
    let data = [word(32), word(3), b"bob".to_vec(), vec![0; 29]].concat();
    let log = abi.decode_log(&topics, &data).unwrap();
    assert_eq!(log.parameters[0].value, Value::Hash(keccak256("alice")));
    assert_eq!(log.parameters[1].value, Value::String("bob".into()));
}

#[test]
fn revert_reasons_are_read() {
    let common = crate::signatures::common();
    let error = abi("function Error(string reason)");
    let error = error.functions().next().unwrap().encode_form(&["<script>"]).unwrap();
    assert_eq!(revert::reason(&error, [common]), Some(revert::Reason::Error("<script>".into())));
    let panic = [vec![0x4e, 0x48, 0x7b, 0x71], word(0x11)].concat();
    let reason = revert::reason(&panic, [common]).unwrap();
    assert_eq!(reason.to_string(), "Panic(0x11): arithmetic overflow or underflow");
    let selector = common.error("e450d38c".parse().unwrap()).unwrap();
    let custom = selector.encode_form(&[&format!("0x{}", "11".repeat(20)), "5", "0x9"]).unwrap();
    let reason = revert::reason(&custom, [&Abi::default(), common]).unwrap();
    let expected = "ERC20InsufficientBalance(sender: 0x1111111111111111111111111111111111111111, balance: 5, needed: 9)";
    assert_eq!(reason.to_string(), expected);
    assert_eq!(revert::reason(&[], [common]), None);
}

#[test]
fn errors_of_a_form_name_the_parameter() {
    let abi = abi("function fill((address maker, uint8[] amounts)[] orders, int8 side)");
    let function = abi.functions().next().unwrap();
    let maker = "0x0000000000000000000000000000000000000001";
    let error = |orders: &str, side: &str| function.encode_form(&[orders, side]).unwrap_err();
    let text = error(&format!("[({maker}, [1, 256])]"), "1").to_string();
    assert_eq!(text, "orders[0].amounts[1] (uint8): 256 is too large");
    assert_eq!(error("[]", "128").to_string(), "side (int8): 128 is out of range");
    assert_eq!(error("[]", "-129").to_string(), "side (int8): -129 is out of range");
    assert!(function.encode_form(&["[]", "-128"]).is_ok());
    assert!(error("[", "1").to_string().starts_with("orders"));
    let json = format!(r#"[{{"amounts": [0x0a, "7"], "maker": "{maker}"}}]"#);
    let list = format!("[[{maker}, [10, 7]]]");
    assert_eq!(function.encode_form(&[&json, "1"]), function.encode_form(&[&list, "1"]));
    assert!(matches!(function.encode_form(&["[]"]), Err(InputError::Count { found: 1, .. })));
}

#[test]
fn hostile_abis_are_bounded() {
    let many = Json::Array(vec![json!({"type": "function", "name": "f"}); ITEMS_MAX + 1]);
    assert!(matches!(Abi::of_json(&many), Err(AbiError::TooManyItems(_))));
    let mut deep = json!({"type": "uint256"});
    for _ in 0..60 {
        deep = json!({"type": "tuple", "components": [deep]});
    }
    for hostile in [
        deep,
        json!({"type": format!("uint256{}", "[]".repeat(100))}),
        json!({"type": "tuple", "components": []}),
        json!({"type": "uint256[0]"}),
        json!({"type": "uint7"}),
        json!({"type": "tuple", "components": vec![json!({"type": "bool"}); 2000]}),
    ] {
        assert_eq!(Kind::of_json(&hostile), None, "{hostile}");
        let abi = Abi::of_json(&json!([{"type": "function", "name": "f", "inputs": [hostile]}]));
        assert_eq!(abi.unwrap().functions().count(), 0);
    }
    let text = format!("[{}", "[".repeat(100_000));
    assert!(matches!(Abi::parse(&text), Err(AbiError::Json(_))));
}

#[test]
fn hostile_calldata_is_not_decodable() {
    let huge = abi("function f(uint256[4294967295] list)");
    let nested = abi("function f(uint8[4294967295][4294967295][4294967295] list)");
    let lists = abi("function f(string[] list)");
    let bytes = abi("function f(bytes data)");
    let call = |abi: &Abi, words: Vec<Vec<u8>>| {
        let function = abi.functions().next().unwrap();
        function.decode_call(&[function.selector().to_vec(), words.concat()].concat())
    };
    assert_eq!(call(&huge, vec![word(1); 100]), None);
    assert_eq!(call(&nested, vec![word(1); 100]), None);
    let top = (U256::from(1) << 255_usize).to_be_bytes::<32>().to_vec();
    assert_eq!(call(&bytes, vec![top.clone(), word(1)]), None);
    assert_eq!(call(&bytes, vec![word(32), top]), None);
    // Sixty thousand strings that are one and the same kilobyte.
    let count = 60_000;
    let mut words = vec![word(32), word(count)];
    words.extend((0..count).map(|_| word(count * 32)));
    words.extend([word(1024), vec![b'a'; 1024]]);
    assert_eq!(call(&lists, words), None);
    // Lists within lists, all of which are one and the same.
    let deep = abi("function f(uint256[][][][][][] list)");
    let bomb: Vec<_> = std::iter::once(word(32)).chain([[word(64), word(0)].concat()]).collect();
    assert_eq!(call(&deep, [bomb, vec![word(64); 2000]].concat()), None);
}

#[test]
fn what_follows_the_parameters_is_told() {
    let function = abi("function f(uint256 a)");
    let function = function.functions().next().unwrap();
    let data = [function.selector().to_vec(), word(1), vec![0xab, 0xcd]].concat();
    assert_eq!(function.decode_call(&data).unwrap().trailing, Bytes::from(vec![0xab, 0xcd]));
}
