//! BIP-32's vectors, both ways of deriving against each other, and indices without a key.

use super::*;
use crate::secret::SecretBytes;
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/bip32.json")).unwrap()
}

#[test]
fn the_vectors_give_their_keys() {
    let vectors = vectors();
    let valid = vectors["valid"].as_array().unwrap();
    assert_eq!(valid.iter().map(|one| one["chains"].as_array().unwrap().len()).sum::<usize>(), 17);
    for vector in valid {
        let seed = SecretBytes::from_hex(vector["seed"].as_str().unwrap()).unwrap();
        let root = ExtendedPrivateKey::from_seed(seed.expose()).unwrap();
        for chain in vector["chains"].as_array().unwrap() {
            let path = chain["path"].as_str().unwrap().parse().unwrap();
            let key = root.derive(&path).unwrap();
            let (private, public) =
                (chain["xprv"].as_str().unwrap(), chain["xpub"].as_str().unwrap());
            assert_eq!(key.to_text().expose(), private);
            assert_eq!(key.to_public().to_text(), public);
            assert_eq!(ExtendedPrivateKey::from_text(private).unwrap().to_text().expose(), private);
            assert_eq!(ExtendedPublicKey::from_text(public).unwrap(), key.to_public());
        }
    }
}

#[test]
fn refuses_the_invalid_vectors() {
    let vectors = vectors();
    let invalid = vectors["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 16);
    for text in invalid {
        let text = text.as_str().unwrap();
        assert!(ExtendedPrivateKey::from_text(text).is_err(), "{text}");
        assert!(ExtendedPublicKey::from_text(text).is_err(), "{text}");
    }
    assert_eq!(ExtendedPublicKey::from_text(&"1".repeat(10_000)), Err(HdError::Text));
}

/// The order of the curve, and the order less one.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

fn scalar(text: &str) -> [u8; 32] {
    SecretBytes::from_hex(text).unwrap().expose().try_into().unwrap()
}

#[test]
fn an_index_without_a_key_is_an_error_and_no_other_key() {
    let order = scalar(ORDER);
    let mut less_one = order;
    less_one[31] -= 1;
    let one = SecretKey::from_slice(&scalar(&format!("{:064x}", 1))).unwrap();
    let own = *one.to_nonzero_scalar().as_ref();
    for left in [order, [0xff; 32]] {
        assert!(child_scalar(&left, &own).is_none());
        assert!(child_point(&left, &one.public_key()).is_none());
    }
    // IL + k is zero.
    assert!(child_scalar(&less_one, &own).is_none());
    assert!(child_point(&less_one, &one.public_key()).is_none());
    // IL of zero is a child with its parent's key: unlikely, and right.
    assert_eq!(*child_scalar(&[0; 32], &own).unwrap().as_ref(), own);
    assert_eq!(child_point(&[0; 32], &one.public_key()).unwrap(), one.public_key());
}

#[test]
fn refuses_seeds_of_a_wrong_length() {
    for length in [0, 15, 65] {
        assert_eq!(
            ExtendedPrivateKey::from_seed(&vec![1; length]).unwrap_err(),
            HdError::Seed(length)
        );
    }
}

#[test]
fn an_xpub_has_no_hardened_children() {
    let public = ExtendedPrivateKey::from_seed(&[1; 16]).unwrap().to_public();
    let error = public.child(HARDENED + 7).unwrap_err();
    assert_eq!(error, HdError::Hardened(HARDENED + 7));
    assert!(error.to_string().contains("7'"));
}

#[test]
fn the_depth_ends_at_255() {
    let mut key = ExtendedPrivateKey::from_seed(&[1; 16]).unwrap();
    for _ in 0..255 {
        key = key.child(0).unwrap();
    }
    assert_eq!(key.child(0).unwrap_err(), HdError::Depth);
    assert_eq!(key.to_public().child(0).unwrap_err(), HdError::Depth);
}

#[test]
fn debug_shows_no_key() {
    let key = ExtendedPrivateKey::from_seed(&[1; 16]).unwrap();
    assert_eq!(format!("{key:?}"), "ExtendedPrivateKey(depth 0)");
    assert!(!format!("{:?}", key.to_public()).contains("chain"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn public_derivation_equals_private_derivation(
        seed in any::<[u8; 32]>(),
        above in prop::collection::vec(any::<u32>(), 0..4),
        below in prop::collection::vec(0..HARDENED, 0..4),
    ) {
        let root = ExtendedPrivateKey::from_seed(&seed).unwrap();
        let top = above.iter().fold(root, |key, index| key.child(*index).unwrap());
        let private = below.iter().fold(top.clone(), |key, index| key.child(*index).unwrap());
        let public = below.iter().fold(top.to_public(), |key, index| key.child(*index).unwrap());
        prop_assert_eq!(&private.to_public(), &public);
        prop_assert_eq!(address(&private.private_key().public_key()), public.address());
        prop_assert_eq!(ExtendedPublicKey::from_text(&public.to_text()).unwrap(), public);
    }

    /// What docs/wallet.md warns of.
    #[test]
    fn an_xpub_and_a_normal_child_give_the_parent_away(seed in any::<[u8; 32]>(), index in 0..HARDENED) {
        let parent = ExtendedPrivateKey::from_seed(&seed).unwrap();
        let child = parent.child(index).unwrap();
        let (left, _) = normal_halves(&parent.place.chain_code, &parent.key.public_key(), index);
        let found = *child.key.to_nonzero_scalar().as_ref() - *tweak(&left).unwrap();
        prop_assert_eq!(found, *parent.key.to_nonzero_scalar().as_ref());
    }
}
