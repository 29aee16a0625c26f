//! SLIP-0039's vectors, and that enough shares give the secret and fewer do not.

use super::*;
use crate::secret::SecretText;
use proptest::prelude::*;
use serde_json::Value;

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// Fast enough for many cases.
const QUICK: Options = Options { extendable: true, iteration_exponent: 0 };

#[test]
fn the_vectors_give_their_secrets_or_are_refused() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/vectors/slip39.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 45);
    let mut valid = 0;
    for vector in vectors {
        let title = vector[0].as_str().unwrap();
        let phrases = vector[1].as_array().unwrap();
        let shares: Result<Vec<Share>, SlipError> = phrases
            .iter()
            .enumerate()
            .map(|(at, phrase)| Share::parse(phrase.as_str().unwrap(), at + 1))
            .collect();
        let found = shares.and_then(|shares| {
            for (share, phrase) in shares.iter().zip(phrases) {
                assert_eq!(share.phrase().expose(), phrase.as_str().unwrap(), "{title}");
            }
            combine(&shares, &secret("TREZOR"))
        });
        let expected = vector[2].as_str().unwrap();
        if expected.is_empty() {
            assert!(found.is_err(), "{title}");
            continue;
        }
        valid += 1;
        let found = found.unwrap_or_else(|error| panic!("{title}: {error}"));
        assert_eq!(found.to_hex().expose(), expected, "{title}");
        let root = crate::hd::ExtendedPrivateKey::from_seed(found.expose()).unwrap();
        assert_eq!(root.to_text().expose(), vector[3].as_str().unwrap(), "{title}");
    }
    assert_eq!(valid, 15);
}

#[test]
fn refuses_to_split_what_cannot_be_split() {
    let try_split = |bytes: usize, passphrase: &str, needed, groups: &[(u8, u8)]| {
        let groups: Vec<Group> = groups
            .iter()
            .map(|(threshold, count)| Group { threshold: *threshold, count: *count })
            .collect();
        split(&vec![7; bytes], &secret(passphrase), needed, &groups, QUICK).unwrap_err()
    };
    assert_eq!(try_split(15, "", 1, &[(1, 1)]), SlipError::Secret(15));
    assert_eq!(try_split(17, "", 1, &[(1, 1)]), SlipError::Secret(17));
    assert_eq!(try_split(66, "", 1, &[(1, 1)]), SlipError::Secret(66));
    assert_eq!(try_split(16, "é", 1, &[(1, 1)]), SlipError::Passphrase);
    assert_eq!(try_split(16, "", 1, &[(1, 3)]), SlipError::Copies(3));
    for (needed, groups) in
        [(0, [(2, 3)]), (2, [(2, 3)]), (1, [(4, 3)]), (1, [(0, 3)]), (1, [(2, 17)])]
    {
        assert!(matches!(try_split(16, "", needed, &groups), SlipError::Threshold { .. }));
    }
    assert!(matches!(try_split(16, "", 1, &[]), SlipError::Threshold { .. }));
    assert!(matches!(try_split(16, "", 1, &[(1, 1); 17]), SlipError::Threshold { .. }));
}

#[test]
fn errors_and_debug_show_no_word() {
    let shares =
        split(&[7; 16], &secret(""), 1, &[Group { threshold: 2, count: 2 }], QUICK).unwrap();
    let share = &shares[0][1];
    assert_eq!(format!("{share:?}"), "Share(group 1, member 2)");
    let phrase = share.phrase();
    let broken =
        phrase.expose().replacen(' ', " xyzzy ", 1).rsplitn(2, ' ').last().unwrap().to_owned();
    let error = Share::parse(&broken, 3).unwrap_err();
    assert_eq!(error, SlipError::Unknown { share: 3, word: 2 });
    assert_eq!(combine(&[], &secret("")).unwrap_err(), SlipError::None);
    assert_eq!(Share::parse(&phrase.expose().to_uppercase(), 1).unwrap(), *share);
}

#[test]
fn shares_of_two_splits_do_not_mix() {
    let make =
        || split(&[7; 16], &secret(""), 1, &[Group { threshold: 2, count: 3 }], QUICK).unwrap();
    let (one, mut other) = (make(), make());
    // As if both had drawn the same identifier.
    other[0][1].common = one[0][0].common.clone();
    let mixed = [one[0][0].clone(), other[0][1].clone()];
    assert_eq!(combine(&mixed, &secret("")).unwrap_err(), SlipError::Digest);
    let twice = [one[0][1].clone(), other[0][1].clone()];
    assert_eq!(combine(&twice, &secret("")).unwrap_err(), SlipError::Duplicate(2));
    let same = [one[0][1].clone(), one[0][1].clone()];
    assert!(matches!(combine(&same, &secret("")), Err(SlipError::TooFew { found: 0, needed: 1 })));
}

prop_compose! {
    fn plan()(groups in prop::collection::vec((1_u8..=5, 0_u8..=3), 1..=5), needed in any::<prop::sample::Index>())
        -> (u8, Vec<Group>) {
        let needed = needed.index(groups.len()) as u8 + 1;
        let groups = groups.into_iter().map(|(threshold, more)| Group {
            threshold,
            count: if threshold == 1 { 1 } else { threshold + more },
        });
        (needed, groups.collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_sufficient_shares_give_the_secret_and_fewer_do_not(
        bytes in prop::collection::vec(any::<u8>(), 8..=32),
        (needed, groups) in plan(),
        passphrase in "[ -~]{0,12}",
        extendable: bool,
        order in prop::collection::vec(any::<u64>(), 64),
    ) {
        let bytes = [bytes.clone(), bytes].concat();
        let options = Options { extendable, iteration_exponent: 0 };
        let shares = split(&bytes, &secret(&passphrase), needed, &groups, options).unwrap();
        let mut order = order.into_iter().cycle();
        let mut shuffle = |count: usize| {
            let mut places: Vec<(u64, usize)> = (0..count).map(|at| (order.next().unwrap(), at)).collect();
            places.sort_unstable();
            places.into_iter().map(|(_, at)| at).collect::<Vec<usize>>()
        };
        let mut chosen: Vec<Share> = Vec::new();
        for group in shuffle(groups.len()).into_iter().take(needed.into()) {
            let members = shuffle(groups[group].count.into());
            for member in members.into_iter().take(groups[group].threshold.into()) {
                let phrase = shares[group][member].phrase();
                chosen.push(Share::parse(phrase.expose(), 1).unwrap());
            }
        }
        let found = combine(&chosen, &secret(&passphrase)).unwrap();
        prop_assert_eq!(found.expose(), &bytes);
        let other = combine(&chosen, &secret(&format!("{passphrase}x"))).unwrap();
        prop_assert_ne!(other.expose(), &bytes);
        chosen.pop();
        if !chosen.is_empty() {
            let is_refused = matches!(combine(&chosen, &secret(&passphrase)), Err(SlipError::TooFew { .. }));
            prop_assert!(is_refused);
            // Nor do they when the threshold in them is forged.
            let mut forged = chosen.clone();
            let last = forged.last().unwrap().group;
            let held = forged.iter().filter(|share| share.group == last).count() as u8;
            forged.iter_mut().filter(|share| share.group == last).for_each(|share| share.member_threshold = held);
            let found = combine(&forged, &secret(&passphrase));
            prop_assert!(found.map_or(true, |found| found.expose() != bytes));
        }
    }
}
