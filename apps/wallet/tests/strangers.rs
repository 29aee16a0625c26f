//! What comes from strangers, or is mistyped, is an error and never a panic.

use heddle_wallet::{
    amount::{parse_ether, parse_units},
    contacts::Contacts,
    hd::{ExtendedPrivateKey, ExtendedPublicKey},
    key::PrivateKey,
    keystore::Keystore,
    mnemonic::Mnemonic,
    path::DerivationPath,
    secret::{SecretBytes, SecretText},
    signer::Request,
    slip39::{Share, combine},
    transaction::Fields,
    work::Work,
};
use proptest::prelude::*;

/// Any text, and text of the letters that matter.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,200}", "[0-9a-fxm/'h. ]{0,120}", "[1-9A-HJ-NP-Za-km-z]{100,120}"]
}

/// JSON of any shape, with names that are known among its names.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop::sample::select(vec![
        "version",
        "crypto",
        "kdf",
        "kdfparams",
        "n",
        "r",
        "p",
        "c",
        "dklen",
        "salt",
        "prf",
        "mac",
        "cipher",
        "cipherparams",
        "iv",
        "ciphertext",
        "type",
        "types",
        "domain",
        "message",
        "primaryType",
        "EIP712Domain",
        "name",
        "chainId",
        "nonce",
        "gas",
        "to",
        "input",
        "accessList",
        "method",
        "work",
        "kind",
        "content",
        "address",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        prop::sample::select(vec![
            "scrypt", "pbkdf2", "0x", "0x1", "00", "uint256[", "A[]", "sign"
        ])
        .prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|entries| {
                entries
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_text_is_read_or_refused(text in text(), decimals: u8) {
        let _ = text.parse::<DerivationPath>();
        let _ = Mnemonic::parse(&SecretText::new(text.clone()));
        let _ = Share::parse(&text, 1);
        let _ = ExtendedPublicKey::from_text(&text);
        let _ = ExtendedPrivateKey::from_text(&text);
        let _ = PrivateKey::from_hex(&text);
        let _ = SecretBytes::from_hex(&text);
        let _ = parse_ether(&text);
        let _ = parse_units(&text, decimals);
        let _ = Contacts::default().resolve(&text);
        let _ = Keystore::from_json(text.as_bytes());
    }

    #[test]
    fn any_json_is_read_or_refused(value in json()) {
        let bytes = value.to_string();
        let _ = Keystore::from_json(bytes.as_bytes());
        let _ = Fields::from_json(bytes.as_bytes()).and_then(|fields| fields.build());
        let _ = serde_json::from_str::<Request>(&bytes);
        let work = Work::TypedData(value);
        let _ = work.hash();
        let _ = work.describe();
    }

    #[test]
    fn shares_with_any_numbers_are_combined_or_refused(
        heads in prop::collection::vec(any::<u32>(), 1..6), value in any::<[u8; 16]>(),
    ) {
        // Words with a right checksum, made by a split, then read again and mixed.
        let groups = [heddle_wallet::slip39::Group { threshold: 2, count: 3 }; 3];
        let options = heddle_wallet::slip39::Options { extendable: true, iteration_exponent: 0 };
        let shares = heddle_wallet::slip39::split(&value, &SecretText::default(), 2, &groups, options).unwrap();
        let all: Vec<Share> = shares.into_iter().flatten().collect();
        let chosen: Vec<Share> = heads.iter().map(|at| all[*at as usize % all.len()].clone()).collect();
        if let Ok(secret) = combine(&chosen, &SecretText::default()) {
            prop_assert_eq!(secret.expose(), value);
        }
    }
}
