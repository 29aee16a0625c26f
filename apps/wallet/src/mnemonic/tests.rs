//! The published vectors, the crate `bip39` as a second opinion, and each error.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    SecretBytes::new(bytes.to_vec()).to_hex().expose().to_owned()
}

fn text(value: &Value, at: usize) -> &str {
    value[at].as_str().unwrap()
}

#[test]
fn trezors_vectors_give_words_and_seeds() {
    let all: Value = serde_json::from_str(include_str!("../../tests/vectors/bip39.json")).unwrap();
    let vectors = all["english"].as_array().unwrap();
    assert_eq!(vectors.len(), 24);
    for vector in vectors {
        let entropy = SecretBytes::from_hex(text(vector, 0)).unwrap();
        let made = Mnemonic::from_entropy(entropy.expose(), Language::English).unwrap();
        assert_eq!(made.phrase().expose(), text(vector, 1));
        let read = Mnemonic::parse(&secret(text(vector, 1))).unwrap();
        assert_eq!(read.entropy().expose(), entropy.expose());
        let seed = read.seed(&secret("TREZOR"));
        assert_eq!(hex(seed.as_slice()), text(vector, 2));
        let root = crate::hd::ExtendedPrivateKey::from_seed(seed.as_slice()).unwrap();
        assert_eq!(root.to_text().expose(), text(vector, 3));
    }
}

#[test]
fn japanese_vectors_are_normalised() {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/vectors/bip39_japanese.json")).unwrap();
    let vectors = all.as_array().unwrap();
    assert_eq!(vectors.len(), 24);
    for vector in vectors {
        let read = Mnemonic::parse(&secret(text(vector, 1))).unwrap();
        assert_eq!(hex(read.entropy().expose()), text(vector, 0));
        let passphrase = secret(text(vector, 2));
        assert_ne!(passphrase.expose(), passphrase.nfkd().expose());
        assert_eq!(hex(read.seed(&passphrase).as_slice()), text(vector, 3));
    }
}

#[test]
fn errors_say_which_part_is_wrong_and_show_no_word() {
    let about = |count: usize| format!("{}about", "abandon ".repeat(count - 1));
    let parse = |text: &str| Mnemonic::parse(&secret(text)).unwrap_err();
    assert_eq!(parse(&about(11)), MnemonicError::Count(11));
    assert_eq!(parse(&about(27)), MnemonicError::Count(27));
    assert_eq!(parse(""), MnemonicError::Count(0));
    let unknown = |position| MnemonicError::Unknown { position, language: Language::English };
    assert_eq!(parse(&about(12).replace("about", "abuot")), unknown(12));
    assert_eq!(parse(&format!("xyzzy {}", about(11))), unknown(1));
    assert_eq!(parse(&about(12).replace("about", "abandon")), MnemonicError::Checksum);
    assert_eq!(parse(&about(15)), MnemonicError::Checksum);
    assert!(!format!("{0:?} {0}", parse(&format!("xyzzy {}", about(11)))).contains("xyzzy"));
    assert!(matches!(
        Mnemonic::from_entropy(&[0; 18], Language::English),
        Err(MnemonicError::Entropy(18))
    ));
    assert!(matches!(Mnemonic::generate(13), Err(MnemonicError::Count(13))));
}

#[test]
fn blanks_between_words_do_not_matter() {
    let read = Mnemonic::parse(&secret("  zoo zoo\tzoo zoo zoo zoo\nzoo zoo zoo zoo zoo  wrong\n"));
    assert_eq!(hex(read.unwrap().entropy().expose()), "ff".repeat(16));
}

#[test]
fn new_mnemonics_have_the_words_asked_for_and_differ() {
    for words in [12, 15, 18, 21, 24] {
        let [one, other] = [(); 2].map(|()| Mnemonic::generate(words).unwrap());
        assert_eq!(one.phrase().expose().split(' ').count(), words);
        assert_ne!(one.phrase().expose(), other.phrase().expose());
        assert_eq!(format!("{one:?}"), format!("Mnemonic({words} words)"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn agrees_with_the_crate_bip39(
        quads in 4_usize..=8,
        bytes in any::<[u8; 32]>(),
        language in prop::sample::select(Language::ALL),
        passphrase in "\\PC{0,40}",
    ) {
        let entropy = &bytes[..4 * quads];
        let ours = Mnemonic::from_entropy(entropy, language).unwrap();
        let theirs = bip39::Mnemonic::from_entropy_in(language, entropy).unwrap();
        prop_assert!(ours.phrase().expose() == theirs.to_string());
        prop_assert!(ours.seed(&secret(&passphrase)).as_slice() == theirs.to_seed(&*passphrase));
        let read = Mnemonic::parse(&ours.phrase()).unwrap();
        prop_assert!(read.phrase().expose() == ours.phrase().expose());
    }

    #[test]
    fn a_phrase_with_any_other_word_is_judged_as_by_the_crate_bip39(
        bytes in any::<[u8; 16]>(), at in 0_usize..12, word in 0_usize..2048,
    ) {
        let phrase = Mnemonic::from_entropy(&bytes, Language::English).unwrap().phrase();
        let mut words: Vec<&str> = phrase.expose().split(' ').collect();
        words[at] = Language::English.word_list()[word];
        let changed = words.join(" ");
        let theirs = bip39::Mnemonic::parse_in(Language::English, &changed);
        prop_assert_eq!(Mnemonic::parse(&secret(&changed)).is_ok(), theirs.is_ok());
    }
}
