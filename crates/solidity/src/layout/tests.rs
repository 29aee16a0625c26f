//! Slots of a layout as solc writes it.

use std::collections::HashMap;

use serde_json::json;

use super::*;

fn layout() -> Layout {
    let variable = |label: &str, slot: &str, offset: u8, kind: &str| json!({"label": label, "slot": slot, "offset": offset, "type": kind});
    let inplace = |label: &str, bytes: &str| json!({"encoding": "inplace", "label": label, "numberOfBytes": bytes});
    Layout::of_json(&json!({
        "storage": [
            variable("owner", "0", 0, "t_address"),
            variable("open", "0", 20, "t_bool"),
            variable("balances", "1", 0, "t_mapping"),
            variable("allowances", "2", 0, "t_nested"),
            variable("orders", "3", 0, "t_orders"),
            variable("pool", "4", 0, "t_pool"),
            variable("names", "6", 0, "t_names"),
            variable("text", "7", 0, "t_string"),
            variable("small", "8", 0, "t_small"),
        ],
        "types": {
            "t_address": inplace("address", "20"),
            "t_bool": inplace("bool", "1"),
            "t_uint": inplace("uint256", "32"),
            "t_uint64": inplace("uint64", "8"),
            "t_uint112": inplace("uint112", "14"),
            "t_string": {"encoding": "bytes", "label": "string", "numberOfBytes": "32"},
            "t_mapping": {"encoding": "mapping", "key": "t_address", "value": "t_uint",
                "label": "mapping(address => uint256)", "numberOfBytes": "32"},
            "t_nested": {"encoding": "mapping", "key": "t_address", "value": "t_mapping",
                "label": "mapping", "numberOfBytes": "32"},
            "t_names": {"encoding": "mapping", "key": "t_string", "value": "t_pool",
                "label": "mapping", "numberOfBytes": "32"},
            "t_orders": {"encoding": "dynamic_array", "base": "t_order", "label": "Order[]",
                "numberOfBytes": "32"},
            "t_order": {"encoding": "inplace", "label": "struct Order", "numberOfBytes": "64",
                "members": [variable("maker", "0", 0, "t_address"),
                    variable("amount", "1", 0, "t_uint")]},
            "t_pool": {"encoding": "inplace", "label": "struct Pool", "numberOfBytes": "64",
                "members": [variable("reserve0", "0", 0, "t_uint112"),
                    variable("reserve1", "0", 14, "t_uint112"),
                    variable("last", "1", 0, "t_uint")]},
            "t_small": {"encoding": "inplace", "base": "t_uint64", "label": "uint64[6]",
                "numberOfBytes": "64"},
        },
    }))
}

fn number(slot: u64) -> U256 {
    U256::from(slot)
}

/// Remembers what it hashes.
#[derive(Default)]
struct Hashes(HashMap<B256, Bytes>);

impl Hashes {
    fn of(&mut self, key: &[u8], slot: U256) -> U256 {
        let bytes = [key, &slot.to_be_bytes::<32>()].concat();
        let hash = keccak256(&bytes);
        self.0.insert(hash, bytes.into());
        hash.into()
    }

    fn name(&self, slot: U256) -> Option<String> {
        layout().name_of(slot, |hash| self.0.get(&hash).cloned())
    }
}

#[test]
fn packed_variables_share_a_slot() {
    let names = layout().names_of(number(0), |_| None);
    let told: Vec<_> = names.iter().map(|n| (n.name.as_str(), n.offset, n.size)).collect();
    assert_eq!(told, [("owner", 0, 20), ("open", 20, 1)]);
    let hashes = Hashes::default();
    assert_eq!(hashes.name(number(4)).unwrap(), "pool.reserve0, pool.reserve1");
    assert_eq!(hashes.name(number(5)).unwrap(), "pool.last");
    assert_eq!(hashes.name(number(3)).unwrap(), "orders.length");
    let small = "small[4], small[5]";
    assert!(hashes.name(number(9)).unwrap().starts_with(small));
    assert_eq!(hashes.name(number(1000)), None);
}

#[test]
fn keys_of_mappings_are_named() {
    let mut hashes = Hashes::default();
    let who = B256::left_padding_from(&[0x11; 20]);
    let address = "0x1111111111111111111111111111111111111111";
    let balance = hashes.of(who.as_slice(), number(1));
    assert_eq!(hashes.name(balance).unwrap(), format!("balances[{address}]"));
    let inner = hashes.of(who.as_slice(), number(2));
    let allowance = hashes.of(who.as_slice(), inner);
    assert_eq!(hashes.name(allowance).unwrap(), format!("allowances[{address}][{address}]"));
    let pool = hashes.of(b"<script>", number(6));
    assert_eq!(hashes.name(pool + number(1)).unwrap(), r#"names["<script>"].last"#);
    assert_eq!(hashes.name(pool + number(2)), None);
    assert_eq!(Hashes::default().name(balance), None);
}

#[test]
fn elements_of_arrays_and_long_strings_are_named_without_being_told() {
    let hashes = Hashes::default();
    let first: U256 = keccak256(number(3).to_be_bytes::<32>()).into();
    assert_eq!(hashes.name(first + number(7)).unwrap(), "orders[3].amount");
    let text: U256 = keccak256(number(7).to_be_bytes::<32>()).into();
    assert_eq!(hashes.name(text + number(1)).unwrap(), "text[32:]");
    assert_eq!(hashes.name(number(7)).unwrap(), "text");
}

#[test]
fn hostile_layouts_end() {
    // A struct that holds itself twice, and an array of itself.
    let member = |slot: &str| json!({"label": "m", "slot": slot, "offset": 0, "type": "t"});
    let hostile = Layout::of_json(&json!({
        "storage": [member("0"), {"label": "a", "slot": "0", "offset": 0, "type": "a"}],
        "types": {
            "t": {"encoding": "inplace", "label": "t", "numberOfBytes": "32",
                "members": [member("0"), member("0"), member("0")]},
            "a": {"encoding": "inplace", "label": "a", "numberOfBytes": "1", "base": "a"},
        },
    }));
    assert!(hostile.names_of(U256::ZERO, |_| None).len() <= NAMES_MAX);
    // Every hash is said to be one of the same bytes.
    assert!(hostile.names_of(U256::MAX, |_| Some(Bytes::from(vec![0; 64]))).is_empty());
}
