//! Every way that this machine has against the hash of alloy, one message at a time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use alloy_primitives::{B256, keccak256};
use heddle_keccak::{Lanes, keccak256_each, keccak256_fixed};
use proptest::prelude::*;

/// Bytes that differ from place to place and from message to message.
fn message(number: usize, length: usize) -> Vec<u8> {
    let byte = |at: usize| (number * 31 + at * 7 + (at >> 8) * 13) as u8;
    (0..length).map(byte).collect()
}

fn judge<M: AsRef<[u8]>>(messages: &[M]) -> Vec<B256> {
    messages.iter().map(keccak256).collect()
}

fn hash<M: AsRef<[u8]>>(lanes: Lanes, messages: &[M]) -> Vec<B256> {
    let mut hashes = vec![B256::ZERO; messages.len()];
    lanes.hash(messages, &mut hashes);
    hashes
}

#[test]
fn messages_of_all_lengths_have_their_hashes() {
    for length in 0..600 {
        // In every lane, and in those that are left over.
        let messages: Vec<Vec<u8>> = (0..19).map(|number| message(number, length)).collect();
        let expected = judge(&messages);
        for lanes in Lanes::available() {
            assert_eq!(hash(lanes, &messages), expected, "{lanes:?}, {length} bytes");
        }
    }
}

#[test]
fn lengths_that_grow_and_shrink_keep_their_places() {
    let lengths = (0..700).chain((0..700).rev());
    let messages: Vec<Vec<u8>> =
        lengths.enumerate().map(|(number, length)| message(number, length)).collect();
    let expected = judge(&messages);
    for lanes in Lanes::available() {
        assert_eq!(hash(lanes, &messages), expected, "{lanes:?}");
    }
    assert_eq!(keccak256_each(&messages), expected);
}

fn fixed<const LENGTH: usize>() {
    for count in 0..40 {
        let messages: Vec<[u8; LENGTH]> =
            (0..count).map(|number| message(number, LENGTH).try_into().unwrap()).collect();
        let expected = judge(&messages);
        for lanes in Lanes::available() {
            let mut hashes = vec![B256::ZERO; count];
            lanes.hash_fixed(&messages, &mut hashes);
            assert_eq!(hashes, expected, "{lanes:?}, {count} messages of {LENGTH} bytes");
        }
        assert_eq!(keccak256_fixed(&messages), expected);
    }
}

#[test]
fn messages_of_one_length_have_their_hashes() {
    fixed::<0>();
    fixed::<1>();
    fixed::<20>();
    fixed::<32>();
    fixed::<64>();
    fixed::<134>();
    fixed::<135>();
}

#[test]
fn a_way_that_the_machine_has_not_gives_the_same() {
    let messages: Vec<Vec<u8>> = (0..9).map(|number| message(number, number * 50)).collect();
    for lanes in Lanes::ALL {
        assert_eq!(hash(lanes, &messages), judge(&messages), "{lanes:?}");
    }
}

proptest! {
    #[test]
    fn batches_of_any_lengths_have_their_hashes(
        messages in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..140),
                prop::collection::vec(any::<u8>(), 0..1_200),
                prop::sample::select(vec![135_usize, 136, 137, 271, 272, 273])
                    .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length)),
            ],
            0..40,
        ),
    ) {
        let expected = judge(&messages);
        for lanes in Lanes::available() {
            prop_assert_eq!(&hash(lanes, &messages), &expected);
        }
    }
}
