//! Ethereum's cases, round trips, and files that are wrong.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// log2 of n: quick.
const QUICK: u8 = 4;

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

#[test]
fn ethereums_cases_give_their_keys() {
    let Some(data) = std::env::var_os("HEDDLE_DATA") else {
        println!("skipped: HEDDLE_DATA is not set");
        return;
    };
    let path = std::path::Path::new(&data).join("ethereum-tests/KeyStoreTests/basic_tests.json");
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: there is no {}", path.display());
        return;
    };
    let cases: serde_json::Map<String, Value> = serde_json::from_slice(&text).unwrap();
    assert!(cases.len() >= 5);
    for (name, case) in cases {
        let store = Keystore::from_json(case["json"].to_string().as_bytes()).unwrap();
        let password = secret(case["password"].as_str().unwrap());
        let key = store.decrypt(&password).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = SecretBytes::from_hex(case["priv"].as_str().unwrap()).unwrap();
        assert_eq!(key.to_bytes().as_slice(), expected.expose(), "{name}");
        assert!(matches!(store.decrypt(&secret("wrong")), Err(KeystoreError::Mac)), "{name}");
    }
}

#[test]
fn what_is_written_has_geths_numbers() {
    let store = Keystore::encrypt(&key(), &secret("p")).unwrap();
    let json: Value = serde_json::from_str(&store.to_json()).unwrap();
    assert_eq!(json["version"], 3);
    assert_eq!(json["crypto"]["cipher"], "aes-128-ctr");
    assert_eq!(json["crypto"]["kdf"], "scrypt");
    let numbers =
        ["n", "r", "p", "dklen"].map(|name| json["crypto"]["kdfparams"][name].as_u64().unwrap());
    assert_eq!(numbers, [1 << 18, 8, 1, 32]);
    assert_eq!(json["id"].as_str().unwrap().len(), 36);
    assert_eq!(json["id"].as_str().unwrap().as_bytes()[14], b'4');
}

#[test]
fn refuses_files_that_are_wrong() {
    let json: Value = serde_json::from_str(
        &Keystore::encrypt_with(&key(), &secret("p"), QUICK).unwrap().to_json(),
    )
    .unwrap();
    let with = |pointer: &str, value: Value| {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        Keystore::from_json(json.to_string().as_bytes())
            .and_then(|store| store.decrypt(&secret("p")))
            .map(|key| key.address())
    };
    assert!(with("/version", 3.into()).is_ok());
    assert!(matches!(with("/version", 4.into()), Err(KeystoreError::Version(4))));
    assert!(matches!(with("/crypto/cipher", "aes-128-cbc".into()), Err(KeystoreError::Cipher)));
    assert!(matches!(with("/crypto/mac", "00".into()), Err(KeystoreError::Field("mac"))));
    assert!(matches!(with("/crypto/mac", "00".repeat(32).into()), Err(KeystoreError::Mac)));
    assert!(matches!(with("/crypto/kdf", "argon2".into()), Err(KeystoreError::Form { .. })));
    assert!(matches!(
        with("/crypto/kdfparams/n", (1_u64 << 40).into()),
        Err(KeystoreError::Bounds(_))
    ));
    assert!(matches!(with("/crypto/kdfparams/dklen", 16.into()), Err(KeystoreError::Bounds(_))));
    assert!(matches!(with("/address", "00".repeat(20).into()), Err(KeystoreError::Address { .. })));
    assert!(matches!(Keystore::from_json(b"[]"), Err(KeystoreError::Form { .. })));
}

#[test]
fn an_error_does_not_quote_a_file_that_is_a_secret_and_no_keystore() {
    for text in ["\"correct horse\"", "correct horse", "{\"version\": \"correct horse\"}"] {
        let error = Keystore::from_json(text.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("correct"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_key_comes_back_with_its_password_alone(bytes in any::<[u8; 32]>(), password in "\\PC{1,40}") {
        let Some(key) = PrivateKey::from_bytes(&bytes) else { return Ok(()) };
        let store = Keystore::encrypt_with(&key, &secret(&password), QUICK).unwrap();
        let read = Keystore::from_json(store.to_json().as_bytes()).unwrap();
        prop_assert_eq!(read.address(), Some(key.address()));
        prop_assert_eq!(read.decrypt(&secret(&password)).unwrap().to_bytes(), key.to_bytes());
        let wrong = read.decrypt(&secret(&format!("{password} ")));
        prop_assert!(matches!(wrong, Err(KeystoreError::Mac)));
    }
}
